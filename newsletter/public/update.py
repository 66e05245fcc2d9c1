"""One run: what has changed since the last one becomes pages and feeds.

A run without a predecessor, one after a change of templates or configuration, and one that is asked for does everything
anew. Either way the same store gives the same bytes.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.errors import IdentityError
from newsletter.feeds.build import STYLE
from newsletter.feeds.opml import opml
from newsletter.feeds.style import style
from newsletter.model import Article, Digest, Newsletter, Topic
from newsletter.pages.archive import Month
from newsletter.pages.icon import PATH as ICON
from newsletter.pages.icon import icon
from newsletter.public.cards import Cards, listed, visible
from newsletter.public.feeds import ARTICLES, NOTICES, FeedRun, newsletter_feed, topic_feed
from newsletter.public.files import Files
from newsletter.public.fragments import Fragments
from newsletter.public.pages import PageRun, months_of
from newsletter.public.stores import Plant
from newsletter.topics import topic_slug

_STEP, _DIGESTS, _MONTHS, _TOPICS = "public", "public-digests", "public-months", "public-topics"
_OWNED = ("articles", "digests", "topics", "archive", "feeds", "sitemaps")  # nothing but our files lies there
_AT_ONCE = 500
_DIGESTS_AT_ONCE = 20  # a digest is as long as its articles
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run looks at: articles after revision `after` or freed after `since`, digests after `digest`.

    `reached` and `newest` are the last ones there are. `everything`: all there are, and nothing else may be
    left lying; `first`: there was no run before.
    """

    everything: bool
    first: bool
    after: int
    since: datetime
    digest: int
    reached: int
    newest: int


def update(plant: Plant, files: Files, fingerprint: str, now: datetime, *, everything: bool = False) -> bool:
    """Bring the files up to date; False where nothing had changed.

    `fingerprint` is of what decides the bytes besides the store. Raises IdentityError where an id that readers know
    would be lost or change, before a feed is written.
    """
    scope = _scope(plant, fingerprint, everything=everything)
    changed: tuple[Article, ...] = ()
    if scope.everything:
        _lose_nothing(plant)
    else:
        changed = plant.listings.changed(scope.after, scope.since, now)
        if not changed and scope.newest == scope.digest:
            return False
    with _at_rest(), Fragments() as fragments:
        near = _relate(plant, scope, changed, now)
        counted = _Run(plant, files, fragments, scope, now).make(changed, near)
    told = {step: (0, json.dumps(numbers, sort_keys=True, separators=(",", ":"))) for step, numbers in counted.items()}
    plant.progress.mark_all({**told, _DIGESTS: (scope.newest, ""), _STEP: (scope.reached, fingerprint)}, now)
    return True


