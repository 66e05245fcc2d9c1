"""The named fields of an article: one schema for JSON, CSV and front matter, and the way from fields to a document.

A field that is empty or null counts as not given. Facts (dates, status, links) are checked as in a sidecar, with the
same words. A section is one text, in which blank lines separate paragraphs, or a list of paragraphs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Facts, Rating, Summary
from newsletter.sources import base
from newsletter.sources.base import Raw, Report, shorten
from newsletter.sources.lines import Line, read_lines, read_text
from newsletter.sources.ratings import read_rating
from newsletter.sources.values import READERS, WrongValueError, notice_problem, shown

DOCUMENTS_LIMIT = 10_000

_TAKEAWAY_WORDS = 60
_KEY_LIMIT = 1_000
_BULLET = re.compile(r"[•‣◦*\u2013-]\s")
_MARKUP = re.compile(r"</?[a-z][a-z0-9]{0,9}(?:\s[^<>]{0,200})?/?>", re.IGNORECASE)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)  # RFC 3339 5.6, with seconds optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One named field. `schema` is what JSON Schema (2020-12) says of its value."""

    name: str
    schema: Mapping[str, Any]
    description: str
    required: bool = False


_TEXT = {"type": "string", "minLength": 1}
_SECTION = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_RATING = {"type": ["string", "number", "null"], "examples": ["4/5", 4.5]}
_MAYBE_TEXT = {"type": ["string", "null"]}
_MAYBE_MOMENT = {"type": ["string", "null"], "format": "date-time"}

_STATUS_WORDS = ["ok", "corrected", "concern", "retracted", "withdrawn", None]

FIELDS: tuple[Field, ...] = (
    Field(
        name="id",
        schema={"type": ["string", "integer"]},
        description="Names the article within its source. Unique, and the same for ever.",
        required=True,
    ),
    Field(name="title", schema=_TEXT, description="The article's title.", required=True),
    Field(name="key_takeaway", schema=_TEXT, description="The one main message, in a sentence.", required=True),
    Field(
        name="what_they_found",
        schema=_SECTION,
        description="What the study found. Blank lines separate paragraphs.",
        required=True,
    ),
    Field(
        name="who_should_care",
        schema=_SECTION,
        description="Who should care and why: people with MS, caregivers, clinicians.",
        required=True,
    ),
    Field(
        name="considerations",
        schema=_SECTION,
        description="The study's limits. No article goes out without them.",
        required=True,
    ),
    Field(name="credibility", schema=_RATING, description="The site's own rating, on a scale of 5, 10 or 100."),
    Field(name="interest", schema=_RATING, description="The site's own rating, on a scale of 5, 10 or 100."),
    Field(
        name="topics",
        schema={"type": ["array", "null"], "items": {"type": "string", "minLength": 1, "maxLength": 120}},
        description="Subject headings, each its own text. In a table they are separated by semicolons.",
    ),
    Field(name="journal", schema=_MAYBE_TEXT, description="The journal that the study was published in."),
    Field(
        name="published",
        schema={"type": ["string", "null"], "examples": ["2026-11-18", "2026-11-18T09:00:00+01:00"]},
        description="When the article was published: a date, or a date and time with zone.",
    ),
    Field(
        name="publish_after",
        schema=_MAYBE_MOMENT,
        description="Held back until then: a date and time with zone.",
    ),
    Field(
        name="issue_date",
        schema={"type": ["string", "null"], "format": "date"},
        description="The date of the journal issue; the first of a month says the month alone.",
    ),
    Field(
        name="status",
        schema={"enum": _STATUS_WORDS},
        description="What has become of the study since. All but ok need a notice.",
    ),
    Field(name="status_date", schema=_MAYBE_MOMENT, description="Since when: a date and time with zone."),
    Field(name="notice", schema=_MAYBE_TEXT, description="What was wrong, and who says so."),
    Field(
        name="source_url",
        schema={"type": ["string", "null"], "format": "uri", "pattern": "^https?://"},
        description="The address of the study.",
    ),
    Field(
        name="doi",
        schema={"type": ["string", "null"], "pattern": r"^10\.[0-9]{4,9}/"},
        description="The study's DOI, without an address before it.",
    ),
    Field(
        name="pmid",
        schema={"type": ["string", "null"], "pattern": "^[1-9][0-9]{0,8}$"},
        description="The study's number in PubMed, as a text.",
    ),
)
NAMES = tuple(field.name for field in FIELDS)
_DATES = ("published", "publish_after", "issue_date", "status_date")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one article."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Article",
        "description": "A plain-language summary of one study. A file holds one such object, a list, or one a line.",
        "type": "object",
        "properties": {field.name: {"description": field.description, **field.schema} for field in FIELDS},
        "required": [field.name for field in FIELDS if field.required],
        "additionalProperties": False,
    }


