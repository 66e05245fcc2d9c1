"""The first verb: documents of a source become articles, or quarantine entries with a reason.

What an article is to become is decided by pure functions (`mint`, `revise`, `publication`); `ingest` reads, asks
them, and writes. A bad document costs itself alone. A document that repeats another's article is a revision of it, not
an article of its own. What is written stays, whatever comes; what a killed run had not written yet, the next one finds.

Documents are read, asked about and written several at a time, for a question and a commit cost the same for one as for
many. What comes of each is what would come of it if it were taken in alone, after those before it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from newsletter.errors import DocumentError, SourceError
from newsletter.model import (
    Accepted,
    Article,
    DateOrigin,
    Document,
    Facts,
    Notice,
    Precision,
    Quarantined,
    Site,
    Status,
    Summary,
)
from newsletter.similarity import body_marks, joined_facts, marks, study_marks, title_marks

_AT_ONCE = 256  # documents that are decided on together, and articles in one transaction
_BYTES_AT_ONCE = 4_000_000  # however large documents are, memory stays flat

_STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


class RawDocument(Protocol):
    """Bytes as a source gave them, with the sidecar's bytes beside them."""

    @property
    def key(self) -> str: ...
    @property
    def data(self) -> bytes: ...
    @property
    def facts(self) -> bytes | None: ...


Raw = TypeVar("Raw", bound=RawDocument)


class DocumentSource(Protocol[Raw]):
    """Where documents come from. `parse` raises DocumentError for a document that cannot be used."""

    @property
    def slug(self) -> str: ...
    def fetch(self) -> Iterator[Raw]: ...
    def parse(self, raw: Raw, known_topics: Collection[str]) -> Document: ...


class ArticleStore(Protocol):
    def raw_hashes(self, source: str, keys: Collection[str]) -> Mapping[str, str]: ...
    def raw_hash(self, article_id: str) -> str | None: ...
    def of(self, source: str, keys: Collection[str]) -> Mapping[str, Article]: ...
    def save_all(self, accepted: Sequence[Accepted]) -> None: ...
    def taken(self, slugs: Collection[str]) -> Collection[str]: ...
    def known_topics(self) -> Collection[str]: ...
    def everything(self) -> Iterator[tuple[Article, str]]: ...


class QuarantineStore(Protocol):
    def put(self, *entries: Quarantined) -> None: ...
    def clear(self, source: str, *keys: str) -> None: ...
    def keys(self, source: str, keys: Collection[str]) -> Collection[str]: ...


class Repeated(Protocol):
    """An article that another one repeats. Not `certain`: keep both, and tell the operator."""

    @property
    def article(self) -> Article: ...
    @property
    def certain(self) -> bool: ...


