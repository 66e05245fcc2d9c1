"""A source as the configuration names it: its place, and the format of what lies there."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from newsletter.config import SourceConfig
from newsletter.sources.base import Place, Source
from newsletter.sources.fetch import Url
from newsletter.sources.kinds import format_of, limit_of
from newsletter.sources.places import File, Folder, Stream


def open_source(told: SourceConfig, state: Path, stream: BinaryIO | None) -> Source:
    """`state` is the folder for copies of what was fetched; `stream`, where given, is read in place of its own place."""
    documents = format_of(told.kind, told.profile)
    limit = limit_of(documents)
    place: Place
    if stream is not None:
        place = Stream(stream, bytes_limit=limit)
    elif told.folder is not None:
        place = Folder(Path(told.folder), documents.suffixes, limit)
    elif told.file is not None:
        place = File(Path(told.file), limit)
    else:
        cache = state / f"{told.slug}.fetched"
        place = Url(str(told.url), allowed_private=told.private_hosts, cache=cache, limit=limit)
    return Source(told.slug, place, documents)
