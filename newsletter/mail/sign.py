"""DKIM signatures (RFC 6376) over finished messages: RSA (RFC 8301), and Ed25519 beside it if wanted (RFC 8463).

What is signed is the message as it leaves, so nothing may touch it afterwards. A signature's time is the message's own
Date, and both kinds of signature are deterministic: the same message gives the same bytes, also at a second attempt.

`relaxed/relaxed` survives what relays do to white space. There is no `l=`, which would let anybody add to a message.
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from newsletter.config import read_private
from newsletter.errors import ConfigError, MailError
from newsletter.model.wire import Frame, Wire
from newsletter.waits import Apart, Course, run

#: Named once more than they are there, so that nobody can add one, not even where there is none (RFC 6376 8.15).
_SEALED = (
    b"From",
    b"To",
    b"Cc",
    b"Subject",
    b"Date",
    b"Reply-To",
    b"Content-Type",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
)
#: The same where they are there; where they are not, a relay or a mailing list on the way may have reason to add them.
_SEALED_IF_THERE = (
    b"Message-ID",
    b"MIME-Version",
    b"Content-Transfer-Encoding",
    b"List-Id",
    b"Feedback-ID",
    b"Auto-Submitted",
)
_RSA_BITS = (2048, 4096)  #: RFC 8301 3.2: 2048 should be used, and verifiers need not take more than 4096
_LINE = 72
_FRAMES = 256  #: as many as `mail.merge` keeps at hand
_FORMS = 32  #: of headers: which fields are there, and how often; and their dates
_BLOCKS = 512  #: of some 4 KB each, of which most are the same in all messages of a mailing
_EMPTY_LINE = b"\r\n\r\n"
_FIELD_ENDS = re.compile(rb"\r\n(?![ \t])")
_MARK = re.compile(rb"\0(\d+)\0")  #: where a gap is
_WHITE_SPACE = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class Key:
    """A private key: RSA or Ed25519. It never shows itself."""

    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def kind(self) -> str:
        """What `k=` of the DNS record says: `rsa` or `ed25519`."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def public(self) -> str:
        """What `p=` of the DNS record says (RFC 6376 3.6.1, RFC 8463 4)."""
        key = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
        return b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()

    @property
    def pem(self) -> str:
        """The private key itself, for its file."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 hash."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, PKCS1v15(), Prehashed(SHA256()))
        return self.private.sign(digest)


def make_key(kind: str) -> Key:
    """A new key of kind `rsa` (2048 bits) or `ed25519`."""
    if kind == "rsa":
        return Key(generate_private_key(public_exponent=65537, key_size=_RSA_BITS[0]))
    return Key(Ed25519PrivateKey.generate())


def load_keys(files: Mapping[str, Path]) -> dict[str, Key]:
    """Selector -> key, from selector -> PEM file of mode 0600.

    Raises ConfigError for files that are not such, for RSA keys of another length than 2048 to 4096 bits, and unless
    there is one RSA key: many receivers know no other kind (RFC 8463 has no deadline).
    """
    keys = {selector: load_key(path) for selector, path in files.items()}
    kinds = [key.kind for key in keys.values()]
    if kinds.count("rsa") != 1 or kinds.count("ed25519") > 1:
        found = " and ".join(kinds) or "none"
        raise ConfigError(
            f"delivery.dkim: found keys of kind {found}; it should be one RSA key, and one Ed25519 at most"
        )
    return keys


def load_key(path: Path) -> Key:
    """The key in a PEM file of mode 0600. Raises ConfigError as `load_keys` does."""
    if not os.path.lexists(path):
        raise ConfigError(f"delivery.dkim: {path} is not there; `newsletter dkim` makes it")
    text = read_private(path, "delivery.dkim")
    remedy = "it should be a private key in PEM form without a password, as `newsletter dkim` makes it"
    try:
        private = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise ConfigError(f"delivery.dkim: {path} asks for a password; {remedy}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"delivery.dkim: {path} is not a key that can be read; {remedy}") from None
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise ConfigError(f"delivery.dkim: {path} is neither an RSA nor an Ed25519 key; {remedy}")
    if isinstance(private, RSAPrivateKey) and not _RSA_BITS[0] <= private.key_size <= _RSA_BITS[1]:
        raise ConfigError(
            f"delivery.dkim: {path} is an RSA key of {private.key_size} bits; "
            f"it should have {_RSA_BITS[0]} to {_RSA_BITS[1]} (RFC 8301)"
        )
    return Key(private)


@dataclass(frozen=True)
class Signer:
    """Signs for one domain. It never changes, and any number of threads may share it.

    `domain` is `d=`: the domain of From or one above it, else DMARC does not count the signatures. `keys`: selector ->
    key; the order is that of the signatures.
    """

    domain: str
    keys: Mapping[str, Key]

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", MappingProxyType(dict(self.keys)))

    def sign(self, data: bytes) -> bytes:
        """The whole message, with its signatures in front. Raises as `signing` does."""
        return bytes(run(self.signing(Wire.of(data))))

    def signing(self, wire: Wire) -> Course[Wire]:
        """A message in wire form, with its signatures in front. The arithmetic of RSA, which takes longer than all the
        rest, is done apart. Raises MailError unless it has exactly one From and one Date.
        """
        header, body_hash = _form_of(wire)
        hashed = _line(b64encode(body_hash))
        fields = []
        for begin, key in self._keys:
            unsigned = b"%b t=%d;\r\n h=%b;\r\n bh=%b;\r\n b=" % (begin, header.time, header.names, hashed)
            signed = header.canonical + b"dkim-signature:" + unsigned.replace(b"\r\n", b"")
            sign = partial(key.sign, hashlib.sha256(signed).digest())
            signature: bytes = (yield Apart(sign, busy=True)) if key.kind == "rsa" else sign()
            fields.append(b"DKIM-Signature: %b%b\r\n" % (unsigned, _line(b64encode(signature))))
        return wire.behind(b"".join(fields))

    @cached_property
    def _keys(self) -> tuple[tuple[bytes, Key], ...]:
        """What stands first in each signature's field, with the key."""
        return tuple(
            (f"v=1; a={key.kind}-sha256; c=relaxed/relaxed;\r\n d={self.domain}; s={selector};".encode(), key)
            for selector, key in self.keys.items()
        )


