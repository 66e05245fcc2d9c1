"""Crossref's answers about works (JSON of its REST API): facts about studies by DOI.

What has become of a study stands on the *notice*, which names the study under `update-to` (found by asking for the works
that update a DOI), and on newer records of the study itself under `updated-by`. Both are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from newsletter.model import IssueDate, Precision, Status
from newsletter.sources import base
from newsletter.sources.base import Report, shorten
from newsletter.sources.studies import Study, by_id

# Kinds that leave the study as it was (an addendum, a new version) are no notices. A study that its publisher removed or
# withdrew is news to readers, as a retraction is; "withdrawn" is what a site does with an article of its own.
_KINDS = {
    "retraction": Status.RETRACTED,
    "removal": Status.RETRACTED,
    "withdrawal": Status.RETRACTED,
    "expression_of_concern": Status.CONCERN,
    "partial_retraction": Status.CORRECTED,
    "correction": Status.CORRECTED,
    "corrigendum": Status.CORRECTED,
    "erratum": Status.CORRECTED,
}


def studies_in(data: bytes, name: str, limit: int = base.BYTES_LIMIT) -> dict[str, Study]:
    """The facts in one work, a list of works, or the API's answer with either, by DOI. `name` is for messages.

    Raises DocumentError where it cannot be read as a whole; what is odd in one work says nothing of it.
    """
    report = Report(name)
    return by_id(study for work in _works(report, data, limit) for study in _studies(work))


def _works(report: Report, data: bytes, limit: int) -> Iterator[Mapping[str, Any]]:
    if len(data) > limit:
        raise report.error(base.E_TOO_LARGE, f"the file is larger than {limit:,} bytes")
    try:
        told = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise report.error(base.E_NOT_JSON, f"not JSON: {shorten(str(error))}") from None
    told = told.get("message", told) if isinstance(told, dict) else told
    told = told.get("items", told) if isinstance(told, dict) else told
    works = told if isinstance(told, list) else [told]
    if not all(isinstance(work, dict) and isinstance(work.get("DOI"), str) for work in works):
        raise report.error(base.E_NOT_JSON, "right would be works of Crossref, each with a DOI")
    return iter(works)


def _studies(work: Mapping[str, Any]) -> Iterator[Study]:
    titles = work.get("container-title")
    journal = titles[0] if isinstance(titles, list) and titles else None
    yield Study(
        doi=work["DOI"],
        issue_date=_issue_date(work.get("published-print")),
        journal=" ".join(journal.split()) or None if isinstance(journal, str) else None,
    )
    for update in _updates(work, "update-to"):
        yield from _marked(update, study=update["DOI"], notice=work["DOI"])
    for update in _updates(work, "updated-by"):
        yield from _marked(update, study=work["DOI"], notice=update["DOI"])


def _updates(work: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    updates = work.get(name)
    for update in updates if isinstance(updates, list) else ():
        if isinstance(update, dict) and isinstance(update.get("DOI"), str):
            yield update


def _marked(update: Mapping[str, Any], *, study: str, notice: str) -> Iterator[Study]:
    kind = update.get("type")
    status = _KINDS.get(kind) if isinstance(kind, str) else None
    if status is not None:
        label = str(kind).replace("_", " ").capitalize()
        day = _day(update.get("updated"))
        yield Study(
            doi=study,
            status=status,
            status_date=None if day is None else datetime.combine(day, time(12), UTC),
            notice=f"{label}, as listed by Crossref: DOI {' '.join(notice.split())}.",
        )


# -- dates ------------------------------------------------------------------------------------------------------------


def _parts(value: object) -> list[int]:
    """`{"date-parts": [[2026, 11, 20]]}`, from year to day, as far as it is known."""
    try:
        parts = value["date-parts"][0]  # type: ignore[index]
    except (TypeError, KeyError, IndexError):
        return []
    return parts if isinstance(parts, list) and all(type(part) is int for part in parts) else []


def _day(value: object) -> date | None:
    parts = _parts(value)
    try:
        return date(*parts) if len(parts) == 3 else None
    except (ValueError, OverflowError):
        return None


def _issue_date(value: object) -> IssueDate | None:
    """A year alone is no month of it."""
    parts = _parts(value)
    day = _day({"date-parts": [[*parts, 1]]}) if len(parts) == 2 else _day(value)
    if day is None:
        return None
    return IssueDate(day=day, precision=Precision.MONTH if len(parts) == 2 else Precision.DAY)
