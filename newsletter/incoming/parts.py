"""Taking a stranger's message apart, in bounded time and memory whatever it is.

Python's parser of whole messages follows every nesting and every part there is, and its time grows with depth times
length. So messages are cut here: so many octets, so deep, so many parts, so many fields, and the rest is passed over.
Nothing here raises for what it reads.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser

LARGEST = 1 << 20  #: octets of a message that are looked at
_DEEPEST = 5
_PARTS = 40
_FIELDS = 1 << 16  #: octets of one block of header fields
_TEXT = 1 << 16  #: octets of a part that are made text
_SLOW = frozenset(
    {"punycode", "idna"}
)  #: their time grows with the square of the length, and no mail is written in them
_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_PARAMETER = r"\b{}\s*=\s*(?:\"([^\"]{{1,100}})\"|([^\s;\"]{{1,100}}))"
_BLANK_LINE = re.compile(rb"\n\n+")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a message: its header fields, and its body as it came. `depth` counts from 0 for the whole message."""

    fields: Message
    body: bytes
    depth: int

    @property
    def kind(self) -> str:
        """The media type without parameters, in lower case (RFC 2045 5.1); `text/plain` where none is told."""
        told = field(self.fields, "Content-Type").partition(";")[0].strip().lower()
        return told if "/" in told else "text/plain"

    def parameter(self, name: str) -> str:
        """A parameter of the media type, in lower case; empty where it has none."""
        found = re.search(_PARAMETER.format(name), field(self.fields, "Content-Type"), re.IGNORECASE)
        return "" if found is None else (found[1] or found[2]).strip().lower()

    def content(self) -> bytes:
        """The body without its transfer encoding (RFC 2045 6)."""
        told = field(self.fields, "Content-Transfer-Encoding").strip().lower()
        if told == "quoted-printable":
            return quopri.decodestring(self.body)
        if told != "base64":
            return self.body
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", self.body)
        whole = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters  # a letter alone holds no octet
        return base64.b64decode(whole + b"==")

    def text(self) -> str:
        """The beginning of the body as text; what cannot be read is replaced, whatever charset is claimed."""
        content = self.content()[:_TEXT]
        charset = self.parameter("charset")
        try:
            return content.decode("utf-8" if charset in _SLOW else charset or "utf-8", errors="replace")
        except (LookupError, ValueError, TypeError):  # a charset of that name does not exist, or is none for text
            return content.decode("utf-8", errors="replace")


def parts(data: bytes) -> Iterator[Part]:
    """The message and the parts of it, outer ones first, as they come; at most 40, and 5 deep."""
    waiting = [_part(_with_plain_ends(data[:LARGEST]), 0)]
    for _ in range(_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        yield part
        if part.depth < _DEEPEST:
            waiting[:0] = _inner(part)


def blocks(data: bytes) -> Iterator[Message]:
    """Blocks of header fields that blank lines separate (RFC 3464 2.1); at most 40."""
    found = _BLANK_LINE.split(_with_plain_ends(data).strip(b"\n"), maxsplit=_PARTS)[:_PARTS]
    return (head(block) for block in found if block.strip())


def head(data: bytes) -> Message:
    """The header fields in front of `data`."""
    end = data.find(b"\n\n")
    block = data[: min(end if end >= 0 else len(data), _FIELDS)]
    # A first line that is no field makes the rest a body: an mbox's "From " line and blank lines are taken away.
    lines = block.lstrip(b"\n")
    if lines.startswith((b"From ", b">From ")):
        lines = lines.partition(b"\n")[2]
    return BytesHeaderParser().parsebytes(lines.replace(b"\0", b""))


def field(fields: Message, name: str) -> str:
    """A header field's value as it stands there, on one line; empty where it is missing."""
    return " ".join(str(fields.get(name, "")).split())


def all_of(fields: Message, name: str) -> Sequence[str]:
    """The values of every field of that name; at most 20."""
    return [" ".join(str(value).split()) for value in fields.get_all(name, [])[:20]]


def plain(value: str) -> str:
    """A field's value with its encoded words decoded (RFC 2047), as well as that goes."""
    try:
        found = decode_header(value[:2000])
    except (HeaderParseError, ValueError, binascii.Error):
        return value
    return "".join(_decoded(word, charset) for word, charset in found)


def _decoded(word: bytes | str, charset: str | None) -> str:
    if isinstance(word, str):
        return word
    try:
        return word.decode(charset or "ascii", errors="replace")
    except (LookupError, ValueError, TypeError):
        return word.decode("utf-8", errors="replace")


def _with_plain_ends(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _part(data: bytes, depth: int) -> Part:
    data = data.lstrip(b"\n") if depth == 0 else data
    if data.startswith(b"\n"):  # a part without any field
        return Part(Message(), data[1:], depth)
    _, _, body = data.partition(b"\n\n")
    return Part(head(data), body, depth)


def _inner(part: Part) -> list[Part]:
    """The parts of a multipart. A message that is enclosed is one part: nothing in it is said to us."""
    if not part.kind.startswith("multipart/"):
        return []
    found = _BOUNDARY.search(field(part.fields, "Content-Type"))
    if found is None:
        return []
    line = re.compile(
        rb"(?m)^--" + re.escape((found[1] or found[2]).encode(errors="replace")) + rb"(--)?[ \t]*(?:\n|\Z)"
    )
    return [_part(piece, part.depth + 1) for piece in _between(line, part.body)]


def _between(line: re.Pattern[bytes], body: bytes) -> Iterator[bytes]:
    """What stands between boundaries (RFC 2046 5.1.1); a message that was cut ends its last part where it ends."""
    start: int | None = None
    for number, found in enumerate(line.finditer(body)):
        if start is not None:
            yield body[start : max(start, found.start() - 1)]
        start = None if found[1] else found.end()
        if start is None or number >= _PARTS:
            return
    if start is not None:
        yield body[start:]