@contextmanager
def _at_rest() -> Iterator[None]:
    """Let the collector of garbage leave alone what is there already: a long run would look at all of it again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _scope(plant: Plant, fingerprint: str, *, everything: bool) -> Scope:
    last, digests = plant.progress.get(_STEP), plant.progress.get(_DIGESTS)
    whole = everything or last is None or last.fingerprint != fingerprint
    return Scope(
        everything=whole,
        first=last is None,
        after=-1 if last is None else last.reached,
        since=_LONG_AGO if last is None else last.at,
        digest=0 if whole or digests is None else digests.reached,
        reached=plant.listings.revision(),
        newest=plant.digests.newest_id(),
    )


def _lose_nothing(plant: Plant) -> None:
    """Refuse to go on where an entry that was published has nothing any more that it could tell of."""
    lost = plant.feeds.orphans(ARTICLES)
    if lost:
        raise IdentityError(
            f"{ARTICLES}: {len(lost)} published entries, such as {lost[0][1]}, have no article in the database any "
            "more; restore the database from a backup, for readers keep what they know"
        )


def _relate(plant: Plant, scope: Scope, changed: Sequence[Article], now: datetime) -> tuple[Article, ...]:
    """Find the neighbours of what has changed, and again those of the articles near to it, which are returned."""
    if scope.first:
        for batch in plant.listings.everything():
            _find_neighbours(plant, batch, now)
        return ()
    if scope.everything:
        changed = plant.listings.changed(scope.after, scope.since, now)
    near = _find_neighbours(plant, changed, now)
    touched = {other for ids in near.values() for other in ids} | plant.neighbours.naming(list(near))
    found = plant.listings.by_ids(touched - set(near)).values()
    others = tuple(article for article in found if visible(article, now))
    _find_neighbours(plant, others, now)
    return others


def _find_neighbours(plant: Plant, articles: Sequence[Article], now: datetime) -> Mapping[str, tuple[str, ...]]:
    shown = [article for article in articles if visible(article, now)]
    near = {article.id: () for article in articles} | dict(plant.index.neighbours(shown, now=now))
    plant.neighbours.put(near)
    return near


def _chunks(ids: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))


class _Run:
    """What one run works with."""

    def __init__(self, plant: Plant, files: Files, fragments: Fragments, scope: Scope, now: datetime) -> None:
        self._plant, self._files, self._scope, self._now = plant, files, scope, now
        self._cards = Cards(plant.listings.by_ids)
        self._topics = self._open_topics()
        self._feeds = FeedRun(plant, files, fragments, self._topics, now, everything=scope.everything)
        self._pages = PageRun(plant, files, self._cards, self._topics, now)
        self._changed: set[str] = set()
        self._months: set[str] = set()
        self._known_months: set[str] = set()
        self._into_months: dict[str, set[str]] = {}
        self._stale_topics: dict[str, int] = {}
        self._into_topics: Counter[str] = Counter()

    def _open_topics(self) -> dict[str, Topic]:
        """The topics that enough articles have; and one that has a feed keeps it."""
        opened = {topic.slug: topic for topic in self._plant.topics.with_articles(self._plant.topic_articles)}
        prefix = topic_feed("")
        kept = {name.removeprefix(prefix) for name in self._plant.feeds.ids() if name.startswith(prefix)}
        return opened | dict(self._plant.topics.of(kept - set(opened)))

    def make(self, changed: tuple[Article, ...], near: Sequence[Article]) -> dict[str, dict[str, int]]:
        """Everything, in an order that leaves no link without its goal; the numbers to remember, by step."""
        for batch in self._plant.listings.everything() if self._scope.everything else (changed,):
            self._articles(batch)
        self._pages.articles(near)
        latest = self._digests()
        self._open_feeds()
        self._feeds.write()
        months = self._lists(latest)
        if self._scope.everything:
            self._complete()
        return {_MONTHS: months, _TOPICS: {slug: topic.articles for slug, topic in self._topics.items()}}

    def _articles(self, batch: Sequence[Article]) -> None:
        for article in batch:
            self._cards.put(article)
            self._changed.add(article.id)
            self._months.add(f"{article.published:%Y-%m}")
        self._pages.articles(batch)
        if not self._scope.everything:
            for article in batch:
                before = self._plant.feeds.holding([article.id])
                self._note_topics(article, before)
                self._note_month(article, known=bool(before))
            self._feeds.touch_holders(batch)
        for article in batch:
            self._feeds.article(article)
        self._feeds.notices(self._plant.listings.notices_about([article.id for article in batch], self._now))

    def _note_topics(self, article: Article, before: set[str]) -> None:
        """Which topics' pages are stale, and from which article on. `before` are the feeds in which it ever was.

        What was in a topic before may have left it, or stand at another place in it now: then all of its pages are stale.
        """
        names = {topic_feed(topic_slug(name)) for name in article.summary.topics}
        for name in names | before:
            slug = name.removeprefix(topic_feed(""))
            if slug in self._topics:
                place = 0 if name in before else self._plant.listings.topic_place(slug, article)
                self._stale_topics[slug] = min(place, self._stale_topics.get(slug, place))
                self._into_topics[slug] += name not in before

    def _note_month(self, article: Article, *, known: bool) -> None:
        """What readers have seen may have stood at another place in its month."""
        month = f"{article.published:%Y-%m}"
        if known:
            self._known_months.add(month)
        elif listed(article, self._now):
            self._into_months.setdefault(month, set()).add(article.id)

    def _came_into(self, month: Month, before: Mapping[str, int]) -> set[str] | None:
        """The articles that came into a month, if nothing else has happened to it."""
        new = self._into_months.get(month.slug, set())
        alone = month.slug not in self._known_months and before.get(month.slug, 0) + len(new) == month.articles
        return new if new and alone and not self._scope.everything else None

    def _note_moved(self) -> None:
        """An article that readers have never seen has a place in its topics all the same, and may leave it, and with it
        all that stand behind it. The record of feeds does not know it, but the numbers do not add up then.
        """
        before = self._remembered(_TOPICS)
        for slug, topic in self._topics.items():
            if before.get(slug, 0) + self._into_topics[slug] != topic.articles:
                self._stale_topics[slug] = 0

    def _remembered(self, step: str) -> dict[str, int]:
        """The numbers of the last run."""
        told = self._plant.progress.get(step)
        return dict(json.loads(told.fingerprint)) if told else {}

    # -- digests ------------------------------------------------------------------------------------------------------

    def _digests(self) -> dict[str, Digest | None]:
        """Pages and entries of new digests and of those that carry what has changed; the newest of each newsletter."""
        carrying = set() if self._scope.everything else self._plant.digests.carrying(self._changed)
        latest: dict[str, Digest | None] = {}
        for newsletter in self._plant.newsletters:
            every = self._plant.digests.periods(newsletter.slug)
            new = self._plant.digests.periods(newsletter.slug, self._scope.digest)
            stale = [period for period in every if period in new or (newsletter.slug, period) in carrying]
            if self._scope.everything:
                self._feeds.touch(newsletter_feed(newsletter.slug))
            for start in range(0, len(stale), _DIGESTS_AT_ONCE):
                self._digest(newsletter, self._plant.digests_named(newsletter, stale[start : start + _DIGESTS_AT_ONCE]))
            newest = self._plant.digests_named(newsletter, every[-1:])
            latest[newsletter.slug] = newest[0] if newest else None
        return latest

    def _digest(self, newsletter: Newsletter, digests: Sequence[Digest]) -> None:
        self._pages.digests(newsletter, digests)
        for digest in digests:
            self._feeds.digest(newsletter, digest)

    # -- feeds and lists ----------------------------------------------------------------------------------------------

    def _open_feeds(self) -> None:
        """Topics that open now; feeds without anything in them exist all the same."""
        if not self._scope.everything:
            for slug in self._topics:
                if not self._feeds.opened(slug):
                    self._open_topic(slug)
        else:
            for name in (ARTICLES, NOTICES, *(topic_feed(slug) for slug in self._topics)):
                self._feeds.touch(name)

    def _open_topic(self, slug: str) -> None:
        """A topic begins with all of its articles, and the page of each names it from now on."""
        ids = self._plant.listings.topic_ids(slug, 0, self._topics[slug].articles)
        for some in _chunks(ids):
            articles = self._plant.listings.by_ids(some)
            self._feeds.of_topic(slug, articles.values())
            self._pages.articles([article for article in articles.values() if article.id not in self._changed])
        self._stale_topics[slug] = 0

    def _lists(self, latest: Mapping[str, Digest | None]) -> dict[str, int]:
        """The pages that are lists; the numbers of articles by month."""
        before = self._remembered(_MONTHS)
        counted = self._count_months(before)
        stale = self._months | {slug for slug in counted if counted[slug] != before.get(slug)}
        months = months_of(counted)
        for month in months:
            if self._scope.everything or month.slug in stale:
                self._pages.month(month, self._came_into(month, before))
        for slug in set(before) - set(counted):
            self._pages.no_month(slug)
        self._note_moved()
        for slug in self._topics if self._scope.everything else self._stale_topics:
            self._pages.topic(slug, self._stale_topics.get(slug, 0))
        self._pages.lists(months, latest)
        heads = [self._feeds.head(name) for name in self._live_feeds()]
        self._files.put("feeds/feeds.opml", opml(heads, self._plant.site, self._plant.templates.words))
        return counted

    def _count_months(self, before: Mapping[str, int]) -> dict[str, int]:
        """The number of articles in lists by month: of those months alone in which something changed, if that is all.

        An article whose date moved is still counted in the month that it left, so the sum tells.
        """
        listings, counted = self._plant.listings, dict(before)
        if not self._scope.everything:
            counted |= {slug: listings.in_month(slug, self._now) for slug in self._months}
            counted = {slug: number for slug, number in counted.items() if number}
            if sum(counted.values()) == listings.listed(self._now):
                return counted
        return dict(listings.months(self._now))

    def _live_feeds(self) -> list[str]:
        newsletters = [newsletter_feed(newsletter.slug) for newsletter in self._plant.newsletters]
        by_name = sorted(self._topics.values(), key=lambda topic: (topic.name.casefold(), topic.slug))
        return [ARTICLES, NOTICES, *newsletters, *(topic_feed(topic.slug) for topic in by_name)]

    def _complete(self) -> None:
        """What only a run over everything does: style and icon, lost archive documents, and what nobody makes any more."""
        self._files.put(STYLE, style(self._plant.templates))
        self._files.put(ICON, icon(self._plant.templates))
        names = self._plant.feeds.ids()
        ended = [name for name in names if self._feeds.ended(name)]
        for name in set(names) - set(ended):
            self._feeds.repair_archives(name)
        spared = [
            name
            for feed in ended
            for name in (f"{feed}.", f"{feed}/", f"{feed.replace('feeds/newsletters', 'digests')}/")
        ]
        self._files.sweep(_OWNED, spared)
