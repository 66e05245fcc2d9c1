"""Paragraphs of a page to the parts of an article: the rule for sources whose headings are lines of their own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from newsletter.model import Rating
from newsletter.sources import base
from newsletter.sources.base import Report, shorten
from newsletter.sources.ratings import read_rating

TAKEAWAY = "Key Takeaway"
FOUND = "What They Found"
CARE = "Who Should Care and Why"
CONSIDERATIONS = "Important Considerations"
REQUIRED = (TAKEAWAY, FOUND, CARE, CONSIDERATIONS)
LEAD = "the lead"  #: what stands before the first heading
TOPICS = "Article Topics"
RELATED = "You May Also Like"
CLOSING = "Understanding MS Research"

_HEADINGS = {part.casefold(): part for part in (*REQUIRED, TOPICS, RELATED, CLOSING)} | {
    "key takeaways": TAKEAWAY,
    "who should care & why": CARE,
}
_NO_HEADING = 7  # a line that only looks like a heading ranks below h6
_LABEL = re.compile(r"(credibility|interest)(?: (?:rating|score))?(?:\s*[:\u2013-]\s*|\s+(?=[0-9★⭐])|$)(.{0,40})")
_VALUE_LIMIT = 40  # characters of a rating
_QUOTE_LIMIT = 4_000  # what is left out is quoted; more than this is not left out


def name_of(text: str) -> str:
    """A line as headings are compared: NFKC, nothing invisible, no capitals, single spaces, no final colon."""
    seen = "".join(character for character in text if unicodedata.category(character) not in {"Cf", "Mn"})
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split()).removesuffix(":").rstrip()


def heading_of(text: str) -> str | None:
    """The part whose heading `text` is; the whole line must be it."""
    return _HEADINGS.get(name_of(text)) if len(text) < base.LINE_LIMIT else None


def divide(report: Report, blocks: Iterable[tuple[str, int]]) -> dict[str, tuple[str, ...]]:
    """The paragraphs of each part. A block is a text and, where the page makes it a heading, its rank of 1 to 6, else 0.

    A heading that is none of ours may stand inside a part only if it ranks below the part's own; else what follows it
    would pass for more of that part. Raises DocumentError where a part is missing, empty, doubled or not certain.
    """
    parts: dict[str, list[str]] = {LEAD: []}
    part, rank = LEAD, 0
    for paragraph, told in blocks:
        level, heading = told or _NO_HEADING, heading_of(paragraph)
        if heading is not None:
            if heading in parts:
                raise report.error(base.E_HEADING_TWICE, f"heading {heading!r} for a second time")
            part, rank = heading, level
            parts[part] = []
            continue
        if level < _NO_HEADING and part in REQUIRED:
            if level <= rank:
                raise report.error(
                    base.E_STRAY_TEXT, f"the heading {shorten(paragraph)} after {part!r} begins no part of an article"
                )
            report.warn(base.W_SUBHEADING, f"{shorten(paragraph)} within {part!r} is kept as text")
        parts[part].append(paragraph)
    _check(report, parts)
    return {name: tuple(found) for name, found in parts.items()}


def _check(report: Report, parts: Mapping[str, Sequence[str]]) -> None:
    for name in REQUIRED:
        if name not in parts:
            code = base.E_NO_TAKEAWAY if name == TAKEAWAY else base.E_HEADING_MISSING
            raise report.error(code, f"there is no heading {name!r}")
        if not parts[name]:
            code = base.E_NO_TAKEAWAY if name == TAKEAWAY else base.E_EMPTY_SECTION
            raise report.error(code, f"nothing stands under {name!r}")


def ratings_in(report: Report, lines: Sequence[str]) -> tuple[dict[str, Rating | None], list[str]]:
    """Credibility and interest as far as the lines state them, and the lines that state neither.

    A value stands in its label's line or is the line below it.
    """
    ratings: dict[str, Rating | None] = {}
    others: list[str] = []
    label = None
    for line in lines:
        found = _LABEL.fullmatch(name_of(line)) if len(line) < base.LINE_LIMIT else None
        if label is not None and found is None and (below := read_rating(line[:_VALUE_LIMIT])) is not None:
            ratings[label], label = below, None
        elif found is None or found[1] in ratings:
            others.append(line)
            label = None
        elif found[2]:
            ratings[found[1]], label = _rating(report, line, found[2]), None
        else:
            ratings[found[1]], label = None, found[1]
    return ratings, others


def _rating(report: Report, line: str, value: str) -> Rating | None:
    rating = read_rating(value)
    if rating is None:
        report.warn(base.W_RATING, f"{shorten(line)} is no rating such as 4/5; it counts as not rated")
    return rating


def leave_out(report: Report, paragraphs: Sequence[str], where: str) -> None:
    """Say what is not used, in full. Raises DocumentError where that would be too much to be a mere oddity."""
    text = " ".join(paragraphs)
    if len(text) > _QUOTE_LIMIT:
        raise report.error(base.E_STRAY_TEXT, f"{len(text):,} characters {where} belong to no part: {shorten(text)}")
    if text:
        report.warn(base.W_STRAY_TEXT, f"left out {where}: {shorten(text, _QUOTE_LIMIT)}")
