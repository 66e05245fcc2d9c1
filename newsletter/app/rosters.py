"""CSV files of subscribers: read line by line for an import, each with its consent, and written by an export.

A line that cannot be used costs itself; what cannot be read at all is a UsageError. Spreadsheets take cells that begin with
`=`, `+`, `-` or `@` for formulas, so that such cells are written with an apostrophe before them, which reading takes away.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

from newsletter.addresses import is_mailbox
from newsletter.errors import UsageError
from newsletter.model import USUAL, Consent, Preferences, Subscriber, Subscription, SubscriptionState
from newsletter.store.preferences import loads
from newsletter.subscribe import is_name

COLUMNS = (
    *("address", "name", "newsletter", "state", "consent_text", "consent_at", "consent_source"),
    *("ended_at", "preferences"),
)
REFUSED_COLUMNS = ("line", "column", "found", "right")

_NEEDED = ("address", "consent_text", "consent_at")
_DELIMITERS = (",", ";", "\t")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_IMPORTED = "import"  #: the source of a consent whose line does not tell another
_LONGEST_CONSENT = 10_000
#: What other programs call our columns, as `_plain` makes it.
_ALIASES = {
    "address": "email emailaddress mail adresse emailadresse subscriberemail contactemail",
    "name": "fullname displayname",
    "newsletter": "list listname",
    "state": "status",
    "consent_text": "consent optintext",
    "consent_at": "consentdate consenttime confirmedat confirmtime optintime optindate subscribedat",
    "consent_source": "source optinsource signupsource",
}
_NAMES = {re.sub("_", "", name): name for name in COLUMNS} | {
    alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()
}
_STANDING = frozenset({"", "confirmed", "subscribed", "active"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A line that does not go in: what was found in which column, and what would be right. `cells` are as they stand."""

    line: int
    column: str
    found: str
    right: str
    cells: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line that can go in, one subscription for each newsletter that it is for: none where it is for others."""

    line: int
    subscriptions: tuple[Subscription, ...]
    cells: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """A file that was opened. `header` are its columns as they stand."""

    header: tuple[str, ...]
    lines: Iterator[Entry | Refusal]


def decoded(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, or UTF-16 where it says so. Raises UsageError for another encoding."""
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}, line {line}: not UTF-8; save the table as CSV in UTF-8") from None


def open_roster(text: str, name: str, newsletters: Collection[str], known: Collection[str], now: datetime) -> Roster:
    """Begin to read a file. `newsletters` are those that its lines are for, where they do not tell their own.

    Raises UsageError where the columns that every line needs are not there, or it is not told what they are for.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    header = _header(rows, name)
    columns = _columns(header, name)
    if "newsletter" not in columns and not newsletters:
        raise UsageError(f"{name}: it has no column newsletter; say which with --newsletter")
    reading = _Reading(columns=columns, chosen=tuple(newsletters), known=frozenset(known), now=now)
    return Roster(header=header, lines=_lines(rows, reading))


def write_roster(out: TextIO, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write subscriptions under `COLUMNS`; how many."""
    table, number = csv.writer(out, lineterminator="\r\n"), 0
    table.writerow(COLUMNS)
    for number, row in enumerate(rows, 1):  # noqa: B007 - the number is the answer
        table.writerow(_written(row[name]) for name in COLUMNS)
    return number


