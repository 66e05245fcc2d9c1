"""Captures for tests: one good text, a way to change a part of it, and what a file becomes in the words of JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from newsletter.errors import DocumentError
from newsletter.model import Document, Facts, IssueDate, Rating
from newsletter.sources.base import Raw
from newsletter.sources.capture import parse_capture

PAIRS = Path(__file__).resolve().parents[1] / "data" / "captures"
NASTY = PAIRS.parent / "nasty"
SEEDS = Path(__file__).resolve().parents[2] / "seeds"
REAL_SEEDS = Path(os.environ.get("NEWSLETTER_REAL_SEEDS") or Path(__file__).resolve().parents[3] / "shared" / "seeds")

GOOD = (PAIRS / "plain.txt").read_text(encoding="utf-8")


def raw(data: bytes | str, facts: bytes | str | None = None, *, name: str = "folder/one.txt") -> Raw:
    """A raw document as a folder would give it."""
    return Raw(
        key="one",
        name=name,
        data=data.encode() if isinstance(data, str) else data,
        facts=facts.encode() if isinstance(facts, str) else facts,
    )


def changed(old: str, new: str, text: str = GOOD) -> str:
    """`text` with one part replaced. Fails where the part is not there, so that no test passes for nothing."""
    assert old in text, old
    return text.replace(old, new, 1)


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
