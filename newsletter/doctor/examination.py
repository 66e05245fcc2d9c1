"""The whole check, in the order in which an operator would mend things."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from newsletter.config import Config
from newsletter.doctor import house, names, relays
from newsletter.doctor.finding import Finding
from newsletter.doctor.resolver import Ask


def examine(config: Config, now: datetime, ask: Ask | None = None) -> Iterator[Finding]:
    """Everything about one installation. Without `ask` the DNS is left alone."""
    yield from house.examine(config, now)
    yield from relays.examine(config, now)
    if ask is not None:
        yield from names.examine(config, ask)
