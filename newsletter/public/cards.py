"""Articles as lists need them: title, takeaway, dates and status, without their sections."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from sys import intern

from newsletter.model import Article, Facts, Status, Summary

_KEPT = 20_000  # of less than a kilobyte each

_IN_NO_LIST = frozenset({Status.RETRACTED, Status.WITHDRAWN})


class Cards:
    """The cards that were asked for last, by id; the others are loaded when they are asked for."""

    def __init__(self, load: Callable[[Collection[str]], Mapping[str, Article]]) -> None:
        self._load = load
        self._cards: dict[str, Article] = {}

    def put(self, article: Article) -> None:
        self._cards.pop(article.id, None)
        if len(self._cards) >= _KEPT:
            del self._cards[next(iter(self._cards))]
        self._cards[article.id] = card(article)

    def get(self, ids: Iterable[str]) -> tuple[Article, ...]:
        """The cards of these articles in the order given; what does not exist is left out."""
        wanted = tuple(ids)
        missing = [each for each in wanted if each not in self._cards]
        loaded = {each.id: card(each) for each in self._load(missing).values()} if missing else {}
        found = tuple(loaded.get(each) or self._cards.get(each) for each in wanted)
        for each in loaded.values():
            self.put(each)
        return tuple(each for each in found if each is not None)

    def listed(self, ids: Iterable[str], now: datetime) -> tuple[Article, ...]:
        """`get` of those that stand in lists."""
        return tuple(each for each in self.get(ids) if listed(each, now))


def card(article: Article) -> Article:
    """The article without what only its own page shows."""
    told = article.facts
    return Article(
        id=article.id,
        slug=article.slug,
        source=intern(article.source),
        key=article.key,
        summary=Summary(
            title=article.title,
            key_takeaway=article.summary.key_takeaway,
            what_they_found=(),
            who_should_care=(),
            considerations=(),
        ),
        facts=_facts(told.status, told.publish_after, told.notice),
        published=article.published,
        published_precision=article.published_precision,
        date_origin=article.date_origin,
        first_seen=article.first_seen,
        updated=article.updated,
        back_catalogue=article.back_catalogue,
    )


@lru_cache(maxsize=64)
def _facts(status: Status, publish_after: datetime | None, notice: str) -> Facts:
    """Nearly all articles have the same, and share it."""
    return Facts(status=status, publish_after=publish_after, notice=notice)


def visible(article: Article, now: datetime) -> bool:
    """Whether readers may see an article: it is neither withdrawn nor held back."""
    until = article.facts.publish_after
    return article.status is not Status.WITHDRAWN and (until is None or until <= now)


def listed(article: Article, now: datetime) -> bool:
    """Whether it stands in lists: visible, and not retracted."""
    return visible(article, now) and article.status not in _IN_NO_LIST
