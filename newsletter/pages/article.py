"""The page of one article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from newsletter.model import Article, Site, Summary
from newsletter.pages.document import render
from newsletter.templating import Templates

_WORDS_A_MINUTE = 180  # slower than most readers: many of ours are tired


def article_page(article: Article, site: Site, templates: Templates, related: Sequence[Article]) -> str:
    """The whole page. `related` are the articles for "You may also like", the nearest first."""
    return render(
        templates,
        "web/article.html",
        article=article,
        site=site,
        depth=2,
        related=related,
        minutes=reading_minutes(article.summary),
    )


def reading_minutes(summary: Summary) -> int:
    """How long the article takes to read, in whole minutes and at least one."""
    return max(1, ceil(sum(len(text.split()) for text in _texts(summary)) / _WORDS_A_MINUTE))


def _texts(summary: Summary) -> Iterator[str]:
    yield summary.key_takeaway
    for section in (summary.what_they_found, summary.who_should_care, summary.considerations):
        yield from section
