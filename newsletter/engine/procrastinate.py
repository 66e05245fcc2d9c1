"""Many machines: workers share one PostgreSQL, and Procrastinate hands the verbs out to them.

The queue says *when somebody should look*; the ledger says who got what. Procrastinate gives a job to a worker at least
once: what a dead worker held is handed out again when its heartbeat has been missing for a while, although that worker
may only have been slow, and then two run the same job. That is harmless here. A job carries no delivery, it only says
"send what is due", and every delivery is claimed in the ledger, in a committed transaction, before a byte leaves. So a
job too many finds nothing to do, a job too few is made good by the next sweep, and all of Procrastinate's tables may be
emptied at any moment: that costs latency, never a message and never a second one.

Three tasks. `tick` takes in and publishes, once a minute in the whole fleet. `send` sends until nothing is due; as many
run at once on a worker as it may have connections. `sweep` revives what dead workers held and asks the ledger whether
anything is due that no job waits for. Sending has slots of its own, so that an hour of it holds up neither of the others.

A worker holds one connection pool for the queue, shared by all of its jobs, and two connections that listen for new
jobs. The ledger's connections are the caller's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.schema import SchemaManager

from newsletter.errors import StoreError

_log = structlog.get_logger()

_PLANNING, _SENDING = "planning", "sending"  # the two queues
_PLANNERS = 2  # a tick and a sweep at once
_POOL_SIZE = 4
_LOOK_FOR_STOP = 0.1  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The verbs, which must be safe on several machines at once. They run in threads.

    `tick` takes in and publishes. `send` sends until nothing is due and returns how many deliveries ended; it has to
    heed the caller's own stop. `due` says how many deliveries wait. An error costs the one job, and the next tick or
    sweep tries again; Procrastinate logs it with its traceback, so what could quote an address is to be
    caught in the verb.
    """

    tick: Callable[[], object]
    send: Callable[[], int]
    due: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the fleet looks, and how patient it is. The same on every machine.

    `tick` and `sweep` are cron lines in UTC, with seconds as a sixth field if at all. At most `lanes` sending jobs wait
    at a time. A worker that was silent for `stalled` is taken for dead; a worker that lost the database tries again
    after `pause`.
    """

    tick: str = "* * * * *"
    sweep: str = "* * * * *"
    lanes: int = 64
    heartbeat: timedelta = timedelta(seconds=10)
    stalled: timedelta = timedelta(seconds=30)
    pause: timedelta = timedelta(seconds=5)


def run(url: str, work: Work, *, senders: int, stop: Event, pace: Pace | None = None) -> None:
    """Be a worker with `senders` connections until `stop` is set; what is in flight then is finished first.

    `url` is the database's as SQLAlchemy writes it. Makes Procrastinate's tables where they are missing. Raises
    StoreError where the database is of another kind or cannot be reached at the start; later, it is waited for.
    """
    pace = pace or Pace()
    prepare(url)
    while not stop.is_set():
        try:
            asyncio.run(_serve(make_app(url, work, pace), senders, stop, pace))
        except (psycopg.Error, ConnectorException) as error:
            _log.error("queue-lost", reason=_reason(error))
        if not stop.is_set():
            _log.warning("worker-starts-again", seconds=pace.pause.total_seconds())
            stop.wait(pace.pause.total_seconds())


def prepare(url: str) -> None:
    """Make Procrastinate's tables where they are missing; two workers may do so at once. Raises StoreError."""
    try:
        with psycopg.connect(_driverless(url)) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('newsletter.queue'))")
            if connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone() == (None,):
                connection.execute(SchemaManager.get_schema())
    except psycopg.Error as error:
        raise StoreError(f"queue: {_reason(error)}") from error


