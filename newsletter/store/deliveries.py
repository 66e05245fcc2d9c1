"""The ledger: one row for each mailing and recipient, and everything that happened to it.

`pending -> sending -> sent | deferred | bounced | suppressed | unknown | expired`. A row is claimed in a committed
transaction before a byte leaves, under the owner's name and for the time of a lease; the result is taken from that
claim alone. So after a crash every question is open in the ledger, and none is only in the memory of a dead process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from newsletter.model import Claim, DeliveryState, Outcome, Subscriber, SubscriptionState
from newsletter.store import schema
from newsletter.store.database import Database
from newsletter.store.digests import READY, SENDING
from newsletter.store.schema import delivery as table


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """One thing that happened to a delivery. `kind` is a machine word; `code` and `enhanced` as in Outcome."""

    at: datetime
    kind: str
    code: int | None
    enhanced: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suppressed:
    """A row was due, but must not be mailed; the next one may."""


class Deliveries:
    """The deliveries. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, owner: str, now: datetime, lease: timedelta, suppressed_key: Callable[[str], str]) -> Claim | None:
        """Take one delivery that is due, for `owner`, until `now + lease`; None where none is due.

        Due are: rows whose lease has run out (their fate is unknown, so they become ambiguous), deferred ones whose
        time has come, and pending ones, in this order. Before it is taken, a row is checked again: where the
        subscription is no longer confirmed, or the address is suppressed (`suppressed_key` makes the address's key),
        it becomes `suppressed` and the next is tried. The claim is committed when this returns.
        """
        while True:
            with self._database.begin() as connection:
                result = _claim_next(connection, owner, now, lease, suppressed_key)
            if not isinstance(result, _Suppressed):
                return result

    def finish(self, claim: Claim, outcome: Outcome, now: datetime) -> bool:
        """Write down what became of a claim; False, and no change, where the claim was lost to another owner.

        A delivery that once was ambiguous stays marked so. Raises ValueError for an outcome that ends nothing.
        """
        if outcome.state in {DeliveryState.PENDING, DeliveryState.SENDING}:
            raise ValueError(f"an attempt cannot end in the state {outcome.state.value}")
        if (outcome.state is DeliveryState.DEFERRED) != (outcome.next_at is not None):
            raise ValueError("next_at is for a deferred delivery, and a deferred delivery needs it")
        held = and_(
            table.c.id == claim.delivery_id,
            table.c.owner == claim.owner,
            table.c.state == DeliveryState.SENDING.value,
            table.c.attempts == claim.attempts,
        )
        values: dict[str, Any] = {
            "state": outcome.state.value,
            "owner": None,
            "lease_until": None,
            "next_at": outcome.next_at,
            "code": outcome.code,
            "enhanced": outcome.enhanced,
            "sent_at": now if outcome.state is DeliveryState.SENT else None,
        }
        if outcome.ambiguous:
            values["ambiguous"] = True
        with self._database.begin() as connection:
            if connection.execute(update(table).where(held).values(values)).rowcount == 0:
                return False
            _note(connection, claim.delivery_id, outcome.kind, now, code=outcome.code, enhanced=outcome.enhanced)
            return True

    def recover(self, now: datetime) -> int:
        """Take back everything that is being sent, whatever its lease; how many.

        Only for a caller who knows that no sender is alive, because he holds the file lock.
        """
        sending = select(table.c.id).where(table.c.state == DeliveryState.SENDING.value).with_for_update()
        freed = {
            "state": DeliveryState.PENDING.value,
            "owner": None,
            "lease_until": None,
            "next_at": now,
            "ambiguous": True,
        }
        with self._database.begin() as connection:
            numbers = connection.execute(sending).scalars().all()
            for number in numbers:  # few: at most one for each connection of the dead process
                connection.execute(update(table).where(table.c.id == number).values(freed))
                _note(connection, number, "recovered", now)
            return len(numbers)

    def counts(self) -> dict[str, dict[str, int]]:
        """Newsletter -> state -> number of deliveries; newsletters and states without any are left out."""
        query = (
            select(schema.digest.c.newsletter, table.c.state, func.count().label("number"))
            .join(schema.digest, schema.digest.c.id == table.c.digest_id)
            .group_by(schema.digest.c.newsletter, table.c.state)
            .order_by(schema.digest.c.newsletter, table.c.state)
        )
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.newsletter, {})[row.state] = row.number
        return found

    def due(self, now: datetime) -> int:
        """How many deliveries `claim` could take now."""
        query = select(func.count()).select_from(table).where(or_(*_due(now)))
        with self._database.read() as connection:
            number: int = connection.execute(query).scalar_one()
            return number

    def events(self, delivery_id: int) -> tuple[DeliveryEvent, ...]:
        """What happened to a delivery, oldest first."""
        log = schema.delivery_event
        with self._database.read() as connection:
            rows = connection.execute(select(log).where(log.c.delivery_id == delivery_id).order_by(log.c.id))
            return tuple(DeliveryEvent(at=row.at, kind=row.kind, code=row.code, enhanced=row.enhanced) for row in rows)


