"""What is forgotten of deliveries, and what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import make_article
from store_builders import LEASE, NOW, key_of, post

from newsletter.model import DeliveryState, Outcome, Terms
from newsletter.store import control
from newsletter.store.control import Control
from newsletter.store.database import Database
from newsletter.store.deliveries import Deliveries

SENT = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)
MONTH = timedelta(days=30)


@pytest.mark.parametrize("at_once", [1, 3, 20_000])
def test_what_happened_long_ago_is_forgotten_and_what_became_of_it_is_not(
    database: Database, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_FORGOTTEN_AT_ONCE", at_once)
    ledger, operator = Deliveries(database), Control(database)
    post(database, make_article(), ["a@example.org", "b@example.org", "c@example.org"])
    terms = Terms(owner="one", lease=LEASE, address_key=key_of)
    for days in (0, 0, 20):
        claim = ledger.claim(terms, NOW + timedelta(days=days))
        assert claim is not None
        assert ledger.finish(claim, SENT, NOW + timedelta(days=days))
    assert operator.forget_events(NOW) == 0
    assert operator.forget_events(NOW + timedelta(days=10)) == 4
    assert operator.forget_events(NOW + timedelta(days=10)) == 0
    records = operator.list()
    assert [record.state for record in records] == [DeliveryState.SENT] * 3
    assert sorted(len(ledger.events(record.id)) for record in records) == [0, 0, 2]
    assert operator.forget_events(NOW + MONTH) == 2
