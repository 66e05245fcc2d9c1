"""Many rows at once, by the shortest way that each database has."""

from __future__ import annotations

import gc
import json
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Select,
    String,
    TableValuedAlias,
    Text,
    Update,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import ARRAY

from newsletter.store.database import driver_of
from newsletter.store.schema import UtcDateTime

_PAGES = 2_000  # KiB, which is SQLite's own measure
_MANY_PAGES = 64_000


def write_rows(
    connection: Connection, statement: Insert, rows: Sequence[tuple[Any, ...]], columns: Sequence[str] = ()
) -> None:
    """Execute `statement` for each row, which holds the values of `columns` (of every column where none is named) in
    the table's order: texts, numbers and `driver_moment`s, as they are.

    SQLAlchemy looks at each value of each row, which takes SQLite as long again as to write it; so the driver gets them.
    """
    if not rows:
        return
    names = tuple(columns or statement.table.c.keys())
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_text(statement, names), list(rows))
    else:
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


@contextmanager
def many_rows(connection: Connection) -> Iterator[None]:
    """While a million rows are made and written.

    SQLite keeps more pages at hand, for each row has a place of its own in every index. And nothing looks for circles
    among objects: rows make none, and to look at what there is again and again took a third of the time.
    """
    lite, collects = connection.dialect.name == "sqlite", gc.isenabled()
    if lite:
        connection.exec_driver_sql(f"PRAGMA cache_size=-{_MANY_PAGES}")
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
        if lite:
            connection.exec_driver_sql(f"PRAGMA cache_size=-{_PAGES}")


class Hot:
    """A statement that is executed hundreds of times a second: on SQLite it goes to the driver without a detour.

    Values are given by the names of its parameters. What SQLAlchemy does for a statement takes SQLite longer than the
    statement itself. Lists as parameters (`IN`) are not possible.
    """

    def __init__(self, statement: Select[Any] | Update | Insert) -> None:
        self._statement = statement

    def all(self, connection: Connection, values: Mapping[str, Any] = MappingProxyType({})) -> Sequence[Any]:
        """The rows that a SELECT finds, with its columns as attributes."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, dict(values)).all()
        text, fill = self._compiled
        found = driver_of(connection).execute(text, fill(values)).fetchall()
        make, moments = self._row
        return [make(_with_moments(row, moments)) for row in found]

    def once(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Execute it; how many rows of the table it touched."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, dict(values)).rowcount
        text, fill = self._compiled
        return driver_of(connection).execute(text, fill(values)).rowcount

    @cached_property
    def _compiled(self) -> tuple[str, Callable[[Mapping[str, Any]], Sequence[Any]]]:
        """The text, and how the values come into the order in which it wants them."""
        compiled = self._statement.compile(dialect=sqlite.dialect())
        names = compiled.positiontup or ()
        given = {name: bind.type for name, bind in compiled.binds.items() if bind.required}
        fixed = {name: compiled.params[name] for name in names if name not in given}
        moments = [place for place, name in enumerate(names) if isinstance(given.get(name), UtcDateTime)]
        return str(compiled), _filler(names, fixed, moments)

    @cached_property
    def _row(self) -> tuple[Callable[[Iterable[Any]], Any], tuple[int, ...]]:
        """How a row is made, and which of its values are moments."""
        columns = self._statement.selected_columns if isinstance(self._statement, Select) else ()
        moments = (place for place, column in enumerate(columns) if isinstance(column.type, UtcDateTime))
        row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024 - made of a statement
        return row._make, tuple(moments)


class HotForAll:
    """A `Hot` statement that says the same of many rows: to execute it for each of them takes twice as long.

    `make` is given a table whose one column `value` holds their numbers.
    """

    def __init__(self, make: Callable[[TableValuedAlias], Update | Insert]) -> None:
        lite = func.json_each(bindparam("numbers", type_=Text())).table_valued("value")
        other = func.unnest(bindparam("numbers", type_=ARRAY(BigInteger()))).table_valued("value").render_derived()
        self._lite, self._other = Hot(make(lite)), Hot(make(other))

    def once(self, connection: Connection, numbers: Sequence[int], values: Mapping[str, Any]) -> int:
        """How many rows of the table it touched. `values` as for `Hot`."""
        if connection.dialect.name == "sqlite":
            return self._lite.once(connection, {"numbers": json.dumps(numbers), **values})
        return self._other.once(connection, {"numbers": list(numbers), **values})


def _filler(
    names: Sequence[str], fixed: Mapping[str, Any], moments: Sequence[int]
) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    if not names:
        return lambda _: ()
    pick = itemgetter(*names) if len(names) > 1 else lambda given: (given[names[0]],)
    if fixed or moments:
        return lambda values: _with_texts(pick({**fixed, **values} if fixed else values), moments)
    return pick


def _with_texts(row: Sequence[Any], moments: Sequence[int]) -> Sequence[Any]:
    filled = list(row)
    for place in moments:
        if filled[place] is not None:
            filled[place] = lite_moment(filled[place])
    return filled


def _with_moments(row: tuple[Any, ...], moments: Sequence[int]) -> Iterable[Any]:
    if not moments:
        return row
    values = list(row)
    for place in moments:
        if values[place] is not None:
            values[place] = _moment(values[place])
    return values


@lru_cache(maxsize=256)
def _moment(text: str) -> datetime:
    """What `lite_moment` made; the same few of them come again and again."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def driver_moment(connection: Connection, moment: datetime) -> Any:
    """A moment as `write_rows` takes it."""
    return lite_moment(moment) if connection.dialect.name == "sqlite" else moment


