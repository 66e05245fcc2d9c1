"""Readers with different wishes, and the real messages that reach them over a week."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event

import pytest
from builders import make_article
from reading import House, Mail, open_house

from newsletter.model import (
    USUAL,
    Audience,
    Cadence,
    Consent,
    DeliveryState,
    Edition,
    Preferences,
    Rating,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.publish import Refused

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TOPICS = ("Fatigue", "Walking", "Diet")

READERS: Mapping[str, Preferences] = {
    "ann": USUAL,
    "ben": Preferences(topics=frozenset({"walking"})),
    "cleo": Preferences(audience=Audience.CLINICIAN, edition=Edition.COMPACT),
    "dora": Preferences(cadence=Cadence.WEEKLY, language="de"),
    "eve": Preferences(send_at=time(18, 30), zone="America/New_York"),
    "finn": Preferences(min_credibility=4),
    "gus": Preferences(paused_until=date(2026, 11, 13)),
    "hal": Preferences(unwanted_topics=frozenset({"fatigue"}), edition=Edition.TEXT_ONLY),
    "ida": Preferences(cadence=Cadence.WEEKLY, topics=frozenset({"diet"}), audience=Audience.CAREGIVER),
    "jan": Preferences(cadence=Cadence.MONTHLY),
    "kim": Preferences(language="xx"),
}


@dataclass(frozen=True)
class Post:
    """What came: the mails of each reader, each with the moment at which it came."""

    house: House
    mails: Mapping[str, list[tuple[datetime, Mail]]]

    def told(self, who: str) -> list[str]:
        """Which articles came, by their number, a text for each mail."""
        return ["".join(str(n) for n in range(9) if f"Finding {n}" in mail.text) for _, mail in self.mails[who]]


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """An article a day, numbered, from Monday to Sunday; the week before had one, which begins the chain."""
    with open_house(tmp_path_factory.mktemp("week")) as house:
        _shelve(house, 8, MONDAY - 2 * DAY)
        _publish(house, MONDAY - DAY + timedelta(hours=12))
        for name, wanted in READERS.items():
            _subscribe(house, name, wanted)
        mails: dict[str, list[tuple[datetime, Mail]]] = {name: [] for name in READERS}
        now = MONDAY
        for day in range(8):
            if day < 7:
                _shelve(house, day, MONDAY + day * DAY)
            for hour in (8, 16, 23, 24):
                now = MONDAY + day * DAY + timedelta(hours=hour)
                _publish(house, now)
                for mail in _deliver(house, now):
                    mails[mail.to.partition("@")[0]].append((now, mail))
        yield Post(house, mails)


def _shelve(house: House, number: int, day: datetime) -> None:
    article = make_article(
        f"finding-{number}",
        title=f"Finding {number}",
        published=day + timedelta(hours=5),
        topics=(TOPICS[number % 3],),
        credibility=Rating(value=2 + number % 4),
    )
    house.app._articles.save(article, str(number))


def _subscribe(house: House, name: str, wanted: Preferences, newsletter: str = "daily") -> None:
    consent = Consent(text="Yes.", at=MONDAY, source="form")
    house.app._subscribers.add(
        Subscription(
            subscriber=Subscriber(id=f"id-{name}", address=f"{name}@example.org"),
            newsletter=newsletter,
            state=SubscriptionState.CONFIRMED,
            consent=consent,
            preferences=wanted,
        )
    )


def _publish(house: House, now: datetime) -> None:
    report = house.app.publish(now)
    assert not [result for result in report.results if isinstance(result, Refused)]


def _deliver(house: House, now: datetime) -> list[Mail]:
    house.app.delivery.send(lambda: now, stop=Event(), told=lambda _: None)
    return house.mails()


def test_who_wishes_for_nothing_gets_each_digest(post: Post) -> None:
    assert post.told("ann") == ["0", "1", "2", "3", "4", "5", "6"]


def test_topics_in_and_out(post: Post) -> None:
    assert post.told("ben") == ["1", "4"]
    assert post.told("hal") == ["1", "2", "4", "5"]


def test_credibility(post: Post) -> None:
    assert post.told("finn") == ["2", "3", "6"]


def test_a_week_in_one_mail_in_german(post: Post) -> None:
    assert post.told("dora") == ["0123456"]
    ((_, mail),) = post.mails["dora"]
    assert "7 neue" in mail.subject
    assert "9." in mail.subject
    assert "15." in mail.subject
    assert mail.message.get_body(("html",))["Content-Language"] == "de"  # type: ignore[index]


def test_a_week_of_one_topic_for_caregivers(post: Post) -> None:
    assert post.told("ida") == ["25"]
    assert "For caregivers" in post.mails["ida"][0][1].text


def test_audience_and_edition(post: Post) -> None:
    assert post.told("cleo") == post.told("ann")
    assert len(post.mails["cleo"][0][1].text) < len(post.mails["ann"][0][1].text)
    assert post.mails["hal"][0][1].message.get_content_type() == "text/plain"
    assert post.mails["ann"][0][1].message.get_content_type() == "multipart/alternative"


def test_a_language_without_words_is_the_site_s(post: Post) -> None:
    assert [mail.subject for _, mail in post.mails["kim"]] == [mail.subject for _, mail in post.mails["ann"]]


def test_their_hour(post: Post) -> None:
    """18:30 in New York is 23:30 in UTC; the mail is dated so."""
    moments = post.mails["eve"]
    assert post.told("eve") == post.told("ann")
    assert {moment.time() for moment, _ in moments} == {time(0)}
    dated = [parsedate_to_datetime(str(mail.message["Date"])) for _, mail in moments]
    assert {moment.astimezone(UTC).time() for moment in dated} == {time(23, 30)}


def test_a_break_ends_on_its_day(post: Post) -> None:
    assert post.told("gus") == ["3", "4", "5", "6"]


def test_a_month_has_not_ended(post: Post) -> None:
    assert post.told("jan") == []


def test_links_lead_to_pages_that_are_there(post: Post) -> None:
    public = post.house.folder / "public"
    base = post.house.app.site.base_url
    for who in ("ann", "dora", "ida"):
        for _, mail in post.mails[who]:
            (line,) = [line for line in mail.text.splitlines() if "/digests/daily/" in line]
            assert (public / line.strip().removeprefix(f"{base}/") / "index.html").is_file()


def test_the_ledger_says_who_was_skipped_and_why(post: Post) -> None:
    delivery = post.house.app.delivery
    skipped = {
        (one.subscriber_id, one.period): one.reason for one in delivery.list("daily", DeliveryState.SKIPPED, 1000)
    }
    assert skipped["id-ben", "2026-11-09"] == "nothing-chosen"
    assert skipped["id-gus", "2026-11-11"] == "paused"
    assert not any(who == "id-ann" for who, _ in skipped)
    record, _ = delivery.explain("ben@example.org", "daily/2026-11-09")
    assert record is not None
    assert (record.state, record.reason) == (DeliveryState.SKIPPED, "nothing-chosen")


def test_a_break_that_begins_before_their_hour(post: Post, tmp_path: Path) -> None:
    """What waits for a reader's hour is looked at again when it comes."""
    with open_house(tmp_path) as house:
        _shelve(house, 0, MONDAY)
        wanted = Preferences(send_at=time(20), zone="UTC")
        _subscribe(house, "eve", wanted)
        _publish(house, MONDAY + DAY + timedelta(hours=8))
        paused = replace(wanted, paused_until=date(2026, 12, 1))
        standing = house.app._subscribers.subscription("id-eve", "daily")
        assert standing is not None
        house.app._subscribers.settle(
            "id-eve", [replace(standing, preferences=paused)], (), MONDAY + DAY + timedelta(hours=9)
        )
        assert _deliver(house, MONDAY + DAY + timedelta(hours=20)) == []
        assert house.app.delivery.counts() == {"daily": {"skipped": 1}}


