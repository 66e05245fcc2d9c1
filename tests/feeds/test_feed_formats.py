"""The contract of a feed format: the same cases for every module of the folder that is one."""

from __future__ import annotations

import json
import locale
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from feeds.examples import FACTS, HOSTILE, KINDS, hostile_feed, make_entry, make_feed
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from newsletter import feeds
from newsletter.feeds import FORMATS, Format, atom, jsonfeed, rss
from newsletter.model import Feed

ROOT = Path(__file__).resolve().parents[2]
ANY_TEXT = st.text(st.characters(exclude_categories=()))
MOMENTS = st.datetimes(timezones=st.just(UTC))
WRITE = """
from newsletter.feeds import FORMATS
from feeds.examples import FACTS, KINDS, make_entry, make_feed
import sys
for each in FORMATS:
    for said in KINDS.values():
        sys.stdout.buffer.write(each.write(make_feed(make_entry(2, facts=FACTS), make_entry(1), **said)))
"""

each_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.SUFFIX)
each_kind = pytest.mark.parametrize("kind", KINDS)


def ids(form: Format, document: bytes) -> list[str]:
    """The ids of the entries of a document, read by a parser that forgives nothing."""
    if form.SUFFIX == "json":
        return [item["id"] for item in json.loads(document)["items"]]
    root = etree.fromstring(document)
    return [entry.findtext("{*}id") or entry.findtext("guid") or "" for entry in root.iter("{*}entry", "item")]


def test_every_format_of_the_folder_is_found() -> None:
    folder = Path(feeds.__file__).parent
    offering = [path for path in folder.glob("*.py") if re.search(r"^SUFFIX = ", path.read_text("utf-8"), re.MULTILINE)]
    assert len(FORMATS) == len(offering)
    assert {form.SUFFIX for form in FORMATS} == {form.SUFFIX for form in (atom, jsonfeed, rss)}


def test_no_two_formats_write_the_same_file() -> None:
    assert len({form.SUFFIX for form in FORMATS}) == len(FORMATS)


@each_format
def test_it_says_what_it_is(form: Format) -> None:
    assert re.fullmatch(r"[a-z]+", form.SUFFIX)
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", form.MEDIA_TYPE)


@each_format
@each_kind
def test_an_empty_feed_can_be_written(form: Format, kind: str) -> None:
    assert ids(form, form.write(make_feed(**KINDS[kind]))) == []


@each_format
@each_kind
def test_every_entry_is_written_in_order(form: Format, kind: str) -> None:
    entries = [make_entry(number, facts=FACTS) for number in (2, 3, 1)]
    assert ids(form, form.write(make_feed(*entries, **KINDS[kind]))) == [entry.id for entry in entries]


@each_format
@each_kind
def test_a_document_of_written_entries_is_the_same_as_one_written_whole(form: Format, kind: str) -> None:
    entries = make_entry(2, facts=FACTS), make_entry(1, content="</entry></item>]]>\n</content:encoded>")
    pieces = [form.placing(make_feed(**KINDS[kind]))(form.fragment(entry)) for entry in entries]
    whole = form.write(make_feed(*entries, **KINDS[kind]))
    assert all(piece in whole for piece in pieces)
    assert form.document(replace(make_feed(make_entry(9), **KINDS[kind]), updated=entries[0].updated), pieces) == whole
    assert form.document(make_feed(*entries, **KINDS[kind]), iter(pieces)) == whole


@each_format
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_anywhere_makes_it_fail(form: Format, text: str) -> None:
    harmless = make_entry(1).id
    assert ids(form, form.write(hostile_feed(text)))[1:] == [harmless]


@each_format
@settings(max_examples=60)
@given(text=ANY_TEXT)
def test_no_text_at_all_makes_it_fail(form: Format, text: str) -> None:
    assert len(ids(form, form.write(hostile_feed(text)))) == 2


@each_format
@settings(max_examples=60)
@given(published=MOMENTS, updated=MOMENTS)
def test_no_moment_makes_it_fail(form: Format, published: datetime, updated: datetime) -> None:
    entry = replace(make_entry(), published=published, updated=updated)
    assert ids(form, form.write(make_feed(entry))) == [entry.id]


@each_format
def test_no_rating_makes_it_fail(form: Format) -> None:
    for value, scale in product((float("nan"), float("inf"), -1.0, 1e300), (0, 5)):
        facts = replace(FACTS, credibility=replace(FACTS.credibility, value=value, scale=scale))  # type: ignore[type-var]  # there is one
        assert len(ids(form, form.write(make_feed(make_entry(facts=facts))))) == 1


@each_format
def test_an_entry_of_which_nothing_is_known_is_written(form: Format) -> None:
    bare = replace(make_entry(title="", summary="", content="", facts=None), links=(), author="", categories=())
    assert ids(form, form.write(make_feed(bare, title="", subtitle="", author="", email="", language=""))) == [bare.id]


@each_format
def test_control_characters_and_half_characters_never_come_out(form: Format) -> None:
    for text in HOSTILE:
        written = form.write(hostile_feed(text)).decode("utf-8")
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", written)
        assert r"\u00" not in written


@each_format
def test_the_locale_of_the_process_is_left_alone(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("setlocale changes the whole process, other threads included")

    monkeypatch.setattr(locale, "setlocale", refuse)
    assert form.write(make_feed(make_entry()))


def test_the_bytes_do_not_depend_on_process_or_time() -> None:
    expected = b"".join(form.write(feed) for form in FORMATS for feed in _every_kind())
    for seed, zone in (("1", "Asia/Tokyo"), ("2", "America/New_York")):
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "TZ": zone,
            "LC_ALL": "de_DE.UTF-8",
        }
        done = subprocess.run([sys.executable, "-c", WRITE], env=environment, capture_output=True, check=True, cwd=ROOT)
        assert done.stdout == expected


def _every_kind() -> list[Feed]:
    return [make_feed(make_entry(2, facts=FACTS), make_entry(1), **said) for said in KINDS.values()]
