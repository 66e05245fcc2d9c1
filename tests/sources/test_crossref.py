"""Crossref's works: notices that name the study, and studies that name their notices."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.model import IssueDate, Precision, Status
from newsletter.sources import base
from newsletter.sources.crossref import studies_in
from newsletter.sources.studies import Study


def read(value: object, name: str = "10.5555/a") -> Study:
    return studies_in(json.dumps(value).encode(), "works.json")[name]


def dated(*parts: object) -> dict[str, Any]:
    return {"date-parts": [list(parts)]}


WORK = {"DOI": "10.5555/A", "container-title": ["Example  journal"], "published-print": dated(2026, 12)}
NOTICE = {"DOI": "10.5555/n", "update-to": [{"DOI": "10.5555/A", "type": "retraction", "updated": dated(2026, 11, 2)}]}


@pytest.mark.parametrize(
    "answer",
    [WORK, [WORK], {"message": WORK}, {"status": "ok", "message": {"items": [WORK]}}, {"items": [WORK, {"DOI": "x"}]}],
)
def test_every_form_of_an_answer_is_read(answer: object) -> None:
    study = read(answer)
    assert (study.doi, study.journal) == ("10.5555/A", "Example journal")
    assert study.issue_date == IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH)
    assert study.status is Status.OK


@pytest.mark.parametrize("works", [[NOTICE], [NOTICE, WORK], [WORK, NOTICE]])
def test_a_notice_marks_the_study_that_it_names(works: list[object]) -> None:
    study = read(works)
    assert study.status is Status.RETRACTED
    assert study.notice == "Retraction, as listed by Crossref: DOI 10.5555/n."
    assert study.status_date == datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert read(works, "10.5555/n").status is Status.OK


def test_a_study_may_name_its_notices_itself() -> None:
    updated = WORK | {"updated-by": [{"DOI": "10.5555/n", "type": "erratum"}]}
    study = read(updated)
    assert (study.status, study.status_date) == (Status.CORRECTED, None)
    assert study.notice == "Erratum, as listed by Crossref: DOI 10.5555/n."


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("withdrawal", Status.RETRACTED),
        ("removal", Status.RETRACTED),
        ("expression_of_concern", Status.CONCERN),
        ("partial_retraction", Status.CORRECTED),
        ("corrigendum", Status.CORRECTED),
        ("addendum", Status.OK),
        ("new_version", Status.OK),
        (None, Status.OK),
        (["retraction"], Status.OK),
    ],
)
def test_kinds_of_notices(kind: object, status: Status) -> None:
    study = read([WORK, {"DOI": "10.5555/n", "update-to": [{"DOI": "10.5555/a", "type": kind}]}])
    assert study.status is status
    assert bool(study.notice) == (status is not Status.OK)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (dated(2026, 12, 1), (date(2026, 12, 1), Precision.DAY)),
        (dated(2026), None),
        (dated(2026, 13), None),
        (dated(2026, 2, 30), None),
        (dated(2026, 1, 1, 1), None),
        (dated(10**30, 1), None),
        (dated("2026", "12"), None),
        (dated(True, True), None),
        (dated(None), None),
        ({"date-parts": []}, None),
        ({"date-parts": [None]}, None),
        ({"date-parts": 3}, None),
        ({}, None),
        (None, None),
        ("2026-12", None),
    ],
)
def test_a_date_is_never_more_exact_than_the_work(printed: object, expected: tuple[date, Precision] | None) -> None:
    study = read(WORK | {"published-print": printed})
    assert study.issue_date == (expected and IssueDate(day=expected[0], precision=expected[1]))


@pytest.mark.parametrize("title", [None, [], [""], [3], "Example", [None]])
def test_a_journal_without_a_name_is_none(title: object) -> None:
    assert read(WORK | {"container-title": title}).journal is None


@pytest.mark.parametrize("updates", [None, {}, "x", [None], [{}], [{"DOI": 3}], [[]]])
def test_odd_updates_say_nothing(updates: object) -> None:
    assert read(WORK | {"update-to": updates, "updated-by": updates}).status is Status.OK


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", base.E_NOT_JSON),
        (b"{", base.E_NOT_JSON),
        (b"\xff", base.E_NOT_JSON),
        (b"[" * 100_000, base.E_NOT_JSON),
        (b"9" * 5_000, base.E_NOT_JSON),
        (b"3", base.E_NOT_JSON),
        (b"[3]", base.E_NOT_JSON),
        (b'{"message": "Resource not found."}', base.E_NOT_JSON),
        (b'{"DOI": 3}', base.E_NOT_JSON),
        (b" " * (base.BYTES_LIMIT + 1), base.E_TOO_LARGE),
    ],
)
def test_what_holds_no_works_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(DocumentError, match=r"^works\.json: ") as error:
        studies_in(data, "works.json")
    assert error.value.code == code


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3)
)
KEYS = st.sampled_from([*WORK, "update-to", "updated-by", "DOI", "type", "updated", "date-parts"])


@given(st.dictionaries(KEYS, JSON | st.lists(st.dictionaries(KEYS, JSON)), max_size=6))
def test_any_values_make_studies(values: dict[str, object]) -> None:
    studies = studies_in(json.dumps(values | {"DOI": "10.5555/a"}).encode(), "works.json").values()
    assert all((study.status is Status.OK) == (not study.notice) for study in studies)