@dataclass(frozen=True, slots=True)
class _Header:
    """What of a message's header is signed. `names` is the value of `h=`, `canonical` what is hashed (RFC 6376 3.4.2)."""

    names: bytes
    canonical: bytes
    time: int

    @staticmethod
    def of(head: bytes) -> _Header:
        there = _fields(head)
        named = tuple(_named(there))
        signed = _signed(there, named)
        return _Header(_list(named), b"".join(_relaxed(*each) for each in signed), _time(there[b"date"][0]))


def _named(there: Mapping[bytes, list[bytes]]) -> Iterator[tuple[bytes, int]]:
    """Each name that is signed, and how often its field is there."""
    for name in _SEALED:
        yield name, len(there.get(name.lower(), ()))
    for name in _SEALED_IF_THERE:
        if name.lower() in there:
            yield name, len(there[name.lower()])


def _signed(there: Mapping[bytes, list[bytes]], named: Sequence[tuple[bytes, int]]) -> list[tuple[bytes, bytes]]:
    """Name and value of each field that is signed, as they are hashed: of one name from the bottom (RFC 6376 5.4.2)."""
    for name in (b"from", b"date"):
        if len(there.get(name, ())) != 1:
            raise MailError(f"DKIM: the message has not exactly one field {name.decode().capitalize()}")
    lowered = (name.lower() for name, _ in named)
    return [(name, value) for name in lowered for value in reversed(there.get(name, ()))]


def _fields(head: bytes) -> dict[bytes, list[bytes]]:
    """Name in lower case -> the values of its fields, from the top."""
    there: dict[bytes, list[bytes]] = {}
    for each in _FIELD_ENDS.split(head):
        name, colon, value = each.partition(b":")
        name = name.rstrip(b" \t").lower()
        if not colon or not name:
            raise MailError("DKIM: a line of the header is not a field")
        there.setdefault(name, []).append(value)
    return there


def _relaxed(name: bytes, value: bytes) -> bytes:
    return b"%b:%b\r\n" % (name, relaxed_value(value))


def relaxed_value(value: bytes) -> bytes:
    """A field's value as RFC 6376 3.4.2 says: on one line, each run of white space one space, none around it."""
    line = value.replace(b"\r\n", b"")
    if b"  " in line or b"\t" in line:
        line = _WHITE_SPACE.sub(b" ", line)
    return line.strip(b" ")


