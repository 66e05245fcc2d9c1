"""What a page says of itself beside its text: its encoding, and the facts in its metadata.

Known are Highwire's `citation_*`, Open Graph, JSON-LD and RFC 8574's `cite-as`. A fact that is not usable is a warning,
and counts as unknown.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, DocumentWarning, Facts, IssueDate
from newsletter.sources import base, divide
from newsletter.sources.base import Report, issue_date, shorten
from newsletter.sources.fields import read_iso, read_known_facts
from newsletter.sources.marks import read_mark
from newsletter.sources.sanitise import Block, Flow, parse_html, read_flow

_YEARS = range(1900, 2200)
_SOURCE_LABELS = frozenset((
    "full study", "original article", "original study", "read the full study", "read the study", "source study",
    "the study", "view study", "view the study",
))  # fmt: skip
_DOI_PREFIX = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)", re.IGNORECASE)
_LOCAL_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?")
_ISSUE = re.compile(r"([0-9]{4})[/-]([0-9]{1,2})(?:[/-]([0-9]{1,2}))?")
_CHARSET = re.compile(rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.+-]{1,40})""", re.IGNORECASE)
_ENCODINGS = {"iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252"}
_KNOWN_ENCODING = re.compile(
    r"utf-?8|(?:windows-|cp)125[0-8]|iso-?8859-(?:[2-9]|1[03-6])|koi8-[ru]|gb18030|gbk|gb2312|big5|euc-(?:jp|kr)|shift_jis"
)


# -- from bytes to text -----------------------------------------------------------------------------------------------


