"""Subscribers, what they agreed to, and what they want."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody gets of a mailing. Notices are always in, whatever is chosen.

    `audience` is None for the newsletter's own; `articles` are ids, None for all. Ids of other articles mean nothing.
    """

    edition: Edition = Edition.STANDARD
    audience: Audience | None = None
    articles: frozenset[str] | None = None


WHOLE = Choice()  #: what somebody gets who chose nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A confirmed subscription as planning sees it; `id` is the subscriber's, `domain` that of the address.

    Up to `since`, the end of a digest, nothing is owed to them. `changed_at`: when they last came back, or changed how
    often they want it; what they have had is then asked of the ledger.
    """

    id: str
    domain: str
    preferences: Preferences = USUAL
    since: datetime | None = None
    changed_at: datetime | None = None


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
