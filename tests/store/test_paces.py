from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection
from store_builders import NOW

from newsletter.pacing import Circuit, Limit, Pace, SlowDown, WarmUp, rate_at, reserve, slow
from newsletter.store.database import Database, open_database
from newsletter.store.paces import Paces

_FULL = Pace(
    slow_down=SlowDown(per_minute=7.5, at=NOW),
    arrival=NOW + timedelta(seconds=8, microseconds=1),
    day=date(2026, 11, 27),
    reserved=12,
    circuit=Circuit(failures=3, until=NOW + timedelta(minutes=4)),
)
_LIMIT = Limit(per_minute=60, warm_up=WarmUp(start=date(2026, 11, 1), first_day=50, growth=2))


def _step(change: Callable[[Pace, datetime], Pace]) -> Callable[[Pace], Pace]:
    return lambda pace: change(pace, NOW)


def test_what_was_learned_outlives_the_process(url: str) -> None:
    first = open_database(url)
    Paces(first).save({"domain/example.com": _FULL, "relay/smtp": slow(Pace(), NOW)})
    first.close()
    second = open_database(url)
    assert Paces(second).load() == {"domain/example.com": _FULL, "relay/smtp": slow(Pace(), NOW)}
    second.close()


def test_limits_come_from_the_configuration_alone(database: Database) -> None:
    Paces(database, {"relay/smtp": Limit(per_minute=5)}).save({"relay/smtp": replace(_FULL, limit=Limit(per_minute=5))})
    loaded = Paces(database, {"relay/smtp": _LIMIT, "domain/example.com": Limit(per_minute=1)}).load()
    assert loaded == {
        "relay/smtp": replace(_FULL, limit=_LIMIT),
        "domain/example.com": Pace(limit=Limit(per_minute=1)),
    }


def test_a_pace_at_rest_leaves_no_row(database: Database) -> None:
    paces = Paces(database)
    paces.save({"domain/a.example": _FULL, "domain/b.example": _FULL})
    paces.save({"domain/a.example": Pace(limit=_LIMIT), "domain/c.example": Pace()})
    assert paces.load() == {"domain/b.example": _FULL}
    paces.save({})
    assert paces.load() == {"domain/b.example": _FULL}


def test_a_transaction_that_fails_takes_the_reservation_back(database: Database) -> None:
    paces = Paces(database, {"domain/example.com": Limit(per_minute=60)})

    def take(connection: Connection) -> int:
        held = paces.locked(["domain/example.com"], connection)
        paces.save({scope: reserve(pace, NOW)[0] for scope, pace in held.items()}, connection)
        return len(held)

    with pytest.raises(ZeroDivisionError), database.begin() as connection:
        assert 1 / (take(connection) - 1)
    assert paces.load() == {"domain/example.com": Pace(limit=Limit(per_minute=60))}
    with database.begin() as connection:
        take(connection)
    assert paces.load()["domain/example.com"].arrival == NOW + timedelta(seconds=1)


def test_what_was_locked_and_not_changed_says_nothing(database: Database) -> None:
    paces = Paces(database)
    assert paces.change("domain/example.com", lambda pace: pace) == Pace()
    assert paces.load() == {}


def test_no_slot_is_given_twice_however_many_ask_at_once(url: str) -> None:
    """Several threads, each with a database of its own as other machines have, on a row that does not exist at first."""
    databases = [open_database(url) for _ in range(4)]
    slots: list[datetime] = []

    def take(pace: Pace) -> Pace:
        changed, slot = reserve(pace, NOW)
        slots.append(slot)
        return changed

    limits = {"domain/example.com": Limit(per_minute=6)}
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(partial(Paces(databases[number % 4], limits).change, "domain/example.com", take))
            for number in range(24)
        ]
        for one in asked:
            one.result()
    for opened in databases:
        opened.close()
    assert sorted(slots) == [NOW + number * timedelta(seconds=10) for number in range(24)]


def test_a_row_that_comes_and_goes_under_our_hands_is_no_error(url: str) -> None:
    databases = [open_database(url) for _ in range(2)]
    changes = [lambda _: Pace(), _step(slow)]
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(Paces(databases[number % 2]).change, "relay/smtp", changes[number // 2 % 2])
            for number in range(40)
        ]
        for one in asked:
            assert rate_at(one.result(), NOW) in {None, 30.0}
    for opened in databases:
        opened.close()
