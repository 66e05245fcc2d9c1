from __future__ import annotations

import pytest
from feeds.examples import HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter.feeds.text import clean_text

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
