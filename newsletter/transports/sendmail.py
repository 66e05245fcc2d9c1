"""Handing over to the mail system of this machine by its `sendmail` program, one recipient a call.

The interface is the one that every Unix mail system keeps: sender and recipient as arguments, the message on standard
input, and an exit status of `sysexits.h`. No shell is involved, and nothing that a recipient is called can be an option.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from newsletter.errors import AmbiguousFailure, Fault, PermanentFailure, RelayFailure, TemporaryFailure, TransportError
from newsletter.model import Message
from newsletter.transports.base import Standing, quotable, require_sendable

#: Seconds for one message; below the shortest lease, like `smtp.Timeouts.message`.
DEADLINE = 720.0

_HEARD = 2000  # octets of what a program said that are looked at
_OUR_VARIABLES = "NEWSLETTER_"  # some of them are secrets

#: Those that every recipient would meet with too: the program's arguments, its rights, its settings.
_OURS = frozenset({os.EX_USAGE, os.EX_NOPERM, os.EX_CONFIG})
_NOBODY = {os.EX_NOUSER: "5.1.1", os.EX_NOHOST: "5.1.2"}


class Sendmail(Standing):
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
        with tempfile.TemporaryFile() as said:
            status = self._run(command, text, said)
            if status != os.EX_OK:
                said.seek(0)
                raise _failure(self._program, status, said.read(_HEARD))

    def _run(self, command: list[str], text: bytes, said: IO[bytes]) -> int:
        """The exit status. What is said goes into a file: a pipe would be held open by what the program leaves running."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OUR_VARIABLES)}
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell; the program is the operator's
                command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment, start_new_session=True
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise RelayFailure(f"{self._program} cannot be started: {quotable(reason)}") from error
        with process:
            try:
                process.communicate(text, timeout=self._deadline)
            except subprocess.TimeoutExpired:
                _stop(process)
                raise AmbiguousFailure(
                    f"{self._program} took more than {self._deadline:.0f} s and was stopped"
                ) from None
            except BaseException:
                _stop(process)
                raise
        return process.returncode


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The program and all that it started. It has a session of its own, so an operator's Ctrl-C is ours alone to heed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _failure(program: Path, status: int, said: bytes) -> TransportError:
    """What an exit status means (`sysexits.h`); what is not named there may pass, so it is tried again."""
    told = f"{program} ended with status {status}: {quotable(said.decode(errors='replace')) or 'without a word'}"
    if status < 0:
        return AmbiguousFailure(told)
    if status in _NOBODY:
        return PermanentFailure(told, enhanced=_NOBODY[status])
    if status in _OURS:
        return RelayFailure(told)
    if status == os.EX_DATAERR:
        return RelayFailure(told, fault=Fault.MESSAGE)
    return TemporaryFailure(told, fault=Fault.RELAY)
