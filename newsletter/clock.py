"""The only place that asks what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def uptime() -> timedelta:
    """A clock that nobody can set, and that goes on while the machine sleeps where the system offers that."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return timedelta(seconds=time.clock_gettime(clock))
