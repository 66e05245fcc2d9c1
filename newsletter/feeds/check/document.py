"""One document, judged by its bytes alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import NamedTuple

from newsletter.feeds.check import atom, jsonfeed, opml, rss
from newsletter.feeds.check.finding import Finding, Flaw, found, quoted
from newsletter.feeds.check.outline import Outline, Page, size_flaws
from newsletter.feeds.check.source import Parsed, parse_json, parse_xml

_ROOTS = {"atom": atom.ROOT, "rss": rss.ROOT, "opml": opml.ROOT}
_OUTLINES = {atom.ROOT: atom.outline, rss.ROOT: rss.outline}


class Reading(NamedTuple):
    """What is wrong with a document, and what it says of itself: None where it cannot be read or is no feed."""

    findings: tuple[Finding, ...]
    outline: Outline | None


def read_document(path: str, data: bytes, *, base_url: str, now: datetime) -> Reading:
    """What is wrong with the document that lies at `path` below `public/`, which is served at `base_url`, and its outline.

    Its suffix says what it is meant to be. Pure: no clock, no network, nothing is expanded.
    """
    page = Page(path=path, address=f"{base_url}/{path}", base_url=base_url, now=now)
    parsed, outline = _parsed(path, data)
    flaws = [*parsed.flaws, *size_flaws(data, len(outline.ids) if outline else 0, page)]
    if not parsed.flaws:
        flaws += _judged(parsed, page)
    return Reading(tuple(found(path, flaws)), outline)


def read_outline(path: str, data: bytes) -> Outline | None:
    """What a document says of itself; None where it cannot be read or is no feed."""
    return _parsed(path, data)[1]


def suffix_of(path: str) -> str:
    return PurePosixPath(path).suffix.removeprefix(".")


def _parsed(path: str, data: bytes) -> tuple[Parsed, Outline | None]:
    if suffix_of(path) == "json":
        parsed = parse_json(data)
        return parsed, jsonfeed.outline(parsed.root) if jsonfeed.is_feed(parsed.root) else None
    parsed = parse_xml(data)
    outline_of = None if parsed.root is None else _OUTLINES.get(parsed.root.tag)
    return parsed, outline_of(parsed.root) if outline_of else None


def _judged(parsed: Parsed, page: Page) -> Iterator[Flaw]:
    suffix, root = suffix_of(page.path), parsed.root
    if suffix == "json":
        if jsonfeed.is_feed(root):
            yield from jsonfeed.judge(root, page)
        else:
            yield Flaw("F-ROOT", "document", "this is no JSON Feed: its version is none")
    elif root.tag != _ROOTS.get(suffix):
        yield Flaw("F-ROOT", "document", f"the root is {quoted(str(root.tag))} in a file with the suffix .{suffix}")
    elif suffix == "atom":
        yield from atom.judge(root, page)
    elif suffix == "rss":
        yield from rss.judge(root, page, parsed.text)
    else:
        yield from opml.judge(root, page)
