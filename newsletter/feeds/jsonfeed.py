"""JSON Feed 1.1 (jsonfeed.org). What the format has no name for stands in the object `_newsletter`: docs/feeds.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from newsletter.feeds.relations import OWN, history_mark
from newsletter.feeds.text import address, clean_bytes, clean_text, heading
from newsletter.model import Entry, EntryFacts, Feed, Precision, Rating

SUFFIX = "json"
MEDIA_TYPE = "application/feed+json"

_VERSION = "https://jsonfeed.org/version/1.1"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def write(feed: Feed) -> bytes:
    """One JSON Feed in UTF-8, items in the order given. The same feed gives the same bytes."""
    return document(feed, map(fragment, feed.entries))


def placing(feed: Feed) -> Callable[[bytes], bytes]:  # noqa: ARG001 - other formats look at it
    """An item is the same in every feed: the format has no name for where it stood first."""
    return bytes


def document(feed: Feed, pieces: Iterable[bytes]) -> bytes:
    """The same from pieces that are written already; `feed.entries` is not looked at."""
    head = _bytes(_head(feed)).removesuffix(b"}")
    items = [part for piece in pieces for part in (b",\n", piece)]
    return b"".join((head, b',"items":[\n', *items[1:], b"\n]}\n"))


def fragment(entry: Entry) -> bytes:
    """One item, as it stands in any document."""
    links = {link.rel: address(link.href) for link in reversed(entry.links)}
    before = {
        "id": clean_text(entry.id),
        "url": links.get("alternate"),
        "external_url": links.get("via"),
        "title": heading(entry.title, entry.id),
    }
    after = {
        "summary": clean_text(entry.summary),
        "date_published": entry.published.isoformat(),
        "date_modified": entry.updated.isoformat(),
        "authors": _authors(entry.author),
        "tags": [clean_text(category.label or category.term) for category in entry.categories],
        "_newsletter": _facts(entry.facts) if entry.facts else None,
    }
    first, last = _bytes(_given(before)).removesuffix(b"}"), _bytes(_given(after)).removeprefix(b"{")
    return b"".join((first, b',"content_html":', _string(clean_bytes(entry.content)), b",", last))


def _head(feed: Feed) -> dict[str, Any]:
    hubs = [{"type": "WebSub", "url": address(feed.hub)}] if feed.hub else None
    return _given(
        {
            "version": _VERSION,
            "title": heading(feed.title, feed.id),
            "home_page_url": address(feed.home),
            "feed_url": _address_of(feed.address),
            "description": clean_text(feed.subtitle),
            "next_url": _address_of(feed.previous),
            "authors": _authors(feed.author),
            "language": clean_text(feed.language),
            "hubs": hubs,
            "_newsletter": _about(feed),
        }
    )


def _about(feed: Feed) -> dict[str, Any]:
    """What the other formats say of a document in elements of RFC 4287 and RFC 5005."""
    origin = feed.origin
    return _given(
        {
            "about": OWN,
            "id": clean_text(feed.id),
            "updated": feed.updated.isoformat(),
            "contact": clean_text(feed.author_email),
            "history": history_mark(feed),
            "current_url": _address_of(feed.current),
            "next_archive_url": _address_of(feed.following),
            "origin": origin and {"id": clean_text(origin.id), "feed_url": _address_of(origin.address)},
        }
    )


def _facts(facts: EntryFacts) -> dict[str, Any]:
    issue = facts.issue_date
    month = issue is not None and issue.precision is Precision.MONTH
    return _given(
        {
            "status": facts.status.value,
            "credibility": _rating(facts.credibility),
            "interest": _rating(facts.interest),
            "journal": clean_text(facts.journal or ""),
            "issue_date": issue and issue.day.isoformat()[: 7 if month else 10],
            "doi": clean_text(facts.doi or ""),
            "pmid": clean_text(facts.pmid or ""),
        }
    )


def _rating(rating: Rating | None) -> dict[str, float] | None:
    return {"value": rating.value, "scale": rating.scale} if rating and isfinite(rating.value) else None


def _authors(name: str) -> list[dict[str, str]] | None:
    return [{"name": clean_text(name)}] if name.strip() else None


def _address_of(where: str | None) -> str | None:
    return None if where is None else address(f"{where}.{SUFFIX}")


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the fields of which nothing is known; a feed without them is valid, one with null in them is not."""
    return {name: value for name, value in fields.items() if value}


def _string(clean: bytes) -> bytes:
    """A long text as JSON writes it (RFC 8259 7), sooner than `json` does: see `clean_text` for what is not in it."""
    quoted = clean.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"%b"' % quoted.replace(b"\n", b"\\n").replace(b"\r", b"\\r").replace(b"\t", b"\\t")


def _bytes(value: dict[str, Any]) -> bytes:
    return _ENCODER.encode(value).encode()
