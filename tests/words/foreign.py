"""Two disguises that tell our words from others': ours in brackets, and everything that we are given in Cyrillic letters."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from newsletter.words import FOLDER, Words, read_catalogue

ROOT = Path(__file__).resolve().parents[2]
GERMAN = ROOT / "newsletter" / FOLDER / "de" / "LC_MESSAGES" / "newsletter.po"
_TEXTS = frozenset(
    {
        "title",
        "key_takeaway",
        "what_they_found",
        "who_should_care",
        "considerations",
        "topics",
        "notice",
        "text",
        "name",
    }
    | {"description", "author", "postal_address", "from_name", "advice", "caveat", "journal"}
)
_CYRILLIC = str.maketrans(string.ascii_letters, "абвгдежзийклмнопрстуфхцчшщАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩ")
#: The line that mail lists show may end in the middle of one.
_OURS = re.compile(r"\[!!(?:(?!\[!!).)*?(?:!!\]|…)", re.DOTALL)
#: What is the same in every language: addresses, identifiers of studies, and names of formats and places.
_NAMES = re.compile(
    r"\S+://\S+|\S+@\S+|doi:\S+|10\.1000/\S+|\b(?:DOI|Atom|RSS|JSON|medRxiv|[Ff]atigue)\b|\| ?Example", re.UNICODE
)
_PLACEHOLDER = re.compile(r"%\(\w+\)s")
_LETTERS = re.compile(r"[A-Za-z]+")


@cache
def known_messages() -> frozenset[str]:
    """What the catalogue knows, by the English of one."""
    return frozenset(read_catalogue(GERMAN.read_text(encoding="utf-8"), GERMAN))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bracketed(Words):
    """Our words in brackets. A text that is not in the catalogue is an error."""

    def gettext(self, message: str, /, **values: object) -> str:
        assert message in known_messages(), f"not in the catalogue: {message!r}"
        return _bracketed(message) % values if values else _bracketed(message)

    def pattern(self, one: str, many: str, number: int, /) -> str:
        assert one in known_messages(), f"not in the catalogue: {one!r}"
        return _bracketed(one if number == 1 else many)

    def short_date(self, day: date) -> str:
        return f"[!!{Words.short_date(self, day)}!!]"

    def long_date(self, day: date) -> str:
        return f"[!!{Words.long_date(self, day)}!!]"

    def month(self, year: int, month: int) -> str:
        return f"[!!{Words.month(self, year, month)}!!]"


def _bracketed(message: str) -> str:
    """What is filled in stands outside of the brackets: it has to have come from the catalogue, or from others, by itself."""
    return f"[!!{_PLACEHOLDER.sub(lambda found: f'!!]{found[0]}[!!', message)}!!]"


BRACKETED = Bracketed(language="en")


def told_by_others(given: Any) -> Any:
    """Whatever it is, with every text of others in Cyrillic. Names that stand in addresses stay."""
    if isinstance(given, tuple | list):
        return type(given)(map(told_by_others, given))
    if not is_dataclass(given) or isinstance(given, type):
        return given
    changes = {
        each.name: _cyrillic(value) if each.name in _TEXTS and not is_dataclass(value) else told_by_others(value)
        for each in fields(given)
        if each.init and (value := getattr(given, each.name)) is not None
    }
    return replace(given, **changes)


def _cyrillic(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.startswith("medRxiv") else value.translate(_CYRILLIC)
    return tuple(map(_cyrillic, value)) if isinstance(value, tuple) else value


def strays(text: str) -> list[str]:
    """Words of ours that stand outside of brackets, in a text without markup."""
    while (shorter := _OURS.sub(" ", text)) != text:
        text = shorter
    assert "[!!" not in text, f"an opening bracket without its end: {text!r}"
    return _LETTERS.findall(_NAMES.sub(" ", text))
