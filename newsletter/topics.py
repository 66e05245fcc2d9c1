"""What topics are called: spellings that are one topic, the name to show, and the name in addresses. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

_LONGEST_SLUG = 80  # a file's name has at most 255 bytes on common systems
_NO_LETTER = re.compile(r"[\W_]+")
_APOSTROPHE = re.compile(r"['\u2019]")
_SLUG_PARTS = re.compile(r"[a-z0-9]+")
_LATIN_NAMES = {
    "\u03b1": "alpha", "\u03b2": "beta", "\u03b3": "gamma", "\u03b4": "delta", "\u03b5": "epsilon", "\u03b6": "zeta",
    "\u03b9": "iota", "\u03ba": "kappa", "\u03bb": "lambda", "\u00b5": "mu", "\u03bc": "mu", "\u03c3": "sigma",
    "\u03c4": "tau", "\u03c9": "omega", "\u00e6": "ae", "\u00f8": "o", "\u0153": "oe", "\u0142": "l",
}  # fmt: skip


def singular(word: str) -> str:
    """The singular of a plural that ends in `s`, else the word itself. `word` is in lower case."""
    if len(word) <= 4 or not word.endswith("s") or word.endswith(("ss", "is", "us")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]


def canonical(topic: str) -> str:
    """What two spellings of one topic have in common: no capitals, no plural, a space for a hyphen.

    `B-cells` and `B cell` are one; `IL-10` and `IL 10` too. To compare by, not to show.
    """
    words = _NO_LETTER.sub(" ", _APOSTROPHE.sub("", topic.casefold())).split()
    return " ".join(singular(word) for word in words) or topic.casefold().strip()


def merge_topics(topics: Iterable[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """Each topic once, in the spelling and at the place of its first occurrence.

    `aliases` says which spelling stands for which topic, `{"MS": "Multiple sclerosis"}`; the name that it gives is the
    one to show. An alias may lead to another; a ring of them ends where it began.
    """
    names = {canonical(alias): name for alias, name in aliases.items()}
    first: dict[str, str] = {}
    for topic in topics:
        name = _resolved(topic, names)
        first.setdefault(canonical(name), name)
    return tuple(first.values())


def _resolved(topic: str, names: Mapping[str, str]) -> str:
    seen: set[str] = set()
    while (key := canonical(topic)) in names and key not in seen:
        seen.add(key)
        topic = names[key]
    return topic


@lru_cache(maxsize=8192)  # every article names its topics in several files
def topic_slug(topic: str) -> str:
    """The topic's part of an address: small letters of ASCII, digits and hyphens. Spellings of one topic share it.

    A topic without any such letter gets the code points of its own, so that no two topics meet by being empty; one that
    is too long for a file's name ends in a number of its own.
    """
    key = canonical(topic)
    spelt = "".join(_LATIN_NAMES.get(letter, letter) for letter in key)
    plain = unicodedata.normalize("NFKD", spelt).encode("ascii", "ignore").decode("ascii")
    slug = "-".join(_SLUG_PARTS.findall(plain)) or "-".join(f"{ord(letter):x}" for letter in key)
    if len(slug) <= _LONGEST_SLUG:
        return slug
    return f"{slug[: _LONGEST_SLUG - 9].rstrip('-')}-{blake2b(key.encode('utf-8', 'backslashreplace'), digest_size=4).hexdigest()}"
