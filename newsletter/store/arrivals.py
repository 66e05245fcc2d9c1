"""Many subscriptions at once, as an import brings them: thousands in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Insert, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.model import Subscription, SubscriptionState
from newsletter.store.database import Database
from newsletter.store.preferences import dumps
from newsletter.store.rows import among, driver_moment, write_rows
from newsletter.store.schema import subscriber, subscription, suppression
from newsletter.store.subscribers import newest_end

Keys = Callable[[str], Sequence[str]]  #: address -> the keyed hashes under which it may be suppressed

_BATCH = 5_000  #: so many are read at once
_PERSON = ("id", "address", "address_folded", "name")
_LINK = (
    *("subscriber_id", "newsletter", "state", "consent_text", "consent_at", "consent_source"),
    *("preferences", "since"),
)


class Arrival(StrEnum):
    """What became of a subscription that was brought."""

    ADDED = "added"
    RENEWED = "renewed"  #: it had ended, or was never confirmed
    THERE = "there"  #: it stands already, and keeps its consent and preferences
    LEFT = "left"  #: refused: they have left since they agreed
    SUPPRESSED = "suppressed"  #: refused: the address must not be mailed


class Arrivals:
    """Brings and lists many subscriptions. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bring(self, wanted: Sequence[Subscription], keys: Keys, now: datetime) -> tuple[Arrival, ...]:
        """Enter subscriptions, no two of one address and newsletter; what became of each. Known people keep their id."""
        with self._database.begin() as connection:
            told = _judge(connection, wanted, keys)
            coming = [each for each, arrival in zip(wanted, told, strict=True) if arrival in _COMING]
            ids = _enter_people(connection, coming)
            _enter_links(connection, [each for each, a in zip(wanted, told, strict=True) if a is Arrival.ADDED], ids)
            _renew(connection, [each for each, a in zip(wanted, told, strict=True) if a is Arrival.RENEWED], ids, now)
            return told

    def judge(self, wanted: Sequence[Subscription], keys: Keys) -> tuple[Arrival, ...]:
        """What would become of each; changes nothing."""
        with self._database.read() as connection:
            return _judge(connection, wanted, keys)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every subscription with its person, by the person's id, a few thousand at a time in memory."""
        columns = (c for c in subscription.c if c.name not in {"subscriber_id", "since", "changed_at"})
        query = select(subscriber.c.id, subscriber.c.address, subscriber.c.name, *columns).join(
            subscription, subscription.c.subscriber_id == subscriber.c.id
        )
        order, after, more = (subscriber.c.id, subscription.c.newsletter), "", True
        while more:
            people = select(subscriber.c.id).where(subscriber.c.id > after).order_by(subscriber.c.id).limit(_BATCH)
            with self._database.read() as connection:
                ids = list(connection.execute(people).scalars())
                mine = query.where(subscriber.c.id > after, subscriber.c.id <= (ids[-1] if ids else after))
                found = [row._asdict() for row in connection.execute(mine.order_by(*order))]
            yield from found
            after, more = ids[-1] if ids else after, len(ids) == _BATCH


_COMING = frozenset({Arrival.ADDED, Arrival.RENEWED})


def _judge(connection: Connection, wanted: Sequence[Subscription], keys: Keys) -> tuple[Arrival, ...]:
    ids = _ids(connection, wanted)
    standing = {
        (row.subscriber_id, row.newsletter): row
        for row in connection.execute(
            select(subscription).where(among(connection, subscription.c.subscriber_id, list(ids.values())))
        )
    }
    theirs = [keys(each.subscriber.address) for each in wanted]
    any_of_them = among(connection, suppression.c.address_key, [key for each in theirs for key in each])
    listed = set(connection.execute(select(suppression.c.address_key).where(any_of_them)).scalars())
    return tuple(
        _of(each, standing.get((ids.get(_folded(each), ""), each.newsletter)))
        if listed.isdisjoint(mine)
        else Arrival.SUPPRESSED
        for each, mine in zip(wanted, theirs, strict=True)
    )


def _of(wanted: Subscription, there: Any) -> Arrival:
    if there is None:
        return Arrival.ADDED
    if there.state == SubscriptionState.CONFIRMED.value:
        return Arrival.THERE
    if there.state == SubscriptionState.UNSUBSCRIBED.value:
        ended = there.ended_at or there.consent_at
        return Arrival.LEFT if wanted.consent.at <= ended else Arrival.RENEWED
    return Arrival.RENEWED


def _folded(wanted: Subscription) -> str:
    return wanted.subscriber.address.casefold()


def _ids(connection: Connection, wanted: Sequence[Subscription]) -> dict[str, str]:
    """Folded address -> id, of those who are known."""
    folded = list({_folded(each) for each in wanted})
    query = select(subscriber.c.address_folded, subscriber.c.id).where(
        among(connection, subscriber.c.address_folded, folded)
    )
    return {row.address_folded: row.id for row in connection.execute(query)}


def _enter_people(connection: Connection, coming: Sequence[Subscription]) -> dict[str, str]:
    """Write down who is not known yet; the ids of all."""
    people = {_folded(each): each.subscriber for each in coming}
    rows = [(one.id, one.address, folded, one.name) for folded, one in people.items()]
    write_rows(connection, _new(connection, subscriber), rows, _PERSON)
    return _ids(connection, coming)


def _enter_links(connection: Connection, new: Sequence[Subscription], ids: dict[str, str]) -> None:
    ends = _ends(connection, new)
    rows = [
        (
            *(ids[_folded(each)], each.newsletter, each.state.value, each.consent.text),
            *(driver_moment(connection, each.consent.at), each.consent.source, dumps(each.preferences)),
            None if (end := ends[each.newsletter]) is None else driver_moment(connection, end),
        )
        for each in new
    ]
    write_rows(connection, _new(connection, subscription), rows, _LINK)


def _renew(connection: Connection, again: Sequence[Subscription], ids: dict[str, str], now: datetime) -> None:
    ends = _ends(connection, again)
    rows = [
        {
            "person": ids[_folded(each)],
            "series": each.newsletter,
            "state": each.state.value,
            "consent_text": each.consent.text,
            "consent_at": each.consent.at,
            "consent_source": each.consent.source,
            "preferences": dumps(each.preferences),
            "since": ends[each.newsletter],
            "changed_at": now,
            "ended_at": None,
        }
        for each in again
    ]
    mine = (subscription.c.subscriber_id == bindparam("person"), subscription.c.newsletter == bindparam("series"))
    if rows:
        connection.execute(update(subscription).where(*mine), rows)


def _ends(connection: Connection, wanted: Sequence[Subscription]) -> dict[str, datetime | None]:
    """Newsletter -> the end of its newest digest."""
    return {slug: newest_end(connection, slug) for slug in {each.newsletter for each in wanted}}


def _new(connection: Connection, table: Table) -> Insert:
    """An INSERT that passes over what has come meanwhile from elsewhere."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
