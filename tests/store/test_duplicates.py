from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import make_article, make_summary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from store_builders import NOW

from newsletter.errors import StoreError
from newsletter.model import Article, Facts, Status
from newsletter.similarity import Reason, jaccard, shingles
from newsletter.store import duplicates
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.duplicates import Duplicate, Duplicates
from newsletter.store.related import RelatedIndex
from newsletter.store.rows import write_rows
from newsletter.store.schema import index_mark, metadata

DOI = "10.1000/walks"


def written(seed: int, *, words: int = 240, **changed: Any) -> Article:
    """An article of its own title, whose words nobody else uses in this order."""
    chance = random.Random(seed)
    said = [f"word{chance.randrange(3_000)}" for _ in range(words)]
    summary = make_summary(
        title=f"Title {said[0]} {said[1]}",
        key_takeaway=" ".join(said[:20]),
        what_they_found=(" ".join(said[20:90]),),
        who_should_care=(" ".join(said[90:170]),),
        considerations=(" ".join(said[170:]),),
    )
    return make_article(f"n{seed}", summary=summary, **changed)


def edited(article: Article, seed: int, changes: int) -> Article:
    """A stranger's title over the article's body, with single words replaced."""
    chance = random.Random(f"edit {seed}")
    said = article.summary.what_they_found[0].split() + article.summary.considerations[0].split()
    for _ in range(changes):
        said[chance.randrange(len(said))] = f"other{chance.randrange(1_000)}"
    stranger = written(seed)
    body = replace(article.summary, what_they_found=(" ".join(said[:70]),), considerations=(" ".join(said[70:]),))
    return replace(stranger, summary=replace(body, title=stranger.title))


@pytest.fixture
def find(database: Database) -> Duplicates:
    return Duplicates(database)


@pytest.fixture
def known(database: Database) -> list[Article]:
    """Articles that are in the index, strangers to each other."""
    everything = [written(seed) for seed in range(40)]
    for article in everything:
        add(database, article)
    return everything


def add(database: Database, *articles: Article) -> None:
    for article in articles:
        Articles(database).save(article, "hash")
        RelatedIndex(database).put(article)


def test_a_stranger_is_no_duplicate_and_an_article_none_of_itself(find: Duplicates, known: list[Article]) -> None:
    assert find.find_duplicate(written(1_000)) is None
    assert [find.find_duplicate(article) for article in known] == [None] * len(known)


def test_an_empty_archive_and_an_article_without_words(find: Duplicates, database: Database) -> None:
    empty = make_article(
        summary=make_summary(title="", key_takeaway="", what_they_found=(), who_should_care=(), considerations=())
    )
    assert find.find_duplicate(empty) is None
    add(database, replace(empty, id="tag:example.org,2026:other"))
    assert find.find_duplicate(empty) is None


def test_by_its_study(find: Duplicates, database: Database) -> None:
    first = written(1, facts=Facts(doi=DOI, pmid="7", source_url="https://example.org/walks"))
    add(database, first)
    for facts in (
        Facts(doi=DOI.upper()),
        Facts(source_url=f"https://doi.org/{DOI}"),
        Facts(pmid="7"),
        Facts(source_url="http://www.example.org/walks/"),
    ):
        found = find.find_duplicate(written(2, facts=facts))
        assert found == Duplicate(article=first, reason=Reason.STUDY, certain=True)


def test_by_its_body(find: Duplicates, known: list[Article]) -> None:
    copy = replace(written(1_000), summary=replace(known[7].summary, title="Something Else", topics=()))
    assert find.find_duplicate(copy) == Duplicate(article=known[7], reason=Reason.BODY, certain=True)


@pytest.mark.parametrize("changes", [10, 20])
def test_by_its_body_after_edits(find: Duplicates, known: list[Article], changes: int) -> None:
    for seed, article in enumerate(known, start=1_000):
        copy = edited(article, seed, changes)
        assert jaccard(shingles(copy.summary), shingles(article.summary)) >= 0.5
        assert find.find_duplicate(copy) == Duplicate(article=article, reason=Reason.BODY, certain=True)


def test_after_too_many_edits_it_is_another_article(find: Duplicates, known: list[Article]) -> None:
    assert all(find.find_duplicate(edited(article, 1_000, 70)) is None for article in known)


def test_by_its_title(find: Duplicates, database: Database) -> None:
    title = "How Sunlight May Colour the Risk of a Relapse"
    first = written(1)
    first = replace(first, summary=replace(first.summary, title=title))
    add(database, first)
    akin = replace(
        first.summary, title=title.replace("Colour", "Color"), what_they_found=written(2).summary.what_they_found
    )
    akin = replace(akin, considerations=written(3).summary.considerations)
    found = find.find_duplicate(replace(written(9), summary=akin))
    assert found == Duplicate(article=first, reason=Reason.TITLE, certain=True)
    stranger = replace(written(9).summary, title=f"RETRACTED: {title}")
    found = find.find_duplicate(replace(written(9), summary=stranger))
    assert found == Duplicate(article=first, reason=Reason.TITLE, certain=False)


def test_two_studies_stay_two_articles(find: Duplicates, database: Database) -> None:
    first = written(1, facts=Facts(doi=DOI))
    add(database, first)
    copy = replace(written(2, facts=Facts(doi="10.1000/other")), summary=first.summary)
    assert find.find_duplicate(copy) == Duplicate(article=first, reason=Reason.BODY, certain=False)


