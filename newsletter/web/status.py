"""The operator's page: first what needs a hand, then how everything stands. It is English, and for operators alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter import __version__
from newsletter.app import App, NewsletterStatus, Status
from newsletter.model import DeliveryState
from newsletter.model.incoming import BounceCount
from newsletter.pages.document import clean
from newsletter.store.figures import DigestFigures
from newsletter.templating import Templates
from newsletter.web import policy
from newsletter.web.charts import Column, Series, bar, stacked, top_of
from newsletter.web.hands import Hand, hands
from newsletter.web.password import Door
from newsletter.words import ENGLISH

DAYS = 30  #: that the picture shows
SHOWN = 20  #: mail domains and documents that are listed one by one

#: What the picture tells apart: four kinds are as many as an eye does.
SERIES = (
    Series("sent", "sent"),
    Series("waiting", "waiting"),
    Series("failed", "failed or in doubt"),
    Series("left", "left out"),
)
_KIND = {
    DeliveryState.SENT: 0,
    DeliveryState.PENDING: 1,
    DeliveryState.SENDING: 1,
    DeliveryState.DEFERRED: 1,
    DeliveryState.BOUNCED: 2,
    DeliveryState.EXPIRED: 2,
    DeliveryState.UNKNOWN: 2,
    DeliveryState.SUPPRESSED: 3,
    DeliveryState.CANCELLED: 3,
    DeliveryState.SKIPPED: 3,
}
#: What a state means, in words.
STATES = {
    DeliveryState.SENT: "the relay took it",
    DeliveryState.PENDING: "waits for its turn",
    DeliveryState.SENDING: "is being sent now",
    DeliveryState.DEFERRED: "is tried again later",
    DeliveryState.BOUNCED: "refused for good, or came back",
    DeliveryState.EXPIRED: "given up after days of trying",
    DeliveryState.UNKNOWN: "may have been sent",
    DeliveryState.SUPPRESSED: "the address must not be mailed",
    DeliveryState.CANCELLED: "an operator said no",
    DeliveryState.SKIPPED: "the reader wanted nothing of it",
}


class Card(NamedTuple):
    """A newsletter as the page shows it."""

    title: str
    slug: str
    subscribers: int
    last: str
    next: str
    states: tuple[tuple[str, int], ...]


class StateRow(NamedTuple):
    state: str
    meaning: str
    number: int
    bar: Markup


class DomainRow(NamedTuple):
    domain: str
    number: int
    kinds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The deliveries of the last days: the drawing, and the same as a table."""

    drawing: Markup
    days: tuple[Column, ...]  #: those with any delivery, the newest first
    top: int
    first: str
    last: str


def routes(app: App, now: Callable[[], datetime], door: Door) -> list[Route]:
    """`/status`, for who knows the operator's password."""

    async def status(request: Request) -> Response:
        refused = await door.refusal(request)
        return await run_in_threadpool(_answer, app, now()) if refused is None else refused

    return [Route("/status", status)]


def _answer(app: App, now: datetime) -> Response:
    told = app.status(now)
    digests = app.figures.of_digests(now - timedelta(days=DAYS + 1))
    html = status_page(told, digests, hands(app, told, now), app.templates.for_language("en"), now)
    secure = app.site.base_url.startswith("https://")
    return Response(html, headers=policy.private(html, secure=secure), media_type="text/html")


def status_page(
    told: Status, digests: Sequence[DigestFigures], needed: Sequence[Hand], templates: Templates, now: datetime
) -> str:
    """The whole page."""
    zones = {each.newsletter.slug: each.newsletter.zone for each in told.newsletters}
    html = templates.render(
        "web/status.html",
        version=__version__,
        now=_stamp(now),
        hands=needed,
        cards=[card(each, now) for each in told.newsletters],
        picture=picture(digests, zones, now),
        series=SERIES,
        states=state_rows(told.newsletters),
        domains=domain_rows(told.bounces)[:SHOWN],
        more_domains=max(0, len(domain_rows(told.bounces)) - SHOWN),
        quarantined=[(each, _stamp(each.at)) for each in told.quarantined[:SHOWN]],
        more_quarantined=max(0, len(told.quarantined) - SHOWN),
        articles=told.articles,
        last_tick="never" if told.last_tick is None else f"{ago(told.last_tick, now)} ({_stamp(told.last_tick)})",
    )
    return clean(html)


