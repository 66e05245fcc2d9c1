from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import make_article, make_notice, make_summary
from store_builders import NOW, add_digest, make_digest, make_planned

from newsletter.errors import StoreError
from newsletter.model import Facts, NoticeItem, Status
from newsletter.store.articles import Articles
from newsletter.store.database import Database
from newsletter.store.digests import Digests


@pytest.fixture
def store(database: Database) -> Articles:
    return Articles(database)


def test_an_article_is_found_by_its_document_and_by_its_slug(store: Articles) -> None:
    article, other = make_article("walks"), make_article("sleep")
    store.save(article, "hash")
    store.save(other, "hash")
    assert store.find(article.source, article.key) == store.by_slug("walks") == article
    assert store.find("elsewhere", article.key) is None
    assert store.by_slug("nothing") is None


def test_saving_again_replaces_the_article_of_that_id(store: Articles) -> None:
    article = make_article("walks")
    store.save(article, "first")
    changed = replace(article, slug="longer-walks", summary=make_summary(title="Longer Walks"))
    store.save(changed, "second")
    assert store.visible(NOW) == (changed,)
    assert store.raw_hashes(article.source, [article.key]) == {article.key: "second"}


def test_a_slug_belongs_to_one_article(store: Articles) -> None:
    store.save(make_article("walks"), "hash")
    with pytest.raises(StoreError):
        store.save(make_article("walks", id="tag:example.org,2026:another", key="another"), "hash")


def test_hashes_are_those_of_one_source(store: Articles) -> None:
    store.save(make_article("walks", source="here"), "1")
    store.save(make_article("sleep", source="there"), "2")
    assert store.raw_hashes("here", ["walks.txt", "sleep.txt"]) == {"walks.txt": "1"}
    assert store.raw_hashes("here", ["sleep.txt"]) == store.raw_hashes("here", []) == {}


def test_articles_are_found_by_several_keys_at_once(store: Articles) -> None:
    walks, sleep, kites = make_article("walks"), make_article("sleep"), make_article("kites", source="there")
    for article in (walks, sleep, kites):
        store.save(article, "hash")
    assert store.of(walks.source, [walks.key, kites.key, "nothing"]) == {walks.key: walks}
    assert store.of(walks.source, []) == {}


def test_slugs_and_topics_in_use(store: Articles) -> None:
    store.save(make_article("walks", topics=("fatigue", "walking", "fatigue")), "hash")
    store.save(make_article("sleep", topics=("fatigue",)), "hash")
    assert store.taken(["walks", "sleep", "nothing"]) == {"walks", "sleep"}
    assert store.known_topics() == {"fatigue": 2, "walking": 1}


def test_an_article_and_its_notice_are_saved_together_or_not_at_all(store: Articles) -> None:
    article = make_article(status=Status.CORRECTED)
    with pytest.raises(StoreError):
        store.save(article, "hash", replace(make_notice(article), article_id="tag:example.org,2026:nothing"))
    assert store.taken([article.slug]) == set()
    notice = make_notice(article)
    store.save(article, "hash", notice)
    assert [item.notice for item in store.notices(NOW)] == [notice]


def test_a_notice_that_is_there_stays_as_it_is(store: Articles) -> None:
    article = make_article()
    notice = make_notice(article)
    store.save(article, "hash", notice)
    store.save(article, "hash", replace(notice, published=notice.published + timedelta(days=1)))
    assert [item.notice for item in store.notices(NOW)] == [notice]


def test_notices_come_oldest_first(store: Articles) -> None:
    article = make_article()
    concern = make_notice(article, status=Status.CONCERN, published=NOW)
    corrected = make_notice(article, status=Status.CORRECTED, published=NOW)
    retracted = make_notice(article, status=Status.RETRACTED, published=NOW - timedelta(days=1))
    for notice in (corrected, retracted, concern):
        store.save(article, "hash", notice)
    assert [item.notice for item in store.notices(NOW)] == [retracted, concern, corrected]


class TestVisible:
    def test_newest_first_then_by_code_point_of_the_id(self, store: Articles) -> None:
        newer = make_article("m", published=NOW)
        tied = [make_article("x", id=id_, key=id_) for id_ in ("tag:a", "tag:B", "tag:-", "tag:\u00e9", "tag:z")]
        tied = [replace(article, slug=article.id) for article in tied]
        for article in (*tied, newer):
            store.save(article, "hash")
        assert [one.id for one in store.visible(NOW)] == [newer.id, "tag:-", "tag:B", "tag:a", "tag:z", "tag:\u00e9"]

    def test_what_is_withdrawn_or_held_back_is_not(self, store: Articles) -> None:
        late = NOW + timedelta(microseconds=1)
        for slug, facts in {
            "plain": Facts(),
            "retracted": Facts(status=Status.RETRACTED),
            "withdrawn": Facts(status=Status.WITHDRAWN),
            "due-now": Facts(publish_after=NOW),
            "held-back": Facts(publish_after=late),
        }.items():
            store.save(make_article(slug, facts=facts), "hash")
        assert {article.slug for article in store.visible(NOW)} == {"plain", "retracted", "due-now"}
        assert "held-back" in {article.slug for article in store.visible(late)}


def test_unassigned_are_the_visible_ones_that_this_newsletter_never_carried(
    store: Articles, database: Database
) -> None:
    carried, elsewhere, fresh = make_article("carried"), make_article("elsewhere"), make_article("fresh", published=NOW)
    for article in (carried, elsewhere, fresh, make_article("gone", status=Status.WITHDRAWN)):
        store.save(article, "hash")
    for planned, article in ((make_planned("weekly"), carried), (make_planned("daily"), elsewhere)):
        add_digest(
            Digests(database),
            make_digest(planned, articles=[article]),
            settled=(),
            mailing=None,
            deliveries=(),
            now=NOW,
        )
    assert store.unassigned("weekly", NOW) == (fresh, elsewhere)
    assert store.unassigned("daily", NOW) == (fresh, carried)
    assert store.unassigned("monthly", NOW) == (fresh, carried, elsewhere)


def test_pending_notices_are_about_what_was_carried_and_not_yet_told(store: Articles, database: Database) -> None:
    carried, never = make_article("carried"), make_article("never")
    late = make_notice(carried, status=Status.RETRACTED, published=NOW)
    early = make_notice(carried, status=Status.CORRECTED, published=NOW - timedelta(days=1))
    settled = make_notice(carried, status=Status.CONCERN)
    for notice in (late, early, settled):
        store.save(carried, "hash", notice)
    store.save(never, "hash", make_notice(never))
    digests = Digests(database)
    first = make_digest(make_planned(number=46), articles=[carried])
    add_digest(digests, first, settled=[settled.id], mailing=None, deliveries=(), now=NOW)
    assert store.pending_notices("weekly") == (
        NoticeItem(notice=early, article=carried),
        NoticeItem(notice=late, article=carried),
    )
    assert store.pending_notices("daily") == ()
    second = make_digest(make_planned(number=47), notices=[(early, carried)])
    add_digest(digests, second, settled=(), mailing=None, deliveries=(), now=NOW)
    assert store.pending_notices("weekly") == (NoticeItem(notice=late, article=carried),)


def test_a_notice_about_what_is_held_back_is_held_back_too(store: Articles) -> None:
    facts = Facts(status=Status.CORRECTED, notice="Put right.", publish_after=NOW + timedelta(days=1))
    article = make_article(facts=facts)
    store.save(article, "hash", make_notice(article))
    assert store.notices(NOW) == ()
    assert [item.article for item in store.notices(NOW + timedelta(days=1))] == [article]
