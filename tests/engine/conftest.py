"""Databases of a real PostgreSQL, for a fleet of workers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from postgres import PostgresServer

from newsletter.store.database import Database, open_database

_numbers = count(1)


@pytest.fixture
def bare_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database without a single table."""
    name = f"fleet_{next(_numbers)}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url(name)
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(bare_url: str) -> Iterator[Database]:
    """The same database, with the ledger's tables."""
    opened = open_database(bare_url)
    yield opened
    opened.close()
