"""RSS, Atom and JSON Feed: an article an entry, whose content holds the sections under their headings.

A feed of teasers gives no articles: an entry that lacks a section, or breaks off in one, is refused. Title, address, date
and categories are the feed's own fields. feedparser is given bytes alone: it would open an address or a path. Entities are refused before it sees the file.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document
from newsletter.sources import base, divide
from newsletter.sources.base import Raw, Report, shorten
from newsletter.sources.fields import (
    DOCUMENTS_LIMIT,
    check_file,
    document_in,
    document_of,
    joined_paragraphs,
    read_iso,
    refused_in,
    too_many,
)
from newsletter.sources.lines import read_lines, read_text
from newsletter.sources.records import NotJsonError, Object, read_json, read_utf8
from newsletter.sources.sanitise import parse_html, plain_paragraphs, read_flow
from newsletter.sources.topics import split_topics

_DEPTH_LIMIT = 200  # XHTML content nests far less
_ITEMS = frozenset({"item", "entry"})
_JSON_FEED = "https://jsonfeed.org/version/1"
_SECTIONS = {
    "key_takeaway": divide.TAKEAWAY,
    "what_they_found": divide.FOUND,
    "who_should_care": divide.CARE,
    "considerations": divide.CONSIDERATIONS,
}
_TEASER = re.compile(
    r"(?:\u2026|\.\.\.)\]?(?:\s*(?:continue reading|read more)\b.{0,200})?$|^(?:continue reading|read more)\b.{0,200}$",
    re.IGNORECASE,
)
_RFC_822 = re.compile(
    r"(?:[a-z]{3,9}, *)?([0-9]{1,2}) +([a-z]{3}) +([12][0-9]{3})"
    r"( +[0-9]{2}:[0-9]{2}(?::[0-9]{2})? +(?:(?!-0000)[+-][0-9]{4}|UTC?|GMT|Z|[ECMP][SD]T))?",
    re.IGNORECASE,
)  # -0000 says that no zone is known (RFC 5322 3.3)
_FOOTER = re.compile(r"the post .{1,400} (?:first appeared|appeared first) on .{1,200}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Feed:
    """The format: a feed with any number of entries."""

    suffixes: tuple[str, ...] = (".xml", ".rss", ".atom", ".rdf", ".json")
    bytes_limit: int = base.BYTES_LIMIT

    def split(self, file: Raw) -> Iterator[Raw]:
        check_file(file, limit=self.bytes_limit)
        is_json = file.data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
        entries = _json_entries(file) if is_json else _xml_entries(file)
        for number, values in enumerate(entries, start=1):
            place = f"entry {number}"
            if not isinstance(values, dict):
                message = f"{file.name}, {place}: found {shorten(json.dumps(values))}; right would be an object"
                yield refused_in(file, place, DocumentError(base.E_NOT_FEED, message))
                continue
            yield document_in(file, place, values, values.get("id") or values.get("link"))

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:
        return _document(raw, json.loads(raw.data), known_topics)


# -- RSS and Atom -----------------------------------------------------------------------------------------------------


def _xml_entries(file: Raw) -> list[dict[str, Any]]:
    import feedparser  # type: ignore[import-untyped]  # noqa: PLC0415 - most installations read no feeds

    _check_xml(file)
    try:
        read = feedparser.parse(
            io.BytesIO(file.data),
            response_headers={"content-type": "application/xml"},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except ValueError:  # expat joins a name and its name space by a blank, and the library takes them apart there
        raise Report(file.name).error(base.E_NOT_XML, "a name space (xmlns) with a blank in it") from None
    if not read.get("version"):
        raise Report(file.name).error(base.E_NOT_FEED, "XML, but neither RSS nor Atom")
    return [_xml_entry(entry) for entry in read["entries"]]


def _check_xml(file: Raw) -> None:
    """Broken XML makes feedparser guess; a guess may lose or join text, so that is refused first."""
    report = Report(file.name)
    if not file.data.strip():
        raise report.error(base.E_EMPTY, "the file is empty")
    items = depth = 0
    try:
        for event, element in iterparse(io.BytesIO(file.data), events=("start", "end")):
            depth += 1 if event == "start" else -1
            items += event == "start" and str(element.tag).rpartition("}")[2] in _ITEMS
            if event == "end":
                element.clear()
            if depth > _DEPTH_LIMIT:
                raise report.error(base.E_NOT_XML, f"elements are nested more than {_DEPTH_LIMIT} deep")
            if items > DOCUMENTS_LIMIT:
                raise too_many(file.name)
    except DefusedXmlException:
        message = "it declares entities, which a feed needs not and an attack would"
        raise report.error(base.E_NOT_XML, message) from None
    except ParseError as error:
        line, column = error.position
        raise report.error(base.E_NOT_XML, f"not XML: {error.msg}, column {column + 1}", line) from error
    except (ValueError, LookupError) as error:  # an encoding that is not known, or has several bytes a character
        raise report.error(base.E_NOT_XML, f"not XML that can be read: {error}") from error


def _xml_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What of an entry makes the article, and nothing that changes by itself."""
    content = entry["content"][0] if entry.get("content") else entry.get("summary_detail")
    return _without_nothing({
        "id": entry.get("id"),
        "link": entry.get("link"),
        "title": _plain_title(entry.get("title_detail")),
        "html": content["value"] if content and _is_html(content) else None,
        "text": content["value"] if content and not _is_html(content) else None,
        "published": entry.get("published"),
        "topics": [tag.get("label") or tag.get("term") or "" for tag in entry.get("tags", ())],
    })  # fmt: skip


