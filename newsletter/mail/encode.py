"""The bytes of a body: quoted-printable (RFC 2045 6.7) that leaves room for slots.

Each line of text is encoded alone, so what was encoded as whole lines can be joined without encoding it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = 76
_AS_IT_IS = re.compile(r"(?!From |\.)(?:[ -<>-~]{0,75}[!-<>-~])?")  #: a line that needs no encoder


@dataclass(frozen=True, slots=True)
class Slot:
    """An open place in a message, filled for each recipient. In the wire form its name stands between NUL bytes."""

    name: str

    def __str__(self) -> str:
        return f"\0{self.name}\0"


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
        lines[-1].append(first)
        lines.extend([other] for other in others)
    return "\r\n".join(map(_line, lines)).encode()


def quoted_printable_value(text: str) -> bytes:
    """What may take the place of a slot: lines that leave one octet for the soft line break after it."""
    if needs_no_encoder(text):  # as URLs do not
        return wrapped(text)
    return "=\r\n".join(_physical_lines([*text, ""])).encode()


def needs_no_encoder(text: str) -> bool:
    """Whether `wrapped` is enough for a text, and for any that is put together of such."""
    return text.isascii() and text.isprintable() and "=" not in text and " " not in text


def wrapped(text: str) -> bytes:
    """What `quoted_printable_value` makes of a text of which nothing has to be encoded but a dot that begins a line."""
    lines = ""
    while True:
        if text.startswith("."):
            text = f"=2E{text[1:]}"
        lines += text[: _LINE - 1]
        text = text[_LINE - 1 :]
        if not text:
            return lines.encode()
        lines += "=\r\n"


def part_fields(subtype: str, language: str) -> str:
    """The header fields of a text part (RFC 2045 5 and 6, RFC 3282)."""
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Language: {language}\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
    )


def alternative_fields(boundary: str) -> str:
    """The header field of a message of several parts that say the same (RFC 2046 5.1.4)."""
    return f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'


def _line(pieces: list[str | Slot]) -> str:
    if len(pieces) == 1 and isinstance(pieces[0], str) and _AS_IT_IS.fullmatch(pieces[0]):
        return pieces[0]
    units: list[str | Slot] = []
    for piece in pieces:
        units.extend([piece] if isinstance(piece, Slot) else piece)
    return "=\r\n".join(_physical_lines(units))


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