def make_app(url: str, work: Work, pace: Pace) -> App:
    """Procrastinate's application with our three tasks, not yet open. Raises StoreError for a URL of another kind."""
    app = App(connector=PsycopgConnector(conninfo=_driverless(url), min_size=1, max_size=_POOL_SIZE))

    @app.task(name="send", queue=_SENDING)
    def send(lane: int) -> int:  # noqa: ARG001 - the lane tells waiting jobs apart, and all do the same
        return work.send()

    async def enqueue() -> None:
        """Let as many sending jobs wait as there are deliveries due, at most one a lane."""
        due = await asyncio.to_thread(work.due)
        waiting = await app.job_manager.list_jobs_async(task=send.name, status=Status.TODO.value) if due else ()
        taken = {job.queueing_lock for job in waiting}  # asked first: the server logs each refused insert as an error
        for lane in range(min(due, pace.lanes)):
            if _lock(lane) not in taken:
                with suppress(AlreadyEnqueued):  # by another worker, just now
                    await send.configure(queueing_lock=_lock(lane)).defer_async(lane=lane)

    # `lock`: one at a time in the fleet. Not for the sweep: if its worker died, nothing would ever unlock it.
    @app.periodic(cron=pace.tick)
    @app.task(name="tick", queue=_PLANNING, queueing_lock="tick", lock="tick")
    async def tick(timestamp: int) -> None:  # noqa: ARG001 - what is due is asked of the record, not of a fire time
        try:
            await asyncio.to_thread(work.tick)
        finally:
            await enqueue()

    @app.periodic(cron=pace.sweep)
    @app.task(name="sweep", queue=_PLANNING, queueing_lock="sweep", priority=1)
    async def sweep(timestamp: int) -> None:  # noqa: ARG001 - as above
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=pace.stalled.total_seconds()):
            await _revive(app, job)
        await enqueue()

    return app


async def _revive(app: App, job: Job) -> None:
    """Hand a dead worker's job out again, or drop it where one like it waits already."""
    try:
        await app.job_manager.retry_job(job)
        _log.warning("job-revived", task=job.task_name, job=job.id)
    except UniqueViolation:
        await _drop(app, job)
    except ConnectorException as error:  # it ended meanwhile; a database that is gone is told by what comes next
        _log.info("job-not-revived", task=job.task_name, job=job.id, reason=_reason(error))


async def _drop(app: App, job: Job) -> None:
    with suppress(ConnectorException):  # it ended meanwhile
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        _log.warning("job-dropped", task=job.task_name, job=job.id)


async def _serve(app: App, senders: int, stop: Event, pace: Pace) -> None:
    """Work on both queues until `stop` is set or one of the workers ends, which it does when it loses the database."""
    slots = {_PLANNING: _PLANNERS, _SENDING: senders}
    # Python's own pool has a handful of threads, and that would be all the sending there is.
    executor = ThreadPoolExecutor(max_workers=sum(slots.values()) + _PLANNERS, thread_name_prefix="job")
    asyncio.get_running_loop().set_default_executor(executor)
    async with app.open_async():
        workers = [asyncio.create_task(_work_on(app, queue, number, pace)) for queue, number in slots.items()]
        asked = asyncio.create_task(_asked(stop))
        await asyncio.wait({asked, *workers}, return_when=asyncio.FIRST_COMPLETED)
        for task in (asked, *workers):
            task.cancel()  # a worker understands this as: finish what you have, then end
        results = await asyncio.gather(asked, *workers, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _work_on(app: App, queue: str, slots: int, pace: Pace) -> None:
    await app.run_worker_async(
        queues=[queue],
        name=queue,
        concurrency=slots,
        install_signal_handlers=False,
        update_heartbeat_interval=pace.heartbeat.total_seconds(),
        stalled_worker_timeout=pace.stalled.total_seconds(),
        delete_jobs="always",  # what became of the work stands in the ledger
    )


async def _asked(stop: Event) -> None:
    while not stop.is_set():  # noqa: ASYNC110 - the event is a thread's, and cannot be awaited
        await asyncio.sleep(_LOOK_FOR_STOP)


def _driverless(url: str) -> str:
    """`postgresql+psycopg://...` as libpq reads it."""
    scheme, separator, rest = url.partition("://")
    if scheme.partition("+")[0] != "postgresql" or not separator:
        raise StoreError("many machines need PostgreSQL; use postgresql+psycopg://USER@HOST/DATABASE")
    return f"postgresql://{rest}"


def _lock(lane: int) -> str:
    return f"send-{lane}"


def _reason(error: Exception) -> str:
    """The first line of what the driver said: the lines after it may quote values."""
    said = str(error.__cause__ or error).strip()
    return said.partition("\n")[0] or type(error).__name__
