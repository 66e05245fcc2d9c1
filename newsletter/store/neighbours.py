"""Which articles "You may also like" names on the page of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from sqlalchemy import delete, insert, select

from newsletter.store.database import Database
from newsletter.store.schema import neighbour as table

_AT_ONCE = 500


class Neighbours:
    """The nearest articles of each. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Article -> its neighbours, the nearest first."""
        found: dict[str, tuple[str, ...]] = {}
        with self._database.read() as connection:
            for some in _chunks(ids):
                wanted = select(table).where(table.c.article_id.in_(some))
                for row in connection.execute(wanted.order_by(table.c.article_id, table.c.position)):
                    found[row.article_id] = (*found.get(row.article_id, ()), row.other_id)
        return found

    def naming(self, ids: Collection[str]) -> set[str]:
        """The articles that have one of `ids` among their neighbours."""
        found: set[str] = set()
        with self._database.read() as connection:
            for some in _chunks(ids):
                found.update(connection.execute(select(table.c.article_id).where(table.c.other_id.in_(some))).scalars())
        return found

    def put(self, told: Mapping[str, tuple[str, ...]]) -> None:
        """Set the neighbours of these articles."""
        with self._database.begin() as connection:
            for some in _chunks(told):
                connection.execute(delete(table).where(table.c.article_id.in_(some)))
                rows = [
                    {"article_id": one, "position": position, "other_id": other}
                    for one in some
                    for position, other in enumerate(told[one])
                ]
                if rows:
                    connection.execute(insert(table), rows)


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
