from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builders import make_article, make_summary
from sqlalchemy import event, select
from store_builders import NOW

from newsletter.errors import StoreError
from newsletter.model import Article, Facts, Status
from newsletter.similarity import terms
from newsletter.store import nearest, related
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.related import RelatedIndex, index_articles
from newsletter.store.schema import index_entry, index_mark, index_posting, index_term

SUBJECTS = ("sleep", "kites", "walking", "memory", "sunlight", "balance")


def about(slug: str, *said: str, **changed: Any) -> Article:
    """An article that says these words and nothing else."""
    summary = make_summary(
        title=slug,
        key_takeaway=" ".join(said),
        what_they_found=(),
        who_should_care=(),
        considerations=(),
        topics=(),
    )
    return make_article(slug, summary=summary, **changed)


def written(seed: int, number: int) -> Article:
    """An article of random words, so that no two are alike by chance."""
    chance = random.Random(f"{seed} {number}")
    said = [chance.choice(SUBJECTS) for _ in range(4)] + [f"word{chance.randrange(60)}" for _ in range(30)]
    published = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    return about(f"n{number}", *said, published=published)


@pytest.fixture
def index(database: Database) -> RelatedIndex:
    return RelatedIndex(database)


@pytest.fixture
def store(database: Database) -> Articles:
    return Articles(database)


def add(store: Articles, index: RelatedIndex, *articles: Article) -> None:
    for article in articles:
        store.save(article, "hash")
        index.put(article)


def again(index: RelatedIndex, articles: Iterable[Article], *, keep: int | None = None) -> None:
    """Take articles out of the index, and put the first `keep` of them back, or all."""
    told = list(articles)
    for article in told:
        index.remove(article.id)
    for article in told[:keep]:
        index.put(article)


def slugs(articles: Sequence[Article]) -> list[str]:
    return [article.slug for article in articles]


def _break_off(database: Database, article: Article) -> None:
    with database.begin() as connection:
        index_articles(connection, [article])
        raise KeyboardInterrupt


def content(database: Database) -> dict[str, Any]:
    """Everything in the index, with articles named by their id."""
    with database.read() as connection:
        entries = connection.execute(select(index_entry)).all()
        names = {row.number: row.article_id for row in entries}
        return {
            "entries": {(row.article_id, row.plain_title, row.terms, row.marks) for row in entries},
            "terms": {(row.term, row.articles) for row in connection.execute(select(index_term))},
            "postings": {
                (row.term, row.weight, names[row.number]) for row in connection.execute(select(index_posting))
            },
            "marks": {(row.mark, names[row.number]) for row in connection.execute(select(index_mark))},
        }


