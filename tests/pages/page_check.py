"""A judge of our pages that shares no code with what it judges: structure, addresses, and that nothing is loaded."""

from __future__ import annotations

import json
from collections import Counter
from html.parser import HTMLParser

VOID = frozenset({"br", "hr", "img", "link", "meta", "wbr"})
LANDMARKS = ("header", "main", "footer")
LOADING = frozenset({"img", "iframe", "object", "embed", "video", "audio", "source", "base", "form"})


def problems(page: str, base_url: str) -> list[str]:
    """What is wrong with a page; an empty list is a good one."""
    judge = _Page(base_url)
    judge.feed(page)
    judge.close()
    return judge.finish(page)


class _Page(HTMLParser):
    def __init__(self, base_url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base_url = base_url
        self.found: list[str] = []
        self.open: list[str] = []
        self.levels: list[int] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.fragments: set[str] = set()
        self.language = ""
        self.first_link = ""
        self.title = ""
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        if len(given) != len(attrs):
            self.found.append(f"<{tag}> has an attribute twice")
        if tag == "html":
            self.language = given.get("lang", "")
        if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            self._heading(int(tag[1]))
        if tag in LOADING or any(name.startswith("on") or name == "style" for name in given):
            self.found.append(f"<{tag}> loads, runs or styles something")
        if tag == "script" and attrs != [("type", "application/ld+json")]:
            self.found.append("<script> that is not data alone")
        if "id" in given:
            self.ids[given["id"]] += 1
        if tag in {"a", "link"}:
            self._link(tag, given)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "title":
            self.title += data
        if self.open and self.open[-1] == "script":
            self.data += data

    def _heading(self, level: int) -> None:
        if level > (self.levels[-1] if self.levels else 0) + 1:
            self.found.append(f"h{level} after {self.levels[-1:]}")
        self.levels.append(level)

    def _link(self, tag: str, given: dict[str, str]) -> None:
        href = given.get("href", "")
        self.first_link = self.first_link or (href if tag == "a" else "")
        if href.startswith("#"):
            self.fragments.add(href[1:])
        elif not href.startswith(("https://", "mailto:", "./", "../")):
            self.found.append(f'href="{href}" leads elsewhere on another server')
        elif tag == "a" and href.startswith(f"{self.base_url}/"):
            self.found.append(f'href="{href}" does not work in a copy of the pages')
        if tag == "link" and not href.startswith((self.base_url, "./", "../")):
            self.found.append(f"<link> to another host: {href}")

    def finish(self, page: str) -> list[str]:
        found = [*self.found, *(f"<{tag}> is not closed" for tag in self.open)]
        if self.data and json.loads(self.data)["@context"] != "https://schema.org":
            found.append("the data of the page are in unknown words")
        if not page.startswith("<!DOCTYPE html>"):
            found.append("no doctype")
        if self.levels.count(1) != 1:
            found.append(f"{self.levels.count(1)} h1")
        found += [f"{self.tags[tag]} <{tag}>" for tag in (*LANDMARKS, "style", "title") if self.tags[tag] != 1]
        found += [f'the id "{name}" stands {number} times' for name, number in self.ids.items() if number > 1]
        found += [f"#{name} leads nowhere" for name in self.fragments if name not in self.ids]
        found += [f"{what} is missing" for what, value in (("lang", self.language), ("title", self.title)) if not value]
        if self.first_link != "#content":
            found.append("the first link does not skip to the text")
        return found
