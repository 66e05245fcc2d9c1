"""Preferences as fields of a form: what is written there is read back, and what cannot be is told."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model import USUAL, Audience, Cadence, Edition, Preferences, Topic
from newsletter.web.forms import Form
from newsletter.web.wishes import (
    BOTH,
    CREDIBILITIES,
    LONGEST_PAUSE,
    NO_DAY,
    NO_ZONE,
    NOT_THEN,
    UNKNOWN,
    Offer,
    read_wishes,
    written,
    zone_of,
    zones,
)

TODAY = date(2026, 11, 20)
SLUGS = ("balance", "fatigue", "walking", "zinc")
OFFER = Offer(
    topics=tuple(Topic(slug=slug, name=slug.title(), articles=3) for slug in SLUGS),
    languages=(("en", "English"), ("de", "Deutsch")),
)


@st.composite
def preferences(draw: st.DrawFn) -> Preferences:
    topics = draw(st.frozensets(st.sampled_from(SLUGS)))
    return Preferences(
        cadence=draw(st.none() | st.sampled_from(Cadence)),
        topics=topics,
        unwanted_topics=draw(st.frozensets(st.sampled_from(SLUGS))) - topics,
        min_credibility=draw(st.none() | st.sampled_from(CREDIBILITIES)),
        audience=draw(st.none() | st.sampled_from(Audience)),
        edition=draw(st.sampled_from(Edition)),
        language=draw(st.none() | st.sampled_from(["en", "de"])),
        send_at=draw(st.none() | st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))),
        zone=draw(st.none() | st.sampled_from(zones())),
        paused_until=draw(st.none() | st.dates(TODAY + timedelta(days=1), TODAY + LONGEST_PAUSE)),
    )


@given(preferences(), st.sampled_from(["", "daily."]))
def test_what_is_written_into_a_form_is_read_back(wanted: Preferences, prefix: str) -> None:
    assert read_wishes(Form(written(wanted, prefix, TODAY)), prefix, OFFER, TODAY) == (wanted, {})


def test_an_empty_form_wants_the_usual() -> None:
    assert read_wishes(Form(), "", OFFER, TODAY) == (USUAL, {})
    assert written(USUAL, "", TODAY) == {"edition": ("standard",)}


def test_a_break_that_is_over_is_left_out() -> None:
    assert "pause" not in written(Preferences(paused_until=TODAY), "", TODAY)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("cadence", "hourly", UNKNOWN),
        ("audience", "robots", UNKNOWN),
        ("edition", "loud", UNKNOWN),
        ("credibility", "5", UNKNOWN),
        ("credibility", "nan", UNKNOWN),
        ("language", "tlh", UNKNOWN),
        ("hour", "7", UNKNOWN),
        ("hour", "24:00", UNKNOWN),
        ("topics", "unheard-of", UNKNOWN),
        ("unwanted", "unheard-of", UNKNOWN),
        ("zone", "Atlantis", NO_ZONE),
        ("zone", "../etc/passwd", NO_ZONE),
        ("pause", "24.12.2026", NO_DAY),
        ("pause", TODAY.isoformat(), NOT_THEN),
        ("pause", "2027-11-22", NOT_THEN),
        ("pause", "0001-01-01", NOT_THEN),
    ],
)
def test_what_cannot_be_is_told_by_its_field(name: str, value: str, problem: str) -> None:
    wanted, problems = read_wishes(Form({f"daily.{name}": (value,)}), "daily.", OFFER, TODAY)
    assert (wanted, problems) == (USUAL, {f"daily.{name}": problem})


def test_one_topic_is_not_wanted_and_unwanted() -> None:
    form = Form({"topics": ("fatigue", "zinc"), "unwanted": ("zinc",)})
    assert read_wishes(form, "", OFFER, TODAY)[1] == {"unwanted": BOTH}


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("  Berlin ", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Lord  Howe", "Australia/Lord_Howe"),
        ("utc", "UTC"),
        ("Indiana/Knox", None),
        ("", None),
        ("Atlantis", None),
    ],
)
def test_a_zone_may_be_told_by_its_city(told: str, zone: str | None) -> None:
    assert zone_of(told) == zone


def test_every_zone_that_is_offered_is_one() -> None:
    assert len(zones()) > 300
    assert [zone for zone in zones() if zone_of(zone) != zone] == []


def test_a_topic_that_somebody_chose_stays_to_choose() -> None:
    rare = Topic(slug="rare", name="A Rare One", articles=1)
    offer = OFFER.with_topics(frozenset({"rare", "gone", "zinc"}), {"rare": rare})
    assert [topic.slug for topic in offer.topics] == ["rare", *SLUGS]
