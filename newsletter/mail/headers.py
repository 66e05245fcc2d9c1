"""Header fields in wire form: folding, encoded-words, addresses. Our own, because the standard library's loses text.

Free text is encoded (RFC 2047) where it is not plain ASCII. Addresses, ids and URLs are never encoded; they are folded
at white space alone. Lines aim at 76 octets and never pass 998 (RFC 5322 2.1.1). A value that could begin another
header field is refused, not repaired. A message never repeats the value: it may be somebody's address.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable

from newsletter.errors import HeaderError

LINE = 76
_LONGEST_LINE = 998
_LONGEST_WORD = 75  # RFC 2047 2
_WORD_FRAME = len("=?utf-8?b??=")

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PRINTABLE = re.compile(r"[ -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ATOM = r"[^\s\x00-\x20\x7f-\xa0\"(),:;<>@\[\\\].]+"
_LABEL = r"(?!-)[A-Za-z0-9\u00a1-\U0010ffff-]{1,63}(?<!-)"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@{_LABEL}(?:\.{_LABEL})*")
_URL = re.compile(r"https?://[A-Za-z0-9\[\]:._~/%-]{1,900}")
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})


def require_safe(where: str, value: str) -> str:
    """The value itself. Raises HeaderError for line ends, control characters, NUL, U+2028/2029 and lone surrogates."""
    found = _UNSAFE.search(value)
    if found:
        code = f"U+{ord(found.group()):04X}"
        raise HeaderError(f"{where}: {code} at character {found.start() + 1} cannot stand in a header; remove it")
    return value


def require_address(where: str, address: str) -> str:
    """The address itself, if it is exactly one `local@domain` (RFC 5321 4.1.2, RFC 6531 3.3).

    Quoted local parts and address literals are refused: no subscriber has one, and relays disagree about them.
    Raises HeaderError.
    """
    require_safe(where, address)
    found = _ADDRESS.fullmatch(address)
    invisible = any(unicodedata.category(character) in _INVISIBLE for character in address)
    # RFC 5321 4.5.3.1: 64 octets before the @, 254 in all
    # mail readers decode what looks like an encoded-word, wherever it stands, and would see another address
    if not found or "=?" in address or invisible or len(found["local"].encode()) > 64 or len(address.encode()) > 254:
        raise HeaderError(f"{where}: this is not exactly one address; right would be one like name@example.org")
    return address


def require_url(where: str, url: str) -> str:
    """The URL itself, if it is a web address that needs no escape in a header, in HTML or in text. Raises HeaderError."""
    if not _URL.fullmatch(url):
        raise HeaderError(f"{where}: {url!r} is not a plain web address; right would be one like https://example.org")
    return url


def domain_of(address: str) -> str:
    return address.rpartition("@")[2]


def text_header(name: str, value: str) -> str:
    """A field of free text, such as Subject. Decoding gives back exactly `value`. Raises HeaderError."""
    require_safe(name, value)
    used = len(name) + 2
    words = value.split(" ")
    plain = _PRINTABLE.fullmatch(value) and "=?" not in value and all(words)
    if not plain or used + len(words[0]) > LINE or any(len(word) >= LINE for word in words):
        words = _encoded_words(value, used) if value else []
    return _line(name, fold(words, used))


def structured_header(name: str, value: str) -> str:
    """A field of ids, URLs and machine words: ASCII, never encoded, folded at white space. Raises HeaderError."""
    require_safe(name, value)
    if not value.isascii():
        raise HeaderError(f"{name}: only ASCII can stand here; encode the URL or id first")
    return _line(name, fold(value.split(" "), len(name) + 2))


def mailbox_header(name: str, display: str, address: str) -> str:
    """A field of one mailbox, such as From. Raises HeaderError."""
    return _line(name, mailbox(name, display, address))


def mailbox(name: str, display: str, address: str) -> str:
    """The folded value of field `name`: `display <address>` (RFC 5322 3.4), or the address alone. Raises HeaderError."""
    require_address(name, address)
    return _named(name, display, address)


def list_id_header(display: str, identifier: str) -> str:
    """List-Id (RFC 2919): the words may change, the identifier never. Raises HeaderError."""
    if not identifier.isascii():
        raise HeaderError("List-Id: only ASCII can stand in the identifier; use the xn-- form of the domain")
    return _line("List-Id", _named("List-Id", display, require_safe("List-Id", identifier)))


def fold(words: Iterable[str], used: int) -> str:
    """Words joined by spaces, with a line end before each that would pass column 76; `used` octets stand before."""
    text, width = "", used
    for position, word in enumerate(words):
        size = len(word.encode())
        if not position:
            text, width = word, used + size
        elif width + 1 + size <= LINE:
            text, width = f"{text} {word}", width + 1 + size
        else:
            text, width = f"{text}\r\n {word}", 1 + size
        if width > _LONGEST_LINE:
            raise HeaderError(f"a header line of {width} octets is too long; at most {_LONGEST_LINE} may stand in one")
    return text


def _line(name: str, value: str) -> str:
    return f"{name}: {value}\r\n"


def _named(name: str, display: str, target: str) -> str:
    words = " ".join(require_safe(name, display).split())
    used = len(name) + 2
    if not words:
        return fold([target if "@" in target else f"<{target}>"], used)
    return fold([*_phrase(words, used), f"<{target}>"], used)


def _phrase(text: str, used: int) -> list[str]:
    """RFC 5322 3.2.5: atoms where they do, a quoted string where they do not, encoded-words for the rest."""
    if "=?" not in text and used + len(text) < LINE:
        if _ATOMS.fullmatch(text):
            return text.split(" ")
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if _PRINTABLE.fullmatch(text) and used + len(quoted) <= LINE:
            return [quoted]
    return _encoded_words(text, used)


def _encoded_words(text: str, used: int) -> list[str]:
    """Base64 encoded-words, split between characters so that each decodes alone (RFC 2047 5)."""
    chunks: list[bytes] = []
    chunk, room = b"", min(_LONGEST_WORD, LINE - used)
    for character in text:
        octets = character.encode()
        if chunk and -(-len(chunk + octets) // 3) * 4 > room - _WORD_FRAME:
            chunks.append(chunk)
            chunk, room = b"", _LONGEST_WORD
        chunk += octets
    return [f"=?utf-8?b?{base64.b64encode(part).decode()}?=" for part in (*chunks, chunk)]
