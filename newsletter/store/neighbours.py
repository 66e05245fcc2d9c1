"""Which articles "You may also like" names on the page of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import delete, insert, select

from newsletter.store.database import Database
from newsletter.store.rows import HotAmong, among
from newsletter.store.schema import neighbour as table


class Neighbours:
    """The nearest articles of each. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Article -> its neighbours, the nearest first."""
        found: dict[str, list[str]] = {}
        with self._database.read() as connection:
            for one, other in _NEAR.all(connection, ids):
                found.setdefault(one, []).append(other)
        return {one: tuple(others) for one, others in found.items()}

    def naming(self, ids: Collection[str]) -> set[str]:
        """The articles that have one of `ids` among their neighbours."""
        with self._database.read() as connection:
            named = among(connection, table.c.other_id, ids)
            return set(connection.execute(select(table.c.article_id).where(named)).scalars())

    def put(self, told: Mapping[str, tuple[str, ...]]) -> None:
        """Set the neighbours of these articles."""
        rows = [
            {"article_id": one, "position": position, "other_id": other}
            for one, others in told.items()
            for position, other in enumerate(others)
        ]
        with self._database.begin() as connection:
            connection.execute(delete(table).where(among(connection, table.c.article_id, list(told))))
            if rows:
                connection.execute(insert(table), rows)


_NEAR = HotAmong(
    select(table.c.article_id, table.c.other_id).order_by(table.c.article_id, table.c.position), table.c.article_id
)
