"""Atom (RFC 4287), through feedgen.

feedgen stands for the order and form of the elements. Three things it cannot do, and are done here: entry links with
all their attributes (release 1.0.0 loses all but `href`), text with control characters (it fails), dates that do not
come from the clock (every one is set).
"""

from __future__ import annotations

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from newsletter import __version__
from newsletter.feeds.text import clean_text
from newsletter.model import Category, Entry, Feed, Link

SUFFIX = "atom"
MEDIA_TYPE = "application/atom+xml"


class _Links(BaseEntryExtension):  # type: ignore[misc]  # feedgen ships no types
    """Writes the links of one entry. feedgen calls `extend_atom` when it has written all else."""

    def __init__(self) -> None:
        self.links: tuple[Link, ...] = ()

    def extend_atom(self, entry: etree._Element) -> etree._Element:
        for link in self.links:
            etree.SubElement(entry, "link", _link(link))
        return entry


def write(feed: Feed) -> bytes:
    """One Atom document in UTF-8, entries in the order given. The same feed gives the same bytes."""
    generator = FeedGenerator()
    generator.id(clean_text(feed.id))
    generator.title(_title(feed.title, feed.id))
    generator.subtitle(clean_text(feed.subtitle))
    generator.updated(feed.updated)
    generator.author(_author(feed.author, feed.author_email))
    generator.language(clean_text(feed.language))
    generator.generator("newsletter", version=__version__)
    for link in feed.links:
        generator.link(**_link(link))
    for entry in feed.entries:
        generator.add_entry(_entry(entry), order="append")
    text: bytes = generator.atom_str(pretty=True)
    return text


def _entry(entry: Entry) -> FeedEntry:
    written = FeedEntry()
    written.id(clean_text(entry.id))
    written.title(_title(entry.title, entry.id))
    written.published(entry.published)
    written.updated(entry.updated)
    written.author(_author(entry.author))
    written.summary(clean_text(entry.summary))
    written.content(clean_text(entry.content), type="html")
    for category in entry.categories:
        written.category(_category(category))
    written.register_extension("links", _Links, rss=False)
    written.links.links = entry.links
    return written


def _title(title: str, identity: str) -> str:
    """Never empty: feedgen would give up the whole feed."""
    return clean_text(title) or clean_text(identity)


def _author(name: str, email: str = "") -> dict[str, str]:
    author = {"name": clean_text(name)}
    return author | {"email": clean_text(email)} if email else author


def _category(category: Category) -> dict[str, str]:
    return {"term": clean_text(category.term), "label": clean_text(category.label), "scheme": category.scheme}


def _link(link: Link) -> dict[str, str]:
    attributes = {
        "href": link.href,
        "rel": link.rel,
        "type": link.type,
        "hreflang": link.hreflang,
        "title": link.title,
    }
    return {name: clean_text(value) for name, value in attributes.items() if value}
