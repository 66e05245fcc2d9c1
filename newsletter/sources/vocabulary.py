"""Which words a text may hold, and what each costs: what `topics` needs to take a glued list apart.

Everything is looked up by the first letters and the lengths that words with these letters have, so that a place in a
text where no word begins costs one lookup. Nothing is read before the first list is taken apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import log
from typing import TypeAlias

from newsletter.topics import singular

# Costs. Their proportions matter, not their size; a higher cost is a less likely reading.
_KNOWN_TOPIC = 1.0
_NEAR_WORD = 1.0  # a word of the article, or of a known topic
_LISTED_WORD = 2.0
_SHORT_WORD = {2: 4.0, 3: 3.2, 4: 1.2, 5: 0.2}  # by length: short words are found everywhere inside longer ones
_PLURAL = 0.6  # an `s` between two words rather begins the second
_EXACT_WORD = 1.2
_LETTER = 0.5  # the weight of a nat of surprise inside an unknown word

_PREFIXED_WORD = 2.6  # on top of the word behind the prefix
_ACRONYM = {2: 4.2, 3: 3.5, 4: 3.8, 5: 5.5, 6: 9.0}  # by length: a long run of capitals is rather several acronyms
_LONG_ACRONYM = 10.5
_CAPITALS_WORD = 1.0  # on top of a word that is written in capitals
_LONE_LETTER = 2.5  # a letter that others follow: `cytochrome clipid`
_NUMBER = 1.0
_NUMBERED = 0.5  # a capital behind a number: `2A`

_SURE_ACRONYM = 6  # letters up to which a run of capitals is taken for one
_LONGEST_ACRONYM = 10
_BEHIND_PREFIX = 4  # a word behind a prefix is longer, lest it be found by chance

KEY = 3  # letters that a word is looked up by
_EXACT_KEY = 2
_PLAIN_LETTERS = 4  # no form goes on longer without a capital or a digit
_PARTS = re.compile(r"[^\w]+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_LATIN = "\u036f"  # letters beyond it are of another script
_RUN = re.compile(r"[^\W_]+")
_ACRONYM_RUN = re.compile(r"[A-Z][A-Z0-9]+")
_MIXED_ACRONYM = re.compile(r"[a-z]{1,3}[A-Z]{2,5}|[A-Z][a-z][A-Z]{1,3}|[A-Za-z][a-z]{0,2}[0-9]{1,3}")
_NUMBER_RUN = re.compile(r"[0-9]{1,4}")
_PREFIXES = frozenset((
    "anti", "auto", "bio", "cardio", "co", "cyto", "dys", "electro", "endo", "epi", "extra", "fibro", "gluco",
    "haemo", "hemo", "hepato", "hetero", "homo", "hydro", "hyper", "hypo", "immuno", "inter", "intra", "lipo", "macro",
    "mechano", "meta", "micro", "mono", "multi", "myelo", "nano", "neo", "nephro", "neuro", "non", "oligo", "onco",
    "osteo", "para", "patho", "peri", "pharmaco", "photo", "phyto", "poly", "post", "pre", "proteo", "pseudo",
    "psycho", "radio", "re", "sub", "super", "tele", "thermo", "thrombo", "trans", "ultra", "un", "uro", "vaso",
    "xeno", "chemo", "cerebro", "broncho", "gastro", "geno", "glyco", "histo", "infra", "iso", "leuko", "lympho",
    "magneto", "mega", "morpho", "muco", "musculo", "myo", "over", "pan", "phospho", "physio", "pneumo", "pro",
    "quasi", "retro", "semi", "socio", "spectro", "spiro", "stereo", "supra", "sur", "tri", "tetra", "under", "uni",
    "vibro", "bi", "di", "dermato", "entero", "ergo", "eco", "ethno", "geo", "agro", "aero", "adeno", "angio",
    "arthro", "athero", "bacterio", "benzo", "carcino", "chrono", "crypto", "dendro", "deoxy", "desoxy", "encephalo",
    "erythro", "ferro", "granulo", "gyneco", "halo", "ichthyo", "kerato", "laparo", "litho", "methyl", "mito",
    "myco", "naso", "noso", "ortho", "oto", "oxy", "paleo", "phono", "phlebo", "pluri", "procto", "pyro", "rhino",
    "sero", "sono", "tomo", "toxico", "tracheo", "ventriculo", "video", "visuo", "zoo",
))  # fmt: skip
_PREFIX_KEY = 2
_PREFIX_LENGTHS = {
    start: tuple(sorted({len(prefix) for prefix in _PREFIXES if prefix.startswith(start)}))
    for start in {prefix[:_PREFIX_KEY] for prefix in _PREFIXES}
}
LOOSE_WORDS = frozenset((
    "a", "an", "and", "as", "at", "by", "de", "for", "from", "in", "is", "of", "on", "or", "the", "to", "versus",
    "via", "vs", "with", "without",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words with their costs, and the lengths of the words that begin with given letters.

    `lower` holds words whose first letter may be a capital, in lower case; `exact` those with capitals or digits of
    their own, which match as they stand: `MRI` is no `mri`. `topics` holds whole topics, casefolded.
    """

    lower: dict[str, float]
    exact: dict[str, float]
    topics: dict[str, float]
    lower_lengths: dict[str, tuple[int, ...]]
    exact_lengths: dict[str, tuple[int, ...]]
    topic_lengths: dict[str, tuple[int, ...]]