def relaxed_body(body: bytes, block: int = 4096) -> bytes:
    """A body as RFC 6376 3.4.4 says: runs of white space are one space, none ends a line, no empty lines end it.

    It is done by blocks of whole lines, because most messages share most of them with the last one.
    """
    relaxed, start = [], 0
    while start < len(body):
        end = body.find(b"\r\n", start + block) + 2
        end = end if end > 1 else len(body)
        relaxed.append(_relaxed_block(body[start:end]))
        start = end
    return _without_empty_end(b"".join(relaxed))


def relaxed_lines(lines: bytes) -> bytes:
    """Searching for two octets and cutting there is many times as fast as a regular expression over everything."""
    first, *rest = lines.replace(b"\t", b" ").split(b"  ")
    if rest:
        first = b" ".join((first, *filter(None, (part.lstrip(b" ") for part in rest))))
    return first.replace(b" \r\n", b"\r\n").removesuffix(b" ")


_relaxed_block = lru_cache(_BLOCKS)(relaxed_lines)


def _without_empty_end(body: bytes) -> bytes:
    """With exactly one line end at the end, or nothing at all."""
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def _form_of(wire: Wire) -> tuple[_Header, bytes]:
    """What is signed of the header, and the hash of the body."""
    known = None if wire.frame is None else _Known.of(wire.frame)
    if known is not None and known.header is not None:
        header = known.header.filled(wire.values)
        if header is not None:
            return header, known.hash(wire.values)
    head, body_hash = _looked_at(wire)
    return _Header.of(head), body_hash


def _looked_at(wire: Wire) -> tuple[bytes, bytes]:
    """The header without the empty line after it, and the hash of the body.

    Of a merged message's body only the lines with a gap are looked at, unless a value ends the header before its time.
    """
    known = None if wire.frame is None else _Known.of(wire.frame)
    if known is not None:
        head = known.head(wire)
        if (head + _EMPTY_LINE).find(_EMPTY_LINE) == len(head):
            return head, known.hash(wire.values)
    head, end, body = bytes(wire).partition(_EMPTY_LINE)
    if not end:
        raise MailError("DKIM: the message has no empty line after its header")
    return head, hashlib.sha256(relaxed_body(body)).digest()


@dataclass(frozen=True, slots=True)
class _Known:
    """What all bodies made of one frame have in common, in relaxed form.

    `gaps` gaps stand before the body, and after the last of them `head_end` is left of the header. It begins with lines that
    `begun` has hashed; then come in turns lines with gaps (pieces and, between each two of them, a gap) and fixed lines.
    """

    head_end: bytes
    gaps: int
    begun: hashlib._Hash
    rest: tuple[tuple[tuple[bytes, ...], bytes], ...]
    header: _OpenHeader | None

    @staticmethod
    @lru_cache(_FRAMES)
    def of(frame: Frame) -> _Known | None:
        """None where the body does not begin in a fixed piece, or does not end with a fixed line that is not empty."""
        fixed = frame.fixed
        gaps = next((place for place, piece in enumerate(fixed) if _EMPTY_LINE in piece), None)
        if gaps is None:
            return None
        head_end, _, begin = fixed[gaps].partition(_EMPTY_LINE)
        cut = [(lines, relaxed_lines(chunk)) for lines, chunk in _cut((begin, *fixed[gaps + 1 :]))]
        if len(cut) < 2 or not _without_empty_end(cut[-1][1]):
            return None
        cut[-1] = cut[-1][0], _without_empty_end(cut[-1][1])
        header = _OpenHeader.of((*fixed[:gaps], head_end))
        return _Known(head_end, gaps, hashlib.sha256(cut[0][1]), tuple(cut[1:]), header)

    def head(self, wire: Wire) -> bytes:
        """The header, if no value ends it before."""
        return b"".join((*wire.pieces[: 2 * self.gaps], self.head_end))

    def hash(self, values: Sequence[bytes]) -> bytes:
        hashed, gap = self.begun.copy(), self.gaps
        for pieces, chunk in self.rest:
            line = pieces[0]
            for piece in pieces[1:]:
                line += values[gap] + piece
                gap += 1
            hashed.update(relaxed_lines(line))
            hashed.update(chunk)
        return hashed.digest()


