"""Many machines on a real PostgreSQL: what the fleet promises while workers die and the queue is lost."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from builders import make_article, make_newsletter
from fault_server import Fault, FaultServer
from fleet_worker import SENDERS
from postgres import PostgresServer
from procrastinate.jobs import Job
from workshop import ROOT, environment

from newsletter.engine.procrastinate import Pace, Work, _revive, make_app, prepare, run
from newsletter.errors import StoreError
from newsletter.model import (
    Consent,
    Digest,
    Mailing,
    NewDelivery,
    NewDigest,
    Place,
    Placed,
    PlannedDigest,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.store.articles import Articles
from newsletter.store.database import Database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.subscribers import Subscribers

NEVER = "0 0 29 2 *"
EVERY_SECOND = "* * * * * *"
MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
QUEUE = "procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers"

#: As quick as cron lines can be, so that a test takes seconds.
BRISK = Pace(
    tick=EVERY_SECOND,
    sweep=EVERY_SECOND,
    heartbeat=timedelta(seconds=0.5),
    stalled=timedelta(seconds=2),
    pause=timedelta(seconds=0.2),
)


# -- a ledger ---------------------------------------------------------------------------------------------------------


def record(database: Database, number: int) -> list[str]:
    """A digest with so many pending deliveries; the recipients."""
    planned = PlannedDigest(
        newsletter="weekly",
        period="2026-W46",
        window_start=MONDAY,
        window_end=MONDAY + timedelta(days=7),
        due_at=MONDAY + timedelta(days=7),
    )
    recipients = [f"reader-{each}@example.org" for each in range(number)]
    for each, address in enumerate(recipients):
        Subscribers(database).add(_subscription(f"s{each}", address))
    article = make_article()
    Articles(database).save(article, "hash")
    new = NewDigest(
        digest=_digest(planned, Placed(article=article, place=Place.ITEM)),
        mailing=Mailing(newsletter="weekly", period="2026-W46", subject="This week", template=b"Hello"),
        deliveries=tuple(
            NewDelivery(subscriber_id=f"s{each}", message_id=f"<m{each}@example.org>", domain="example.org")
            for each in range(number)
        ),
    )
    assert Digests(database).add([new], datetime.now(UTC)) is not None
    return recipients


def _subscription(subscriber_id: str, address: str) -> Subscription:
    return Subscription(
        subscriber=Subscriber(id=subscriber_id, address=address),
        newsletter="weekly",
        state=SubscriptionState.CONFIRMED,
        consent=Consent(text="Yes, please.", at=MONDAY, source="form"),
    )


def _digest(planned: PlannedDigest, *placed: Placed) -> Digest:
    return Digest(
        newsletter=make_newsletter("weekly"),
        planned=planned,
        first_day=date(2026, 11, 9),
        last_day=date(2026, 11, 15),
        notices=(),
        days=(),
        late=(),
        titles=(),
        placed=placed,
    )


def sent(database: Database) -> int:
    return Deliveries(database).counts().get("weekly", {}).get("sent", 0)


# -- a fleet ----------------------------------------------------------------------------------------------------------


@contextmanager
def process(url: str, port: int, *, lease: float = 600) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own; it must end well, unless the test ended it otherwise."""
    script = Path(__file__).with_name("fleet_worker.py")
    worker = subprocess.Popen(
        [sys.executable, "-W", "error", script, url, str(port), str(lease)],
        env=environment() | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield worker
        if worker.returncode is None:
            worker.terminate()
            told, _ = worker.communicate(timeout=30)
            assert worker.returncode == 0, told.decode()
    finally:
        worker.kill()
        worker.communicate()


@contextmanager
def thread(url: str, work: Work, *, senders: int = 1, pace: Pace = BRISK) -> Iterator[threading.Event]:
    """A worker in a thread of this process; yields what stops it."""
    prepare(url)
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(url, work), kwargs={"senders": senders, "stop": stop, "pace": pace})
    worker.start()
    try:
        yield stop
    finally:
        stop.set()
        worker.join(30)
        assert not worker.is_alive()


