"""Articles as a list shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from newsletter.model import Article, Status
from newsletter.templating import added_words, heading_words, summary_words
from newsletter.words import Words


class Row(NamedTuple):
    """One article of a list. `slug` is empty where the article has no page any more."""

    title: str
    slug: str
    summary: str
    added: str


def rows(articles: Iterable[Article], words: Words) -> list[Row]:
    """The articles in the order given."""
    return [
        Row(
            heading_words(words, article),
            "" if article.status is Status.WITHDRAWN else article.slug,
            summary_words(words, article),
            added_words(words, article),
        )
        for article in articles
    ]


def span_words(articles: Sequence[Article], words: Words) -> str:
    """From when to when they were published: `3 March 2024 to 5 June 2024`."""
    if not articles:
        return ""
    ordered = sorted(articles, key=lambda article: article.published)
    first, last = added_words(words, ordered[0]), added_words(words, ordered[-1])
    return first if first == last else words.gettext("%(first)s to %(last)s", first=first, last=last)
