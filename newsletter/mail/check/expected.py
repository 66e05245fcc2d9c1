"""What a message is held to beyond the general rules: who sends it, and what it has to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from newsletter.model import Article, Digest, Newsletter, Site

_BROKEN = re.compile(r"[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Kind(StrEnum):
    """What an email is for. All but a digest are notes: to one person, about their subscription."""

    DIGEST = "digest"
    CONFIRMATION = "confirmation"
    WELCOME = "welcome"
    GOODBYE = "goodbye"
    PREFERENCES = "preferences"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """`digest` is what a digest's message was made of; without it, articles and caveats are not judged.

    `text_only`: this is the edition of text alone. `confirm_url` is the link of a confirmation, `preferences_url` that of a
    note that leads to preferences, and each is empty for all others. `language` is that of our words, empty for the site's.
    """

    newsletter: Newsletter
    site: Site
    digest: Digest | None = None
    text_only: bool = False
    kind: Kind = Kind.DIGEST
    confirm_url: str = ""
    preferences_url: str = ""
    language: str = ""

    @property
    def is_note(self) -> bool:
        return self.kind is not Kind.DIGEST

    @property
    def on_list(self) -> bool:
        """Whether the reader is on the list when this comes, so that there is something to leave."""
        return self.kind in {Kind.DIGEST, Kind.WELCOME}

    @cached_property
    def articles(self) -> tuple[Article, ...]:
        """Every article that the digest speaks of, each once."""
        digest = self.digest
        if digest is None:
            return ()
        told = [*(item.article for item in digest.notices), *(placed.article for placed in digest.placed)]
        return tuple({article.id: article for article in told}.values())

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Texts that are not ours: of the articles, their journals and notices; one line each."""
        return tuple(dict.fromkeys(filter(None, (one_line(text) for text in self._source_texts()))))

    @cached_property
    def told(self) -> tuple[str, ...]:
        """What people came to read: findings, advice, limits, notices, and titles where there is no more."""
        digest = self.digest
        if digest is None:
            return ()
        texts = [item.notice.text for item in digest.notices] + [article.title for article in digest.titles]
        for item in digest.items:
            texts += [item.article.summary.key_takeaway, *item.advice, *item.caveat]
        return tuple(dict.fromkeys(filter(None, map(one_line, texts))))

    @cached_property
    def given(self) -> tuple[str, ...]:
        """What the operator wrote into the configuration."""
        newsletter, site = self.newsletter, self.site
        texts = (
            *(newsletter.title, newsletter.description, newsletter.from_name),
            *(site.title, site.description, site.author, site.contact, *site.postal_address.splitlines()),
        )
        return tuple(dict.fromkeys(filter(None, (one_line(text) for text in texts))))

    def _source_texts(self) -> Iterator[str]:
        for article in self.articles:
            yield from source_texts(article)
        if self.digest is not None:
            yield from (item.notice.text for item in self.digest.notices)
            yield from (text for item in self.digest.items for text in (*item.advice, *item.caveat))


def source_texts(article: Article) -> Iterator[str]:
    """Every text of an article that its source wrote."""
    summary = article.summary
    yield from (summary.title, summary.key_takeaway, article.facts.notice)
    yield from (*summary.what_they_found, *summary.who_should_care, *summary.considerations)
    yield from summary.topics
    if summary.journal:
        yield summary.journal
        yield summary.journal.partition(" : ")[0]
        yield re.sub(r"\s*\([^()]*\)\s*$", "", summary.journal.partition(" : ")[0])


def one_line(text: str) -> str:
    """How texts are compared: white space as single spaces, no control characters, U+FFFD for what is no character."""
    return " ".join(_BROKEN.sub("\ufffd", re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)).split())
