"""What the fields of a request ask for, as RFC 9110 reads them: codings, preconditions, ranges. Pure.

A field that is not well-formed counts as absent, which is what the RFC says of each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus

IDENTITY = "identity"
CODINGS = ("br", "gzip", IDENTITY)  #: what we offer, the smallest first

Headers = Iterable[tuple[bytes, bytes]]
Fields = Mapping[bytes, bytes]

_TELLING = frozenset(
    {
        b"accept-encoding",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"range",
    }
)
_TAG = re.compile(rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_CODING = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)
_ONE_RANGE = re.compile(rb"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_DATE = re.compile(
    rb"[A-Z][a-z]{2}, [0-9]{2} " + _MONTH + rb" [0-9]{4} " + _TIME + rb" GMT"
    rb"|[A-Z][a-z]{5,8}, [0-9]{2}-" + _MONTH + rb"-[0-9]{2} " + _TIME + rb" GMT"
    rb"|[A-Z][a-z]{2} " + _MONTH + rb" [ 0-9][0-9] " + _TIME + rb" [0-9]{4}"
)
_BEYOND = 10**20  #: stands for every number with more digits; Python refuses to read thousands of them
_LEAST = 0.0001  #: below every weight that can be written (12.4.2)


def fields(headers: Headers) -> dict[bytes, bytes]:
    """The fields that decide an answer; a field on several lines is one list (5.2). Names are in lower case."""
    told: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _TELLING:
            told[name] = told[name] + b", " + value if name in told else value
    return told


@lru_cache(maxsize=256)
def acceptable(accept_encoding: bytes | None) -> tuple[str, ...]:
    """The codings of ours that a client takes, best first (12.5.3); empty if it takes none.

    Without the field a client takes anything; the one that certainly reads is sent.
    """
    if accept_encoding is None:
        return (IDENTITY,)
    weights = _weights(accept_encoding)
    others = weights.get("*")
    ranked: list[tuple[float, int, str]] = []
    for place, coding in enumerate(CODINGS):
        weight = weights.get(coding, others)
        if weight is None:
            weight = _LEAST if coding == IDENTITY else 0.0
        if weight > 0:
            ranked.append((-weight, place, coding))
    return tuple(coding for _, _, coding in sorted(ranked))


def _weights(accept_encoding: bytes) -> dict[str, float]:
    items = (_CODING.fullmatch(item) for item in accept_encoding.split(b","))
    pairs = ((item[1].decode().lower(), float(item[2] or 1)) for item in items if item)
    return {"gzip" if name == "x-gzip" else name: weight for name, weight in pairs}


def precondition(asked: Fields, tag: bytes, modified: int) -> HTTPStatus | None:
    """304 or 412 if a condition of a GET or HEAD ends it, in the order of 13.2.2.

    `tag` is the entity tag of what would be sent, `modified` its Last-Modified in seconds since 1970.
    """
    if not asked:
        return None
    if b"if-match" in asked:
        if not _listed(asked[b"if-match"], tag, weakly=False):
            return HTTPStatus.PRECONDITION_FAILED
    elif b"if-unmodified-since" in asked:
        limit = date(asked[b"if-unmodified-since"])
        if limit is not None and modified > limit:
            return HTTPStatus.PRECONDITION_FAILED
    if b"if-none-match" in asked:
        return HTTPStatus.NOT_MODIFIED if _listed(asked[b"if-none-match"], tag, weakly=True) else None
    if b"if-modified-since" in asked:
        since = date(asked[b"if-modified-since"])
        return HTTPStatus.NOT_MODIFIED if since is not None and modified <= since else None
    return None


def _listed(wanted: bytes, tag: bytes, *, weakly: bool) -> bool:
    """Weak or strong comparison (8.8.3.2) over a list; our own tags are strong."""
    if wanted == tag or wanted.strip() == b"*":
        return True
    tags = _TAG.findall(wanted)
    return tag in tags or (weakly and b"W/" + tag in tags)


def byte_range(asked: Fields, tag: bytes, size: int) -> range | HTTPStatus | None:
    """The part of `size` bytes that a GET asks for (14.2); None for the whole, 416 if there is no such part.

    Of several parts at once the whole is sent, as 14.2 allows: many small or overlapping ones are a known attack.
    """
    found = _ONE_RANGE.fullmatch(asked.get(b"range", b""))
    if found is None or found[1] == found[2] == b"" or not _still_the_same(asked, tag):
        return None
    if not found[1]:
        length = min(_number(found[2]), size)
        return range(size - length, size) if length else HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    first, last = _number(found[1]), _number(found[2] or b"%d" % _BEYOND)
    if last < first:
        return None
    return range(first, min(last + 1, size)) if first < size else HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def _still_the_same(asked: Fields, tag: bytes) -> bool:
    """If-Range (13.1.5), by strong comparison. A date never passes: ours may be shared by two states of a file."""
    return asked.get(b"if-range", tag).strip() == tag


def _number(digits: bytes) -> int:
    return int(digits) if len(digits) < 20 else _BEYOND


def http_date(seconds: int) -> bytes:
    """The preferred form of a date (5.6.7)."""
    return formatdate(seconds, usegmt=True).encode()


def date(value: bytes) -> int | None:
    """Seconds since 1970 of a date in one of the three forms of 5.6.7; None if it is none."""
    if _DATE.fullmatch(value) is None:
        return None
    try:
        moment = parsedate_to_datetime(value.decode() if value.endswith(b"GMT") else f"{value.decode()} GMT")
    except ValueError:
        return None
    return int(moment.timestamp())
