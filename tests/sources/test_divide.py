"""What pages, feeds and exports share: parts by headings, ratings above them, and nothing lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.model import Rating
from newsletter.sources import base, divide
from newsletter.sources.base import Report

BLOCKS = [(text, level) for part in divide.REQUIRED for text, level in ((part, 2), (f"Text of {part}.", 0))]


def test_headings_are_compared_as_readers_see_them() -> None:
    for text in ("KEY TAKEAWAY:", "Key\u00a0Takeaways", "Key\u200b Takeaway :", "\uff2bey takeaway"):
        assert divide.heading_of(text) == divide.TAKEAWAY
    for text in ("Key takeaway of the study", "Takeaway", "", "x" * base.LINE_LIMIT):
        assert divide.heading_of(text) is None


def test_parts_may_come_in_any_order() -> None:
    moved = [*BLOCKS[2:], *BLOCKS[:2]]
    assert divide.divide(Report("a"), moved) == divide.divide(Report("a"), BLOCKS)


@given(
    st.permutations(BLOCKS), st.lists(st.tuples(st.sampled_from(["x", "Key Takeaway"]), st.integers(0, 6)), max_size=3)
)
def test_every_text_is_in_one_part_or_all_are_refused(
    blocks: list[tuple[str, int]], more: list[tuple[str, int]]
) -> None:
    given_blocks = [*blocks, *more]
    try:
        parts = divide.divide(Report("a"), given_blocks)
    except DocumentError:
        return
    texts = [text for text, _ in given_blocks if divide.heading_of(text) is None]
    assert sorted(text for part in parts.values() for text in part) == sorted(texts)


@pytest.mark.parametrize(
    ("lines", "credibility", "others", "codes"),
    [
        (["Credibility: 4/5"], Rating(value=4), [], []),
        (["Credibility rating \u2013 4.5"], Rating(value=4.5), [], []),
        (["Credibility 3 out of 5"], Rating(value=3), [], []),
        (["Credibility ★★★☆☆"], Rating(value=3), [], []),
        (["Credibility", "4/5", "Interest"], Rating(value=4), [], []),
        (["Credibility:", "More text"], None, ["More text"], []),
        (["Credibility", "Interest", "4/5"], None, [], []),
        (["Credibility: 4/5", "Credibility: 1/5"], Rating(value=4), ["Credibility: 1/5"], []),
        (["Credibility: high"], None, [], [base.W_RATING]),
        (["Credibility: 0"], None, [], [base.W_RATING]),
        (["Credibility matters to readers"], None, ["Credibility matters to readers"], []),
        (["Interesting walks", "4/5"], None, ["Interesting walks", "4/5"], []),
        (["Credibility", "x", "4/5"], None, ["x", "4/5"], []),
        (["x" * base.LINE_LIMIT], None, ["x" * base.LINE_LIMIT], []),
    ],
)
def test_ratings_are_what_their_labels_say(
    lines: Sequence[str], credibility: Rating | None, others: list[str], codes: list[str]
) -> None:
    report = Report("a")
    ratings, left = divide.ratings_in(report, lines)
    assert (ratings.get("credibility"), left) == (credibility, others)
    assert [warning.code for warning in report.warnings] == codes
