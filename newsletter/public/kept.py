"""Finished pieces of live documents, kept from one run to the next: in the documents themselves.

Next to all entries of a live document stood in it before. Where each of them lies is written down beside a hash of the
document. A document that is not the one that was written gives nothing, and its entries are made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.feeds import FORMATS
from newsletter.public.stores import ProgressStore

_STEP = "public-pieces:"  # and the name of a feed, in table `progress`
_FEEDS_AT_ONCE = 20  # some ten kilobytes each
_ENOUGH = (
    100  # bytes of a piece by which to look for it: looking for a long one costs as much as reading it several times
)
_SUFFIXES = tuple(form.SUFFIX for form in FORMATS)


@dataclass(frozen=True, slots=True)
class Laid:
    """Where the pieces of one document lie: the position in the feed, the start and the length of each."""

    sha256: str
    places: tuple[tuple[int, int, int], ...]


def laid(data: bytes, pieces: Iterable[tuple[int, bytes]]) -> Laid:
    """Find pieces in the document that was made of them, in this order. Each is told with its position in the feed."""
    places, start = [], 0
    for position, piece in pieces:
        start = data.index(piece[:_ENOUGH], start)
        if not data.startswith(piece, start):
            start = data.index(piece, start)
        places.append((position, start, len(piece)))
        start += len(piece)
    return Laid(hashlib.sha256(data).hexdigest(), tuple(places))


class Kept:
    """What live documents below `folder` hold since the run that wrote them."""

    def __init__(self, progress: ProgressStore, folder: Path) -> None:
        self._progress, self._folder = progress, folder
        self._told: dict[str, tuple[int, str]] = {}

    def pieces(self, name: str) -> dict[int, dict[str, bytes]]:
        """Position -> suffix -> piece, of those that stand in every format."""
        told = self._progress.get(_STEP + name)
        documents = json.loads(told.fingerprint) if told else {}
        if set(documents) != set(_SUFFIXES):
            return {}
        found = {suffix: self._cut(f"{name}.{suffix}", Laid(*documents[suffix])) for suffix in _SUFFIXES}
        everywhere = set.intersection(*map(set, found.values()))
        return {each: {suffix: some[each] for suffix, some in found.items()} for each in everywhere}

    def _cut(self, name: str, told: Laid) -> dict[int, bytes]:
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            return {}
        if hashlib.sha256(data).hexdigest() != told.sha256:
            return {}
        return {position: data[start : start + length] for position, start, length in told.places}

    def remember(self, name: str, documents: Mapping[str, Laid], now: datetime) -> None:
        """Where the pieces of a feed's live documents lie, by suffix: written down for several feeds at once."""
        told = {suffix: (each.sha256, each.places) for suffix, each in documents.items()}
        self._told[_STEP + name] = (0, json.dumps(told, separators=(",", ":")))
        if len(self._told) >= _FEEDS_AT_ONCE:
            self.save(now)

    def save(self, now: datetime) -> None:
        """Write down what waits for it."""
        if self._told:
            self._progress.mark_all(self._told, now)
            self._told = {}
