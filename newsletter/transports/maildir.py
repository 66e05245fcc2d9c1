"""Delivery into a Maildir on this machine: for trying things out, and for a mail program that reads the folder.

We are the final delivery agent here, so the files look as one writes them: `Return-Path` and `Delivered-To` on top
(RFC 5321 4.4), because the envelope is gone afterwards, and LF line ends, because a Maildir file is a text file of the
system and readers show a bare CR as rubbish.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from newsletter.errors import TemporaryFailure
from newsletter.model import Message
from newsletter.transports.base import Standing, quotable, require_sendable


class Maildir(Standing):
    """Writes each message to `folder`, which is made when it is missing, readable by this user alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: Message) -> None:
        """Returns once the file and its name are on the disk. A second message of the same id takes its place.

        Raises TemporaryFailure when the file cannot be written, and what `require_sendable` raises.
        """
        require_sendable(message)
        try:
            self._deliver(_name(message.message_id), _local_form(message))
        except OSError as error:
            reason = error.strerror or str(error)
            raise TemporaryFailure(f"the Maildir {self._folder} cannot be written: {quotable(reason)}") from error

    def _deliver(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in ("tmp", "new", "cur"):
            (self._folder / part).mkdir(mode=0o700, exist_ok=True)
        draft = self._folder / "tmp" / f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
        target = self._place(name)
        try:
            _write(draft, content)
            draft.replace(target)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)

    def _place(self, name: str) -> Path:
        """Where a reader has already moved this message (`cur/NAME:2,S`), else `new`."""
        moved = (path for path in (self._folder / "cur").iterdir() if path.name.partition(":")[0] == name)
        return next(moved, self._folder / "new" / name)


def _name(message_id: str) -> str:
    """The same for every attempt, and no word of the address in it."""
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


def _local_form(message: Message) -> bytes:
    envelope = f"Return-Path: <{message.sender}>\nDelivered-To: {message.recipient}\n"
    return envelope.encode() + message.data.replace(b"\r\n", b"\n")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - Path.open cannot set the mode that the file is born with
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
