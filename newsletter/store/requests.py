"""What was asked for on the sign-up page: waiting to be answered, then to be confirmed by the person themselves.

Whoever the address belongs to, asking writes one row here and looks at nothing, so that nobody learns from it who is a
subscriber. What is done about it is decided later, in `answer`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, insert, select, update

from newsletter.model import (
    Answer,
    Asked,
    Consent,
    Known,
    NewNote,
    NoteKind,
    Request,
    Subscription,
    SubscriptionState,
)
from newsletter.store.database import Database, upsert
from newsletter.store.notes import queue
from newsletter.store.preferences import dumps, loads
from newsletter.store.schema import allowance, asked, confirmation, sent_note, subscription, suppression
from newsletter.store.schema import request as table
from newsletter.store.subscribers import by_address, enter, known_person, prefer

_BRAKE = "confirmations"  #: the scope under which mails are counted that nobody has confirmed
_HOUR = timedelta(hours=1)

#: Decides about a request; the last argument says whether the brake is on.
Decide = Callable[[Request, Known, bool], Answer]


class Requests:
    """The requests. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: Request, address_key: str) -> None:
        """Write down what was asked; `address_key` is the keyed hash of the person, however they spell the address."""
        values = {
            "id": request.id,
            "address": request.address,
            "address_key": address_key,
            "newsletters": json.dumps(request.newsletters),
            "preferences": dumps(request.preferences),
            "consent_text": request.consent.text,
            "consent_source": request.consent.source,
            "at": request.consent.at,
            "answered": False,
        }
        with self._database.begin() as connection:
            connection.execute(insert(table).values(values))

    def answer(
        self, decide: Decide, address_key: Callable[[str], str], *, most_an_hour: int, most: int, now: datetime
    ) -> Counter[Answer]:
        """Decide about up to `most` requests, the oldest first, and queue the notes that follow; how many of each answer.

        A request that is not to be confirmed is deleted. `address_key` is that of an address as it is spelt. At
        WAIT it ends, because all others would wait too.
        """
        counts: Counter[Answer] = Counter()
        with self._database.begin() as connection:
            before, since = _sent_within_hour(connection, now)
            sent = before
            for row in connection.execute(_OPEN.limit(most)).all():
                request = _request_of(row)
                known = _known(connection, row, address_key(row.address))
                told = decide(request, known, sent >= most_an_hour)
                counts[told] += 1
                if told is Answer.WAIT:
                    break
                sent += _carry_out(connection, row, request, known, told, now)
            if sent > before:
                upsert(connection, allowance, {"scope": _BRAKE, "count": sent, "since": since}, key=("scope",))
        return counts

    def find(self, token_hash: str, now: datetime) -> Request | None:
        """The request that a token confirms; None where there is none, or the token is too old."""
        with self._database.read() as connection:
            row = connection.execute(_confirmed_by(token_hash, now)).one_or_none()
        return None if row is None else _request_of(row)

    def confirm(
        self, token_hash: str, made: Callable[[Request], Sequence[Subscription]], *, welcome: bool, now: datetime
    ) -> Request | None:
        """End a request by its token: the subscriptions `made` of it begin, and with `welcome` one note for them all waits.

        None, and no change, where there is no such request. Who has a subscription already keeps its consent and gets
        the new preferences.
        """
        with self._database.begin() as connection:
            row = connection.execute(_confirmed_by(token_hash, now).with_for_update(of=table)).one_or_none()
            if row is None:
                return None
            request = _request_of(row)
            wanted = made(request)
            told = [_begin(connection, each, request.id, now) for each in wanted]
            begun = tuple(each.newsletter for each, (_, new) in zip(wanted, told, strict=True) if new)
            if welcome and begun:
                note = NewNote(kind=NoteKind.WELCOME, newsletters=begun, subscriber_id=told[0][0])
                queue(connection, [note], now)
            connection.execute(delete(table).where(table.c.id == row.id))
            connection.execute(delete(asked).where(asked.c.address_key == row.address_key))
            return request

    def purge(self, before: datetime, now: datetime) -> int:
        """Delete what was asked before `before` and can no longer be confirmed; how many."""
        alive = exists().where(confirmation.c.request_id == table.c.id, confirmation.c.expires_at > now)
        with self._database.begin() as connection:
            return connection.execute(delete(table).where(table.c.at <= before, ~alive)).rowcount


