"""The form in which a message goes over the wire, and how to know without a look at all of it that it is kept.

Most of a message is the same for everybody. So a frame of fixed octets is looked at once, and of each message only what is
its own; and nobody puts the octets together who can do with them in pieces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

LONGEST_LINE = 998  #: octets, without the line's CRLF (RFC 5322 2.1.1)
_LINE = rb"[ -\-/-~\x80-\xff][ -~\x80-\xff]*+"  # not empty, with no dot in front
#: A value that does the lines around it no harm, but that it makes them longer.
_HARMLESS = rb"%b(?:\r\n%b)*+" % (_LINE, _LINE)


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
        self._dots = self.fixed[0].startswith(b".") or any(b"\r\n." in piece for piece in self.fixed)
        self._ascii = all(map(bytes.isascii, self.fixed))
        names = tuple(dict.fromkeys(self.slots))
        self._values, self._each_once = _getter(self.slots), _getter(names)
        self._harmless = re.compile(b"\0".join([_HARMLESS] * len(names)))
        self._room = _room(self.fixed, self.slots)

    def fill(self, told: Mapping[str, bytes]) -> Wire:
        """Everything, with what is told of each slot in its gaps. Raises KeyError for a slot of which nothing is told."""
        values = self._values(told)
        pieces = self._pieces.copy()
        pieces[1::2] = values
        own = b"\0".join(self._each_once(told))
        if len(own) <= self._room and self._harmless.fullmatch(own):
            size = self._size + len(b"".join(values))
            dots, plain = self._dots, self._ascii and own.isascii()
            return Wire(pieces, size, "", dots=dots, ascii=plain, frame=self, values=values)
        data = b"".join(pieces)
        dots, plain = _has_dots(data), data.isascii()
        return Wire(pieces, len(data), wire_problem(data), dots=dots, ascii=plain, frame=self, values=values)


def _getter(slots: Sequence[str]) -> Callable[[Mapping[str, bytes]], Sequence[bytes]]:
    """What gives the values of these slots; `itemgetter` gives one alone in another form."""
    return itemgetter(*slots) if len(slots) > 1 else lambda told: [told[slot] for slot in slots]


def _room(fixed: Sequence[bytes], slots: Sequence[str]) -> int:
    """How long all harmless values may be together, each counted once, so that no line becomes too long; less than 0 where
    even without them it is no wire form.
    """
    if any(b"\0" in piece or _has_bare_breaks(piece) for piece in fixed) or not fixed[-1].endswith(b"\r\n"):
        return -1
    longest = max(map(len, b"".join(fixed).split(b"\r\n")))
    return (LONGEST_LINE - longest) // _most_in_a_line(fixed, slots)


def _most_in_a_line(fixed: Sequence[bytes], slots: Sequence[str]) -> int:
    """How often a slot stands in one line, that which stands there most often."""
    most, line = 1, Counter[str]()
    for piece, slot in zip(fixed, slots, strict=False):
        if b"\r\n" in piece:
            line.clear()
        line[slot] += 1
        most = max(most, line[slot])
    return most


def wire_problem(data: bytes) -> str:
    """What must not leave in `data`, in words; empty if it is in wire form."""
    if _has_bare_breaks(data):
        return "a line break that is not CRLF (RFC 5321 2.3.8)"
    if data and not data.endswith(b"\n"):
        return "the last line does not end in CRLF"
    if b"\0" in data:
        return "a NUL byte"
    if _has_long_line(data):
        return f"a line of more than {LONGEST_LINE} octets (RFC 5322 2.1.1)"
    return ""


def _has_bare_breaks(data: bytes) -> bool:
    return not data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")


def _has_dots(data: bytes) -> bool:
    return data.startswith(b".") or b"\r\n." in data


def _with_gaps(fixed: Sequence[bytes]) -> list[bytes]:
    pieces = [b""] * (2 * len(fixed) - 1)
    pieces[::2] = fixed
    return pieces


def _has_long_line(data: bytes) -> bool:
    """Looks only as often as the longest line that is allowed would fit in."""
    begin, end = 0, len(data)
    while end - begin > LONGEST_LINE + 2:
        begin = data.rfind(b"\n", begin, begin + LONGEST_LINE + 2) + 1
        if not begin:
            return True
    return False
