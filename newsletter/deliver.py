"""The third verb: deliveries leave, one recipient at a time, each with its fate written down.

A delivery is claimed in a committed transaction before a byte leaves, and its result is accepted from the claim's
owner alone. So a crash leaves at most one open question for each sender; the Message-ID is the same in every attempt.
All senders of a process share their commits: while one commit reaches the disk, the others line up for the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from newsletter.errors import (
    AmbiguousFailure,
    Fault,
    HeaderError,
    MailError,
    NewsletterError,
    NothingToSend,
    PermanentFailure,
    RelayFailure,
    TransportError,
)
from newsletter.model import (
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

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
AMBIGUOUS_WAIT = timedelta(minutes=15)
RELAY_WAIT = timedelta(minutes=15)  #: how long nothing is tried after the relay has refused us
DOMAIN_WAIT = timedelta(hours=1)  #: how long nobody of a domain is tried after it has refused us for its policy

#: RFC 3463: the mailbox or its domain does not exist, or takes no mail any more. Nothing else is the recipient's doing.
DEAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})

_MAILINGS = 8  #: how many are kept at hand


class Ledger(Protocol):
    def exchange(self, settled: Sequence[Settled], wanted: int, terms: Terms, now: datetime) -> Exchange: ...


class Mailings(Protocol):
    def mailing(self, digest_id: int, form: str = "") -> Mailing: ...
    def close_finished(self) -> int: ...


class Suppressions(Protocol):
    def suppress(self, address_key: str, reason: str, now: datetime) -> None: ...


class Paces(Protocol):
    def change(self, scope: str, step: Callable[[Pace], Pace]) -> object: ...


class Pauses(Protocol):
    def add(self, pause: Pause) -> None: ...


class Transport(Protocol):
    """How a message leaves. `send` returns once it is accepted and raises a TransportError otherwise."""

    def send(self, message: Message) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What delivering needs: the ledger, the mailings, and how a claim becomes a message.

    `hold`: what may have been sent waits for an operator instead of being sent again. `closed`: the scopes of newsletters
    that are outside of their hours at a moment. `resting`: as in Terms.
    """

    ledger: Ledger
    mailings: Mailings
    suppressions: Suppressions
    pauses: Pauses
    paces: Paces
    merge: Callable[[Mailing, Claim], Message]
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


class Clerk:
    """Hands out claims and writes down results, for all senders of a process. Each call is committed when it returns.

    Whoever comes first does the work of all who have come meanwhile, in one transaction.
    """

    def __init__(self, post: Post, owner: str, clock: Callable[[], datetime]) -> None:
        self._ledger = post.ledger
        self._terms = Terms(
            owner=owner, lease=post.lease, address_key=post.address_key, hold=post.hold, resting=post.resting
        )
        self._closed = post.closed
        self._clock = clock
        self._guard = Lock()
        self._busy = False
        self._waiting: list[_Request] = []

    def exchange(self, settled: Settled | None, *, more: bool) -> Claim | None:
        """Hand in a result and, with `more`, take the next delivery; None where none is due. Raises StoreError."""
        request = _Request(settled, more=more)
        if not self._leads(request):
            request.wake.acquire()
        if not request.done:
            self._serve()
        if request.error is not None:
            raise request.error
        return request.claim

    def _leads(self, request: _Request) -> bool:
        with self._guard:
            self._waiting.append(request)
            leads, self._busy = not self._busy, True
            return leads

    def _serve(self) -> None:
        """One commit for all who wait; then the first of those who have come meanwhile does the next."""
        with self._guard:
            requests, self._waiting = self._waiting, []
        self._commit(requests)
        with self._guard:
            self._busy = bool(self._waiting)
            following = self._waiting[:1]
        for request in (*requests, *following):
            request.wake.release()

    def _commit(self, requests: Sequence[_Request]) -> None:
        settled = [request.settled for request in requests if request.settled is not None]
        wanting = [request for request in requests if request.more]
        try:
            now = self._clock()
            terms = replace(self._terms, closed=self._closed(now))
            exchange = self._ledger.exchange(settled, len(wanting), terms, now)
        except Exception as error:  # noqa: BLE001 - each sender raises it; a defect must not let the others wait for ever
            for request in requests:
                request.error = error
        else:
            for request, claim in zip(wanting, exchange.claims, strict=False):
                request.claim = claim
        for request in requests:
            request.done = True


