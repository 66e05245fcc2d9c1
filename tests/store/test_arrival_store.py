"""Many subscriptions at once, on SQLite and PostgreSQL: the same as one by one, and nobody is brought back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import make_article
from sqlalchemy import select
from store_builders import NOW, key_of, make_planned, make_subscription, post

from newsletter.model import Consent, Edition, Preferences, Subscription, SubscriptionState
from newsletter.store import schema
from newsletter.store.arrivals import Arrival, Arrivals
from newsletter.store.database import Database
from newsletter.store.subscribers import Subscribers

DAY = timedelta(days=1)


@pytest.fixture
def store(database: Database) -> Arrivals:
    return Arrivals(database)


def keys_of(address: str) -> tuple[str, str]:
    return key_of(address), f"person/{key_of(address.replace('+news', ''))}"


def agreed(address: str, newsletter: str = "weekly", *, days: float = 0, name: str = "") -> Subscription:
    made = make_subscription(address, newsletter, id=f"new-{address}", name=name)
    return replace(made, consent=Consent(text="on paper", at=NOW + days * DAY, source="import"))


def test_each_gets_what_it_would_get_alone(store: Arrivals, database: Database) -> None:
    people = Subscribers(database)
    people.add(make_subscription("there@example.org"))
    people.add(make_subscription("waiting@example.org", state=SubscriptionState.UNCONFIRMED))
    people.add(make_subscription("back@example.org"))
    people.unsubscribe("id-of-back", "weekly", NOW)
    people.add(make_subscription("left@example.org"))
    people.unsubscribe("id-of-left", "weekly", NOW + 2 * DAY)
    people.suppress([key_of("bounced@example.org")], "bounced", NOW)
    people.suppress(keys_of("angry@example.org"), "complaint", NOW)
    wanted = [
        agreed("new@example.org", name="Nell"),
        agreed("There@example.org"),
        agreed("there@example.org", "daily"),
        agreed("waiting@example.org", days=1),
        agreed("back@example.org", days=1),
        agreed("left@example.org", days=1),
        agreed("bounced@example.org"),
        agreed("angry+news@example.org"),
        agreed("bounced+news@example.org"),
    ]
    told = ("added", "there", "added", "renewed", "renewed", "left", "suppressed", "suppressed", "added")
    assert store.judge(wanted, keys_of) == told
    before = people.list()
    assert store.judge(wanted, keys_of) == told
    assert people.list() == before
    assert store.bring(wanted, keys_of, NOW + 3 * DAY) == told
    found = {(each.subscriber.address, each.newsletter): each for each in people.list()}
    assert {each for each, one in found.items() if one.state is SubscriptionState.CONFIRMED} == {
        ("new@example.org", "weekly"),
        ("there@example.org", "weekly"),
        ("there@example.org", "daily"),
        ("waiting@example.org", "weekly"),
        ("back@example.org", "weekly"),
        ("bounced+news@example.org", "weekly"),
    }
    assert found["new@example.org", "weekly"] == wanted[0]
    assert found["there@example.org", "weekly"].consent.text == "Yes, please."
    assert found["back@example.org", "weekly"].consent.text == "on paper"
    assert found["back@example.org", "weekly"].subscriber.id == "id-of-back"
    assert people.find("bounced@example.org") is None


def test_a_second_time_all_are_there(store: Arrivals) -> None:
    wanted = [agreed(f"p{number}@example.org") for number in range(50)]
    assert set(store.bring(wanted, keys_of, NOW)) == {Arrival.ADDED}
    assert set(store.bring(wanted, keys_of, NOW)) == {Arrival.THERE}
    assert store.bring([], keys_of, NOW) == ()


def test_nothing_of_before_is_owed_to_who_comes(store: Arrivals, database: Database) -> None:
    post(database, make_article(), ["back@example.org"])
    Subscribers(database).unsubscribe("id-of-back", "weekly", NOW)
    store.bring([agreed("new@example.org", days=1), agreed("back@example.org", days=1)], keys_of, NOW + 5 * DAY)
    table = schema.subscription
    with database.read() as connection:
        rows = connection.execute(select(table.c.since, table.c.changed_at).order_by(table.c.subscriber_id)).all()
    assert [tuple(row) for row in rows] == [
        (make_planned().window_end, NOW + 5 * DAY),
        (make_planned().window_end, None),
    ]


def test_every_subscription_is_listed_once_with_all_that_an_export_tells(store: Arrivals, database: Database) -> None:
    large = replace(agreed("a@example.org"), preferences=Preferences(edition=Edition.LARGE_PRINT))
    store.bring([large, agreed("a@example.org", "daily"), agreed("b@example.org")], keys_of, NOW)
    Subscribers(database).unsubscribe("new-b@example.org", "weekly", NOW + DAY)
    rows = list(store.rows())
    assert [(row["address"], row["newsletter"], row["state"], row["ended_at"]) for row in rows] == [
        ("a@example.org", "daily", "confirmed", None),
        ("a@example.org", "weekly", "confirmed", None),
        ("b@example.org", "weekly", "unsubscribed", NOW + DAY),
    ]
    assert rows[1]["preferences"] == '{"edition": "large-print"}'
    assert (rows[0]["consent_text"], rows[0]["consent_at"], rows[0]["consent_source"]) == ("on paper", NOW, "import")


def test_many_are_listed_in_batches(store: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.store.arrivals._BATCH", 3)
    store.bring([agreed(f"p{number}@example.org", slug) for number in range(9) for slug in ("a", "b")], keys_of, NOW)
    rows = [(row["address"], row["newsletter"]) for row in store.rows()]
    assert rows == [(f"p{number}@example.org", slug) for number in range(9) for slug in ("a", "b")]
