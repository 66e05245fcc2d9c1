"""The pages as people get them: in Debian's Chromium, with the fields that the web server sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pages.answers import every_answer
from pages.browsing import CHROMIUM, Seen, browsing, judged_by_axe, serving
from pages.kinds import SITE, TEMPLATES, every_kind, hostile_list, hostile_pages
from playwright.sync_api import Page, Playwright, sync_playwright

from newsletter.pages.document import clean

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

KINDS = every_kind()
HOSTILE_PAGES = hostile_pages()
HOSTILE_LIST, HOSTILE_TITLES = hostile_list()
ANSWERS = every_answer(replace(SITE, sign_up=True), TEMPLATES)
PAGES = KINDS | ANSWERS | {path: page for path, (page, _) in HOSTILE_PAGES.items()} | {"hostile-list/": HOSTILE_LIST}
VIEWED = KINDS | ANSWERS | {"hostile-list/": HOSTILE_LIST}
#: How people come: a small phone, and half a screen with letters of twice the size; by day and by night.
VIEWS = {
    "phone": {"width": 320, "text_size": 16, "dark": False},
    "phone at night": {"width": 320, "text_size": 16, "dark": True},
    "large letters": {"width": 640, "text_size": 32, "dark": False},
    "large letters at night": {"width": 640, "text_size": 32, "dark": True},
}

#: Every text that is shown: its size, its contrast with what lies behind it, and whose it is.
_TEXTS = """() => {
  const channels = colour => colour.match(/[0-9.]+/g).map(Number);
  const luminance = colour => channels(colour).slice(0, 3)
    .map(part => part / 255)
    .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = element => {
    while (element) {
      const colour = getComputedStyle(element).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
      element = element.parentElement;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const owner = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !owner.checkVisibility()) continue;
    const style = getComputedStyle(owner);
    const [dark, light] = [luminance(style.color), luminance(ground(owner))].sort((a, b) => a - b);
    found.push({ text: walker.currentNode.data, size: parseFloat(style.fontSize),
      contrast: (light + 0.05) / (dark + 0.05) });
  }
  return found;
}"""
#: Links and buttons that stand alone, with their size on the screen. A link inside a sentence is as high as its line.
_TARGETS = """() => [...document.querySelectorAll("a, button, summary, select, textarea, label.tick, .field input")]
  .filter(each => each.checkVisibility() && !each.classList.contains("skip"))
  .filter(each => getComputedStyle(each).display !== "inline")
  .map(each => ({ text: each.textContent, box: each.getBoundingClientRect().toJSON() }))"""


#: What stands in a page, for programs and for people.
_SHOWN = """() => {
  const text = query => (document.querySelector(query)?.textContent ?? "").trim();
  const all = query => [...document.querySelectorAll(query)].map(each => each.textContent.trim());
  return {
    title: document.title,
    texts: ["h1", ".takeaway p", ".found p", ".audience p", ".considerations p", ".choices li"].map(text),
    headings: all("main h2"),
    related: all("aside li"),
    description: document.querySelector('meta[name="description"]')?.content.trim(),
    data: text('script[type="application/ld+json"]'),
    protocols: [...document.querySelectorAll("a")].map(each => each.protocol),
  };
}"""


@dataclass(frozen=True)
class Walk:
    """What one walk over all pages found, by path, and what the pages did meanwhile."""

    found: dict[str, Any]
    seen: Seen
    address: str


@dataclass(frozen=True)
class View:
    """The measures of every page in one view, by path, and pictures of every kind of page."""

    pages: dict[str, Any]
    pictures: Path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(PAGES) as address:
        yield address


@pytest.fixture(scope="module")
def page(playwright: Playwright, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page that is at the front page, as most people have it."""
    with browsing(playwright, tmp_path_factory.mktemp("profile")) as (page, _):
        yield page


