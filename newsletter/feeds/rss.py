"""RSS 2.0 with the RSS Advisory Board's profile, through feedgen.

feedgen writes a channel without items, and stands for the order and form of the elements of an item too, which is
written here as text: there are thousands of them. What release 1.0.0 gets wrong is done here: it takes the last link
for the site's, writes no `atom:link` but the feed's own, drops authors without an address, stamps the clock, and sets
the locale of the whole process to write a date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from html import escape

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from newsletter import __version__
from newsletter.feeds.relations import FEED_HISTORY, history_mark, relations
from newsletter.feeds.text import address, clean_bytes, clean_text, heading
from newsletter.feeds.xml import NAMESPACES, attribute, element, facts_elements, join, link_attributes
from newsletter.model import Category, Entry, Feed, Origin

SUFFIX = "rss"
MEDIA_TYPE = "application/rss+xml"

_ATOM = "http://www.w3.org/2005/Atom"
_INDENT = "      "
_START_OF_ITEM, _END_OF_ITEM = "    <item>\n", "    </item>\n"


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


class _Channel(FeedGenerator):  # type: ignore[misc]  # feedgen ships no types
    """A channel without a date from the clock, for which feedgen 1.0.0 has no switch, and without its own address."""

    def __init__(self) -> None:
        super().__init__()
        self._FeedGenerator__rss_lastBuildDate: None = None
        self.docs("")


def write(feed: Feed) -> bytes:
    """One RSS document in UTF-8, items in the order given. The same feed gives the same bytes."""
    return document(feed, map(placing(feed), map(fragment, feed.entries)))


def placing(feed: Feed) -> Callable[[bytes], bytes]:
    """An item names the feed in which it stood first, where that is another one."""
    if feed.origin is None:
        return bytes
    end = _source(feed.origin) + _END_OF_ITEM.encode()
    return lambda item: item[: -len(_END_OF_ITEM)] + end


def document(feed: Feed, pieces: Iterable[bytes]) -> bytes:
    """The same from pieces that are written already; `feed.entries` is not looked at."""
    return join(_head(feed), b"  </channel>\n</rss>\n", pieces, style=feed.style)


def fragment(entry: Entry) -> bytes:
    """One item.

    A description is HTML to all readers, so plain text is written as such; content stands in a CDATA section.
    """
    title = heading(entry.title, entry.id)
    page = next((link.href for link in entry.links if link.rel == "alternate"), "")
    before = (
        _START_OF_ITEM,
        element("title", title, _INDENT),
        element("link", address(page), _INDENT) if page else "",
        element("description", escape(clean_text(entry.summary) or title, quote=False), _INDENT),
    )
    content = clean_bytes(entry.content).replace(b"]]>", b"]]&gt;")
    after = (
        element("guid", clean_text(entry.id), _INDENT, ' isPermaLink="false"'),
        *map(_category, entry.categories),
        element("pubDate", _date(entry.published), _INDENT),
        element("atom:updated", entry.updated.isoformat(), _INDENT),
        element("dc:creator", clean_text(entry.author), _INDENT) if entry.author.strip() else "",
        facts_elements(entry.facts, _INDENT) if entry.facts else "",
        _END_OF_ITEM,
    )
    begin = f"{_numbered(before)}{_INDENT}<content:encoded><![CDATA["
    end = f"]]></content:encoded>\n{_numbered(after)}"
    return b"".join((begin.encode(), content, end.encode()))


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
    return _numbered((generator.rss_str(pretty=True).decode(),)).encode()


def _editor(feed: Feed) -> str:
    """An address and, in the parentheses of RFC 822, a name."""
    name = " ".join(clean_text(feed.author).translate(_NO_PARENTHESES).split())
    address = clean_text(feed.author_email)
    return f"{address} ({name})" if name else address


_NO_PARENTHESES = str.maketrans("()", "  ")


@lru_cache(maxsize=1024)  # topics, of which an archive has a few hundred
def _category(category: Category) -> str:
    told = attribute("domain", clean_text(category.scheme)) if category.scheme else ""
    return element("category", clean_text(category.label or category.term), _INDENT, told)


def _source(origin: Origin) -> bytes:
    """The element that names the feed in which an item stood first, as a line of an item."""
    title, url = heading(origin.title, origin.id), address(f"{origin.address}.{SUFFIX}")
    return _numbered((element("source", title, _INDENT, attribute("url", url)),)).encode()


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _date(moment: datetime) -> str:
    """RFC 822 with a year of four digits, in English whatever the locale. Moments are in UTC."""
    day = f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04}"
    return f"{day} {moment.hour:02}:{moment.minute:02}:{moment.second:02} +0000"


def _numbered(parts: Iterable[str]) -> str:
    """`<` and `&` in plain text as the profile asks: parsers read the same, and a reader that strips tags keeps them."""
    return "".join(parts).replace("&amp;", "&#x26;").replace("&lt;", "&#x3C;")
