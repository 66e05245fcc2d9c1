"""Values that all formats share: addresses, ids, dates, characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from newsletter.feeds.check.finding import Flaw, quoted

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f]+")
_WEB = re.compile(r"https?://[^\s/?#@<>\"{}|\\^`]+[^\s<>\"{}|\\^`]*", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_RFC822 = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\d\d? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
    r" \d\d:\d\d(?::\d\d)? (?:GMT|UT|[+-]\d{4})"
)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_COMPONENT = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_TAG = re.compile(
    rf"tag:(?:[A-Za-z0-9._-]+@)?{_COMPONENT}(?:\.{_COMPONENT})*"
    r",(?P<date>\d{4}(?:-\d\d(?:-\d\d)?)?):(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
    r"(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)


def is_iri(text: str | None) -> bool:
    """Absolute (RFC 3987): a scheme and something after it, without a blank."""
    return _IRI.fullmatch(text or "") is not None


def is_web_address(text: str | None) -> bool:
    return _WEB.fullmatch(text or "") is not None


def is_language(text: str | None) -> bool:
    """In form (RFC 5646); not whether anybody speaks it."""
    return _LANGUAGE.fullmatch(text or "") is not None


def is_mail_address(text: str | None) -> bool:
    return re.fullmatch(r"[^\s@]+@[^\s@]+", text or "") is not None


def host_of(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").casefold()
    except ValueError:
        return ""


def id_flaws(identity: str, place: str, now: datetime) -> Iterator[Flaw]:
    """What is wrong with an id that is given; where none is given is another rule's business."""
    if not is_iri(identity):
        yield Flaw("F-ID", place, f"the id is {quoted(identity)}")
    elif identity.casefold().startswith("tag:") and not _is_tag(identity, now.date()):
        yield Flaw("F-TAG", place, f"the id is {quoted(identity)}")


def _is_tag(identity: str, today: date) -> bool:
    """RFC 4151 2.1. A date in the future cannot have been the minter's (2.2)."""
    matched = _TAG.fullmatch(identity)
    if matched is None:
        return False
    year, month, day = (*map(int, matched["date"].split("-")), 1, 1)[:3]
    try:
        return date(year, month, day) <= today
    except ValueError:
        return False


def rfc3339(text: str | None) -> datetime | None:
    """The moment, or None for what is none by RFC 3339."""
    if text is None or not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def rfc822(text: str | None) -> datetime | None:
    """The moment, or None for what is none by RFC 822 with a year of four digits; a weekday must be the right one."""
    if text is None or not _RFC822.fullmatch(text):
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if text[3] == "," and text[:3] != _WEEKDAYS[moment.weekday()]:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def forbidden_character(text: str) -> str | None:
    """The first character that XML 1.0 (2.2) forbids, as U+000B."""
    matched = _FORBIDDEN.search(text)
    return f"U+{ord(matched[0]):04X}" if matched else None


def is_character(number: int) -> bool:
    """XML 1.0 2.2."""
    return (
        number in {0x9, 0xA, 0xD}
        or 0x20 <= number <= 0xD7FF
        or 0xE000 <= number <= 0xFFFD
        or 0x10000 <= number <= 0x10FFFF
    )


_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
