"""What each source gave when it was last asked."""

from __future__ import annotations

from sqlalchemy import select

from newsletter.model import SourceRun
from newsletter.store.database import Database, upsert
from newsletter.store.documents import storable
from newsletter.store.schema import source_run as table


class SourceRuns:
    """One entry for each source. Every method raises StoreError where the database refuses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, run: SourceRun) -> None:
        """Write down a run in place of the one before."""
        values = {
            "source": run.source,
            "at": run.at,
            "first": run.first,
            "new": run.new,
            "revised": run.revised,
            "unchanged": run.unchanged,
            "quarantined": run.quarantined,
            "problem": None if run.problem is None else storable(run.problem),
        }
        with self._database.begin() as connection:
            upsert(connection, table, values, key=("source",))

    def last(self) -> dict[str, SourceRun]:
        """The last run of each source that was ever asked."""
        with self._database.read() as connection:
            rows = connection.execute(select(table).order_by(table.c.source))
            return {
                row.source: SourceRun(
                    source=row.source,
                    at=row.at,
                    first=row.first,
                    new=row.new,
                    revised=row.revised,
                    unchanged=row.unchanged,
                    quarantined=row.quarantined,
                    problem=row.problem,
                )
                for row in rows
            }
