"""What changed among the articles, and the lists that pages show: by topic, by month, the newest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Integer, and_, bindparam, func, select, tuple_

from newsletter.model import Article, NoticeItem, Status
from newsletter.store.database import Database
from newsletter.store.documents import article_of, notice_of
from newsletter.store.rows import Hot, HotAmong
from newsletter.store.schema import UtcDateTime, article_topic
from newsletter.store.schema import article as table
from newsletter.store.schema import notice as notice_table
from newsletter.store.visibility import free, visible

_AT_ONCE = 100  # of some ten kilobytes each, and as many neighbours of each again


class Listings:
    """Questions that publishing asks. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        """The number of the last transaction that changed articles."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.coalesce(func.max(table.c.revision), 0))).scalar_one())

    def changed(self, after: int, since: datetime, now: datetime) -> tuple[Article, ...]:
        """Every article, withdrawn or held back too, that changed after revision `after` or came free after `since`."""
        keys = table.c
        freed = and_(keys.publish_after > since, keys.publish_after <= now)
        with self._database.read() as connection:  # two questions: each has an index of its own
            ids = {
                one
                for each in (keys.revision > after, freed)
                for one in connection.scalars(select(keys.id).where(each))
            }
        found = self.by_ids(ids)
        return tuple(found[one] for one in sorted(found))

    def everything(self) -> Iterator[tuple[Article, ...]]:
        """Every article, withdrawn or held back too, by id, a few at a time."""
        last = ""
        while True:
            with self._database.read() as connection:
                found = tuple(map(article_of, _AFTER.all(connection, {"last": last})))
            if not found:
                return
            yield found
            last = found[-1].id

    def by_ids(self, ids: Collection[str]) -> dict[str, Article]:
        if not ids:
            return {}
        with self._database.read() as connection:
            return {row.id: article_of(row) for row in _ARTICLES.all(connection, ids)}

    def count(self, now: datetime) -> int:
        """How many articles readers may see."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(visible(now))).scalar_one())

    def newest(self, now: datetime, most: int) -> tuple[str, ...]:
        """The ids of the articles published last, but for retracted ones; the newest first."""
        query = select(table.c.id).where(_listed(now)).order_by(table.c.published.desc(), table.c.id).limit(most)
        with self._database.read() as connection:
            return tuple(connection.execute(query).scalars())

    def months(self, now: datetime) -> dict[str, int]:
        """Month (`2026-11`, in UTC) -> number of articles in lists. Looks at every article."""
        with self._database.read() as connection:
            month = _month(connection)
            query = select(month.label("month"), func.count().label("number")).where(_listed(now)).group_by(month)
            return {row.month: row.number for row in connection.execute(query)}

    def in_month(self, month: str, now: datetime) -> int:
        """The number of articles in lists that were published in a month."""
        query = select(func.count()).select_from(table).where(_of_month(month, now))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def listed(self, now: datetime) -> int:
        """The number of articles in lists: all but the hidden ones, which are few and have indexes of their own."""
        every = select(func.count()).select_from(table)
        hidden = select(func.count()).select_from(_hidden(now).subquery())
        with self._database.read() as connection:
            return int(connection.execute(every).scalar_one()) - int(connection.execute(hidden).scalar_one())

    def month_places(self, month: str, now: datetime) -> tuple[tuple[str, str, datetime], ...]:
        """Id, slug and last change of the articles of a month, but for retracted ones, in the order of publication."""
        query = select(table.c.id, table.c.slug, table.c.updated).where(_of_month(month, now))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.published, table.c.id))
            return tuple((row.id, row.slug, row.updated) for row in rows)

    def topic_ids(self, slug: str, skip: int, most: int) -> tuple[str, ...]:
        """Ids of articles with a topic in the order of publication, oldest first, held back and retracted ones too."""
        with self._database.read() as connection:
            rows = _OF_TOPIC.all(connection, {"topic": slug, "skip": skip, "most": most})
        return tuple(row.article_id for row in rows)

    def topics_unlisted(self, now: datetime) -> dict[str, int]:
        """Topic -> how many of its articles stand in no list: held back, withdrawn or retracted."""
        query = select(article_topic.c.slug, func.count().label("number"))
        query = query.where(article_topic.c.article_id.in_(_hidden(now)))
        with self._database.read() as connection:
            return {row.slug: row.number for row in connection.execute(query.group_by(article_topic.c.slug))}

    def topic_place(self, slug: str, article: Article) -> int:
        """How many articles stand before this one in `topic_ids`."""
        keys = article_topic.c
        before = tuple_(keys.published, keys.article_id) < tuple_(article.published, article.id)
        query = select(func.count()).select_from(article_topic).where(keys.slug == slug, before)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def notices_about(self, ids: Collection[str], now: datetime) -> tuple[NoticeItem, ...]:
        """The notices about these articles, but for those held back. Oldest first, then by id."""
        return self._notices(_NOTICES_ABOUT, ids, {"now": now})

    def notices(self, ids: Collection[str]) -> tuple[NoticeItem, ...]:
        """The notices with these ids."""
        return self._notices(_NOTICES, ids, {})

    def _notices(
        self, question: HotAmong, ids: Collection[str], given: Mapping[str, datetime]
    ) -> tuple[NoticeItem, ...]:
        with self._database.read() as connection:
            notices = [notice_of(row) for row in question.all(connection, ids, given)]
            if not notices:
                return ()
            rows = _ARTICLES.all(connection, {notice.article_id for notice in notices})
            articles = {row.id: article_of(row) for row in rows}
        return tuple(NoticeItem(notice=notice, article=articles[notice.article_id]) for notice in notices)


