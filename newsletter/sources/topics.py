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
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeAlias

from newsletter.sources import vocabulary
from newsletter.sources.base import without_repeats
from newsletter.sources.vocabulary import Lexicon, lower_case

# Costs. Their proportions matter, not their size; a higher cost is a less likely reading.
_PER_TOPIC = 1.5
_UNKNOWN = 4.0
_SCRAP_LENGTH = 6
_SCRAP = 1.1  # for each letter that an unknown word has less than six: it is rather a part of its neighbour
_INNER_CAPITAL = 12.0
_AFTER_BRACKET = 6.0  # no cut behind a closing bracket
_OUT_OF_ORDER = 7.5
_SMALL_AFTER_CAPITAL = 2.0  # `Fatigue` before `gait`: a list whose topics begin with capitals keeps to it

_TEXT_LIMIT = 600  # the longest real list seen had 320 characters
_NEVER = float("inf")
_COST = itemgetter(0)  # states are compared by cost alone: to compare their chains takes time without bound
_WIDE_SLACK = 16.0  # the same, where alternatives are wanted
_SLACK = 8.0  # a reading that is dearer by more than this than another at the same place is dropped
_BEAM = 3  # readings kept for each place; one would do but for the order rule, which looks back
_CAPITALS_FROM = 3  # topics that a list must have to show its style
_ALTERNATIVES_BEAM = 12
_ENDS_LIMIT = 24  # later places at which an unknown word may end; no word is longer

_CLOSING = frozenset(')]+%*"\u00ae\u2122\u201d')
_SEPARATOR = re.compile(r"\s*[;|•\n]\s*")
_GLUED = re.compile(r"[a-z)][A-Z]")
_RUN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTopics:
    """`topics` are certain, `uncertain` are the rest, `reading` is both; each in the order of the text."""

    topics: tuple[str, ...]
    uncertain: tuple[str, ...] = ()
    reading: tuple[str, ...] = field(default=(), compare=False)


