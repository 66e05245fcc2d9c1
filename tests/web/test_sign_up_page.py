"""Signing up over real sockets: the form, what it takes, and the mail and the page that follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from readers_site import URLENCODED, Household, Site, link_in, readers_site, told
from workshop import NOW, open_workshop

from newsletter.model import Audience, Cadence, Edition, Preferences
from newsletter.web.signing_up import CONSENT, TRAP


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with readers_site(tmp_path_factory.mktemp("sign-up")) as site:
        yield site


@pytest.fixture
def home(site: Site) -> Household:
    return site.household()


def test_the_form_shows_every_newsletter_and_what_one_agrees_to(site: Site, home: Household) -> None:
    page = home.get("/subscribe")
    assert page.status == 200
    for newsletter in site.app.newsletters:
        assert newsletter.title in told(page)
        assert newsletter.description in told(page)
    assert CONSENT in told(page)
    assert b" checked" not in page.body.partition(b"<details")[0], "nothing is ticked for anybody"


def test_a_link_may_tick_a_newsletter(home: Household) -> None:
    page = home.get("/subscribe?newsletter=daily").body
    assert page.count(b'value="daily" checked') == 1
    assert page.count(b" checked") == home.get("/subscribe").body.count(b" checked") + 1
    assert b"wicked" not in home.get("/subscribe?newsletter=%22wicked").body


def test_signing_up_needs_the_button_in_a_mail(site: Site, home: Household) -> None:
    answer = home.sign_up("Nora@Example.org", "daily")
    assert answer.status == 200
    assert "an email from us is on its way" in told(answer)
    assert "Nora" not in told(answer)
    assert site.wanted_of("nora@example.org") == {}
    (mail,) = site.mail_to("Nora@Example.org")
    link = link_in(mail, "confirm")
    page = home.get(link)
    assert page.status == 200
    assert "MS Research Daily" in told(page)
    assert site.wanted_of("nora@example.org") == {}, "looking is not agreeing"
    assert "From now on you will get: MS Research Daily" in told(home.post(link))
    assert site.wanted_of("nora@example.org") == {"daily": ("confirmed", Preferences())}
    (consent,) = [each.consent for each in site.app.subscribers() if each.subscriber.address == "Nora@Example.org"]
    assert (consent.text, consent.source) == (CONSENT, "form")
    (welcome,) = site.mail_to("Nora@Example.org")
    assert home.get(link_in(welcome, "preferences")).status == 200
    for again in (home.get(link), home.post(link)):
        assert again.status == 404
        assert "Maybe you pressed the button already" in told(again)


def test_everything_that_can_be_chosen_arrives(site: Site, home: Household) -> None:
    more = [
        ("cadence", "weekly"),
        ("credibility", "3"),
        ("audience", "caregiver"),
        ("edition", "large-print"),
        ("hour", "07:00"),
        ("zone", "new york"),
        ("language", "de"),
    ]
    filled = [pair for pair in home.filled("kim@example.org", "daily") if pair[0] not in {"zone", "hour"}]
    assert home.post("/subscribe", [*filled, *more]).status == 200
    (mail,) = site.mail_to("kim@example.org")
    home.post(link_in(mail, "confirm"))
    wanted = Preferences(
        cadence=Cadence.WEEKLY,
        min_credibility=3.0,
        audience=Audience.CAREGIVER,
        edition=Edition.LARGE_PRINT,
        send_at=time(7),
        zone="America/New_York",
        language="de",
    )
    assert site.wanted_of("kim@example.org") == {"daily": ("confirmed", wanted)}


def test_what_is_wrong_is_said_beside_its_field_and_above_and_what_was_typed_stays(home: Household) -> None:
    fields = [("address", 'not "an" address'), ("zone", "Atlantis"), ("edition", "huge")]
    answer = home.post("/subscribe", fields)
    page = answer.body.decode()
    assert answer.status == 422
    for name in ("address", "newsletters", "consent", "zone", "edition"):
        assert f'href="#{name}"' in page
        assert page.count(f'id="{name}"') == 1
    for name in ("address", "zone"):
        assert f'aria-invalid="true" aria-describedby="{name}-problem' in page
        assert f'id="{name}-problem"' in page
    assert 'value="not &#34;an&#34; address"' in page
    assert 'value="Atlantis"' in page
    assert "<details open>" in page, "a field with a problem is not hidden"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@example.org, bob@example.org",
        "ann@example.org\r\nBcc: bob@example.org",
        "<ann@example.org>",
        "ann@exa mple.org",
        "ann@localhost",
        "@example.org",
        "a" * 400 + "@example.org",
    ],
)
def test_what_is_no_address_is_sent_nothing(site: Site, home: Household, address: str) -> None:
    site.app.readers.answer(site.now())
    assert home.sign_up(address).status == 422
    assert site.app.readers.answer(site.now()) == {}


def test_a_sentence_that_has_changed_was_not_agreed_to(home: Household) -> None:
    filled = [(name, "0123456789ab" if name == "consent" else value) for name, value in home.filled("a@example.org")]
    answer = home.post("/subscribe", filled)
    assert answer.status == 422
    assert "we may write to you only if you agree" in told(answer)


def test_a_program_that_fills_in_everything_writes_nothing(site: Site, home: Household) -> None:
    filled = [(name, "cheap pills" if name == TRAP else value) for name, value in home.filled("bot@example.org")]
    answer = home.post("/subscribe", filled)
    assert answer.body == home.sign_up("other@example.org").body
    assert site.mail_to("bot@example.org") == []
    assert len(site.collected("other@example.org")) == 1


def test_a_form_on_another_page_works(site: Site, home: Household) -> None:
    """Its page is of another origin, which a browser says; we ask for no cookie and no token."""
    page = home.get("/subscribe/form").body.decode()
    assert "&lt;form action=&#34;https://ms-digest.example.org/subscribe&#34;" in page
    assert "&lt;script" not in page
    elsewhere = {"Origin": "https://elsewhere.example", "Sec_Fetch_Site": "cross-site"}
    fields = [pair for pair in home.filled("eve@example.org") if pair[0] not in {"zone", "hour"}]
    body = urlencode(fields).encode()
    answer = home.ask(
        "/subscribe",
        "POST",
        body,
        Content_Type=f"{URLENCODED}; charset=utf-8",
        X_Forwarded_For=home.network,
        **elsewhere,
    )
    assert answer.status == 200
    assert len(site.mail_to("eve@example.org")) == 1


MOST_SIGN_UPS = 10


def test_ten_an_hour_from_one_network_and_no_more(site: Site) -> None:
    home, neighbour = site.household(), site.household()
    filled = home.filled("many@example.org")
    assert [home.post("/subscribe", []).status for _ in range(3)] == [422] * 3, "a slip of the finger does not count"
    statuses = [home.post("/subscribe", filled).status for _ in range(MOST_SIGN_UPS + 1)]
    assert statuses == [200] * MOST_SIGN_UPS + [429]
    refused = home.post("/subscribe", filled)
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert "Please wait a while" in told(refused)
    assert neighbour.post("/subscribe", filled).status == 200
    assert len(site.mail_to("many@example.org")) == 1


def test_an_ipv6_household_is_one_however_many_addresses_it_has(site: Site) -> None:
    filled = site.household().filled("six@example.org")
    homes = [Household(site.ask, f"2001:db8:0:7:{number:x}::1") for number in range(MOST_SIGN_UPS + 1)]
    assert [home.post("/subscribe", filled).status for home in homes] == [200] * MOST_SIGN_UPS + [429]
    assert Household(site.ask, "2001:db8:0:8::1").post("/subscribe", filled).status == 200


def test_an_operator_may_set_other_limits(tmp_path: Path) -> None:
    """A hospital behind one address; all together; forms of any kind; and how often somebody is asked."""
    changes = (
        ("\nsign_ups = 10", "\nsign_ups = 5"),
        ("all_sign_ups = 3000", "all_sign_ups = 7"),
        ("forms = 60", "forms = 3"),
    )
    with readers_site(tmp_path, *changes) as site:
        hospital, home, other = site.household(), site.household(), site.household()
        filled = hospital.filled("many@example.org")
        assert [hospital.post("/subscribe", filled).status for _ in range(6)] == [200] * 5 + [429]
        assert [home.post("/subscribe", filled).status for _ in range(3)] == [200] * 2 + [429], "all together"
        assert [other.post("/confirm/x").status for _ in range(4)] == [404] * 3 + [429]


def test_pages_follow_when_sign_up_is_closed(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    workshop.told("ingest", "--now", NOW)
    workshop.told("publish", "--now", NOW)
    assert b'href="./subscribe"' in workshop.files("public")["index.html"]
    workshop.change("\nopen = true", "\nopen = false")
    workshop.told("publish", "--now", NOW)
    files = workshop.files("public")
    assert [name for name, data in files.items() if name.endswith(".html") and b"subscribe" in data] == []


def test_where_it_is_closed_nobody_can_sign_up(tmp_path: Path) -> None:
    with readers_site(tmp_path, ("\nopen = true", "\nopen = false")) as site:
        home = site.household()
        for answer in (
            home.get("/subscribe"),
            home.get("/subscribe/form"),
            home.post("/subscribe", [("address", "a@b.cd")]),
        ):
            assert answer.status == 404
            assert "Sign-up is closed" in told(answer)
