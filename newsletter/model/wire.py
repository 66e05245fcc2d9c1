"""The form in which a message goes over the wire, and how to know without a look at all of it that it is kept.

Most of a message is the same for everybody. So a frame of fixed octets is looked at once, and of each message only the
lines in which something of its own stands; and nobody puts the octets together who can do with them in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter

LONGEST_LINE = 998  #: octets, without the line's CRLF (RFC 5322 2.1.1)


class Wire:
    """The octets of a message, in pieces that it may share with others, and what is known of them. It never changes.

    `problem` is what must not leave in them, in words; empty if they are in wire form. `dots`: whether a line begins with
    a dot, which SMTP has to make transparent (RFC 5321 4.5.2). `frame` is what they were made of, `values` what is in its
    gaps; None where that is not known. `len` is in octets, `bytes` puts them together.
    """

    __slots__ = ("_size", "ascii", "dots", "frame", "pieces", "problem", "values")

    def __init__(
        self,
        pieces: Sequence[bytes],
        size: int,
        problem: str,
        *,
        dots: bool,
        ascii: bool,  # noqa: A002 - the word for it
        frame: Frame | None = None,
        values: Sequence[bytes] = (),
    ) -> None:
        self.pieces = pieces
        self.problem = problem
        self.dots = dots
        self.ascii = ascii
        self.frame = frame
        self.values = values
        self._size = size

    @classmethod
    def of(cls, data: bytes) -> Wire:
        """Any octets, all of them looked at."""
        return cls((data,), len(data), wire_problem(data), dots=_has_dots(data), ascii=data.isascii())

    def behind(self, head: bytes) -> Wire:
        """The same with `head` in front, which is whole lines."""
        problem = wire_problem(head) or self.problem
        size, dots, plain = self._size + len(head), self.dots or _has_dots(head), self.ascii and head.isascii()
        return Wire((head, *self.pieces), size, problem, dots=dots, ascii=plain)

    def transparent(self) -> Sequence[bytes]:
        """The pieces with one dot more before each line that begins with one (RFC 5321 4.5.2)."""
        if not self.dots:
            return self.pieces
        data = bytes(self)
        doubled = data.replace(b"\r\n.", b"\r\n..")
        return (b".", doubled) if data.startswith(b".") else (doubled,)

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, Wire) else NotImplemented

    def __hash__(self) -> int:
        return hash(bytes(self))


class Frame:
    """Fixed octets, and between each two of them a gap, which a slot names. What is in gaps of one name is the same."""

    def __init__(self, fixed: Sequence[bytes], slots: Sequence[str]) -> None:
        self.fixed, self.slots = tuple(fixed), tuple(slots)
        self._size = sum(map(len, self.fixed))
        self._pieces = _with_gaps(self.fixed)
        cuts = [_without_whole_lines(piece) for piece in self.fixed]
        open_lines, open_slots = _once_each([edge for edge, _ in cuts], self.slots)
        self._open_lines = _with_gaps(open_lines)
        self._values, self._open_values = _getter(self.slots), _getter(open_slots)
        whole_lines = [lines for _, lines in cuts]
        self._dots = any(map(_has_dots, whole_lines))
        self._ascii = all(map(bytes.isascii, whole_lines))

    def fill(self, told: Mapping[str, bytes]) -> Wire:
        """Everything, with what is told of each slot in its gaps. Raises KeyError for a slot of which nothing is told."""
        values = self._values(told)
        pieces, lines = self._pieces.copy(), self._open_lines.copy()
        pieces[1::2] = values
        lines[1::2] = self._open_values(told)
        seen = b"".join(lines)  # what is left out are whole lines, so the verdict is that on everything
        return Wire(
            pieces,
            self._size + sum(map(len, values)),
            wire_problem(seen),
            dots=self._dots or _has_dots(seen),
            ascii=self._ascii and seen.isascii(),
            frame=self,
            values=values,
        )


def _getter(slots: Sequence[str]) -> Callable[[Mapping[str, bytes]], Sequence[bytes]]:
    """What gives the values of these slots; `itemgetter` gives one alone in another form."""
    return itemgetter(*slots) if len(slots) > 1 else lambda told: [told[slot] for slot in slots]


def wire_problem(data: bytes) -> str:
    """What must not leave in `data`, in words; empty if it is in wire form."""
    if not data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
        return "a line break that is not CRLF (RFC 5321 2.3.8)"
    if data and not data.endswith(b"\n"):
        return "the last line does not end in CRLF"
    if b"\0" in data:
        return "a NUL byte"
    if _has_long_line(data):
        return f"a line of more than {LONGEST_LINE} octets (RFC 5322 2.1.1)"
    return ""


def _has_dots(data: bytes) -> bool:
    return data.startswith(b".") or b"\r\n." in data


def _with_gaps(fixed: Sequence[bytes]) -> list[bytes]:
    pieces = [b""] * (2 * len(fixed) - 1)
    pieces[::2] = fixed
    return pieces


def _without_whole_lines(piece: bytes) -> tuple[bytes, bytes]:
    """The two ends of a piece, which belong to lines with a gap, and the whole lines between; none if they are no good."""
    begin, end = piece.find(b"\r\n") + 2, piece.rfind(b"\r\n") + 2
    lines = piece[begin:end]
    if begin == 1 or wire_problem(lines):
        return piece, b""
    return piece[:begin] + piece[end:], lines


def _once_each(fixed: Sequence[bytes], slots: Sequence[str]) -> tuple[list[bytes], list[str]]:
    """The same lines in the same order, but of those that are equal one alone."""
    lines: dict[tuple[bytes | str, ...], None] = {}
    line: tuple[bytes | str, ...] = ()
    for piece, slot in zip(fixed, (*slots, ""), strict=True):
        *ends, rest = piece.split(b"\r\n")
        for end in ends:
            lines[(*line, end + b"\r\n")] = None
            line = ()
        line = (*line, rest, slot)
    lines[line[:-1]] = None
    left, gaps = [b""], []
    for part in chain.from_iterable(lines):
        if isinstance(part, bytes):
            left[-1] += part
        else:
            gaps.append(part)
            left.append(b"")
    return left, gaps


def _has_long_line(data: bytes) -> bool:
    """Looks only as often as the longest line that is allowed would fit in."""
    begin, end = 0, len(data)
    while end - begin > LONGEST_LINE + 2:
        begin = data.rfind(b"\n", begin, begin + LONGEST_LINE + 2) + 1
        if not begin:
            return True
    return False
