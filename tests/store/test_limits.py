"""So many in so long, whoever counts; and nothing is kept that says who it was."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from store_builders import NOW

from newsletter.store.database import Database, open_database
from newsletter.store.limits import LONGEST, Limits
from newsletter.store.schema import allowance
from newsletter.tokens import Tokens

TOKENS = Tokens(["s" * 32])
MINUTE = timedelta(minutes=1)
#: What happens: who does which thing, and how many seconds later.
STEPS = st.lists(
    st.tuples(st.sampled_from(["search", "sign-up"]), st.sampled_from(["192.0.2.7", "2001:db8::"]), st.integers(0, 40)),
    max_size=40,
)


def _limits(database: Database) -> Limits:
    return Limits(database, TOKENS.allowance_key)


def _rows(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {row.scope: row.count for row in connection.execute(select(allowance.c.scope, allowance.c.count))}


def _model(most: int, within: timedelta) -> Callable[[str, str, datetime], timedelta | None]:
    """What `allow` promises, told with lists of moments."""
    stretches: dict[tuple[str, str], list[datetime]] = {}

    def allow(scope: str, who: str, now: datetime) -> timedelta | None:
        stretch = stretches.setdefault((scope, who), [])
        if stretch and now - stretch[0] >= within:
            stretch.clear()
        if len(stretch) < most:
            stretch.append(now)
            return None
        return stretch[0] + within - now

    return allow


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, most=st.integers(1, 5), seconds=st.integers(1, 90))
def test_it_answers_what_a_list_of_moments_would(
    database: Database, steps: list[tuple[str, str, int]], most: int, seconds: int
) -> None:
    with database.begin() as connection:
        connection.execute(delete(allowance))
    limits, within, now = _limits(database), timedelta(seconds=seconds), NOW
    expected = _model(most, within)
    for scope, who, later in steps:
        now += timedelta(seconds=later)
        told = expected(scope, who, now)
        assert limits.wait(scope, who, most, within, now) == told
        assert limits.allow(scope, who, most, within, now) == told


def test_who_waits_as_long_as_told_may_go_on(database: Database) -> None:
    limits = _limits(database)
    assert limits.allow("search", "192.0.2.7", 1, MINUTE, NOW) is None
    wait = limits.allow("search", "192.0.2.7", 1, MINUTE, NOW + MINUTE / 4)
    assert wait == MINUTE * 3 / 4
    later = NOW + MINUTE / 4 + wait
    assert limits.allow("search", "192.0.2.7", 1, MINUTE, later - timedelta(microseconds=1)) is not None
    assert limits.allow("search", "192.0.2.7", 1, MINUTE, later) is None


def test_processes_at_once_allow_no_more_than_one_would(url: str) -> None:
    """Each thread with a database of its own, as processes have; half of them ask another scope's."""
    databases = [open_database(url) for _ in range(4)]

    def ask(number: int) -> bool:
        limits = _limits(databases[number % 4])
        return limits.allow("search", "192.0.2.7", 7, MINUTE, NOW + number * timedelta(milliseconds=1)) is None

    with ThreadPoolExecutor(4) as pool:
        allowed = sum(pool.map(ask, range(60)))
    assert allowed == 7
    assert list(_rows(databases[0]).values()) == [7]
    for each in databases:
        each.close()


def test_what_is_given_back_may_be_done_again(database: Database) -> None:
    limits = _limits(database)
    for who in ("192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.8"):
        assert limits.allow("password", who, 2, MINUTE, NOW) is None
    limits.give_back("password", "192.0.2.7")
    limits.give_back("password", "192.0.2.9")
    assert limits.wait("password", "192.0.2.8", 2, MINUTE, NOW) == MINUTE
    assert limits.allow("password", "192.0.2.7", 2, MINUTE, NOW) is None
    assert limits.allow("password", "192.0.2.7", 2, MINUTE, NOW) == MINUTE
    for _ in range(5):
        limits.give_back("password", "192.0.2.7")
    for wait in (None, None, MINUTE):
        assert limits.allow("password", "192.0.2.7", 2, MINUTE, NOW) == wait


def test_a_clock_that_was_set_back_locks_nobody_out(database: Database) -> None:
    limits = _limits(database)
    assert limits.allow("search", "192.0.2.7", 1, MINUTE, NOW) is None
    assert limits.allow("search", "192.0.2.7", 1, MINUTE, NOW - 30 * MINUTE) is None
    assert limits.allow("search", "192.0.2.7", 1, MINUTE, NOW - 30 * MINUTE) == MINUTE


def test_what_is_over_is_thrown_away(database: Database) -> None:
    limits = _limits(database)
    for number in range(5):
        assert limits.allow("search", f"192.0.2.{number}", 1, MINUTE, NOW) is None
    assert limits.purge(NOW + LONGEST) == 0
    assert limits.allow("search", "192.0.2.9", 1, MINUTE, NOW + LONGEST + MINUTE) is None
    assert len(_rows(database)) == 1


def test_nothing_that_is_kept_says_who_it_was(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    limits = _limits(database)
    for who in ("192.0.2.77", "ann@example.org"):
        assert limits.allow("sign-up", who, 3, MINUTE, NOW) is None
    assert {name.partition("/")[0] for name in _rows(database)} == {"sign-up"}
    database.close()
    kept = b"".join(path.read_bytes() for path in Path(sqlite_url.removeprefix("sqlite:///")).parent.glob("*.db*"))
    assert b"sign-up/" in kept
    for trace in (b"192.0.2.77", b"ann@", b"example.org"):
        assert trace not in kept


@pytest.mark.parametrize(("most", "within"), [(0, MINUTE), (1, timedelta()), (1, LONGEST + MINUTE)])
def test_an_allowance_that_makes_no_sense_is_refused(database: Database, most: int, within: timedelta) -> None:
    with pytest.raises(ValueError, match="at least one"):
        _limits(database).allow("search", "192.0.2.7", most, within, NOW)
