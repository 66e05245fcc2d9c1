"""Mailings and deliveries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from newsletter.model.digests import Digest
from newsletter.model.subscribers import Choice, Subscriber
from newsletter.model.wire import Wire

#: RFC 3463: the mailbox or its domain does not exist, or takes no mail any more. Nothing else is the recipient's doing.
DEAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})


class DeliveryState(StrEnum):
    """`pending -> sending -> sent | deferred | bounced | suppressed | unknown | expired | cancelled`, or `skipped`.

    `unknown`: it may have been sent, and an operator is to say. `cancelled`: an operator said no. `skipped`: there was
    nothing in it that this person wants, or they take a break.
    """

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery to be written down together with its digest. `domain` is the recipient's mail domain.

    `choice` is None for everything in the newsletter's own form. `next_at` is when it may leave, None for at once.
    `skipped` tells why this person gets nothing: `nothing-chosen` or `paused`; None where they get something.
    """

    subscriber_id: str
    message_id: str
    domain: str
    choice: Choice | None = None
    next_at: datetime | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDigest:
    """A digest to be written down with all that belongs to it.

    `settled` are ids of notices that need not be shown any more, because the articles tell them. `mailing` is in the
    newsletter's own form, None where there is nothing of it to mail; `forms` are the others, by `Choice.form`.
    `deliveries` is gone through once, so a million of them need not be in memory.
    """

    digest: Digest
    settled: tuple[str, ...] = ()
    mailing: Mailing | None = None
    forms: Mapping[str, Mailing] = field(default_factory=dict)
    deliveries: Iterable[NewDelivery] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery that one owner holds until `lease_until`. `attempts` counts this one.

    `created_at` dates its message: when it was planned, or the hour that its reader chose.
    """

    delivery_id: int
    digest_id: int
    newsletter: str
    period: str
    subscriber: Subscriber
    message_id: str
    owner: str
    lease_until: datetime
    attempts: int
    created_at: datetime
    choice: Choice = field(default_factory=Choice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one attempt. `next_at` is set for `deferred` alone."""

    state: DeliveryState
    kind: str  #: a machine word for the event log, for example `accepted`
    next_at: datetime | None = None
    code: int | None = None
    enhanced: str | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A claim and what became of it."""

    claim: Claim
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How claims are taken: under whose name, for how long, how an address's key is made.

    `hold`: what a crash left open is left for an operator (`unknown`) instead of being sent again. `closed`: the scopes
    of newsletters that are outside of their hours. `resting`: whether preferences, as a text, say that nothing of a
    newsletter is wanted at a moment.
    """

    owner: str
    lease: timedelta
    address_key: Callable[[str], str]
    hold: bool = False
    closed: frozenset[str] = frozenset()
    resting: Callable[[str, str, datetime], bool] = lambda *_: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """New claims, and those results that did not count because their claim had been lost."""

    claims: tuple[Claim, ...] = ()
    lost: tuple[Settled, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Something that is not to be mailed until `until`, or until an operator says so where that is None.

    `scope` is `all`, `newsletter/SLUG`, `digest/SLUG/PERIOD` or `domain/NAME`. `automatic`: it was no operator's word.
    """

    scope: str
    reason: str
    at: datetime
    until: datetime | None = None
    automatic: bool = False


EVERYTHING = "all"  #: the scope that holds every other


def scopes_of(newsletter: str, period: str) -> tuple[str, str]:
    """The scopes, besides `all`, whose pause holds up a digest."""
    return f"newsletter/{newsletter}", f"digest/{newsletter}/{period}"


def domain_scope(domain: str) -> str:
    return f"domain/{domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A digest's email, rendered and inlined once.

    `template` holds every edition and audience that was asked for, as encoded fragments with open slots (`mail.fragments`);
    `mail.merge` makes a message of it. `subject` is that of the whole digest. `warnings` are what the editor should know
    before it goes out; they are said when it is compiled and kept nowhere. `fingerprint` stands for `template` where two
    mailings are compared.
    """

    newsletter: str
    period: str
    subject: str
    template: bytes = field(repr=False, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", hashlib.sha256(self.template).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one recipient: RFC 5321's envelope, and RFC 5322's octets as they go over the wire."""

    sender: str
    recipient: str
    message_id: str
    wire: Wire = field(repr=False)

    @property
    def data(self) -> bytes:
        """The octets, put together."""
        return bytes(self.wire)
