"""Notes that wait to be sent. A note is claimed in a committed transaction before a byte leaves, as deliveries are, and
its row goes when it was sent or cannot be. So a crash loses none, and repeats at most the one that was in hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, or_, select, update

from newsletter.model import (
    EVERYTHING,
    USUAL,
    NewNote,
    NoteClaim,
    NoteKind,
    NoteOutcome,
    Pause,
    Preferences,
    Subscriber,
    SubscriptionState,
    domain_scope,
)
from newsletter.store.database import Database, insert_new, upsert
from newsletter.store.pauses import standing
from newsletter.store.preferences import loads
from newsletter.store.schema import asked, confirmation, request, sent_note, subscriber, subscription, suppression
from newsletter.store.schema import note as table

_PAUSED_WAIT = timedelta(minutes=15)  # where nobody knows when a pause ends


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteTerms:
    """How notes are claimed: under whose name, for how long, how the keys of an address and a Message-ID are made.

    `confirmation` is the hash of the token that a confirmation will carry, good until `expires_at`.
    """

    owner: str
    lease: timedelta
    address_key: Callable[[str], str]
    person_key: Callable[[str], str]
    message_id: Callable[[NoteClaim], str]
    confirmation: str
    expires_at: datetime


class Notes:
    """The notes. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime) -> int:
        """How many notes `claim` could take now."""
        with self._database.read() as connection:
            number: int = connection.execute(select(func.count()).select_from(table).where(_due(now))).scalar_one()
            return number

    def add(self, notes: Sequence[NewNote], now: datetime) -> None:
        """Queue notes."""
        with self._database.begin() as connection:
            queue(connection, notes, now)

    def add_once(self, note: NewNote, scope: str, gap: timedelta, now: datetime) -> bool:
        """Queue a note, unless one was queued for `scope` within `gap`: then False."""
        with self._database.begin() as connection:
            mine = (
                select(asked.c.count.label("number"), asked.c.at).where(asked.c.address_key == scope).with_for_update()
            )
            last = connection.execute(mine).one_or_none()
            if last is not None and now - last.at < gap:
                return False
            count = 1 if last is None else last.number + 1
            upsert(connection, asked, {"address_key": scope, "count": count, "at": now}, key=("address_key",))
            queue(connection, [note], now)
            return True

    def claim(self, terms: NoteTerms, now: datetime) -> NoteClaim | None:
        """Take the note that has waited longest; None where none is due. It is committed when this returns.

        What must not be sent any more goes on the way: to an address that is suppressed, or a welcome to somebody who
        has left. What is paused waits.
        """
        with self._database.begin() as connection:
            paused = standing(connection, now)
            if EVERYTHING in paused:
                return None
            while (row := connection.execute(_next(now)).one_or_none()) is not None:
                if _stale(connection, row, terms):
                    connection.execute(delete(table).where(table.c.id == row.id))
                elif (pause := paused.get(domain_scope(_domain(row)))) is not None:
                    _wait(connection, row, pause, now)
                else:
                    return _take(connection, row, terms, now)
            return None

    def finish(self, claim: NoteClaim, outcome: NoteOutcome) -> bool:
        """Write down what became of a claim; False, and no change, where it was lost to another owner."""
        mine = and_(table.c.id == claim.id, table.c.owner == claim.owner, table.c.attempts == claim.attempts)
        freed = {"owner": None, "lease_until": None, "next_at": outcome.next_at}
        change = delete(table).where(mine) if outcome.next_at is None else update(table).where(mine).values(freed)
        with self._database.begin() as connection:
            return connection.execute(change).rowcount > 0

    def recover(self, now: datetime) -> int:
        """Take back every note that is claimed, whatever its lease; how many.

        Only for a caller who knows that no sender is alive, because he holds the file lock.
        """
        freed = update(table).where(table.c.owner.is_not(None)).values(owner=None, lease_until=None, next_at=now)
        with self._database.begin() as connection:
            return connection.execute(freed).rowcount


