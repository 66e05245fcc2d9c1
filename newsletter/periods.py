"""Calendar and schedule: which periods there are, and which digests of a newsletter are due.

Pure: what time it is comes in as `now`, and what has been done comes in as the record of digests. A ticker may ask
too often, too late or twice; the answer hangs on the record alone.

A wall-clock time becomes an instant by one rule: a time that a clock change leaves out moves forward by the length of
the gap, a time that comes twice means the first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from newsletter.model import Cadence, CatchUp, DigestRecord, Newsletter, Period, PlannedDigest, Precision

_MIDNIGHT = time(0)
_NOON = time(12)
_ONE_DAY = timedelta(days=1)
_INSTANT = timedelta.resolution

_CLOCK_MAY_LAG = timedelta(hours=1)
_CLOCK_MAY_LEAP = timedelta(hours=25)  # a clock set to another zone or put right after a change of hour stays below

_KEY = re.compile(
    r"(?P<year>[0-9]{4})-(?:W(?P<week>[0-9]{2})|(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)",
)


# -- calendar ---------------------------------------------------------------------------------------------------------


def local_moment(day: date, at: time, zone: str) -> datetime:
    """The instant (UTC) at which clocks in `zone` show `at` on `day`, by the rule of this module."""
    return datetime.combine(day, at, tzinfo=ZoneInfo(zone)).replace(fold=0).astimezone(UTC)


def local_date(moment: datetime, zone: str) -> date:
    """The date that calendars in `zone` show at `moment`."""
    return moment.astimezone(ZoneInfo(zone)).date()


def placed_in_time(published: datetime, precision: Precision, zone: str) -> datetime:
    """The instant at which an article counts as published for readers in `zone`.

    A date without a time is kept as 12:00 UTC of that date; it means noon of that date wherever the reader is, so
    that no zone moves it to another day.
    """
    if precision is Precision.INSTANT:
        return published
    return local_moment(published.date(), _NOON, zone)


@dataclass(frozen=True, slots=True)
class _Span:
    """The dates of a period: from `first` up to, and without, `beyond`."""

    key: str
    first: date
    beyond: date


def period_containing(moment: datetime, cadence: Cadence, zone: str) -> Period:
    """The period with start <= moment < end. Periods begin at local midnight, weeks on Monday (ISO 8601)."""
    span = _span(local_date(moment, zone), cadence)
    # Where clocks change at midnight, a date may begin before its own midnight or go on after the next.
    while moment < local_moment(span.first, _MIDNIGHT, zone):
        span = _span(span.first - _ONE_DAY, cadence)
    while moment >= local_moment(span.beyond, _MIDNIGHT, zone):
        span = _span(span.beyond, cadence)
    return _period(span, zone)


def period_named(key: str, zone: str) -> Period:
    """The period of a key: `2026-11-20` a day, `2026-W47` an ISO week, `2026-11` a month.

    Raises ValueError for a key of another form, and for a date that `zone` left out (Samoa's 30 December 2011).
    """
    try:
        period = _period(_span_named(key), zone)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"period {key!r}: there is no such period; write a day as 2026-11-20, a week as 2026-W47, a month as 2026-11"
        ) from error
    if period.start == period.end:
        raise ValueError(f"period {key!r}: this day does not exist in {zone}; choose the day before or after")
    return period


def _span(day: date, cadence: Cadence) -> _Span:
    """The span of `cadence` that holds `day`."""
    if cadence is Cadence.DAILY:
        return _Span(day.isoformat(), day, day + _ONE_DAY)
    if cadence is Cadence.WEEKLY:
        year, week, weekday = day.isocalendar()
        monday = day - timedelta(days=weekday - 1)
        return _Span(f"{year:04}-W{week:02}", monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return _Span(f"{day.year:04}-{day.month:02}", first, (first + timedelta(days=31)).replace(day=1))


def _span_named(key: str) -> _Span:
    """Raises ValueError or OverflowError."""
    parts = _KEY.fullmatch(key)
    if parts is None:
        raise ValueError(key)
    year = int(parts["year"])
    if parts["week"]:
        return _span(date.fromisocalendar(year, int(parts["week"]), 1), Cadence.WEEKLY)
    cadence = Cadence.DAILY if parts["day"] else Cadence.MONTHLY
    return _span(date(year, int(parts["month"]), int(parts["day"] or 1)), cadence)


def _period(span: _Span, zone: str) -> Period:
    return Period(
        key=span.key,
        start=local_moment(span.first, _MIDNIGHT, zone),
        end=local_moment(span.beyond, _MIDNIGHT, zone),
    )


# -- schedule ---------------------------------------------------------------------------------------------------------


def plan(
    newsletter: Newsletter, record: Sequence[DigestRecord], *, oldest: datetime | None, now: datetime
) -> tuple[PlannedDigest, ...]:
    """The digests that are due and not yet in the record, oldest first.

    `record` is everything that this newsletter has ever composed. Its windows form a chain: each begins where the one
    before ended, whatever has happened to zone, cadence or hour since, so no stretch of time is left out or covered
    twice. A key in the record is never used again; the next period then covers more.

    `oldest` is where the earliest article is placed in time (`placed_in_time`); only a newsletter without a record
    asks for it. Whoever writes the plan down must do so in order, and stop at the first digest that is refused.
    """
    if not record:
        return _first_plan(newsletter, oldest=oldest, now=now)
    last_end = max(one.window_end for one in record)
    unused = _unused_periods(newsletter, last_end, {one.period for one in record})
    due = tuple(takewhile(lambda period: due_at(newsletter, period) <= now, unused))
    if newsletter.catch_up is CatchUp.COALESCE and len(due) > 1:
        return (_planned(newsletter, due[-1], last_end, catch_up=True),)
    chain = _chain(newsletter, due, last_end)
    return _mail_the_newest_only(chain) if newsletter.catch_up is CatchUp.SKIP else chain


def next_due(newsletter: Newsletter, record: Sequence[DigestRecord], now: datetime) -> PlannedDigest:
    """The first digest that is not due yet, as it will be once all that is due has been composed."""
    due = plan(newsletter, record, oldest=None, now=now)
    last_end = max([one.window_end for one in record] + [one.window_end for one in due])
    used = {one.period for one in record} | {one.period for one in due}
    return _planned(newsletter, next(_unused_periods(newsletter, last_end, used)), last_end)


def due_at(newsletter: Newsletter, period: Period) -> datetime:
    """When a period's digest is to be sent: at the newsletter's hour, on the local date on which the period ends."""
    return local_moment(local_date(period.end, newsletter.zone), newsletter.send_at, newsletter.zone)


def leap(now: datetime, *, last_tick: datetime | None, elapsed: timedelta | None, max_gap: timedelta) -> str | None:
    """Why the clock must not be believed, as a sentence for the operator; None where nothing is wrong.

    `last_tick` is the last accepted tick in the record, None at the first run. `elapsed` is the time since that tick by
    a clock that nobody can set, None where another process made it. Without a reason to doubt, up to `max_gap` may
    have passed since. Where there is a reason, neither plan nor record the tick.
    """
    if last_tick is None:
        return None
    passed = now - last_tick
    if passed < -_CLOCK_MAY_LAG:
        seen = f"which is {_length(-passed)} before the last tick"
    elif elapsed is not None and passed - elapsed > _CLOCK_MAY_LEAP:
        seen = f"which is {_length(passed)} after the last tick, though only {_length(elapsed)} have passed since"
    elif passed > max_gap:
        seen = f"which is {_length(passed)} after the last tick, and more than {_length(max_gap)} are not believed"
    else:
        return None
    return (
        f"The clock shows {_moment(now)}, {seen} ({_moment(last_tick)}). Nothing was planned. Check the clock; "
        "if it is right, run `newsletter publish --catch-up`."
    )


def _first_plan(newsletter: Newsletter, *, oldest: datetime | None, now: datetime) -> tuple[PlannedDigest, ...]:
    """Back issues from `oldest` on for pages and feeds, and one digest to mail: the newest that is due."""
    newest = _newest_due(newsletter, now)
    first = newest
    if oldest is not None and oldest < newest.start:
        first = period_containing(oldest, newsletter.cadence, newsletter.zone)
    periods = takewhile(lambda period: period.end <= newest.end, _periods_from(newsletter, first.start))
    return _mail_the_newest_only(_chain(newsletter, tuple(periods), first.start))


def _newest_due(newsletter: Newsletter, now: datetime) -> Period:
    period = period_containing(now, newsletter.cadence, newsletter.zone)
    while due_at(newsletter, period) > now:
        period = period_containing(period.start - _INSTANT, newsletter.cadence, newsletter.zone)
    return period


def _periods_from(newsletter: Newsletter, moment: datetime) -> Iterator[Period]:
    """Every period that ends after `moment`, without end."""
    while True:
        period = period_containing(moment, newsletter.cadence, newsletter.zone)
        yield period
        moment = period.end


def _unused_periods(newsletter: Newsletter, last_end: datetime, used: Collection[str]) -> Iterator[Period]:
    return (period for period in _periods_from(newsletter, last_end) if period.key not in used)


def _chain(newsletter: Newsletter, periods: Sequence[Period], start: datetime) -> tuple[PlannedDigest, ...]:
    starts = (start, *(period.end for period in periods))
    return tuple(_planned(newsletter, period, begin) for period, begin in zip(periods, starts, strict=False))


def _mail_the_newest_only(chain: tuple[PlannedDigest, ...]) -> tuple[PlannedDigest, ...]:
    return tuple(replace(one, mailed=False) for one in chain[:-1]) + chain[-1:]


def _planned(
    newsletter: Newsletter, period: Period, window_start: datetime, *, catch_up: bool = False
) -> PlannedDigest:
    return PlannedDigest(
        newsletter=newsletter.slug,
        period=period.key,
        window_start=window_start,
        window_end=period.end,
        due_at=due_at(newsletter, period),
        catch_up=catch_up,
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _length(span: timedelta) -> str:
    """A length of time in a unit that is small enough to tell something."""
    for unit, length in (("days", timedelta(days=3)), ("hours", timedelta(hours=3)), ("minutes", timedelta(minutes=3))):
        if span >= length:
            return f"{span / timedelta(**{unit: 1}):.0f} {unit}"
    return f"{span / timedelta(seconds=1):.0f} seconds"
