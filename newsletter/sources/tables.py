"""CSV: an article a row, under a header with the names of `fields`. Paragraphs are separated by blank lines in a cell.

Comma, semicolon and tab are told apart by the header line alone: text in the cells cannot mislead that. Cells are text
and nothing else; what a spreadsheet would take for a formula stays as it stands.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter.errors import DocumentError
from newsletter.model import Document
from newsletter.sources import base
from newsletter.sources.base import Raw, Report, shorten
from newsletter.sources.fields import (
    DOCUMENTS_LIMIT,
    NAMES,
    check_file,
    document_in,
    read_document,
    refused_in,
    too_many,
)
from newsletter.sources.records import read_utf8

_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Tables:
    """The format: CSV with any number of articles a file."""

    suffixes: tuple[str, ...] = (".csv", ".tsv")
    bytes_limit: int = base.BYTES_LIMIT

    def split(self, file: Raw) -> Iterator[Raw]:
        check_file(file, limit=self.bytes_limit)
        report = Report(file.name)
        text = read_utf8(report, file.data)
        yield from _rows(file, text, report)

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:  # noqa: ARG002 - topics come apart
        return read_document(raw)


def _rows(file: Raw, text: str, report: Report) -> Iterator[Raw]:
    """A row costs itself, but where quotes do not balance nobody knows where the next row begins."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number, documents = 0, 0
    columns: tuple[str, ...] = ()
    while True:
        number += 1
        place = f"row {number}"
        try:
            cells = next(rows, None)
        except csv.Error as error:
            message = f"the quotes do not balance ({error}); neither this row nor any after it can be read"
            yield refused_in(file, place, Report(f"{file.name}, {place}").error(base.E_ROW, message))
            return
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = _columns(cells, report, number)
            continue
        documents += 1
        if documents > DOCUMENTS_LIMIT:
            raise too_many(file.name)
        yield _document(file, place, columns, cells)


def _delimiter(text: str) -> str:
    """The one that makes most known names of the header line; the comma where all are alike."""
    header = text.lstrip().split("\n", 1)[0][: base.LINE_LIMIT]
    return max(_DELIMITERS, key=lambda delimiter: len(_known(header.split(delimiter))))


def _known(cells: Sequence[str]) -> set[str]:
    return {cell.strip().strip('"').strip().casefold() for cell in cells} & set(NAMES)


def _columns(cells: Sequence[str], report: Report, number: int) -> tuple[str, ...]:
    names = tuple(cell.strip().casefold() for cell in cells)
    problem = _problem(names)
    if problem is not None:
        raise report.error(base.E_COLUMNS, f"row {number}, the header: {problem}; the columns are {', '.join(NAMES)}")
    return names


def _problem(names: Sequence[str]) -> str | None:
    if "" in names:
        return f"column {names.index('') + 1} has no name"
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        return "unknown columns: " + ", ".join(shorten(name) for name in unknown[:20])
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        return "columns that occur twice: " + ", ".join(shorten(name) for name in doubled)
    return None if "id" in names else "there is no column 'id'"


def _document(file: Raw, place: str, columns: Sequence[str], cells: Sequence[str]) -> Raw:
    extra = [cell for cell in cells[len(columns) :] if cell.strip()]
    if len(cells) < len(columns) or extra:
        message = f"{file.name}, {place}: {len(cells)} cells under {len(columns)} columns; each column needs one cell"
        return refused_in(file, place, DocumentError(base.E_ROW, message))
    values: dict[str, Any] = {name: cell for name, cell in zip(columns, cells, strict=False) if cell.strip()}
    if "topics" in values:
        values["topics"] = [topic for topic in values["topics"].split(";") if topic.strip()]
    return document_in(file, place, values, values.get("id"))