@lru_cache(maxsize=2_048)
def lite_moment(moment: datetime) -> str:
    """A moment as SQLite keeps it. The same few of them come again and again, at most the minutes of a day."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@lru_cache(maxsize=16)
def _text(statement: Insert, names: tuple[str, ...]) -> str:
    return str(statement.compile(dialect=sqlite.dialect(), column_keys=names))


def among(
    connection: Connection, column: ColumnElement[Any], values: Collection[int] | Collection[str]
) -> ColumnElement[bool]:
    """Whether a column's value is one of `values`: however many they are, they are one parameter."""
    if connection.dialect.name == "sqlite":
        return column.in_(select(listed(connection, values).c.value))
    kind = String() if column.type.python_type is str else BigInteger()
    return column == any_(bindparam(None, list(values), type_=ARRAY(kind)))


class HotAmong:
    """`among` for a SELECT that is asked hundreds of times: its rows whose `column` is one of the values.

    On SQLite as `Hot` asks; there the values come to it as one text.
    """

    def __init__(self, statement: Select[Any], column: ColumnElement[Any]) -> None:
        self._statement, self._column = statement, column
        given = func.json_each(bindparam("among")).table_valued("value")
        self._lite = Hot(statement.where(column.in_(select(given.c.value))))

    def all(
        self,
        connection: Connection,
        values: Collection[int] | Collection[str],
        rest: Mapping[str, Any] = MappingProxyType({}),
    ) -> Sequence[Any]:
        """The rows, with their columns as attributes. `rest` are the statement's other parameters."""
        if connection.dialect.name == "sqlite":
            return self._lite.all(connection, {**rest, "among": json.dumps(list(values))})
        return connection.execute(self._statement.where(among(connection, self._column, values)), dict(rest)).all()


def listed(connection: Connection, numbers: Collection[int] | Collection[str]) -> TableValuedAlias:
    """Numbers (on SQLite texts too) as a table whose one column is `value`."""
    given = list(numbers)
    if connection.dialect.name == "sqlite":
        return func.json_each(json.dumps(given)).table_valued("value")
    return func.unnest(bindparam(None, given, type_=ARRAY(BigInteger()))).table_valued("value").render_derived()