def lexicon(words: Iterable[str], *, cost: float, topics: Iterable[str] = ()) -> Lexicon:
    """A lexicon of `words` in all their forms."""
    lower: dict[str, float] = {}
    exact: dict[str, float] = {}
    for word in words:
        if word == word.lower() and (word.isalpha() or not any(map(str.isdigit, word))):
            _put(lower, word, cost)
            _put(lower, plural(word), cost + _PLURAL)
        elif len(word) > 1:
            exact[word] = min(_EXACT_WORD, cost)
    return Lexicon(
        lower,
        exact,
        {topic.casefold(): _KNOWN_TOPIC for topic in topics},
        _lengths(lower, KEY),
        _lengths(exact, _EXACT_KEY),
        _lengths((topic.casefold() for topic in topics), KEY),
    )


def _put(words: dict[str, float], word: str, cost: float) -> None:
    cost += _SHORT_WORD.get(len(word), 0.0)
    if cost < words.get(word, cost + 1):
        words[word] = cost


def _lengths(words: Iterable[str], letters: int) -> dict[str, tuple[int, ...]]:
    lengths: dict[str, set[int]] = {}
    for word in words:
        lengths.setdefault(word[:letters], set()).add(len(word))
    return {start: tuple(sorted(found)) for start, found in lengths.items()}


