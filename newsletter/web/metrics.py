"""Signs of life for machines: `/healthz`, `/readyz`, and `/metrics` in the text form of Prometheus.

Figures come from the database when they are asked for, so that every process tells the same; requests are counted here.
Nobody's address and no recipient's domain is among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter import __version__
from newsletter.app import App
from newsletter.errors import StoreError
from newsletter.store.figures import Counts, Snapshot, Vital
from newsletter.transports.relays import scope_of
from newsletter.web.password import Door

FLEET_TICK = 60  #: seconds between ticks of a fleet
LEAST_PATIENCE = timedelta(minutes=5)  #: taking in a large source delays the next tick

_NOT_KEPT = {"Cache-Control": "no-store"}
_ANSWERED = frozenset(
    ("confirm", "healthz", "metrics", "preferences", "readyz", "search", "status", "subscribe", "unsubscribe")
)
_FEEDS = (".atom", ".rss", ".json", ".opml")


class Requests:
    """How many requests of which kind got which status since the process began."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()

    def count(self, path: str, status: int) -> None:
        """Called by the thread that serves, and by no other."""
        self._counts[route_class(path), str(status)] += 1

    def counts(self) -> Counts:
        return dict(self._counts)


def route_class(path: str) -> str:
    """What kind of thing a path names. There are a dozen of them, whatever a stranger asks for."""
    name = path[1:].partition("/")[0]
    if name in _ANSWERED:
        return name
    if name == "feeds" and path.endswith(_FEEDS):
        return "feed"
    return "page" if path.endswith("/") else "file"


def counted(inner: ASGIApp, requests: Requests) -> ASGIApp:
    """`inner`, with its answers counted."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                requests.count(scope["path"], int(message["status"]))
            await send(message)

        await inner(scope, receive, told)

    return outer


def routes(app: App, now: Callable[[], datetime], door: Door, requests: Requests) -> list[Route]:
    """The three addresses. Only `/metrics` asks for the operator's password."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(app, now, requests))

    async def healthz(_: Request) -> Response:
        """The process answers; it asks nobody else."""
        return PlainTextResponse("ok\n", headers=_NOT_KEPT)

    async def readyz(_: Request) -> Response:
        missing = await run_in_threadpool(readiness, app, now())
        text = "".join(f"{each}\n" for each in missing or ("ready",))
        return PlainTextResponse(text, 503 if missing else 200, _NOT_KEPT)

    async def metrics(request: Request) -> Response:
        refused = await door.refusal(request)
        if refused is not None:
            return refused
        text = await run_in_threadpool(generate_latest, registry)
        return Response(text, headers=_NOT_KEPT | {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


# -- readiness --------------------------------------------------------------------------------------------------------


def readiness(app: App, now: datetime) -> tuple[str, ...]:
    """What keeps the installation from doing its work, a line each; nothing if it is ready."""
    every = FLEET_TICK if app.delivery.many_machines else app.config.schedule.tick_seconds
    relays = relays_of(app)
    try:
        vital = app.figures.vital(relays, now)
    except StoreError:
        return ("the database does not answer",)
    return missing(vital, len(relays), timedelta(seconds=every), now)


def relays_of(app: App) -> tuple[str, ...]:
    """The scopes of the relays that mail leaves by; none where it leaves in another way."""
    delivery = app.config.delivery
    return tuple(scope_of(each.name) for each in delivery.relays()) if delivery.transport == "smtp" else ()


def missing(vital: Vital, relays: int, every: timedelta, now: datetime) -> tuple[str, ...]:
    """Pure: what is not as it should be, where the ticker ticks `every` so often and there are so many `relays`."""
    patience = max(LEAST_PATIENCE, 10 * every)
    lines: list[str] = []
    if vital.last_tick is None:
        lines.append("the ticker has not ticked yet")
    elif now - vital.last_tick > patience:
        lines.append(f"the ticker has not ticked for {minutes(now - vital.last_tick)} minutes")
    elif vital.last_tick - now > patience:
        lines.append("the last tick lies in the future: the clock was set back")
    if relays and len(vital.resting) == relays:
        lines.append("no relay can be reached")
    return tuple(lines)


def minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


# -- figures ----------------------------------------------------------------------------------------------------------


class _Figures(Collector):
    """What the registry asks at each scrape."""

    def __init__(self, app: App, now: Callable[[], datetime], requests: Requests) -> None:
        self._app = app
        self._now = now
        self._requests = requests

    def collect(self) -> Iterable[Metric]:
        now, relays = self._now(), relays_of(self._app)
        resting = len(self._app.figures.vital(relays, now).resting)
        yield from families(self._app.figures.snapshot(), now)
        yield gauge("relays", "Relays that mail leaves by.", len(relays))
        yield gauge("relays_resting", "Relays that rest because they could not be reached.", resting)
        yield _requests_family(self._requests.counts())


def families(told: Snapshot, now: datetime) -> Iterator[Metric]:
    """The figures of a moment as metrics."""
    yield _table("build_info", "The version that runs.", ("version",), {(__version__,): 1})
    yield _table("deliveries", "Deliveries by newsletter and state.", ("newsletter", "state"), told.deliveries)
    yield _table("digests", "Digests by newsletter and state.", ("newsletter", "state"), told.digests)
    yield _table("subscriptions", "Subscriptions by newsletter and state.", ("newsletter", "state"), told.subscriptions)
    yield _table("articles", "Articles by status.", ("status",), told.articles)
    yield _table("quarantined", "Documents that could not be used, by source.", ("source",), told.quarantined)
    yield _table("pauses", "What is not mailed for now, by kind.", ("kind",), told.pauses)
    yield _table("bounces", "What came back after it was sent, by kind.", ("kind",), told.bounces)
    yield gauge("requests_waiting", "Sign-ups that nothing has been decided about yet.", told.requests)
    yield gauge("notes_waiting", "Notes that wait to be sent.", told.notes)
    yield gauge(
        "due_age_seconds", "How long a delivery has been due, at most; 0 where none is.", _age(told.due_since, now)
    )
    if told.last_tick is not None:
        age = (now - told.last_tick).total_seconds()
        yield gauge("last_tick_age_seconds", "How long ago the ticker ticked.", age)


def _age(since: datetime | None, now: datetime) -> float:
    return 0 if since is None else max(0, (now - since).total_seconds())


def gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"newsletter_{name}", help_text, value=value)


def _table(name: str, help_text: str, labels: tuple[str, ...], counts: Counts) -> Metric:
    family = GaugeMetricFamily(f"newsletter_{name}", help_text, labels=labels)
    for key, number in sorted(counts.items()):
        family.add_metric(key, number)
    return family


def _requests_family(counts: Counts) -> Metric:
    family = CounterMetricFamily(
        "newsletter_http_requests", "Requests that this process answered.", labels=("route", "status")
    )
    for key, number in sorted(counts.items()):
        family.add_metric(key, number)
    return family
