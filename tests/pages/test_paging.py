from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsletter.pages.paging import Pager, first_stale, pagers, pages_of

COUNTS = st.integers(0, 2000)
SIZES = st.integers(1, 60)


@given(COUNTS, SIZES)
def test_every_thing_stands_on_one_page(count: int, size: int) -> None:
    assert [place for page in pages_of(count, size) for place in page] == list(range(count))


@given(COUNTS, SIZES)
def test_the_pages_but_the_newest_are_full_and_the_newest_is_never_nearly_empty(count: int, size: int) -> None:
    *older, newest = pages_of(count, size)
    assert all(len(page) == size for page in older)
    assert len(newest) < 2 * size
    assert len(newest) >= min(size, count)


@given(COUNTS, SIZES)
def test_one_more_changes_the_newest_page_alone(count: int, size: int) -> None:
    before, after = pages_of(count, size), pages_of(count + 1, size)
    assert after[: len(before) - 1] == before[:-1]
    assert len(after) - len(before) in {0, 1}


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(1, 7))
def test_before_the_first_stale_page_nothing_changes(since: int, were: int, come: int, size: int) -> None:
    """However many there were from `since` on, and are now."""

    def shown(count: int) -> list[tuple[range, str, str | None, str | None]]:
        spans = pages_of(count, size)
        found = zip(spans, pagers("topics/a/", len(spans)), strict=True)
        return [(span, pager.path, pager.newer, pager.older) for span, pager in found]

    stale = first_stale(since, since + come, size)
    before, after = shown(since + min(were, come)), shown(since + come)
    assert before[:stale] == after[:stale]
    assert all(span.stop <= since for span, *_ in after[:stale])
    assert stale < len(after)


@given(st.integers(0, 500))
def test_what_lies_at_an_address_stays_there(count: int) -> None:
    """Every older page keeps its address for good; the newest lies at the folder's own."""
    pages, more = pages_of(count, 10), pages_of(count + 10, 10)
    for number, (page, pager) in enumerate(zip(pages, pagers("topics/a/", len(pages)), strict=True)):
        if not pager.newest:
            assert more[number] == page
            assert pagers("topics/a/", len(more))[number].path == pager.path


def test_the_size_is_fifty() -> None:
    assert pages_of(0) == (range(0),)
    assert pages_of(99) == (range(99),)
    assert pages_of(100) == (range(50), range(50, 100))
    assert pages_of(151) == (range(50), range(50, 100), range(100, 151))


def test_pages_lead_to_their_neighbours() -> None:
    oldest, middle, newest = pagers("topics/fatigue/", 3)
    assert [each.path for each in (oldest, middle, newest)] == [
        "topics/fatigue/1/",
        "topics/fatigue/2/",
        "topics/fatigue/",
    ]
    assert (oldest.older, oldest.newer) == (None, "topics/fatigue/2/")
    assert (middle.older, middle.newer) == ("topics/fatigue/1/", "topics/fatigue/")
    assert (newest.older, newest.newer) == ("topics/fatigue/2/", None)
    assert newest.newest
    assert not middle.newest


def test_a_single_page_has_no_neighbours() -> None:
    assert pagers("archive/2026-11/", 1) == (Pager(folder="archive/2026-11/"),)
    assert Pager(folder="archive/2026-11/").older is None
