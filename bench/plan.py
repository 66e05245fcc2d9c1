"""What it costs to plan one digest for a million readers, on SQLite.

    python bench/plan.py [--readers N] [--texts N]

Three houses: readers who wish for nothing; readers of whom each has one of a few thousand combinations of topics,
credibility and hour; and readers of whom each has a combination of their own. Each is planned in a process of its own,
so that its time and its peak memory are its own; the email is compiled and judged as always.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from itertools import islice
from pathlib import Path

from memory import peak_mb
from publish import ROOT, site
from related import Author

from newsletter.model import USUAL, Accepted, Preferences, Rating
from newsletter.publish import Published, publish
from newsletter.store import schema
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.preferences import dumps
from newsletter.store.rows import driver_moment, write_rows

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
TOPICS = [f"topic {number}" for number in range(60)]
ZONES = ("Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Australia/Sydney")
ARTICLES = 20
KINDS = ("usual", "shared", "own")


def wish(draw: random.Random) -> Preferences:
    """Three topics that are wanted, one that is not, a credibility and an hour."""
    *wanted, unwanted = draw.sample([topic.replace(" ", "-") for topic in TOPICS], 9)
    return Preferences(
        topics=frozenset(wanted),
        unwanted_topics=frozenset({unwanted}),
        min_credibility=draw.choice([None, 2.0, 3.0, 4.0]),
        send_at=clock(draw.randrange(24), draw.choice([0, 30])),
        zone=draw.choice(ZONES),
    )


def wishes(kind: str, readers: int, texts: int) -> Iterator[str | None]:
    draw = random.Random(1)
    if kind == "usual":
        yield from (dumps(USUAL) for _ in range(readers))
    elif kind == "shared":
        shared = [dumps(wish(draw)) for _ in range(texts)]
        yield from (draw.choice(shared) for _ in range(readers))
    else:
        yield from (dumps(wish(draw)) for _ in range(readers))


def fill(folder: Path, kind: str, readers: int, texts: int) -> None:
    """A site with one day's articles and so many readers of its daily newsletter."""
    (folder / "config.toml").write_text((ROOT / "config.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "seeds").mkdir()
    database = open_database(f"sqlite:///{folder / 'var' / 'newsletter.db'}")
    author, draw = Author(1), random.Random(2)
    for number in range(ARTICLES):
        article = author.article(number)
        moment = NOW - timedelta(hours=26, minutes=number)
        summary = replace(
            article.summary,
            topics=tuple(draw.sample(TOPICS, 3)),
            credibility=Rating(value=draw.randrange(1, 6)),
        )
        told = replace(article, summary=summary, published=moment, first_seen=moment, updated=moment)
        Articles(database).save_all([Accepted(article=told, raw_hash="")])
    people = enumerate(wishes(kind, readers, texts))
    while some := list(islice(people, 20_000)):
        _subscribe(database, some)
    database.close()


def _subscribe(database: Database, some: Sequence[tuple[int, str | None]]) -> None:
    with database.begin() as connection:
        moment = driver_moment(connection, NOW - timedelta(days=30))
        people = [
            (f"{number * 2654435761 % 2**32:08x}", f"reader{number}@d{number % 500}.example", text)
            for number, text in some
        ]
        write_rows(
            connection,
            schema.subscriber.insert(),
            [(key, address, address, "") for key, address, _ in people],
        )
        write_rows(
            connection,
            schema.subscription.insert(),
            [(key, "daily", "confirmed", "Yes.", moment, "form", text) for key, _, text in people],
            ("subscriber_id", "newsletter", "state", "consent_text", "consent_at", "consent_source", "preferences"),
        )


def plan(folder: Path) -> None:
    """Plan what is due, and print what it cost."""
    app = site(folder)
    daily = app.newsletters[0]
    before, begun, worked = peak_mb(), time.perf_counter(), time.process_time()
    (result,) = publish(daily, app._press, NOW)  # noqa: SLF001 - without pages
    assert isinstance(result, Published)
    told = {
        "seconds": time.perf_counter() - begun,
        "processor": time.process_time() - worked,
        "before": before,
        "peak": peak_mb(),
        "deliveries": result.deliveries,
        "skipped": result.skipped,
    }
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--texts", type=int, default=5_000, help="how many combinations the second house has")
    parser.add_argument("--step", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.step:
        kind, folder = told.step
        if kind == "plan":
            plan(Path(folder))
        else:
            fill(Path(folder), kind, told.readers, told.texts)
        return
    print(f"{told.readers:,} readers, {ARTICLES} articles, one digest")
    print(
        f"{'readers wish for':18}{'seconds':>9}{'processor':>11}{'a reader':>11}{'peak':>9}{'deliveries':>12}{'skipped':>10}"
    )
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as name:
            _run(["--step", kind, name, "--readers", str(told.readers), "--texts", str(told.texts)])
            cost = json.loads(_run(["--step", "plan", name]))
        label = {"usual": "nothing", "shared": f"{told.texts:,} things", "own": "their own thing"}[kind]
        each = cost["processor"] / told.readers * 1e6
        print(
            f"{label:18}{cost['seconds']:9.1f}{cost['processor']:9.1f} s{each:8.1f} µs{cost['peak']:6.0f} MB"
            f"{cost['deliveries']:12,}{cost['skipped']:10,}"
        )


def _run(arguments: list[str]) -> str:
    command = [sys.executable, str(Path(__file__)), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, text=True).stdout


if __name__ == "__main__":
    main()
