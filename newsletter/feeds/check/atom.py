"""A judge of Atom documents: RFC 4287, RFC 5005, and what feed readers stumble over. It shares no code with the writer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from lxml import etree

from newsletter.feeds.check.content import at, content_flaws
from newsletter.feeds.check.finding import Flaw, quoted
from newsletter.feeds.check.outline import (
    Outline,
    Page,
    date_flaws,
    entry_id_flaws,
    entry_place,
    history_flaws,
    newest_flaws,
    order_flaws,
    update_flaws,
)
from newsletter.feeds.check.source import style_flaws
from newsletter.feeds.check.values import (
    host_of,
    id_flaws,
    is_iri,
    is_language,
    is_mail_address,
    is_web_address,
    rfc3339,
)

Element = etree._Element  # noqa: SLF001 - lxml names the type of its elements nowhere else
Rule = Callable[[Element, Page], Iterator[Flaw]]

ATOM = "{http://www.w3.org/2005/Atom}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
FEED_HISTORY = "{http://purl.org/syndication/history/1.0}"
TOMBSTONES = "{http://purl.org/atompub/tombstones/1.0}"
ROOT = f"{ATOM}feed"

_TEXT_TYPES = frozenset(("text", "html", "xhtml"))
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_FEED_ELEMENTS = frozenset((
    "author", "category", "contributor", "entry", "generator", "icon", "id", "link", "logo", "rights", "subtitle",
    "title", "updated",
))  # fmt: skip
_ENTRY_ELEMENTS = frozenset((
    "author", "category", "content", "contributor", "id", "link", "published", "rights", "source", "summary", "title",
    "updated",
))  # fmt: skip


def judge(feed: Element, page: Page) -> Iterator[Flaw]:
    """What is wrong with a document whose root is `atom:feed`."""
    for rule in RULES_OF_FEED:
        yield from rule(feed, page)
    for number, entry in enumerate(_entries(feed), 1):
        for flaw_of in RULES_OF_ENTRY:
            yield from flaw_of(entry, entry_place(number), page)


def outline(feed: Element) -> Outline:
    entries = _entries(feed)
    return Outline(
        ids=tuple(_text(entry, "id") for entry in entries),
        updated=tuple(rfc3339(_text(entry, "updated")) for entry in entries),
        links={link.get("rel", "alternate"): link.get("href", "") for link in reversed(feed.findall(f"{ATOM}link"))},
        archive=feed.find(f"{FEED_HISTORY}archive") is not None,
        complete=feed.find(f"{FEED_HISTORY}complete") is not None,
        gone=tuple(gone.get("ref", "") for gone in feed.iterfind(f"{TOMBSTONES}deleted-entry")),
        home=next((href for _, href in _alternates(feed)), ""),
    )


def link_flaws(link: Element, place: str) -> Iterator[Flaw]:
    """A link element of Atom, wherever it stands."""
    href = link.get("href")
    if "rel" not in link.attrib:
        yield Flaw("F-LINK", place, f"the link to {quoted(href)} has no rel")
    if not is_iri(href):
        yield Flaw("F-LINK", place, f"the link of rel {link.get('rel')} leads to {quoted(href)}")


def self_flaws(links: list[Element], page: Page) -> Iterator[Flaw]:
    own = [link.get("href") for link in links if link.get("rel") == "self"]
    if own != [page.address]:
        told = ", ".join(quoted(href) for href in own) or "none"
        yield Flaw("F-SELF", "feed", f"the links of rel self are {told} in the document at {quoted(page.address)}")


def _entries(feed: Element) -> list[Element]:
    return feed.findall(f"{ATOM}entry")


def _text(element: Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


def _alternates(element: Element) -> list[tuple[tuple[str | None, str | None], str]]:
    return [
        ((link.get("type"), link.get("hreflang")), link.get("href", ""))
        for link in element.findall(f"{ATOM}link")
        if link.get("rel", "alternate") == "alternate"
    ]


# -- rules of the feed ------------------------------------------------------------------------------------------------


def _feed_elements(feed: Element, page: Page) -> Iterator[Flaw]:
    yield from _counted(feed, "feed")
    yield from _known(feed, _FEED_ELEMENTS, "feed")
    identity = _text(feed, "id")
    if identity:
        yield from id_flaws(identity, "feed", page.now)
    ids = [_text(entry, "id") for entry in _entries(feed)]
    yield from entry_id_flaws(ids, page)
    if identity and identity in ids:
        yield Flaw("F-ID-TWICE", "feed", f"the id {quoted(identity)} is the feed's and an entry's")
    if not is_language(feed.get(LANGUAGE)):
        yield Flaw("F-LANGUAGE", "feed", f"xml:lang is {quoted(feed.get(LANGUAGE))}")


def _feed_style(feed: Element, page: Page) -> Iterator[Flaw]:
    yield from style_flaws(feed, page.host)


def _feed_author(feed: Element, _: Page) -> Iterator[Flaw]:
    if not (feed.findtext(f"{ATOM}author/{ATOM}name") or "").strip():
        yield Flaw("F-AUTHOR", "feed", "the feed has no author with a name")


def _feed_links(feed: Element, page: Page) -> Iterator[Flaw]:
    links = feed.findall(f"{ATOM}link")
    yield from self_flaws(links, page)
    for link in links:
        yield from link_flaws(link, "feed")
    yield from _alternate_flaws(feed, "feed")


def _feed_dates(feed: Element, page: Page) -> Iterator[Flaw]:
    entries = _entries(feed)
    updated = [rfc3339(_text(entry, "updated")) for entry in entries]
    published = [rfc3339(_text(entry, "published")) for entry in entries]
    own = feed.find(f"{ATOM}updated")
    if own is not None and (own.text or "").strip():
        moment = rfc3339(own.text)
        yield from date_flaws("updated", own.text or "", moment, "feed", page)
        yield from newest_flaws(moment, updated)
    yield from update_flaws(updated, published)
    yield from order_flaws(updated, published)


def _feed_text(feed: Element, _: Page) -> Iterator[Flaw]:
    for element in feed.iter(f"{ATOM}title", f"{ATOM}summary", f"{ATOM}subtitle", f"{ATOM}rights", f"{ATOM}content"):
        kind = element.get("type", "text")
        media_type = element.tag == f"{ATOM}content" and _MEDIA_TYPE.fullmatch(kind)
        if kind not in _TEXT_TYPES and not media_type:
            yield Flaw("F-TEXT-TYPE", str(element.tag).removeprefix(ATOM), f"the type is {quoted(kind)}")


def _feed_people(feed: Element, _: Page) -> Iterator[Flaw]:
    for email in feed.iterfind(f".//{ATOM}author/{ATOM}email"):
        if not is_mail_address(email.text):
            yield Flaw("F-AUTHOR", "author", f"the email is {quoted(email.text)}")


def _feed_generator(feed: Element, page: Page) -> Iterator[Flaw]:
    generator = feed.find(f"{ATOM}generator")
    if generator is None or not (generator.text or "").strip() or not generator.get("version"):
        yield Flaw("F-GENERATOR", "feed", "there is no generator with name and version")
    for name in ("icon", "logo"):
        for image in feed.findall(f"{ATOM}{name}"):
            if not is_web_address(image.text) or host_of(image.text or "") != page.host:
                yield Flaw("F-PICTURE", "feed", f"the {name} is {quoted(image.text)}")


def _feed_categories(feed: Element, _: Page) -> Iterator[Flaw]:
    for category in feed.iter(f"{ATOM}category"):
        term, label, scheme = (category.get(name) or "" for name in ("term", "label", "scheme"))
        if not term.strip() or not label.strip() or not is_iri(scheme):
            told = f"term {quoted(term)}, label {quoted(label)}, scheme {quoted(scheme)}"
            yield Flaw("F-CATEGORY", "category", f"a category has {told}")


def _feed_history(feed: Element, page: Page) -> Iterator[Flaw]:
    yield from history_flaws(outline(feed), page)


def _feed_tombstones(feed: Element, page: Page) -> Iterator[Flaw]:
    for gone in feed.iterfind(f"{TOMBSTONES}deleted-entry"):
        place = f"deleted entry {quoted(gone.get('ref'))}"
        yield from id_flaws(gone.get("ref", ""), place, page.now)
        yield from date_flaws("when", gone.get("when", ""), rfc3339(gone.get("when")), place, page)


# -- rules of an entry ------------------------------------------------------------------------------------------------


def _entry_elements(entry: Element, place: str, _: Page) -> Iterator[Flaw]:
    yield from _counted(entry, place)
    yield from _known(entry, _ENTRY_ELEMENTS, place)


def _entry_links(entry: Element, place: str, _: Page) -> Iterator[Flaw]:
    for link in entry.iterfind(f"{ATOM}link"):
        yield from link_flaws(link, place)
        if link.get("type") == "text/html" and not is_language(link.get("hreflang")):
            yield Flaw("F-LANGUAGE", place, f"hreflang of the link to {quoted(link.get('href'))} is missing")
    yield from _alternate_flaws(entry, place)


def _entry_dates(entry: Element, place: str, page: Page) -> Iterator[Flaw]:
    for name in ("published", "updated"):
        for date in entry.iterfind(f"{ATOM}{name}"):
            if (date.text or "").strip() or name == "published":
                yield from date_flaws(name, date.text or "", rfc3339(date.text), place, page)


def _entry_texts(entry: Element, place: str, page: Page) -> Iterator[Flaw]:
    summary, content = _text(entry, "summary"), _text(entry, "content")
    if not summary.strip() or summary == content:
        yield Flaw("F-SUMMARY", place, "the summary is the content" if summary.strip() else "there is no summary")
    if not content.strip():
        yield Flaw("F-CONTENT", place, "there is no content")
    for name in ("title", "summary", "content"):
        for element in entry.iterfind(f"{ATOM}{name}"):
            if element.get("type") == "html":
                yield from at(f"{place}, {name}", content_flaws(element.text or "", page.host))


def _entry_source(entry: Element, place: str, _: Page) -> Iterator[Flaw]:
    for source in entry.iterfind(f"{ATOM}source"):
        missing = [name for name in ("id", "title", "updated") if not _text(source, name).strip()]
        own = [link for link in source.iterfind(f"{ATOM}link") if link.get("rel") == "self"]
        if len(own) != 1 or not is_web_address(own[0].get("href")):
            missing.append("link of rel self")
        if missing:
            yield Flaw("F-SOURCE", place, f"the source has no {', no '.join(missing)}")


# -- rules of both ----------------------------------------------------------------------------------------------------


def _counted(element: Element, place: str) -> Iterator[Flaw]:
    for name in ("id", "title", "updated"):
        number = len(element.findall(f"{ATOM}{name}"))
        if number != 1:
            yield Flaw("F-COUNT", place, f"there are {number} elements {name}")
        elif not _text(element, name).strip():
            yield Flaw("F-COUNT", place, f"the element {name} is empty")


def _known(element: Element, names: frozenset[str], place: str) -> Iterator[Flaw]:
    for child in element.iterchildren(tag=etree.Element):
        tag = str(child.tag)
        name = tag.removeprefix(ATOM)
        if not tag.startswith("{") or (tag != name and name not in names):
            yield Flaw("F-UNKNOWN", place, f"there is an element {quoted(name)}")


def _alternate_flaws(element: Element, place: str) -> Iterator[Flaw]:
    alternates = _alternates(element)
    if not any(media_type == "text/html" for (media_type, _), _ in alternates):
        yield Flaw("F-ALTERNATE", place, "there is no alternate link of type text/html")
    for kind, times in Counter(kind for kind, _ in alternates).items():
        if times > 1:
            yield Flaw("F-ALTERNATE", place, f"there are {times} alternate links of type {kind[0]}, language {kind[1]}")


RULES_OF_FEED: tuple[Rule, ...] = (
    _feed_elements, _feed_style, _feed_author, _feed_links, _feed_dates, _feed_text, _feed_people, _feed_generator,
    _feed_categories, _feed_history, _feed_tombstones,
)  # fmt: skip
RULES_OF_ENTRY: tuple[Callable[[Element, str, Page], Iterator[Flaw]], ...] = (
    _entry_elements, _entry_links, _entry_dates, _entry_texts, _entry_source,
)  # fmt: skip
