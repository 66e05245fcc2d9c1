"""The third verb: deliveries leave, one recipient at a time, each with its fate written down.

A delivery is claimed in a committed transaction before a byte leaves, and its result is accepted from the claim's
owner alone. So a crash leaves at most one open question for each sender; the Message-ID is the same in every attempt.
The senders of a process share their commits: whoever is ready when nothing else is to be done has a part in the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from newsletter.errors import (
    AmbiguousFailure,
    Fault,
    HeaderError,
    MailError,
    NewsletterError,
    NothingToSend,
    PermanentFailure,
    RelayFailure,
    StoreError,
    TransportError,
)
from newsletter.model import (
    DEAD_ADDRESS,
    EVERYTHING,
    Claim,
    DeliveryState,
    Exchange,
    Mailing,
    Message,
    Outcome,
    Pause,
    Settled,
    Terms,
    domain_scope,
    scopes_of,
)
from newsletter.pacing import Pace, complains, slow
from newsletter.waits import Course, Sealed, Served, Shared

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
_MAILINGS_KEPT = 8  #: at hand

AMBIGUOUS_WAIT = timedelta(minutes=15)
RELAY_WAIT = timedelta(minutes=15)  #: how long nothing is tried after the relay has refused us
DOMAIN_WAIT = timedelta(hours=1)  #: how long nobody of a domain is tried after it has refused us for its policy


class Ledger(Protocol):
    def begin_exchange(
        self, settled: Sequence[Settled], wanted: int, terms: Terms, now: datetime
    ) -> tuple[Exchange, Callable[[], None]]: ...


class Mailings(Protocol):
    def mailing(self, digest_id: int, form: str = "") -> Mailing: ...
    def close_finished(self) -> int: ...


class Suppressions(Protocol):
    def suppress(self, keys: Collection[str], reason: str, now: datetime) -> None: ...


class Paces(Protocol):
    def change(self, scope: str, step: Callable[[Pace], Pace]) -> object: ...


class Pauses(Protocol):
    def add(self, pause: Pause) -> None: ...


class Transport(Protocol):
    """How a message leaves. `sending` ends once it is accepted and raises a TransportError otherwise."""

    def sending(self, message: Message) -> Course[None]: ...
    def closing(self) -> Course[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What delivering needs: the ledger, the mailings, and how a claim becomes a message.

    `sign` gives a message its signatures; None: nothing is signed. `hold`: what may have been sent waits for an operator
    instead of being sent again. `closed`: the scopes of newsletters that are outside of their hours at a moment. `resting`:
    as in Terms.
    """

    ledger: Ledger
    mailings: Mailings
    suppressions: Suppressions
    pauses: Pauses
    paces: Paces
    merge: Callable[[Mailing, Claim], Message]
    sign: Callable[[Message], Course[Message]] | None = None
    address_key: Callable[[str], str]
    lease: timedelta
    max_age: timedelta
    hold: bool = False
    closed: Callable[[datetime], frozenset[str]] = lambda _: frozenset()
    resting: Callable[[str, str, datetime], bool] = lambda *_: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an attempt means: for its delivery, for its recipient, and for what else would fare alike.

    `dead`: the address takes no mail, now or later. `slow`: the scope of the domain that finds us too fast.
    """

    outcome: Outcome
    dead: bool = False
    pause: Pause | None = None
    slow: str | None = None


_ACCEPTED = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)


class Clerk:
    """Hands out claims and writes down results, for all senders of a process."""

    def __init__(self, post: Post, owner: str, clock: Callable[[], datetime]) -> None:
        self._ledger = post.ledger
        self._mailings = post.mailings
        self._terms = Terms(
            owner=owner, lease=post.lease, address_key=post.address_key, hold=post.hold, resting=post.resting
        )
        self._closed = post.closed
        self._clock = clock
        self._at_hand: dict[tuple[int, str], Mailing] = {}

    def exchange(self, turns: Sequence[Turn]) -> Served:
        """Take the results of several senders and give the next delivery to each that wants one, in one commit, which is
        the seal.

        None where none is due. Raises StoreError, and so does the seal.
        """
        settled = [turn.settled for turn in turns if turn.settled is not None]
        now = self._clock()
        closed = self._closed(now)
        if closed != self._terms.closed:
            self._terms = replace(self._terms, closed=closed)
        exchange, seal = self._ledger.begin_exchange(settled, sum(turn.more for turn in turns), self._terms, now)
        claims = iter(exchange.claims)
        return Served([next(claims, None) if turn.more else None for turn in turns], seal)

    def mailing(self, digest_id: int, form: str) -> Mailing:
        """Most deliveries share it with the ones before. Raises StoreError."""
        key = digest_id, form
        if key not in self._at_hand:
            if len(self._at_hand) >= _MAILINGS_KEPT:
                self._at_hand.clear()
            self._at_hand[key] = self._mailings.mailing(digest_id, form)
        return self._at_hand[key]


class Turn(NamedTuple):
    """What one sender hands in, and whether it takes a delivery with it."""

    settled: Settled | None
    more: bool


class Sender:
    """One connection's worth of sending, as courses (`newsletter.waits`)."""

    def __init__(self, post: Post, clerk: Clerk, transport: Transport, clock: Callable[[], datetime]) -> None:
        self._post = post
        self._clerk = clerk
        self._transport = transport
        self._clock = clock
        self._settled: Settled | None = None

    def sending_next(self) -> Course[Outcome | None]:
        """Write down the last result, claim the next delivery and send it; None where none is due.

        The result is written with the next call, or by `closing`. Raises RelayFailure, after recording it, where the
        relay refuses us: going on would help nobody.
        """
        claim: Claim | None = yield Shared(self._clerk.exchange, Turn(self._settled, more=True))
        made = None if claim is None else (yield from self._making(claim))  # meanwhile the claim gets on the disk
        yield Sealed()
        self._settled = None  # where that raised it is kept, and `closing` tries once more
        if claim is None or made is None:
            return None
        failure = made if isinstance(made, NewsletterError) else (yield from self._attempt(made))
        if failure is None:
            self._settled = Settled(claim=claim, outcome=_ACCEPTED)
            return _ACCEPTED
        return (yield from self._failed(claim, failure))

    def _failed(self, claim: Claim, failure: NewsletterError) -> Course[Outcome]:
        verdict = decide(claim, failure, now=self._clock(), max_age=self._post.max_age, hold=self._post.hold)
        self._settled = Settled(claim=claim, outcome=verdict.outcome)
        yield from self._consequences(claim, verdict)
        if isinstance(failure, RelayFailure):
            yield from self._settle()
            raise failure
        return verdict.outcome

    def closing(self) -> Course[None]:
        """Write down what is not written yet, and let go of the connection."""
        try:
            yield from self._settle()
        except StoreError:
            yield from self._transport.closing()
            raise
        yield from self._transport.closing()

    def _settle(self) -> Course[None]:
        if self._settled is not None:
            yield Shared(self._clerk.exchange, Turn(self._settled, more=False))
            yield Sealed()
            self._settled = None

    def _consequences(self, claim: Claim, verdict: Verdict) -> Course[None]:
        if verdict.dead:
            key = self._post.address_key(claim.subscriber.address)
            self._post.suppressions.suppress([key], "bounced", self._clock())
        if verdict.slow is not None:
            self._post.paces.change(verdict.slow, lambda pace: slow(pace, self._clock()))
        if verdict.pause is not None:
            yield from self._settle()
            self._post.pauses.add(verdict.pause)

    def _making(self, claim: Claim) -> Course[Message | NewsletterError]:
        post = self._post
        try:
            message = post.merge(self._clerk.mailing(claim.digest_id, claim.choice.form), claim)
            return message if post.sign is None else (yield from post.sign(message))
        except MailError as error:
            return error

    def _attempt(self, message: Message) -> Course[NewsletterError | None]:
        try:
            yield from self._transport.sending(message)
        except (TransportError, MailError) as error:
            return error
        return None