def write_refused(out: TextIO, header: Sequence[str], refusals: Iterable[Refusal]) -> None:
    """Write the lines that did not go in, as they stood and with what is wrong: put right, the file can be imported."""
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow([safe(cell) for cell in (*REFUSED_COLUMNS, *header)])
    for each in refusals:
        cells = (*each.cells, *[""] * (len(header) - len(each.cells)))
        table.writerow([safe(str(cell)) for cell in (each.line, each.column, each.found, each.right, *cells)])


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unsafe(cell: str) -> str:
    """What `safe` was made of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return safe(str(value))


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _delimiter(text: str) -> str:
    """The one that makes most known names of the header line; the comma where all are alike."""
    header = text.lstrip().split("\n", 1)[0][:10_000]
    return max(_DELIMITERS, key=lambda mark: len({_NAMES.get(_plain(cell)) for cell in header.split(mark)} - {None}))


def _header(rows: Iterator[list[str]], name: str) -> tuple[str, ...]:
    try:
        return tuple(next((row for row in rows if any(cell.strip() for cell in row)), ()))
    except csv.Error as error:
        raise UsageError(f"{name}: the header cannot be read ({error}); right would be {', '.join(_NEEDED)}") from None


def _columns(header: Sequence[str], name: str) -> dict[str, int]:
    """Our name of a column -> its place. What we do not know is passed over."""
    columns: dict[str, int] = {}
    for place, cell in enumerate(header):
        ours = _NAMES.get(_plain(cell))
        if ours in columns:
            first = header[columns[ours]]
            raise UsageError(f'{name}: the columns "{first}" and "{cell}" both tell the {ours}; leave one of them out')
        if ours is not None:
            columns[ours] = place
    missing = [needed for needed in _NEEDED if needed not in columns]
    if missing:
        told = ", ".join(f'"{cell.strip()}"' for cell in header[:20]) or "no columns"
        raise UsageError(f"{name}: found {told}; right would be a column {missing[0]}, for nobody is mailed without it")
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    columns: Mapping[str, int]
    chosen: tuple[str, ...]
    known: frozenset[str]
    now: datetime
    seen: dict[tuple[str, str], int] = field(default_factory=dict)


class _Refused(Exception):
    """A cell cannot be used."""

    def __init__(self, column: str, found: str, right: str) -> None:
        super().__init__(column, found, right)
        self.told = {"column": column, "found": found, "right": right}


def _lines(rows: Any, reading: _Reading) -> Iterator[Entry | Refusal]:
    """`rows` is a csv.reader, whose `line_num` tells where a row ended."""
    before = rows.line_num
    try:
        for cells in rows:
            line, before = before + 1, rows.line_num
            if any(cell.strip() for cell in cells):
                yield _line(line, cells, reading)
    except csv.Error as error:
        right = "quotes that balance; neither this line nor any after it was read"
        yield Refusal(line=before + 1, column="", found=str(error), right=right)


def _line(line: int, cells: Sequence[str], reading: _Reading) -> Entry | Refusal:
    told = {name: unsafe(cells[place].strip()) if place < len(cells) else "" for name, place in reading.columns.items()}
    try:
        return Entry(line=line, subscriptions=_subscriptions(told, line, reading), cells=tuple(cells))
    except _Refused as refused:
        return Refusal(line=line, cells=tuple(cells), **refused.told)


def _subscriptions(told: Mapping[str, str], line: int, reading: _Reading) -> tuple[Subscription, ...]:
    person = Subscriber(id=secrets.token_hex(16), address=_address(told["address"]), name=_name(told.get("name", "")))
    if told.get("state", "").casefold() not in _STANDING:
        raise _Refused("state", told["state"], "confirmed; nobody is brought back who has left or never agreed")
    consent = _consent(told, reading.now)
    preferences = _preferences(told.get("preferences", ""))
    newsletters = _newsletters(told.get("newsletter", ""), reading)
    for slug in newsletters:
        first = reading.seen.setdefault((person.address.casefold(), slug), line)
        if first != line:
            raise _Refused("address", told["address"], f"each address once; line {first} has it already")
    return tuple(
        Subscription(
            subscriber=person,
            newsletter=slug,
            state=SubscriptionState.CONFIRMED,
            consent=consent,
            preferences=preferences,
        )
        for slug in newsletters
    )


def _newsletters(told: str, reading: _Reading) -> tuple[str, ...]:
    if not told:
        if not reading.chosen:
            raise _Refused("newsletter", told, f"one of {', '.join(sorted(reading.known))}")
        return reading.chosen
    if told not in reading.known:
        raise _Refused("newsletter", told, f"one of {', '.join(sorted(reading.known))}")
    return (told,) if not reading.chosen or told in reading.chosen else ()


def _address(told: str) -> str:
    if not is_mailbox(told):
        raise _Refused("address", told, "one address such as name@example.org")
    return told


def _name(told: str) -> str:
    if not is_name(told):
        raise _Refused("name", told, "at most 200 characters, none of them a control character")
    return told


def _consent(told: Mapping[str, str], now: datetime) -> Consent:
    text = told["consent_text"]
    if not text or len(text) > _LONGEST_CONSENT:
        raise _Refused("consent_text", text[:80], "the words that the person agreed to")
    return Consent(text=text, at=_moment(told["consent_at"], now), source=told.get("consent_source") or _IMPORTED)


def _moment(told: str, now: datetime) -> datetime:
    """A date or a time; in UTC where it tells no zone."""
    try:
        moment = datetime.fromisoformat(told)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Refused("consent_at", told, "when they agreed, such as 2026-11-20 or 2026-11-20T09:00:00Z") from None
    if moment > now:
        raise _Refused("consent_at", told, "a time that is not in the future")
    return moment


def _preferences(told: str) -> Preferences:
    if not told:
        return USUAL
    try:
        return loads(told)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _Refused("preferences", told[:80], "empty, or as `subscribers export` writes it") from None
