"""How fast captures are taken in.

    python bench/ingest.py [--documents 10000] [--profile]
    python bench/ingest.py --archive 100000

Makes captures, takes them into an empty SQLite store, takes them in again unchanged, and then one new one. Prints
documents a second, and the peak memory. `--profile` shows where the time of the first run goes. With `--archive`, what
a single new article costs where so many are there already: `newsletter ingest` without the start of its process, and
the six nearest. One core, and a commit that waits for the disk.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from captures import capture, capture_of
from memory import peak_mb
from related import Author

from newsletter import config
from newsletter.app import App, open_app
from newsletter.model import Accepted
from newsletter.store.articles import Articles
from newsletter.store.database import open_database
from newsletter.store.related import RelatedIndex

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SINGLES = 15


def open_site(folder: Path) -> App:
    """The shipped configuration with a folder of captures of its own."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8").replace('folder = "seeds"', 'folder = "captures"')
    (folder / "config.toml").write_text(text, encoding="utf-8")
    (folder / "captures").mkdir()
    return open_app(config.load(folder / "config.toml"))


def timed(app: App, name: str, documents: int) -> None:
    begun, used = time.perf_counter(), time.process_time()
    (report,) = app.ingest(NOW)
    wall, processor = time.perf_counter() - begun, time.process_time() - used
    print(
        f"{name:12} {documents:7} documents {documents / wall:9.0f}/s wall {documents / processor:9.0f}/s processor "
        f"{wall:7.2f} s   new {len(report.new)}, unchanged {len(report.unchanged)}, "
        f"quarantined {len(report.quarantined)}   peak {peak_mb():.0f} MB",
        flush=True,
    )


def in_bulk(folder: Path, app: App, documents: int, *, profiled: bool) -> None:
    for number in range(documents):
        (folder / "captures" / f"{number:06}.txt").write_text(capture(number), encoding="utf-8")
    profile = cProfile.Profile()
    if profiled:
        profile.enable()
    timed(app, "new", documents)
    if profiled:
        profile.disable()
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
    timed(app, "unchanged", documents)
    (folder / "captures" / "new.txt").write_text(capture(10**7), encoding="utf-8")
    timed(app, "one new", documents + 1)


def into_archive(folder: Path, app: App, size: int) -> None:
    """One new article at a time, beside `size` others in one language of 20,000 words and 4,000 topics."""
    database = open_database(app.config.store.url)
    store, index, author = Articles(database), RelatedIndex(database), Author(1)
    everything = (author.article(number) for number in range(size))
    begun = time.perf_counter()
    while some := list(islice(everything, 500)):
        store.save_all([Accepted(article=article, raw_hash="hash", notice=None) for article in some])
    print(f"{size:,} articles saved in {time.perf_counter() - begun:.0f} s, peak {peak_mb():.0f} MB", flush=True)
    times: dict[str, list[float]] = {"taken in": [], "six nearest": [], "both": []}
    other = Author(2)
    for number in range(size, size + SINGLES):
        path = folder / "captures" / f"{number:06}.txt"
        path.write_text(capture_of(other.article(number).summary, {}), encoding="utf-8")
        begun = time.perf_counter()
        (report,) = app.ingest(NOW)
        between = time.perf_counter()
        assert report.new == (path.stem,)
        (article,) = store.of(report.source, report.new).values()
        near = index.neighbours([article], now=datetime(2040, 1, 1, tzinfo=UTC))
        assert len(near[article.id]) == 6
        ended = time.perf_counter()
        for name, taken in zip(times, (between - begun, ended - between, ended - begun), strict=True):
            times[name].append(taken * 1_000)
        path.unlink()
    for name, taken in times.items():
        print(
            f"  {name:12} median {statistics.median(taken):6.1f} ms   first {taken[0]:6.1f}   worst {max(taken):6.1f}"
        )
    print(f"  peak memory {peak_mb():.0f} MB")
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--archive", type=int, default=0, metavar="ARTICLES")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app = open_site(folder)
        if asked.archive:
            into_archive(folder, app, asked.archive)
        else:
            in_bulk(folder, app, asked.documents, profiled=asked.profile)
        app.close()


if __name__ == "__main__":
    main()
