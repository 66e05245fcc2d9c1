"""Everybody who gets a newsletter, as planning goes through them: a million rows, a few at a time in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select

from newsletter.model import Reader, SubscriptionState
from newsletter.store.database import Database
from newsletter.store.rows import Hot
from newsletter.store.schema import subscriber as people
from newsletter.store.schema import subscription as links

_BATCH = 5_000  #: so many are read at once


class Readership:
    """Whose subscription is confirmed. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wishes(self, newsletter: str) -> tuple[str, ...]:
        """Every text of preferences that somebody has, each once."""
        query = select(links.c.preferences).where(*_confirmed(newsletter), links.c.preferences.is_not(None)).distinct()
        with self._database.read() as connection:
            return tuple(connection.execute(query).scalars())

    def changed(self, newsletter: str, after: datetime, *, own_cadence: bool) -> tuple[Reader, ...]:
        """Who changed how often they get mail, or came back, at `after` or since; with `own_cadence` also everybody
        who named a cadence.
        """
        which = links.c.changed_at >= after
        if own_cadence:
            which = or_(which, links.c.preferences.contains('"cadence"'))
        with self._database.read() as connection:
            return tuple(_reader_of(row) for row in connection.execute(_readers(*_confirmed(newsletter), which)))

    def readers(self, newsletter: str) -> Iterator[Reader]:
        """Everybody, by id."""
        after, more = "", True
        while more:
            values = {"slug": newsletter, "after": after}
            with self._database.read() as connection:
                found = _EVERYBODY.all(connection, values)
            yield from map(_reader_of, found)
            after, more = found[-1].id if found else "", len(found) == _BATCH


def _confirmed(newsletter: object) -> tuple[ColumnElement[bool], ...]:
    return links.c.newsletter == newsletter, links.c.state == SubscriptionState.CONFIRMED.value


def _readers(*conditions: ColumnElement[bool]) -> Select[tuple[Any, ...]]:
    """Who came before it was written down since when is owed what came after their consent."""
    since = func.coalesce(links.c.since, links.c.consent_at).label("since")
    return (
        select(people.c.id, people.c.address, links.c.preferences, since, links.c.changed_at)
        .join(links, links.c.subscriber_id == people.c.id)
        .where(*conditions)
    )


_EVERYBODY = Hot(
    _readers(*_confirmed(bindparam("slug")), people.c.id > bindparam("after")).order_by(people.c.id).limit(_BATCH)
)


def _reader_of(row: Any) -> Reader:
    domain = row.address.rpartition("@")[2].lower()
    return Reader(row.id, domain, row.preferences, row.since, row.changed_at)
