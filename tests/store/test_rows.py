from __future__ import annotations

import gc

import pytest
from sqlalchemy import Connection, bindparam, insert, select

from newsletter.store.database import Database
from newsletter.store.rows import HotAmong, among, many_rows, write_rows
from newsletter.store.schema import index_mark, index_term

MANY = 40_000  # more than either database takes parameters in a statement


def test_rows_are_written_in_the_order_of_their_columns(database: Database) -> None:
    with database.begin() as connection:
        write_rows(connection, insert(index_term), [("one", 1), ("zwei \N{SNOWMAN}", 2)])
        write_rows(connection, insert(index_term), [])
    with database.read() as connection:
        found = connection.execute(select(index_term.c.term, index_term.c.articles))
        assert {tuple(row) for row in found} == {("one", 1), ("zwei \N{SNOWMAN}", 2)}


@pytest.mark.parametrize("wanted", [(), (3, 2**63 - 1), range(MANY)])
def test_however_many_numbers_are_asked_for(database: Database, wanted: tuple[int, ...] | range) -> None:
    rows = [(3, 1), (4, 2), (2**63 - 1, 3)]
    with database.begin() as connection:
        write_rows(connection, insert(index_mark), rows)
    with database.read() as connection:
        found = connection.execute(select(index_mark.c.mark).where(among(connection, index_mark.c.mark, wanted)))
        assert sorted(found.scalars()) == [mark for mark, _ in rows if mark in wanted]


@pytest.mark.parametrize("wanted", [[], ["it's", 'a "b"', "\N{SNOWMAN}\\n", "%s", "NULL"], ["x"] * MANY])
def test_however_many_texts_are_asked_for(database: Database, wanted: list[str]) -> None:
    kept = ["it's", 'a "b"', "\N{SNOWMAN}\\n", "%s", "x", "other"]
    with database.begin() as connection:
        write_rows(connection, insert(index_term), [(term, 1) for term in kept])
    with database.read() as connection:
        found = connection.execute(select(index_term.c.term).where(among(connection, index_term.c.term, wanted)))
        assert sorted(found.scalars()) == sorted(term for term in kept if term in wanted)


def _pages(connection: Connection) -> int:
    if connection.dialect.name != "sqlite":
        return 0
    pages: int = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    return pages


def test_what_many_rows_need_is_given_back(database: Database) -> None:
    with database.begin() as connection:
        before = _pages(connection)
        with many_rows(connection):
            assert not gc.isenabled()
            assert abs(_pages(connection)) >= abs(before) * 10
        assert (_pages(connection), gc.isenabled()) == (before, True)


def test_it_is_given_back_also_where_they_fail(database: Database) -> None:
    with database.begin() as connection:
        before = _pages(connection)
        with pytest.raises(KeyError), many_rows(connection):
            raise KeyError
        assert (_pages(connection), gc.isenabled()) == (before, True)


def test_whoever_collects_no_garbage_goes_on_so(database: Database) -> None:
    gc.disable()
    try:
        with database.begin() as connection, many_rows(connection):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("wanted", [[], ["it's", "\N{SNOWMAN}\\n", "none"], ["x"] * MANY])
def test_a_question_that_is_asked_often_finds_the_same(database: Database, wanted: list[str]) -> None:
    kept = ["it's", "\N{SNOWMAN}\\n", "x", "other"]
    least = select(index_term.c.term, index_term.c.articles).where(index_term.c.articles >= bindparam("least"))
    question = HotAmong(least.order_by(index_term.c.articles), index_term.c.term)
    with database.begin() as connection:
        write_rows(connection, insert(index_term), [(term, number) for number, term in enumerate(kept, start=1)])
    for least_number in (1, 2, 5):
        with database.read() as connection:
            found = [(row.term, row.articles) for row in question.all(connection, wanted, {"least": least_number})]
        expected = [(term, number) for number, term in enumerate(kept, start=1) if term in wanted]
        assert found == [(term, number) for term, number in expected if number >= least_number]
