"""Captures for tests: one good text, and a way to change a part of it."""

from __future__ import annotations

import os
from pathlib import Path

from newsletter.sources.base import Raw

PAIRS = Path(__file__).resolve().parents[1] / "data" / "captures"
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
