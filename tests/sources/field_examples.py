"""Articles as named fields, for the tests of every format that has such."""

from __future__ import annotations

from typing import Any

SECTIONS: dict[str, Any] = {
    "title": "Walking Faster, Step by Step",
    "key_takeaway": "A training at home helped people with MS to walk a little faster.",
    "what_they_found": "Forty people trained at home.\n\nAfter three months they walked 8% faster.",
    "who_should_care": "People with MS can ask about such a training. Caregivers can join in.",
    "considerations": "The study was small. Nobody knows yet whether the gain lasts.",
}
FACTS: dict[str, Any] = {
    "credibility": "4/5",
    "interest": 4.5,
    "topics": ["Gait", "Exercise", "gait"],
    "journal": "Example journal of gait",
    "published": "2026-11-18",
    "publish_after": "2027-01-15T08:00:00+01:00",
    "issue_date": "2026-12-01",
    "status": "corrected",
    "status_date": "2026-11-17T09:00Z",
    "notice": "A table was wrong, says the journal.",
    "source_url": "https://doi.example.org/10.5555/1",
    "doi": "10.5555/1",
    "pmid": "99990001",
}


def article(**changes: Any) -> dict[str, Any]:
    """One article's fields. A change to None takes the field away."""
    values = {"id": "a1", **SECTIONS, "topics": ["Gait"], **changes}
    return {name: value for name, value in values.items() if value is not None}
