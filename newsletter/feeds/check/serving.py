"""The answers of a web server, judged by what feed readers and caches rely on (RFC 9110, RFC 9111, RFC 8246)."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import brotli

from newsletter.feeds.check.document import suffix_of
from newsletter.feeds.check.finding import Finding, Flaw, found, quoted
from newsletter.feeds.check.folder import LIST
from newsletter.feeds.check.outline import name_of

_XML = ("application/xml", "text/xml")
_MEDIA_TYPES = {
    "atom": ("application/atom+xml", *_XML),
    "rss": ("application/rss+xml", *_XML),
    "json": ("application/feed+json", "application/json"),
    "opml": ("text/x-opml", *_XML),
}
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_CODINGS = {"gzip": gzip.decompress, "br": brotli.decompress}
_LEAST, _MOST, _YEAR = 300, 86_400, 31_536_000  # seconds
_EARLY = "Thu, 01 Jan 1970 00:00:00 GMT"
_OTHER = '"another"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An answer. Names of `fields` are in lower case; several of one name are joined by commas (RFC 9110 5.3)."""

    status: int
    fields: Mapping[str, str]
    body: bytes


#: Sends one request, of a method and a path with some header fields; None where no proper answer came.
Ask = Callable[[str, str, Mapping[str, str]], Exchange | None]


def asked_for(paths: Iterable[str]) -> tuple[str, ...]:
    """Which documents are asked for: of each kind of feed the first in every format, live and archived, and the list.

    A server treats all of a kind alike.
    """
    chosen: dict[tuple[str, bool, str], str] = {}
    for path in sorted(paths):
        name = name_of(path)
        if name is not None:
            kind = name.feed.split("/")[1]
            chosen.setdefault((kind, name.archive is not None, name.suffix), path)
        elif path == LIST:
            chosen[("list", False, "opml")] = path
    return tuple(sorted(chosen.values()))


def check_serving(path: str, data: bytes, ask: Ask) -> tuple[Finding, ...]:
    """What is wrong with the answers for the file `path`, whose bytes are `data`."""
    return tuple(found(path, _Visit(path, data, ask).flaws()))


