"""Entries as feedgen and lxml write them, element by element: what our own writing is held to.

The corrections are those of `atom.py` and `rss.py`. An entry is cut out of a root that declares the namespaces which
every document declares.
"""

from __future__ import annotations

from email.utils import format_datetime
from html import escape
from math import isfinite

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension
from lxml import etree

from newsletter.feeds.relations import OWN
from newsletter.feeds.text import address, clean_text, heading
from newsletter.feeds.xml import DUBLIN_CORE, NAMESPACES, PRISM, link_attributes
from newsletter.model import Category, Entry, EntryFacts, Precision, Rating

_ATOM = "http://www.w3.org/2005/Atom"
_RSS_NAMESPACES = NAMESPACES | {"content": "http://purl.org/rss/1.0/modules/content/", "atom": _ATOM}
_CONTENT, _END_OF_CONTENT = b"<content:encoded>", b"</content:encoded>"


class _Extras(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    """What feedgen does not write, or not rightly."""

    entry: Entry

    def extend_atom(self, written: etree._Element) -> etree._Element:
        for link in self.entry.links:
            etree.SubElement(written, "link", link_attributes(link))
        if self.entry.facts:
            _append_facts(written, self.entry.facts)
        return written

    def extend_rss(self, written: etree._Element) -> etree._Element:
        etree.SubElement(written, "pubDate").text = format_datetime(self.entry.published)
        etree.SubElement(written, f"{{{_ATOM}}}updated").text = self.entry.updated.isoformat()
        if self.entry.author.strip():
            etree.SubElement(written, f"{{{DUBLIN_CORE}}}creator").text = clean_text(self.entry.author)
        if self.entry.facts:
            _append_facts(written, self.entry.facts)
        return written


def atom_entry(entry: Entry) -> bytes:
    written = FeedEntry()
    written.id(clean_text(entry.id))
    written.title(heading(entry.title, entry.id))
    written.published(entry.published)
    written.updated(entry.updated)
    written.author(name=clean_text(entry.author))
    written.summary(clean_text(entry.summary))
    written.content(clean_text(entry.content), type="html")
    written.category([_atom_category(category) for category in entry.categories])
    written.register_extension("extras", _Extras, rss=False)
    written.extras.entry = entry
    return _cut(written.atom_entry(), NAMESPACES, above=0)


def rss_item(entry: Entry) -> bytes:
    written = FeedEntry()
    written.title(heading(entry.title, entry.id))
    page = next((link.href for link in entry.links if link.rel == "alternate"), None)
    if page:
        written.link(href=address(page), rel="alternate")
    written.description(escape(clean_text(entry.summary) or heading(entry.title, entry.id), quote=False))
    written.content(clean_text(entry.content).replace("]]>", "]]&gt;"), type="CDATA")
    written.guid(clean_text(entry.id), permalink=False)
    written.category([_rss_category(category) for category in entry.categories])
    written.register_extension("extras", _Extras, atom=False)
    written.extras.entry = entry
    return _profiled(_cut(written.rss_entry(), _RSS_NAMESPACES, above=1))


def _cut(entry: etree._Element, namespaces: dict[str, str], above: int) -> bytes:
    """The lines of an entry that stands below the root, or one element further below it."""
    root = last = etree.Element("e", nsmap=namespaces)
    for _ in range(above):
        last = etree.SubElement(last, "e")
    last.append(entry)
    lines = etree.tostring(root, encoding="utf-8", pretty_print=True).splitlines(keepends=True)
    return b"".join(lines[1 + above : -1 - above])


def _atom_category(category: Category) -> dict[str, str]:
    return {
        "term": clean_text(category.term),
        "label": clean_text(category.label),
        "scheme": clean_text(category.scheme),
    }


def _rss_category(category: Category) -> dict[str, str]:
    return {"term": clean_text(category.label or category.term), "scheme": clean_text(category.scheme)}


def _append_facts(entry: etree._Element, facts: EntryFacts) -> None:
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


def _profiled(xml: bytes) -> bytes:
    """`<` and `&` as the Advisory Board asks, outside of the CDATA section."""
    start, end = xml.index(_CONTENT), xml.rindex(_END_OF_CONTENT)
    return b"".join((_numbered(xml[:start]), xml[start:end], _numbered(xml[end:])))


def _numbered(xml: bytes) -> bytes:
    return xml.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
