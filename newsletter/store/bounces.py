"""What came back: found by the name of its message, written down once, and counted by mail domain."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select, update

from newsletter.model import DeliveryState, SubscriptionState
from newsletter.model.incoming import Bounce, BounceCount, BounceKind, PastDelivery, SentDelivery
from newsletter.store import schema
from newsletter.store.database import Database, insert_new
from newsletter.store.rows import among
from newsletter.store.schema import bounce as table
from newsletter.store.schema import delivery as ledger
from newsletter.store.subscribers import suppress

_RETURNED = [kind.value for kind in BounceKind if kind is not BounceKind.COMPLAINT]
_AFTER_AT = chr(ord("@") + 1)
_PLANNED_BEFORE = timedelta(days=60)  #: a delivery is sent so long after its digest was recorded at most


class Bounces:
    """Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> SentDelivery | None:
        """The delivery whose Message-ID has `name` on its left side; None where the ledger has none."""
        left = ledger.c.message_id
        return self._found(and_(left >= f"<{name}@", left < f"<{name}{_AFTER_AT}"))

    def find_message(self, message_ids: Collection[str]) -> SentDelivery | None:
        """The delivery with one of these Message-IDs; None where the ledger has none."""
        return self._found(ledger.c.message_id.in_(list(message_ids))) if message_ids else None

    def newest(self, subscriber_id: str, newsletter: str) -> SentDelivery | None:
        """The last delivery of a newsletter that a person was sent; None where there is none."""
        digest = schema.digest
        person = and_(ledger.c.subscriber_id == subscriber_id, digest.c.newsletter == newsletter)
        return self._found(and_(person, ledger.c.sent_at.is_not(None)))

    def history(self, subscriber_id: str, since: datetime) -> tuple[PastDelivery, ...]:
        """What a person was sent since then, of every newsletter, and what came back; the newest first.

        A walk over the digests of that time with one look into the ledger's key for each.
        """
        digest, at = schema.digest, func.coalesce(ledger.c.sent_at, ledger.c.created_at)
        returned = and_(
            table.c.delivery_id == ledger.c.id, table.c.attempt == ledger.c.attempts, table.c.kind.in_(_RETURNED)
        )
        told = (ledger.c.id, ledger.c.state, ledger.c.enhanced, ledger.c.sent_at, ledger.c.created_at, table.c.kind)
        query: Select[Any] = select(*told).select_from(ledger.outerjoin(table, returned))
        theirs = query.where(ledger.c.subscriber_id == subscriber_id, at >= since)
        with self._database.read() as connection:
            planned = select(digest.c.id).where(digest.c.created_at >= since - _PLANNED_BEFORE)
            among_them = among(connection, ledger.c.digest_id, connection.execute(planned).scalars().all())
            rows = connection.execute(theirs.where(among_them).order_by(at.desc(), ledger.c.id.desc()))
            return tuple(_past_of(row) for row in rows)

    def record(self, bounce: Bounce, keys: Collection[str], now: datetime) -> bool:
        """Write a bounce down with all that follows from it; False, and no change, where it is known already.

        `keys` are what a suppression keeps of the address. A complaint leaves the delivery's state as it is: it arrived.
        """
        with self._database.begin() as connection:
            if not _noted(connection, bounce, now):
                return False
            if bounce.kind is not BounceKind.COMPLAINT:
                values = {"state": DeliveryState.BOUNCED.value, "code": bounce.code, "enhanced": bounce.enhanced}
                changed = values | {"next_at": None, "reserved_at": None}
                connection.execute(update(ledger).where(ledger.c.id == bounce.delivery.id).values(changed))
            if bounce.suppress is not None:
                suppress(connection, keys, bounce.suppress, now)
            if bounce.leave:
                _unsubscribe(connection, bounce.delivery, now)
            return True

    def by_domain(self, since: datetime) -> tuple[BounceCount, ...]:
        """How many bounces came back since then, by mail domain and kind, the most first."""
        number = func.count()
        query = (
            select(table.c.domain, table.c.kind, number.label("number"))
            .where(table.c.at >= since)
            .group_by(table.c.domain, table.c.kind)
            .order_by(number.desc(), table.c.domain, table.c.kind)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(BounceCount(domain=r.domain, kind=BounceKind(r.kind), number=r.number) for r in rows)

    def _found(self, which: ColumnElement[bool]) -> SentDelivery | None:
        digest, person = schema.digest, schema.subscriber
        query = (
            select(ledger, digest.c.newsletter, person.c.address)
            .join(digest, digest.c.id == ledger.c.digest_id)
            .outerjoin(person, person.c.id == ledger.c.subscriber_id)
            .where(which)
            .order_by(ledger.c.sent_at.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _sent_of(row)


def _noted(connection: Connection, bounce: Bounce, now: datetime) -> bool:
    """The row and the event; False where the row is there, or the delivery has moved on since it was looked at."""
    seen = bounce.delivery
    row = select(ledger.c.state, ledger.c.attempts).where(ledger.c.id == seen.id).with_for_update()
    if tuple(connection.execute(row).one()) != (seen.state.value, seen.attempt):
        return False
    values = {
        "delivery_id": seen.id,
        "kind": bounce.kind.value,
        "attempt": seen.attempt,
        "domain": seen.domain,
        "enhanced": bounce.enhanced,
        "at": now,
    }
    if insert_new(connection, table, values) is None:
        return False
    kind = "complaint" if bounce.kind is BounceKind.COMPLAINT else f"bounced-{bounce.kind.value}"
    event = {"delivery_id": seen.id, "at": now, "kind": kind, "code": bounce.code, "enhanced": bounce.enhanced}
    connection.execute(insert(schema.delivery_event).values(event))
    return True


def _unsubscribe(connection: Connection, delivery: SentDelivery, now: datetime) -> None:
    links = schema.subscription
    ended = update(links).where(
        links.c.subscriber_id == delivery.subscriber_id,
        links.c.newsletter == delivery.newsletter,
        links.c.state != SubscriptionState.UNSUBSCRIBED.value,
    )
    connection.execute(ended.values(state=SubscriptionState.UNSUBSCRIBED.value, ended_at=now))


def _sent_of(row: Row[Any]) -> SentDelivery:
    return SentDelivery(
        id=row.id,
        newsletter=row.newsletter,
        subscriber_id=row.subscriber_id,
        address=row.address,
        domain=row.domain,
        state=DeliveryState(row.state),
        attempt=row.attempts,
        ambiguous=bool(row.ambiguous),
        sent_at=row.sent_at,
    )


def _past_of(row: Row[Any]) -> PastDelivery:
    return PastDelivery(
        delivery_id=row.id,
        at=row.sent_at or row.created_at,
        state=DeliveryState(row.state),
        bounce=None if row.kind is None else BounceKind(row.kind),
        enhanced=row.enhanced,
    )
