"""A look at a database that creates, migrates and locks nothing; on both kinds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from newsletter.errors import StoreError
from newsletter.store.database import open_database
from newsletter.store.schema import REVISION
from newsletter.store.standing import Standing
from newsletter.store.standing import look as look_as
from newsletter.store.ticks import Ticks

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def look(url: str) -> Standing:
    """Without what our role may do, which is another test's affair: here it is the server's own superuser."""
    found = look_as(url)
    assert found.may_change == url.startswith("postgresql")
    return replace(found, may_change=False)


def test_a_database_at_work_tells_its_revision_and_last_tick(url: str) -> None:
    database = open_database(url)
    assert look(url) == Standing(revision=REVISION, wanted=REVISION, known=True, last_tick=None)
    Ticks(database).record(NOW)
    with database.begin() as connection:  # somebody writes meanwhile
        connection.execute(text("UPDATE tick SET id = id"))
        assert look(url).last_tick == NOW
    database.close()


@pytest.mark.parametrize(("revision", "known"), [("0001", True), ("9999", False)])
def test_another_revision_is_told_and_stays(url: str, revision: str, known: bool) -> None:
    database = open_database(url)
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    assert look(url) == Standing(revision=revision, wanted=REVISION, known=known, last_tick=None)
    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == revision
    database.close()


def test_an_empty_server_database_stays_empty(postgres_url: str) -> None:
    database = open_database(postgres_url)
    with database.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    assert look(postgres_url) == Standing(revision=None, wanted=REVISION, known=True, last_tick=None)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    database.close()


def test_what_is_not_there_is_not_made(tmp_path: Path, postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path / 'none?#%41 ü.db'}", postgres_url.replace("/test_", "/none_")):
        with pytest.raises(StoreError):
            look(url)
    assert list(tmp_path.iterdir()) == []


def test_a_path_of_odd_letters_is_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'an odd # name%41 ü.db'}"
    open_database(url).close()
    assert look(url).revision == REVISION
