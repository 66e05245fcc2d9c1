"""Topics: which there are, and the articles of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.model import Article, Topic
from newsletter.store.database import Database
from newsletter.store.documents import storable
from newsletter.store.schema import article_topic
from newsletter.store.schema import topic as table
from newsletter.topics import topic_slug


class Topics:
    """The topics of all articles. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self) -> dict[str, int]:
        """Topic -> number of articles that carry it, in any spelling."""
        with self._database.read() as connection:
            rows = connection.execute(select(table.c.name, table.c.articles).where(table.c.articles > 0)).all()
            return dict(map(tuple, rows))

    def of(self, slugs: Collection[str]) -> dict[str, Topic]:
        """Slug -> topic, for those that exist."""
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.slug.in_(list(slugs))))
            return {row.slug: Topic(slug=row.slug, name=row.name, articles=row.articles) for row in rows}

    def with_articles(self, least: int) -> tuple[Topic, ...]:
        """Every topic of at least so many articles, by slug."""
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.articles >= least).order_by(table.c.slug))
            return tuple(Topic(slug=row.slug, name=row.name, articles=row.articles) for row in rows)


def record_topics(connection: Connection, articles: Sequence[Article]) -> None:
    """Bring the topics of articles up to date, within the transaction that saves them."""
    wanted = {one.id: (one.published, _slugs(one)) for one in articles}
    stand: dict[str, set[tuple[str, datetime]]] = {}
    for row in connection.execute(select(article_topic).where(article_topic.c.article_id.in_(list(wanted)))):
        stand.setdefault(row.article_id, set()).add((row.slug, row.published))
    counted: Counter[str] = Counter()
    for identity, before in stand.items():
        published, names = wanted[identity]
        if before != {(slug, published) for slug in names}:
            connection.execute(delete(article_topic).where(article_topic.c.article_id == identity))
            counted.subtract(slug for slug, _ in before)
        else:
            del wanted[identity]
    rows = [
        {"slug": slug, "published": published, "article_id": identity}
        for identity, (published, names) in wanted.items()
        for slug in names
    ]
    if rows:
        connection.execute(insert(article_topic), rows)
    counted.update(str(row["slug"]) for row in rows)
    named = {slug: name for _, names in wanted.values() for slug, name in names.items()}
    _count(connection, counted, named)


def _slugs(one: Article) -> dict[str, str]:
    """Slug -> name as it may be stored; of two spellings the first."""
    named = {topic_slug(name): storable(name) for name in reversed(one.summary.topics)}
    return {slug: name for slug, name in named.items() if slug}


def _count(connection: Connection, counted: Counter[str], named: dict[str, str]) -> None:
    """In the order of slugs, so that two writers never wait for each other in a ring."""
    rows = [
        {"slug": slug, "name": named[slug], "articles": number}
        for slug, number in sorted(counted.items())
        if number and slug in named
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        add: Any = dialect.insert(table)
        connection.execute(
            add.on_conflict_do_update(
                index_elements=["slug"], set_={"articles": table.c.articles + add.excluded.articles}
            ),
            rows,
        )
    for slug, number in sorted(counted.items()):
        if number and slug not in named:
            connection.execute(update(table).where(table.c.slug == slug).values(articles=table.c.articles + number))
