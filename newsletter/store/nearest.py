"""Which articles are nearest to one: questions to the index that `related` keeps.

A question asks for the `_ASKED` terms of an article that tell most, and reads at most `_CHAMPIONS` postings of each. What
promises most is then compared exactly, by every term. For one article the database adds up the postings; for many the
postings of each term are read once and added up here. Both give the same.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, func, literal_column, select, union_all
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from newsletter.model import Article, Status
from newsletter.similarity import telling, terms
from newsletter.store.rows import among
from newsletter.store.schema import article as article_table
from newsletter.store.schema import index_entry, index_posting, index_term

EVERY = ""  #: the term that every article has, so that counting it counts the articles

_ASKED = 16
_CHAMPIONS = 1_000
_REACH = (32, 1_024, _ASKED * _CHAMPIONS)  # candidates looked at; the next only if too few of them may be shown
_GONE = frozenset({Status.RETRACTED.value, Status.WITHDRAWN.value})

_AT_ONCE = 64  # articles whose neighbours are looked for together
_POSTINGS_KEPT = 1_000_000  # 8 bytes each
_POSTINGS_AT_ONCE = 50_000
_ENTRIES_KEPT = 4_096  # some 5,000 bytes each


_Weights: TypeAlias = Mapping[str, int]


def written_terms(weights: _Weights) -> str:
    """Terms as an entry keeps them: their weights in two hexadecimal digits each, and a line for each term.

    Thirty of them are read for one question, and this is read in half the time of JSON.
    """
    return "\n".join((bytes(weights.values()).hex(), *weights))


def read_terms(text: str) -> dict[str, int]:
    """What `written_terms` wrote."""
    weights, *written = text.split("\n")
    return dict(zip(written, bytes.fromhex(weights), strict=True))


def nearest_ids(connection: Connection, article: Article, *, now: datetime, limit: int) -> list[str]:
    """The ids of the articles that are nearest by content, the nearest first, in the order that `_best` tells."""
    (asked,) = _asked(connection, [article], _own_rows(connection, [article]), [terms(article.summary)])
    return _search(connection, asked, now, limit)


def nearest_to_each(
    connection: Connection, articles: Sequence[Article], *, now: datetime, limit: int
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The id of each article with what `nearest_ids` gives for it. Memory does not grow with their number.

    The articles are as they were saved, so that what the index knows of them need not be found out again.
    """
    champions, entries = _Champions(connection), _Entries(connection, now)
    rest = iter(articles)
    while some := list(islice(rest, _AT_ONCE)):
        rows = _own_rows(connection, some)
        weights = [
            terms(article.summary) if row is None else read_terms(row.terms)
            for article, row in zip(some, rows, strict=True)
        ]
        asked = _asked(connection, some, rows, weights)
        champions.read({term: each.counted[term] for each in asked for term in each.terms})
        ranked = [champions.ranked(each) for each in asked]
        entries.read({number for numbers in ranked for number in numbers})
        for each, numbers in zip(asked, ranked, strict=True):
            found = _best(entries.shown(numbers), each.worth, limit)
            if len(found) < limit and len(numbers) == _REACH[0]:
                found = _search(connection, each, now, limit)
            yield each.article_id, tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked about an article: what each of its terms adds to the nearness of others that have it.

    `own` is the number of its entry, -1 where it has none; `counted` how many articles have each of `terms`, of those
    terms that are asked for.
    """

    article_id: str
    own: int
    worth: _Weights
    terms: tuple[str, ...]
    counted: Mapping[str, int]


def _own_rows(connection: Connection, articles: Sequence[Article]) -> list[Row[Any] | None]:
    wanted = select(index_entry).where(index_entry.c.article_id.in_([article.id for article in articles]))
    rows = {row.article_id: row for row in connection.execute(wanted)}
    return [rows.get(article.id) for article in articles]


def _asked(
    connection: Connection, articles: Sequence[Article], rows: Sequence[Row[Any] | None], weights: Sequence[_Weights]
) -> list[_Asked]:
    """`rows` are those of their own entries, where they have one, `weights` their terms."""
    named = among(connection, index_term.c.term, {EVERY}.union(*weights))
    wanted = select(index_term).where(named)
    counted = {row.term: row.articles for row in connection.execute(wanted)}
    return [_question(*each, counted) for each in zip(articles, rows, weights, strict=True)]


def _question(article: Article, own: Row[Any] | None, weights: _Weights, counted: Mapping[str, int]) -> _Asked:
    """What no other article has, or all, is left out."""
    itself = frozenset() if own is None else frozenset((EVERY, *read_terms(own.terms)))
    others = {term: counted.get(term, 0) - (term in itself) for term in (EVERY, *weights)}
    total = others[EVERY]
    worth = {term: weight * telling(total, others[term]) ** 2 for term, weight in weights.items() if others[term] > 0}
    worth = {term: value for term, value in worth.items() if value}
    asked = tuple(sorted(worth, key=lambda term: (-worth[term], term))[:_ASKED])
    return _Asked(
        article_id=article.id,
        own=-1 if own is None else own.number,
        worth=worth,
        terms=asked,
        counted={term: counted[term] for term in asked},
    )


# -- one article: the database adds up --------------------------------------------------------------------------------


class _Candidate(NamedTuple):
    """An article that may be shown, with all its terms."""

    article_id: str
    published: datetime
    terms: dict[str, int]


def _search(connection: Connection, asked: _Asked, now: datetime, limit: int) -> list[str]:
    found: list[str] = []
    for reach in _REACH if asked.terms else ():
        rows = _candidates(connection, asked, reach=reach)
        found = _best((_candidate(row) for row in rows if _shown(row, now)), asked.worth, limit)
        if len(found) >= limit or len(rows) < reach:
            break
    return found


def _candidates(connection: Connection, asked: _Asked, *, reach: int) -> Sequence[Row[Any]]:
    """The `reach` entries that promise most, with what is needed to choose among them."""
    values: dict[str, Any] = {"own": asked.own, "reach": reach}
    for position in range(_ASKED):
        term = asked.terms[position] if position < len(asked.terms) else EVERY  # which has no postings
        values[f"term{position}"], values[f"worth{position}"] = term, asked.worth.get(term, 0)
    return connection.execute(_CANDIDATES, values).all()


def _promising() -> Select[Any]:
    """The statement of `_candidates`, put together once."""
    parts = [_champions_of(position) for position in range(_ASKED)]
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
    return _ENTRY.join(ranked, index_entry.c.number == ranked.c.number)


def _champions_of(position: int) -> Any:
    keys = index_posting.c
    worth = bindparam(f"worth{position}", type_=BigInteger)
    return (
        select(keys.number, (keys.weight * worth).label("part"))
        .where(keys.term == bindparam(f"term{position}"))
        .order_by(keys.weight.desc(), keys.number.desc())
        .limit(literal_column(str(_CHAMPIONS)))
        .subquery()
    )


_ENTRY: Select[Any] = select(
    article_table.c.id,
    article_table.c.status,
    article_table.c.publish_after,
    article_table.c.published,
    index_entry.c.number,
    index_entry.c.terms,
).join_from(index_entry, article_table, article_table.c.id == index_entry.c.article_id)
_CANDIDATES = _promising()


def _shown(row: Row[Any], now: datetime) -> bool:
    return row.status not in _GONE and (row.publish_after is None or row.publish_after <= now)


def _candidate(row: Row[Any]) -> _Candidate:
    return _Candidate(row.id, row.published, read_terms(row.terms))


def _best(candidates: Iterable[_Candidate], worth: _Weights, limit: int) -> list[str]:
    """The nearest, now counting every term that they share; the newest first among equals, then by id."""

    def order(candidate: _Candidate) -> tuple[int, float, str]:
        shared = candidate.terms.keys() & worth.keys()
        near = sum([candidate.terms[term] * worth[term] for term in shared])
        return (-near, -candidate.published.timestamp(), candidate.article_id)

    return [identity for _, _, identity in sorted(map(order, candidates))[:limit]]


# -- many articles: postings are read once, and added up here ---------------------------------------------------------


class _Champions:
    """The postings of terms that were asked for; the earliest are forgotten. A posting is number * 256 + weight."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._together = func.array_agg if connection.dialect.name == "postgresql" else func.json_group_array
        self._kept: dict[str, array[int]] = {}
        self._size = 0

    def read(self, counted: Mapping[str, int]) -> None:
        """Read what is missing of terms that so many articles have."""
        while self._size > _POSTINGS_KEPT:
            self._size -= len(self._kept.pop(next(iter(self._kept))))
        group: list[str] = []
        size = 0
        for term in counted.keys() - self._kept.keys():
            self._kept[term] = array("q")
            if counted[term] > _CHAMPIONS:
                self._keep(self._best_of(term))
                continue
            group.append(term)
            size += counted[term]
            if size > _POSTINGS_AT_ONCE:
                self._keep(self._all_of(group))
                group, size = [], 0
        self._keep(self._all_of(group))

    def ranked(self, asked: _Asked) -> list[int]:
        """The entries that promise most: what `_candidates` finds with the least reach."""
        scores: defaultdict[int, int] = defaultdict(int)
        for term in asked.terms:
            worth = asked.worth[term]
            for posting in self._kept[term]:
                scores[posting >> 8] += (posting & 255) * worth
        scores.pop(asked.own, None)
        return [number for _, number in nlargest(_REACH[0], [(score, number) for number, score in scores.items()])]

    def _best_of(self, term: str) -> Select[Any]:
        keys = index_posting.c
        order = (keys.weight.desc(), keys.number.desc())
        best = select(index_posting).where(keys.term == term).order_by(*order).limit(_CHAMPIONS).subquery()
        return self._packed(best.c)

    def _all_of(self, terms_asked: Sequence[str]) -> Select[Any]:
        return self._packed(index_posting.c).where(among(self._connection, index_posting.c.term, terms_asked))

    def _packed(self, keys: ReadOnlyColumnCollection[str, Any]) -> Select[Any]:
        return select(keys.term, self._together(keys.number * 256 + keys.weight)).group_by(keys.term)

    def _keep(self, wanted: Select[Any]) -> None:
        """Lists as the database put them together: to take them in row by row costs thrice as much."""
        for term, found in self._connection.execute(wanted):
            self._kept[term] = array("q", json.loads(found) if isinstance(found, str) else found)
            self._size += len(self._kept[term])


class _Entries:
    """Entries that were candidates, None where they may not be shown; the earliest are forgotten."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection, self._now = connection, now
        self._kept: dict[int, _Candidate | None] = {}

    def read(self, numbers: Collection[int]) -> None:
        """Read what is missing."""
        while len(self._kept) > _ENTRIES_KEPT:
            del self._kept[next(iter(self._kept))]
        missing = [number for number in numbers if number not in self._kept]
        named = among(self._connection, index_entry.c.number, missing)
        for row in self._connection.execute(_ENTRY.where(named)):
            self._kept[row.number] = _candidate(row) if _shown(row, self._now) else None

    def shown(self, numbers: Iterable[int]) -> list[_Candidate]:
        """Those that may be shown."""
        found = (self._kept.get(number) for number in numbers)
        return [candidate for candidate in found if candidate is not None]
