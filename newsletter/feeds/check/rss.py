"""A judge of RSS documents: RSS 2.0, the RSS Advisory Board's profile, RFC 5005 appendix B."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lxml import etree

from newsletter.feeds.check.atom import ATOM, FEED_HISTORY, Element, link_flaws, self_flaws
from newsletter.feeds.check.content import at, content_flaws
from newsletter.feeds.check.finding import Flaw, quoted
from newsletter.feeds.check.outline import (
    Outline,
    Page,
    date_flaws,
    entry_id_flaws,
    entry_place,
    history_flaws,
)
from newsletter.feeds.check.source import style_flaws
from newsletter.feeds.check.values import is_iri, is_language, is_web_address, rfc822, rfc3339

ROOT = "rss"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"

_CHANNEL_ELEMENTS = frozenset((
    "category", "cloud", "copyright", "description", "docs", "generator", "image", "item", "language", "lastBuildDate",
    "link", "managingEditor", "pubDate", "skipDays", "skipHours", "textInput", "title", "ttl", "webMaster",
))  # fmt: skip
_ITEM_ELEMENTS = frozenset((
    "author", "category", "comments", "description", "enclosure", "guid", "link", "pubDate", "source", "title",
))  # fmt: skip
_PERSON = re.compile(r"[^\s@()]+@[^\s@()]+(?: \([^()]+\))?")
_TITLE = re.compile(r"<title>([^<]*)</title>")
_NAMED = re.compile(r"&(?:amp|lt);")


def judge(root: Element, page: Page, text: str) -> Iterator[Flaw]:
    """What is wrong with a document whose root is `rss`. `text` is the whole of it, as it is written."""
    channels = root.findall("channel")
    if root.get("version") != "2.0":
        yield Flaw("F-VERSION", "rss", f"the version is {quoted(root.get('version'))}")
    if len(channels) != 1:
        yield Flaw("F-COUNT", "rss", f"there are {len(channels)} elements channel")
        return
    yield from style_flaws(root, page.host)
    yield from _title_flaws(text)
    for rule in RULES_OF_CHANNEL:
        yield from rule(channels[0], page)
    for number, item in enumerate(channels[0].iterfind("item"), 1):
        for flaws_of in RULES_OF_ITEM:
            yield from flaws_of(item, entry_place(number), page)


def outline(root: Element) -> Outline:
    channel = root.find("channel")
    if channel is None:
        return Outline(ids=(), updated=())
    items = channel.findall("item")
    return Outline(
        ids=tuple((item.findtext("guid") or "") for item in items),
        updated=tuple(rfc3339(item.findtext(f"{ATOM}updated")) for item in items),
        links={link.get("rel", "alternate"): link.get("href", "") for link in reversed(channel.findall(f"{ATOM}link"))},
        archive=channel.find(f"{FEED_HISTORY}archive") is not None,
        complete=channel.find(f"{FEED_HISTORY}complete") is not None,
        home=channel.findtext("link") or "",
    )


def _title_flaws(text: str) -> Iterator[Flaw]:
    """As written: a parser reads &lt; and &#x3C; as the same."""
    for title in _TITLE.finditer(text):
        named = _NAMED.search(title[1])
        if named:
            yield Flaw("F-PLAIN-TEXT", f"title {quoted(title[1], 40)}", f"{named[0]} stands in a title")
            return


# -- rules of the channel ---------------------------------------------------------------------------------------------


def _channel_elements(channel: Element, _: Page) -> Iterator[Flaw]:
    yield from _counted(channel, ("title", "link", "description", "language"), "channel")
    yield from _known(channel, _CHANNEL_ELEMENTS, "channel")
    language = channel.findtext("language")
    if language and not is_language(language):
        yield Flaw("F-LANGUAGE", "channel", f"the language is {quoted(language)}")


def _channel_links(channel: Element, page: Page) -> Iterator[Flaw]:
    site = channel.findtext("link") or ""
    if site and (not is_web_address(site) or site == page.address):
        yield Flaw("F-SITE-LINK", "channel", f"the link is {quoted(site)}")
    links = channel.findall(f"{ATOM}link")
    yield from self_flaws(links, page)
    for link in links:
        yield from link_flaws(link, "channel")


def _channel_people(channel: Element, _: Page) -> Iterator[Flaw]:
    for name in ("managingEditor", "webMaster"):
        for person in channel.iterfind(name):
            if not _PERSON.fullmatch(person.text or ""):
                yield Flaw("F-AUTHOR", "channel", f"{name} is {quoted(person.text)}")


def _channel_dates(channel: Element, page: Page) -> Iterator[Flaw]:
    """The order of items is not judged: a corrected one moves up and keeps its only date."""
    for name in ("lastBuildDate", "pubDate"):
        for date in channel.iterfind(name):
            yield from date_flaws(name, date.text or "", rfc822(date.text), "channel", page)


