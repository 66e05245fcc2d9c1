"""Ratings as captures and their relatives write them."""

from __future__ import annotations

import pytest
from capture_examples import GOOD, changed, raw
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model import Rating
from newsletter.sources import base
from newsletter.sources.capture import parse_capture
from newsletter.sources.ratings import looks_like_rating, read_rating


@pytest.mark.parametrize(
    ("text", "value", "scale"),
    [
        ("4/5", 4, 5),
        ("4", 4, 5),
        ("4.5", 4.5, 5),
        (" 4.5 / 5 ", 4.5, 5),
        ("4 of 5 Stars", 4, 5),
        ("8 out of 10", 8, 10),
        ("72/100", 72, 100),
        ("★★★★☆", 4, 5),
        ("⭐️⭐️⭐️☆☆", 3, 5),
        ("\u200b４／５", 4, 5),
    ],
)
def test_a_rating_is_read(text: str, value: float, scale: int) -> None:
    assert read_rating(text) == Rating(value=value, scale=scale)


@pytest.mark.parametrize("text", ["0", "0/5", "6", "5.5/5", "3/7", "4/0", "★★★★", "☆☆☆☆☆", "★★★★★★"])
def test_a_rating_off_its_scale_is_none_but_looks_like_one(text: str) -> None:
    assert read_rating(text) is None
    assert looks_like_rating(text)


@pytest.mark.parametrize("text", ["", " ", "High", "N/A", "-1", "4,5", "4/5 (12 votes)", "four", "½", "٤", "1/2/2026"])
def test_words_are_no_rating(text: str) -> None:
    assert read_rating(text) is None
    assert not looks_like_rating(text)


@given(st.text(max_size=40))
def test_whatever_is_read_lies_on_its_scale(text: str) -> None:
    rating = read_rating(text)
    assert rating is None or 0 < rating.share <= 1


@pytest.mark.parametrize(
    "lines",
    ["Credibility\nInterest\n4/5\n2/5\n", "4/5\nCredibility\n2/5\nInterest\n", "Credibility\nInterest\n★★★☆☆\n★☆☆☆☆\n"],
)
def test_values_apart_from_their_labels_are_not_assigned(lines: str) -> None:
    document = parse_capture(raw(changed("Credibility\nInterest\n", lines)))
    assert (document.summary.credibility, document.summary.interest) == (None, None)
    assert base.W_RATING in [warning.code for warning in document.warnings]


def test_a_value_that_is_no_rating_is_quoted_in_full() -> None:
    value = "Not rated by Anybody so far, we are sorry"
    document = parse_capture(raw(changed("Interest\n", f"Interest\n{value}\n")))
    assert any(f"{value!r}" in warning.message for warning in document.warnings)


def test_an_article_cut_at_its_top_does_not_lend_its_title() -> None:
    codes = set()
    for end in ("Credibility", "Interest", "Key Takeaway"):
        for title in ("Ice", "A Title That Has More Than Forty Characters in It"):
            for repeats in (1, 2):
                below = GOOD[GOOD.index("Credibility") :]
                text = GOOD[: GOOD.index(end)] + f"{title}\n" * repeats + below
                try:
                    document = parse_capture(raw(text))
                except base.DocumentError as error:
                    codes.add(error.code)
                else:
                    assert (end, repeats) == ("Credibility", 1)
                    assert any(title in warning.message for warning in document.warnings)
    assert codes == {base.E_TWO_ARTICLES}