_AFTER = Hot(select(table).where(table.c.id > bindparam("last")).order_by(table.c.id).limit(_AT_ONCE))
_ARTICLES = HotAmong(select(table), table.c.id)
_NOTICES = HotAmong(select(notice_table).order_by(notice_table.c.published, notice_table.c.id), notice_table.c.id)
_NOTICES_ABOUT = HotAmong(
    select(notice_table)
    .join(table, table.c.id == notice_table.c.article_id)
    .where(free(bindparam("now", type_=UtcDateTime())))
    .order_by(notice_table.c.published, notice_table.c.id),
    table.c.id,
)
_OF_TOPIC = Hot(
    select(article_topic.c.article_id)
    .where(article_topic.c.slug == bindparam("topic"))
    .order_by(article_topic.c.published, article_topic.c.article_id)
    .offset(bindparam("skip", type_=Integer))
    .limit(bindparam("most", type_=Integer))
)


def _listed(now: datetime) -> ColumnElement[bool]:
    """Visible, and not retracted: what stands in lists."""
    return and_(visible(now), table.c.status != Status.RETRACTED.value)


def _hidden(now: datetime) -> CompoundSelect[tuple[str]]:
    """The ids of all that stand in no list."""
    keys = table.c
    gone = select(keys.id).where(keys.status.in_([Status.WITHDRAWN.value, Status.RETRACTED.value]))
    return gone.union(select(keys.id).where(keys.publish_after > now))


def _month(connection: Connection) -> ColumnElement[str]:
    """The month of publication as a text that sorts."""
    if connection.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", table.c.published), "YYYY-MM")
    return func.strftime("%Y-%m", table.c.published)


def _of_month(month: str, now: datetime) -> ColumnElement[bool]:
    """Published in a month, and in lists."""
    begin, end = _bounds(month)
    return and_(table.c.published >= begin, table.c.published < end, _listed(now))


def _bounds(month: str) -> tuple[datetime, datetime]:
    year, number = int(month[:4]), int(month[5:])
    begin = datetime(year, number, 1, tzinfo=UTC)
    return begin, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