def until(true: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def idle(**changed: Any) -> Work:
    """Nothing to do."""
    return replace(Work(tick=lambda: None, send=lambda: 0, due=lambda: 0), **changed)


def execute(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement, values)  # type: ignore[call-overload]  # only literals come here
        return cursor.fetchall() if cursor.description else []


def jobs(url: str, status: str) -> list[str]:
    found = execute(url, "SELECT task_name FROM procrastinate_jobs WHERE status::text = %s ORDER BY id", status)
    return [name for (name,) in found]


# -- what the fleet promises ------------------------------------------------------------------------------------------


def test_two_workers_deliver_everything_exactly_once(bare_url: str, database: Database, tmp_path: Path) -> None:
    log = tmp_path / "witness"
    prepare(bare_url)
    with FaultServer(log=log) as server, ExitStack() as fleet:
        for _ in range(2):
            fleet.enter_context(process(bare_url, server.port))
        until(lambda: execute(bare_url, "SELECT count(*) FROM procrastinate_workers") == [(4,)])
        recipients = record(database, 200)
        until(lambda: sent(database) == 200)
    witnessed = Counter(line.split()[1] for line in log.read_text().splitlines())
    assert witnessed == Counter(recipients)
    greeted = set(re.findall(rb"(?i)ehlo (\S+)", bytes(server.clear)))
    assert len(greeted) == 2, "one of the workers had nothing to do"


def test_a_killed_worker_loses_nothing_and_doubles_one_message_a_connection_at_most(
    bare_url: str, database: Database, tmp_path: Path
) -> None:
    log = tmp_path / "witness"
    recipients = record(database, 60)
    held = Fault(at="dot", deed="stall")  # accepted, but the worker is never told so
    with (
        FaultServer(log=log, scripts={each: [held] for each in recipients[:SENDERS]}) as server,
        process(bare_url, server.port, lease=8) as victim,
    ):
        until(lambda: len(server.accepted) == SENDERS)
        with process(bare_url, server.port, lease=8):
            until(lambda: sent(database) == 60 - SENDERS)
            assert jobs(bare_url, "doing").count("send") >= SENDERS
            victim.kill()
            victim.wait()
            until(lambda: sent(database) == 60)
            until(lambda: "send" not in jobs(bare_url, "doing"))
    messages = Counter(line.split()[0] for line in log.read_text().splitlines())
    assert set(messages) == {f"<m{each}@example.org>" for each in range(60)}, "lost"
    assert messages.total() - 60 == SENDERS, "the two in doubt were sent again under the same id, and no other"


def test_emptying_the_queue_at_any_moment_loses_and_doubles_nothing(
    bare_url: str, database: Database, tmp_path: Path
) -> None:
    log = tmp_path / "witness"
    recipients = record(database, 200)
    with FaultServer(log=log) as server, process(bare_url, server.port), process(bare_url, server.port):
        for threshold in (1, 60, 120):
            until(lambda enough=threshold: sent(database) >= enough)  # type: ignore[misc]  # a default is no type
            execute(bare_url, f"TRUNCATE {QUEUE}")
        until(lambda: sent(database) == 200)
    assert Counter(line.split()[1] for line in log.read_text().splitlines()) == Counter(recipients)


def test_a_job_carries_numbers_only(bare_url: str) -> None:
    go_on = threading.Event()
    work = idle(due=lambda: 3, send=lambda: int(go_on.wait(30)))
    with thread(bare_url, work):
        until(lambda: "send" in jobs(bare_url, "doing"))
        arguments = [arguments for (arguments,) in execute(bare_url, "SELECT args FROM procrastinate_jobs")]
        go_on.set()
    assert arguments
    assert all(isinstance(value, int) for each in arguments for value in each.values())


def test_a_fleet_ticks_once_for_all_and_one_tick_at_a_time(bare_url: str) -> None:
    running, most, ticks = 0, 0, 0
    counting = threading.Lock()

    def tick() -> None:
        nonlocal running, most, ticks
        with counting:
            running, ticks = running + 1, ticks + 1
            most = max(most, running)
        time.sleep(1.2)  # longer than the time between two ticks
        with counting:
            running -= 1

    started = time.monotonic()
    with thread(bare_url, idle(tick=tick)), thread(bare_url, idle(tick=tick)):
        until(lambda: ticks >= 4)
    assert most == 1
    assert ticks <= time.monotonic() - started + 2


def test_sending_never_holds_up_tick_and_sweep(bare_url: str) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    go_on = threading.Event()
    work = idle(tick=tick, due=lambda: 100, send=lambda: int(go_on.wait(60)))
    with thread(bare_url, work, senders=3):
        until(lambda: jobs(bare_url, "doing").count("send") == 3)
        before = ticks
        until(lambda: ticks >= before + 2)
        assert jobs(bare_url, "todo").count("send") <= BRISK.lanes, "waiting jobs pile up"
        go_on.set()


def test_a_worker_has_as_many_connections_as_it_was_given(bare_url: str) -> None:
    together = threading.Barrier(41)
    due = [40]  # once
    work = idle(due=lambda: due.pop() if due else 0, send=lambda: together.wait(30))
    with thread(bare_url, work, senders=40, pace=replace(BRISK, tick=NEVER)):
        together.wait(30)  # Python's own pool of threads would stop at 32 or fewer


def test_stop_waits_for_what_is_in_flight(bare_url: str) -> None:
    begun, done = threading.Event(), threading.Event()

    def send() -> int:
        begun.set()
        time.sleep(1)
        done.set()
        return 1

    with thread(bare_url, idle(due=lambda: 1, send=send)) as stop:
        assert begun.wait(30)
        stop.set()
    assert done.is_set()
    assert jobs(bare_url, "doing") == [], "it left before its job was taken off the queue"


def test_an_error_costs_one_job_and_the_next_one_comes(bare_url: str) -> None:
    ticks, sends = 0, 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        raise StoreError("the source is gone")

    def send() -> int:
        nonlocal sends
        sends += 1
        raise StoreError("the relay is gone")

    with thread(bare_url, idle(tick=tick, due=lambda: 1, send=send), pace=replace(BRISK, sweep=NEVER)):
        until(lambda: ticks >= 2 and sends >= 2)


LOSSES = {
    "connections": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "tables": f"TRUNCATE {QUEUE}",  # the worker is then not known any more, and Procrastinate ends it
}


@pytest.mark.parametrize("loss", LOSSES)
def test_an_idle_worker_outlives_the_loss_of(loss: str, bare_url: str) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    with thread(bare_url, idle(tick=tick)):
        until(lambda: ticks >= 1)
        for _ in range(2):
            before = ticks
            execute(bare_url, LOSSES[loss])
            until(lambda enough=before + 2: ticks >= enough)  # type: ignore[misc]  # a default is no type


def test_a_crash_of_the_database_loses_nothing_and_doubles_one_message_a_connection_at_most(
    postgres_server: PostgresServer, bare_url: str, database: Database, tmp_path: Path
) -> None:
    log = tmp_path / "witness"
    recipients = record(database, 200)
    with (
        FaultServer(log=log) as server,
        process(bare_url, server.port, lease=5),
        process(bare_url, server.port, lease=5),
    ):
        until(lambda: len(server.accepted) >= 40)
        postgres_server.restart()
        until(lambda: sent(database) == 200)
    witnessed = Counter(line.split()[1] for line in log.read_text().splitlines())
    assert set(witnessed) == set(recipients), "lost"
    assert witnessed.total() - 200 <= 2 * SENDERS


# -- sweeping ---------------------------------------------------------------------------------------------------------


def _abandon(url: str, *, waiting: bool) -> None:
    """A sending job that a dead worker holds, and another one that waits in the same lane."""
    execute(url, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
    insert = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status, worker_id)"
        " SELECT 'sending', 'send', 'send-0', '{\"lane\": 0}', %s, max(id) FROM procrastinate_workers"
    )
    execute(url, insert, "doing")
    if waiting:
        execute(url, insert, "todo")


