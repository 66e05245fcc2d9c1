"""Subscribers, what they agreed to, and what they want."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import NamedTuple

from newsletter.model.digests import Audience, Cadence, Edition


class SubscriptionState(StrEnum):
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What was agreed to: the text, when, and by which way it came in (`operator`, `form`, `import`)."""

    text: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person's address. `id` is random and says nothing of the address."""

    id: str
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a person wants of one newsletter. What is None is as the newsletter has it.

    `cadence` is never faster than the newsletter's own. `topics` and `unwanted_topics` are slugs: an article needs one
    of the first, unless there is none, and must have none of the second. `min_credibility` is a number of 5; an article
    without a rating passes. `send_at` is an hour of `zone`, an IANA name. Nothing comes before `paused_until`.
    """

    cadence: Cadence | None = None
    topics: frozenset[str] = frozenset()
    unwanted_topics: frozenset[str] = frozenset()
    min_credibility: float | None = None
    audience: Audience | None = None
    edition: Edition = Edition.STANDARD
    language: str | None = None
    send_at: time | None = None
    zone: str | None = None
    paused_until: date | None = None


USUAL = Preferences()  #: what somebody wants who said nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscriber's standing with one newsletter."""

    subscriber: Subscriber
    newsletter: str
    state: SubscriptionState
    consent: Consent
    preferences: Preferences = USUAL


class Reader(NamedTuple):
    """Somebody with a confirmed subscription, as planning goes through a million of them.

    `preferences` is their text as the database keeps it, None for the usual ones. `since`: no digest that ended up to then
    is owed; the beginning of time for who came before the first. `changed_at` is when they last changed how often they get mail, or came back; None: never.
    """

    subscriber_id: str
    domain: str
    preferences: str | None
    since: datetime
    changed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One form of a mailing. Notices are always in, whatever is chosen.

    `audience`, `cadence` and `language` are None for the newsletter's own. `articles` is a number with a bit for each
    article of the form, the first of `Digest.articles` being the lowest; None for all. Bits beyond the last mean nothing.
    """

    edition: Edition = Edition.STANDARD
    audience: Audience | None = None
    articles: int | None = None
    cadence: Cadence | None = None
    language: str | None = None

    @property
    def form(self) -> str:
        """Which of a digest's mailings it is cut from: `weekly`, `de`, `weekly-de`; empty for the newsletter's own."""
        return "-".join(part for part in (self.cadence, self.language) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody asked for on the sign-up page and has not confirmed yet. `id` is random.

    `preferences` hold for every newsletter of `newsletters`. Nobody knows yet whether it was really the person whose
    `address` it is, so nothing of it is ever sent to them.
    """

    id: str
    address: str
    newsletters: tuple[str, ...]
    preferences: Preferences
    consent: Consent
