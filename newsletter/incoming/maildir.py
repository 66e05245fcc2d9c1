"""Mail that a mail server put into a Maildir of this machine.

What was acted on is marked as seen, what a person is to read as flagged and unread; nothing is deleted. Any mail program
that opens the folder shows it so. A message that a mail program has moved to `cur` without reading it is read as well.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from newsletter.errors import MailboxError
from newsletter.incoming.parts import LARGEST
from newsletter.model.incoming import Fate, Letter

_FLAGS = {Fate.DONE: "S", Fate.PERSON: "F"}


class Maildir:
    """A Maildir to be read. Every method raises MailboxError where the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._names())

    def letters(self) -> Iterator[Letter]:
        """What waits, oldest first; each is opened when it is asked for."""
        for name in self._names():
            try:
                data = _contents(self._folder / name)
            except FileNotFoundError:
                continue  # another process was faster
            except OSError:
                data = b""  # it cannot be read, so a person is to look at it
            yield Letter(name, data)

    def settle(self, letter: Letter, fate: Fate) -> None:
        """Mark a message as seen, or flag it for a person; LATER leaves it where it is."""
        if fate is Fate.LATER:
            return
        name, _, flags = letter.key.partition("/")[2].partition(":2,")
        target = f"{name}:2,{''.join(sorted({*flags, _FLAGS[fate]}))}"
        try:
            (self._folder / "cur").mkdir(mode=0o700, exist_ok=True)
            (self._folder / letter.key).replace(self._folder / "cur" / target)
        except FileNotFoundError:
            return  # another process has settled it
        except OSError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Nothing is held between messages."""

    def keep(self, data: bytes) -> None:
        """Put down a message that came by another way, flagged for a person. The same one twice is kept once."""
        name = hashlib.sha256(data).hexdigest()[:32]
        draft = self._folder / "tmp" / f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            for part in ("", "tmp", "new", "cur"):
                (self._folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - its mode
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._folder / "cur" / f"{name}:2,F")
        except OSError as error:
            raise self._refused(error) from error

    def _names(self) -> list[str]:
        try:
            new = [f"new/{path.name}" for path in (self._folder / "new").iterdir()]
            seen = [path.name for path in (self._folder / "cur").iterdir()] if (self._folder / "cur").is_dir() else []
        except OSError as error:
            raise self._refused(error) from error
        names = (*new, *(f"cur/{name}" for name in seen if _unmarked(name)))
        return sorted((name for name in names if "/." not in name), key=lambda name: name.partition("/")[2])

    def _refused(self, error: OSError) -> MailboxError:
        reason = error.strerror or type(error).__name__
        return MailboxError(f"the Maildir {self._folder} cannot be used ({reason}); it should hold new, cur and tmp")


def _unmarked(name: str) -> bool:
    flags = name.partition(":2,")[2]
    return not {"S", "F", "T"}.intersection(flags)


def _contents(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - Path.open cannot refuse to follow a link
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("no file")
        return file.read(LARGEST)
