"""RSS 2.0 with the RSS Advisory Board's profile, through feedgen.

What feedgen 1.0.0 gets wrong is done here: it takes the last link for the site's, writes no `atom:link` but the feed's
own, drops authors without an address, stamps the clock, and sets the locale of the whole process to write a date.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from html import escape

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from newsletter import __version__
from newsletter.feeds.relations import FEED_HISTORY, history_mark, relations
from newsletter.feeds.text import address, clean_text, heading
from newsletter.feeds.xml import DUBLIN_CORE, NAMESPACES, Cutter, append_facts, join, link_attributes
from newsletter.model import Category, Entry, Feed, Origin

SUFFIX = "rss"
MEDIA_TYPE = "application/rss+xml"

_ATOM = "http://www.w3.org/2005/Atom"
_CUTTER = Cutter(NAMESPACES | {"content": "http://purl.org/rss/1.0/modules/content/", "atom": _ATOM}, depth=2)
_END_OF_ITEM = b"    </item>\n"
_CONTENT, _END_OF_CONTENT = b"<content:encoded>", b"</content:encoded>"


class _FeedExtras(BaseExtension):  # type: ignore[misc]  # feedgen ships no types
    """The elements of a channel that feedgen does not write, or not rightly."""

    feed: Feed

    def extend_ns(self) -> dict[str, str]:
        return NAMESPACES

    def extend_rss(self, rss: etree._Element) -> etree._Element:
        channel = rss[0]
        etree.SubElement(channel, "lastBuildDate").text = _date(self.feed.updated)
        for link in relations(self.feed, SUFFIX, MEDIA_TYPE):
            etree.SubElement(channel, f"{{{_ATOM}}}link", link_attributes(link))
        if mark := history_mark(self.feed):
            etree.SubElement(channel, f"{{{FEED_HISTORY}}}{mark}")
        return rss


class _EntryExtras(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    """The elements of an item that feedgen does not write, or not rightly."""

    entry: Entry

    def extend_rss(self, item: etree._Element) -> etree._Element:
        etree.SubElement(item, "pubDate").text = _date(self.entry.published)
        etree.SubElement(item, f"{{{_ATOM}}}updated").text = self.entry.updated.isoformat()
        if self.entry.author.strip():
            etree.SubElement(item, f"{{{DUBLIN_CORE}}}creator").text = clean_text(self.entry.author)
        if self.entry.facts:
            append_facts(item, self.entry.facts)
        return item


class _Channel(FeedGenerator):  # type: ignore[misc]  # feedgen ships no types
    """A channel without a date from the clock, for which feedgen 1.0.0 has no switch, and without its own address."""

    def __init__(self) -> None:
        super().__init__()
        self._FeedGenerator__rss_lastBuildDate: None = None
        self.docs("")


def write(feed: Feed) -> bytes:
    """One RSS document in UTF-8, items in the order given. The same feed gives the same bytes."""
    return document(feed, map(fragment, feed.entries))


def document(feed: Feed, fragments: Iterable[bytes]) -> bytes:
    """The same from items that are written already; `feed.entries` is not looked at."""
    if feed.origin:
        source = _source(feed.origin)
        fragments = (b"".join((each.removesuffix(_END_OF_ITEM), source, _END_OF_ITEM)) for each in fragments)
    return join(_head(feed), b"  </channel>\n</rss>\n", fragments, style=feed.style)


def fragment(entry: Entry) -> bytes:
    """One item, as it stands in any document.

    A description is HTML to all readers, so plain text is written as such; content stands in a CDATA section.
    """
    written = FeedEntry()
    written.title(heading(entry.title, entry.id))
    page = next((link.href for link in entry.links if link.rel == "alternate"), None)
    if page:
        written.link(href=address(page), rel="alternate")
    written.description(escape(clean_text(entry.summary) or heading(entry.title, entry.id), quote=False))
    written.content(clean_text(entry.content).replace("]]>", "]]&gt;"), type="CDATA")
    written.guid(clean_text(entry.id), permalink=False)
    written.category([_category(category) for category in entry.categories])
    written.register_extension("extras", _EntryExtras, atom=False)
    written.extras.entry = entry
    return _profiled(_CUTTER.cut(written.rss_entry()))


def _head(feed: Feed) -> bytes:
    """A document without items. A title is needed in three places; one that is not given is taken from the next."""
    generator = _Channel()
    title = heading(feed.title, feed.id)
    generator.title(title)
    generator.link(href=address(feed.home), rel="alternate")
    generator.description(heading(feed.subtitle, title))
    if feed.language.strip():
        generator.language(clean_text(feed.language))
    generator.generator(f"newsletter {__version__}")
    if feed.author_email:
        generator.managingEditor(_editor(feed))
    generator.register_extension("extras", _FeedExtras, BaseEntryExtension)
    generator.extras.feed = feed
    return _profiled(generator.rss_str(pretty=True))


def _editor(feed: Feed) -> str:
    """An address and, in the parentheses of RFC 822, a name."""
    name = " ".join(clean_text(feed.author).translate(_NO_PARENTHESES).split())
    address = clean_text(feed.author_email)
    return f"{address} ({name})" if name else address


_NO_PARENTHESES = str.maketrans("()", "  ")


def _category(category: Category) -> dict[str, str]:
    return {"term": clean_text(category.label or category.term), "scheme": clean_text(category.scheme)}


def _source(origin: Origin) -> bytes:
    """The element that names the feed in which an item stood first, as a line of an item."""
    item = etree.Element("item")
    source = etree.SubElement(item, "source", {"url": address(f"{origin.address}.{SUFFIX}")})
    source.text = heading(origin.title, origin.id)
    return _profiled(_CUTTER.cut(item).removeprefix(b"    <item>\n").removesuffix(_END_OF_ITEM))


def _date(moment: datetime) -> str:
    """RFC 822 with a year of four digits, in English whatever the locale."""
    return format_datetime(moment)


def _profiled(xml: bytes) -> bytes:
    """`<` and `&` in plain text as the profile asks: parsers read the same, and a reader that strips tags keeps them.

    What stands in the CDATA section is left alone. Outside of it no tag can stand in a text.
    """
    start = xml.find(_CONTENT)
    if start < 0:
        return _numbered(xml)
    end = xml.rindex(_END_OF_CONTENT)
    return b"".join((_numbered(xml[:start]), xml[start:end], _numbered(xml[end:])))


def _numbered(xml: bytes) -> bytes:
    return xml.replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
