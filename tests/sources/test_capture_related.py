"""The block "You May Also Like": any part may be missing, wrapped or cut, and nothing of it is lost or guessed."""

from __future__ import annotations

from datetime import date

import pytest
from capture_examples import GOOD, raw

from newsletter.model import Document, DocumentWarning, Related
from newsletter.sources import base
from newsletter.sources.capture import parse_capture

BEFORE = GOOD[: GOOD.index("Cool Rooms")]
AFTER = GOOD[GOOD.rindex("Understanding MS") :]
TEASER = "A longer line that says what the other article is about, and which then stops in the mid"


def _parse(block: str) -> Document:
    return parse_capture(raw(f"{BEFORE}{block}\n{AFTER}"))


def _told(document: Document) -> list[DocumentWarning]:
    return [warning for warning in document.warnings if warning.code != base.W_NO_RATING]


def _codes(document: Document) -> list[str]:
    return [warning.code for warning in _told(document)]


def _only(block: str) -> Related:
    (entry,) = _parse(block).related
    return entry


def test_there_may_be_none() -> None:
    document = _parse("")
    assert document.related == ()
    assert _codes(document) == []


@pytest.mark.parametrize("number", [1, 2, 7])
def test_there_may_be_any_number(number: int) -> None:
    document = _parse("".join(f"T {each}\nT {each}\n\n1/2/2026\n\n{TEASER}\n\nRead More\n" for each in range(number)))
    assert [entry.title for entry in document.related] == [f"T {each}" for each in range(number)]
    assert {entry.teaser for entry in document.related} == {TEASER}
    assert _codes(document) == []


@pytest.mark.parametrize(
    ("found", "day"),
    [("1/2/2026", date(2026, 1, 2)), ("01/02/2026", date(2026, 1, 2)), ("2026-01-02", date(2026, 1, 2))],
)
def test_a_date_is_us_or_iso(found: str, day: date) -> None:
    entry = _only(f"T\nT\n\n{found}\n\n{TEASER}\n\nRead More")
    assert entry.date is not None
    assert entry.date.day == day


@pytest.mark.parametrize(
    "found",
    ["13/1/2026", "31.12.2026", "1/2/26", "26-01-02", "2/29/2025", "2025-02-29", "0/0/2026", "9999-01-01", "Fall"],
)
def test_another_date_is_unknown_quoted_and_no_part_of_the_teaser(found: str) -> None:
    document = _parse(f"T\nT\n\n{found}\n\n{TEASER}\n\nRead More")
    assert document.related == (Related(title="T", date=None, teaser=TEASER),)
    (warning,) = _told(document)
    assert warning.code == base.W_BADDATE
    assert repr(found) in warning.message


def test_title_and_teaser_may_be_wrapped() -> None:
    block = "A Title\nof Two Lines\nA Title\nof Two Lines\n\n1/2/2026\n\nA teaser\nof three\nlines\n\nRead More"
    document = _parse(block)
    assert [(entry.title, entry.teaser) for entry in document.related] == [
        ("A Title of Two Lines", "A teaser of three lines")
    ]
    assert _codes(document) == []


def test_a_wrapped_title_that_stands_once_is_joined_and_told() -> None:
    document = _parse(f"A Title\nof Two Lines\n\n1/2/2026\n\n{TEASER}\n\nRead More")
    assert [entry.title for entry in document.related] == ["A Title of Two Lines"]
    assert _codes(document) == [base.W_RELATED]


def test_a_short_first_line_of_a_wrapped_teaser_is_no_date() -> None:
    entry = _only("T\nT\n\nLearn how\na cooler room may help\n\nRead More")
    assert entry.teaser == "Learn how a cooler room may help"


def test_without_a_title_an_entry_is_left_out_and_quoted() -> None:
    document = _parse(f"1/2/2026\n\n{TEASER}\n\nRead More")
    assert document.related == ()
    (warning,) = _told(document)
    assert warning.code == base.W_RELATED
    assert f"'1/2/2026 {TEASER}'" in warning.message


def test_an_entry_without_anything_is_told() -> None:
    assert _codes(_parse("Read More\nRead More")) == [base.W_RELATED] * 2


def test_text_between_title_and_date_is_quoted() -> None:
    document = _parse(f"T\nT\n\nby a writer of another place entirely\n\n1/2/2026\n\n{TEASER}\n\nRead More")
    (warning,) = _told(document)
    assert warning.code == base.W_RELATED
    assert "'by a writer of another place entirely'" in warning.message
    assert document.related[0].teaser == TEASER


@pytest.mark.parametrize("day", ["\n1/2/2026\n\n", "\n"])
def test_without_read_more_the_next_title_begins_the_next_entry(day: str) -> None:
    document = _parse(f"A\nA\n{day}{TEASER}\n\nB\nB\n{day}{TEASER}\n\nRead More")
    assert [(entry.title, entry.teaser) for entry in document.related] == [("A", TEASER), ("B", TEASER)]
    assert base.W_RELATED_CUT in _codes(document)
