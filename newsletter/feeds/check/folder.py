"""Everything below `public/feeds/`: each document, the chains of archives, and what must agree between files."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urljoin

import brotli
from selectolax.lexbor import LexborHTMLParser

from newsletter.feeds.check import opml
from newsletter.feeds.check.document import read_document, suffix_of
from newsletter.feeds.check.finding import Finding, Flaw, found, quoted
from newsletter.feeds.check.outline import FORMATS, Name, Outline, name_of
from newsletter.feeds.check.source import parse_xml
from newsletter.feeds.check.walk import Walk, follow

Ledger = Mapping[str, Sequence[str]]

LIST = "feeds/feeds.opml"
PAGES = ("index.html", "feeds/index.html")  #: where a reader may look for any feed
_COPIES = {"gz": gzip.decompress, "br": brotli.decompress}
_MOST = 10  # ids that are told of one feed one by one


def documents(paths: Sequence[str]) -> tuple[str, ...]:
    """Those of `paths` that are documents to be judged: feeds in all formats, and the list of them."""
    return tuple(sorted((path for path in paths if name_of(path) or path == LIST), key=_together))


def _together(path: str) -> tuple[str, str]:
    """The formats of one document stand side by side, so that what they share is judged once."""
    stem, _, suffix = path.rpartition(".")
    return stem, suffix


def check_folder(
    paths: Sequence[str],
    read: Callable[[str], bytes | None],
    *,
    base_url: str,
    now: datetime,
    ledger: Ledger | None = None,
    frozen: Mapping[str, str] | None = None,
    told: Callable[[], None] = lambda: None,
) -> Iterator[Finding]:
    """Judge the files `paths` below `public/`, one at a time. `read` gives the bytes of one, None where there is none.

    `ledger` holds for each feed (`feeds/articles`) the ids that were ever published in it, `frozen` for each archive
    document by its path the SHA-256 of its bytes in hexadecimal; None where neither is known. `told` is called after
    each document.
    """
    shelf = _Shelf(base_url=base_url)
    for path in documents(paths):
        data = read(path)
        if data is not None:
            reading = read_document(path, data, base_url=base_url, now=now)
            yield from reading.findings
            yield from found(path, _copy_flaws(path, data, read))
            yield from found(path, _change_flaws(data, (frozen or {}).get(path)))
            shelf.add(path, reading.outline)
        told()
    for path in sorted(set(frozen or ()) - set(shelf.names)):
        yield from found(path, [Flaw("F-CHANGED", "document", "the archive document is missing")])
    yield from shelf.chains(ledger)
    yield from shelf.formats()
    yield from shelf.listed(read(LIST))
    yield from shelf.discovered(read)


def _copy_flaws(path: str, data: bytes, read: Callable[[str], bytes | None]) -> Iterator[Flaw]:
    """A server may send the compressed copies that lie beside a file in its place."""
    for suffix, unpack in _COPIES.items():
        packed = read(f"{path}.{suffix}")
        if packed is None:
            continue
        try:
            same = unpack(packed) == data
        except (OSError, EOFError, zlib.error, brotli.error):
            same = False
        if not same:
            yield Flaw("F-COPY", f"{path}.{suffix}", "the compressed copy has another content than the file")


def _change_flaws(data: bytes, recorded: str | None) -> Iterator[Flaw]:
    now = hashlib.sha256(data).hexdigest()
    if recorded is not None and now != recorded:
        yield Flaw("F-CHANGED", "document", f"the bytes have the hash {now[:12]}, not {recorded[:12]}")


@dataclass(slots=True, kw_only=True)
class _Shelf:
    """What the documents said of themselves. Ids are kept once, however many documents hold them."""

    base_url: str
    outlines: dict[str, Outline] = field(default_factory=dict)
    names: dict[str, Name] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, outline: Outline | None) -> None:
        name = name_of(path)
        if name is None:
            return
        self.names[path] = name
        if outline is not None:
            ids = tuple(self._ids.setdefault(identity, identity) for identity in outline.ids)
            self.outlines[path] = replace(outline, ids=ids)

    def chains(self, ledger: Ledger | None) -> Iterator[Finding]:
        """Walk each feed in each format from its live document; what no walk came by is loose."""
        visited: set[str] = set()
        compared: set[str] = set()
        for path in (path for path in self._live() if path in self.outlines):
            walked = follow(self._at, self._address(path))
            visited.update(walked.documents)
            for address, flaw in walked.flaws:
                yield from found(self._path(address), [flaw])
            feed = self.names[path].feed
            if ledger is not None and feed in ledger and feed not in compared:
                compared.add(feed)  # in one format: that the others hold the same is another rule
                yield from found(path, _ledger_flaws(walked, ledger[feed], self._gone(feed)))
        for path in self.outlines:
            if self._address(path) not in visited:
                yield from found(path, [Flaw("F-CHAIN-LOOSE", "document", "no walk comes by")])
        if ledger is not None:
            yield from self._unpublished(ledger)

    def _unpublished(self, ledger: Ledger) -> Iterator[Finding]:
        served = {name.feed for name in self.names.values()}
        for feed, ids in ledger.items():
            if ids and feed not in served:
                yield from found(feed, [Flaw("F-LOST", "feed", f"the feed with {len(ids)} ids is missing")])
        for feed in sorted(served - set(ledger)):
            yield from found(feed, [Flaw("F-NEW-ID", "feed", "the store knows no such feed")])

    def _gone(self, feed: str) -> frozenset[str]:
        """Ids of entries that were taken down. Atom alone can say so."""
        ids = (outline.gone for path, outline in self.outlines.items() if self.names[path].feed == feed)
        return frozenset().union(*ids)

    def formats(self) -> Iterator[Finding]:
        """Each document stands there in all formats, with the same entries in the same order."""
        stems: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.names:
            stems[path.rpartition(".")[0]].append(path)
        for stem, paths in stems.items():
            missing = [suffix for suffix in FORMATS if f"{stem}.{suffix}" not in paths]
            for suffix in missing:
                yield from found(paths[0], [Flaw("F-FORMATS", "document", f"there is no {stem}.{suffix} beside it")])
            read = [path for path in paths if path in self.outlines]
            for path in read[1:]:
                if self.outlines[path].ids != self.outlines[read[0]].ids:
                    yield from found(path, [Flaw("F-FORMATS", "document", self._difference(read[0], path))])

    def _difference(self, first: str, second: str) -> str:
        one, other = self.outlines[first].ids, self.outlines[second].ids
        there, here = frozenset(one), frozenset(other)
        missing = next((identity for identity in one if identity not in here), None)
        added = next((identity for identity in other if identity not in there), None)
        if missing is not None:
            return f"the entry {quoted(missing)} of {first} is missing"
        if added is not None:
            return f"the entry {quoted(added)} is not in {first}"
        return f"the entries stand in another order than in {first}"

    def listed(self, data: bytes | None) -> Iterator[Finding]:
        """The list for import names each feed once, in whatever format."""
        root = None if data is None else parse_xml(data).root
        if root is None:
            if data is None and self.names:
                yield from found(LIST, [Flaw("F-LIST", "document", "there is no such file")])
            return
        named = opml.addresses(root)
        stems = [address.rpartition(".")[0] for address in named]
        for path in self._live():
            stem = self._address(path).rpartition(".")[0]
            if path.endswith(f".{FORMATS[0]}") and stems.count(stem) != 1:
                flaw = Flaw("F-LIST", "outline", f"{quoted(stem)} is named {stems.count(stem)} times")
                yield from found(LIST, [flaw])
        served = {self._address(path) for path in self._live()}
        for address in named:
            if address not in served:
                yield from found(LIST, [Flaw("F-LIST", "outline", f"{quoted(address)} is no live feed")])

    def discovered(self, read: Callable[[str], bytes | None]) -> Iterator[Finding]:
        """Each feed is announced on its own page, or on the pages that are about all feeds."""
        everywhere = {page: self._announced(page, read) for page in PAGES}
        general = frozenset().union(*everywhere.values())
        if self.names and not everywhere[PAGES[0]]:
            yield from found(PAGES[0], [Flaw("F-DISCOVERY", "head", "no feed of ours is announced")])
        for path in self._live():
            address, outline = self._address(path), self.outlines.get(path)
            if suffix_of(path) != FORMATS[0] or outline is None or address in general:
                continue
            page = _page(self._path(outline.home))
            if address not in self._announced(page, read):
                yield from found(page, [Flaw("F-DISCOVERY", "head", f"the feed {quoted(address)} is not announced")])

    def _announced(self, page: str, read: Callable[[str], bytes | None]) -> frozenset[str]:
        data = read(page) if "://" not in page else None
        if data is None:
            return frozenset()
        links = LexborHTMLParser(data).css('head link[rel~="alternate"][type="application/atom+xml"]')
        here = f"{self.base_url}/{page.removesuffix('index.html')}"
        ours = {self._address(path) for path in self._live()}
        return frozenset(urljoin(here, link.attributes.get("href") or "") for link in links) & ours

    def _live(self) -> list[str]:
        return [path for path, name in self.names.items() if name.archive is None]

    def _at(self, address: str) -> Outline | None:
        return self.outlines.get(self._path(address))

    def _address(self, path: str) -> str:
        return f"{self.base_url}/{path}"

    def _path(self, address: str) -> str:
        return address.removeprefix(f"{self.base_url}/")


def _page(path: str) -> str:
    return f"{path}index.html" if path == "" or path.endswith("/") else path


def _ledger_flaws(walked: Walk, recorded: Sequence[str], gone: frozenset[str]) -> Iterator[Flaw]:
    known, served = set(recorded), set(walked.ids)
    lost = [identity for identity in dict.fromkeys(recorded) if identity not in served and identity not in gone]
    new = [identity for identity in walked.ids if identity not in known]
    for code, ids, what in (("F-LOST", lost, "was published and is not served"), ("F-NEW-ID", new, "is in no record")):
        for identity in ids[:_MOST]:
            yield Flaw(code, quoted(identity), f"the id {what}")
        if len(ids) > _MOST:
            yield Flaw(code, "feed", f"and so with {len(ids) - _MOST} more ids: each {what}")
