from __future__ import annotations

import html
import re
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
import pytest
from feeds.examples import FACTS, FEEDS, HOSTILE, KINDS, make_entry, make_feed
from lxml import etree

from newsletter.feeds.rss import write
from newsletter.model import Feed

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
HISTORY = "{http://purl.org/syndication/history/1.0}"


def channel(feed: Feed) -> etree._Element:
    return etree.fromstring(write(feed))[0]


def item(feed: Feed) -> etree._Element:
    return next(channel(feed).iter("item"))


def read(feed: Feed) -> Any:
    """What a feed reader sees."""
    parsed = feedparser.parse(write(feed))
    assert not parsed.bozo
    return parsed


def test_a_channel_has_every_element_once() -> None:
    feed = make_feed(make_entry())
    seen = channel(feed)
    texts = {child.tag: child.text for child in seen if isinstance(child.tag, str) and child.tag != "item"}
    assert texts == {
        "title": "A feed",
        "link": "https://news.example.org/",
        "description": "What it is",
        "generator": texts["generator"],
        "language": "en",
        "managingEditor": "editors@example.org (The Example Editors)",
        "lastBuildDate": "Sun, 01 Nov 2026 09:00:00 +0000",
        f"{ATOM}link": None,
    }
    assert re.fullmatch(r"newsletter \d+\.\d+\.\d+", texts["generator"] or "")
    assert len({child.tag for child in seen}) == len(seen)


def test_the_channel_is_dated_by_its_entries_and_never_by_the_clock() -> None:
    """By itself, feedgen takes the moment of writing."""
    feed = make_feed(make_entry(2), make_entry(1))
    assert parsedate_to_datetime(channel(feed).findtext("lastBuildDate") or "") == feed.updated.replace(microsecond=0)


def test_an_item_has_every_element() -> None:
    entry = make_entry(facts=FACTS)
    seen = item(make_feed(entry))
    assert seen.findtext("title") == entry.title
    assert seen.findtext("link") == entry.links[0].href
    assert (seen.findtext("description"), seen.findtext(CONTENT)) == (entry.summary, entry.content)
    guid = seen.find("guid")
    assert guid is not None
    assert (guid.text, dict(guid.attrib)) == (entry.id, {"isPermaLink": "false"})
    assert seen.findtext("pubDate") == "Sun, 01 Nov 2026 09:00:00 +0000"
    assert seen.findtext(f"{ATOM}updated") == entry.updated.isoformat()
    assert seen.findtext(CREATOR) == entry.author
    assert seen.find("author") is None, "it would have to be an address"
    (category,) = seen.findall("category")
    assert (category.text, dict(category.attrib)) == ("Fatigue", {"domain": "tag:example.org,2026:topic"})


def test_a_reader_gets_every_field_of_an_item() -> None:
    entry = make_entry(facts=FACTS)
    (seen,) = read(make_feed(entry)).entries
    assert (seen.id, seen.guidislink, seen.link) == (entry.id, False, entry.links[0].href)
    assert (seen.title, seen.summary, seen.author) == (entry.title, entry.summary, entry.author)
    assert seen.content[0].value == entry.content
    assert seen.newsletter_credibility == {"value": "4", "scale": "5"}
    assert (seen.prism_doi, seen.newsletter_status) == ("10.1000/a(1)<2>", "ok")


def test_dates_are_english_and_have_four_digits_of_year() -> None:
    entry = make_entry()
    old = replace(entry, published=entry.published.replace(year=987))
    assert item(make_feed(old)).findtext("pubDate") == "Thu, 01 Nov 0987 09:00:00 +0000"


@pytest.mark.parametrize(("text", "repaired"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_hostile_texts_come_back_verbatim(text: str, repaired: str) -> None:
    """A description is HTML in RSS, so a summary comes back from it as the text of some HTML."""
    seen = item(make_feed(make_entry(title=text, summary=text, content=text), title=text, author=text))
    assert seen.findtext("title") == repaired
    assert html.unescape(seen.findtext("description") or "") == repaired
    assert seen.findtext(CONTENT) == repaired.replace("]]>", "]]&gt;")


def test_titles_are_encoded_as_the_profile_asks() -> None:
    xml = write(make_feed(make_entry(title="p<0.05 & <non-relapsing>", content="a &amp; b</content:encoded> &amp; c")))
    assert b"<title>p&#x3C;0.05 &#x26; &#x3C;non-relapsing&gt;</title>" in xml
    assert b"<![CDATA[a &amp; b</content:encoded> &amp; c]]>" in xml


@pytest.mark.parametrize("text", ["p<0.05 & <non-relapsing>", "🧠 טרשת", "x" * 300])
def test_feedparser_reads_hostile_titles_verbatim(text: str) -> None:
    (seen,) = read(make_feed(make_entry(title=text, summary=text))).entries
    assert seen.title == text
    assert html.unescape(seen.summary) == text


def test_an_author_without_an_address_is_named_in_the_items_alone() -> None:
    feed = make_feed(make_entry(), email="")
    assert channel(feed).find("managingEditor") is None
    assert item(feed).findtext(CREATOR) == "The Example Editors"


def test_an_editors_name_keeps_to_its_parentheses() -> None:
    seen = channel(make_feed(author="The (Example) Editors"))
    assert seen.findtext("managingEditor") == "editors@example.org (The Example Editors)"


def test_an_entry_without_a_page_has_no_link() -> None:
    assert item(make_feed(replace(make_entry(), links=()))).find("link") is None


@pytest.mark.parametrize(
    ("kind", "links", "mark"),
    [
        ("whole", {"self": "articles"}, ["complete"]),
        ("live", {"self": "articles", "prev-archive": "articles/2026-10", "hub": None}, []),
        (
            "archive",
            {
                "self": "articles/2026-10",
                "current": "articles",
                "prev-archive": "articles/2026-09",
                "next-archive": "articles/2026-11",
            },
            ["archive"],
        ),
    ],
)
def test_documents_lead_to_each_other(kind: str, links: dict[str, str | None], mark: list[str]) -> None:
    """By itself, feedgen writes the link to the document itself and no other."""
    seen = channel(make_feed(make_entry(), **KINDS[kind]))
    found = {link.get("rel"): (link.get("href"), link.get("type")) for link in seen.findall(f"{ATOM}link")}
    hub = ("https://hub.example.org/?a=1&b=2", None)
    assert found == {
        rel: hub if name is None else (f"{FEEDS}/{name}.rss", "application/rss+xml") for rel, name in links.items()
    }
    assert [child.tag.removeprefix(HISTORY) for child in seen if child.tag.startswith(HISTORY)] == mark
    assert seen.findtext("link") == "https://news.example.org/"


def test_an_item_of_another_feed_says_from_where_it_is() -> None:
    (source,) = item(make_feed(make_entry(), **KINDS["topic"])).findall("source")
    assert (source.text, dict(source.attrib)) == ("All", {"url": f"{FEEDS}/all.rss"})
    assert item(make_feed(make_entry())).find("source") is None


def test_a_style_sheet_is_named_before_the_feed() -> None:
    assert write(make_feed(**KINDS["styled"])).splitlines()[1] == (
        b'<?xml-stylesheet type="text/css" href="https://news.example.org/feeds/feeds.css"?>'
    )


def test_nothing_of_the_channel_points_at_a_stranger() -> None:
    """By itself, feedgen names the place of the specification."""
    assert b"rssboard" not in write(make_feed(make_entry()))
