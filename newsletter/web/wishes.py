"""Preferences as the fields of a form, there and back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import cache
from typing import TypeVar
from zoneinfo import available_timezones

from newsletter.model import Audience, Cadence, Edition, Preferences, Topic
from newsletter.web.forms import Form
from newsletter.words import marked

LONGEST_PAUSE = timedelta(days=366)
CREDIBILITIES = (2.0, 3.0, 4.0)  #: of 5
HOURS = tuple(f"{hour:02}:00" for hour in range(24))

UNKNOWN = marked("Please choose one of the answers that are given.")
NO_ZONE = marked("We do not know this time zone. Please choose one from the list, such as Europe/Berlin.")
NO_DAY = marked("Please write the day as year, month and day, such as 2026-12-31.")
NOT_THEN = marked("Please choose a day after today, and not more than a year away.")
BOTH = marked("You ticked a topic in both lists. Please choose one of them.")

_Word = TypeVar("_Word", Cadence, Audience, Edition)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What can be chosen. `languages` are tags with their own names."""

    topics: tuple[Topic, ...] = ()
    languages: tuple[tuple[str, str], ...] = ()

    def with_topics(self, slugs: frozenset[str], known: Mapping[str, Topic]) -> Offer:
        """The same with topics that somebody has chosen already, however few articles they have."""
        more = tuple(known[slug] for slug in sorted(slugs - {each.slug for each in self.topics}) if slug in known)
        return replace(self, topics=tuple(sorted((*self.topics, *more), key=lambda topic: topic.name.casefold())))


@cache
def zones() -> tuple[str, ...]:
    """The time zones to choose from: those that are called by a place."""
    areas = (
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
    return tuple(sorted(name for name in available_timezones() if name.startswith(tuple(f"{area}/" for area in areas))))


@cache
def _zones_by_name() -> dict[str, str]:
    """Every zone by its name in small letters, and by its place alone where no other has the same."""
    named = {name.casefold(): name for name in available_timezones()}
    places: dict[str, list[str]] = {}
    for name in zones():
        places.setdefault(name.rpartition("/")[2].casefold(), []).append(name)
    alone = {place: names[0] for place, names in places.items() if len(names) == 1}
    return alone | named


def zone_of(told: str) -> str | None:
    """The IANA name of a time zone as people write it: `Europe/Berlin`, `europe/berlin`, `new york`."""
    return _zones_by_name().get("_".join(told.split()).casefold())


def written(wanted: Preferences, prefix: str, today: date) -> dict[str, tuple[str, ...]]:
    """The fields of a form that is filled in with these preferences; those that are as usual are left out."""
    paused = wanted.paused_until if wanted.paused_until is not None and wanted.paused_until > today else None
    fields: dict[str, Sequence[str]] = {
        "cadence": [wanted.cadence.value] if wanted.cadence else [],
        "topics": sorted(wanted.topics),
        "unwanted": sorted(wanted.unwanted_topics),
        "credibility": [f"{wanted.min_credibility:g}"] if wanted.min_credibility is not None else [],
        "audience": [wanted.audience.value] if wanted.audience else [],
        "edition": [wanted.edition.value],
        "language": [wanted.language] if wanted.language else [],
        "hour": [f"{wanted.send_at:%H:%M}"] if wanted.send_at else [],
        "zone": [wanted.zone] if wanted.zone else [],
        "pause": [paused.isoformat()] if paused else [],
    }
    return {f"{prefix}{name}": tuple(values) for name, values in fields.items() if values}


def read_wishes(form: Form, prefix: str, offer: Offer, today: date) -> tuple[Preferences, dict[str, str]]:
    """The preferences that a form tells, and what is wrong with it: field -> a text of the catalogue."""
    problems: dict[str, str] = {}
    known = {topic.slug for topic in offer.topics}
    wanted = Preferences(
        cadence=_one_of(Cadence, form, f"{prefix}cadence", problems),
        topics=_topics(form, f"{prefix}topics", known, problems),
        unwanted_topics=_topics(form, f"{prefix}unwanted", known, problems),
        min_credibility=_credibility(form, f"{prefix}credibility", problems),
        audience=_one_of(Audience, form, f"{prefix}audience", problems),
        edition=_one_of(Edition, form, f"{prefix}edition", problems) or Edition.STANDARD,
        language=_language(form, f"{prefix}language", offer, problems),
        send_at=_hour(form, f"{prefix}hour", problems),
        zone=_zone(form, f"{prefix}zone", problems),
        paused_until=_pause(form, f"{prefix}pause", today, problems),
    )
    if wanted.topics & wanted.unwanted_topics:
        problems[f"{prefix}unwanted"] = BOTH
    return wanted, problems


def _one_of(words: type[_Word], form: Form, name: str, problems: dict[str, str]) -> _Word | None:
    told = form.one(name)
    if not told:
        return None
    try:
        return words(told)
    except ValueError:
        problems[name] = UNKNOWN
        return None


def _topics(form: Form, name: str, known: set[str], problems: dict[str, str]) -> frozenset[str]:
    told = frozenset(filter(None, form.every(name)))
    if not told <= known:
        problems[name] = UNKNOWN
    return told & known


def _credibility(form: Form, name: str, problems: dict[str, str]) -> float | None:
    told = form.one(name)
    values = {f"{value:g}": value for value in CREDIBILITIES}
    if told and told not in values:
        problems[name] = UNKNOWN
    return values.get(told)


def _language(form: Form, name: str, offer: Offer, problems: dict[str, str]) -> str | None:
    told = form.one(name)
    if told and told not in dict(offer.languages):
        problems[name] = UNKNOWN
        return None
    return told or None


def _hour(form: Form, name: str, problems: dict[str, str]) -> time | None:
    told = form.one(name)
    clock = _CLOCK.fullmatch(told)
    if told and clock is None:
        problems[name] = UNKNOWN
    return None if clock is None else time(int(clock[1]), int(clock[2]))


def _zone(form: Form, name: str, problems: dict[str, str]) -> str | None:
    told = form.one(name)
    zone = zone_of(told) if told else None
    if told and zone is None:
        problems[name] = NO_ZONE
    return zone


def _pause(form: Form, name: str, today: date, problems: dict[str, str]) -> date | None:
    told = form.one(name)
    if not told:
        return None
    try:
        day = date.fromisoformat(told)
    except ValueError:
        problems[name] = NO_DAY
        return None
    if not today < day <= today + LONGEST_PAUSE:
        problems[name] = NOT_THEN
        return None
    return day
