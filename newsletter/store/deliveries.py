"""The ledger: one row for each mailing and recipient, and everything that happened to it.

`pending -> sending -> sent | deferred | bounced | suppressed | unknown | expired`, or `skipped`, which is what its reader
wishes. A row is claimed in a committed
transaction before a byte leaves, under the owner's name and for the time of a lease; the result is taken from that
claim alone. So after a crash every question is open in the ledger, and none is only in the memory of a dead process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)

from newsletter.model import (
    EVERYTHING,
    Choice,
    Claim,
    DeliveryState,
    Exchange,
    Outcome,
    Pause,
    Settled,
    Subscriber,
    SubscriptionState,
    Terms,
    domain_scope,
    scopes_of,
)
from newsletter.pacing import Pace, holds, reserve
from newsletter.store import schema
from newsletter.store.choices import Choices
from newsletter.store.database import Again, Database
from newsletter.store.delivery_events import DeliveryEvent, NewEvent, events_of, note_all
from newsletter.store.digests import READY, SENDING
from newsletter.store.paces import Paces
from newsletter.store.pauses import standing
from newsletter.store.preferences import load_articles
from newsletter.store.rows import Hot, HotForAll
from newsletter.store.schema import delivery as table
from newsletter.store.subscribers import suppressed_among
from newsletter.wishes import PAUSED

_PACES_KEPT = timedelta(minutes=1)
_EVERYTHING = Choice()
_NO_CHOICES: Mapping[int, Choice] = {}
_STOCK_KEPT = timedelta(seconds=1)
_READ_AHEAD = 256  #: rows
_NO_TERMS = Terms(owner="", lease=timedelta(), address_key=str)  # nothing is claimed under them


class Deliveries:
    """The deliveries. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database, paces: Paces | None = None) -> None:
        self._database = database
        self._paces = Paces(database) if paces is None else paces
        self._paced: tuple[datetime, frozenset[str]] | None = None
        self._choices = Choices()
        self._stock: _Stock | None = None

    def exchange(self, settled: Sequence[Settled], wanted: int, terms: Terms, now: datetime) -> Exchange:
        """Write down what became of claims and take up to `wanted` new ones, all in one commit.

        A result counts from the claim alone that it belongs to: where the claim was lost to another owner, nothing
        changes and the result comes back in `lost`. Due are rows whose lease has run out (their fate is unknown, so they become ambiguous,
        or `unknown` where the terms say so), deferred ones whose time has come, and pending ones, in this order. Before
        a row is taken it is looked at again: where the subscription is no longer confirmed, or the address is
        suppressed, it becomes `suppressed`; where its reader takes a break, `skipped`; where its domain is paused, it waits; where its domain has a pace, it waits for
        its slot. Nothing is taken of what is paused.

        Raises ValueError for an outcome that ends nothing.
        """
        exchange, seal = self.begin_exchange(settled, wanted, terms, now)
        seal()
        return exchange

    def begin_exchange(
        self, settled: Sequence[Settled], wanted: int, terms: Terms, now: datetime
    ) -> tuple[Exchange, Callable[[], None]]:
        """What `exchange` does, but nothing of it counts before the second one, which commits, was called: by any thread,
        and in any case. Both raise StoreError.
        """
        for one in settled:
            _require_end(one.outcome)
        paced = self._paced_scopes(now) if wanted else frozenset()
        try:
            with self._database.begin_again(self) as again:
                desk = self._desk(again, terms, now, paced, self._stock)
                _record(desk, settled)
                return self._served(desk, wanted), again.commit
        except _LostClaimError:
            with self._database.begin_again(self) as again:
                desk = self._desk(again, terms, now, paced, None)
                lost = tuple(one for one in settled if not _recorded(desk, [one.claim.delivery_id], *_end_of(one)))
                return self._served(desk, wanted, lost), again.commit

    def _desk(self, again: Again, terms: Terms, now: datetime, paced: Collection[str], stock: _Stock | None) -> _Desk:
        good = _still_good(stock, again.mark, terms, now)
        return _Desk(again.connection, terms, now, paced, self._paces, self._choices, good)

    def _served(self, desk: _Desk, wanted: int, lost: tuple[Settled, ...] = ()) -> Exchange:
        """Within the transaction, so that nobody else can take of the stock meanwhile."""
        claims = _claims(desk, wanted)
        desk.close()
        if wanted:
            self._stock = desk.stock
        return Exchange(claims=claims, lost=lost)

    def _paced_scopes(self, now: datetime) -> frozenset[str]:
        """The domains that have a pace, as they stood a minute ago at most."""
        if self._paced is None or not timedelta() <= now - self._paced[0] < _PACES_KEPT:
            self._paced = now, frozenset(self._paces.load())
        return self._paced[1]

    def claim(self, terms: Terms, now: datetime) -> Claim | None:
        """Take one delivery that is due; None where none is. It is committed when this returns."""
        return next(iter(self.exchange((), 1, terms, now).claims), None)

    def finish(self, claim: Claim, outcome: Outcome, now: datetime) -> bool:
        """Write down what became of a claim; False, and no change, where the claim was lost to another owner."""
        return not self.exchange((Settled(claim=claim, outcome=outcome),), 0, _NO_TERMS, now).lost

    def recover(self, now: datetime, *, hold: bool = False) -> int:
        """Take back everything that is being sent, whatever its lease; how many. `hold`: as `unknown`, for an operator.

        Only for a caller who knows that no sender is alive, because he holds the file lock.
        """
        sending = select(table.c.id).where(table.c.state == DeliveryState.SENDING.value).with_for_update()
        state, kind = (DeliveryState.UNKNOWN, "held") if hold else (DeliveryState.PENDING, "recovered")
        freed = {
            "state": state.value,
            "owner": None,
            "lease_until": None,
            "next_at": None if hold else now,
            "ambiguous": True,
        }
        with self._database.begin() as connection:
            numbers = connection.execute(sending).scalars().all()
            for number in numbers:  # few: at most one for each connection of the dead process
                connection.execute(update(table).where(table.c.id == number).values(freed))
            note_all(connection, [NewEvent(number, kind) for number in numbers], now)
            return len(numbers)

    def counts(self) -> dict[str, dict[str, int]]:
        """Newsletter -> state -> number of deliveries; newsletters and states without any are left out."""
        # Counted in the index, and only then joined: the other way round every delivery's digest is looked at.
        each = select(table.c.digest_id, table.c.state, func.count().label("number"))
        counted = each.group_by(table.c.digest_id, table.c.state).subquery()
        query = (
            select(schema.digest.c.newsletter, counted.c.state, func.sum(counted.c.number).label("number"))
            .join(schema.digest, schema.digest.c.id == counted.c.digest_id)
            .group_by(schema.digest.c.newsletter, counted.c.state)
            .order_by(schema.digest.c.newsletter, counted.c.state)
        )
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.newsletter, {})[row.state] = int(row.number)
        return found

    def due(self, now: datetime) -> int:
        """How many deliveries `claim` could take now."""
        query = (
            select(func.count())
            .select_from(table)
            .where(or_(and_(*_EXPIRED), and_(*_COME), table.c.state == DeliveryState.PENDING.value))
        )
        with self._database.read() as connection:
            number: int = connection.execute(query, {"now": now}).scalar_one()
            return number

    def events(self, delivery_id: int) -> tuple[DeliveryEvent, ...]:
        """What happened to a delivery, oldest first."""
        with self._database.read() as connection:
            return events_of(connection, delivery_id)


