"""What publishing costs, in a growing archive and as a whole beside Hugo.

    python bench/publish.py growth --small 1000 --large 100000     one new article in a small and in a large archive
    python bench/publish.py build --articles 10000                  everything anew, and Hugo with the same articles

Each step runs in a process of its own, so that its processor time and its peak memory are its own. Hugo gets the same
texts as Markdown, a plain theme with the same parts, list pages by topic, and RSS in full for the site and each topic.
We write Atom, RSS and JSON, archives, months and sitemaps besides.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from memory import peak_mb
from related import Author

from newsletter import config
from newsletter.app import App, open_app
from newsletter.model import Accepted, Article
from newsletter.store.articles import Articles
from newsletter.store.database import open_database

ROOT = Path(__file__).resolve().parent.parent
BEGUN = datetime(2016, 1, 1, tzinfo=UTC)
APART = timedelta(minutes=52)  # a hundred thousand articles are ten years
TOPICS = [f"topic {first}{second}" for first in "abcdefghijklmnopqrst" for second in "abcdefghij"]
SINGLES = 9


def articles(size: int, start: int = 0) -> Iterator[Article]:
    """Made-up articles with three topics each, the common ones common."""
    author = Author(1 + start)
    for number in range(start, start + size):
        draw = random.Random(number)
        moment = BEGUN + number * APART
        topics = tuple(dict.fromkeys(TOPICS[int(draw.random() ** 2 * len(TOPICS))] for _ in range(3)))
        article = author.article(number)
        yield replace(
            article,
            summary=replace(article.summary, topics=topics),
            published=moment,
            first_seen=moment,
            updated=moment,
        )


def fill(folder: Path, size: int) -> None:
    """A site with so many articles, none of them published."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "config.toml", folder / "config.toml")
    (folder / "seeds").mkdir()
    database = open_database(f"sqlite:///{folder / 'var' / 'newsletter.db'}")
    store, rest = Articles(database), articles(size)
    while some := list(islice(rest, 500)):
        store.save_all([Accepted(article=article, raw_hash="") for article in some])
    database.close()


def now_after(size: int) -> datetime:
    return BEGUN + (size + 50) * APART


def site(folder: Path) -> App:
    return open_app(config.load(folder / "config.toml"))


# -- steps, each in a process of its own -------------------------------------------------------------------------------


def publish_everything(folder: Path, size: int) -> None:
    app = site(folder)
    begun = time.perf_counter()
    files = app._write_public(now_after(size), everything=True)  # noqa: SLF001 - without digests
    told = {"seconds": time.perf_counter() - begun, "peak": peak_mb(), "files": files.written if files else 0}
    print(json.dumps(told))


def publish_singles(folder: Path, size: int) -> None:
    """One new article at a time, and what a run costs that finds nothing new."""
    app = site(folder)
    times, written = [], []
    for number, article in enumerate(articles(SINGLES, size)):
        app._articles.save(article, "")  # noqa: SLF001 - ingest is measured elsewhere
        begun = time.perf_counter()
        files = app._write_public(now_after(size + number), everything=False)  # noqa: SLF001 - as above
        times.append(time.perf_counter() - begun)
        written.append(files.written if files else 0)
    begun = time.perf_counter()
    app._write_public(now_after(size + SINGLES), everything=False)  # noqa: SLF001 - as above
    idle = time.perf_counter() - begun
    told = {
        "milliseconds": statistics.median(times) * 1000,
        "worst": max(times) * 1000,
        "idle": idle * 1000,
        "files": statistics.median(written),
        "peak": peak_mb(),
    }
    print(json.dumps(told))


@dataclass(frozen=True)
class Cost:
    """What a process cost: seconds of processor time, megabytes at its peak, and what it printed.

    A process begins with the peak of the one that started it, so ours print their own.
    """

    user: float
    system: float
    peak: float
    printed: str


def measured(command: Sequence[str], folder: Path = ROOT) -> Cost:
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, cwd=folder)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{command[0]} ended with {process.returncode}")
        out.seek(0)
        printed = out.read()
        peak = json.loads(printed)["peak"] if printed.startswith("{") else used.ru_maxrss / 1024
        return Cost(user=used.ru_utime, system=used.ru_stime, peak=peak, printed=printed)


def step(name: str, folder: Path, size: int) -> Cost:
    return measured([sys.executable, __file__, name, str(folder), str(size)])


# -- growth -----------------------------------------------------------------------------------------------------------


def growth(small: int, large: int) -> None:
    told = {}
    with tempfile.TemporaryDirectory() as name:
        for size in (small, large):
            folder = Path(name) / str(size)
            fill(folder, size)
            whole = step("everything", folder, size)
            first = json.loads(whole.printed)
            print(
                f"{size:7,} articles, everything: {first['seconds']:7.1f} s, processor {whole.user:.1f} + {whole.system:.1f} s, "
                f"peak {first['peak']:.0f} MB, {first['files']:,} files",
                flush=True,
            )
            told[size] = json.loads(step("singles", folder, size).printed)
            one = told[size]
            print(
                f"{size:7,} articles, one new: median {one['milliseconds']:.0f} ms, worst {one['worst']:.0f} ms, nothing new "
                f"{one['idle']:.1f} ms, {one['files']:.0f} files written, peak {one['peak']:.0f} MB",
                flush=True,
            )
            shutil.rmtree(folder / "public")
    ratio = {part: told[large][part] / told[small][part] for part in ("milliseconds", "peak")}
    print(f"large to small: time {ratio['milliseconds']:.2f}, memory {ratio['peak']:.2f} (wanted: at most 2 of each)")


