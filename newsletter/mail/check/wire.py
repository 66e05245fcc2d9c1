"""A message taken apart by its bytes: fields, parts, texts. Nothing is repaired, and no input makes it fail."""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from newsletter.mail.check.finding import Flaw, quoted

_ENCODED_WORD = re.compile(r"=\?([^?\s]*)\?([^?\s]*)\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(=\?[^?\s]*\?[^?\s]*\?[^?\s]*\?=)[ \t\r\n]+(?==\?[^?\s]*\?[^?\s]*\?[^?\s]*\?=)")
_PARAMETER = re.compile(r';\s*([A-Za-z-]+)\s*=\s*(?:"([^"]*)"|([^\s;"]+))')
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-F]{2}|\r\n)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_STRUCTURES = (("text/plain", "text/html"), ("text/plain",))
_MOST = 5  #: places told of one rule of lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A header field. `raw` is what stands after the colon, with its folds; `value` what it says."""

    name: str
    raw: str
    value: str

    @property
    def plain(self) -> str:
        """Unfolded, nothing decoded (RFC 5322 2.2.3)."""
        return re.sub(r"\r?\n(?=[ \t])", "", self.raw).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A leaf of the message. `body` is as it was sent, `text` what it says."""

    kind: str
    parameters: dict[str, str]
    fields: tuple[Field, ...]
    body: bytes
    text: str
    is_utf8: bool

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(field.plain for field in self.fields if field.name.lower() == name.lower())


@dataclass(frozen=True, kw_only=True)
class Message:
    """`kind` is the media type of the whole: multipart/alternative, or that of its only part."""

    data: bytes
    fields: tuple[Field, ...]
    kind: str
    parts: tuple[Part, ...]

    def named(self, name: str) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.name.lower() == name.lower())

    def value(self, name: str) -> str:
        """Of the first field of that name; empty where there is none."""
        return next((field.value for field in self.named(name)), "")

    @cached_property
    def html(self) -> str | None:
        return self._text_of("text/html")

    @cached_property
    def text(self) -> str | None:
        return self._text_of("text/plain")

    def _text_of(self, kind: str) -> str | None:
        return next((part.text.replace("\r\n", "\n") for part in self.parts if part.kind == kind), None)


def read_message(data: bytes) -> Message:
    """The message of RFC 5322 as it was sent."""
    head, _, body = data.partition(b"\r\n\r\n")
    fields = tuple(_fields(head))
    kind, parameters = _content_type(fields)
    if not kind.startswith("multipart/"):
        return Message(data=data, fields=fields, kind=kind, parts=(_part(kind, parameters, fields, body),))
    parts = tuple(_leaf(section) for section in _sections(body, parameters.get("boundary", "")))
    return Message(data=data, fields=fields, kind=kind, parts=parts)


def wire_flaws(message: Message, *, language: str | None, text_only: bool | None) -> Iterator[Flaw]:
    """What is wrong with the bytes. `language` and `text_only` are what is expected, where that is known."""
    yield from _byte_flaws(message.data)
    yield from _structure_flaws(message, text_only)
    for part in message.parts:
        yield from _part_flaws(part)
        yield from _language_flaws(part, language)
    yield from _defect_flaws(message.data)


# -- taking apart -----------------------------------------------------------------------------------------------------


def _fields(head: bytes) -> Iterator[Field]:
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    whole: list[str] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and whole:
            whole[-1] += f"\r\n{line}"
        else:
            whole.append(line)
    for line in filter(None, whole):
        name, _, raw = line.partition(":")
        yield Field(name=name, raw=raw, value=decoded(re.sub(r"\r?\n(?=[ \t])", "", raw).strip()))


def decoded(text: str) -> str:
    """Encoded-words as the text that they stand for (RFC 2047 6.2); those that cannot be read stay as they are."""
    return _ENCODED_WORD.sub(_word, _BETWEEN_WORDS.sub(r"\1", text))


def _word(found: re.Match[str]) -> str:
    try:
        octets = found[3].encode("ascii")
        if found[2] in "bB":
            data = base64.b64decode(octets, validate=True)
        elif found[2] in "qQ":
            data = quopri.decodestring(octets, header=True)
        else:
            return found[0]
        return data.decode(found[1].partition("*")[0])
    except (ValueError, LookupError, binascii.Error):
        return found[0]


def _content_type(fields: tuple[Field, ...]) -> tuple[str, dict[str, str]]:
    value = next((field.plain for field in fields if field.name.lower() == "content-type"), "text/plain")
    parameters = {name.lower(): quoted_value or bare for name, quoted_value, bare in _PARAMETER.findall(value)}
    return value.partition(";")[0].strip().lower(), parameters


def _sections(body: bytes, boundary: str) -> list[bytes]:
    if not boundary:
        return []
    mark = re.escape(boundary.encode("utf-8", "surrogateescape"))
    pieces = re.split(rb"(?:\A|\r\n)--" + mark + rb"(--)?[ \t]*(?=\r\n|\Z)", body)
    return [piece.removeprefix(b"\r\n") for piece, closed in zip(pieces[2::2], pieces[1::2], strict=True) if not closed]


def _leaf(section: bytes) -> Part:
    head, _, body = (b"", b"", section[2:]) if section.startswith(b"\r\n") else section.partition(b"\r\n\r\n")
    fields = tuple(_fields(head))
    return _part(*_content_type(fields), fields, body)


def _part(kind: str, parameters: dict[str, str], fields: tuple[Field, ...], body: bytes) -> Part:
    coding = next((field.plain.lower() for field in fields if field.name.lower() == "content-transfer-encoding"), "")
    data = body
    if coding == "quoted-printable":
        data = quopri.decodestring(body)
    elif coding == "base64":
        digits = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        data = base64.b64decode(digits[: len(digits) // 4 * 4 + (len(digits) % 4 > 1) * 4] + b"==")
    text = data.decode("utf-8", "replace")
    is_utf8 = "\ufffd" not in text or _is_utf8(data)
    return Part(kind=kind, parameters=parameters, fields=fields, body=body, text=text, is_utf8=is_utf8)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# -- rules ------------------------------------------------------------------------------------------------------------


def _byte_flaws(data: bytes) -> Iterator[Flaw]:
    if b"\0" in data:
        yield Flaw("M-NUL", "message", f"there is a NUL at octet {data.index(0) + 1}")
    bare = re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    if bare or not data.endswith(b"\r\n"):
        octet = bare.start() + 1 if bare else len(data)
        yield Flaw("M-LINE-END", "message", f"the line that ends at octet {octet} has no CRLF")
    long = ((number, len(line)) for number, line in enumerate(data.split(b"\r\n"), 1) if len(line) > 998)
    for number, length in islice(long, _MOST):
        yield Flaw("M-LINE-LENGTH", f"line {number}", f"the line has {length} octets")


def _structure_flaws(message: Message, text_only: bool | None) -> Iterator[Flaw]:
    kinds = tuple(part.kind for part in message.parts)
    alternative = message.kind == "multipart/alternative"
    right = _STRUCTURES[not alternative]
    if kinds != right or (text_only is not None and alternative is text_only):
        yield Flaw("M-STRUCTURE", "message", f"it is {message.kind} of {', '.join(kinds) or 'nothing'}")


def _part_flaws(part: Part) -> Iterator[Flaw]:
    charset = part.parameters.get("charset")
    if (charset or "").lower() != "utf-8" or not part.is_utf8:
        what = f"charset is {quoted(charset)}" if part.is_utf8 else "the bytes are not UTF-8"
        yield Flaw("M-CHARSET", part.kind, what)
    codings = part.values("Content-Transfer-Encoding")
    if tuple(map(str.lower, codings)) != ("quoted-printable",):
        yield Flaw("M-CODING", part.kind, f"Content-Transfer-Encoding is {quoted(', '.join(codings))}")
    else:
        yield from _quoted_flaws(part)
    broken = _CONTROL.search(part.text) if part.is_utf8 else None
    if broken:
        place = f"{part.kind}, line {part.text.count(chr(10), 0, broken.start()) + 1}"
        yield Flaw("M-BROKEN-TEXT", place, f"there is U+{ord(broken[0]):04X}")
    if part.is_utf8 and "\ufffd" in part.text:
        yield Flaw(
            "M-REPLACED", part.kind, f"there is U+FFFD after {quoted(part.text.partition(chr(0xFFFD))[0][-30:])}"
        )


def _quoted_flaws(part: Part) -> Iterator[Flaw]:
    """RFC 2045 6.7."""
    lines = list(enumerate(part.body.split(b"\r\n"), 1))
    wrong = ((number, line) for number, line in lines if len(line) > 76 or not line.isascii())
    for number, line in islice(wrong, _MOST):
        what = f"the line has {len(line)} octets" if line.isascii() else "the line is not ASCII"
        yield Flaw("M-ENCODED-LINE", f"{part.kind}, line {number}", what)
    escape = _BAD_ESCAPE.search(part.body)
    blank = re.search(rb"[ \t](?=\r\n|\Z)", part.body)
    if escape or blank:
        what = "= without two capital hexadecimal digits" if escape else "white space at the end of a line"
        yield Flaw("M-CODING", part.kind, f"there is {what}")
    started = ((number, line) for number, line in lines if line == b"." or line.startswith(b"From "))
    for number, line in islice(started, _MOST):
        yield Flaw("M-LINE-START", f"{part.kind}, line {number}", f"the line starts with {quoted(line[:4].decode())}")


def _language_flaws(part: Part, language: str | None) -> Iterator[Flaw]:
    told = part.values("Content-Language")
    lang = re.search(r"<html[^>]*?\slang\s*=\s*[\"']?([^\"'\s>]+)", part.text) if part.kind == "text/html" else None
    right = {language} if language else {lang[1]} if lang else set(told)
    if len(told) != 1 or (lang and lang[1] != told[0]) or told[0] not in right:
        html = f", lang of html {quoted(lang[1])}" if lang else ""
        yield Flaw("M-LANGUAGE", part.kind, f"Content-Language is {quoted(', '.join(told) or None)}{html}")


def _defect_flaws(data: bytes) -> Iterator[Flaw]:
    """What the strict parser of the standard library says; it fails outright on some inputs."""
    try:
        message = email.message_from_bytes(data, policy=email.policy.default)
        defects = {
            f"{type(defect).__name__}: {defect}"
            for part in message.walk()
            for defect in (*part.defects, *(defect for value in part.values() for defect in value.defects))
        }
    except Exception as error:  # noqa: BLE001 - any failure of that parser is the finding itself
        defects = {f"{type(error).__name__} while reading"}
    for defect in sorted(defects):
        yield Flaw("M-DEFECT", "message", f"the parser says {quoted(defect, 100)}")
