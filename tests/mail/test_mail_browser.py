"""The HTML part in a real browser: by day, by night, without its style blocks, on a narrow screen, with wide text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from letters import full_digest, make_mailing, make_note, page_of
from pages.browsing import CHROMIUM, FLAGS, judged_by_axe
from pages.enlarging import lost_text
from playwright.sync_api import Browser, sync_playwright

from newsletter.mail.note import NoteKind
from newsletter.model import Audience, Choice, Edition

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

EDITIONS = [edition for edition in Edition if edition is not Edition.TEXT_ONLY]
MAILING = make_mailing(full_digest(Audience.CLINICIAN), editions=EDITIONS)
PAGES = {str(edition): page_of(MAILING, Choice(edition=edition)) for edition in EDITIONS} | {
    str(kind): page_of(make_note(kind)) for kind in NoteKind
}
#: Landmarks are no use here: mail readers strip or replace main, header and footer, and put the email into a page of theirs.
NOT_FOR_EMAIL = ("landmark-one-main", "region")
#: WCAG 1.4.12: nothing may be lost when a reader spaces text like this.
SPACED = "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def without_blocks(page: str) -> str:
    return re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("name", list(PAGES))
@pytest.mark.parametrize("view", ["day", "night", "no blocks"])
def test_axe_finds_nothing_wrong(browser: Browser, name: str, view: str) -> None:
    page = browser.new_page(color_scheme="dark" if view == "night" else "light")
    page.set_content(without_blocks(PAGES[name]) if view == "no blocks" else PAGES[name])
    assert [found for found in judged_by_axe(page) if not found.startswith(NOT_FOR_EMAIL)] == []
    page.close()


@pytest.mark.parametrize("name", list(PAGES))
@pytest.mark.parametrize("spaced", [False, True])
def test_320_pixels_are_enough(browser: Browser, name: str, *, spaced: bool) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 800})
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for text in (PAGES[name], without_blocks(PAGES[name])):
        page.set_content(text)
        if spaced:
            page.add_style_tag(content=SPACED)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert requests == []
    page.close()


@pytest.mark.parametrize("name", list(PAGES))
@pytest.mark.parametrize(("doubled", "spaced"), [(True, False), (False, True), (True, True)])
def test_nothing_is_lost_at_twice_the_size(browser: Browser, name: str, *, doubled: bool, spaced: bool) -> None:
    """On 320 pixels, with the style blocks and without (WCAG 1.4.4 and 1.4.12)."""
    page = browser.new_page(viewport={"width": 320, "height": 800})
    for text in (PAGES[name], without_blocks(PAGES[name])):
        page.set_content(text)
        assert lost_text(page, doubled=doubled, spaced=spaced) == []
    page.close()


@pytest.mark.parametrize("name", list(PAGES))
def test_links_that_stand_alone_are_44_pixels_high(browser: Browser, name: str) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.set_content(PAGES[name])
    heights = page.eval_on_selector_all("a:not(.plain)", "all => all.map(each => each.getBoundingClientRect().height)")
    assert heights
    assert min(heights) >= 44
    page.close()


def test_without_any_style_everything_is_there_in_order(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(re.sub(r"\sstyle=(\"[^\"]*\"|'[^']*')", "", without_blocks(PAGES["standard"])))
    seen = page.inner_text("body")
    places = [
        seen.index(words)
        for words in ("Caregiver Weekly", "In this digest", "Saturday 14 November", "About this email")
    ]
    assert places == sorted(places)
    page.close()
