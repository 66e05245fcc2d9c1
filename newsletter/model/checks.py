"""What a noun may ask of its values when it is made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_NO_TIME = timedelta(0)


def require_aware(owner: object, **moments: datetime | None) -> None:
    for name, moment in moments.items():
        if moment is not None and moment.tzinfo is not UTC and moment.utcoffset() != _NO_TIME:
            raise ValueError(f"{type(owner).__name__}.{name}: an aware datetime in UTC is required, not {moment!r}")


def require_text(owner: object, **texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise ValueError(f"{type(owner).__name__}.{name}: a text is required, not {text!r}")
