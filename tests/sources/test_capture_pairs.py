"""Each capture in `tests/data/captures` says what the JSON file beside it expects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from capture_examples import PAIRS

from newsletter.errors import DocumentError
from newsletter.model import Document, Facts, IssueDate, Rating
from newsletter.sources.base import Raw
from newsletter.sources.capture import parse_capture


def _issue(issue: IssueDate | None) -> str | None:
    return None if issue is None else f"{issue.day.isoformat()} {issue.precision.value}"


def _rating(rating: Rating | None) -> str | None:
    return None if rating is None else f"{rating.value:g}/{rating.scale}"


def _facts(facts: Facts) -> dict[str, Any]:
    """What differs from saying nothing."""
    values = {name: getattr(facts, name) for name in Facts.__dataclass_fields__}
    default = Facts()
    return {
        name: _issue(value) if isinstance(value, IssueDate) else str(value)
        for name, value in values.items()
        if value != getattr(default, name)
    }


def _told(document: Document) -> dict[str, Any]:
    summary = document.summary
    return {
        "title": summary.title,
        "credibility": _rating(summary.credibility),
        "interest": _rating(summary.interest),
        "key_takeaway": summary.key_takeaway,
        "what_they_found": list(summary.what_they_found),
        "who_should_care": list(summary.who_should_care),
        "considerations": list(summary.considerations),
        "topics": list(summary.topics),
        "topics_raw": document.topics_raw,
        "journal": summary.journal,
        "related": [[entry.title, _issue(entry.date), entry.teaser] for entry in document.related],
        "facts": _facts(document.facts),
        "warnings": [warning.code for warning in document.warnings],
    }


def outcome(path: Path) -> dict[str, Any]:
    """What a capture becomes, in the words of the JSON files."""
    sidecar = path.with_suffix(".toml")
    facts = sidecar.read_bytes() if sidecar.exists() else None
    try:
        return _told(parse_capture(Raw(key=path.stem, name=path.name, data=path.read_bytes(), facts=facts)))
    except DocumentError as error:
        return {"error": error.code, "line": error.line}


@pytest.mark.parametrize("path", sorted(PAIRS.glob("*.txt")), ids=lambda path: path.stem)
def test_a_capture_says_what_is_expected_of_it(path: Path) -> None:
    assert outcome(path) == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def test_there_are_pairs() -> None:
    assert len(list(PAIRS.glob("*.txt"))) >= 10
