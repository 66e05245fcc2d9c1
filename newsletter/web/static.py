"""The ASGI application for `public/`: what readers poll and browsers see, from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from newsletter.web import conditions, documents, policy
from newsletter.web.answers import Answer, Document, Pairs, pairs, plain
from newsletter.web.documents import ROOM, Held, file_name

_LONGEST = 8000  #: octets of a path; RFC 9110 4.1 wants so many to be understood
_NOT_ALLOWED = plain(HTTPStatus.METHOD_NOT_ALLOWED, (b"allow", b"GET, HEAD"))
_NOT_FOUND = plain(HTTPStatus.NOT_FOUND)
_TOO_LONG = plain(HTTPStatus.REQUEST_URI_TOO_LONG)
_LATER = plain(HTTPStatus.SERVICE_UNAVAILABLE, (b"retry-after", b"5"))


class Files:
    """Answers GET and HEAD for the files below a folder; queries are ignored.

    A document is made when it is first asked for, and held until its file changes. `room` is in bytes. `secure`: the site
    is reached by TLS.
    """

    def __init__(self, public: Path, now: Callable[[], datetime], *, room: int = ROOM, secure: bool = False) -> None:
        self._root = str(public.absolute())
        self._now = now
        self._held = Held(room)
        self._making = asyncio.Lock()
        self._standing = pairs(policy.STRICT) if secure else ()

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        head = scope["method"] == "HEAD"
        found = await self._found(scope) if head or scope["method"] == "GET" else _NOT_ALLOWED
        if isinstance(found, Answer):
            await self._send(found, send)
            return
        answer = found.answer(conditions.fields(scope["headers"]), head=head)
        if answer.span is None or head:
            await self._send(answer, send)
        else:
            await self._send_from_disk(found, answer, answer.span, send)

    async def _found(self, scope: Scope) -> Document | Answer:
        """The document that a path means, or why there is none."""
        raw_path: bytes = scope["raw_path"]
        # A path without escapes is its own name; only names that passed `file_name` are held.
        if b"%" not in raw_path and (document := self._held.get(scope["path"])):
            return document
        if len(raw_path) > _LONGEST:
            return _TOO_LONG
        name = file_name(raw_path)
        return _NOT_FOUND if name is None else await self._made(name)

    async def _made(self, name: str) -> Document | Answer:
        """One after another, so that a crowd which asks for a new feed has it compressed once."""
        async with self._making:
            if document := self._held.get(name):
                return document
            try:
                document = await run_in_threadpool(documents.read, self._root, name, self._now().timestamp())
            except OSError as error:
                return _absent(name, error)
            self._held.put(name, document)
            return document

    async def _send_from_disk(self, document: Document, answer: Answer, span: range, send: Send) -> None:
        try:
            file = await run_in_threadpool(documents.reopen, self._root, document)
        except OSError:
            file = None
        if file is None:  # replaced in this very moment
            await self._send(_LATER, send)
            return
        with file:
            await send({"type": "http.response.start", "status": answer.status, "headers": self._fields(answer)})
            pieces = documents.pieces(file, span)
            left = len(span)
            while left and (piece := await run_in_threadpool(next, pieces, b"")):
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": bool(left)})
        # If the file was cut meanwhile, the body is left unfinished: the server closes the connection, and the reader
        # sees that something is missing.

    async def _send(self, answer: Answer, send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": self._fields(answer)})
        await send({"type": "http.response.body", "body": answer.body})

    def _fields(self, answer: Answer) -> Pairs:
        return answer.headers if answer.status is HTTPStatus.NOT_MODIFIED else answer.headers + self._standing


def _absent(name: str, error: OSError) -> Answer:
    if isinstance(error, IsADirectoryError) and not name.endswith("/"):
        # The name has exactly one slash in front and no backslash, so this leads to no other host.
        place = (b"location", quote(f"{name}/").encode())
        return plain(HTTPStatus.MOVED_PERMANENTLY, place, (b"cache-control", policy.LIVE.encode()))
    missing = isinstance(error, (FileNotFoundError, IsADirectoryError, PermissionError))
    return _NOT_FOUND if missing else _LATER
