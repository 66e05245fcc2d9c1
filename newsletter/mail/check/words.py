"""Plain language in words of ours, and words of sources that filters or readers stumble over. No text is ever changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from newsletter.mail.check.expected import Expected, one_line, source_texts
from newsletter.mail.check.finding import Flaw, quoted

_GRADE = 8.0
_LONGEST = 25  #: words of a sentence
_SHORTEST = 4  #: words of a sentence that is one; labels have fewer

_SENTENCE_END = re.compile(r"(?<=[.!?\u2026])[\"')\]\u201d\u2019]*\s+(?=[\"'(\[\u201c\u2018]*[A-Z0-9\u00c0-\u00de])")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_VOWELS = re.compile(r"[aeiouy]+")
_PEOPLE = re.compile(
    r"\b(?:MS|multiple sclerosis)[ -](?:patients?|sufferers?|victims?)\b|\b(?:sufferers?|victims?)\b"
    r"|\bsuffer(?:s|ed|ing)? from (?:MS|multiple sclerosis)\b|\bMS-(?:kranke\w*|patient\w*)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prone:
    """Words that filters know from spam, and what an editor may do about them."""

    words: re.Pattern[str]
    advice: str


def _prone(words: str, advice: str) -> _Prone:
    return _Prone(words=re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), advice=advice)


#: Measured with the local rules of SpamAssassin and rspamd, or named by their rule sets.
_SPAM = (
    _prone(
        r"sildenafil|viagra|revatio|tadalafil|cialis|vardenafil|levitra",
        "the drug's group says the same: a drug for erections",
    ),
    _prone(
        r"valium|diazepam|xanax|alprazolam|ambien|zolpidem|klonopin|clonazepam|lorazepam|ativan",
        "the drug's group says the same: a drug for anxiety or sleep",
    ),
    _prone(
        r"phentermine|vicodin|hydrocodone|oxycodone|oxycontin|percocet|tramadol|modafinil|provigil|human growth hormone|hgh",
        "the drug's group says the same",
    ),
    _prone(
        r"100\s?% (?:guaranteed|free|natural|safe|effective)|guaranteed(?: results)?|money[- ]back(?: guarantee)?"
        r"|risk[- ]free|no side[- ]effects",
        "no study promises this; say what was measured",
    ),
    _prone(
        r"act now|order (?:now|today)|buy (?:now|direct)|limited[- ]time(?: offer)?|while supplies last|call now|apply now"
        r"|don't delete|once in a lifetime",
        "a summary asks nobody to hurry; leave it out",
    ),
    _prone(
        r"free (?:trial|sample|gift|offer|access|of charge)|for free|no cost|cheap(?:est)?|lowest price|special offer"
        r"|double your|earn money|extra income",
        'say "at no charge", or leave the price out',
    ),
    _prone(
        r"miracle(?: cure)?|wonder drug|secret remedy|breakthrough cure|cures? (?:all|everything|MS)|anti-?aging|fountain of youth",
        "say what changed, for whom, and by how much",
    ),
    _prone(
        r"los(?:e|ing) (?:weight|\d+ (?:pounds|kilos))|weight loss",
        'say "a lower weight"',
    ),
    _prone(r"erectile dysfunction|impotence", 'say "trouble with erections"'),
    _prone(
        r"online pharmac(?:y|ies)|no prescription(?: needed)?|penis enlargement|cheap meds",
        "say it in other words, or leave it out",
    ),
    _prone(r"dear friend|congratulations|you have won|million dollars", "leave it out"),
    _Prone(words=re.compile(r"[!?]{3,}|\${3,}"), advice="one sign is enough"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How hard a source's text is: told, never a finding. `longest` is in words."""

    title: str
    grade: float
    longest: int


