"""One process on one machine: a file lock, and a few threads that send.

The lock proves that no other process of ours is alive, so that whatever an earlier one held can be taken back at once
instead of after its lease.
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Protocol

from newsletter.errors import RelayFailure, StoreError
from newsletter.model import Outcome


class Sending(Protocol):
    """One connection's worth of sending; `send_next` gives None where nothing is due."""

    def send_next(self) -> Outcome | None: ...
    def close(self) -> None: ...


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
    """Send until nothing is due or `stop` is set, on `senders` threads; how many ended in each state.

    Each thread finishes the message in its hands before it heeds `stop`. The first RelayFailure stops all of them and
    is raised in the end.
    """
    counts: Counter[str] = Counter()
    halt = Event()
    with ThreadPoolExecutor(max_workers=senders, thread_name_prefix="sender") as pool:
        threads = [pool.submit(_send, open_sender(number), stop, halt, told) for number in range(senders)]
        failures = []
        for thread in threads:
            try:
                counts.update(thread.result())
            except RelayFailure as failure:
                failures.append(failure)
    if failures:
        raise failures[0]
    return counts


def _send(sender: Sending, stop: Event, halt: Event, told: Callable[[Outcome], None]) -> Counter[str]:
    counts: Counter[str] = Counter()
    try:
        while not (stop.is_set() or halt.is_set()):
            outcome = sender.send_next()
            if outcome is None:
                break
            counts[outcome.state] += 1
            told(outcome)
    except BaseException:
        halt.set()
        raise
    finally:
        sender.close()
    return counts