_OPEN = select(table).where(~table.c.answered).order_by(table.c.at, table.c.id).with_for_update(skip_locked=True)


def _confirmed_by(token_hash: str, now: datetime) -> Select[tuple[Any, ...]]:
    return (
        select(table)
        .join(confirmation, confirmation.c.request_id == table.c.id)
        .where(confirmation.c.token_hash == token_hash, confirmation.c.expires_at > now)
    )


def _sent_within_hour(connection: Connection, now: datetime) -> tuple[int, datetime]:
    """How many, and when that hour began."""
    mine = (
        select(allowance.c.count.label("number"), allowance.c.since)
        .where(allowance.c.scope == _BRAKE)
        .with_for_update()
    )
    row = connection.execute(mine).one_or_none()
    if row is None or not timedelta() <= now - row.since < _HOUR:
        return 0, now
    return row.number, row.since


def _known(connection: Connection, row: Row[Any], spelt_key: str) -> Known:
    person = by_address(connection, row.address)
    mine = select(subscription.c.newsletter).where(
        subscription.c.subscriber_id == (person.id if person else ""),
        subscription.c.state == SubscriptionState.CONFIRMED.value,
    )
    listed = select(suppression.c.address_key).where(suppression.c.address_key.in_([spelt_key, row.address_key]))
    last = connection.execute(
        select(asked.c.count.label("number"), asked.c.at).where(asked.c.address_key == row.address_key)
    )
    found = last.one_or_none()
    return Known(
        suppressed=connection.execute(listed).first() is not None,
        confirmed=frozenset(connection.execute(mine).scalars()),
        asked=None if found is None else Asked(count=found.number, at=found.at),
    )


def _carry_out(
    connection: Connection, row: Row[Any], request: Request, known: Known, told: Answer, now: datetime
) -> int:
    """Do what was decided; how many mails it makes."""
    if told is not Answer.NOTHING:
        count = (known.asked.count if known.asked else 0) + (told is Answer.CONFIRM)
        upsert(connection, asked, {"address_key": row.address_key, "count": count, "at": now}, key=("address_key",))
    if told is Answer.CONFIRM:
        connection.execute(update(table).where(table.c.id == row.id).values(answered=True))
        note = NewNote(kind=NoteKind.CONFIRMATION, newsletters=request.newsletters, request_id=request.id)
        queue(connection, [note], now)
        return 1
    connection.execute(delete(table).where(table.c.id == row.id))
    person = by_address(connection, row.address)
    if told is Answer.NOTHING or person is None:
        return 0
    note = NewNote(kind=NoteKind.PREFERENCES, newsletters=request.newsletters, subscriber_id=person.id)
    queue(connection, [note], now)
    return 1


def _begin(connection: Connection, wanted: Subscription, request_id: str, now: datetime) -> tuple[str, bool]:
    """Begin a subscription, or change what is wished of one that stands; the subscriber's id, and whether it began."""
    person = known_person(connection, wanted.subscriber)
    mine = update(sent_note).where(sent_note.c.request_id == request_id)
    connection.execute(mine.values(subscriber_id=person.id))  # what comes back for the question is now about them
    if enter(connection, person.id, wanted, now):
        return person.id, True
    prefer(connection, person.id, wanted.newsletter, wanted.preferences, now)
    return person.id, False


def _request_of(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        address=row.address,
        newsletters=tuple(json.loads(row.newsletters)),
        preferences=loads(row.preferences),
        consent=Consent(text=row.consent_text, at=row.at, source=row.consent_source),
    )
