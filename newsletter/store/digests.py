"""The record of digests: what was put together, from which window, and the email made of it.

A digest is written down whole or not at all: its row, its articles, its notices, its mailing and one delivery for each
recipient are one transaction, and so is a chain of them. States: `ready` (has deliveries, none tried), `sending`, `done`, and `empty`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, insert, or_, select, update

from newsletter.errors import StoreError
from newsletter.model import (
    DeliveryState,
    Digest,
    DigestRecord,
    Mailing,
    NewDelivery,
    NewDigest,
    NoticeItem,
    Place,
    Placed,
    PlannedDigest,
)
from newsletter.store import schema
from newsletter.store.choices import ChoiceNumbers
from newsletter.store.database import Database, insert_new
from newsletter.store.documents import article_of, notice_of
from newsletter.store.preferences import dump_articles
from newsletter.store.rows import among, driver_moment, many_rows, write_rows
from newsletter.store.schema import digest as table
from newsletter.wishes import Contents, Issue

READY, SENDING, DONE, EMPTY = "ready", "sending", "done", "empty"
OPEN = (DeliveryState.PENDING.value, DeliveryState.SENDING.value, DeliveryState.DEFERRED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDigest:
    """A digest as it stands in the record. `placed` and `notices` carry the articles as they are now."""

    id: int
    planned: PlannedDigest
    created_at: datetime
    state: str
    placed: tuple[Placed, ...]
    notices: tuple[NoticeItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A digest that was written down, to how many people it goes, and how many want nothing of it."""

    id: int
    deliveries: int
    skipped: int = 0


