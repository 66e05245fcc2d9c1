"""Many rows at once, by the shortest way that each database has."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    String,
    TableValuedAlias,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import ARRAY


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


def driver_moment(connection: Connection, moment: datetime) -> Any:
    """A moment as `write_rows` takes it."""
    if connection.dialect.name != "sqlite":
        return moment
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


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


def listed(connection: Connection, numbers: Collection[int] | Collection[str]) -> TableValuedAlias:
    """Numbers (on SQLite texts too) as a table whose one column is `value`."""
    given = list(numbers)
    if connection.dialect.name == "sqlite":
        return func.json_each(json.dumps(given)).table_valued("value")
    return func.unnest(bindparam(None, given, type_=ARRAY(BigInteger()))).table_valued("value").render_derived()
