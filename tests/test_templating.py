"""Words for dates and ratings, overrides, and errors that name the template."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from newsletter.errors import TemplateError
from newsletter.model import IssueDate, Precision, Rating, Status
from newsletter.templating import (
    Templates,
    issue_words,
    local_date,
    long_date,
    rating_words,
    short_date,
    status_words,
)


def test_dates_are_words_whatever_the_machines_locale() -> None:
    assert long_date(date(2026, 11, 20)) == "Friday 20 November 2026"
    assert short_date(date(2026, 1, 2)) == "2 January 2026"
    assert issue_words(IssueDate(day=date(2025, 12, 1), precision=Precision.MONTH)) == "December 2025"
    assert issue_words(IssueDate(day=date(2026, 12, 31), precision=Precision.DAY)) == "31 December 2026"
    assert local_date(datetime(2026, 1, 1, 2, tzinfo=UTC), "America/New_York") == date(2025, 12, 31)


def test_a_rating_is_words_and_never_a_number_that_nobody_gave() -> None:
    assert rating_words(None) == "Not rated"
    assert rating_words(Rating(value=4)) == "4 out of 5"
    assert rating_words(Rating(value=3.5)) == "3.5 out of 5"
    assert rating_words(Rating(value=0, scale=10)) == "0 out of 10"


def test_every_status_has_its_word() -> None:
    assert [bool(status_words(status)) for status in Status] == [False, True, True, True, True]


def test_the_operators_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "digest.html").write_text("Hello {{ name }}")
    assert Templates(tmp_path).render("mail/digest.html", name="<Ann>") == "Hello &lt;Ann&gt;"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ missing }}", "'missing' is undefined"),
        ("\n{% if %}", "line 2"),
        ("{% include 'no.html' %}", "no.html"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_template_at_fault_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.html").write_text(text)
    with pytest.raises(TemplateError, match=r"template (bad|no)\.html") as caught:
        Templates(tmp_path).render("bad.html")
    assert told in caught.value.message


def test_missing_templates_are_listed() -> None:
    assert Templates().missing(["mail/digest.html", "mail/nothing.html"]) == ["mail/nothing.html"]
