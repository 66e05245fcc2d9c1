"""What is published in feeds: entries, documents, and the record of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from newsletter.model.articles import IssueDate, Rating, Status
from newsletter.model.checks import require_aware, require_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """RFC 4287 4.2.7."""

    href: str
    rel: str
    type: str | None = None
    title: str | None = None
    hreflang: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """RFC 4287 4.2.2."""

    term: str
    label: str
    scheme: str


class EntryKind(StrEnum):
    """What an entry tells of."""

    ARTICLE = "article"
    NOTICE = "notice"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """What a program may want to know of an article without reading its text."""

    credibility: Rating | None
    interest: Rating | None
    journal: str | None
    issue_date: IssueDate | None
    doi: str | None
    pmid: str | None
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """RFC 4287 4.1.2. `content` is HTML, `title` and `summary` are plain text."""

    id: str
    title: str
    published: datetime
    updated: datetime
    links: tuple[Link, ...]
    summary: str
    content: str
    author: str
    categories: tuple[Category, ...] = ()
    facts: EntryFacts | None = None

    def __post_init__(self) -> None:
        require_aware(self, published=self.published, updated=self.updated)
        require_text(self, id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The feed in which entries stood first (RFC 4287 4.2.11). `address` is absolute and has no suffix."""

    id: str
    title: str
    address: str

    def __post_init__(self) -> None:
        require_text(self, id=self.id, address=self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """An entry that was taken down (RFC 6721). `ref` is its id."""

    ref: str
    when: datetime
    comment: str

    def __post_init__(self) -> None:
        require_aware(self, when=self.when)
        require_text(self, ref=self.ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One document of a feed (RFC 4287 4.1.1). `updated` is that of the last changed entry, never the clock.

    Addresses of documents (`address`, `current`, `previous`, `following`) are absolute and have no suffix: each format
    puts its own after a dot. Where `current` is set, this is an archive document (RFC 5005 4).
    """

    id: str
    title: str
    subtitle: str
    updated: datetime
    author: str
    author_email: str
    language: str
    entries: tuple[Entry, ...]  #: newest first
    home: str  #: the page for people
    home_title: str
    address: str
    hub: str | None = None  #: where changes are announced (WebSub 4)
    style: str | None = None  #: a style sheet for those who open the document in a browser
    complete: bool = False  #: there is nothing beyond this document (RFC 5005 2)
    current: str | None = None
    previous: str | None = None
    following: str | None = None
    origin: Origin | None = None  #: all entries stand in this feed first
    tombstones: tuple[Tombstone, ...] = ()

    def __post_init__(self) -> None:
        require_aware(self, updated=self.updated)
        require_text(self, id=self.id, home=self.home, address=self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEntry:
    """An entry as it was published in a feed, at a position that counts up.

    `subject` names, by `kind`, what it tells of; `size` is in bytes; `month` (`2026-10`, UTC) is the one under which it
    would be archived.
    """

    position: int
    kind: str
    subject: str
    entry_id: str
    updated: datetime
    month: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveDocument:
    """An archive document of a feed: its number from 1 on, its name (`2026-10`, `2026-10-2`), and the name of the next."""

    number: int
    name: str
    following: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveCut:
    """Entries that become an archive document, oldest first."""

    document: ArchiveDocument
    records: tuple[PublishedEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedUpdate:
    """What publishing entries in a feed comes to: `dropped` leave the live document, `added` come in, `cuts` are archived.

    `tail` is what the live document holds in the end, oldest first.
    """

    dropped: tuple[PublishedEntry, ...]
    added: tuple[PublishedEntry, ...]
    cuts: tuple[ArchiveCut, ...]
    tail: tuple[PublishedEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """Where a feed stands: what its live document holds, oldest first, the last position given, its newest archive."""

    tail: tuple[PublishedEntry, ...]
    position: int
    last: ArchiveDocument | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedChange:
    """What happens to one feed. `withdrawn` are positions of entries that leave the live document for good."""

    name: str
    id: str
    title: str
    update: FeedUpdate
    withdrawn: tuple[int, ...] = ()
