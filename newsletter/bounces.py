"""The verb for mail that comes back: bounces, complaints and requests to leave change what is mailed, and nothing else does.

What a report means is decided by pure functions (`judge`, `worn_out`, `decide`); `take_in` reads, asks them, and writes. A
report is believed only where it names a message of ours by something that a stranger cannot make up: a signed return
path, or the message's own id. Nothing is ever answered. Doing it twice changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from newsletter.errors import TokenError
from newsletter.model import DEAD_ADDRESS, DeliveryState
from newsletter.model.incoming import (
    Bounce,
    BounceKind,
    Failure,
    Fate,
    Letter,
    NoteBounce,
    PastDelivery,
    Report,
    ReportKind,
    SentDelivery,
    SentNote,
)

SOFT_BOUNCES = 5  #: so many in a row, ...
SOFT_SPAN = timedelta(days=14)  #: ... the first sent so long before the last, and the address gets nothing any more
GRACE = timedelta(
    days=7
)  #: what was sent so long ago and has not come back has arrived (RFC 5321 4.5.4.1: 4 to 5 days)
MEMORY = timedelta(days=400)  #: how far back bounces count: five of a monthly newsletter are within it

_POLICY = re.compile(
    r"polic(?:y|ies)|spam|unsolicited|block|black ?list|deny ?list|dnsbl|\brbl\b|reputation|banned|\bdmarc\b|\bspf\b|\bdkim\b",
    re.IGNORECASE,
)
_DEAD = re.compile(
    r"(?:user|recipient|mailbox|account|address|person) (?:is )?(?:unknown|not found|(?:does not|doesn't) exist)"
    r"|(?:unknown|no such|invalid) (?:user|recipient|mailbox|account|person|address(?! family))"
    r"|no (?:mailbox|user|account) (?:here )?(?:by|with|of) that name|no longer (?:exists|in use)",
    re.IGNORECASE,
)
_SIZE = re.compile(r"(?:message|mail) (?:size )?(?:is )?(?:too (?:big|large)|exceeds)", re.IGNORECASE)
_NAMES = re.compile(r"\S*[.@]\S*")  #: hosts, links, addresses: a server may be called spamfilter.example.org
_MILDEST = (BounceKind.MESSAGE, BounceKind.POLICY, BounceKind.SOFT, BounceKind.HARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of one message. `word` is that of a BounceKind, or why nothing changed; `domain` the recipient's."""

    word: str
    fate: Fate = Fate.DONE
    delivery_id: int | None = None
    domain: str | None = None


class Mailbox(Protocol):
    """Where messages wait. Reading takes none away; `settle` does, once what it says is committed."""

    def letters(self) -> Iterator[Letter]: ...
    def settle(self, letter: Letter, fate: Fate) -> None: ...


class Store(Protocol):
    def find(self, name: str) -> SentDelivery | None: ...
    def find_message(self, message_ids: Collection[str]) -> SentDelivery | None: ...
    def newest(self, subscriber_id: str, newsletter: str) -> SentDelivery | None: ...
    def history(self, subscriber_id: str, since: datetime) -> tuple[PastDelivery, ...]: ...
    def record(self, bounce: Bounce, keys: Collection[str], now: datetime) -> bool: ...


class Notes(Protocol):
    def find(self, name: str) -> SentNote | None: ...
    def find_message(self, message_ids: Collection[str]) -> SentNote | None: ...
    def newest(self, subscriber_id: str) -> SentNote | None: ...
    def record(self, bounce: NoteBounce, now: datetime) -> bool: ...


class Subscribers(Protocol):
    def unsubscribe(self, subscriber_id: str, newsletter: str, now: datetime) -> bool: ...


class Leaving(Protocol):
    @property
    def newsletters(self) -> tuple[str, ...]: ...
    @property
    def subscriber_id(self) -> str: ...


