"""The operator's page: what needs a hand comes first, and everything can be read by everybody who may."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from builders import make_newsletter
from hypothesis import given
from hypothesis import strategies as st
from pages.browsing import CHROMIUM, browsing, judged_by_axe
from pages.browsing import serving as serving_pages
from playwright.sync_api import sync_playwright
from store_builders import make_planned
from web_site import Served
from workshop import open_workshop

from newsletter import config
from newsletter.app import App, NewsletterStatus, Status, open_app
from newsletter.model import DeliveryState, Pause, Quarantined, SourceRun
from newsletter.model.incoming import BounceCount, BounceKind
from newsletter.store.digests import RecordedDigest
from newsletter.store.figures import DigestFigures
from newsletter.templating import Templates
from newsletter.web.hands import Hand, hands, held_up, not_ready, paused, unread, unsettled, unsigned, unusable
from newsletter.web.status import DAYS, SERIES, card, domain_rows, picture, span, state_rows, status_page

NOW = datetime(2026, 11, 27, 15, 30, tzinfo=UTC)
DAY = timedelta(days=1)
TEMPLATES = Templates()
STATES = st.dictionaries(st.sampled_from([state.value for state in DeliveryState]), st.integers(1, 10**6))


def _newsletter(slug: str = "daily", deliveries: dict[str, int] | None = None, **changed: object) -> NewsletterStatus:
    planned = make_planned(slug, 47)
    last = RecordedDigest(id=1, planned=planned, created_at=NOW, state="done", placed=(), notices=())
    told = NewsletterStatus(
        newsletter=make_newsletter(slug, title=slug.title(), zone="Europe/London"),
        subscribers=1234,
        digests=3,
        last=last,
        next=replace(planned, period="2026-11-28", due_at=NOW + timedelta(hours=15)),
        deliveries=deliveries or {},
        refused="",
    )
    return replace(told, **changed)  # type: ignore[arg-type]


def _status(*newsletters: NewsletterStatus, **changed: object) -> Status:
    told = Status(
        newsletters=newsletters or (_newsletter(),),
        articles=26,
        quarantined=(),
        last_tick=NOW - timedelta(seconds=20),
        refusal=None,
        paused=(),
        bounces=(),
    )
    return replace(told, **changed)  # type: ignore[arg-type]


def _digests(days: int = DAYS) -> list[DigestFigures]:
    """Busy weeks with everything that can happen."""
    return [
        DigestFigures(
            newsletter="daily",
            period=str(back),
            due_at=NOW - DAY * back - timedelta(hours=9),
            deliveries={"sent": 900 + 37 * (back % 7), "bounced": back % 5 * 12, "skipped": 60}
            | ({"pending": 400, "deferred": 55} if back == 0 else {}),
        )
        for back in range(days)
        if back % 7 != 6
    ]


def _full() -> tuple[Status, Sequence[Hand]]:
    deliveries = {"sent": 27_431, "pending": 400, "deferred": 55, "bounced": 310, "skipped": 1560, "unknown": 2}
    entry = Quarantined(
        source="seeds",
        key="a-document-with-a-long-name.txt",
        code="E-NO-TAKEAWAY",
        message="no takeaway",
        line=7,
        at=NOW - DAY * 9,
    )
    told = _status(
        _newsletter("daily", deliveries),
        _newsletter("caregiver-weekly", {"sent": 4300}, refused="E-SUBJECT: the subject is empty"),
        _newsletter("clinician-monthly", last=None),
        quarantined=(entry,) * 23,
        paused=(Pause(scope="domain/example.net", reason="451 slow down", at=NOW, until=NOW + DAY, automatic=True),),
        bounces=tuple(
            BounceCount(domain=f"mail{number}.example.org", kind=kind, number=number + 1)
            for number in range(24)
            for kind in (BounceKind.SOFT, BounceKind.HARD)
        ),
        refusal="The clock shows 2031-01-01, four years after the last tick.",
    )
    runs = (SourceRun(source="journal", at=NOW, problem="https://journal.example.org/feed: 503"),)
    found = (*not_ready(("no relay can be reached",), told), *held_up(told), *paused(told.paused), *unsettled(told))
    return told, (*found, *unusable(told, runs, NOW))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    opened = open_app(config.load(open_workshop(tmp_path).folder / "config.toml"))
    yield opened
    opened.close()


def _changed(app: App, old: str, new: str) -> config.Config:
    path = Path(app.config.paths.state).parent / "config.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return config.load(path)


# -- what needs a hand ------------------------------------------------------------------------------------------------


def test_a_new_installation_needs_a_tick_and_nothing_else(app: App) -> None:
    (only,) = hands(app, app.status(NOW), NOW)
    assert only.what == "The ticker has not ticked yet."
    app.publish(NOW)
    assert hands(app, app.status(NOW), NOW) == ()


def test_the_worst_comes_first(app: App) -> None:
    told = _status(
        paused=(Pause(scope="domain/a.example", reason="r", at=NOW, until=NOW + DAY, automatic=True),),
        refusal="The clock leapt.",
    )
    found = hands(app, told, NOW)
    assert [hand.urgent for hand in found] == [True, True, False]
    assert found[0].what == "The clock leapt."


def test_everything_that_is_wrong_is_said_with_what_would_help() -> None:
    _, found = _full()
    text = "\n".join(f"{hand.what} {hand.help} {hand.command}" for hand in found)
    for expected in (
        "The clock shows 2031-01-01",
        "newsletter publish --catch-up",
        "No relay can be reached.",
        "A digest of Caregiver-Weekly is refused: E-SUBJECT",
        "domain/example.net. 451 slow down",
        "newsletter deliveries resume domain/example.net",
        "Daily: of 2 deliveries nobody knows",
        "The source journal cannot be read",
        "23 documents have been in quarantine for more than 7 days",
    ):
        assert expected in text
    assert all(hand.help for hand in found)
    assert tuple(held_up(_status())) == tuple(unsettled(_status())) == tuple(unusable(_status(), (), NOW)) == ()


def test_a_pause_is_lifted_by_the_word_that_the_command_takes() -> None:
    scopes = {"all": "all", "newsletter/daily": "daily", "digest/daily/2026-11-20": "daily/2026-11-20"}
    for scope, word in scopes.items():
        (hand,) = paused([Pause(scope=scope, reason="r", at=NOW)])
        assert hand.command == f"newsletter deliveries resume {word}"
        assert hand.urgent


def test_somebody_has_to_read_what_comes_back(app: App) -> None:
    assert tuple(unread(app.config, None, NOW)) == ()
    without = _changed(app, '# address = "b@', 'address = "b@')
    assert "no mailbox is read" in next(unread(without, None, NOW)).what
    read = _changed(app, '# maildir = "/var/mail/bounces"', 'maildir = "var/bounces"')
    assert "never been read" in next(unread(read, None, NOW)).what
    assert tuple(unread(read, NOW - timedelta(hours=2), NOW)) == ()
    assert "last read at 2026-11-27 13:29" in next(unread(read, NOW - timedelta(minutes=121), NOW)).what


def test_when_the_mailbox_was_read_is_written_down(app: App) -> None:
    assert app.incoming.last_read() is None
    app.incoming.take_in(lambda: NOW)
    assert app.incoming.last_read() == NOW


def test_mail_without_a_signature_is_told_where_mail_leaves(app: App) -> None:
    assert tuple(unsigned(app.config)) == ()
    assert "DKIM" in next(unsigned(_changed(app, 'transport = "maildir"', 'transport = "smtp"'))).what


# -- how everything stands --------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, DAYS + 3), STATES), max_size=20))
def test_every_delivery_of_the_days_shown_stands_in_one_column(told: list[tuple[int, dict[str, int]]]) -> None:
    digests = [
        DigestFigures(newsletter="daily", period="p", due_at=NOW - DAY * back, deliveries=states)
        for back, states in told
    ]
    shown = picture(digests, {"daily": "Europe/London"}, NOW)
    expected = sum(sum(states.values()) for back, states in told if back < DAYS)
    assert sum(day.total for day in shown.days) == expected
    assert all(len(day.values) == len(SERIES) for day in shown.days)
    assert shown.top >= max((day.total for day in shown.days), default=0)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_a_digest_stands_on_its_own_day(zone: str) -> None:
    due = datetime(2026, 11, 27, 6, 30, tzinfo=ZoneInfo(zone))
    digest = DigestFigures(newsletter="daily", period="p", due_at=due.astimezone(UTC), deliveries={"sent": 1})
    (day,) = picture([digest], {"daily": zone, "other": "UTC"}, due.astimezone(UTC)).days
    assert day.label == "27 November 2026"


def test_the_next_digest_is_told_in_its_zone() -> None:
    told = card(_newsletter(), NOW)
    assert told.next == "2026-11-28, Saturday 28 November 2026, 06:30 in Europe/London (in 15 hours)"
    due = replace(_newsletter().next, due_at=NOW)
    assert card(_newsletter(next=due), NOW).next.endswith("(due now)")
    assert card(_newsletter(last=None), NOW).last == "none yet"


@given(STATES, STATES)
def test_states_add_up(one: dict[str, int], other: dict[str, int]) -> None:
    rows = state_rows([_newsletter("a", one), _newsletter("b", other)])
    assert {row.state: row.number for row in rows} == {
        state: one.get(state, 0) + other.get(state, 0) for state in one | other
    }


def test_domains_are_told_by_how_much_came_back() -> None:
    counts = [
        BounceCount(domain="a.example", kind=BounceKind.SOFT, number=2),
        BounceCount(domain="b.example", kind=BounceKind.HARD, number=5),
        BounceCount(domain="a.example", kind=BounceKind.HARD, number=1),
    ]
    assert [tuple(row) for row in domain_rows(counts)] == [
        ("b.example", 5, "5 hard"),
        ("a.example", 3, "2 soft, 1 hard"),
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a moment"),
        (59, "a moment"),
        (60, "1 minute"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_800, "2 days"),
    ],
)
def test_spans_are_told_in_words(seconds: int, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_what_is_not_ours_is_text_and_not_markup() -> None:
    evil = "<script>alert(1)</script>"
    entry = Quarantined(source="seeds", key=evil, code="E-X", message=evil, line=None, at=NOW)
    bounce = BounceCount(domain=evil, kind=BounceKind.SOFT, number=1)
    html = status_page(_status(quarantined=(entry,), bounces=(bounce,)), (), (Hand(evil, evil),), TEMPLATES, NOW)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 5


def test_the_page_says_first_what_needs_a_hand() -> None:
    told, found = _full()
    html = status_page(told, _digests(), found, TEMPLATES, NOW)
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", html)
    assert headings[0] == "What needs a hand"
    assert "<title>Needs a hand | Status</title>" in html
    calm = status_page(_status(), _digests(), (), TEMPLATES, NOW)
    assert "<title>All is well | Status</title>" in calm
    assert "And 3 documents more" in html
    assert "And 4 domains more" in html


def test_it_is_for_who_knows_the_password(served: Served, operator_password: str) -> None:
    refused = served.ask("/status")
    assert refused.status == 401
    assert b"Newsletters" not in refused.body
    answer = served.ask("/status", Authorization=operator_password)
    assert answer.status == 200
    assert b'<h2 id="hands">What needs a hand</h2>' in answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert served.ask("/status", "POST", b"", Authorization=operator_password).status == 405
    assert served.ask("/status/", Authorization=operator_password).status == 404


def test_without_a_password_it_is_not_there(served: Served) -> None:
    assert served.ask("/status").status == 404
    assert served.ask("/metrics").status == 404


# -- as it is seen ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.parametrize("text_size", [16, 32])
def test_everybody_who_may_can_read_it(tmp_path: Path, text_size: int) -> None:
    """By day and by night, on a small phone and a desk: axe has nothing to say, and nothing is wider than the screen."""
    told, found = _full()
    empty = _status(_newsletter(last=None))
    pages = {
        "": status_page(told, _digests(), found, TEMPLATES, NOW),
        "empty": status_page(empty, (), (), TEMPLATES, NOW),
    }
    with (
        sync_playwright() as playwright,
        serving_pages(pages) as address,
        browsing(playwright, tmp_path, text_size=text_size) as (page, seen),
    ):
        for width in (320, 1000):
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                for path in pages:
                    page.goto(address + path)
                    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
                    assert judged_by_axe(page) == []
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                    assert page.evaluate(_PALE) == []
        assert seen.dialogs == []
        assert [request for request in seen.requests if not request.startswith(address)] == []


#: Parts of pictures that stand out from the ground by less than 3:1 (WCAG 1.4.11).
_PALE = """() => {
  const channels = colour => colour.match(/[0-9.]+/g).map(Number).slice(0, 3);
  const luminance = colour => channels(colour)
    .map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = luminance(getComputedStyle(document.documentElement).backgroundColor);
  return [...document.querySelectorAll("rect")].map(each => getComputedStyle(each).fill).filter(colour => {
    const [dark, light] = [luminance(colour), ground].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05) < 3;
  });
}"""
