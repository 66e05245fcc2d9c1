"""JSON: one object, a list of objects, or an object a line (JSON Lines). The fields are those of `fields`.

In JSON Lines a bad line costs itself; elsewhere a file that is no JSON costs itself whole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from newsletter.errors import DocumentError
from newsletter.model import Document
from newsletter.sources import base
from newsletter.sources.base import Raw, Report, shorten
from newsletter.sources.fields import (
    DOCUMENTS_LIMIT,
    check_file,
    document_in,
    read_document,
    refused_in,
    too_many,
)

_LINES = (".jsonl", ".ndjson")
_NUMBER_LIMIT = 30  # digits; longer ones are no value of any field


@dataclass(frozen=True, slots=True)
class Records:
    """The format: JSON with any number of articles a file."""

    suffixes: tuple[str, ...] = (".json", *_LINES)
    bytes_limit: int = base.BYTES_LIMIT

    def split(self, file: Raw) -> Iterator[Raw]:
        check_file(file, limit=self.bytes_limit)
        report = Report(file.name)
        text = read_utf8(report, file.data)
        if file.name.endswith(_LINES) or _is_lines(text):
            yield from _split_lines(file, text)
            return
        try:
            value = read_json(text)
        except NotJsonError as error:
            raise report.error(base.E_NOT_JSON, f"not JSON: {error}", error.line) from None
        yield from _split_list(file, value if isinstance(value, list) else [value])

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:  # noqa: ARG002 - topics come apart
        return read_document(raw)


class Object(dict[str, Any]):
    """A JSON object that knows which name it was given twice."""

    repeated: str | None = None


class NotJsonError(Exception):
    """Says where a text is no JSON. `line` is counted from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def read_json(text: str) -> Any:
    """The value of a JSON text; nothing in it is lost or guessed. Raises an error that says where it is no JSON."""
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=str, parse_int=_whole_number, parse_float=_number
        )
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg}, column {error.colno}", error.lineno) from error
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error


def _object(pairs: Sequence[tuple[str, Any]]) -> Object:
    read = Object()
    for name, value in pairs:
        if name in read:
            read.repeated = name
        read[name] = value
    return read


def _whole_number(text: str) -> int | str:
    return int(text) if len(text) <= _NUMBER_LIMIT else text


def _number(text: str) -> float | str:
    return float(text) if len(text) <= _NUMBER_LIMIT else text


def read_utf8(report: Report, data: bytes) -> str:
    """The text of a file. Raises DocumentError where it is not UTF-8, has a NUL byte, or is empty."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise report.error(base.E_NOT_TEXT, "not UTF-8; save the file as UTF-8", line) from error
    if "\0" in text:
        raise report.error(base.E_NOT_TEXT, "a NUL byte; save the file as UTF-8")
    if not text.strip():
        raise report.error(base.E_EMPTY, "the file is empty")
    return text


def _is_lines(text: str) -> bool:
    """Whether the first line is an object of its own and another one follows."""
    first, _, rest = text.strip().partition("\n")
    if not rest.strip():
        return False
    try:
        return isinstance(read_json(first), dict)
    except NotJsonError:
        return False


def _split_list(file: Raw, values: Sequence[object]) -> Iterator[Raw]:
    if len(values) > DOCUMENTS_LIMIT:
        raise too_many(file.name)
    for number, value in enumerate(values, start=1):
        yield _document(file, f"document {number}", value)


def _split_lines(file: Raw, text: str) -> Iterator[Raw]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > DOCUMENTS_LIMIT:
        raise too_many(file.name)
    for number, line in lines:
        place = f"line {number}"
        try:
            yield _document(file, place, read_json(line))
        except NotJsonError as error:
            message = f"{file.name}, {place}: not JSON: {error}"
            yield refused_in(file, place, DocumentError(base.E_NOT_JSON, message, line=number))


def _document(file: Raw, place: str, value: object) -> Raw:
    name = f"{file.name}, {place}"
    if not isinstance(value, Object):
        message = f"{name}: found {shorten(json.dumps(value))}; right would be an object with the fields of an article"
        return refused_in(file, place, DocumentError(base.E_NOT_JSON, message))
    if value.repeated is not None:
        message = f"{name}: the field {shorten(value.repeated)} is given twice; one of the two would be lost"
        return refused_in(file, place, DocumentError(base.E_FIELD, message))
    return document_in(file, place, value, value.get("id"))
