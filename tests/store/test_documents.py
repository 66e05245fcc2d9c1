from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from builders import make_article, make_notice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update
from store_builders import NOW

from newsletter.errors import StoreError
from newsletter.model import Article, DateOrigin, Facts, IssueDate, Precision, Rating, Related, Status, Summary
from newsletter.store.articles import Articles
from newsletter.store.database import Database
from newsletter.store.documents import storable
from newsletter.store.schema import article as table
from newsletter.store.schema import article_topic, index_entry, topic
from newsletter.store.schema import notice as notice_table

any_text = st.text(st.characters(exclude_categories=()), max_size=12)  # NUL and half surrogates too
names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)
moments = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
lines = st.lists(any_text, max_size=3).map(tuple)
ratings = st.none() | st.builds(Rating, value=st.floats(allow_nan=False), scale=st.integers(1, 10))
issue_dates = st.none() | st.builds(IssueDate, day=st.dates(), precision=st.sampled_from(Precision))
articles = st.builds(
    Article,
    id=names,
    slug=names,
    source=names,
    key=names,
    summary=st.builds(
        Summary,
        title=any_text,
        key_takeaway=any_text,
        what_they_found=lines,
        who_should_care=lines,
        considerations=lines,
        credibility=ratings,
        interest=ratings,
        topics=lines,
        journal=st.none() | any_text,
    ),
    facts=st.builds(
        Facts,
        published=st.none() | st.dates() | moments,
        publish_after=st.none() | moments,
        issue_date=issue_dates,
        status=st.sampled_from(Status),
        status_date=st.none() | moments,
        notice=any_text,
        source_url=st.none() | any_text,
        doi=st.none() | any_text,
        pmid=st.none() | any_text,
    ),
    published=moments,
    published_precision=st.sampled_from(Precision),
    date_origin=st.sampled_from(DateOrigin),
    first_seen=moments,
    updated=moments,
    related=st.lists(st.builds(Related, title=any_text, date=issue_dates, teaser=any_text), max_size=2).map(tuple),
    topics_raw=st.none() | any_text,
    back_catalogue=st.booleans(),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(article=articles)
def test_any_article_comes_back_equal(database: Database, article: Article) -> None:
    with database.begin() as connection:
        for rest in (index_entry, article_topic, topic):
            connection.execute(delete(rest))
        connection.execute(delete(table))
    store = Articles(database)
    store.save(article, "hash")
    found = store.find(article.source, article.key)
    assert found == article
    assert type(found.facts.published) is type(article.facts.published)


def test_a_day_stays_a_day_and_an_instant_an_instant(database: Database) -> None:
    store = Articles(database)
    for slug, published in (("day", date(2026, 11, 20)), ("midnight", datetime(2026, 11, 20, tzinfo=UTC))):
        store.save(make_article(slug, facts=Facts(published=published)), "hash")
        found = store.by_slug(slug)
        assert found is not None
        assert repr(found.facts.published) == repr(published)


def test_another_zone_at_no_distance_from_utc_is_the_same_moment(database: Database) -> None:
    here = timezone(timedelta(0), "here")
    article = make_article(published=datetime(2026, 1, 1, tzinfo=here))
    Articles(database).save(article, "hash")
    assert Articles(database).by_slug(article.slug) == article


def test_what_a_database_cannot_keep_is_kept_escaped(database: Database) -> None:
    assert storable("a\0b\udc80c\u00e9") == r"a\x00b\udc80c" + "\u00e9"
    notice = make_notice(text="wrong\0")
    Articles(database).save(make_article(), "hash", notice)
    assert [kept.notice.text for kept in Articles(database).notices(NOW)] == [r"wrong\x00"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("summary", "{"), ("summary", "{}"), ("facts", "[]"), ("page", "null"), ("status", "odd"), ("topics", "1")],
)
def test_a_damaged_article_is_named(database: Database, column: str, value: str) -> None:
    article = make_article()
    Articles(database).save(article, "hash")
    with database.begin() as connection:
        connection.execute(update(table).values({column: value}))
    with pytest.raises(StoreError, match=r"topics cannot" if column == "topics" else article.id):
        Articles(database).by_slug(article.slug)


def test_a_damaged_notice_is_named(database: Database) -> None:
    notice = make_notice()
    Articles(database).save(make_article(), "hash", notice)
    with database.begin() as connection:
        connection.execute(update(notice_table).values(status="odd"))
    with pytest.raises(StoreError, match=notice.id):
        Articles(database).notices(NOW)
