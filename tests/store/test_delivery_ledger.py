from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from builders import make_article
from sqlalchemy import select
from store_builders import (
    LEASE,
    NOW,
    WEEK,
    add_digest,
    forgetful,
    key_of,
    make_deliveries,
    make_digest,
    make_mailing,
    make_planned,
    make_subscription,
    post,
)

import newsletter
from newsletter.model import (
    Audience,
    Cadence,
    Choice,
    Claim,
    DeliveryState,
    Edition,
    Outcome,
    Pause,
    Settled,
    Subscriber,
    Terms,
    scopes_of,
)
from newsletter.store import deliveries
from newsletter.store.control import Control
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.pauses import Pauses
from newsletter.store.persons import Persons
from newsletter.store.schema import delivery as table
from newsletter.store.subscribers import Subscribers

SENT = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)
BOUNCED = Outcome(state=DeliveryState.BOUNCED, kind="refused", code=550, enhanced="5.1.1")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ledger(database: Database) -> Deliveries:
    return Deliveries(database)


def _terms(owner: str) -> Terms:
    return Terms(owner=owner, lease=LEASE, address_key=key_of)


def _claim(ledger: Deliveries, now: object = NOW, owner: str = "one") -> Claim:
    claim = ledger.claim(_terms(owner), now)  # type: ignore[arg-type]
    assert claim is not None
    return claim


def _kinds(ledger: Deliveries, number: int) -> list[str]:
    return [event.kind for event in ledger.events(number)]


def _row(database: Database, number: int) -> dict[str, object]:
    with database.read() as connection:
        return dict(connection.execute(select(table).where(table.c.id == number)).one()._mapping)