def _channel_generator(channel: Element, _: Page) -> Iterator[Flaw]:
    if not re.search(r"\S \S*\d", channel.findtext("generator") or ""):
        yield Flaw("F-GENERATOR", "channel", f"the generator is {quoted(channel.findtext('generator'))}")


def _channel_history(channel: Element, page: Page) -> Iterator[Flaw]:
    rss = channel.getparent()
    if rss is not None:
        yield from history_flaws(outline(rss), page)


def _channel_ids(channel: Element, page: Page) -> Iterator[Flaw]:
    yield from entry_id_flaws([(item.findtext("guid") or "") for item in channel.iterfind("item")], page)


# -- rules of an item -------------------------------------------------------------------------------------------------


def _item_elements(item: Element, place: str, _: Page) -> Iterator[Flaw]:
    yield from _counted(item, ("title", "link", "guid", "pubDate"), place)
    yield from _known(item, _ITEM_ELEMENTS, place)
    link = item.findtext("link")
    if link and not is_web_address(link):
        yield Flaw("F-LINK", place, f"the link is {quoted(link)}")


def _item_guid(item: Element, place: str, _: Page) -> Iterator[Flaw]:
    for guid in item.iterfind("guid"):
        permanent = guid.get("isPermaLink", "true")
        if permanent != "false" and not (permanent == "true" and is_web_address(guid.text)):
            yield Flaw("F-GUID", place, f"isPermaLink is {quoted(guid.get('isPermaLink'))} for {quoted(guid.text)}")


def _item_date(item: Element, place: str, page: Page) -> Iterator[Flaw]:
    for date in item.iterfind("pubDate"):
        if (date.text or "").strip():
            yield from date_flaws("pubDate", date.text or "", rfc822(date.text), place, page)


def _item_people(item: Element, place: str, _: Page) -> Iterator[Flaw]:
    for author in item.iterfind("author"):
        if not _PERSON.fullmatch(author.text or ""):
            yield Flaw("F-AUTHOR", place, f"author is {quoted(author.text)}")
    if item.find("author") is None and not (item.findtext(CREATOR) or "").strip():
        yield Flaw("F-AUTHOR", place, "there is neither author nor dc:creator")


def _item_texts(item: Element, place: str, page: Page) -> Iterator[Flaw]:
    """A description is HTML to readers, whatever it was meant to be."""
    summary, content = item.findtext("description") or "", item.findtext(CONTENT) or ""
    if not summary.strip() or summary == content:
        yield Flaw(
            "F-SUMMARY", place, "the description is the content" if summary.strip() else "there is no description"
        )
    if not content.strip():
        yield Flaw("F-CONTENT", place, "there is no content:encoded")
    yield from at(f"{place}, description", content_flaws(summary, page.host))
    yield from at(f"{place}, content", content_flaws(content, page.host))


def _item_categories(item: Element, place: str, _: Page) -> Iterator[Flaw]:
    for category in item.iterfind("category"):
        domain = category.get("domain")
        if not (category.text or "").strip() or (domain is not None and not is_iri(domain)):
            yield Flaw("F-CATEGORY", place, f"the category is {quoted(category.text)} of {quoted(domain)}")


def _item_source(item: Element, place: str, _: Page) -> Iterator[Flaw]:
    for source in item.iterfind("source"):
        if not (source.text or "").strip() or not is_web_address(source.get("url")):
            yield Flaw("F-SOURCE", place, f"the source is {quoted(source.text)} at {quoted(source.get('url'))}")


def _counted(element: Element, names: tuple[str, ...], place: str) -> Iterator[Flaw]:
    for name in names:
        number = len(element.findall(name))
        if number != 1:
            yield Flaw("F-COUNT", place, f"there are {number} elements {name}")
        elif not (element.findtext(name) or "").strip():
            yield Flaw("F-COUNT", place, f"the element {name} is empty")


def _known(element: Element, names: frozenset[str], place: str) -> Iterator[Flaw]:
    for child in element.iterchildren(tag=etree.Element):
        name = str(child.tag)
        if not name.startswith("{") and name not in names:
            yield Flaw("F-UNKNOWN", place, f"there is an element {quoted(name)}")


RULES_OF_CHANNEL: tuple[Callable[[Element, Page], Iterator[Flaw]], ...] = (
    _channel_elements, _channel_links, _channel_people, _channel_dates, _channel_generator, _channel_history,
    _channel_ids,
)  # fmt: skip
RULES_OF_ITEM: tuple[Callable[[Element, str, Page], Iterator[Flaw]], ...] = (
    _item_elements, _item_guid, _item_date, _item_people, _item_texts, _item_categories, _item_source,
)  # fmt: skip
