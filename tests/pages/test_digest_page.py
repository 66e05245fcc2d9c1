from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from builders import make_article, make_newsletter, make_notice, make_site
from feeds.examples import HOSTILE, digests_feed, hostile_article, make_digest
from pages.page_check import problems

from newsletter.digest import arrange
from newsletter.model import Article, Audience, Digest, Facts, Newsletter, NoticeItem, Status
from newsletter.pages.digest import digest_page
from newsletter.templating import Templates

SITE = make_site(base_url="https://example.org/digest")
TEMPLATES = Templates()


def page_of(digest: Digest) -> str:
    page = digest_page(digest.newsletter, digest, SITE, TEMPLATES).decode()
    assert problems(page, SITE.base_url) == []
    return page


def whole_digest(newsletter: Newsletter | None = None) -> Digest:
    """Notices, two days, a late article and a title."""
    told = make_article("told", title="An Old Claim", status=Status.RETRACTED)
    return make_digest(
        make_article("monday", title="Of Monday", published=datetime(2026, 11, 16, 9, tzinfo=UTC), credibility=5),
        make_article("friday", title="Of Friday", published=datetime(2026, 11, 20, 9, tzinfo=UTC), credibility=4),
        make_article("late", title="Of October", published=datetime(2026, 10, 1, 9, tzinfo=UTC), credibility=4),
        make_article("more", title="Of Sunday", published=datetime(2026, 11, 22, 9, tzinfo=UTC), credibility=1),
        newsletter=newsletter or make_newsletter(full_items=3),
        notices=(NoticeItem(notice=make_notice(told, status=Status.RETRACTED, text="It was wrong."), article=told),),
    )


def after_the_contents(page: str) -> str:
    return page.partition("</nav>\n<h2")[2]


def links_to_articles(text: str) -> list[str]:
    return re.findall(r'href="(?:https://example\.org/digest|\.\./\.\./\.\.)/articles/([a-z0-9-]+)/"', text)


def test_everything_stands_in_the_order_of_the_email() -> None:
    page = after_the_contents(page_of(whole_digest()))
    parts = [
        "Corrections and notices",
        "Retracted: An Old Claim",
        "18 November 2026.",
        "It was wrong.",
        "Friday 20 November 2026",
        "Of Friday",
        "Monday 16 November 2026",
        "Of Monday",
        "Also new to us",
        "Of October",
        "More new summaries",
        "Of Sunday",
        "It is not medical advice.",
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)


def test_page_and_feed_carry_the_same_articles_in_the_same_order() -> None:
    digest = whole_digest()
    (entry,) = digests_feed(digest.newsletter, [digest], SITE, TEMPLATES).entries
    page = links_to_articles(page_of(digest))
    assert page == links_to_articles(entry.content) == ["told", "friday", "monday", "late", "more"]


def test_the_contents_lead_to_every_whole_item() -> None:
    page = page_of(whole_digest())
    assert re.findall(r'href="#([a-z-]+)"', page)[1:] == ["notices", "article-friday", "article-monday", "article-late"]


def test_the_page_says_which_days_it_covers() -> None:
    page = page_of(whole_digest())
    assert "<title>Caregiver Weekly: 16 to 22 November 2026 | MS Research in Plain Words</title>" in page
    assert '<p class="period">16 to 22 November 2026</p>' in page
    assert "longer time than usual" not in page
    assert "longer time than usual" in page_of(make_digest(make_article(), catch_up=True))


def test_a_caregiver_gets_the_caregivers_sentence_and_a_caveat() -> None:
    page = page_of(make_digest(make_article(credibility=4)))
    assert page.index("For caregivers") < page.index("Caregivers can help by walking along.")
    assert page.index("Keep in mind") < page.index("The study was small")
    assert "Later studies may find something else." not in page
    assert "Credibility: 4 out of 5" in page


def test_a_clinician_gets_every_caveat_and_the_study() -> None:
    newsletter = make_newsletter(audience=Audience.CLINICIAN)
    page = page_of(make_digest(make_article(facts=Facts(doi="10.1000/1")), newsletter=newsletter))
    assert "For clinicians" in page
    assert "Later studies may find something else." in page
    assert 'href="https://doi.org/10.1000/1"' in page


def test_a_person_with_ms_is_sent_to_the_care_team() -> None:
    page = page_of(make_digest(make_article(), newsletter=make_newsletter(audience=Audience.PERSON_WITH_MS)))
    assert "For people with MS" in page
    assert "Talk with your care team before you act on this." in page


@pytest.mark.parametrize(
    ("audience", "told"), [(Audience.CAREGIVER, True), (Audience.CLINICIAN, True), (Audience.GENERAL, False)]
)
def test_without_a_sentence_for_the_audience_the_takeaway_stands_for_it(audience: Audience, told: bool) -> None:
    article = make_article(who_should_care=("Nobody is named here.",), facts=Facts(doi="10.1000/1"))
    page = page_of(make_digest(article, newsletter=make_newsletter(audience=audience)))
    assert ("Why this may matter" in page) is told
    assert article.summary.key_takeaway in page


def test_an_article_retracted_since_tells_no_findings() -> None:
    digest = make_digest(make_article(credibility=5))
    gone = make_article(status=Status.RETRACTED, credibility=5)
    page = page_of(_with_article(digest, gone))
    assert "Retracted: Short Walks" in page
    assert gone.summary.key_takeaway not in page
    assert "out of 5" not in page
    assert "The study was small" in page


def test_a_withdrawn_article_is_named_but_has_no_page() -> None:
    page = page_of(_with_article(make_digest(make_article()), make_article(status=Status.WITHDRAWN)))
    assert "Withdrawn: Short Walks" in page
    assert links_to_articles(page) == []


def test_a_digest_of_notices_alone_is_a_page() -> None:
    told = make_article(status=Status.CORRECTED)
    page = page_of(make_digest(notices=(NoticeItem(notice=make_notice(told), article=told),)))
    assert "Corrections and notices" in page
    assert "More new summaries" not in page


def test_a_digest_of_titles_alone_has_no_contents() -> None:
    page = page_of(make_digest(make_article(), newsletter=make_newsletter(full_items=0)))
    assert "In this digest" not in page
    assert links_to_articles(page) == ["short-walks"]


def test_the_newsletters_own_feed_can_be_found() -> None:
    page = page_of(whole_digest())
    feeds = re.findall(r'<link rel="alternate" type="application/atom\+xml" title="([^"]+)" href="([^"]+)">', page)
    assert feeds == [
        ("MS Research in Plain Words", "https://example.org/digest/feeds/articles.atom"),
        ("Caregiver Weekly", "https://example.org/digest/feeds/newsletters/caregiver-weekly.atom"),
    ]


def test_hostile_articles_make_good_pages() -> None:
    articles = [hostile_article(f"a{number}", text) for number, text in enumerate(HOSTILE)]
    page = page_of(make_digest(*articles, newsletter=make_newsletter(full_items=len(articles))))
    assert page.count("<script") == 1
    for repaired in HOSTILE.values():
        assert repaired.strip() in html.unescape(page)
    page.encode()


def test_the_same_digest_gives_the_same_page() -> None:
    assert page_of(whole_digest()) == page_of(whole_digest())


def _with_article(digest: Digest, article: Article) -> Digest:
    """The same digest after its article changed."""
    placed = [replace(each, article=article) for each in digest.placed]
    return arrange(digest.newsletter, digest.planned, placed, digest.notices)
