"""What a search costs in a large archive, by how common its words are, on SQLite and, where its URL is given, PostgreSQL.

    python bench/search.py                          20,000 made-up articles on SQLite
    python bench/search.py 100000                   the whole thing
    python bench/search.py 20000 postgresql+psycopg://...

Medians and worst of many searches of each kind, with the first page and the last one that can be asked for; and the
processor's time of this process, which says more on a busy machine. A server's own time is not in it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

from related import NOW, Author
from sqlalchemy import insert

from newsletter.model import Article
from newsletter.searching import question, roots_of
from newsletter.store.database import Database, open_database
from newsletter.store.documents import article_values
from newsletter.store.schema import article as table
from newsletter.store.search import MOST, PAGE_SIZE, Search
from newsletter.topics import topic_slug

ROUNDS = 40


def fill(database: Database, articles: Iterator[Article]) -> None:
    """Articles alone: search needs no more of them."""
    while some := list(islice(articles, 1000)):
        with database.begin() as connection:
            rows = [article_values(each, "hash") | {"revision": 1} for each in some]
            connection.execute(insert(table), rows)


def kinds(sample: Sequence[Article]) -> dict[str, tuple[list[str], str | None]]:
    """Name -> questions of that kind, made of words by how many of the sample's articles have them."""
    seen = Counter(root for each in sample for root in set(roots_of(" ".join(each.summary.what_they_found))))
    ranked = [word for word, _ in seen.most_common()]
    common, middling, rare = ranked[:40], ranked[200:240], ranked[-40:]
    takeaways = [each.summary.key_takeaway.split() for each in sample[:ROUNDS]]
    topic = topic_slug(sample[0].summary.topics[0])
    return {
        "a common word": (common, None),
        "two common words": ([f"{a} {b}" for a, b in pairwise(common)], None),
        "a middling word": (middling, None),
        "a rare word": (rare, None),
        "a common word but not another": ([f"{a} -{b}" for a, b in zip(common, middling, strict=True)], None),
        "a phrase": ([f'"{" ".join(words[3:6])}"' for words in takeaways], None),
        "a phrase of common words": ([f'"{a} {b}"' for a, b in pairwise(common)], None),
        "a common word in one topic": (common, topic),
        "twelve common words": ([" ".join(common[start : start + 12]) for start in range(20)], None),
    }


def report(name: str, times: Sequence[float], busy: Sequence[float], found: Sequence[int]) -> None:
    medians = " | ".join(f"{statistics.median(each):.1f}" for each in (times, busy))
    print(f"| {name} | {statistics.median(found):.0f} | {medians} | {max(busy):.1f} |", flush=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{Path(folder) / 'bench.db'}"
        database = open_database(url)
        author = Author(3)
        sample = [author.article(number) for number in range(1000)]
        fill(database, iter(sample))
        fill(database, (author.article(number) for number in range(1000, count)))
        search = Search(database)
        before = time.perf_counter()
        search.catch_up(NOW)
        spent = time.perf_counter() - before
        print(f"{count} articles on {database.dialect}; indexed in {spent:.1f} s, {spent / count * 1000:.2f} ms each\n")
        print("| what is asked for | found | median ms | processor, median | worst |\n|---|---|---|---|---|")
        for name, (typed, topic) in kinds(sample).items():
            for page in (1, MOST // PAGE_SIZE):
                times, busy, found = [], [], []
                for each in typed:
                    begun, used = time.perf_counter(), time.process_time()
                    told = search.find(question(each), topic, page, NOW)
                    times.append((time.perf_counter() - begun) * 1000)
                    busy.append((time.process_time() - used) * 1000)
                    found.append(told.number)
                report(f"{name}, page {page}", times, busy, found)
        database.close()


if __name__ == "__main__":
    main()
