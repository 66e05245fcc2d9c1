"""Search over the articles that readers may see, by the database's own full-text index.

Both databases are given the roots of `newsletter.searching` and find the same articles in the same order: first those
with all that was asked for in the title, then the others, each the newest first. No text of a reader's becomes SQL: a
question is roots, which are letters and digits, and they are put together here and bound as one value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    not_,
    select,
    text,
)
from sqlalchemy import table as bare_table
from sqlalchemy.dialects.postgresql import TSQUERY

from newsletter.model import Article
from newsletter.searching import Indexed, Question, Roots, indexed, topic_name
from newsletter.store.database import Database
from newsletter.store.documents import article_of
from newsletter.store.progress import Progress
from newsletter.store.schema import article as article_table
from newsletter.store.schema import search_entry as entry
from newsletter.store.visibility import visible

PAGE_SIZE = 20  #: articles
MOST = 1000  #: so many are counted, and can be leafed through

LONGEST = timedelta(seconds=3)  #: PostgreSQL gives a search up that takes longer; SQLite has none that does

_STEP = "search"  # in table `progress`
_FORM = "1"  # of what is indexed; another one has everything indexed anew
_BATCH = 200
_SAME_MOMENT = 24  # bits of a number that tell articles of one second apart
_IN_TITLE = "\u00a7"  # before a root that stands in a title; no root holds it, so nobody can type it
_GAP = 2  # between the title and the rest: no phrase reaches across

_words = bare_table("search_words", column("number"), column("title"), column("words"))
_fts = bare_table("search_words", column("rowid"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of what was found. `number` is that of all pages, at most MOST; `more` where there are still others."""

    articles: tuple[Article, ...]
    number: int
    more: bool


class Search:
    """The index of words. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._progress = Progress(database)

    def catch_up(self, now: datetime) -> int:
        """Bring the index up to date with what has changed among the articles, or came free; how many were looked at."""
        reached = self._progress.get(_STEP)
        if reached is not None and reached.fingerprint != _FORM:
            reached = None
        with self._database.read() as connection:
            newest = int(connection.execute(select(func.coalesce(func.max(article_table.c.revision), 0))).scalar_one())
            if reached is not None and newest == reached.reached and not _freed(connection, reached.at, now):
                return 0
            changed = _changed(connection, -1 if reached is None else reached.reached)
            if reached is not None:
                changed = sorted({*changed, *_freed(connection, reached.at, now)})
        for start in range(0, len(changed), _BATCH):
            with self._database.begin() as connection:
                _index(connection, changed[start : start + _BATCH], now)
        self._progress.mark(_STEP, newest, now, _FORM)
        return len(changed)

    def find(self, asked: Question, topic: str | None, page: int, now: datetime) -> Found:
        """Page `page`, counted from 1, of the articles that answer; with `topic`, its slug, only those that have it.

        A question without any wish finds nothing. Raises StoreError for one that would take longer than LONGEST.
        """
        if not asked:
            return Found(articles=(), number=0, more=False)
        with self._database.read() as connection:
            _limit_time(connection)
            classes = _classes(connection.dialect.name, asked, topic)
            numbers = [_count(connection, each) for each in classes]
            ids = _page(connection, classes, numbers, (page - 1) * PAGE_SIZE, now)
            rows = connection.execute(select(article_table).where(article_table.c.id.in_(ids)))
            articles = {row.id: article_of(row) for row in rows}
        total = sum(numbers)
        return Found(articles=tuple(articles[each] for each in ids), number=min(total, MOST), more=total > MOST)


# -- the index --------------------------------------------------------------------------------------------------------


def _changed(connection: Connection, after: int) -> list[str]:
    wanted = select(article_table.c.id).where(article_table.c.revision > after)
    return sorted(connection.execute(wanted).scalars())


def _freed(connection: Connection, since: datetime, now: datetime) -> list[str]:
    keys = article_table.c
    wanted = select(keys.id).where(keys.publish_after > since, keys.publish_after <= now)
    return list(connection.execute(wanted).scalars())


def _index(connection: Connection, ids: Collection[str], now: datetime) -> None:
    """Put these articles into the index as they stand, or take them out. Two processes at once do so one after the other."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("newsletter.search"))))
    _take_out(connection, ids)
    shown = select(article_table).where(article_table.c.id.in_(list(ids)), visible(now)).order_by(article_table.c.id)
    articles = [article_of(row) for row in connection.execute(shown)]
    numbers = _free_numbers(connection, [(each.id, each.published) for each in articles])
    if not articles:
        return
    entries = [{"number": number, "article_id": each.id} for number, each in zip(numbers, articles, strict=True)]
    connection.execute(insert(entry), entries)
    rows = [_row(connection, number, indexed(each)) for number, each in zip(numbers, articles, strict=True)]
    connection.execute(_INSERTS[connection.dialect.name], rows)