class TestNearest:
    def test_shares_most_of_what_is_rare(self, store: Articles, index: RelatedIndex) -> None:
        asked = about("asked", "sleep", "kites", "wind")
        near = about("near", "kites", "wind", "lemon")
        far = about("far", "sleep", "lemon", "sugar")
        others = [about(f"other{number}", "sleep", f"more{number}") for number in range(5)]
        add(store, index, asked, near, far, *others, about("stranger", "engine"))
        assert slugs(index.nearest(asked, now=NOW))[0] == "near"
        assert "stranger" not in slugs(index.nearest(asked, now=NOW, limit=100))
        assert len(index.nearest(asked, now=NOW, limit=100)) == 7

    def test_a_rare_word_in_common_is_nearer_than_a_common_one(self, store: Articles, index: RelatedIndex) -> None:
        rare, common = about("b", "kites", "lemon"), about("a", "sleep", "sugar")
        add(store, index, rare, common, *(about(f"o{number}", "sleep", f"more{number}") for number in range(5)))
        assert slugs(index.nearest(about("asked", "sleep", "kites"), now=NOW))[:1] == ["b"]

    def test_words_that_nobody_else_has_do_not_displace_the_others(self, store: Articles, index: RelatedIndex) -> None:
        asked = about("asked", "sleep", *(f"own{number}" for number in range(30)))
        others = [about(f"o{number}", "sleep", f"more{number}") for number in range(9)]
        add(store, index, asked, *others)
        assert len(index.nearest(asked, now=NOW)) == 6

    def test_six_and_never_the_article_itself(self, store: Articles, index: RelatedIndex) -> None:
        everything = [written(1, number) for number in range(30)]
        add(store, index, *everything)
        for article in everything:
            found = index.nearest(article, now=NOW)
            assert len(set(found)) == 6
            assert article not in found

    def test_what_is_given_back_is_what_the_store_holds_now(self, store: Articles, index: RelatedIndex) -> None:
        asked, near = about("asked", "kites"), about("near", "kites")
        add(store, index, asked, near)
        renamed = replace(near, slug="renamed")
        store.save(renamed, "hash")
        assert index.nearest(asked, now=NOW) == (renamed,)

    def test_an_article_need_not_be_in_the_index(self, store: Articles, index: RelatedIndex) -> None:
        everything = [written(1, number) for number in range(20)]
        add(store, index, *everything[1:])
        outside = index.nearest(everything[0], now=NOW)
        add(store, index, everything[0])
        assert index.nearest(everything[0], now=NOW) == outside

    def test_a_changed_article_is_asked_for_with_its_new_words(self, store: Articles, index: RelatedIndex) -> None:
        add(
            store, index, about("asked", "kites"), about("one", "kites"), about("two", "lemon"), about("three", "sugar")
        )
        assert slugs(index.nearest(about("asked", "lemon"), now=NOW)) == ["two"]

    def test_nothing_in_common_is_no_neighbour(self, store: Articles, index: RelatedIndex) -> None:
        assert index.nearest(about("asked", "kites"), now=NOW) == ()
        add(store, index, about("asked", "kites"), about("other", "lemon"))
        assert index.nearest(about("asked", "kites"), now=NOW) == ()
        assert index.nearest(about("a", "the"), now=NOW) == ()

    def test_never_retracted_withdrawn_or_held_back(self, store: Articles, index: RelatedIndex) -> None:
        late = NOW + timedelta(microseconds=1)
        for slug, facts in {
            "plain": Facts(),
            "corrected": Facts(status=Status.CORRECTED),
            "concern": Facts(status=Status.CONCERN),
            "retracted": Facts(status=Status.RETRACTED),
            "withdrawn": Facts(status=Status.WITHDRAWN),
            "due-now": Facts(publish_after=NOW),
            "held-back": Facts(publish_after=late),
        }.items():
            add(store, index, about(slug, "kites", facts=facts))
        asked = about("asked", "kites")
        shown = {"plain", "corrected", "concern", "due-now"}
        assert set(slugs(index.nearest(asked, now=NOW))) == shown
        assert set(slugs(index.nearest(asked, now=late))) == shown | {"held-back"}

    def test_a_retraction_counts_at_once(self, store: Articles, index: RelatedIndex) -> None:
        near = about("near", "kites")
        add(store, index, near)
        store.save(replace(near, facts=Facts(status=Status.RETRACTED)), "hash")
        assert index.nearest(about("asked", "kites"), now=NOW) == ()

    def test_among_equals_the_newest_then_by_id(self, store: Articles, index: RelatedIndex) -> None:
        older, newer = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
        for slug, published in {"b": older, "c": newer, "a": older, "d": newer}.items():
            add(store, index, about(slug, "kites", published=published))
        assert slugs(index.nearest(about("asked", "kites"), now=NOW)) == ["c", "d", "a", "b"]
        assert slugs(index.nearest(about("asked", "kites"), now=NOW, limit=1)) == ["c"]

    def test_looks_further_where_the_first_may_not_be_shown(
        self, store: Articles, index: RelatedIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nearest, "_REACH", (2, 4, 16_000))
        for number in range(8):
            gone = Facts(status=Status.RETRACTED if number < 6 else Status.OK)
            add(store, index, about(f"n{number}", *["kites"] * (20 - number), "lemon", facts=gone))
        assert set(slugs(index.nearest(about("asked", "kites", "kites"), now=NOW))) == {"n6", "n7"}

    def test_looks_no_further_than_the_whole_reach(
        self, store: Articles, index: RelatedIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nearest, "_REACH", (1, 2))
        for number in range(4):
            gone = Facts(status=Status.RETRACTED if number < 2 else Status.OK)
            add(store, index, about(f"n{number}", *["kites"] * (20 - 5 * number), "lemon", facts=gone))
        assert index.nearest(about("asked", "kites"), now=NOW) == ()

    def test_reads_a_bounded_part_of_the_index(
        self, database: Database, store: Articles, index: RelatedIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of a term that many have, only the articles that it tells most of."""
        monkeypatch.setattr(nearest, "_CHAMPIONS", 3)
        monkeypatch.setattr(nearest, "_CANDIDATES", nearest._promising())
        for number in range(8):
            add(store, index, about(f"n{number}", "kites", *(f"word{number}{other}" for other in range(number))))
        assert set(slugs(index.nearest(about("asked", "kites"), now=NOW))) == {"n0", "n1", "n2"}

    def test_costs_the_same_number_of_questions_in_any_archive(self, database: Database, store: Articles) -> None:
        index = RelatedIndex(database)
        asked: list[str] = []
        engine = database._open()
        event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
        counts = []
        for size in (20, 60):
            add(store, index, *(written(size, number) for number in range(size - 20, size)))
            asked.clear()
            index.nearest(written(size, size - 1), now=NOW)
            counts.append(len(asked))
        assert counts[0] == counts[1] < 8

    def test_is_the_same_by_whatever_way_the_index_came_about(
        self, database: Database, store: Articles, index: RelatedIndex
    ) -> None:
        everything = [written(2, number) for number in range(40)]
        add(store, index, *everything)
        grown = content(database)
        neighbours = [index.nearest(article, now=NOW) for article in everything]
        again(index, reversed(everything))
        assert content(database) == grown
        assert [index.nearest(article, now=NOW) for article in everything] == neighbours
        shuffled = random.Random(5).sample(everything, len(everything))
        for article in shuffled[:20]:
            index.remove(article.id)
            index.put(replace(article, summary=make_summary(title=f"Other {article.slug}")))
        for article in shuffled:
            index.put(article)
        assert content(database) == grown
        assert [index.nearest(article, now=NOW) for article in everything] == neighbours


class TestNeighbours:
    """The neighbours of many articles, found together."""

    @pytest.mark.parametrize("limit", [1, 6, 40])
    def test_are_what_is_nearest_to_each(
        self, store: Articles, index: RelatedIndex, monkeypatch: pytest.MonkeyPatch, limit: int
    ) -> None:
        """Also where little is kept and read at a time, and where much of what is near may not be shown."""
        for name, value in {
            "_AT_ONCE": 7, "_POSTINGS_KEPT": 40, "_POSTINGS_AT_ONCE": 30, "_ENTRIES_KEPT": 9, "_REACH": (8, 20, 1_000),
        }.items():  # fmt: skip
            monkeypatch.setattr(nearest, name, value)
        everything = [hidden_or_not(written(7, number), number) for number in range(60)]
        for article in everything:
            store.save(article, "hash")
        found = index.neighbours(everything, now=NOW, limit=limit)
        assert found == {
            article.id: tuple(near.id for near in index.nearest(article, now=NOW, limit=limit))
            for article in everything
        }
        assert all(found.values())

    def test_of_a_term_that_many_have_the_same_part_is_read(
        self, store: Articles, index: RelatedIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nearest, "_CHAMPIONS", 3)
        monkeypatch.setattr(nearest, "_CANDIDATES", nearest._promising())
        everything = [
            about(f"n{number}", "kites", "lemon", *(f"word{number}{other}" for other in range(number)))
            for number in range(12)
        ]
        for article in everything:
            store.save(article, "hash")
        assert index.neighbours(everything, now=NOW) == {
            article.id: tuple(near.id for near in index.nearest(article, now=NOW)) for article in everything
        }

    def test_of_none_and_of_articles_that_are_like_no_other(self, store: Articles, index: RelatedIndex) -> None:
        assert index.neighbours([], now=NOW) == {}
        alone, outside = about("alone", "kites"), about("outside", "lemon")
        add(store, index, alone, about("other", "sugar"))
        assert index.neighbours([alone, outside, about("empty")], now=NOW) == {
            alone.id: (),
            outside.id: (),
            about("empty").id: (),
        }

    def test_an_article_that_is_not_in_the_index_has_neighbours_too(self, store: Articles, index: RelatedIndex) -> None:
        near, outside = about("near", "kites", "lemon"), about("outside", "kites")
        add(store, index, near, about("far", "sugar"))
        assert index.neighbours([outside], now=NOW) == {outside.id: (near.id,)}


def hidden_or_not(article: Article, number: int) -> Article:
    facts = {0: Facts(status=Status.RETRACTED), 1: Facts(publish_after=NOW + timedelta(days=1))}
    return replace(article, facts=facts.get(number % 5, Facts()))


class TestUpkeep:
    def test_counts_what_is_in_the_articles(self, database: Database, store: Articles, index: RelatedIndex) -> None:
        everything = [written(3, number) for number in range(10)]
        add(store, index, *everything)
        told = content(database)
        assert told["postings"] == {
            (term, weight, article.id) for article in everything for term, weight in terms(article.summary).items()
        }
        assert dict(told["terms"])[""] == len(everything)
        assert dict(told["terms"])["sleep"] == sum("sleep" in terms(article.summary) for article in everything)

    def test_what_is_taken_out_leaves_nothing_behind(
        self, database: Database, store: Articles, index: RelatedIndex
    ) -> None:
        kept, gone = written(1, 1), written(1, 2)
        add(store, index, kept)
        before = content(database)
        empty = replace(about("empty"), summary=about("").summary)
        add(store, index, gone, empty)
        assert index.nearest(empty, now=NOW) == ()
        index.remove(gone.id)
        index.remove(empty.id)
        index.remove("tag:example.org,2026:nothing")
        assert content(database) == before
        assert index.nearest(kept, now=NOW) == ()

    def test_putting_the_same_again_writes_nothing(
        self, database: Database, store: Articles, index: RelatedIndex
    ) -> None:
        article = written(1, 1)
        add(store, index, article)
        before = content(database)
        with database.read() as connection:
            number = connection.execute(select(index_entry.c.number)).scalar_one()
        asked: list[str] = []
        event.listen(database._open(), "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
        index.put(replace(article, updated=NOW, facts=Facts(status=Status.CORRECTED)))
        assert not [statement for statement in asked if statement.startswith(("DELETE", "UPDATE"))]
        assert content(database) == before
        with database.read() as connection:
            assert connection.execute(select(index_entry.c.number)).scalar_one() == number

    def test_an_article_must_be_saved_first(self, database: Database, index: RelatedIndex) -> None:
        with pytest.raises(StoreError):
            index.put(written(1, 1))
        assert not any(content(database).values())

    def test_an_article_and_its_entry_are_written_together_or_not_at_all(
        self, database: Database, store: Articles
    ) -> None:
        store.save(written(1, 1), "hash")
        before = content(database)
        with pytest.raises(KeyboardInterrupt):
            _break_off(database, replace(written(1, 2), id=written(1, 1).id))
        assert content(database) == before

    def test_the_same_article_twice_in_one_go_counts_once(self, database: Database, store: Articles) -> None:
        one, changed = about("one", "kites"), about("one", "lemon")
        store.save(one, "hash")
        with database.begin() as connection:
            index_articles(connection, [one, one, changed])
        told = content(database)
        assert dict(told["terms"]) == {"": 1, "lemon": 1}
        assert {term for term, _, _ in told["postings"]} == {"lemon"}

    def test_catching_up_adds_what_an_older_version_saved(
        self, database: Database, store: Articles, index: RelatedIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(related, "_BATCH", 3)
        everything = [written(1, number) for number in range(8)]
        add(store, index, *everything)
        whole = content(database)
        again(index, everything, keep=1)
        assert index.catch_up() == 7
        assert content(database) == whole
        asked: list[str] = []
        event.listen(database._open(), "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
        assert index.catch_up() == 0
        assert not [statement for statement in asked if "JOIN" in statement], "the articles are only counted"

    def test_terms_come_back_as_they_were_written(self) -> None:
        for weights in ({}, {"kites": 255}, {"walk": 200, "#multiple sclerosis": 1, "\N{SNOWMAN}": 158}):
            assert nearest.read_terms(nearest.written_terms(weights)) == weights

    def test_writers_at_the_same_time_lose_nothing(
        self, database: Database, store: Articles, index: RelatedIndex
    ) -> None:
        everything = [written(4, number) for number in range(12)]
        for article in everything:
            store.save(article, "hash")
        failures: list[Exception] = []

        def put(seed: int) -> None:
            try:
                for article in random.Random(seed).sample(everything, len(everything)):
                    index.put(article)
            except Exception as error:  # noqa: BLE001 - told to the test's own thread
                failures.append(error)

        threads = [threading.Thread(target=put, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        together = content(database)
        again(index, everything)
        assert content(database) == together


def test_an_entry_that_is_taken_out_while_it_is_put_in_is_put_in(postgres_url: str) -> None:
    """Between the two looks of one writer, another takes the entry away (SQLite lets one write at a time)."""
    database = open_database(postgres_url)
    store, index = Articles(database), RelatedIndex(database)
    article = about("one", "kites")
    add(store, index, article)
    whole = content(database)
    taken: list[str] = []

    def take_out(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FOR UPDATE" in statement and not taken:
            taken.append(article.id)
            index.remove(article.id)

    event.listen(database._open(), "before_cursor_execute", take_out)
    index.put(article)
    assert taken
    assert content(database) == whole
    database.close()
