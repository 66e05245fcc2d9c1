"""Numbers of everything there is, by name and state."""

from __future__ import annotations

from datetime import timedelta

from builders import make_article
from sqlalchemy import insert
from store_builders import LEASE, NOW, WEEK, key_of, make_planned, post

from newsletter.model import DeliveryState, Outcome, Pause, Quarantined, Terms
from newsletter.pacing import Circuit, Pace
from newsletter.store import schema
from newsletter.store.database import Database
from newsletter.store.deliveries import Deliveries
from newsletter.store.figures import DigestFigures, Figures, Snapshot, Vital
from newsletter.store.paces import Paces
from newsletter.store.pauses import Pauses
from newsletter.store.quarantine import Quarantine
from newsletter.store.ticks import Ticks

SENT = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)


def _send_one(database: Database) -> int:
    ledger = Deliveries(database)
    claim = ledger.claim(Terms(owner="one", lease=LEASE, address_key=key_of), NOW)
    assert claim is not None
    ledger.finish(claim, SENT, NOW)
    return claim.delivery_id


def test_of_nothing_there_are_none(database: Database) -> None:
    assert Figures(database).snapshot() == Snapshot(
        deliveries={},
        digests={},
        subscriptions={},
        articles={},
        quarantined={},
        pauses={},
        bounces={},
        requests=0,
        notes=0,
        last_tick=None,
        due_since=None,
    )


def test_everything_is_counted_by_name_and_state(database: Database) -> None:
    post(database, make_article(), ["a@example.org", "b@example.net", "c@example.net"], make_planned("weekly", 46))
    post(database, make_article(), ["a@example.org"], make_planned("daily", 47))
    sent = _send_one(database)
    Quarantine(database).put(Quarantined(source="seeds", key="k", code="E-X", message="m", line=None, at=NOW))
    for scope in ("all", "domain/example.net", "domain/example.org"):
        Pauses(database).add(Pause(scope=scope, reason="r", at=NOW))
    Ticks(database).record(NOW)
    with database.begin() as connection:
        bounce = {"delivery_id": sent, "kind": "soft", "attempt": 1, "domain": "example.org", "at": NOW}
        connection.execute(insert(schema.bounce).values(bounce))
    told = Figures(database).snapshot()
    assert told.deliveries == {("weekly", "sent"): 1, ("weekly", "pending"): 2, ("daily", "pending"): 1}
    assert told.digests == {("weekly", "sending"): 1, ("daily", "ready"): 1}
    assert told.subscriptions == {("weekly", "confirmed"): 3, ("daily", "confirmed"): 1}
    assert told.articles == {("ok",): 1}
    assert told.quarantined == {("seeds",): 1}
    assert told.pauses == {("all",): 1, ("domain",): 2}
    assert told.bounces == {("soft",): 1}
    assert (told.requests, told.notes, told.last_tick, told.due_since) == (0, 0, NOW, NOW)


def test_deliveries_of_the_digests_since_then(database: Database) -> None:
    post(database, make_article("old"), ["a@example.org"], make_planned("weekly", 45))
    post(database, make_article(), ["a@example.org", "b@example.net"], make_planned("weekly", 46))
    _send_one(database)
    due = make_planned("weekly", 46).due_at
    both = Figures(database).of_digests(due - WEEK)
    assert [(each.period, sum(each.deliveries.values())) for each in both] == [("2026-W45", 1), ("2026-W46", 2)]
    (last,) = Figures(database).of_digests(due)
    assert last == DigestFigures(newsletter="weekly", period="2026-W46", due_at=due, deliveries=last.deliveries)
    assert last.deliveries == {"pending": 2}
    assert Figures(database).of_digests(due + timedelta(seconds=1)) == ()


def test_relays_that_rest_and_the_last_tick(database: Database) -> None:
    figures = Figures(database)
    assert figures.vital(["relay/a", "relay/b"], NOW) == Vital(last_tick=None, resting=frozenset())
    Ticks(database).record(NOW)
    resting = Pace(circuit=Circuit(failures=2, until=NOW + timedelta(minutes=2)))
    Paces(database).save({"relay/a": resting, "relay/c": resting, "domain/a": resting})
    assert figures.vital(["relay/a", "relay/b"], NOW) == Vital(last_tick=NOW, resting=frozenset({"relay/a"}))
    assert figures.vital(["relay/a"], NOW + timedelta(minutes=3)).resting == frozenset()
