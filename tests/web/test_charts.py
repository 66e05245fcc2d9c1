"""Pictures that hold their numbers, in proportion, and say in words what they show."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter.web.charts import Column, Series, bar, stacked, top_of

SERIES = (Series("one", "first"), Series("two", "second"))
COLUMNS = st.lists(
    st.builds(Column, st.text(max_size=5), st.tuples(st.integers(0, 10**7), st.integers(0, 10**7))), max_size=40
)
_SVG = "{http://www.w3.org/2000/svg}"


def _drawn(columns: list[Column], title: str = "t", text: str = "d") -> etree._Element:
    svg = stacked(columns, SERIES, ident="x", title=title, description=text)
    return etree.fromstring(str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@given(st.lists(st.integers(0, 10**12)))
def test_an_axis_ends_at_a_round_number_that_is_not_far(values: list[int]) -> None:
    top = top_of(values)
    most = max(values, default=0)
    assert top >= most
    assert top == 1 or top < 2.5 * most
    assert str(top).rstrip("0") in {"1", "2", "5"}


@given(COLUMNS)
def test_heights_are_in_proportion_and_stay_inside(columns: list[Column]) -> None:
    bars = _drawn(columns).findall(f"{_SVG}rect")
    values = [value for column in columns for value in column.values if value]
    assert len(bars) == len(values)
    top = top_of([column.total for column in columns])
    for each, value in zip(bars, values, strict=True):
        height = float(each.get("height"))
        assert height == pytest.approx(max(0.8, 100 * value / top), abs=0.01)
        assert float(each.get("y")) >= 0
        assert float(each.get("y")) + height <= 101.6


@given(COLUMNS)
def test_columns_do_not_meet(columns: list[Column]) -> None:
    drawn = _drawn(columns)
    width = float((drawn.get("viewBox") or "").split()[2])
    places = sorted({(float(each.get("x")), float(each.get("width"))) for each in drawn.findall(f"{_SVG}rect")})
    for (left, wide), (following, _) in pairwise(places):
        assert left + wide < following
    assert all(left + wide <= width for left, wide in places)


def test_it_says_what_it_shows_and_nothing_in_it_is_markup() -> None:
    drawn = _drawn([Column("<b>", (1, 2))], "A <title>", 'with "quotes" & more')
    assert drawn.get("role") == "img"
    assert drawn.get("aria-labelledby") == "x-title x-text"
    assert drawn.findtext(f"{_SVG}title") == "A <title>"
    assert drawn.findtext(f"{_SVG}desc") == 'with "quotes" & more'


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_bar_is_as_long_as_its_share(value: int, most: int) -> None:
    drawn = etree.fromstring(str(bar(value, most, "sent")))
    length = float(drawn[0].get("width"))
    assert 0 <= length <= 100
    if value:
        assert length == pytest.approx(max(0.8, 100 * value / max(value, most)), abs=0.01)