def split_topics(glued: str, *, known: Collection[str] = (), text_words: Collection[str] = ()) -> SplitTopics:
    """Take a list of topics apart.

    `known` are topics that trusted lists hold, `text_words` the words of the article itself. `known` is read again only
    where it is another object or has another size than at the last call.
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
    reading = _readings(glued, known, text_words, beam=_BEAM)[0]
    pieces = _pieces(glued, reading)
    doubtful = {topic for topic, doubt in pieces if doubt}
    topics = without_repeats(topic for topic, _ in pieces)
    certain = _set_off_by_capitals(topics) | {topic for topic in topics if topic not in doubtful}
    return SplitTopics(
        topics=tuple(topic for topic in topics if topic in certain),
        uncertain=tuple(topic for topic in topics if topic not in certain),
        reading=topics,
    )


def alternatives(
    glued: str, n: int = 3, *, known: Collection[str] = (), text_words: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """The `n` most likely ways to take a list apart, the likeliest first; fewer where there are no more.

    For a person who settles a doubtful list. A list with separators, and one too long to be one, has one way.
    """
    glued = glued.strip()
    separated = _separated(glued)
    glued = " ".join(glued.split())
    if separated:
        return [without_repeats(separated)]
    if not glued or len(glued) > _TEXT_LIMIT:
        return [(glued,)] if glued else []
    ways = (
        without_repeats(topic for topic, _ in _pieces(glued, reading))
        for reading in _readings(glued, known, text_words, beam=max(_ALTERNATIVES_BEAM, 2 * n))
    )
    return list(dict.fromkeys(ways))[:n]


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


# -- the search -------------------------------------------------------------------------------------------------------

_Path: TypeAlias = "tuple[_Path, int, bool] | tuple[()]"
_State: TypeAlias = tuple[float, int, bool, _Path]


def _readings(text: str, known: Collection[str], text_words: Collection[str], *, beam: int) -> list[_State]:
    """The cheapest ways to cut `text`, the cheapest first."""
    return _Search(text, vocabulary.of_known_topics(known), text_words, beam).run()


def _pieces(text: str, reading: _State) -> list[tuple[str, bool]]:
    """The topics of a reading, each with whether it is in doubt."""
    _, _, doubt, path = reading
    end = len(text)
    pieces: list[tuple[str, bool]] = []
    while path:
        path, start, doubt_before = path
        pieces.append((text[start:end], doubt))
        end, doubt = start, doubt_before
    pieces.append((text[:end], doubt))
    return [(topic.strip(), doubt) for topic, doubt in reversed(pieces)]


class _Search:
    """Dynamic programming over the places of one text.

    A state is the cost so far, where the last topic begins, whether that topic is in doubt, and the chain of the topics
    before: (chain before, where the next begins, doubt). `_open[at]` holds the states in which a word begins at a
    place, `_closed[at]` those in which one has just ended there.
    """

    def __init__(self, text: str, known: Lexicon, text_words: Collection[str], beam: int) -> None:
        self._text = text
        self._small = lower_case(text)
        self._known = known
        self._words = vocabulary.words_of(text, self._small, known, text_words)
        self._beam = beam
        self._beam_at_cuts = 1 if beam == _BEAM else beam  # behind a cut, what went before no longer matters
        self._open: list[list[_State]] = [[] for _ in range(len(text) + 1)]
        self._closed: list[list[_State]] = [[] for _ in range(len(text) + 1)]
        self._least = [_NEVER] * (len(text) + 1)
        self._slack = _SLACK if beam == _BEAM else _WIDE_SLACK
        self._depth = self._depths() if "(" in text or "[" in text else None
        self._ends = self._ends_of_unknown_words()
        self._letters = vocabulary.letters()
        self._surprise = self._surprises()

    def run(self) -> list[_State]:
        """The cheapest states that have read the whole text."""
        begin, stop = self._skip(0), len(self._text)
        self._open[begin] = [(0.0, 0, False, ())]
        for at in range(begin, stop):
            if self._closed[at]:
                self._go_on(at)
            if self._open[at]:
                self._begin_words(at, self._best(self._open[at]))
        return self._best(self._closed[stop]) or [(0.0, 0, True, ())]

    def _best(self, states: list[_State]) -> list[_State]:
        return sorted(states, key=_COST)[: self._beam] if len(states) > 1 else states

    def _depths(self) -> list[int]:
        """For each place how many brackets are open there."""
        depths = [0]
        for letter in self._text:
            depths.append(depths[-1] + (letter in "([") - (letter in ")]"))
        return depths

    def _ends_of_unknown_words(self) -> dict[int, list[int]]:
        """For each place the later ones of its run of letters at which a word that nobody knows may end."""
        text, words = self._text, self._words
        found: dict[int, list[int]] = {}
        for run in _RUN.finditer(text):
            begin, stop = run.span()
            ends = [stop]
            for at in range(stop - 1, begin - 1, -1):
                found[at] = ends
                if words[at] or (text[at].isupper() and not text[at - 1].isupper()):
                    ends = [at, *ends[:_ENDS_LIMIT]]
        return found

    def _surprises(self) -> list[float]:
        """Running sums of what each letter costs inside an unknown word; the first two are counted apart."""
        costs, rare = self._letters.costs, self._letters.rare
        text, small = self._text, self._small
        sums, total = [0.0, 0.0, 0.0], 0.0
        for at in range(2, len(text)):
            total += costs.get(small[at - 2 : at + 1], rare)
            if text[at].isupper() and text[at - 1].islower():
                total += _INNER_CAPITAL
            sums.append(total)
        return sums

    def _skip(self, at: int) -> int:
        """The next place with a letter or digit."""
        while at < len(self._text) and not self._text[at].isalnum():
            at += 1
        return at

    def _go_on(self, at: int) -> None:
        """A word has ended: its topic goes on behind what is no letter, or another topic begins."""
        states = self._best(self._closed[at])
        if self._text[at].isalnum():
            self._cut(at, states)
            return
        behind = self._skip(at)
        if behind == len(self._text):
            self._closed[behind] += states
            return
        if self._text[behind - 1] in _CLOSING:
            self._cut(behind, states)
            states = [(cost + _AFTER_BRACKET, start, True, path) for cost, start, _, path in states]
        self._open[behind] += states

    def _cut(self, at: int, states: list[_State]) -> None:
        text, depth = self._text, self._depth
        found: list[_State] = []
        for cost, start, doubt, path in states:
            if depth is not None and depth[start] != depth[at]:
                continue
            total = cost + _PER_TOPIC
            if text[start:at] > text[at : at + at - start]:
                total += _OUT_OF_ORDER
            if text[at].islower() and text[start].isupper() and text[start + 1].islower():
                total += _SMALL_AFTER_CAPITAL
            found.append((total, at, False, (path, at, doubt)))
        self._open[at] += sorted(found, key=_COST)[: self._beam_at_cuts]

    def _begin_words(self, at: int, states: list[_State]) -> None:
        if self._known.topics:
            self._whole_topics(at, states)
        closed, least, slack = self._closed, self._least, self._slack
        for end, price, unsure in self._words_from(at):
            most = least[end] + slack
            for cost, start, doubt, path in states:
                total = cost + price
                if total < most:
                    closed[end].append((total, start, doubt or unsure, path))
            least[end] = min(least[end], states[0][0] + price)

    def _words_from(self, at: int) -> list[tuple[int, float, bool]]:
        """End, cost and doubt of each word that may begin here, known or not."""
        words = self._words[at]
        found = [(end, price, unsure) for end, (price, unsure) in words.items()]
        found += [(end, self._price_unknown(at, end), True) for end in self._ends.get(at, ()) if end not in words]
        return found

    def _whole_topics(self, at: int, states: list[_State]) -> None:
        """Known topics that may begin here. They end at a cut, or they would be a part of a longer topic."""
        text, small, known = self._text, self._small, self._known
        for length in known.topic_lengths.get(small[at : at + vocabulary.KEY], ()):
            end = at + length
            if end > len(text) or small[at:end] not in known.topics or (end < len(text) and not text[end].isalnum()):
                continue
            price = known.topics[small[at:end]] - _PER_TOPIC
            self._closed[end] += [(cost + price, start, False, path) for cost, start, _, path in states if start == at]

    def _price_unknown(self, at: int, end: int) -> float:
        small, letters, sums = self._small, self._letters, self._surprise
        price = _UNKNOWN + letters.costs.get("^" + small[at : at + 2], letters.rare)
        price += letters.costs.get(small[end - 2 : end] + "$", letters.rare)
        if end - at > 2:
            price += sums[end] - sums[at + 2]
        return price + _SCRAP * max(0, _SCRAP_LENGTH - (end - at))
