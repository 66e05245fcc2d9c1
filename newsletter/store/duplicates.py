"""Which article a document tells of once again: near-duplicates, and the documents that are known to be such.

Candidates share a mark with the article: the study that it names, its title but for one word, or two of the least
shingles of its body. So nothing is compared with the whole archive. What is found is then looked at exactly.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, literal_column, select, union_all

from newsletter.model import Article
from newsletter.similarity import (
    SKETCH,
    TITLE_MARKS,
    Reason,
    plain_title,
    same_plain_title,
    shingles,
    sketch,
    study_marks,
    title_marks,
    verdict,
)
from newsletter.store.database import Database, upsert
from newsletter.store.documents import article_of
from newsletter.store.schema import article as article_table
from newsletter.store.schema import index_entry, index_mark, twin

_STUDY_MARKS = 4  # doi, pmid, and what the source address names
_SLOTS = SKETCH + TITLE_MARKS + _STUDY_MARKS
_HOLDERS = 32  # the earliest articles of a mark; one that more have says little
_NO_MARK = -1
_BODIES = 8


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
        with self._database.read() as connection:
            others = _candidates(connection, article)
        found = [
            Duplicate(article=other, reason=judged[0], certain=judged[1])
            for other in others
            if (judged := verdict(article, other)) is not None
        ]
        reasons = list(Reason)
        return min(
            found,
            default=None,
            key=lambda each: (
                not each.certain,
                reasons.index(each.reason),
                each.article.first_seen,
                each.article.id,
            ),
        )

    def remember(self, source: str, key: str, raw_hash: str, article_id: str) -> None:
        """Write down that this document tells of that article."""
        values = {"source": source, "key": key, "raw_hash": raw_hash, "article_id": article_id}
        with self._database.begin() as connection:
            upsert(connection, twin, values, key=("source", "key"))

    def raw_hashes(self, source: str) -> dict[str, str]:
        """Key -> hash of the raw document, for every document of `source` that tells of another's article."""
        with self._database.read() as connection:
            rows = connection.execute(select(twin.c.key, twin.c.raw_hash).where(twin.c.source == source))
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


def _candidates(connection: Connection, article: Article) -> list[Article]:
    """The articles that are worth an exact look."""
    body, study = set(sketch(shingles(article.summary))), study_marks(article.facts)
    marks = [*sorted(study), *sorted(title_marks(article.title)), *sorted(body)]
    values = {f"mark{position}": mark for position, mark in enumerate(marks)}
    values |= {f"mark{position}": _NO_MARK for position in range(len(marks), _SLOTS)}
    if connection.execute(_HELD, values).first() is None:  # most articles are like no other
        return []
    rows = connection.execute(_HOLDING, {**values, "own": article.id}).all()
    own_title = plain_title(article.title)
    shared = Counter(row.number for row in rows if row.mark in body)
    likely = (number for number, common in sorted(shared.items(), key=_most_first) if common > 1)
    wanted = {row.number for row in rows if row.mark in study}
    wanted |= {row.number for row in rows if row.mark not in body and same_plain_title(own_title, row.plain_title)}
    wanted |= set(islice(likely, _BODIES))
    if not wanted:
        return []
    whole = select(article_table).join(index_entry, index_entry.c.article_id == article_table.c.id)
    return [article_of(row) for row in connection.execute(whole.where(index_entry.c.number.in_(wanted)))]


def _most_first(common: tuple[int, int]) -> tuple[int, int]:
    number, times = common
    return -times, number


def _holding() -> Select[Any]:
    """Who holds which of the marks, put together once."""
    parts = [
        select(index_mark)
        .where(index_mark.c.mark == bindparam(f"mark{position}", type_=BigInteger))
        .order_by(index_mark.c.number)
        .limit(literal_column(str(_HOLDERS)))
        .subquery()
        for position in range(_SLOTS)
    ]
    found = union_all(*(select(part) for part in parts)).subquery()
    return (
        select(found.c.mark, found.c.number, index_entry.c.plain_title)
        .join(index_entry, index_entry.c.number == found.c.number)
        .where(index_entry.c.article_id != bindparam("own"))
    )


_HOLDING = _holding()
_HELD = (
    select(index_mark.c.mark)
    .where(index_mark.c.mark.in_([bindparam(f"mark{position}", type_=BigInteger) for position in range(_SLOTS)]))
    .limit(1)
)