_Queue = Callable[[Connection, Mapping[str, Any]], Sequence[Any]]


class _LostClaimError(Exception):
    """One of several results belongs to a claim that was lost; what was written is rolled back."""


def _require_end(outcome: Outcome) -> None:
    state = outcome.state
    if state is DeliveryState.PENDING or state is DeliveryState.SENDING:
        raise ValueError(f"an attempt cannot end in the state {outcome.state.value}")
    if (state is DeliveryState.DEFERRED) != (outcome.next_at is not None):
        raise ValueError("next_at is for a deferred delivery, and a deferred delivery needs it")


def _literally(state: DeliveryState) -> ColumnElement[str]:
    """A state as part of the statement: only so can a database know that an index holds the rows in it."""
    return literal_column(f"'{state.value}'", String())


_BEING_SENT = _literally(DeliveryState.SENDING)
_SENDING = DeliveryState.SENDING.value  # an enum's `value` costs a call each time
_CONFIRMED = SubscriptionState.CONFIRMED.value

#: A claim is known by its owner and by the attempt that it was taken for. What was once in doubt stays marked so.
_END = HotForAll(
    lambda numbers: (
        update(table)
        .where(
            table.c.id.in_(select(numbers.c.value)),
            table.c.owner == bindparam("claim_owner"),
            table.c.state == _BEING_SENT,
            table.c.attempts == bindparam("claim_attempts"),
        )
        .values(
            state=bindparam("new_state"),
            owner=null(),
            lease_until=null(),
            next_at=bindparam("new_next_at"),
            code=bindparam("new_code"),
            enhanced=bindparam("new_enhanced"),
            sent_at=bindparam("new_sent_at"),
            ambiguous=or_(table.c.ambiguous, bindparam("doubt")),
        )
    )
)


