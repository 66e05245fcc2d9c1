from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import make_article
from sqlalchemy import select
from store_builders import NOW, forgetful, make_planned, make_subscription, post

from newsletter.model import Cadence, Consent, Edition, Preferences, Subscriber, SubscriptionState
from newsletter.store import schema
from newsletter.store.database import Database
from newsletter.store.persons import Persons
from newsletter.store.subscribers import Subscribers

LATER = NOW + timedelta(days=9)
UNCONFIRMED, CONFIRMED, ENDED = (
    SubscriptionState.UNCONFIRMED,
    SubscriptionState.CONFIRMED,
    SubscriptionState.UNSUBSCRIBED,
)


@pytest.fixture
def store(database: Database) -> Subscribers:
    return Subscribers(database)


def test_a_new_subscription_is_kept_with_its_consent(store: Subscribers) -> None:
    ann = make_subscription(name="Ann")
    assert store.add(ann)
    assert store.find("ann@example.org") == ann.subscriber
    assert store.subscription(ann.subscriber.id, "weekly") == ann
    assert store.subscription(ann.subscriber.id, "daily") is None
    assert store.find("bob@example.org") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [("ann@example.org", "Ann@Example.ORG"), ("stra\u00dfe@example.org", "STRASSE@example.org")],
)
def test_an_address_is_one_person_whatever_its_case(store: Subscribers, first: str, second: str) -> None:
    store.add(make_subscription(first, id="first"))
    assert store.add(make_subscription(second, "daily", id="second"))
    assert store.find(second) == Subscriber(id="first", address=first)
    assert [(one.subscriber.id, one.newsletter) for one in store.list()] == [("first", "daily"), ("first", "weekly")]


def test_the_same_again_changes_nothing_and_keeps_the_first_consent(store: Subscribers) -> None:
    ann = make_subscription()
    store.add(ann)
    assert not store.add(make_subscription(consent="Something else."))
    assert store.list() == (ann,)


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        (UNCONFIRMED, CONFIRMED, CONFIRMED),
        (ENDED, CONFIRMED, CONFIRMED),
        (ENDED, UNCONFIRMED, UNCONFIRMED),
        (CONFIRMED, UNCONFIRMED, CONFIRMED),
        (UNCONFIRMED, UNCONFIRMED, UNCONFIRMED),
        (CONFIRMED, ENDED, ENDED),
    ],
)
def test_a_subscription_is_renewed_but_never_undone_by_an_unconfirmed_one(
    store: Subscribers, before: SubscriptionState, asked: SubscriptionState, after: SubscriptionState
) -> None:
    store.add(make_subscription(state=before, consent="before"))
    changed = store.add(make_subscription(state=asked, consent="asked"))
    (found,) = store.list()
    assert changed == (before is not after)
    assert found.state is after
    assert found.consent.text == ("asked" if changed else "before")


def test_only_a_confirmed_subscription_brings_a_new_name(store: Subscribers) -> None:
    """A form that anybody can fill in must not rename people."""
    store.add(make_subscription(name="Ann"))
    assert store.add(make_subscription(newsletter="daily", name="Mallory", state=UNCONFIRMED))
    assert store.find("ann@example.org") == make_subscription(name="Ann").subscriber
    assert store.add(make_subscription(name="Ann Example"))
    assert store.find("ann@example.org") == make_subscription(name="Ann Example").subscriber
    assert not store.add(make_subscription(name=""))
    assert store.find("ann@example.org") == make_subscription(name="Ann Example").subscriber


def test_subscriptions_come_by_id_and_confirmed_ones_are_counted(store: Subscribers) -> None:
    for address, state, newsletter in (
        ("d@example.org", CONFIRMED, "weekly"),
        ("c@example.org", ENDED, "weekly"),
        ("b@example.org", CONFIRMED, "daily"),
        ("a@example.org", CONFIRMED, "weekly"),
        ("e@example.org", UNCONFIRMED, "weekly"),
    ):
        store.add(make_subscription(address, newsletter, state=state))
    assert [one.subscriber.address[0] for one in store.list("weekly")] == ["a", "c", "d", "e"]
    assert store.count_confirmed("weekly") == 2
    assert store.list("monthly") == ()
    assert store.count_confirmed("monthly") == 0


def test_unsubscribing_twice_is_once(store: Subscribers, database: Database) -> None:
    ann = make_subscription()
    store.add(ann)
    store.add(make_subscription(newsletter="daily"))
    assert store.unsubscribe(ann.subscriber.id, "weekly", NOW)
    assert not store.unsubscribe(ann.subscriber.id, "weekly", NOW + timedelta(days=1))
    assert not store.unsubscribe("nobody", "weekly", NOW)
    assert store.subscription(ann.subscriber.id, "weekly") == replace(ann, state=ENDED)
    assert [one.newsletter for one in store.list() if one.state is CONFIRMED] == ["daily"]
    with database.read() as connection:
        ended = connection.execute(select(schema.subscription.c.newsletter, schema.subscription.c.ended_at)).all()
    assert dict(map(tuple, ended)) == {"weekly": NOW, "daily": None}


