"""Related articles and near-duplicates in a large archive, with SQLite's own full-text search beside them.

    python bench/related.py             10,000 made-up articles
    python bench/related.py 100000      the whole thing

Medians and worst of single articles; a peer that is asked for the same terms; how many edited copies are found.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from itertools import accumulate, islice
from pathlib import Path

from memory import peak_mb
from sqlalchemy import insert, select

from newsletter.model import Article, DateOrigin, Facts, Precision, Summary
from newsletter.similarity import jaccard, shingles, telling, terms
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.documents import article_values
from newsletter.store.duplicates import Duplicates
from newsletter.store.related import RelatedIndex
from newsletter.store.schema import article as article_table
from newsletter.store.schema import index_term

BEGUN = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2040, 1, 1, tzinfo=UTC)
SINGLES = 200
VOCABULARY, SUBJECTS, SUBJECT_WORDS = 20_000, 200, 150
SYLLABLES = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]


class Author:
    """Writes articles of made-up words: common ones by Zipf's law, and those of the article's subject."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        spelling = random.Random(1)  # every author writes in one language
        self._words = list(
            dict.fromkeys("".join(spelling.choices(SYLLABLES, k=spelling.randint(2, 5))) for _ in range(VOCABULARY * 2))
        )[:VOCABULARY]
        self._odds = list(accumulate(1 / (rank + 5) for rank in range(VOCABULARY)))
        self._subjects = [spelling.sample(self._words[200:], SUBJECT_WORDS) for _ in range(SUBJECTS)]

    def article(self, number: int) -> Article:
        subject = self._random.choice(self._subjects)
        moment = BEGUN + timedelta(minutes=number)
        return Article(
            id=f"tag:example.org,2026:article/bench/{number:06}",
            slug=f"bench-{number:06}",
            source="bench",
            key=f"{number:06}",
            summary=Summary(
                title=self._text(subject, 8).capitalize(),
                key_takeaway=self._text(subject, 18),
                what_they_found=(self._text(subject, 80),),
                who_should_care=(self._text(subject, 90),),
                considerations=(self._text(subject, 60),),
                topics=tuple(self._random.sample(subject[:20], 4)),
            ),
            facts=Facts(doi=f"10.1000/bench.{number}"),
            published=moment,
            published_precision=Precision.INSTANT,
            date_origin=DateOrigin.FIRST_SEEN,
            first_seen=moment,
            updated=moment,
        )

    def edited(self, article: Article, number: int, share: float) -> Article:
        """The same article under another key and title, without its link, a share of its words replaced."""
        summary = article.summary
        return replace(
            self.article(number),
            facts=Facts(),
            summary=replace(
                summary,
                title=self._text(self._words, 8),
                key_takeaway=self._edit(summary.key_takeaway, share),
                what_they_found=tuple(self._edit(text, share) for text in summary.what_they_found),
                who_should_care=tuple(self._edit(text, share) for text in summary.who_should_care),
                considerations=tuple(self._edit(text, share) for text in summary.considerations),
            ),
        )

    def _text(self, subject: list[str], length: int) -> str:
        common = iter(self._random.choices(self._words, cum_weights=self._odds, k=length))
        return " ".join(
            self._random.choice(subject) if self._random.random() < 0.25 else next(common) for _ in range(length)
        )

    def _edit(self, text: str, share: float) -> str:
        return " ".join(
            self._random.choice(self._words) if self._random.random() < share else word for word in text.split()
        )


def fill(database: Database, articles: Iterator[Article]) -> None:
    while some := list(islice(articles, 500)):
        with database.begin() as connection:
            connection.execute(insert(article_table), [article_values(article, "hash") for article in some])


def timed(what: Callable[[], object]) -> float:
    begun = time.perf_counter()
    what()
    return (time.perf_counter() - begun) * 1_000


def show(name: str, milliseconds: list[float]) -> None:
    ordered = sorted(milliseconds)
    print(
        f"  {name:44} median {statistics.median(ordered):7.2f} ms   95 % {ordered[int(len(ordered) * 0.95)]:7.2f} ms"
        f"   worst {ordered[-1]:7.2f} ms"
    )


