"""Documents that could not be used, and why."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from newsletter.model import Quarantined
from newsletter.store.database import Database, upsert_all
from newsletter.store.documents import storable
from newsletter.store.rows import among
from newsletter.store.schema import quarantine as table


class Quarantine:
    """One entry for each document that cannot be used now. Every method raises StoreError where the database refuses.

    Keys and messages may quote anything; what a database cannot keep is kept escaped.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, *entries: Quarantined) -> None:
        """Write down entries, each in place of an earlier one for the same document."""
        if not entries:
            return
        rows = [
            {
                "source": entry.source,
                "key": storable(entry.key),
                "code": entry.code,
                "message": storable(entry.message),
                "line": entry.line,
                "at": entry.at,
            }
            for entry in entries
        ]
        with self._database.begin() as connection:
            upsert_all(connection, table, rows, key=("source", "key"))

    def clear(self, source: str, *keys: str) -> None:
        """These documents have become usable. No error where there was no entry."""
        if keys:
            named = table.c.key.in_([storable(key) for key in keys])
            with self._database.begin() as connection:
                connection.execute(delete(table).where(table.c.source == source, named))

    def keys(self, source: str, keys: Collection[str]) -> set[str]:
        """Those of `keys` that are of documents of `source` with an entry."""
        with self._database.read() as connection:
            named = among(connection, table.c.key, [storable(key) for key in keys])
            found = set(connection.execute(select(table.c.key).where(table.c.source == source, named)).scalars())
        return {key for key in keys if storable(key) in found}

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
