"""What Atom and RSS share: our own elements, those of scholars, and how entries become bytes and bytes a document.

Entries are written on their own and joined later. So their namespaces are declared on the root of every document, and
an entry is cut out of a root that declares the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import isfinite

from lxml import etree

from newsletter.feeds.relations import FEED_HISTORY, OWN
from newsletter.feeds.text import address, clean_text
from newsletter.model import EntryFacts, Link, Precision, Rating

DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
PRISM = "http://prismstandard.org/namespaces/basic/2.0/"  #: Crossref's recommendation for scholarly feeds

NAMESPACES = {"dc": DUBLIN_CORE, "prism": PRISM, "newsletter": OWN, "fh": FEED_HISTORY}


def append_facts(entry: etree._Element, facts: EntryFacts) -> None:
    """Add to an entry what is known of its study; what is unknown has no element."""
    _append_rating(entry, "credibility", facts.credibility)
    _append_rating(entry, "interest", facts.interest)
    _append(entry, OWN, "status", facts.status.value)
    if facts.journal:
        _append(entry, PRISM, "publicationName", facts.journal)
    if facts.issue_date:
        day = facts.issue_date.day.isoformat()
        _append(entry, PRISM, "coverDate", day[:7] if facts.issue_date.precision is Precision.MONTH else day)
    if facts.doi:
        _append(entry, PRISM, "doi", facts.doi)
        _append(entry, DUBLIN_CORE, "identifier", f"doi:{facts.doi}")
    if facts.pmid:
        _append(entry, OWN, "pmid", facts.pmid)


def _append_rating(entry: etree._Element, name: str, rating: Rating | None) -> None:
    if rating is not None and isfinite(rating.value):
        etree.SubElement(entry, f"{{{OWN}}}{name}", {"value": f"{rating.value:g}", "scale": str(rating.scale)})


def _append(entry: etree._Element, namespace: str, name: str, text: str) -> None:
    etree.SubElement(entry, f"{{{namespace}}}{name}").text = clean_text(text)


def link_attributes(link: Link) -> dict[str, str]:
    """The attributes of a link as they are written; what is not known is left out."""
    attributes = {
        "href": address(link.href),
        "rel": link.rel,
        "type": link.type,
        "hreflang": link.hreflang,
        "title": link.title,
    }
    return {name: clean_text(value) for name, value in attributes.items() if value}


class Cutter:
    """Writes an entry as it stands in a document whose root declares `namespaces`, `depth` elements below the top."""

    def __init__(self, namespaces: dict[str, str], depth: int) -> None:
        self._namespaces = namespaces
        self._above = depth - 1
        whole = self._whole(etree.Element("e"))
        self._start = whole.index(b"  " * depth + b"<e/>\n")
        self._end = self._start + len(b"  " * depth + b"<e/>\n") - len(whole)

    def cut(self, entry: etree._Element) -> bytes:
        """The entry on lines of its own, without the declarations."""
        return self._whole(entry)[self._start : self._end]

    def _whole(self, entry: etree._Element) -> bytes:
        root = last = etree.Element("e", nsmap=self._namespaces)
        for _ in range(self._above):
            last = etree.SubElement(last, "e")
        last.append(entry)
        return etree.tostring(root, encoding="utf-8", pretty_print=True)


def join(head: bytes, end: bytes, entries: Iterable[bytes], *, style: str | None) -> bytes:
    """`head`, a document without entries, with entries before `end`, its last line, and a style sheet for browsers."""
    declaration, line, rest = head.partition(b"\n")
    sheet = _style_sheet(style) if style else b""
    return b"".join((declaration, line, sheet, rest.removesuffix(end), *entries, end))


def _style_sheet(url: str) -> bytes:
    return f'<?xml-stylesheet type="text/css" href="{escape(address(url))}"?>\n'.encode()
