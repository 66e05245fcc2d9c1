"""The first verb: documents of a source become articles, or quarantine entries with a reason.

What an article is to become is decided by pure functions (`mint`, `revise`, `publication`); `ingest` reads, asks
them, and writes. A bad document costs itself alone, and each document is written in a transaction of its own, so a
killed run loses nothing that it had accepted.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol, TypeVar

from newsletter.errors import DocumentError
from newsletter.model import (
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
    def find(self, source: str, key: str) -> Article | None: ...
    def save(self, article: Article, raw_hash: str, notice: Notice | None = None) -> None: ...
    def slugs(self) -> set[str]: ...
    def known_topics(self) -> Mapping[str, int]: ...


class QuarantineStore(Protocol):
    def put(self, entry: Quarantined) -> None: ...
    def clear(self, source: str, key: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What one run made of one source: keys by what happened to them, and the quarantine entries."""

    source: str
    new: tuple[str, ...]
    revised: tuple[str, ...]
    unchanged: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]

    @property
    def documents(self) -> int:
        """How many there were."""
        return len(self.new) + len(self.revised) + len(self.unchanged) + len(self.quarantined)


def ingest(
    source: DocumentSource[Raw], articles: ArticleStore, quarantine: QuarantineStore, *, site: Site, now: datetime
) -> IngestReport:
    """Take in every document of `source`. Raises SourceError where the source as a whole cannot be read.

    What a source holds when it is asked for the first time is its back catalogue.
    """
    seen = articles.raw_hashes(source.slug)
    slugs, topics = articles.slugs(), articles.known_topics()
    done: dict[str, list[str]] = {"new": [], "revised": [], "unchanged": []}
    refused: list[Quarantined] = []
    for number, raw in enumerate(source.fetch()):
        raw_hash = _raw_hash(raw)
        if seen.get(raw.key) == raw_hash:
            done["unchanged"].append(raw.key)
            continue
        moment = now + timedelta(milliseconds=number)  # RFC 4287 readers mistrust entries that share `updated`
        try:
            document = source.parse(raw, topics)
        except DocumentError as error:
            refused.append(_refuse(source.slug, raw.key, error, now))
            quarantine.put(refused[-1])
            continue
        existing = articles.find(source.slug, raw.key)
        article = (
            mint(document, source=source.slug, site=site, slugs=slugs, now=moment, back_catalogue=not seen)
            if existing is None
            else revise(existing, document, now=moment)
        )
        slugs.add(article.slug)
        articles.save(article, raw_hash, notice_of(article, existing, site=site, now=moment))
        quarantine.clear(source.slug, raw.key)
        done[_happened(existing, article)].append(raw.key)
    return IngestReport(
        source=source.slug,
        new=tuple(done["new"]),
        revised=tuple(done["revised"]),
        unchanged=tuple(done["unchanged"]),
        quarantined=tuple(refused),
    )


def mint(
    document: Document, *, source: str, site: Site, slugs: Collection[str], now: datetime, back_catalogue: bool = False
) -> Article:
    """A new article, seen for the first time `now`. Its id is made here and never again."""
    published, precision, origin = publication(document.facts, first_seen=now)
    return Article(
        id=site.tag(f"article/{source}/{document.key}"),
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
        id=site.tag(f"notice/{article.source}/{article.key}/{said}"),
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


def _happened(existing: Article | None, article: Article) -> str:
    if existing is None:
        return "new"
    return "revised" if article.updated != existing.updated else "unchanged"


def _raw_hash(raw: RawDocument) -> str:
    digest = hashlib.sha256(raw.data)
    digest.update(b"\0sidecar\0" + raw.facts if raw.facts is not None else b"")
    return digest.hexdigest()


def _refuse(source: str, key: str, error: DocumentError, now: datetime) -> Quarantined:
    return Quarantined(source=source, key=key, code=error.code, message=error.message, line=error.line, at=now)