class TestClaim:
    def test_a_claim_says_all_that_sending_needs(self, ledger: Deliveries, database: Database) -> None:
        digest = post(database, make_article(), ["Ann@example.org"], now=NOW - MINUTE)
        claim = _claim(ledger)
        assert claim == Claim(
            delivery_id=claim.delivery_id,
            digest_id=digest,
            newsletter="weekly",
            period="2026-W47",
            subscriber=Subscriber(id="id-of-ann", address="Ann@example.org"),
            message_id="<weekly.2026-W47.Ann@example.org>",
            owner="one",
            lease_until=NOW + LEASE,
            attempts=1,
            created_at=NOW - MINUTE,
        )
        row = _row(database, claim.delivery_id)
        assert (row["state"], row["owner"], row["lease_until"]) == ("sending", "one", NOW + LEASE)
        assert (row["attempts"], row["ambiguous"], row["domain"]) == (1, False, "example.org")
        assert _kinds(ledger, claim.delivery_id) == ["claimed"]

    def test_it_says_what_was_chosen(self, ledger: Deliveries, database: Database) -> None:
        """A mailing may have more articles than a database's numbers have bits."""
        chosen = [
            None,
            Choice(articles=0),
            Choice(articles=1 << 63 | 5),
            Choice(articles=1 << 200 | 1),
            Choice(edition=Edition.COMPACT, articles=6),
            Choice(edition=Edition.COMPACT),
            Choice(cadence=Cadence.WEEKLY, language="de", audience=Audience.CLINICIAN, articles=1),
        ]
        people = [f"{number}@example.org" for number in range(len(chosen))]
        for address in people:
            Subscribers(database).add(make_subscription(address))
        planned = make_planned()
        pairs = zip(make_deliveries(people, planned), chosen, strict=True)
        deliveries = [one._replace(choice=choice) for one, choice in pairs]
        digest = make_digest(planned)
        add_digest(Digests(database), digest, mailing=make_mailing(planned), deliveries=deliveries)
        claims = ledger.exchange((), len(chosen), _terms("one"), NOW).claims
        told = {claim.subscriber.address: claim.choice for claim in claims}
        assert told == {address: choice or Choice() for address, choice in zip(people, chosen, strict=True)}

    def test_each_row_once_and_then_none(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org", "b@example.org"])
        assert {_claim(ledger).subscriber.address for _ in range(2)} == {"a@example.org", "b@example.org"}
        assert ledger.claim(_terms("one"), NOW) is None

    def test_a_claim_is_kept_before_anything_is_sent(self, ledger: Deliveries, database: Database, url: str) -> None:
        post(database, make_article(), ["a@example.org"])
        _claim(ledger)
        other = open_database(url)
        assert Deliveries(other).counts() == {"weekly": {"sending": 1}}
        other.close()

    def test_nothing_counts_before_it_is_sealed_by_whatever_thread(
        self, ledger: Deliveries, database: Database, url: str
    ) -> None:
        post(database, make_article(), ["a@example.org"])
        other = open_database(url)
        exchange, seal = ledger.begin_exchange((), 1, _terms("one"), NOW)
        (claim,) = exchange.claims
        assert _row(other, claim.delivery_id)["state"] == "pending"
        thread = Thread(target=seal)
        thread.start()
        thread.join()
        assert _row(other, claim.delivery_id)["state"] == "sending"
        other.close()

    def test_a_deferred_row_waits_for_its_time(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org"])
        ledger.finish(_claim(ledger), _deferred(NOW + 5 * MINUTE), NOW)
        assert ledger.due(NOW + 4 * MINUTE) == 0
        assert ledger.claim(_terms("one"), NOW + 4 * MINUTE) is None
        assert ledger.due(NOW + 5 * MINUTE) == 1
        assert _claim(ledger, NOW + 5 * MINUTE).attempts == 2

    def test_the_deferred_row_that_waits_longest_comes_first(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org", "b@example.org"])
        first, second = _claim(ledger), _claim(ledger)
        ledger.finish(first, _deferred(NOW + 9 * MINUTE), NOW)
        ledger.finish(second, _deferred(NOW + 5 * MINUTE), NOW)
        assert _claim(ledger, NOW + 10 * MINUTE).delivery_id == second.delivery_id

    def test_a_clock_set_back_keeps_nobody_waiting(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org"])
        assert ledger.due(NOW - WEEK) == 1
        assert _claim(ledger, NOW - WEEK).attempts == 1

    def test_what_has_ended_is_not_claimed_again(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org"])
        ledger.finish(_claim(ledger), BOUNCED, NOW)
        assert ledger.claim(_terms("one"), NOW + WEEK) is None


class TestLease:
    def test_a_lease_that_ran_out_frees_the_row_and_says_so(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org"])
        dead = _claim(ledger, owner="dead")
        almost = NOW + LEASE - timedelta(microseconds=1)
        assert ledger.due(almost) == 0
        assert ledger.claim(_terms("alive"), almost) is None
        assert ledger.due(NOW + LEASE) == 1
        again = _claim(ledger, NOW + LEASE, "alive")
        assert (again.delivery_id, again.attempts, again.message_id) == (dead.delivery_id, 2, dead.message_id)
        assert _kinds(ledger, dead.delivery_id) == ["claimed", "lease-expired", "claimed"]
        assert _row(database, dead.delivery_id)["ambiguous"] is True

    def test_the_result_of_a_lost_claim_changes_nothing(self, ledger: Deliveries, database: Database) -> None:
        """Fencing: a sender that slept through its lease learns that the row is another's."""
        post(database, make_article(), ["a@example.org"])
        stale = _claim(ledger, owner="stale")
        fresh = _claim(ledger, NOW + LEASE, "fresh")
        before = _row(database, stale.delivery_id), ledger.events(stale.delivery_id)
        assert not ledger.finish(stale, SENT, NOW + LEASE)
        assert (_row(database, stale.delivery_id), ledger.events(stale.delivery_id)) == before
        assert ledger.finish(fresh, SENT, NOW + LEASE)
        assert not ledger.finish(fresh, BOUNCED, NOW + LEASE)
        assert ledger.counts() == {"weekly": {"sent": 1}}

    def test_a_result_counts_from_the_owner_alone(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org"])
        claim = _claim(ledger)
        assert not ledger.finish(replace(claim, owner="another"), SENT, NOW)
        assert ledger.finish(claim, SENT, NOW)

    def test_an_owner_that_lost_its_own_earlier_claim_is_fenced_too(
        self, ledger: Deliveries, database: Database
    ) -> None:
        post(database, make_article(), ["a@example.org"])
        earlier, later = _claim(ledger), _claim(ledger, NOW + LEASE)
        assert earlier.owner == later.owner
        assert not ledger.finish(earlier, SENT, NOW + LEASE)
        assert ledger.finish(later, SENT, NOW + LEASE)

    def test_recovering_takes_back_what_a_dead_process_held(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org", "b@example.org", "c@example.org"])
        ledger.finish(_claim(ledger), SENT, NOW)
        held = _claim(ledger)
        assert ledger.recover(NOW + MINUTE) == 1
        assert ledger.recover(NOW + MINUTE) == 0
        assert ledger.counts() == {"weekly": {"pending": 2, "sent": 1}}
        assert _row(database, held.delivery_id)["ambiguous"] is True
        assert _kinds(ledger, held.delivery_id) == ["claimed", "recovered"]
        assert not ledger.finish(held, SENT, NOW + MINUTE)


class TestRecheck:
    def test_who_left_since_gets_nothing(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org", "b@example.org", "c@example.org", "d@example.org"])
        people = Subscribers(database)
        people.unsubscribe("id-of-a", "weekly", NOW)
        Persons(database).erase("b@example.org", (), forgetful)
        people.suppress([key_of("c@example.org")], "bounced", NOW)
        assert _claim(ledger).subscriber.address == "d@example.org"
        assert ledger.claim(_terms("one"), NOW) is None
        assert ledger.counts() == {"weekly": {"sending": 1, "suppressed": 3}}
        with database.read() as connection:
            rows = connection.execute(select(table.c.subscriber_id, table.c.id, table.c.attempts)).all()
        kinds = {row.subscriber_id: _kinds(ledger, row.id) for row in rows if row.attempts == 0}
        assert kinds == {
            "id-of-a": ["not-subscribed"],
            "id-of-b": ["not-subscribed"],
            "id-of-c": ["address-suppressed"],
        }

    def test_leaving_one_newsletter_is_not_leaving_the_other(self, ledger: Deliveries, database: Database) -> None:
        for name in ("weekly", "daily"):
            post(database, make_article(), ["a@example.org"], make_planned(name))
        Subscribers(database).unsubscribe("id-of-a", "weekly", NOW)
        assert _claim(ledger).newsletter == "daily"
        assert ledger.counts() == {"daily": {"sending": 1}, "weekly": {"suppressed": 1}}

    def test_doubt_about_an_earlier_attempt_is_kept(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org"])
        claim = _claim(ledger)
        Subscribers(database).unsubscribe("id-of-a", "weekly", NOW)
        assert ledger.claim(_terms("two"), NOW + LEASE) is None
        row = _row(database, claim.delivery_id)
        assert (row["state"], row["ambiguous"], row["owner"]) == ("suppressed", True, None)
        assert _kinds(ledger, claim.delivery_id) == ["claimed", "lease-expired", "not-subscribed"]


class TestReadAhead:
    """What was read ahead is worth nothing as soon as somebody else has written, or a moment has passed."""

    PEOPLE = ("a@example.org", "b@example.org", "c@example.org")

    def test_who_leaves_after_the_first_claim_gets_nothing(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), self.PEOPLE)
        people = Subscribers(database)
        _claim(ledger)
        people.unsubscribe("id-of-b", "weekly", NOW)
        people.suppress([key_of("c@example.org")], "bounced", NOW)
        assert ledger.claim(_terms("one"), NOW) is None
        assert ledger.counts() == {"weekly": {"sending": 1, "suppressed": 2}}

    @pytest.mark.parametrize("scope", ["all", *scopes_of("weekly", "2026-W47"), "domain/example.org"])
    def test_a_pause_holds_at_once(self, ledger: Deliveries, database: Database, scope: str) -> None:
        post(database, make_article(), self.PEOPLE)
        _claim(ledger)
        Pauses(database).add(Pause(scope=scope, reason="told", at=NOW, until=NOW + MINUTE))
        assert ledger.claim(_terms("one"), NOW) is None

    def test_what_is_cancelled_is_not_claimed(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), self.PEOPLE)
        _claim(ledger)
        assert Control(database).cancel("weekly", "2026-W47", NOW) == 2
        assert ledger.claim(_terms("one"), NOW) is None

    def test_what_another_ledger_claims_is_not_claimed_again(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), self.PEOPLE)
        other = Deliveries(database)
        taken = [_claim(each).subscriber.address for each in (ledger, other, ledger)]
        assert sorted(taken) == sorted(self.PEOPLE)

    def test_another_process_is_seen_too(self, ledger: Deliveries, database: Database, url: str) -> None:
        post(database, make_article(), self.PEOPLE)
        _claim(ledger)
        elsewhere = open_database(url)
        Subscribers(elsewhere).unsubscribe("id-of-b", "weekly", NOW)
        elsewhere.close()
        _claim(ledger)
        assert ledger.claim(_terms("one"), NOW) is None

    def test_hours_that_end_hold_at_once(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), self.PEOPLE)
        _claim(ledger)
        terms = replace(_terms("one"), closed=frozenset(scopes_of("weekly", "")[:1]))
        assert ledger.claim(terms, NOW) is None
        assert ledger.claim(_terms("one"), NOW) is not None

    def test_what_has_come_meanwhile_goes_first(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), self.PEOPLE)
        first = _claim(ledger)
        later = Outcome(state=DeliveryState.DEFERRED, kind="deferred", next_at=NOW + MINUTE)
        assert ledger.finish(first, later, NOW)
        second = _claim(ledger, NOW + MINUTE)
        assert second.delivery_id == first.delivery_id

    def test_a_transaction_that_is_broken_off_takes_nothing_with_it(
        self, ledger: Deliveries, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        post(database, make_article(), self.PEOPLE)
        _claim(ledger)
        with monkeypatch.context() as broken:
            broken.setattr(deliveries, "note_all", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                ledger.claim(_terms("one"), NOW)
        assert len({_claim(ledger).delivery_id, _claim(ledger).delivery_id}) == 2
        assert ledger.counts() == {"weekly": {"sending": 3}}

    def test_many_at_once_and_one_by_one_come_to_the_same(self, ledger: Deliveries, database: Database) -> None:
        people = [f"reader{number}@example.org" for number in range(700)]
        post(database, make_article(), people)
        claims = list(ledger.exchange((), 3, _terms("one"), NOW).claims)
        while claims[-1:] and (
            more := ledger.exchange((Settled(claim=claims[-1], outcome=SENT),), 7, _terms("one"), NOW).claims
        ):
            claims += more
        assert sorted(claim.subscriber.address for claim in claims) == sorted(people)


class TestFinish:
    @pytest.mark.parametrize(
        "outcome",
        [SENT, BOUNCED, Outcome(state=DeliveryState.EXPIRED, kind="gave-up", code=451, enhanced="4.2.0")],
    )
    def test_a_result_is_written_with_its_event(self, ledger: Deliveries, database: Database, outcome: Outcome) -> None:
        post(database, make_article(), ["a@example.org"])
        claim = _claim(ledger)
        assert ledger.finish(claim, outcome, NOW + MINUTE)
        row = _row(database, claim.delivery_id)
        assert row["state"] == outcome.state.value
        assert (row["owner"], row["lease_until"], row["next_at"]) == (None, None, None)
        assert (row["code"], row["enhanced"], row["ambiguous"]) == (outcome.code, outcome.enhanced, False)
        assert row["sent_at"] == (NOW + MINUTE if outcome is SENT else None)
        last = ledger.events(claim.delivery_id)[-1]
        assert (last.at, last.kind) == (NOW + MINUTE, outcome.kind)
        assert (last.code, last.enhanced) == (outcome.code, outcome.enhanced)

    def test_once_in_doubt_always_in_doubt(self, ledger: Deliveries, database: Database) -> None:
        post(database, make_article(), ["a@example.org"])
        doubtful = replace(_deferred(NOW), kind="ambiguous", ambiguous=True)
        ledger.finish(_claim(ledger), doubtful, NOW)
        claim = _claim(ledger)
        ledger.finish(claim, SENT, NOW)
        assert _row(database, claim.delivery_id)["ambiguous"] is True

    @pytest.mark.parametrize(
        "outcome",
        [
            Outcome(state=DeliveryState.PENDING, kind="odd"),
            Outcome(state=DeliveryState.SENDING, kind="odd"),
            Outcome(state=DeliveryState.DEFERRED, kind="odd"),
            Outcome(state=DeliveryState.SENT, kind="odd", next_at=NOW),
        ],
    )
    def test_an_outcome_that_would_lose_the_row_is_refused(
        self, ledger: Deliveries, database: Database, outcome: Outcome
    ) -> None:
        post(database, make_article(), ["a@example.org"])
        claim = _claim(ledger)
        with pytest.raises(ValueError, match=r"cannot end in|next_at"):
            ledger.finish(claim, outcome, NOW)
        assert ledger.counts() == {"weekly": {"sending": 1}}


def test_counts_are_by_newsletter_and_state(ledger: Deliveries, database: Database) -> None:
    assert ledger.counts() == {}
    post(database, make_article(), ["a@example.org", "b@example.org"], make_planned("weekly"))
    post(database, make_article(), ["a@example.org"], make_planned("daily"), now=NOW + MINUTE)
    ledger.finish(_claim(ledger), SENT, NOW)
    assert ledger.counts() == {"daily": {"pending": 1}, "weekly": {"pending": 1, "sent": 1}}
    assert ledger.due(NOW) == 2


def test_eight_threads_claim_each_row_once(ledger: Deliveries, database: Database) -> None:
    addresses = [f"reader{number}@example.org" for number in range(80)]
    post(database, make_article(), addresses)

    def work(owner: int) -> list[str]:
        mine = []
        while (claim := ledger.claim(_terms(f"owner {owner}"), NOW)) is not None:
            mine.append(claim.subscriber.address)
            assert ledger.finish(claim, SENT, NOW)
        return mine

    with ThreadPoolExecutor(8) as pool:
        claimed = Counter(address for mine in pool.map(work, range(8)) for address in mine)
    assert claimed == Counter(addresses)
    assert ledger.counts() == {"weekly": {"sent": 80}}


def test_writers_of_one_sqlite_file_queue_up(sqlite_url: str) -> None:
    """Four threads, each with a database of its own, 200 claims and results each: nobody is told "locked"."""
    first = open_database(sqlite_url)
    post(first, make_article(), [f"reader{number}@example.org" for number in range(800)])

    def work(owner: int) -> int:
        database = open_database(sqlite_url)
        ledger = Deliveries(database)
        for _ in range(200):
            assert ledger.finish(_claim(ledger, owner=f"owner {owner}"), SENT, NOW)
        database.close()
        return 200

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 800
    assert Deliveries(first).counts() == {"weekly": {"sent": 800}}
    first.close()


_CLAIMS_AND_HANGS = """
import sys, time
from datetime import datetime, timedelta
from newsletter.model import Terms
from newsletter.store.database import open_database
from newsletter.store.deliveries import Deliveries
database = open_database(sys.argv[1])
terms = Terms(owner="doomed", lease=timedelta(minutes=15), address_key=str)
claim = Deliveries(database).claim(terms, datetime.fromisoformat(sys.argv[2]))
with database.begin() as connection:
    connection.exec_driver_sql("UPDATE delivery SET state = 'sent'")  # what is not committed must not be believed
    print(claim.delivery_id, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("by", ["lease", "lock"])
def test_a_process_killed_between_claim_and_result_loses_nothing(
    ledger: Deliveries, database: Database, url: str, by: str
) -> None:
    addresses = ["a@example.org", "b@example.org", "c@example.org"]
    post(database, make_article(), addresses)
    doomed = subprocess.Popen(
        [sys.executable, "-c", _CLAIMS_AND_HANGS, url, NOW.isoformat()],
        stdout=subprocess.PIPE,
        cwd=Path(newsletter.__file__).parents[1],
    )
    with doomed:
        assert doomed.stdout is not None
        held = int(doomed.stdout.readline())
        doomed.kill()
    then = NOW + LEASE if by == "lease" else NOW
    if by == "lock":
        assert ledger.recover(then) == 1
    assert ledger.due(then) == 3
    claims = [_claim(ledger, then, "next") for _ in addresses]
    assert sorted(claim.subscriber.address for claim in claims) == addresses
    assert all(ledger.finish(claim, SENT, then) for claim in claims)
    assert ledger.counts() == {"weekly": {"sent": 3}}
    assert [_row(database, claim.delivery_id)["ambiguous"] for claim in claims if claim.delivery_id == held] == [True]


def _deferred(next_at: object) -> Outcome:
    return Outcome(state=DeliveryState.DEFERRED, kind="deferred", next_at=next_at, code=451)  # type: ignore[arg-type]
