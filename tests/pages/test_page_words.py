"""Our own words on the pages are plain. Those of the articles are not ours, and are not judged here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter import templating
from newsletter.model import DateOrigin, Status
from newsletter.words import ENGLISH

WEB = Path(__file__).resolve().parents[2] / "templates" / "web"
#: What a template does, shows of somebody else's, and the tags inside a sentence.
_CODE = re.compile(r"\{#.*?#\}|\{%.*?%\}|<style>.*?</style>|<head>.*?</head>", re.DOTALL)
_SHOWN = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_INLINE = re.compile(r"</?(?:a|span|strong)\b[^>]*>")
_BLOCK = re.compile(r"<[^>]*>|&[a-z]+;")
_HYPE = re.compile(r"\b(?:cure|breakthrough|miracle|amazing|sufferer|victim|patient)s?\b|!", re.IGNORECASE)


def own_sentences() -> list[str]:
    texts = [each.read_text(encoding="utf-8") for each in sorted(WEB.glob("*.html"))]
    bare = [_BLOCK.sub("\n", _INLINE.sub("", _SHOWN.sub("it", _CODE.sub("\n", text)))) for text in texts]
    bare += [*templating._NOTICE_WORDS.values(), *templating._ORIGIN_WORDS.values()]
    lines = [line.strip() for text in bare for line in text.splitlines()]
    found = [sentence for line in lines for sentence in re.split(r"(?<=[.!?:])\s+", line)]
    return [sentence for sentence in found if len(sentence.split()) > 2]


def syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word.lower()))
    return max(1, groups - word.lower().endswith(("e", "es", "ed")) * (groups > 1))


def words_of(sentence: str) -> list[str]:
    return re.findall(r"[A-Za-z']+", sentence)


def test_there_is_something_to_judge() -> None:
    found = own_sentences()
    assert len(found) > 40
    assert "A feed is made for feed readers." in found
    assert "This page sets no cookies, runs no scripts and does not track you." in found


def test_our_own_words_are_of_grade_eight_at_most() -> None:
    """Flesch-Kincaid with a rough count of syllables."""
    sentences = [words_of(sentence) for sentence in own_sentences() if sentence.endswith(".")]
    assert len(sentences) > 40
    every = [word for sentence in sentences for word in sentence]
    grade = 0.39 * len(every) / len(sentences) + 11.8 * sum(map(syllables, every)) / len(every) - 15.59
    assert grade <= 8, grade


@pytest.mark.parametrize("sentence", own_sentences())
def test_no_sentence_is_long_and_none_shouts(sentence: str) -> None:
    assert len(words_of(sentence)) <= 25
    assert not _HYPE.search(sentence)


def test_every_status_and_every_origin_of_a_date_has_its_words() -> None:
    assert [bool(words) for words in map(templating._NOTICE_WORDS.get, Status)] == [False, True, True, True, True]
    assert all(templating.origin_words(ENGLISH, origin) for origin in DateOrigin)
