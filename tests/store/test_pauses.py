"""What is paused is not claimed; what is not paused goes on."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from builders import make_article
from sqlalchemy import select
from store_builders import LEASE, NOW, key_of, make_planned, post

from newsletter.model import Claim, DeliveryState, Outcome, Pause, Settled, Terms
from newsletter.pacing import Limit
from newsletter.store.database import Database
from newsletter.store.deliveries import Deliveries
from newsletter.store.paces import Paces
from newsletter.store.pauses import Pauses
from newsletter.store.schema import delivery_event

HOUR = timedelta(minutes=10)  # shorter than a lease
TERMS = Terms(owner="one", lease=LEASE, address_key=key_of)


def _pause(scope: str, until: datetime | None = None, *, automatic: bool = False) -> Pause:
    return Pause(scope=scope, reason="because", at=NOW, until=until, automatic=automatic)


def _take_all(database: Database, now: datetime = NOW, terms: Terms = TERMS) -> list[str]:
    claims: tuple[Claim, ...] = Deliveries(database).exchange((), 100, terms, now).claims
    return sorted(f"{claim.newsletter} {claim.subscriber.address}" for claim in claims)


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ("all", []),
        ("newsletter/daily", ["weekly a@example.org", "weekly b@example.net"]),
        ("digest/daily/2026-W47", ["weekly a@example.org", "weekly b@example.net"]),
        ("digest/daily/2026-W46", ["daily a@example.org", "weekly a@example.org", "weekly b@example.net"]),
        ("domain/example.net", ["daily a@example.org", "weekly a@example.org"]),
    ],
)
def test_a_pause_holds_up_its_scope_and_nothing_else(database: Database, scope: str, left: list[str]) -> None:
    post(database, make_article(), ["a@example.org", "b@example.net"], make_planned("weekly"))
    post(database, make_article(), ["a@example.org"], make_planned("daily"))
    Pauses(database).add(_pause(scope, NOW + HOUR))
    assert _take_all(database) == left
    everything = ["daily a@example.org", "weekly a@example.org", "weekly b@example.net"]
    assert sorted(_take_all(database, NOW + HOUR) + left) == everything


def test_a_pause_holds_up_what_was_deferred_too(database: Database) -> None:
    post(database, make_article(), ["a@example.org"])
    ledger = Deliveries(database)
    claim = ledger.claim(TERMS, NOW)
    assert claim is not None
    ledger.finish(claim, Outcome(state=DeliveryState.DEFERRED, kind="deferred", next_at=NOW), NOW)
    Pauses(database).add(_pause("newsletter/weekly"))
    assert _take_all(database, NOW + HOUR) == []
    assert Pauses(database).remove("newsletter/weekly")
    assert _take_all(database, NOW + HOUR) == ["weekly a@example.org"]


def test_an_operators_pause_is_not_replaced_by_an_automatic_one(database: Database) -> None:
    pauses = Pauses(database)
    pauses.add(_pause("all"))
    pauses.add(_pause("all", NOW + HOUR, automatic=True))
    assert pauses.standing(NOW + HOUR) == (_pause("all"),)
    assert pauses.remove_automatic() == 0
    pauses.add(_pause("domain/example.org", NOW + HOUR, automatic=True))
    assert pauses.get("domain/example.org") == _pause("domain/example.org", NOW + HOUR, automatic=True)
    assert pauses.remove_automatic() == 1
    assert pauses.get("domain/example.org") is None
    assert not pauses.remove("domain/example.org")


def test_what_a_crash_left_open_is_held_where_the_terms_say_so(database: Database) -> None:
    post(database, make_article(), ["a@example.org"])
    ledger = Deliveries(database)
    assert ledger.claim(TERMS, NOW) is not None
    holding = Terms(owner="two", lease=LEASE, address_key=key_of, hold=True)
    assert ledger.claim(holding, NOW + LEASE) is None
    assert ledger.counts() == {"weekly": {"unknown": 1}}


def test_recovering_holds_where_it_is_told_to(database: Database) -> None:
    post(database, make_article(), ["a@example.org"])
    ledger = Deliveries(database)
    assert ledger.claim(TERMS, NOW) is not None
    assert ledger.recover(NOW, hold=True) == 1
    assert ledger.counts() == {"weekly": {"unknown": 1}}
    assert ledger.claim(TERMS, NOW + LEASE) is None


def test_one_lost_claim_among_results_costs_that_one_alone(database: Database) -> None:
    post(database, make_article(), ["a@example.org", "b@example.org"])
    ledger = Deliveries(database)
    sent = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)
    mine = ledger.exchange((), 2, TERMS, NOW).claims
    ledger.finish(mine[0], sent, NOW)
    settled = tuple(Settled(claim=claim, outcome=sent) for claim in mine)
    assert ledger.exchange(settled, 0, TERMS, NOW).lost == (settled[0],)
    assert ledger.counts() == {"weekly": {"sent": 2}}
    assert [event.kind for event in ledger.events(mine[0].delivery_id)] == ["claimed", "accepted"]


def test_a_domain_with_a_pace_gets_its_deliveries_one_by_one(database: Database) -> None:
    """Each waits for its own slot, once, and is not asked again before."""
    limit = Limit(per_minute=60)
    paced = [f"reader{number}@slow.example" for number in range(40)]
    post(database, make_article(), [*paced, "other@example.org"])
    ledger = Deliveries(database, Paces(database, {"domain/slow.example": limit}))
    sent = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)
    left: dict[str, datetime] = {}
    for second in range(60):
        now = NOW + timedelta(seconds=second)
        claims = ledger.exchange((), 100, TERMS, now).claims
        left |= {claim.subscriber.address: now for claim in claims}
        ledger.exchange([Settled(claim=claim, outcome=sent) for claim in claims], 0, TERMS, now)
    assert left.pop("other@example.org") == NOW
    assert sorted(left) == sorted(paced)
    for second in range(60):
        until = NOW + timedelta(seconds=second)
        assert sum(moment <= until for moment in left.values()) <= limit.burst + second + 1
    with database.read() as connection:
        kinds = Counter(connection.execute(select(delivery_event.c.kind)).scalars())
    assert kinds["claimed"] == 41
    assert 0 < kinds["paced"] <= 40
