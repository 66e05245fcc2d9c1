"""What readers poll: feeds, and the formats that they are written in.

A format is one module of this folder that offers `SUFFIX`, `MEDIA_TYPE`, `fragment`, `placing`, `document` and `write`;
being here is all it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from newsletter.model import Entry, Feed


class Format(Protocol):
    """A way to write a feed. The same feed gives the same bytes, and no value of it can make writing fail."""

    SUFFIX: str  #: of the file's name, without a dot
    MEDIA_TYPE: str

    def fragment(self, entry: Entry) -> bytes:
        """One entry, to be kept: it does not depend on the feed in which it will stand."""
        ...

    def placing(self, feed: Feed) -> Callable[[bytes], bytes]:
        """What makes of a fragment the piece of it that stands in documents of `feed`."""
        ...

    def document(self, feed: Feed, pieces: Iterable[bytes]) -> bytes:
        """A whole document of pieces, which stand in it byte for byte. `feed.entries` is not looked at."""
        ...

    def write(self, feed: Feed) -> bytes:
        """A whole document of `feed.entries`."""
        ...


def _found() -> tuple[Format, ...]:
    modules = (import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__))
    return tuple(cast(Format, module) for module in modules if hasattr(module, "SUFFIX"))


FORMATS: tuple[Format, ...] = _found()
