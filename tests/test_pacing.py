"""Nothing leaves faster than it may, nothing waits longer than it must: in named cases and in thousands of invented ones."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.pacing import (
    FORGOTTEN,
    ONE_COMPLAINT,
    RECOVERY,
    SPREAD,
    Circuit,
    Limit,
    Pace,
    WarmUp,
    Window,
    complains,
    earliest,
    holds,
    opens,
    rate_at,
    recovered,
    reserve,
    slow,
    turns,
)

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

rates = st.sampled_from([0.5, 1.0, 7.0, 20.0, 60.0, 600.0, 6000.0])
gaps = st.one_of(st.just(timedelta()), st.timedeltas(timedelta(), timedelta(hours=3)))
warm_ups = st.builds(
    WarmUp,
    start=st.dates(date(2026, 11, 20), date(2026, 12, 1)),
    first_day=st.integers(1, 4),
    growth=st.sampled_from([1.2, 2.0, 3.0]),
    target=st.sampled_from([3, 10, 100]),
)


def _take(pace: Pace, *moments: datetime) -> tuple[Pace, list[datetime]]:
    slots = []
    for moment in moments:
        pace, slot = reserve(pace, moment)
        slots.append(slot)
    return pace, slots


def _assert_never_faster(slots: list[datetime], rate: float, burst: int) -> None:
    """At most rate x length + burst in any stretch, both ends included."""
    slots = sorted(slots)
    for first in range(len(slots)):
        for last in range(first, len(slots)):
            minutes = (slots[last] - slots[first]) / _MINUTE
            assert last - first + 1 <= rate * minutes + burst + 1e-6


# -- rate --------------------------------------------------------------------------------------------------------------


def test_without_a_limit_everything_leaves_at_once_and_nothing_is_remembered() -> None:
    pace, slots = _take(Pace(), *[NOW] * 50)
    assert slots == [NOW] * 50
    assert pace.at_rest


def test_slots_follow_each_other_at_the_rate() -> None:
    assert _take(Pace(limit=Limit(per_minute=6)), *[NOW] * 4)[1] == [NOW + 10 * n * _SECOND for n in range(4)]


def test_what_six_seconds_allow_may_leave_at_once_after_a_rest() -> None:
    pace, slots = _take(Pace(limit=Limit(per_minute=30)), *[NOW] * 5)
    assert slots == [NOW, NOW, NOW, NOW + 2 * _SECOND, NOW + 4 * _SECOND]
    assert _take(pace, *[NOW + _MINUTE] * 4)[1] == [NOW + _MINUTE] * 3 + [NOW + _MINUTE + 2 * _SECOND]


def test_a_rate_that_is_no_whole_number_of_microseconds_is_not_exceeded() -> None:
    _, slots = _take(Pace(limit=Limit(per_minute=7)), *[NOW] * 8)
    assert _MINUTE <= slots[7] - slots[0] < _MINUTE + timedelta(microseconds=8)


def test_a_slot_that_something_else_has_given_is_the_first_that_counts() -> None:
    pace, slot = reserve(Pace(limit=Limit(per_minute=60)), NOW, NOW + _MINUTE)
    assert slot == NOW + _MINUTE
    assert reserve(pace, NOW, NOW - _MINUTE)[1] == NOW + _MINUTE + _SECOND - 5 * _SECOND  # the burst is six
    assert reserve(Pace(), NOW, NOW - _MINUTE)[1] == NOW


@given(rate=rates, asked=st.lists(st.tuples(gaps, gaps), min_size=1, max_size=40))
def test_never_more_than_the_rate_and_a_burst_in_any_stretch(
    rate: float, asked: list[tuple[timedelta, timedelta]]
) -> None:
    pace, now, slots = Pace(limit=Limit(per_minute=rate)), NOW, []
    for gap, ahead in asked:
        now += gap
        pace, slot = reserve(pace, now, now + ahead)
        assert slot >= now + ahead
        slots.append(slot)
    _assert_never_faster(slots, rate, pace.limit.burst)


@given(rate=rates, waits=st.lists(gaps, min_size=1, max_size=40))
def test_nobody_waits_longer_than_a_full_bucket_takes_to_serve_who_came_before(
    rate: float, waits: list[timedelta]
) -> None:
    """Against a bucket of tokens that is filled drop by drop: the textbook's other form of the same thing."""
    pace, tokens, last = Pace(limit=Limit(per_minute=rate)), 0.0, NOW
    burst = float(pace.limit.burst)
    tokens = burst
    for now in accumulate(waits, initial=NOW):
        tokens = min(burst, tokens + (now - last) / _MINUTE * rate)
        last = now
        pace, slot = reserve(pace, now)
        tokens -= 1
        wait = max(0.0, -tokens / rate) * 60
        assert (slot - now).total_seconds() == pytest.approx(wait, abs=1e-3)