def decide(claim: Claim, failure: NewsletterError, *, now: datetime, max_age: timedelta, hold: bool = False) -> Verdict:
    """What a failed attempt means. A permanent refusal is never tried again (RFC 5321 4.2.1).

    `failure` is a TransportError or a MailError. Whose fault it was decides who pays: a recipient's own refusal ends the
    delivery, a domain's policy pauses the domain, a message that cannot be sent pauses its digest, and a relay that
    refuses us pauses everything.
    """
    if not isinstance(failure, TransportError):
        return _not_made(claim, failure, now)
    if isinstance(failure, PermanentFailure):
        return _refused(claim, failure, now)
    if failure.retry_at is not None and not isinstance(failure, AmbiguousFailure):
        return _no_relay(failure, failure.retry_at, now)
    if isinstance(failure, RelayFailure):
        return _relay_at_fault(claim, failure, now)
    too_fast = failure.fault is Fault.DOMAIN and complains(failure.code, failure.enhanced)
    return Verdict(
        outcome=_later(claim, failure, now=now, max_age=max_age, hold=hold),
        slow=_domain_scope(claim) if too_fast else None,
    )


def _not_made(claim: Claim, failure: NewsletterError, now: datetime) -> Verdict:
    """There is no message: nothing of the digest is for this recipient, or their address cannot stand in one."""
    if isinstance(failure, NothingToSend):
        return Verdict(outcome=Outcome(state=DeliveryState.SKIPPED, kind="nothing-chosen"))
    if isinstance(failure, HeaderError):
        return Verdict(outcome=Outcome(state=DeliveryState.BOUNCED, kind="not-addressable"))
    return _digest_at_fault(claim, failure.message, now)


