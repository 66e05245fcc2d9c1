"""Finished entries, each in every format, kept on disk for the length of a run.

An article stands in several feeds. It is written once in each format, and every document is a join of such pieces.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from newsletter.feeds import FORMATS, Format
from newsletter.model import Entry

_SOURCE = 600  # what a feed may add to an entry: the name of the feed in which it stands first


class Fragments:
    """Pieces by kind and subject. A context manager: the pieces are gone at its end."""

    def __init__(self, formats: Sequence[Format] = FORMATS) -> None:
        self._formats = formats
        self._file = tempfile.TemporaryFile(prefix="newsletter-")  # noqa: SIM115 - closed by __exit__
        self._end = 0
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
            self._file.seek(self._end)
            self._file.write(data)
            places.append((self._end, len(data)))
            self._end += len(data)
        self._places[kind, subject] = tuple(places)
        return max(length for _, length in places) + _SOURCE

    def __contains__(self, piece: tuple[str, str]) -> bool:
        return piece in self._places

    def of(self, form: Format, pieces: Sequence[tuple[str, str]]) -> Iterator[bytes]:
        """The pieces in one format, in the order given."""
        number = self._formats.index(form)
        for piece in pieces:
            start, length = self._places[piece][number]
            self._file.seek(start)
            yield self._file.read(length)
