"""What a page says to programs: JSON-LD in the words of schema.org. Nothing is said that is not in the store.

The block is data and never runs. It stands in HTML, so no character in it can end it or begin a tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from newsletter.model import Article, Digest, Facts, IssueDate, Newsletter, Precision, Site, Status
from newsletter.templating import heading_words, study_url, summary_words
from newsletter.words import Words

_Data = dict[str, object]
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ESCAPES = tuple((mark, f"\\u{ord(mark):04x}") for mark in "<>&\u2028\u2029")


def article_data(article: Article, site: Site, words: Words) -> str:
    """A schema.org Article, about a ScholarlyArticle where anything is known of it."""
    told: _Data = {
        "@type": "Article",
        "headline": heading_words(words, article),
        "description": summary_words(words, article),
        "url": site.article_url(article.slug),
        "inLanguage": site.language,
        "datePublished": _moment(article.published, article.published_precision),
        "dateModified": _moment(article.updated),
        "author": site.author,
        "publisher": _publisher(site),
        "keywords": list(article.summary.topics),
        "creativeWorkStatus": None if article.status is Status.OK else article.status.value,
        "about": _study(article.facts, article.summary.journal),
    }
    return _script(told)


def digest_data(newsletter: Newsletter, digest: Digest, name: str, site: Site, words: Words) -> str:
    """A schema.org CollectionPage that lists the digest's articles in the order of reading."""
    told = _collection(
        name,
        site.digest_url(newsletter.slug, digest.planned.period),
        (placed.article for placed in digest.placed),
        site,
        words,
    )
    told |= {"description": newsletter.description, "datePublished": _moment(digest.planned.due_at)}
    return _script(told)


def list_data(name: str, path: str, articles: Iterable[Article], site: Site, words: Words) -> str:
    """A schema.org CollectionPage for a page of `articles` at `path`."""
    return _script(_collection(name, site.url(path), articles, site, words))


def site_data(site: Site) -> str:
    """A schema.org WebSite, for the front page."""
    told: _Data = {
        "@type": "WebSite",
        "name": site.title,
        "url": site.url(),
        "inLanguage": site.language,
        "description": site.description,
    }
    return _script(told)


def _collection(name: str, url: str, articles: Iterable[Article], site: Site, words: Words) -> _Data:
    shown = (article for article in articles if article.status is not Status.WITHDRAWN)
    return {
        "@type": "CollectionPage",
        "name": name,
        "url": url,
        "inLanguage": site.language,
        "publisher": _publisher(site),
        "mainEntity": {
            "@type": "ItemList",
            "itemListElement": [
                _list_item(place, article, site, words) for place, article in enumerate(shown, start=1)
            ],
        },
    }


def _list_item(place: int, article: Article, site: Site, words: Words) -> _Data:
    return {
        "@type": "ListItem",
        "position": place,
        "url": site.article_url(article.slug),
        "name": heading_words(words, article),
    }


def _study(facts: Facts, journal: str | None) -> _Data | None:
    """What is known of the study, or None. Its title is not known: the one that we have is that of the summary."""
    known: _Data = {
        "sameAs": study_url(facts),
        "identifier": [f"{kind}:{value}" for kind, value in (("doi", facts.doi), ("pmid", facts.pmid)) if value],
        "isPartOf": {"@type": "Periodical", "name": journal} if journal else None,
        "datePublished": _issue(facts.issue_date),
    }
    return {"@type": "ScholarlyArticle"} | _filled(known) if any(known.values()) else None


def _publisher(site: Site) -> _Data:
    return {"@type": "Organization", "name": site.title, "url": site.url()}


def _issue(issue: IssueDate | None) -> str | None:
    return issue.day.isoformat()[: 7 if issue.precision is Precision.MONTH else 10] if issue else None


def _moment(moment: datetime, precision: Precision = Precision.INSTANT) -> str:
    """ISO 8601 in UTC, with no more of it than is known."""
    if precision is Precision.INSTANT:
        return f"{moment.isoformat(timespec='seconds').removesuffix('+00:00')}Z"
    return moment.date().isoformat()[: 7 if precision is Precision.MONTH else 10]


def _script(told: _Data) -> str:
    text = _ENCODER.encode({"@context": "https://schema.org"} | _filled(told))
    for mark, escape in _ESCAPES:
        text = text.replace(mark, escape)
    return text


def _filled(told: _Data) -> _Data:
    """Without what is not known."""
    return {name: value for name, value in told.items() if value}
