"""What is not to be mailed for now: everything, a newsletter, a digest, or the people of one mail domain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, or_, select

from newsletter.model import Pause
from newsletter.store.database import Database, upsert
from newsletter.store.rows import Hot
from newsletter.store.schema import pause as table


class Pauses:
    """The pauses, one a scope. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, pause: Pause) -> None:
        """Hold `pause.scope` up; a pause that it has already is replaced, but an operator's never by an automatic one."""
        with self._database.begin() as connection:
            known = connection.execute(select(table).where(table.c.scope == pause.scope)).one_or_none()
            if known is None or known.automatic or not pause.automatic:
                values = {name: getattr(pause, name) for name in ("scope", "reason", "at", "until", "automatic")}
                upsert(connection, table, values, key=("scope",))

    def remove(self, scope: str) -> bool:
        """Let `scope` go on; False where it was not paused."""
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(table.c.scope == scope)).rowcount > 0

    def remove_automatic(self) -> int:
        """Let go on whatever was not paused by an operator; how many."""
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(table.c.automatic)).rowcount

    def get(self, scope: str) -> Pause | None:
        """The pause of `scope`, also where its time is over; None where it has none."""
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.scope == scope)).one_or_none()
            return None if row is None else _pause_of(row)

    def standing(self, now: datetime) -> tuple[Pause, ...]:
        """What is paused now, by scope."""
        with self._database.read() as connection:
            return tuple(sorted(standing(connection, now).values(), key=lambda pause: pause.scope))


def standing(connection: Connection, now: datetime) -> dict[str, Pause]:
    """Scope -> its pause, for those that have not run out."""
    return {row.scope: _pause_of(row) for row in _STANDING.all(connection, {"now": now})}


_STANDING = Hot(
    select(table).where(or_(table.c.until.is_(None), table.c.until > bindparam("now", type_=table.c.until.type)))
)


def _pause_of(row: Row[Any]) -> Pause:
    return Pause(scope=row.scope, reason=row.reason, at=row.at, until=row.until, automatic=bool(row.automatic))
