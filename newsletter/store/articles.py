"""Articles and the notices about them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select

from newsletter.model import Accepted, Article, Notice, NoticeItem
from newsletter.store.database import Database, insert_new, upsert_all
from newsletter.store.documents import article_of, article_values, notice_of, notice_values
from newsletter.store.related import index_articles
from newsletter.store.rows import among
from newsletter.store.schema import article as table
from newsletter.store.schema import digest_article, digest_notice
from newsletter.store.schema import notice as notice_table
from newsletter.store.topics import Topics, record_topics
from newsletter.store.visibility import free, visible

_AT_ONCE = 500


class Articles:
    """The articles. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raw_hashes(self, source: str, keys: Collection[str]) -> dict[str, str]:
        """Key -> hash of the raw document, for those of `keys` of which `source` gave an article."""
        with self._database.read() as connection:
            named = among(connection, table.c.key, keys)
            rows = connection.execute(select(table.c.key, table.c.raw_hash).where(table.c.source == source, named))
            return {row.key: row.raw_hash for row in rows}

    def raw_hash(self, article_id: str) -> str | None:
        """The hash of the raw document that an article came from."""
        with self._database.read() as connection:
            found: str | None = connection.execute(
                select(table.c.raw_hash).where(table.c.id == article_id)
            ).scalar_one_or_none()
            return found

    def find(self, source: str, key: str) -> Article | None:
        """The article that came from this document."""
        return self._one(table.c.source == source, table.c.key == key)

    def of(self, source: str, keys: Collection[str]) -> dict[str, Article]:
        """Key -> article, for those of `keys` of which `source` gave one."""
        named = table.c.key.in_(list(keys))
        return {article.key: article for article in self._many(select(table).where(table.c.source == source, named))}

    def by_slug(self, slug: str) -> Article | None:
        return self._one(table.c.slug == slug)

    def save(self, article: Article, raw_hash: str, notice: Notice | None = None) -> None:
        """`save_all` of one."""
        self.save_all([Accepted(article=article, raw_hash=raw_hash, notice=notice)])

    def save_all(self, accepted: Sequence[Accepted]) -> None:
        """Insert or update by id, together with their places in the index and their notices, in one transaction.

        A notice that is there already stays as it is.
        """
        with self._database.begin() as connection:
            revision = next_revision(connection)
            rows = [article_values(each.article, each.raw_hash) | {"revision": revision} for each in accepted]
            upsert_all(connection, table, rows, key=("id",))
            record_topics(connection, [each.article for each in accepted])
            index_articles(connection, [each.article for each in accepted])
            for each in accepted:
                if each.notice is not None:
                    insert_new(connection, notice_table, notice_values(each.notice))

    def everything(self) -> Iterator[tuple[Article, str]]:
        """Every article with the hash of its raw document, by id; those that are saved meanwhile may be missing."""
        last = ""
        while True:
            query = select(table).where(table.c.id > last).order_by(table.c.id).limit(_AT_ONCE)
            with self._database.read() as connection:
                found = [(article_of(row), row.raw_hash) for row in connection.execute(query)]
            if not found:
                return
            yield from found
            last = found[-1][0].id

    def taken(self, slugs: Collection[str]) -> set[str]:
        """Those of `slugs` that an article has."""
        with self._database.read() as connection:
            wanted = select(table.c.slug).where(among(connection, table.c.slug, slugs))
            return set(connection.execute(wanted).scalars())

    def known_topics(self) -> dict[str, int]:
        """Topic -> number of articles that carry it, in any spelling."""
        return Topics(self._database).names()

    def visible(self, now: datetime) -> tuple[Article, ...]:
        """What readers may see: not held back, not withdrawn. Newest first, then by id."""
        return self._many(_newest_first().where(visible(now)))

    def unassigned(self, newsletter: str, now: datetime) -> tuple[Article, ...]:
        """The visible articles that no digest of `newsletter` has carried. Newest first, then by id."""
        carried = exists().where(digest_article.c.newsletter == newsletter, digest_article.c.article_id == table.c.id)
        return self._many(_newest_first().where(visible(now), ~carried))

    def notices(self, now: datetime) -> tuple[NoticeItem, ...]:
        """Every notice with its article, but those about articles held back until later. Oldest first, then by id."""
        return self._notices(select(notice_table).join(table, table.c.id == notice_table.c.article_id).where(free(now)))

    def pending_notices(self, newsletter: str) -> tuple[NoticeItem, ...]:
        """Notices about articles that `newsletter` carried, which its readers have not been told. Oldest first."""
        carried = and_(
            digest_article.c.newsletter == newsletter, digest_article.c.article_id == notice_table.c.article_id
        )
        told = exists().where(digest_notice.c.newsletter == newsletter, digest_notice.c.notice_id == notice_table.c.id)
        return self._notices(select(notice_table).join(digest_article, carried).where(~told))

    def _notices(self, query: Select[tuple[object, ...]]) -> tuple[NoticeItem, ...]:
        with self._database.read() as connection:
            ordered = query.order_by(notice_table.c.published, notice_table.c.id)
            notices = [notice_of(row) for row in connection.execute(ordered)]
            wanted = select(table).where(table.c.id.in_({notice.article_id for notice in notices}))
            articles = {row.id: article_of(row) for row in connection.execute(wanted)}
        return tuple(NoticeItem(notice=notice, article=articles[notice.article_id]) for notice in notices)

    def _one(self, *conditions: ColumnElement[bool]) -> Article | None:
        with self._database.read() as connection:
            row = connection.execute(select(table).where(*conditions)).one_or_none()
        return None if row is None else article_of(row)

    def _many(self, query: Select[tuple[object, ...]]) -> tuple[Article, ...]:
        with self._database.read() as connection:
            return tuple(article_of(row) for row in connection.execute(query))


def next_revision(connection: Connection) -> int:
    """The number of this transaction among those that change articles. Held until it ends: no lower one comes later."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("newsletter.revision"))))
    return int(connection.execute(select(func.coalesce(func.max(table.c.revision), 0))).scalar_one()) + 1


def _newest_first() -> Select[tuple[object, ...]]:
    return select(table).order_by(table.c.published.desc(), table.c.id)
