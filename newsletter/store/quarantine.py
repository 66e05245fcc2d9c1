"""Documents that could not be used, and why."""

from __future__ import annotations

from sqlalchemy import delete, select

from newsletter.model import Quarantined
from newsletter.store.database import Database, upsert
from newsletter.store.documents import storable
from newsletter.store.schema import quarantine as table


class Quarantine:
    """One entry for each document that cannot be used now. Every method raises StoreError where the database refuses.

    Keys and messages may quote anything; what a database cannot keep is kept escaped.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, entry: Quarantined) -> None:
        """Write down an entry in place of an earlier one for the same document."""
        values = {
            "source": entry.source,
            "key": storable(entry.key),
            "code": entry.code,
            "message": storable(entry.message),
            "line": entry.line,
            "at": entry.at,
        }
        with self._database.begin() as connection:
            upsert(connection, table, values, key=("source", "key"))

    def clear(self, source: str, key: str) -> None:
        """The document has become usable. No error where there was no entry."""
        with self._database.begin() as connection:
            connection.execute(delete(table).where(table.c.source == source, table.c.key == storable(key)))

    def keys(self, source: str) -> set[str]:
        """Keys of the documents of `source` that have an entry."""
        with self._database.read() as connection:
            return set(connection.execute(select(table.c.key).where(table.c.source == source)).scalars())

    def entries(self) -> tuple[Quarantined, ...]:
        """Every entry, by source and key."""
        with self._database.read() as connection:
            rows = connection.execute(select(table).order_by(table.c.source, table.c.key))
            return tuple(
                Quarantined(
                    source=row.source, key=row.key, code=row.code, message=row.message, line=row.line, at=row.at
                )
                for row in rows
            )
