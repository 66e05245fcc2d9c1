"""Notes that have left: found by the name of their message when something comes back for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, select, update

from newsletter.model import SubscriptionState
from newsletter.model.incoming import BounceKind, NoteBounce, SentNote
from newsletter.store.database import Database
from newsletter.store.schema import request, subscription
from newsletter.store.schema import sent_note as table
from newsletter.store.subscribers import suppress

_AFTER_AT = chr(ord("@") + 1)


class SentNotes:
    """Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> SentNote | None:
        """The note whose Message-ID has `name` on its left side."""
        left = table.c.message_id
        return self._found(and_(left >= f"<{name}@", left < f"<{name}{_AFTER_AT}"))

    def find_message(self, message_ids: Collection[str]) -> SentNote | None:
        """The note with one of these Message-IDs."""
        return self._found(table.c.message_id.in_(list(message_ids))) if message_ids else None

    def newest(self, subscriber_id: str) -> SentNote | None:
        """The last note that a subscriber was sent."""
        return self._found(table.c.subscriber_id == subscriber_id)

    def record(self, bounce: NoteBounce, now: datetime) -> bool:
        """Write down what came back with all that follows from it; False, and no change, where it is known already."""
        note = bounce.note
        mine = table.c.message_id == note.message_id
        with self._database.begin() as connection:
            told = update(table).where(mine, table.c.returned.is_distinct_from(bounce.kind.value))
            if connection.execute(told.values(returned=bounce.kind.value)).rowcount == 0:
                return False
            if bounce.suppress is not None:
                keys = (note.address_key, note.person_key) if bounce.person else (note.address_key,)
                suppress(connection, keys, bounce.suppress, now)
            if bounce.end:
                _end(connection, note, now)
            return True

    def purge(self, before: datetime) -> int:
        """Forget notes that left before `before`; how many."""
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(table.c.at < before)).rowcount

    def _found(self, which: ColumnElement[bool]) -> SentNote | None:
        query = select(table).where(which).order_by(table.c.at.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _note_of(row)


def _end(connection: Connection, note: SentNote, now: datetime) -> None:
    connection.execute(delete(request).where(request.c.id == note.request_id))
    links = subscription.c
    stands = and_(links.subscriber_id == note.subscriber_id, links.state != SubscriptionState.UNSUBSCRIBED.value)
    ended = {"state": SubscriptionState.UNSUBSCRIBED.value, "ended_at": now}
    connection.execute(update(subscription).where(stands).values(ended))


def _note_of(row: Row[Any]) -> SentNote:
    return SentNote(
        message_id=row.message_id,
        request_id=row.request_id,
        subscriber_id=row.subscriber_id,
        address_key=row.address_key,
        person_key=row.person_key,
        domain=row.domain,
        returned=None if row.returned is None else BounceKind(row.returned),
    )
