"""Topics that a page printed without separators, taken apart: `FatigueSleep quality` -> `Fatigue`, `Sleep quality`.

Where separators are left they are used. Otherwise the cheapest way to cut the text is searched: a topic costs a
constant and what its words cost, a word the less the better it is known, and a topic that does not come after its
predecessor in code-point order (in which indexes list their keywords) costs extra. The rule is soft, since some lists
are not in order.

A topic is *certain* when it is known as a whole or each of its words is; only certain topics are given out, for a wrong
topic would be learnt as known and spoil later lists.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from newsletter.sources.base import without_repeats

# Costs. Their proportions matter, not their size; a higher cost is a less likely reading.
_PER_TOPIC = 1.5
_KNOWN_TOPIC = 1.0
_TEXT_WORD = 1.0
_LISTED_WORD = 2.0
_PREFIXED_WORD = 3.0
_SHORT_WORD = 2.5  # words of up to three letters are found everywhere inside longer ones
_PLURAL = 1.0  # an `s` between two words rather begins the second
_ACRONYM = 4.0
_ACRONYM_LETTER = 1.0  # for each letter beyond three: a long run of capitals is rather several acronyms
_NUMBER = 1.0
_UNKNOWN = 5.0
_UNKNOWN_LETTER = 1.1
_SHORTEST_UNKNOWN = 6  # a scrap of two letters costs as much as six: it is rather a part of its neighbour
_INNER_CAPITAL = 6.0
_LOOSE_END = 8.0  # a topic that starts or ends with a word such as "of"
_OUT_OF_ORDER = 6.0

_TEXT_LIMIT = 600  # the longest real list seen had 320 characters
_TOPIC_LIMIT = 90
_WORD_LIMIT = 28
_BEAM = 4  # readings kept for each place; one would do but for the order rule, which looks back
_SHORTEST_INSIDE = 4
_CAPITALS_FROM = 3  # topics that a list must have to show its style

_PREFIXES = frozenset((
    "anti", "auto", "bio", "cardio", "co", "cyto", "dys", "electro", "endo", "epi", "extra", "fibro", "gluco",
    "haemo", "hemo", "hetero", "homo", "hyper", "hypo", "immuno", "inter", "intra", "lipo", "macro", "mechano",
    "meta", "micro", "mono", "multi", "myelo", "nano", "neo", "neuro", "non", "oligo", "onco", "para", "patho",
    "peri", "pharmaco", "photo", "phyto", "poly", "post", "pre", "proteo", "pseudo", "psycho", "radio", "re",
    "sub", "super", "tele", "thermo", "thrombo", "trans", "ultra", "un", "uro", "vaso", "xeno",
))  # fmt: skip
_LONGEST_PREFIX = max(map(len, _PREFIXES))
_LOOSE_WORDS = frozenset((
    "a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "versus", "via", "vs",
    "with",
))  # fmt: skip
_ACRONYM_FORM = re.compile(r"[A-Z][A-Z0-9]{1,9}s?|[a-z][A-Z]{2,5}s?|[A-Z][a-z][A-Z]{1,3}s?")
_NUMBER_FORM = re.compile(r"[0-9]{1,4}[A-Z]?")
_PARTS = re.compile(r"[-/'\u2019(),.:+&\[\]]+")
_NO_CUT_BESIDE = frozenset(" -/'\u2019,.:+&\u2013")
_SEPARATOR = re.compile(r"\s*[;|•\n]\s*")
_AFTER_PARENTHESIS = re.compile(r"\)\w")
_GLUED = re.compile(r"[a-z)][A-Z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTopics:
    """`topics` are certain, `uncertain` are the rest; both in the order of the text."""

    topics: tuple[str, ...]
    uncertain: tuple[str, ...] = ()


def split_topics(glued: str, *, known: Collection[str] = (), text_words: Collection[str] = ()) -> SplitTopics:
    """Take a list of topics apart.

    `known` are topics that trusted lists hold, `text_words` the words of the article itself.
    """
    glued = glued.strip()
    separated = _separated(glued)
    if separated:
        return SplitTopics(topics=without_repeats(separated))
    glued = " ".join(glued.split())
    if not glued:
        return SplitTopics(topics=())
    if len(glued) > _TEXT_LIMIT:
        return SplitTopics(topics=(), uncertain=(glued,))
    words = _Words(_text_vocabulary(text_words), *_known(frozenset(known)))
    pieces = without_repeats(_cheapest(glued, words))
    by_capitals = _set_off_by_capitals(pieces)
    certain = tuple(piece for piece in pieces if piece in by_capitals or words.certain(piece))
    return SplitTopics(topics=certain, uncertain=tuple(piece for piece in pieces if piece not in certain))


def _separated(text: str) -> list[str]:
    """The topics where the text has separators. A comma may also stand inside a topic (`Sclerosis, Multiple`)."""
    topics = [topic.strip(" ,.") for topic in _SEPARATOR.split(text)]
    if len(topics) == 1 and ", " in text and not _GLUED.search(text):
        topics = text.strip(".").split(", ")
    topics = [" ".join(topic.split()) for topic in topics]
    return [topic for topic in topics if topic] if len(topics) > 1 else []


def _set_off_by_capitals(pieces: Sequence[str]) -> set[str]:
    """In a list whose topics all begin with a capital, those with a change of case at both ends: no word need be known."""
    if len(pieces) < _CAPITALS_FROM or not all(piece[0].isupper() for piece in pieces):
        return set()
    ends_small = [True, *(piece[-1].islower() or piece[-1] == ")" for piece in pieces[:-1]), True]
    return {piece for piece, *small in zip(pieces, ends_small, ends_small[1:], strict=False) if all(small)}


# -- vocabulary -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """`lower` holds words whose capitals do not matter, `exact` those with capitals of their own.

    Capitals beyond the first letter matter: `MRI` is no `mri`, and `eDemy` is nothing.
    """

    lower: frozenset[str]
    exact: frozenset[str]
    topics: frozenset[str] = frozenset()

    def __or__(self, other: _Vocabulary) -> _Vocabulary:
        return _Vocabulary(self.lower | other.lower, self.exact | other.exact, self.topics | other.topics)

    def has(self, word: str) -> bool:
        return (word[1:].islower() and word.lower() in self.lower) or word in self.exact


@lru_cache(maxsize=1)
def _listed() -> _Vocabulary:
    text = resources.files("newsletter.sources").joinpath("words.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    words = {word for line in lines for word in line.split()}
    lower = {word for word in words if word == word.lower()}
    return _Vocabulary(frozenset(lower | {_plural(word) for word in lower}), frozenset(words - lower))


@lru_cache(maxsize=4)
def _known(topics: frozenset[str]) -> tuple[_Vocabulary, _Vocabulary]:
    """The words of known topics, alone and with the listed ones. Cached, since one run asks for the same again."""
    words = {part for topic in topics for word in topic.split() for part in _PARTS.split(word)}
    known = _with_forms(words, topics=frozenset(topic.casefold() for topic in topics))
    return known, known | _listed()


def _text_vocabulary(words: Collection[str]) -> _Vocabulary:
    return _with_forms({part for word in words for part in _PARTS.split(word)})


def _with_forms(words: Collection[str], topics: frozenset[str] = frozenset()) -> _Vocabulary:
    """Short words in small letters are left to the list, which knows which of them make topics."""
    lower = {word.lower() for word in words if len(word) > 4 and word[1:].islower()}
    exact = frozenset(word for word in words if len(word) > 1 and word != word.lower() and not word[1:].islower())
    singular = {word[:-1] for word in lower if word.endswith("s") and not word.endswith(("ss", "is", "us"))}
    return _Vocabulary(frozenset(lower | singular | {_plural(word) for word in lower}), exact, topics)


def _plural(word: str) -> str:
    if word.endswith("sis"):
        return word[:-2] + "es"
    if word.endswith("y") and word[-2:-1] not in set("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


class _Words:
    """What a word or a topic costs, for one list. Remembers what it has worked out."""

    def __init__(self, text: _Vocabulary, known: _Vocabulary, everything: _Vocabulary) -> None:
        self._near = (text, known)
        self._everything = (text, everything)
        self._topics = known.topics
        self._costs: dict[str, tuple[float, bool]] = {}

    def cost(self, topic: str) -> float:
        if topic.casefold() in self._topics:
            return _KNOWN_TOPIC
        words = topic.split(" ")
        cost = _PER_TOPIC + sum([self._of(word)[0] for word in words])
        return cost + _LOOSE_END * ((words[0] in _LOOSE_WORDS) + (words[-1] in _LOOSE_WORDS))

    def certain(self, topic: str) -> bool:
        return topic.casefold() in self._topics or all(self._of(word)[1] for word in topic.split(" "))

    def listed(self, word: str) -> bool:
        """Asked thousands of times for each list, hence no call of `has`."""
        text, everything = self._everything
        if word[1:].islower():
            small = word.lower()
            if small in everything.lower or small in text.lower:
                return True
        return word in everything.exact or word in text.exact

    def _of(self, word: str) -> tuple[float, bool]:
        found = self._costs.get(word)
        if found is None:
            found = self._costs[word] = self._work_out(word)
        return found

    def _work_out(self, word: str) -> tuple[float, bool]:
        """The cost of a word, and whether it is certain to be one."""
        if word in _LOOSE_WORDS:
            return _NUMBER, True
        if self.listed(word):
            return self._listed_cost(word), True
        parts = [part for part in _PARTS.split(word) if part]
        if parts != [word]:
            costs = [self._of(part) for part in parts]
            glued = _AFTER_PARENTHESIS.search(word) is not None
            cost = sum(cost for cost, _ in costs) + _INNER_CAPITAL * glued
            return cost, not glued and all(certain for _, certain in costs)
        return self._by_form(word)

    def _by_form(self, word: str) -> tuple[float, bool]:
        if len(word) == 1 or _NUMBER_FORM.fullmatch(word):
            return _NUMBER, True
        if _ACRONYM_FORM.fullmatch(word):
            return _ACRONYM + _ACRONYM_LETTER * max(0, len(word) - 3), len(word) <= 6 and word[:2].isupper()
        if self._prefixed(word):
            return _PREFIXED_WORD, True
        capitals = _INNER_CAPITAL * len(_GLUED.findall(word))
        return _UNKNOWN + _UNKNOWN_LETTER * max(len(word), _SHORTEST_UNKNOWN) + capitals, False

    def _listed_cost(self, word: str) -> float:
        cost = _TEXT_WORD if any(near.has(word) for near in self._near) else _LISTED_WORD
        cost += _PLURAL * (word.endswith("s") and self.listed(word[:-1]))
        return cost + _SHORT_WORD * (len(word) <= 3 and word.islower())

    def _prefixed(self, word: str) -> bool:
        """`neurorepair`: a prefix and a word of its own, long enough not to be found by chance."""
        small = word.lower()
        return word[1:].islower() and any(
            small[:end] in _PREFIXES and len(word) - end > 4 and self.listed(small[end:])
            for end in range(2, min(_LONGEST_PREFIX, len(word) - 5) + 1)
        )


# -- the search -------------------------------------------------------------------------------------------------------


def _cheapest(text: str, words: _Words) -> list[str]:
    """The topics of the cheapest way to cut `text`, by dynamic programming over the places where a cut may be."""
    places = _places(text, words)
    readings: dict[int, list[tuple[float, tuple[str, ...]]]] = {0: [(0.0, ())]}
    for index, end in enumerate(places[1:], start=1):
        found: list[tuple[float, tuple[str, ...]]] = []
        for start in reversed(places[:index]):
            if end - start > _TOPIC_LIMIT and start != places[index - 1]:
                break
            topic = text[start:end]
            if topic.count("(") != topic.count(")"):
                continue
            cost = words.cost(topic)
            for before, topics in readings[start]:
                order = _OUT_OF_ORDER if topics and topic <= topics[-1] else 0.0
                found.append((before + cost + order, (*topics, topic)))
        readings[end] = sorted(found)[:_BEAM]
    whole = readings[len(text)]
    return list(whole[0][1]) if whole else [text]


def _places(text: str, words: _Words) -> list[int]:
    """Where a cut is worth a thought: at a change of case, and where a known word begins or ends."""
    places = {place for start, end in _known_words(text, words) for place in (start, end)}
    places.update(match.start() + 1 for match in _GLUED.finditer(text))
    inside = {place for place in places if 0 < place < len(text)}
    allowed = {
        place
        for place in inside
        if text[place - 1] not in _NO_CUT_BESIDE
        and text[place] not in _NO_CUT_BESIDE
        and text[place] != ")"
        and text[place - 1] != "("
    }
    return [0, *sorted(allowed), len(text)]


def _known_words(text: str, words: _Words) -> Iterator[tuple[int, int]]:
    """Every (start, end) of a known word inside a token of `text`."""
    for token in re.finditer(r"[^\s]+", text):
        for start in range(*token.span()):
            shortest = 2 if text[start].isupper() else _SHORTEST_INSIDE
            for end in range(start + shortest, min(token.end(), start + _WORD_LIMIT) + 1):
                if words.listed(text[start:end]):
                    yield start, end
