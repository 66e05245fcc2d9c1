"""Requests and the notes that follow from them, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import make_article
from sqlalchemy import func, select
from store_builders import (
    LEASE,
    NOW,
    forgetful,
    key_of,
    make_note_terms,
    make_planned,
    make_request,
    make_subscription,
    post,
)

from newsletter.model import (
    Answer,
    Asked,
    Cadence,
    Edition,
    Known,
    NewNote,
    NoteKind,
    NoteOutcome,
    Pause,
    Preferences,
    Request,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.store import schema
from newsletter.store.arrivals import Arrivals
from newsletter.store.database import Database, open_database
from newsletter.store.notes import Notes
from newsletter.store.pauses import Pauses
from newsletter.store.persons import Persons
from newsletter.store.requests import Requests
from newsletter.store.subscribers import Subscribers

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ANN = "ann@example.org"
SENT = NoteOutcome(word="sent")


@pytest.fixture
def requests(database: Database) -> Requests:
    return Requests(database)


@pytest.fixture
def notes(database: Database) -> Notes:
    return Notes(database)


def answer(
    requests: Requests, told: Answer = Answer.CONFIRM, *, most_an_hour: int = 100, now: datetime = NOW
) -> list[tuple[Request, Known, bool]]:
    """Give every open request the same answer; what was known of each."""
    seen: list[tuple[Request, Known, bool]] = []

    def decide(request: Request, known: Known, braked: bool) -> Answer:
        seen.append((request, known, braked))
        return told

    requests.answer(decide, key_of, most_an_hour=most_an_hour, most=100, now=now)
    return seen


def subscribed(request: Request) -> Sequence[Subscription]:
    return [
        replace(make_subscription(request.address, slug), preferences=request.preferences)
        for slug in request.newsletters
    ]


def asked_of(requests: Requests, key: str = "mailbox", at: datetime = NOW) -> Asked | None:
    """What is remembered, as the next request sees it."""
    requests.add(make_request("probe@example.org", id=f"probe-{at}", at=at), key)
    ((_, known, _),) = answer(requests, Answer.NOTHING, now=at)
    return known.asked


def test_a_request_is_answered_with_what_is_known(requests: Requests, database: Database) -> None:
    Subscribers(database).add(make_subscription("Ann@Example.org", "weekly"))
    Subscribers(database).add(make_subscription(ANN, "daily", state=SubscriptionState.UNSUBSCRIBED))
    wanted = Preferences(edition=Edition.LARGE_PRINT, topics=frozenset({"gait"}), cadence=Cadence.MONTHLY)
    request = make_request(ANN, ("daily", "weekly"), preferences=wanted)
    requests.add(request, "mailbox of ann")
    assert answer(requests) == [(request, Known(suppressed=False, confirmed=frozenset({"weekly"}), asked=None), False)]
    assert answer(requests) == [], "each is answered once"


@pytest.mark.parametrize("key", [key_of(ANN), "mailbox"])
def test_a_suppression_of_the_spelling_or_of_the_mailbox_is_seen(
    requests: Requests, database: Database, key: str
) -> None:
    requests.add(make_request(ANN), "mailbox")
    Subscribers(database).suppress([key], "bounced", NOW)
    ((_, known, _),) = answer(requests)
    assert known.suppressed


def test_every_confirmation_is_counted_and_a_reminder_is_dated(requests: Requests) -> None:
    for number in range(2):
        requests.add(make_request(ANN, id=f"r{number}"), "mailbox")
        answer(requests, now=NOW + number * DAY)
    assert asked_of(requests, at=NOW + 2 * DAY) == Asked(count=2, at=NOW + DAY)
    requests.add(make_request(ANN, id="r2"), "mailbox")
    answer(requests, Answer.REMIND, now=NOW + 3 * DAY)
    assert asked_of(requests, at=NOW + 4 * DAY) == Asked(count=2, at=NOW + 3 * DAY)
    assert asked_of(requests, "other", at=NOW + 5 * DAY) is None


@pytest.mark.parametrize(
    ("told", "kind"), [(Answer.CONFIRM, NoteKind.CONFIRMATION), (Answer.REMIND, NoteKind.PREFERENCES)]
)
def test_an_answer_queues_its_note(
    requests: Requests, notes: Notes, database: Database, told: Answer, kind: NoteKind
) -> None:
    Subscribers(database).add(make_subscription(ANN, name="Ann"))
    requests.add(make_request(ANN, ("weekly", "daily")), "mailbox")
    answer(requests, told)
    claim = notes.claim(make_note_terms(), NOW)
    assert claim is not None
    assert (claim.kind, claim.newsletters, claim.recipient.address) == (kind, ("weekly", "daily"), ANN)
    assert claim.of_request is (told is Answer.CONFIRM)
    assert claim.recipient.name == ("" if claim.of_request else "Ann"), "whoever asks may not say who Ann is"
    assert notes.claim(make_note_terms(), NOW) is None


def test_nothing_leaves_nothing(requests: Requests, notes: Notes, database: Database) -> None:
    requests.add(make_request(), "mailbox")
    answer(requests, Answer.NOTHING)
    assert notes.due(NOW) == 0
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.request)).scalar() == 0
        assert connection.execute(select(func.count()).select_from(schema.asked)).scalar() == 0


def test_the_brake_counts_the_mails_of_an_hour(requests: Requests) -> None:
    for number in range(5):
        requests.add(make_request(f"p{number}@example.org", id=f"r{number}"), f"m{number}")
    assert [braked for _, _, braked in answer(requests, most_an_hour=3)] == [False, False, False, True, True]
    requests.add(make_request(id="late"), "late")
    assert [braked for _, _, braked in answer(requests, most_an_hour=3, now=NOW + HOUR - DAY / 1e6)] == [True]
    requests.add(make_request(id="later"), "later")
    assert [braked for _, _, braked in answer(requests, most_an_hour=3, now=NOW + HOUR)] == [False]


def test_who_waits_is_looked_at_again_and_ends_the_round(requests: Requests, notes: Notes) -> None:
    for number in range(3):
        requests.add(make_request(f"p{number}@example.org", id=f"r{number}"), f"m{number}")
    assert len(answer(requests, Answer.WAIT)) == 1
    assert notes.due(NOW) == 0
    assert len(answer(requests)) == 3


# -- confirming --------------------------------------------------------------------------------------------------------


def confirmable(requests: Requests, notes: Notes, request: Request | None = None, *, token: str = "hash") -> Request:
    request = request or make_request()
    requests.add(request, "mailbox")
    answer(requests)
    claim = notes.claim(make_note_terms(confirmation=token), NOW)
    assert claim is not None
    notes.finish(claim, SENT)
    return request


def test_a_request_is_confirmed_once(requests: Requests, notes: Notes, database: Database) -> None:
    request = confirmable(requests, notes, make_request(ANN, ("weekly", "daily")))
    assert requests.find("hash", NOW) == request
    assert requests.find("other", NOW) is None
    people = Subscribers(database)
    assert people.list() == ()
    assert requests.confirm("hash", subscribed, welcome=True, now=NOW) == request
    assert {each.newsletter for each in people.list()} == {"weekly", "daily"}
    assert requests.confirm("hash", subscribed, welcome=True, now=NOW) is None
    assert requests.find("hash", NOW) is None
    assert asked_of(requests, at=NOW + HOUR) is None, "who said yes is no stranger any more"
    kinds = [notes.claim(make_note_terms(), NOW) for _ in range(2)]
    assert [each and (each.kind, each.newsletters) for each in kinds] == [(NoteKind.WELCOME, ("weekly", "daily")), None]


def test_a_welcome_names_what_is_still_wanted(requests: Requests, notes: Notes, database: Database) -> None:
    confirmable(requests, notes, make_request(ANN, ("weekly", "daily", "monthly")))
    requests.confirm("hash", subscribed, welcome=True, now=NOW)
    people = Subscribers(database)
    person = people.find(ANN)
    assert person is not None
    people.unsubscribe(person.id, "weekly", NOW)
    people.settle(
        person.id, [replace(people.list("daily")[0], preferences=Preferences(cadence=Cadence.WEEKLY))], [], NOW
    )
    claim = notes.claim(make_note_terms(), NOW)
    assert claim is not None
    assert claim.newsletters == ("daily", "monthly")
    assert claim.cadences == {"daily": Cadence.WEEKLY, "monthly": None}


def test_a_welcome_to_what_was_left_at_once_is_not_sent(requests: Requests, notes: Notes, database: Database) -> None:
    confirmable(requests, notes, make_request(ANN, ("weekly", "daily")))
    requests.confirm("hash", subscribed, welcome=True, now=NOW)
    person = Subscribers(database).find(ANN)
    assert person is not None
    Subscribers(database).unsubscribe_all([(person.id, "weekly"), (person.id, "daily")], NOW)
    assert notes.claim(make_note_terms(), NOW) is None


def test_a_link_ends_with_its_time(requests: Requests, notes: Notes) -> None:
    confirmable(requests, notes)
    late = NOW + timedelta(hours=48)
    assert requests.find("hash", late - timedelta(seconds=1)) is not None
    assert requests.find("hash", late) is None
    assert requests.confirm("hash", subscribed, welcome=True, now=late) is None


def test_who_has_one_of_them_keeps_its_consent_and_gets_the_new_preferences(
    requests: Requests, notes: Notes, database: Database
) -> None:
    people, wanted = Subscribers(database), Preferences(min_credibility=4)
    people.add(make_subscription(ANN, "weekly", name="Ann", consent="the first"))
    confirmable(requests, notes, make_request(ANN, ("weekly", "daily"), preferences=wanted))
    requests.confirm("hash", subscribed, welcome=True, now=NOW)
    daily, weekly = people.list()
    assert (weekly.consent.text, weekly.preferences, weekly.subscriber.name) == ("the first", wanted, "Ann")
    assert daily.preferences == wanted
    claims = [notes.claim(make_note_terms(), NOW), notes.claim(make_note_terms(), NOW)]
    assert [each and each.newsletters for each in claims] == [("daily",), None], "only what is new is welcomed"


def test_the_first_digest_of_who_confirms_is_the_next_one(requests: Requests, notes: Notes, database: Database) -> None:
    post(database, make_article(), ["bob@example.org"])
    confirmable(requests, notes)
    requests.confirm("hash", subscribed, welcome=False, now=NOW)
    table = schema.subscription
    with database.read() as connection:
        ends = connection.execute(select(table.c.since).where(table.c.subscriber_id == "id-of-ann")).scalar()
    assert ends == make_planned().window_end
    assert notes.due(NOW) == 0


def test_what_nobody_confirms_is_deleted_and_the_count_stays(
    requests: Requests, notes: Notes, database: Database
) -> None:
    confirmable(requests, notes)
    requests.add(make_request("bob@example.org", at=NOW - 5 * DAY), "bob")
    assert requests.purge(NOW - 2 * DAY, NOW) == 1
    assert requests.purge(NOW, NOW + DAY) == 0, "its link still works"
    assert requests.purge(NOW, NOW + 2 * DAY) == 1
    with database.read() as connection:
        for table in (schema.request, schema.confirmation, schema.note):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
    assert asked_of(requests, at=NOW + 9 * DAY) == Asked(count=1, at=NOW)


# -- notes -------------------------------------------------------------------------------------------------------------


def note_to_ann(database: Database, kind: NoteKind = NoteKind.PREFERENCES, **changed: object) -> None:
    Subscribers(database).add(replace(make_subscription(ANN), **changed))  # type: ignore[arg-type]
    Notes(database).add([NewNote(kind=kind, newsletters=("weekly",), subscriber_id="id-of-ann")], NOW)


def test_a_note_is_claimed_once_and_its_result_is_taken_from_its_owner_alone(notes: Notes, database: Database) -> None:
    note_to_ann(database, preferences=Preferences(edition=Edition.TEXT_ONLY))
    claim = notes.claim(make_note_terms(), NOW)
    assert claim is not None
    assert (claim.attempts, claim.created_at, claim.preferences.edition) == (1, NOW, Edition.TEXT_ONLY)
    assert notes.claim(make_note_terms("other"), NOW + LEASE - timedelta(seconds=1)) is None
    taken_over = notes.claim(make_note_terms("other"), NOW + LEASE)
    assert taken_over is not None
    assert taken_over.attempts == 2
    assert not notes.finish(claim, SENT)
    assert notes.finish(taken_over, NoteOutcome(word="deferred", next_at=NOW + DAY))
    assert notes.due(NOW + DAY - timedelta(seconds=1)) == 0
    again = notes.claim(make_note_terms(), NOW + DAY)
    assert again is not None
    assert notes.finish(again, SENT)
    assert notes.due(NOW + 99 * DAY) == 0


def test_what_a_dead_process_held_is_taken_back(notes: Notes, database: Database) -> None:
    note_to_ann(database)
    assert notes.claim(make_note_terms("dead"), NOW) is not None
    assert notes.recover(NOW) == 1
    assert notes.claim(make_note_terms(), NOW) is not None


def test_every_attempt_to_confirm_has_a_token_of_its_own_and_all_work(requests: Requests, notes: Notes) -> None:
    requests.add(make_request(), "mailbox")
    answer(requests)
    for number in range(2):
        assert notes.claim(make_note_terms(confirmation=f"hash {number}"), NOW) is not None
        notes.recover(NOW)
    assert requests.find("hash 0", NOW) == requests.find("hash 1", NOW) == make_request()


def test_no_note_goes_to_an_address_that_is_suppressed(notes: Notes, database: Database) -> None:
    note_to_ann(database)
    Subscribers(database).suppress([key_of(ANN)], "complaint", NOW)
    assert notes.claim(make_note_terms(), NOW) is None
    assert notes.due(NOW + 99 * DAY) == 0, "it is not kept either"


def test_who_has_left_is_not_welcomed(notes: Notes, database: Database) -> None:
    note_to_ann(database, NoteKind.WELCOME)
    note_to_ann(database, NoteKind.GOODBYE)
    Subscribers(database).unsubscribe("id-of-ann", "weekly", NOW)
    claim = notes.claim(make_note_terms(), NOW)
    assert claim is not None
    assert claim.kind is NoteKind.GOODBYE


@pytest.mark.parametrize("scope", ["all", "domain/example.org"])
def test_a_pause_holds_notes_up(notes: Notes, database: Database, scope: str) -> None:
    note_to_ann(database)
    Pauses(database).add(Pause(scope=scope, reason="a look", at=NOW))
    assert notes.claim(make_note_terms(), NOW) is None
    Pauses(database).remove(scope)
    assert notes.claim(make_note_terms(), NOW + HOUR) is not None


def test_a_note_that_may_be_asked_for_goes_out_once_in_a_while(notes: Notes, database: Database) -> None:
    Subscribers(database).add(make_subscription(ANN))
    note = NewNote(kind=NoteKind.PREFERENCES, newsletters=("weekly",), subscriber_id="id-of-ann")
    asked = [notes.add_once(note, "scope", HOUR, NOW + number * HOUR / 2) for number in range(4)]
    assert asked == [True, False, True, False]
    assert notes.add_once(note, "another", HOUR, NOW)
    assert notes.due(NOW + DAY) == 3


# -- everything of one person --------------------------------------------------------------------------------------------


def test_a_person_is_told_everything_and_nobody_else_is(requests: Requests, database: Database) -> None:
    post(database, make_article(), [ANN, "bob@example.org"])
    note_to_ann(database, NoteKind.WELCOME)
    wanted = Preferences(topics=frozenset({"gait"}))
    requests.add(make_request("a+x@example.org", ("daily",), preferences=wanted), "mailbox")
    Subscribers(database).suppress([key_of(ANN)], "bounced", NOW)
    answer(requests)
    told = Persons(database).everything("Ann@Example.org", "mailbox", key_of(ANN))
    assert (told["id"], told["address"], told["name"]) == ("id-of-ann", ANN, "")
    assert [each["newsletter"] for each in told["subscriptions"]] == ["weekly"]
    assert told["subscriptions"][0]["consent_text"] == "Yes, please."
    assert [(each["newsletter"], each["period"], each["state"]) for each in told["deliveries"]] == [
        ("weekly", "2026-W47", "pending")
    ]
    assert [each["kind"] for each in told["notes"]] == ["welcome"]
    assert [(each["newsletters"], each["preferences"]["topics"]) for each in told["requests"]] == [
        (["daily"], ["gait"])
    ]
    assert told["suppression"]["reason"] == "bounced"
    assert told["asked"] == {"count": 1, "at": NOW.isoformat()}
    assert Persons(database).everything("nobody@example.org", "n", "n") == {}


def test_an_erased_person_is_gone_from_every_table(requests: Requests, notes: Notes, database: Database) -> None:
    post(database, make_article(), [ANN, "bob@example.org"])
    note_to_ann(database, NoteKind.WELCOME)
    confirmable(requests, notes, make_request("a+x@example.org"))
    Subscribers(database).suppress([key_of(ANN)], "bounced", NOW)
    persons = Persons(database)
    assert persons.erase("ANN@example.org", ["mailbox"], forgetful)
    assert not persons.erase(ANN, ["mailbox"], forgetful)
    with database.read() as connection:
        for table in (schema.subscription, schema.delivery):
            (row,) = connection.execute(select(table).where(table.c.subscriber_id == "id-of-bob")).all()
            assert row is not None
        for table in (schema.request, schema.confirmation, schema.note, schema.asked):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
    assert set(persons.everything(ANN, "mailbox", key_of(ANN))) == {"suppression"}, "or it would be mailed again"


def test_no_copy_of_a_row_that_was_moved_is_left_in_the_file(sqlite_url: str, tmp_path: Path) -> None:
    """SQLite alone leaves some of these addresses between the rows of pages that others came to."""
    database, draw, everybody = open_database(sqlite_url), random.Random(2), []
    arrivals, persons = Arrivals(database), Persons(database)

    def somebody(number: int) -> Subscription:
        address = f"zoe{number:05}.{draw.randrange(10**6)}@d{number % 7}.example"
        told = replace(
            make_subscription(address),
            preferences=Preferences(topics=frozenset(draw.sample("abcd", draw.randrange(4)))),
        )
        return replace(
            told, subscriber=Subscriber(id=f"{draw.getrandbits(128):032x}", address=address, name="Ann Example")
        )

    def come(some: Sequence[Subscription]) -> None:
        arrivals.bring(some, lambda address: (key_of(address), f"person of {address}"), NOW)

    for start in range(0, 6000, 100):
        everybody += [somebody(start + number) for number in range(100)]
        come(everybody[start:])
    gone = draw.sample(everybody, 400)
    for number, each in enumerate(gone):
        assert persons.erase(each.subscriber.address, (), forgetful)
        if number % 5 == 0:
            come([somebody(10_000 + number)])
    database.close()
    held = (tmp_path / "newsletter.db").read_bytes()
    assert [each.subscriber.address for each in gone if each.subscriber.address.encode() in held] == []


def test_what_a_reader_holds_in_the_log_is_wiped_when_they_are_done(sqlite_url: str, tmp_path: Path) -> None:
    database = open_database(sqlite_url, patience=timedelta(milliseconds=10))
    persons, log = Persons(database), tmp_path / "newsletter.db-wal"
    Subscribers(database).add(make_subscription("zuleika@example.org"))
    with closing(sqlite3.connect(tmp_path / "newsletter.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM subscriber").fetchall()
        assert persons.erase("zuleika@example.org", (), forgetful)
        assert b"zuleika" in log.read_bytes()
        persons.wipe_again()
        assert b"zuleika" in log.read_bytes()
        reader.execute("COMMIT")
        persons.wipe_again()
        assert b"zuleika" not in log.read_bytes() + (tmp_path / "newsletter.db").read_bytes()
    database.close()
