"""The feeds of one run: entries are gathered, published in the record, and written as documents.

The record is written before the files, and an archive document counts as written only when its bytes are on the disk.
So a run that is killed is finished by the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from newsletter.errors import IdentityError, NewsletterError
from newsletter.feeds import FORMATS, Format
from newsletter.feeds.archive import Arrival, publish_entries
from newsletter.feeds.build import (
    Head,
    archive_feed,
    article_entry,
    articles_head,
    digest_entry,
    live_feed,
    newsletter_head,
    notice_entry,
    notices_head,
    tombstone,
    topic_head,
)
from newsletter.feeds.text import repaired
from newsletter.model import (
    ArchiveDocument,
    Article,
    Digest,
    Entry,
    EntryKind,
    Feed,
    FeedChange,
    Newsletter,
    NoticeItem,
    PublishedEntry,
    Tombstone,
    Topic,
)
from newsletter.public.cards import visible
from newsletter.public.files import Files
from newsletter.public.fragments import Fragments
from newsletter.public.kept import Kept, Laid, laid
from newsletter.public.stores import Plant
from newsletter.topics import topic_slug

ARTICLES, NOTICES = "feeds/articles", "feeds/notices"
_TOMBSTONES = 50
_AT_ONCE = 500
_NOTHING: Mapping[int, Mapping[str, bytes]] = {}


def topic_feed(slug: str) -> str:
    return f"feeds/topics/{slug}"


def newsletter_feed(slug: str) -> str:
    return f"feeds/newsletters/{slug}"


@dataclass(slots=True)
class _Gathered:
    """What comes into one feed, and the subjects that leave it."""

    arrivals: list[Arrival] = field(default_factory=list)
    taken_back: set[str] = field(default_factory=set)


class FeedRun:
    """One run. `topics` are the open topics by slug; `now` decides what readers may see.

    `everything`: nothing that was written before may be used again.
    """

    def __init__(
        self,
        plant: Plant,
        files: Files,
        fragments: Fragments,
        topics: Mapping[str, Topic],
        now: datetime,
        *,
        everything: bool,
    ) -> None:
        self._plant, self._files, self._fragments, self._topics, self._now = plant, files, fragments, topics, now
        self._kept, self._everything = Kept(plant.progress, files.folder), everything
        self._ids = plant.feeds.ids()
        self._gathered: dict[str, _Gathered] = {}

    # -- gathering ----------------------------------------------------------------------------------------------------

    def touch(self, name: str) -> _Gathered:
        """See to it that a feed is written in this run, even if nothing comes into it."""
        return self._gathered.setdefault(name, _Gathered())

    def article(self, article: Article) -> None:
        """Publish an article that readers may see, or take back one that they may not see any more."""
        if not visible(article, self._now):
            self._take_back(article)
            return
        try:
            entry = article_entry(article, self._plant.site, self._plant.templates)
        except NewsletterError as error:  # a bad article costs itself, never the feed
            self._files.problems.append(f"{ARTICLES}: {article.id} is left out: {error.message}")
            return
        arrival = self._arrival(EntryKind.ARTICLE, article.id, entry)
        for name in (ARTICLES, *self._topic_feeds(article)):
            self.touch(name).arrivals.append(arrival)

    def touch_holders(self, articles: Collection[Article]) -> None:
        """See to it that feeds in which these articles stand are written, also those of topics that they had before."""
        for name in self._plant.feeds.holding([article.id for article in articles]):
            self.touch(name)

    def notices(self, items: Iterable[NoticeItem]) -> None:
        for item in items:
            entry = notice_entry(item, self._plant.site, self._plant.templates)
            arrival = self._arrival(EntryKind.NOTICE, item.notice.id, entry)
            for name in (ARTICLES, NOTICES):
                self.touch(name).arrivals.append(arrival)

    def digest(self, newsletter: Newsletter, digest: Digest) -> None:
        period = digest.planned.period
        entry = digest_entry(newsletter, digest, self._plant.site, self._plant.templates)
        subject = f"{newsletter.slug}/{period}"
        self.touch(newsletter_feed(newsletter.slug)).arrivals.append(self._arrival(EntryKind.DIGEST, subject, entry))

    def opened(self, slug: str) -> bool:
        """Whether this topic has had a feed before this run."""
        return topic_feed(slug) in self._ids

    def of_topic(self, slug: str, articles: Iterable[Article]) -> None:
        """Publish `articles` in the feed of a topic that opens now."""
        gathered = self.touch(topic_feed(slug))
        there = {arrival.subject for arrival in gathered.arrivals}
        for article in articles:
            if article.id not in there and visible(article, self._now):
                entry = article_entry(article, self._plant.site, self._plant.templates)
                gathered.arrivals.append(self._arrival(EntryKind.ARTICLE, article.id, entry))

    def _arrival(self, kind: EntryKind, subject: str, entry: Entry) -> Arrival:
        fields = repaired(entry)
        if fields:
            self._files.repaired.append(f"{entry.id}: {' and '.join(fields)} had characters that no feed may hold")
        size = self._fragments.put(kind, subject, entry)
        return Arrival(
            kind=kind,
            subject=subject,
            entry_id=entry.id,
            published=entry.published,
            updated=entry.updated,
            size=size,
        )

    def _topic_feeds(self, article: Article) -> list[str]:
        slugs = dict.fromkeys(topic_slug(name) for name in article.summary.topics)
        return [topic_feed(slug) for slug in slugs if slug in self._topics]

    def _take_back(self, article: Article) -> None:
        for name in self._plant.feeds.holding([article.id]):
            self.touch(name).taken_back.add(article.id)

    # -- publishing ---------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Publish what was gathered and write every document that it touches. Raises IdentityError."""
        heads = {name: self.head(name) for name in sorted(self._gathered)}
        for name, head in heads.items():
            if self._ids.get(name, head.id) != head.id:
                raise IdentityError(
                    f"{name}: its id was {self._ids[name]} and would become {head.id}, which makes every entry new again "
                    "in every reader; set site.tag_authority and site.tag_date in config.toml back to what they were"
                )
        for name, head in heads.items():
            self._publish(name, head, self._gathered[name])
        for name in {name for name, _ in self._plant.feeds.unwritten()}:
            if not self.ended(name):
                self._write_archives(name, self.head(name), only_new=True)
        self._kept.save(self._now)

    def ended(self, name: str) -> bool:
        """Whether a feed is that of a newsletter which is no longer in the configuration: it stays as it is."""
        prefix = newsletter_feed("")
        return name.startswith(prefix) and name.removeprefix(prefix) not in {
            newsletter.slug for newsletter in self._plant.newsletters
        }

    def head(self, name: str) -> Head:
        """What a feed is called. The name of one that is there already says what it is."""
        site, templates = self._plant.site, self._plant.templates
        if name == ARTICLES:
            return articles_head(site, templates)
        if name == NOTICES:
            return notices_head(site, templates)
        kind, _, slug = name.removeprefix("feeds/").partition("/")
        if kind == "topics":
            topic = self._topics.get(slug) or self._plant.topics.of([slug])[slug]
            return topic_head(topic, site, templates)
        return newsletter_head(next(each for each in self._plant.newsletters if each.slug == slug), site, templates)

    def _publish(self, name: str, head: Head, gathered: _Gathered) -> None:
        feeds = self._plant.feeds
        state = feeds.state(name)
        arrivals = sorted(gathered.arrivals, key=lambda each: (each.published, each.entry_id))
        known = self._known(name, arrivals)
        gone = [record for record in state.tail if record.subject in gathered.taken_back]
        update = publish_entries(
            [record for record in state.tail if record not in gone],
            arrivals,
            known=known,
            position=state.position,
            last=state.last,
        )
        changed = bool(update.added or update.dropped or gone or name not in self._ids)
        if changed:
            change = FeedChange(
                name=name,
                id=head.id,
                title=head.title,
                update=update,
                withdrawn=tuple(record.position for record in gone),
            )
            feeds.save([change], self._addresses(name) if self._plant.hub else ())
        last = update.cuts[-1].document if update.cuts else state.last
        if update.cuts:
            self._write_archives(name, head, only_new=True)
        self._write_live(name, head, update.tail, last)

    def _known(self, name: str, arrivals: Sequence[Arrival]) -> dict[str, datetime]:
        """When those of `arrivals` that were published before were updated. Raises IdentityError."""
        known: dict[str, datetime] = {}
        for start in range(0, len(arrivals), _AT_ONCE):
            some = arrivals[start : start + _AT_ONCE]
            told = self._plant.feeds.known(name, [each.subject for each in some])
            for each in some:
                if each.subject in told and told[each.subject].entry_id != each.entry_id:
                    raise IdentityError(
                        f"{name}: the id of {each.subject} was {told[each.subject].entry_id} and would become "
                        f"{each.entry_id}; set site.tag_authority and site.tag_date in config.toml back to what they were"
                    )
            known |= {subject: one.updated for subject, one in told.items()}
        return known

    def _addresses(self, name: str) -> tuple[str, ...]:
        return tuple(f"{self._plant.site.url(name)}.{form.SUFFIX}" for form in FORMATS)

    def _write_live(self, name: str, head: Head, tail: Sequence[PublishedEntry], last: ArchiveDocument | None) -> None:
        feed = live_feed(
            head,
            [record.updated for record in tail],
            self._plant.site,
            previous=None if last is None else self._plant.site.url(f"{name}/{last.name}"),
            hub=self._plant.hub,
            tombstones=self._tombstones(name),
        )
        told: dict[str, Laid] = {}
        for form, data, pieces in self._documents(feed, tail, {} if self._everything else self._kept.pieces(name)):
            self._files.put(f"{name}.{form.SUFFIX}", data)
            told[form.SUFFIX] = laid(data, pieces)
        self._kept.remember(name, told, self._now)

    def _tombstones(self, name: str) -> tuple[Tombstone, ...]:
        taken = [
            record for record in self._plant.feeds.withdrawn(name, _TOMBSTONES) if record.kind == EntryKind.ARTICLE
        ]
        articles = self._plant.listings.by_ids([record.subject for record in taken]) if taken else {}
        return tuple(
            tombstone(articles[record.subject], self._plant.templates.words)
            for record in taken
            if record.subject in articles
        )

    def repair_archives(self, name: str) -> None:
        """Make every archive document of a feed that is missing on the disk."""
        self._write_archives(name, self.head(name), only_new=False)

    def _write_archives(self, name: str, head: Head, *, only_new: bool) -> None:
        feeds, previous = self._plant.feeds, None
        hashes: dict[str, dict[str, str]] = {}
        for document, told in feeds.documents(name):
            stands = bool(told) and (only_new or self._stands(name, document))
            if stands:
                for form in FORMATS:
                    self._files.keep(f"{name}/{document.name}.{form.SUFFIX}")
            else:
                made = self._write_archive(name, head, document, previous)
                self._compare(name, document, told, made)
                if told != made:
                    hashes[document.name] = made
            previous = document.name
        if hashes:
            feeds.written(name, hashes)

    def _stands(self, name: str, document: ArchiveDocument) -> bool:
        return all((self._files.folder / f"{name}/{document.name}.{form.SUFFIX}").is_file() for form in FORMATS)

    def _write_archive(self, name: str, head: Head, document: ArchiveDocument, previous: str | None) -> dict[str, str]:
        records = self._plant.feeds.archived(name, document.name)
        feed = archive_feed(
            head,
            [record.updated for record in records],
            self._plant.site,
            name=document.name,
            previous=None if previous is None else self._plant.site.url(f"{name}/{previous}"),
            following=self._plant.site.url(f"{name}/{document.following}"),
        )
        hashes: dict[str, str] = {}
        for form, data, _ in self._documents(feed, records):
            self._files.put(f"{name}/{document.name}.{form.SUFFIX}", data)
            hashes[form.SUFFIX] = hashlib.sha256(data).hexdigest()
        return hashes

    def _compare(self, name: str, document: ArchiveDocument, told: Mapping[str, str], made: Mapping[str, str]) -> None:
        if told and told != made:
            self._files.problems.append(
                f"{name}/{document.name}: an archive document was missing and could not be made as it was, because articles "
                "in it or templates have changed since; restore it from a backup of public/ if you have one"
            )

    def _documents(
        self, feed: Feed, records: Sequence[PublishedEntry], kept: Mapping[int, Mapping[str, bytes]] = _NOTHING
    ) -> Iterator[tuple[Format, bytes, list[tuple[int, bytes]]]]:
        """One document in every format with the pieces that it is made of, the last changed entry first.

        `kept` are pieces by position and suffix. What this run has made is newer than they are.
        """
        ordered = sorted(records, key=lambda record: (record.updated, record.entry_id), reverse=True)
        self._have([record for record in ordered if record.position not in kept])
        for form in FORMATS:
            place, pieces = form.placing(feed), []
            for record in ordered:
                made = self._fragments.get(form, (record.kind, record.subject))
                piece = kept[record.position][form.SUFFIX] if made is None else place(made)
                pieces.append((record.position, piece))
            yield form, form.document(feed, (piece for _, piece in pieces)), pieces

    def _have(self, records: Collection[PublishedEntry]) -> None:
        """Make the entries of `records` that this run has not made yet."""
        missing = [record for record in records if (record.kind, record.subject) not in self._fragments]
        if not missing:
            return
        subjects = {kind: [record.subject for record in missing if record.kind == kind] for kind in EntryKind}
        site, templates = self._plant.site, self._plant.templates
        for article in self._plant.listings.by_ids(subjects[EntryKind.ARTICLE]).values():
            self._fragments.put(EntryKind.ARTICLE, article.id, article_entry(article, site, templates))
        for item in self._plant.listings.notices(subjects[EntryKind.NOTICE]):
            self._fragments.put(EntryKind.NOTICE, item.notice.id, notice_entry(item, site, templates))
        for newsletter in self._plant.newsletters:
            periods = [
                subject.partition("/")[2]
                for subject in subjects[EntryKind.DIGEST]
                if subject.startswith(f"{newsletter.slug}/")
            ]
            for digest in self._plant.digests_named(newsletter, periods) if periods else ():
                entry = digest_entry(newsletter, digest, site, templates)
                self._fragments.put(EntryKind.DIGEST, f"{newsletter.slug}/{digest.planned.period}", entry)