class Names(Protocol):
    """What proves that a report is about a message of ours. Both `read_` raise TokenError for what was not made here."""

    def is_return_path(self, address: str) -> bool: ...
    def read_return_path(self, address: str) -> str: ...
    def read_unsubscribe(self, token: str) -> Leaving: ...
    def address_key(self, address: str) -> str: ...
    def person_key(self, address: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What taking in needs."""

    store: Store
    notes: Notes
    subscribers: Subscribers
    names: Names
    read: Callable[[bytes, str], Report]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of all messages: how many by word, and which mail domains mistrust us or complain, how often."""

    counts: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    for_a_person: int = 0

    def add(self, taken: Taken) -> None:
        self.counts[taken.word] += 1
        self.for_a_person += taken.fate is Fate.PERSON
        if taken.domain is not None and taken.word in {BounceKind.POLICY, BounceKind.COMPLAINT}:
            self.domains[taken.domain] += 1

    def joined(self, other: Tally) -> Tally:
        return Tally(
            counts=self.counts + other.counts,
            domains=self.domains + other.domains,
            for_a_person=self.for_a_person + other.for_a_person,
        )


# -- deciding ----------------------------------------------------------------------------------------------------------


def judge(report: Report) -> tuple[BounceKind, Failure]:
    """By whose doing a message came back, and the failure that says so.

    Of several failures the mildest counts, because it is not known which of them is the recipient's own: an address
    may stand for several. For the same reason an address that was reached in part is not dead.
    """
    judged = [(_kind_of(each), each) for each in report.failures or (Failure(),)]
    kind, failure = min(judged, key=lambda one: _MILDEST.index(one[0]))
    if kind is BounceKind.HARD and report.partly:
        kind = BounceKind.SOFT
    return kind, failure


def _kind_of(failure: Failure) -> BounceKind:
    status, words = failure.status or "", _NAMES.sub(" ", failure.words)
    subject = status[2:].partition(".")[0]
    if subject == "7" or _POLICY.search(words):
        return BounceKind.POLICY
    if status == "5.3.4" or subject == "6" or (failure.code == 552 and _SIZE.search(words)):
        return BounceKind.MESSAGE
    unspecific = not status or status.endswith(".0.0")
    if status in DEAD_ADDRESS or (unspecific and failure.code not in range(400, 500) and _DEAD.search(words)):
        return BounceKind.HARD
    return BounceKind.SOFT


def worn_out(history: Sequence[PastDelivery], now: datetime) -> bool:
    """Whether an address has bounced softly for so often and so long that it gets nothing any more.

    `history` is everything that the person was sent, newest first. Going back in time, soft bounces are counted until a
    message that arrived: one that was sent a week ago or earlier and has not come back. What is younger may still come
    back, and bounces that are no doing of the recipient's say nothing; neither counts.
    """
    run: list[datetime] = []
    for past in history:
        if past.state is DeliveryState.SENT and now - past.at >= GRACE:
            break
        if past.state is DeliveryState.BOUNCED and _soft(past):
            run.append(past.at)
    return len(run) >= SOFT_BOUNCES and run[0] - run[-1] >= SOFT_SPAN


def _soft(past: PastDelivery) -> bool:
    """Also one that the recipient's server refused at once, while we were connected."""
    if past.bounce is not None:
        return past.bounce is BounceKind.SOFT
    return past.enhanced is not None and _kind_of(Failure(status=past.enhanced)) is BounceKind.SOFT


def may_have_left(delivery: SentDelivery) -> bool:
    """Whether a server can have taken this message, so that something may come back for it."""
    doubtful = delivery.ambiguous and delivery.state in {DeliveryState.DEFERRED, DeliveryState.EXPIRED}
    return doubtful or delivery.state in {DeliveryState.SENT, DeliveryState.UNKNOWN}


def decide(report: Report, delivery: SentDelivery, history: Sequence[PastDelivery], now: datetime) -> Bounce:
    """What a bounce or a complaint about this delivery means. `history` as in `worn_out`, as it was without this bounce."""
    if report.kind is ReportKind.COMPLAINT:
        return Bounce(delivery=delivery, kind=BounceKind.COMPLAINT, suppress="complaint", leave=True)
    kind, failure = judge(report)
    dead = kind is BounceKind.HARD
    if kind is BounceKind.SOFT:
        at, others = delivery.sent_at or now, [past for past in history if past.delivery_id != delivery.id]
        this = PastDelivery(delivery_id=delivery.id, at=at, state=DeliveryState.BOUNCED, bounce=kind)
        dead = worn_out(sorted((this, *others), key=lambda past: past.at, reverse=True), now)
    return Bounce(
        delivery=delivery,
        kind=kind,
        code=failure.code,
        enhanced=failure.status,
        suppress="bounced" if dead else None,
    )


def decide_note(report: Report, note: SentNote) -> NoteBounce:
    """What a bounce or a complaint about a note means.

    Whoever calls a question spam is a person who wants no mail from us. A question to a dead address is void, and the
    address, which was never anybody's, is not remembered.
    """
    if report.kind is ReportKind.COMPLAINT:
        return NoteBounce(note=note, kind=BounceKind.COMPLAINT, suppress="complaint", person=True, end=True)
    kind, _ = judge(report)
    if kind is not BounceKind.HARD:
        return NoteBounce(note=note, kind=kind)
    asked = note.request_id is not None
    return NoteBounce(note=note, kind=kind, suppress=None if asked else "bounced", end=asked)


# -- doing -------------------------------------------------------------------------------------------------------------


def take_in(
    mailbox: Mailbox,
    desk: Desk,
    now: Callable[[], datetime],
    *,
    told: Callable[[Taken], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Tally:
    """Act on every message that waits; each is committed before it is settled, and settled before the next is read.

    Raises StoreError and MailboxError; what was not settled by then is read again, and changes nothing a second time.
    """
    tally = Tally()
    for letter in mailbox.letters():
        taken = take(letter, desk, now())
        mailbox.settle(letter, taken.fate)
        tally.add(taken)
        told(taken)
        if stopped():
            break
    return tally


def take(letter: Letter, desk: Desk, now: datetime) -> Taken:
    """Act on one message. Raises StoreError."""
    report = desk.read(letter.data, letter.recipient)
    if report.kind is ReportKind.UNSUBSCRIBE:
        return _leave(report, desk, now)
    if report.kind in {ReportKind.DELAYED, ReportKind.AUTOMATIC}:
        return Taken(word=report.kind.value)
    if report.kind is ReportKind.UNKNOWN:
        return Taken(word="unclear", fate=Fate.PERSON)
    try:
        named, found = _named(report, desk)
    except TokenError:
        return Taken(word="forged")
    if found is None:
        return Taken(word="unknown-delivery") if named else Taken(word="unnamed", fate=Fate.PERSON)
    return _record_note(report, found, desk, now) if isinstance(found, SentNote) else _record(report, found, desk, now)


def _leave(report: Report, desk: Desk, now: datetime) -> Taken:
    """A token that is not ours may have been mangled on the way: whoever asks to leave is to be let go, by a person."""
    try:
        leaving = desk.names.read_unsubscribe(report.tokens[0])
    except TokenError:
        return Taken(word="unclear", fate=Fate.PERSON)
    ended = [desk.subscribers.unsubscribe(leaving.subscriber_id, each, now) for each in leaving.newsletters]
    return Taken(word="unsubscribed" if any(ended) else "repeated")


def _named(report: Report, desk: Desk) -> tuple[bool, SentDelivery | SentNote | None]:
    """Whether a report names a message at all, and that message. Raises TokenError for a false return path."""
    paths = [address for address in report.addresses if desk.names.is_return_path(address)]
    if paths:
        name = _first_true(paths, desk.names)
        return True, desk.store.find(name) or desk.notes.find(name)
    found = desk.store.find_message(report.message_ids) or desk.notes.find_message(report.message_ids)
    if found is None and report.kind is ReportKind.COMPLAINT:
        found = _by_link(report, desk)
    return bool(report.message_ids), found


def _first_true(paths: Sequence[str], names: Names) -> str:
    for path in paths[:-1]:
        try:
            return names.read_return_path(path)
        except TokenError:
            continue
    return names.read_return_path(paths[-1])


def _by_link(report: Report, desk: Desk) -> SentDelivery | SentNote | None:
    """Some take the ids out of the copy that they send along, but not its List-Unsubscribe."""
    for token in report.tokens:
        try:
            leaving = desk.names.read_unsubscribe(token)
        except TokenError:
            continue
        digests = (desk.store.newest(leaving.subscriber_id, each) for each in leaving.newsletters)
        return next(filter(None, digests), None) or desk.notes.newest(leaving.subscriber_id)
    return None


def _record(report: Report, delivery: SentDelivery, desk: Desk, now: datetime) -> Taken:
    if delivery.state is DeliveryState.SENDING:
        return Taken(word="too-early", fate=Fate.LATER)  # its result is not written down yet
    complaint = report.kind is ReportKind.COMPLAINT  # some servers deliver a message and let it come back too
    if not may_have_left(delivery) and not (complaint and delivery.sent_at is not None):
        return Taken(word="repeated" if delivery.state is DeliveryState.BOUNCED else "not-sent")
    soft = not complaint and judge(report)[0] is BounceKind.SOFT
    history = desk.store.history(delivery.subscriber_id, now - MEMORY) if soft else ()
    bounce = decide(report, delivery, history, now)
    if not desk.store.record(bounce, _keys(delivery.address, desk.names, complaint=complaint), now):
        return Taken(word="repeated")
    return Taken(word=bounce.kind.value, delivery_id=delivery.id, domain=delivery.domain)


def _record_note(report: Report, note: SentNote, desk: Desk, now: datetime) -> Taken:
    bounce = decide_note(report, note)
    if not desk.notes.record(bounce, now):
        return Taken(word="repeated")
    return Taken(word=bounce.kind.value, domain=note.domain)


def _keys(address: str | None, names: Names, *, complaint: bool) -> tuple[str, ...]:
    """What is suppressed: a complaint is a person's, however they spell their address; a dead mailbox is that one alone."""
    if address is None:
        return ()
    return (names.address_key(address), names.person_key(address)) if complaint else (names.address_key(address),)
