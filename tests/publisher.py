"""A whole publisher on a real database in a folder, without sources and configuration."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from builders import make_newsletter, make_site

from newsletter.digest import arrange
from newsletter.model import Accepted, Article, Cadence, Digest, NewDigest, Newsletter, Notice, Site
from newsletter.public.files import Files, Written
from newsletter.public.stores import Plant
from newsletter.public.update import update
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.digests import Digests
from newsletter.store.feeds import Feeds
from newsletter.store.listings import Listings
from newsletter.store.neighbours import Neighbours
from newsletter.store.progress import Progress
from newsletter.store.related import RelatedIndex
from newsletter.store.topics import Topics
from newsletter.templating import Templates

TEMPLATES = Templates()
DAILY = make_newsletter("daily", title="Daily", cadence=Cadence.DAILY, zone="UTC")


class Press:
    """`save` takes articles in, `publish` brings the folder `public` up to date."""

    def __init__(
        self, folder: Path, *, site: Site | None = None, hub: str | None = None, url: str | None = None
    ) -> None:
        self.folder = folder
        self.public = folder / "public"
        self.database: Database = open_database(url or f"sqlite:///{folder / 'newsletter.db'}")
        self.articles = Articles(self.database)
        self.digests = Digests(self.database)
        self.plant = Plant(
            site=site or make_site(),
            templates=TEMPLATES,
            newsletters=(DAILY,),
            hub=hub,
            topic_articles=2,
            listings=Listings(self.database),
            topics=Topics(self.database),
            neighbours=Neighbours(self.database),
            index=RelatedIndex(self.database),
            feeds=Feeds(self.database),
            digests=self.digests,
            progress=Progress(self.database),
            digests_named=self._digests_named,
        )

    def save(self, *articles: Article, notices: Sequence[Notice] = ()) -> None:
        about = {notice.article_id: notice for notice in notices}
        self.articles.save_all(
            [Accepted(article=each, raw_hash="hash", notice=about.get(each.id)) for each in articles]
        )

    def publish(self, now: datetime, *, everything: bool = False, public: Path | None = None) -> Written | None:
        files = Files(public or self.public)
        return files.report() if update(self.plant, files, "the same", now, everything=everything) else None

    def record(self, digest: Digest, now: datetime) -> None:
        assert self.digests.add([NewDigest(digest=digest)], now) is not None

    def files(self, public: Path | None = None) -> dict[str, bytes]:
        root = public or self.public
        return {
            path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
        }

    def read(self, address: str) -> bytes | None:
        """What a web server would answer."""
        path = self.public / address.removeprefix(f"{self.plant.site.base_url}/")
        return path.read_bytes() if path.is_file() else None

    def _digests_named(self, newsletter: Newsletter, periods: Collection[str]) -> tuple[Digest, ...]:
        recorded = self.digests.named(newsletter.slug, periods)
        digests = (arrange(newsletter, each.planned, each.placed, each.notices) for each in recorded)
        return tuple(digest for digest in digests if not digest.empty)
