"""Whether this database is the one that delivered last, or an older copy of it.

A copy knows less than was mailed: it would mail digests and people again. So the database and a small file beside it
count the times that delivering began. A copy that was put back lags behind the file, and one that was moved to another
machine has none. On PostgreSQL the server's own identity, timeline and database number stand in place of the file.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter.errors import StoreError
from newsletter.store.database import Database
from newsletter.store.progress import Progress

_STEP = "generation"


@dataclass(frozen=True, slots=True)
class Mark:
    """`name` tells a database from others, `number` counts the times that delivering began on it."""

    name: str
    number: int


def is_copy(stored: Mark | None, kept: Mark | None) -> bool:
    """Whether a database that says `stored` of itself was put back, where `kept` is what stands beside it.

    The database is marked before the file, so after a crash it may be one ahead.
    """
    if stored is None:
        return False
    return kept is None or stored.name != kept.name or not kept.number <= stored.number <= kept.number + 1


class Generation:
    """The marks of one database. `file` is None on PostgreSQL. Raises StoreError where one cannot be read or written."""

    def __init__(self, database: Database, file: Path | None) -> None:
        self._identity = database.identity()
        self._progress = Progress(database)
        self._file = file

    def is_copy(self) -> bool:
        """Whether this database must not deliver before an operator says so."""
        stored = self._stored()
        if self._file is None:
            return stored is not None and stored.name != self._identity
        return is_copy(stored, self._kept())

    def advance(self, now: datetime) -> None:
        """Delivering begins here, and from now on every older copy is known as one."""
        stored = self._stored()
        if self._file is None:
            self._progress.mark(_STEP, 1, now, self._identity)
            return
        kept = self._kept()
        name = secrets.token_hex(8) if stored is None else stored.name
        number = 1 + max(mark.number for mark in (stored, kept, Mark("", 0)) if mark is not None)
        self._progress.mark(_STEP, number, now, name)
        self._keep(self._file, Mark(name, number))

    def _stored(self) -> Mark | None:
        reached = self._progress.get(_STEP)
        return None if reached is None else Mark(reached.fingerprint, reached.reached)

    def _kept(self) -> Mark | None:
        try:
            name, number = (self._file or Path()).read_text(encoding="ascii").split()
            return Mark(name, int(number))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._file}: cannot be read as a name and a number ({error})") from None

    @staticmethod
    def _keep(file: Path, mark: Mark) -> None:
        fresh = file.with_name(f"{file.name}.new")
        try:
            with open(fresh, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
                out.write(f"{mark.name} {mark.number}\n")
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(file)
        except OSError as error:
            raise StoreError(f"{file}: cannot be written ({error.strerror})") from None
