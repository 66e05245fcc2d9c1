from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from builders import make_article, make_notice, make_summary
from sqlalchemy import func, select
from store_builders import (
    LEASE,
    NOW,
    add_digest,
    key_of,
    make_deliveries,
    make_digest,
    make_mailing,
    make_planned,
    post,
)

from newsletter.errors import StoreError
from newsletter.model import DeliveryState, DigestRecord, NewDigest, NoticeItem, Outcome, Place, Placed, Terms
from newsletter.store import schema
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests

SENT = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)


@pytest.fixture
def store(database: Database) -> Digests:
    return Digests(database)


def _rows(database: Database) -> dict[str, int]:
    tables = ("digest", "digest_article", "digest_notice", "mailing", "delivery")
    with database.read() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(schema.metadata.tables[name])).scalar_one()
            for name in tables
        }


def test_a_digest_comes_back_as_it_was_recorded(store: Digests, database: Database) -> None:
    articles = [make_article(slug) for slug in ("c", "a", "b")]
    notices = [(make_notice(about), about) for about in articles[:2]]
    for about in articles:
        Articles(database).save(about, "hash")
    for notice, about in notices:
        Articles(database).save(about, "hash", notice)
    planned = make_planned(catch_up=True, mailed=False)
    places = (Place.ITEM, Place.LATE, Place.TITLE)
    digest = make_digest(planned, articles=articles, places=places, notices=[notices[1]])
    number = add_digest(
        store, digest, settled=[notices[0][0].id, notices[1][0].id], mailing=None, deliveries=(), now=NOW
    )
    found = store.latest("weekly")
    assert found is not None
    assert (found.id, found.planned, found.created_at, found.state) == (number, planned, NOW, "done")
    assert found.placed == tuple(Placed(article=a, place=p) for a, p in zip(articles, places, strict=True))
    assert found.notices == (NoticeItem(notice=notices[1][0], article=articles[1]),)
    assert store.all("weekly") == (found,)


def test_a_recorded_digest_shows_its_articles_as_they_are_now(store: Digests, database: Database) -> None:
    article = make_article()
    post(database, article, [])
    changed = replace(article, summary=make_summary(title="Put Right"))
    Articles(database).save(changed, "other")
    assert [placed.article for recorded in store.all("weekly") for placed in recorded.placed] == [changed]


def test_digests_come_oldest_first_and_by_newsletter(store: Digests) -> None:
    for newsletter, number in (("weekly", 46), ("daily", 45), ("weekly", 47), ("weekly", 48)):
        planned = make_planned(newsletter, number)
        add_digest(store, make_digest(planned), settled=(), mailing=None, deliveries=(), now=NOW)
    weeks = [make_planned("weekly", number) for number in (46, 47, 48)]
    assert [recorded.planned for recorded in store.all("weekly")] == weeks
    assert store.record("weekly") == tuple(
        DigestRecord(
            newsletter=week.newsletter,
            period=week.period,
            window_start=week.window_start,
            window_end=week.window_end,
        )
        for week in weeks
    )
    latest = store.latest("weekly")
    assert latest is not None
    assert latest.planned == weeks[-1]
    assert store.latest("monthly") is None
    assert store.record("monthly") == store.all("monthly") == ()


def test_states_of_a_new_digest(store: Digests, database: Database) -> None:
    article, mailing = make_article(), make_mailing()
    add_digest(store, make_digest(make_planned(number=40)), settled=(), mailing=None, deliveries=(), now=NOW)
    Articles(database).save(article, "hash")
    for newsletter, addresses in (("nobody", []), ("somebody", ["ann@example.org"])):
        planned = make_planned(newsletter)
        add_digest(
            store,
            make_digest(planned, articles=[article]),
            settled=(),
            mailing=mailing,
            deliveries=make_deliveries(addresses, planned),
            now=NOW,
        )
    states = [recorded.state for name in ("weekly", "nobody", "somebody") for recorded in store.all(name)]
    assert states == ["empty", "done", "ready"]


def test_a_mailing_comes_back_byte_for_byte(store: Digests, database: Database) -> None:
    number = post(database, make_article(), ["ann@example.org"])
    assert store.mailing(number) == make_mailing()
    with pytest.raises(StoreError, match=f"digest {number + 1} has no mailing"):
        store.mailing(number + 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"period": "2026-W47", "window_start": NOW},
        {"period": "other", "window_start": make_planned().window_start},
    ],
    ids=["the same period", "the same window start"],
)
def test_a_second_planner_writes_nothing(store: Digests, database: Database, changed: dict[str, object]) -> None:
    """Hole 2 of a schedule whose hour or zone changes: no two digests begin at one moment."""
    post(database, make_article(), ["ann@example.org"])
    before = _rows(database)
    Articles(database).save(make_article("other"), "hash")
    again = make_planned(**changed)
    number = add_digest(
        store,
        make_digest(again, articles=[make_article("other")]),
        settled=(),
        mailing=make_mailing(again),
        deliveries=make_deliveries(["bob@example.org"], again),
        now=NOW,
    )
    assert number is None
    assert _rows(database) == before


