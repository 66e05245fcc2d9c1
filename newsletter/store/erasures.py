"""Who was erased, remembered outside of the database, so that they are erased again from a backup that is put back.

The log is a file of keyed hashes and moments. It is only ever written at its end; the database knows how far it has
gone along with it, so one that was put back is behind.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from newsletter.errors import StoreError
from newsletter.store.database import Database, upsert
from newsletter.store.progress import Progress
from newsletter.store.schema import progress as table

_HEADER = "erased"  # the first line: this word, and a name that tells one log from another


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What the log `name` says up to `size` octets that the database has not gone along with: key -> the last moment."""

    name: str
    size: int
    erased: Mapping[str, datetime]


class Erasures:
    """The log in `file`, and how far a database has come. Raises StoreError where either cannot be read or written."""

    def __init__(self, database: Database, file: Path) -> None:
        self._progress = Progress(database)
        self._file = file

    def remember(self, connection: Connection, key: str, now: datetime) -> None:
        """Somebody is erased in this transaction: on the disk before it is committed, so that nothing forgets it."""
        try:
            name, size = self._append(f"{now.isoformat()} {key}\n")
        except OSError as error:
            raise StoreError(f"{self._file}: cannot be written ({error.strerror})") from None
        row = {"name": _step(name), "reached": size, "at": now, "fingerprint": ""}
        upsert(connection, table, row, key=("name",))

    def pending(self) -> Pending | None:
        """What has to be done again; None where the database knows of everything."""
        try:
            name, size = _name(self._file), self._file.stat().st_size
            reached = self._progress.get(_step(name))
            behind = 0 if reached is None else reached.reached
            if behind >= size:
                return None
            with self._file.open("rb") as log:
                log.seek(behind)
                return Pending(name=name, size=size, erased=dict(_read(log.read(size - behind))))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self._file}: cannot be read ({error.strerror})") from None

    def done(self, pending: Pending, now: datetime) -> None:
        """The database has gone along with that."""
        self._progress.mark(_step(pending.name), pending.size, now, "")

    def _append(self, line: str) -> tuple[str, int]:
        """The name of the log and its size with the line in it."""
        if not self._file.exists():
            _begin(self._file)
        with self._file.open("r+b") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(0, end - 1))
            torn = log.read(1) not in {b"", b"\n"}  # a machine went down in the middle of a line
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, (b"\n" if torn else b"") + line.encode("ascii"))
            os.fsync(descriptor)
            return _name(self._file), os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)


def _step(name: str) -> str:
    return f"erased/{name}"


def _begin(file: Path) -> None:
    """A new log, there when it is whole: others may begin one in the same moment."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with open(fresh, "wb", opener=lambda path, flags: os.open(path, flags | os.O_EXCL, 0o600)) as out:
        out.write(f"{_HEADER} {secrets.token_hex(8)}\n".encode("ascii"))
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _name(file: Path) -> str:
    with file.open("rb") as log:
        word, _, name = log.readline(100).decode("ascii", errors="replace").strip().partition(" ")
    if word != _HEADER or not name.isalnum():
        raise StoreError(f"{file}: is no log of who was erased; put it right, or move it away and a new one begins")
    return name


def _read(data: bytes) -> Iterator[tuple[str, datetime]]:
    """Key and moment of each whole line; the last of a key counts."""
    for line in data.decode("ascii", errors="replace").splitlines():
        moment, _, key = line.partition(" ")
        try:
            yield key, datetime.fromisoformat(moment)
        except ValueError:
            continue