def _is_html(detail: Mapping[str, Any]) -> bool:
    return "html" in str(detail.get("type"))


def _plain_title(detail: Mapping[str, Any] | None) -> str | None:
    if detail is None:
        return None
    return " ".join(plain_paragraphs(detail["value"])) if _is_html(detail) else detail["value"]


# -- JSON Feed --------------------------------------------------------------------------------------------------------


def _json_entries(file: Raw) -> list[Any]:
    report = Report(file.name)
    try:
        read = read_json(read_utf8(report, file.data))
    except NotJsonError as error:
        raise report.error(base.E_NOT_JSON, f"not JSON: {error}", error.line) from None
    version, items = read.get("version"), read.get("items")
    if not str(version).startswith(_JSON_FEED) or not isinstance(items, list):
        raise report.error(
            base.E_NOT_FEED, f'JSON, but no JSON Feed; right would be "version": "{_JSON_FEED}.1" and a list of items'
        )
    if len(items) > DOCUMENTS_LIMIT:
        raise too_many(file.name)
    return [_json_entry(item) if isinstance(item, Object) else item for item in items]


def _json_entry(item: Object) -> dict[str, Any]:
    return _without_nothing({
        "id": item.get("id"),
        "link": item.get("external_url") or item.get("url"),
        "title": item.get("title"),
        "html": item.get("content_html"),
        "text": item.get("content_text"),
        "published": item.get("date_published"),
        "topics": item.get("tags"),
        "repeated": item.repeated,
    })  # fmt: skip


def _without_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", [])}


# -- an entry to a document -------------------------------------------------------------------------------------------


def _document(raw: Raw, values: Mapping[str, Any], known_topics: Collection[str]) -> Document:
    report = Report(raw.name)
    _check_entry(report, values)
    parts = _divide(report, values)
    ratings, lead = divide.ratings_in(report, parts[divide.LEAD])
    title = divide.name_of(values["title"])
    divide.leave_out(report, [line for line in lead if divide.name_of(line) != title], "above the first heading")
    for part in (divide.RELATED, divide.CLOSING):
        divide.leave_out(report, parts.get(part, ()), f"under {part!r}")
    fields = _fields(report, values) | {name: list(parts[part]) for name, part in _SECTIONS.items()}
    topics_raw = "\n".join(parts.get(divide.TOPICS, ())) or None
    if "topics" not in fields and topics_raw:
        fields["topics"] = _topics(report, topics_raw, known_topics)
    document = document_of(fields, key=raw.key, report=report, origin=DateOrigin.PAGE)
    rated = replace(document.summary, credibility=ratings.get("credibility"), interest=ratings.get("interest"))
    return replace(document, summary=rated, topics_raw=topics_raw)