def _record(desk: _Desk, settled: Sequence[Settled]) -> None:
    """Write down every result. Raises _LostClaimError where one does not count."""
    for (owner, attempts, outcome), alike in groupby(settled, key=_end_of):
        if not _recorded(desk, [one.claim.delivery_id for one in alike], owner, attempts, outcome):
            raise _LostClaimError


def _end_of(one: Settled) -> tuple[str, int, Outcome]:
    return one.claim.owner, one.claim.attempts, one.outcome


def _recorded(desk: _Desk, numbers: Sequence[int], owner: str, attempts: int, outcome: Outcome) -> bool:
    """Whether all of these were being sent under that claim."""
    values = {
        "claim_owner": owner,
        "claim_attempts": attempts,
        "new_state": outcome.state.value,
        "new_next_at": outcome.next_at,
        "new_code": outcome.code,
        "new_enhanced": outcome.enhanced,
        "new_sent_at": desk.now if outcome.state is DeliveryState.SENT else None,
        "doubt": outcome.ambiguous,
    }
    if _END.once(desk.connection, numbers, values) != len(numbers):
        return False
    desk.events += [NewEvent(number, outcome.kind, outcome.code, outcome.enhanced) for number in numbers]
    return True


@dataclass(kw_only=True)
class _Stock:
    """Rows that wait, read ahead for the next exchanges. They count as long as nobody else has written anything (`mark`),
    and for a moment only, because time makes other rows more pressing. A database without marks keeps no stock.
    """

    mark: object
    at: datetime
    closed: frozenset[str]
    rows: Sequence[Row[Any]] = ()
    listed: Collection[int] = ()
    paused: Mapping[str, Pause] = field(default_factory=dict)
    sending: set[int] = field(default_factory=set)  #: digests that are known to have begun

    @property
    def ahead(self) -> int:
        return 0 if self.mark is None else _READ_AHEAD


def _still_good(stock: _Stock | None, mark: object, terms: Terms, now: datetime) -> _Stock:
    """The stock if it counts, else an empty one."""
    if stock is not None and mark is not None and (stock.mark, stock.closed) == (mark, terms.closed):
        return stock if timedelta() <= now - stock.at < _STOCK_KEPT else _Stock(mark=mark, at=now, closed=terms.closed)
    return _Stock(mark=mark, at=now, closed=terms.closed)


class _Desk:
    """Where claims are taken: one transaction, under these terms. Paces and events are written down at the end."""

    def __init__(
        self,
        connection: Connection,
        terms: Terms,
        now: datetime,
        paced: Collection[str],
        paces: Paces,
        choices: Choices,
        stock: _Stock,
    ) -> None:
        self.connection = connection
        self.terms = terms
        self.now = now
        self.choices = choices
        self.stock = stock
        self.events: list[NewEvent] = []
        self._paced = paced
        self._paces = paces
        self._changed: dict[str, Pace] = {}

    def slot(self, domain: str, reserved_at: datetime | None) -> datetime:
        """When a message to `domain` may leave, by its pace; charged unless it was reserved before."""
        scope = domain_scope(domain) if self._paced else ""
        if scope not in self._paced:
            return self.now
        if scope not in self._changed:
            self._changed |= self._paces.locked([scope], self.connection)
        if reserved_at is not None and holds(self._changed[scope], reserved_at, self.now):
            return self.now
        self._changed[scope], at = reserve(self._changed[scope], self.now)
        return at

    def close(self) -> None:
        if self._changed:
            self._paces.save(self._changed, self.connection)
        note_all(self.connection, self.events, self.now)


def _claims(desk: _Desk, wanted: int) -> tuple[Claim, ...]:
    """From the stock as long as it lasts, then as the queues have it."""
    claims: list[Claim] = []
    stock = desk.stock
    while len(claims) < wanted and stock.rows:
        many = wanted - len(claims)
        rows, stock.rows = stock.rows[:many], stock.rows[many:]
        claims += _take(desk, rows, stock.paused, stock.listed)
    if len(claims) < wanted:
        claims += _found_claims(desk, wanted - len(claims))
    return tuple(claims)