# -- one document of a file with several ------------------------------------------------------------------------------


def document_in(file: Raw, place: str, values: Mapping[str, Any], key: object) -> Raw:
    """One document of `file`, which stands at `place` (`row 3`). It carries `values` as JSON, so its hash is its own.

    A document without a usable key comes with the error.
    """
    found = read_key(key)
    name = f"{file.name}, {place}"
    if found is None:
        found_text = "no id" if key is None else f"id: found {shown(key)}"
        message = f"{name}: {found_text}; right would be a text or whole number that names the article for ever"
        return refused_in(file, place, DocumentError(base.E_NO_KEY, message))
    data = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    return Raw(key=found, name=f"{name} ({shorten(found)})", data=data)


def refused_in(file: Raw, place: str, error: DocumentError) -> Raw:
    """A document of `file` that cannot be used. It has no id of its own, so its place names it."""
    return Raw(key=f"{file.key}, {place}", name=f"{file.name}, {place}", data=b"", error=error)


def read_key(value: object) -> str | None:
    """A document's own id as a key; None where it is no text and no whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if text and text.isprintable() and len(text) <= _KEY_LIMIT else None


def check_file(file: Raw, *, limit: int) -> None:
    """Refuse what is no file of several documents whatever its format: too large, or with facts beside it."""
    report = Report(file.name)
    if len(file.data) > limit:
        raise report.error(base.E_TOO_LARGE, f"the file is larger than {limit:,} bytes")
    if file.facts is not None:
        raise report.error(
            base.E_SIDECAR, "a sidecar tells of one article; this file may hold several, and their facts stand in it"
        )


def too_many(name: str) -> DocumentError:
    return Report(name).error(base.E_TOO_LARGE, f"more than {DOCUMENTS_LIMIT:,} documents in one file; divide it")


def read_document(raw: Raw) -> Document:
    """The document of what `document_in` made."""
    return document_of(json.loads(raw.data), key=raw.key, report=Report(raw.name))


# -- fields to a document ---------------------------------------------------------------------------------------------


def document_of(
    values: Mapping[str, Any], *, key: str, report: Report, origin: DateOrigin = DateOrigin.SIDECAR
) -> Document:
    """The document that named fields state; `id` is passed over, since `key` was made of it.

    Raises DocumentError, which names the field, what was found and what would be right.
    """
    unknown = [name for name in values if name not in NAMES]
    if unknown:
        raise report.error(
            base.E_FIELD, f"{shorten(str(unknown[0]))} is no field of an article; the fields are {', '.join(NAMES)}"
        )
    given = {name: value for name, value in values.items() if not _is_empty(value)}
    facts, topics = read_known_facts(given, report=report, origin=origin)
    if not topics:
        report.warn(base.W_NO_TOPICS, "the document names no topics")
    return Document(
        key=key,
        summary=_summary(given, report, topics or ()),
        facts=facts,
        warnings=tuple(report.warnings),
    )


def read_known_facts(
    given: Mapping[str, Any], *, report: Report, origin: DateOrigin
) -> tuple[Facts, tuple[str, ...] | None]:
    """The facts among named fields, and the topics. Dates may be texts in ISO form. Raises DocumentError `E-FIELD`."""
    read: dict[str, Any] = {}
    for name in [name for name in given if name in READERS]:
        value = given[name]
        try:
            read[name] = READERS[name](read_iso(value) if name in _DATES else value)
        except WrongValueError as wrong:
            raise report.error(base.E_FIELD, f"{name}: found {shown(value)}; right would be {wrong}") from None
    topics = read.pop("topics", None)
    facts = Facts(**read, published_origin=origin)
    problem = notice_problem(facts)
    if problem is not None:
        raise report.error(base.E_FIELD, problem)
    return facts, topics


def read_iso(value: object) -> object:
    """The date, or date and time with zone, that a text states in ISO form; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    read: Callable[[str], object]
    if _DAY.fullmatch(text):
        read = date.fromisoformat
    elif _MOMENT.fullmatch(text):
        read = datetime.fromisoformat
    else:
        return value
    try:
        return read(text.upper())
    except ValueError:
        return value


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _summary(given: Mapping[str, Any], report: Report, topics: tuple[str, ...]) -> Summary:
    title = " ".join(_paragraphs(given, "title", report, base.E_NO_TITLE))
    takeaway = " ".join(_paragraphs(given, "key_takeaway", report, base.E_NO_TAKEAWAY))
    words = len(takeaway.split())
    if words > _TAKEAWAY_WORDS:
        report.warn(base.W_LONG_TAKEAWAY, f"key_takeaway has {words} words; up to {_TAKEAWAY_WORDS} are usual")
    return Summary(
        title=title,
        key_takeaway=takeaway,
        what_they_found=_paragraphs(given, "what_they_found", report),
        who_should_care=_paragraphs(given, "who_should_care", report),
        considerations=_paragraphs(given, "considerations", report),
        credibility=_rating(given, "credibility", report),
        interest=_rating(given, "interest", report),
        topics=topics,
        journal=" ".join(_paragraphs(given, "journal", report)) if "journal" in given else None,
    )


