"""Templates escape as markupsafe does, only sooner."""

from __future__ import annotations

from datetime import date

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from newsletter.compiling import escaped

VALUES = st.one_of(
    st.text(),
    st.text(alphabet="<>&'\"ab"),
    st.text().map(Markup),
    st.integers(),
    st.none(),
    st.booleans(),
    st.dates(),
    st.lists(st.text()),
)


@given(VALUES)
def test_every_value_becomes_the_same_text(value: object) -> None:
    assert escaped(value) == str(escape(value))


def test_a_value_that_says_what_it_is_in_html_is_believed() -> None:
    class Link:
        def __html__(self) -> str:
            return "<a>"

    assert escaped(Link()) == "<a>"
    assert escaped(date(2026, 11, 27)) == "2026-11-27"


def test_what_is_not_given_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        escaped(jinja2.StrictUndefined(name="title"))