@given(rate=rates, before=st.lists(gaps, max_size=10), gap=gaps, later=gaps)
def test_who_asks_later_gets_no_earlier_slot_and_looking_costs_nothing(
    rate: float, before: list[timedelta], gap: timedelta, later: timedelta
) -> None:
    pace, _ = _take(Pace(limit=Limit(per_minute=rate)), *accumulate(before, initial=NOW))
    now = NOW + sum(before, timedelta()) + gap
    slot = earliest(pace, now)
    assert slot == earliest(pace, now) == reserve(pace, now)[1] >= now
    assert earliest(pace, now + later) >= slot
    assert earliest(reserve(pace, now)[0], now) >= slot


# -- complaints --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "enhanced", "speed"),
    [
        (421, None, True),
        (421, "4.3.2", True),
        (450, "4.7.1", True),
        (451, "4.7.500", True),
        (450, "4.2.1", False),
        (550, "5.7.1", False),
        (None, None, False),
    ],
)
def test_which_replies_complain_of_speed(code: int | None, enhanced: str | None, speed: bool) -> None:
    assert complains(code, enhanced) is speed


def test_a_complaint_halves_the_rate_and_quiet_brings_it_back() -> None:
    pace = slow(Pace(limit=Limit(per_minute=100)), NOW)
    seen = [rate_at(pace, NOW + n * RECOVERY) for n in range(-1, 3)]
    assert seen == [50, 50, 100, 100]
    assert [rate_at(slow(pace, NOW + _MINUTE), NOW + _MINUTE + n * RECOVERY) for n in range(4)] == [25, 50, 100, 100]


def test_what_had_no_limit_is_slowed_down_from_a_guess_and_has_none_again_a_day_later() -> None:
    pace = slow(Pace(), NOW)
    assert [rate_at(pace, NOW + n * RECOVERY) for n in range(3)] == [30, 60, 120]
    assert rate_at(pace, NOW + FORGOTTEN - _SECOND) is not None
    assert rate_at(pace, NOW + FORGOTTEN) is None
    assert recovered(pace, NOW + FORGOTTEN).at_rest
    assert recovered(pace, NOW + FORGOTTEN - _SECOND).slow_down == pace.slow_down


def test_complaints_that_were_under_way_together_count_once() -> None:
    once = slow(Pace(), NOW)
    assert slow(once, NOW + ONE_COMPLAINT - _SECOND) == once
    assert slow(once, NOW - _MINUTE) == once  # a clock that was set back
    assert rate_at(slow(once, NOW + ONE_COMPLAINT), NOW + ONE_COMPLAINT) == 15


@pytest.mark.parametrize(("configured", "slowest"), [(None, 1.0), (100.0, 1.0), (1.0, 1.0), (0.5, 0.5)])
def test_no_number_of_complaints_brings_it_to_a_halt(configured: float | None, slowest: float) -> None:
    pace = Pace(limit=Limit(per_minute=configured))
    for step in range(20):
        pace = slow(pace, NOW + step * _MINUTE)
    assert rate_at(pace, NOW + 20 * _MINUTE) == slowest