def test_two_planners_race_and_one_digest_comes_of_it(url: str, database: Database) -> None:
    article = make_article()
    Articles(database).save(article, "hash")
    barrier = Barrier(2)

    def plan(number: int) -> int | None:
        planner = open_database(url)
        planned = make_planned(number=number)
        barrier.wait()
        added = add_digest(
            Digests(planner),
            make_digest(planned, articles=[article] if number == 30 else []),
            settled=(),
            mailing=make_mailing(planned),
            deliveries=make_deliveries([f"reader{one}@example.org" for one in range(20)], planned),
            now=NOW,
        )
        planner.close()
        return added

    with ThreadPoolExecutor(2) as pool:
        for number in range(30, 40):
            won = [added for added in pool.map(plan, [number, number]) if added is not None]
            assert len(won) == 1
    assert _rows(database) == {"digest": 10, "digest_article": 1, "digest_notice": 0, "mailing": 10, "delivery": 200}


def test_an_article_is_carried_once_by_a_newsletter(store: Digests, database: Database) -> None:
    article = make_article()
    post(database, article, [])
    before = _rows(database)
    again = make_digest(make_planned(number=48), articles=[article])
    with pytest.raises(StoreError):
        add_digest(store, again, settled=(), mailing=None, deliveries=(), now=NOW)
    assert _rows(database) == before


def test_a_fault_in_the_last_row_leaves_nothing_of_the_digest(store: Digests, database: Database) -> None:
    planned = make_planned()
    ann, bob = make_deliveries(["ann@example.org", "bob@example.org"], planned)
    twice = (ann, bob._replace(message_id=ann.message_id))
    with pytest.raises(StoreError):
        add_digest(store, make_digest(planned), settled=(), mailing=make_mailing(planned), deliveries=twice, now=NOW)
    assert set(_rows(database).values()) == {0}


def test_deliveries_need_a_mailing(store: Digests) -> None:
    with pytest.raises(StoreError, match="deliveries without a mailing"):
        add_digest(
            store, make_digest(), settled=(), mailing=None, deliveries=make_deliveries(["a@example.org"]), now=NOW
        )


def test_a_digest_is_done_when_nothing_is_open_any_more(store: Digests, database: Database) -> None:
    post(database, make_article(), ["ann@example.org", "bob@example.org"])
    ledger = Deliveries(database)

    def state() -> str:
        latest = store.latest("weekly")
        assert latest is not None
        return latest.state

    assert (store.close_finished(), state()) == (0, "ready")
    first = ledger.claim(Terms(owner="one", lease=LEASE, address_key=key_of), NOW)
    second = ledger.claim(Terms(owner="one", lease=LEASE, address_key=key_of), NOW)
    assert first is not None
    assert second is not None
    assert (store.close_finished(), state()) == (0, "sending")
    ledger.finish(first, SENT, NOW)
    deferred = Outcome(state=DeliveryState.DEFERRED, kind="deferred", next_at=NOW + timedelta(hours=1))
    ledger.finish(second, deferred, NOW)
    assert (store.close_finished(), state()) == (0, "sending")
    third = ledger.claim(Terms(owner="one", lease=LEASE, address_key=key_of), NOW + timedelta(hours=1))
    assert third is not None
    ledger.finish(third, SENT, NOW)
    assert (store.close_finished(), state()) == (1, "done")
    assert store.close_finished() == 0


def test_a_chain_is_recorded_whole_or_not_at_all(store: Digests, database: Database) -> None:
    """Half of a new newsletter's back issues would look like an outage, and the rest would be mailed."""
    chain = [NewDigest(digest=make_digest(make_planned(number=number))) for number in (40, 41, 42)]
    broken = NewDigest(digest=make_digest(make_planned(number=43, period="2026-W40")))
    assert store.add([*chain, broken], NOW) is None
    assert set(_rows(database).values()) == {0}
    added = store.add(chain, NOW)
    assert added is not None
    assert [recorded.id for recorded in store.all("weekly")] == [one.id for one in added]
    assert store.add([], NOW) == ()


def test_a_chain_goes_on_where_the_record_ends(store: Digests) -> None:
    """A planner that saw an older record, or none, must think again."""
    add_digest(store, make_digest(make_planned(number=40)))
    assert add_digest(store, make_digest(make_planned(number=42))) is None
    assert add_digest(store, make_digest(make_planned(number=39))) is None
    assert add_digest(store, make_digest(make_planned("daily", number=39))) is not None
    assert add_digest(store, make_digest(make_planned(number=41))) is not None
