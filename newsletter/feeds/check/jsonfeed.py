"""A judge of JSON Feeds: version 1.1, and the object `_newsletter` in which our feeds say what the format cannot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
from newsletter.feeds.check.values import forbidden_character, host_of, id_flaws, is_language, is_web_address, rfc3339

OWN = "_newsletter"
_VERSION = "https://jsonfeed.org/version/1.1"
_FEED_KEYS = {
    "version": str, "title": str, "home_page_url": str, "feed_url": str, "description": str, "user_comment": str,
    "next_url": str, "icon": str, "favicon": str, "authors": list, "language": str, "expired": bool, "hubs": list,
    "items": list,
}  # fmt: skip
_ITEM_KEYS = {
    "id": str, "url": str, "external_url": str, "title": str, "content_html": str, "content_text": str, "summary": str,
    "image": str, "banner_image": str, "date_published": str, "date_modified": str, "authors": list, "tags": list,
    "language": str, "attachments": list,
}  # fmt: skip
_URLS = frozenset(("home_page_url", "feed_url", "next_url", "url", "external_url"))
_PICTURES = frozenset(("icon", "favicon", "image", "banner_image"))


def is_feed(root: Any) -> bool:
    return isinstance(root, dict) and str(root.get("version", "")).startswith("https://jsonfeed.org/version/")


def judge(feed: Mapping[str, Any], page: Page) -> Iterator[Flaw]:
    """What is wrong with a JSON object that calls itself a JSON Feed."""
    yield from _characters(feed)
    if feed["version"] != _VERSION:
        yield Flaw("F-VERSION", "feed", f"the version is {quoted(feed['version'])}")
    yield from _keys(feed, _FEED_KEYS, ("title", "home_page_url", "feed_url"), "feed", page)
    yield from _feed_flaws(feed, page)
    items = _items(feed)
    yield from entry_id_flaws([_string(item, "id") for item in items], page)
    yield from _date_flaws(feed, items)
    yield from history_flaws(outline(feed), page)
    for number, item in enumerate(items, 1):
        yield from _item_flaws(item, entry_place(number), page)


def outline(feed: Mapping[str, Any]) -> Outline:
    items, own = _items(feed), _object(feed, OWN)
    links = {
        "self": _string(feed, "feed_url"),
        "prev-archive": _string(feed, "next_url"),
        "current": _string(own, "current_url"),
        "next-archive": _string(own, "next_archive_url"),
    }
    return Outline(
        ids=tuple(_string(item, "id") for item in items),
        updated=tuple(rfc3339(_string(item, "date_modified")) for item in items),
        links={rel: href for rel, href in links.items() if href},
        archive=own.get("history") == "archive",
        complete=own.get("history") == "complete",
        home=_string(feed, "home_page_url"),
    )


def _feed_flaws(feed: Mapping[str, Any], page: Page) -> Iterator[Flaw]:
    if not isinstance(feed.get("items"), list):
        yield Flaw("F-COUNT", "feed", "there is no list items")
    if feed.get("feed_url") != page.address:
        yield Flaw("F-SELF", "feed", f"feed_url is {quoted(_string(feed, 'feed_url'))} at {quoted(page.address)}")
    yield from _author_flaws(feed, "feed")
    if not is_language(_string(feed, "language")):
        yield Flaw("F-LANGUAGE", "feed", f"language is {quoted(_string(feed, 'language'))}")
    own = _object(feed, OWN)
    if identity := _string(own, "id"):
        yield from id_flaws(identity, "feed", page.now)
    if "origin" in own:
        origin = _object(own, "origin")
        if not _string(origin, "id") or not is_web_address(_string(origin, "feed_url")):
            yield Flaw("F-SOURCE", "feed", f"origin is {quoted(str(own['origin']))}")
    for name in (each for each in ("current_url", "next_archive_url") if each in own):
        if not is_web_address(_string(own, name)):
            yield Flaw("F-LINK", "feed", f"{name} is {quoted(str(own[name]))}")


def _date_flaws(feed: Mapping[str, Any], items: list[Mapping[str, Any]]) -> Iterator[Flaw]:
    updated = [rfc3339(_string(item, "date_modified")) for item in items]
    published = [rfc3339(_string(item, "date_published")) for item in items]
    yield from update_flaws(updated, published)
    yield from order_flaws(updated, published)
    yield from newest_flaws(rfc3339(_string(_object(feed, OWN), "updated")), updated)


def _item_flaws(item: Mapping[str, Any], place: str, page: Page) -> Iterator[Flaw]:
    yield from _keys(item, _ITEM_KEYS, ("id", "url", "title", "date_published", "date_modified"), place, page)
    for name in ("date_published", "date_modified"):
        if text := _string(item, name):
            yield from date_flaws(name, text, rfc3339(text), place, page)
    yield from _author_flaws(item, place)
    summary, content = _string(item, "summary"), _string(item, "content_html")
    if not summary.strip() or summary == content:
        yield Flaw("F-SUMMARY", place, "the summary is the content" if summary.strip() else "there is no summary")
    if not content.strip():
        yield Flaw("F-CONTENT", place, "there is no content_html")
    yield from at(f"{place}, content", content_flaws(content, page.host))
    tags = item.get("tags")
    if isinstance(tags, list) and not all(isinstance(tag, str) and tag.strip() for tag in tags):
        yield Flaw("F-CATEGORY", place, f"the tags are {quoted(str(tags))}")


def _author_flaws(owner: Mapping[str, Any], place: str) -> Iterator[Flaw]:
    authors = owner.get("authors")
    people = authors if isinstance(authors, list) else []
    if not people or not all(isinstance(each, dict) and _string(each, "name").strip() for each in people):
        yield Flaw("F-AUTHOR", place, f"authors is {quoted(str(authors))}")


def _keys(
    owner: Mapping[str, Any], known: Mapping[str, type], needed: tuple[str, ...], place: str, page: Page
) -> Iterator[Flaw]:
    for name in needed:
        if name not in owner or owner[name] == "":
            yield Flaw("F-COUNT", place, f"there is no {name}")
    for name, value in owner.items():
        if name.startswith("_"):
            if not isinstance(value, dict):
                yield Flaw("F-TYPE", place, f"{name} is {quoted(str(value))}, which is no object")
        elif name not in known:
            yield Flaw("F-UNKNOWN", place, f"there is a key {quoted(name)}")
        elif not isinstance(value, known[name]):
            yield Flaw("F-TYPE", place, f"{name} is {quoted(str(value))}")
        elif isinstance(value, str):
            yield from _address_flaws(name, value, place, page)


def _address_flaws(name: str, value: str, place: str, page: Page) -> Iterator[Flaw]:
    if name in _URLS and not is_web_address(value):
        yield Flaw("F-LINK", place, f"{name} is {quoted(value)}")
    elif name in _PICTURES and (not is_web_address(value) or host_of(value) != page.host):
        yield Flaw("F-PICTURE", place, f"{name} is {quoted(value)}")


def _characters(root: Any) -> Iterator[Flaw]:
    """JSON may hold what XML may not, but readers put both into the same places. Each place counts once."""
    waiting: list[tuple[str, Any]] = [("feed", root)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{place}, {quoted(name, 40)}", each) for name, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place} {number}", each) for number, each in enumerate(value, 1)]
        elif isinstance(value, str) and (character := forbidden_character(value)):
            yield Flaw("F-CHARACTER", place, f"{character} stands in the text")


def _items(feed: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = feed.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _object(owner: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = owner.get(name)
    return value if isinstance(value, dict) else {}


def _string(owner: Mapping[str, Any], name: str) -> str:
    value = owner.get(name)
    return value if isinstance(value, str) else ""