def test_a_complaint_takes_the_burst_away_and_makes_reservations_void() -> None:
    pace, _ = _take(Pace(limit=Limit(per_minute=120)), *[NOW] * 100)
    assert holds(pace, NOW, NOW + _SECOND)
    slowed = slow(pace, NOW + _SECOND)
    assert not holds(slowed, NOW, NOW + _SECOND)
    assert holds(slowed, NOW + _SECOND, NOW + _MINUTE)
    assert _take(slowed, *[NOW + _SECOND] * 3)[1] == [NOW + n * _SECOND for n in (2, 3, 4)]


def test_a_reservation_is_forgotten_with_the_complaints_of_its_time() -> None:
    assert holds(Pace(), NOW, NOW + FORGOTTEN - _SECOND)
    assert not holds(Pace(), NOW, NOW + FORGOTTEN)


def test_slots_are_given_out_at_the_rate_that_will_hold_by_then() -> None:
    """1,000 messages at 30 a minute would take 33 minutes; with the recovery they take 17."""
    _, slots = _take(slow(Pace(), NOW), *[NOW] * 1000)
    per_stretch = Counter((slot - NOW) // RECOVERY for slot in slots)
    assert per_stretch[0] == 299  # the first waits for its two seconds
    assert per_stretch[1] == pytest.approx(600, abs=1)
    assert sum(per_stretch.values()) == 1000


@given(
    configured=st.sampled_from([None, 0.5, 3.0, 60.0]),
    events=st.lists(
        st.tuples(st.timedeltas(timedelta(), timedelta(minutes=20)), st.booleans()), min_size=1, max_size=40
    ),
)
def test_who_waits_for_their_slot_keeps_to_the_rate_through_every_complaint(
    configured: float | None, events: list[tuple[timedelta, bool]]
) -> None:
    """As a ledger does it: put off to the slot, looked at again then, reserved anew where a complaint made it void."""
    pace, now, order = Pace(limit=Limit(per_minute=configured)), NOW, count()
    waiting: list[tuple[datetime, int, datetime | None]] = []
    left: list[datetime] = []
    complaints: list[datetime] = []

    def run_until(moment: datetime) -> None:
        nonlocal pace
        while waiting and waiting[0][0] <= moment:
            at, number, reserved_at = heapq.heappop(waiting)
            if reserved_at is None or not holds(pace, reserved_at, at):
                pace, slot = reserve(pace, at)
                if slot > at:
                    heapq.heappush(waiting, (slot, number, at))
                    continue
            left.append(at)

    for gap, complaint in events:
        now += gap
        run_until(now)
        if complaint:
            before = pace
            pace = slow(pace, now)
            complaints += [now] if pace != before else []
        for _ in range(3):
            heapq.heappush(waiting, (now, next(order), None))
        run_until(now)
    run_until(now + 30 * _DAY)
    assert len(left) == 3 * len(events)
    if configured is not None:
        _assert_never_faster(left, configured, pace.limit.burst)
    pace = Pace(limit=Limit(per_minute=configured))
    for at, until in zip(complaints, [*complaints[1:], now + _DAY], strict=False):
        pace = slow(pace, at)
        rate = rate_at(pace, at)
        assert rate is not None
        _assert_never_faster([one for one in left if at < one < min(until, at + RECOVERY)], rate, 1)


def test_what_is_over_is_dropped_and_what_is_not_stays() -> None:
    limit = Limit(per_minute=1, warm_up=WarmUp(start=NOW.date(), first_day=9, growth=2))
    pace, _ = _take(Pace(limit=limit), NOW, NOW)
    assert recovered(pace, NOW) == pace
    assert recovered(pace, NOW + 2 * _MINUTE) == replace(pace, arrival=None)
    assert recovered(pace, NOW + _DAY).at_rest
    assert not replace(pace, arrival=None, day=None, reserved=0, circuit=Circuit(failures=1)).at_rest


# -- warm-up -----------------------------------------------------------------------------------------------------------


def test_a_warm_up_grows_by_the_day_until_it_is_over() -> None:
    warm_up = WarmUp(start=date(2026, 12, 1), first_day=50, growth=1.5, target=200)
    caps = [warm_up.cap(date(2026, 12, 1) + days * _DAY) for days in (-1, 0, 1, 2, 3, 4, 100_000)]
    assert caps == [0, 50, 75, 112, 168, None, None]
    assert WarmUp(start=date(2026, 12, 1), first_day=50, growth=2, target=49).cap(date(2026, 12, 1)) is None
    assert WarmUp(start=date(2026, 12, 1), first_day=5, growth=1.2, target=5).cap(date(2026, 12, 1)) == 5


def test_what_is_over_the_cap_is_spread_over_the_front_of_the_next_days() -> None:
    limit = Limit(warm_up=WarmUp(start=NOW.date(), first_day=2, growth=2, target=1000))
    _, slots = _take(Pace(limit=limit), *[NOW] * 8)
    tomorrow = datetime(2026, 11, 28, tzinfo=UTC)
    assert slots[:6] == [NOW, NOW, *(tomorrow + n * SPREAD / 4 for n in range(4))]
    assert slots[6:] == [tomorrow + _DAY, tomorrow + _DAY + SPREAD / 8]


def test_nothing_leaves_before_the_start_and_no_cap_holds_after_the_end() -> None:
    limit = Limit(warm_up=WarmUp(start=date(2028, 1, 1), first_day=1, growth=2, target=1))
    _, slots = _take(Pace(limit=limit), *[NOW] * 5)
    assert slots == [datetime(2028, 1, 1, tzinfo=UTC)] + [datetime(2028, 1, 2, tzinfo=UTC)] * 4


@given(warm_up=warm_ups, rate=st.one_of(st.none(), rates), waits=st.lists(gaps, min_size=1, max_size=40))
def test_no_day_gets_more_than_its_cap(warm_up: WarmUp, rate: float | None, waits: list[timedelta]) -> None:
    limit = Limit(per_minute=rate, warm_up=warm_up)
    moments = list(accumulate(waits, initial=NOW))
    _, slots = _take(Pace(limit=limit), *moments)
    assert all(slot >= moment for slot, moment in zip(slots, moments, strict=True))
    for day, number in Counter(slot.date() for slot in slots).items():
        cap = warm_up.cap(day)
        assert cap is None or number <= cap
    if rate is not None:
        _assert_never_faster(slots, rate, limit.burst)


# -- windows -----------------------------------------------------------------------------------------------------------


def _local(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def _window(start: str, end: str) -> Window:
    return Window(start=time.fromisoformat(start), end=time.fromisoformat(end))


_BERLIN, _YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("hours", "zone", "now", "opening"),
    [
        ("07:00-21:00", _BERLIN, "2026-11-27T06:59", "2026-11-27T07:00"),
        ("07:00-21:00", _BERLIN, "2026-11-27T07:00", None),
        ("07:00-21:00", _BERLIN, "2026-11-27T20:59:59.999999", None),
        ("07:00-21:00", _BERLIN, "2026-11-27T21:00", "2026-11-28T07:00"),
        ("22:00-06:00", _YORK, "2026-11-27T21:59", "2026-11-27T22:00"),
        ("22:00-06:00", _YORK, "2026-11-27T23:30", None),
        ("22:00-06:00", _YORK, "2026-11-28T05:59", None),
        ("22:00-06:00", _YORK, "2026-11-28T06:00", "2026-11-28T22:00"),
        ("09:00-09:00", _YORK, "2026-11-28T03:00", None),
        # spring: 02:00 to 03:00 is left out on 29 March 2026
        ("07:00-21:00", _BERLIN, "2026-03-28T22:00", "2026-03-29T07:00"),
        ("02:15-02:45", _BERLIN, "2026-03-29T01:00", "2026-03-29T03:15"),
        ("02:30-03:00", _BERLIN, "2026-03-29T01:00", "2026-03-30T02:30"),
        # autumn: 02:00 to 03:00 comes twice on 25 October 2026, and the first counts
        ("07:00-21:00", _BERLIN, "2026-10-24T22:00", "2026-10-25T07:00"),
        ("02:15-02:45", _BERLIN, "2026-10-25T02:30", None),
        # a day that Samoa left out
        ("07:00-21:00", "Pacific/Apia", "2011-12-29T22:00", "2011-12-31T07:00"),
    ],
)
def test_mail_leaves_in_the_hours_of_the_place(hours: str, zone: str, now: str, opening: str | None) -> None:
    moment = _local(now, zone)
    wanted = moment if opening is None else _local(opening, zone)
    assert opens(_window(*hours.split("-")), zone, moment) == wanted


def test_the_second_time_of_an_hour_that_comes_twice_is_outside() -> None:
    second = _local("2026-10-25T02:30", _BERLIN, fold=1)
    assert opens(_window("02:15", "02:45"), _BERLIN, second) == _local("2026-10-26T02:15", _BERLIN)
    assert opens(_window("22:00", "02:30"), _BERLIN, second - _MINUTE) == _local("2026-10-25T22:00", _BERLIN)


@given(
    zone=st.sampled_from(
        [_BERLIN, _YORK, "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"]
    ),
    start=st.times(),
    end=st.times(),
    now=st.datetimes(datetime(2011, 1, 1), datetime(2035, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC)),  # noqa: DTZ001 - made aware at once
    later=st.timedeltas(timedelta(), _DAY),
)
def test_an_opening_is_open_and_no_later_than_it_must(
    zone: str, start: time, end: time, now: datetime, later: timedelta
) -> None:
    window = Window(start=start, end=end)
    opening = opens(window, zone, now)
    assert now <= opening <= now + 3 * _DAY
    assert opens(window, zone, opening) == opening
    assert opens(window, zone, now + later) >= opening or now + later < opening
    if now + later < opening:
        assert opens(window, zone, now + later) == opening


@pytest.mark.parametrize("zone", [_BERLIN, _YORK, "Australia/Sydney", "America/Sao_Paulo"])
def test_every_day_of_twenty_years_has_its_hours_whatever_the_clocks_do(zone: str) -> None:
    window, day = _window("07:00", "21:00"), date(2016, 1, 1)
    while day.year < 2036:
        begin = datetime.combine(day, time(7), ZoneInfo(zone)).astimezone(UTC)
        assert opens(window, zone, begin - timedelta(hours=4)) == begin
        last = begin + timedelta(hours=14) - timedelta.resolution
        assert opens(window, zone, last) == last
        assert opens(window, zone, last + timedelta.resolution) > begin + timedelta(hours=22)
        day += _DAY


# -- relays ------------------------------------------------------------------------------------------------------------


def test_a_relay_that_fails_rests_longer_each_time() -> None:
    circuit, now, rests = Circuit(), NOW, []
    for _ in range(7):
        circuit = circuit.broken(now)
        assert circuit.until is not None
        assert not circuit.admits(now)
        assert not circuit.admits(circuit.until - timedelta.resolution)
        assert circuit.admits(circuit.until)
        assert circuit.broken(now) == circuit  # ten threads that fail together are one failure
        rests.append((circuit.until - now) / _MINUTE)
        now = circuit.until
    assert rests == [1, 2, 4, 8, 15, 15, 15]


def test_a_clock_that_was_set_back_does_not_close_a_relay_for_long() -> None:
    assert Circuit().broken(NOW).admits(NOW - timedelta(hours=1))


def test_turns_are_shared_smoothly() -> None:
    assert turns([5, 1, 1]) == (0, 0, 1, 0, 2, 0, 0)
    assert turns([1]) == (0,)
    assert turns([1, 1]) == (0, 1)


@given(weights=st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_each_relay_has_exactly_its_share_of_every_round(weights: list[int]) -> None:
    chosen, total = turns(weights), sum(weights)
    assert Counter(chosen) == Counter(dict(enumerate(weights)))
    for length in range(total):  # at any point nobody is further from their share than all the others' one turn each
        for place, number in Counter(chosen[:length]).items():
            assert abs(number - length * weights[place] / total) < len(weights)
