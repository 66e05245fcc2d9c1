from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import Connection, insert, make_url, select, text

from newsletter.errors import StoreError
from newsletter.store.database import Database, insert_new, open_database, upsert
from newsletter.store.schema import tick

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    def break_off(connection: Connection) -> None:
        connection.execute(insert(tick).values(id=1, at=NOW))
        raise KeyError

    with pytest.raises(KeyError), database.begin() as connection:
        break_off(connection)
    with database.read() as connection:
        assert connection.execute(select(tick)).all() == []
    with database.begin() as connection:
        connection.execute(insert(tick).values(id=1, at=NOW))
    with database.read() as connection:
        assert connection.execute(select(tick)).all() == [(1, NOW)]


def test_the_dialect_is_named(database: Database, url: str) -> None:
    assert database.dialect == url.partition(":")[0].partition("+")[0]


def test_insert_new_tells_whether_it_wrote(database: Database) -> None:
    with database.begin() as connection:
        assert insert_new(connection, tick, {"id": 1, "at": NOW}) == (1,)
        assert insert_new(connection, tick, {"id": 1, "at": NOW + timedelta(days=1)}) is None
        assert connection.execute(select(tick)).all() == [(1, NOW)]


def test_upsert_replaces_the_row_of_that_key(database: Database) -> None:
    with database.begin() as connection:
        upsert(connection, tick, {"id": 1, "at": NOW}, key=("id",))
        upsert(connection, tick, {"id": 2, "at": NOW}, key=("id",))
        upsert(connection, tick, {"id": 1, "at": NOW + timedelta(days=1)}, key=("id",))
        assert set(connection.execute(select(tick)).all()) == {(1, NOW + timedelta(days=1)), (2, NOW)}


def test_a_reader_cannot_write_on_postgresql(postgres_url: str) -> None:
    database = open_database(postgres_url)
    with pytest.raises(StoreError, match="read-only"), database.read() as connection:
        connection.execute(insert(tick).values(id=1, at=NOW))
    database.close()


def test_a_reader_sees_one_picture_and_does_not_wait_for_a_writer(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(tick).values(id=1, at=NOW))
    with database.read() as reader:
        assert len(reader.execute(select(tick)).all()) == 1
        with database.begin() as writer:
            writer.execute(insert(tick).values(id=2, at=NOW))
            assert len(reader.execute(select(tick)).all()) == 1
        assert len(reader.execute(select(tick)).all()) == 1
    with database.read() as reader:
        assert len(reader.execute(select(tick)).all()) == 2


