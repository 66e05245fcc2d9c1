"""Each capture in `tests/data/captures` and `tests/data/nasty` says what the JSON file beside it expects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from capture_examples import NASTY, PAIRS, outcome


@pytest.mark.parametrize(
    "path", [*sorted(PAIRS.glob("*.txt")), *sorted(NASTY.glob("*.txt"))], ids=lambda path: path.stem
)
def test_a_capture_says_what_is_expected_of_it(path: Path) -> None:
    assert outcome(path) == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def test_there_are_pairs() -> None:
    assert len(list(PAIRS.glob("*.txt"))) >= 10
    assert len(list(NASTY.glob("*.txt"))) >= 20
