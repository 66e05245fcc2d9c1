"""What a reader's words ask for, which words of an article answer, and the passage that shows them. Pure.

Texts and questions become the same roots here, so that both databases find the same: they compare roots and know no
language. A root is ASCII: a question can never be read as a database's own query language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from newsletter.model import Article
from newsletter.topics import singular, topic_slug

LONGEST = 200  #: characters of a question; the rest is not read
MOST_WISHES = 12  #: so many words and phrases are looked for at most
EXCERPT = 36  #: words of a passage, about

_INDEXED = 8000  # words of one field; no summary has so many, and PostgreSQL counts no further than 16383 in all
_LONGEST_ROOT = 64
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_APOSTROPHES = str.maketrans("", "", "'\u2019")
_UNSEEN = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_PART = re.compile(
    r'(?P<not>(?<!\S)[-\u2212\u2013])?(?:["\u201c\u201d\u201e\u00ab\u00bb](?P<phrase>[^"\u201c\u201d\u201e\u00ab\u00bb]*)["\u201c\u201d\u201e\u00ab\u00bb]?|(?P<word>[^\s"\u201c\u201d\u201e\u00ab\u00bb]+))'
)
_DOUBLED = re.compile(r"([b-df-hj-np-tv-z])\1$")

Roots = tuple[str, ...]  #: one or more that stand side by side


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: articles with every one of `wanted` and none of `unwanted`."""

    wanted: tuple[Roots, ...] = ()
    unwanted: tuple[Roots, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wanted)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What an index keeps of an article: the roots of its title, of the rest, and a name for each topic."""

    title: Roots
    body: Roots
    topics: Roots


class Piece(NamedTuple):
    """A part of a text; `found` where it is a word that was looked for."""

    text: str
    found: bool


def question(text: str) -> Question:
    """What somebody typed: words, "phrases", and -words that must not be there. Anything can be typed."""
    wanted: dict[Roots, None] = {}
    unwanted: dict[Roots, None] = {}
    for part in _PART.finditer(text[:LONGEST]):
        roots = tuple(roots_of(part["phrase"] if part["phrase"] is not None else part["word"]))
        if roots and len(wanted) + len(unwanted) < MOST_WISHES:
            (unwanted if part["not"] else wanted)[roots] = None
    return Question(tuple(wanted), tuple(unwanted))


def indexed(article: Article) -> Indexed:
    """What is found of an article: title, takeaway, sections, journal and the names of its topics."""
    told = article.summary
    texts = (told.key_takeaway, *told.what_they_found, *told.who_should_care, *told.considerations, *told.topics)
    return Indexed(
        title=tuple(roots_of(told.title))[:_INDEXED],
        body=tuple(root for text in (*texts, told.journal or "") for root in roots_of(text))[:_INDEXED],
        topics=tuple(sorted({topic_name(topic_slug(topic)) for topic in told.topics})),
    )


def topic_name(slug: str) -> str:
    """A root that stands for a topic and is no word of any language."""
    return f"topic{sha256(slug.encode()).hexdigest()[:16]}"


def roots_of(text: str) -> list[str]:
    """The roots of a text's words, in their order."""
    return [root for word in _WORD.findall(_UNSEEN.sub("", text)) if (root := root_of(word))]


@lru_cache(maxsize=65_536)
def root_of(word: str) -> str:
    """What forms of a word have in common: `Walking`, `walks` and `walked` are all `walk`; `Étude` is `etud`.

    The endings are English ones. Words of other languages lose a letter or two by them, in texts and questions alike.
    """
    apart = unicodedata.normalize("NFKD", word.translate(_APOSTROPHES))  # first, for some capitals hide in one sign
    folded = unicodedata.normalize("NFKD", apart.casefold())
    plain = "".join(letter for letter in folded if letter.isalnum())
    if not plain.isascii():
        return f"u{plain.encode('utf-8', 'replace').hex()}"[:_LONGEST_ROOT]
    root = singular(plain)
    for ending in ("ing", "ed"):
        if len(root) >= len(ending) + 4 and root.endswith(ending):
            root = root[: -len(ending)]
    if len(root) > 4:
        root = root.removesuffix("e")
    return _DOUBLED.sub(r"\1", root)[:_LONGEST_ROOT]


def excerpt(texts: Iterable[str], asked: Question, length: int = EXCERPT) -> tuple[Piece, ...]:
    """The passage that shows most of what was asked for, of about `length` words; the first one among equals."""
    looked_for = {root for roots in asked.wanted for root in roots}
    passages = [passage for text in texts for passage in _passages(text, length)]
    if not passages:
        return ()
    best = max(passages, key=lambda passage: len(looked_for.intersection(roots_of(passage))))
    return marked(best, asked)


def marked(text: str, asked: Question) -> tuple[Piece, ...]:
    """The whole text, with the words that were looked for apart."""
    looked_for = {root for roots in asked.wanted for root in roots}
    pieces: list[Piece] = []
    end = 0
    for word in _WORD.finditer(text):
        if root_of(_UNSEEN.sub("", word[0])) in looked_for:
            pieces += (Piece(text[end : word.start()], found=False), Piece(word[0], found=True))
            end = word.end()
    return tuple(piece for piece in (*pieces, Piece(text[end:], found=False)) if piece.text)


def _passages(text: str, length: int) -> Iterator[str]:
    """The text, where it is short, else stretches of it that overlap by half, with dots where something is left out."""
    words = text.split()
    if len(words) <= length + length // 2:
        yield " ".join(words)
        return
    starts: Sequence[int] = range(0, len(words) - length // 2, length // 2)
    for start in starts:
        end = start + length
        yield ("… " if start else "") + " ".join(words[start:end]) + (" …" if end < len(words) else "")
