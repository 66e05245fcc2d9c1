"""Subscribers, their subscriptions, and the addresses that must not be mailed.

An address is told apart without regard to case. It stands in table `subscriber` and nowhere else; what must outlive
it (deliveries, suppressions) knows an opaque id or a keyed hash.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, bindparam, delete, func, select, update

from newsletter.model import Consent, Preferences, Subscriber, Subscription, SubscriptionState
from newsletter.store.database import Database, insert_new
from newsletter.store.preferences import dumps, loads
from newsletter.store.rows import Hot
from newsletter.store.schema import digest, suppression
from newsletter.store.schema import subscriber as table
from newsletter.store.schema import subscription as links


class Subscribers:
    """Who gets what. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, subscription: Subscription) -> bool:
        """Enter a subscription, or renew one that is unconfirmed or was ended; False where nothing changed.

        A person who is known by the address keeps the id, the spelling of the address and, unless the new
        subscription is a confirmed one, the name. A confirmed subscription keeps its consent and preferences, and is
        never undone by one that nobody has confirmed.
        """
        with self._database.begin() as connection:
            known = known_person(connection, subscription.subscriber)
            renamed = _rename(connection, known, subscription)
            return enter(connection, known.id, subscription) or renamed

    def find(self, address: str) -> Subscriber | None:
        with self._database.read() as connection:
            return by_address(connection, address)

    def list(self, newsletter: str | None = None) -> tuple[Subscription, ...]:
        """Every subscription, or those of one newsletter, by newsletter and subscriber id."""
        query = _joined().order_by(links.c.newsletter, table.c.id)
        if newsletter is not None:
            query = query.where(links.c.newsletter == newsletter)
        with self._database.read() as connection:
            return tuple(_subscription_of(row) for row in connection.execute(query))

    def count_confirmed(self, newsletter: str) -> int:
        """How many have confirmed a subscription to `newsletter` and not ended it."""
        with self._database.read() as connection:
            query = select(func.count()).select_from(links).where(*_confirmed(newsletter))
            number: int = connection.execute(query).scalar_one()
            return number

    def subscription(self, subscriber_id: str, newsletter: str) -> Subscription | None:
        query = _joined().where(links.c.subscriber_id == subscriber_id, links.c.newsletter == newsletter)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _subscription_of(row)

    def person(self, subscriber_id: str) -> Subscriber | None:
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.id == subscriber_id)).one_or_none()
        return None if row is None else _subscriber_of(row)

    def subscriptions(self, subscriber_id: str) -> tuple[Subscription, ...]:
        """Every subscription of a person, ended ones too, by newsletter."""
        query = _joined().where(links.c.subscriber_id == subscriber_id).order_by(links.c.newsletter)
        with self._database.read() as connection:
            return tuple(_subscription_of(row) for row in connection.execute(query))

    def unsubscribe(self, subscriber_id: str, newsletter: str, now: datetime) -> bool:
        """End a subscription; False where there is none or it had ended before."""
        with self._database.begin() as connection:
            return end(connection, subscriber_id, newsletter, now)

    def unsubscribe_all(self, pairs: Sequence[tuple[str, str]], now: datetime) -> tuple[bool | None, ...]:
        """End subscriptions, each by subscriber's id and newsletter, in one transaction.

        For each: True where it stood, False where it had ended before, None where there is none.
        """
        with self._database.begin() as connection:
            return tuple(
                end(connection, *pair, now) or (False if _there(connection, *pair) else None) for pair in pairs
            )

    def settle(
        self, subscriber_id: str, wanted: Sequence[Subscription], left: Collection[str], now: datetime
    ) -> tuple[str, ...]:
        """What a person wants from now on: subscriptions begun or changed, and newsletters left; which of those stood.

        A subscription that stands already keeps its consent.
        """
        with self._database.begin() as connection:
            for each in wanted:
                if not enter(connection, subscriber_id, each, now):
                    prefer(connection, subscriber_id, each.newsletter, each.preferences, now)
            return tuple(slug for slug in left if end(connection, subscriber_id, slug, now))

    def suppress(self, keys: Collection[str], reason: str, now: datetime) -> None:
        """Never mail these again. `keys` are keyed hashes of one address or its person; the first reason stays."""
        with self._database.begin() as connection:
            suppress(connection, keys, reason, now)

    def unsuppress(self, keys: Collection[str]) -> bool:
        """Let these be mailed again; False where none of them was suppressed."""
        with self._database.begin() as connection:
            gone = delete(suppression).where(suppression.c.address_key.in_(list(keys)))
            return connection.execute(gone).rowcount > 0

    def suppressed(self, address_key: str) -> bool:
        with self._database.read() as connection:
            query = select(suppression.c.address_key).where(suppression.c.address_key == address_key)
            return connection.execute(query).one_or_none() is not None

    def suppressions(self) -> int:
        """How many keyed hashes of addresses and of persons are suppressed."""
        with self._database.read() as connection:
            number: int = connection.execute(select(func.count()).select_from(suppression)).scalar_one()
            return number


def suppress(connection: Connection, keys: Collection[str], reason: str, now: datetime) -> bool:
    """As `Subscribers.suppress` does; False where all of them were suppressed before."""
    rows = [{"address_key": key, "reason": reason, "at": now} for key in keys]
    return any([insert_new(connection, suppression, row) is not None for row in rows])  # noqa: C419 - all of them


