"""What articles are about, and which are nearest to one.

An inverted index in tables, so that one text serves SQLite and PostgreSQL. What an entry holds depends on its own
article alone; only how much a term tells depends on the others, and that is asked when it is needed. So adding an
article costs the same in an archive of any size, and articles may come in any order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.model import Article
from newsletter.similarity import marks, plain_title, terms
from newsletter.store.database import Database
from newsletter.store.documents import article_of
from newsletter.store.nearest import EVERY, nearest_ids, nearest_to_each, read_terms, written_terms
from newsletter.store.rows import write_rows
from newsletter.store.schema import article as article_table
from newsletter.store.schema import index_entry, index_mark, index_posting, index_term

_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What the index keeps of one article."""

    plain_title: str
    terms: dict[str, int]
    marks: tuple[int, ...]

    def values(self) -> dict[str, str]:
        return {"plain_title": self.plain_title, "terms": written_terms(self.terms), "marks": json.dumps(self.marks)}

    def postings(self, number: int) -> list[tuple[str, int, int]]:
        return [(term, weight, number) for term, weight in self.terms.items()]

    def marked(self, number: int) -> list[tuple[int, int]]:
        return [(mark, number) for mark in self.marks]

    def counted(self) -> list[str]:
        return [EVERY, *self.terms]