def singles(database: Database, author: Author, size: int) -> None:
    store, index, duplicates = Articles(database), RelatedIndex(database), Duplicates(database)
    times: dict[str, list[float]] = {"looking for a duplicate": [], "saving": [], "indexing": [], "six nearest": []}
    neighbours = []
    for number in range(size, size + SINGLES):
        article = author.article(number)
        times["looking for a duplicate"].append(timed(lambda: duplicates.find_duplicate(article)))  # noqa: B023 - called at once
        times["saving"].append(timed(lambda: store.save(article, "hash")))  # noqa: B023 - called at once
        times["indexing"].append(timed(lambda: index.put(article)))  # noqa: B023 - called at once
        begun = time.perf_counter()
        neighbours.append(len(index.nearest(article, now=NOW)))
        times["six nearest"].append((time.perf_counter() - begun) * 1_000)
    for name, taken in times.items():
        show(name, taken)
    show("all of it, one new article", [sum(parts) for parts in zip(*times.values(), strict=True)])
    print(f"  neighbours found for each: {min(neighbours)} to {max(neighbours)}")


def copies(database: Database, author: Author, size: int) -> None:
    """How many edited copies are recognised by their bodies alone, and how many strangers are taken for copies."""
    duplicates, other = Duplicates(database), Author(1)
    originals = [other.article(number) for number in range(SINGLES)]
    for share in (0.04, 0.07, 0.08, 0.09):
        edited = [author.edited(one, size * 2, share) for one in originals]
        pairs = [
            (one, copy)
            for one, copy in zip(originals, edited, strict=True)
            if jaccard(shingles(one.summary), shingles(copy.summary)) >= 0.5
        ]
        found = [(one, duplicates.find_duplicate(copy)) for one, copy in pairs]
        right = sum(each is not None and each.article.id == one.id for one, each in found)
        print(f"  copies with {share:.0%} of the words replaced: {right} found of {len(pairs)} that are alike by half")
    strangers = sum(duplicates.find_duplicate(author.article(size * 2 + one)) is not None for one in range(SINGLES))
    print(f"  strangers taken for copies: {strangers} of {SINGLES}")


def peer(folder: Path, database: Database, author: Author, size: int) -> None:
    """SQLite FTS5 with bm25, asked for the same 16 terms of each article as the index."""
    plain = sqlite3.connect(folder / "peer.db")
    plain.execute("CREATE VIRTUAL TABLE text USING fts5(body)")
    other = Author(1)
    rows = ((number + 1, _whole(other.article(number).summary)) for number in range(size))
    plain.executemany("INSERT INTO text(rowid, body) VALUES (?, ?)", rows)
    plain.commit()
    question = "SELECT rowid FROM text WHERE text MATCH ? ORDER BY bm25(text) LIMIT 6"
    with database.read() as connection:
        counted = {row.term: row.articles for row in connection.execute(select(index_term))}
    taken = []
    for number in range(size, size + SINGLES):
        weights = terms(author.article(number).summary)
        worth = {
            term: weight * telling(size, counted[term]) ** 2
            for term, weight in weights.items()
            if term in counted and not term.startswith("#")
        }
        words = nlargest(16, worth, key=lambda term: (worth[term], term))
        asked = " OR ".join(f'"{word}"' for word in words)
        taken.append(timed(lambda: plain.execute(question, (asked,)).fetchall()))  # noqa: B023 - called at once
    show("peer: FTS5 bm25, 16 terms, six nearest", taken)
    plain.close()


def _whole(summary: Summary) -> str:
    bodies = (*summary.what_they_found, *summary.who_should_care, *summary.considerations)
    return " ".join((summary.title, summary.key_takeaway, *bodies))


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = open_database(f"sqlite:///{folder / 'newsletter.db'}")
        author = Author(1)
        fill(database, (author.article(number) for number in range(size)))
        before = sum(file.stat().st_size for file in folder.iterdir())
        begun = time.perf_counter()
        RelatedIndex(database).catch_up()
        taken = time.perf_counter() - begun
        grown = sum(file.stat().st_size for file in folder.iterdir()) - before
        print(f"{size:,} articles: indexed in {taken:.1f} s ({taken / size * 1_000:.2f} ms each), {grown / 1e6:.0f} MB")
        singles(database, Author(2), size)
        copies(database, Author(3), size)
        peer(folder, database, Author(2), size)
        database.close()
    memory = peak_mb()
    print(f"  peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
