"""How fast mail may leave, when, and by which relay. Pure: what time it is comes in as `now`.

A pace is a bucket of tokens, written as the moment at which it would be full again: the theoretical arrival time of the
generic cell rate algorithm (ITU-T I.371). A message *reserves* its slot, now or later, and is charged at once. So a
delivery whose slot lies in the future is put off once, to that very moment, instead of asking again and again.

Who complains is slowed down: the rate is halved, and doubles with every ten quiet minutes. Slots in the future are given
out at the rate that will hold by then, so nobody has to be moved when it recovers; a further complaint makes the
reservations before it void (`holds`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from newsletter.periods import local_date, local_moment

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

SLOWEST = 1.0  #: messages a minute, below which no complaint brings a pace
FIRST_GUESS = 60.0  #: messages a minute that a pace without a limit is taken for when the first complaint comes
ONE_COMPLAINT = timedelta(seconds=30)  #: what comes within it was under way already, and says nothing new
RECOVERY = timedelta(minutes=10)  #: a rate doubles with every such stretch without complaint
FORGOTTEN = _DAY  #: after so long a complaint is forgotten, and so are reservations
SPREAD = timedelta(hours=8)  #: over so much of a later day what was put off to it is spread

_BREAKS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15))


# -- what is told ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """A relay that nobody knows yet begins with few messages a day: `first_day` on `start`, then `growth` times as many.

    Days are those of UTC. Before `start` nothing leaves. From the day on which more than `target` would be allowed, the
    warm-up is over. `growth` is above 1.
    """

    start: date
    first_day: int
    growth: float
    target: int = 100_000

    def cap(self, day: date) -> int | None:
        """How many may leave on `day`; None once the warm-up is over."""
        age = (day - self.start).days
        if age < 0:
            return 0
        if self.first_day > self.target or age * math.log(self.growth) > math.log(self.target / self.first_day):
            return None
        return int(self.first_day * self.growth**age)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the operator allows. None: as fast as it goes."""

    per_minute: float | None = None
    warm_up: WarmUp | None = None

    @property
    def burst(self) -> int:
        """So many may leave at once after a rest: what six seconds allow, so that small waits do not become writes."""
        return 1 if self.per_minute is None else max(1, int(self.per_minute / 10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The local hours in which mail may leave, from `start` up to, and without, `end`. It may reach over midnight.

    A window that ends when it begins is always open.
    """

    start: time
    end: time


# -- what is remembered ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDown:
    """What a complaint has taught: at `at`, `per_minute` messages were left of the rate."""

    per_minute: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """Whether a relay is worth a new connection. After so many `failures` in a row, none is made until `until`."""

    failures: int = 0
    until: datetime | None = None

    def admits(self, now: datetime) -> bool:
        """A rest that seems longer than any is over too: the clock was set back meanwhile."""
        return self.until is None or not timedelta() < self.until - now <= _BREAKS[-1]

    def broken(self, now: datetime) -> Circuit:
        """It could not be reached: 1, 2, 4, 8, then 15 minutes of rest. Failures during a rest are the same failure."""
        if not self.admits(now):
            return self
        rest = _BREAKS[min(self.failures, len(_BREAKS) - 1)]
        return Circuit(failures=self.failures + 1, until=now + rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A limit, and what is remembered of its use.

    `arrival` is the theoretical arrival time: with a burst of one, the first moment that is not reserved. `reserved`
    messages have a slot on `day` (of UTC), the last day with any; it is kept for a warm-up alone.
    """

    limit: Limit = field(default_factory=Limit)
    slow_down: SlowDown | None = None
    arrival: datetime | None = None
    day: date | None = None
    reserved: int = 0
    circuit: Circuit = field(default_factory=Circuit)

    @property
    def at_rest(self) -> bool:
        """Whether there is nothing to remember."""
        return replace(self, limit=Limit()) == Pace()


# -- pace --------------------------------------------------------------------------------------------------------------


def rate_at(pace: Pace, moment: datetime) -> float | None:
    """Messages a minute at `moment`, if no further complaint comes; None: no limit."""
    slow_down, configured = pace.slow_down, pace.limit.per_minute
    if slow_down is None or moment - slow_down.at >= FORGOTTEN:
        return configured
    quiet = max(moment - slow_down.at, timedelta())
    recovered: float = slow_down.per_minute * 2 ** (quiet // RECOVERY)
    return recovered if configured is None else min(configured, recovered)


def earliest(pace: Pace, now: datetime, not_before: datetime | None = None) -> datetime:
    """The slot that `reserve` would give, without taking it."""
    moment = now if not_before is None else max(now, not_before)
    if pace.arrival is not None:
        moment = max(moment, pace.arrival - _tolerance(pace, moment))
    return _within_cap(pace, moment)


def reserve(pace: Pace, now: datetime, not_before: datetime | None = None) -> tuple[Pace, datetime]:
    """The pace, charged for one message, and the moment at which that message may leave: now or later.

    `not_before` is for a slot that something else has given. A far one holds up whoever comes behind, so wait for a
    send window or a pause first, and reserve then.
    """
    slot = earliest(pace, now, not_before)
    rate = rate_at(pace, slot)
    if rate is not None:
        pace = replace(pace, arrival=max(slot, pace.arrival or slot) + _interval(rate))
    if pace.limit.warm_up is not None:
        day = slot.astimezone(UTC).date()
        pace = replace(pace, day=day, reserved=pace.reserved + 1 if pace.day == day else 1)
    return pace, slot


def holds(pace: Pace, reserved_at: datetime, now: datetime) -> bool:
    """Whether a slot that was reserved at `reserved_at` still counts; otherwise reserve again."""
    if pace.slow_down is not None and reserved_at < pace.slow_down.at:
        return False
    return now - reserved_at < FORGOTTEN


def slow(pace: Pace, now: datetime) -> Pace:
    """After a complaint: half the rate, nothing left of the burst, and every reservation before this is void."""
    if pace.slow_down is not None and now - pace.slow_down.at < ONE_COMPLAINT:
        return pace
    rate = rate_at(pace, now) or FIRST_GUESS
    halved = max(rate / 2, min(SLOWEST, rate))
    return replace(pace, slow_down=SlowDown(per_minute=halved, at=now), arrival=now + _interval(halved))


def complains(code: int | None, enhanced: str | None) -> bool:
    """Whether a reply says that we are too fast: 421 (RFC 5321 4.2.3), or 4.7.x (RFC 3463: security or policy)."""
    return code == 421 or (enhanced or "").startswith("4.7.")


def recovered(pace: Pace, now: datetime) -> Pace:
    """The pace without what is over and changes nothing any more."""
    if pace.slow_down is not None and now - pace.slow_down.at >= FORGOTTEN:
        pace = replace(pace, slow_down=None)
    if pace.arrival is not None and pace.arrival <= now:
        pace = replace(pace, arrival=None)
    if pace.day is not None and pace.day < now.astimezone(UTC).date():
        pace = replace(pace, day=None, reserved=0)
    return pace


def _interval(rate: float) -> timedelta:
    """Rounded up, so that a rate is never exceeded."""
    return timedelta(microseconds=math.ceil(_MINUTE / timedelta.resolution / rate))


def _tolerance(pace: Pace, moment: datetime) -> timedelta:
    """How much earlier than its theoretical arrival a message may come. There are no bursts while it is slowed down."""
    configured = pace.limit.per_minute
    if configured is None or rate_at(pace, moment) != configured:
        return timedelta()
    return (pace.limit.burst - 1) * _interval(configured)


def _within_cap(pace: Pace, moment: datetime) -> datetime:
    """`moment`, or where its day is full a moment of the next that is not: evenly, at the front of the day."""
    warm_up = pace.limit.warm_up
    if warm_up is None:
        return moment
    today = moment.astimezone(UTC).date()
    day = max(today, pace.day or today, warm_up.start)
    taken = pace.reserved if day == pace.day else 0
    cap = warm_up.cap(day)
    while cap is not None and taken >= cap:
        day, taken = day + _DAY, 0
        cap = warm_up.cap(day)
    if day == today:
        return moment
    begin = datetime.combine(day, time(), tzinfo=UTC)
    return begin if cap is None else begin + SPREAD * taken / cap


# -- windows -----------------------------------------------------------------------------------------------------------


def opens(window: Window, zone: str, now: datetime) -> datetime:
    """`now` if mail may leave, else the next moment at which it may, in UTC.

    Wall times become moments by the rule of `periods`. Where a change of clocks swallows a short window, it is the next
    day's turn.
    """
    if window.start == window.end:
        return now
    today = local_date(now, zone)
    later = []
    for day in (today + offset * _DAY for offset in range(-1, 4)):
        begin = local_moment(day, window.start, zone)
        end = local_moment(day if window.start < window.end else day + _DAY, window.end, zone)
        if begin <= now < end:
            return now
        if now < begin < end:
            later.append(begin)
    return min(later)


# -- relays ------------------------------------------------------------------------------------------------------------


def turns(weights: Sequence[int]) -> tuple[int, ...]:
    """A whole round: whose turn it is, each as often as its weight says, and never in long rows.

    Smooth weighted round robin: everybody gains their weight, whoever has most goes and pays the sum of all.
    """
    total = sum(weights)
    credit = [0] * len(weights)
    chosen = []
    for _ in range(total):
        credit = [had + weight for had, weight in zip(credit, weights, strict=True)]
        chosen.append(max(range(len(weights)), key=credit.__getitem__))
        credit[chosen[-1]] -= total
    return tuple(chosen)
