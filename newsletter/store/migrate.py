"""Bringing a database up to date: Alembic, configured here instead of in an ini file."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from newsletter.errors import StoreError


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; `migrations/env.py` takes the connection from it."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def revisions() -> frozenset[str]:
    """Every version of the database that this program knows."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(config()).walk_revisions())


def migrate(connection: Connection) -> None:
    """Run every migration that is missing, inside the transaction of `connection`.

    Raises StoreError where the database is of a version that this program does not know.
    """
    known = revisions()
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise StoreError(
            f"the database is of version {found}, and this program knows versions up to {max(known)}; "
            "install the newer program again, or restore a backup from before"
        )
    command.upgrade(config(connection), "head")
