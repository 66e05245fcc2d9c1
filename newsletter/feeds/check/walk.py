"""A walk over the documents of one feed, as a reader of RFC 5005 (section 4.2) goes it: from the live one back to the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from newsletter.feeds.check.document import read_outline
from newsletter.feeds.check.finding import Flaw, quoted
from newsletter.feeds.check.outline import Outline

Outlined = Callable[[str], Outline | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where a walk came by, and what it found. Flaws stand with the address of their document.

    `ids` holds each id once, as first met; `versions` says when the newest version of each was updated and which
    document holds it. `gone` are those that were taken down.
    """

    documents: tuple[str, ...]
    ids: tuple[str, ...]
    versions: dict[str, tuple[datetime | None, str]]
    gone: tuple[str, ...]
    flaws: tuple[tuple[str, Flaw], ...]


def walk(read: Callable[[str], bytes | None], address: str) -> Walk:
    """Walk from the live document at `address`. `read` gives the bytes behind an address, or None.

    One document is held at a time; what is kept of it are ids and dates.
    """

    def outlined(at: str) -> Outline | None:
        data = read(at)
        return None if data is None else read_outline(at, data)

    return follow(outlined, address)


def follow(outlined: Outlined, address: str) -> Walk:
    """The same over documents that have been read already."""
    steps = _Steps(outlined, address)
    steps.go()
    return Walk(
        documents=tuple(steps.documents),
        ids=tuple(steps.versions),
        versions=steps.versions,
        gone=tuple(dict.fromkeys(steps.gone)),
        flaws=tuple(steps.flaws),
    )


@dataclass(slots=True)
class _Steps:
    """A walk under way."""

    outlined: Outlined
    live: str
    documents: list[str] = field(default_factory=list)
    versions: dict[str, tuple[datetime | None, str]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    flaws: list[tuple[str, Flaw]] = field(default_factory=list)

    def go(self) -> None:
        came_from, address = "", self.live
        while True:
            outline = self.outlined(address)
            if outline is None:
                where = came_from or address
                self._say(where, "F-CHAIN-BROKEN", f"there is no document at {quoted(address)}")
                return
            self.documents.append(address)
            self._take(outline, address)
            if came_from:
                self._look_back(outline, address, came_from)
            previous = outline.links.get("prev-archive")
            if previous is None:
                return
            if previous in self.documents:
                self._say(address, "F-CHAIN-CIRCLE", f"prev-archive leads back to {quoted(previous)}")
                return
            came_from, address = address, previous

    def _look_back(self, outline: Outline, address: str, came_from: str) -> None:
        """What an archive document says of the live one and of the one after it."""
        if outline.links.get("current") != self.live:
            self._say(address, "F-CHAIN-CURRENT", f"current is {quoted(outline.links.get('current'))}")
        following = outline.links.get("next-archive")
        if came_from != self.live:
            if following != came_from:
                self._say(address, "F-CHAIN-BACK", f"next-archive is {quoted(following)}, not {quoted(came_from)}")
        elif following is not None and (following == self.live or self.outlined(following) is not None):
            found = f"next-archive leads to {quoted(following)}, from which no document leads back"
            self._say(address, "F-CHAIN-BACK", found)

    def _take(self, outline: Outline, address: str) -> None:
        self.gone += outline.gone
        for identity, updated in zip(outline.ids, outline.updated, strict=True):
            known = self.versions.get(identity)
            if known is None:
                self.versions[identity] = (updated, address)
            elif known[1] != address:
                for flaw in _repeated(identity, updated, known):
                    self.flaws.append((address, flaw))

    def _say(self, address: str, code: str, found: str) -> None:
        self.flaws.append((address, Flaw(code, "feed", found)))


def _repeated(identity: str, updated: datetime | None, known: tuple[datetime | None, str]) -> Iterator[Flaw]:
    """An entry that a newer document holds, too. Without dates of update nothing can be said of two versions."""
    newer, address = known
    if updated is None or newer is None:
        return
    if updated == newer:
        yield Flaw("F-CHAIN-TWICE", quoted(identity), f"the same version stands in {quoted(address)}")
    elif updated > newer:
        yield Flaw("F-CHAIN-STALE", quoted(identity), f"an older version stands in {quoted(address)}, which is newer")