def test_a_closed_database_says_so(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(StoreError, match="closed"), database.begin():
        pass
    with pytest.raises(StoreError, match="closed"), database.read():
        pass


def test_a_driver_error_becomes_a_store_error_with_its_cause(database: Database) -> None:
    with pytest.raises(StoreError, match="missing") as caught, database.begin() as connection:
        connection.execute(text("SELECT * FROM missing"))
    assert caught.value.__cause__ is not None


def test_an_error_message_quotes_no_value(database: Database) -> None:
    row = {"key": "ann@example.org"}
    again = text("INSERT INTO suppression VALUES (:key, 'x', '2026-01-01 00:00')")
    with database.begin() as connection:
        connection.execute(again, row)
    with pytest.raises(StoreError) as caught, database.begin() as connection:
        connection.execute(again, row)
    assert "ann@" not in caught.value.message
    assert "\n" not in caught.value.message
    assert "parameters hidden" in str(caught.value.__cause__)  # a traceback shows this too


def test_a_naive_datetime_is_refused(database: Database) -> None:
    with pytest.raises(StoreError, match="aware"), database.begin() as connection:
        connection.execute(insert(tick).values(id=1, at=datetime(2026, 11, 20)))  # noqa: DTZ001 - that is the point


def test_a_moment_comes_back_in_utc_with_its_microseconds(database: Database) -> None:
    from zoneinfo import ZoneInfo

    moment = datetime(2026, 11, 20, 7, 0, 0, 123456, tzinfo=ZoneInfo("Europe/Berlin"))
    with database.begin() as connection:
        connection.execute(insert(tick).values(id=1, at=moment))
        back = connection.execute(select(tick.c.at)).scalar_one()
    assert back == moment
    assert back.tzinfo is UTC


class TestSqlite:
    def test_a_new_file_and_its_new_folder_are_private(self, tmp_path: Path) -> None:
        path = tmp_path / "var" / "newsletter.db"
        database = open_database(f"sqlite:///{path}")
        with database.begin() as connection:
            connection.execute(insert(tick).values(id=1, at=NOW))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        database.close()
        assert modes == {"newsletter.db": 0o600, "newsletter.db-wal": 0o600, "newsletter.db-shm": 0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_settings_that_keep_the_ledger_safe(self, sqlite_url: str) -> None:
        database = open_database(sqlite_url)
        for transaction in (database.begin, database.read):
            with transaction() as connection:
                pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
            assert values == ["wal", 2, 1, 5000]
        database.close()

    def test_a_writer_takes_its_turn_at_once(self, sqlite_url: str) -> None:
        """BEGIN IMMEDIATE: the second writer waits at its beginning, not half-way through."""
        first, second = open_database(sqlite_url), open_database(sqlite_url, patience=timedelta(milliseconds=20))
        with first.begin():
            with pytest.raises(StoreError, match="locked"), second.begin():
                pytest.fail("two writers at once")
            with second.read():
                pass
        first.close()
        second.close()

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
    def test_it_needs_a_file(self, url: str) -> None:
        with pytest.raises(StoreError, match="needs a file"):
            open_database(url)

    def test_a_file_that_is_none_of_ours(self, tmp_path: Path) -> None:
        path = tmp_path / "letter.db"
        path.write_bytes(b"Dear reader, " * 1000)
        with pytest.raises(StoreError, match="not a database"):
            open_database(f"sqlite:///{path}")

    def test_a_folder_in_place_of_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="unable to open"):
            open_database(f"sqlite:///{tmp_path}")

    def test_a_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "var").touch()
        with pytest.raises(StoreError, match=r"newsletter\.db cannot be created"):
            open_database(f"sqlite:///{tmp_path / 'var' / 'newsletter.db'}")

    def test_a_file_that_is_busy_at_the_start_is_waited_for(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'busy.db'}"
        other = sqlite3.connect(tmp_path / "busy.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.raises(StoreError, match="locked"):
            open_database(url, patience=timedelta(milliseconds=300))
        assert 0.3 <= time.monotonic() - begun < 3
        release = Timer(0.3, other.execute, ["COMMIT"])
        release.start()
        open_database(url).close()
        release.join()
        other.close()

    def test_opening_a_file_again_keeps_the_locks_that_this_process_has(self, sqlite_url: str) -> None:
        """POSIX drops a process's locks on a file as soon as it closes the file once, by whatever name."""
        path = make_url(sqlite_url).database
        held = sqlite3.connect(str(path), isolation_level=None)
        held.execute("PRAGMA journal_mode=DELETE")
        held.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            open_database(sqlite_url, patience=timedelta(milliseconds=20))
        program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
        other = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=False)
        assert b"locked" in other.stderr
        held.close()

    def test_many_processes_may_start_at_once(self, tmp_path: Path) -> None:
        program = "import sys; from newsletter.store.database import open_database; open_database(sys.argv[1]).close()"
        command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'new.db'}"]
        running = [subprocess.Popen(command, stderr=subprocess.PIPE, cwd=Path.cwd()) for _ in range(4)]
        ended = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
        assert ended == [(b"", 0)] * 4


class TestPostgresql:
    def test_the_driver_may_be_left_out(self, postgres_url: str) -> None:
        database = open_database(postgres_url.replace("+psycopg", ""))
        assert database.dialect == "postgresql"
        database.close()

    def test_a_lock_is_not_waited_for_without_end(self, postgres_url: str) -> None:
        first, second = open_database(postgres_url), open_database(postgres_url, patience=timedelta(milliseconds=20))
        with first.begin() as connection:
            connection.execute(text("LOCK TABLE tick"))
            with pytest.raises(StoreError, match="lock timeout"), second.read() as reader:
                reader.execute(select(tick))
        first.close()
        second.close()

    def test_options_in_the_url_are_the_operators(self, postgres_url: str) -> None:
        database = open_database(postgres_url + "&options=-c%20lock_timeout%3D77")
        with database.read() as connection:
            assert connection.execute(text("SHOW lock_timeout")).scalar() == "77ms"
        database.close()

    def test_a_server_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="database: "):
            open_database(f"postgresql+psycopg://postgres:hush-hush@/none?host={tmp_path}")


@pytest.mark.parametrize("url", ["mysql://localhost/x", "postgresql+asyncpg://localhost/x", "sqlite+aiosqlite:///x"])
def test_other_databases_are_refused_by_name(url: str) -> None:
    with pytest.raises(StoreError, match=r"no database of kind .*; use sqlite:///FILE or postgresql"):
        open_database(url)


def test_a_url_that_is_none_is_not_quoted() -> None:
    with pytest.raises(StoreError) as caught:
        open_database("user:hush-hush")
    assert "hush" not in caught.value.message