def _claim_next(
    connection: Connection, owner: str, now: datetime, lease: timedelta, suppressed_key: Callable[[str], str]
) -> Claim | _Suppressed | None:
    row = _next_due(connection, now)
    if row is None:
        return None
    doubt: dict[str, Any] = {}
    if row.state == DeliveryState.SENDING.value:
        doubt = {"ambiguous": True}
        _note(connection, row.id, "lease-expired", now)
    hindrance = _hindrance(connection, row, suppressed_key)
    if hindrance is not None:
        _suppress(connection, row.id, hindrance, now, doubt)
        return _Suppressed()
    claim = _claim_of(row, owner, now + lease)
    taken = {
        "state": DeliveryState.SENDING.value,
        "owner": owner,
        "lease_until": claim.lease_until,
        "attempts": claim.attempts,
        "next_at": None,
    }
    connection.execute(update(table).where(table.c.id == row.id).values(taken | doubt))
    _note(connection, row.id, "claimed", now)
    if row.digest_state == READY:
        connection.execute(update(schema.digest).where(schema.digest.c.id == row.digest_id).values(state=SENDING))
    return claim


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What may be claimed, most pressing first."""
    return (
        and_(table.c.state == DeliveryState.SENDING.value, table.c.lease_until <= now),
        and_(table.c.state == DeliveryState.DEFERRED.value, table.c.next_at <= now),
        table.c.state == DeliveryState.PENDING.value,
    )


def _next_due(connection: Connection, now: datetime) -> Row[Any] | None:
    """One due delivery, locked. One question for each kind, so that each is a walk along the index."""
    for condition in _due(now):
        row = connection.execute(
            _whole_row().where(condition).order_by(table.c.next_at).limit(1).with_for_update(of=table, skip_locked=True)
        ).one_or_none()
        if row is not None:
            return row
    return None


def _whole_row() -> Any:
    digest, person, link = schema.digest, schema.subscriber, schema.subscription
    subscribed = and_(link.c.subscriber_id == table.c.subscriber_id, link.c.newsletter == digest.c.newsletter)
    return (
        select(
            table,
            digest.c.newsletter,
            digest.c.period,
            digest.c.state.label("digest_state"),
            person.c.address,
            person.c.name,
            link.c.state.label("subscription_state"),
        )
        .join(digest, digest.c.id == table.c.digest_id)
        .outerjoin(person, person.c.id == table.c.subscriber_id)
        .outerjoin(link, subscribed)
    )


def _hindrance(connection: Connection, row: Row[Any], suppressed_key: Callable[[str], str]) -> str | None:
    """Why this delivery must not leave, as an event's kind; None where it may."""
    if row.subscription_state != SubscriptionState.CONFIRMED.value:
        return "not-subscribed"
    key = suppressed_key(row.address)
    listed = select(schema.suppression.c.address_key).where(schema.suppression.c.address_key == key)
    return None if connection.execute(listed).one_or_none() is None else "address-suppressed"


def _suppress(connection: Connection, number: int, kind: str, now: datetime, doubt: dict[str, Any]) -> None:
    values = {"state": DeliveryState.SUPPRESSED.value, "owner": None, "lease_until": None, "next_at": None}
    connection.execute(update(table).where(table.c.id == number).values(values | doubt))
    _note(connection, number, kind, now)


def _claim_of(row: Row[Any], owner: str, lease_until: datetime) -> Claim:
    return Claim(
        delivery_id=row.id,
        digest_id=row.digest_id,
        newsletter=row.newsletter,
        period=row.period,
        subscriber=Subscriber(id=row.subscriber_id, address=row.address, name=row.name),
        message_id=row.message_id,
        owner=owner,
        lease_until=lease_until,
        attempts=row.attempts + 1,
        created_at=row.created_at,
    )


def _note(
    connection: Connection,
    number: int,
    kind: str,
    now: datetime,
    *,
    code: int | None = None,
    enhanced: str | None = None,
) -> None:
    values = {"delivery_id": number, "at": now, "kind": kind, "code": code, "enhanced": enhanced}
    connection.execute(insert(schema.delivery_event).values(values))
