"""A small site with a page of every kind, plain and hostile, to show to judges and browsers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from builders import make_article, make_newsletter, make_notice, make_site
from feeds.examples import HOSTILE, hostile_article, make_digest

from newsletter.model import (
    Article,
    Digest,
    Facts,
    IssueDate,
    Newsletter,
    NoticeItem,
    Precision,
    Rating,
    Site,
    Status,
    Topic,
)
from newsletter.pages.archive import Month, archive_page, month_page
from newsletter.pages.article import article_page
from newsletter.pages.digest import digest_page
from newsletter.pages.feeds import feeds_page
from newsletter.pages.front import front_page
from newsletter.pages.paging import Pager
from newsletter.pages.privacy import privacy_page
from newsletter.pages.topics import topic_page, topics_page
from newsletter.templating import Templates

SITE = make_site(base_url="https://example.org/digest")
TEMPLATES = Templates()
TOPICS = (
    Topic(slug="fatigue", name="Fatigue", articles=120),
    Topic(slug="walking", name="Walking", articles=1),
    Topic(slug="a-long-one", name="Progressive multifocal leukoencephalopathy surveillance", articles=7),
)
NOVEMBER = Month(year=2026, month=11, articles=120)
CHANGED = datetime(2026, 11, 18, 9, tzinfo=UTC)


def whole_article(**changes: object) -> Article:
    """Everything that an article page can show."""
    article = make_article(
        credibility=4.5,
        interest=Rating(value=3),
        journal="Multiple sclerosis (Houndmills, Basingstoke, England)",
        updated=CHANGED,
        facts=Facts(
            issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH),
            doi="10.1000/1",
            pmid="12345",
            source_url="https://doi.org/10.1000/1",
        ),
    )
    return replace(article, **changes)  # type: ignore[arg-type]  # any field


def retracted_article() -> Article:
    return make_article(
        "retracted",
        title="A Claim That Did Not Stand",
        facts=Facts(status=Status.RETRACTED, status_date=CHANGED, notice="The data were wrong.", doi="10.1000/2"),
    )


def several(count: int = 3) -> list[Article]:
    """Articles one day apart, the newest first."""
    first = datetime(2026, 11, 17, 9, tzinfo=UTC)
    return [
        make_article(f"a{number}", title=f"Title Number {number}", published=first - timedelta(days=number))
        for number in range(count)
    ]


def every_kind(
    site: Site = SITE, templates: Templates = TEMPLATES, *, told: Callable[[Any], Any] = lambda given: given
) -> dict[str, str]:
    """A page of every kind by its path. Paths end with a slash; the front page's is empty.

    `told` is put over everything that the pages tell.
    """
    digest, daily, topics = told(_digest()), told(_daily()), told(TOPICS)
    whole, gone, some = told(whole_article()), told(retracted_article()), told(several())
    recent = [gone, *some]
    older = Pager(folder="topics/fatigue/", number=1, pages=3)
    return {
        "": front_page([(digest.newsletter, digest), (daily, None)], recent, site, templates, topics).decode(),
        "articles/short-walks/": article_page(whole, site, templates, some, topics[:1]).decode(),
        "articles/retracted/": article_page(gone, site, templates, some).decode(),
        "digests/caregiver-weekly/2026-W47/": digest_page(digest.newsletter, digest, site, templates).decode(),
        "topics/": topics_page(topics, site, templates).decode(),
        "topics/fatigue/": topic_page(topics[0], recent, replace(older, number=3), site, templates).decode(),
        "topics/fatigue/1/": topic_page(topics[0], some, older, site, templates).decode(),
        "archive/": archive_page([NOVEMBER, Month(year=2025, month=1, articles=1)], site, templates).decode(),
        "archive/2026-11/": month_page(NOVEMBER, recent, Pager(folder="archive/2026-11/"), site, templates).decode(),
        "privacy/": privacy_page(site, templates).decode(),
        "feeds/": feeds_page([digest.newsletter, daily], site, templates, topics).decode(),
    }


def hostile_pages() -> dict[str, tuple[str, str]]:
    """The page of an article that says nothing but a hostile text, and how the text must come back, by path."""
    others = [hostile_article(f"other-{number}", text) for number, text in enumerate(HOSTILE)]
    return {
        f"articles/hostile-{number}/": (_hostile_page(f"hostile-{number}", text, others), repaired.strip())
        for number, (text, repaired) in enumerate(HOSTILE.items())
    }


def hostile_list() -> tuple[str, list[str]]:
    """A list of hostile articles, and how their titles must come back."""
    articles = [hostile_article(f"hostile-{number}", text) for number, text in enumerate(HOSTILE)]
    page = topic_page(TOPICS[0], articles, Pager(folder="topics/fatigue/"), SITE, TEMPLATES).decode()
    return page, [repaired.strip() for repaired in HOSTILE.values()]


def _hostile_page(slug: str, text: str, others: list[Article]) -> str:
    article = hostile_article(slug, text)
    article = replace(article, facts=replace(article.facts, source_url="javascript:alert(1)", notice=text))
    return article_page(article, SITE, TEMPLATES, others, [Topic(slug="a", name=text, articles=2)]).decode()


def _daily() -> Newsletter:
    return make_newsletter("daily", title="Daily", description="Each morning.")


def _digest() -> Digest:
    told = make_article("told", title="An Old Claim", status=Status.RETRACTED)
    notice = NoticeItem(notice=make_notice(told, status=Status.RETRACTED, text="It was wrong."), article=told)
    return make_digest(whole_article(), *several(7), notices=(notice,), newsletter=make_newsletter(full_items=4))
