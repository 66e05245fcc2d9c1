"""A rating in words, figures or stars: `4/5`, `4.5`, `4 out of 5`, `★★★★☆`."""

from __future__ import annotations

import re
import unicodedata

from newsletter.model import Rating

_SCALES = (5, 10, 100)
_NUMBER = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)(?:\s*(?:/|out of|of)\s*([0-9]{1,3}))?(?:\s*stars?)?")
_STARS = re.compile(r"([★⭐]*)(☆*)")


def read_rating(text: str) -> Rating | None:
    """The rating that `text` states; None for whatever is no number above 0 on a scale of 5, 10 or 100.

    Without a scale a number is one of 5. Nothing is clamped, and a 0 is no rating: it is how pages say that nobody
    has rated.
    """
    read = _value_and_scale(text)
    if read is None:
        return None
    value, scale = read
    return Rating(value=value, scale=scale) if scale in _SCALES and 0 < value <= scale else None


def looks_like_rating(text: str) -> bool:
    """Whether `text` is written as a rating is, on whatever scale."""
    return _value_and_scale(text) is not None


def _value_and_scale(text: str) -> tuple[float, int] | None:
    shown = "".join(character for character in text if unicodedata.category(character) not in {"Cf", "Mn"})
    shown = " ".join(unicodedata.normalize("NFKC", shown).casefold().split())
    if number := _NUMBER.fullmatch(shown):
        return float(number[1]), int(number[2] or 5)
    stars = _STARS.fullmatch(shown.replace(" ", ""))
    if shown and stars:
        return float(len(stars[1])), len(stars[1]) + len(stars[2])
    return None
