"""One message on standard input, as a mail server's alias gives it to a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from newsletter.incoming.maildir import Maildir
from newsletter.incoming.parts import LARGEST
from newsletter.model.incoming import Fate, Letter

_BLOCK = 1 << 16


class Stream:
    """A mailbox that holds one message. What a person is to read is kept in a Maildir, for it lies nowhere else.

    `deferred` tells whether the mail server is to try again later.
    """

    def __init__(self, stream: BinaryIO, recipient: str, kept: Maildir) -> None:
        self._stream = stream
        self._recipient = recipient
        self._kept = kept
        self.deferred = False

    def letters(self) -> Iterator[Letter]:
        """The message; what is over a MiB of it is read too, for a mail server takes a closed pipe amiss."""
        data = self._stream.read(LARGEST)
        while self._stream.read(_BLOCK):
            pass
        yield Letter("", data, self._recipient)

    def settle(self, letter: Letter, fate: Fate) -> None:
        """Raises MailboxError where it cannot be kept."""
        self.deferred = fate is Fate.LATER
        if fate is Fate.PERSON:
            self._kept.keep(letter.data)
