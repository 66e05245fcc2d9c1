"""What Atom and RSS share: our own elements, those of scholars, and how entries become bytes and bytes a document.

Entries are written on their own and joined later. So their namespaces are declared on the root of every document. They
are written as plain texts, which takes a tenth of the time of a tree; the tests hold them to what feedgen and lxml write.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import isfinite

from newsletter.feeds.relations import FEED_HISTORY, OWN
from newsletter.feeds.text import address, clean_text
from newsletter.model import EntryFacts, Link, Precision, Rating

DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
PRISM = "http://prismstandard.org/namespaces/basic/2.0/"  #: Crossref's recommendation for scholarly feeds

NAMESPACES = {"dc": DUBLIN_CORE, "prism": PRISM, "newsletter": OWN, "fh": FEED_HISTORY}


def element(name: str, text: str, indent: str, attributes: str = "") -> str:
    """An element on a line of its own; an empty tag where there is no text."""
    if not text:
        return f"{indent}<{name}{attributes}/>\n"
    return f"{indent}<{name}{attributes}>{escaped(text)}</{name}>\n"


def escaped(text: str) -> str:
    """Text between two tags (XML 1.0, 2.4). A carriage return is named, for parsers make a line feed of it (2.11)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def text_element(name: str, text: bytes, indent: str, attributes: str = "") -> bytes:
    """`element` for a long text, in UTF-8."""
    if not text:
        return element(name, "", indent, attributes).encode()
    quoted = text.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;").replace(b"\r", b"&#13;")
    return b"".join((f"{indent}<{name}{attributes}>".encode(), quoted, f"</{name}>\n".encode()))


def attribute(name: str, value: str) -> str:
    """One attribute with a space before it. White space is named, for parsers make blanks of it (XML 1.0, 3.3.3)."""
    quoted = escaped(value).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return f' {name}="{quoted}"'


def link_element(link: Link, indent: str) -> str:
    told = "".join(attribute(name, value) for name, value in link_attributes(link).items())
    return element("link", "", indent, told)


def facts_elements(facts: EntryFacts, indent: str) -> str:
    """What is known of a study; what is unknown has no element."""
    told = [_rating("credibility", facts.credibility, indent), _rating("interest", facts.interest, indent)]
    told.append(element("newsletter:status", facts.status.value, indent))
    if facts.journal:
        told.append(element("prism:publicationName", clean_text(facts.journal), indent))
    if facts.issue_date:
        day = facts.issue_date.day.isoformat()
        month = facts.issue_date.precision is Precision.MONTH
        told.append(element("prism:coverDate", day[:7] if month else day, indent))
    if facts.doi:
        doi = clean_text(facts.doi)
        told += (element("prism:doi", doi, indent), element("dc:identifier", f"doi:{doi}", indent))
    if facts.pmid:
        told.append(element("newsletter:pmid", clean_text(facts.pmid), indent))
    return "".join(told)


def _rating(name: str, rating: Rating | None, indent: str) -> str:
    if rating is None or not isfinite(rating.value):
        return ""
    told = attribute("value", f"{rating.value:g}") + attribute("scale", str(rating.scale))
    return element(f"newsletter:{name}", "", indent, told)


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


def join(head: bytes, end: bytes, entries: Iterable[bytes], *, style: str | None) -> bytes:
    """`head`, a document without entries, with entries before `end`, its last line, and a style sheet for browsers."""
    declaration, line, rest = head.partition(b"\n")
    sheet = _style_sheet(style) if style else b""
    return b"".join((declaration, line, sheet, rest.removesuffix(end), *entries, end))


def _style_sheet(url: str) -> bytes:
    return f'<?xml-stylesheet type="text/css" href="{escape(address(url))}"?>\n'.encode()