# -- build ------------------------------------------------------------------------------------------------------------

HUGO_FILES = {
    "hugo.toml": 'baseURL = "https://ms-digest.example.org/"\ntitle = "MS Research Digest"\nlanguageCode = "en"\n'
    'disableKinds = ["sitemap"]\n[taxonomies]\ntopic = "topics"\n[markup.goldmark.renderer]\nunsafe = false\n',
    "layouts/_default/baseof.html": '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{{ .Title }}</title>'
    '<style>{{ readFile "style.css" | safeCSS }}</style></head><body><header><p><a href="/">{{ .Site.Title }}</a></p></header>'
    '<main>{{ block "main" . }}{{ end }}</main><footer><p>Published by the editors.</p></footer></body></html>',
    "layouts/_default/single.html": '{{ define "main" }}<article><h1>{{ .Title }}</h1><p>Key takeaway</p><p>'
    "{{ .Params.takeaway }}</p><ul><li>Credibility: Not rated</li><li>Interest: Not rated</li></ul>{{ .Content }}"
    '<p>Summary added: {{ .Date.Format "2 January 2006" }}</p><ul>{{ range .GetTerms "topics" }}<li><a href="{{ .RelPermalink }}">'
    "{{ .LinkTitle }}</a></li>{{ end }}</ul></article>{{ end }}",
    "layouts/_default/list.html": '{{ define "main" }}<h1>{{ .Title }}</h1><ul>{{ range (.Paginate .Pages 50).Pages }}<li>'
    '<a href="{{ .RelPermalink }}">{{ .Title }}</a></li>{{ end }}</ul>{{ template "_internal/pagination.html" . }}{{ end }}',
    "layouts/_default/rss.xml": '{{ printf "<?xml version=\\"1.0\\" encoding=\\"utf-8\\"?>" | safeHTML }}<rss version="2.0" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>{{ .Title }}</title><link>{{ .Permalink }}</link>'
    "<description>{{ .Title }}</description>{{ range .RegularPages }}<item><title>{{ .Title }}</title><link>{{ .Permalink }}</link>"
    "<guid>{{ .Permalink }}</guid><description>{{ .Params.takeaway | html }}</description><content:encoded>{{ .Content | html }}"
    "</content:encoded></item>{{ end }}</channel></rss>",
}


def write_hugo(folder: Path, size: int) -> None:
    for name, text in HUGO_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "templates" / "web" / "style.css", folder / "style.css")
    content = folder / "content" / "articles"
    content.mkdir(parents=True)
    for article in articles(size):
        summary = article.summary
        head = {
            "title": summary.title,
            "date": article.published.isoformat(),
            "takeaway": summary.key_takeaway,
            "topics": summary.topics,
        }
        sections = {
            "What they found": summary.what_they_found,
            "Who should care and why": summary.who_should_care,
            "Important considerations": summary.considerations,
        }
        body = "\n\n".join(f"## {name}\n\n" + "\n\n".join(texts) for name, texts in sections.items())
        (content / f"{article.slug}.md").write_text(f"{json.dumps(head)}\n\n{body}\n", encoding="utf-8")


def build(size: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        ours, hugo = Path(name) / "ours", Path(name) / "hugo"
        fill(ours, size)
        first = step("everything", ours, size)
        print(
            f"first run, finding every article's neighbours: {first.user:.1f} s user, peak {first.peak:.0f} MB",
            flush=True,
        )
        write_hugo(hugo, size)
        costs: dict[str, list[Cost]] = {"newsletter": [], "hugo": []}
        for _ in range(rounds):
            shutil.rmtree(ours / "public")
            costs["newsletter"].append(step("everything", ours, size))
            if shutil.which("hugo"):
                costs["hugo"].append(measured(["hugo", "--quiet", "--destination", str(hugo / "public")], hugo))
                written = sum(1 for path in (hugo / "public").rglob("*") if path.is_file())
                shutil.rmtree(hugo / "public")
        for each, taken in costs.items():
            if taken:
                files = json.loads(taken[0].printed)["files"] if each == "newsletter" else written
                print(
                    f"{each:11} {size:,} articles: user {statistics.median(cost.user for cost in taken):.2f} s, system "
                    f"{statistics.median(cost.system for cost in taken):.2f} s, peak {max(cost.peak for cost in taken):.0f} MB, "
                    f"{files:,} files"
                )
        if costs["hugo"]:
            pairs = list(zip(costs["newsletter"], costs["hugo"], strict=True))
            user = statistics.median(mine.user / theirs.user for mine, theirs in pairs)
            peak = statistics.median(mine.peak / theirs.peak for mine, theirs in pairs)
            print(f"newsletter to hugo: user {user:.2f} (wanted: at most 1), memory {peak:.2f} (wanted: at most 0.10)")


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] in {"everything", "singles"}:
        work = publish_everything if sys.argv[1] == "everything" else publish_singles
        work(Path(sys.argv[2]), int(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("growth", "build", "both"), default="both")
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--articles", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if asked.what in {"growth", "both"}:
        growth(asked.small, asked.large)
    if asked.what in {"build", "both"}:
        build(asked.articles, asked.rounds)


if __name__ == "__main__":
    main()