def _check_entry(report: Report, values: Mapping[str, Any]) -> None:
    if "repeated" in values:
        raise report.error(base.E_FIELD, f"{shorten(values['repeated'])} is given twice; one of the two would be lost")
    for name in ("link", "title", "html", "text", "published"):
        if not isinstance(values.get(name, ""), str):
            raise report.error(
                base.E_FIELD, f"{name}: found {shorten(json.dumps(values[name]))}; right would be a text"
            )
    if not values.get("title", "").strip():
        raise report.error(base.E_NO_TITLE, "the entry has no title")
    if "html" not in values and "text" not in values:
        raise report.error(base.E_NO_TAKEAWAY, "the entry has no content")


def _divide(report: Report, values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The parts of an entry. What a site appends to every entry belongs to none of them."""
    if "html" in values:
        try:
            blocks = [(block.text, block.level) for block in read_flow(parse_html(values["html"])).blocks]
        except DocumentError as error:  # what is said of HTML alone does not say where it stands
            raise report.error(error.code, error.message) from None
    else:
        blocks = [(paragraph, 0) for paragraph in _text_paragraphs(report, values["text"])]
    footer = [text for text, _ in blocks[-1:] if _FOOTER.fullmatch(text)]
    divide.leave_out(report, footer, "at the end")
    parts = divide.divide(report, blocks[: len(blocks) - len(footer)])
    for part in divide.REQUIRED:
        if _TEASER.search(parts[part][-1]):
            raise report.error(
                base.E_CUT, f"{part!r} breaks off: {shorten(parts[part][-1][-60:])}; the feed must hold whole articles"
            )
    return parts


def _text_paragraphs(report: Report, text: str) -> tuple[str, ...]:
    """The paragraphs of plain text. A heading is a paragraph of its own, blank line or not."""
    lines = [f"\n{line}\n" if divide.heading_of(line) else line for line in text.splitlines()]
    plain = "\n".join(lines).encode("utf-8", "surrogatepass")
    return joined_paragraphs(read_lines(report, read_text(report, plain)))


def _topics(report: Report, raw: str, known_topics: Collection[str]) -> list[str]:
    """The topics in the text of an entry that has no categories."""
    split = split_topics(raw, known=known_topics)
    if split.uncertain:
        left_out = shorten(", ".join(split.uncertain), 200)
        report.warn(base.W_TOPICS_UNCERTAIN, f"left out, since it is not certain where they begin and end: {left_out}")
    return list(split.topics)


def _fields(report: Report, values: Mapping[str, Any]) -> dict[str, Any]:
    """The feed's own fields under our names."""
    topics = values.get("topics")
    if isinstance(topics, list):
        topics = [topic for topic in topics if not isinstance(topic, str) or topic.strip()]
    given = {
        "title": values["title"],
        "source_url": values.get("link"),
        "topics": topics,
        "published": _published(report, values),
    }
    return {name: value for name, value in given.items() if value not in (None, [])}


def _published(report: Report, values: Mapping[str, Any]) -> date | datetime | None:
    told = values.get("published")
    if told is None:
        return None
    read = read_moment(told)
    if read is None:
        report.warn(
            base.W_BADDATE,
            f"published: found {shorten(told)}; right would be a date, or a date and time with zone, of RFC 822 or 3339",
        )
    return read


def read_moment(text: str) -> date | datetime | None:
    """The date, or moment in UTC, of RFC 822 section 5 or RFC 3339; None for any other, or for a time without zone.

    A date without a time stays a date: midnight in UTC would be the day before in New York.
    """
    read = read_iso(text)
    found = _RFC_822.fullmatch(text.strip())
    try:
        if isinstance(read, datetime):
            return read.astimezone(UTC)
        if isinstance(read, date):
            return read
        if found is None:
            return None
        day = datetime.strptime(" ".join(found.group(1, 2, 3)), "%d %b %Y").date()  # noqa: DTZ007 - a day has no zone
        return day if found[4] is None else parsedate_to_datetime(found[0]).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
