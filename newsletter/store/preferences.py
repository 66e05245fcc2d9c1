"""Preferences as the database keeps them: JSON with sorted keys, without what is usual, so that equal ones are equal texts."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date, time
from typing import Any

from newsletter.model import USUAL, Audience, Cadence, Choice, Edition, Preferences

_READ: dict[str, Any] = {
    "cadence": Cadence,
    "topics": frozenset,
    "unwanted_topics": frozenset,
    "min_credibility": float,
    "audience": Audience,
    "edition": Edition,
    "language": str,
    "send_at": time.fromisoformat,
    "zone": str,
    "paused_until": date.fromisoformat,
}


def dumps(preferences: Preferences) -> str | None:
    """The text of preferences; None for the usual ones."""
    told = {field.name: getattr(preferences, field.name) for field in fields(Preferences)}
    unusual = {name: _plain(value) for name, value in told.items() if value != getattr(USUAL, name)}
    return json.dumps(unusual, sort_keys=True) if unusual else None


def loads(text: str | None) -> Preferences:
    """The preferences of a text that `dumps` made."""
    told = {} if text is None else json.loads(text)
    return Preferences(**{name: _READ[name](value) for name, value in told.items()})


def dump_choice(form: str, choice: Choice) -> str:
    """The text of what a delivery carries: a form of its digest's mailing, and what of it."""
    told = {"form": form, "edition": choice.edition, "audience": choice.audience}
    return json.dumps(told | {"articles": None if choice.articles is None else sorted(choice.articles)})


def load_choice(text: str) -> tuple[str, Choice]:
    """The form and the choice of a text that `dump_choice` made."""
    told = json.loads(text)
    articles, audience = told["articles"], told["audience"]
    return told["form"], Choice(
        edition=Edition(told["edition"]),
        audience=None if audience is None else Audience(audience),
        articles=None if articles is None else frozenset(articles),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return value.isoformat() if isinstance(value, date | time) else value
