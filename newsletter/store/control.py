"""What an operator asks of the ledger and tells it: who got what, and what is to be tried again or not at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, insert, literal, select, update

from newsletter.model import DeliveryState
from newsletter.store import schema
from newsletter.store.database import Database
from newsletter.store.delivery_events import DeliveryEvent, events_of
from newsletter.store.digests import DONE, SENDING
from newsletter.store.rows import among
from newsletter.store.schema import delivery as table

_FORGOTTEN_AT_ONCE = 20_000  #: rows; senders get in between

WAITING = (DeliveryState.PENDING, DeliveryState.DEFERRED)
FAILED = (DeliveryState.BOUNCED, DeliveryState.EXPIRED, DeliveryState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """A delivery as the ledger has it, and what happened to it, oldest first. `code` and `enhanced` as in Outcome.

    `reason` tells why it was skipped.
    """

    id: int
    newsletter: str
    period: str
    subscriber_id: str
    message_id: str
    domain: str
    state: DeliveryState
    attempts: int
    next_at: datetime | None
    sent_at: datetime | None
    ambiguous: bool
    code: int | None
    enhanced: str | None
    reason: str | None = None
    events: tuple[DeliveryEvent, ...] = ()


class Control:
    """The ledger in an operator's hands. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self,
        newsletter: str | None = None,
        period: str | None = None,
        state: DeliveryState | None = None,
        most: int = 100,
    ) -> tuple[DeliveryRecord, ...]:
        """At most `most` deliveries, the newest first, without their events."""
        query = _records().order_by(table.c.id.desc()).limit(most)
        if newsletter is not None:
            query = query.where(schema.digest.c.newsletter == newsletter)
        if period is not None:
            query = query.where(schema.digest.c.period == period)
        if state is not None:
            query = query.where(table.c.state == state.value)
        with self._database.read() as connection:
            return tuple(_record_of(row) for row in connection.execute(query))

    def find(self, address: str, newsletter: str, period: str) -> DeliveryRecord | None:
        """The delivery of a digest to the person with this address, with its events; None where there is none."""
        query = _records().where(
            schema.digest.c.newsletter == newsletter,
            schema.digest.c.period == period,
            table.c.subscriber_id.in_(_person(address)),
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _record_of(row, events_of(connection, row.id))

    def forget_events(self, before: datetime) -> int:
        """Delete what happened to deliveries before that moment; how many rows. What became of each of them stays."""
        log, gone = schema.delivery_event, 0
        oldest = select(log.c.id, log.c.at).order_by(log.c.id).limit(1)
        while True:
            with self._database.begin() as connection:
                row = connection.execute(oldest).one_or_none()
                if row is None or row.at >= before:
                    return gone
                old = delete(log).where(log.c.id < row.id + _FORGOTTEN_AT_ONCE, log.c.at < before)
                gone += connection.execute(old).rowcount

    def cancel(self, newsletter: str, period: str, now: datetime) -> int:
        """What waits of a digest is not sent; how many. What is being sent goes on."""
        return self._move(_of(newsletter, period, WAITING), DeliveryState.CANCELLED, "cancelled", now)

    def retry(self, newsletter: str, period: str, address: str | None, now: datetime) -> int:
        """Let go at once what was deferred of a digest; with `address` that person's, also where it had failed for good.

        What waits for the hour that its reader chose goes on waiting, unless that person is named.
        """
        states = WAITING if address is None else (*WAITING, *FAILED)
        which = _of(newsletter, period, states)
        if address is None:
            which = and_(which, table.c.created_at <= now)
        else:
            which = and_(which, table.c.subscriber_id.in_(_person(address)))
        return self._move(which, DeliveryState.PENDING, "retried", now)

    def reconcile(self, message_ids: Collection[str], rest: DeliveryState | None, now: datetime) -> tuple[int, int]:
        """Settle deliveries whose fate is unknown: those in `message_ids` were sent; the others become `rest`, if told.

        `rest` is `sent` or `pending`. How many were found sent, and how many others were settled.
        """
        unknown = table.c.state == DeliveryState.UNKNOWN.value
        with self._database.begin() as connection:
            named = and_(unknown, among(connection, table.c.message_id, message_ids))
            sent = _move(connection, named, DeliveryState.SENT, "reconciled-sent", now)
            others = 0 if rest is None else _move(connection, unknown, rest, f"reconciled-{rest.value}", now)
            return sent, others

    def _move(self, which: ColumnElement[bool], state: DeliveryState, kind: str, now: datetime) -> int:
        with self._database.begin() as connection:
            return _move(connection, which, state, kind, now)


def _move(connection: Connection, which: ColumnElement[bool], state: DeliveryState, kind: str, now: datetime) -> int:
    """Give rows a state, each with an event; a digest that had come to its end is open again if they wait."""
    told = select(table.c.id, literal(now, schema.UtcDateTime()), literal(kind)).where(which)
    connection.execute(insert(schema.delivery_event).from_select(["delivery_id", "at", "kind"], told))
    if state is DeliveryState.PENDING:
        digest = schema.digest
        reopened = update(digest).where(digest.c.state == DONE, digest.c.id.in_(select(table.c.digest_id).where(which)))
        connection.execute(reopened.values(state=SENDING))
    values: dict[str, Any] = {
        "state": state.value,
        "owner": None,
        "lease_until": None,
        "next_at": now if state is DeliveryState.PENDING else None,
    }
    if state is DeliveryState.SENT:
        values["sent_at"] = now
    return connection.execute(update(table).where(which).values(values)).rowcount


def _of(newsletter: str, period: str, states: Collection[DeliveryState]) -> ColumnElement[bool]:
    digest = schema.digest
    number = select(digest.c.id).where(digest.c.newsletter == newsletter, digest.c.period == period)
    return and_(table.c.digest_id.in_(number), table.c.state.in_([state.value for state in states]))


def _person(address: str) -> Select[tuple[Any]]:
    people = schema.subscriber
    return select(people.c.id).where(people.c.address_folded == address.casefold())


def _records() -> Select[tuple[Any, ...]]:
    return select(table, schema.digest.c.newsletter, schema.digest.c.period).join(
        schema.digest, schema.digest.c.id == table.c.digest_id
    )


def _record_of(row: Row[Any], events: tuple[DeliveryEvent, ...] = ()) -> DeliveryRecord:
    return DeliveryRecord(
        id=row.id,
        newsletter=row.newsletter,
        period=row.period,
        subscriber_id=row.subscriber_id,
        message_id=row.message_id,
        domain=row.domain,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_at=row.next_at,
        sent_at=row.sent_at,
        ambiguous=row.ambiguous,
        code=row.code,
        enhanced=row.enhanced,
        reason=row.reason,
        events=events,
    )
