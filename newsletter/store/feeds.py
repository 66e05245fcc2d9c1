"""The record of feeds: every entry that was ever published in each, and the archive documents cut from it.

It is also the ledger of ids: an entry keeps the id under which it was published first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, delete, exists, func, insert, or_, select, update

from newsletter.model import ArchiveDocument, FeedChange, FeedState, PublishedEntry
from newsletter.store.database import Database, insert_new
from newsletter.store.rows import Hot, HotAmong, among
from newsletter.store.schema import article as article_table
from newsletter.store.schema import feed as table
from newsletter.store.schema import feed_document, feed_entry, hub_ping, unwritten
from newsletter.store.schema import notice as notice_table

_WITHDRAWN = "withdrawn"  # in place of a document's name, which is a month


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Under which id a subject was published in a feed, and when that entry was last updated."""

    entry_id: str
    updated: datetime


class Feeds:
    """The feeds. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ids(self) -> dict[str, str]:
        """Name -> id of every feed that was ever published."""
        with self._database.read() as connection:
            return {row.name: row.id for row in connection.execute(select(table.c.name, table.c.id))}

    def state(self, name: str) -> FeedState:
        with self._database.read() as connection:
            given = {"of_feed": name}
            tail, last = _TAIL.all(connection, given), _LAST_DOCUMENT.all(connection, given)
            (position,) = _POSITION.all(connection, given)
            return FeedState(
                tail=tuple(map(_entry, tail)),
                position=position.position or 0,
                last=_document(last[0]) if last else None,
            )

    def known(self, name: str, subjects: Collection[str]) -> dict[str, Known]:
        """Subject -> how it was published last, for those that ever were in the feed `name`."""
        with self._database.read() as connection:
            rows = _KNOWN.all(connection, subjects, {"of_feed": name})
        rows = sorted(rows)  # by position; asked for by the database, it would walk through the whole feed
        return {row.subject: Known(entry_id=row.entry_id, updated=row.updated) for row in rows}

    def holding(self, subjects: Collection[str]) -> set[str]:
        """The feeds in which one of `subjects` was ever published."""
        with self._database.read() as connection:
            held = among(connection, feed_entry.c.subject, subjects)
            return set(connection.execute(select(feed_entry.c.feed).where(held).distinct()).scalars())

    def save(self, changes: Sequence[FeedChange], pings: Collection[str]) -> None:
        """Write down what happens to feeds, and of which addresses the hub is to be told, in one transaction."""
        with self._database.begin() as connection:
            for change in changes:
                _save(connection, change)
            for address in pings:
                insert_new(connection, hub_ping, {"address": address})

    def withdrawn(self, name: str, most: int) -> tuple[PublishedEntry, ...]:
        """The entries that were taken out of the feed, the newest first."""
        with self._database.read() as connection:
            return tuple(map(_entry, _LAST_WITHDRAWN.all(connection, {"of_feed": name, "most": most})))

    def unwritten(self) -> tuple[tuple[str, ArchiveDocument], ...]:
        """Archive documents that are in the record and whose bytes have not been written yet, oldest first."""
        wanted = select(feed_document).where(unwritten)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(feed_document.c.feed, feed_document.c.number))
            return tuple((row.feed, _document(row)) for row in rows)

    def documents(self, name: str) -> tuple[tuple[ArchiveDocument, dict[str, str]], ...]:
        """Every archive document of a feed with the hashes of its bytes by suffix, oldest first."""
        with self._database.read() as connection:
            rows = _DOCUMENTS.all(connection, {"of_feed": name})
        return tuple((_document(row), json.loads(row.hashes)) for row in rows)

    def archived(self, name: str, document: str) -> tuple[PublishedEntry, ...]:
        """The entries of an archive document, oldest first."""
        with self._database.read() as connection:
            return tuple(map(_entry, _ARCHIVED.all(connection, {"of_feed": name, "of_document": document})))

    def written(self, name: str, hashes: Mapping[str, Mapping[str, str]]) -> None:
        """Write down the hashes of archive documents, by name and suffix: their bytes are on the disk."""
        rows = [
            {"of_feed": name, "of_name": document, "told": json.dumps(told, sort_keys=True)}
            for document, told in hashes.items()
        ]
        keys = feed_document.c
        with self._database.begin() as connection:
            connection.execute(
                update(feed_document)
                .where(keys.feed == bindparam("of_feed"), keys.name == bindparam("of_name"))
                .values(hashes=bindparam("told")),
                rows,
            )

    def ledger(self, name: str) -> tuple[tuple[str, str], ...]:
        """Subject and entry id of everything that was ever published in a feed and not withdrawn, by position."""
        columns = (feed_entry.c.subject, feed_entry.c.entry_id, feed_entry.c.document)
        wanted = select(*columns).where(feed_entry.c.feed == name).order_by(feed_entry.c.position)
        with self._database.read() as connection:
            rows = [row for row in connection.execute(wanted) if row.document != _WITHDRAWN]
        return tuple({row.subject: (row.subject, row.entry_id) for row in rows}.values())

    def orphans(self, name: str) -> tuple[tuple[str, str], ...]:
        """`ledger` of what has neither an article nor a notice any more, by subject."""
        keys = feed_entry.c
        told = (article_table.c.id == keys.subject, notice_table.c.id == keys.subject)
        lost = [~exists().where(each) for each in told]
        wanted = select(keys.subject, keys.entry_id).where(keys.feed == name, *lost).distinct()
        standing = or_(keys.document.is_(None), keys.document != _WITHDRAWN)
        with self._database.read() as connection:
            rows = connection.execute(wanted.where(standing).order_by(keys.subject)).all()
        return tuple((row.subject, row.entry_id) for row in rows)

    def pings(self) -> tuple[str, ...]:
        """Addresses of feeds of which the hub is still to be told."""
        with self._database.read() as connection:
            return tuple(connection.execute(select(hub_ping.c.address).order_by(hub_ping.c.address)).scalars())

    def pinged(self, addresses: Collection[str]) -> None:
        with self._database.begin() as connection:
            connection.execute(delete(hub_ping).where(among(connection, hub_ping.c.address, addresses)))


_KEYS = feed_entry.c
_ENTRIES = select(
    _KEYS.position, _KEYS.kind, _KEYS.subject, _KEYS.entry_id, _KEYS.updated, _KEYS.month, _KEYS.size
).where(_KEYS.feed == bindparam("of_feed"))
_TAIL = Hot(_ENTRIES.where(_KEYS.document.is_(None)).order_by(_KEYS.position))
_ARCHIVED = Hot(_ENTRIES.where(_KEYS.document == bindparam("of_document")).order_by(_KEYS.position))
_LAST_WITHDRAWN = Hot(
    _ENTRIES.where(_KEYS.document == _WITHDRAWN).order_by(_KEYS.position.desc()).limit(bindparam("most", type_=Integer))
)
_POSITION = Hot(select(func.max(_KEYS.position).label("position")).where(_KEYS.feed == bindparam("of_feed")))
_KNOWN = HotAmong(
    select(_KEYS.position, _KEYS.subject, _KEYS.entry_id, _KEYS.updated).where(_KEYS.feed == bindparam("of_feed")),
    _KEYS.subject,
)
_DOCUMENTS_OF = select(feed_document).where(feed_document.c.feed == bindparam("of_feed"))
_DOCUMENTS = Hot(_DOCUMENTS_OF.order_by(feed_document.c.number))
_LAST_DOCUMENT = Hot(_DOCUMENTS_OF.order_by(feed_document.c.number.desc()).limit(1))


def _save(connection: Connection, change: FeedChange) -> None:
    name, told, keys = change.name, change.update, feed_entry.c
    insert_new(connection, table, {"name": name, "id": change.id, "title": change.title})
    left = among(connection, keys.position, [record.position for record in told.dropped])
    back = among(connection, keys.subject, {record.subject for record in told.added})
    connection.execute(delete(feed_entry).where(keys.feed == name, left))
    connection.execute(delete(feed_entry).where(keys.feed == name, back, keys.document == _WITHDRAWN))
    archived = {record.position: cut.document.name for cut in told.cuts for record in cut.records}
    rows = [_values(name, record, archived.get(record.position)) for record in told.added]
    if rows:
        connection.execute(insert(feed_entry), rows)
    for cut in told.cuts:
        connection.execute(insert(feed_document).values(_document_values(name, cut.document)))
        _put(connection, name, [record.position for record in cut.records], cut.document.name)
    _put(connection, name, change.withdrawn, _WITHDRAWN)


def _put(connection: Connection, name: str, positions: Collection[int], document: str) -> None:
    """Write down which document holds the entries at these positions."""
    held = among(connection, feed_entry.c.position, positions)
    connection.execute(update(feed_entry).where(feed_entry.c.feed == name, held).values(document=document))


def _document_values(name: str, document: ArchiveDocument) -> dict[str, Any]:
    return {
        "feed": name,
        "number": document.number,
        "name": document.name,
        "following": document.following,
        "hashes": "{}",
    }


def _values(name: str, record: PublishedEntry, document: str | None) -> dict[str, Any]:
    return {
        "feed": name,
        "position": record.position,
        "kind": record.kind,
        "subject": record.subject,
        "entry_id": record.entry_id,
        "updated": record.updated,
        "month": record.month,
        "size": record.size,
        "document": document,
    }


def _entry(row: Row[Any]) -> PublishedEntry:
    return PublishedEntry(
        position=row.position,
        kind=row.kind,
        subject=row.subject,
        entry_id=row.entry_id,
        updated=row.updated,
        month=row.month,
        size=row.size,
    )


def _document(row: Row[Any]) -> ArchiveDocument:
    return ArchiveDocument(number=row.number, name=row.name, following=row.following)
