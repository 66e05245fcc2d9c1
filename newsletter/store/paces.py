"""How fast mail may leave, kept over restarts and shared by all who send: one row a scope that is not at rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.pacing import Circuit, Limit, Pace, SlowDown
from newsletter.store.database import Database, upsert_all
from newsletter.store.schema import pace as table


class Paces:
    """The paces by scope, `domain/NAME` or `relay/NAME`. Every method raises StoreError where the database refuses.

    `limits` are the operator's; they are never stored, so that a changed configuration holds at once.
    """

    def __init__(self, database: Database, limits: Mapping[str, Limit] | None = None) -> None:
        self._database = database
        self._limits = dict(limits or {})

    def load(self) -> dict[str, Pace]:
        """Every scope that has a limit or that something is remembered of."""
        with self._database.read() as connection:
            rows = connection.execute(select(table)).all()
        return {scope: Pace(limit=limit) for scope, limit in self._limits.items()} | {
            row.scope: self._pace_of(row) for row in rows
        }

    def save(self, paces: Mapping[str, Pace], connection: Connection | None = None) -> None:
        """Write these paces down, within `connection`'s transaction if there is one."""
        with self._within(connection) as within:
            kept = {scope: pace for scope, pace in paces.items() if not pace.at_rest}
            _forget(within, paces.keys() - kept.keys())
            if kept:
                upsert_all(within, table, [_values(scope, pace) for scope, pace in kept.items()], key=("scope",))

    def locked(self, scopes: Collection[str], connection: Connection) -> dict[str, Pace]:
        """The paces of `scopes`, which nobody else can change before `connection`'s transaction ends."""
        found = {}
        for scope in sorted(scopes):  # in one order everywhere, so that two of us never wait for each other
            _hold(connection, scope)
            found[scope] = self._pace_of(connection.execute(select(table).where(table.c.scope == scope)).one())
        return found

    def change(self, scope: str, step: Callable[[Pace], Pace]) -> Pace:
        """Put `step(pace)` in the pace's place, with nobody in between; what it is now."""
        with self._database.begin() as connection:
            changed = step(self.locked([scope], connection)[scope])
            self.save({scope: changed}, connection)
            return changed

    def _within(self, connection: Connection | None) -> AbstractContextManager[Connection]:
        return self._database.begin() if connection is None else nullcontext(connection)

    def _pace_of(self, row: Row[Any]) -> Pace:
        slowed_at: datetime | None = row.slowed_at
        return Pace(
            limit=self._limits.get(row.scope, Limit()),
            slow_down=None if slowed_at is None else SlowDown(per_minute=row.slowed_to, at=slowed_at),
            arrival=row.arrival,
            day=row.day,
            reserved=row.reserved,
            circuit=Circuit(failures=row.failures, until=row.closed_until),
        )


def _hold(connection: Connection, scope: str) -> None:
    """Lock the scope's row. One that is not there cannot be locked, so it is made, in the same step."""
    new = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = new(table).values(_values(scope, Pace()))
    connection.execute(insert.on_conflict_do_update(index_elements=["scope"], set_={"scope": scope}))


def _forget(connection: Connection, scopes: Collection[str]) -> None:
    if scopes:
        connection.execute(delete(table).where(table.c.scope.in_(sorted(scopes))))


def _values(scope: str, pace: Pace) -> dict[str, Any]:
    return {
        "scope": scope,
        "slowed_to": None if pace.slow_down is None else pace.slow_down.per_minute,
        "slowed_at": None if pace.slow_down is None else pace.slow_down.at,
        "arrival": pace.arrival,
        "day": pace.day,
        "reserved": pace.reserved,
        "failures": pace.circuit.failures,
        "closed_until": pace.circuit.until,
    }
