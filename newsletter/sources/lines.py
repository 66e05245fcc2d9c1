"""From bytes to lines: what every source of plain text shares, and the first place where a document is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from newsletter.sources import base
from newsletter.sources.base import Report

QUOTE_LIMIT = 4000  # what is left out is quoted in full, so that it is not lost; more than this cannot be left out
_TITLE_LINES = 3
_NAME_LIMIT = 200  # longer lines are no headings, and need no comparing
_HTML = re.compile(r"<(?:!--|\?xml\b|!doctype\s+html\b|(?:html|head|body|title|script)\b)", re.IGNORECASE)
_INVISIBLE = ("Cf", "Mn")  # among them zero-width spaces, soft hyphens and variation selectors
_LINE_ENDS = re.compile(r"\r+\n|[\r\x0b\x0c\x85\u2028]")
_NOTHING = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))  # zero-width space, word joiner, byte order mark
_ODD_ENDS = "\r\x0b\x0c\x85\u2028\u2029"
_NONCHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_CONTROL = re.compile(f"[\0-\t\x0b-\x1f\x7f-\x9f{_NONCHARACTERS}]")  # a line feed is none
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # they make text read in another order than it is written in


class Line(NamedTuple):
    """A line with something on it. `name` is what it is compared by, `opens` says that a blank line stands above."""

    number: int
    text: str
    name: str
    opens: bool


def read_text(report: Report, data: bytes) -> str:
    """The text with plain line ends and without control characters.

    Raises DocumentError for what is too large, empty, no text or HTML.
    """
    if len(data) > base.BYTES_LIMIT:
        raise report.error(base.E_TOO_LARGE, f"the file is larger than {base.BYTES_LIMIT:,} bytes")
    if data.lstrip()[:5] == b"%PDF-":
        raise report.error(base.E_NOT_TEXT, "this is a PDF; a text capture is needed")
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise report.error(base.E_NOT_TEXT, "a NUL byte; save the file as plain text in UTF-8", line)
    text = _plain_lines(_decode(report, data))
    if not text.strip():
        raise report.error(base.E_EMPTY, "the file is empty")
    if _HTML.match(text.lstrip()[:200]):
        raise report.error(base.E_HTML, "this is HTML, perhaps an error page; a text capture is needed", 1)
    return _without_controls(report, text)


def _plain_lines(text: str) -> str:
    """Every line end as one, none of the characters that are nothing."""
    if any(character in text for character in _ODD_ENDS):  # most texts have none, which is quickly seen
        text = _LINE_ENDS.sub("\n", text).replace("\u2029", "\n\n")
    return text if text.isascii() else text.translate(_NOTHING)


def _decode(report: Report, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        if error.reason == "unexpected end of data":
            raise report.error(base.E_CUT, "the file ends inside a character", line) from error
        raise report.error(base.E_NOT_TEXT, "not UTF-8; save the file as plain text in UTF-8", line) from error


def _without_controls(report: Report, text: str) -> str:
    """XML 1.0 section 2.2 has no place for them, escaped or not; marks of direction go too (UAX 9, section 3.3.2)."""
    if text.replace("\n", "").isprintable() and "\ufffd" not in text:  # as most texts are
        return text
    if _DIRECTIONS.search(text):
        report.warn(base.W_CONTROL, "marks that change the direction of text were removed")
        text = _DIRECTIONS.sub("", text)
    if "\ufffd" in text:
        line = text[: text.index("\ufffd")].count("\n") + 1
        lost = text.count("\ufffd")
        report.warn(base.W_LOST_CHARACTERS, f"{lost} character(s) had been lost before; U+FFFD stands for each", line)
    controls = set(_CONTROL.findall(text))
    if any(not character.isspace() for character in controls):
        report.warn(base.W_CONTROL, "control characters were replaced by spaces")
    return text.translate({ord(character): " " for character in controls})


def read_lines(report: Report, text: str) -> list[Line]:
    """The lines with something on them. Raises DocumentError for too many, too long or none."""
    rows = text.split("\n")
    if len(rows) > base.LINES_LIMIT:
        raise report.error(base.E_TOO_LARGE, f"more than {base.LINES_LIMIT:,} lines")
    lines: list[Line] = []
    opens = True
    for number, row in enumerate(rows, start=1):
        if len(row) > base.LINE_LIMIT:
            raise report.error(base.E_LONG_LINE, f"{len(row):,} characters; at most {base.LINE_LIMIT:,}", number)
        shown = _single_spaced(row)
        name = _name(shown) if shown else ""
        if name:
            lines.append(Line(number, shown, name, opens))
        opens = not name
    if not lines:
        raise report.error(base.E_EMPTY, "nothing visible is in the file")
    return lines


def _single_spaced(row: str) -> str:
    """`row` with single spaces for all that is white, and none at its ends; most rows are so, which is quickly seen."""
    if row.isprintable() and "  " not in row and row[:1] != " " and row[-1:] != " ":  # no other space is printable
        return row
    return " ".join(row.split())


def _name(shown: str) -> str:
    """A line as headings are compared: NFKC, nothing invisible, no capitals, single spaces, no final colon."""
    if len(shown) > _NAME_LIMIT:
        return shown
    if not shown.isascii():
        seen = (character for character in shown if unicodedata.category(character) not in _INVISIBLE)
        shown = " ".join(unicodedata.normalize("NFKC", "".join(seen)).split())
    return shown.casefold().removesuffix(":").rstrip() or shown


def joined(lines: Sequence[Line]) -> str:
    """The text of lines that belong together."""
    return " ".join(line.text for line in lines)


def repeated(lines: Sequence[Line]) -> int:
    """How many lines at the start stand there twice in a row, as titles do; 0 where none."""
    names = [line.name for line in lines[: 2 * _TITLE_LINES]]
    halves = range(1, len(names) // 2 + 1)
    return next((half for half in halves if names[:half] == names[half : 2 * half]), 0)
