from __future__ import annotations

import html
import re

import pytest
from builders import make_article
from feeds.examples import HOSTILE, hostile_article
from pages.kinds import NOVEMBER, SITE, TEMPLATES, TOPICS, retracted_article, several
from pages.page_check import problems

from newsletter.model import Precision, Status, Topic
from newsletter.pages.archive import Month, archive_page, month_page
from newsletter.pages.paging import Pager
from newsletter.pages.topics import topic_page, topics_page

FATIGUE = TOPICS[0]
NEWEST = Pager(folder="topics/fatigue/", number=3, pages=3)
MIDDLE = Pager(folder="topics/fatigue/", number=2, pages=3)


def good(page: str) -> str:
    assert problems(page, SITE.base_url) == []
    return page


def test_the_index_of_topics_counts_the_summaries_of_each() -> None:
    page = good(topics_page(TOPICS, SITE, TEMPLATES).decode())
    assert '<a href="../topics/fatigue/">Fatigue</a> <span>120 summaries</span>' in page
    assert '<a href="../topics/walking/">Walking</a> <span>1 summary</span>' in page


def test_an_index_without_topics_says_so() -> None:
    assert "There are no topics yet." in good(topics_page([], SITE, TEMPLATES).decode())


def test_a_topic_shows_its_articles_in_order_with_takeaway_and_date() -> None:
    articles = several()
    page = good(topic_page(FATIGUE, articles, NEWEST, SITE, TEMPLATES).decode())
    body = page[page.index("<main") :]
    parts = ["<h1>Fatigue</h1>", "120 summaries on this topic"]
    for article in articles:
        parts += [f'href="../../articles/{article.slug}/"', article.title, article.summary.key_takeaway]
    places = [0]
    for part in (*parts, "Added 15 November 2026"):
        places.append(body.index(part, places[-1]))


def test_a_topic_offers_its_own_feed_after_the_default_one() -> None:
    page = good(topic_page(FATIGUE, several(), NEWEST, SITE, TEMPLATES).decode())
    assert re.findall(r'type="application/atom\+xml" title="([^"]+)" href="([^"]+)"', page) == [
        ("MS Research in Plain Words", "https://example.org/digest/feeds/articles.atom"),
        ("MS Research in Plain Words: Fatigue", "https://example.org/digest/feeds/topics/fatigue.atom"),
    ]


def test_pages_lead_to_newer_and_older_ones_in_words() -> None:
    newest = good(topic_page(FATIGUE, several(), NEWEST, SITE, TEMPLATES).decode())
    assert '<a class="alone" href="../../topics/fatigue/2/">Older summaries</a>' in newest
    assert "Newer summaries" not in newest
    middle = good(topic_page(FATIGUE, several(), MIDDLE, SITE, TEMPLATES).decode())
    assert '<a class="alone" href="../../../topics/fatigue/1/">Older summaries</a>' in middle
    assert '<a class="alone" href="../../../topics/fatigue/">Newer summaries</a>' in middle
    alone = good(topic_page(FATIGUE, several(), Pager(folder="topics/fatigue/"), SITE, TEMPLATES).decode())
    assert 'aria-label="Pages"' not in alone


def test_an_older_page_does_not_hang_on_how_many_there_are() -> None:
    """So that a new article does not rewrite it."""
    before = topic_page(FATIGUE, several(), MIDDLE, SITE, TEMPLATES).decode()
    grown = Topic(slug="fatigue", name="Fatigue", articles=900)
    after = topic_page(grown, several(), Pager(folder="topics/fatigue/", number=2, pages=9), SITE, TEMPLATES).decode()
    assert before.replace('topics/fatigue/">Newer', 'topics/fatigue/3/">Newer') == after
    assert "Fatigue, page 2 |" in after
    assert "Older summaries: 15 November 2026 to 17 November 2026" in after


def test_the_canonical_address_of_a_page_is_its_own() -> None:
    for pager in (NEWEST, MIDDLE):
        page = topic_page(FATIGUE, several(), pager, SITE, TEMPLATES).decode()
        assert f'<link rel="canonical" href="https://example.org/digest/{pager.path}">' in page


def test_the_archive_lists_months_by_year() -> None:
    months = [NOVEMBER, Month(year=2026, month=2, articles=1), Month(year=2025, month=12, articles=2)]
    page = good(archive_page(months, SITE, TEMPLATES).decode())
    parts = [
        "<h2>2026</h2>",
        '<a href="../archive/2026-11/">November 2026</a> <span>120 summaries</span>',
        '<a href="../archive/2026-02/">February 2026</a> <span>1 summary</span>',
        "<h2>2025</h2>",
        '<a href="../archive/2025-12/">December 2025</a> <span>2 summaries</span>',
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)


def test_an_empty_archive_says_so() -> None:
    assert "There are no summaries yet." in good(archive_page([], SITE, TEMPLATES).decode())


def test_a_month_shows_its_articles() -> None:
    pager = Pager(folder="archive/2026-11/")
    page = good(month_page(NOVEMBER, several(), pager, SITE, TEMPLATES).decode())
    assert "<h1>Summaries of November 2026</h1>" in page
    assert "120 summaries" in page
    assert page.count('class="teaser"') == 3
    assert 'href="../../archive/"' in page


def test_what_was_retracted_says_so_in_a_list_and_what_was_withdrawn_has_no_link() -> None:
    gone = make_article("gone", title="Gone", status=Status.WITHDRAWN)
    page = good(topic_page(FATIGUE, [retracted_article(), gone], NEWEST, SITE, TEMPLATES).decode())
    assert "Retracted: A Claim That Did Not Stand" in page
    assert "The data were wrong." in page
    assert "<h2>Withdrawn: Gone</h2>" in page
    assert "articles/gone/" not in page
    assert gone.summary.key_takeaway not in page


def test_a_span_of_months_is_one_of_months() -> None:
    articles = [make_article(published_precision=Precision.MONTH)]
    page = good(topic_page(FATIGUE, articles, MIDDLE, SITE, TEMPLATES).decode())
    assert "Older summaries: November 2026<" in page


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lists_are_good_pages(text: str) -> None:
    topic = Topic(slug="a", name=text, articles=2)
    articles = [hostile_article("a", text), hostile_article("b", text)]
    pager = Pager(folder="topics/a/")
    for page in (
        topic_page(topic, articles, pager, SITE, TEMPLATES).decode(),
        topics_page([topic], SITE, TEMPLATES).decode(),
        month_page(NOVEMBER, articles, pager, SITE, TEMPLATES).decode(),
    ):
        assert good(page).count("<script") == ("ld+json" in page)
        assert HOSTILE[text].strip() in html.unescape(page)
        page.encode()
