"""How often something may be done within a stretch of time, by whoever does it: sign-ups, searches, tries of a password.

It stands in the database, so that several processes count together. Whoever it is stands there as a keyed hash alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.store.database import Database
from newsletter.store.schema import allowance as table

LONGEST = timedelta(days=1)  #: no stretch of time may be longer: rows older than that are thrown away

_PURGED_AT_ONCE = 200

Keyed = Callable[[str, str], str]  #: scope and who -> what may be kept of them


class Limits:
    """The allowances. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database, keyed: Keyed) -> None:
        self._database = database
        self._keyed = keyed

    def allow(self, scope: str, key: str, most: int, within: timedelta, now: datetime) -> timedelta | None:
        """Count one more `scope` of `key`: None where it may be done, else how long to wait, and then nothing is counted.

        `most` of them may be done in a stretch of time that begins with the first and lasts `within`; so where two
        stretches meet, up to twice as many come close together. `key` may be an address: it is not kept.
        Raises ValueError for less than one, and for a stretch longer than LONGEST.
        """
        _require(most, within)
        name = f"{scope}/{self._keyed(scope, key)}"
        wait = self.wait(scope, key, most, within, now)  # who is refused costs no commit
        if wait is not None:
            return wait
        with self._database.begin() as connection:
            count = _count(connection, name, most, within, now)
            if count is None:
                return _wait(connection, name, most, within, now)
        if count == 1:
            self.purge(now)
        return None

    def wait(self, scope: str, key: str, most: int, within: timedelta, now: datetime) -> timedelta | None:
        """What `allow` would answer. Counts nothing."""
        _require(most, within)
        with self._database.read() as connection:
            return _wait(connection, f"{scope}/{self._keyed(scope, key)}", most, within, now)

    def give_back(self, scope: str, key: str) -> None:
        """Take back one that was counted."""
        row = table.c.scope == f"{scope}/{self._keyed(scope, key)}"
        with self._database.begin() as connection:
            connection.execute(update(table).where(row, table.c.count > 0).values(count=table.c.count - 1))

    def purge(self, now: datetime) -> int:
        """Throw away what is over, some at a time; how many."""
        over = select(table.c.scope).where(table.c.since < now - LONGEST).order_by(table.c.since)
        with self._database.read() as connection:
            if connection.execute(over.limit(1)).first() is None:
                return 0
        # Rows that another process holds are left to it: waiting for each other crosswise would be a deadlock.
        some = over.limit(_PURGED_AT_ONCE).with_for_update(skip_locked=True)
        with self._database.begin() as connection:
            names = connection.execute(some).scalars().all()
            return connection.execute(delete(table).where(table.c.scope.in_(names))).rowcount


def _require(most: int, within: timedelta) -> None:
    if most < 1 or not timedelta() < within <= LONGEST:
        raise ValueError(f"an allowance is at least one in at most {LONGEST}")


def _count(connection: Connection, name: str, most: int, within: timedelta, now: datetime) -> int | None:
    """The count with this one; None where there were too many. One statement, so that no two processes read the same."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    over = _over(within, now)
    counted = insert.values(scope=name, count=1, since=now).on_conflict_do_update(
        index_elements=["scope"],
        set_={"count": case((over, 1), else_=table.c.count + 1), "since": case((over, now), else_=table.c.since)},
        where=or_(over, table.c.count < most),
    )
    count: int | None = connection.execute(counted.returning(table.c.count)).scalar_one_or_none()
    return count


def _over(within: timedelta, now: datetime) -> ColumnElement[bool]:
    """Whether a stretch has ended. One that begins far in the future was written before the clock was set back."""
    return or_(table.c.since <= now - within, table.c.since > now + within)


def _wait(connection: Connection, name: str, most: int, within: timedelta, now: datetime) -> timedelta | None:
    full = select(table.c.since).where(table.c.scope == name, table.c.count >= most, ~_over(within, now))
    since: datetime | None = connection.execute(full).scalar_one_or_none()
    return None if since is None else since + within - now
