"""The fourth verb: who gets what, by consent, and out by one press. Decisions alone; what they need is told to them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from newsletter.addresses import is_mailbox
from newsletter.errors import (
    AmbiguousFailure,
    FormError,
    HeaderError,
    NewsletterError,
    PermanentFailure,
    RelayFailure,
    TransportError,
    UsageError,
)
from newsletter.model import (
    DEAD_ADDRESS,
    Answer,
    Consent,
    Known,
    Newsletter,
    NoteClaim,
    NoteOutcome,
    Preferences,
    Request,
    Restraint,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.words import marked

REQUEST_LIFE = timedelta(hours=48)  #: so long a request waits to be confirmed
SENT_NOTE_LIFE = timedelta(days=90)  #: so long something may come back for a note; people press "spam" late
PREFERENCES_GAP = timedelta(hours=1)  #: between two notes with a link to preferences that a reader asks for

#: How long a note waits after each attempt; somebody sits before the screen and waits for it.
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
RELAY_WAIT = timedelta(minutes=15)  #: how long nothing is tried after the relay has refused us

BY_PREFERENCES = "preferences"  #: the source of a consent that was given on the page of preferences

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_LONGEST_NAME = 200

NO_ADDRESS = marked("Please write one whole email address, such as name@example.org.")
NO_NEWSLETTER = marked("Please choose at least one newsletter.")
NO_CONSENT = marked("Please tick the box: we may write to you only if you agree.")


# -- names ------------------------------------------------------------------------------------------------------------


def is_name(name: str) -> bool:
    """Whether it can stand in a header, and is no longer than a name is."""
    return _UNSAFE.search(name) is None and len(name) <= _LONGEST_NAME


# -- asking and confirming --------------------------------------------------------------------------------------------


def new_request(
    *,
    address: str,
    newsletters: Sequence[str],
    preferences: Preferences,
    consent: Consent,
    known: Collection[str],
) -> Request:
    """What somebody asks for on the sign-up page; `known` are the newsletters that there are.

    Raises FormError for the fields `address`, `newsletters` and `consent`.
    """
    address = address.strip()
    wanted = tuple(dict.fromkeys(newsletters))
    problems = {}
    if not is_mailbox(address) or "." not in address.rpartition("@")[2]:
        problems["address"] = NO_ADDRESS
    if not wanted or not set(wanted) <= set(known):
        problems["newsletters"] = NO_NEWSLETTER
    if not consent.text.strip():
        problems["consent"] = NO_CONSENT
    if problems:
        raise FormError(problems)
    return Request(
        id=secrets.token_hex(16), address=address, newsletters=wanted, preferences=_tagged(preferences), consent=consent
    )


def answer(
    request: Request,
    known: Known,
    *,
    newsletters: Collection[str],
    restraint: Restraint,
    braked: bool,
    now: datetime,
) -> Answer:
    """What is done about a request. `braked`: as many mails were sent in this hour as an operator lets.

    An address that bounced, complained or was erased for good gets nothing, and nobody gets a second mail so soon
    because somebody asks with their address.
    """
    wanted = {slug for slug in request.newsletters if slug in newsletters}
    if known.suppressed or not wanted:
        return Answer.NOTHING
    if known.asked is not None and now - known.asked.at < restraint.gap:
        return Answer.NOTHING
    reminds = wanted <= known.confirmed
    if not reminds and known.asked is not None and known.asked.count >= restraint.most:
        return Answer.NOTHING
    if braked:
        return Answer.WAIT
    return Answer.REMIND if reminds else Answer.CONFIRM


def confirmed(request: Request, newsletters: Mapping[str, Newsletter], now: datetime) -> tuple[Subscription, ...]:
    """The subscriptions that a confirmed request brings. The consent counts from the moment of its confirmation."""
    person = Subscriber(id=secrets.token_hex(16), address=request.address)
    return tuple(
        Subscription(
            subscriber=person,
            newsletter=slug,
            state=SubscriptionState.CONFIRMED,
            consent=replace(request.consent, at=now),
            preferences=fitting(request.preferences, newsletters[slug]),
        )
        for slug in request.newsletters
        if slug in newsletters
    )


def fitting(preferences: Preferences, newsletter: Newsletter) -> Preferences:
    """The preferences as this newsletter can heed them: it comes no more often than it is written."""
    preferences, wanted = _tagged(preferences), preferences.cadence
    if wanted is not None and wanted not in newsletter.cadence.slower:
        return replace(preferences, cadence=None)
    return preferences


def _tagged(preferences: Preferences) -> Preferences:
    """What is no tag of a language (RFC 5646 2.1) names no catalogue either."""
    told = preferences.language
    return preferences if told is None or _LANGUAGE.fullmatch(told) else replace(preferences, language=None)


def new_subscription(
    address: str, name: str, newsletter: str, consent: Consent, *, newsletters: Collection[str]
) -> Subscription:
    """A confirmed subscription as an operator enters it, with the consent that stands behind it.

    Raises UsageError for an address that is not exactly one mailbox, a name that could not stand in a header, or a
    newsletter that does not exist.
    """
    if not is_mailbox(address):
        raise UsageError("the address is not one mailbox such as name@example.org")
    if not is_name(name):
        raise UsageError(f"the name has a control character or more than {_LONGEST_NAME} characters")
    if newsletter not in newsletters:
        raise UsageError(f'no newsletter "{newsletter}"; there are: {", ".join(sorted(newsletters))}')
    return Subscription(
        subscriber=Subscriber(id=secrets.token_hex(16), address=address, name=name.strip()),
        newsletter=newsletter,
        state=SubscriptionState.CONFIRMED,
        consent=consent,
    )


# -- notes ------------------------------------------------------------------------------------------------------------


def outcome_of(note: NoteClaim, failure: NewsletterError | None, *, now: datetime, max_age: timedelta) -> NoteOutcome:
    """What an attempt to send a note means. `failure` is a TransportError or a MailError."""
    if failure is None:
        return NoteOutcome(word="sent")
    if isinstance(failure, HeaderError):
        return NoteOutcome(word="not-addressable")
    if isinstance(failure, PermanentFailure):
        return NoteOutcome(word="refused", dead=failure.enhanced in DEAD_ADDRESS)
    if now - note.created_at >= (REQUEST_LIFE if note.of_request else max_age):
        return NoteOutcome(word="expired")
    return _again(note, failure, now)


def _again(note: NoteClaim, failure: NewsletterError, now: datetime) -> NoteOutcome:
    """When a note is tried again that did not leave."""
    if isinstance(failure, RelayFailure):
        return NoteOutcome(word="relay-refused", next_at=now + RELAY_WAIT, halt=True)
    if not isinstance(failure, TransportError):
        return NoteOutcome(word="not-made", next_at=now + RELAY_WAIT)
    if failure.retry_at is not None and not isinstance(failure, AmbiguousFailure):
        return NoteOutcome(word="no-relay", next_at=failure.retry_at, halt=True)
    return NoteOutcome(word="deferred", next_at=now + BACK_OFF[min(note.attempts, len(BACK_OFF)) - 1])