def test_letting_a_digest_go_on_keeps_the_hours(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        _shelve(house, 0, MONDAY)
        _subscribe(house, "eve", Preferences(send_at=time(20), zone="UTC"))
        now = MONDAY + DAY + timedelta(hours=8)
        _publish(house, now)
        assert house.app.delivery.retry("daily/2026-11-09", None, now) == 0
        assert _deliver(house, now) == []
        assert house.app.delivery.retry("daily/2026-11-09", "eve@example.org", now) == 1
        assert len(_deliver(house, now)) == 1


def test_faster_in_mid_week_brings_what_was_not_told_yet(tmp_path: Path) -> None:
    """From a week to every day: the next mail covers the days since the last one, and says so."""
    with open_house(tmp_path) as house:
        _shelve(house, 8, MONDAY - 2 * DAY)
        _publish(house, MONDAY - DAY + timedelta(hours=12))
        _subscribe(house, "lea", Preferences(cadence=Cadence.WEEKLY))
        came: list[list[str]] = []
        _publish(house, MONDAY + timedelta(hours=8))
        for day in range(6):
            _shelve(house, day, MONDAY + day * DAY)
            now = MONDAY + (day + 1) * DAY + timedelta(hours=8)
            if day == 3:
                standing = house.app._subscribers.subscription("id-lea", "daily")
                assert standing is not None
                house.app._subscribers.settle("id-lea", [replace(standing, preferences=USUAL)], (), now)
            _publish(house, now)
            came += [[mail.subject, mail.text] for mail in _deliver(house, now)]
        told = ["".join(str(n) for n in range(9) if f"Finding {n}" in text) for _, text in came]
        assert told == ["0123", "4", "5"]
        assert "covers" in came[0][0]
        assert "covers" not in came[1][0]
