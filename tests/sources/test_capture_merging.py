"""Whatever is done to headings, or to two articles in one file: parts and articles stay apart, and no word is lost.

Every word of these articles carries the name of its article and part, so a word in the wrong place gives itself away.
"""

from __future__ import annotations

import random

import pytest
from capture_examples import raw

from newsletter.errors import DocumentError
from newsletter.model import Document
from newsletter.sources.capture import parse_capture

SECTIONS = {
    "Key Takeaway": "takeaway",
    "What They Found": "found",
    "Who Should Care and Why": "care",
    "Important Considerations": "limits",
}
FURNITURE = {
    "Credibility",
    "Interest",
    "Article Topics:",
    "You May Also Like",
    "Read More",
    "Understanding MS Research",
}
CASES = 1500


def _article(name: str, dice: random.Random) -> list[str]:
    """An article with its sections in any order, and with or without what may be missing."""
    title, headings = f"Title {name}-title", list(SECTIONS)
    dice.shuffle(headings)
    lines = [title, "", title, "Credibility", "Interest"]
    for heading in headings:
        word = f"{name}-{SECTIONS[heading]}"
        lines += [heading, "", f"One {word} sentence. And {word} two.", "", f"Three, {word} too.", ""]
    if dice.random() < 0.8:
        lines += ["Article Topics:", f"Fatigue {name}-topic; Gait {name}-topic", ""]
    for number in range(dice.randrange(3)):
        entry = f"Other {name}-related {number}"
        start = [] if number else ["You May Also Like", ""]
        lines += [*start, entry, entry, "", "12/1/2025", "", f"About {name}-related and", "", "Read More"]
    if dice.random() < 0.7:
        journal = f"Studies in medical journals like {name}-journal often range from small to large."
        lines += ["Understanding MS Research", "", journal, "", f"Ask {name}-closing first."]
    return lines


def _harmed_headings(dice: random.Random) -> list[str]:
    lines = _article("first", dice)
    for _ in range(dice.choice((1, 1, 2, 3))):
        index = dice.choice([index for index, line in enumerate(lines) if line in {*SECTIONS, *FURNITURE, ""}])
        if dice.random() < 0.5:
            del lines[index]
        else:
            kept = lines[index][: dice.randint(0, len(lines[index]))]
            lines[index] = kept + dice.choice(("x", "-", ".", "", " ", "?"))
    return lines


def _cut(dice: random.Random) -> list[str]:
    text = "\n".join(_article("first", dice))
    return text[: dice.randrange(len(text))].split("\n")


def _cut_above_another(dice: random.Random) -> list[str]:
    lines = _article("first", dice)
    return lines[: dice.randint(2, len(lines))] + _article("second", dice)


def _above_a_cut_one(dice: random.Random) -> list[str]:
    lines = _article("second", dice)
    return _article("first", dice) + lines[: dice.randint(0, len(lines))]


def _marks(text: str) -> set[str]:
    return {word.strip(".;'\",()[]") for word in text.split() if word.strip("'\"([").startswith(("first-", "second-"))}


def _check(lines: list[str], document: Document) -> None:
    summary = document.summary
    (name,) = {mark.partition("-")[0] for mark in _marks(summary.title)}
    told = (
        [summary.key_takeaway],
        summary.what_they_found,
        summary.who_should_care,
        summary.considerations,
    )
    for part, paragraphs in zip(SECTIONS.values(), told, strict=True):
        text = " ".join(paragraphs)
        assert _marks(text) == {f"{name}-{part}"}
        assert text.count(f"{name}-{part}") == 3
        assert not any(heading.removesuffix(":") in text for heading in FURNITURE)
    said = repr((document.topics_raw, document.related, [warning.message for warning in document.warnings]))
    dropped = {f"{name}-journal", f"{name}-closing"}
    assert _marks(" ".join(lines)) - dropped <= _marks(f"{said} {summary!r}".replace("'", " "))


@pytest.mark.parametrize("harm", [_harmed_headings, _cut, _cut_above_another, _above_a_cut_one])
def test_parts_and_articles_stay_apart(harm: object) -> None:
    assert callable(harm)
    used = 0
    for number in range(CASES):
        lines = harm(random.Random(number))
        text = "\n".join(lines) + "\n" * (number % 2)
        try:
            document = parse_capture(raw(text))
        except DocumentError:
            continue
        used += 1
        _check(lines, document)
    assert 0 < used < CASES
