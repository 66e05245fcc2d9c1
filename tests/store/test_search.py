"""Search finds what the words say, in one order, on both databases; and only what readers may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from builders import make_article
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, select, text
from store_builders import NOW

from newsletter.errors import StoreError
from newsletter.model import Accepted, Article, Facts, Status
from newsletter.searching import Question, Roots, indexed, question, topic_name
from newsletter.store import search as module
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.progress import Progress
from newsletter.store.schema import metadata, search_entry
from newsletter.store.search import MOST, PAGE_SIZE, Search, number_of

DAY = timedelta(days=1)
LITTLE = ("walk", "fatigue", "gait", "vitamin d", "sleep")
TEXTS = st.lists(st.sampled_from(LITTLE), max_size=4).map(" ".join)
ARTICLES = st.lists(
    st.tuples(TEXTS, TEXTS, st.sampled_from([(), ("Gait",), ("Sleep", "Gait")]), st.integers(0, 3)), max_size=8
)
QUESTIONS = st.lists(
    st.tuples(st.sampled_from(["", "-"]), st.sampled_from([*LITTLE, '"vitamin d"', '"walk gait"', '"d walk"', "x"])),
    max_size=4,
).map(lambda parts: " ".join(f"{sign}{word}" for sign, word in parts))


def _article(
    number: int, title: str, body: str, topics: Sequence[str] = (), day: int = 0, **changed: object
) -> Article:
    made = make_article(f"a{number}", title=title or "-", topics=tuple(topics))
    summary = replace(
        made.summary, key_takeaway=body, what_they_found=(), who_should_care=(), considerations=(), journal=None
    )
    moment = NOW - DAY * day
    return replace(made, summary=summary, published=moment, first_seen=moment, updated=moment, **changed)  # type: ignore[arg-type]


def _save(database: Database, *articles: Article) -> None:
    Articles(database).save_all([Accepted(article=each, raw_hash="hash") for each in articles])


def _empty(database: Database) -> None:
    with database.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
        connection.execute(text("DELETE FROM search_words"))


def _find(database: Database, typed: str, topic: str | None = None, now: datetime = NOW, page: int = 1) -> list[str]:
    return [each.slug for each in Search(database).find(question(typed), topic, page, now).articles]


def _stands_in(roots: Roots, text: Roots) -> bool:
    return any(text[start : start + len(roots)] == roots for start in range(len(text)))


def _expected(articles: Sequence[Article], asked: Question, topic: str | None) -> list[str]:
    """What `find` promises, told over lists."""
    ranked: list[tuple[bool, int, str]] = []
    for each in articles:
        told = indexed(each)
        fields = (told.title, told.body)
        if topic is not None and topic_name(topic) not in told.topics:
            continue
        if any(_stands_in(roots, field) for roots in asked.unwanted for field in fields):
            continue
        if asked and all(any(_stands_in(roots, field) for field in fields) for roots in asked.wanted):
            titled = all(_stands_in(roots, told.title) for roots in asked.wanted)
            ranked.append((titled, number_of(each.id, each.published), each.slug))
    return [slug for _, _, slug in sorted(ranked, reverse=True)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=ARTICLES, typed=QUESTIONS, topic=st.sampled_from([None, "gait", "sleep", "nowhere"]))
def test_it_finds_what_a_reader_of_all_would(
    database: Database, told: list[tuple[str, str, tuple[str, ...], int]], typed: str, topic: str | None
) -> None:
    _empty(database)
    articles = [_article(number, *each) for number, each in enumerate(told)]
    if articles:
        _save(database, *articles)
    Search(database).catch_up(NOW)
    assert _find(database, typed, topic) == _expected(articles, question(typed), topic)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.one_of(st.text(max_size=60), st.text("\"'*^():-+&|!<>\\{}ab NEAR", max_size=40)))
def test_nothing_that_is_typed_is_an_error(database: Database, typed: str) -> None:
    """Nor is any of it read as a language of the database's."""
    Search(database).find(question(typed), typed, 1, NOW)


