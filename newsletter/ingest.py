"""The first verb: documents of a source become articles, or quarantine entries with a reason.

What an article is to become is decided by pure functions (`mint`, `revise`, `publication`); `ingest` reads, asks
them, and writes. A bad document costs itself alone. A document that repeats another's article is a revision of it, not
an article of its own. What is written stays, whatever comes; what a killed run had not written yet, the next one finds.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta
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
from newsletter.similarity import joined_facts, marks

_AT_ONCE = 64  # articles in one transaction

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
    def raw_hashes(self, source: str) -> Mapping[str, str]: ...
    def raw_hash(self, article_id: str) -> str | None: ...
    def find(self, source: str, key: str) -> Article | None: ...
    def save_all(self, accepted: Sequence[Accepted]) -> None: ...
    def slugs(self) -> set[str]: ...
    def known_topics(self) -> Mapping[str, int]: ...
    def everything(self) -> Iterator[tuple[Article, str]]: ...


class QuarantineStore(Protocol):
    def put(self, entry: Quarantined) -> None: ...
    def clear(self, source: str, key: str) -> None: ...
    def keys(self, source: str) -> set[str]: ...


class Repeated(Protocol):
    """An article that another one repeats. Not `certain`: keep both, and tell the operator."""

    @property
    def article(self) -> Article: ...
    @property
    def certain(self) -> bool: ...


class TwinStore(Protocol):
    """Documents that tell of an article which another document gave first."""

    def raw_hashes(self, source: str) -> Mapping[str, str]: ...
    def find(self, source: str, key: str) -> Article | None: ...
    def remember(self, source: str, key: str, raw_hash: str, article_id: str) -> None: ...
    def find_duplicate(self, article: Article) -> Repeated | None: ...


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
    intake = _Intake(source, shelf, back_catalogue=back_catalogue)
    problem = None
    try:
        for number, raw in enumerate(source.fetch()):
            # A moment for each, since readers of feeds mistrust entries that share `updated`.
            intake.take(raw, now + timedelta(milliseconds=number))
            told()
    except SourceError as error:
        problem = error.message
    intake.write()
    return intake.report(problem)


class _Intake:
    """One run over one source."""

    def __init__(self, source: DocumentSource[Any], shelf: Shelf, *, back_catalogue: bool) -> None:
        self._source, self._shelf, self._back_catalogue = source, shelf, back_catalogue
        self._own, self._twins = shelf.articles.raw_hashes(source.slug), shelf.twins.raw_hashes(source.slug)
        self._refused_before = shelf.quarantine.keys(source.slug)
        self._slugs, self._topics = shelf.articles.slugs(), shelf.articles.known_topics()
        self._done: dict[str, list[str]] = {"new": [], "revised": [], "unchanged": []}
        self._refused: list[Quarantined] = []
        self._doubts: list[str] = []
        self._waiting: list[Accepted] = []
        self._waiting_marks: set[int] = set()

    def take(self, raw: RawDocument, moment: datetime) -> None:
        raw_hash = _raw_hash(raw)
        if raw_hash in {self._own.get(raw.key), self._twins.get(raw.key)}:
            self._done["unchanged"].append(raw.key)
        else:
            try:
                document = self._shelf.complete(self._source.parse(raw, self._topics))
            except DocumentError as error:
                self._refuse(raw.key, error, moment)
                return
            self._done[self._keep(document, raw_hash, moment)].append(raw.key)
        if raw.key in self._refused_before:
            self._shelf.quarantine.clear(self._source.slug, raw.key)

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

    def _refuse(self, key: str, error: DocumentError, moment: datetime) -> None:
        entry = Quarantined(
            source=self._source.slug, key=key, code=error.code, message=error.message, line=error.line, at=moment
        )
        self._refused.append(entry)
        self._shelf.quarantine.put(entry)

    def write(self) -> None:
        """Write down what is waiting, in one transaction."""
        if self._waiting:
            self._shelf.articles.save_all(self._waiting)
            self._waiting.clear()
            self._waiting_marks.clear()

    def _keep(self, document: Document, raw_hash: str, moment: datetime) -> str:
        """Keep the document as an article of its own, or as a revision; what happened, as a word."""
        slug, existing = self._source.slug, None
        if document.key in self._own:
            existing = self._shelf.articles.find(slug, document.key)
        if existing is not None:
            return _save_revision(self._shelf, existing, document, raw_hash, moment)
        article = self._mint(document, moment)
        told_before = self._told_before(article)
        if told_before is not None:
            return self._keep_twin(told_before, document, raw_hash, moment)
        self._slugs.add(article.slug)
        notice = notice_of(article, None, site=self._shelf.site, now=moment)
        self._waiting.append(Accepted(article=article, raw_hash=raw_hash, notice=notice))
        self._waiting_marks |= marks(article)
        if len(self._waiting) == _AT_ONCE:
            self.write()
        return "new"

    def _keep_twin(self, told_before: Article, document: Document, raw_hash: str, moment: datetime) -> str:
        self._shelf.twins.remember(self._source.slug, document.key, raw_hash, told_before.id)
        own_hash = self._shelf.articles.raw_hash(told_before.id) or ""  # its own document has not changed
        joined = replace(document, facts=joined_facts(told_before.facts, document.facts))
        return _save_revision(self._shelf, told_before, joined, own_hash, moment)

    def _mint(self, document: Document, moment: datetime) -> Article:
        return mint(
            document,
            source=self._source.slug,
            site=self._shelf.site,
            slugs=self._slugs,
            now=moment,
            back_catalogue=self._back_catalogue,
        )

    def _told_before(self, article: Article) -> Article | None:
        """The article that another document gave already, if it is certain."""
        if not self._waiting_marks.isdisjoint(marks(article)):
            self.write()  # the store must know what it is asked about
        known = self._shelf.twins.find(article.source, article.key) if article.key in self._twins else None
        if known is not None:
            return known
        found = self._shelf.twins.find_duplicate(article)
        if found is None or found.certain:
            return None if found is None else found.article
        self._doubts.append(
            f"{article.source}/{article.key}: may tell of the same study as "
            f"{found.article.source}/{found.article.key}; both are kept"
        )
        return None


def refresh(shelf: Shelf, *, now: datetime) -> int:
    """Complete again what was taken in before: a study may have been retracted since. How many articles changed."""
    changed = 0
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
            _save_revision(shelf, article, completed, raw_hash, now + timedelta(milliseconds=number))
            changed += 1
    return changed


def _save_revision(shelf: Shelf, existing: Article, document: Document, raw_hash: str, moment: datetime) -> str:
    article = revise(existing, document, now=moment)
    notice = notice_of(article, existing, site=shelf.site, now=moment)
    shelf.articles.save_all([Accepted(article=article, raw_hash=raw_hash, notice=notice)])
    return "unchanged" if article.updated == existing.updated else "revised"


def mint(
    document: Document, *, source: str, site: Site, slugs: Collection[str], now: datetime, back_catalogue: bool = False
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


def slug_for(title: str, *, fallback: str, taken: Collection[str]) -> str:
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
