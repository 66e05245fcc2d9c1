"""Every code is documented where operators look for it, and has a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from capture_examples import PAIRS

from newsletter.sources import base
from newsletter.sources.sidecar import read_facts

ROOT = PAIRS.parents[2]
DOCUMENT = (ROOT / "docs" / "capture-format.md").read_text(encoding="utf-8")
CODES = {value: name for name, value in vars(base).items() if re.fullmatch(r"[EW]_[A-Z_]+", name)}
ROWS = dict(re.findall(r"^\| `([EW]-[A-Z-]+)` \| (.+) \|$", DOCUMENT, re.MULTILINE))


def test_the_document_has_a_row_for_every_code_and_no_other() -> None:
    assert sorted(set(CODES) - set(ROWS)) == [], "rows are missing in docs/capture-format.md"
    assert sorted(set(ROWS) - set(CODES)) == [], "rows of docs/capture-format.md without a code"


def test_every_code_has_a_sentence_in_the_source_as_well() -> None:
    source = Path(str(base.__file__)).read_text(encoding="utf-8")
    told = dict(re.findall(r'^[EW]_[A-Z_]+ = "([EW]-[A-Z-]+)"  #: ([A-Z].+\.)$', source, re.MULTILINE))
    assert set(told) == set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_occurs_in_a_test(code: str) -> None:
    name = re.compile(rf"\b{CODES[code]}\b|['\"]{code}['\"]")
    texts = (path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert any(name.search(text) for text in texts)


def test_the_example_of_a_sidecar_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    sidecar = read_facts(example.encode(), "example.toml")
    assert sidecar.topics == ("Fatigue", "Sleep")
    assert None not in {sidecar.facts.published, sidecar.facts.doi, sidecar.facts.issue_date}