def lower_case(text: str) -> str:
    """`text` in lower case, letter for letter: of the same length, which `str.lower` does not promise."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(map(_small_letter, text))


def _small_letter(letter: str) -> str:
    small = letter.lower()
    return small if len(small) == 1 else letter


def plural(word: str) -> str:
    """The plural, as most words form it."""
    if word.endswith("sis"):
        return word[:-2] + "es"
    if word.endswith("y") and word[-2:-1] not in set("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


@lru_cache(maxsize=1)
def listed() -> Lexicon:
    """The words that the package ships."""
    return lexicon(_shipped(), cost=_LISTED_WORD)


def _shipped() -> list[str]:
    text = resources.files("newsletter.sources").joinpath("words.txt").read_text(encoding="utf-8")
    return [word for line in text.splitlines() if not line.startswith("#") for word in line.split()]


class _Latest:
    """The lexicon of the known topics asked for last.

    A run asks for each article with the same collection; it is looked at again only where it is another or has grown.
    The next run's collection is another one, but seldom holds other topics.
    """

    def __init__(self) -> None:
        self._of: Collection[str] = ()
        self._size = 0
        self._topics: frozenset[str] = frozenset()
        self._lexicon = lexicon((), cost=_NEAR_WORD)

    def of(self, topics: Collection[str]) -> Lexicon:
        if topics is not self._of or len(topics) != self._size:
            self._read(frozenset(topics))
            self._of, self._size = topics, len(topics)
        return self._lexicon

    def _read(self, topics: frozenset[str]) -> None:
        if topics != self._topics:
            words = set(_PARTS.split("\n".join(topics)))
            self._lexicon = lexicon(_trusted_forms(words), cost=_NEAR_WORD, topics=topics)
            self._topics = topics


_latest = _Latest()


def of_known_topics(topics: Collection[str]) -> Lexicon:
    """The lexicon of topics that trusted lists hold, and of their words."""
    return _latest.of(topics)


def _trusted_forms(words: Iterable[str]) -> Iterator[str]:
    """Short words in small letters are left to the list, which knows which of them make topics."""
    for word in words:
        if word[1:].islower():
            if len(word) > 4:
                yield singular(lower_case(word))
        elif len(word) > 1 and not word.isdigit():
            yield word


def near_words(words: Collection[str], text: str, small: str) -> Iterator[tuple[int, int, float]]:
    """Where words of the article stand in `text`, in any form: begin, end, cost. `small` is `text` in lower case."""
    stems: set[tuple[str, str]] = set()
    others: set[str] = set()
    for whole in words:
        for word in (whole,) if whole.isalpha() else _PARTS.split(whole):
            if word[1:].islower():
                if word[1:4] in small:  # as it is for few words, and must be for those that stand there
                    stems.add(_stem(word))
            elif len(word) > 1 and word in text and not word.isdigit():
                others.add(word)
    for stem, root in stems:
        if len(stem) > 4 and root in small:
            yield from _forms(stem, root, small)
    for word in others:
        yield from ((at, at + len(word), _NEAR_WORD) for at in _places(word, text))


def _stem(word: str) -> tuple[str, str]:
    """A word in the singular, and what it has in common with its plural."""
    stem = singular(word.lower())
    return stem, stem.removesuffix("y")


def _forms(stem: str, root: str, small: str) -> Iterator[tuple[int, int, float]]:
    for at in _places(root, small):
        if small.startswith(stem, at):
            yield at, at + len(stem), _NEAR_WORD
        more = plural(stem)
        if small.startswith(more, at):
            yield at, at + len(more), _NEAR_WORD + _PLURAL


def _places(word: str, text: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


# -- the words of a text ----------------------------------------------------------------------------------------------
Here: TypeAlias = dict[int, tuple[float, bool]]


def words_of(text: str, small: str, known: Lexicon, text_words: Collection[str]) -> list[Here]:
    """For each place of `text` the words that may begin there: end -> (cost, in doubt). `small` is in lower case."""
    found: list[Here] = [{} for _ in range(len(text) + 1)]
    for begin, end, cost in near_words(text_words, text, small):
        _offer(found[begin], end, cost)
    lexicons = [each for each in (listed(), known) if each.lower or each.exact]
    for run in _RUN.finditer(text):
        begin, stop = run.span()
        if small[begin:stop] in LOOSE_WORDS:
            found[begin][stop] = (_NUMBER, False)
        small_until = stop
        for at in range(stop - 1, begin - 1, -1):
            here = found[at]
            if small_until - at >= KEY:
                _look_up(here, small, at, small_until, lexicons)
                _with_prefix(here, small, at, found)
            _exact_words(here, text, at, lexicons)
            if at == begin or not _is_plain(text[at : at + _PLAIN_LETTERS]):
                _by_form(here, text, at, (begin, stop))
            if not text[at].islower():
                small_until = at
    return found


def _offer(here: Here, end: int, cost: float, doubt: bool = False) -> None:
    there = here.get(end)
    if there is None or cost < there[0]:
        here[end] = (cost, doubt)


def _look_up(here: Here, small: str, at: int, until: int, lexicons: Sequence[Lexicon]) -> None:
    key = small[at : at + KEY]
    for each in lexicons:
        lengths = each.lower_lengths.get(key)
        if lengths:
            words = each.lower
            for length in lengths:
                end = at + length
                if end > until:
                    break
                cost = words.get(small[at:end])
                if cost is not None:
                    _offer(here, end, cost)


def _with_prefix(here: Here, small: str, at: int, found: Sequence[Here]) -> None:
    for length in _PREFIX_LENGTHS.get(small[at : at + _PREFIX_KEY], ()):
        behind = at + length
        if behind < len(found) and found[behind] and small[at:behind] in _PREFIXES:
            for end, (cost, doubt) in found[behind].items():
                if end - behind > _BEHIND_PREFIX and end not in here:
                    here[end] = (cost + _PREFIXED_WORD, doubt)


def _exact_words(here: Here, text: str, at: int, lexicons: Sequence[Lexicon]) -> None:
    key = text[at : at + _EXACT_KEY]
    for each in lexicons:
        if key not in each.exact_lengths:
            continue
        for length in each.exact_lengths[key]:
            word = text[at : at + length]
            if len(word) == length and word in each.exact:
                _offer(here, at + length, each.exact[word])


def _is_plain(letters: str) -> bool:
    """Whether these letters, inside a run, surely begin nothing that has a form of its own: most places, told quickly."""
    return len(letters) == _PLAIN_LETTERS and letters.isalpha() and letters[1:].islower()


def _by_form(here: Here, text: str, at: int, run: tuple[int, int]) -> None:
    """Numbers, letters that stand alone, and acronyms that nobody has listed. `run` is the run of letters around."""
    begin, stop = run
    letter, last = text[at], at + 1 == stop
    if letter.isdigit():
        if at == begin or not text[at - 1].isdigit():
            _numbers(here, text, at)
        return
    if at == begin or (last and (letter.isupper() or letter > _LATIN)):
        before_others = not last and (at == 0 or (letter.islower() and text[at + 1].islower()))
        _offer(here, at + 1, _LONE_LETTER if before_others else _NUMBER)
    if letter.isupper() and not last and not text[at + 1].islower():
        _in_capitals(here, text, at, stop)
        match = _ACRONYM_RUN.match(text, at)
        if match:
            _acronyms(here, text, at, match.end())
    match = _MIXED_ACRONYM.match(text, at)
    if match:
        end = match.end()
        _offer(here, end, _ACRONYM.get(end - at, _LONG_ACRONYM), not text[at : at + 2].isupper())


def _in_capitals(here: Here, text: str, at: int, stop: int) -> None:
    """Words that are written in capitals throughout, as old lists have them."""
    words = listed().lower
    for end in range(at + 5, min(stop, at + 20) + 1):
        if not text[end - 1].isupper():
            break
        cost = words.get(text[at:end].lower())
        if cost is not None:
            _offer(here, end, cost + _CAPITALS_WORD)


def _acronyms(here: Here, text: str, at: int, stop: int) -> None:
    for end in range(at + 2, min(stop, at + _LONGEST_ACRONYM) + 1):
        if end < stop and text[end].isdigit():
            continue
        cost = _ACRONYM.get(end - at, _LONG_ACRONYM + end - at - 6)
        doubt = end - at > _SURE_ACRONYM
        _offer(here, end, cost, doubt)
        if text.startswith("s", end):
            _offer(here, end + 1, cost + _PLURAL, doubt)


def _numbers(here: Here, text: str, at: int) -> None:
    match = _NUMBER_RUN.match(text, at)
    if match:
        end = match.end()
        _offer(here, end, _NUMBER)
        if text[end : end + 1].isupper():
            _offer(here, end + 1, _NUMBER + _NUMBERED)


# -- unknown words ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letters:
    """How surprising each run of three letters is inside a word, in weighted nats. `^` and `$` are a word's ends."""

    costs: dict[str, float]
    rare: float


@lru_cache(maxsize=1)
def letters() -> Letters:
    """Learnt from the words that the package ships."""
    triples: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for word in _shipped():
        if _WORD.fullmatch(word):
            whole = f"^{word.lower()}$"
            triples.update(whole[at : at + 3] for at in range(len(whole) - 2))
            pairs.update(whole[at : at + 2] for at in range(len(whole) - 2))
    costs = {triple: -_LETTER * log((count + 0.1) / (pairs[triple[:2]] + 3.0)) for triple, count in triples.items()}
    return Letters(costs, 5.0 * _LETTER)
