"""Where files lie on this machine: a folder, a single file, standard input.

A file that cannot be read costs itself alone; it is found with the reason in place of its bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from newsletter.errors import DocumentError, SourceError
from newsletter.sources import base
from newsletter.sources.base import Raw

_SIDECAR = ".toml"


@dataclass(frozen=True, slots=True)
class Folder:
    """Every file of a folder with one of `suffixes`, by name; its stem is its key, and `stem.toml` its facts."""

    path: Path
    suffixes: tuple[str, ...]
    bytes_limit: int = base.BYTES_LIMIT

    def files(self) -> Iterator[Raw]:
        try:
            root = self.path.resolve(strict=True)
            found = [path.name for path in root.iterdir()]
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            raise SourceError(f"the folder {self.path} cannot be read: {error}") from error
        for name in sorted(name for name in found if name.endswith(self.suffixes) and not name.startswith(".")):
            yield _raw(self.path / name, root, self.bytes_limit)


@dataclass(frozen=True, slots=True)
class File:
    """One file, with its facts beside it."""

    path: Path
    bytes_limit: int = base.BYTES_LIMIT

    def files(self) -> Iterator[Raw]:
        yield _raw(self.path, Path(os.path.realpath(self.path.parent)), self.bytes_limit)


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes as they come in, for example standard input."""

    stream: BinaryIO
    name: str = "standard input"
    bytes_limit: int = base.BYTES_LIMIT

    def files(self) -> Iterator[Raw]:
        yield Raw(key="stdin", name=self.name, data=self.stream.read(self.bytes_limit + 1))


def _raw(path: Path, root: Path, limit: int) -> Raw:
    shown, key = _readable(str(path)), _readable(path.stem)
    sidecar = path.with_suffix(_SIDECAR)
    try:
        data = _read(root / path.name, root, limit)
        facts = None
        if sidecar != path and (sidecar.is_symlink() or sidecar.exists()):
            facts = _read(root / sidecar.name, root, base.FACTS_LIMIT)
    except OSError as error:
        place = _readable(Path(error.filename or path.name).name)
        return Raw(key=key, name=shown, data=b"", error=_unreadable(shown, f"{place}: {error.strerror}"))
    return Raw(key=key, name=shown, data=data, facts=facts)


def _unreadable(shown: str, reason: str) -> DocumentError:
    return DocumentError(base.E_UNREADABLE, f"{shown}: cannot be read ({reason})")


def _readable(name: str) -> str:
    """A file name that is no UTF-8 can be shown and stored all the same."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _read(path: Path, root: Path, limit: int) -> bytes:
    """At most one byte more than `limit`, so that a huge file costs no memory. Raises OSError with the file's name."""
    if not Path(os.path.realpath(path)).is_relative_to(root):  # unlike resolve, never fails
        raise OSError(0, "a link that leaves the folder; put the file itself there", str(path))
    if not path.is_file():
        raise OSError(0, "no regular file that can be read", str(path))
    with path.open("rb") as file:
        return file.read(limit + 1)