def read_html(report: Report, data: bytes) -> str:
    """The text of a page, by byte order mark, by `meta charset`, or as UTF-8; never by a guess.

    Raises DocumentError for what is too large, empty or not in the encoding that it states.
    """
    if len(data) > base.BYTES_LIMIT:
        raise report.error(base.E_TOO_LARGE, f"the file is larger than {base.BYTES_LIMIT:,} bytes")
    if not data.strip():
        raise report.error(base.E_EMPTY, "the file is empty")
    encoding = _encoding(report, data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise report.error(base.E_NOT_TEXT, f"byte {error.start} is not {encoding}", line) from error
    if "\0" in text or data.lstrip().startswith(b"%PDF-"):
        raise report.error(base.E_NOT_TEXT, "a NUL byte or a PDF; an HTML page is needed")
    if "\ufffd" in text:
        report.warn(base.W_LOST_CHARACTERS, f"{text.count(chr(0xFFFD))} character(s) were lost before; see U+FFFD")
    return text


def _encoding(report: Report, data: bytes) -> str:
    """HTML Standard, 13.2.3.2, without its guesses."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    found = _CHARSET.search(data[:4096])
    label = found[1].decode("ascii").lower() if found else "utf-8"
    if label.startswith("utf-16"):
        return "utf-8"  # a page whose bytes spell charset=utf-16 in ASCII is not in it
    encoding = _ENCODINGS.get(label, label)
    if not _KNOWN_ENCODING.fullmatch(encoding):
        raise report.error(base.E_NOT_TEXT, f"charset {shorten(label)} is not known; right would be utf-8")
    return "cp" + encoding.removeprefix("windows-") if encoding.startswith("windows-") else encoding


# -- an opened page ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A page ready for questions. `meta` holds the contents of its meta elements by lower-case name or property."""

    report: Report
    tree: LexborHTMLParser
    flow: Flow
    meta: Mapping[str, Sequence[str]]
    profile: Mapping[str, str]

    def select(self, part: str) -> list[LexborNode]:
        return self.tree.css(self.profile[part]) if part in self.profile else []

    def first_meta(self, *names: str) -> str | None:
        return next((self.meta[name][0] for name in names if name in self.meta), None)


def read_meta(tree: LexborHTMLParser) -> dict[str, list[str]]:
    """The contents of the meta elements by lower-case name or property."""
    meta: dict[str, list[str]] = {}
    for node in tree.css("meta[content]"):
        name = node.attributes.get("property") or node.attributes.get("name") or ""
        content = " ".join((node.attributes.get("content") or "").split())
        if content:
            meta.setdefault(name.lower(), []).append(content)
    return meta


def text_of(node: LexborNode) -> str:
    """The text of an element as it is seen, in one line."""
    return " ".join(block.bare for block in read_flow(parse_html(node.html or "")).blocks)


# -- facts ------------------------------------------------------------------------------------------------------------


def line_of(node: LexborNode) -> str:
    """All text of an element in one line, seen or not."""
    return " ".join((node.text() or "").split())


def page_facts(page: Opened, lead: Sequence[Block], title: str) -> tuple[Facts, str]:
    """What the metadata say, and the title without a mark such as `RETRACTED:`, which becomes the status."""
    source = _source(page)
    told = {
        "doi": page.first_meta("citation_doi", "prism.doi", "dc.identifier") or source,
        "pmid": page.first_meta("citation_pmid"),
        "source_url": source,
    }
    if told["doi"] is not None:
        plain = _DOI_PREFIX.sub("", told["doi"], count=1)
        told["doi"] = plain if plain.startswith("10.") else None
    facts = Facts(published=_published(page, lead), published_origin=DateOrigin.PAGE, issue_date=_issue_date(page))
    for name, value in told.items():
        if value is not None:
            facts = replace(facts, **_fact(page.report, name, value))
    mark = read_mark(title)
    if mark is None:
        return facts, title
    return replace(facts, status=mark.status, notice=mark.notice), mark.title


def _fact(report: Report, name: str, value: str) -> dict[str, Any]:
    try:
        facts, _ = read_known_facts({name: value}, report=report, origin=DateOrigin.PAGE)
    except DocumentError as error:
        report.warnings.append(DocumentWarning(code=base.W_FACT, message=error.message))
        return {}
    return {name: getattr(facts, name)}


def _source(page: Opened) -> str | None:
    """The address of the study, where the page names one as such."""
    nodes = page.select("source") or page.tree.css("link[rel~='cite-as'][href], a[rel~='cite-as'][href]")
    nodes = nodes or [node for node in page.tree.css("a[href]") if divide.name_of(line_of(node)) in _SOURCE_LABELS]
    found = {(node.attributes.get("href") or "").strip() for node in nodes} - {""}
    if len(found) != 1:
        return None
    home = page.tree.css_first("base[href]") or page.tree.css_first("link[rel~='canonical'][href]")
    try:
        return urljoin((home.attributes.get("href") or "") if home is not None else "", found.pop())
    except ValueError:
        return None


def _published(page: Opened, lead: Sequence[Block]) -> date | datetime | None:
    """By the selector, `article:published_time`, JSON-LD, or the one `time` element above the first part."""
    selected = [node.attributes.get("datetime") or text_of(node) for node in page.select("published")]
    told = selected or [*page.meta.get("article:published_time", ())] or _json_dates(page)
    if not told:
        above = set(map(id, lead))
        starts = {index for index, block in enumerate(page.flow.blocks) if id(block) in above}
        nodes = [node for node in page.tree.css("time[datetime]") if page.flow.span(node)[0] in starts]
        told = [node.attributes.get("datetime") or "" for node in nodes]
    values = sorted(set(told))
    read = _moment(values[0]) if len(values) == 1 else None
    if values and read is None:
        shown = " and ".join(shorten(value) for value in values[:3])
        page.report.warn(base.W_BADDATE, f"published: found {shown}; right would be one date such as 2026-11-18")
    return read


def _moment(text: str) -> date | datetime | None:
    """A date, or a moment in UTC. Of a time without zone only the day is certain."""
    local = _LOCAL_MOMENT.fullmatch(text.strip())
    read = read_iso(
        local[1] if local else re.sub(r"([+-][0-9]{2})([0-9]{2})$", r"\1:\2", text.strip().replace(" ", "T"))
    )
    try:
        moment = read.astimezone(UTC) if isinstance(read, datetime) else read
    except OverflowError:
        return None
    return moment if isinstance(moment, date) and moment.year in _YEARS else None


def _json_dates(page: Opened) -> list[str]:
    """Each `datePublished` of JSON-LD that is said of an article."""
    dates: list[str] = []
    for script in page.tree.css("script[type='application/ld+json']"):
        try:
            waiting = [json.loads(script.text() or "")]
        except (ValueError, RecursionError):
            continue
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                dates += [value["datePublished"]] if _dated_article(value) else []
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
    return dates


def _dated_article(value: Mapping[str, Any]) -> bool:
    kinds = json.dumps(value.get("@type"))
    return isinstance(value.get("datePublished"), str) and ("Article" in kinds or "Posting" in kinds)


def _issue_date(page: Opened) -> IssueDate | None:
    """Highwire's dates: year, month and perhaps day."""
    found = _ISSUE.fullmatch(page.first_meta("citation_publication_date", "citation_date") or "")
    if found is None:
        return None
    try:
        return issue_date(date(int(found[1]), int(found[2]), int(found[3] or 1)))
    except ValueError:
        page.report.warn(base.W_BADDATE, f"the journal's date is {shorten(found[0])}; it counts as unknown")
        return None
