"""Text that every feed format can carry."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NO_CHARACTERS = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane | last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def clean_text(text: str) -> str:
    """`text` with everything repaired that XML 1.0 (2.2) forbids, in whatever way it would be escaped.

    A control character becomes a space, for it mostly stood between words; what is no character at all, a lone
    surrogate among them, becomes U+FFFD. Two surrogates that belong together become the character that they mean.
    """
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _NO_CHARACTERS.sub("\ufffd", _CONTROLS.sub(" ", whole))
