"""What articles are about, and which are nearest to one.

An inverted index in tables, so that one text serves SQLite and PostgreSQL. What an entry holds depends on its own
article alone; only how much a term tells depends on the others, and that is asked when it is needed. So adding an
article costs the same in an archive of any size, and articles may come in any order. A question asks for the `_ASKED`
terms that tell most, and reads at most `_CHAMPIONS` postings of each.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Insert,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.model import Article, Status
from newsletter.similarity import marks, plain_title, telling, terms
from newsletter.store.database import Database, insert_new
from newsletter.store.documents import article_of
from newsletter.store.schema import article as article_table
from newsletter.store.schema import index_entry, index_mark, index_posting, index_term

_ASKED = 16
_CHAMPIONS = 1_000
_REACH = (64, 1_024, _ASKED * _CHAMPIONS)  # candidates looked at; the next only if too few of them may be shown
_BATCH = 200
_EVERY = ""  # the term that every article has, so that counting it counts the articles
_GONE = frozenset({Status.RETRACTED.value, Status.WITHDRAWN.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What the index keeps of one article."""

    plain_title: str
    terms: dict[str, int]
    marks: tuple[int, ...]

    def values(self) -> dict[str, str]:
        return {
            "plain_title": self.plain_title,
            "terms": json.dumps(self.terms, separators=(",", ":")),
            "marks": json.dumps(self.marks, separators=(",", ":")),
        }

    def postings(self, number: int) -> list[dict[str, Any]]:
        return [{"term": term, "weight": weight, "number": number} for term, weight in self.terms.items()]

    def marked(self, number: int) -> list[dict[str, Any]]:
        return [{"mark": mark, "number": number} for mark in self.marks]

    def counted(self) -> Counter[str]:
        return Counter([_EVERY, *self.terms])


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

    def rebuild(self, articles: Iterable[Article]) -> None:
        """Make the whole index anew from `articles`, in steps that let others write in between."""
        with self._database.begin() as connection:
            for table in (index_posting, index_mark, index_term, index_entry):
                connection.execute(delete(table))
        rest = iter(articles)
        while some := list(islice(rest, _BATCH)):
            with self._database.begin() as connection:
                index_articles(connection, some)

    def catch_up(self) -> int:
        """Add every saved article that has no entry, such as those of an older version; how many there were."""
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

    def nearest(self, article: Article, *, now: datetime, limit: int = 6) -> tuple[Article, ...]:
        """The articles that are nearest by content, the nearest first; the newest first among equals, then by id.

        Never the article itself, nor one that is retracted, withdrawn or held back. Fewer than `limit` where no more
        have anything in common with it. `article` need not be in the index.
        """
        weights = terms(article.summary)
        with self._database.read() as connection:
            own = _entry_row(connection, article.id)
            worth = _worth(connection, weights, own)
            if not worth:
                return ()
            ids: list[str] = []
            for reach in _REACH:
                rows = _candidates(connection, worth, own=-1 if own is None else own.number, reach=reach)
                ids = _best([row for row in rows if _shown(row, now)], worth, limit)
                if len(ids) >= limit or len(rows) < reach:
                    break
            found = connection.execute(select(article_table).where(article_table.c.id.in_(ids)))
            articles = {row.id: article_of(row) for row in found}
        return tuple(articles[each] for each in ids)


def index_articles(connection: Connection, articles: Sequence[Article]) -> None:
    """Add articles, or bring their entries up to date, within a transaction that has saved them."""
    counted: Counter[str] = Counter()
    postings: list[dict[str, Any]] = []
    marked: list[dict[str, Any]] = []
    for article in {article.id: article for article in articles}.values():  # the last word on each
        entry = _entry(article)
        number = _number(connection, article.id, entry)
        if number is not None:
            counted.update(entry.counted())
            postings += entry.postings(number)
            marked += entry.marked(number)
    if counted:
        _count(connection, counted)
    postings.sort(key=lambda row: (row["term"], row["weight"], row["number"]))  # neighbours lie on one page
    for table, rows in ((index_posting, postings), (index_mark, marked)):
        if rows:
            connection.execute(insert(table), rows)


def _entry(article: Article) -> _Entry:
    return _Entry(
        plain_title=plain_title(article.title),
        terms=terms(article.summary),
        marks=tuple(sorted(marks(article))),
    )


def _entry_of(row: Row[Any]) -> _Entry:
    return _Entry(plain_title=row.plain_title, terms=json.loads(row.terms), marks=tuple(json.loads(row.marks)))


def _entry_row(connection: Connection, article_id: str, *, lock: bool = False) -> Row[Any] | None:
    wanted = select(index_entry).where(index_entry.c.article_id == article_id)
    return connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()


def _number(connection: Connection, article_id: str, entry: _Entry) -> int | None:
    """The number of an entry whose rows are to be written now; None where they stand already."""
    added = insert_new(connection, index_entry, {"article_id": article_id, **entry.values()})
    if added is not None:
        return int(added.number)
    row = _entry_row(connection, article_id, lock=True)
    if row is None:  # taken out by somebody else in this very moment
        return _number(connection, article_id, entry)
    before = _entry_of(row)
    if before == entry:
        return None
    _clear(connection, row.number, before)
    connection.execute(update(index_entry).where(index_entry.c.number == row.number).values(entry.values()))
    return int(row.number)