def card(told: NewsletterStatus, now: datetime) -> Card:
    zone = told.newsletter.zone
    last = "none yet"
    if told.last is not None:
        planned, number = told.last.planned, len(told.last.placed)
        articles = "one article" if number == 1 else f"{number} articles"
        last = f"{planned.period}, {local(planned.due_at, zone)}: {articles if number else 'nothing in it'}"
    due = told.next.due_at
    when = "due now" if due <= now else f"in {span(due - now)}"
    return Card(
        title=told.newsletter.title,
        slug=told.newsletter.slug,
        subscribers=told.subscribers,
        last=last,
        next=f"{told.next.period}, {local(due, zone)} ({when})",
        states=tuple((state, told.deliveries[state]) for state in STATES if told.deliveries.get(state)),
    )


def picture(digests: Sequence[DigestFigures], zones: Mapping[str, str], now: datetime) -> Picture:
    """The deliveries of the last days, each on the day on which its digest was due in its newsletter's zone."""
    today = max((now.astimezone(ZoneInfo(zone)).date() for zone in zones.values()), default=now.astimezone(UTC).date())
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    values = {day: [0] * len(SERIES) for day in days}
    for each in digests:
        day = each.due_at.astimezone(ZoneInfo(zones.get(each.newsletter, "UTC"))).date()
        if day in values:
            for state, number in each.deliveries.items():
                values[day][_KIND[DeliveryState(state)]] += number
    columns = tuple(Column(ENGLISH.short_date(day), tuple(values[day])) for day in days)
    return Picture(
        drawing=_drawing(columns),
        days=tuple(column for column in reversed(columns) if column.total),
        top=top_of([column.total for column in columns]),
        first=_short(days[0]),
        last=_short(days[-1]),
    )


def _drawing(columns: Sequence[Column]) -> Markup:
    busy = [column for column in columns if column.total]
    said = "There were no deliveries."
    if busy:
        most = max(busy, key=lambda column: column.total)
        sums = [sum(parts) for parts in zip(*(column.values for column in busy), strict=True)]
        parts = ", ".join(f"{number:,} {each.title}" for number, each in zip(sums, SERIES, strict=True))
        said = f"Deliveries on {len(busy)} of {DAYS} days, the most on {most.label}: {most.total:,}. In all {parts}."
    title = f"Deliveries of the last {DAYS} days, by the day of their digest"
    return stacked(
        columns, SERIES, ident="by-day", title=title, description=f"{said} The table below has every number."
    )


def state_rows(newsletters: Iterable[NewsletterStatus]) -> list[StateRow]:
    """All deliveries by state, those states that there are."""
    sums = dict.fromkeys(STATES, 0)
    for each in newsletters:
        for state, number in each.deliveries.items():
            sums[DeliveryState(state)] += number
    most = max(sums.values())
    return [
        StateRow(state, STATES[state], number, bar(number, most, SERIES[_KIND[state]].name))
        for state, number in sums.items()
        if number
    ]


def domain_rows(bounces: Iterable[BounceCount]) -> list[DomainRow]:
    """What came back, by mail domain, the most first."""
    found: dict[str, list[BounceCount]] = {}
    for each in bounces:
        found.setdefault(each.domain, []).append(each)
    rows = [
        DomainRow(domain, sum(each.number for each in some), ", ".join(f"{each.number} {each.kind}" for each in some))
        for domain, some in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.number, row.domain))


# -- words ------------------------------------------------------------------------------------------------------------


def span(length: timedelta) -> str:
    """`3 minutes`, `5 hours`, `2 days`: the largest unit of which there are two or more."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size or (unit == "minute" and seconds >= size):
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "a moment"


def ago(moment: datetime, now: datetime) -> str:
    return f"{span(now - moment)} ago" if moment <= now else f"{span(moment - now)} ahead of the clock"


def local(moment: datetime, zone: str) -> str:
    """`Friday 27 November 2026, 06:30 in Europe/London`."""
    there = moment.astimezone(ZoneInfo(zone))
    return f"{ENGLISH.long_date(there.date())}, {there:%H:%M} in {zone}"


def _stamp(moment: datetime) -> str:
    there = moment.astimezone(UTC)
    return f"{ENGLISH.long_date(there.date())}, {there:%H:%M} UTC"


def _short(day: date) -> str:
    return ENGLISH.short_date(day).rpartition(" ")[0]
