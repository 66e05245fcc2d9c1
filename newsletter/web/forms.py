"""What a form sends: read with a limit, in the two types that a browser and RFC 8058 know. Nothing else is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

MOST_BYTES = 16 * 1024  #: of a body
MOST_FIELDS = 1000

_MOST_READ = 256 * 1024  # bytes of a body that is refused
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_BOUNDARY = re.compile(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)  # RFC 2046 5.1.1
_NAME = re.compile(rb'content-disposition:[^\r\n]*;[ \t]*name="([^"\r\n]*)"', re.IGNORECASE)  # RFC 7578 4.2
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Form:
    """The fields by name, each with every value that was sent for it, in their order."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first value without the space around it; empty where there is none."""
        return next(iter(self.fields.get(name, ())), "").strip()

    def every(self, name: str) -> tuple[str, ...]:
        return self.fields.get(name, ())

    def has(self, name: str, value: str) -> bool:
        """Whether that value was sent: a box that was ticked."""
        return value in self.fields.get(name, ())


EMPTY = Form()


def gathered(pairs: Iterable[tuple[str, str]]) -> Form:
    """A form of names and values. Control characters, which no field of ours can mean, are dropped."""
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), _CONTROL.sub("", value))
    return Form(fields)


async def read_form(request: Request, *, untyped: bool = False) -> Form:
    """The form in a request's body. `untyped`: a body that names no type is taken, too, for one of no fields.

    Raises HTTPException: 413 for a body that is too long, 415 for another type, 400 for one that cannot be read.
    """
    told = request.headers.get("content-type", "")
    kind = told.partition(";")[0].strip().lower()
    if kind not in {_URLENCODED, _MULTIPART} and not (untyped and not kind):
        accepted = {"Accept-Post": f"{_URLENCODED}, {_MULTIPART}"}
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers=accepted)
    body = await _body(request)
    if not kind:
        return EMPTY
    return gathered(_multipart(body, told) if kind == _MULTIPART else _urlencoded(body))


async def _body(request: Request) -> bytes:
    """What is somewhat too long is read to its end, for a client or a proxy that is still writing hears no answer."""
    body, size = b"", 0
    told = request.headers.get("content-length", "0")
    fits = told.isdecimal() and len(told) < 10 and int(told) <= MOST_BYTES
    try:
        async for piece in request.stream():
            size += len(piece)
            fits = fits and size <= MOST_BYTES
            body = body + piece if fits else b""
            if size > _MOST_READ:
                break
    except ClientDisconnect:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    if not fits:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body


def _urlencoded(body: bytes) -> Iterable[tuple[str, str]]:
    text = body.decode("utf-8", "replace")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None


def _multipart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """RFC 7578, without files: what has a name is text in UTF-8."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise HTTPException(HTTPStatus.BAD_REQUEST)
    boundary = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    pairs = []
    for part in (b"\r\n" + body).split(boundary)[1 : MOST_FIELDS + 1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None:
            pairs.append((name[1].decode("utf-8", "replace"), value.decode("utf-8", "replace")))
    return pairs