def test_what_readers_may_not_see_is_not_found(database: Database) -> None:
    index = Search(database)
    shown, gone, later = (_article(number, "Walking", "gait", day=number) for number in range(3))
    later = replace(later, facts=Facts(publish_after=NOW + DAY))
    retracted = _article(3, "Walking", "gait", day=3, facts=Facts(status=Status.RETRACTED))
    _save(database, shown, gone, later, retracted)
    index.catch_up(NOW)
    assert _find(database, "walk") == ["a0", "a1", "a3"]
    _save(database, replace(gone, facts=Facts(status=Status.WITHDRAWN)))
    assert _find(database, "walk") == ["a0", "a3"], "at once, before the index is brought up to date"
    index.catch_up(NOW)
    assert index.find(question("walk"), None, 1, NOW).number == 2
    index.catch_up(NOW + DAY)
    assert _find(database, "walk", now=NOW + DAY) == ["a0", "a2", "a3"]


def test_the_index_follows_every_change_and_looks_at_no_other(database: Database) -> None:
    index = Search(database)
    _save(database, *(_article(number, "Walking", "gait", day=number) for number in range(5)))
    assert index.catch_up(NOW) == 5
    assert index.catch_up(NOW) == 0
    _save(database, _article(2, "Sleeping", "gait", day=9))
    assert index.catch_up(NOW) == 1
    assert _find(database, "walk") == ["a0", "a1", "a3", "a4"]
    assert _find(database, "sleep") == ["a2"]
    assert _find(database, "gait")[-1] == "a2", "by its new date"
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(search_entry)).scalar_one() == 5
        assert connection.execute(text("SELECT count(*) FROM search_words")).scalar_one() == 5


def test_another_form_of_the_index_is_made_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Search(database)
    _save(database, _article(0, "Walking", "gait"))
    assert index.catch_up(NOW) == 1
    monkeypatch.setattr(module, "_FORM", "another")
    assert index.catch_up(NOW) == 1
    assert _find(database, "walk") == ["a0"]
    reached = Progress(database).get("search")
    assert reached is not None
    assert reached.fingerprint == "another"


def test_articles_of_one_moment_keep_their_order(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where two would have the same number."""
    monkeypatch.setattr(module, "number_of", lambda *_: 7 << 24)
    _save(database, *(_article(number, "Walking", "gait") for number in range(3)))
    Search(database).catch_up(NOW)
    found = _find(database, "walk")
    assert sorted(found) == ["a0", "a1", "a2"]
    _save(database, _article(1, "Walking", "gait and more"))
    Search(database).catch_up(NOW)
    assert sorted(_find(database, "walk")) == sorted(found)


def test_pages_hold_everything_once(database: Database) -> None:
    """Also where the first class ends in the middle of a page."""
    many = [_article(number, "Walking" if number % 4 == 0 else "Other", "walk", day=number) for number in range(110)]
    _save(database, *many)
    index = Search(database)
    index.catch_up(NOW)
    pages = [index.find(question("walking"), None, page, NOW) for page in range(1, 8)]
    assert [len(page.articles) for page in pages] == [PAGE_SIZE] * 5 + [10, 0]
    assert {page.number for page in pages} == {110}
    slugs = [each.slug for page in pages for each in page.articles]
    assert slugs == _expected(many, question("walking"), None)
    assert len(set(slugs)) == 110


def test_no_more_are_counted_than_can_be_leafed_through(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 30)
    _save(database, *(_article(number, "Walking", "gait", day=number) for number in range(45)))
    index = Search(database)
    index.catch_up(NOW)
    found = index.find(question("walk"), None, 1, NOW)
    assert (found.number, found.more) == (30, True)
    assert index.find(question("walk"), None, 3, NOW).articles == ()
    assert MOST % PAGE_SIZE == 0


def test_a_search_that_takes_too_long_is_given_up(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else is: the next transaction of the same connection has no such limit."""
    opened = open_database(postgres_url)
    count = module._count

    def slowly(connection: Connection, which: module._Class) -> int:
        connection.execute(text("SELECT pg_sleep(0.3)"))
        return count(connection, which)

    monkeypatch.setattr(module, "_count", slowly)
    assert Search(opened).find(question("walk"), None, 1, NOW).number == 0
    monkeypatch.setattr(module, "LONGEST", timedelta(milliseconds=50))
    with pytest.raises(StoreError, match="statement timeout"):
        Search(opened).find(question("walk"), None, 1, NOW)
    with opened.read() as connection:
        connection.execute(text("SELECT pg_sleep(0.3)"))
    opened.close()
