"""What indexes say about studies, and how it serves the articles about them.

An article that names its study by PMID or DOI gains what it does not say itself: the issue's date, the journal, topics,
and above all what has become of the study since. Nothing that an article or its sidecar says is replaced, but for a
status: the graver one counts.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from newsletter.model import Document, DocumentWarning, Facts, IssueDate, Status
from newsletter.sources.base import W_NO_TOPICS, W_STUDY_MISMATCH, W_TOPICS_UNCERTAIN

_GRAVITY = (Status.OK, Status.CORRECTED, Status.CONCERN, Status.RETRACTED, Status.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study in an index. `notice` says who marked it as what; it is empty where the study stands."""

    pmid: str | None = None
    doi: str | None = None
    issue_date: IssueDate | None = None
    journal: str | None = None
    topics: tuple[str, ...] = ()
    status: Status = Status.OK
    status_date: datetime | None = None
    notice: str = ""

    def join(self, other: Study) -> Study:
        """What both say together: this one first, the graver status of the two, and both notices of one gravity."""
        graver = max(self, other, key=gravity)
        both = self.status is other.status and other.notice not in self.notice
        return Study(
            pmid=self.pmid or other.pmid,
            doi=self.doi or other.doi,
            issue_date=self.issue_date or other.issue_date,
            journal=self.journal or other.journal,
            topics=self.topics or other.topics,
            status=graver.status,
            status_date=graver.status_date,
            notice=f"{self.notice} {other.notice}" if both else graver.notice,
        )


def gravity(of: Study | Facts) -> int:
    """How grave the status is: 0 for a study that stands."""
    return _GRAVITY.index(of.status)


def by_id(studies: Iterable[Study]) -> dict[str, Study]:
    """Studies by PMID and by DOI in small letters (a DOI has a stroke in it, so the two never meet)."""
    found: dict[str, Study] = {}
    for study in studies:
        for name in (study.pmid, study.doi and study.doi.casefold()):
            if name:
                found[name] = found[name].join(study) if name in found else study
    return found


def enrich(document: Document, studies: Mapping[str, Study]) -> Document:
    """The document with what `studies` know about its study. Where PMID and DOI disagree, only a warning is added."""
    facts = document.facts
    named = _named(facts, studies)
    found = list(dict.fromkeys(other for study in named for other in (study, *_named(study, studies))))
    if not found:
        return document
    if any(_contradicts(study, facts) for study in found):
        message = f"{document.key}: PMID {facts.pmid} and DOI {facts.doi} belong to two studies; right one of them"
        warning = DocumentWarning(code=W_STUDY_MISMATCH, message=message)
        return replace(document, warnings=(*document.warnings, warning))
    study = functools.reduce(Study.join, found)
    return _with_topics(
        replace(
            document,
            facts=_facts(facts, study),
            summary=replace(document.summary, journal=document.summary.journal or study.journal),
        ),
        study,
    )


def _named(by: Facts | Study, studies: Mapping[str, Study]) -> list[Study]:
    """An index may know only one of a study's names, so what is found by one leads to the other."""
    names = (by.pmid, by.doi and by.doi.casefold())
    return [studies[name] for name in names if name and name in studies]


def _contradicts(study: Study, facts: Facts) -> bool:
    pairs = ((study.pmid, facts.pmid), (study.doi, facts.doi))
    return any(ours and theirs and ours.casefold() != theirs.casefold() for ours, theirs in pairs)


def _facts(facts: Facts, study: Study) -> Facts:
    filled = replace(
        facts,
        pmid=facts.pmid or study.pmid,
        doi=facts.doi or study.doi,
        issue_date=facts.issue_date or study.issue_date,
    )
    if gravity(study) <= gravity(facts):
        return filled
    return replace(filled, status=study.status, status_date=study.status_date, notice=study.notice)


def _with_topics(document: Document, study: Study) -> Document:
    """An index's topics, where the document has none, or where its own are the same ones glued together."""
    codes = {warning.code for warning in document.warnings}
    glued = W_TOPICS_UNCERTAIN in codes and _letters(document.topics_raw or "") == _letters("".join(study.topics))
    if not study.topics or (document.summary.topics and not glued):
        return document
    settled = {W_NO_TOPICS, W_TOPICS_UNCERTAIN}
    return replace(
        document,
        summary=replace(document.summary, topics=study.topics),
        warnings=tuple(warning for warning in document.warnings if warning.code not in settled),
    )


def _letters(text: str) -> str:
    return "".join(text.split())
