"""Our own writing of entries beside that of feedgen and lxml: the same bytes, whatever there is to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC

import pytest
from feeds.examples import FACTS, HOSTILE, make_entry
from feeds.feedgen_entries import atom_entry, rss_item
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.feeds import Format, atom, rss
from newsletter.model import Category, Entry, EntryFacts, IssueDate, Link, Precision, Rating, Status

PAIRS = [(atom, atom_entry), (rss, rss_item)]
each_pair = pytest.mark.parametrize(("form", "reference"), PAIRS, ids=["atom", "rss"])

_MARKUP = st.sampled_from(
    ["<", ">", "&", '"', "'", "\r", "\n", "\t", "]]>", "\x00", "\x85", "\ud83d", "&lt;", "<a>", " "]
)
ANY_TEXT = st.lists(_MARKUP | st.text(st.characters(exclude_categories=()), max_size=8), max_size=6).map("".join)
SOME_TEXT = ANY_TEXT.filter(str.strip)
MOMENTS = st.datetimes(timezones=st.just(UTC))
RATINGS = st.none() | st.builds(Rating, value=st.floats(), scale=st.integers(0, 10))
FACTS_OF_ANY_KIND = st.builds(
    EntryFacts,
    credibility=RATINGS,
    interest=RATINGS,
    journal=st.none() | ANY_TEXT,
    issue_date=st.none() | st.builds(IssueDate, day=st.dates(), precision=st.sampled_from(Precision)),
    doi=st.none() | ANY_TEXT,
    pmid=st.none() | ANY_TEXT,
    status=st.sampled_from(Status),
)
LINKS = st.builds(
    Link,
    href=SOME_TEXT,
    rel=st.sampled_from(["alternate", "via", "related"]),
    type=st.none() | ANY_TEXT,
    title=st.none() | ANY_TEXT,
    hreflang=st.none() | ANY_TEXT,
)
ENTRIES = st.builds(
    Entry,
    id=SOME_TEXT,
    title=ANY_TEXT,
    published=MOMENTS,
    updated=MOMENTS,
    links=st.lists(LINKS, max_size=3).map(tuple),
    summary=ANY_TEXT,
    content=ANY_TEXT,
    author=ANY_TEXT,
    categories=st.lists(st.builds(Category, term=SOME_TEXT, label=ANY_TEXT, scheme=ANY_TEXT), max_size=3).map(tuple),
    facts=st.none() | FACTS_OF_ANY_KIND,
)


@each_pair
@settings(max_examples=300)
@given(entry=ENTRIES)
def test_any_entry_is_written_as_feedgen_writes_it(
    form: Format, reference: Callable[[Entry], bytes], entry: Entry
) -> None:
    assert form.fragment(entry) == reference(entry)


@each_pair
@pytest.mark.parametrize("text", [*HOSTILE, "a\rb\r\nc\td", "</entry></item>]]>\n</content:encoded>"])
def test_hostile_text_is_written_as_feedgen_writes_it(
    form: Format, reference: Callable[[Entry], bytes], text: str
) -> None:
    entry = make_entry(title=text, summary=text, content=text, facts=replace(FACTS, journal=text, doi=text))
    assert form.fragment(entry) == reference(entry)


@each_pair
def test_what_is_not_known_is_left_out_as_by_feedgen(form: Format, reference: Callable[[Entry], bytes]) -> None:
    bare = replace(make_entry(title="", summary="", content="", facts=None), links=(), author="", categories=())
    assert form.fragment(bare) == reference(bare)
