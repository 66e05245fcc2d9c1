"""The block "You May Also Like" of a capture: stubs of other articles, kept as data.

An entry is a title (usually twice), a date, a teaser and the line `Read More`. Any of them may be missing, and a title
or a teaser may run over several lines. Nothing of it is worth refusing an article for, so what is odd is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from newsletter.model import IssueDate, Related
from newsletter.sources import base
from newsletter.sources.base import Report, issue_date, shorten
from newsletter.sources.lines import QUOTE_LIMIT, Line, joined, repeated

READ_MORE = "read more"
_DATE_LIMIT = 30
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_US_DATE = re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})")
_ISO_DATE = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_DIGITS = "0123456789"
_DATE_LIKE = re.compile(r"[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}")


class Block(NamedTuple):
    """The lines of an entry, without `Read More`; `unfinished` says that there was none."""

    lines: list[Line]
    unfinished: bool


def is_dated(line: Line) -> bool:
    """Whether a line holds a date and nothing else, in whatever order."""
    return line.text[0] in _DIGITS and _DATE_LIKE.fullmatch(line.text) is not None


def titles_at(lines: Sequence[Line], index: int) -> int:
    """How many lines from `index` are surely an entry's title, even if it equals a heading."""
    following = lines[index + 1 : index + 2]
    if not following:
        return 0
    if following[0].name == lines[index].name:
        return 2
    return 1 if is_dated(following[0]) and not is_dated(lines[index]) else 0


def split_blocks(lines: Sequence[Line]) -> list[Block]:
    """Entries end with `Read More`. Where that is lost, a title in two lines or above a date begins the next one."""
    blocks: list[Block] = []
    block: list[Line] = []
    for index, line in enumerate(lines):
        if line.name == READ_MORE:
            blocks.append(Block(block, unfinished=False))
            block = []
            continue
        if block and _begins_block(lines, index, block):
            blocks.append(Block(block, unfinished=True))
            block = []
        block.append(line)
    return [*blocks, Block(block, unfinished=True)] if block else blocks


def _begins_block(lines: Sequence[Line], index: int, block: Sequence[Line]) -> bool:
    titles = titles_at(lines, index)
    if titles == 1:
        return any(is_dated(earlier) for earlier in block)
    return titles == 2 and block[-1].name != lines[index].name


def read_block(report: Report, block: Block) -> Related | None:
    """What an entry says. A teaser is kept as it is, cut or not; without a title there is no entry."""
    lines = block.lines
    if not lines or is_dated(lines[0]):
        quoted = f": {shorten(joined(lines), QUOTE_LIMIT)}" if lines else ""
        report.warn(base.W_RELATED, f"a related article without a title was left out{quoted}", _number(lines))
        return None
    dated = next((index for index, line in enumerate(lines) if is_dated(line)), None)
    title, after = _title(report, lines if dated is None else lines[:dated])
    shown = f"the related article {shorten(title)}"
    if block.unfinished:
        report.warn(base.W_RELATED_CUT, f"{shown} has no 'Read More'", lines[0].number)
    day, teaser = _day_and_teaser(report, shown, lines[after:])
    if not teaser:
        report.warn(base.W_RELATED, f"{shown} has no teaser", lines[0].number)
    return Related(title=title, date=day, teaser=joined(teaser))


def _number(lines: Sequence[Line]) -> int | None:
    return lines[0].number if lines else None


def _title(report: Report, lines: Sequence[Line]) -> tuple[str, int]:
    """The title and the number of its lines. It ends with its paragraph, unless it is repeated in the next one."""
    titles = repeated(lines)
    if titles:
        return joined(lines[:titles]), 2 * titles
    end = next((index for index, line in enumerate(lines) if index and line.opens), len(lines))
    if end > 1:
        report.warn(base.W_RELATED, f"a related title runs over {end} lines: {shorten(joined(lines[:end]), 200)}")
    return joined(lines[:end]), end


def _day_and_teaser(report: Report, shown: str, lines: Sequence[Line]) -> tuple[IssueDate | None, Sequence[Line]]:
    """A short paragraph before the teaser stands where the date should; it is quoted and not part of the teaser."""
    if lines and (is_dated(lines[0]) or (len(lines) > 1 and len(lines[0].text) <= _DATE_LIMIT and lines[1].opens)):
        return _date(report, lines[0]), lines[1:]
    dated = next((index for index, line in enumerate(lines) if is_dated(line)), None)
    if dated is None:
        report.warn(base.W_BADDATE, f"{shown} has no date")
        return None, lines
    report.warn(base.W_RELATED, f"{shown} has text above its date: {shorten(joined(lines[:dated]), QUOTE_LIMIT)}")
    return _date(report, lines[dated]), lines[dated + 1 :]


def _date(report: Report, line: Line) -> IssueDate | None:
    """US order, as the site writes it, or ISO 8601. Another order cannot be told from these, so nothing else is taken."""
    found = _US_DATE.fullmatch(line.text) or _ISO_DATE.fullmatch(line.text)
    if found:
        try:
            day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            day = None
        if day is not None and _FIRST_YEAR <= day.year <= _LAST_YEAR:
            return issue_date(day)
    report.warn(
        base.W_BADDATE,
        f"date {shorten(line.text)}; right would be month/day/year, as 12/1/2025, or 2025-12-01",
        line.number,
    )
    return None
