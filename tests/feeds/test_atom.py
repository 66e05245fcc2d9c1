from __future__ import annotations

import html
import warnings
from dataclasses import replace
from datetime import date
from typing import Any

import feedparser
import pytest
from feeds.atom_check import ATOM, LANGUAGE, problems
from feeds.examples import FACTS, FEEDS, GONE, HOSTILE, KINDS, NOW, make_entry, make_feed
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter import __version__
from newsletter.feeds.atom import write
from newsletter.model import Feed, IssueDate, Precision

HISTORY = "http://purl.org/syndication/history/1.0"
TOMBSTONES = "{http://purl.org/atompub/tombstones/1.0}"
ANY_TEXT = st.text(st.characters(exclude_categories=()))


def read(feed: Feed) -> Any:
    """What a feed reader sees."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # feedparser's own
        parsed = feedparser.parse(write(feed))
    assert not parsed.bozo
    return parsed


@pytest.mark.parametrize("kind", KINDS)
def test_a_feed_is_valid(kind: str) -> None:
    assert problems(write(make_feed(make_entry(2, facts=FACTS), make_entry(1), **KINDS[kind])), NOW) == []


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
        ("self", f"{feed.address}.atom", "application/atom+xml"),
        ("alternate", feed.home, "text/html"),
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


# -- how documents stand to each other --------------------------------------------------------------------------------


def links(kind: str) -> dict[str, str]:
    """Relation -> address of a feed's links; relations that stand twice would be lost, so none may."""
    root = etree.fromstring(write(make_feed(make_entry(), **KINDS[kind])))
    found = [(link.get("rel", ""), link.get("href", "")) for link in root.findall(f"{ATOM}link")]
    assert len(dict(found)) == len(found)
    return dict(found)


def marks(kind: str) -> list[str]:
    root = etree.fromstring(write(make_feed(make_entry(), **KINDS[kind])))
    return [etree.QName(child).localname for child in root if etree.QName(child).namespace == HISTORY]


HOME = {"alternate": "https://news.example.org/"}


def test_a_whole_feed_says_so_and_leads_nowhere_else() -> None:
    assert links("whole") == {"self": f"{FEEDS}/articles.atom", **HOME}
    assert marks("whole") == ["complete"]


def test_a_live_document_leads_to_the_newest_archive_and_to_its_hub() -> None:
    assert links("live") == {
        "self": f"{FEEDS}/articles.atom",
        "prev-archive": f"{FEEDS}/articles/2026-10.atom",
        "hub": "https://hub.example.org/?a=1&b=2",
        **HOME,
    }
    assert marks("live") == []


def test_an_archive_document_leads_to_both_neighbours_and_to_the_live_one() -> None:
    assert links("archive") == {
        "self": f"{FEEDS}/articles/2026-10.atom",
        "current": f"{FEEDS}/articles.atom",
        "prev-archive": f"{FEEDS}/articles/2026-09.atom",
        "next-archive": f"{FEEDS}/articles/2026-11.atom",
        **HOME,
    }
    assert marks("archive") == ["archive"]


def test_the_first_archive_document_has_none_before_it() -> None:
    assert set(links("first archive")) == {"self", "current", "next-archive", "alternate"}


def test_an_entry_of_another_feed_says_from_where_it_is() -> None:
    entry = make_entry(title="<updated>not a date</updated>", content="<updated></entry>", facts=FACTS)
    xml = write(make_feed(entry, make_entry(2), **KINDS["topic"]))
    for told, written in zip((entry, make_entry(2)), etree.fromstring(xml).iter(f"{ATOM}entry"), strict=True):
        (source,) = written.findall(f"{ATOM}source")
        assert [child.tag.removeprefix(ATOM) for child in source] == ["id", "title", "link", "updated"]
        assert source.findtext(f"{ATOM}id") == "tag:example.org,2026:feed/all"
        assert source.findtext(f"{ATOM}title") == "All"
        assert source.findtext(f"{ATOM}updated") == told.updated.isoformat()
        own = source.find(f"{ATOM}link")
        assert own is not None
        assert dict(own.attrib) == {"href": f"{FEEDS}/all.atom", "rel": "self", "type": "application/atom+xml"}
    assert [seen.source.title for seen in read(make_feed(entry, **KINDS["topic"])).entries] == ["All"]


def test_an_entry_in_its_own_feed_has_no_source() -> None:
    assert b"<source>" not in write(make_feed(make_entry(), **KINDS["whole"]))


def test_what_was_taken_down_leaves_a_tombstone() -> None:
    (gone,) = etree.fromstring(write(make_feed(make_entry(), **KINDS["bereaved"]))).iter(f"{TOMBSTONES}deleted-entry")
    assert dict(gone.attrib) == {"ref": GONE.ref, "when": GONE.when.isoformat()}
    assert gone.findtext(f"{TOMBSTONES}comment") == GONE.comment


def test_a_style_sheet_is_named_before_the_feed() -> None:
    address, encoded = 'https://example.org/feeds.css?a="?>&b=2', "https://example.org/feeds.css?a=%22?%3E&b=2"
    xml = write(make_feed(make_entry(), style=address))
    sheet = etree.fromstring(xml).getprevious()
    assert sheet is not None
    assert sheet.tag is etree.PI
    assert (sheet.get("type"), html.unescape(sheet.get("href") or "")) == ("text/css", encoded)
    assert b"xml-stylesheet" not in write(make_feed(make_entry()))


# -- facts ------------------------------------------------------------------------------------------------------------


def test_facts_stand_in_namespaces_of_their_own() -> None:
    (seen,) = read(make_feed(make_entry(facts=FACTS))).entries
    assert seen.newsletter_credibility == {"value": "4", "scale": "5"}
    assert seen.newsletter_interest == {"value": "2.5", "scale": "5"}
    assert (seen.newsletter_status, seen.newsletter_pmid) == ("ok", "12345")
    assert (seen.prism_publicationname, seen.prism_coverdate) == ("Journal of Examples", "2026-12")
    assert (seen.prism_doi, seen.dc_identifier) == ("10.1000/a(1)<2>", "doi:10.1000/a(1)<2>")


def test_what_is_not_known_has_no_element() -> None:
    unknown = replace(FACTS, credibility=None, interest=None, journal=None, issue_date=None, doi=None, pmid=None)
    (entry,) = etree.fromstring(write(make_feed(make_entry(facts=unknown)))).iter(f"{ATOM}entry")
    foreign = [etree.QName(child).localname for child in entry if etree.QName(child).namespace != ATOM[1:-1]]
    assert foreign == ["status"]


def test_a_whole_date_of_an_issue_is_written_whole() -> None:
    day = IssueDate(day=date(2026, 12, 31), precision=Precision.DAY)
    (seen,) = read(make_feed(make_entry(facts=replace(FACTS, issue_date=day)))).entries
    assert seen.prism_coverdate == "2026-12-31"