class _Visit:
    """Several requests for one file."""

    def __init__(self, path: str, data: bytes, ask: Ask) -> None:
        self._path = path
        self._data = data
        self._ask = ask

    def flaws(self) -> Iterator[Flaw]:
        plain = self._get({"Accept-Encoding": "identity"})
        if plain is None or plain.status != 200 or plain.body != self._data:
            yield Flaw("F-STATUS", "GET", _status(plain, self._data))
            return
        yield from self._plain_flaws(plain)
        yield from self._head_flaws(plain)
        yield from self._conditional_flaws(plain)
        for coding in _CODINGS:
            yield from self._coding_flaws(coding, plain)

    def _get(self, fields: Mapping[str, str]) -> Exchange | None:
        return self._ask("GET", f"/{self._path}", fields)

    def _plain_flaws(self, plain: Exchange) -> Iterator[Flaw]:
        yield from _media_type_flaws(self._path, plain)
        if "set-cookie" in plain.fields:
            yield Flaw("F-COOKIE", "GET", "the answer sets a cookie")
        tag, changed = plain.fields.get("etag"), plain.fields.get("last-modified")
        again = self._get({"Accept-Encoding": "identity"})
        if tag is None or not _TAG.fullmatch(tag):
            yield Flaw("F-VALIDATORS", "GET", f"ETag is {quoted(tag)}")
        elif again is not None and again.fields.get("etag") != tag:
            yield Flaw("F-VALIDATORS", "GET", f"ETag is {quoted(tag)} and then {quoted(again.fields.get('etag'))}")
        if _moment(changed) is None:
            yield Flaw("F-VALIDATORS", "GET", f"Last-Modified is {quoted(changed)}")
        yield from _cache_flaws(self._path, plain)

    def _head_flaws(self, plain: Exchange) -> Iterator[Flaw]:
        head = self._ask("HEAD", f"/{self._path}", {"Accept-Encoding": "identity"})
        if head is None or head.status != 200 or head.body:
            yield Flaw("F-HEAD", "HEAD", _status(head, b""))
            return
        for name in ("content-type", "content-length", "etag", "last-modified", "cache-control"):
            if head.fields.get(name) != plain.fields.get(name):
                told = f"{quoted(head.fields.get(name))}, with GET {quoted(plain.fields.get(name))}"
                yield Flaw("F-HEAD", "HEAD", f"{name} is {told}")

    def _conditional_flaws(self, plain: Exchange) -> Iterator[Flaw]:
        tag, changed = plain.fields.get("etag", ""), plain.fields.get("last-modified", "")
        bare = tag.removeprefix("W/")
        for given in (bare, f"W/{bare}", f'{_OTHER}, W/"more", {bare}', "*") if tag else ():
            yield from self._expect(304, {"If-None-Match": given}, plain)
        if changed:
            yield from self._expect(304, {"If-Modified-Since": changed}, plain)
            yield from self._expect(200, {"If-Modified-Since": _EARLY}, plain)
            yield from self._expect(200, {"If-None-Match": _OTHER, "If-Modified-Since": changed}, plain)
        if tag and changed:
            yield from self._expect(304, {"If-None-Match": bare, "If-Modified-Since": _EARLY}, plain)

    def _expect(
        self, status: int, fields: Mapping[str, str], first: Exchange, coding: str = "identity"
    ) -> Iterator[Flaw]:
        answer = self._get({"Accept-Encoding": coding, **fields})
        place = "GET with " + " and ".join(f"{name}: {value}" for name, value in fields.items())
        if answer is None or answer.status != status or (status == 304 and answer.body):
            yield Flaw("F-NOT-MODIFIED", place, f"{_status(answer, b'')} came where {status} belongs")
        elif status == 304:
            for name in ("etag", "cache-control", "vary"):
                if answer.fields.get(name) != first.fields.get(name):
                    told = f"{quoted(answer.fields.get(name))}, with 200 {quoted(first.fields.get(name))}"
                    yield Flaw("F-304-FIELDS", place, f"{name} is {told}")
            if _moment(answer.fields.get("date")) is None:
                yield Flaw("F-304-FIELDS", place, f"Date is {quoted(answer.fields.get('date'))}")

    def _coding_flaws(self, coding: str, plain: Exchange) -> Iterator[Flaw]:
        packed, place = self._get({"Accept-Encoding": coding}), f"GET with Accept-Encoding: {coding}"
        if packed is None or packed.status != 200:
            yield Flaw("F-CODING", place, _status(packed, b""))
            return
        if packed.fields.get("content-encoding") != coding:
            told = quoted(packed.fields.get("content-encoding"))
            yield Flaw("F-CODING", place, f"Content-Encoding is {told}")
            return
        if _unpacked(coding, packed.body) != self._data:
            yield Flaw("F-CODING", place, "the decoded bytes are not the file's")
        for each in (packed, plain):
            if "accept-encoding" not in each.fields.get("vary", "").casefold():
                yield Flaw("F-CODING", place, f"Vary is {quoted(each.fields.get('vary'))}")
                break
        tag = packed.fields.get("etag", "")
        if tag == plain.fields.get("etag") and not tag.startswith("W/"):
            yield Flaw("F-CODING", place, f"the ETag is the uncoded file's, {quoted(tag)}")
        if tag:
            yield from self._expect(304, {"If-None-Match": tag}, packed, coding)


def _media_type_flaws(path: str, plain: Exchange) -> Iterator[Flaw]:
    told = plain.fields.get("content-type", "")
    media_type, _, parameters = told.partition(";")
    charset = parameters.strip().casefold().removeprefix("charset=").strip('"')
    if media_type.strip().casefold() not in _MEDIA_TYPES[suffix_of(path)] or charset not in {"", "utf-8"}:
        yield Flaw("F-MEDIA-TYPE", "GET", f"Content-Type is {quoted(told)}")


def _cache_flaws(path: str, plain: Exchange) -> Iterator[Flaw]:
    told = plain.fields.get("cache-control", "")
    directives = {each.strip().casefold() for each in told.split(",")}
    ages = [int(each[8:]) for each in directives if re.fullmatch(r"max-age=\d{1,10}", each)]
    age = ages[0] if len(ages) == 1 else -1
    name = name_of(path)
    if name is not None and name.archive is not None:
        right = age == _YEAR and "immutable" in directives
    else:
        right = _LEAST <= age <= _MOST and "immutable" not in directives
    if not right or directives & {"no-store", "private"}:
        yield Flaw("F-CACHE", "GET", f"Cache-Control is {quoted(told)}")


def _unpacked(coding: str, body: bytes) -> bytes | None:
    try:
        return bytes(_CODINGS[coding](body))
    except (OSError, EOFError, zlib.error, brotli.error):
        return None


def _moment(text: str | None) -> datetime | None:
    """A date of HTTP, in the one form that may be sent (RFC 9110 5.6.7)."""
    if text is None or not text.endswith(" GMT"):
        return None
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _status(answer: Exchange | None, expected: bytes) -> str:
    if answer is None:
        return "no proper answer"
    if 300 <= answer.status <= 399 and answer.status != 304:
        return f"{answer.status} to {quoted(answer.fields.get('location'))}"
    if answer.body != expected:
        return f"{answer.status} with other bytes ({len(answer.body):,}, not {len(expected):,})"
    return str(answer.status)
