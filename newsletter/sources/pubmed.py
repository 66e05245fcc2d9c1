"""PubMed records in the XML of the E-utilities (`efetch -db pubmed -format xml`), one document a record.

A record is first of all a set of facts about a study: `studies_in` gives them to the articles about it (`studies.enrich`).
Few records hold a plain-language summary with our sections, each under its own label; only those become articles. No
other abstract does: what a study's authors wrote for their peers is no advice for readers, and nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Facts, IssueDate, Precision, Status, Summary
from newsletter.sources import base
from newsletter.sources.base import Raw, Report, shorten, without_repeats
from newsletter.sources.divide import CARE, CONSIDERATIONS, FOUND, REQUIRED, TAKEAWAY, heading_of
from newsletter.sources.fields import check_file, refused_in
from newsletter.sources.studies import Study, by_id, gravity
from newsletter.sources.trees import Element, line_of, own_bytes, read_tree, words

_ROOTS = ("PubmedArticleSet", "PubmedArticle")
_PLAIN = "plain-language-summary"  # OtherAbstract's Type

_PMID = re.compile(r"[1-9][0-9]{0,8}")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# One month and perhaps days of it: "2015 Dec 25-31", "2015 12". More months, seasons or years say no single one.
_ONE_MONTH = re.compile(r"([0-9]{4}) ([A-Za-z]{3}|[0-9]{1,2})(?: ([0-9]{1,2})(?:-([0-9]{1,2}))?)?")

# CommentsCorrections' RefType, on the record of the study itself
_NOTICES = {
    "RetractionIn": (Status.RETRACTED, "Retraction"),
    "RetractedandRepublishedIn": (Status.RETRACTED, "Retracted and republished"),
    "ExpressionOfConcernIn": (Status.CONCERN, "Expression of concern"),
    "ErratumIn": (Status.CORRECTED, "Correction"),
    "CorrectedandRepublishedIn": (Status.CORRECTED, "Corrected and republished"),
    "CorrectedRepublishedIn": (Status.CORRECTED, "Corrected and republished"),
}
_RETRACTED = "Retracted Publication"


@dataclass(frozen=True, slots=True)
class PubMed:
    """The format: a `PubmedArticleSet`; the key of a document is its PMID."""

    suffixes: tuple[str, ...] = (".xml",)
    bytes_limit: int = base.BYTES_LIMIT

    def split(self, file: Raw) -> Iterator[Raw]:
        check_file(file, limit=self.bytes_limit)
        report = Report(file.name)
        for number, record in enumerate(_records(report, file.data, self.bytes_limit), start=1):
            pmid = _pmid(record)
            if pmid is None:
                error = report.error(base.E_NO_KEY, f"record {number} has no PMID", line_of(record))
                yield refused_in(file, f"record {number}", error)
                continue
            try:
                yield Raw(key=pmid, name=f"{file.name}, PMID {pmid}", data=own_bytes(report, record))
            except DocumentError as error:
                yield refused_in(file, f"PMID {pmid}", error)

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:  # noqa: ARG002 - keywords come apart
        report = Report(raw.name)
        record = read_tree(report, raw.data, _ROOTS, self.bytes_limit)
        study = _study(report, record)
        facts = Facts(
            published=_online(report, record),
            published_origin=DateOrigin.PAGE,
            issue_date=study.issue_date,
            status=study.status,
            notice=study.notice,
            doi=study.doi,
            pmid=study.pmid,
        )
        summary = _summary(report, record, study)
        return Document(key=raw.key, summary=summary, facts=facts, warnings=tuple(report.warnings))


def studies_in(data: bytes, name: str, limit: int = base.BYTES_LIMIT) -> dict[str, Study]:
    """The facts in a file of records by PMID and DOI, for `studies.enrich`. `name` is what messages call the file.

    Raises DocumentError where the file as a whole cannot be read; a record without a PMID says nothing.
    """
    report = Report(name)
    return by_id(_study(report, record) for record in _records(report, data, limit) if _pmid(record))


def _records(report: Report, data: bytes, limit: int) -> Iterator[Element]:
    return read_tree(report, data, _ROOTS, limit).iter("PubmedArticle")


# -- facts ------------------------------------------------------------------------------------------------------------


def _pmid(record: Element) -> str | None:
    found = words(record.find("MedlineCitation/PMID"))
    return found if _PMID.fullmatch(found) else None


def _doi(record: Element) -> str | None:
    """Only the record's own: its references have DOIs as well, deeper down."""
    own = record.findall("PubmedData/ArticleIdList/ArticleId[@IdType='doi']")
    located = record.findall("MedlineCitation/Article/ELocationID[@EIdType='doi']")
    valid = [element for element in located if element.get("ValidYN", "Y") == "Y"]
    return next((found for element in (*own, *valid) if (found := words(element)).startswith("10.")), None)


def _study(report: Report, record: Element) -> Study:
    journal = record.find("MedlineCitation/Article/Journal")
    name = "" if journal is None else words(journal.find("Title")) or words(journal.find("ISOAbbreviation"))
    keywords = (words(keyword).rstrip(".;,") for keyword in record.iterfind("MedlineCitation/KeywordList/Keyword"))
    study = Study(
        pmid=_pmid(record),
        doi=_doi(record),
        issue_date=_issue_date(report, None if journal is None else journal.find("JournalIssue/PubDate")),
        journal=name or None,
        topics=without_repeats(keyword for keyword in keywords if keyword),
    )
    return _with_notices(record, study)


