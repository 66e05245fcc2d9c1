"""Calendar, plan and clock guard, by name. What must hold in every history is in test_schedule_properties.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from builders import make_newsletter

from newsletter.model import Cadence, CatchUp, DigestRecord, Newsletter, PlannedDigest, Precision
from newsletter.periods import (
    due_at,
    leap,
    local_date,
    local_moment,
    next_due,
    period_containing,
    period_named,
    placed_in_time,
    plan,
)

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "UTC",
    "Asia/Kolkata",
)
STEADY_ZONES = ("UTC", "Asia/Kolkata")
HOURS = (time(0), time(0, 30), time(1, 30), time(2, 30), time(7))
FIRST_DAY, LAST_DAY = date(2016, 1, 1), date(2035, 12, 31)
INSTANT = timedelta.resolution
ONE_DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def recorded(*planned: PlannedDigest) -> tuple[DigestRecord, ...]:
    return tuple(
        DigestRecord(
            newsletter=one.newsletter, period=one.period, window_start=one.window_start, window_end=one.window_end
        )
        for one in planned
    )


def record_of(newsletter: Newsletter, *keys: str) -> tuple[DigestRecord, ...]:
    periods = [period_named(key, newsletter.zone) for key in keys]
    return tuple(
        DigestRecord(newsletter=newsletter.slug, period=period.key, window_start=period.start, window_end=period.end)
        for period in periods
    )


def keys(planned: tuple[PlannedDigest, ...]) -> list[str]:
    return [one.period for one in planned]


# -- moments ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        ("Europe/Berlin", date(2026, 11, 20), time(7), "2026-11-20 06:00"),
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), "2026-03-29 01:30"),  # left out: 03:30 local
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), "2026-10-25 00:30"),  # twice: the first
        ("America/Santiago", date(2024, 9, 8), time(0), "2024-09-08 04:00"),  # left out: 01:00 local
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), "2026-10-03 15:45"),  # a gap of half an hour
    ],
)
def test_a_wall_time_that_is_left_out_moves_forward_and_one_that_comes_twice_is_the_first(
    zone: str, day: date, at: time, expected: str
) -> None:
    assert local_moment(day, at, zone) == utc(expected)
    assert local_moment(day, at.replace(fold=1), zone) == utc(expected)


def test_a_date_without_time_means_noon_of_that_date_in_every_zone() -> None:
    stored = utc("2025-12-01 12:00")
    for zone in (*ZONES, "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        for precision in (Precision.DAY, Precision.MONTH):
            placed = placed_in_time(stored, precision, zone)
            assert placed.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == datetime(2025, 12, 1, 12)  # noqa: DTZ001 - a wall time


def test_a_known_instant_stays_where_it_is() -> None:
    moment = utc("2025-12-01 12:00")
    assert placed_in_time(moment, Precision.INSTANT, "Pacific/Kiritimati") == moment


# -- periods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "start", "end"),
    [
        ("2026-11-20", "2026-11-19 23:00", "2026-11-20 23:00"),
        ("2026-03-29", "2026-03-28 23:00", "2026-03-29 22:00"),  # 23 hours
        ("2026-10-25", "2026-10-24 22:00", "2026-10-25 23:00"),  # 25 hours
        ("2024-02-29", "2024-02-28 23:00", "2024-02-29 23:00"),
        ("2026-W53", "2026-12-27 23:00", "2027-01-03 23:00"),
        ("2020-W01", "2019-12-29 23:00", "2020-01-05 23:00"),
        ("2026-12", "2026-11-30 23:00", "2026-12-31 23:00"),
        ("2024-02", "2024-01-31 23:00", "2024-02-29 23:00"),
    ],
)
def test_a_key_names_its_stretch_of_local_time(key: str, start: str, end: str) -> None:
    period = period_named(key, "Europe/Berlin")
    assert (period.key, period.start, period.end) == (key, utc(start), utc(end))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "2026",
        "2026-13",
        "2026-00",
        "2026-02-29",
        "2026-W54",
        "2025-W53",
        "2026-W00",
        "20261120",
        "2026-1-1",
        "2026-11-20 ",
        "2026-w47",
        "2026-11-",
        "٢٠٢٦-11",
        "9999-12-31",
        "9999-12",
        "0001-01-01",
        "0000-01",
    ],
)
def test_a_key_that_names_no_period_is_refused_with_the_forms_that_do(key: str) -> None:
    with pytest.raises(ValueError, match="2026-W47") as refused:
        period_named(key, "Europe/Berlin")
    assert repr(key) in str(refused.value)


def test_a_day_that_a_zone_left_out_is_no_period() -> None:
    with pytest.raises(ValueError, match="'2011-12-30': this day does not exist in Pacific/Apia"):
        period_named("2011-12-30", "Pacific/Apia")
    before = period_named("2011-12-29", "Pacific/Apia")
    assert period_containing(before.end, Cadence.DAILY, "Pacific/Apia").key == "2011-12-31"


@pytest.mark.parametrize(
    ("moment", "cadence", "key"),
    [
        ("2026-11-20 22:59", Cadence.DAILY, "2026-11-20"),
        ("2026-11-20 23:00", Cadence.DAILY, "2026-11-21"),
        ("2027-01-01 12:00", Cadence.WEEKLY, "2026-W53"),
        ("2027-01-03 23:00", Cadence.WEEKLY, "2027-W01"),
        ("2026-12-31 22:59", Cadence.MONTHLY, "2026-12"),
        ("2026-12-31 23:00", Cadence.MONTHLY, "2027-01"),
        ("2026-01-31 12:00", Cadence.MONTHLY, "2026-01"),
    ],
)
def test_a_moment_lies_in_the_period_of_its_local_date(moment: str, cadence: Cadence, key: str) -> None:
    assert period_containing(utc(moment), cadence, "Europe/Berlin").key == key


def test_a_date_that_comes_again_after_midnight_does_not_bend_the_periods() -> None:
    # St. John's, 2010-11-07: at 00:01 clocks went back to 23:01 of the 6th.
    second_evening = utc("2010-11-07 03:00")
    assert local_date(second_evening, "America/St_Johns") == date(2010, 11, 6)
    assert period_containing(second_evening, Cadence.DAILY, "America/St_Johns").key == "2010-11-07"


def test_a_date_that_begins_before_its_own_midnight_does_not_bend_the_periods() -> None:
    # Toronto, 1919-03-30: at 23:30 clocks went forward to 00:30 of the 31st, so midnight counts as 01:00.
    too_early = utc("1919-03-31 04:45")
    assert local_date(too_early, "America/Toronto") == date(1919, 3, 31)
    assert period_containing(too_early, Cadence.DAILY, "America/Toronto").key == "1919-03-30"


def calendar_keys(cadence: Cadence) -> list[str]:
    """What the calendar on the wall says, by the standard library's own formats."""
    days = [FIRST_DAY + timedelta(days=number) for number in range((LAST_DAY - FIRST_DAY).days + 1)]
    form = {Cadence.DAILY: "%Y-%m-%d", Cadence.WEEKLY: "%G-W%V", Cadence.MONTHLY: "%Y-%m"}[cadence]
    return list(dict.fromkeys(day.strftime(form) for day in days))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cadence", Cadence)