class Digests:
    """The digests. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, newsletter: str) -> tuple[DigestRecord, ...]:
        """What the planner needs of every digest of `newsletter`, oldest first."""
        columns = (table.c.newsletter, table.c.period, table.c.window_start, table.c.window_end)
        query = select(*columns).where(table.c.newsletter == newsletter).order_by(table.c.window_start)
        with self._database.read() as connection:
            return tuple(
                DigestRecord(
                    newsletter=row.newsletter,
                    period=row.period,
                    window_start=row.window_start,
                    window_end=row.window_end,
                )
                for row in connection.execute(query)
            )

    def issues(self, newsletter: str) -> tuple[Issue, ...]:
        """Every digest of `newsletter` that was mailed, oldest first; empty ones too, for they end weeks and months."""
        columns = (table.c.period, table.c.window_start, table.c.window_end, table.c.created_at)
        mailed = select(*columns).where(table.c.newsletter == newsletter, table.c.mailed)
        with self._database.read() as connection:
            return tuple(
                Issue(
                    period=row.period,
                    window_start=row.window_start,
                    window_end=row.window_end,
                    made_at=row.created_at,
                )
                for row in connection.execute(mailed.order_by(table.c.window_end))
            )

    def contents(self, newsletter: str, periods: Collection[str]) -> dict[str, Contents]:
        """What the digests of these periods carry."""
        return {
            one.planned.period: Contents(
                articles=tuple(placed.article for placed in one.placed), notices=tuple(one.notices)
            )
            for one in self.named(newsletter, periods)
        }

    def served(self, newsletter: str, since: Mapping[str, datetime]) -> dict[str, datetime]:
        """Subscriber -> the end of the newest digest of `newsletter` that the ledger has a row of theirs for.

        Of digests that end after the moment which is told of each; left out is who has no such row.
        """
        ends = select(table.c.id, table.c.window_end).where(table.c.newsletter == newsletter, table.c.mailed)
        found: dict[str, datetime] = {}
        people = schema.delivery.c.subscriber_id
        with self._database.read() as connection:
            for row in connection.execute(ends.order_by(table.c.window_end.desc())).all():
                open_ones = [one for one, moment in since.items() if one not in found and moment < row.window_end]
                if not open_ones:
                    break
                theirs = select(people).where(
                    schema.delivery.c.digest_id == row.id, among(connection, people, open_ones)
                )
                found |= dict.fromkeys(connection.execute(theirs).scalars(), row.window_end)
        return found

    def add(self, chain: Sequence[NewDigest], now: datetime) -> tuple[Added, ...] | None:
        """Write down digests of one newsletter that follow one another, all of them or none.

        None where another planner was faster: where the first does not begin at the end of the newest in the record, or
        a period or a window start is taken. All or none, because a part of a new newsletter's back issues would look
        like an outage to the next planner, who would mail the rest.
        Raises StoreError also where an article or a notice was in a digest of this newsletter before.
        """
        try:
            with self._database.begin() as connection:
                if chain and not _continues(connection, chain[0].digest.planned):
                    return None
                return tuple(_add(connection, one, now) for one in chain)
        except _OvertakenError:
            return None

    def all(self, newsletter: str) -> tuple[RecordedDigest, ...]:
        """Every digest of `newsletter`, oldest first."""
        return self._recorded(select(table).where(table.c.newsletter == newsletter).order_by(table.c.window_start))

    def named(self, newsletter: str, periods: Collection[str]) -> tuple[RecordedDigest, ...]:
        """The digests of `newsletter` of these periods, oldest first."""
        wanted = select(table).where(table.c.newsletter == newsletter, table.c.period.in_(list(periods)))
        return self._recorded(wanted.order_by(table.c.window_start))

    def periods(self, newsletter: str, after: int = 0) -> tuple[str, ...]:
        """The periods of every digest of `newsletter` that carries something, of those with an id above `after`.

        One that carries nothing may have deliveries all the same: it may be the last of a week that does.
        """
        wanted = select(table.c.period).where(
            table.c.newsletter == newsletter, table.c.id > after, table.c.state != EMPTY, _CARRIES
        )
        with self._database.read() as connection:
            return tuple(connection.execute(wanted.order_by(table.c.window_start)).scalars())

    def newest_id(self) -> int:
        """The id that was given last; 0 before the first."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())

    def carrying(self, article_ids: Collection[str]) -> set[tuple[str, str]]:
        """Newsletter and period of every digest that carries one of these articles, or a notice about one."""
        places, notices = schema.digest_article, schema.digest_notice
        with self._database.read() as connection:
            carried = select(places.c.digest_id).where(among(connection, places.c.article_id, article_ids))
            told = (
                select(notices.c.digest_id)
                .join(schema.notice, schema.notice.c.id == notices.c.notice_id)
                .where(among(connection, schema.notice.c.article_id, article_ids), notices.c.shown)
            )
            wanted = select(table.c.newsletter, table.c.period).where(table.c.id.in_(carried) | table.c.id.in_(told))
            return {(row.newsletter, row.period) for row in connection.execute(wanted)}

    def latest(self, newsletter: str) -> RecordedDigest | None:
        """The digest of `newsletter` whose window ends last."""
        newest = select(table).where(table.c.newsletter == newsletter).order_by(table.c.window_end.desc()).limit(1)
        return next(iter(self._recorded(newest)), None)

    def mailing(self, digest_id: int, form: str = "") -> Mailing:
        """The email of a digest, in its newsletter's own form or in another (`Choice.form`). Raises StoreError where there
        is none.
        """
        query = (
            select(table.c.newsletter, table.c.period, schema.mailing.c.subject, schema.mailing.c.template)
            .join(schema.mailing, schema.mailing.c.digest_id == table.c.id)
            .where(table.c.id == digest_id, schema.mailing.c.form == form)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise StoreError(f"digest {digest_id} has no mailing{form and f' of the form {form}'}")
        return Mailing(newsletter=row.newsletter, period=row.period, subject=row.subject, template=row.template)

    def close_finished(self) -> int:
        """Digests whose deliveries have all come to an end become `done`; how many."""
        still = exists().where(schema.delivery.c.digest_id == table.c.id, schema.delivery.c.state.in_(OPEN))
        finished = update(table).where(table.c.state.in_((READY, SENDING)), ~still).values(state=DONE)
        with self._database.begin() as connection:
            return connection.execute(finished).rowcount

    def _recorded(self, query: Select[tuple[object, ...]]) -> tuple[RecordedDigest, ...]:
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            numbers = [row.id for row in rows]
            placed, notices = _placed(connection, numbers), _notices(connection, numbers)
        return tuple(
            RecordedDigest(
                id=row.id,
                planned=_planned(row),
                created_at=row.created_at,
                state=row.state,
                placed=tuple(placed.get(row.id, ())),
                notices=tuple(notices.get(row.id, ())),
            )
            for row in rows
        )


_CARRIES = or_(
    exists().where(schema.digest_article.c.digest_id == table.c.id),
    exists().where(schema.digest_notice.c.digest_id == table.c.id, schema.digest_notice.c.shown),
)


class _OvertakenError(Exception):
    """Another planner has recorded this digest; what was begun is rolled back."""


def _continues(connection: Connection, planned: PlannedDigest) -> bool:
    if connection.dialect.name == "postgresql":
        # One planner of a newsletter at a time, for the record may be empty and then there is no row to lock.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"digests of {planned.newsletter}"))))
    newest = select(func.max(table.c.window_end)).where(table.c.newsletter == planned.newsletter)
    return connection.execute(newest).scalar() in {None, planned.window_start}


def _add(connection: Connection, new: NewDigest, now: datetime) -> Added:
    row = insert_new(connection, table, _values(new.digest, now=now))
    if row is None:
        raise _OvertakenError
    number: int = row.id
    _insert_contents(connection, number, new.digest, new.settled)
    mailings = ([] if new.mailing is None else [("", new.mailing)]) + list(new.forms.items())
    for form, mailing in mailings:
        values = {"digest_id": number, "form": form, "subject": mailing.subject, "template": mailing.template}
        connection.execute(insert(schema.mailing).values(values))
    going, skipped = _add_deliveries(connection, number, new, now)
    if going and not mailings:
        planned = new.digest.planned
        raise StoreError(f"digest {planned.newsletter} {planned.period}: deliveries without a mailing")
    if going or skipped:
        connection.execute(update(table).where(table.c.id == number).values(state=READY))
    return Added(id=number, deliveries=going, skipped=skipped)


def _add_deliveries(connection: Connection, number: int, new: NewDigest, now: datetime) -> tuple[int, int]:
    """Write deliveries down as they come; how many go out, and how many are skipped. A few at a time are in memory."""
    waiting, moment, going, skipped = iter(new.deliveries), driver_moment(connection, now), 0, 0
    choices = ChoiceNumbers(connection)
    with many_rows(connection):
        while some := list(islice(waiting, _BATCH)):
            rows = [_delivery(connection, number, one, choices.of(one.choice), moment) for one in some]
            write_rows(connection, _NEW_DELIVERY, rows, _COLUMNS)
            aside = sum(1 for one in some if one.skipped is not None)
            going, skipped = going + len(some) - aside, skipped + aside
    return going, skipped


def _values(digest: Digest, *, now: datetime) -> dict[str, Any]:
    planned = digest.planned
    return {
        "newsletter": planned.newsletter,
        "period": planned.period,
        "window_start": planned.window_start,
        "window_end": planned.window_end,
        "due_at": planned.due_at,
        "catch_up": planned.catch_up,
        "mailed": planned.mailed,
        "state": EMPTY if digest.empty else DONE,
        "created_at": now,
    }


def _insert_contents(connection: Connection, number: int, digest: Digest, settled: Sequence[str]) -> None:
    common = {"newsletter": digest.planned.newsletter, "digest_id": number}
    placed = [
        common | {"article_id": one.article.id, "place": one.place.value, "position": position}
        for position, one in enumerate(digest.placed)
    ]
    shown = [item.notice.id for item in digest.notices]
    quiet = [notice for notice in dict.fromkeys(settled) if notice not in shown]
    notices = [
        common | {"notice_id": notice, "shown": position < len(shown), "position": position}
        for position, notice in enumerate(shown + quiet)
    ]
    if placed:
        connection.execute(insert(schema.digest_article), placed)
    if notices:
        connection.execute(insert(schema.digest_notice), notices)


_BATCH = 10_000
_COLUMNS = (
    "digest_id",
    "subscriber_id",
    "domain",
    "message_id",
    "state",
    "attempts",
    "next_at",
    "ambiguous",
    "choice_id",
    "articles",
    "reason",
    "created_at",
)
_NEW_DELIVERY = insert(schema.delivery)


def _delivery(
    connection: Connection, number: int, delivery: NewDelivery, choice: int | None, moment: object
) -> tuple[object, ...]:
    """An hour that was chosen dates the delivery too: its message is then as new as it looks."""
    named = (number, delivery.subscriber_id, delivery.domain, delivery.message_id)
    if delivery.skipped is not None:
        return (*named, DeliveryState.SKIPPED.value, 0, None, False, None, None, delivery.skipped, moment)
    articles = None if delivery.choice is None else dump_articles(delivery.choice.articles)
    if delivery.next_at is None:
        return (*named, DeliveryState.PENDING.value, 0, moment, False, choice, articles, None, moment)
    at = driver_moment(connection, delivery.next_at)
    return (*named, DeliveryState.DEFERRED.value, 0, at, False, choice, articles, None, at)


def _planned(row: Row[Any]) -> PlannedDigest:
    return PlannedDigest(
        newsletter=row.newsletter,
        period=row.period,
        window_start=row.window_start,
        window_end=row.window_end,
        due_at=row.due_at,
        catch_up=row.catch_up,
        mailed=row.mailed,
    )


def _placed(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Placed]]:
    link = schema.digest_article
    query = (
        select(schema.article, link.c.digest_id, link.c.place)
        .join(link, link.c.article_id == schema.article.c.id)
        .where(link.c.digest_id.in_(numbers))
        .order_by(link.c.position)
    )
    found: dict[int, list[Placed]] = {}
    for row in connection.execute(query):
        found.setdefault(row.digest_id, []).append(Placed(article=article_of(row), place=Place(row.place)))
    return found


def _notices(connection: Connection, numbers: Sequence[int]) -> dict[int, list[NoticeItem]]:
    link = schema.digest_notice
    shown = (
        select(schema.notice, link.c.digest_id)
        .join(link, link.c.notice_id == schema.notice.c.id)
        .where(link.c.digest_id.in_(numbers), link.c.shown)
        .order_by(link.c.position)
    )
    notices = [(row.digest_id, notice_of(row)) for row in connection.execute(shown)]
    wanted = select(schema.article).where(schema.article.c.id.in_({notice.article_id for _, notice in notices}))
    articles = {row.id: article_of(row) for row in connection.execute(wanted)}
    found: dict[int, list[NoticeItem]] = {}
    for number, notice in notices:
        found.setdefault(number, []).append(NoticeItem(notice=notice, article=articles[notice.article_id]))
    return found
