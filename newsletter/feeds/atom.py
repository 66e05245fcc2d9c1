"""Atom (RFC 4287), through feedgen.

feedgen stands for the order and form of the elements. What release 1.0.0 cannot do is done here: entry links with all
their attributes (it keeps `href` alone), text with control characters (it fails), `atom:source` (it writes two of four
elements), RFC 5005 and RFC 6721 (it knows neither). Every date is set, so that none comes from the clock.
"""

from __future__ import annotations

from collections.abc import Iterable

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from newsletter import __version__
from newsletter.feeds.relations import FEED_HISTORY, history_mark, home_link, relations
from newsletter.feeds.text import clean_text, heading
from newsletter.feeds.xml import NAMESPACES, Cutter, append_facts, join, link_attributes
from newsletter.model import Category, Entry, EntryFacts, Feed, Link, Origin, Tombstone

SUFFIX = "atom"
MEDIA_TYPE = "application/atom+xml"

_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"  #: RFC 6721
_CUTTER = Cutter(NAMESPACES, depth=1)
_END_OF_ENTRY = b"  </entry>\n"
_END_OF_SOURCE = b"    </source>\n"


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


class _EntryExtras(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    """The links and facts of one entry."""

    def __init__(self) -> None:
        self.links: tuple[Link, ...] = ()
        self.facts: EntryFacts | None = None

    def extend_atom(self, entry: etree._Element) -> etree._Element:
        for link in self.links:
            etree.SubElement(entry, "link", link_attributes(link))
        if self.facts:
            append_facts(entry, self.facts)
        return entry


def write(feed: Feed) -> bytes:
    """One Atom document in UTF-8, entries in the order given. The same feed gives the same bytes."""
    return document(feed, map(fragment, feed.entries))


def document(feed: Feed, fragments: Iterable[bytes]) -> bytes:
    """The same from entries that are written already; `feed.entries` is not looked at."""
    if feed.origin:
        source = _source(feed.origin)
        fragments = (_with_source(each, source) for each in fragments)
    return join(_head(feed), b"</feed>\n", fragments, style=feed.style)


def fragment(entry: Entry) -> bytes:
    """One `atom:entry`, as it stands in any document."""
    written = FeedEntry()
    written.id(clean_text(entry.id))
    written.title(heading(entry.title, entry.id))
    written.published(entry.published)
    written.updated(entry.updated)
    written.author(name=clean_text(entry.author))
    written.summary(clean_text(entry.summary))
    written.content(clean_text(entry.content), type="html")
    written.category([_category(category) for category in entry.categories])
    written.register_extension("extras", _EntryExtras, rss=False)
    written.extras.links = entry.links
    written.extras.facts = entry.facts
    return _CUTTER.cut(written.atom_entry())


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


def _category(category: Category) -> dict[str, str]:
    return {
        "term": clean_text(category.term),
        "label": clean_text(category.label),
        "scheme": clean_text(category.scheme),
    }


def _append_tombstone(feed: etree._Element, tombstone: Tombstone) -> None:
    name = f"{{{_TOMBSTONES}}}"
    attributes = {"ref": clean_text(tombstone.ref), "when": tombstone.when.isoformat()}
    gone = etree.SubElement(feed, f"{name}deleted-entry", attributes)
    if tombstone.comment:
        etree.SubElement(gone, f"{name}comment").text = clean_text(tombstone.comment)


def _source(origin: Origin) -> bytes:
    """`atom:source` (RFC 4287 4.2.11), but for the date, which is each entry's own, and its end."""
    entry = etree.Element("entry")
    source = etree.SubElement(entry, "source")
    etree.SubElement(source, "id").text = clean_text(origin.id)
    etree.SubElement(source, "title").text = heading(origin.title, origin.id)
    own = Link(href=f"{origin.address}.{SUFFIX}", rel="self", type=MEDIA_TYPE)
    etree.SubElement(source, "link", link_attributes(own))
    return _CUTTER.cut(entry).removeprefix(b"  <entry>\n").removesuffix(_END_OF_SOURCE + _END_OF_ENTRY)


def _with_source(entry: bytes, source: bytes) -> bytes:
    """No tag can stand in what comes before the entry's date: the text of its id and its title."""
    start = entry.index(b"<updated>")
    updated = entry[start : entry.index(b"\n", start)]
    return b"".join(
        (entry.removesuffix(_END_OF_ENTRY), source, b"      ", updated, b"\n", _END_OF_SOURCE, _END_OF_ENTRY)
    )
