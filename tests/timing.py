"""Processor time of a piece of work, without what the coverage tracer adds to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable


def processor_seconds(work: Callable[[], object]) -> float:
    """Counting lines for coverage takes longer than much of the work itself, so it is set aside meanwhile."""
    trace = sys.gettrace()
    sys.settrace(None)
    started = time.process_time()
    try:
        work()
        return time.process_time() - started
    finally:
        sys.settrace(trace)
