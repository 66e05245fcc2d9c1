"""The pages of one run: those of what has changed, and the lists in which it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from newsletter.errors import NewsletterError
from newsletter.model import Article, Digest, Newsletter, Topic
from newsletter.pages.archive import Month, archive_page, month_page
from newsletter.pages.article import article_page
from newsletter.pages.digest import digest_page
from newsletter.pages.feeds import feeds_page
from newsletter.pages.front import front_page
from newsletter.pages.paging import Pager, first_stale, page_path, pagers, pages_of
from newsletter.pages.privacy import privacy_page
from newsletter.pages.sitemap import robots, sitemap, sitemap_index
from newsletter.pages.topics import topic_page, topics_page
from newsletter.public.cards import Cards, visible
from newsletter.public.files import Files
from newsletter.public.stores import Plant
from newsletter.topics import topic_slug

_RECENT = 12
_Place = tuple[str, datetime | None]


class PageRun:
    """One run. `topics` are the open topics by slug; `now` decides what readers may see."""

    def __init__(self, plant: Plant, files: Files, cards: Cards, topics: Mapping[str, Topic], now: datetime) -> None:
        self._plant, self._files, self._cards, self._topics, self._now = plant, files, cards, topics, now

    def articles(self, articles: Sequence[Article]) -> None:
        """The pages of articles; none for those that readers may not see. One that cannot be made costs itself alone."""
        near = self._plant.neighbours.of([article.id for article in articles])
        self._cards.get({other for ids in near.values() for other in ids})  # together, not one article's at a time
        for article in articles:
            name = f"articles/{article.slug}/index.html"
            if not visible(article, self._now):
                self._files.remove(name)
                continue
            try:
                self._files.put(name, self._page(article, near.get(article.id, ())))
            except NewsletterError as error:
                self._files.keep(name)
                self._files.problems.append(f"{name}: {error.message}")

    def _page(self, article: Article, near: Iterable[str]) -> bytes:
        others = self._cards.listed(near, self._now)
        return article_page(article, self._plant.site, self._plant.templates, others, self._open_topics(article))

    def _open_topics(self, article: Article) -> list[Topic]:
        slugs = dict.fromkeys(topic_slug(name) for name in article.summary.topics)
        return [self._topics[slug] for slug in slugs if slug in self._topics]

    def digests(self, newsletter: Newsletter, digests: Iterable[Digest]) -> None:
        for digest in digests:
            page = digest_page(newsletter, digest, self._plant.site, self._plant.templates)
            self._files.put(f"digests/{newsletter.slug}/{digest.planned.period}/index.html", page)

    # -- lists --------------------------------------------------------------------------------------------------------

    def topic(self, slug: str, since: int = 0) -> None:
        """The pages of a topic, from the one on which article number `since` (oldest first) stands to the newest."""
        topic = self._topics[slug]
        shown = replace(topic, articles=topic.articles - self._unlisted.get(slug, 0))
        for span, pager in self._stale_pages(f"topics/{slug}/", since, topic.articles):
            ids = self._plant.listings.topic_ids(slug, span.start, len(span))
            articles = self._cards.listed(reversed(ids), self._now)
            page = topic_page(shown, articles, pager, self._plant.site, self._plant.templates)
            self._files.put(f"{pager.path}index.html", page)

    def _stale_pages(self, folder: str, since: int, count: int) -> Iterator[tuple[range, Pager]]:
        """The pages of a list that have to be written, where things number `since` and later are new."""
        size = self._plant.page_size
        ranges = pages_of(count, size)
        self._remove_pages(folder, len(ranges))
        stale = first_stale(since, count, size)
        return zip(ranges[stale:], pagers(folder, len(ranges))[stale:], strict=True)

    def _remove_pages(self, folder: str, number: int) -> None:
        """Remove page `number` and those behind it: the list has become shorter."""
        while self._files.remove(f"{page_path(folder, number)}index.html"):
            number += 1

    def month(self, month: Month, new: Collection[str] | None = None) -> None:
        """The pages of a month, and its sitemap. Where only the articles `new` came into it, what is before them stands."""
        places = self._plant.listings.month_places(month.slug, self._now)
        since = 0 if new is None else min((n for n, (one, _, _) in enumerate(places) if one in new), default=0)
        for span, pager in self._stale_pages(f"archive/{month.slug}/", since, len(places)):
            shown = self._cards.get(one for one, _, _ in reversed(places[span.start : span.stop]))
            page = month_page(month, shown, pager, self._plant.site, self._plant.templates)
            self._files.put(f"{pager.path}index.html", page)
        url = self._plant.site.article_url
        self._files.put(_month_sitemap(month.slug), sitemap([(url(slug), updated) for _, slug, updated in places]))

    def no_month(self, slug: str) -> None:
        """Nothing of this month stands in lists any more."""
        self._remove_pages(f"archive/{slug}/", 1)
        self._files.remove(f"archive/{slug}/index.html")
        self._files.remove(_month_sitemap(slug))

    def lists(self, months: Sequence[Month], latest: Mapping[str, Digest | None]) -> None:
        """The pages that name the others. `months` newest first."""
        site, templates, newsletters = self._plant.site, self._plant.templates, self._plant.newsletters
        topics = self._counted()
        files = self._files
        files.put("archive/index.html", archive_page(months, site, templates))
        files.put("topics/index.html", topics_page(topics, site, templates))
        files.put("privacy/index.html", privacy_page(site, templates))
        files.put("feeds/index.html", feeds_page(newsletters, site, templates, topics))
        recent = self._cards.get(self._plant.listings.newest(self._now, _RECENT))
        front = front_page([(each, latest[each.slug]) for each in newsletters], recent, site, templates, topics)
        files.put("index.html", front)
        files.put("robots.txt", robots(site).encode())
        files.put("sitemaps/pages.xml", sitemap(list(self._page_places(months, topics))))
        maps: list[_Place] = [(site.url("sitemaps/pages.xml"), None)]
        maps += [(site.url(_month_sitemap(month.slug)), None) for month in months]
        files.put("sitemap.xml", sitemap_index(maps))

    @cached_property
    def _unlisted(self) -> Mapping[str, int]:
        """Topic -> number of its articles that have a place in it and stand in no list."""
        return self._plant.listings.topics_unlisted(self._now)

    def _counted(self) -> list[Topic]:
        """The open topics with the numbers of their articles in lists, by name."""
        counted = (
            replace(topic, articles=topic.articles - self._unlisted.get(slug, 0))
            for slug, topic in self._topics.items()
        )
        return sorted(counted, key=lambda topic: (topic.name.casefold(), topic.slug))

    def _page_places(self, months: Sequence[Month], topics: Sequence[Topic]) -> Iterator[_Place]:
        url = self._plant.site.url
        names = ["", "feeds/", "topics/", "archive/", "privacy/"]
        names += [f"topics/{topic.slug}/" for topic in topics]
        names += [f"archive/{month.slug}/" for month in months]
        for newsletter in self._plant.newsletters:
            names += [f"digests/{newsletter.slug}/{period}/" for period in self._plant.digests.periods(newsletter.slug)]
        yield from ((url(name), None) for name in names)


def months_of(counted: Mapping[str, int]) -> tuple[Month, ...]:
    """Months with their numbers of articles, the newest first."""
    return tuple(
        Month(year=int(slug[:4]), month=int(slug[5:]), articles=counted[slug]) for slug in sorted(counted, reverse=True)
    )


def _month_sitemap(slug: str) -> str:
    return f"sitemaps/{slug}.xml"
