"""One process on one machine: a file lock, and several connections that send.

The lock proves that no other process of ours is alive, so that whatever an earlier one held can be taken back at once
instead of after its lease.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Protocol

from newsletter.engine.loop import Loop
from newsletter.errors import RelayFailure, StoreError
from newsletter.model import Outcome
from newsletter.waits import Course


class Sending(Protocol):
    """One connection's worth of sending; `sending_next` gives None where nothing is due."""

    def sending_next(self) -> Course[Outcome | None]: ...
    def closing(self) -> Course[None]: ...


@contextmanager
def sole_process(path: Path) -> Iterator[None]:
    """Hold the lock at `path`. Raises StoreError where another process holds it; a killed one lets go by itself."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        os.fchmod(file.fileno(), 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"another process is delivering (it holds {path}); wait for it, or stop it") from None
        yield


def send_all(
    open_sender: Callable[[int], Sending], *, senders: int, stop: Event, told: Callable[[Outcome], None]
) -> Counter[str]:
    """Send until nothing is due or `stop` is set, by `senders` senders on this thread; how many ended in each state.

    Each of them finishes the message in its hands before it heeds `stop`. The first failure stops all of them and is
    raised in the end.
    """
    halt = Event()
    loop: Loop[Counter[str]] = Loop(stop)
    ended = loop.run([_send(open_sender(number), stop, halt, told) for number in range(senders)])
    failures = [error for _, error in ended if error is not None]
    if failures:
        raise min(failures, key=lambda error: isinstance(error, RelayFailure))
    return sum((counts for counts, _ in ended if counts is not None), Counter())


def _send(sender: Sending, stop: Event, halt: Event, told: Callable[[Outcome], None]) -> Course[Counter[str]]:
    counts: Counter[str] = Counter()
    try:
        while not (stop.is_set() or halt.is_set()):
            outcome = yield from sender.sending_next()
            if outcome is None:
                break
            counts[outcome.state] += 1
            told(outcome)
    except Exception:
        halt.set()
        yield from sender.closing()
        raise
    yield from sender.closing()
    return counts
