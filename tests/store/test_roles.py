"""On PostgreSQL the program works under a role that can change no table: the SQL of docs/operating.md, on a real server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from postgres import PostgresServer
from sqlalchemy import inspect
from workshop import NOW, ROOT, Workshop, open_workshop

from newsletter.engine.procrastinate import Pace, Work, run
from newsletter.store.database import open_database
from newsletter.store.schema import REVISION

OWNER, APP = "newsletter_owner", "newsletter_app"
LATER = "2026-11-20T21:00:00Z"


def _sql() -> tuple[str, str]:
    """What the documentation says, as superuser and then in the new database."""
    section = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").partition("### Two roles")[2]
    first, second = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    return first, second


@pytest.fixture(scope="module")
def roles(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    first, second = _sql()
    for statement in filter(str.strip, first.split(";")):
        postgres_server.execute(statement)
    with psycopg.connect(host=str(postgres_server.folder), user="postgres", dbname="newsletter") as connection:
        connection.execute(second)
    yield postgres_server
    postgres_server.execute("DROP DATABASE newsletter WITH (FORCE)")
    postgres_server.execute(f"DROP ROLE {OWNER}, {APP}")


@pytest.fixture
def url(roles: PostgresServer) -> str:
    return f"postgresql+psycopg:///newsletter?host={roles.folder}"


@pytest.fixture
def workshop(tmp_path: Path, url: str) -> Workshop:
    workshop = open_workshop(tmp_path)
    workshop.change("sqlite:///var/newsletter.db", url)
    return workshop


def _as(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", role)


@contextmanager
def _outdated(workshop: Workshop) -> Iterator[None]:
    """The database as an older program left it."""
    host, change = workshop_host(workshop), "UPDATE alembic_version SET version_num = %s"
    with psycopg.connect(host=host, user="postgres", dbname="newsletter") as connection:
        connection.execute(change, ("0004",))
    yield
    with psycopg.connect(host=host, user="postgres", dbname="newsletter") as connection:
        connection.execute(change, (REVISION,))


def test_before_the_owner_has_migrated_it_says_what_to_do(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    _as(OWNER, monkeypatch)
    workshop.told("migrate")
    _as(APP, monkeypatch)
    with _outdated(workshop):
        done = workshop.run("ingest", "--now", NOW)
    assert done.returncode == 2
    assert b"newsletter migrate" in done.stderr


def workshop_url(workshop: Workshop) -> str:
    (found,) = re.findall(r"^url = \"(postgresql.*)\"$", (workshop.folder / "config.toml").read_text(), re.MULTILINE)
    return str(found)


def workshop_host(workshop: Workshop) -> str:
    return workshop_url(workshop).partition("host=")[2]


def test_every_verb_works_without_power_over_tables(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    _as(OWNER, monkeypatch)
    workshop.told("migrate")
    _as(APP, monkeypatch)
    workshop.told("migrate")  # nothing is left to do, so it may
    workshop.told("ingest", "--now", NOW)
    for name in ("ann", "bea"):
        told = ("--newsletter", "daily", "--consent", "t", "--now", "2026-11-01T00:00:00Z")
        workshop.told("subscribers", "add", f"{name}@example.org", *told)
    workshop.told("publish", "--now", NOW)
    assert workshop.told("deliver", "--now", NOW)["deliveries"] == {"sent": 2}
    assert workshop.told("deliveries", "list")["deliveries"]
    workshop.told("deliveries", "pause", "all", "--now", LATER)
    workshop.told("deliveries", "resume", "all", "--now", LATER)
    assert workshop.told("subscribers", "suppress", "bea@example.org", "--now", LATER) == {"suppressed": True}
    assert workshop.told("subscribers", "erase", "ann@example.org", "--now", LATER) == {"erased": True}
    assert workshop.told("subscribers", "export", "bea@example.org")["suppression"]
    workshop.told("status", "--now", LATER)


def test_doctor_warns_of_a_role_that_may_change_tables(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    _as(OWNER, monkeypatch)
    workshop.told("migrate")
    found = {each["check"]: each for each in workshop.told("doctor", "--now", NOW)["findings"]}
    assert found["database role"]["level"] == "warn"
    _as(APP, monkeypatch)
    found = {each["check"]: each for each in workshop.told("doctor", "--now", NOW)["findings"]}
    assert "database role" not in found
    assert found["database"]["level"] == "ok"


def test_the_queue_works_without_power_over_tables(
    workshop: Workshop, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as(OWNER, monkeypatch)
    workshop.told("migrate")
    _as(APP, monkeypatch)
    stop, ticks, sent = threading.Event(), threading.Event(), threading.Event()

    def send() -> int:
        sent.set()
        return 0

    work = Work(tick=ticks.set, send=send, due=lambda: 1)
    pace = Pace(tick="* * * * * *", sweep="* * * * * *", pause=timedelta(seconds=0.2))
    fleet = threading.Thread(target=run, args=(url, work), kwargs={"senders": 1, "stop": stop, "pace": pace})
    fleet.start()
    try:
        assert ticks.wait(30)
        assert sent.wait(30)
    finally:
        stop.set()
        fleet.join(30)
    assert not fleet.is_alive()


def test_no_table_can_be_made_changed_emptied_or_dropped(
    workshop: Workshop, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as(OWNER, monkeypatch)
    workshop.told("migrate")
    _as(APP, monkeypatch)
    database = open_database(url)
    with database.read() as connection:
        tables = inspect(connection).get_table_names()
    database.close()
    assert {"delivery", "subscriber", "procrastinate_jobs"} <= set(tables)
    with psycopg.connect(host=str(workshop_host(workshop)), dbname="newsletter", autocommit=True) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (APP,)
        forbidden = [
            "CREATE TABLE evil (id int)",
            "CREATE TEMPORARY TABLE evil (id int)",
            "CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE SCHEMA evil",
            "DROP SCHEMA public CASCADE",
            "DROP DATABASE newsletter",
            "GRANT ALL ON subscriber TO PUBLIC WITH GRANT OPTION",
            *(
                statement.format(table)
                for table in tables
                for statement in ("DROP TABLE {}", "ALTER TABLE {} ADD COLUMN evil int", "TRUNCATE {}")
            ),
        ]
        for statement in forbidden:
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (
            len(tables),
        )