def word_flaws(paragraphs: Iterable[str], expected: Expected | None, language: str) -> Iterator[Flaw]:
    """`paragraphs` are what people see of one part. Without `expected` nobody knows which words are ours."""
    if expected is None:
        return
    ours = tuple(_ours(paragraphs, expected))
    sentences = [sentence for sentence in ours if sentence[-1:] in ".!?" and len(_words(sentence)) >= _SHORTEST]
    if language.partition("-")[0].lower() == "en" and sentences:
        grade = reading_grade(sentences)
        if grade > _GRADE:
            yield Flaw("M-GRADE", "our words", f"our words are at grade {grade:.1f}")
    for sentence in ours:
        number = len(_words(sentence))
        if number > _LONGEST:
            yield Flaw("M-LONG-SENTENCE", "our words", f"{quoted(sentence)} has {number} words")
    yield from _labels("our words", ours)
    yield from _prone_flaws("our words", ours)
    yield from _source_flaws(expected)


def source_readings(expected: Expected) -> tuple[Reading, ...]:
    """Of each article that is shown whole, Flesch-Kincaid with syllables counted by groups of vowels."""
    if expected.digest is None:
        return ()
    readings = []
    for item in expected.digest.items:
        summary = item.article.summary
        texts = (summary.key_takeaway, *summary.what_they_found, *summary.who_should_care, *summary.considerations)
        told = [sentence for text in texts for sentence in _sentences(one_line(text)) if _words(sentence)]
        if told:
            longest = max(len(_words(sentence)) for sentence in told)
            readings.append(Reading(title=summary.title, grade=round(reading_grade(told), 1), longest=longest))
    return tuple(readings)


def reading_grade(sentences: Sequence[str]) -> float:
    """Flesch-Kincaid: 0.39 words a sentence + 11.8 syllables a word - 15.59. For English."""
    words = [word for sentence in sentences for word in _words(sentence)]
    if not words:
        return 0.0
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(_syllables, words)) / len(words) - 15.59


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _syllables(word: str) -> int:
    if word.isupper() and len(word) <= 4:
        return len(word)
    low = word.lower()
    silent = low.endswith("e") and not low.endswith(("le", "ee", "ie")) and len(_VOWELS.findall(low)) > 1
    ended = low.endswith("ed") and not low.endswith(("ted", "ded")) and len(_VOWELS.findall(low)) > 1
    return max(1, len(_VOWELS.findall(low)) - silent - ended)


def _sentences(paragraph: str) -> list[str]:
    return [piece for piece in _SENTENCE_END.split(paragraph) if piece.strip()]


def _ours(paragraphs: Iterable[str], expected: Expected) -> Iterator[str]:
    """Sentences without what sources and the operator wrote, each once."""
    corpus = " \n ".join(chain(expected.sources, expected.given)).casefold()
    known = sorted((text for text in (*expected.sources, *expected.given) if len(text) > 2), key=len, reverse=True)
    seen: set[str] = set()
    for paragraph in paragraphs:
        for sentence in _sentences(_without(paragraph, known)):
            bare = sentence.strip(" \u2026.,;:!?\"'").casefold()
            if bare and bare not in corpus and sentence not in seen and _words(sentence):
                seen.add(sentence)
                yield sentence


def _without(paragraph: str, known: Sequence[str]) -> str:
    for text in known:
        if text in paragraph:
            paragraph = one_line(paragraph.replace(text, " "))
    return paragraph


def _source_flaws(expected: Expected) -> Iterator[Flaw]:
    for article in expected.articles:
        place = f"article {quoted(article.title)}"
        texts = tuple(source_texts(article))
        yield from _labels(place, texts)
        yield from _prone_flaws(place, texts)


def _labels(place: str, texts: Iterable[str]) -> Iterator[Flaw]:
    found = {match[0].casefold(): match[0] for text in texts for match in _PEOPLE.finditer(text)}
    for words in found.values():
        yield Flaw("M-PEOPLE", place, f"it says {quoted(words)}")


def _prone_flaws(place: str, texts: Iterable[str]) -> Iterator[Flaw]:
    whole = " \n ".join(texts)
    for each in _SPAM:
        words = {found[0].casefold(): found[0] for found in each.words.finditer(whole)}
        if words:
            told = ", ".join(quoted(word) for word in words.values())
            yield Flaw("M-SPAM", place, f"it says {told} ({each.advice})")
