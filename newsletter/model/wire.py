"""The form in which a message goes over the wire, and how to know without a look at all of it that it is kept.

Most of a message is the same for everybody. So a frame of fixed octets is looked at once, and of each message only the
lines in which something of its own stands.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_LINE = 998  #: octets, without the line's CRLF (RFC 5322 2.1.1)


class Proven(bytes):
    """Octets in which `wire_problem` would find nothing. Made here alone; whatever is derived from it is plain `bytes`."""

    dots: bool = True  #: whether a line begins with a dot, which SMTP has to make transparent (RFC 5321 4.5.2)
    ascii: bool = False  #: whether there is nothing else in it
    filled: tuple[Frame, tuple[bytes, ...]] | None = None  #: the frame that it was made of, and what is in its gaps


class Frame:
    """Fixed octets with a gap between each two of them."""

    def __init__(self, fixed: Sequence[bytes]) -> None:
        self.fixed = tuple(fixed)
        cuts = [_without_whole_lines(piece) for piece in self.fixed]
        self._edges = tuple(edge for edge, _ in cuts)
        lines = [lines for _, lines in cuts]
        self._dots = any(map(has_dots, lines))
        self._ascii = all(map(bytes.isascii, lines))

    def fill(self, values: Sequence[bytes]) -> bytes:
        """Everything joined, with `values` in the gaps; `Proven` if it is in wire form."""
        data = _joined(self.fixed, values)
        edges = _joined(self._edges, values)  # what was left out are whole lines, so the verdict is that on everything
        if wire_problem(edges):
            return data
        proven = _proven(data, dots=self._dots or has_dots(edges), ascii=self._ascii and edges.isascii())
        proven.filled = self, tuple(values)
        return proven


def in_front(head: bytes, data: bytes) -> bytes:
    """Both joined, where `head` is whole lines; `Proven` if `data` was and `head` is in wire form."""
    joined = head + data
    if not isinstance(data, Proven) or wire_problem(head):
        return joined
    return _proven(joined, dots=data.dots or has_dots(head), ascii=data.ascii and head.isascii())


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


def has_dots(data: bytes) -> bool:
    """Whether a line begins with a dot."""
    if isinstance(data, Proven):
        return data.dots
    return data.startswith(b".") or b"\r\n." in data


def is_ascii(data: bytes) -> bool:
    return data.ascii if isinstance(data, Proven) else data.isascii()


def _proven(data: bytes, *, dots: bool, ascii: bool) -> Proven:  # noqa: A002 - the word for it
    proven = Proven(data)
    proven.dots, proven.ascii = dots, ascii
    return proven


def _joined(fixed: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    pieces = [b""] * (len(fixed) + len(values))
    pieces[::2] = fixed
    pieces[1::2] = values
    return b"".join(pieces)


def _without_whole_lines(piece: bytes) -> tuple[bytes, bytes]:
    """The two ends of a piece, which belong to lines with a gap, and the whole lines between; none if they are no good."""
    begin, end = piece.find(b"\r\n") + 2, piece.rfind(b"\r\n") + 2
    lines = piece[begin:end]
    if begin == 1 or wire_problem(lines):
        return piece, b""
    return piece[:begin] + piece[end:], lines


def _has_long_line(data: bytes) -> bool:
    """Looks only as often as the longest line that is allowed would fit in."""
    begin, end = 0, len(data)
    while end - begin > LONGEST_LINE + 2:
        begin = data.rfind(b"\n", begin, begin + LONGEST_LINE + 2) + 1
        if not begin:
            return True
    return False
