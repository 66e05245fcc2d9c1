"""The bytes of a body: quoted-printable (RFC 2045 6.7) that leaves room for slots, and the two parts in one message."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = 76


@dataclass(frozen=True, slots=True)
class Slot:
    """An open place in a message, filled for each recipient. In the wire form its name stands between NUL bytes."""

    name: str

    def __str__(self) -> str:
        return f"\0{self.name}\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One body part. `content` is encoded already."""

    subtype: str
    language: str
    content: bytes


def with_slots(text: str, marks: dict[str, Slot]) -> list[str | Slot]:
    """Cuts a text at each mark and puts the mark's slot there."""
    pieces: list[str | Slot] = [text]
    for mark, slot in marks.items():
        cut: list[str | Slot] = []
        for piece in pieces:
            if isinstance(piece, Slot):
                cut.append(piece)
                continue
            first, *others = piece.split(mark)
            cut.append(first)
            for other in others:
                cut.extend((slot, other))
        pieces = cut
    return pieces


def quoted_printable(pieces: Iterable[str | Slot]) -> bytes:
    """Encodes text with slots. Every line is at most 76 octets, and so is one that a slot's value stands in.

    A slot stands at the start of a line of its own, between soft line breaks, so any value of `quoted_printable_value`
    can take its place without an encoder.
    """
    lines: list[list[str | Slot]] = [[]]
    for piece in pieces:
        if isinstance(piece, Slot):
            lines[-1].append(piece)
            continue
        first, *others = piece.replace("\r\n", "\n").split("\n")
        lines[-1].extend(first)
        lines.extend(list(other) for other in others)
    return "\r\n".join("=\r\n".join(_physical_lines(line)) for line in lines).encode()


def quoted_printable_value(text: str) -> bytes:
    """What may take the place of a slot: lines that leave one octet for the soft line break after it."""
    return "=\r\n".join(_physical_lines([*text, ""])).encode()


def alternative(parts: Iterable[Part]) -> tuple[str, bytes]:
    """The boundary and the body of multipart/alternative (RFC 2046 5.1.4).

    The boundary hangs on the content alone, so the same parts give the same bytes. It starts with `=_`, which
    quoted-printable never holds.
    """
    sections = [_section(part) for part in parts]
    boundary = "=_" + hashlib.sha256(b"".join(sections)).hexdigest()[:32]
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + section + b"\r\n" for section in sections) + mark + b"--\r\n"
    return boundary, body


def _section(part: Part) -> bytes:
    head = (
        f"Content-Type: text/{part.subtype}; charset=utf-8\r\n"
        f"Content-Language: {part.language}\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + part.content


def _physical_lines(units: list[str | Slot]) -> list[str]:
    """One line of text as lines of at most 75 octets and a soft break, or 76 for the last."""
    lines: list[str] = []
    current, closed = "", False
    for position, unit in enumerate(units):
        last = position == len(units) - 1
        if isinstance(unit, Slot):
            if current:
                lines.append(current)
            current, closed = str(unit), True
            continue
        encoded = _encoded(unit, end_of_line=last)
        if closed or len(current) + len(encoded) > _LINE - (not last):
            lines.append(current)
            current, closed = "", False
        if not current and (unit == "." or units[position : position + 5] == list("From ")):
            encoded = f"={ord(unit):02X}"  # a lone dot ends SMTP's data; "From " is rewritten by mail stores
        current += encoded
    return [*lines, current]


def _encoded(character: str, *, end_of_line: bool) -> str:
    if character in " \t" and not end_of_line:
        return character
    if "!" <= character <= "~" and character != "=":
        return character
    return "".join(f"={octet:02X}" for octet in character.encode())