class _Request:
    """What one sender asks for. `wake` is let go when it is done, or when its sender is to do the next commit."""

    __slots__ = ("claim", "done", "error", "more", "settled", "wake")

    def __init__(self, settled: Settled | None, *, more: bool) -> None:
        self.settled = settled
        self.more = more
        self.claim: Claim | None = None
        self.error: Exception | None = None
        self.done = False
        self.wake = Lock()
        self.wake.acquire()


class Sender:
    """One connection's worth of sending. Keeps a few mailings at hand, since most deliveries share them."""

    def __init__(self, post: Post, clerk: Clerk, transport: Transport, clock: Callable[[], datetime]) -> None:
        self._post = post
        self._clerk = clerk
        self._transport = transport
        self._clock = clock
        self._at_hand: dict[tuple[int, str], Mailing] = {}
        self._settled: Settled | None = None

    def send_next(self) -> Outcome | None:
        """Write down the last result, claim the next delivery and send it; None where none is due.

        The result is written with the next call, or by `close`. Raises RelayFailure, after recording it, where the
        relay refuses us: going on would help nobody.
        """
        claim = self._clerk.exchange(self._settled, more=True)
        self._settled = None  # where that raised it is kept, and `close` tries once more
        if claim is None:
            return None
        failure = self._attempt(claim)
        verdict = decide(claim, failure, now=self._clock(), max_age=self._post.max_age, hold=self._post.hold)
        self._settled = Settled(claim=claim, outcome=verdict.outcome)
        self._consequences(claim, verdict)
        if isinstance(failure, RelayFailure):
            self._settle()
            raise failure
        return verdict.outcome

    def close(self) -> None:
        """Write down what is not written yet, and let go of the connection."""
        try:
            self._settle()
        finally:
            self._transport.close()

    def _settle(self) -> None:
        if self._settled is not None:
            self._clerk.exchange(self._settled, more=False)
            self._settled = None

    def _consequences(self, claim: Claim, verdict: Verdict) -> None:
        if verdict.dead:
            key = self._post.address_key(claim.subscriber.address)
            self._post.suppressions.suppress(key, "bounced", self._clock())
        if verdict.slow is not None:
            self._post.paces.change(verdict.slow, lambda pace: slow(pace, self._clock()))
        if verdict.pause is not None:
            self._settle()
            self._post.pauses.add(verdict.pause)

    def _attempt(self, claim: Claim) -> NewsletterError | None:
        try:
            self._transport.send(self._post.merge(self._mailing_of(claim), claim))
        except (TransportError, MailError) as error:
            return error
        return None

    def _mailing_of(self, claim: Claim) -> Mailing:
        wanted = claim.digest_id, claim.choice.form
        if wanted not in self._at_hand:
            if len(self._at_hand) >= _MAILINGS:
                self._at_hand.clear()
            self._at_hand[wanted] = self._post.mailings.mailing(*wanted)
        return self._at_hand[wanted]


def decide(
    claim: Claim, failure: NewsletterError | None, *, now: datetime, max_age: timedelta, hold: bool = False
) -> Verdict:
    """What an attempt means. A permanent refusal is never tried again (RFC 5321 4.2.1).

    `failure` is a TransportError or a MailError. Whose fault it was decides who pays: a recipient's own refusal ends the
    delivery, a domain's policy pauses the domain, a message that cannot be sent pauses its digest, and a relay that
    refuses us pauses everything.
    """
    if failure is None:
        return Verdict(outcome=Outcome(state=DeliveryState.SENT, kind="accepted", code=250))
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
