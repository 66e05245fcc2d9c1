"""What any page has to be, whatever it shows: well-formed Unicode, relative links, the same in every folder."""

from __future__ import annotations

import re
import unicodedata

import pytest
from builders import make_site
from hypothesis import example, given
from hypothesis import strategies as st
from pages.kinds import every_kind, hostile_list, hostile_pages
from pages.page_check import problems

from newsletter.pages.document import _MARK, clean

NO_CHARACTER = [*range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF))]
ANY = st.text(st.characters(categories=("L", "N", "P", "Zs", "Cc", "Cs", "Cn", "Co", "So")))
KINDS = every_kind()


def forbidden(letter: str) -> bool:
    """HTML 13.2.3.5: what a page must not hold. TAB and LF may stand."""
    return (unicodedata.category(letter) in {"Cc", "Cs"} and letter not in "\t\n") or ord(letter) in NO_CHARACTER


@given(ANY)
@example("\ud83e\udde0")
@example("\x85")
@example("".join(map(chr, NO_CHARACTER)))
def test_nothing_forbidden_is_left(text: str) -> None:
    page = clean(f"<p>{text}</p>")
    assert not [letter for letter in page if forbidden(letter)]
    page.encode()


@given(ANY)
def test_what_is_allowed_stays_as_it_is(text: str) -> None:
    good = "".join(letter for letter in text if not forbidden(letter))
    assert clean(good) == good


def test_what_is_repaired() -> None:
    assert clean("a\x0bb\x85c\x7f\x00d") == "a b c d"
    assert clean("\ufffe \U0001ffff \ud83e") == "\ufffd \ufffd \ufffd"
    assert clean("\ud83e\udde0") == "\U0001f9e0"


@pytest.mark.parametrize("path", KINDS)
def test_every_kind_of_page_is_good(path: str) -> None:
    assert problems(KINDS[path], "https://example.org/digest") == []


def test_hostile_pages_are_good() -> None:
    for page, _ in (*hostile_pages().values(), hostile_list()):
        assert problems(page, "https://example.org/digest") == []


@pytest.mark.parametrize("path", KINDS)
def test_links_lead_to_the_same_places_from_any_folder(path: str) -> None:
    """Resolved against where the page lies, each link is one of the whole site's."""
    folders = path.count("/")
    for link in re.findall(r'<a [^>]*href="(\.[^"]*)"', KINDS[path]):
        place = link.removeprefix("../" * folders) if folders else link.removeprefix("./")
        assert ".." not in place, f"{link} leads out of the site"
        assert re.fullmatch(r"((articles|digests|topics|archive|feeds|privacy)/[\w./-]*)?", place), link


def test_the_site_may_lie_anywhere() -> None:
    """Nothing in the body of a page but the address to be copied or printed names the host."""
    elsewhere = every_kind(make_site(base_url="https://other.example.net"))
    for path, page in KINDS.items():
        moved = elsewhere[path].replace("https://other.example.net", "https://example.org/digest")
        assert moved == page


@pytest.mark.parametrize("path", KINDS)
def test_what_all_pages_share_stands_in_each_once(path: str) -> None:
    assert _MARK not in KINDS[path]
    assert [KINDS[path].count(part) for part in ("<style>", 'class="menu"', "<p>Published by")] == [1, 1, 1]