def _refused(claim: Claim, failure: PermanentFailure, now: datetime) -> Verdict:
    policy = failure.fault is Fault.DOMAIN
    kind = "policy" if policy else "refused"
    return Verdict(
        outcome=Outcome(state=DeliveryState.BOUNCED, kind=kind, code=failure.code, enhanced=failure.enhanced),
        dead=failure.enhanced in DEAD_ADDRESS,
        pause=_pause(_domain_scope(claim), failure.message, now, DOMAIN_WAIT) if policy else None,
    )


def _domain_scope(claim: Claim) -> str:
    return domain_scope(claim.subscriber.address.rpartition("@")[2].lower())


def _digest_at_fault(claim: Claim, reason: str, now: datetime, failure: TransportError | None = None) -> Verdict:
    """Nobody is blamed: the delivery waits until an operator lets the digest go on."""
    code, enhanced = (None, None) if failure is None else (failure.code, failure.enhanced)
    scope = scopes_of(claim.newsletter, claim.period)[1]
    return Verdict(
        outcome=Outcome(
            state=DeliveryState.DEFERRED, kind="digest-at-fault", next_at=now, code=code, enhanced=enhanced
        ),
        pause=Pause(scope=scope, reason=reason, at=now, automatic=True),
    )


def _relay_at_fault(claim: Claim, failure: RelayFailure, now: datetime) -> Verdict:
    if failure.fault is Fault.MESSAGE:
        return _digest_at_fault(claim, failure.message, now, failure)
    return Verdict(
        outcome=Outcome(
            state=DeliveryState.DEFERRED,
            kind="relay-refused",
            next_at=now + RELAY_WAIT,
            code=failure.code,
            enhanced=failure.enhanced,
        ),
        pause=_pause(EVERYTHING, failure.message, now, RELAY_WAIT),
    )


def _no_relay(failure: TransportError, until: datetime, now: datetime) -> Verdict:
    """No relay can be used before `until`: everybody waits, and this delivery is not what failed."""
    outcome = Outcome(
        state=DeliveryState.DEFERRED, kind="no-relay", next_at=until, code=failure.code, enhanced=failure.enhanced
    )
    return Verdict(outcome=outcome, pause=_pause(EVERYTHING, failure.message, now, until - now))


def _pause(scope: str, reason: str, now: datetime, wait: timedelta) -> Pause:
    return Pause(scope=scope, reason=reason, at=now, until=now + wait, automatic=True)


def _later(claim: Claim, failure: TransportError, *, now: datetime, max_age: timedelta, hold: bool) -> Outcome:
    ambiguous = isinstance(failure, AmbiguousFailure)
    wait = back_off(claim.message_id, claim.attempts)
    if ambiguous and hold:
        state, kind = DeliveryState.UNKNOWN, "ambiguous"
    elif now - claim.created_at >= max_age:
        state, kind = DeliveryState.EXPIRED, "gave-up"
    else:
        state, kind = DeliveryState.DEFERRED, "ambiguous" if ambiguous else "deferred"
    return Outcome(
        state=state,
        kind=kind,
        next_at=now + (max(wait, AMBIGUOUS_WAIT) if ambiguous else wait) if state is DeliveryState.DEFERRED else None,
        ambiguous=ambiguous,
        code=failure.code,
        enhanced=failure.enhanced,
    )


def back_off(message_id: str, attempts: int) -> timedelta:
    """How long to wait after so many attempts: 5 minutes to 4 hours, a fifth more or less.

    The spread comes from the Message-ID, so that a thousand deferred messages do not come back in one second, and
    yet the same question always gets the same answer.
    """
    step = BACK_OFF[min(attempts, len(BACK_OFF)) - 1]
    spread = hashlib.sha256(f"{message_id}|{attempts}".encode()).digest()[0] / 255  # 0 to 1
    return step * (0.8 + 0.4 * spread)
