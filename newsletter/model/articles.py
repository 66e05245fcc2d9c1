"""Articles, what is said about them, and what becomes of their documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from newsletter.model.checks import require_aware


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
        require_aware(self, published=published, publish_after=self.publish_after, status_date=self.status_date)


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
        require_aware(self, published=self.published, first_seen=self.first_seen, updated=self.updated)

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
        require_aware(self, published=self.published)


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