def test_twenty_years_of_periods_tile_in_calendar_order(zone: str, cadence: Cadence) -> None:
    newsletters = [make_newsletter(cadence=cadence, zone=zone, send_at=hour) for hour in HOURS]
    wanted = calendar_keys(cadence)
    period = period_containing(local_moment(FIRST_DAY, time(12), zone), cadence, zone)
    walked, dues = [], []
    for _ in wanted:
        walked.append(period.key)
        dues.append([due_at(newsletter, period) for newsletter in newsletters])
        assert period == period_named(period.key, zone)
        assert period == period_containing(period.start, cadence, zone)
        assert period == period_containing(period.end - INSTANT, cadence, zone)
        following = period_containing(period.end, cadence, zone)
        assert period.start < period.end == following.start
        period = following
    assert walked == wanted
    for before, after in pairwise(dues):
        assert all(one < other for one, other in zip(before, after, strict=True))


# -- every clock change -----------------------------------------------------------------------------------------------


def clock_changes(zone: str) -> Iterator[date]:
    """Every local date on which the offset from UTC is another at its end than at its start."""
    info = ZoneInfo(zone)
    day = FIRST_DAY
    while day <= LAST_DAY:
        start = datetime.combine(day, time(0), tzinfo=info)
        end = datetime.combine(day + ONE_DAY, time(0), tzinfo=info)
        # Where midnight itself is left out, only a moment before it shows the old offset.
        before = (start.astimezone(UTC) - timedelta(minutes=1)).astimezone(info)
        if before.utcoffset() != end.utcoffset():
            yield day
        day += ONE_DAY