def _with_notices(record: Element, study: Study) -> Study:
    """The gravest notice gives the status. Its words are the index's own; it gives no date of its own."""
    told: list[Study] = []
    for notice in record.iterfind("MedlineCitation/CommentsCorrectionsList/CommentsCorrections"):
        if (known := _NOTICES.get(notice.get("RefType", ""))) is not None:
            status, label = known
            told.append(Study(status=status, notice=_notice(label, notice)))
    types = {words(kind) for kind in record.iterfind("MedlineCitation/Article/PublicationTypeList/PublicationType")}
    gravest = max(told, key=gravity, default=Study())
    if _RETRACTED in types and gravest.status is not Status.RETRACTED:
        return replace(study, status=Status.RETRACTED, notice=f"PubMed lists this study as a {_RETRACTED!r}.")
    same = dict.fromkeys(each.notice for each in told if each.status is gravest.status)
    return replace(study, status=gravest.status, notice=" ".join(same))


def _notice(label: str, element: Element) -> str:
    """As in: Retraction, as listed in PubMed: Example J. 2026 Nov;3(2):1 (PMID 12345678)."""
    where = words(element.find("RefSource")).rstrip(".")
    pmid, note = words(element.find("PMID")), words(element.find("Note"))
    source = f": {where}" if where else ""
    number = f" (PMID {pmid})" if pmid else ""
    return f"{label}, as listed in PubMed{source}{number}." + (f" {note}" if note else "")


# -- dates ------------------------------------------------------------------------------------------------------------


def _issue_date(report: Report, element: Element | None) -> IssueDate | None:
    """With the precision that the index has. A year or a season alone is not taken for a month of it."""
    if element is None:
        return None
    written = " ".join(words(child) for child in element)
    plain = " ".join(words(element.find(name)) for name in ("Year", "Month", "Day")).strip()
    found = _one_month(words(element.find("MedlineDate")) or plain)
    if found is None:
        report.warn(
            base.W_BADDATE, f"the issue's date {shorten(written)} names no single month, as 2026 Nov; it is left out"
        )
    return found


def _one_month(text: str) -> IssueDate | None:
    found = _ONE_MONTH.fullmatch(text)
    if found is None:
        return None
    year, month, day, until = found.groups(default="0")
    number = int(month) if month.isdecimal() else _MONTHS.index(month.lower()) + 1 if month.lower() in _MONTHS else 0
    try:
        first, last = (date(int(year), number, int(each) or 1) for each in (day, until))
    except ValueError:
        return None
    exact = first if int(day) and not int(until) else None
    if exact is not None:
        return IssueDate(day=exact, precision=Precision.DAY)
    return IssueDate(day=last.replace(day=1), precision=Precision.MONTH)


def _online(report: Report, record: Element) -> date | None:
    """When the record's text, and so the summary in it, was published."""
    element = record.find("MedlineCitation/Article/ArticleDate[@DateType='Electronic']")
    if element is None:
        return None
    parts = [words(element.find(name)) for name in ("Year", "Month", "Day")]
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        report.warn(base.W_BADDATE, f"the date of publication {shorten(' '.join(parts))} is no date; it is left out")
        return None


# -- the summary ------------------------------------------------------------------------------------------------------


def _summary(report: Report, record: Element, study: Study) -> Summary:
    title = words(record.find("MedlineCitation/Article/ArticleTitle"))
    if not title:
        raise report.error(base.E_NO_TITLE, "the record has no title")
    sections = _sections(report, record)
    if not study.topics:
        report.warn(base.W_NO_TOPICS, "the record has no keywords")
    return Summary(
        title=title,
        key_takeaway=" ".join(sections[TAKEAWAY]),
        what_they_found=sections[FOUND],
        who_should_care=sections[CARE],
        considerations=sections[CONSIDERATIONS],
        topics=study.topics,
        journal=study.journal,
    )


def _sections(report: Report, record: Element) -> dict[str, tuple[str, ...]]:
    """The sections of the one abstract that has them."""
    plain = record.findall(f"MedlineCitation/OtherAbstract[@Type='{_PLAIN}']")
    for abstract in (*plain, *record.findall("MedlineCitation/Article/Abstract")):
        labelled = [(text.get("Label", ""), text) for text in abstract.iterfind("AbstractText")]
        if any(heading_of(label) in REQUIRED for label, _ in labelled):
            return _filled(report, labelled)
    labels = [text.get("Label", "no label") for text in record.iter("AbstractText")]
    found = f"found {shorten(', '.join(labels))}" if labels else "there is no abstract"
    raise report.error(base.E_NO_SUMMARY, f"no plain-language summary with the sections {', '.join(REQUIRED)}; {found}")


def _filled(report: Report, labelled: Sequence[tuple[str, Element]]) -> dict[str, tuple[str, ...]]:
    sections: dict[str, tuple[str, ...]] = {}
    for label, element in labelled:
        name, text = heading_of(label), words(element)
        if name not in REQUIRED:
            raise report.error(
                base.E_STRAY_TEXT, f"a section {shorten(label or 'without label')} belongs to no part: {shorten(text)}"
            )
        if name in sections:
            raise report.error(base.E_HEADING_TWICE, f"section {name!r} for a second time")
        sections[name] = (text,)
    for name in REQUIRED:
        if not any(sections.get(name, ())):
            raise _lacking(report, name, present=name in sections)
    return sections


def _lacking(report: Report, name: str, *, present: bool) -> DocumentError:
    if name == TAKEAWAY:
        return report.error(base.E_NO_TAKEAWAY, f"the section {name!r} is missing or empty")
    code = base.E_EMPTY_SECTION if present else base.E_HEADING_MISSING
    return report.error(code, f"the section {name!r} is {'empty' if present else 'missing'}")
