"""From what is due to what is recorded and written, on a real database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from builders import make_article, make_newsletter, make_notice
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from newsletter import publish as publishing
from newsletter.errors import MailError
from newsletter.model import (
    USUAL,
    Article,
    Audience,
    Cadence,
    Consent,
    Digest,
    Edition,
    Mailing,
    Newsletter,
    NoticeItem,
    PlannedDigest,
    Preferences,
    Rating,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.publish import (
    Press,
    Published,
    Refused,
    compose_chain,
    compose_due,
    due,
    publish,
)
from newsletter.store import schema
from newsletter.store.articles import Articles
from newsletter.store.database import open_database
from newsletter.store.digests import Digests
from newsletter.store.preferences import load_articles
from newsletter.store.readership import Readership
from newsletter.store.subscribers import Subscribers

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAILY = make_newsletter("daily", cadence=Cadence.DAILY, zone="UTC")


def _article(slug: str, day: int) -> Article:
    return make_article(slug, title=slug.title(), published=datetime(2026, 11, day, 12, tzinfo=UTC))


def _mailing(digest: Digest, *_: object) -> Mailing:
    slug, period = digest.newsletter.slug, digest.planned.period
    return Mailing(newsletter=slug, period=period, subject=period, template=b"")


def _refuse(*_: object) -> Mailing:
    raise MailError("no postal address")


class Bench:
    """Stores in a file, and the press over them."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(f"sqlite:///{folder}/test.db")
        self.articles = Articles(self.database)
        self.digests = Digests(self.database)
        self.subscribers = Subscribers(self.database)
        self.press = self.press_with(_mailing)

    def press_with(self, compile_mailing: object) -> Press:
        return Press(
            articles=self.articles,
            digests=self.digests,
            recipients=Readership(self.database),
            compile_mailing=compile_mailing,  # type: ignore[arg-type]  # one of the two functions above
            message_ids=lambda *parts: lambda subscriber: f"<{'.'.join((*parts, subscriber))}@example.org>",
        )

    def shelve(self, *articles: Article) -> None:
        for article in articles:
            self.articles.save(article, article.slug)

    def subscribe(self, number: int, newsletter: Newsletter = DAILY, preferences: Preferences = USUAL) -> None:
        subscriber = Subscriber(id=f"s{number}", address=f"p{number}@Example.org")
        consent = Consent(text="t", at=NOW, source="operator")
        state = SubscriptionState.CONFIRMED
        self.subscribers.add(
            Subscription(
                subscriber=subscriber,
                newsletter=newsletter.slug,
                state=state,
                consent=consent,
                preferences=preferences,
            )
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    opened = Bench(tmp_path)
    yield opened
    opened.database.close()


def test_back_issues_are_recorded_and_only_the_newest_is_mailed(bench: Bench) -> None:
    bench.shelve(_article("a", 16), _article("b", 18), _article("c", 19))
    bench.subscribe(1)
    bench.subscribe(2)
    results = publish(DAILY, bench.press, NOW)
    assert all(isinstance(result, Published) for result in results)
    told = [(r.planned.period, r.articles, r.deliveries) for r in results if isinstance(r, Published)]
    assert told == [("2026-11-16", 1, 0), ("2026-11-17", 0, 0), ("2026-11-18", 1, 0), ("2026-11-19", 1, 2)]
    assert publish(DAILY, bench.press, NOW) == ()


_WISHES = (
    USUAL,
    Preferences(topics=frozenset({"diet"})),
    Preferences(topics=frozenset({"diet", "walk"}), send_at=time(18), zone="Asia/Tokyo"),
    Preferences(unwanted_topics=frozenset({"diet"}), edition=Edition.COMPACT),
    Preferences(edition=Edition.COMPACT),
    Preferences(topics=frozenset({"elsewhere"})),
    Preferences(min_credibility=5.0, audience=Audience.CLINICIAN),
    Preferences(paused_until=date(2026, 12, 24)),
    Preferences(cadence=Cadence.MONTHLY),
)


def _ledger_in(folder: Path) -> dict[str, tuple[object, ...]]:
    """What the ledger says of readers who share wishes with others, by their ids."""
    folder.mkdir()
    opened = Bench(folder)
    for number, topic in enumerate(("diet", "walk", "sleep")):
        made = _article(f"a{number}", 19)
        opened.shelve(
            replace(made, summary=replace(made.summary, topics=(topic,), credibility=Rating(value=number + 3)))
        )
    for number in range(3 * len(_WISHES)):
        opened.subscribe(number, preferences=_WISHES[number % len(_WISHES)])
    read: list[str] = []

    def mailing(digest: Digest, *_: object) -> Mailing:
        read[:] = [article.slug for article in digest.articles]
        return _mailing(digest)

    publish(DAILY, opened.press_with(mailing), NOW)
    ledger, choice = schema.delivery.c, schema.choice.c
    told = (ledger.state, ledger.reason, choice.text, ledger.articles, ledger.next_at, ledger.message_id)
    query = select(ledger.subscriber_id, *told).outerjoin(schema.choice, choice.id == ledger.choice_id)
    with opened.database.read() as connection:
        rows = connection.execute(query).all()
    opened.database.close()
    return {row.subscriber_id: (_told(row.articles, read), *row[1:]) for row in rows}


def _told(articles: str | None, read: Sequence[str]) -> frozenset[str]:
    chosen = load_articles(articles)
    return frozenset(slug for place, slug in enumerate(read) if chosen is None or chosen >> place & 1)


def test_what_is_kept_at_hand_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wishes for the same gets the same, whether it was decided anew for each of them or once."""
    plenty = _ledger_in(tmp_path / "plenty")
    monkeypatch.setattr(publishing, "_WISHES_KEPT", 1)
    assert _ledger_in(tmp_path / "scarce") == plenty
    assert len(plenty) == 3 * (len(_WISHES) - 1)  # no month ends
    for number in range(len(_WISHES) - 1):
        same = {plenty[f"s{each}"][:-1] for each in range(number, 3 * len(_WISHES), len(_WISHES))}
        assert len(same) == 1
    everything = {"a0", "a1", "a2"}
    assert [plenty[f"s{number}"][0] for number in range(5)] == [
        everything,
        {"a0"},
        {"a0", "a1"},
        {"a1", "a2"},
        everything,
    ]
    assert Counter(told[2] for told in plenty.values()) == {None: 18, "nothing-chosen": 3, "paused": 3}


def test_a_late_article_goes_into_the_next_digest(bench: Bench) -> None:
    bench.shelve(_article("a", 19))
    publish(DAILY, bench.press, NOW)
    bench.shelve(_article("late", 3))
    tomorrow = NOW + timedelta(days=1)
    (draft,) = compose_due(DAILY, bench.press, tomorrow)
    assert [item.article.slug for item in draft.digest.late] == ["late"]


def test_no_chain_begins_before_there_is_an_article(bench: Bench) -> None:
    """Or else the archive that is taken in after the first tick would have no back issues."""
    assert publish(DAILY, bench.press, NOW) == ()
    bench.shelve(_article("a", 16), _article("b", 19))
    assert len(publish(DAILY, bench.press, NOW)) == 4


def test_an_empty_period_is_recorded_and_mails_nobody(bench: Bench) -> None:
    bench.subscribe(1)
    bench.shelve(_article("today", 20))
    (result,) = publish(DAILY, bench.press, NOW)
    assert isinstance(result, Published)
    assert (result.articles, result.deliveries) == (0, 0)
    assert len(bench.digests.record("daily")) == 1


def test_a_refused_digest_stays_due_and_holds_up_what_follows(bench: Bench) -> None:
    bench.shelve(_article("a", 19))
    (result,) = publish(DAILY, bench.press_with(_refuse), NOW)
    assert isinstance(result, Refused)
    assert result.message == "no postal address"
    assert bench.digests.record("daily") == ()
    (mended,) = publish(DAILY, bench.press, NOW)
    assert isinstance(mended, Published)


def test_a_planner_that_was_overtaken_records_nothing(bench: Bench) -> None:
    bench.shelve(_article("a", 19))

    def overtaken(digest: Digest, *_: object) -> Mailing:
        publish(DAILY, bench.press, NOW)
        return _mailing(digest)

    assert publish(DAILY, bench.press_with(overtaken), NOW) == ()
    assert len(bench.digests.record("daily")) == 1


def test_a_refused_newest_digest_lets_the_back_issues_stand(bench: Bench) -> None:
    bench.shelve(_article("a", 17), _article("b", 19))
    results = publish(DAILY, bench.press_with(_refuse), NOW)
    assert [type(result) for result in results] == [Published, Published, Refused]
    assert [planned.mailed for planned in due(DAILY, bench.press, NOW)] == [True]


def test_what_is_due_is_asked_without_changing_anything(bench: Bench) -> None:
    bench.shelve(_article("a", 18))
    assert [planned.period for planned in due(DAILY, bench.press, NOW)] == ["2026-11-18", "2026-11-19"]
    assert due(DAILY, bench.press, NOW) == due(DAILY, bench.press, NOW)


def test_a_notice_goes_to_the_newsletters_that_carried_the_article(bench: Bench) -> None:
    article = _article("a", 18)
    bench.shelve(article)
    publish(DAILY, bench.press, NOW)
    bench.articles.save(article, "again", make_notice(article, published=NOW))
    (draft,) = compose_due(DAILY, bench.press, NOW + timedelta(days=1))
    assert [item.article.id for item in draft.digest.notices] == [article.id]
    publish(DAILY, bench.press, NOW + timedelta(days=1))
    (next_one,) = compose_due(DAILY, bench.press, NOW + timedelta(days=2))
    assert next_one.digest.notices == ()
    other = make_newsletter("other", cadence=Cadence.DAILY, zone="UTC")
    assert not any(draft.digest.notices for draft in compose_due(other, bench.press, NOW))


def _planned(day: int) -> PlannedDigest:
    start = datetime(2026, 11, day, tzinfo=UTC)
    return PlannedDigest(
        newsletter="daily",
        period=date(2026, 11, day).isoformat(),
        window_start=start,
        window_end=start + timedelta(days=1),
        due_at=start + timedelta(days=1, hours=7),
    )


@given(
    st.lists(st.integers(1, 19), max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(1, 25)), max_size=6),
)
def test_in_a_chain_each_article_and_each_notice_is_told_once(days: list[int], told: list[tuple[int, int]]) -> None:
    articles = [_article(f"a{number}", day) for number, day in enumerate(days)]
    notices = [
        make_notice(articles[which], id=f"n{number}", published=datetime(2026, 11, day, 13, tzinfo=UTC))
        for number, (which, day) in enumerate(told)
        if which < len(articles)
    ]
    chain = [_planned(day) for day in range(1, 20)]
    about = [NoticeItem(notice=n, article=next(a for a in articles if a.id == n.article_id)) for n in notices]
    drafts = compose_chain(DAILY, chain, candidates=articles, pending=(), notices=about)
    carried = [placed.article.id for draft in drafts for placed in draft.digest.placed]
    assert sorted(carried) == sorted(article.id for article in articles)
    shown = [item.notice.id for draft in drafts for item in draft.digest.notices]
    settled = [notice for draft in drafts for notice in draft.settled]
    due_by_then = [notice.id for notice in notices if notice.published < chain[-1].window_end]
    assert sorted(shown + settled) == sorted(due_by_then)


def test_pending_notices_wait_for_the_window_that_they_fall_into() -> None:
    article = _article("a", 1)
    item = NoticeItem(notice=make_notice(article, published=datetime(2026, 11, 18, 9, tzinfo=UTC)), article=article)
    drafts = compose_chain(DAILY, [_planned(17), _planned(18)], candidates=(), pending=[item], notices=())
    assert [draft.digest.notices for draft in drafts] == [(), (item,)]
