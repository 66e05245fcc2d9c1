"""The page of one article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from heapq import nsmallest
from math import ceil

from newsletter.model import Article, Site, Status, Summary
from newsletter.pages.document import render
from newsletter.templating import Templates

_RELATED = 3
_WORDS_A_MINUTE = 180  # slower than most readers: many of ours are tired
_GONE = frozenset({Status.RETRACTED, Status.WITHDRAWN})


def article_page(article: Article, site: Site, templates: Templates, others: Sequence[Article]) -> str:
    """The whole page. `others` are all articles that can be linked to; the article itself may be among them."""
    return render(
        templates,
        "web/article.html",
        article=article,
        site=site,
        depth=2,
        related=related(article, others),
        minutes=reading_minutes(article.summary),
    )


def related(article: Article, others: Sequence[Article]) -> tuple[Article, ...]:
    """Up to three others that share most topics, the newest first among equals. Never one that was taken back."""
    own = _folded(article.summary.topics)
    shared = [(other, len(own & _folded(other.summary.topics))) for other in others if other.id != article.id]
    close = [(other, number) for other, number in shared if number and other.status not in _GONE]
    best = nsmallest(_RELATED, close, key=lambda pair: (-pair[1], -pair[0].published.timestamp(), pair[0].id))
    return tuple(other for other, _ in best)


def reading_minutes(summary: Summary) -> int:
    """How long the article takes to read, in whole minutes and at least one."""
    return max(1, ceil(sum(len(text.split()) for text in _texts(summary)) / _WORDS_A_MINUTE))


def _texts(summary: Summary) -> Iterator[str]:
    yield summary.key_takeaway
    for section in (summary.what_they_found, summary.who_should_care, summary.considerations):
        yield from section


@lru_cache(maxsize=65_536)  # every page asks for the topics of every article
def _folded(topics: tuple[str, ...]) -> frozenset[str]:
    return frozenset(topic.casefold() for topic in topics)
