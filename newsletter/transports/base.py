"""What every transport promises, and what a refusal means. Nothing here opens a file or a connection."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from enum import StrEnum
from functools import partial
from typing import Protocol

from newsletter import waits
from newsletter.errors import (
    AmbiguousFailure,
    Fault,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
    TransportError,
)
from newsletter.model import Message
from newsletter.waits import Course

_LONGEST_QUOTE = 200  # characters of a reply that are worth showing

# Unquoted local parts alone: whatever could end a path or start a second recipient is left out (RFC 5321 4.1.2).
_PLAIN = r"""[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff<>()\[\],;:\\"@]+"""
_ADDRESS = re.compile(f"{_PLAIN}@{_PLAIN}")
_ADDRESS_IN_TEXT = re.compile(r"<?[^\s<>]+@[^\s<>]+>?")
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_POLICY = re.compile(
    r"polic(?:y|ies)|spam|unsolicited|block|black ?list|deny ?list|dnsbl|\brbl\b|reputation|banned|\bdmarc\b|\bspf\b|\bdkim\b",
    re.IGNORECASE,
)
_RELAYING = re.compile(
    r"relay\w*(?: \w+)? (?:denied|prohibited|forbidden)|relay\w* (?:is )?not (?:permitted|allowed)"
    r"|(?:unable|cannot|can't|not (?:permitted|allowed|authorized)) to relay|we do(?: not|n't) relay",
    re.IGNORECASE,
)
_SIZE = re.compile(r"\bsize\b|too (?:big|large|long)", re.IGNORECASE)

_LOGIN_WANTED = frozenset({530, 534, 535, 538})  # RFC 4954 6


class Transport(Protocol):
    """A way out. One instance serves one thread; it may keep a connection between messages."""

    def send(self, message: Message) -> None:
        """Returns once the message is accepted for good.

        Raises TemporaryFailure when nothing was accepted and a later try may do; PermanentFailure when this recipient
        was refused; AmbiguousFailure when the message may have been accepted; RelayFailure when the same would happen
        to everybody, so that nobody may be blamed for it.
        """
        ...

    def close(self) -> None:
        """Lets go of what is held between messages. May be called twice; a later `send` starts anew."""
        ...

    def sending(self, message: Message) -> Course[None]:
        """What `send` does, as one of many things that one thread does at a time."""
        ...

    def closing(self) -> Course[None]:
        """What `close` does, likewise."""
        ...


class Standing(ABC):
    """A transport that waits where it is called, so among others it has to be called apart from them."""

    @abstractmethod
    def send(self, message: Message) -> None: ...

    def close(self) -> None:  # noqa: B027 - no transport of this kind has anything to let go of
        """Nothing is held between messages."""

    def sending(self, message: Message) -> Course[None]:
        yield waits.Apart(partial(self.send, message))

    def closing(self) -> Course[None]:
        yield from ()


class Stage(StrEnum):
    """How far a message had come (RFC 5321 3.3). Before DOT nothing can have been accepted."""

    CONNECT = "connecting"
    AUTH = "AUTH"
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    DOT = "the end of the message"


def classify(code: int, text: str, stage: Stage) -> TransportError:
    """The error for a reply that was not the one hoped for.

    `text` is the reply without its codes' digits at the front of each line; an enhanced code (RFC 2034) may lead it.
    `enhanced` of the result is that code; a refusal without one whose text names a policy gets `5.7.0`, so that the
    code alone tells whose fault it was.
    """
    enhanced = _enhanced(code, text)
    kind = _kind(code, text, enhanced, stage)
    said = " ".join(part for part in (str(code) if code >= 0 else "", quotable(text)) if part)
    return kind(
        f"{stage}: the answer was {said or 'not a reply'}",
        code=code if code >= 0 else None,
        enhanced=enhanced,
        fault=_fault(kind, code, enhanced, stage),
    )


def lost(cause: str, stage: Stage) -> TransportError:
    """The error for a connection that broke or fell silent: after the dot nobody knows (RFC 1047)."""
    if stage is Stage.DOT:
        return AmbiguousFailure(f"{stage}: sent, but the answer was lost: {quotable(cause)}")
    return TemporaryFailure(f"{stage}: the connection failed: {quotable(cause)}")


def require_sendable(message: Message) -> None:
    """Refuses what must not go out by any transport, before anything is opened.

    Raises PermanentFailure for a recipient that is not exactly one plain address, RelayFailure for a sender that is not
    one (or empty, RFC 5321 4.5.5) and for data that is not in wire form: it was made by us, nobody else is to blame.
    """
    if not _ADDRESS.fullmatch(message.recipient):
        raise PermanentFailure("the recipient is not one plain address", enhanced="5.1.3")
    if message.sender and not _ADDRESS.fullmatch(message.sender):
        raise RelayFailure("the sender is not one plain address", enhanced="5.1.7")
    if message.wire.problem:
        told = f"the message is not in wire form: {message.wire.problem}"
        raise RelayFailure(told, enhanced="5.6.0", fault=Fault.MESSAGE)


def quotable(text: str) -> str:
    """A foreign text as it may stand in a log: one short printable line without any address."""
    line = " ".join(_ADDRESS_IN_TEXT.sub("<address>", text).split())
    printable = "".join(character if character.isprintable() else "?" for character in line)
    return printable if len(printable) <= _LONGEST_QUOTE else f"{printable[: _LONGEST_QUOTE - 1]}…"


def _enhanced(code: int, text: str) -> str | None:
    found = _ENHANCED.match(text)
    if found and found[1][0] == str(code)[0]:
        return found[1]
    return "5.7.0" if 500 <= code <= 599 and _POLICY.search(text) else None


def _kind(code: int, text: str, enhanced: str | None, stage: Stage) -> type[TransportError]:
    if not 400 <= code <= 599:  # no sense in it, so it decides nothing
        return AmbiguousFailure if stage is Stage.DOT else TemporaryFailure
    if code in _LOGIN_WANTED:
        return RelayFailure
    if code < 500 or code == 503 or stage is Stage.CONNECT:  # 503: the dialogue fell out of step, a new one may not
        return TemporaryFailure
    if stage in {Stage.AUTH, Stage.MAIL}:
        return RelayFailure
    return RelayFailure if _blames_sender(code, text, enhanced, stage) else PermanentFailure


def _fault(kind: type[TransportError], code: int, enhanced: str | None, stage: Stage) -> Fault:
    """Whose doing a refusal is: what its code says of it, else where in the dialogue it came."""
    _, subject, detail = (enhanced or "..").split(".")
    if kind is RelayFailure:
        return (
            Fault.MESSAGE if subject == "6" or (subject, detail) == ("3", "4") or code == 552 else Fault.CONFIGURATION
        )
    of_recipient = stage in {Stage.RCPT, Stage.DATA, Stage.DOT} and 400 <= code <= 599
    if not of_recipient or code in {421, 503}:
        return Fault.RELAY
    if subject == "7":
        return Fault.DOMAIN
    if kind is PermanentFailure:
        full = (subject, detail) == ("2", "2") or (code == 552 and enhanced is None)  # RFC 5321 4.2.3
        return Fault.MAILBOX if full or subject == "4" else Fault.RECIPIENT
    return Fault.RELAY if stage is not Stage.RCPT and subject != "2" else Fault.MAILBOX


def _blames_sender(code: int, text: str, enhanced: str | None, stage: Stage) -> bool:
    """Whether every other recipient would be refused as well: relaying is closed to us, or the message is no good."""
    if enhanced == "5.3.4" or (enhanced or "").startswith("5.6."):
        return True
    if stage is Stage.RCPT:
        return bool(_RELAYING.search(text))
    return code == 552 and enhanced is None and bool(_SIZE.search(text))
