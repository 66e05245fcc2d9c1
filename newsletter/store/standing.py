"""How a database stands, without opening it for work: nothing is created, migrated or locked."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, make_url, select, text

from newsletter.store.database import wrapped_errors
from newsletter.store.migrate import revisions
from newsletter.store.schema import REVISION
from newsletter.store.schema import tick as tick_table

_PATIENCE = 10  # seconds for a server to answer
_MAY_CHANGE = text(
    "SELECT has_schema_privilege(current_schema(), 'CREATE') OR EXISTS ("
    "SELECT FROM pg_tables WHERE schemaname = current_schema() AND pg_has_role(tableowner, 'USAGE'))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`revision`: the migration it is at, None where there are no tables yet; `wanted`: the one of this program.

    `may_change`: on PostgreSQL, our role may make, change or drop tables, which it needs for migrations alone.
    """

    revision: str | None
    wanted: str
    known: bool
    last_tick: datetime | None
    may_change: bool = False


def look(url: str) -> Standing:
    """How the database at `url` stands. Raises StoreError where it is not there, or is none."""
    engine = _reading(make_url(url))
    try:
        with wrapped_errors(), engine.connect() as connection:
            return _standing(connection)
    finally:
        engine.dispose()


def _standing(connection: Connection) -> Standing:
    there = inspect(connection).has_table("alembic_version")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if there else None
    up_to_date = revision == REVISION
    last = connection.execute(select(tick_table.c.at)).scalar_one_or_none() if up_to_date else None
    known = revision is None or up_to_date or revision in revisions()
    may_change = connection.dialect.name == "postgresql" and bool(connection.execute(_MAY_CHANGE).scalar())
    return Standing(revision=revision, wanted=REVISION, known=known, last_tick=last, may_change=may_change)


def _reading(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, connect_args={"connect_timeout": _PATIENCE}, hide_parameters=True)
    path = Path(str(url.database)).absolute()
    # Reading a database in WAL mode makes its side files, unless it is said to be at rest; without them it is.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    place = f"{path.as_uri()}?{mode}"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(place, uri=True), hide_parameters=True)
