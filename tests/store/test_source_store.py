from __future__ import annotations

from dataclasses import replace

from store_builders import NOW

from newsletter.model import SourceRun
from newsletter.store.database import Database
from newsletter.store.sources import SourceRuns

RUN = SourceRun(source="seeds", at=NOW, new=3, revised=2, unchanged=1, quarantined=4, problem="not \0 today")


def test_the_last_run_of_each_source_is_kept(database: Database) -> None:
    store = SourceRuns(database)
    assert store.last() == {}
    store.record(RUN)
    other = SourceRun(source="feed", at=NOW)
    store.record(other)
    assert store.last() == {"feed": other, "seeds": replace(RUN, problem=r"not \x00 today")}
    store.record(replace(RUN, problem=None))
    assert store.last()["seeds"].problem is None