def _rating(given: Mapping[str, Any], name: str, report: Report) -> Rating | None:
    if name not in given:
        return None
    value = given[name]
    usable = isinstance(value, str | int | float) and not isinstance(value, bool)
    rating = read_rating(str(value).strip()) if usable else None
    if rating is None:
        report.warn(
            base.W_RATING,
            f"{name} is {shown(value)}; right would be a number above 0 such as 4/5 or 4.5; it counts as not rated",
        )
    return rating


def _paragraphs(
    given: Mapping[str, Any], name: str, report: Report, missing: str = base.E_EMPTY_SECTION
) -> tuple[str, ...]:
    """The paragraphs of a text. Raises DocumentError with the code `missing` where there are none."""
    value = given.get(name)
    parts: list[Any] = value if isinstance(value, list) else ["" if value is None else value]
    if not all(isinstance(part, str) for part in parts):
        right = "a text" if name in {"title", "key_takeaway", "journal"} else "a text, or a list of texts"
        raise report.error(base.E_FIELD, f"{name}: found {shown(value)}; right would be {right}")
    own = Report(f"{report.name}, {name}")
    paragraphs: list[str] = [text for part in parts if part.strip() for text in _part_paragraphs(own, part)]
    report.warnings.extend(own.warnings)
    if not paragraphs:
        raise report.error(missing, f"{name} is missing or empty; every article needs it")
    marked = next((found for text in paragraphs if (found := _MARKUP.search(text))), None)
    if marked:
        report.warn(base.W_MARKUP, f"{name}: HTML tag {shorten(marked.group())} in the text")
    return tuple(paragraphs)


def _part_paragraphs(report: Report, text: str) -> Sequence[str]:
    try:
        return joined_paragraphs(read_lines(report, read_text(report, text.encode("utf-8", "surrogatepass"))))
    except DocumentError as error:
        if error.code == base.E_EMPTY:
            return ()
        if error.code in _WHY:
            raise report.error(error.code, _WHY[error.code]) from error
        raise


_WHY = {
    base.E_NOT_TEXT: "a NUL character, or half of a character, where plain text is expected",
    base.E_HTML: "this begins as an HTML page does, where plain text is expected",
}


def joined_paragraphs(lines: Sequence[Line]) -> tuple[str, ...]:
    """Lines without a blank line between them are one paragraph, but a bullet begins its own."""
    paragraphs: list[list[str]] = []
    for line in lines:
        if line.opens or not paragraphs or _BULLET.match(line.text):
            paragraphs.append([])
        paragraphs[-1].append(line.text)
    return tuple(" ".join(paragraph) for paragraph in paragraphs)
