from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from builders import make_article, make_site
from feeds.examples import HOSTILE, articles_feed, hostile_article
from pages.page_check import problems

from newsletter.model import Article, DateOrigin, Facts, IssueDate, Precision, Rating, Status, Topic
from newsletter.pages.article import article_page, reading_minutes
from newsletter.templating import Templates

SITE = make_site(base_url="https://example.org/digest")
TEMPLATES = Templates()


def page_of(article: Article, *others: Article, topics: Sequence[Topic] = ()) -> str:
    page = article_page(article, SITE, TEMPLATES, others, topics).decode()
    assert problems(page, SITE.base_url) == []
    return page


def test_a_page_tells_the_whole_article_in_order() -> None:
    article = make_article(
        credibility=4,
        journal="Multiple sclerosis (Houndmills, Basingstoke, England)",
        facts=Facts(issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH), doi="10.1000/1"),
    )
    page = html.unescape(page_of(article))
    summary = article.summary
    parts = [
        f"<title>{article.title} | {SITE.title}</title>",
        article.title + "</h1>",
        "About 1 minute to read. Added 17 November 2026.",
        "<h2>Key takeaway</h2>",
        summary.key_takeaway,
        "Credibility: 4 out of 5",
        "Interest: Not rated",
        "<h2>What they found</h2>",
        *summary.what_they_found,
        "<h2>Who should care and why</h2>",
        *summary.who_should_care,
        "<h2>Important considerations</h2>",
        *summary.considerations,
        "Study published in: Multiple sclerosis<",
        "Study issue date: December 2026",
        "Summary added: 17 November 2026 (date given by the site)",
        "https://doi.org/10.1000/1",
        "<h2>Topics</h2>",
        "<span>fatigue</span>",
        "<span>walking</span>",
        "It is not medical advice.",
        SITE.author,
        SITE.postal_address,
        f'"mailto:{SITE.contact}"',
    ]
    places = [0]
    for part in parts:
        places.append(page.index(part, places[-1]))
    assert "More Details" not in page


def test_the_page_and_the_feed_entry_tell_the_same() -> None:
    article = make_article(credibility=4, interest=3)
    (entry,) = articles_feed([article], [], SITE, TEMPLATES).entries
    page = page_of(article)
    told = [line.removesuffix("</li>") for line in entry.content.splitlines() if "<li>Topics: " not in line]
    assert len(told) > 20
    assert [line for line in told if line not in page] == []


@pytest.mark.parametrize(
    ("value", "scale", "words", "shape"),
    [
        (5, 5, "5 out of 5", "●●●●●"),
        (4.5, 5, "4.5 out of 5", "●●●●◐"),
        (2.2, 5, "2.2 out of 5", "●●○○○"),
        (0, 5, "0 out of 5", "○○○○○"),
        (8, 10, "8 out of 10", "●●●●○"),
        (7, 5, "7 out of 5", "●●●●●"),
    ],
)
def test_a_rating_stands_in_words_and_as_a_shape(value: float, scale: int, words: str, shape: str) -> None:
    page = page_of(make_article(credibility=Rating(value=value, scale=scale)))
    assert f'Credibility: {words} <span class="shape" aria-hidden="true">{shape}</span>' in page


def test_no_rating_is_no_shape() -> None:
    page = page_of(make_article())
    assert page.count("Not rated") == 2
    assert "○" not in page


@pytest.mark.parametrize("status", [Status.CORRECTED, Status.CONCERN, Status.RETRACTED, Status.WITHDRAWN])
def test_a_notice_stands_first(status: Status) -> None:
    facts = Facts(status=status, notice="What was wrong.", status_date=datetime(2026, 11, 18, 9, tzinfo=UTC))
    page = page_of(make_article(facts=facts)).partition("<main")[2]
    assert page.index("18 November 2026.") < page.index("What was wrong.") < page.index("Key takeaway")


@pytest.mark.parametrize("status", [Status.CORRECTED, Status.CONCERN, Status.RETRACTED, Status.WITHDRAWN])
def test_a_notice_without_text_says_what_it_means(status: Status) -> None:
    notice = page_of(make_article(status=status)).partition('<div class="notice">')[2].partition("</div>")[0]
    assert len(notice) > 150


def test_the_findings_of_a_retracted_study_are_collapsed_and_its_ratings_hidden() -> None:
    page = page_of(make_article(status=Status.RETRACTED, credibility=5))
    assert "Retracted: Short Walks and Tiredness in MS</h1>" in page
    assert page.index("<details>") < page.index("felt less tired") < page.index("</details>")
    assert "<details open" not in page
    assert "out of 5" not in page


