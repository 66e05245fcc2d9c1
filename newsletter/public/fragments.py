"""Finished entries, each in every format, kept on disk for the length of a run.

An article stands in several feeds. It is written once in each format, and every document is a join of such pieces.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Sequence
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
        self._numbers: dict[str, dict[str, int]] = {}  # by kind and subject: which entry it is
        self._ends = array("q", [0])  # of every piece, one behind the other

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def put(self, kind: str, subject: str, entry: Entry) -> int:
        """Write an entry in every format; the size of the largest form, with what a feed may add to it."""
        self._numbers.setdefault(kind, {})[subject] = len(self._ends) // len(self._formats)
        pieces = [each.fragment(entry) for each in self._formats]
        for data in pieces:
            self._new += data
            self._ends.append(self._ends[-1] + len(data))
        if len(self._new) >= _AT_ONCE:
            self._write()
        return max(map(len, pieces)) + _SOURCE

    def __contains__(self, piece: tuple[str, str]) -> bool:
        kind, subject = piece
        return subject in self._numbers.get(kind, {})

    def get(self, form: Format, piece: tuple[str, str]) -> bytes | None:
        """A piece in one format; None for one that was not put."""
        kind, subject = piece
        number = self._numbers.get(kind, {}).get(subject)
        if number is None:
            return None
        place = number * len(self._formats) + self._formats.index(form)
        start, end = self._ends[place], self._ends[place + 1]
        if start >= self._written:
            return bytes(self._new[start - self._written : end - self._written])
        return os.pread(self._file.fileno(), end - start, start)

    def _write(self) -> None:
        rest = memoryview(self._new)
        while rest:
            rest = rest[os.pwrite(self._file.fileno(), rest, self._written + len(self._new) - len(rest)) :]
        self._written += len(self._new)
        self._new = bytearray()
