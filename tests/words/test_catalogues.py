"""Our catalogues are whole: every sentence of the code and the templates, each translated, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po
from foreign import ROOT

from newsletter.words import FOLDER, Words, load_words

LOCALE = ROOT / "newsletter" / FOLDER
TEMPLATE = LOCALE / "newsletter.pot"
SHIPPED = sorted(LOCALE.glob("*/LC_MESSAGES/newsletter.po"))


def catalogue(path: Path) -> Catalog:
    with path.open(encoding="utf-8") as file:
        return read_po(file)


def ids(told: Catalog) -> set[object]:
    return {message.id for message in told if message.id}


@pytest.fixture(scope="session")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the command of docs/translating.md finds."""
    path = tmp_path_factory.mktemp("extracted") / "newsletter.pot"
    guide = (ROOT / "docs" / "translating.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"pybabel (extract .*?) -o \S+ \.$", guide, re.MULTILINE)
    options = command.replace("pyproject.toml", str(ROOT / "pyproject.toml")).split()
    CommandLineInterface().run(["pybabel", "-q", *options, "-o", str(path), str(ROOT)])
    return catalogue(path)


def test_the_list_of_our_sentences_is_that_of_the_sources(extracted: Catalog) -> None:
    assert len(ids(extracted)) > 150
    assert ids(catalogue(TEMPLATE)) == ids(extracted)


def test_german_is_there() -> None:
    assert [path.parent.parent.name for path in SHIPPED] == ["de"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.parent.name)
def test_a_catalogue_of_ours_is_whole(path: Path, extracted: Catalog) -> None:
    """Nothing missing, nothing left over, nothing doubtful, and each with the placeholders of the English text."""
    told = catalogue(path)
    assert ids(told) == ids(extracted)
    assert not told.obsolete
    assert [message.id for message in told if message.fuzzy] == []
    assert [message.id for message in told if message.id and not all(_forms(message.string))] == []
    assert [(message.id, errors) for message, errors in told.check()] == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.parent.name)
def test_a_catalogue_of_ours_can_be_used(path: Path) -> None:
    language = path.parent.parent.name.replace("_", "-")
    words = load_words(language)
    assert words.language == language
    assert len(words.translations) == len(ids(catalogue(TEMPLATE)))


def _forms(told: str | tuple[str, ...]) -> tuple[str, ...]:
    return (told,) if isinstance(told, str) else told


# -- the manner of the German words -----------------------------------------------------------------------------------


def german() -> list[str]:
    return [form for translation in load_words("de").translations.values() for form in translation.forms]


def test_german_says_sie() -> None:
    assert any(re.search(r"\bSie\b", text) for text in german())
    assert [
        text for text in german() if re.search(r"\b(?:du|dich|dir|dein\w*|euch|euer\w*)\b", text, re.IGNORECASE)
    ] == []


def test_german_sentences_are_short() -> None:
    sentences = [each for text in german() for each in re.split(r"(?<=[.!?:])\s+", text)]
    assert max(len(each.split()) for each in sentences) <= 18


def test_german_puts_its_own_quotation_marks() -> None:
    assert [text for text in german() if re.search(r"[\"'”]|“(?=\w|%)", text)] == []


@pytest.mark.parametrize(("number", "said"), [(0, "0 neue Zusammenfassungen"), (1, "1 neue Zusammenfassung")])
def test_german_counts(number: int, said: str) -> None:
    words: Words = load_words("de")
    assert words.ngettext("%(num)s new summary", "%(num)s new summaries", number) == said
