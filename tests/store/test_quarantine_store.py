from __future__ import annotations

from dataclasses import replace

from store_builders import NOW

from newsletter.model import Quarantined
from newsletter.store.database import Database
from newsletter.store.quarantine import Quarantine

ENTRY = Quarantined(source="seeds", key="b.txt", code="E-NO-TAKEAWAY", message="b.txt: no takeaway", line=None, at=NOW)


def test_an_entry_stays_until_it_is_cleared(database: Database) -> None:
    store = Quarantine(database)
    other, elsewhere = replace(ENTRY, key="a.txt", line=7), replace(ENTRY, source="more")
    store.put(ENTRY, other, elsewhere)
    store.put()
    assert store.entries() == (elsewhere, other, ENTRY)
    assert store.keys("seeds", ["a.txt", "b.txt", "nothing"]) == {"a.txt", "b.txt"}
    assert store.keys("more", ["a.txt"]) == store.keys("more", []) == set()
    store.clear("seeds", "b.txt")
    store.clear("seeds")
    store.clear("seeds", "nothing")
    assert store.entries() == (elsewhere, other)


def test_a_document_has_one_entry_the_newest(database: Database) -> None:
    store = Quarantine(database)
    store.put(ENTRY)
    newer = replace(ENTRY, code="E-EMPTY", message="b.txt: empty", line=1)
    store.put(newer)
    assert store.entries() == (newer,)


def test_a_message_may_quote_what_a_database_cannot_keep(database: Database) -> None:
    store = Quarantine(database)
    store.put(replace(ENTRY, key="odd\udce9.txt", message="line 1: '\0'"))
    assert store.entries() == (replace(ENTRY, key=r"odd\udce9.txt", message=r"line 1: '\x00'"),)
    assert store.keys("seeds", ["odd\udce9.txt"]) == {"odd\udce9.txt"}
    store.clear("seeds", "odd\udce9.txt")
    assert store.entries() == ()