def expected_after(day: date, cadence: Cadence, number: int) -> list[str]:
    form = {Cadence.DAILY: "%Y-%m-%d", Cadence.WEEKLY: "%G-W%V", Cadence.MONTHLY: "%Y-%m"}[cadence]
    following = dict.fromkeys((day + timedelta(days=offset)).strftime(form) for offset in range(32 * (number + 1)))
    return list(following)[1 : number + 1]


@pytest.mark.parametrize("zone", ZONES)
def test_no_clock_change_skips_doubles_or_reorders_a_digest(zone: str) -> None:
    changes = list(clock_changes(zone))
    assert bool(changes) == (zone not in STEADY_ZONES)
    for change in changes:
        for cadence, before, number in (
            (Cadence.DAILY, timedelta(days=3), 6),
            (Cadence.WEEKLY, timedelta(days=14), 4),
            (Cadence.MONTHLY, timedelta(days=45), 3),
        ):
            for hour in HOURS:
                newsletter = make_newsletter(cadence=cadence, zone=zone, send_at=hour)
                assert_ticks_on_time(newsletter, change - before, number)


def assert_ticks_on_time(newsletter: Newsletter, day: date, number: int) -> None:
    """Asks just before and at each nominal time, as an endless ticker would."""
    zone = newsletter.zone
    begin = period_containing(local_moment(day, time(12), zone), newsletter.cadence, zone)
    record = record_of(newsletter, begin.key)
    for key in expected_after(day, newsletter.cadence, number):
        coming = next_due(newsletter, record, now=record[-1].window_end)
        assert plan(newsletter, record, oldest=None, now=coming.due_at - INSTANT) == ()
        (due,) = plan(newsletter, record, oldest=None, now=coming.due_at)
        assert due == coming
        assert (due.period, due.window_start) == (key, record[-1].window_end)
        assert_wall_time(due.due_at, newsletter)
        record = (*record, *recorded(due))


def assert_wall_time(moment: datetime, newsletter: Newsletter) -> None:
    """The hour that was asked for, or, where the clock leaves it out, the one that is not earlier than it."""
    wall = moment.astimezone(ZoneInfo(newsletter.zone))
    if wall.time() != newsletter.send_at:
        asked = datetime.combine(wall.date(), newsletter.send_at, tzinfo=wall.tzinfo)
        again = asked.astimezone(UTC).astimezone(wall.tzinfo)
        assert again.time() != newsletter.send_at, "this time exists, so it must be used"
        assert wall.time() > newsletter.send_at
    assert wall.fold == 0


# -- plan -------------------------------------------------------------------------------------------------------------

DAILY = make_newsletter("daily", cadence=Cadence.DAILY)
AFTER_A_WEEK = utc("2026-11-20 12:00")


def test_a_period_is_due_at_the_hour_on_the_day_on_which_it_ends_and_not_before() -> None:
    record = record_of(DAILY, "2026-11-18")
    (coming,) = plan(DAILY, record, oldest=None, now=utc("2026-11-20 06:00"))
    assert coming == PlannedDigest(
        newsletter="daily",
        period="2026-11-19",
        window_start=utc("2026-11-18 23:00"),
        window_end=utc("2026-11-19 23:00"),
        due_at=utc("2026-11-20 06:00"),
    )
    assert plan(DAILY, record, oldest=None, now=utc("2026-11-20 05:59")) == ()


def test_a_new_newsletter_composes_its_back_issues_and_mails_only_the_newest() -> None:
    planned = plan(DAILY, (), oldest=utc("2026-11-16 23:30"), now=AFTER_A_WEEK)
    assert keys(planned) == ["2026-11-17", "2026-11-18", "2026-11-19"]
    assert [one.mailed for one in planned] == [False, False, True]
    assert planned[0].window_start == period_named("2026-11-17", DAILY.zone).start
    assert not any(one.catch_up for one in planned)


@pytest.mark.parametrize("oldest", [None, "2026-11-19 12:00", "2026-11-20 09:00", "2030-01-01 00:00"])
def test_a_new_newsletter_without_older_articles_begins_with_the_newest_period_that_is_due(oldest: str | None) -> None:
    planned = plan(DAILY, (), oldest=oldest and utc(oldest), now=AFTER_A_WEEK)
    assert keys(planned) == ["2026-11-19"]
    assert planned[0].mailed
    assert planned[0].window_start == utc("2026-11-18 23:00")