def _found_claims(desk: _Desk, wanted: int) -> list[Claim]:
    connection, terms, now = desk.connection, desk.terms, desk.now
    claims: list[Claim] = []
    paused = standing(connection, now)
    if EVERYTHING in paused:
        return claims
    for queue, values, ahead in _queues(connection, paused.keys() | terms.closed, now):
        while len(claims) < wanted:
            missing = wanted - len(claims)
            rows = queue(connection, values | {"most": max(missing, desk.stock.ahead if ahead else 0)})
            if not rows:
                break
            listed = _listed(connection, rows, terms)
            claims += _take(desk, rows[:missing], paused, listed)
            desk.stock = replace(desk.stock, at=now, rows=rows[missing:], listed=listed, paused=paused)
    return claims


def _whole_row() -> Select[tuple[Any, ...]]:
    digest, person, link = schema.digest, schema.subscriber, schema.subscription
    subscribed = and_(link.c.subscriber_id == table.c.subscriber_id, link.c.newsletter == digest.c.newsletter)
    return (
        select(
            *(table.c[name] for name in ("id", "digest_id", "subscriber_id", "domain", "message_id", "state")),
            *(table.c[name] for name in ("attempts", "created_at", "reserved_at", "choice_id", "articles")),
            digest.c.newsletter,
            digest.c.period,
            digest.c.state.label("digest_state"),
            person.c.address,
            person.c.name,
            link.c.state.label("subscription_state"),
            link.c.preferences,
        )
        .join(digest, digest.c.id == table.c.digest_id)
        .outerjoin(person, person.c.id == table.c.subscriber_id)
        .outerjoin(link, subscribed)
    )


def _queue(*conditions: ColumnElement[bool], order: ColumnElement[Any] | None = None) -> Select[tuple[Any, ...]]:
    """Due deliveries, locked. Each queue is a walk along an index, and each statement is built once."""
    query = _whole_row().where(*conditions).order_by(order).limit(bindparam("most"))
    return query.with_for_update(of=table, skip_locked=True)


_NOW = bindparam("now", type_=schema.UtcDateTime())
_EXPIRED = (table.c.state == _BEING_SENT, table.c.lease_until <= _NOW)
_COME = (table.c.state == _literally(DeliveryState.DEFERRED), table.c.next_at <= _NOW)
_WAITING = (table.c.state == DeliveryState.PENDING.value, table.c.digest_id == bindparam("digest"))
_GOING = table.c.digest_id.in_(bindparam("going", expanding=True))

_QUEUES = (Hot(_queue(*_EXPIRED)), Hot(_queue(*_COME, order=table.c.next_at)))
_QUEUES_OF_SOME = (_queue(*_EXPIRED, _GOING), _queue(*_COME, _GOING, order=table.c.next_at))
_QUEUE_OF_ONE = Hot(_queue(*_WAITING))
_OPEN = Hot(
    select(schema.digest.c.id, schema.digest.c.newsletter, schema.digest.c.period)
    .where(or_(schema.digest.c.state == READY, schema.digest.c.state == SENDING))
    .order_by(schema.digest.c.due_at, schema.digest.c.id)
)


def _queues(
    connection: Connection, paused: Collection[str], now: datetime
) -> Iterator[tuple[_Queue, dict[str, Any], bool]]:
    """What may be claimed, most pressing first: expired leases, deferred rows whose time has come, what waits. Of the
    last more may be read than is taken.
    """
    open_ones = _OPEN.all(connection)
    going = [row.id for row in open_ones if set(paused).isdisjoint(scopes_of(row.newsletter, row.period))]
    if len(going) == len(open_ones):
        yield from ((queue.all, {"now": now}, False) for queue in _QUEUES)
    else:
        yield from ((partial(_found, queue), {"now": now, "going": going}, False) for queue in _QUEUES_OF_SOME)
    yield from ((_QUEUE_OF_ONE.all, {"digest": number}, True) for number in going)