@pytest.mark.parametrize("waiting", [False, True])
def test_a_sweep_takes_over_what_a_dead_worker_held(bare_url: str, *, waiting: bool) -> None:
    prepare(bare_url)
    _abandon(bare_url, waiting=waiting)
    sends = []
    app = make_app(bare_url, idle(send=lambda: sends.append(1) or 1), BRISK)

    async def sweep() -> None:
        async with app.open_async():
            await app.tasks["sweep"](timestamp=0)

    asyncio.run(sweep())
    assert (jobs(bare_url, "doing"), jobs(bare_url, "todo")) == ([], ["send"])
    with thread(bare_url, idle(send=lambda: sends.append(1) or 1), pace=replace(BRISK, tick=NEVER, sweep=NEVER)):
        until(lambda: sends == [1])
    assert execute(bare_url, "SELECT count(*) FROM procrastinate_jobs") == [(0,)]


def test_a_job_that_ended_meanwhile_is_let_be(bare_url: str) -> None:
    prepare(bare_url)
    app = make_app(bare_url, idle(), BRISK)
    ended = Job(id=7, queue="sending", lock=None, queueing_lock="send-0", task_name="send")

    async def revive() -> None:
        async with app.open_async():
            await _revive(app, ended)

    asyncio.run(revive())
    assert execute(bare_url, "SELECT count(*) FROM procrastinate_jobs") == [(0,)]


def test_no_more_jobs_wait_than_lanes_or_deliveries(bare_url: str) -> None:
    prepare(bare_url)
    for due, expected in ((2, 2), (50, 5), (0, 5)):
        app = make_app(bare_url, idle(due=lambda number=due: number), replace(BRISK, lanes=5))

        async def sweep(app: Any = app) -> None:
            async with app.open_async():
                await app.tasks["sweep"](timestamp=0)

        asyncio.run(sweep())
        assert len(jobs(bare_url, "todo")) == expected


# -- starting ---------------------------------------------------------------------------------------------------------


def test_workers_that_start_together_make_the_tables_once(bare_url: str) -> None:
    failures: list[StoreError] = []

    def start() -> None:
        try:
            prepare(bare_url)
        except StoreError as failure:
            failures.append(failure)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    assert execute(bare_url, "SELECT count(*) FROM procrastinate_jobs") == [(0,)]


def test_a_database_out_of_reach_is_told_at_the_start(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://postgres@/none?host={tmp_path}"
    with pytest.raises(StoreError, match=r"queue: .*connection"):
        run(url, idle(), senders=1, stop=threading.Event())


@pytest.mark.parametrize("url", ["sqlite:///var/newsletter.db", "mysql://db.example.org/newsletter", "postgresql"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"postgresql\+psycopg"):
        run(url, idle(), senders=1, stop=threading.Event())


def test_a_stopped_worker_does_not_begin(bare_url: str) -> None:
    stop = threading.Event()
    stop.set()
    run(bare_url, idle(tick=lambda: pytest.fail("it ticked")), senders=1, stop=stop)
