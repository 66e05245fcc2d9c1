"""PubMed records: facts about studies, and the rare plain-language summary."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pubmed_examples import GOOD, changed, raw, record, records

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, IssueDate, Precision, Status
from newsletter.sources import base
from newsletter.sources.base import Raw
from newsletter.sources.pubmed import PubMed, studies_in
from newsletter.sources.studies import Study

BILLION = (
    '<!DOCTYPE PubmedArticleSet [<!ENTITY a0 "x">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><PubmedArticleSet>&a9;</PubmedArticleSet>"
)


def split(text: str | bytes) -> list[Raw]:
    return list(PubMed().split(raw(text)))


def parse(text: str) -> Document:
    (found,) = split(text)
    return PubMed().parse(found)


def _parse_all(text: str | bytes) -> None:
    for found in split(text):
        if found.error is not None:
            raise found.error
        PubMed().parse(found)


def refused(text: str | bytes) -> DocumentError:
    with pytest.raises(DocumentError) as error:
        _parse_all(text)
    assert error.value.message.startswith("folder/one.xml")
    return error.value


def study(text: str) -> Study:
    return studies_in(text.encode(), "facts.xml")["12345678"]


def issue(pub_date: str) -> IssueDate | None:
    return study(changed("<Year>2026</Year><Month>Dec</Month>", pub_date)).issue_date


def test_a_labelled_plain_language_summary_becomes_a_document() -> None:
    document = parse(GOOD)
    summary = document.summary
    assert document.key == "12345678"
    assert summary.title == "Walking speed at 10⁶ steps: a trial"
    assert summary.key_takeaway == "Short walks helped a little."
    assert summary.what_they_found == ("People with MS walked 4 % faster than before.",)
    assert summary.who_should_care == ("Caregivers can plan walks.",)
    assert summary.considerations == ("The study was small.",)
    assert summary.topics == ("Gait", "Multiple sclerosis")
    assert summary.journal == "Example journal of walking"
    assert summary.credibility is None
    assert not document.warnings


def test_its_facts_are_those_of_the_record() -> None:
    facts = parse(GOOD).facts
    assert (facts.pmid, facts.doi) == ("12345678", "10.5555/Walk.1")
    assert (facts.published, facts.published_origin) == (date(2026, 11, 3), DateOrigin.PAGE)
    assert facts.issue_date == IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH)
    assert facts.status is Status.OK


def test_sections_may_also_stand_in_the_abstract_itself() -> None:
    text = GOOD.replace('<OtherAbstract Type="plain-language-summary" Language="eng">', "<Moved>")
    text = text.replace("</OtherAbstract>", "</Moved>")
    inner = text[text.index("<Moved>") + len("<Moved>") : text.index("</Moved>")]
    assert (
        parse(text.replace('<AbstractText Label="BACKGROUND">We walked.</AbstractText>', inner)).summary
        == parse(GOOD).summary
    )


def test_what_peers_wrote_for_peers_is_no_summary() -> None:
    start, end = GOOD.index("<OtherAbstract"), GOOD.index("</OtherAbstract>") + len("</OtherAbstract>")
    error = refused(GOOD[:start] + GOOD[end:])
    assert error.code == base.E_NO_SUMMARY
    assert "PMID 12345678: " in error.message
    assert "found 'BACKGROUND'" in error.message


def test_a_record_without_abstract_is_no_summary() -> None:
    error = refused(records(record("1", "")))
    assert (error.code, "there is no abstract" in error.message) == (base.E_NO_SUMMARY, True)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('Label="Key takeaway"', 'Label="Take-home"', base.E_STRAY_TEXT),
        ('Label="Key takeaway"', "", base.E_STRAY_TEXT),
        ('<AbstractText Label="Key takeaway">Short walks helped a little.</AbstractText>', "", base.E_NO_TAKEAWAY),
        ("Short walks helped a little.", " ", base.E_NO_TAKEAWAY),
        ("The study was small.", "", base.E_EMPTY_SECTION),
        ('<AbstractText Label="Important considerations">The study was small.</AbstractText>', "", base.E_HEADING_MISSING),
        ('Label="Important considerations"', 'Label="What they found"', base.E_HEADING_TWICE),
        ("<ArticleTitle>Walking speed at 10<sup>6</sup> steps: a trial</ArticleTitle>", "", base.E_NO_TITLE),
        ('<PMID Version="1">12345678</PMID>', "", base.E_NO_KEY),
        ('<PMID Version="1">12345678</PMID>', "<PMID>PMC1</PMID>", base.E_NO_KEY),
    ],
)  # fmt: skip
def test_what_lacks_a_part_is_refused(old: str, new: str, code: str) -> None:
    assert refused(changed(old, new)).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", base.E_EMPTY),
        ("not xml", base.E_NOT_XML),
        (b"\0", base.E_NOT_XML),
        ("<eFetchResult><ERROR>no</ERROR></eFetchResult>", base.E_NOT_XML),
        (GOOD[:-20], base.E_NOT_XML),
        (BILLION, base.E_NOT_XML),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><PubmedArticleSet>&x;</PubmedArticleSet>',
            base.E_NOT_XML,
        ),
        ('<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/passwd">%x;]><PubmedArticleSet/>', base.E_NOT_XML),
        ('<!DOCTYPE a [<!ENTITY x "y">]><PubmedArticleSet/>', base.E_NOT_XML),
        ("<a>" * 5000 + "</a>" * 5000, base.E_NOT_XML),
        (b" " * (base.BYTES_LIMIT + 1), base.E_TOO_LARGE),
    ],
)
def test_what_is_no_file_of_records_is_refused(text: str | bytes, code: str) -> None:
    assert refused(text).code == code


def test_a_public_doctype_is_read_past_and_never_fetched() -> None:
    doctype = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "https://example.org/pubmed.dtd">'
    assert parse(doctype + GOOD) == parse(GOOD)
    error = refused(doctype + changed("Short walks", "Short&nbsp;walks"))
    assert (error.code, "nbsp" in error.message, error.line) == (base.E_NOT_XML, True, 12)


def test_each_record_is_a_document_of_its_own() -> None:
    first, second = split(records(record("1", ""), record("2", "")))
    assert (first.key, second.key) == ("1", "2")
    assert first.name == "folder/one.xml, PMID 1"
    alone, *_ = split(records(record("1", ""), "", "\n\n", record("3", "")))
    assert alone.data == first.data


def test_a_record_without_a_number_costs_itself_alone() -> None:
    first, second = split(records(record("", ""), record("2", "")))
    assert first.error is not None
    assert first.error.code == base.E_NO_KEY
    assert (second.key, second.error) == ("2", None)


def test_a_sidecar_cannot_be_meant_for_several() -> None:
    with pytest.raises(DocumentError) as error:
        list(PubMed().split(raw(GOOD, b"")))
    assert error.value.code == base.E_SIDECAR


# -- facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pub_date", "expected"),
    [
        ("<Year>2026</Year><Month>Nov</Month><Day>20</Day>", (date(2026, 11, 20), Precision.DAY)),
        ("<Year>2026</Year><Month>11</Month><Day>01</Day>", (date(2026, 11, 1), Precision.DAY)),
        ("<Year>2026</Year><Month>Feb</Month>", (date(2026, 2, 1), Precision.MONTH)),
        ("<MedlineDate>2015 Dec 25-31</MedlineDate>", (date(2015, 12, 1), Precision.MONTH)),
        ("<MedlineDate>2015 Dec</MedlineDate>", (date(2015, 12, 1), Precision.MONTH)),
        ("<Year>2026</Year>", None),
        ("<Year>2026</Year><Season>Summer</Season>", None),
        ("<MedlineDate>2015 Jan-Feb</MedlineDate>", None),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", None),
        ("<MedlineDate>Winter 2014</MedlineDate>", None),
        ("<Year>2026</Year><Month>Foo</Month>", None),
        ("<Year>2026</Year><Month>13</Month>", None),
        ("<Year>2026</Year><Month>Feb</Month><Day>30</Day>", None),
        ("<MedlineDate>2015 Nov 1-31</MedlineDate>", None),
        ("<Year>0000</Year><Month>Feb</Month>", None),
        ("<Year>MMXX</Year>", None),
        ("", None),
    ],
)
def test_the_issues_date_is_never_more_exact_than_the_record(
    pub_date: str, expected: tuple[date, Precision] | None
) -> None:
    assert issue(pub_date) == (expected and IssueDate(day=expected[0], precision=expected[1]))


def test_a_date_that_is_left_out_is_told() -> None:
    document = parse(changed("<Year>2026</Year><Month>Dec</Month>", "<MedlineDate>2026 Nov-Dec</MedlineDate>"))
    assert [warning.code for warning in document.warnings] == [base.W_BADDATE]
    assert "'2026 Nov-Dec'" in document.warnings[0].message
    document = parse(changed("<Month>11</Month><Day>03</Day>", "<Month>11</Month><Day>31</Day>"))
    assert (document.facts.published, document.warnings[0].code) == (None, base.W_BADDATE)


def test_without_keywords_there_are_no_topics() -> None:
    start, end = GOOD.index("<KeywordList"), GOOD.index("</KeywordList>") + len("</KeywordList>")
    document = parse(GOOD[:start] + GOOD[end:])
    assert (document.summary.topics, document.warnings[0].code) == ((), base.W_NO_TOPICS)


def test_without_a_journal_or_a_date_nothing_is_said_of_them() -> None:
    start, end = GOOD.index("<Journal>"), GOOD.index("</Journal>") + len("</Journal>")
    bare = changed("ArticleDate", "Elsewhere", GOOD[:start] + GOOD[end:]).replace("</ArticleDate>", "</Elsewhere>")
    document = parse(bare)
    assert (document.summary.journal, document.facts.issue_date, document.facts.published) == (None, None, None)
    short = study(changed("<Title>Example journal of walking</Title>", "<ISOAbbreviation>Ex J Walk</ISOAbbreviation>"))
    assert short.journal == "Ex J Walk"


def test_a_doi_of_a_reference_is_not_the_studys() -> None:
    own = '<ArticleId IdType="doi">10.5555/Walk.1</ArticleId>'
    assert study(changed(own, "")).doi == "10.5555/located"
    located = '<ELocationID EIdType="doi" ValidYN="Y">10.5555/located</ELocationID>'
    invalid = changed('ValidYN="Y"', 'ValidYN="N"', changed(own, ""))
    assert study(invalid).doi is None
    assert study(changed(located, "", changed(own, ""))).doi is None


def test_studies_are_found_by_both_names() -> None:
    found = studies_in(records(record("1", ""), record("", "")).encode(), "facts.xml")
    assert list(found) == ["1"]
    both = studies_in(GOOD.encode(), "facts.xml")
    assert both["12345678"] is both["10.5555/walk.1"]
    with pytest.raises(DocumentError, match=r"facts\.xml, line 1: not XML"):
        studies_in(b"<", "facts.xml")
    with pytest.raises(DocumentError) as error:
        studies_in(b" " * (base.BYTES_LIMIT + 1), "facts.xml")
    assert error.value.code == base.E_TOO_LARGE


def _noticed(*kinds: str, note: str = "") -> Study:
    notices = "".join(
        f'<CommentsCorrections RefType="{kind}"><RefSource>Ex J. 2026;1:{n}.</RefSource><PMID>{n}</PMID>{note}'
        "</CommentsCorrections>"
        for n, kind in enumerate(kinds, start=1)
    )
    return study(changed("<KeywordList", f"<CommentsCorrectionsList>{notices}</CommentsCorrectionsList><KeywordList"))


@pytest.mark.parametrize(
    ("kind", "status", "label"),
    [
        ("RetractionIn", Status.RETRACTED, "Retraction"),
        ("RetractedandRepublishedIn", Status.RETRACTED, "Retracted and republished"),
        ("ExpressionOfConcernIn", Status.CONCERN, "Expression of concern"),
        ("ErratumIn", Status.CORRECTED, "Correction"),
        ("CorrectedandRepublishedIn", Status.CORRECTED, "Corrected and republished"),
    ],
)
def test_a_notice_gives_the_status_and_says_where_it_stands(kind: str, status: Status, label: str) -> None:
    found = _noticed(kind)
    assert (found.status, found.notice) == (status, f"{label}, as listed in PubMed: Ex J. 2026;1:1 (PMID 1).")


@pytest.mark.parametrize("kind", ["CommentIn", "RetractionOf", "ErratumFor", "Cites", "UpdateIn", ""])
def test_other_relations_are_no_notices(kind: str) -> None:
    assert _noticed(kind).status is Status.OK
    assert not _noticed(kind).notice


def test_the_gravest_notice_counts() -> None:
    found = _noticed("ErratumIn", "RetractionIn", "ExpressionOfConcernIn", "RetractionIn")
    assert found.status is Status.RETRACTED
    assert found.notice.count("Retraction, ") == 2
    assert "Correction" not in found.notice


def test_a_note_of_the_index_is_kept() -> None:
    assert _noticed("ErratumIn", note="<Note>Wrong table.</Note>").notice.endswith("(PMID 1). Wrong table.")


def test_a_retracted_publication_is_retracted_whatever_else_is_listed() -> None:
    typed = changed("Journal Article", "Retracted Publication")
    assert study(typed).status is Status.RETRACTED
    assert study(typed).notice == "PubMed lists this study as a 'Retracted Publication'."
    bare = '<CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"/></CommentsCorrectionsList>'
    listed = study(changed("<KeywordList", f"{bare}<KeywordList", typed))
    assert (listed.status, listed.notice) == (Status.RETRACTED, "Retraction, as listed in PubMed.")
    assert parse(typed).facts.notice


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("10<sup>-6</sup>", "10⁻⁶"),
        ("10<sup>2.5</sup>", "10^2.5"),
        ("4<sup>th</sup>", "4th"),
        ("B<sub>12</sub>", "B12"),
        ("<i>a</i> <sup/>b\n c<!-- d -->e", "a b ce"),
        ("a &lt;b&gt; &amp;amp; {{ c }} ]]&gt;", "a <b> &amp; {{ c }} ]]>"),
    ],
)
def test_text_means_what_it_meant(written: str, read: str) -> None:
    assert parse(changed("Short walks helped a little.", written)).summary.key_takeaway == read


@given(st.text(max_size=60), st.integers(0, len(GOOD)))
def test_any_bytes_make_a_document_or_a_refusal(text: str, place: int) -> None:
    for found in _all((GOOD[:place] + text + GOOD[place:]).encode("utf-8", "surrogatepass")):
        with contextlib.suppress(DocumentError):
            assert PubMed().parse(found).summary.considerations


def _all(data: bytes) -> list[Raw]:
    try:
        return [found for found in split(data) if found.error is None]
    except DocumentError:
        return []
