"""Every public method of the stores, on databases that do not work: a StoreError each time, never a driver's error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from builders import make_article
from sqlalchemy import make_url, text
from store_builders import (
    LEASE,
    NOW,
    add_digest,
    forgetful,
    key_of,
    make_digest,
    make_note_terms,
    make_request,
    make_subscription,
)

from newsletter.errors import StoreError
from newsletter.model import (
    Accepted,
    Answer,
    Claim,
    DeliveryState,
    FeedChange,
    FeedUpdate,
    NewNote,
    NoteClaim,
    NoteKind,
    NoteOutcome,
    Outcome,
    Pause,
    Quarantined,
    SourceRun,
    Terms,
)
from newsletter.model.incoming import BounceKind, NoteBounce, SentNote
from newsletter.store.arrivals import Arrivals
from newsletter.store.articles import Articles
from newsletter.store.control import Control
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.duplicates import Duplicates
from newsletter.store.feeds import Feeds
from newsletter.store.listings import Listings
from newsletter.store.neighbours import Neighbours
from newsletter.store.notes import Notes
from newsletter.store.pauses import Pauses
from newsletter.store.persons import Persons
from newsletter.store.progress import Progress
from newsletter.store.quarantine import Quarantine
from newsletter.store.readership import Readership
from newsletter.store.related import RelatedIndex
from newsletter.store.requests import Requests
from newsletter.store.schema import metadata
from newsletter.store.sent_notes import SentNotes
from newsletter.store.sources import SourceRuns
from newsletter.store.subscribers import Subscribers
from newsletter.store.ticks import Ticks
from newsletter.store.topics import Topics

SENT = Outcome(state=DeliveryState.SENT, kind="accepted")
ENTRY = Quarantined(source="seeds", key="a.txt", code="E-EMPTY", message="empty", line=1, at=NOW)
TERMS = Terms(owner="one", lease=LEASE, address_key=key_of)
CLAIM = Claim(
    delivery_id=1,
    digest_id=1,
    newsletter="weekly",
    period="2026-W47",
    subscriber=make_subscription().subscriber,
    message_id="<1@example.org>",
    owner="one",
    lease_until=NOW,
    attempts=1,
    created_at=NOW,
)

NOTE = NewNote(kind=NoteKind.PREFERENCES, newsletters=("weekly",), subscriber_id="id-of-ann")
NOTE_CLAIM = NoteClaim(
    id=1,
    kind=NoteKind.PREFERENCES,
    newsletters=("weekly",),
    recipient=make_subscription().subscriber,
    of_request=False,
    owner="one",
    attempts=1,
    created_at=NOW,
)
CHANGE = FeedChange(
    name="feeds/articles",
    id="tag:example.org,2026:feed/articles",
    title="All",
    update=FeedUpdate(dropped=(), added=(), cuts=(), tail=()),
)

SENT_NOTE = SentNote(
    message_id="<a@example.org>",
    request_id="id",
    subscriber_id=None,
    address_key="key",
    person_key="person/key",
    domain="example.org",
)

READS: dict[str, Callable[[Database], object]] = {
    "Articles.raw_hashes": lambda database: Articles(database).raw_hashes("seeds", ["a.txt"]),
    "Articles.raw_hash": lambda database: Articles(database).raw_hash("a"),
    "Articles.find": lambda database: Articles(database).find("seeds", "a.txt"),
    "Articles.by_slug": lambda database: Articles(database).by_slug("a"),
    "Articles.everything": lambda database: list(Articles(database).everything()),
    "Articles.of": lambda database: Articles(database).of("seeds", ["a.txt"]),
    "Articles.taken": lambda database: Articles(database).taken(["a"]),
    "Articles.known_topics": lambda database: Articles(database).known_topics(),
    "Articles.visible": lambda database: Articles(database).visible(NOW),
    "Articles.unassigned": lambda database: Articles(database).unassigned("weekly", NOW),
    "Articles.notices": lambda database: Articles(database).notices(NOW),
    "Articles.pending_notices": lambda database: Articles(database).pending_notices("weekly"),
    "RelatedIndex.catch_up": lambda database: RelatedIndex(database).catch_up(),  # reads only, where nothing is missing
    "RelatedIndex.nearest": lambda database: RelatedIndex(database).nearest(make_article(), now=NOW),
    "RelatedIndex.neighbours": lambda database: RelatedIndex(database).neighbours([make_article()], now=NOW),
    "Duplicates.find_duplicates": lambda database: Duplicates(database).find_duplicates([make_article()]),
    "Duplicates.find_duplicate": lambda database: Duplicates(database).find_duplicate(make_article()),
    "Duplicates.raw_hashes": lambda database: Duplicates(database).raw_hashes("seeds", ["a.txt"]),
    "Duplicates.find": lambda database: Duplicates(database).find("seeds", "a.txt"),
    "Quarantine.keys": lambda database: Quarantine(database).keys("seeds", ["a.txt"]),
    "Quarantine.entries": lambda database: Quarantine(database).entries(),
    "Digests.record": lambda database: Digests(database).record("weekly"),
    "Digests.all": lambda database: Digests(database).all("weekly"),
    "Digests.named": lambda database: Digests(database).named("weekly", ["2026-W47"]),
    "Readership.wishes": lambda database: Readership(database).wishes("weekly"),
    "Readership.changed": lambda database: Readership(database).changed("weekly", NOW, own_cadence=True),
    "Readership.readers": lambda database: list(Readership(database).readers("weekly")),
    "Digests.periods": lambda database: Digests(database).periods("weekly"),
    "Digests.newest_id": lambda database: Digests(database).newest_id(),
    "Digests.carrying": lambda database: Digests(database).carrying(["a"]),
    "Digests.issues": lambda database: Digests(database).issues("weekly"),
    "Digests.contents": lambda database: Digests(database).contents("weekly", ["2026-W47"]),
    "Digests.served": lambda database: Digests(database).served("weekly", {"id-of-ann": NOW}),
    "Digests.latest": lambda database: Digests(database).latest("weekly"),
    "Digests.mailing": lambda database: Digests(database).mailing(1),
    "Persons.to_erase": lambda database: Persons(database).to_erase({}, str),
    "SentNotes.find": lambda database: SentNotes(database).find("name"),
    "SentNotes.find_message": lambda database: SentNotes(database).find_message(["<a@example.org>"]),
    "SentNotes.newest": lambda database: SentNotes(database).newest("id"),
    "Subscribers.find": lambda database: Subscribers(database).find("ann@example.org"),
    "Subscribers.list": lambda database: Subscribers(database).list(),
    "Subscribers.count_confirmed": lambda database: Subscribers(database).count_confirmed("weekly"),
    "Subscribers.subscription": lambda database: Subscribers(database).subscription("id", "weekly"),
    "Subscribers.person": lambda database: Subscribers(database).person("id"),
    "Subscribers.subscriptions": lambda database: Subscribers(database).subscriptions("id"),
    "Arrivals.judge": lambda database: Arrivals(database).judge([make_subscription()], key_of),
    "Arrivals.rows": lambda database: list(Arrivals(database).rows()),
    "Persons.everything": lambda database: Persons(database).everything("ann@example.org", "mailbox", "key"),
    "Requests.find": lambda database: Requests(database).find("hash", NOW),
    "Notes.due": lambda database: Notes(database).due(NOW),
    "Subscribers.suppressed": lambda database: Subscribers(database).suppressed("key"),
    "Subscribers.suppressions": lambda database: Subscribers(database).suppressions(),
    "Pauses.get": lambda database: Pauses(database).get("all"),
    "Pauses.standing": lambda database: Pauses(database).standing(NOW),
    "Control.list": lambda database: Control(database).list(),
    "Control.find": lambda database: Control(database).find("ann@example.org", "weekly", "2026-W47"),
    "Deliveries.counts": lambda database: Deliveries(database).counts(),
    "Deliveries.due": lambda database: Deliveries(database).due(NOW),
    "Deliveries.events": lambda database: Deliveries(database).events(1),
    "SourceRuns.last": lambda database: SourceRuns(database).last(),
    "Feeds.ids": lambda database: Feeds(database).ids(),
    "Feeds.state": lambda database: Feeds(database).state("feeds/articles"),
    "Feeds.known": lambda database: Feeds(database).known("feeds/articles", ["a"]),
    "Feeds.holding": lambda database: Feeds(database).holding(["a"]),
    "Feeds.withdrawn": lambda database: Feeds(database).withdrawn("feeds/articles", 5),
    "Feeds.unwritten": lambda database: Feeds(database).unwritten(),
    "Feeds.documents": lambda database: Feeds(database).documents("feeds/articles"),
    "Feeds.archived": lambda database: Feeds(database).archived("feeds/articles", "2026-11"),
    "Feeds.ledger": lambda database: Feeds(database).ledger("feeds/articles"),
    "Feeds.orphans": lambda database: Feeds(database).orphans("feeds/articles"),
    "Feeds.pings": lambda database: Feeds(database).pings(),
    "Listings.revision": lambda database: Listings(database).revision(),
    "Listings.changed": lambda database: Listings(database).changed(0, NOW, NOW),
    "Listings.everything": lambda database: list(Listings(database).everything()),
    "Listings.by_ids": lambda database: Listings(database).by_ids(["a"]),
    "Listings.count": lambda database: Listings(database).count(NOW),
    "Listings.newest": lambda database: Listings(database).newest(NOW, 5),
    "Listings.months": lambda database: Listings(database).months(NOW),
    "Listings.in_month": lambda database: Listings(database).in_month("2026-12", NOW),
    "Listings.listed": lambda database: Listings(database).listed(NOW),
    "Listings.month_places": lambda database: Listings(database).month_places("2026-12", NOW),
    "Listings.topic_ids": lambda database: Listings(database).topic_ids("gait", 0, 5),
    "Listings.topics_unlisted": lambda database: Listings(database).topics_unlisted(NOW),
    "Listings.topic_place": lambda database: Listings(database).topic_place("gait", make_article()),
    "Listings.notices_about": lambda database: Listings(database).notices_about(["a"], NOW),
    "Listings.notices": lambda database: Listings(database).notices(["n"]),
    "Neighbours.of": lambda database: Neighbours(database).of(["a"]),
    "Neighbours.naming": lambda database: Neighbours(database).naming(["a"]),
    "Progress.get": lambda database: Progress(database).get("public"),
    "Topics.names": lambda database: Topics(database).names(),
    "Topics.of": lambda database: Topics(database).of(["gait"]),
    "Topics.with_articles": lambda database: Topics(database).with_articles(2),
    "Ticks.last": lambda database: Ticks(database).last(),
}
WRITES: dict[str, Callable[[Database], object]] = {
    "Articles.save_all": lambda database: Articles(database).save_all(
        [Accepted(article=make_article(), raw_hash="hash")]
    ),
    "Articles.save": lambda database: Articles(database).save(make_article(), "hash"),
    "RelatedIndex.put": lambda database: RelatedIndex(database).put(make_article()),
    "RelatedIndex.remove": lambda database: RelatedIndex(database).remove("a"),
    "Duplicates.remember": lambda database: Duplicates(database).remember(
        "seeds", [("b.txt", "hash", make_article().id)]
    ),
    "Quarantine.put": lambda database: Quarantine(database).put(ENTRY),
    "Quarantine.clear": lambda database: Quarantine(database).clear("seeds", "a.txt"),
    "Digests.add": lambda database: add_digest(
        Digests(database), make_digest(), settled=(), mailing=None, deliveries=(), now=NOW
    ),
    "Digests.close_finished": lambda database: Digests(database).close_finished(),
    "Subscribers.add": lambda database: Subscribers(database).add(make_subscription()),
    "Subscribers.unsubscribe": lambda database: Subscribers(database).unsubscribe("id", "weekly", NOW),
    "Arrivals.bring": lambda database: Arrivals(database).bring([make_subscription()], key_of, NOW),
    "Subscribers.settle": lambda database: Subscribers(database).settle("id", [], ["weekly"], NOW),
    "Subscribers.unsubscribe_all": lambda database: Subscribers(database).unsubscribe_all(
        [("id-of-ann", "weekly")], NOW
    ),
    "Subscribers.unsuppress": lambda database: Subscribers(database).unsuppress(["key"]),
    "Requests.add": lambda database: Requests(database).add(make_request(), "mailbox"),
    "Requests.answer": lambda database: Requests(database).answer(
        lambda *_: Answer.NOTHING, key_of, most_an_hour=9, most=9, now=NOW
    ),
    "Requests.confirm": lambda database: Requests(database).confirm("hash", lambda _: (), welcome=True, now=NOW),
    "Requests.purge": lambda database: Requests(database).purge(NOW, NOW),
    "Notes.add": lambda database: Notes(database).add([NOTE], NOW),
    "Notes.add_once": lambda database: Notes(database).add_once(NOTE, "scope", timedelta(hours=1), NOW),
    "Notes.claim": lambda database: Notes(database).claim(make_note_terms(), NOW),
    "Notes.finish": lambda database: Notes(database).finish(NOTE_CLAIM, NoteOutcome(word="sent")),
    "Notes.recover": lambda database: Notes(database).recover(NOW),
    "SentNotes.record": lambda database: SentNotes(database).record(
        NoteBounce(note=SENT_NOTE, kind=BounceKind.HARD), NOW
    ),
    "SentNotes.purge": lambda database: SentNotes(database).purge(NOW),
    "Persons.erase": lambda database: Persons(database).erase("ann@example.org", (), forgetful),
    "Subscribers.suppress": lambda database: Subscribers(database).suppress(["key"], "bounced", NOW),
    "Deliveries.claim": lambda database: Deliveries(database).claim(TERMS, NOW),
    "Deliveries.begin_exchange": lambda database: Deliveries(database).begin_exchange((), 1, TERMS, NOW)[1](),
    "Deliveries.exchange": lambda database: Deliveries(database).exchange((), 1, TERMS, NOW),
    "Deliveries.finish": lambda database: Deliveries(database).finish(CLAIM, SENT, NOW),
    "Pauses.add": lambda database: Pauses(database).add(Pause(scope="all", reason="r", at=NOW)),
    "Pauses.remove": lambda database: Pauses(database).remove("all"),
    "Pauses.remove_automatic": lambda database: Pauses(database).remove_automatic(),
    "Control.forget_events": lambda database: Control(database).forget_events(NOW),
    "Control.cancel": lambda database: Control(database).cancel("weekly", "2026-W47", NOW),
    "Control.retry": lambda database: Control(database).retry("weekly", "2026-W47", None, NOW),
    "Control.reconcile": lambda database: Control(database).reconcile(["<a@example.org>"], None, NOW),
    "Deliveries.recover": lambda database: Deliveries(database).recover(NOW),
    "SourceRuns.record": lambda database: SourceRuns(database).record(SourceRun(source="seeds", at=NOW)),
    "Feeds.save": lambda database: Feeds(database).save([CHANGE], ["https://news.example.org/feeds/articles.atom"]),
    "Feeds.written": lambda database: Feeds(database).written("feeds/articles", {"2026-11": {"atom": "hash"}}),
    "Feeds.pinged": lambda database: Feeds(database).pinged(["https://news.example.org/feeds/articles.atom"]),
    "Neighbours.put": lambda database: Neighbours(database).put({make_article().id: ()}),
    "Progress.mark": lambda database: Progress(database).mark("public", 1, NOW, ""),
    "Progress.mark_all": lambda database: Progress(database).mark_all({"public": (1, "")}, NOW),
    "Ticks.record": lambda database: Ticks(database).record(NOW),
}
EVERY = READS | WRITES


@pytest.fixture
def hasty(url: str) -> Iterator[Database]:
    """A database that hardly waits for locks."""
    database = open_database(url, patience=timedelta(milliseconds=10))
    yield database
    database.close()


def _refused(call: Callable[[Database], object], database: Database) -> bool:
    try:
        call(database)
    except StoreError as error:
        return bool(error.message) and error.message.count("\n") == 0
    return False


def _refusals(calls: dict[str, Callable[[Database], object]], database: Database) -> dict[str, bool]:
    return {name: _refused(call, database) for name, call in calls.items()}


def test_every_public_method_is_listed_here() -> None:
    stores = (
        *(Articles, Topics, Listings, Neighbours, RelatedIndex, Duplicates, Quarantine, SourceRuns),
        *(
            Digests,
            Feeds,
            Subscribers,
            Arrivals,
            Requests,
            Notes,
            SentNotes,
            Persons,
            Readership,
            Deliveries,
            Pauses,
            Control,
            Ticks,
            Progress,
        ),
    )
    methods = {f"{store.__name__}.{name}" for store in stores for name in vars(store) if not name.startswith("_")}
    assert methods - {"Persons.wipe_again"} == set(EVERY), "which touches the log of SQLite and no table"


def test_each_of_them_works_on_a_sound_database(database: Database) -> None:
    """Or else the tests below would prove nothing. Only a digest that is not there has no mailing."""
    assert [name for name, refused in _refusals(EVERY, database).items() if refused] == ["Digests.mailing"]


def test_a_closed_database(database: Database) -> None:
    database.close()
    assert _refusals(EVERY, database) == dict.fromkeys(EVERY, True)


def test_a_database_that_another_holds_locked(hasty: Database, database: Database) -> None:
    """SQLite lets readers go on beside a writer; a table locked in PostgreSQL stops them too."""
    with database.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text(f"LOCK TABLE {', '.join(metadata.tables)}"))
        calls = EVERY if database.dialect == "postgresql" else WRITES
        assert _refusals(calls, hasty) == dict.fromkeys(calls, True)
    assert not _refused(EVERY["Ticks.record"], hasty)


def test_a_damaged_sqlite_file(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    database._reader.dispose()
    Path(str(make_url(sqlite_url).database)).write_bytes(b"\xde\xad" * 4096)
    assert _refusals(EVERY, database) == dict.fromkeys(EVERY, True)
    database.close()


def test_a_database_whose_tables_are_gone(database: Database) -> None:
    with database.begin() as connection:
        metadata.drop_all(connection)
    assert _refusals(EVERY, database) == dict.fromkeys(EVERY, True)
