"""Pages on a small phone with letters of twice the size and with wide spacing (WCAG 1.4.4 and 1.4.12): nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pages.answers import every_answer
from pages.browsing import CHROMIUM, browsing, serving
from pages.enlarging import lost_text
from pages.kinds import SITE, TEMPLATES, every_kind, hostile_list
from playwright.sync_api import Page, sync_playwright

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

ANSWERS = every_answer(replace(SITE, sign_up=True), TEMPLATES)
PAGES = every_kind() | {"hostile-list/": hostile_list()[0]} | ANSWERS


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder: Path = tmp_path_factory.mktemp("profile")
    with sync_playwright() as playwright, browsing(playwright, folder) as (page, _):
        page.set_viewport_size({"width": 320, "height": 800})
        yield page


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(PAGES) as address:
        yield address


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("doubled", "spaced"), [(True, False), (False, True), (True, True)])
def test_nothing_is_lost(page: Page, address: str, path: str, *, doubled: bool, spaced: bool) -> None:
    page.goto(address + path)
    assert lost_text(page, doubled=doubled, spaced=spaced) == []


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ("<p style='white-space: nowrap'>A title that cannot be broken</p>", "runs beyond the sides"),
        ("<p style='height: 40px; overflow: hidden'>A summary that is longer than its box</p>", "is cut off"),
        ("<p style='margin: 0; height: 24px'>A first summary of some length</p><p style='margin: 0'>B</p>", "overlap"),
    ],
)
def test_what_would_be_lost_is_found(page: Page, html: str, told: str) -> None:
    page.goto("about:blank")
    page.set_content(f"<body style='margin: 8px; font: 18px/1.5 serif'>{html}</body>")
    assert lost_text(page, doubled=False, spaced=False) == []
    assert any(told in each for each in lost_text(page, doubled=True, spaced=True))
