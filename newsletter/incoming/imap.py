"""Mail that waits in a mailbox on a server (RFC 9051), read by the standard library's client.

A message is fetched without marking it. Once it was acted on it is marked as seen, or flagged where a person is to
read it; what is neither seen nor flagged is what waits. Nothing is deleted or moved.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsletter.errors import MailboxError
from newsletter.incoming.parts import LARGEST
from newsletter.model.incoming import Fate, Letter

_FLAGS = {Fate.DONE: r"(\Seen)", Fate.PERSON: r"(\Flagged)"}
_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`security` is `tls`, `starttls` or `none`; `timeout` is in seconds, for each answer."""

    host: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    ca_file: Path | None = None
    timeout: float = 30


class Imap:
    """A mailbox to be read. Every method raises MailboxError where the server cannot be reached or refuses."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._client: imaplib.IMAP4 | None = None

    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._uids())

    def letters(self) -> Iterator[Letter]:
        """What waits, oldest first; each is fetched when it is asked for, and at most its first MiB."""
        for uid in self._uids():
            with self._told():
                parts = _ok(self._open().uid("FETCH", uid, f"(BODY.PEEK[]<0.{LARGEST}>)"))
            data = next((part[1] for part in parts if isinstance(part, tuple) and b"BODY[]" in part[0]), None)
            if data is not None:  # somebody may have deleted it meanwhile
                yield Letter(uid, data)

    def settle(self, letter: Letter, fate: Fate) -> None:
        """Mark a message as seen, or flag it for a person; LATER leaves it as it is."""
        if fate is not Fate.LATER:
            with self._told():
                _ok(self._open().uid("STORE", letter.key, "+FLAGS.SILENT", _FLAGS[fate]))

    def close(self) -> None:
        """Take leave of the server. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(imaplib.IMAP4.error, OSError):
                client.logout()
            _hang_up(client)  # where it could not say goodbye, it has not closed its socket

    def _uids(self) -> list[str]:
        with self._told():
            found = _ok(self._open().uid("SEARCH", "UNSEEN UNFLAGGED UNDELETED"))
        return [uid.decode() for line in found if isinstance(line, bytes) for uid in line.split()]

    def _open(self) -> imaplib.IMAP4:
        if self._client is None:
            client = self._connect()
            try:
                self._enter(client)
            except BaseException:
                _hang_up(client)
                raise
            self._client = client
        return self._client

    def _connect(self) -> imaplib.IMAP4:
        told = self._account
        if told.security == "tls":
            return imaplib.IMAP4_SSL(told.host, told.port, ssl_context=self._context(), timeout=told.timeout)
        return imaplib.IMAP4(told.host, told.port, timeout=told.timeout)

    def _enter(self, client: imaplib.IMAP4) -> None:
        told = self._account
        if told.security == "starttls":
            client.starttls(self._context())  # raises where it is not offered: no password goes in the clear
        if "AUTH=PLAIN" in client.capabilities:  # takes any characters (RFC 4616); LOGIN takes ASCII alone
            client.authenticate("PLAIN", lambda _: f"\0{told.username}\0{told.password}".encode())
        else:
            client.login(told.username, told.password)
        escaped = told.folder.replace("\\", "\\\\").replace('"', '\\"')
        _ok(client.select(f'"{escaped}"'))

    def _context(self) -> ssl.SSLContext:
        ca_file = self._account.ca_file
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (imaplib.IMAP4.error, OSError, UnicodeError) as error:
            self.close()
            reason = _ADDRESS.sub("<address>", " ".join(_reason(error).split()))[:200]
            where = f"{self._account.host}:{self._account.port}"
            raise MailboxError(f"the mailbox at {where} cannot be read: {reason}") from error


def _hang_up(client: imaplib.IMAP4) -> None:
    with suppress(imaplib.IMAP4.error, OSError):
        client.shutdown()


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):  # it quotes what it could not encode, which may be the password
        return "the name or the password has characters that the server cannot take"
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(error) or type(error).__name__


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    kind, told = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(b" ".join(part for part in told if isinstance(part, bytes)))
    return told