def queue(connection: Connection, notes: Sequence[NewNote], now: datetime) -> None:
    """Queue notes, to be sent at once."""
    rows = [
        {
            "kind": note.kind.value,
            "newsletters": json.dumps(note.newsletters),
            "request_id": note.request_id,
            "subscriber_id": note.subscriber_id,
            "created_at": now,
            "next_at": now,
            "attempts": 0,
        }
        for note in notes
    ]
    if rows:
        connection.execute(insert(table), rows)


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(table.c.next_at <= now, or_(table.c.owner.is_(None), table.c.lease_until <= now))


def _next(now: datetime) -> Select[tuple[Any, ...]]:
    return (
        select(
            table,
            func.coalesce(request.c.address, subscriber.c.address).label("address"),
            func.coalesce(subscriber.c.name, "").label("name"),
            request.c.preferences.label("wanted"),
            request.c.address_key.label("person_key"),
        )
        .outerjoin(request, request.c.id == table.c.request_id)
        .outerjoin(subscriber, subscriber.c.id == table.c.subscriber_id)
        .where(_due(now))
        .order_by(table.c.next_at, table.c.id)
        .limit(1)
        .with_for_update(of=table, skip_locked=True)
    )


def _domain(row: Row[Any]) -> str:
    return str(row.address).rpartition("@")[2].lower()


def _stale(connection: Connection, row: Row[Any], terms: NoteTerms) -> bool:
    keys = [key for key in (terms.address_key(row.address), row.person_key) if key is not None]
    listed = select(suppression.c.address_key).where(suppression.c.address_key.in_(keys))
    if connection.execute(listed).first() is not None:
        return True
    return row.kind == NoteKind.WELCOME and not _named_by(connection, row)


def _named_by(connection: Connection, row: Row[Any]) -> dict[str, Preferences]:
    """The newsletters that a note names, in its order, with what is wished of each; a welcome names none that was left."""
    named = json.loads(row.newsletters)
    if row.request_id is not None:
        return dict.fromkeys(named, loads(row.wanted))
    links = subscription.c
    mine = select(links.newsletter, links.state, links.preferences).where(
        links.subscriber_id == row.subscriber_id, links.newsletter.in_(named)
    )
    found = {each.newsletter: each for each in connection.execute(mine)}
    stands = {slug for slug, each in found.items() if each.state == SubscriptionState.CONFIRMED.value}
    told = [slug for slug in named if slug in stands or row.kind != NoteKind.WELCOME]
    return {slug: loads(found[slug].preferences) if slug in found else USUAL for slug in told}


def _wait(connection: Connection, row: Row[Any], pause: Pause, now: datetime) -> None:
    until = now + _PAUSED_WAIT if pause.until is None else pause.until
    freed = {"owner": None, "lease_until": None, "next_at": until}
    connection.execute(update(table).where(table.c.id == row.id).values(freed))


def _take(connection: Connection, row: Row[Any], terms: NoteTerms, now: datetime) -> NoteClaim:
    claimed = {"owner": terms.owner, "lease_until": now + terms.lease, "attempts": row.attempts + 1}
    connection.execute(update(table).where(table.c.id == row.id).values(claimed))
    named = _named_by(connection, row)
    if row.request_id is not None:
        values = {"request_id": row.request_id, "token_hash": terms.confirmation, "expires_at": terms.expires_at}
        connection.execute(insert(confirmation).values(values))
    claim = NoteClaim(
        id=row.id,
        kind=NoteKind(row.kind),
        newsletters=tuple(named),
        recipient=Subscriber(id=row.request_id or row.subscriber_id, address=row.address, name=row.name),
        of_request=row.request_id is not None,
        owner=terms.owner,
        attempts=row.attempts + 1,
        created_at=row.created_at,
        preferences=next(iter(named.values()), USUAL),
        cadences={slug: wanted.cadence for slug, wanted in named.items()},
    )
    _remember(connection, row, claim, terms, now)
    return claim


def _remember(connection: Connection, row: Row[Any], claim: NoteClaim, terms: NoteTerms, now: datetime) -> None:
    """Before it leaves, for what comes back may be quicker than the relay's answer."""
    values = {
        "message_id": terms.message_id(claim),
        "request_id": row.request_id,
        "subscriber_id": row.subscriber_id,
        "address_key": terms.address_key(row.address),
        "person_key": terms.person_key(row.address),
        "domain": _domain(row),
        "at": now,
    }
    insert_new(connection, sent_note, values)
