"""The log of who was erased: written before the commit, private, whole after a crash; and a database that lags behind it."""

from __future__ import annotations

import stat
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from store_builders import NOW, make_request, make_subscription

from newsletter.errors import StoreError
from newsletter.store.database import Database
from newsletter.store.erasures import Erasures, Pending
from newsletter.store.persons import Persons
from newsletter.store.requests import Requests
from newsletter.store.subscribers import Subscribers

DAY = timedelta(days=1)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "state" / "erased"


def remember(database: Database, log: Path, *keys: str) -> None:
    for number, key in enumerate(keys):
        with database.begin() as connection:
            Erasures(database, log).remember(connection, key, NOW + number * DAY)


def pending(database: Database, log: Path) -> Pending:
    found = Erasures(database, log).pending()
    assert found is not None
    return found


def forget_the_log(database: Database) -> None:
    """As a database that was put back has never heard of it."""
    with database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM progress")


def test_a_database_goes_along_with_what_it_does_itself(database: Database, log: Path) -> None:
    assert Erasures(database, log).pending() is None, "there is no log yet"
    remember(database, log, "a", "b")
    assert Erasures(database, log).pending() is None
    forget_the_log(database)
    assert pending(database, log).erased == {"a": NOW, "b": NOW + DAY}
    Erasures(database, log).done(pending(database, log), NOW)
    assert Erasures(database, log).pending() is None
    remember(database, log, "c")
    assert Erasures(database, log).pending() is None


def test_only_what_the_database_lags_behind_is_done_again(database: Database, log: Path) -> None:
    remember(database, log, "a")
    with database.read() as connection:
        before = connection.exec_driver_sql("SELECT * FROM progress").all()
    remember(database, log, "b")
    forget_the_log(database)
    with database.begin() as connection:
        (name, reached, *_), *_ = before
        connection.exec_driver_sql(
            f"INSERT INTO progress (name, reached, at, fingerprint) VALUES ('{name}', {reached}, '{NOW:%F %T}', '')"
        )
    assert pending(database, log).erased == {"b": NOW}


def test_the_log_is_private_and_holds_no_more_than_it_is_told(database: Database, log: Path) -> None:
    remember(database, log, "key-of-ann")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    header, line = log.read_text(encoding="ascii").splitlines()
    assert header.startswith("erased ")
    assert line == f"{NOW.isoformat()} key-of-ann"
    assert [path.name for path in log.parent.iterdir()] == ["erased"]


def test_an_erasure_that_was_not_committed_is_done_again(database: Database, log: Path) -> None:
    """The other way round somebody would be forgotten by the log."""
    with suppress(KeyboardInterrupt), database.begin() as connection:
        Erasures(database, log).remember(connection, "a", NOW)
        raise KeyboardInterrupt
    assert pending(database, log).erased == {"a": NOW}


def test_a_line_that_a_crash_tore_costs_no_other(database: Database, log: Path) -> None:
    remember(database, log, "a")
    with log.open("ab") as file:
        file.write(b"2026-11-20T09:")
    remember(database, log, "b")
    forget_the_log(database)
    assert pending(database, log).erased == {"a": NOW, "b": NOW}


def test_the_last_erasure_of_somebody_counts(database: Database, log: Path) -> None:
    remember(database, log, "a", "b", "a")
    forget_the_log(database)
    assert pending(database, log).erased["a"] == NOW + 2 * DAY


def test_many_at_once_write_whole_lines_into_one_log(database: Database, log: Path) -> None:
    def erase(number: int) -> None:
        for each in range(10):
            remember(database, log, f"{number}-{each}")

    threads = [Thread(target=erase, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    forget_the_log(database)
    assert set(pending(database, log).erased) == {f"{n}-{each}" for n in range(4) for each in range(10)}


def test_another_file_is_not_taken_for_a_log_nor_written_to(database: Database, log: Path) -> None:
    log.parent.mkdir()
    log.write_text("something else\n", encoding="ascii")
    with pytest.raises(StoreError, match="no log of who was erased"):
        Erasures(database, log).pending()


def test_nobody_is_erased_where_that_cannot_be_remembered(database: Database, tmp_path: Path) -> None:
    Subscribers(database).add(make_subscription("ann@example.org"))
    (tmp_path / "file").touch()
    erasures = Erasures(database, tmp_path / "file" / "erased")
    with pytest.raises(StoreError, match="cannot be written"):
        Persons(database).erase("ann@example.org", (), lambda connection: erasures.remember(connection, "a", NOW))
    assert Subscribers(database).find("ann@example.org") is not None


def test_who_came_back_since_is_not_erased_again(database: Database) -> None:
    people, at = Subscribers(database), make_subscription().consent.at
    people.add(make_subscription("ann@example.org"))
    people.add(make_subscription("bea@example.org"))
    Requests(database).add(make_request("cleo@example.org", at=NOW), "person")
    Requests(database).add(make_request("bea@example.org", at=at + DAY), "person")
    persons = Persons(database)
    everybody = dict.fromkeys(("ann@example.org", "bea@example.org", "cleo@example.org", "dora@example.org"), at)
    assert set(persons.to_erase(everybody, str)) == {"ann@example.org"} | ({"cleo@example.org"} if at >= NOW else set())
    assert set(persons.to_erase(dict.fromkeys(everybody, NOW + 2 * DAY), str)) == {
        "ann@example.org",
        "bea@example.org",
        "cleo@example.org",
    }
    assert persons.to_erase(dict.fromkeys(everybody, at - DAY), str) == ()
    assert persons.to_erase({}, str) == ()