@pytest.mark.parametrize("catch_up", CatchUp)
def test_the_policy_for_missed_periods_says_nothing_about_back_issues(catch_up: CatchUp) -> None:
    newsletter = make_newsletter(cadence=Cadence.DAILY, catch_up=catch_up)
    planned = plan(newsletter, (), oldest=utc("2026-11-17 12:00"), now=AFTER_A_WEEK)
    assert [one.mailed for one in planned] == [False, False, True]


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [
        (CatchUp.COALESCE, [("2026-11-19", True, True)]),
        (CatchUp.EACH, [("2026-11-17", False, True), ("2026-11-18", False, True), ("2026-11-19", False, True)]),
        (CatchUp.SKIP, [("2026-11-17", False, False), ("2026-11-18", False, False), ("2026-11-19", False, True)]),
    ],
)
def test_missed_periods_go_by_the_newsletters_policy(catch_up: CatchUp, expected: list[tuple[str, bool, bool]]) -> None:
    newsletter = make_newsletter(cadence=Cadence.DAILY, catch_up=catch_up)
    record = record_of(newsletter, "2026-11-16")
    planned = plan(newsletter, record, oldest=None, now=AFTER_A_WEEK)
    assert [(one.period, one.catch_up, one.mailed) for one in planned] == expected
    assert planned[0].window_start == record[0].window_end
    assert planned[-1].window_end == period_named("2026-11-19", newsletter.zone).end
    assert all(one.window_end == other.window_start for one, other in pairwise(planned))


@pytest.mark.parametrize("catch_up", CatchUp)
def test_one_missed_period_is_an_ordinary_digest(catch_up: CatchUp) -> None:
    newsletter = make_newsletter(cadence=Cadence.DAILY, catch_up=catch_up)
    (only,) = plan(newsletter, record_of(newsletter, "2026-11-18"), oldest=None, now=AFTER_A_WEEK)
    assert (only.period, only.catch_up, only.mailed) == ("2026-11-19", False, True)


def test_what_is_recorded_is_not_planned_again() -> None:
    planned = plan(DAILY, (), oldest=utc("2026-11-10 12:00"), now=AFTER_A_WEEK)
    assert plan(DAILY, recorded(*planned), oldest=utc("2026-11-01 12:00"), now=AFTER_A_WEEK) == ()


def test_the_order_of_the_record_does_not_matter() -> None:
    record = record_of(DAILY, "2026-11-18", "2026-11-16", "2026-11-17")
    assert keys(plan(DAILY, record, oldest=None, now=AFTER_A_WEEK)) == ["2026-11-19"]


def test_after_a_move_west_a_used_key_is_passed_over_and_the_next_digest_covers_more() -> None:
    record = record_of(make_newsletter("daily", cadence=Cadence.DAILY, zone="Europe/Berlin"), "2026-11-19")
    moved = make_newsletter("daily", cadence=Cadence.DAILY, zone="America/New_York")
    assert plan(moved, record, oldest=None, now=utc("2026-11-20 13:00")) == ()
    (due,) = plan(moved, record, oldest=None, now=utc("2026-11-21 13:00"))
    assert (due.period, due.window_start, due.window_end) == (
        "2026-11-20",
        utc("2026-11-19 23:00"),
        utc("2026-11-21 05:00"),
    )
    assert not due.catch_up


def test_another_cadence_goes_on_where_the_last_one_ended() -> None:
    record = record_of(DAILY, "2026-11-18")
    weekly = make_newsletter("daily", cadence=Cadence.WEEKLY)
    (due,) = plan(weekly, record, oldest=None, now=utc("2026-11-23 12:00"))
    assert (due.period, due.window_start, due.window_end) == (
        "2026-W47",
        utc("2026-11-18 23:00"),
        utc("2026-11-22 23:00"),
    )


def test_another_hour_neither_doubles_nor_skips_a_period() -> None:
    record = record_of(DAILY, "2026-11-19")
    late = make_newsletter("daily", cadence=Cadence.DAILY, send_at=time(23))
    assert plan(late, record, oldest=None, now=AFTER_A_WEEK) == ()
    assert keys(plan(late, record, oldest=None, now=utc("2026-11-21 22:00"))) == ["2026-11-20"]


def test_a_record_from_the_future_plans_nothing_until_time_has_come() -> None:
    record = record_of(DAILY, "2027-03-01")
    assert plan(DAILY, record, oldest=None, now=AFTER_A_WEEK) == ()
    assert next_due(DAILY, record, AFTER_A_WEEK).period == "2027-03-02"


