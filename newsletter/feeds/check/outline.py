"""What a document says of itself and of its place among others, whatever its format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from newsletter.feeds.check.finding import Flaw, quoted
from newsletter.feeds.check.values import host_of, id_flaws

FORMATS = ("atom", "rss", "json")  #: suffixes of the formats in which every feed is written
_FEED = r"feeds/(?:articles|notices|(?:topics|newsletters)/[^/]+)"
_DOCUMENT = re.compile(rf"(?P<feed>{_FEED})(?:/(?P<archive>\d{{4}}-\d\d(?:-\d+)?))?\.(?P<suffix>atom|rss|json)")
_FEW = 15  # entries that a live document holds however large they are
_LARGE = 512 * 1024
_LIMIT = 5_000_000
_SKEW = timedelta(minutes=10)  # clocks differ, and entries taken in together stand a millisecond apart


class Name(NamedTuple):
    """A document by its path below `public/`: the feed that it belongs to, and its name there if it is an archive."""

    feed: str
    archive: str | None
    suffix: str


def name_of(path: str) -> Name | None:
    """None for a file that is no document of a feed."""
    matched = _DOCUMENT.fullmatch(path)
    return matched and Name(matched["feed"], matched["archive"], matched["suffix"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The circumstances in which a document is judged. `address` is the one under which it is served."""

    path: str
    address: str
    base_url: str
    now: datetime

    @property
    def host(self) -> str:
        return host_of(self.base_url)

    @property
    def archive(self) -> bool:
        name = name_of(self.path)
        return name is not None and name.archive is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Entries by id with the moment of their last update, and links to other documents by relation.

    `gone` are ids of entries that were taken down (RFC 6721). `home` is the page for people.
    """

    ids: tuple[str, ...]
    updated: tuple[datetime | None, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    archive: bool = False
    complete: bool = False
    gone: tuple[str, ...] = ()
    home: str = ""


def size_flaws(data: bytes, entries: int, page: Page) -> Iterator[Flaw]:
    if len(data) > _LIMIT:
        yield Flaw("F-SIZE-LIMIT", "document", f"there are {len(data):,} bytes")
    elif len(data) > _LARGE and entries > _FEW and not page.archive:
        yield Flaw("F-SIZE", "document", f"there are {len(data):,} bytes in {entries} entries")


def entry_id_flaws(ids: Sequence[str], page: Page) -> Iterator[Flaw]:
    for number, identity in enumerate(ids, 1):
        if identity:
            yield from id_flaws(identity, entry_place(number), page.now)
    for identity, times in Counter(each for each in ids if each).items():
        if times > 1:
            yield Flaw("F-ID-TWICE", "document", f"the id {quoted(identity)} stands {times} times")


def date_flaws(name: str, text: str, moment: datetime | None, place: str, page: Page) -> Iterator[Flaw]:
    if moment is None:
        yield Flaw("F-DATE", place, f"{name} is {quoted(text)}")
    elif moment > page.now + _SKEW:
        yield Flaw("F-FUTURE", place, f"{name} is {quoted(text)}")


def update_flaws(updated: Sequence[datetime | None], published: Sequence[datetime | None]) -> Iterator[Flaw]:
    """The dates of entries against one another."""
    for number, (late, early) in enumerate(zip(updated, published, strict=True), 1):
        if late is not None and early is not None and late < early:
            found = f"it was updated at {late.isoformat()}, before {early.isoformat()}"
            yield Flaw("F-DATE-ORDER", entry_place(number), found)
    for moment, times in Counter(each for each in updated if each is not None).items():
        if times > 1:
            yield Flaw("F-UPDATED-TWICE", "document", f"{times} entries were updated at {moment.isoformat()}")


def order_flaws(*dates: Sequence[datetime | None]) -> Iterator[Flaw]:
    """By any of the dates: an entry may keep its place or move up when it changes."""
    for each in dates:
        known = [moment for moment in each if moment is not None]
        if known == sorted(known, reverse=True):
            return
    yield Flaw("F-ORDER", "document", "the entries stand in no order of time")


def newest_flaws(updated: datetime | None, entries: Sequence[datetime | None]) -> Iterator[Flaw]:
    """The feed's own date (RFC 4287 4.2.15)."""
    newest = max((moment for moment in entries if moment is not None), default=None)
    if updated is not None and newest is not None and updated != newest:
        found = f"the feed was updated at {updated.isoformat()}, its newest entry at {newest.isoformat()}"
        yield Flaw("F-FEED-DATE", "feed", found)


def history_flaws(outline: Outline, page: Page) -> Iterator[Flaw]:
    """RFC 5005: what this document says of others must fit to what it is."""
    older, links = "prev-archive" in outline.links, outline.links
    if outline.archive != page.archive:
        kind = "an archive document" if page.archive else "a live document"
        yield Flaw("F-ARCHIVE-MARK", "feed", f"this is {kind} {'without' if page.archive else 'with'} fh:archive")
    if page.archive:
        for rel in ("current", "next-archive"):
            if rel not in links:
                yield Flaw("F-ARCHIVE-LINKS", "feed", f"an archive document has no link of rel {rel}")
    else:
        for rel in ("current", "next-archive"):
            if rel in links:
                yield Flaw("F-ARCHIVE-LINKS", "feed", f"a live document has a link of rel {rel}")
        if not older and not outline.complete:
            yield Flaw("F-ARCHIVE-LINKS", "feed", "a live document has neither prev-archive nor fh:complete")
    if outline.complete and (older or page.archive):
        yield Flaw(
            "F-COMPLETE",
            "feed",
            f"there is fh:complete in {'an archive' if page.archive else 'a document with older ones'}",
        )


def entry_place(number: int) -> str:
    return f"entry {number}"
