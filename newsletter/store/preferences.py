"""Preferences and choices as the database keeps them: JSON with sorted keys, without what is usual, so that equal ones are equal texts."""

from __future__ import annotations

import json
from dataclasses import fields, replace
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
_EVERYTHING = Choice()
_encoded, _decoded = json.JSONEncoder(sort_keys=True).encode, json.JSONDecoder().decode


def dumps(preferences: Preferences) -> str | None:
    """The text of preferences; None for the usual ones."""
    return _dumped(preferences, USUAL)


def loads(text: str | None) -> Preferences:
    """The preferences of a text that `dumps` made."""
    return Preferences(**_loaded(text))


def dump_choice(choice: Choice) -> str | None:
    """The text of a choice but for its articles; None for the newsletter's own form."""
    return _dumped(replace(choice, articles=None), _EVERYTHING)


def load_choice(text: str | None) -> Choice:
    """The choice of a text that `dump_choice` made."""
    return Choice(**_loaded(text))


def dump_articles(articles: int | None) -> str | None:
    """The text of a `Choice.articles`, which may have more bits than a database's numbers; None for all."""
    return None if articles is None else f"{articles:x}"


def load_articles(text: str | None) -> int | None:
    """What a text of `dump_articles` was made of."""
    return None if text is None else int(text, 16)


def _dumped(value: Preferences | Choice, usual: Preferences | Choice) -> str | None:
    told = {field.name: getattr(value, field.name) for field in fields(value)}
    unusual = {name: _plain(each) for name, each in told.items() if each != getattr(usual, name)}
    return _encoded(unusual) if unusual else None


def _loaded(text: str | None) -> dict[str, Any]:
    told = {} if text is None else _decoded(text)
    return {name: _READ[name](value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return value.isoformat() if isinstance(value, date | time) else value