def test_monthly_periods_come_one_by_one_from_the_31st_on() -> None:
    monthly = make_newsletter(cadence=Cadence.MONTHLY, catch_up=CatchUp.EACH)
    planned = plan(monthly, (), oldest=utc("2023-12-31 12:00"), now=utc("2024-05-01 12:00"))
    assert keys(planned) == ["2023-12", "2024-01", "2024-02", "2024-03", "2024-04"]
    assert planned[2].due_at == utc("2024-03-01 06:00")


def test_week_53_stands_between_its_neighbours() -> None:
    planned = plan(make_newsletter(), (), oldest=utc("2026-12-22 12:00"), now=utc("2027-01-12 12:00"))
    assert keys(planned) == ["2026-W52", "2026-W53", "2027-W01"]


def test_the_day_that_samoa_left_out_has_no_digest() -> None:
    samoa = make_newsletter(cadence=Cadence.DAILY, zone="Pacific/Apia", catch_up=CatchUp.EACH)
    planned = plan(samoa, record_of(samoa, "2011-12-28"), oldest=None, now=utc("2012-01-01 20:00"))
    assert keys(planned) == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert len({one.due_at for one in planned}) == 3


# -- what comes next --------------------------------------------------------------------------------------------------


def test_the_next_digest_follows_what_is_recorded() -> None:
    coming = next_due(DAILY, record_of(DAILY, "2026-11-19"), AFTER_A_WEEK)
    assert (coming.period, coming.window_start, coming.due_at) == (
        "2026-11-20",
        utc("2026-11-19 23:00"),
        utc("2026-11-21 06:00"),
    )


def test_the_next_digest_follows_what_is_due_too() -> None:
    coming = next_due(DAILY, record_of(DAILY, "2026-11-10"), AFTER_A_WEEK)
    assert (coming.period, coming.window_start) == ("2026-11-20", utc("2026-11-19 23:00"))


def test_a_new_newsletter_has_a_next_digest() -> None:
    coming = next_due(make_newsletter(), (), AFTER_A_WEEK)
    assert (coming.period, coming.due_at) == ("2026-W47", utc("2026-11-23 06:00"))


# -- the clock --------------------------------------------------------------------------------------------------------

LAST = utc("2026-11-20 12:00")
HOUR, MAX_GAP = timedelta(hours=1), timedelta(days=35)


@pytest.mark.parametrize(
    ("now", "last_tick", "elapsed"),
    [
        (LAST, None, None),
        (LAST + timedelta(seconds=30), LAST, timedelta(seconds=30)),
        (LAST + MAX_GAP, LAST, None),
        (LAST + MAX_GAP, LAST, MAX_GAP),
        (LAST + 26 * HOUR, LAST, HOUR),
        (LAST - HOUR, LAST, HOUR),
        (LAST - HOUR, LAST, None),
    ],
)
def test_a_believable_clock_is_believed(now: datetime, last_tick: datetime | None, elapsed: timedelta | None) -> None:
    assert leap(now, last_tick=last_tick, elapsed=elapsed, max_gap=MAX_GAP) is None


@pytest.mark.parametrize(
    ("now", "elapsed", "seen"),
    [
        (LAST + MAX_GAP + INSTANT, None, "35 days after the last tick, and more than 35 days are not believed"),
        (LAST + MAX_GAP + INSTANT, MAX_GAP, "35 days after the last tick, and more than 35 days are not believed"),
        (utc("2036-11-20 12:00"), timedelta(seconds=30), "3653 days after the last tick, though only 30 seconds"),
        (LAST + 26 * HOUR + INSTANT, HOUR, "26 hours after the last tick, though only 60 minutes have passed"),
        (LAST - HOUR - INSTANT, None, "60 minutes before the last tick"),
        (LAST - 30 * HOUR, timedelta(seconds=30), "30 hours before the last tick"),
        (utc("1970-01-01 12:00"), None, "20777 days before the last tick"),
    ],
)
def test_a_leap_is_refused_with_what_was_seen_and_what_to_do(
    now: datetime, elapsed: timedelta | None, seen: str
) -> None:
    reason = leap(now, last_tick=LAST, elapsed=elapsed, max_gap=MAX_GAP)
    assert reason is not None
    assert seen in reason
    assert f"{now:%Y-%m-%d %H:%M} UTC" in reason
    assert "2026-11-20 12:00 UTC" in reason
    assert reason.endswith("Check the clock; if it is right, run `newsletter publish --catch-up`.")
