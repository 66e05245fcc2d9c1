from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import feedparser
import pytest
from feeds.atom_check import ATOM, LANGUAGE, problems
from feeds.examples import HOSTILE, NOW, make_entry, make_feed
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter import __version__
from newsletter.feeds.atom import write
from newsletter.model import Feed

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def read(feed: Feed) -> Any:
    """What a feed reader sees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # feedparser's own
        parsed = feedparser.parse(write(feed))
    assert not parsed.bozo
    return parsed


def test_a_feed_is_valid() -> None:
    assert problems(write(make_feed(make_entry(2), make_entry(1))), NOW) == []


def test_a_feed_without_entries_is_valid() -> None:
    assert problems(write(make_feed()), NOW) == []


def test_a_reader_gets_every_field_of_the_feed() -> None:
    feed = make_feed(make_entry())
    seen = read(feed).feed
    assert (seen.id, seen.title, seen.subtitle) == (feed.id, feed.title, feed.subtitle)
    assert (seen.language, seen.updated) == ("en", feed.updated.isoformat())
    assert (seen.author_detail.name, seen.author_detail.email) == (feed.author, feed.author_email)
    assert (seen.generator_detail.name, seen.generator_detail.version) == ("newsletter", __version__)
    assert [(link.rel, link.href, link.type) for link in seen.links] == [
        (link.rel, link.href, link.type) for link in feed.links
    ]


def test_a_reader_gets_every_field_of_an_entry() -> None:
    entry = make_entry()
    (seen,) = read(make_feed(entry)).entries
    assert (seen.id, seen.title, seen.summary) == (entry.id, entry.title, entry.summary)
    assert (seen.published, seen.updated) == (entry.published.isoformat(), entry.updated.isoformat())
    assert seen.author == entry.author
    assert (seen.content[0].type, seen.content[0].value) == ("text/html", entry.content)
    assert [(tag.term, tag.label, tag.scheme) for tag in seen.tags] == [
        ("fatigue", "Fatigue", "tag:example.org,2026:topic")
    ]


def test_entry_links_keep_all_their_attributes() -> None:
    """By itself, feedgen 1.0.0 loses all but the address."""
    entry = make_entry()
    root = etree.fromstring(write(make_feed(entry)))
    written = [dict(link.attrib) for link in root.iterfind(f"{ATOM}entry/{ATOM}link")]
    assert written == [
        {
            "href": entry.links[0].href,
            "rel": "alternate",
            "type": "text/html",
            "hreflang": "en",
            "title": entry.title,
        },
        {"href": entry.links[1].href, "rel": "via", "title": "The study"},
    ]


def test_entries_stand_in_the_order_given() -> None:
    """By itself, feedgen puts each new entry first."""
    entries = [make_entry(number) for number in (3, 1, 2)]
    assert [entry.id for entry in read(make_feed(*entries)).entries] == [entry.id for entry in entries]


@pytest.mark.parametrize(("text", "repaired"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_hostile_titles_and_summaries_come_back_verbatim(text: str, repaired: str) -> None:
    feed = make_feed(make_entry(title=text, summary=text), title=text)
    assert problems(write(feed), NOW) == []
    root = etree.fromstring(write(feed))
    assert root.findtext(f"{ATOM}title") == repaired
    assert root.findtext(f"{ATOM}entry/{ATOM}title") == repaired
    assert root.findtext(f"{ATOM}entry/{ATOM}summary") == repaired
    link = root.find(f"{ATOM}entry/{ATOM}link")
    assert link is not None
    assert link.get("title") == repaired
    assert read(feed).entries[0].title_detail.type == "text/plain"


@pytest.mark.parametrize(
    "text", ["p<0.05 & <non-relapsing>", "ends ]]> early", "vertical\x0btab", "🧠 טרשת", "x" * 300]
)
def test_feedparser_reads_hostile_titles_verbatim(text: str) -> None:
    (seen,) = read(make_feed(make_entry(title=text, summary=text))).entries
    assert seen.title == HOSTILE.get(text, text)
    assert seen.summary == HOSTILE.get(text, text)


@given(title=ANY_TEXT, content=ANY_TEXT, href=ANY_TEXT, term=ANY_TEXT)
def test_no_text_costs_the_feed(title: str, content: str, href: str, term: str) -> None:
    entry = make_entry(title=title, content=content, summary=content)
    link = replace(entry.links[0], href=f"https://example.org/{href}")
    category = replace(entry.categories[0], term=f"a{term}", label=f"a{term}")
    hostile = replace(entry, links=(link,), categories=(category,), author=f"a{title}")
    root = etree.fromstring(write(make_feed(hostile, make_entry(2), title=title)))
    assert len(root.findall(f"{ATOM}entry")) == 2


def test_a_title_that_is_missing_is_told_by_the_id() -> None:
    (seen,) = read(make_feed(make_entry(title=""))).entries
    assert seen.title == seen.id


def test_an_author_without_address_has_none() -> None:
    root = etree.fromstring(write(make_feed(email="")))
    assert root.find(f"{ATOM}author/{ATOM}email") is None
    assert root.get(LANGUAGE) == "en"


def test_the_same_feed_gives_the_same_bytes() -> None:
    entries = make_entry(2), make_entry(1)
    assert write(make_feed(*entries)) == write(make_feed(*entries))
    assert write(make_feed(*entries)).startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