class RelatedIndex:
    """The index of all articles. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, article: Article) -> None:
        """Add an article that is saved already, or bring its entry up to date."""
        with self._database.begin() as connection:
            index_articles(connection, [article])

    def remove(self, article_id: str) -> None:
        """Take an article out. No error where it was not in."""
        with self._database.begin() as connection:
            row = _entry_row(connection, article_id, lock=True)
            if row is not None:
                _clear(connection, row.number, _entry_of(row))
                connection.execute(delete(index_entry).where(index_entry.c.number == row.number))

    def catch_up(self) -> int:
        """Add every saved article that has no entry, such as those of an older version; how many there were."""
        if self._complete():
            return 0
        missing = (
            select(article_table.c.id)
            .outerjoin(index_entry, index_entry.c.article_id == article_table.c.id)
            .where(index_entry.c.number.is_(None))
            .order_by(article_table.c.first_seen, article_table.c.id)
        )
        with self._database.read() as connection:
            wanted = list(connection.execute(missing).scalars())
        for start in range(0, len(wanted), _BATCH):
            some = select(article_table).where(article_table.c.id.in_(wanted[start : start + _BATCH]))
            with self._database.begin() as connection:
                rows = connection.execute(some.order_by(article_table.c.first_seen, article_table.c.id))
                index_articles(connection, [article_of(row) for row in rows])
        return len(wanted)

    def _complete(self) -> bool:
        """Whether as many articles are saved as have an entry: each entry is of a saved article, and of another one."""
        with self._database.read() as connection:
            counted = select(index_term.c.articles).where(index_term.c.term == EVERY)
            entries = connection.execute(counted).scalar_one_or_none() or 0
            return entries == connection.execute(select(func.count()).select_from(article_table)).scalar_one()

    def nearest(self, article: Article, *, now: datetime, limit: int = 6) -> tuple[Article, ...]:
        """The articles that are nearest by content, the nearest first; the newest first among equals, then by id.

        Never the article itself, nor one that is retracted, withdrawn or held back. Fewer than `limit` where no more
        have anything in common with it. `article` need not be in the index.
        """
        with self._database.read() as connection:
            ids = nearest_ids(connection, article, now=now, limit=limit)
            found = connection.execute(select(article_table).where(article_table.c.id.in_(ids)))
            articles = {row.id: article_of(row) for row in found}
        return tuple(articles[each] for each in ids)

    def neighbours(self, articles: Sequence[Article], *, now: datetime, limit: int = 6) -> dict[str, tuple[str, ...]]:
        """Article -> the ids of what `nearest` gives for it, found quicker by far for many articles together."""
        with self._database.read() as connection:
            return dict(nearest_to_each(connection, articles, now=now, limit=limit))


def index_articles(connection: Connection, articles: Sequence[Article]) -> None:
    """Add articles, or bring their entries up to date, within a transaction that has saved them."""
    entries = {article.id: _entry(article) for article in articles}  # the last word on each
    counted: Counter[str] = Counter()
    postings: list[tuple[str, int, int]] = []
    marked: list[tuple[int, int]] = []
    for identity, number in _numbers(connection, entries).items():
        entry = entries[identity]
        counted.update(entry.counted())
        postings += entry.postings(number)
        marked += entry.marked(number)
    _count(connection, counted)
    # In the order of the keys: neighbours lie on one page.
    write_rows(connection, _NEW_POSTING, sorted(postings))
    write_rows(connection, _NEW_MARK, sorted(marked))


def _entry(article: Article) -> _Entry:
    return _Entry(
        plain_title=plain_title(article.title),
        terms=terms(article.summary),
        marks=tuple(sorted(marks(article))),
    )


def _entry_of(row: Row[Any]) -> _Entry:
    return _Entry(plain_title=row.plain_title, terms=read_terms(row.terms), marks=tuple(json.loads(row.marks)))


def _entry_row(connection: Connection, article_id: str, *, lock: bool = False) -> Row[Any] | None:
    wanted = select(index_entry).where(index_entry.c.article_id == article_id)
    return connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()


def _numbers(connection: Connection, entries: Mapping[str, _Entry]) -> dict[str, int]:
    """Article -> number, for the entries whose rows are to be written now and do not stand already."""
    if not entries:
        return {}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    add: Any = dialect.insert(index_entry)
    add = add.on_conflict_do_nothing().returning(index_entry.c.article_id, index_entry.c.number)
    rows = [{"article_id": identity, **entry.values()} for identity, entry in entries.items()]
    numbers = {row.article_id: row.number for row in connection.execute(add, rows)}
    before = {identity: entry for identity, entry in entries.items() if identity not in numbers}
    return numbers | _changed(connection, before)


def _changed(connection: Connection, entries: Mapping[str, _Entry]) -> dict[str, int]:
    """`_numbers` of entries that were there: of those that have changed, which are cleared first."""
    if not entries:
        return {}
    wanted = select(index_entry).where(index_entry.c.article_id.in_(list(entries))).order_by(index_entry.c.article_id)
    found = {row.article_id: row for row in connection.execute(wanted.with_for_update())}
    numbers: dict[str, int] = {}
    for identity, row in found.items():
        before, entry = _entry_of(row), entries[identity]
        if before != entry:
            _clear(connection, row.number, before)
            connection.execute(update(index_entry).where(index_entry.c.number == row.number).values(entry.values()))
            numbers[identity] = row.number
    gone = {identity: entry for identity, entry in entries.items() if identity not in found}
    return numbers | _numbers(connection, gone)  # taken out by somebody else in this very moment


def _clear(connection: Connection, number: int, entry: _Entry) -> None:
    """Take back every row that was written for an entry, but for the entry itself."""
    keys = index_posting.c
    posting = delete(index_posting).where(
        keys.term == bindparam("of_term"), keys.weight == bindparam("of_weight"), keys.number == number
    )
    written = [{"of_term": term, "of_weight": weight} for term, weight in entry.terms.items()]
    if written:
        connection.execute(posting, written)
    connection.execute(delete(index_mark).where(index_mark.c.mark.in_(entry.marks), index_mark.c.number == number))
    gone = Counter(dict.fromkeys(entry.counted(), -1))
    _count(connection, gone)
    connection.execute(delete(index_term).where(index_term.c.term.in_(list(gone)), index_term.c.articles == 0))


def _count(connection: Connection, counted: Mapping[str, int]) -> None:
    """Add to the numbers of articles. In the order of terms, so that two writers never wait for each other in a ring."""
    write_rows(connection, _adding(connection.dialect.name), sorted(counted.items()))


@lru_cache(maxsize=2)
def _adding(dialect: str) -> Insert:
    add: Any = (postgresql if dialect == "postgresql" else sqlite).insert(index_term)
    summed: Insert = add.on_conflict_do_update(
        index_elements=["term"], set_={"articles": index_term.c.articles + add.excluded.articles}
    )
    return summed


_NEW_POSTING, _NEW_MARK = insert(index_posting), insert(index_mark)