@pytest.fixture(scope="module")
def walk(playwright: Playwright, address: str, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    with browsing(playwright, tmp_path_factory.mktemp("profile")) as (page, seen):
        found = {path: _shown(page, address + path).evaluate(_SHOWN) for path in PAGES}
    return Walk(found, seen, address)


@pytest.fixture(scope="module", params=VIEWS.values(), ids=VIEWS.keys())
def view(
    request: pytest.FixtureRequest, playwright: Playwright, address: str, tmp_path_factory: pytest.TempPathFactory
) -> View:
    told, pictures = request.param, tmp_path_factory.mktemp("pictures")
    with browsing(playwright, tmp_path_factory.mktemp("profile"), text_size=told["text_size"]) as (page, _):
        page.set_viewport_size({"width": told["width"], "height": 900})
        page.emulate_media(color_scheme="dark" if told["dark"] else "light")
        found = {path: _measured(_shown(page, address + path)) for path in VIEWED}
        for number, path in enumerate(KINDS):
            _shown(page, address + path).screenshot(path=pictures / f"{number:02}.png", full_page=True)
    return View(found, pictures)


def _shown(page: Page, url: str) -> Page:
    answer = page.goto(url)
    assert answer is not None
    assert answer.ok
    return page


def _measured(page: Page) -> dict[str, Any]:
    return {
        "width": page.evaluate("document.documentElement.scrollWidth"),
        "room": page.evaluate("innerWidth"),
        "texts": page.evaluate(_TEXTS),
        "targets": page.evaluate(_TARGETS),
    }


def test_pages_show_themselves_and_do_nothing_else(walk: Walk) -> None:
    """No dialog, no word on the console (a broken rule of the policy would be one), no question to another host."""
    assert walk.seen.dialogs == []
    assert walk.seen.complaints == []
    told = {walk.address + path for path in (*PAGES, "icon.svg", "favicon.ico")}
    assert set(walk.seen.requests) <= told
    assert len(walk.seen.requests) >= len(PAGES)


def test_a_page_that_does_more_would_be_found_out(playwright: Playwright, tmp_path: Path) -> None:
    bad = '<!DOCTYPE html><title>x</title><script>alert(1)</script><img src="http://127.0.0.1:9/x.png">'
    with serving({"bad": bad}) as address, browsing(playwright, tmp_path) as (page, seen):
        page.goto(f"{address}bad")
        assert any("Content Security Policy" in complaint for complaint in seen.complaints)
        page.goto("data:text/html,<script>alert(1)</script><img src='http://127.0.0.1:9/x.png'>")
        assert seen.dialogs == ["1"]
        assert "http://127.0.0.1:9/x.png" in seen.requests


@pytest.mark.parametrize("path", HOSTILE_PAGES)
def test_hostile_texts_come_back_as_they_were(walk: Walk, path: str) -> None:
    text, found = HOSTILE_PAGES[path][1], walk.found[path]
    assert found["texts"] == [text] * 6
    assert found["title"] == " ".join(f"{text} | {SITE.title}".split())
    assert found["description"] == text
    assert found["related"] == HOSTILE_TITLES


@pytest.mark.parametrize("path", HOSTILE_PAGES)
def test_the_data_of_a_hostile_page_are_data(walk: Walk, path: str) -> None:
    data = json.loads(walk.found[path]["data"])
    assert data["@type"] == "Article"
    assert clean(data["headline"]).strip() == HOSTILE_PAGES[path][1]


def test_hostile_titles_come_back_in_lists(walk: Walk) -> None:
    assert walk.found["hostile-list/"]["headings"] == HOSTILE_TITLES


@pytest.mark.parametrize("path", PAGES)
def test_no_link_runs_anything(walk: Walk, path: str) -> None:
    assert {"http:"} <= set(walk.found[path]["protocols"]) <= {"http:", "https:", "mailto:"}


def test_no_page_is_wider_than_its_window(view: View) -> None:
    assert len(list(view.pictures.iterdir())) == len(KINDS)
    assert [path for path, page in view.pages.items() if page["width"] > page["room"]] == []


def test_every_text_is_large_and_stands_out(view: View) -> None:
    for path, page in view.pages.items():
        assert len(page["texts"]) > 8
        assert [each for each in page["texts"] if each["size"] < 18 or each["contrast"] < 7] == [], path


def test_every_target_can_be_hit(view: View) -> None:
    for path, page in view.pages.items():
        assert len(page["targets"]) >= 4
        small = [each for each in page["targets"] if min(each["box"]["width"], each["box"]["height"]) < 44]
        assert small == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", KINDS | ANSWERS)
def test_axe_finds_nothing(page: Page, address: str, path: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
    _shown(page, address + path).eval_on_selector_all("details", "all => all.forEach(each => { each.open = true })")
    assert judged_by_axe(page) == []


def test_the_first_key_leads_to_the_text(page: Page, address: str) -> None:
    _shown(page, f"{address}articles/short-walks/").keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the text"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_page_prints(page: Page, address: str) -> None:
    _shown(page, f"{address}articles/short-walks/").emulate_media(media="print")
    try:
        assert page.is_visible("text=The address of this page: https://example.org/digest/articles/short-walks/")
        assert not page.is_visible("nav")
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert page.pdf().startswith(b"%PDF-")
    finally:
        page.emulate_media(media="screen")
    assert not page.is_visible(".printed")
