"""Text that every feed format can carry."""

from __future__ import annotations

import re
from functools import lru_cache
from operator import is_
from urllib.parse import quote

from newsletter.model import Entry

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NO_CHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane | last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "]"
)
#: Bytes with which everything that needs repair begins in UTF-8, and a few that need none.
_SUSPECT = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F, 0xC2, 0xED, 0xEF, *range(0xF0, 0xF5)])
_REMEMBERED = 64  # texts: those of one entry, which is written in several formats, and those that all entries share


@lru_cache(maxsize=_REMEMBERED)
def clean_text(text: str) -> str:
    """`text` with everything repaired that XML 1.0 (2.2) forbids, in whatever way it would be escaped.

    A control character becomes a space, for it mostly stood between words; what is no character at all, a lone
    surrogate among them, becomes U+FFFD. Two surrogates that belong together become the character that they mean.
    """
    if text.isascii() and text.isprintable():
        return text
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw.translate(None, _SUSPECT)) == len(raw):
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _NO_CHARACTERS.sub("\ufffd", _CONTROLS.sub(" ", whole))


@lru_cache(maxsize=_REMEMBERED)
def clean_bytes(text: str) -> bytes:
    """`clean_text` in UTF-8: what is long is looked through sooner, and encoded once for all formats."""
    return clean_text(text).encode()


@lru_cache(maxsize=_REMEMBERED)
def address(url: str) -> str:
    """`url` with everything percent-encoded that may not stand in one (RFC 3986 2); what is encoded already stays."""
    return quote(clean_text(url), safe="!#$%&'()*+,/:;=?@[]~")


def repaired(entry: Entry) -> tuple[str, ...]:
    """The names of those fields of an entry that no format carries as they are: see `clean_text`."""
    whole = (
        entry.title,
        entry.summary,
        entry.content,
        entry.author,
        *(category.label for category in entry.categories),
    )
    if all(map(is_, map(clean_text, whole), whole)):
        return ()
    texts = {
        "title": (entry.title,),
        "summary": (entry.summary,),
        "content": (entry.content,),
        "author": (entry.author,),
        "categories": tuple(category.label for category in entry.categories),
    }
    return tuple(name for name, given in texts.items() if any(clean_text(text) != text for text in given))


def heading(title: str, identity: str) -> str:
    """A title that is never blank: readers show nothing to press on where it is."""
    clean = clean_text(title)
    return clean if clean.strip() else clean_text(identity)
