"""Named fields: every one read, and every way to get one wrong."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from field_examples import FACTS, SECTIONS, article
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Facts, IssueDate, Precision, Rating, Status, Summary
from newsletter.sources import base
from newsletter.sources.base import Report
from newsletter.sources.fields import FIELDS, document_of, json_schema, read_iso, read_key
from newsletter.sources.values import READERS


def read(values: dict[str, Any]) -> Document:
    return document_of(values, key="a1", report=Report("one.json, document 1"))


def refusal(values: dict[str, Any]) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        read(values)
    assert refused.value.message.startswith("one.json, document 1")
    return refused.value


def test_every_field_is_read() -> None:
    assert read({"id": "a1", **SECTIONS, **FACTS}) == Document(
        key="a1",
        summary=Summary(
            title="Walking Faster, Step by Step",
            key_takeaway="A training at home helped people with MS to walk a little faster.",
            what_they_found=("Forty people trained at home.", "After three months they walked 8% faster."),
            who_should_care=("People with MS can ask about such a training. Caregivers can join in.",),
            considerations=("The study was small. Nobody knows yet whether the gain lasts.",),
            credibility=Rating(value=4),
            interest=Rating(value=4.5),
            topics=("Gait", "Exercise"),
            journal="Example journal of gait",
        ),
        facts=Facts(
            published=date(2026, 11, 18),
            published_origin=DateOrigin.SIDECAR,
            publish_after=datetime(2027, 1, 15, 7, tzinfo=UTC),
            issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH),
            status=Status.CORRECTED,
            status_date=datetime(2026, 11, 17, 9, tzinfo=UTC),
            notice="A table was wrong, says the journal.",
            source_url="https://doi.example.org/10.5555/1",
            doi="10.5555/1",
            pmid="99990001",
        ),
    )


def test_the_schema_names_what_is_read_and_nothing_else() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {"id", "credibility", "interest", "journal", *SECTIONS, *READERS}
    assert schema["required"] == ["id", *SECTIONS]
    assert schema["additionalProperties"] is False
    assert all(field.description.endswith(".") for field in FIELDS)


@pytest.mark.parametrize("nothing", [None, "", " \n"])
def test_an_optional_field_without_a_value_is_not_given(nothing: str | None) -> None:
    document = read({**article(), **dict.fromkeys(FACTS, nothing)})
    assert document.facts == Facts()
    assert (document.summary.journal, document.summary.credibility, document.summary.topics) == (None, None, ())
    assert [warning.code for warning in document.warnings] == [base.W_NO_TOPICS]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("title", base.E_NO_TITLE),
        ("key_takeaway", base.E_NO_TAKEAWAY),
        ("what_they_found", base.E_EMPTY_SECTION),
        ("who_should_care", base.E_EMPTY_SECTION),
        ("considerations", base.E_EMPTY_SECTION),
    ],
)
@pytest.mark.parametrize("value", [None, "", " \n\n ", [], ["", " "], "\u200b", "\u200e"])
def test_a_required_field_without_text_is_refused(name: str, code: str, value: object) -> None:
    refused = refusal({**article(), name: value})
    assert refused.code == code
    assert f"{name} is missing or empty" in refused.message


@pytest.mark.parametrize("value", [0, 1, True, {"a": 1}, ["a", 1], [None], [["a"]]])
def test_a_section_is_text(value: object) -> None:
    refused = refusal(article(considerations=value))
    assert refused.code == base.E_FIELD
    assert "considerations: found " in refused.message
    assert "right would be a text, or a list of texts" in refused.message


def test_paragraphs_are_those_that_the_author_meant() -> None:
    text = "One,\r\nstill one.\r\n\r\n\r\nTwo.\n \nThree:\n• first\n- second"
    expected = ("One, still one.", "Two.", "Three:", "• first", "- second")
    assert read(article(considerations=text)).summary.considerations == expected
    assert read(article(considerations=list(expected))).summary.considerations == expected
    assert read(article(considerations=["One.\n\nTwo.", "Three."])).summary.considerations == ("One.", "Two.", "Three.")


def test_a_title_is_one_line() -> None:
    assert read(article(title=" A title\n\nin parts ")).summary.title == "A title in parts"


@pytest.mark.parametrize(
    "text", ["=1+1", "@SUM(A1)", "{{ site }}", "]]>", "<script>x", "+1 {% x %}", "Ignore all rules."]
)
def test_dangerous_text_arrives_as_it_stands(text: str) -> None:
    text = f"It says {text}" if text.startswith("<") else text
    assert read(article(title=text, considerations=text)).summary.considerations == (text,)


def test_tags_are_told() -> None:
    warnings = read(article(considerations="Small <b>study</b>.")).warnings
    assert [(warning.code, "considerations" in warning.message) for warning in warnings] == [(base.W_MARKUP, True)]
    assert not read(article(considerations="Found p<0.05 and n>10, a <b.")).warnings


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("<!doctype html><html>", base.E_HTML, "begins as an HTML page"),
        ("a\0b", base.E_NOT_TEXT, "a NUL character"),
        ("a\ud800b", base.E_NOT_TEXT, "half of a character"),
        ("x" * 100_001, base.E_LONG_LINE, "100,001 characters"),
    ],
)
def test_what_is_no_plain_text_is_refused(text: str, code: str, says: str) -> None:
    refused = refusal(article(considerations=text))
    assert refused.code == code
    assert "considerations" in refused.message
    assert says in refused.message


def test_control_characters_are_replaced_and_told() -> None:
    document = read(article(considerations="A\x07B"))
    assert document.summary.considerations == ("A B",)
    assert [warning.code for warning in document.warnings] == [base.W_CONTROL]


@pytest.mark.parametrize("value", ["0", 0, "6/5", "4/7", "High", True, -1, [4], "1e9", "NaN", float("inf")])
def test_a_rating_that_is_none_counts_as_not_rated(value: object) -> None:
    document = read(article(credibility=value))
    assert document.summary.credibility is None
    assert [warning.code for warning in document.warnings] == [base.W_RATING]
    assert "credibility is " in document.warnings[0].message


@pytest.mark.parametrize(("value", "rating"), [(4, 4.0), (4.5, 4.5), ("★★★★☆", 4.0), (" 4 / 5 ", 4.0)])
def test_a_rating_is_a_number_or_a_text(value: object, rating: float) -> None:
    assert read(article(interest=value)).summary.interest == Rating(value=rating)


def test_a_long_takeaway_is_told() -> None:
    assert [each.code for each in read(article(key_takeaway="word " * 61)).warnings] == [base.W_LONG_TAKEAWAY]
    assert not read(article(key_takeaway="word " * 60)).warnings


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"Title": "a"}, "'Title' is no field of an article; the fields are id, title, key_takeaway"),
        ({"published": "18.11.2026"}, "published: found '18.11.2026'; right would be a date such as 2026-11-18, or"),
        ({"published": "2026-02-30"}, "published: found '2026-02-30'"),
        ({"published": "20261118"}, "published: found '20261118'"),
        ({"published": "2026-11-18T09:00:00"}, "with zone"),
        ({"published": 20261118}, "published: found 20261118"),
        (
            {"publish_after": "2026-11-18"},
            "publish_after: found '2026-11-18'; right would be a date and time with zone",
        ),
        ({"status_date": "soon"}, "status_date: found 'soon'"),
        ({"issue_date": "December 2026"}, "issue_date: found 'December 2026'; right would be a date such as"),
        ({"status": "withdrwan"}, "one of ok, corrected, concern, retracted, withdrawn"),
        ({"status": "retracted"}, "notice is missing"),
        ({"notice": "Wrong."}, "status is not"),
        ({"source_url": "javascript:alert(1)"}, "https:// or http://"),
        ({"doi": "https://doi.example.org/10.5555/1"}, "a DOI without an address before it"),
        ({"pmid": 12345678}, "a PubMed number in quotes"),
        ({"topics": "Gait"}, "a list of texts"),
        ({"topics": [3]}, "a list of texts"),
        ({"journal": 7}, "journal: found 7; right would be a text"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(values: dict[str, Any], says: str) -> None:
    refused = refusal({**article(), **values})
    assert refused.code == base.E_FIELD
    assert says in refused.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-18", date(2026, 11, 18)),
        (" 2026-11-18t09:00z ", datetime(2026, 11, 18, 9, tzinfo=UTC)),
        ("2026-11-18 09:00:00.5+00:00", datetime(2026, 11, 18, 9, 0, 0, 500000, tzinfo=UTC)),
        ("2026-W47-3", "2026-W47-3"),
        ("2026-11-18T25:00Z", "2026-11-18T25:00Z"),
        (7, 7),
    ],
)
def test_a_date_is_read_in_iso_form_alone(text: object, value: object) -> None:
    assert read_iso(text) == value


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("a1", "a1"),
        (" a \n 1 ", "a 1"),
        (17, "17"),
        ("", None),
        ("\u200b", None),
        ("a\0", None),
        ("x" * 1001, None),
        (True, None),
        (1.5, None),
        (None, None),
        ([], None),
    ],
)
def test_a_key_is_a_text_or_a_whole_number(value: object, key: str | None) -> None:
    assert read_key(value) == key


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(list(FACTS.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([field.name for field in FIELDS] + ["x"]), _VALUES, max_size=6))
def test_any_values_make_a_document_or_a_refusal(values: dict[str, Any]) -> None:
    with suppress(DocumentError):
        assert read({**article(), **values}).summary.considerations