class _OpenField(NamedTuple):
    """A field's name, and its value as pieces and, between each two of them, the number of a gap."""

    name: bytes
    pieces: Sequence[bytes]
    gaps: Sequence[int]

    @staticmethod
    def of(name: bytes, marked: bytes) -> _OpenField:
        parts = _MARK.split(marked)
        return _OpenField(name, parts[::2], tuple(map(int, parts[1::2])))

    def filled(self, values: Sequence[bytes]) -> bytes:
        value = self.pieces[0]
        for gap, piece in zip(self.gaps, self.pieces[1:], strict=True):
            value += values[gap] + piece
        return value


@dataclass(frozen=True, slots=True)
class _OpenHeader:
    """What the headers made of one frame have in common: `names` of `_Header`, and the fields that are signed, in relaxed
    form where none of the `gaps` gaps is in them.
    """

    gaps: int
    names: bytes
    fields: tuple[bytes | _OpenField, ...]
    date: _OpenField

    @staticmethod
    def of(pieces: Sequence[bytes]) -> _OpenHeader | None:
        """None where it is no header that can be signed, or a gap may be more than a part of a field's value."""
        if any(b"\0" in piece or piece.startswith(b"\n") or piece.endswith((b"\r", b"\n")) for piece in pieces):
            return None
        marked = b"".join(b"%b\0%d\0" % (piece, gap) for gap, piece in enumerate(pieces[:-1])) + pieces[-1]
        try:
            there = _fields(marked)
            named = tuple(_named(there))
            fields = [_OpenField.of(*each) for each in _signed(there, named)]
        except MailError:
            return None
        if any(b"\0" in name for name in there):
            return None
        date = next(each for each in fields if each.name == b"date")
        fixed_ones = (each if each.gaps else _relaxed(each.name, each.pieces[0]) for each in fields)
        return _OpenHeader(len(pieces) - 1, _list(named), tuple(fixed_ones), date)

    def filled(self, values: Sequence[bytes]) -> _Header | None:
        """None where a value is more than a part of a line, so that the header has to be looked at whole."""
        own = b"".join(values[: self.gaps])
        if b"\r" in own or b"\n" in own:
            return None
        canonical = [
            each if isinstance(each, bytes) else _relaxed(each.name, each.filled(values)) for each in self.fields
        ]
        return _Header(self.names, b"".join(canonical), _time(self.date.filled(values)))


def _cut(fixed: Sequence[bytes]) -> list[tuple[tuple[bytes, ...], bytes]]:
    """Pieces with gaps between them, as lines with gaps in them and the whole lines that follow on these.

    Nothing where the last piece does not end with a line.
    """
    end = fixed[0].rfind(b"\r\n") + 2 if b"\r\n" in fixed[0] else 0
    cut: list[tuple[tuple[bytes, ...], bytes]] = [((), fixed[0][:end])]
    open_ones = [fixed[0][end:]]
    for piece in fixed[1:]:
        if b"\r\n" in piece:
            begin, end = piece.find(b"\r\n") + 2, piece.rfind(b"\r\n") + 2
            cut.append(((*open_ones, piece[:begin]), piece[begin:end]))
            open_ones = [piece[end:]]
        else:
            open_ones.append(piece)
    return cut if open_ones == [b""] else []


@lru_cache(_FORMS)
def _time(date: bytes) -> int:
    """Seconds since 1970. A zone of -0000 says that it is UTC (RFC 5322 3.3)."""
    try:
        moment = parsedate_to_datetime(date.decode("ascii"))
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise MailError("DKIM: the message's Date cannot be read") from None
    if seconds < 0:
        raise MailError("DKIM: the message's Date is before 1970")
    return seconds


@lru_cache(_FORMS)
def _list(named: tuple[tuple[bytes, int], ...]) -> bytes:
    """The value of `h=`: each name once more than its field is there, over several lines."""
    lines, line = [], b""
    for name, times in named:
        for _ in range(times + 1):
            if len(line) + len(name) > _LINE:
                lines.append(line)
                line = b""
            line += name + b":"
    return b"\r\n ".join((*lines, line[:-1]))


def _line(text: bytes) -> bytes:
    """Base64 over several lines; white space in it does not count (RFC 6376 3.5)."""
    return b"\r\n ".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
