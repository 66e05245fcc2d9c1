"""Values of facts: what each may be, and how a message shows what was found instead.

Shared by every source that names its facts: sidecars, front matter, JSON, CSV.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from newsletter.model import Facts, IssueDate, Status
from newsletter.sources.base import issue_date, shorten, without_repeats

_DOI = re.compile(r"10\.[0-9]{4,9}/\S+")  # DOI Handbook 2.2, as Crossref registers them
_PMID = re.compile(r"[1-9][0-9]{0,8}")
_TOPIC_LIMIT = 120


class WrongValueError(Exception):
    """Says what would be right."""


def shown(value: object) -> str:
    """A value as a message shows it."""
    if isinstance(value, str):
        return shorten(value)
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return str(value).lower() if isinstance(value, bool) else shorten(str(value)).strip("'")


def notice_problem(facts: Facts) -> str | None:
    """What is wrong with a status and its notice: there is never one without the other."""
    if facts.status is not Status.OK and not facts.notice:
        return f"status is {facts.status.value!r} but notice is missing; say in it what was wrong"
    if facts.status is Status.OK and facts.notice:
        words = ", ".join(status.value for status in Status if status is not Status.OK)
        return f"notice is given but status is not; set status to one of {words}"
    return None


# -- one reader a kind of value ---------------------------------------------------------------------------------------


def _moment(value: object) -> datetime:
    right = "a date and time with zone, for example 2026-11-18T09:00:00+01:00"
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise WrongValueError(right)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise WrongValueError(right) from None


def _day_or_moment(value: object) -> date | datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return _moment(value)
    except WrongValueError as wrong:
        raise WrongValueError(f"a date such as 2026-11-18, or {wrong}") from None


def _issue_date(value: object) -> IssueDate:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise WrongValueError("a date such as 2026-12-01")
    return issue_date(value)


def _status(value: object) -> Status:
    for status in Status:
        if status.value == value:
            return status
    raise WrongValueError("one of " + ", ".join(status.value for status in Status))


def _text(value: object, right: str = "a text without control characters") -> str:
    if not isinstance(value, str):
        raise WrongValueError(right)
    text = " ".join(value.split())
    if not text or not text.isprintable():
        raise WrongValueError(right)
    return text


def _url(value: object) -> str:
    right = "an address that starts with https:// or http://, without spaces"
    text = _text(value, right)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise WrongValueError(right) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in text:
        raise WrongValueError(right)
    return text


def _doi(value: object) -> str:
    right = 'a DOI without an address before it, for example "10.5555/1234"'
    text = _text(value, right)
    if not _DOI.fullmatch(text):
        raise WrongValueError(right)
    return text


def _pmid(value: object) -> str:
    right = 'a PubMed number in quotes, for example "12345678"'
    text = _text(value, right)
    if not _PMID.fullmatch(text):
        raise WrongValueError(right)
    return text


def _topics(value: object) -> tuple[str, ...]:
    right = f'a list of texts of at most {_TOPIC_LIMIT} characters, for example ["Fatigue", "Sleep"]'
    if not isinstance(value, list):
        raise WrongValueError(right)
    topics = [_text(item, right) for item in value]
    if any(len(topic) > _TOPIC_LIMIT for topic in topics):
        raise WrongValueError(right)
    return without_repeats(topics)


READERS: Mapping[str, Callable[[object], object]] = {
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
