"""How far the steps that work through what is new have come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from newsletter.store.database import Database, upsert_all
from newsletter.store.rows import Hot
from newsletter.store.schema import progress as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Everything up to number `reached` was done, at `at`; `fingerprint` is of what the outcome hangs on besides."""

    reached: int
    at: datetime
    fingerprint: str


_OF_STEP = Hot(select(table).where(table.c.name == bindparam("step")))


class Progress:
    """One row a step. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Reached | None:
        """How far the step has come; None before its first time."""
        with self._database.read() as connection:
            rows = _OF_STEP.all(connection, {"step": name})
        return next((Reached(reached=row.reached, at=row.at, fingerprint=row.fingerprint) for row in rows), None)

    def mark(self, name: str, reached: int, at: datetime, fingerprint: str) -> None:
        """Write down how far the step has come now."""
        self.mark_all({name: (reached, fingerprint)}, at)

    def mark_all(self, told: Mapping[str, tuple[int, str]], at: datetime) -> None:
        """The same of several steps, at least one, in one transaction: step -> number and fingerprint."""
        rows = [
            {"name": name, "reached": reached, "at": at, "fingerprint": fingerprint}
            for name, (reached, fingerprint) in told.items()
        ]
        with self._database.begin() as connection:
            upsert_all(connection, table, rows, key=("name",))
