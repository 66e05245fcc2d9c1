"""Every order in which two workers, a clock and crashes can meet over one delivery, on the real ledger; and mutants of it.

A worker claims, hands the message over, writes down the result, is told to come back later, or dies. The clock moves by
half a lease. All interleavings within a budget are walked, each state once. What must hold in each of them:

- a result is taken from the newest claim and from no other;
- what the ledger calls sent was handed over;
- a message is handed over again only after a crash, or after a lease ran out under a worker that was still alive;
- a delivery is never stuck: it has ended, or somebody can claim it by the time that the lease is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import make_article
from sqlalchemy import bindparam, select, update
from store_builders import LEASE, NOW, key_of, post

from newsletter.model import Claim, DeliveryState, Outcome, Terms
from newsletter.store import deliveries
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.rows import Hot, HotForAll
from newsletter.store.schema import delivery as table

STEP = LEASE / 2
SENT = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)
COLUMNS = ("state", "owner", "lease_until", "attempts", "next_at", "ambiguous", "sent_at")
ENDED = {DeliveryState.SENT.value, DeliveryState.BOUNCED.value}


class Violation(Exception):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Worker:
    """`claim` is what it holds; `handed` whether the message has left with it."""

    claim: Claim | None = None
    handed: bool = False


@dataclass(frozen=True)
class World:
    """The row as it is in the database, the workers, and what has happened. Times are counted in steps."""

    row: tuple[Any, ...]
    workers: tuple[Worker, Worker]
    time: int = 0
    handed: int = 0
    excuses: int = 0  #: crashes with a claim in hand, and leases that ran out
    newest: int = 0  #: the number of the newest claim
    moves: int = 0

    @property
    def now(self) -> datetime:
        return NOW + self.time * STEP


class Explorer:
    """Walks every world that can be reached in `depth` moves."""

    def __init__(self, database: Database, owners: tuple[str, str], depth: int = 9) -> None:
        self._owners = owners
        self._database = database
        self._ledger = Deliveries(database)
        self._depth = depth
        self.transitions = 0

    def walk(self) -> int:
        first = World(row=self._row(), workers=(Worker(), Worker()))
        seen, waiting = {first}, deque([first])
        while waiting:
            world = waiting.popleft()
            self._check_not_stuck(world)
            if world.moves == self._depth:
                continue
            for after in self._after(world):
                self.transitions += 1
                known = replace(after, moves=0)
                if known not in seen:
                    seen.add(known)
                    waiting.append(after)
        return len(seen)

    def _after(self, world: World) -> Iterator[World]:
        world = replace(world, moves=world.moves + 1)
        if world.time < 5:
            yield replace(world, time=world.time + 1)
        for number, worker in enumerate(world.workers):
            if worker.claim is None:
                yield self._claim(world, number)
                continue
            if not worker.handed:
                yield self._hand_over(world, number)
                yield self._finish(world, number, _later(world.now))
            else:
                yield self._finish(world, number, SENT)
            yield replace(self._with(world, number, Worker()), excuses=world.excuses + 1)  # it dies

    def _claim(self, world: World, number: int) -> World:
        self._restore(world)
        claim = self._ledger.claim(Terms(owner=self._owners[number], lease=LEASE, address_key=key_of), world.now)
        if claim is None:
            return world
        other = world.workers[1 - number].claim
        if other is not None and other.attempts == world.newest:
            if world.now < other.lease_until:
                raise Violation("a delivery was claimed under a lease that had not run out")
            world = replace(world, excuses=world.excuses + 1)
        held = self._with(world, number, Worker(claim=claim))
        return replace(held, row=self._row(), newest=claim.attempts)

    def _hand_over(self, world: World, number: int) -> World:
        handed = self._with(world, number, replace(world.workers[number], handed=True))
        if world.handed > world.excuses:
            raise Violation("a message was handed over again without a crash")
        return replace(handed, handed=world.handed + 1)

    def _finish(self, world: World, number: int, outcome: Outcome) -> World:
        self._restore(world)
        claim = world.workers[number].claim
        assert claim is not None
        taken = self._ledger.finish(claim, outcome, world.now)
        if taken and claim.attempts != world.newest:
            raise Violation("a result was taken from a claim that had been lost")
        row = self._row()
        if not taken and row != world.row:
            raise Violation("a result that does not count changed the row")
        if row[0] == DeliveryState.SENT.value and not world.handed:
            raise Violation("sent, but never handed over")
        return replace(self._with(world, number, Worker()), row=row)

    def _check_not_stuck(self, world: World) -> None:
        if world.row[0] in ENDED:
            return
        self._restore(world)
        terms = Terms(owner="another", lease=LEASE, address_key=key_of)
        if self._ledger.claim(terms, world.now + 2 * LEASE) is None:
            raise Violation("a delivery is stuck")

    @staticmethod
    def _with(world: World, number: int, worker: Worker) -> World:
        first, second = world.workers
        return replace(world, workers=(worker, second) if number == 0 else (first, worker))

    def _row(self) -> tuple[Any, ...]:
        with self._database.read() as connection:
            return tuple(connection.execute(select(*(table.c[name] for name in COLUMNS))).one())

    def _restore(self, world: World) -> None:
        with self._database.begin() as connection:
            connection.execute(update(table).values(dict(zip(COLUMNS, world.row, strict=True))))


def _later(now: datetime) -> Outcome:
    return Outcome(state=DeliveryState.DEFERRED, kind="deferred", next_at=now + STEP)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path / 'model.db'}", patience=timedelta(seconds=1))
    with database.begin() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    post(database, make_article(), ["a@example.org"])
    yield database
    database.close()


#: Two processes, and two connections of one process, which claim under one name.
OWNERS = (("one", "two"), ("same", "same"))


@pytest.mark.parametrize("owners", OWNERS)
def test_no_order_of_events_breaks_the_ledger(sqlite: Database, owners: tuple[str, str]) -> None:
    explorer = Explorer(sqlite, owners)
    states = explorer.walk()
    assert states > 500
    assert explorer.transitions > states


def _without(*conditions: str) -> Any:
    """Results are written down without looking at these columns."""
    wanted = {
        "owner": table.c.owner == bindparam("claim_owner"),
        "state": table.c.state == DeliveryState.SENDING.value,
        "attempts": table.c.attempts == bindparam("claim_attempts"),
    }
    kept = [condition for name, condition in wanted.items() if name not in conditions]
    values: dict[str, Any] = {
        "state": bindparam("new_state"),
        "next_at": bindparam("new_next_at"),
        "owner": None,
        "lease_until": None,
        "sent_at": bindparam("new_sent_at"),
        "code": bindparam("new_code"),
        "enhanced": bindparam("new_enhanced"),
        "ambiguous": table.c.ambiguous | bindparam("doubt"),
    }
    return HotForAll(lambda numbers: update(table).where(table.c.id.in_(select(numbers.c.value)), *kept).values(values))


def _claims(values: dict[str, Any]) -> Any:
    return HotForAll(lambda numbers: update(table).where(table.c.id.in_(select(numbers.c.value))).values(values))


def _claims_without_a_trace() -> Any:
    return _claims({"attempts": table.c.attempts + 1})


def _keeps_no_lease() -> Any:
    return _claims({"state": "sending", "owner": bindparam("new_owner"), "attempts": table.c.attempts + 1})


def _counts_no_attempts() -> Any:
    return _claims({"state": "sending", "owner": bindparam("new_owner"), "lease_until": bindparam("new_lease")})


def _ignores_leases() -> Any:
    return (Hot(deliveries._queue(table.c.state == DeliveryState.SENDING.value)), deliveries._QUEUES[1])


def _forgets_leases() -> Any:
    return (deliveries._QUEUES[1],)


def _forgets_what_was_deferred() -> Any:
    return (deliveries._QUEUES[0],)


MUTANTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "results from anybody": ("_END", lambda: _without("owner", "attempts")),
    "results from an earlier claim": ("_END", lambda: _without("attempts")),
    "results for what is not being sent": ("_END", lambda: _without("owner", "state", "attempts")),
    "a claim that leaves no trace": ("_CLAIMED", _claims_without_a_trace),
    "a claim without a lease": ("_CLAIMED", _keeps_no_lease),
    "a claim that counts no attempt": ("_CLAIMED", _counts_no_attempts),
    "leases that nobody heeds": ("_QUEUES", _ignores_leases),
    "leases that never run out": ("_QUEUES", _forgets_leases),
    "deferred for ever": ("_QUEUES", _forgets_what_was_deferred),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_caught(name: str, sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    constant, mutant = MUTANTS[name]
    monkeypatch.setattr(deliveries, constant, mutant())
    explorer = Explorer(sqlite, OWNERS[1])
    with pytest.raises(Violation):
        explorer.walk()