def test_many_leave_in_one_transaction(store: Subscribers) -> None:
    ann, bob = make_subscription(), make_subscription("bob@example.org", id="id-of-bob")
    store.add(ann)
    store.add(bob)
    store.unsubscribe("id-of-bob", "weekly", NOW)
    left = [(ann.subscriber.id, "weekly"), ("id-of-bob", "weekly"), (ann.subscriber.id, "daily"), ("nobody", "weekly")]
    assert store.unsubscribe_all(left, LATER) == (True, False, None, None)
    assert store.unsubscribe_all(left[:1], LATER) == (False,)
    assert store.unsubscribe_all([], LATER) == ()
    assert {one.state for one in store.list()} == {ENDED}


def test_who_comes_back_keeps_the_id_and_is_owed_nothing_of_before(store: Subscribers, database: Database) -> None:
    wanted = Preferences(cadence=Cadence.MONTHLY)
    store.add(make_subscription(id="first"))
    assert _row(database) == (None, None, None)
    post(database, make_article(), ["bob@example.org"])
    store.unsubscribe("first", "weekly", NOW)
    again = replace(
        make_subscription(id="second"), preferences=wanted, consent=Consent(text="t", at=LATER, source="form")
    )
    assert store.add(again)
    assert store.subscriptions("first") == (replace(again, subscriber=replace(again.subscriber, id="first")),)
    assert _row(database) == (make_planned().window_end, LATER, None)


def test_only_a_change_of_the_cadence_is_remembered(store: Subscribers, database: Database) -> None:
    ann = make_subscription()
    store.add(ann)
    large = replace(ann, preferences=Preferences(edition=Edition.LARGE_PRINT))
    assert store.settle(ann.subscriber.id, [large], [], LATER) == ()
    assert store.subscription(ann.subscriber.id, "weekly") == large
    assert _row(database)[1] is None
    seldom = replace(ann, preferences=Preferences(cadence=Cadence.MONTHLY))
    store.settle(ann.subscriber.id, [seldom], [], LATER)
    assert _row(database)[1] == LATER
    store.settle(ann.subscriber.id, [ann], [], LATER + timedelta(days=1))
    assert _row(database)[1] == LATER + timedelta(days=1)
    assert store.list() == (ann,)


def test_a_person_can_begin_change_and_leave_at_once(store: Subscribers) -> None:
    ann = make_subscription()
    store.add(ann)
    store.add(make_subscription(newsletter="daily"))
    changed = replace(
        ann, preferences=Preferences(min_credibility=3.5), consent=Consent(text="x", at=LATER, source="y")
    )
    new = replace(make_subscription(newsletter="monthly"), consent=Consent(text="x", at=LATER, source="y"))
    assert store.settle(ann.subscriber.id, [changed, new], ["daily", "never"], LATER) == ("daily",)
    found = {each.newsletter: each for each in store.subscriptions(ann.subscriber.id)}
    assert found["weekly"] == replace(changed, consent=ann.consent)
    assert found["monthly"] == new
    assert found["daily"].state is ENDED
    assert store.settle(ann.subscriber.id, [], ["daily"], LATER) == ()


def test_a_person_is_found_by_id(store: Subscribers) -> None:
    ann = make_subscription(name="Ann")
    store.add(ann)
    assert store.person(ann.subscriber.id) == ann.subscriber
    assert store.person("nobody") is None
    assert store.subscriptions("nobody") == ()


def _row(database: Database) -> tuple[object, object, object]:
    table = schema.subscription
    query = select(table.c.since, table.c.changed_at, table.c.ended_at).where(table.c.subscriber_id != "id-of-bob")
    with database.read() as connection:
        return tuple(connection.execute(query).one())


def test_a_suppression_outlives_the_subscriber_and_keeps_its_first_reason(
    store: Subscribers, database: Database
) -> None:
    store.add(make_subscription())
    assert not store.suppressed("key")
    store.suppress(["key"], "bounced", NOW)
    store.suppress(["key"], "complaint", NOW + timedelta(days=1))
    Persons(database).erase("ann@example.org", (), forgetful)
    assert store.suppressed("key")
    assert store.suppressions() == 1
    with database.read() as connection:
        assert connection.execute(select(schema.suppression)).all() == [("key", "bounced", NOW)]
    assert store.unsuppress(["key"])
    assert not store.unsuppress(["key"])
    assert not store.suppressed("key")
