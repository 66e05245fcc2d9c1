"""The nouns: frozen values that every other part speaks of. No input or output, no clock.

Every `datetime` is aware and in UTC; tuples, not lists; a value that is not known is None, never a guess.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum


def _require_aware(owner: object, **moments: datetime | None) -> None:
    for name, moment in moments.items():
        if moment is not None and moment.utcoffset() != timedelta(0):
            raise ValueError(f"{type(owner).__name__}.{name}: an aware datetime in UTC is required, not {moment!r}")


def _require_text(owner: object, **texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise ValueError(f"{type(owner).__name__}.{name}: a text is required, not {text!r}")


# -- articles ---------------------------------------------------------------------------------------------------------


class Precision(StrEnum):
    """How much of a date is known."""

    INSTANT = "instant"
    DAY = "day"
    MONTH = "month"


class DateOrigin(StrEnum):
    """Where an article's publication date came from, most trusted first."""

    SIDECAR = "sidecar"  #: the operator or the site said so
    PAGE = "page"  #: the source's own metadata
    FIRST_SEEN = "first-seen"  #: nothing was known: the moment it was first taken in
    PUBLISH_AFTER = "publish-after"  #: it was held back until then


class Status(StrEnum):
    """What has become of the study since (COPE's words)."""

    OK = "ok"
    CORRECTED = "corrected"
    CONCERN = "concern"
    RETRACTED = "retracted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """A site's own rating, for example 4 out of 5."""

    value: float
    scale: int = 5

    @property
    def share(self) -> float:
        """The rating on a scale of 0 to 1."""
        return self.value / self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueDate:
    """The date of a journal issue; it may lie in the future and says nothing of publication on the site."""

    day: date
    precision: Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """An entry of a page's own "You May Also Like": a stub of another article, kept as data."""

    title: str
    date: IssueDate | None
    teaser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentWarning:
    """Something odd that did not make a document unusable. Codes start with `W-`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What readers read: one plain-language summary of one study. Sections are paragraphs of plain text."""

    title: str
    key_takeaway: str
    what_they_found: tuple[str, ...]
    who_should_care: tuple[str, ...]
    considerations: tuple[str, ...]
    credibility: Rating | None = None
    interest: Rating | None = None
    topics: tuple[str, ...] = ()
    journal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said about an article beside its text: by a sidecar file, front matter or metadata.

    `published` is a date when only the day is known; `published_origin` is who said so.
    """

    published: date | datetime | None = None
    published_origin: DateOrigin = DateOrigin.SIDECAR
    publish_after: datetime | None = None
    issue_date: IssueDate | None = None
    status: Status = Status.OK
    status_date: datetime | None = None
    notice: str = ""
    source_url: str | None = None
    doi: str | None = None
    pmid: str | None = None

    def __post_init__(self) -> None:
        published = self.published if isinstance(self.published, datetime) else None
        _require_aware(self, published=published, publish_after=self.publish_after, status_date=self.status_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one document of a source says, before it has an identity here. `key` names it within its source."""

    key: str
    summary: Summary
    facts: Facts = field(default_factory=Facts)
    topics_raw: str | None = None
    related: tuple[Related, ...] = ()
    warnings: tuple[DocumentWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A summary with an identity. `id` is a tag URI (RFC 4151), minted once; slug and text may change.

    `back_catalogue`: it was there already when its source was first asked, so it is late for no digest.
    """

    id: str
    slug: str
    source: str
    key: str
    summary: Summary
    facts: Facts
    published: datetime
    published_precision: Precision
    date_origin: DateOrigin
    first_seen: datetime
    updated: datetime
    related: tuple[Related, ...] = ()
    topics_raw: str | None = None
    back_catalogue: bool = False

    def __post_init__(self) -> None:
        _require_aware(self, published=self.published, first_seen=self.first_seen, updated=self.updated)

    @property
    def title(self) -> str:
        return self.summary.title

    @property
    def status(self) -> Status:
        return self.facts.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A correction, expression of concern, retraction or withdrawal of an article, with an id of its own."""

    id: str
    article_id: str
    status: Status
    text: str
    published: datetime

    def __post_init__(self) -> None:
        _require_aware(self, published=self.published)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A document that could not be used, and why. `line` counts from 1."""

    source: str
    key: str
    code: str
    message: str
    line: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRun:
    """What a source gave when it was last asked. `problem` says why it could not be read as a whole.

    `first`: it has never been read to its end.
    """

    source: str
    at: datetime
    first: bool = False
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    quarantined: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An article to be written down, with the hash of its raw document and the notice that its change calls for."""

    article: Article
    raw_hash: str
    notice: Notice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A subject heading. `slug` names it in addresses; `articles` counts all that carry it."""

    slug: str
    name: str
    articles: int


# -- newsletters, periods, digests ------------------------------------------------------------------------------------


class Cadence(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class CatchUp(StrEnum):
    """What to do with the periods that an outage left undone."""

    COALESCE = "coalesce"  #: one digest over all of them, labelled
    EACH = "each"  #: one digest for each, all mailed
    SKIP = "skip"  #: one digest for each on pages and feeds; only the newest is mailed


class Audience(StrEnum):
    GENERAL = "general"
    CAREGIVER = "caregiver"
    PERSON_WITH_MS = "person-with-ms"
    CLINICIAN = "clinician"


class Edition(StrEnum):
    """The form in which a reader gets an email."""

    STANDARD = "standard"
    LARGE_PRINT = "large-print"
    COMPACT = "compact"  #: takeaways, each with its caveat, and nothing else
    TEXT_ONLY = "text-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who publishes, and the addresses of everything that is published. `base_url` ends without a slash."""

    base_url: str
    title: str
    language: str
    author: str
    contact: str
    postal_address: str
    tag_authority: str
    tag_date: str
    description: str = ""

    def url(self, path: str = "") -> str:
        return f"{self.base_url}/{path}"

    def article_url(self, slug: str) -> str:
        return self.url(f"articles/{slug}/")

    def digest_url(self, newsletter: str, period: str) -> str:
        return self.url(f"digests/{newsletter}/{period}/")

    def tag(self, specific: str) -> str:
        """A tag URI (RFC 4151 2.1) under this site's authority."""
        return f"tag:{self.tag_authority},{self.tag_date}:{specific}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newsletter:
    """A series of digests: how often, where on the clock, for whom, and which articles.

    `min_credibility` is a number of 5; an article without a rating passes unless `require_rating`.
    `full_items` articles are shown whole, the next `title_items` as titles only.
    """

    slug: str
    title: str
    description: str
    cadence: Cadence
    zone: str
    send_at: time
    audience: Audience = Audience.GENERAL
    from_name: str = ""
    from_address: str = ""
    reply_to: str = ""
    full_items: int = 5
    title_items: int = 20
    topics: tuple[str, ...] = ()
    min_credibility: float | None = None
    require_rating: bool = False
    catch_up: CatchUp = CatchUp.COALESCE
    discreet: bool = False

    @property
    def mail_domain(self) -> str:
        """The domain that stands in Message-ID and List-Id."""
        return self.from_address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A half-open stretch [start, end) of local calendar time. `key` is `2026-11-20`, `2026-W47` or `2026-11`."""

    key: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRecord:
    """What the record remembers of a digest: enough to plan the next one."""

    newsletter: str
    period: str
    window_start: datetime
    window_end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDigest:
    """A digest that is due. Windows of one newsletter form a chain; `due_at` is the nominal sending time."""

    newsletter: str
    period: str
    window_start: datetime
    window_end: datetime
    due_at: datetime
    catch_up: bool = False  #: covers more than one period, and says so
    mailed: bool = True  #: False: for pages and feeds only

    def __post_init__(self) -> None:
        _require_aware(self, window_start=self.window_start, window_end=self.window_end, due_at=self.due_at)


class Place(StrEnum):
    """Where an article stands in a digest."""

    ITEM = "item"  #: whole, under its publication date
    LATE = "late"  #: whole, under "Also new to us": it is older than the window
    TITLE = "title"  #: its title only, beyond the cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An article and its place. The order of a sequence of these is the order of reading."""

    article: Article
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An article as one audience gets it. `advice` and `caveat` are verbatim sentences of the article.

    `advice` is empty where the article has no sentence for this audience.
    """

    article: Article
    advice: tuple[str, ...]
    caveat: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The items of one local publication date."""

    date: date
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeItem:
    """A notice together with the article that it is about."""

    notice: Notice
    article: Article


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One dated issue of a newsletter. `first_day` and `last_day` are local dates, both included."""

    newsletter: Newsletter
    planned: PlannedDigest
    first_day: date
    last_day: date
    notices: tuple[NoticeItem, ...]
    days: tuple[Day, ...]
    late: tuple[Item, ...]
    titles: tuple[Article, ...]
    placed: tuple[Placed, ...]

    @property
    def empty(self) -> bool:
        return not (self.notices or self.placed)

    @property
    def items(self) -> tuple[Item, ...]:
        """Every whole item in the order of reading."""
        return tuple(item for day in self.days for item in day.items) + self.late


# -- what is published ------------------------------------------------------------------------------------------------


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
        _require_aware(self, published=self.published, updated=self.updated)
        _require_text(self, id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The feed in which entries stood first (RFC 4287 4.2.11). `address` is absolute and has no suffix."""

    id: str
    title: str
    address: str

    def __post_init__(self) -> None:
        _require_text(self, id=self.id, address=self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """An entry that was taken down (RFC 6721). `ref` is its id."""

    ref: str
    when: datetime
    comment: str

    def __post_init__(self) -> None:
        _require_aware(self, when=self.when)
        _require_text(self, ref=self.ref)


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
        _require_aware(self, updated=self.updated)
        _require_text(self, id=self.id, home=self.home, address=self.address)


# -- the record of feeds ----------------------------------------------------------------------------------------------


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


# -- subscribers and deliveries ---------------------------------------------------------------------------------------


class SubscriptionState(StrEnum):
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What was agreed to: the text, when, and by which way it came in (`operator`, `form`, `import`)."""

    text: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A person's address. `id` is random and says nothing of the address."""

    id: str
    address: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscriber's standing with one newsletter."""

    subscriber: Subscriber
    newsletter: str
    state: SubscriptionState
    consent: Consent


class DeliveryState(StrEnum):
    """`pending -> sending -> sent | deferred | bounced | suppressed | unknown | expired`."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery to be written down together with its digest. `domain` is the recipient's mail domain."""

    subscriber_id: str
    message_id: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDigest:
    """A digest to be written down with all that belongs to it.

    `settled` are ids of notices that need not be shown any more, because the articles tell them.
    """

    digest: Digest
    settled: tuple[str, ...] = ()
    mailing: Mailing | None = None
    deliveries: tuple[NewDelivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery that one owner holds until `lease_until`. `attempts` counts this one."""

    delivery_id: int
    digest_id: int
    newsletter: str
    period: str
    subscriber: Subscriber
    message_id: str
    owner: str
    lease_until: datetime
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one attempt. `next_at` is set for `deferred` alone."""

    state: DeliveryState
    kind: str  #: a machine word for the event log, for example `accepted`
    next_at: datetime | None = None
    code: int | None = None
    enhanced: str | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A digest's email, rendered and inlined once.

    `template` holds every edition and audience that was asked for, as encoded fragments with open slots (`mail.fragments`);
    `mail.merge` makes a message of it. `subject` is that of the whole digest. `warnings` are what the editor should know
    before it goes out; they are said when it is compiled and kept nowhere. `fingerprint` stands for `template` where two
    mailings are compared.
    """

    newsletter: str
    period: str
    subject: str
    template: bytes = field(repr=False, compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", hashlib.sha256(self.template).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one recipient (RFC 5321's envelope and RFC 5322's data)."""

    sender: str
    recipient: str
    message_id: str
    data: bytes