def _found(queue: Select[tuple[Any, ...]], connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
    return connection.execute(queue, dict(values)).all()


_CLAIMED = HotForAll(
    lambda numbers: (
        update(table)
        .where(table.c.id.in_(select(numbers.c.value)))
        .values(
            state=_BEING_SENT,
            owner=bindparam("new_owner"),
            lease_until=bindparam("new_lease"),
            attempts=table.c.attempts + 1,
            next_at=null(),
            reserved_at=null(),
            ambiguous=or_(table.c.ambiguous, bindparam("doubt")),
        )
    )
)


def _take(desk: _Desk, rows: Sequence[Row[Any]], paused: Mapping[str, Pause], listed: Collection[int]) -> list[Claim]:
    """Claim what may be sent of these rows, and give each of the others the state that it belongs in."""
    connection, terms, now = desk.connection, desk.terms, desk.now
    lease_until = now + terms.lease
    chosen = {row.choice_id for row in rows if row.choice_id is not None}
    choices = desk.choices.of(connection, chosen) if chosen else _NO_CHOICES
    taken: list[Claim] = []
    numbers: dict[bool, list[int]] = {False: [], True: []}  # by whether they are in doubt
    for row in rows:
        expired = row.state == _SENDING
        if expired:
            desk.events.append(NewEvent(row.id, "lease-expired"))
        aside = _aside(row, desk, listed, paused, expired=expired) or _paced(desk, row)
        if aside is None:
            taken.append(_claim_of(row, terms.owner, lease_until, choices.get(row.choice_id, _EVERYTHING)))
            numbers[expired].append(row.id)
            desk.events.append(NewEvent(row.id, "claimed"))
        else:
            desk.events.append(NewEvent(row.id, aside.kind))
            _set_aside(connection, row.id, aside, doubt=expired)
    for doubt, those in numbers.items():
        if those:
            _CLAIMED.once(connection, those, {"new_owner": terms.owner, "new_lease": lease_until, "doubt": doubt})
    if taken:
        _begin_sending(desk, rows)
    return taken


def _begin_sending(desk: _Desk, rows: Sequence[Row[Any]]) -> None:
    fresh = {row.digest_id for row in rows if row.digest_state == READY} - desk.stock.sending
    if fresh:
        begun = update(schema.digest).where(schema.digest.c.id.in_(fresh)).values(state=SENDING)
        desk.connection.execute(begun)
        desk.stock.sending |= fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aside:
    """Where a row goes that was due and is not to be mailed now."""

    state: DeliveryState
    kind: str
    next_at: datetime | None = None
    reserved_at: datetime | None = None
    reason: str | None = None


def _paced(desk: _Desk, row: Row[Any]) -> _Aside | None:
    """Put off, once, to the slot that its domain's pace gives; None where it may leave now."""
    slot = desk.slot(row.domain, row.reserved_at)
    if slot <= desk.now:
        return None
    return _Aside(state=DeliveryState.DEFERRED, kind="paced", next_at=slot, reserved_at=desk.now)


def _aside(
    row: Row[Any], desk: _Desk, listed: Collection[int], paused: Mapping[str, Pause], *, expired: bool
) -> _Aside | None:
    """Why this delivery must not leave now; None where it may."""
    terms = desk.terms
    if row.subscription_state != _CONFIRMED:
        return _Aside(state=DeliveryState.SUPPRESSED, kind="not-subscribed")
    if row.id in listed:
        return _Aside(state=DeliveryState.SUPPRESSED, kind="address-suppressed")
    if expired and terms.hold:
        return _Aside(state=DeliveryState.UNKNOWN, kind="held")
    if row.preferences is not None and not expired and terms.resting(row.newsletter, row.preferences, desk.now):
        return _Aside(state=DeliveryState.SKIPPED, kind=PAUSED, reason=PAUSED)
    pause = paused.get(domain_scope(row.domain)) if paused else None
    if pause is not None and pause.until is not None:
        return _Aside(state=DeliveryState.DEFERRED, kind="domain-paused", next_at=pause.until)
    return None


def _set_aside(connection: Connection, number: int, aside: _Aside, *, doubt: bool) -> None:
    values: dict[str, Any] = {"state": aside.state.value, "owner": None, "lease_until": None, "next_at": aside.next_at}
    values["reserved_at"], values["reason"] = aside.reserved_at, aside.reason
    if doubt:
        values["ambiguous"] = True
    connection.execute(update(table).where(table.c.id == number).values(values))


def _listed(connection: Connection, rows: Sequence[Row[Any]], terms: Terms) -> Collection[int]:
    """Which of these rows' addresses are suppressed, by the numbers of the rows."""
    keys = {row.id: terms.address_key(row.address) for row in rows if row.address is not None}
    found = suppressed_among(connection, list(keys.values()))
    return {number for number, key in keys.items() if key in found} if found else ()


def _claim_of(row: Row[Any], owner: str, lease_until: datetime, choice: Choice) -> Claim:
    return Claim(
        delivery_id=row.id,
        digest_id=row.digest_id,
        newsletter=row.newsletter,
        period=row.period,
        subscriber=Subscriber(id=row.subscriber_id, address=row.address, name=row.name),
        message_id=row.message_id,
        owner=owner,
        lease_until=lease_until,
        attempts=row.attempts + 1,
        created_at=row.created_at,
        choice=choice if row.articles is None else replace(choice, articles=load_articles(row.articles)),
    )