def _confirmed(newsletter: str) -> tuple[ColumnElement[bool], ...]:
    return links.c.newsletter == newsletter, links.c.state == SubscriptionState.CONFIRMED.value


def known_person(connection: Connection, new: Subscriber) -> Subscriber:
    """The subscriber with this address, written down first where there is none."""
    values = {"id": new.id, "address": new.address, "address_folded": new.address.casefold(), "name": new.name}
    insert_new(connection, table, values)
    return by_address(connection, new.address) or new


def _rename(connection: Connection, known: Subscriber, subscription: Subscription) -> bool:
    name = subscription.subscriber.name
    if subscription.state is not SubscriptionState.CONFIRMED or name in {"", known.name}:
        return False
    connection.execute(update(table).where(table.c.id == known.id).values(name=name))
    return True


def enter(connection: Connection, subscriber_id: str, subscription: Subscription, now: datetime | None = None) -> bool:
    """Write a subscription of that person down, as `Subscribers.add` does; False where nothing changed.

    `now` is when that is, where it is not the moment of the consent.
    """
    key = {"subscriber_id": subscriber_id, "newsletter": subscription.newsletter}
    values = {
        "state": subscription.state.value,
        "consent_text": subscription.consent.text,
        "consent_at": subscription.consent.at,
        "consent_source": subscription.consent.source,
        "ended_at": None,
        "preferences": dumps(subscription.preferences),
        "since": newest_end(connection, subscription.newsletter),
        "changed_at": None,
    }
    if insert_new(connection, links, key | values) is not None:
        return True
    lasting = {subscription.state.value}
    if subscription.state is SubscriptionState.UNCONFIRMED:
        lasting.add(SubscriptionState.CONFIRMED.value)
    values["changed_at"] = now or subscription.consent.at
    renewed = update(links).filter_by(**key).where(links.c.state.not_in(lasting)).values(values)
    return connection.execute(renewed).rowcount > 0


def prefer(connection: Connection, subscriber_id: str, newsletter: str, wanted: Preferences, now: datetime) -> bool:
    """Change what a person wants of a newsletter that they get; False where they do not get it, or want the same.

    Whoever changes how often it comes gets from here on what comes from here on, hence `changed_at`.
    """
    mine = update(links).where(links.c.subscriber_id == subscriber_id, *_confirmed(newsletter))
    found = connection.execute(
        select(links.c.preferences).where(links.c.subscriber_id == subscriber_id, *_confirmed(newsletter))
    ).one_or_none()
    if found is None or loads(found.preferences) == wanted:
        return False
    values: dict[str, Any] = {"preferences": dumps(wanted)}
    if loads(found.preferences).cadence is not wanted.cadence:
        values["changed_at"] = now
    return connection.execute(mine.values(values)).rowcount > 0


def newest_end(connection: Connection, newsletter: str) -> datetime | None:
    """The end of the newest digest of `newsletter`; None before the first. Nothing up to it is owed to who comes now."""
    ends = select(func.max(digest.c.window_end)).where(digest.c.newsletter == newsletter)
    end: datetime | None = connection.execute(ends).scalar()
    return end


def end(connection: Connection, subscriber_id: str, newsletter: str, now: datetime) -> bool:
    """End a subscription; False where there is none or it had ended before."""
    ended = (
        update(links)
        .where(
            links.c.subscriber_id == subscriber_id,
            links.c.newsletter == newsletter,
            links.c.state != SubscriptionState.UNSUBSCRIBED.value,
        )
        .values(state=SubscriptionState.UNSUBSCRIBED.value, ended_at=now)
    )
    return connection.execute(ended).rowcount > 0


def _there(connection: Connection, subscriber_id: str, newsletter: str) -> bool:
    mine = select(links.c.state).where(links.c.subscriber_id == subscriber_id, links.c.newsletter == newsletter)
    return connection.execute(mine).one_or_none() is not None


def by_address(connection: Connection, address: str) -> Subscriber | None:
    row = connection.execute(select(table).where(table.c.address_folded == address.casefold())).one_or_none()
    return None if row is None else _subscriber_of(row)


def _joined() -> Select[tuple[Any, ...]]:
    return select(table, *(column for column in links.c if column.name != "subscriber_id")).join(
        links, links.c.subscriber_id == table.c.id
    )


def _subscriber_of(row: Row[Any]) -> Subscriber:
    return Subscriber(id=row.id, address=row.address, name=row.name)


def _subscription_of(row: Row[Any]) -> Subscription:
    return Subscription(
        subscriber=_subscriber_of(row),
        newsletter=row.newsletter,
        state=SubscriptionState(row.state),
        consent=Consent(text=row.consent_text, at=row.consent_at, source=row.consent_source),
        preferences=loads(row.preferences),
    )


def suppressed_among(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Which of these keys of addresses are suppressed."""
    if not keys:
        return set()
    if connection.dialect.name == "sqlite":
        return {row.address_key for row in _SUPPRESSED_LITE.all(connection, {"keys": json.dumps(keys)})}
    return set(connection.execute(_SUPPRESSED, {"keys": keys}).scalars())


_SUPPRESSED_LITE = Hot(
    select(suppression.c.address_key).where(
        suppression.c.address_key.in_(
            select(func.json_each(bindparam("keys", type_=Text())).table_valued("value").c.value)
        )
    )
)
_SUPPRESSED = select(suppression.c.address_key).where(suppression.c.address_key.in_(bindparam("keys", expanding=True)))
