"""Who is planned for, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import make_article
from store_builders import NOW, add_digest, make_digest, make_planned, make_subscription, post
from wishing import TOPICS

from newsletter.model import Audience, Cadence, Choice, Edition, Preferences, Subscription, SubscriptionState
from newsletter.store import readership
from newsletter.store.choices import ChoiceNumbers, Choices
from newsletter.store.database import Database
from newsletter.store.digests import Digests
from newsletter.store.preferences import dumps
from newsletter.store.readership import Readership
from newsletter.store.subscribers import Subscribers
from newsletter.wishes import BEGINNING, Issue

LATER = NOW + timedelta(days=3)
MONTHLY = Preferences(cadence=Cadence.MONTHLY, topics=frozenset(TOPICS))


def _subscribe(database: Database, name: str, wanted: Preferences, **changed: object) -> Subscription:
    made = replace(make_subscription(f"{name}@Example.org"), preferences=wanted, **changed)  # type: ignore[arg-type]
    Subscribers(database).add(made)
    return made


def test_everybody_who_confirmed_by_id(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readership, "_BATCH", 2)
    monkeypatch.setattr(readership, "_EVERYBODY", readership._everybody())
    for name in "dbacfe":
        _subscribe(database, name, MONTHLY if name in "ab" else Preferences())
    _subscribe(database, "g", Preferences(), state=SubscriptionState.UNCONFIRMED)
    _subscribe(database, "h", Preferences(), newsletter="other")
    Subscribers(database).unsubscribe("id-of-f", "weekly", NOW)
    found = list(Readership(database).readers("weekly"))
    assert [reader.subscriber_id for reader in found] == [f"id-of-{name}" for name in "abcde"]
    assert {reader.domain for reader in found} == {"example.org"}
    assert [reader.preferences for reader in found] == [dumps(MONTHLY)] * 2 + [None] * 3
    assert {reader.since for reader in found} == {BEGINNING}


def test_since_is_the_end_of_the_last_digest_that_was_there(database: Database) -> None:
    add_digest(Digests(database), make_digest(make_planned(number=46)))
    _subscribe(database, "a", Preferences())
    (reader,) = Readership(database).readers("weekly")
    assert reader.since == make_planned(number=46).window_end


def test_of_wishes_only_what_forms_hang_on(database: Database) -> None:
    for number in range(4):
        wanted = Preferences(cadence=Cadence.MONTHLY, topics=frozenset({TOPICS[number]}))
        _subscribe(database, f"m{number}", wanted)
    _subscribe(database, "x", Preferences(language="de", audience=Audience.CLINICIAN, min_credibility=3))
    _subscribe(database, "y", Preferences(min_credibility=3))
    _subscribe(database, "z", Preferences())
    assert set(Readership(database).wishes("weekly")) == {
        Preferences(cadence=Cadence.MONTHLY),
        Preferences(language="de", audience=Audience.CLINICIAN),
        Preferences(),
    }


def test_who_changed_how_often(database: Database) -> None:
    people, readers = Subscribers(database), Readership(database)
    for name in "abc":
        _subscribe(database, name, MONTHLY if name == "c" else Preferences())
    changed = replace(make_subscription("a@example.org"), preferences=Preferences(cadence=Cadence.MONTHLY))
    people.settle("id-of-a", [changed], (), LATER)
    other = replace(make_subscription("b@example.org"), preferences=Preferences(min_credibility=3))
    people.settle("id-of-b", [other], (), LATER)
    assert [one.subscriber_id for one in readers.changed("weekly", LATER, own_cadence=False)] == ["id-of-a"]
    assert readers.changed("weekly", LATER + timedelta(seconds=1), own_cadence=False) == ()
    assert {one.subscriber_id for one in readers.changed("weekly", LATER, own_cadence=True)} == {"id-of-a", "id-of-c"}


def test_the_ledger_knows_the_last_digest_that_somebody_was_served(database: Database) -> None:
    post(database, make_article("one"), ["a@example.org", "b@example.org"], make_planned(number=46))
    post(database, make_article("two"), ["a@example.org"], make_planned(number=47))
    digests, since = Digests(database), dict.fromkeys(["id-of-a", "id-of-b", "id-of-c"], BEGINNING)
    first, second = make_planned(number=46).window_end, make_planned(number=47).window_end
    assert digests.served("weekly", since) == {"id-of-a": second, "id-of-b": first}
    assert digests.served("weekly", since | {"id-of-b": first}) == {"id-of-a": second}
    assert digests.served("other", since) == {}


def test_the_chain_holds_empty_digests_but_no_back_issues(database: Database) -> None:
    digests = Digests(database)
    planned = [make_planned(number=number, mailed=number != 45) for number in (45, 46, 47)]
    for one in planned:
        add_digest(digests, make_digest(one))
    assert digests.issues("weekly") == tuple(
        Issue(period=one.period, window_start=one.window_start, window_end=one.window_end, made_at=NOW)
        for one in planned[1:]
    )


def test_a_choice_has_one_number(database: Database) -> None:
    """Whatever its articles are; and the newsletter's own form needs none."""
    one, other = Choice(language="de"), Choice(edition=Edition.COMPACT)
    with database.begin() as connection:
        first = ChoiceNumbers(connection).of(one)
        again = ChoiceNumbers(connection)
        second = again.of(replace(other, articles=5))
        assert first is not None
        assert second is not None
        assert first == again.of(one) == again.of(replace(one, articles=2**70)) != second
        assert [again.of(None), again.of(Choice(articles=1))] == [None, None]
        assert Choices().of(connection, [second]) == {second: other}


def test_moments_are_aware(database: Database) -> None:
    add_digest(Digests(database), make_digest(make_planned(number=46)))
    _subscribe(database, "a", Preferences())
    (reader,) = Readership(database).readers("weekly")
    assert reader.since.tzinfo is not None
    assert reader.since > datetime(2020, 1, 1, tzinfo=UTC)
