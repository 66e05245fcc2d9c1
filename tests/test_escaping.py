"""Templates give what Jinja and markupsafe give, only sooner."""

from __future__ import annotations

from datetime import date

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from newsletter.compiling import Environment, Sandbox, escaped

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


PARTS = """
{% macro plain(one, other="<d>") %}<b>{{ one }}{{ other }}</b>{% endmacro %}
{% macro any(one) %}{{ one }}{{ varargs|join("&") }}{{ kwargs|length }}{% endmacro %}
{% macro around() %}<i>{{ caller() }}</i>{% endmacro %}
"""
BASE = "<title>{% block name %}{% endblock %}</title>{{ self.name() }}{% block main %}{% endblock %}<p>{{ text }}</p>"
PAGE = """{% extends "base" %}{% from "parts" import plain, any, around %}
{% block name %}{{ text }} &{% endblock %}
{% block main %}{% for each in (1, text, none) %}
{{ plain(each) }}, {{ plain(each, text) }}, {{ plain(other=each, one="<") }}, {{ any(each, text, loop.index, k=1) }}
{% call around() %}{{ each }}{{ loop.index }}{% endcall %}
{% if loop.last %}{{ text }} and {{ text|upper }}{% endif %}
{% endfor %}{% set kept %}{{ plain(text) }}{% endset %}{{ kept }}{{ given(text) }}{% endblock %}"""


@pytest.mark.parametrize("made", [Environment, Sandbox])
@given(text=st.text(alphabet="<>&'\"ab ", max_size=9))
def test_a_template_gives_what_it_gives_without_our_haste(made: type[Environment], text: str) -> None:
    told = {"text": text, "given": lambda value: Markup("<u>{}</u>").format(value)}
    options = {"loader": jinja2.DictLoader({"parts": PARTS, "base": BASE, "page": PAGE}), "autoescape": True}
    plain = jinja2.Environment(**options)  # type: ignore[arg-type]
    assert made(**options).get_template("page").render(told) == plain.get_template("page").render(told)


def test_a_macro_takes_no_more_than_it_names() -> None:
    environment = Environment(loader=jinja2.DictLoader({"parts": PARTS, "page": '{% import "parts" as p %}{{ p }}'}))
    page = environment.from_string('{% from "parts" import plain %}{{ plain(1, 2, 3) }}')
    with pytest.raises(TypeError, match="takes not more than 2"):
        page.render()
