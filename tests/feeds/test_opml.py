from __future__ import annotations

import pytest
from builders import make_newsletter, make_site
from feeds.examples import HOSTILE
from lxml import etree

from newsletter.feeds.build import Head, articles_head, newsletter_head, notices_head, topic_head
from newsletter.feeds.opml import opml
from newsletter.model import Topic
from newsletter.templating import Templates
from newsletter.words import ENGLISH

SITE = make_site()
TEMPLATES = Templates()
FEEDS = "https://news.example.org/feeds"


def heads(topic: str = "Fatigue & sleep") -> list[Head]:
    return [
        articles_head(SITE, TEMPLATES),
        topic_head(Topic(slug="fatigue", name=topic, articles=2), SITE, TEMPLATES),
        newsletter_head(make_newsletter("weekly"), SITE, TEMPLATES),
        notices_head(SITE, TEMPLATES),
    ]


def test_every_feed_is_in_it_in_groups() -> None:
    root = etree.fromstring(opml(heads(), SITE, ENGLISH))
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert (root.findtext("head/title"), root.findtext("head/ownerName")) == (SITE.title, SITE.author)
    body = root.find("body")
    assert body is not None
    found = [(each.get("text"), [inner.get("xmlUrl") for inner in each] or each.get("xmlUrl")) for each in body]
    assert found == [
        (SITE.title, f"{FEEDS}/articles.atom"),
        (f"{SITE.title}: corrections and notices", f"{FEEDS}/notices.atom"),
        ("Newsletters", [f"{FEEDS}/newsletters/weekly.atom"]),
        ("Topics", [f"{FEEDS}/topics/fatigue.atom"]),
    ]


def test_a_feed_says_all_that_a_reader_asks_for() -> None:
    root = etree.fromstring(opml(heads(), SITE, ENGLISH))
    (topic,) = root.findall("body/outline/outline[@htmlUrl='https://news.example.org/topics/fatigue/']")
    assert dict(topic.attrib) == {
        "text": f"{SITE.title}: Fatigue & sleep",
        "type": "rss",
        "title": f"{SITE.title}: Fatigue & sleep",
        "description": topic.get("description"),
        "language": "en",
        "htmlUrl": "https://news.example.org/topics/fatigue/",
        "xmlUrl": f"{FEEDS}/topics/fatigue.atom",
    }
    assert "Fatigue & sleep" in (topic.get("description") or "")


def test_no_group_is_empty() -> None:
    root = etree.fromstring(opml(heads()[:1], SITE, ENGLISH))
    assert [each.get("text") for each in root.iter("outline")] == [SITE.title]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_makes_it_fail(text: str) -> None:
    site = make_site(title=text, author=text, description=text)
    root = etree.fromstring(opml([articles_head(site, TEMPLATES), *heads(text)], site, ENGLISH))
    assert len(root.findall(".//outline[@xmlUrl]")) == 5


def test_the_same_feeds_give_the_same_bytes() -> None:
    assert opml(heads(), SITE, ENGLISH) == opml(heads(), SITE, ENGLISH)
