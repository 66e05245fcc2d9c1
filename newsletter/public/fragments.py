"""Finished entries, each in every format, kept on disk for the length of a run.

An article stands in several feeds. It is written once in each format, and every document is a join of such pieces.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from newsletter.feeds import FORMATS, Format
from newsletter.model import Entry

_AT_ONCE = 256 * 1024  # bytes
_SOURCE = 600  # what a feed may add to an entry: the name of the feed in which it stands first


class Fragments:
    """Pieces by kind and subject. A context manager: the pieces are gone at its end."""

    def __init__(self, formats: Sequence[Format] = FORMATS) -> None:
        self._formats = formats
        self._file = tempfile.TemporaryFile(prefix="newsletter-", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._written = 0
        self._new = bytearray()  # what stands behind that
        self._places: dict[tuple[str, str], tuple[tuple[int, int], ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def put(self, kind: str, subject: str, entry: Entry) -> int:
        """Write an entry in every format; the size of the largest form, with what a feed may add to it."""
        places = []
        for each in self._formats:
            data = each.fragment(entry)
            places.append((self._written + len(self._new), len(data)))
            self._new += data
        self._places[kind, subject] = tuple(places)
        if len(self._new) >= _AT_ONCE:
            self._write()
        return max(length for _, length in places) + _SOURCE

    def __contains__(self, piece: tuple[str, str]) -> bool:
        return piece in self._places

    def of(self, form: Format, pieces: Sequence[tuple[str, str]]) -> Iterator[bytes]:
        """The pieces in one format, in the order given."""
        self._write()
        number, descriptor = self._formats.index(form), self._file.fileno()
        for piece in pieces:
            start, length = self._places[piece][number]
            yield os.pread(descriptor, length, start)

    def _write(self) -> None:
        rest = memoryview(self._new)
        while rest:
            rest = rest[os.pwrite(self._file.fileno(), rest, self._written + len(self._new) - len(rest)) :]
        self._written += len(self._new)
        self._new = bytearray()