def test_the_description_is_the_takeaway_in_one_line() -> None:
    page = page_of(make_article(key_takeaway='Say "yes" & walk.'))
    assert '<meta name="description" content="Say &#34;yes&#34; &amp; walk.">' in page


def test_feeds_can_be_found_from_the_page() -> None:
    page = page_of(make_article())
    assert 'type="application/atom+xml"' in page
    assert 'href="https://example.org/digest/feeds/articles.atom"' in page
    assert '<link rel="canonical" href="https://example.org/digest/articles/short-walks/">' in page


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_articles_make_good_pages(text: str) -> None:
    page = page_of(hostile_article(text=text), hostile_article("other", text))
    assert page.count("<script") == 1
    assert HOSTILE[text].strip() in html.unescape(page)
    page.encode()


def test_the_same_article_gives_the_same_page() -> None:
    others = [make_article("a"), make_article("b")]
    assert page_of(make_article(), *others) == page_of(make_article(), *others)


def test_the_operators_template_takes_the_place_of_ours(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("own")
    (folder / "web").mkdir()
    (folder / "web" / "style.css").write_text("body { margin: 7px }", encoding="utf-8")
    assert "margin: 7px" in article_page(make_article(), SITE, Templates(folder), []).decode()


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (DateOrigin.SIDECAR, "17 November 2026 (date given by the site)"),
        (DateOrigin.PAGE, "17 November 2026 (date given by the page that it came from)"),
        (DateOrigin.FIRST_SEEN, "17 November 2026 (the day when we first saw it)"),
        (DateOrigin.PUBLISH_AFTER, "17 November 2026 (the day for which it was planned)"),
    ],
)
def test_a_page_says_where_its_date_comes_from(origin: DateOrigin, words: str) -> None:
    assert f"Summary added: {words}</li>" in page_of(make_article(date_origin=origin))


def test_a_date_of_which_only_the_month_is_known_is_a_month() -> None:
    page = page_of(make_article(published_precision=Precision.MONTH))
    assert "Added November 2026." in page
    assert "17 November" not in page


# -- topics -----------------------------------------------------------------------------------------------------------


def test_a_topic_that_has_a_page_is_linked_by_its_own_name() -> None:
    article = make_article(topics=("B-cells", "b cell", "walking"))
    page = page_of(article, topics=[Topic(slug="b-cell", name="B cells", articles=3)])
    assert page.count('<a href="../../topics/b-cell/">B cells</a>') == 1
    assert "<span>walking</span>" in page
    assert "B-cells" not in page.partition("<body")[2]


def test_an_article_without_topics_has_no_heading_for_them() -> None:
    assert "<h2>Topics" not in page_of(make_article(topics=()))


def test_open_graph_tells_what_the_page_tells() -> None:
    page = page_of(make_article(title='Say "yes" & walk'))
    for told in (
        '<meta property="og:title" content="Say &#34;yes&#34; &amp; walk">',
        f'<meta property="og:description" content="{make_article().summary.key_takeaway}">',
        '<meta property="og:type" content="article">',
        '<meta property="og:url" content="https://example.org/digest/articles/short-walks/">',
        '<meta property="og:site_name" content="MS Research in Plain Words">',
    ):
        assert page.count(told) == 1
    assert "og:image" not in page


# -- related ----------------------------------------------------------------------------------------------------------


def test_related_articles_are_linked() -> None:
    page = page_of(make_article(), make_article("other", title="Another Title"))
    assert page.index("You may also like") < page.index("../../articles/other/")
    assert "You may also like" not in page_of(make_article())


@pytest.mark.parametrize("status", [Status.RETRACTED, Status.WITHDRAWN])
def test_nobody_is_sent_to_what_was_taken_back(status: Status) -> None:
    assert "You may also like" not in page_of(make_article(), make_article("other", status=status))


@pytest.mark.parametrize(("words", "minutes"), [(1, 1), (180, 1), (181, 2), (900, 5)])
def test_reading_time_is_rounded_up(words: int, minutes: int) -> None:
    summary = make_article(
        key_takeaway="word", what_they_found=("word " * (words - 1),), who_should_care=(), considerations=()
    ).summary
    assert reading_minutes(summary) == minutes
    if minutes > 1:
        assert f"About {minutes} minutes to read" in page_of(replace(make_article(), summary=summary))