def _take_out(connection: Connection, ids: Collection[str]) -> None:
    numbers = connection.execute(select(entry.c.number).where(entry.c.article_id.in_(list(ids)))).scalars().all()
    if numbers:
        key = _fts.c.rowid if connection.dialect.name == "sqlite" else _words.c.number
        connection.execute(delete(key.table).where(key.in_(numbers)))  # type: ignore[arg-type]  # a column of a table
        connection.execute(delete(entry).where(entry.c.number.in_(numbers)))


def _free_numbers(connection: Connection, wanted: Sequence[tuple[str, datetime]]) -> list[int]:
    """A number for each: the second of publication, and then 24 bits of the article's id, so that the order is its own."""
    first = [number_of(identity, published) for identity, published in wanted]
    taken = set(connection.execute(select(entry.c.number).where(entry.c.number.in_(first))).scalars())
    numbers: list[int] = []
    for each in first:
        number = each
        while number in taken:
            number += 1
        taken.add(number)
        numbers.append(number)
    return numbers


def number_of(article_id: str, published: datetime) -> int:
    """What an article's number is, unless another has it."""
    seconds = int((published - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return (seconds << _SAME_MOMENT) + int.from_bytes(sha256(article_id.encode()).digest()[: _SAME_MOMENT // 8])


def _row(connection: Connection, number: int, told: Indexed) -> dict[str, Any]:
    if connection.dialect.name == "sqlite":
        marks = (*(f"{_IN_TITLE}{root}" for root in told.title), *told.topics)
        parts = {"title": told.title, "body": told.body, "marks": marks}
        return {"number": number} | {name: " ".join(roots) for name, roots in parts.items()}
    title, body = _numbered(told.title), _numbered(told.body, len(told.title) + _GAP)
    topics = [(name, None) for name in told.topics]
    return {"number": number, "title": _vector([*title, *topics]), "words": _vector([*title, *body, *topics])}


def _numbered(roots: Roots, start: int = 1) -> list[tuple[str, int | None]]:
    return list(zip(roots, range(start, start + len(roots)), strict=True))


def _vector(placed: Iterable[tuple[str, int | None]]) -> str:
    """The text of a tsvector: `'walk':1,5 'ms':2`. Roots have nothing in them that would have to be escaped."""
    places: dict[str, list[str]] = {}
    for root, place in placed:
        places.setdefault(root, []).extend([] if place is None else [str(place)])
    return " ".join(f"'{root}'{':' if at else ''}{','.join(at)}" for root, at in places.items())


_INSERTS = {
    "sqlite": text("INSERT INTO search_words (rowid, title, body, marks) VALUES (:number, :title, :body, :marks)"),
    "postgresql": text(
        "INSERT INTO search_words (number, title, words) "
        "VALUES (:number, CAST(:title AS tsvector), CAST(:words AS tsvector))"
    ),
}


# -- asking -----------------------------------------------------------------------------------------------------------


def _limit_time(connection: Connection) -> None:
    """A phrase of common words, which a GIN index knows no places of, must not keep a server busy."""
    if connection.dialect.name == "postgresql":
        milliseconds = str(LONGEST // timedelta(milliseconds=1))
        connection.execute(select(func.set_config("statement_timeout", milliseconds, True)))


@dataclass(frozen=True, slots=True)
class _Class:
    """Articles that are listed together: the table of words with its key, and which of its rows answer."""

    key: ColumnElement[int]
    answers: ColumnElement[bool]


def _classes(dialect: str, asked: Question, topic: str | None) -> tuple[_Class, _Class]:
    """Those with all wishes in the title, and then the others."""
    names = () if topic is None else ((topic_name(topic),),)
    return (_sqlite if dialect == "sqlite" else _postgresql)(asked, names)


def _sqlite(asked: Question, names: tuple[Roots, ...]) -> tuple[_Class, _Class]:
    """Roots in titles are terms of their own: by a filter of columns every place of a common word would be looked at."""
    wanted = " AND ".join(map(_phrase, (*asked.wanted, *names)))
    in_title = " AND ".join(_phrase(roots, _IN_TITLE) for roots in asked.wanted)
    topics = "".join(f" AND {_phrase(each)}" for each in names)
    unwanted = "".join(f" NOT {_phrase(each)}" for each in asked.unwanted)
    key: ColumnElement[int] = _fts.c.rowid
    titled = _matches(f"({in_title}{topics}){unwanted}")
    return _Class(key, titled), _Class(key, _matches(f"({wanted}){unwanted} NOT ({in_title})"))


def _phrase(roots: Roots, before: str = "") -> str:
    """A string of FTS5: roots in double quotes are a phrase, whatever they spell."""
    return f'"{" ".join(f"{before}{root}" for root in roots)}"'


def _matches(expression: str) -> ColumnElement[bool]:
    return literal_column("search_words").op("MATCH", is_comparison=True)(literal(expression))


def _postgresql(asked: Question, names: tuple[Roots, ...]) -> tuple[_Class, _Class]:
    wanted = " & ".join(map(_adjacent, (*asked.wanted, *names)))
    titled = _holds(_words.c.title, wanted)
    free = [not_(_holds(_words.c.words, _adjacent(each))) for each in asked.unwanted]
    others = and_(_holds(_words.c.words, wanted), not_(titled))
    key: ColumnElement[int] = _words.c.number
    return _Class(key, and_(titled, *free)), _Class(key, and_(others, *free))


def _adjacent(roots: Roots) -> str:
    """A phrase of PostgreSQL's tsquery."""
    return f"({' <-> '.join(map(repr, roots))})"


def _holds(words: ColumnElement[Any], expression: str) -> ColumnElement[bool]:
    return words.op("@@", is_comparison=True)(func.cast(literal(expression), TSQUERY))


def _count(connection: Connection, which: _Class) -> int:
    """How many answer; beyond MOST it is not counted."""
    some = select(which.key).where(which.answers).limit(MOST + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _page(
    connection: Connection, classes: Sequence[_Class], numbers: Sequence[int], skip: int, now: datetime
) -> list[str]:
    """The ids of a page's articles: the rest of the first class, and then the beginning of the next one."""
    ids: list[str] = []
    for which, number in zip(classes, numbers, strict=True):
        if len(ids) < PAGE_SIZE and skip < number and skip < MOST:
            ids += connection.scalars(_newest(which, skip, PAGE_SIZE - len(ids), now))
        skip = max(0, skip - number)
    return ids


def _newest(which: _Class, skip: int, most: int, now: datetime) -> Select[tuple[str]]:
    """Cut out first, and only then joined, so that the last page costs no more than the first. What was withdrawn since
    the index was brought up to date is left out.
    """
    key = which.key.label("number")
    cut = select(key).where(which.answers).order_by(which.key.desc()).offset(skip).limit(most).subquery()
    return (
        select(article_table.c.id)
        .select_from(cut)
        .join(entry, entry.c.number == cut.c.number)
        .join(article_table, article_table.c.id == entry.c.article_id)
        .where(visible(now))
        .order_by(cut.c.number.desc())
    )