def _clear(connection: Connection, number: int, entry: _Entry) -> None:
    """Take back every row that was written for an entry, but for the entry itself."""
    keys = index_posting.c
    posting = delete(index_posting).where(
        keys.term == bindparam("of_term"), keys.weight == bindparam("of_weight"), keys.number == bindparam("of_number")
    )
    written = [{f"of_{name}": value for name, value in row.items()} for row in entry.postings(number)]
    if written:
        connection.execute(posting, written)
    connection.execute(delete(index_mark).where(index_mark.c.mark.in_(entry.marks), index_mark.c.number == number))
    gone = Counter(dict.fromkeys(entry.counted(), -1))
    _count(connection, gone)
    connection.execute(delete(index_term).where(index_term.c.term.in_(list(gone)), index_term.c.articles == 0))


def _count(connection: Connection, counted: Mapping[str, int]) -> None:
    """Add to the numbers of articles. In the order of terms, so that two writers never wait for each other in a ring."""
    rows = [{"term": term, "articles": number} for term, number in sorted(counted.items())]
    connection.execute(_adding(connection), rows)


def _adding(connection: Connection) -> Insert:
    if connection.dialect.name == "postgresql":
        add = postgresql.insert(index_term)
        return add.on_conflict_do_update(
            index_elements=["term"], set_={"articles": index_term.c.articles + add.excluded.articles}
        )
    count = sqlite.insert(index_term)
    return count.on_conflict_do_update(
        index_elements=["term"], set_={"articles": index_term.c.articles + count.excluded.articles}
    )


def _worth(connection: Connection, weights: Mapping[str, int], own: Row[Any] | None) -> dict[str, int]:
    """What each term of an article adds to the nearness of others that have it. What no other has, or all, is left out."""
    wanted = select(index_term).where(index_term.c.term.in_([_EVERY, *weights]))
    counted = {row.term: row.articles for row in connection.execute(wanted)}
    if own is not None:
        for term in _entry_of(own).counted():
            counted[term] = counted.get(term, 0) - 1
    total = counted.pop(_EVERY, 0)
    worth = {
        term: weight * telling(total, counted[term]) ** 2
        for term, weight in weights.items()
        if counted.get(term, 0) > 0
    }
    return {term: value for term, value in worth.items() if value}


def _candidates(connection: Connection, worth: Mapping[str, int], *, own: int, reach: int) -> Sequence[Row[Any]]:
    """The `reach` entries that promise most, with what is needed to choose among them."""
    asked = sorted(worth, key=lambda term: (-worth[term], term))[:_ASKED]
    values: dict[str, Any] = {"own": own, "reach": reach}
    for position in range(_ASKED):
        values[f"term{position}"] = asked[position] if position < len(asked) else _EVERY  # which has no postings
        values[f"worth{position}"] = worth[asked[position]] if position < len(asked) else 0
    return connection.execute(_CANDIDATES, values).all()


def _promising() -> Select[Any]:
    """The statement of `_candidates`, put together once."""
    parts = [_champions(position) for position in range(_ASKED)]
    found = union_all(*(select(part) for part in parts)).subquery()
    number = found.c.number
    ranked = (
        select(number)
        .where(number != bindparam("own", type_=BigInteger))
        .group_by(number)
        .order_by(func.sum(found.c.part).desc(), number.desc())
        .limit(bindparam("reach", type_=BigInteger))
        .subquery()
    )
    chosen = article_table.c
    return (
        select(chosen.id, chosen.status, chosen.publish_after, chosen.published, index_entry.c.terms)
        .select_from(ranked)
        .join(index_entry, index_entry.c.number == ranked.c.number)
        .join(article_table, chosen.id == index_entry.c.article_id)
    )


def _champions(position: int) -> Any:
    keys = index_posting.c
    worth = bindparam(f"worth{position}", type_=BigInteger)
    return (
        select(keys.number, (keys.weight * worth).label("part"))
        .where(keys.term == bindparam(f"term{position}"))
        .order_by(keys.weight.desc(), keys.number.desc())
        .limit(literal_column(str(_CHAMPIONS)))
        .subquery()
    )


_CANDIDATES = _promising()


def _shown(row: Row[Any], now: datetime) -> bool:
    return row.status not in _GONE and (row.publish_after is None or row.publish_after <= now)


def _best(rows: Iterable[Row[Any]], worth: Mapping[str, int], limit: int) -> list[str]:
    """The ids of the nearest, now counting every term that they share and not only those that were asked for."""

    def order(row: Row[Any]) -> tuple[int, float, str]:
        theirs: dict[str, int] = json.loads(row.terms)
        near = sum(weight * worth[term] for term, weight in theirs.items() if term in worth)
        return (-near, -row.published.timestamp(), row.id)

    return [identity for _, _, identity in sorted(map(order, rows))[:limit]]
