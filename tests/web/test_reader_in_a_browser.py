"""A reader's whole way in a real browser: sign up, confirm, choose, read, leave, come back, be forgotten. By keyboard, too."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Event

import pytest
from front import free_port
from pages.browsing import CHROMIUM, Seen, browsing, judged_by_axe
from playwright.sync_api import Page, Playwright, sync_playwright
from readers_site import Site, link_in, readers_site
from workshop import ROOT

from newsletter.model import Edition, Preferences

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

#: What Chromium says of a page that answers 404 or 422, and of nothing else.
_EXPECTED = re.compile(r"error: Failed to load resource: the server responded with a status of (404|422|429) ")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Served at the address that stands in its mails; every article is of today."""
    port = free_port()
    address = ('base_url = "https://ms-digest.example.org"', f'base_url = "http://127.0.0.1:{port}"')
    with readers_site(tmp_path, address, port=port, seeds=_of_today(tmp_path / "seeds")) as site:
        yield site


def _of_today(folder: Path) -> Path:
    shutil.copytree(ROOT / "seeds", folder)
    for path in folder.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?m)^published = .*$", f"published = {datetime.now(UTC):%Y-%m-%d}", text), "utf-8")
    return folder


@contextmanager
def _browser(playwright: Playwright, folder: Path, *, text_size: int = 16) -> Iterator[tuple[Page, Seen]]:
    with browsing(playwright, folder, text_size=text_size) as (page, seen):
        page.set_viewport_size({"width": 320, "height": 700})
        yield page, seen


def _next_digest(site: Site, address: str) -> EmailMessage:
    """What comes tomorrow."""
    tomorrow = site.now() + timedelta(days=1)
    site.app.publish(tomorrow)
    site.app.delivery.send(lambda: tomorrow + timedelta(hours=12), stop=Event(), told=lambda _: None, senders=1)
    (mail,) = site.collected(address)
    return mail


def _fill_in(page: Page, address: str) -> None:
    page.check("input[value=daily]")
    page.fill("#address", address)
    page.check("input[name=consent]")
    page.click("button[type=submit]")


def test_a_reader_comes_chooses_reads_leaves_and_is_forgotten(  # noqa: PLR0915 - one way, told in its order
    site: Site, playwright: Playwright, tmp_path: Path
) -> None:
    root = f"http://127.0.0.1:{site.port}"
    with _browser(playwright, tmp_path / "profile") as (page, seen):
        page.goto(f"{root}/subscribe")
        _fill_in(page, "ann@example")
        assert page.locator("[role=alert] a").count() == 1
        assert page.input_value("#address") == "ann@example"
        assert page.is_checked("input[value=daily]")
        page.fill("#address", "ann@example.org")
        page.click("button[type=submit]")
        assert page.is_visible("text=an email from us is on its way")

        (mail,) = site.mail_to("ann@example.org")
        page.goto(root + link_in(mail, "confirm"))
        assert site.wanted_of("ann@example.org") == {}
        page.click("text=Yes, send it to me")
        assert page.is_visible("text=From now on you will get")
        assert site.wanted_of("ann@example.org")["daily"] == ("confirmed", Preferences())

        (welcome,) = site.mail_to("ann@example.org")
        page.goto(root + link_in(welcome, "preferences"))
        page.click("summary >> nth=0")
        page.check("input[name='daily.edition'][value=large-print]")
        page.click("main form button[type=submit]")
        assert "It is in large print." in page.inner_text("[role=status]")
        assert site.wanted_of("ann@example.org")["daily"][1] == Preferences(edition=Edition.LARGE_PRINT)

        site.app.ingest(site.now())
        digest = _next_digest(site, "ann@example.org")
        leaving = str(digest["List-Unsubscribe"]).partition("<")[2].partition(">")[0]
        assert leaving.startswith(f"{root}/unsubscribe/")
        page.goto(leaving)
        assert "ann@" not in page.inner_text("main")
        page.click("text=Send me the link")
        assert page.is_visible("text=The link is on its way")
        (note,) = site.mail_to("ann@example.org")
        preferences = root + link_in(note, "preferences")

        page.goto(leaving)
        page.click("button >> text=Unsubscribe")
        assert page.is_visible("text=Pressed by mistake?")
        assert site.wanted_of("ann@example.org")["daily"][0] == "unsubscribed"
        page.click("text=Sign up again >> nth=1")
        assert page.is_checked("input[value=daily]")

        page.goto(preferences)
        with page.expect_download() as download:
            page.click("text=Get my data")
        held = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
        assert held["address"] == "ann@example.org"
        page.click("text=Delete my data")
        page.click("text=No, go back")
        assert page.url == preferences
        page.click("text=Delete my data")
        page.click("text=Yes, delete everything")
        assert page.is_visible("text=Your data is deleted")
        assert site.wanted_of("ann@example.org") == {}
        assert page.context.cookies() == []
        assert [each for each in seen.complaints if not _EXPECTED.match(each)] == []
        assert {url for url in seen.requests if not url.startswith(root)} == set()


