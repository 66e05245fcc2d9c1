"""Everything that is held of one person, to be handed out or to be gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select

from newsletter.store import schema
from newsletter.store.database import Database
from newsletter.store.schema import subscriber, suppression
from newsletter.store.subscribers import by_address

_AT_ONCE = 5_000  #: so many are read at once


class Persons:
    """One person across all tables. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._traces: frozenset[str] = frozenset()

    def everything(self, address: str, person_key: str, address_key: str) -> dict[str, Any]:
        """What we hold of this address, as JSON values; empty where that is nothing.

        `person_key` is the keyed hash of all spellings that may mean this person, `address_key` that of the address itself.
        """
        with self._database.read() as connection:
            person = by_address(connection, address)
            told: dict[str, Any] = {} if person is None else _held_of(connection, person.id)
            asking = _rows(connection, schema.request, schema.request.c.address_key == person_key)
            listed = _rows(connection, suppression, suppression.c.address_key.in_([address_key, person_key]))
            counted = _rows(connection, schema.asked, schema.asked.c.address_key == person_key)
            notes = _rows(connection, schema.sent_note, schema.sent_note.c.person_key == person_key)
        if asking:
            told["requests"] = [_plain(row, "id", "address_key", "answered") for row in asking]
        if counted:
            told["asked"] = _plain(counted[0], "address_key")
        if notes:
            told["sent_notes"] = [
                _plain(row, "request_id", "subscriber_id", "address_key", "person_key") for row in notes
            ]
        if listed:
            told["suppression"] = _plain(listed[0], "address_key")
        return told

    def erase(self, address: str, keys: Collection[str], remember: Callable[[Connection], None]) -> bool:
        """Delete a person with every subscription, request and note; False where there was nobody.

        `keys` are the keyed hashes under which it is counted how often they were written to. Deliveries keep the opaque
        id, which then names nobody; those still open will be suppressed. A suppression stays. `remember` is called
        before the commit where there was somebody.
        """
        counted, waiting, sent = schema.asked, schema.request, schema.sent_note
        with self._database.begin() as connection:
            person = by_address(connection, address)
            gone = delete(subscriber).where(subscriber.c.address_folded == address.casefold())
            asking = delete(waiting).where(waiting.c.address_key.in_(list(keys)))
            found = connection.execute(gone).rowcount + connection.execute(asking).rowcount
            connection.execute(delete(counted).where(counted.c.address_key.in_(list(keys))))
            connection.execute(delete(sent).where(sent.c.person_key.in_(list(keys))))
            if found > 0:
                remember(connection)
        self._traces |= {address, address.casefold()} | ({person.address} if person is not None else set())
        self.wipe_again()
        return found > 0

    def to_erase(self, erased: Mapping[str, datetime], key: Callable[[str], str]) -> tuple[str, ...]:
        """The addresses that stand here although they were erased, by key of the address and the moment.

        Whoever agreed to something after that came back, and stays. It looks at everybody.
        """
        agreed, asking = func.max(schema.subscription.c.consent_at), schema.request
        people = (
            select(subscriber.c.address, agreed.label("at"))
            .outerjoin(schema.subscription, schema.subscription.c.subscriber_id == subscriber.c.id)
            .group_by(subscriber.c.id, subscriber.c.address)
        )
        newest: dict[str, datetime | None] = {}
        with self._database.read() as connection:
            for query in (people, select(asking.c.address, asking.c.at)):
                for row in connection.execution_options(yield_per=_AT_ONCE).execute(query):
                    if key(row.address) in erased:
                        newest[row.address] = max(filter(None, (newest.get(row.address), row.at)), default=None)
        return tuple(each for each, at in newest.items() if at is None or at <= erased[key(each)])

    def wipe_again(self) -> None:
        """Scrub what was erased from SQLite's files, where that could not be done at once because somebody was reading."""
        if self._traces and self._database.scrub(self._traces):
            self._traces = frozenset()


def _held_of(connection: Connection, subscriber_id: str) -> dict[str, Any]:
    link, note = schema.subscription, schema.note
    person = connection.execute(select(subscriber).where(subscriber.c.id == subscriber_id)).one()
    return {
        **_plain(person, "address_folded"),
        "subscriptions": [
            _plain(row, "subscriber_id") for row in _rows(connection, link, link.c.subscriber_id == subscriber_id)
        ],
        "notes": [
            _plain(row, "id", "request_id", "subscriber_id", "owner", "lease_until")
            for row in _rows(connection, note, note.c.subscriber_id == subscriber_id)
        ],
        "deliveries": _deliveries(connection, subscriber_id),
    }


def _deliveries(connection: Connection, subscriber_id: str) -> list[dict[str, Any]]:
    table, digest = schema.delivery, schema.digest
    columns = ("message_id", "state", "reason", "attempts", "code", "enhanced", "created_at", "sent_at")
    query = (
        select(digest.c.newsletter, digest.c.period, *(table.c[name] for name in columns))
        .join(digest, digest.c.id == table.c.digest_id)
        .where(table.c.subscriber_id == subscriber_id)
        .order_by(table.c.id)
    )
    return [_plain(row) for row in connection.execute(query)]


def _rows(connection: Connection, table: Table, condition: Any) -> list[Row[Any]]:
    return list(connection.execute(select(table).where(condition).order_by(*table.primary_key.columns)))


def _plain(row: Row[Any], *hidden: str) -> dict[str, Any]:
    """A row as JSON values, without the columns that are our own affair."""
    return {name: _value(name, value) for name, value in row._asdict().items() if name not in hidden}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return json.loads(value) if name in {"preferences", "newsletters"} and value is not None else value
