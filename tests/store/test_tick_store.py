from __future__ import annotations

from datetime import timedelta

from store_builders import NOW

from newsletter.store.database import Database
from newsletter.store.ticks import Ticks


def test_the_last_tick_is_remembered_even_when_it_lies_before_the_one_before(database: Database) -> None:
    store = Ticks(database)
    assert store.last() is None
    for moment in (NOW, NOW - timedelta(hours=2)):
        store.record(moment)
        assert store.last() == moment
