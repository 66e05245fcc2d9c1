from __future__ import annotations

import pytest
from feeds.examples import HOSTILE, make_entry
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter.feeds.text import address, clean_text, heading, repaired

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(("text", "repaired"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_what_xml_forbids_is_repaired_and_the_rest_left_alone(text: str, repaired: str) -> None:
    assert clean_text(text) == repaired


def test_tab_and_line_ends_stay() -> None:
    assert clean_text("a\tb\nc\rd") == "a\tb\nc\rd"


@given(ANY_TEXT)
def test_any_text_becomes_one_that_xml_can_carry(text: str) -> None:
    repaired = clean_text(text)
    element = etree.Element("a")
    element.text = repaired
    assert (etree.fromstring(etree.tostring(element, encoding="utf-8")).text or "") == repaired
    assert clean_text(repaired) == repaired


@given(ANY_TEXT)
def test_a_sound_text_is_left_alone(text: str) -> None:
    sound = clean_text(text)
    assert clean_text(f"{sound} é😀") == f"{sound} é😀"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, ()),
        ({"title": "Zoë's 🧠 \u00a0± <b>\n\tnew\r"}, ()),
        ({"title": "a\x0bb"}, ("title",)),
        ({"summary": "\ud83d", "content": "<p>\x85</p>"}, ("summary", "content")),
    ],
)
def test_entries_that_were_repaired_can_be_told(changes: dict[str, str], fields: tuple[str, ...]) -> None:
    assert repaired(make_entry(**changes)) == fields  # type: ignore[arg-type]  # three texts


def test_a_title_is_never_blank() -> None:
    assert heading(" \x00\n", "tag:example.org,2026:a\x00") == "tag:example.org,2026:a "
    assert heading(" A", "tag:example.org,2026:a") == " A"


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://example.org/a?b=1&c=%20'(2)'#d", "https://example.org/a?b=1&c=%20'(2)'#d"),
        ('https://example.org/<a> "b"|{c}\\', "https://example.org/%3Ca%3E%20%22b%22%7C%7Bc%7D%5C"),
        ("https://example.org/é\ud83d", "https://example.org/%C3%A9%EF%BF%BD"),
    ],
)
def test_an_address_holds_nothing_that_may_not_stand_in_one(url: str, written: str) -> None:
    assert address(url) == written
    assert address(written) == written
