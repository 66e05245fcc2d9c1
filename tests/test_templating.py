"""Words for dates and ratings, overrides, and errors that name the template."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from builders import make_article, make_site
from markupsafe import Markup

from newsletter.errors import TemplateError
from newsletter.model import DateOrigin, Facts, IssueDate, Precision, Rating, Status
from newsletter.templating import (
    Templates,
    added_words,
    heading_words,
    issue_words,
    journal_words,
    local_date,
    notice_words,
    origin_words,
    rating_shape,
    rating_words,
    status_words,
    study_url,
    summary_words,
)
from newsletter.words import ENGLISH, load_words


def test_dates_are_words_whatever_the_machines_locale() -> None:
    assert ENGLISH.long_date(date(2026, 11, 20)) == "Friday 20 November 2026"
    assert ENGLISH.short_date(date(2026, 1, 2)) == "2 January 2026"
    assert issue_words(ENGLISH, IssueDate(day=date(2025, 12, 1), precision=Precision.MONTH)) == "December 2025"
    assert issue_words(ENGLISH, IssueDate(day=date(2026, 12, 31), precision=Precision.DAY)) == "31 December 2026"
    assert local_date(datetime(2026, 1, 1, 2, tzinfo=UTC), "America/New_York") == date(2025, 12, 31)


def test_a_rating_is_words_and_never_a_number_that_nobody_gave() -> None:
    assert rating_words(ENGLISH, None) == "Not rated"
    assert rating_words(ENGLISH, Rating(value=4)) == "4 out of 5"
    assert rating_words(ENGLISH, Rating(value=3.5)) == "3.5 out of 5"
    assert rating_words(ENGLISH, Rating(value=0, scale=10)) == "0 out of 10"


def test_every_status_has_its_word() -> None:
    assert [bool(status_words(ENGLISH, status)) for status in Status] == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("value", "scale", "shape"),
    [(5, 5, "●●●●●"), (4.5, 5, "●●●●◐"), (2.2, 5, "●●○○○"), (0, 5, "○○○○○"), (8, 10, "●●●●○"), (7, 5, "●●●●●")],
)
def test_a_rating_is_a_shape_of_five_circles(value: float, scale: int, shape: str) -> None:
    assert rating_shape(Rating(value=value, scale=scale)) == shape


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), "20 November 2026"),
        (date(2026, 11, 9), date(2026, 11, 15), "9 to 15 November 2026"),
        (date(2026, 11, 30), date(2026, 12, 6), "30 November to 6 December 2026"),
        (date(2026, 12, 28), date(2027, 1, 3), "28 December 2026 to 3 January 2027"),
        (date(2025, 11, 1), date(2026, 11, 1), "1 November 2025 to 1 November 2026"),
    ],
)
def test_what_two_dates_share_is_said_once(first: date, last: date, words: str) -> None:
    assert ENGLISH.days(first, last) == words


def test_a_month_is_words_too() -> None:
    assert ENGLISH.month(2026, 1) == "January 2026"


@pytest.mark.parametrize(
    ("status", "title", "words"),
    [
        (Status.OK, "Light", "Light"),
        (Status.CORRECTED, "Light", "Light"),
        (Status.CONCERN, "Light", "Expression of concern: Light"),
        (Status.RETRACTED, "Light", "Retracted: Light"),
        (Status.RETRACTED, "RETRACTED: Light", "RETRACTED: Light"),
        (Status.WITHDRAWN, "Light", "Withdrawn: Light"),
    ],
)
def test_a_heading_says_once_what_has_happened(status: Status, title: str, words: str) -> None:
    assert heading_words(ENGLISH, make_article(title=title, status=status)) == words


def test_a_notice_names_the_correction_that_the_article_does_not() -> None:
    assert heading_words(ENGLISH, make_article(title="Light"), Status.CORRECTED) == "Correction: Light"


def test_a_notice_has_the_words_that_were_given_or_ours() -> None:
    assert notice_words(ENGLISH, make_article(facts=Facts(status=Status.RETRACTED, notice="Theirs."))) == "Theirs."
    assert "Do not rely" in notice_words(ENGLISH, make_article(status=Status.RETRACTED))


@pytest.mark.parametrize(("status", "told"), [(status, status not in {"retracted", "withdrawn"}) for status in Status])
def test_a_finding_that_was_taken_back_is_not_repeated(status: Status, *, told: bool) -> None:
    article = make_article(status=status)
    assert (summary_words(ENGLISH, article) == article.summary.key_takeaway) is told


def test_a_date_is_no_more_exact_than_it_is_known() -> None:
    assert added_words(ENGLISH, make_article()) == "17 November 2026"
    assert added_words(ENGLISH, make_article(published_precision=Precision.MONTH)) == "November 2026"


def test_every_origin_of_a_date_has_words_of_its_own() -> None:
    assert len({origin_words(ENGLISH, origin) for origin in DateOrigin}) == len(DateOrigin)


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        ("Cells", "Cells"),
        ("Multiple sclerosis (Houndmills, Basingstoke, England)", "Multiple sclerosis"),
        ("Heart & lung : the journal of critical care", "Heart & lung"),
        ("medRxiv : the preprint server for health sciences", "medRxiv (Preprint: not yet peer reviewed)"),
        ("(untitled)", "(untitled)"),
    ],
)
def test_a_journal_is_named_as_people_say_it(journal: str, words: str) -> None:
    assert journal_words(ENGLISH, journal) == words


@pytest.mark.parametrize(
    ("facts", "url"),
    [
        (Facts(), ""),
        (Facts(doi="10.1000/a b<1>"), "https://doi.org/10.1000/a%20b%3C1%3E"),
        (Facts(doi="10.1000/\ud83e"), "https://doi.org/10.1000/%3F"),
        (Facts(source_url="https://example.org/x", doi="10.1000/1"), "https://example.org/x"),
        (Facts(source_url="javascript:alert(1)", doi="10.1000/1"), "https://doi.org/10.1000/1"),
        (Facts(source_url="javascript:alert(1)"), ""),
        (Facts(source_url=" https://example.org/x"), ""),
        (Facts(source_url="https://example.org/ x"), ""),
        (Facts(source_url="data:text/html,x"), ""),
    ],
)
def test_a_study_is_linked_where_a_browser_may_go(facts: Facts, url: str) -> None:
    assert study_url(facts) == url


@pytest.mark.parametrize("text", ["{{ site.__class__ }}", "{{ site.url.__func__ }}", "{{ site.url.__globals__ }}"])
def test_a_noun_shows_its_fields_and_nothing_of_its_workings(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.html").write_text("{{ site.title }}" + text)
    with pytest.raises(TemplateError, match="unsafe"):
        Templates(tmp_path).render("bad.html", site=make_site())


def test_a_field_that_a_noun_does_not_have_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("{{ site.titel }}")
    with pytest.raises(TemplateError, match="titel"):
        Templates(tmp_path).render("bad.html", site=make_site())


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


# -- our sentences ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% trans %}Keep in mind{% endtrans %}", "Bitte bedenken Sie"),
        ("{{ _('Topics')|labelled }}", "Themen:"),
        ("{% trans day=day %}Added {{ day }}{% endtrans %}", "Hinzugefügt: <b>&lt;heute&gt;</b>"),
        ("{% set told = _('Added %(day)s', day=day) %}{{ told }}", "Hinzugefügt: <b>&lt;heute&gt;</b>"),
        ("{% trans day='<i>' %}Added {{ day }}{% endtrans %}", "Hinzugefügt: &lt;i&gt;"),
        ("{% trans num=2 %}{{ num }} summary{% pluralize %}{{ num }} summaries{% endtrans %}", "2 Zusammenfassungen"),
        ("{% trans num=1 %}{{ num }} summary{% pluralize %}{{ num }} summaries{% endtrans %}", "1 Zusammenfassung"),
        ("{% trans num=2, day=day %}{{ num }} {{ day }}{% pluralize %}all {{ num }} & {{ day }}{% endtrans %}", "all 2 &amp; <b>&lt;heute&gt;</b>"),
        ("{% trans %}100 % of <b>ours</b>{% endtrans %}", "100 % of &lt;b&gt;ours&lt;/b&gt;"),
        ("{{ 1234|number }} {{ 'x'|upper }}", "1.234 X"),
    ],
)  # fmt: skip
def test_a_template_says_our_sentences_in_its_language(tmp_path: Path, template: str, said: str) -> None:
    """Whether it is known while the template is compiled or not; a translation is text, what is filled in may be markup."""
    (tmp_path / "one.html").write_text(template, encoding="utf-8")
    day = Markup("<b>{}</b>").format("<heute>")
    assert Templates(tmp_path).for_language("de").render("one.html", day=day) == said


@pytest.mark.parametrize("call", ["_('Added %(day)s')", "_('Added %(day)s', date=1)", "ngettext('%(a)s', '%(a)s', 1)"])
def test_a_sentence_that_cannot_be_filled_in_is_an_error_of_the_template(tmp_path: Path, call: str) -> None:
    (tmp_path / "one.html").write_text(f"{{{{ {call} }}}}", encoding="utf-8")
    with pytest.raises(TemplateError, match="cannot be filled in"):
        Templates(tmp_path).render("one.html")


def test_a_journals_own_word_for_a_retraction_is_not_said_again_in_another_language() -> None:
    words = load_words("de")
    retracted = Facts(status=Status.RETRACTED)
    assert heading_words(words, make_article(title="RETRACTED: Light", facts=retracted)) == "RETRACTED: Light"
    assert heading_words(words, make_article(title="Light", facts=retracted)) == "Zurückgezogen: Light"
