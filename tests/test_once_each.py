"""Every article once for each person and newsletter, through any history: random ones, on a real database.

Articles come in back-dated, are corrected and taken back; digests are missed and caught up with in every way; the operator
turns a daily newsletter into a weekly one and moves it to another zone; people come, go, come back, and change their minds.
At the end everybody who is still there asks for everything as it comes, and one more digest tells what they were owed.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from builders import make_article, make_newsletter
from hypothesis import given, note, settings
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter.model import (
    USUAL,
    Article,
    Audience,
    Cadence,
    CatchUp,
    Consent,
    Digest,
    Edition,
    Mailing,
    Preferences,
    Status,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.publish import Press, Published, Refused, publish
from newsletter.store import schema
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.digests import Digests
from newsletter.store.preferences import load_articles, load_choice
from newsletter.store.readership import Readership
from newsletter.store.subscribers import Subscribers, newest_end

BEGUN = datetime(2026, 3, 20, 9, tzinfo=UTC)  # clocks change on the 29th in Europe
SLUG = "news"
TOPICS = ("fatigue", "walking", "diet")
PEOPLE = 4

_wishes = st.builds(
    Preferences,
    cadence=st.sampled_from([None, None, Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY]),
    language=st.sampled_from([None, None, "de"]),
    edition=st.sampled_from(Edition),
)
_picky = st.builds(
    Preferences,
    cadence=st.sampled_from([None, Cadence.WEEKLY]),
    topics=st.frozensets(st.sampled_from(TOPICS), max_size=1),
    unwanted_topics=st.frozensets(st.sampled_from(TOPICS), max_size=1),
    audience=st.sampled_from([None, Audience.CLINICIAN]),
    paused_until=st.none() | st.dates(date(2026, 3, 20), date(2026, 6, 1)),
)
_who = st.integers(0, PEOPLE - 1)
_article = st.tuples(st.just("article"), st.integers(0, 20), st.sampled_from(TOPICS))
_go_on = st.tuples(st.just("go on"), st.sampled_from([1, 6, 20, 24, 24, 24, 30, 50, 200, 800]))
_events = st.one_of(
    _article,
    _go_on,
    _go_on,
    st.tuples(st.just("correct"), st.integers(0, 30)),
    st.tuples(st.just("retract"), st.integers(0, 30)),
    st.tuples(st.just("join"), _who, _wishes),
    st.tuples(st.just("leave"), _who),
    st.tuples(st.just("wish"), _who, _wishes),
    st.tuples(st.just("wish"), _who, _wishes),
    st.tuples(st.just("wish"), _who, _picky),
    st.tuples(st.just("turn"), st.sampled_from(Cadence), st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland"])),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    open_database(f"sqlite:///{path}").close()
    return path


@dataclass
class World:
    """One newsletter, its readers, and what is known of them. `faithful` never left, took no break and chose nothing."""

    database: Database
    cadence: Cadence
    catch_up: CatchUp
    zone: str = "UTC"
    now: datetime = BEGUN
    articles: list[Article] = field(default_factory=list)
    came: dict[int, datetime | None] = field(default_factory=dict)
    first: dict[int, datetime | None] = field(default_factory=dict)  #: when they came for the first time
    faithful: set[int] = field(default_factory=set)

    @property
    def newsletter(self) -> Any:
        return make_newsletter(SLUG, cadence=self.cadence, zone=self.zone, catch_up=self.catch_up)

    @property
    def press(self) -> Press:
        return Press(
            articles=Articles(self.database),
            digests=Digests(self.database),
            recipients=Readership(self.database),
            compile_mailing=_mailing,
            message_ids=lambda *parts: lambda subscriber: f"<{'.'.join((*parts, subscriber))}@example.org>",
        )

    def happen(self, event: Sequence[Any]) -> None:
        kind, *told = event
        {
            "article": self._add,
            "go on": self.go_on,
            "correct": self._correct,
            "retract": self._retract,
            "join": self._join,
            "leave": self._leave,
            "wish": self.wish,
            "turn": self._turn,
        }[kind](*told)

    def _add(self, age: int, topic: str) -> None:
        number = len(self.articles)
        published = self.now - timedelta(days=age)
        article = make_article(f"a{number}", title=f"A {number}", published=published, topics=(topic,))
        self.articles.append(article)
        Articles(self.database).save(article, f"hash {number}")

    def _correct(self, which: int) -> None:
        """Its text, its topic and its date change."""
        if which < len(self.articles):
            old = self.articles[which]
            summary = replace(old.summary, topics=(TOPICS[which % 3],))
            self._save(which, replace(old, summary=summary, published=self.now - timedelta(days=which)))

    def _retract(self, which: int) -> None:
        if which < len(self.articles):
            old = self.articles[which]
            self._save(which, replace(old, facts=replace(old.facts, status=Status.RETRACTED)))

    def _save(self, which: int, article: Article) -> None:
        self.articles[which] = article
        Articles(self.database).save(article, f"hash {which} {self.now}")

    def _join(self, who: int, wanted: Preferences) -> None:
        people = Subscribers(self.database)
        standing = people.subscription(f"p{who}", SLUG)
        if standing is not None and standing.state is SubscriptionState.CONFIRMED:
            return
        people.add(_subscription(who, wanted, self.now))
        with self.database.read() as connection:
            self.came[who] = newest_end(connection, SLUG)
        self.first.setdefault(who, self.came[who])
        self.faithful.add(who)

    def _leave(self, who: int) -> None:
        Subscribers(self.database).unsubscribe(f"p{who}", SLUG, self.now)
        self.faithful.discard(who)
        self.came.pop(who, None)

    def wish(self, who: int, wanted: Preferences) -> None:
        if who in self.came:
            Subscribers(self.database).settle(f"p{who}", [_subscription(who, wanted, self.now)], (), self.now)
            if wanted.topics or wanted.unwanted_topics or wanted.paused_until:
                self.faithful.discard(who)

    def _turn(self, cadence: Cadence, zone: str) -> None:
        self.cadence, self.zone = cadence, zone

    def go_on(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        results = publish(self.newsletter, self.press, self.now)
        assert not any(isinstance(result, Refused) for result in results)
        for result in results:
            if isinstance(result, Published):
                note(f"{result.planned.period} {result.articles} to {result.deliveries}")

    # -- what came of it ----------------------------------------------------------------------------------------------

    def got(self) -> dict[int, Counter[str]]:
        """Person -> article -> how often it was mailed to them."""
        found: dict[int, Counter[str]] = {}
        ledger, mailing = schema.delivery, schema.mailing
        with self.database.read() as connection:
            choices = {row.id: load_choice(row.text) for row in connection.execute(select(schema.choice))}
            forms = {(row.digest_id, row.form): json.loads(row.template) for row in connection.execute(select(mailing))}
            for row in connection.execute(select(ledger).where(ledger.c.state != "skipped")):
                choice = choices.get(row.choice_id, load_choice(None))
                form = forms[row.digest_id, choice.form]
                assert choice.audience is None or choice.audience in form["audiences"]
                mask = load_articles(row.articles)
                told = [one for bit, one in enumerate(form["articles"]) if mask is None or mask >> bit & 1]
                assert told or form["notices"]
                found.setdefault(int(row.subscriber_id[1:]), Counter()).update(told)
        return found

    def owed(self, who: int) -> set[str]:
        """Every article of every digest that was mailed since they came, but for those that were taken back."""
        gone = {article.id for article in self.articles if article.status is Status.RETRACTED}
        return self.mailed_after(self.came[who]) - gone

    def mailed_after(self, moment: datetime | None) -> set[str]:
        """Every article of every digest that was mailed and ended after that moment."""
        digest, link = schema.digest, schema.digest_article
        mailed = select(link.c.article_id).join(digest, digest.c.id == link.c.digest_id).where(digest.c.mailed)
        if moment is not None:
            mailed = mailed.where(digest.c.window_end > moment)
        with self.database.read() as connection:
            return set(connection.execute(mailed).scalars())

    def check(self) -> None:
        """What must hold at every moment: nothing twice, and nothing from before somebody came."""
        for who, counts in self.got().items():
            twice = {article for article, times in counts.items() if times > 1}
            assert not twice, f"person {who} got {twice} twice"
            early = set(counts) - self.mailed_after(self.first[who])
            assert not early, f"person {who} got {early}, which was mailed before they came"


def _subscription(who: int, wanted: Preferences, now: datetime) -> Subscription:
    return Subscription(
        subscriber=Subscriber(id=f"p{who}", address=f"p{who}@example.org"),
        newsletter=SLUG,
        state=SubscriptionState.CONFIRMED,
        consent=Consent(text="Yes.", at=now, source="form"),
        preferences=wanted,
    )


def _mailing(digest: Digest, audiences: Any, language: str | None) -> Mailing:
    told = {
        "articles": [article.id for article in digest.articles],
        "audiences": [*audiences],
        "notices": len(digest.notices),
    }
    return Mailing(
        newsletter=SLUG, period=digest.planned.period, subject=str(language), template=json.dumps(told).encode()
    )


@contextmanager
def world_in(empty: Path, cadence: Cadence, catch_up: CatchUp) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        path = shutil.copy(empty, folder)
        database = open_database(f"sqlite:///{path}")
        with database.begin() as connection:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        yield World(database, cadence, catch_up)
        database.close()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([Cadence.DAILY, Cadence.DAILY, Cadence.WEEKLY]),
    st.sampled_from(CatchUp),
    st.lists(_events, min_size=5, max_size=45),
)
def test_every_article_once(empty: Path, cadence: Cadence, catch_up: CatchUp, events: list[tuple[Any, ...]]) -> None:
    with world_in(empty, cadence, catch_up) as world:
        world.happen(("article", 1, "walking"))
        world.happen(("join", 0, USUAL))
        for event in events:
            world.happen(event)
        world.check()
        for who in world.came:
            world.wish(who, USUAL)
        world.happen(("article", 0, "diet"))
        world.go_on(24 * 40)
        world.check()
        got = world.got()
        for who in world.faithful:
            missed = world.owed(who) - set(got.get(who, ()))
            assert not missed, f"person {who} missed {missed}"
