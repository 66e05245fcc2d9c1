from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from feeds.examples import FACTS, FEEDS, HOSTILE, KINDS, make_entry, make_feed

from newsletter.feeds.jsonfeed import write
from newsletter.model import Feed, IssueDate, Precision

#: JSON Feed 1.1: field -> type, whether it must be there.
FEED_FIELDS: dict[str, tuple[type, bool]] = {
    "version": (str, True),
    "title": (str, True),
    "home_page_url": (str, True),
    "feed_url": (str, True),
    "items": (list, True),
    "description": (str, False),
    "next_url": (str, False),
    "authors": (list, False),
    "language": (str, False),
    "hubs": (list, False),
    "_newsletter": (dict, True),
}
ITEM_FIELDS: dict[str, tuple[type, bool]] = {
    "id": (str, True),
    "content_html": (str, True),
    "date_published": (str, True),
    "date_modified": (str, True),
    "title": (str, True),
    "url": (str, False),
    "external_url": (str, False),
    "summary": (str, False),
    "authors": (list, False),
    "tags": (list, False),
    "_newsletter": (dict, False),
}


def read(feed: Feed) -> dict[str, Any]:
    """A document, judged field by field: what the format does not know begins with an underscore, and nothing is null."""
    found: dict[str, Any] = json.loads(write(feed))
    _judge(found, FEED_FIELDS)
    for item in found["items"]:
        _judge(item, ITEM_FIELDS)
        assert all(datetime.fromisoformat(item[name]).utcoffset() is not None for name in item if name[:5] == "date_")
    return found


def _judge(found: dict[str, Any], fields: dict[str, tuple[type, bool]]) -> None:
    assert set(found) <= set(fields)
    assert {name for name, (_, needed) in fields.items() if needed} <= set(found)
    assert all(isinstance(value, fields[name][0]) for name, value in found.items())


def test_a_feed_has_every_field() -> None:
    feed = make_feed(make_entry())
    seen = read(feed)
    items = seen.pop("items")
    assert seen.pop("_newsletter") == {
        "about": "urn:uuid:4121812b-87ac-4f07-8a23-5e8d94812951",
        "id": feed.id,
        "updated": feed.updated.isoformat(),
        "contact": feed.author_email,
    }
    assert seen == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": f"{FEEDS}/articles.json",
        "description": feed.subtitle,
        "authors": [{"name": feed.author}],
        "language": "en",
    }
    assert len(items) == 1


def test_an_item_has_every_field() -> None:
    entry = make_entry(facts=FACTS)
    (seen,) = read(make_feed(entry))["items"]
    facts = seen.pop("_newsletter")
    assert seen == {
        "id": entry.id,
        "url": entry.links[0].href,
        "external_url": "https://doi.org/10.1000/1",
        "title": entry.title,
        "content_html": entry.content,
        "summary": entry.summary,
        "date_published": entry.published.isoformat(),
        "date_modified": entry.updated.isoformat(),
        "authors": [{"name": entry.author}],
        "tags": ["Fatigue"],
    }
    assert facts == {
        "status": "ok",
        "credibility": {"value": 4, "scale": 5},
        "interest": {"value": 2.5, "scale": 5},
        "journal": "Journal of Examples",
        "issue_date": "2026-12",
        "doi": "10.1000/a(1)<2>",
        "pmid": "12345",
    }


def test_what_is_not_known_is_left_out() -> None:
    unknown = replace(FACTS, credibility=None, interest=None, journal=None, issue_date=None, doi=None, pmid=None)
    (seen,) = read(make_feed(make_entry(facts=unknown)))["items"]
    assert seen["_newsletter"] == {"status": "ok"}
    (bare,) = read(make_feed(replace(make_entry(summary="", content=""), links=(), author="", categories=())))["items"]
    assert set(bare) == {"id", "title", "content_html", "date_published", "date_modified"}


def test_a_whole_date_of_an_issue_is_written_whole() -> None:
    day = IssueDate(day=date(2026, 12, 31), precision=Precision.DAY)
    (seen,) = read(make_feed(make_entry(facts=replace(FACTS, issue_date=day))))["items"]
    assert seen["_newsletter"]["issue_date"] == "2026-12-31"


@pytest.mark.parametrize(("text", "repaired"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_hostile_texts_come_back_verbatim(text: str, repaired: str) -> None:
    seen = read(make_feed(make_entry(title=text, summary=text, content=text), title=text))
    (item,) = seen["items"]
    assert [seen["title"], item["title"], item["summary"], item["content_html"]] == [repaired] * 4


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("whole", {"history": "complete"}),
        ("live", {"next_url": "articles/2026-10"}),
        (
            "archive",
            {
                "history": "archive",
                "next_url": "articles/2026-09",
                "current_url": "articles",
                "next_archive_url": "articles/2026-11",
            },
        ),
    ],
)
def test_documents_lead_to_each_other(kind: str, said: dict[str, str]) -> None:
    seen = read(make_feed(make_entry(), **KINDS[kind]))
    both = seen | seen["_newsletter"]
    names = ("history", "next_url", "current_url", "next_archive_url")
    expected = {name: text if name == "history" else f"{FEEDS}/{text}.json" for name, text in said.items()}
    assert {name: both[name] for name in names if name in both} == expected


def test_a_hub_is_named() -> None:
    seen = read(make_feed(**KINDS["live"]))
    assert seen["hubs"] == [{"type": "WebSub", "url": "https://hub.example.org/?a=1&b=2"}]


def test_a_feed_of_entries_of_another_says_of_which() -> None:
    seen = read(make_feed(**KINDS["topic"]))
    assert seen["_newsletter"]["origin"] == {"id": "tag:example.org,2026:feed/all", "feed_url": f"{FEEDS}/all.json"}


def test_the_version_is_the_first_thing_in_the_file() -> None:
    assert write(make_feed()).startswith(b'{"version":"https://jsonfeed.org/version/1.1",')
