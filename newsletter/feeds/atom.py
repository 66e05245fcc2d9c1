"""Atom (RFC 4287), through feedgen.

feedgen writes a document without entries, and stands for the order and form of the elements of an entry too, which is
written here as text: there are thousands of them. What release 1.0.0 cannot do is done here: entry links with all their
attributes (it keeps `href` alone), text with control characters (it fails), `atom:source` (it writes two of four
elements), RFC 5005 and RFC 6721 (it knows neither). Every date is set, so that none comes from the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from newsletter import __version__
from newsletter.feeds.relations import FEED_HISTORY, history_mark, home_link, relations
from newsletter.feeds.text import clean_bytes, clean_text, heading
from newsletter.feeds.xml import (
    NAMESPACES,
    attribute,
    element,
    facts_elements,
    join,
    link_attributes,
    link_element,
    text_element,
)
from newsletter.model import Category, Entry, Feed, Link, Origin, Tombstone

SUFFIX = "atom"
MEDIA_TYPE = "application/atom+xml"

_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"  #: RFC 6721
_INDENT = "    "
_START_OF_ENTRY, _END_OF_ENTRY = "  <entry>\n", "  </entry>\n"
_ENDS = f"\n    </source>\n{_END_OF_ENTRY}".encode()  # of an entry's date, of its source and of itself


class _FeedExtras(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    """The elements of a feed that feedgen does not know. It calls `extend_atom` when it has written all else."""

    def __init__(self) -> None:
        self.mark: str | None = None
        self.tombstones: tuple[Tombstone, ...] = ()

    def extend_ns(self) -> dict[str, str]:
        return NAMESPACES | {"at": _TOMBSTONES} if self.tombstones else NAMESPACES

    def extend_atom(self, feed: etree._Element) -> etree._Element:
        if self.mark:
            etree.SubElement(feed, f"{{{FEED_HISTORY}}}{self.mark}")
        for tombstone in self.tombstones:
            _append_tombstone(feed, tombstone)
        return feed


def write(feed: Feed) -> bytes:
    """One Atom document in UTF-8, entries in the order given. The same feed gives the same bytes."""
    return document(feed, map(placing(feed), map(fragment, feed.entries)))


def placing(feed: Feed) -> Callable[[bytes], bytes]:
    """An entry says where it stood first, where that is another feed."""
    if feed.origin is None:
        return bytes
    source = _source(feed.origin)
    return lambda entry: _with_source(entry, source)


def document(feed: Feed, pieces: Iterable[bytes]) -> bytes:
    """The same from pieces that are written already; `feed.entries` is not looked at."""
    return join(_head(feed), b"</feed>\n", pieces, style=feed.style)


def fragment(entry: Entry) -> bytes:
    """One `atom:entry`."""
    author = clean_text(entry.author)
    before = (
        _START_OF_ENTRY,
        element("id", clean_text(entry.id), _INDENT),
        element("title", heading(entry.title, entry.id), _INDENT),
        element("updated", entry.updated.isoformat(), _INDENT),
        f"    <author>\n{element('name', author, _INDENT + '  ')}    </author>\n" if author else "",
    )
    content = text_element("content", clean_bytes(entry.content), _INDENT, ' type="html"')
    after = (
        element("summary", clean_text(entry.summary), _INDENT),
        *map(_category, entry.categories),
        element("published", entry.published.isoformat(), _INDENT),
        *(link_element(link, _INDENT) for link in entry.links),
        facts_elements(entry.facts, _INDENT) if entry.facts else "",
        _END_OF_ENTRY,
    )
    return b"".join(("".join(before).encode(), content, "".join(after).encode()))


def _head(feed: Feed) -> bytes:
    """A document without entries."""
    generator = FeedGenerator()
    generator.id(clean_text(feed.id))
    generator.title(heading(feed.title, feed.id))
    generator.subtitle(clean_text(feed.subtitle))
    generator.updated(feed.updated)
    generator.author(_author(feed))
    generator.language(clean_text(feed.language))
    generator.generator("newsletter", version=__version__)
    for link in (*relations(feed, SUFFIX, MEDIA_TYPE), home_link(feed)):
        generator.link(**link_attributes(link))
    generator.register_extension("extras", _FeedExtras, BaseEntryExtension)
    generator.extras.mark = history_mark(feed)
    generator.extras.tombstones = feed.tombstones
    text: bytes = generator.atom_str(pretty=True)
    return text


def _author(feed: Feed) -> dict[str, str]:
    """Never without a name: RFC 4287 4.2.1 asks for one, and feedgen would leave the author out."""
    author = {"name": heading(feed.author, feed.title or feed.id)}
    return author | {"email": clean_text(feed.author_email)} if feed.author_email else author


@lru_cache(maxsize=1024)  # topics, of which an archive has a few hundred
def _category(category: Category) -> str:
    told = attribute("term", clean_text(category.term))
    if category.scheme:
        told += attribute("scheme", clean_text(category.scheme))
    if category.label:
        told += attribute("label", clean_text(category.label))
    return element("category", "", _INDENT, told)


def _append_tombstone(feed: etree._Element, tombstone: Tombstone) -> None:
    name = f"{{{_TOMBSTONES}}}"
    attributes = {"ref": clean_text(tombstone.ref), "when": tombstone.when.isoformat()}
    gone = etree.SubElement(feed, f"{name}deleted-entry", attributes)
    if tombstone.comment:
        etree.SubElement(gone, f"{name}comment").text = clean_text(tombstone.comment)


def _source(origin: Origin) -> bytes:
    """`atom:source` (RFC 4287 4.2.11), but for the date, which is each entry's own, and its end."""
    indent = _INDENT + "  "
    own = Link(href=f"{origin.address}.{SUFFIX}", rel="self", type=MEDIA_TYPE)
    parts = (
        "    <source>\n",
        element("id", clean_text(origin.id), indent),
        element("title", heading(origin.title, origin.id), indent),
        link_element(own, indent),
    )
    return "".join(parts).encode()


def _with_source(entry: bytes, source: bytes) -> bytes:
    """No tag can stand in what comes before the entry's date: the text of its id and its title."""
    start = entry.index(b"<updated>")
    updated = entry[start : entry.index(b"\n", start)]
    return b"".join((entry[: -len(_END_OF_ENTRY)], source, b"      ", updated, _ENDS))