def test_what_is_certain_goes_before_and_then_the_earliest(find: Duplicates, database: Database) -> None:
    text = written(1).summary
    late = replace(written(2, first_seen=NOW + timedelta(days=1)), summary=text)
    early = replace(written(3, first_seen=NOW), summary=text)
    tied = replace(written(4, first_seen=NOW), summary=text)
    doubtful = replace(written(5, facts=Facts(doi="10.1000/other"), first_seen=NOW - timedelta(days=9)), summary=text)
    add(database, late, tied, early, doubtful)
    asked = replace(written(9, facts=Facts(doi=DOI)), summary=text)
    found = find.find_duplicate(asked)
    assert found == Duplicate(article=early, reason=Reason.BODY, certain=True)
    study = written(6, facts=Facts(doi=DOI), first_seen=NOW + timedelta(days=2))
    add(database, study)
    assert find.find_duplicate(asked) == Duplicate(article=study, reason=Reason.STUDY, certain=True)


def test_what_readers_do_not_see_is_found_too(find: Duplicates, database: Database) -> None:
    for seed, facts in enumerate(
        [Facts(status=Status.RETRACTED), Facts(status=Status.WITHDRAWN), Facts(publish_after=NOW + timedelta(days=9))]
    ):
        first = written(seed, facts=facts)
        add(database, first)
        found = find.find_duplicate(replace(written(1_000), summary=first.summary))
        assert found is not None
        assert found.article == first


def test_a_mark_that_everybody_has_hides_nothing(
    find: Duplicates, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paragraph that stands under every article is no reason, and does not crowd out the real one."""
    monkeypatch.setattr(duplicates, "_HOLDERS", 3)
    stock = " ".join(f"stock{number}" for number in range(40))
    everything = [written(seed) for seed in range(12)]
    everything = [
        replace(one, summary=replace(one.summary, considerations=(*one.summary.considerations, stock)))
        for one in everything
    ]
    add(database, *everything)
    assert [find.find_duplicate(article) for article in everything] == [None] * 12
    copy = replace(written(1_000), summary=replace(everything[-1].summary, title="Something Else"))
    found = find.find_duplicate(copy)
    assert found is not None
    assert found.article == everything[-1]


def test_a_revised_article_is_found_by_its_new_text_alone(find: Duplicates, database: Database) -> None:
    first, second = written(1), written(2)
    add(database, first)
    revised = replace(first, summary=second.summary)
    add(database, revised)
    assert find.find_duplicate(replace(written(9), summary=first.summary)) is None
    assert find.find_duplicate(replace(written(9), summary=second.summary)) is not None


class TestTwins:
    def test_a_document_that_tells_of_an_article_is_remembered(self, find: Duplicates, database: Database) -> None:
        first, second = written(1), written(2)
        add(database, first, second)
        find.remember("feed", [("a", "hash 1", first.id)])
        find.remember("feed", [("b", "hash 2", first.id)])
        find.remember("other", [("a", "hash 3", second.id)])
        assert find.raw_hashes("feed", ["a", "b", "c"]) == {"a": "hash 1", "b": "hash 2"}
        assert find.find("feed", "b") == first
        assert find.find("feed", "c") is None

    def test_remembering_again_replaces(self, find: Duplicates, database: Database) -> None:
        first, second = written(1), written(2)
        add(database, first, second)
        find.remember("feed", [("a", "hash 1", first.id)])
        find.remember("feed", [("a", "hash 2", second.id)])
        assert find.raw_hashes("feed", ["a", "b", "c"]) == {"a": "hash 2"}
        assert find.find("feed", "a") == second

    def test_the_article_must_be_there(self, find: Duplicates) -> None:
        with pytest.raises(StoreError):
            find.remember("feed", [("a", "hash", "tag:example.org,2026:nothing")])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8), st.data())
def test_asking_for_several_at_once_is_asking_for_each(
    url: str, told: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Articles that share titles, bodies and studies in every way; some are saved, and all are asked for."""
    everything = [composed(number, *parts) for number, parts in enumerate(told)]
    saved = data.draw(st.lists(st.sampled_from(everything), unique_by=lambda article: article.id))
    with closing(open_database(url)) as database:
        with database.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
        for article in saved:
            Articles(database).save(article, "hash")
        find = Duplicates(database)
        assert list(find.find_duplicates(everything)) == [find.find_duplicate(article) for article in everything]


def composed(number: int, title: int, body: int, study: int) -> Article:
    """An article of one of a few titles, bodies and studies; those of number 0 are nobody else's."""
    of_title, of_body = written(title or 100 + number), written(body or 200 + number)
    return make_article(
        f"composed-{number}",
        summary=replace(of_body.summary, title=f"One Two Three Four {of_title.title}"),
        facts=Facts(doi=f"10.1000/{study}" if study else None),
        first_seen=NOW + timedelta(minutes=number),
    )


def test_none_at_all(find: Duplicates) -> None:
    assert find.find_duplicates([]) == ()


def test_of_a_mark_that_everybody_has_the_earliest_holders_are_read(database: Database) -> None:
    marked = [(1, number) for number in range(100, 0, -1)] + [(2, 7), (3, 8)]
    with database.begin() as connection:
        write_rows(connection, insert(index_mark), marked)
    with database.read() as connection:
        found = duplicates._holders(connection, [1, 2, 4])
    assert {mark: sorted(numbers) for mark, numbers in found.items()} == {1: list(range(1, 33)), 2: [7]}
