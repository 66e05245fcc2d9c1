"""OPML 2.0 (opml.org): every feed in one file, to be taken into a reader in one go."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from newsletter.feeds import atom
from newsletter.feeds.build import Head
from newsletter.feeds.text import address, clean_text, heading
from newsletter.model import Site
from newsletter.words import Words, marked

MEDIA_TYPE = "text/x-opml"

_GROUPS = {"feeds/newsletters/": marked("Newsletters"), "feeds/topics/": marked("Topics")}


def opml(heads: Sequence[Head], site: Site, words: Words) -> bytes:
    """An outline of all feeds in the order given, those of newsletters and of topics in groups of their own.

    It names the Atom form of each. It carries no date, for it depends on the feeds alone.
    """
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = heading(site.title, site.base_url)
    etree.SubElement(head, "ownerName").text = heading(site.author, site.title)
    body = etree.SubElement(root, "body")
    for each in heads:
        if _group_of(each) is None:
            _append_feed(body, each, site)
    for prefix, name in _GROUPS.items():
        members = [each for each in heads if _group_of(each) == prefix]
        if members:
            group = etree.SubElement(body, "outline", text=words.gettext(name))
            for each in members:
                _append_feed(group, each, site)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)


def _group_of(head: Head) -> str | None:
    return next((prefix for prefix in _GROUPS if head.name.startswith(prefix)), None)


def _append_feed(outline: etree._Element, head: Head, site: Site) -> None:
    title = heading(head.title, head.id)
    attributes = {
        "text": title,
        "type": "rss",  # the specification's one word for all formats of feeds
        "title": title,
        "description": clean_text(head.subtitle),
        "language": clean_text(site.language),
        "htmlUrl": address(head.home),
        "xmlUrl": address(f"{site.url(head.name)}.{atom.SUFFIX}"),
    }
    etree.SubElement(outline, "outline", {name: value for name, value in attributes.items() if value})
