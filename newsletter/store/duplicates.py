"""Which article a document tells of once again: near-duplicates, and the documents that are known to be such.

Candidates share a mark with the article: the study that it names, its title but for one word, or two of the least
shingles of its body. So nothing is compared with the whole archive. What is found is then looked at exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Row,
    Select,
    TableValuedAlias,
    func,
    literal_column,
    select,
    true,
)

from newsletter.model import Article
from newsletter.similarity import (
    Reason,
    body_marks,
    plain_title,
    same_plain_title,
    study_marks,
    title_marks,
    verdict,
)
from newsletter.store.database import Database, upsert_all
from newsletter.store.documents import article_of
from newsletter.store.rows import among, listed
from newsletter.store.schema import article as article_table
from newsletter.store.schema import index_entry, index_mark, twin

_HOLDERS = 32  # the earliest articles of a mark; one that more have says little
_BODIES = 8
_Holders: TypeAlias = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """An article that another one repeats, and why.

    Certain: the newer text is a revision of `article`. Not certain: keep both and tell the operator.
    """

    article: Article
    reason: Reason
    certain: bool


class Duplicates:
    """Near-duplicates among the articles that are in the index. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_duplicate(self, article: Article) -> Duplicate | None:
        """The article that this one repeats: a certain one first, then by reason, then the earliest."""
        return self.find_duplicates([article])[0]

    def find_duplicates(self, articles: Sequence[Article]) -> tuple[Duplicate | None, ...]:
        """`find_duplicate` of each, asked in one go. None of them is looked at for another one's sake."""
        asked = [_Asked.of(article) for article in articles]
        with self._database.read() as connection:
            holders = _holders(connection, {mark for each in asked for mark in each.marks})
            entries = _entries(connection, {number for each in asked for number in each.promising(holders)})
            return tuple(_judged(connection, each.article, each.candidates(holders, entries)) for each in asked)

    def remember(self, source: str, told: Collection[tuple[str, str, str]]) -> None:
        """Write down which documents of `source` tell of which articles: key, hash of the raw document, article's id."""
        rows = [
            {"source": source, "key": key, "raw_hash": raw_hash, "article_id": article_id}
            for key, raw_hash, article_id in told
        ]
        with self._database.begin() as connection:
            upsert_all(connection, twin, rows, key=("source", "key"))

    def raw_hashes(self, source: str, keys: Collection[str]) -> dict[str, str]:
        """Key -> hash of the raw document, for those of `keys` of `source` that tell of another's article."""
        with self._database.read() as connection:
            named = among(connection, twin.c.key, keys)
            rows = connection.execute(select(twin.c.key, twin.c.raw_hash).where(twin.c.source == source, named))
            return {row.key: row.raw_hash for row in rows}

    def find(self, source: str, key: str) -> Article | None:
        """The article that this document tells of, where another document gave it first."""
        wanted = (
            select(article_table)
            .join(twin, twin.c.article_id == article_table.c.id)
            .where(twin.c.source == source, twin.c.key == key)
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        return None if row is None else article_of(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An article and what it is found by."""

    article: Article
    study: frozenset[int]
    title: frozenset[int]
    body: frozenset[int]

    @classmethod
    def of(cls, article: Article) -> _Asked:
        study, title, body = study_marks(article.facts), title_marks(article.title), body_marks(article.summary)
        return cls(article=article, study=study, title=title, body=frozenset(body))

    @property
    def marks(self) -> frozenset[int]:
        return self.study | self.title | self.body

    def promising(self, holders: _Holders) -> set[int]:
        """The entries that it may be worth to look at."""
        return _held(holders, self.study | self.title) | {
            number for number, common in self._shared(holders).items() if common > 1
        }

    def candidates(self, holders: _Holders, entries: Mapping[int, Row[Any]]) -> set[int]:
        """The entries that are worth an exact look: of its study, of its title, and those that share most of its body."""
        others = {number: row for number, row in entries.items() if row.article_id != self.article.id}
        return others.keys() & (
            _held(holders, self.study)
            | self._of_the_same_title(_held(holders, self.title), others)
            | self._likely(holders, others)
        )

    def _of_the_same_title(self, numbers: Iterable[int], others: Mapping[int, Row[Any]]) -> set[int]:
        own = plain_title(self.article.title)
        return {each for each in numbers if each in others and same_plain_title(own, others[each].plain_title)}

    def _likely(self, holders: _Holders, others: Mapping[int, Row[Any]]) -> set[int]:
        shared = ((-common, number) for number, common in self._shared(holders).items() if common > 1)
        return set(islice((number for _, number in sorted(shared) if number in others), _BODIES))

    def _shared(self, holders: _Holders) -> Counter[int]:
        return Counter(number for mark in self.body for number in holders.get(mark, ()))


def _held(holders: _Holders, marks: Iterable[int]) -> set[int]:
    return {number for mark in marks for number in holders.get(mark, ())}


def _holders(connection: Connection, marks: Collection[int]) -> _Holders:
    """Mark -> the entries that hold it, of which the `_HOLDERS` earliest: however common a mark is, no more are read."""
    asked = listed(connection, marks)
    found: dict[int, list[int]] = {}
    wanted = _looked_up(asked) if connection.dialect.name == "postgresql" else _up_to_last(asked)
    for mark, number in connection.execute(wanted):
        found.setdefault(mark, []).append(number)
    return found


def _looked_up(asked: TableValuedAlias) -> Select[Any]:
    """For PostgreSQL, which might otherwise join all marks first and look at their holders then."""
    earliest = _of_mark(index_mark, asked).limit(literal_column(str(_HOLDERS))).lateral()
    return select(asked.c.value, earliest.c.number).join(earliest, true())


def _up_to_last(asked: TableValuedAlias) -> Select[Any]:
    """For SQLite, which has no LATERAL: everything up to the last holder that is to be read."""
    last = _of_mark(index_mark.alias(), asked).offset(literal_column(str(_HOLDERS - 1))).limit(1).scalar_subquery()
    everything = literal_column(str(2**63 - 1), BigInteger)
    wanted = select(index_mark).join(asked, index_mark.c.mark == asked.c.value)
    return wanted.where(index_mark.c.number <= func.coalesce(last, everything))


def _of_mark(marks: FromClause, asked: TableValuedAlias) -> Select[Any]:
    return select(marks.c.number).where(marks.c.mark == asked.c.value).order_by(marks.c.number)


def _entries(connection: Connection, numbers: Collection[int]) -> dict[int, Row[Any]]:
    if not numbers:  # most articles are like no other
        return {}
    columns: Select[Any] = select(index_entry.c.number, index_entry.c.article_id, index_entry.c.plain_title)
    wanted = columns.where(among(connection, index_entry.c.number, numbers))
    return {row.number: row for row in connection.execute(wanted)}


def _judged(connection: Connection, article: Article, numbers: Collection[int]) -> Duplicate | None:
    if not numbers:
        return None
    whole = select(article_table).join(index_entry, index_entry.c.article_id == article_table.c.id)
    rows = connection.execute(whole.where(index_entry.c.number.in_(list(numbers))))
    found = [
        Duplicate(article=other, reason=judged[0], certain=judged[1])
        for other in map(article_of, rows)
        if (judged := verdict(article, other)) is not None
    ]
    return min(found, default=None, key=_order)


def _order(found: Duplicate) -> tuple[Any, ...]:
    reasons = list(Reason)
    return not found.certain, reasons.index(found.reason), found.article.first_seen, found.article.id
