"""Signs of life: alive, ready, and figures that name nobody."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from builders import make_article
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from store_builders import make_planned, post
from web_site import Answer, Served, asker, make_public
from workshop import open_workshop

from newsletter import clock, config
from newsletter.app import App, open_app
from newsletter.model import Pause
from newsletter.pacing import Circuit, Pace
from newsletter.store.figures import Vital
from newsletter.store.paces import Paces
from newsletter.store.pauses import Pauses
from newsletter.store.ticks import Ticks
from newsletter.web import password
from newsletter.web.metrics import Requests, missing, route_class
from newsletter.web.server import serving

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PASSWORD = "correct horse battery"
RIGHT = "Basic " + base64.b64encode(f"operator:{PASSWORD}".encode()).decode()
HALF_MINUTE = timedelta(seconds=30)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An installation of its own, with a password."""
    monkeypatch.setattr(password, "_N", 2**4)
    public = make_public(tmp_path)
    app = open_app(config.load(open_workshop(tmp_path).folder / "config.toml"))
    path = Path(app.config.web.password_file)
    path.touch(0o600)
    path.write_text(password.hashed(PASSWORD))
    with serving(app, "127.0.0.1", 0) as address:
        port = urlsplit(address).port or 0
        yield Served(app, port, public, asker(port))
    app.close()


def _metrics(site: Served) -> dict[str, float]:
    answer = site.ask("/metrics", Authorization=RIGHT)
    assert answer.status == 200
    return {
        sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def _ready(site: Served) -> tuple[int, str]:
    answer: Answer = site.ask("/readyz")
    return answer.status, answer.body.decode()


def test_alive_is_alive_without_a_database(site: Served) -> None:
    site.app.close()
    assert site.ask("/healthz").body == b"ok\n"
    assert site.ask("/healthz").headers["Cache-Control"] == "no-store"
    assert _ready(site) == (503, "the database does not answer\n")


def test_ready_is_who_ticks(site: Served) -> None:
    assert _ready(site) == (503, "the ticker has not ticked yet\n")
    Ticks(site.app._database).record(clock.now())
    assert _ready(site) == (200, "ready\n")
    Ticks(site.app._database).record(clock.now() - timedelta(minutes=7))
    assert _ready(site) == (503, "the ticker has not ticked for 7 minutes\n")


@pytest.mark.parametrize(
    ("last", "resting", "lines"),
    [
        (NOW, 0, 0),
        (NOW - timedelta(minutes=5), 0, 0),
        (NOW - timedelta(minutes=5, seconds=1), 0, 1),
        (NOW + timedelta(minutes=6), 0, 1),
        (NOW, 1, 0),
        (NOW, 2, 1),
        (None, 2, 2),
    ],
)
def test_what_is_missing(last: datetime | None, resting: int, lines: int) -> None:
    vital = Vital(last_tick=last, resting=frozenset(f"relay/{number}" for number in range(resting)))
    assert len(missing(vital, 2, HALF_MINUTE, NOW)) == lines


def test_a_slow_ticker_gets_ten_ticks() -> None:
    vital = Vital(last_tick=NOW - timedelta(minutes=90), resting=frozenset())
    assert missing(vital, 0, timedelta(minutes=10), NOW) == ()
    assert missing(vital, 0, timedelta(minutes=8), NOW) == ("the ticker has not ticked for 90 minutes",)


def test_figures_are_for_the_operator_alone(site: Served) -> None:
    assert site.ask("/metrics").status == 401
    assert site.ask("/metrics", Authorization=RIGHT + "x").status == 401
    assert site.ask("/metrics", Authorization=RIGHT).status == 200
    Path(site.app.config.web.password_file).unlink()
    assert site.ask("/metrics", Authorization=RIGHT).status == 404


def test_figures_count_what_there_is(site: Served) -> None:
    app: App = site.app
    post(app._database, make_article(), ["ann@secret.example", "bob@secret.example"], make_planned("daily"))
    Pauses(app._database).add(Pause(scope="domain/secret.example", reason="r", at=NOW))
    Paces(app._database).save({"domain/secret.example": Pace(circuit=Circuit(failures=1, until=NOW))})
    Ticks(app._database).record(clock.now() - HALF_MINUTE)
    assert site.ask("/feeds/articles.atom").status == 200
    assert site.ask("/unsubscribe/ann-secret").status == 404
    told = _metrics(site)
    assert told["newsletter_deliveries daily pending"] == 2
    assert told["newsletter_subscriptions daily confirmed"] == 2
    assert told["newsletter_articles ok"] == 1
    assert told["newsletter_pauses domain"] == 1
    assert told["newsletter_notes_waiting"] == told["newsletter_requests_waiting"] == 0
    assert told["newsletter_due_age_seconds"] > 0
    assert 30 <= told["newsletter_last_tick_age_seconds"] < 60
    assert told["newsletter_http_requests_total feed 200"] == 1
    assert told["newsletter_http_requests_total unsubscribe 404"] == 1
    assert _metrics(site)["newsletter_http_requests_total metrics 200"] == 1
    assert all(name.startswith("newsletter_") for name in told)
    body = site.ask("/metrics", Authorization=RIGHT).body
    for secret in (b"secret", b"ann", b"bob", b"@"):
        assert secret not in body


def test_every_name_is_explained_to_operators(site: Served) -> None:
    Ticks(site.app._database).record(clock.now())
    site.ask("/")
    guide = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
    body = site.ask("/metrics", Authorization=RIGHT).body.decode()
    names = {family.name for family in text_string_to_metric_families(body)}
    explained = {name.removesuffix("_total") for name in re.findall(r"`(newsletter_\w+)", guide)}
    assert names <= explained, names - explained


@given(st.text(max_size=60))
def test_a_stranger_makes_no_new_names(path: str) -> None:
    known = {"confirm", "healthz", "metrics", "preferences", "readyz", "search", "status", "subscribe", "unsubscribe"}
    assert route_class(f"/{path}") in known | {"feed", "page", "file"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "page"),
        ("/articles/x/", "page"),
        ("/feeds/articles.atom", "feed"),
        ("/feeds/topics/x/2026-10.json", "feed"),
        ("/feeds/", "page"),
        ("/style.css", "file"),
        ("/unsubscribe/token", "unsubscribe"),
        ("/subscribe/form", "subscribe"),
        ("/searching", "file"),
    ],
)
def test_paths_are_of_a_dozen_kinds(path: str, kind: str) -> None:
    assert route_class(path) == kind


def test_requests_are_counted_by_kind_and_status() -> None:
    requests = Requests()
    for path, status in (("/", 200), ("/a/", 200), ("/b/", 404)):
        requests.count(path, status)
    assert requests.counts() == {("page", "200"): 2, ("page", "404"): 1}
