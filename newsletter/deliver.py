"""The third verb: deliveries leave, one recipient at a time, each with its fate written down.

A delivery is claimed in a committed transaction before a byte leaves, and its result is accepted from the claim's
owner alone. So a crash leaves at most one open question for each sender; the Message-ID is the same in every attempt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from newsletter.errors import AmbiguousFailure, HeaderError, PermanentFailure, RelayFailure, TransportError
from newsletter.model import Claim, DeliveryState, Mailing, Message, Outcome

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
AMBIGUOUS_WAIT = timedelta(minutes=15)

#: RFC 3463: the mailbox or its domain does not exist, or takes no mail any more. Nothing else is the recipient's doing.
DEAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})


class Ledger(Protocol):
    def claim(
        self, owner: str, now: datetime, lease: timedelta, suppressed_key: Callable[[str], str]
    ) -> Claim | None: ...
    def finish(self, claim: Claim, outcome: Outcome, now: datetime) -> bool: ...


class Mailings(Protocol):
    def mailing(self, digest_id: int) -> Mailing: ...
    def close_finished(self) -> int: ...


class Suppressions(Protocol):
    def suppress(self, address_key: str, reason: str, now: datetime) -> None: ...


class Transport(Protocol):
    """How a message leaves. `send` returns once it is accepted and raises a TransportError otherwise."""

    def send(self, message: Message) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What delivering needs: the ledger, the mailings, and how a claim becomes a message."""

    ledger: Ledger
    mailings: Mailings
    suppressions: Suppressions
    merge: Callable[[Mailing, Claim], Message]
    address_key: Callable[[str], str]
    lease: timedelta
    max_age: timedelta


class Sender:
    """One connection's worth of sending. Keeps the mailing at hand, since most deliveries share it."""

    def __init__(self, post: Post, transport: Transport, owner: str) -> None:
        self._post = post
        self._transport = transport
        self._owner = owner
        self._mailing: tuple[int, Mailing] | None = None

    def send_next(self, now: datetime) -> Outcome | None:
        """Claim, send and record one delivery; None where none is due.

        Raises RelayFailure, after recording it, where the relay refuses us: going on would help nobody.
        """
        post = self._post
        claim = post.ledger.claim(self._owner, now, post.lease, post.address_key)
        if claim is None:
            return None
        failure = self._attempt(claim)
        outcome = decide(claim, failure, now=now, max_age=post.max_age)
        post.ledger.finish(claim, outcome, now)
        if outcome.state is DeliveryState.BOUNCED and outcome.enhanced in DEAD_ADDRESS:
            post.suppressions.suppress(post.address_key(claim.subscriber.address), "bounced", now)
        if isinstance(failure, RelayFailure):
            raise failure
        return outcome

    def close(self) -> None:
        self._transport.close()

    def _attempt(self, claim: Claim) -> TransportError | None:
        try:
            self._transport.send(self._post.merge(self._mailing_of(claim.digest_id), claim))
        except TransportError as error:
            return error
        except HeaderError as error:
            return PermanentFailure(error.message)
        return None

    def _mailing_of(self, digest_id: int) -> Mailing:
        if self._mailing is None or self._mailing[0] != digest_id:
            self._mailing = (digest_id, self._post.mailings.mailing(digest_id))
        return self._mailing[1]


def decide(claim: Claim, failure: TransportError | None, *, now: datetime, max_age: timedelta) -> Outcome:
    """What an attempt means for its delivery. A permanent refusal is never tried again (RFC 5321 4.2.1)."""
    if failure is None:
        return Outcome(state=DeliveryState.SENT, kind="accepted", code=250)
    code, enhanced = failure.code, failure.enhanced
    if isinstance(failure, PermanentFailure):
        return Outcome(state=DeliveryState.BOUNCED, kind="refused", code=code, enhanced=enhanced)
    if now - claim.created_at >= max_age:
        return Outcome(state=DeliveryState.EXPIRED, kind="gave-up", code=code, enhanced=enhanced)
    ambiguous = isinstance(failure, AmbiguousFailure)
    wait = back_off(claim.message_id, claim.attempts)
    return Outcome(
        state=DeliveryState.DEFERRED,
        kind="ambiguous" if ambiguous else "relay-refused" if isinstance(failure, RelayFailure) else "deferred",
        next_at=now + (max(wait, AMBIGUOUS_WAIT) if ambiguous else wait),
        code=code,
        enhanced=enhanced,
        ambiguous=ambiguous,
    )


def back_off(message_id: str, attempts: int) -> timedelta:
    """How long to wait after so many attempts: 5 minutes to 4 hours, a fifth more or less.

    The spread comes from the Message-ID, so that a thousand deferred messages do not come back in one second, and
    yet the same question always gets the same answer.
    """
    step = BACK_OFF[min(attempts, len(BACK_OFF)) - 1]
    spread = hashlib.sha256(f"{message_id}|{attempts}".encode()).digest()[0] / 255  # 0 to 1
    return step * (0.8 + 0.4 * spread)
