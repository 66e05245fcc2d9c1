"""The site, newsletters, periods and digests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from newsletter.model.articles import Article, Notice
from newsletter.model.checks import require_aware


class Cadence(StrEnum):
    """How often a newsletter comes; the quickest first."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"

    @property
    def slower(self) -> tuple[Cadence, ...]:
        """Those that come less often, the quickest first."""
        every = tuple(Cadence)
        return every[every.index(self) + 1 :]


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
    """Who publishes, and the addresses of everything that is published. `base_url` ends without a slash.

    `privacy_url` is a page of the operator's own on how personal data are treated; empty: ours.
    """

    base_url: str
    title: str
    language: str
    author: str
    contact: str
    postal_address: str
    tag_authority: str
    tag_date: str
    description: str = ""
    privacy_url: str = ""
    sign_up: bool = False  #: whether people can sign up on the page `subscribe`
    search: bool = False  #: whether there is a page `search`

    def url(self, path: str = "") -> str:
        return f"{self.base_url}/{path}"

    @property
    def privacy(self) -> str:
        """The page that says how personal data are treated."""
        return self.privacy_url or self.url("privacy/")

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
    `leave_address` takes requests to leave by mail; empty: `reply_to` does. `full_items` articles are shown whole, the next `title_items` as titles only. `send_window`: the local hours, from and
    to, outside of which its email waits.
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
    leave_address: str = ""
    full_items: int = 5
    title_items: int = 20
    topics: tuple[str, ...] = ()
    min_credibility: float | None = None
    require_rating: bool = False
    catch_up: CatchUp = CatchUp.COALESCE
    discreet: bool = False
    send_window: tuple[time, time] | None = None

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
        require_aware(self, window_start=self.window_start, window_end=self.window_end, due_at=self.due_at)


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
