"""Everybody who gets a newsletter, as planning goes through them: a million rows, a few at a time in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, bindparam, cast, func, or_, select

from newsletter.model import Preferences, Reader, SubscriptionState
from newsletter.store.database import Database
from newsletter.store.preferences import loads
from newsletter.store.rows import Hot
from newsletter.store.schema import subscriber as people
from newsletter.store.schema import subscription as links
from newsletter.wishes import BEGINNING

_DECIDE_FORMS = ("cadence", "language", "audience")
_BATCH = 5_000  #: so many are read at once


class Readership:
    """Whose subscription is confirmed. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wishes(self, newsletter: str) -> tuple[Preferences, ...]:
        """Every combination of cadence, language and audience that somebody named, each once; a handful."""
        lite = self._database.dialect == "sqlite"
        named = [
            func.json_extract(links.c.preferences, f"$.{name}")
            if lite
            else cast(links.c.preferences, JSON)[name].as_string()
            for name in _DECIDE_FORMS
        ]
        query = select(*named).where(*_confirmed(newsletter), links.c.preferences.is_not(None)).distinct()
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        told = (dict(zip(_DECIDE_FORMS, row, strict=True)) for row in rows)
        return tuple(
            loads(json.dumps({name: value for name, value in each.items() if value is not None})) for each in told
        )

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
    return (
        select(people.c.id, people.c.address, links.c.preferences, links.c.since, links.c.changed_at)
        .join(links, links.c.subscriber_id == people.c.id)
        .where(*conditions)
    )


def _everybody() -> Hot:
    conditions = (*_confirmed(bindparam("slug")), links.c.subscriber_id > bindparam("after"))
    return Hot(_readers(*conditions).order_by(links.c.subscriber_id).limit(_BATCH))


_EVERYBODY = _everybody()


def _reader_of(row: Sequence[Any]) -> Reader:
    number, address, preferences, since, changed_at = row
    return Reader(number, address.rpartition("@")[2].lower(), preferences, since or BEGINNING, changed_at)
