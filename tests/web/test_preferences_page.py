"""The page of preferences over real sockets: what it shows, saves, hands out and forgets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, time, timedelta
from itertools import count

import pytest
from readers_site import Household, Site, link_in, readers_site, told

from newsletter.model import Audience, Cadence, Edition, Preferences

_NUMBERS = count()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with readers_site(tmp_path_factory.mktemp("preferences")) as site:
        site.app.ingest(site.now())
        yield site


@pytest.fixture
def home(site: Site) -> Household:
    return site.household()


@pytest.fixture
def reader(site: Site) -> str:
    """The id of somebody who gets the daily newsletter."""
    return site.reader(f"reader{next(_NUMBERS)}@example.org")


def test_it_shows_what_comes_and_whose_it_is(site: Site, home: Household, reader: str) -> None:
    page = home.get(site.preferences_link(reader))
    assert page.status == 200
    html = page.body.decode()
    assert 'name="newsletters" value="daily" checked' in html
    assert html.count('name="newsletters"') == len(site.app.newsletters)
    assert html.count('name="newsletters" value="daily" checked') == 1
    assert "@example.org" in told(page)


def test_everything_can_be_changed_and_is_said_in_words(site: Site, home: Household, reader: str) -> None:
    link = site.preferences_link(reader)
    until = site.now().date() + timedelta(days=20)
    fatigue = site.app.topics()[0]
    walking = site.app.topics()[1]
    fields = [
        ("newsletters", "daily"),
        ("daily.cadence", "weekly"),
        ("daily.topics", fatigue.slug),
        ("daily.unwanted", walking.slug),
        ("daily.credibility", "4"),
        ("daily.audience", "person-with-ms"),
        ("daily.edition", "compact"),
        ("daily.hour", "18:00"),
        ("daily.zone", "Australia/Lord_Howe"),
        ("daily.language", "de"),
        ("daily.pause", until.isoformat()),
    ]
    answer = home.post(link, fields)
    assert answer.status == 200
    wanted = Preferences(
        cadence=Cadence.WEEKLY,
        topics=frozenset({fatigue.slug}),
        unwanted_topics=frozenset({walking.slug}),
        min_credibility=4.0,
        audience=Audience.PERSON_WITH_MS,
        edition=Edition.COMPACT,
        send_at=time(18),
        zone="Australia/Lord_Howe",
        language="de",
        paused_until=until,
    )
    assert site.wanted(reader)["daily"] == ("confirmed", wanted)
    words = told(answer)
    for said in ("comes once a week", fatigue.name, walking.name, "4 out of 5", "people with MS", "18:00", "Deutsch"):
        assert said in words.partition("Change what you like")[0], said
    again = home.get(link).body.decode()
    for name, value in fields:
        assert f'name="{name}"' in again
        assert value in again
    assert home.post(link, fields).status == 200, "the same again changes nothing"
    assert site.wanted(reader)["daily"] == ("confirmed", wanted)


def test_one_save_leaves_one_newsletter_and_begins_another(site: Site, home: Household, reader: str) -> None:
    answer = home.post(site.preferences_link(reader), [("newsletters", "caregiver-weekly")])
    assert answer.status == 200
    assert "MS Research Daily does not come to you." in told(answer)
    states = {slug: state for slug, (state, _) in site.wanted(reader).items()}
    assert states == {"daily": "unsubscribed", "caregiver-weekly": "confirmed"}
    assert home.post(site.preferences_link(reader), []).status == 200, "leaving all is one save, too"
    assert {state for state, _ in site.wanted(reader).values()} == {"unsubscribed"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("daily.pause", "2020-01-01"),
        ("daily.pause", "9999-12-31"),
        ("daily.pause", "tomorrow"),
        ("daily.zone", "Atlantis"),
        ("daily.cadence", "hourly"),
        ("daily.edition", "loud"),
        ("daily.audience", "robots"),
        ("daily.hour", "25:00"),
        ("daily.language", "tlh"),
        ("daily.credibility", "-1"),
        ("daily.topics", "../etc"),
    ],
)
def test_what_cannot_be_saved_changes_nothing(site: Site, home: Household, reader: str, name: str, value: str) -> None:
    answer = home.post(
        site.preferences_link(reader), [("newsletters", "caregiver-weekly"), ("newsletters", "daily"), (name, value)]
    )
    assert answer.status == 422
    assert f'href="#{name}"' in answer.body.decode()
    assert site.wanted(reader) == {"daily": ("confirmed", Preferences())}


def test_a_digest_passed_on_hands_over_no_preferences(site: Site, home: Household, reader: str) -> None:
    """What it holds is the way out; the link to preferences goes to the address alone."""
    link = site.unsubscribe_link(reader)
    assert home.get(link.replace("unsubscribe", "preferences")).status == 404
    page = home.get(link)
    assert b"@example.org" not in page.body.replace(b"editors@ms-digest.example.org", b"")
    answer = home.post(f"{link}/preferences")
    assert "The link is on its way" in told(answer)
    assert b"@example.org" not in answer.body.replace(b"editors@ms-digest.example.org", b"")
    address = next(each.subscriber.address for each in site.app.subscribers() if each.subscriber.id == reader)
    (mail,) = site.mail_to(address)
    assert home.get(link_in(mail, "preferences")).status == 200
    assert home.post(f"{link}/preferences").body == answer.body
    assert site.mail_to(address) == [], "one an hour"
    assert home.get(f"{link}/preferences").status == 405


def test_a_link_that_is_too_old_says_how_to_get_a_new_one(site: Site, home: Household, reader: str) -> None:
    old = site.app.tokens.preferences(reader, site.now() - timedelta(days=8))
    for path in (f"/preferences/{old}", f"/preferences/{old}/data", f"/preferences/{old}/erase", "/preferences/x"):
        answer = home.get(path)
        assert answer.status == 404
        assert "such a link works for seven days" in told(answer)
    assert home.post(f"/preferences/{old}", []).status == 404
    assert home.post(f"/preferences/{old}/erase", []).status == 404
    assert site.wanted(reader)["daily"][0] == "confirmed"


def test_data_can_be_taken_along(site: Site, home: Household, reader: str) -> None:
    answer = home.get(f"{site.preferences_link(reader)}/data")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == "attachment; filename=newsletter-data.json"
    assert answer.headers["Cache-Control"] == "no-store"
    held = json.loads(answer.body)
    assert held["id"] == reader
    assert held["subscriptions"][0]["newsletter"] == "daily"


def test_data_can_be_deleted_after_one_more_question(site: Site, home: Household, reader: str) -> None:
    link = site.preferences_link(reader)
    page = home.get(f"{link}/erase")
    assert "Delete all your data?" in told(page)
    assert site.wanted(reader) != {}, "the question deletes nothing"
    answer = home.post(f"{link}/erase")
    assert "Your data is deleted" in told(answer)
    assert site.wanted(reader) == {}
    assert [home.get(path).status for path in (link, f"{link}/data", f"{link}/erase")] == [404] * 3
    assert home.post(site.unsubscribe_link(reader)).status == 200, "whoever has a digest learns nothing of it"


def test_a_break_that_is_over_is_not_shown(site: Site, home: Household, reader: str) -> None:
    until = site.now().date() + timedelta(days=1)
    site.app.readers.prefer(
        site.app.tokens.preferences(reader, site.now()),
        {"daily": Preferences(paused_until=date(2020, 1, 1))},
        site.now(),
    )
    assert b"2020-01-01" not in home.get(site.preferences_link(reader)).body
    home.post(site.preferences_link(reader), [("newsletters", "daily"), ("daily.pause", until.isoformat())])
    assert until.isoformat().encode() in home.get(site.preferences_link(reader)).body
