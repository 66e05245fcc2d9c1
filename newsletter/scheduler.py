"""The ticker: asks every so often what is due, and sends what is pending. The record decides, not the ticker.

Notes have a job of their own: who signs up while a digest goes out does not wait until everybody has it.

APScheduler only ticks. Its CronTrigger loses editions at the spring change of clocks and its defaults drop work
silently, so nothing here hangs on a fire time: a tick that is late, doubled or missed changes nothing but the delay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from newsletter import clock
from newsletter.app import App
from newsletter.errors import ConfigError, NewsletterError
from newsletter.model import Outcome
from newsletter.publish import Refused

_log = structlog.get_logger()
_DRIFT = timedelta(seconds=2)


class Ticker:
    """What a tick does: take in, publish, and then send; and answer readers, beside it. Errors are told and survived; the
    next tick tries again.
    """

    def __init__(self, app: App, stop: Event) -> None:
        self._app = app
        self._stop = stop
        self._accepted_at: timedelta | None = None

    def tick(self) -> None:
        """Take in what is new and what came back, and publish what is due."""
        self._survive("ingest", self._ingest)
        self._survive("publish", self._publish)
        self._survive("bounces", self._take_in)
        self._survive("forget", self._forget)

    def write(self) -> None:
        """Answer who has signed up, and send the notes that wait."""
        self._survive("answer", self._answer)
        self._survive("notes", self._send_notes)

    def tick_and_write(self) -> None:
        """Both, for a fleet, in which one machine ticks for all."""
        self.tick()
        self.write()

    def send(self) -> None:
        """Send what is pending."""
        self._survive("deliver", self._deliver)

    def send_one_by_one(self) -> int:
        """Send what is pending on one connection; how many ended. A fleet's sending job."""
        ended: list[Outcome] = []

        def deliver() -> None:
            self._app.delivery.send(clock.now, stop=self._stop, told=ended.append, senders=1)

        self._survive("deliver", deliver)
        return len(ended)

    def _ingest(self) -> None:
        for report in self._app.ingest(clock.now()):
            if report.problem is not None:
                _log.error("source-unreadable", source=report.source, reason=report.problem)
            if report.new or report.revised:
                _log.info("ingested", source=report.source, new=len(report.new), revised=len(report.revised))

    def _publish(self) -> None:
        elapsed = None if self._accepted_at is None else clock.uptime() - self._accepted_at
        report = self._app.publish(clock.now(), elapsed=elapsed)
        self._accepted_at = clock.uptime()
        for problem in (*(report.files.problems if report.files else ()), *([report.hub] if report.hub else [])):
            _log.error("publish-problem", reason=problem)
        for result in report.results:
            named = {"newsletter": result.planned.newsletter, "period": result.planned.period}
            if isinstance(result, Refused):
                _log.error("digest-refused", **named, reason=result.message)
            else:
                _log.info("digest-published", **named, articles=result.articles, deliveries=result.deliveries)

    def _take_in(self) -> None:
        if not self._app.incoming.configured:
            return
        tally = self._app.incoming.take_in(clock.now, stopped=self._stop.is_set)
        if tally.counts:
            counts = {word.replace("-", "_"): number for word, number in tally.counts.items()}
            _log.info("came-back", **counts, for_a_person=tally.for_a_person)
        for domain, number in tally.domains.items():
            _log.warning("domain-complains", domain=domain, number=number)

    def _forget(self) -> None:
        again = self._app.readers.erase_again(clock.now())
        if again:
            _log.warning("erased-again", people=again)
        events = self._app.delivery.forget(clock.now())
        if events:
            _log.info("forgotten", events=events)

    def _answer(self) -> None:
        counts = self._app.readers.answer(clock.now())
        if counts:
            _log.info("answered", **counts)
        if counts["wait"]:
            _log.warning("sign-up-braked", most_an_hour=self._app.config.subscribe.most_an_hour)

    def _send_notes(self) -> None:
        counts = self._app.readers.send_notes(clock.now, self._stop)
        if counts:
            _log.info("notes-sent", **{word.replace("-", "_"): number for word, number in counts.items()})

    def _deliver(self) -> None:
        if self._app.delivery.due(clock.now()):
            counts = self._app.delivery.send(clock.now, stop=self._stop, told=lambda _: None)
            _log.info("delivered", **counts)

    def _survive(self, action: str, work: Callable[[], None]) -> None:
        try:
            if not self._stop.is_set():
                work()
        except NewsletterError as error:
            _log.error(f"{action}-failed", reason=error.message)
        except Exception:  # noqa: BLE001 - a defect in one tick must not end the process that everybody relies on
            _log.exception(f"{action}-failed")


@contextmanager
def running(app: App, stop: Event) -> Iterator[None]:
    """Tick in the background until the block ends; what is in flight then is finished first."""
    ticker = Ticker(app, stop)
    with _in_a_fleet(app, ticker, stop) if app.delivery.many_machines else _alone(app, ticker, stop):
        yield


@contextmanager
def _in_a_fleet(app: App, ticker: Ticker, stop: Event) -> Iterator[None]:
    """Be one worker of many; Procrastinate ticks, once for the whole fleet."""
    try:
        from newsletter.engine import procrastinate  # noqa: PLC0415 - only there where newsletter[postgres] is installed
    except ImportError as error:
        raise ConfigError(f"store.url: PostgreSQL needs `pip install newsletter[postgres]` ({error.name})") from None
    url = app.config.store.url
    work = procrastinate.Work(
        tick=ticker.tick_and_write, send=ticker.send_one_by_one, due=lambda: app.delivery.due(clock.now())
    )
    procrastinate.prepare(url)  # what is wrong with the database is raised here, not in a thread
    options = {"senders": app.config.delivery.senders, "stop": stop}
    worker = Thread(target=procrastinate.run, args=(url, work), kwargs=options, name="worker")
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


@contextmanager
def _alone(app: App, ticker: Ticker, stop: Event) -> Iterator[None]:
    every = timedelta(seconds=app.config.schedule.tick_seconds)
    scheduler = BackgroundScheduler(timezone=UTC)
    for work in (ticker.tick, ticker.write, ticker.send):
        scheduler.add_job(
            work,
            "interval",
            id=work.__name__,
            seconds=every.total_seconds(),
            next_run_time=clock.now(),
            misfire_grace_time=None,  # the default drops a run that starts a second late
            coalesce=True,
            max_instances=1,
        )
    scheduler.start()
    guard = Thread(target=_guard, args=(scheduler, stop), name="clock-guard", daemon=True)
    guard.start()
    try:
        yield
    finally:
        stop.set()
        scheduler.shutdown(wait=True)
        guard.join()


def _guard(scheduler: BackgroundScheduler, stop: Event) -> None:
    """Wake the ticker when the wall clock is set: set back by two hours, it would sleep for two hours."""
    expected = clock.now() - clock.uptime()
    while not stop.wait(1):
        actual = clock.now() - clock.uptime()
        if abs(actual - expected) > _DRIFT:
            _log.warning("clock-moved", seconds=round((actual - expected).total_seconds()))
            wake(scheduler, clock.now())
        expected = actual


def wake(scheduler: BackgroundScheduler, now: datetime) -> None:
    """Make every job due now."""
    for job in scheduler.get_jobs():
        job.modify(next_run_time=now)
