"""What indexes know serves the articles, and never replaces what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from newsletter.model import Document, DocumentWarning, Facts, IssueDate, Precision, Status, Summary
from newsletter.sources import base
from newsletter.sources.studies import Study, by_id, enrich

NOVEMBER = IssueDate(day=date(2026, 11, 1), precision=Precision.MONTH)
DOCUMENT = Document(
    key="one",
    summary=Summary(title="A", key_takeaway="B", what_they_found=("C",), who_should_care=("D",), considerations=("E",)),
    facts=Facts(pmid="1", doi="10.5555/A"),
)
STUDY = Study(
    pmid="1",
    doi="10.5555/a",
    issue_date=NOVEMBER,
    journal="Example journal",
    topics=("Gait", "MRI"),
    status=Status.CORRECTED,
    status_date=datetime(2026, 11, 1, tzinfo=UTC),
    notice="Corrected.",
)


def enriched(document: Document = DOCUMENT, *studies: Study) -> Document:
    return enrich(document, by_id(studies or (STUDY,)))


@pytest.mark.parametrize("facts", [Facts(pmid="1"), Facts(doi="10.5555/A"), Facts(pmid="1", doi="10.5555/A")])
def test_an_article_gains_what_it_does_not_say(facts: Facts) -> None:
    document = enriched(replace(DOCUMENT, facts=facts))
    assert document.facts == replace(
        facts,
        pmid="1",
        doi=facts.doi or "10.5555/a",
        issue_date=NOVEMBER,
        status=Status.CORRECTED,
        status_date=STUDY.status_date,
        notice="Corrected.",
    )
    assert document.summary == replace(DOCUMENT.summary, journal="Example journal", topics=("Gait", "MRI"))
    assert document.facts.published is None


def test_what_an_article_says_stays() -> None:
    december = IssueDate(day=date(2026, 12, 31), precision=Precision.DAY)
    document = replace(
        DOCUMENT,
        summary=replace(DOCUMENT.summary, journal="Its own", topics=("Pain",)),
        facts=replace(DOCUMENT.facts, issue_date=december, status=Status.CONCERN, notice="Its own."),
    )
    assert enriched(document) == document


def test_the_graver_status_counts() -> None:
    concerned = replace(DOCUMENT, facts=replace(DOCUMENT.facts, status=Status.CONCERN, notice="Its own."))
    facts = enriched(concerned, replace(STUDY, status=Status.RETRACTED, notice="Retracted.")).facts
    assert (facts.status, facts.notice) == (Status.RETRACTED, "Retracted.")


def test_an_article_that_no_index_knows_stays_as_it_is() -> None:
    for facts in (Facts(), Facts(pmid="2"), Facts(doi="10.5555/b")):
        document = replace(DOCUMENT, facts=facts)
        assert enriched(document) is document


@pytest.mark.parametrize("facts", [Facts(pmid="1", doi="10.5555/b"), Facts(pmid="2", doi="10.5555/a")])
def test_a_wrong_number_brings_no_foreign_facts(facts: Facts) -> None:
    document = replace(DOCUMENT, facts=facts)
    found = enriched(document, STUDY, Study(doi="10.5555/b", journal="Other"))
    assert replace(found, warnings=()) == document
    assert [warning.code for warning in found.warnings] == [base.W_STUDY_MISMATCH]
    assert "10.5555/" in found.warnings[0].message


def test_two_indexes_are_heard_together() -> None:
    retracted = Study(doi="10.5555/A", status=Status.RETRACTED, notice="Crossref says so.")
    document = enriched(DOCUMENT, STUDY, retracted)
    assert (document.facts.status, document.facts.notice) == (Status.RETRACTED, "Crossref says so.")
    apart = enrich(DOCUMENT, {"1": replace(STUDY, doi=None), "10.5555/a": retracted})
    assert (apart.facts.status, apart.summary.journal) == (Status.RETRACTED, "Example journal")
    again = enriched(DOCUMENT, retracted, replace(retracted, notice="So does another."), retracted)
    assert again.facts.notice == "Crossref says so. So does another."


def test_one_name_leads_to_the_other() -> None:
    """A retraction that Crossref knows by DOI reaches an article that names its PMID alone."""
    retracted = Study(doi="10.5555/a", status=Status.RETRACTED, notice="Retracted.")
    studies = {"1": replace(STUDY, status=Status.OK, notice=""), "10.5555/a": retracted}
    assert enrich(replace(DOCUMENT, facts=Facts(pmid="1")), studies).facts.status is Status.RETRACTED
    by_doi = {"10.5555/a": Study(pmid="1", doi="10.5555/a"), "1": replace(retracted, doi=None, pmid="1")}
    assert enrich(replace(DOCUMENT, facts=Facts(doi="10.5555/A")), by_doi).facts.status is Status.RETRACTED


def _glued(raw: str, *topics: str, code: str = base.W_TOPICS_UNCERTAIN) -> Document:
    warnings = (DocumentWarning(code=code, message=""), DocumentWarning(code=base.W_NO_JOURNAL, message=""))
    summary = replace(DOCUMENT.summary, topics=topics)
    return replace(DOCUMENT, topics_raw=raw, warnings=warnings, summary=summary)


def test_the_same_topics_unglued_settle_a_doubt() -> None:
    document = enriched(_glued("Gait MRI", "Gait"))
    assert document.summary.topics == ("Gait", "MRI")
    assert [warning.code for warning in document.warnings] == [base.W_NO_JOURNAL]


def test_other_topics_settle_nothing() -> None:
    assert enriched(_glued("GaitPain", "Gait")).summary.topics == ("Gait",)
    assert enriched(_glued("GaitMRI", "Gait", code=base.W_RATING)).summary.topics == ("Gait",)
    none = enriched(_glued("GaitMRI"), replace(STUDY, topics=()))
    assert (none.summary.topics, len(none.warnings)) == ((), 2)
