"""Numbers for operators and for the machines that watch: how much of what there is. Names of newsletters and sources,
states and kinds stand in them; never an address, and no domain of a recipient.

A million deliveries are counted in one walk over the index (digest_id, state), without a look at the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, func, select

from newsletter.model import DeliveryState
from newsletter.pacing import Circuit
from newsletter.store import schema
from newsletter.store.database import Database
from newsletter.store.schema import delivery as ledger

#: What still has a moment at which it may be claimed.
_WAITING = (DeliveryState.PENDING.value, DeliveryState.DEFERRED.value)

Counts = Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestFigures:
    """How many deliveries of one digest are in which state."""

    newsletter: str
    period: str
    due_at: datetime
    deliveries: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """Whether the installation is alive: when it ticked last, and which relays rest because they could not be reached."""

    last_tick: datetime | None
    resting: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All figures of one moment. `due_since`: since when the delivery waits that has waited longest."""

    deliveries: Counts  #: newsletter, state
    digests: Counts  #: newsletter, state
    subscriptions: Counts  #: newsletter, state
    articles: Counts  #: status
    quarantined: Counts  #: source
    pauses: Counts  #: what is paused: all, newsletter, digest, domain
    bounces: Counts  #: kind
    requests: int
    notes: int
    last_tick: datetime | None
    due_since: datetime | None


class Figures:
    """Counts of everything. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def snapshot(self) -> Snapshot:
        """All of one moment, in one transaction."""
        with self._database.read() as connection:
            digests = _of_digests(connection)
            return Snapshot(
                deliveries=_summed(
                    ((each.newsletter, state), n) for each in digests for state, n in each.deliveries.items()
                ),
                digests=_counted(connection, schema.digest.c.newsletter, schema.digest.c.state),
                subscriptions=_counted(connection, schema.subscription.c.newsletter, schema.subscription.c.state),
                articles=_counted(connection, schema.article.c.status),
                quarantined=_counted(connection, schema.quarantine.c.source),
                pauses=_summed(
                    ((scope.partition("/")[0],), 1) for scope in connection.scalars(select(schema.pause.c.scope))
                ),
                bounces=_counted(connection, schema.bounce.c.kind),
                requests=_number(connection, schema.request, schema.request.c.answered.is_(False)),
                notes=_number(connection, schema.note),
                last_tick=connection.scalars(select(schema.tick.c.at)).one_or_none(),
                due_since=_due_since(connection),
            )

    def of_digests(self, since: datetime) -> tuple[DigestFigures, ...]:
        """The deliveries of each digest that was due since then, by the moment at which it was due."""
        with self._database.read() as connection:
            return _of_digests(connection, since)

    def vital(self, relays: Collection[str], now: datetime) -> Vital:
        """How the ticker stands, and which of `relays`, scopes of paces, rest now."""
        pace = schema.pace
        with self._database.read() as connection:
            rows = connection.execute(
                select(pace.c.scope, pace.c.failures, pace.c.closed_until).where(pace.c.scope.in_(list(relays)))
            )
            circuits = {row.scope: Circuit(failures=row.failures, until=row.closed_until) for row in rows}
            last = connection.scalars(select(schema.tick.c.at)).one_or_none()
        resting = frozenset(scope for scope, circuit in circuits.items() if not circuit.admits(now))
        return Vital(last_tick=last, resting=resting)


def _of_digests(connection: Connection, since: datetime | None = None) -> tuple[DigestFigures, ...]:
    """Counted first, and only then joined: a join before would look at every delivery's digest."""
    digest = schema.digest
    counts: Select[Any] = select(ledger.c.digest_id, ledger.c.state, func.count().label("number"))
    named = select(digest.c.id, digest.c.newsletter, digest.c.period, digest.c.due_at).where(digest.c.mailed)
    if since is not None:
        recent = select(digest.c.id).where(digest.c.due_at >= since)
        counts = counts.where(ledger.c.digest_id.in_(recent))
        named = named.where(digest.c.due_at >= since)
    found: dict[int, dict[str, int]] = {}
    for row in connection.execute(counts.group_by(ledger.c.digest_id, ledger.c.state)):
        found.setdefault(row.digest_id, {})[row.state] = row.number
    return tuple(
        DigestFigures(newsletter=row.newsletter, period=row.period, due_at=row.due_at, deliveries=found.get(row.id, {}))
        for row in connection.execute(named.order_by(digest.c.due_at, digest.c.id))
    )


def _counted(connection: Connection, *columns: Column[str]) -> Counts:
    rows = connection.execute(select(*columns, func.count()).group_by(*columns)).all()
    return {tuple(map(str, row[:-1])): int(row[-1]) for row in rows}


def _summed(parts: Iterable[tuple[tuple[str, ...], int]]) -> Counts:
    sums: Counter[tuple[str, ...]] = Counter()
    for key, number in parts:
        sums[key] += number
    return sums


def _number(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one())


def _due_since(connection: Connection) -> datetime | None:
    """One look into the index (state, next_at) for each state."""
    firsts = [
        connection.execute(select(func.min(ledger.c.next_at)).where(ledger.c.state == state)).scalar_one_or_none()
        for state in _WAITING
    ]
    return min((first for first in firsts if first is not None), default=None)
