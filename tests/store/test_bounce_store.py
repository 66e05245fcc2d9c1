"""What came back is found by a name, written down once, and followed by what it means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from builders import make_article
from sqlalchemy import event, select, update
from store_builders import LEASE, NOW, WEEK, forgetful, key_of, make_planned, make_subscription, post

from newsletter.model import DeliveryState, Outcome, SubscriptionState, Terms
from newsletter.model.incoming import Bounce, BounceCount, BounceKind, SentDelivery
from newsletter.store import schema
from newsletter.store.bounces import Bounces
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.persons import Persons
from newsletter.store.subscribers import Subscribers

TERMS = Terms(owner="one", lease=LEASE, address_key=key_of)
ACCEPTED = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)
NAME = "abcdefghijklmnopqrstuvwxyz"


def send(
    database: Database, address: str = "ann@example.org", number: int = 47, newsletter: str = "weekly"
) -> SentDelivery:
    """A delivery of that week, sent; its Message-ID is `<NAME@news.example.org>` with the week in front."""
    now = NOW + WEEK * (number - 47)
    post(database, make_article(f"a{number}"), [address], make_planned(newsletter, number), now=now)
    ledger = Deliveries(database)
    claim = ledger.claim(TERMS, now)
    assert claim is not None
    ledger.finish(claim, ACCEPTED, now)
    name = f"{number}{NAME}"
    with database.begin() as connection:
        named = update(schema.delivery).where(schema.delivery.c.id == claim.delivery_id)
        connection.execute(named.values(message_id=f"<{name}@news.example.org>"))
    found = Bounces(database).find(name)
    assert found is not None
    return found


def _bounce(delivery: SentDelivery, kind: BounceKind = BounceKind.SOFT, **changed: object) -> Bounce:
    values: dict[str, object] = {"code": 550, "enhanced": "5.2.2"}
    return Bounce(delivery=delivery, kind=kind, **values | changed)  # type: ignore[arg-type]


def test_a_delivery_is_found_by_the_left_side_of_its_message_id(database: Database) -> None:
    sent = send(database)
    assert (sent.newsletter, sent.subscriber_id, sent.address) == ("weekly", "id-of-ann", "ann@example.org")
    assert (sent.domain, sent.state, sent.attempt, sent.sent_at) == ("example.org", DeliveryState.SENT, 1, NOW)
    bounces = Bounces(database)
    assert bounces.find_message([f"<47{NAME}@news.example.org>"]) == sent
    assert bounces.newest("id-of-ann", "weekly") == sent
    for other in ("", "4", f"47{NAME[:-1]}", f"47{NAME}a", f"47{NAME}@news", "%", "_"):
        assert bounces.find(other) is None
    assert bounces.find_message([]) is None
    assert bounces.find_message(["<other@news.example.org>"]) is None
    assert bounces.newest("id-of-ann", "daily") is None


def test_an_erased_person_has_no_address(database: Database) -> None:
    sent = send(database)
    Persons(database).erase("ann@example.org", (), forgetful)
    found = Bounces(database).find(f"47{NAME}")
    assert found is not None
    assert (found.id, found.address) == (sent.id, None)
    assert Bounces(database).record(_bounce(found, suppress="bounced"), (), NOW)
    assert Subscribers(database).suppressions() == 0


def test_a_bounce_is_written_down_once(database: Database) -> None:
    sent, bounces = send(database), Bounces(database)
    later = NOW + timedelta(hours=1)
    assert bounces.record(_bounce(sent), [key_of("ann@example.org")], later)
    after = bounces.find(f"47{NAME}")
    assert after is not None
    assert (after.state, after.sent_at) == (DeliveryState.BOUNCED, NOW)
    last = Deliveries(database).events(sent.id)[-1]
    assert (last.at, last.kind, last.code, last.enhanced) == (later, "bounced-soft", 550, "5.2.2")
    assert not Subscribers(database).suppressed(key_of("ann@example.org"))
    for again in (sent, after):  # by who looked before the first was written, and by who looks now
        assert not bounces.record(_bounce(again), [key_of("ann@example.org")], later)
    assert len(Deliveries(database).events(sent.id)) == 3


def test_what_follows_is_one_transaction(database: Database) -> None:
    sent = send(database)
    Subscribers(database).add(make_subscription("ann@example.org", "daily"))
    complaint = _bounce(sent, BounceKind.COMPLAINT, suppress="complaint", leave=True, code=None, enhanced=None)
    assert Bounces(database).record(complaint, ["key", "person/key"], NOW)
    assert Subscribers(database).suppressed("key")
    assert Subscribers(database).suppressed("person/key")
    states = {each.newsletter: each.state for each in Subscribers(database).list()}
    assert states == {"weekly": SubscriptionState.UNSUBSCRIBED, "daily": SubscriptionState.CONFIRMED}
    found = Bounces(database).find(f"47{NAME}")
    assert found is not None
    assert found.state is DeliveryState.SENT  # it arrived
    assert not Bounces(database).record(complaint, ["key", "person/key"], NOW)


def test_a_delivery_that_is_tried_again_may_bounce_again(database: Database) -> None:
    sent, bounces = send(database), Bounces(database)
    assert bounces.record(_bounce(sent), (), NOW)
    with database.begin() as connection:
        connection.execute(update(schema.delivery).values(state="sent", attempts=2))
    again = bounces.find(f"47{NAME}")
    assert again is not None
    assert not bounces.record(_bounce(sent), (), NOW)
    assert bounces.record(_bounce(again), (), NOW)


def test_the_history_of_a_person_is_newest_first_and_theirs_alone(database: Database) -> None:
    bounces = Bounces(database)
    first, second, third = (send(database, number=number) for number in (46, 47, 48))
    send(database, "bob@example.net", 49)
    bounces.record(_bounce(second), (), NOW)
    bounces.record(_bounce(third, BounceKind.COMPLAINT, enhanced=None), (), NOW)
    told = [(past.delivery_id, past.bounce, past.state) for past in bounces.history("id-of-ann", NOW - WEEK * 2)]
    assert told == [
        (third.id, None, DeliveryState.SENT),
        (second.id, BounceKind.SOFT, DeliveryState.BOUNCED),
        (first.id, None, DeliveryState.SENT),
    ]
    assert [past.at for past in bounces.history("id-of-ann", NOW)] == [NOW + WEEK, NOW]
    assert bounces.history("id-of-bob", NOW + WEEK * 3) == ()


def test_bounces_are_counted_by_domain_and_kind(database: Database) -> None:
    bounces = Bounces(database)
    for number in (46, 47):
        bounces.record(_bounce(send(database, number=number), BounceKind.POLICY), (), NOW)
    bounces.record(_bounce(send(database, "bob@example.net", 48)), (), NOW)
    bounces.record(_bounce(send(database, "eve@example.net", 49)), (), NOW - timedelta(days=31))
    assert bounces.by_domain(NOW - timedelta(days=30)) == (
        BounceCount(domain="example.org", kind=BounceKind.POLICY, number=2),
        BounceCount(domain="example.net", kind=BounceKind.SOFT, number=1),
    )


QUESTIONS: dict[str, Callable[[Bounces], object]] = {
    "find": lambda bounces: bounces.find(NAME),
    "find_message": lambda bounces: bounces.find_message(["<a@example.org>"]),
    "newest": lambda bounces: bounces.newest("id-of-ann", "weekly"),
    "history": lambda bounces: bounces.history("id-of-ann", NOW),
    "by_domain": lambda bounces: bounces.by_domain(NOW),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_goes_through_the_whole_ledger(sqlite_url: str, name: str) -> None:
    """By SQLite's own account of its plan. Digests are few; they alone may be gone through."""
    database = open_database(sqlite_url)
    asked: list[str] = []
    event.listen(database._reader, "before_cursor_execute", lambda _c, _cursor, told, *_: asked.append(told))
    QUESTIONS[name](Bounces(database))
    with database.read() as connection:
        plans = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {told.replace('?', '1')}").all()
            for told in asked
            if told.startswith("SELECT")
        ]
    steps = [row.detail for plan in plans for row in plan]
    assert any("SEARCH" in step for step in steps)
    assert not [step for step in steps if step.startswith(("SCAN delivery", "SCAN bounce", "SCAN subscriber"))]
    database.close()


def test_the_events_stand_in_the_ledgers_log(database: Database) -> None:
    sent = send(database)
    Bounces(database).record(_bounce(sent, BounceKind.HARD, enhanced="5.1.1"), (), NOW)
    with database.read() as connection:
        kinds = connection.execute(select(schema.delivery_event.c.kind).order_by(schema.delivery_event.c.id)).scalars()
        assert list(kinds) == ["claimed", "accepted", "bounced-hard"]