def test_who_asked_for_large_print_gets_it(site: Site, playwright: Playwright, tmp_path: Path) -> None:
    reader = site.reader("large@example.org")
    plain = site.reader("plain@example.org")
    with _browser(playwright, tmp_path / "profile") as (page, _):
        for who, edition in ((reader, "large-print"), (plain, "text-only")):
            page.goto(f"http://127.0.0.1:{site.port}{site.preferences_link(who)}")
            page.click("summary >> nth=0")
            page.check(f"input[name='daily.edition'][value={edition}]")
            page.click("main form button[type=submit]")
    site.app.ingest(site.now())
    large = _next_digest(site, "large@example.org")
    (text,) = site.collected("plain@example.org")
    assert large.get_body(("html",)) is not None
    assert text.get_body(("html",)) is None


def test_all_of_it_works_by_keyboard(site: Site, playwright: Playwright, tmp_path: Path) -> None:
    root = f"http://127.0.0.1:{site.port}"
    reader = site.reader("keys@example.org")
    with _browser(playwright, tmp_path / "profile") as (page, _):
        page.goto(f"{root}/subscribe")
        _tab_to(page, "input[value=daily]")
        page.keyboard.press("Space")
        _tab_to(page, "#address")
        page.keyboard.type("tab@example.org")
        _tab_to(page, "summary")
        page.keyboard.press("Enter")
        assert page.is_visible("select[name=hour]")
        _tab_to(page, "input[name=consent]")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_selector("text=an email from us is on its way")

        page.goto(root + site.preferences_link(reader))
        _tab_to(page, "input[name='daily.cadence']")
        page.keyboard.press("ArrowDown")
        _tab_to(page, "form button[type=submit]")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=status]")
        assert "comes once a week" in page.inner_text("[role=status]")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "status", "what was done is read first"


def test_a_problem_is_read_first_and_leads_to_its_field(site: Site, playwright: Playwright, tmp_path: Path) -> None:
    with _browser(playwright, tmp_path / "profile") as (page, _):
        page.goto(f"http://127.0.0.1:{site.port}/subscribe")
        page.click("button[type=submit]")
        assert page.title().startswith("Please look again:")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "address"


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until it is there; every stop on the way can be seen."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        assert page.evaluate("document.activeElement.name") != "more", "the trap is not for people"
    raise AssertionError(f"Tab never comes to {selector}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 640])
def test_axe_finds_nothing_on_the_pages_as_served(
    site: Site, playwright: Playwright, tmp_path: Path, width: int, scheme: str
) -> None:
    reader = site.reader("axe@example.org", "daily", "caregiver-weekly")
    site.app.ingest(site.now())
    preferences = site.preferences_link(reader)
    paths = ["/subscribe", "/subscribe/form", "/confirm/x", preferences, f"{preferences}/erase", "/preferences/x"]
    paths += [site.unsubscribe_link(reader), "/unsubscribe/x"]
    with _browser(playwright, tmp_path / "profile") as (page, _):
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
        for path in paths:
            page.goto(f"http://127.0.0.1:{site.port}{path}")
            page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true })")
            assert judged_by_axe(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width
