"""When the ticker last looked: what a leap of the clock is measured against."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from newsletter.store.database import Database, upsert
from newsletter.store.schema import tick as table

_ONLY_ROW = 1


class Ticks:
    """The last tick. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self) -> datetime | None:
        """The moment of the last tick; None before the first."""
        with self._database.read() as connection:
            moment: datetime | None = connection.execute(select(table.c.at)).scalar_one_or_none()
            return moment

    def record(self, now: datetime) -> None:
        with self._database.begin() as connection:
            upsert(connection, table, {"id": _ONLY_ROW, "at": now}, key=("id",))
