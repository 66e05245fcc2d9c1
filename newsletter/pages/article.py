"""The page of one article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from newsletter.model import Article, Site, Status, Summary, Topic
from newsletter.pages.document import render
from newsletter.pages.linked_data import article_data
from newsletter.templating import Templates, heading_words, summary_words
from newsletter.topics import topic_slug

_WORDS_A_MINUTE = 180  # slower than most readers: many of ours are tired
_TAKEN_BACK = frozenset({Status.RETRACTED, Status.WITHDRAWN})


def article_page(
    article: Article, site: Site, templates: Templates, related: Sequence[Article], topics: Sequence[Topic] = ()
) -> bytes:
    """The whole page. `related` are the articles for "You may also like", the nearest first; those that were retracted
    or withdrawn are left out. `topics` are those of the article's topics that have a page.
    """
    words = templates.words
    return render(
        templates,
        "web/article.html",
        site=site,
        path=f"articles/{article.slug}/",
        article=article,
        heading=heading_words(words, article),
        description=summary_words(words, article),
        linked_data=article_data(article, site, words),
        minutes=reading_minutes(article.summary),
        topics=_named(article.summary.topics, topics),
        related=[(heading_words(words, other), other.slug) for other in related if other.status not in _TAKEN_BACK],
    )


def reading_minutes(summary: Summary) -> int:
    """How long the article takes to read, in whole minutes and at least one."""
    return max(1, ceil(sum(len(text.split()) for text in _texts(summary)) / _WORDS_A_MINUTE))


def _texts(summary: Summary) -> Iterator[str]:
    yield summary.key_takeaway
    for section in (summary.what_they_found, summary.who_should_care, summary.considerations):
        yield from section


def _named(names: Sequence[str], topics: Sequence[Topic]) -> list[tuple[str, str]]:
    """The article's topics with the slug of each that has a page, else an empty one; each once, in its own order."""
    pages = {topic.slug: topic.name for topic in topics}
    found = {
        slug: (pages.get(slug, name), slug if slug in pages else "") for name in names if (slug := topic_slug(name))
    }
    return list(found.values())