class TwinStore(Protocol):
    """Documents that tell of an article which another document gave first: key, hash of the document, article's id."""

    def raw_hashes(self, source: str, keys: Collection[str]) -> Mapping[str, str]: ...
    def find(self, source: str, key: str) -> Article | None: ...
    def remember(self, source: str, told: Collection[tuple[str, str, str]]) -> None: ...
    def find_duplicates(self, articles: Sequence[Article]) -> Sequence[Repeated | None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where articles are kept. `complete` adds to a document what is known of it from elsewhere: studies, topics."""

    articles: ArticleStore
    quarantine: QuarantineStore
    twins: TwinStore
    site: Site
    complete: Callable[[Document], Document] = lambda document: document


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What one run made of one source: keys by what happened to them, and the quarantine entries.

    `doubts` are sentences about articles that may be the same. `problem` says why the source could not be read to its
    end; what had been read by then is kept.
    """

    source: str
    new: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    doubts: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def documents(self) -> int:
        """How many there were."""
        return len(self.new) + len(self.revised) + len(self.unchanged) + len(self.quarantined)


def ingest(
    source: DocumentSource[Raw],
    shelf: Shelf,
    *,
    now: datetime,
    back_catalogue: bool = False,
    told: Callable[[], None] = lambda: None,
) -> IngestReport:
    """Take in every document of `source`, a few in each transaction: what is committed stays, whatever comes.

    `back_catalogue`: the source was never read to its end before, so what is new now was there already.
    `told` is called after each document.
    """
    intake = _Intake(source, shelf, back_catalogue=back_catalogue, told=told)
    problem = None
    try:
        for number, raw in enumerate(source.fetch()):
            # A moment for each, since readers of feeds mistrust entries that share `updated`.
            intake.take(raw, now + timedelta(milliseconds=number))
    except SourceError as error:
        problem = error.message
    intake.settle()
    return intake.report(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A document as it was read: what it says, or why it cannot be used; neither where it has not changed."""

    key: str
    raw_hash: str
    moment: datetime
    document: Document | None = None
    error: DocumentError | None = None


@dataclass(slots=True, kw_only=True)
class _Known:
    """What the store said of the documents that are decided on together, before the first of them was decided on."""

    own: Mapping[str, str]
    twins: Mapping[str, str]
    refused: Collection[str]
    existing: Mapping[str, Article] = field(default_factory=dict)
    minted: Mapping[str, tuple[Article, Repeated | None]] = field(default_factory=dict)


@dataclass(slots=True)
class _Waiting:
    """What is decided and not written yet."""

    accepted: list[Accepted] = field(default_factory=list)
    twins: list[tuple[str, str, str]] = field(default_factory=list)
    refused: list[Quarantined] = field(default_factory=list)
    usable: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Since:
    """What has come about since the store was asked, and would change its answer about an article."""

    named: set[int] = field(default_factory=set)
    bodies: dict[int, list[int]] = field(default_factory=dict)
    new: int = 0
    changed: set[int] = field(default_factory=set)
    revised: set[str] = field(default_factory=set)

    def add(self, article: Article) -> None:
        """A new article: of interest to those that share its study, its title, or two marks of its body."""
        self.named |= title_marks(article.title) | study_marks(article.facts)
        for mark in body_marks(article.summary):
            self.bodies.setdefault(mark, []).append(self.new)
        self.new += 1

    def revise(self, before: Article, after: Article) -> None:
        """An article that was there: of interest to those that share anything with what it was or is."""
        self.changed |= marks(before) | marks(after)
        self.revised.add(after.id)

    def touches(self, article: Article) -> bool:
        """Whether the store must be asked again."""
        if not self.changed.isdisjoint(marks(article)):
            return True
        if not self.named.isdisjoint(title_marks(article.title) | study_marks(article.facts)):
            return True
        shared = Counter(one for mark in body_marks(article.summary) for one in self.bodies.get(mark, ()))
        return any(common > 1 for common in shared.values())


class _KnownTopics(Collection[str]):
    """Topics that articles carry. The store is asked when the first list of glued topics comes, and then no more."""

    def __init__(self, store: ArticleStore) -> None:
        self._store = store

    @cached_property
    def _topics(self) -> Collection[str]:
        return self._store.known_topics()

    def __len__(self) -> int:
        return len(self._topics)

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __contains__(self, topic: object) -> bool:
        return topic in self._topics


class _Slugs(Container[str]):
    """The slugs that are taken; the store is asked for several at once."""

    def __init__(self, store: ArticleStore, wanted: Iterable[str]) -> None:
        self._store = store
        self._asked: set[str] = set()
        self._taken: set[str] = set()
        self._ask(wanted)

    def __contains__(self, slug: object) -> bool:
        if slug not in self._asked:
            base, _, number = str(slug).rpartition("-")
            first = int(number)  # what is not asked for yet is the next number of a slug that is taken
            self._ask(f"{base}-{each}" for each in range(first, 2 * first + 8))
        return slug in self._taken

    def add(self, slug: str) -> None:
        self._taken.add(slug)

    def _ask(self, slugs: Iterable[str]) -> None:
        wanted = set(slugs) - self._asked
        self._taken.update(self._store.taken(wanted))
        self._asked |= wanted


class _Intake:
    """One run over one source."""

    def __init__(
        self, source: DocumentSource[Any], shelf: Shelf, *, back_catalogue: bool, told: Callable[[], None]
    ) -> None:
        self._source, self._shelf, self._back_catalogue, self._told = source, shelf, back_catalogue, told
        self._topics = _KnownTopics(shelf.articles)
        self._done: dict[str, list[str]] = {"new": [], "revised": [], "unchanged": []}
        self._refused: list[Quarantined] = []
        self._doubts: list[str] = []
        self._queue: dict[str, tuple[Any, datetime]] = {}
        self._bytes = 0
        self._waiting = _Waiting()

    def take(self, raw: RawDocument, moment: datetime) -> None:
        if raw.key in self._queue:
            self.settle()
        self._queue[raw.key] = raw, moment
        self._bytes += len(raw.data)
        if len(self._queue) >= _AT_ONCE or self._bytes >= _BYTES_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Decide on each document that was taken, in their order, and write down what came of it."""
        if not self._queue:
            return
        queue, self._queue, self._bytes = self._queue, {}, 0
        self._known = self._look_up(queue)
        read = [self._read(raw, moment) for raw, moment in queue.values()]
        self._ask(read)
        for each in read:
            self._decide(each)
            self._told()
        self._write()

    def report(self, problem: str | None) -> IngestReport:
        return IngestReport(
            source=self._source.slug,
            new=tuple(self._done["new"]),
            revised=tuple(self._done["revised"]),
            unchanged=tuple(self._done["unchanged"]),
            quarantined=tuple(self._refused),
            doubts=tuple(self._doubts),
            problem=problem,
        )

    def _look_up(self, keys: Collection[str]) -> _Known:
        source, shelf = self._source.slug, self._shelf
        return _Known(
            own=shelf.articles.raw_hashes(source, keys),
            twins=shelf.twins.raw_hashes(source, keys),
            refused=shelf.quarantine.keys(source, keys),
        )

    def _read(self, raw: RawDocument, moment: datetime) -> _Read:
        read = _Read(key=raw.key, raw_hash=_raw_hash(raw), moment=moment)
        if read.raw_hash in {self._known.own.get(raw.key), self._known.twins.get(raw.key)}:
            return read
        try:
            return replace(read, document=self._shelf.complete(self._source.parse(raw, self._topics)))
        except DocumentError as error:
            return replace(read, error=error)

    def _ask(self, read: Sequence[_Read]) -> None:
        """Ask the store about everything that has changed or is new."""
        known, shelf = self._known, self._shelf
        told = {each.key: each for each in read if each.document is not None}
        if told.keys() & known.own.keys():
            known.existing = shelf.articles.of(self._source.slug, told.keys() & known.own.keys())
        minted = [self._mint(each) for key, each in told.items() if key not in known.existing]
        if minted:
            found = shelf.twins.find_duplicates(minted)
            known.minted = {one.key: (one, repeated) for one, repeated in zip(minted, found, strict=True)}
            self._slugs = _Slugs(shelf.articles, (one.slug for one in minted))
        self._since = _Since()

    def _decide(self, read: _Read) -> None:
        if read.error is not None:
            self._refuse(read, read.error)
            return
        happened = "unchanged" if read.document is None else self._keep(read, read.document)
        self._done[happened].append(read.key)
        if read.key in self._known.refused:
            self._waiting.usable.append(read.key)

    def _refuse(self, read: _Read, error: DocumentError) -> None:
        entry = Quarantined(
            source=self._source.slug,
            key=read.key,
            code=error.code,
            message=error.message,
            line=error.line,
            at=read.moment,
        )
        self._refused.append(entry)
        self._waiting.refused.append(entry)

    def _write(self) -> None:
        """Write down what is waiting: articles first, for all else can be found out again from the documents."""
        waiting, self._waiting = self._waiting, _Waiting()
        if waiting.accepted:
            self._shelf.articles.save_all(waiting.accepted)
        if waiting.twins:
            self._shelf.twins.remember(self._source.slug, waiting.twins)
        self._shelf.quarantine.put(*waiting.refused)
        self._shelf.quarantine.clear(self._source.slug, *waiting.usable)

    def _keep(self, read: _Read, document: Document) -> str:
        """Keep the document as an article of its own, or as a revision; what happened, as a word."""
        existing = self._known.existing.get(read.key)
        if existing is not None:
            return self._revise(self._newest(existing), document, read.raw_hash, read.moment)
        article, repeated = self._known.minted[read.key]
        told_before = self._told_before(article, repeated)
        if told_before is not None:
            return self._keep_twin(told_before, document, read)
        if article.slug in self._slugs:
            article = replace(article, slug=slug_for(article.title, fallback=article.key, taken=self._slugs))
        self._slugs.add(article.slug)
        notice = notice_of(article, None, site=self._shelf.site, now=read.moment)
        self._waiting.accepted.append(Accepted(article=article, raw_hash=read.raw_hash, notice=notice))
        self._since.add(article)
        return "new"

    def _keep_twin(self, told_before: Article, document: Document, read: _Read) -> str:
        own_hash = self._shelf.articles.raw_hash(told_before.id) or ""  # its own document has not changed
        joined = replace(document, facts=joined_facts(told_before.facts, document.facts))
        happened = self._revise(told_before, self._shelf.complete(joined), own_hash, read.moment)
        self._waiting.twins.append((read.key, read.raw_hash, told_before.id))
        return happened

    def _revise(self, existing: Article, document: Document, raw_hash: str, moment: datetime) -> str:
        accepted = _revision(self._shelf, existing, document, raw_hash, moment)
        self._waiting.accepted.append(accepted)
        self._since.revise(existing, accepted.article)
        return "unchanged" if accepted.article.updated == existing.updated else "revised"

    def _mint(self, read: _Read) -> Article:
        """The article that a document would be, under a slug that may be taken."""
        assert read.document is not None
        return mint(
            read.document,
            source=self._source.slug,
            site=self._shelf.site,
            slugs=(),
            now=read.moment,
            back_catalogue=self._back_catalogue,
        )

    def _told_before(self, article: Article, repeated: Repeated | None) -> Article | None:
        """The article that another document gave already, if it is certain. `repeated` was the answer of the store."""
        twin = article.key in self._known.twins
        known = self._shelf.twins.find(article.source, article.key) if twin else None
        if known is not None:
            return self._newest(known)
        if self._since.touches(article):
            self._write()  # the store must know what it is asked about
            (repeated,) = self._shelf.twins.find_duplicates([article])
        if repeated is None or repeated.certain:
            return None if repeated is None else repeated.article
        self._doubts.append(
            f"{article.source}/{article.key}: may tell of the same study as "
            f"{repeated.article.source}/{repeated.article.key}; both are kept"
        )
        return None

    def _newest(self, article: Article) -> Article:
        """The article as it has become by what was decided since it was read."""
        if article.id not in self._since.revised:
            return article
        self._write()
        return self._shelf.articles.of(article.source, [article.key])[article.key]


def refresh(shelf: Shelf, *, now: datetime) -> int:
    """Complete again what was taken in before: a study may have been retracted since. How many articles changed."""
    changed = 0
    waiting: list[Accepted] = []
    for number, (article, raw_hash) in enumerate(shelf.articles.everything()):
        document = Document(
            key=article.key,
            summary=article.summary,
            facts=article.facts,
            topics_raw=article.topics_raw,
            related=article.related,
        )
        completed = shelf.complete(document)
        if (completed.summary, completed.facts) != (article.summary, article.facts):
            waiting.append(_revision(shelf, article, completed, raw_hash, now + timedelta(milliseconds=number)))
            changed += 1
        if len(waiting) == _AT_ONCE:
            shelf.articles.save_all(waiting)
            waiting.clear()
    if waiting:
        shelf.articles.save_all(waiting)
    return changed


def _revision(shelf: Shelf, existing: Article, document: Document, raw_hash: str, moment: datetime) -> Accepted:
    article = revise(existing, document, now=moment)
    notice = notice_of(article, existing, site=shelf.site, now=moment)
    return Accepted(article=article, raw_hash=raw_hash, notice=notice)


def mint(
    document: Document, *, source: str, site: Site, slugs: Container[str], now: datetime, back_catalogue: bool = False
) -> Article:
    """A new article, seen for the first time `now`. Its id is made here and never again."""
    published, precision, origin = publication(document.facts, first_seen=now)
    return Article(
        id=site.tag(f"article/{source}/{quote(document.key)}"),
        slug=slug_for(document.summary.title, fallback=document.key, taken=slugs),
        source=source,
        key=document.key,
        summary=document.summary,
        facts=document.facts,
        published=published,
        published_precision=precision,
        date_origin=origin,
        first_seen=now,
        updated=max(now, published),
        related=document.related,
        topics_raw=document.topics_raw,
        back_catalogue=back_catalogue,
    )


def revise(existing: Article, document: Document, *, now: datetime) -> Article:
    """The same article with a new text. `updated` moves only when a reader would care."""
    published, precision, origin = publication(document.facts, first_seen=existing.first_seen)
    changed = content_hash(document.summary, document.facts) != content_hash(existing.summary, existing.facts)
    return replace(
        existing,
        summary=document.summary,
        facts=document.facts,
        published=published,
        published_precision=precision,
        date_origin=origin,
        updated=now if changed else existing.updated,
        related=document.related,
        topics_raw=document.topics_raw,
    )


def publication(facts: Facts, *, first_seen: datetime) -> tuple[datetime, Precision, DateOrigin]:
    """When the article counts as published, how exactly that is known, and who said so.

    Never after it was first seen (feed readers hide entries of the future), unless it is held back explicitly.
    The date of a journal issue is never used: it says nothing of this article, and often lies in the future.
    A date without a time becomes noon in UTC: midnight would show as the day before in New York.
    """
    if facts.publish_after is not None and facts.publish_after > first_seen:
        return facts.publish_after, Precision.INSTANT, DateOrigin.PUBLISH_AFTER
    told, origin = facts.published, facts.published_origin
    if told is None:
        return first_seen, Precision.INSTANT, DateOrigin.FIRST_SEEN
    if isinstance(told, datetime):
        return min(told, first_seen), Precision.INSTANT, origin
    noon = datetime.combine(told, time(12), UTC)
    if noon > first_seen:
        return first_seen, Precision.INSTANT, origin
    return noon, Precision.DAY, origin


def content_hash(summary: Summary, facts: Facts) -> str:
    """Tells whether a reader would care: text, ratings, status and source link; not topics, quotes or white space."""
    told = asdict(summary)
    del told["topics"], told["journal"]
    told |= {"status": facts.status, "notice": facts.notice, "source_url": facts.source_url}
    return hashlib.sha256(json.dumps(_without_style(told), sort_keys=True).encode()).hexdigest()


def _without_style(value: Any) -> Any:
    """The same value with white space collapsed and quotes straightened in every text."""
    if isinstance(value, str):
        return " ".join(value.translate(_STRAIGHT).split())
    if isinstance(value, dict):
        return {name: _without_style(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_without_style(each) for each in value]
    return value


def notice_of(article: Article, existing: Article | None, *, site: Site, now: datetime) -> Notice | None:
    """The notice that a changed status calls for; None where nothing has changed."""
    facts = article.facts
    if facts.status is Status.OK or (existing is not None and _standing(existing) == _standing(article)):
        return None
    said = hashlib.sha256(f"{facts.status}|{facts.notice}".encode()).hexdigest()[:12]
    return Notice(
        id=site.tag(f"notice/{article.source}/{quote(article.key)}/{said}"),
        article_id=article.id,
        status=facts.status,
        text=facts.notice,
        published=min(facts.status_date or now, now),
    )


def slug_for(title: str, *, fallback: str, taken: Container[str]) -> str:
    """A name for a URL, unlike all that are taken: plain letters, digits and hyphens, at most 64."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    if len(words) > 60:
        words = words[:60].rsplit("-", 1)[0]
    base = words or re.sub(r"[^a-z0-9]+", "-", fallback.lower()).strip("-") or "article"
    slug, number = base, 1
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def _standing(article: Article) -> tuple[Status, str]:
    return article.facts.status, article.facts.notice


def _raw_hash(raw: RawDocument) -> str:
    digest = hashlib.sha256(raw.data)
    digest.update(b"\0sidecar\0" + raw.facts if raw.facts is not None else b"")
    return digest.hexdigest()
