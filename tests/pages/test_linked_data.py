from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from builders import make_article, make_site
from feeds.examples import HOSTILE, hostile_article, make_digest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model import Article, Facts, IssueDate, Precision, Status
from newsletter.pages.linked_data import article_data, digest_data, list_data, site_data
from newsletter.words import ENGLISH

SITE = make_site(base_url="https://example.org/digest")


def told(article: Article) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(article_data(article, SITE, ENGLISH))
    return data


def test_an_article_is_about_a_study() -> None:
    issue = IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH)
    article = make_article(
        updated=datetime(2026, 11, 18, 9, tzinfo=UTC), facts=Facts(doi="10.1000/a b", pmid="7", issue_date=issue)
    )
    assert told(article) == {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": article.title,
        "description": article.summary.key_takeaway,
        "url": "https://example.org/digest/articles/short-walks/",
        "inLanguage": "en",
        "datePublished": "2026-11-17T09:00:00Z",
        "dateModified": "2026-11-18T09:00:00Z",
        "author": "The Example Editors",
        "publisher": {"@type": "Organization", "name": SITE.title, "url": "https://example.org/digest/"},
        "keywords": ["fatigue", "walking"],
        "about": {
            "@type": "ScholarlyArticle",
            "sameAs": "https://doi.org/10.1000/a%20b",
            "identifier": ["doi:10.1000/a b", "pmid:7"],
            "isPartOf": {"@type": "Periodical", "name": "Journal of Examples"},
            "datePublished": "2026-12",
        },
    }


def test_what_is_not_known_is_not_said() -> None:
    data = told(make_article(topics=(), journal=None))
    assert "about" not in data
    assert "keywords" not in data
    assert "creativeWorkStatus" not in data
    assert not {"image", "aggregateRating", "review"} & data.keys()


@pytest.mark.parametrize(
    ("precision", "words"),
    [(Precision.INSTANT, "2026-11-17T09:00:00Z"), (Precision.DAY, "2026-11-17"), (Precision.MONTH, "2026-11")],
)
def test_a_date_is_no_more_exact_than_it_is_known(precision: Precision, words: str) -> None:
    assert told(make_article(published_precision=precision))["datePublished"] == words


def test_the_day_of_an_issue_is_told_where_it_is_known() -> None:
    issue = IssueDate(day=date(2026, 12, 31), precision=Precision.DAY)
    assert told(make_article(facts=Facts(issue_date=issue)))["about"]["datePublished"] == "2026-12-31"


def test_a_retraction_is_told_and_its_finding_is_not() -> None:
    article = make_article(status=Status.RETRACTED)
    data = told(article)
    assert data["creativeWorkStatus"] == "retracted"
    assert data["headline"].startswith("Retracted: ")
    assert article.summary.key_takeaway not in json.dumps(data)


def test_a_digest_lists_its_articles_in_order() -> None:
    digest = make_digest(make_article("a", title="A"), make_article("b", title="B"))
    data = json.loads(digest_data(digest.newsletter, digest, "Caregiver Weekly: 16 to 22 November 2026", SITE, ENGLISH))
    assert data["@type"] == "CollectionPage"
    assert data["name"] == "Caregiver Weekly: 16 to 22 November 2026"
    assert data["url"] == "https://example.org/digest/digests/caregiver-weekly/2026-W47/"
    assert data["datePublished"] == "2026-11-23T06:00:00Z"
    items = data["mainEntity"]["itemListElement"]
    assert [(item["position"], item["name"]) for item in items] == [
        (number, placed.article.title) for number, placed in enumerate(digest.placed, start=1)
    ]


def test_a_list_leaves_out_what_has_no_page() -> None:
    articles = [make_article("a"), make_article("b", status=Status.WITHDRAWN)]
    data = json.loads(list_data("Fatigue", "topics/fatigue/", articles, SITE, ENGLISH))
    assert data["url"] == "https://example.org/digest/topics/fatigue/"
    urls = [item["url"] for item in data["mainEntity"]["itemListElement"]]
    assert urls == ["https://example.org/digest/articles/a/"]


def test_a_site_tells_its_name() -> None:
    assert json.loads(site_data(SITE))["name"] == SITE.title
    assert "description" not in json.loads(site_data(replace(SITE, description="")))


class _Blocks(HTMLParser):
    """How a reader of HTML cuts a page: a script block ends at the first thing that looks like its end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", [*HOSTILE, "</script><b>", "<!--<script>", "\u2028\u2029", '"\\'], ids=repr)
def test_hostile_texts_neither_end_the_block_nor_get_lost(text: str) -> None:
    data = article_data(hostile_article(text=text), SITE, ENGLISH)
    assert not set("<>&\u2028\u2029") & set(data)
    blocks = _Blocks(f'<script type="application/ld+json">{data}</script>')
    assert blocks.tags == ["script"]
    assert json.loads(blocks.text)["headline"] == text


@given(st.text())
def test_any_title_comes_back(title: str) -> None:
    data = article_data(make_article(title=title), SITE, ENGLISH)
    assert not set("<>&\u2028\u2029") & set(data)
    assert json.loads(data).get("headline", "") == title
