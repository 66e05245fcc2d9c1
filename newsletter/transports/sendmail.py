"""Handing over to the mail system of this machine by its `sendmail` program, one recipient a call.

The interface is the one that every Unix mail system keeps: sender and recipient as arguments, the message on standard
input, and an exit status of `sysexits.h`. No shell is involved, and nothing that a recipient is called can be an option.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from newsletter.errors import AmbiguousFailure, Fault, PermanentFailure, RelayFailure, TemporaryFailure, TransportError
from newsletter.model import Message
from newsletter.transports.base import quotable, require_sendable

#: Seconds for one message; below the shortest lease, like `smtp.Timeouts.message`.
DEADLINE = 720.0

_NO_USER, _NO_HOST = os.EX_NOUSER, os.EX_NOHOST
_OURS = frozenset({os.EX_USAGE, os.EX_NOPERM, os.EX_CONFIG})


class Sendmail:
    """Calls `program` for each message."""

    def __init__(self, program: Path, *, deadline: float = DEADLINE) -> None:
        self._program = program
        self._deadline = deadline

    def send(self, message: Message) -> None:
        """Returns once the program says that it has the message. Raises as `Transport.send` says.

        Where the program has to be stopped, or dies, nobody knows whether it had queued the message: AmbiguousFailure.
        """
        require_sendable(message)
        command = [str(self._program), "-i", "-f", message.sender or "<>", "--", message.recipient]
        text = message.data.replace(b"\r\n", b"\n")  # as programs of this machine write it
        try:
            done = subprocess.run(  # noqa: S603 - no shell; the program is the operator's
                command, input=text, capture_output=True, timeout=self._deadline, check=False
            )
        except subprocess.TimeoutExpired:
            raise AmbiguousFailure(f"{self._program} took more than {self._deadline:.0f} s and was stopped") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise RelayFailure(f"{self._program} cannot be started: {quotable(reason)}") from error
        if done.returncode != os.EX_OK:
            raise _failure(self._program, done.returncode, done.stderr)

    def close(self) -> None:
        """Nothing is held between messages."""


def _failure(program: Path, status: int, said: bytes) -> TransportError:
    """What an exit status means (`sysexits.h`); what is not named there may pass, so it is tried again."""
    told = f"{program} ended with status {status}: {quotable(said.decode(errors='replace')) or 'without a word'}"
    if status < 0:
        return AmbiguousFailure(told)
    if status in {_NO_USER, _NO_HOST}:
        return PermanentFailure(told, enhanced="5.1.1" if status == _NO_USER else "5.1.2")
    if status in _OURS:
        return RelayFailure(told)
    if status == os.EX_DATAERR:
        return RelayFailure(told, fault=Fault.MESSAGE)
    return TemporaryFailure(told, fault=Fault.RELAY)
