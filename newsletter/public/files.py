"""Writing below `public/`: each file whole or not at all, the same bytes untouched.

Paths are plain texts where a file is written: a run over everything writes ten thousand, and `pathlib` takes half as
long as the writing itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_FOLDERS = 500  # most hold one file


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What writing files came to. `problems` are sentences about what could not be made, or not as it was.

    `repaired` are sentences about entries with characters that no feed may hold, and which were put right.
    """

    written: int
    unchanged: int
    removed: int
    problems: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()


class Files:
    """The files of one run below `folder`. Names are relative and end in the file's own name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._root = folder, str(folder)
        self._kept: set[str] = set()
        self._written = self._unchanged = self._removed = 0
        self._folders: set[str] = set()  # that are there, as far as they are kept in mind
        self.problems: list[str] = []
        self.repaired: list[str] = []

    def put(self, name: str, data: bytes) -> bool:
        """Write a file; False where it stood there already with the same bytes."""
        path = f"{self._root}/{name}"
        self._kept.add(name)
        folder = path[: path.rindex("/")]
        if not self._made(folder) and _holds(path, data):
            self._unchanged += 1
            return False
        _write(folder, path, data)
        self._written += 1
        return True

    def keep(self, name: str) -> bool:
        """Leave a file as it is; whether it is there."""
        self._kept.add(name)
        return (self.folder / name).is_file()

    def remove(self, name: str) -> bool:
        """Remove a file, and the folder that it leaves empty; whether there was one."""
        path = self.folder / name
        if not path.is_file():
            return False
        path.unlink()
        self._removed += 1
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
        return True

    def sweep(self, folders: Iterable[str], spared: Sequence[str] = ()) -> None:
        """Remove every file below `folders` that was neither written nor kept in this run, but for names that begin with
        one of `spared`.
        """
        for part in folders:
            self._sweep(part, tuple(spared))

    def _sweep(self, folder: str, spared: tuple[str, ...]) -> bool:
        """Whether the folder is left with something in it; else it is removed, as are those in it."""
        left = False
        with suppress(FileNotFoundError), os.scandir(f"{self._root}/{folder}") as found:
            for each in found:
                name = f"{folder}/{each.name}"
                if each.is_dir(follow_symlinks=False):
                    kept = self._sweep(name, spared)
                else:
                    kept = name in self._kept or name.startswith(spared)
                    if not kept:
                        os.unlink(each.path)  # noqa: PTH108 - see above
                        self._removed += 1
                left = left or kept
            if not left:
                os.rmdir(f"{self._root}/{folder}")  # noqa: PTH106 - see above
        return left

    def report(self) -> Written:
        return Written(
            written=self._written,
            unchanged=self._unchanged,
            removed=self._removed,
            problems=tuple(self.problems),
            repaired=tuple(self.repaired),
        )

    def _made(self, folder: str) -> bool:
        """See to it that a folder is there; whether it is a new one, with nothing in it."""
        if folder in self._folders:
            return False
        if len(self._folders) >= _FOLDERS:
            self._folders.clear()
        self._folders.add(folder)
        try:
            os.mkdir(folder)  # noqa: PTH102 - see above
        except FileExistsError:
            return False
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - see above
        return True


def _write(folder: str, path: str, data: bytes) -> None:
    new = f"{folder}/.new-{os.getpid()}-{threading.get_ident()}"
    try:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
        finally:
            os.close(file)
        os.replace(new, path)  # noqa: PTH105 - see above
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(new)  # noqa: PTH108 - see above
        raise


def _holds(path: str, data: bytes) -> bool:
    try:
        if os.stat(path).st_size != len(data):  # noqa: PTH116 - see above
            return False
        with open(path, "rb") as file:  # noqa: PTH123 - see above
            return file.read() == data
    except OSError:
        return False
