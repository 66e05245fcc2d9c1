"""Round trips: what real feed readers make of every format."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import struct_time
from typing import Any

import feedparser
import pytest
from builders import make_article, make_site
from feeds.examples import HOSTILE, hostile_article
from reader import make_reader

from newsletter.feeds import FORMATS, Format
from newsletter.feeds.build import article_entry, articles_head, live_feed, topic_head
from newsletter.model import Entry, Feed, Topic
from newsletter.templating import Templates

SITE, TEMPLATES = make_site(), Templates()
START = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An entry as a reader shows it: texts without tags, in single spaces."""

    id: str
    title: str
    link: str
    published: datetime
    summary: str
    content: str
    author: str


Reader = Callable[[Path, str], Iterator[Seen]]


def with_feedparser(folder: Path, name: str) -> Iterator[Seen]:
    parsed = feedparser.parse((folder / name).read_bytes())
    assert not parsed.bozo, parsed.bozo_exception
    for entry in parsed.entries:
        html_summary = entry.summary_detail.type == "text/html"
        yield _seen(entry, entry.author, _moment(entry.published_parsed), html_summary=html_summary)


def with_reader(folder: Path, name: str) -> Iterator[Seen]:
    """lemon24/reader: a library that refuses a feed as a whole where the others look away."""
    reader = make_reader(":memory:", feed_root=str(folder))
    try:
        reader.add_feed(name)
        reader.update_feed(name)
        for entry in reader.get_entries(feed=name):
            yield _seen(entry, entry.authors_str, entry.published, html_summary=name.endswith(".rss"))
    finally:
        reader.close()


READERS: dict[str, tuple[Reader, frozenset[str]]] = {
    "feedparser": (with_feedparser, frozenset({"atom", "rss"})),
    "reader": (with_reader, frozenset({"atom", "rss", "json"})),
}
BOTH = [
    pytest.param(name, form, id=f"{name}-{form.SUFFIX}")
    for name, (_, suffixes) in READERS.items()
    for form in FORMATS
    if form.SUFFIX in suffixes
]


def _seen(entry: Any, author: str, published: datetime, *, html_summary: bool) -> Seen:
    return Seen(
        id=entry.id,
        title=_words(entry.title),
        link=entry.link,
        published=published,
        summary=_text(entry.summary) if html_summary else _words(entry.summary),
        content=_text(entry.content[0].value),
        author=_words(author),
    )


def _moment(parsed: struct_time) -> datetime:
    return datetime(*parsed[:6], tzinfo=UTC)


def _words(text: str) -> str:
    return " ".join(text.split())


def _text(markup: str) -> str:
    return _words(html.unescape(re.sub(r"</?[a-z][^>]*>", " ", markup)))


def _expected(entry: Entry, repaired: str) -> Seen:
    return Seen(
        id=entry.id,
        title=_words(repaired),
        link=entry.links[0].href,
        published=entry.published,
        summary=_words(repaired),
        content="",
        author=entry.author,
    )


def _feed(entries: list[Entry]) -> Feed:
    moments = [entry.updated for entry in entries]
    return replace(
        live_feed(articles_head(SITE, TEMPLATES), moments, SITE, previous=None, hub=None), entries=tuple(entries)
    )


def _entries() -> list[Entry]:
    """One for each hostile text, in the order of `HOSTILE`, the newest first."""
    made = []
    for number, text in enumerate(HOSTILE):
        moment = START - timedelta(minutes=number)
        article = replace(hostile_article(f"hostile-{number}", text), published=moment, updated=moment)
        made.append(article_entry(article, SITE, TEMPLATES))
    return made


def _differences(seen: Seen, expected: Seen) -> list[str]:
    """The names of the fields that came back otherwise; of the content, whether each text is in it."""
    names = ("id", "title", "link", "published", "summary", "author")
    found = [name for name in names if getattr(seen, name) != getattr(expected, name)]
    return found if seen.content.count(expected.summary) >= 4 else [*found, "content"]


def _row(reader: str, form: Format, folder: Path) -> list[list[str]]:
    """What is different, case by case."""
    entries = _entries()
    name = f"feed.{form.SUFFIX}"
    (folder / name).write_bytes(form.write(_feed(entries)))
    found = {seen.id: seen for seen in READERS[reader][0](folder, name)}
    assert len(found) == len(entries)
    return [
        _differences(found[entry.id], _expected(entry, repaired))
        for entry, repaired in zip(entries, HOSTILE.values(), strict=True)
    ]


@pytest.mark.parametrize(("reader", "form"), BOTH)
def test_every_entry_comes_back_as_it_was(reader: str, form: Format, tmp_path: Path) -> None:
    for text, different in zip(HOSTILE, _row(reader, form, tmp_path), strict=True):
        assert different == [], text


@pytest.mark.parametrize(("reader", "form"), BOTH)
def test_order_and_dates_are_those_of_the_feed(reader: str, form: Format, tmp_path: Path) -> None:
    entries = [
        article_entry(make_article(f"a{day}", published=START + timedelta(days=day)), SITE, TEMPLATES)
        for day in (3, 2, 1)
    ]
    name = f"feed.{form.SUFFIX}"
    (tmp_path / name).write_bytes(form.write(_feed(entries)))
    seen = list(READERS[reader][0](tmp_path, name))
    assert [(entry.id, entry.published) for entry in seen] == [(entry.id, entry.published) for entry in entries]


@pytest.mark.parametrize(("reader", "form"), BOTH)
def test_an_entry_keeps_its_id_in_every_feed(reader: str, form: Format, tmp_path: Path) -> None:
    entry = article_entry(make_article(), SITE, TEMPLATES)
    topic = topic_head(Topic(slug="fatigue", name="Fatigue", articles=1), SITE, TEMPLATES)
    copied = replace(live_feed(topic, [entry.updated], SITE, previous=None, hub=None), entries=(entry,))
    for name, feed in {f"all.{form.SUFFIX}": _feed([entry]), f"topic.{form.SUFFIX}": copied}.items():
        (tmp_path / name).write_bytes(form.write(feed))
        assert [seen.id for seen in READERS[reader][0](tmp_path, name)] == [entry.id]


@pytest.mark.parametrize(("reader", "form"), BOTH)
def test_an_empty_feed_is_no_mistake(reader: str, form: Format, tmp_path: Path) -> None:
    (tmp_path / f"feed.{form.SUFFIX}").write_bytes(form.write(_feed([])))
    assert list(READERS[reader][0](tmp_path, f"feed.{form.SUFFIX}")) == []
