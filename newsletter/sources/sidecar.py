"""The sidecar: a small TOML file of facts beside a document, which the document itself does not tell.

Every key is optional:

    published = 2026-11-18                        a date, or a date and time with zone
    publish_after = 2027-01-15T08:00:00+01:00     held back until then
    issue_date = 2026-12-31                       the date of the journal issue; day 1 means that only the month is known
    status = "corrected"                          ok, corrected, concern, retracted, withdrawn; needs a notice
    status_date = 2026-11-17T09:00:00Z
    notice = "What was wrong, and who says so."
    source_url = "https://doi.example.org/10.5555/1234"
    doi = "10.5555/1234"
    pmid = "12345678"
    topics = ["Fatigue", "Sleep"]                 instead of those in the document
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from newsletter.errors import DocumentError
from newsletter.model import Facts, IssueDate, Status
from newsletter.sources.base import E_SIDECAR, FACTS_LIMIT, issue_date, shorten, without_repeats

_DOI = re.compile(r"10\.[0-9]{4,9}/\S+")  # DOI Handbook 2.2, as Crossref registers them
_PMID = re.compile(r"[1-9][0-9]{0,8}")
_TOPIC_LIMIT = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What a sidecar says. `topics` is None where it says nothing of them."""

    facts: Facts = field(default_factory=Facts)
    topics: tuple[str, ...] | None = None


def read_facts(data: bytes, name: str) -> Sidecar:
    """Read a sidecar's bytes. `name` is what messages call it.

    Raises DocumentError `E-SIDECAR`, naming the file, the key, what was found and what would be right.
    """
    table = _table(data, name)
    unknown = sorted(set(table) - set(_READERS))
    if unknown:
        known = ", ".join(_READERS)
        raise _error(name, f"{shorten(unknown[0])} is no key of a sidecar; the keys are {known}")
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            values[key] = _READERS[key](value)
        except _WrongError as wrong:
            raise _error(name, f"{key}: found {_shown(value)}; right would be {wrong}") from None
    topics = values.pop("topics", None)
    facts = Facts(**values)
    _check_notice(facts, name)
    return Sidecar(facts=facts, topics=topics)


class _WrongError(Exception):
    """Says what would be right."""


def _table(data: bytes, name: str) -> Mapping[str, Any]:
    if len(data) > FACTS_LIMIT:
        raise _error(name, f"the file is larger than {FACTS_LIMIT:,} bytes")
    try:
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise _error(name, f"byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except RecursionError as error:
        raise _error(name, "values are nested too deeply; a sidecar holds simple values") from error
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number with thousands of digits
        raise _error(name, f"not TOML: {error}") from error


def _error(name: str, message: str) -> DocumentError:
    return DocumentError(E_SIDECAR, f"{name}: {message}")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return str(value).lower() if isinstance(value, bool) else shorten(str(value)).strip("'")


def _check_notice(facts: Facts, name: str) -> None:
    if facts.status is not Status.OK and not facts.notice:
        raise _error(name, f"status is {facts.status.value!r} but notice is missing; say in it what was wrong")
    if facts.status is Status.OK and facts.notice:
        words = ", ".join(status.value for status in Status if status is not Status.OK)
        raise _error(name, f"notice is given but status is not; set status to one of {words}")


# -- one reader a kind of value ---------------------------------------------------------------------------------------


def _moment(value: object) -> datetime:
    right = "a date and time with zone, for example 2026-11-18T09:00:00+01:00"
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _WrongError(right)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _WrongError(right) from None


def _day_or_moment(value: object) -> date | datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return _moment(value)
    except _WrongError as wrong:
        raise _WrongError(f"a date such as 2026-11-18, or {wrong}") from None


def _issue_date(value: object) -> IssueDate:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _WrongError("a date such as 2026-12-01")
    return issue_date(value)


def _status(value: object) -> Status:
    for status in Status:
        if status.value == value:
            return status
    raise _WrongError("one of " + ", ".join(status.value for status in Status))


def _text(value: object, right: str = "a text without control characters") -> str:
    if not isinstance(value, str):
        raise _WrongError(right)
    text = " ".join(value.split())
    if not text or not text.isprintable():
        raise _WrongError(right)
    return text


def _url(value: object) -> str:
    right = "an address that starts with https:// or http://, without spaces"
    text = _text(value, right)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _WrongError(right) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text:
        raise _WrongError(right)
    return text


def _doi(value: object) -> str:
    right = 'a DOI without an address before it, for example "10.5555/1234"'
    text = _text(value, right)
    if not _DOI.fullmatch(text):
        raise _WrongError(right)
    return text


def _pmid(value: object) -> str:
    right = 'a PubMed number in quotes, for example "12345678"'
    text = _text(value, right)
    if not _PMID.fullmatch(text):
        raise _WrongError(right)
    return text


def _topics(value: object) -> tuple[str, ...]:
    right = f'a list of texts of at most {_TOPIC_LIMIT} characters, for example ["Fatigue", "Sleep"]'
    if not isinstance(value, list):
        raise _WrongError(right)
    topics = [_text(item, right) for item in value]
    if any(len(topic) > _TOPIC_LIMIT for topic in topics):
        raise _WrongError(right)
    return without_repeats(topics)


_READERS: Mapping[str, Callable[[object], object]] = {
    "published": _day_or_moment,
    "publish_after": _moment,
    "issue_date": _issue_date,
    "status": _status,
    "status_date": _moment,
    "notice": _text,
    "source_url": _url,
    "doi": _doi,
    "pmid": _pmid,
    "topics": _topics,
}
