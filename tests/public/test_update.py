"""Bringing `public/` up to date: whatever happens to articles, what was written by and by is what would be written at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import make_article, make_notice, make_site
from feeds.examples import make_digest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from postgres import PostgresServer
from publisher import DAILY, Press

from newsletter.errors import IdentityError, TemplateError
from newsletter.model import Article, Facts, Status
from newsletter.public import update as module
from newsletter.public.files import Files

BEGUN = datetime(2026, 11, 1, 9, tzinfo=UTC)
TOPICS = ("fatigue", "gait", "sleep", "mood")
WORDS = ("walk", "talk", "brain", "sleep", "mood", "cells", "work", "stress", "heat", "cold", "memory", "vision")


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    opened = Press(tmp_path)
    yield opened
    opened.database.close()


def _article(number: int, moment: datetime = BEGUN, *topics: str) -> Article:
    said = f"{WORDS[number % len(WORDS)]} and {WORDS[number * 7 % len(WORDS)]} in study {number}. "
    return make_article(
        f"a{number}",
        title=f"Study {number} of {said}",
        key_takeaway=said * 2,
        what_they_found=(said * 8,),
        published=moment + timedelta(milliseconds=number),
        topics=topics or (TOPICS[number % 4], TOPICS[number // 4 % 4]),
    )


def _names(press: Press, part: str) -> set[str]:
    return {name for name in press.files() if name.startswith(part)}


# -- what there is ----------------------------------------------------------------------------------------------------


def test_an_empty_store_has_pages_and_feeds_all_the_same(press: Press) -> None:
    assert press.publish(BEGUN) is not None
    assert {"index.html", "feeds/index.html", "feeds/feeds.opml", "robots.txt", "sitemap.xml"} <= set(press.files())
    assert {"feeds/articles.atom", "feeds/notices.rss", "feeds/newsletters/daily.json"} <= set(press.files())
    assert press.publish(BEGUN) is None


def test_a_topic_opens_with_its_second_article_and_begins_with_both(press: Press) -> None:
    press.save(_article(1, BEGUN, "gait"))
    press.publish(BEGUN)
    assert not _names(press, "topics/gait")
    press.save(_article(2, BEGUN, "gait", "sleep"))
    press.publish(BEGUN)
    feed = press.files()["feeds/topics/gait.atom"].decode()
    assert feed.count("<entry>") == 2
    assert "topics/gait/index.html" in press.files()
    assert b"topics/gait.atom" in press.files()["feeds/feeds.opml"]
    assert b"topics/gait/" in press.files()["articles/a1/index.html"]
    assert not _names(press, "topics/sleep")


def test_a_topic_that_has_a_feed_keeps_it(press: Press) -> None:
    first, second = _article(1, BEGUN, "gait"), _article(2, BEGUN, "gait")
    press.save(first, second)
    press.publish(BEGUN)
    press.save(replace(second, summary=replace(second.summary, topics=("sleep",))))
    press.publish(BEGUN + timedelta(days=1))
    assert press.files()["feeds/topics/gait.atom"].count(b"<entry>") == 2
    assert second.title.encode() not in press.files()["topics/gait/index.html"]


def test_one_new_article_rewrites_only_what_it_belongs_to(press: Press) -> None:
    press.save(*(_article(number, BEGUN, TOPICS[number % 4]) for number in range(80)))
    press.publish(BEGUN)
    before = press.files()
    press.save(_article(99, BEGUN + timedelta(days=40), "gait"))
    press.publish(BEGUN + timedelta(days=40))
    changed = {name for name, data in press.files().items() if before.get(name) != data}
    assert len([name for name in changed if name.startswith("articles/")]) < 25
    assert {name for name in changed if name.startswith("feeds/topics/")} == {
        f"feeds/topics/gait.{suffix}" for suffix in ("atom", "rss", "json")
    }
    assert {name for name in changed if name.startswith("archive/2026-11")} == set()


# -- what is taken back -----------------------------------------------------------------------------------------------


def test_a_withdrawn_article_leaves_a_tombstone_and_nothing_else(press: Press) -> None:
    article = _article(1, BEGUN, "gait")
    press.save(article, _article(2, BEGUN, "gait"))
    press.publish(BEGUN)
    later = BEGUN + timedelta(days=1)
    gone = replace(article, facts=Facts(status=Status.WITHDRAWN, notice="Taken down."), updated=later)
    press.save(gone, notices=[make_notice(gone, status=Status.WITHDRAWN, published=later)])
    press.publish(later)
    files = press.files()
    assert "articles/a1/index.html" not in files
    feed = files["feeds/articles.atom"].decode()
    assert f'deleted-entry ref="{article.id}"' in feed
    assert feed.count(f"<id>{article.id}</id>") == 0
    for name, data in files.items():
        assert article.summary.what_they_found[0].encode() not in data, name


def test_a_retracted_article_leaves_lists_and_neighbours_and_stays_in_feeds(press: Press) -> None:
    article = _article(1, BEGUN, "gait")
    press.save(article, *(_article(number, BEGUN, "gait") for number in (13, 25, 37)))
    press.publish(BEGUN)
    assert article.title.encode() in press.files()["articles/a13/index.html"]
    later = BEGUN + timedelta(days=1)
    press.save(replace(article, facts=Facts(status=Status.RETRACTED), updated=later))
    press.publish(later)
    files = press.files()
    lists = ("articles/a13", "topics/", "archive/2026", "index.html")
    assert not [name for name, data in files.items() if name.startswith(lists) and article.title.encode() in data]
    assert b"Retracted" in files["feeds/articles.atom"]
    assert b"Retracted" in files["articles/a1/index.html"]


def test_an_article_that_is_held_back_is_nowhere_until_its_hour(press: Press) -> None:
    until = BEGUN + timedelta(days=3)
    held = replace(_article(1, BEGUN, "gait"), facts=Facts(publish_after=until), published=until, updated=until)
    press.save(held, _article(13, BEGUN, "gait"))
    press.publish(BEGUN)
    assert not [name for name, data in press.files().items() if held.title.encode() in data]
    press.publish(until - timedelta(seconds=1))
    assert "articles/a1/index.html" not in press.files()
    press.publish(until)
    assert "articles/a1/index.html" in press.files()
    assert held.title.encode() in press.files()["feeds/articles.atom"]
    assert held.title.encode() in press.files()["articles/a13/index.html"]


def test_a_digest_is_a_page_and_an_entry_and_changes_with_its_articles(press: Press) -> None:
    article = _article(1, datetime(2026, 11, 17, 9, tzinfo=UTC))
    press.save(article)
    due = datetime(2026, 11, 18, 6, tzinfo=UTC)
    press.record(make_digest(article, newsletter=DAILY, period="2026-11-17", due_at=due), due)
    press.publish(due)
    assert "digests/daily/2026-11-17/index.html" in press.files()
    entry = press.files()["feeds/newsletters/daily.atom"]
    assert entry.count(b"<entry>") == 1
    title = "A Better Title"
    later = due + timedelta(days=1)
    press.save(replace(article, summary=replace(article.summary, title=title), updated=later))
    press.publish(later)
    assert title.encode() in press.files()["digests/daily/2026-11-17/index.html"]
    assert title.encode() in press.files()["feeds/newsletters/daily.atom"]
    assert press.files()["feeds/newsletters/daily.atom"].count(b"<entry>") == 1


def test_what_a_newsletter_published_stays_when_it_ends(press: Press) -> None:
    article = _article(1, datetime(2026, 11, 17, 9, tzinfo=UTC))
    press.save(article)
    due = datetime(2026, 11, 18, 6, tzinfo=UTC)
    press.record(make_digest(article, newsletter=DAILY, period="2026-11-17", due_at=due), due)
    press.publish(due)
    before = press.files()
    press.plant = replace(press.plant, newsletters=())
    press.publish(due, everything=True)
    for name in ("digests/daily/2026-11-17/index.html", "feeds/newsletters/daily.atom"):
        assert press.files()[name] == before[name]
    assert b"newsletters/daily" not in press.files()["feeds/feeds.opml"]


# -- ids --------------------------------------------------------------------------------------------------------------


def test_a_changed_authority_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    press = Press(tmp_path)
    press.save(_article(1))
    press.publish(BEGUN)
    before = press.files()
    press.plant = replace(press.plant, site=make_site(tag_authority="other.example.org"))
    with pytest.raises(IdentityError, match=r"would become tag:other.example.org.*site\.tag_authority"):
        press.publish(BEGUN, everything=True)
    feeds = {name: data for name, data in press.files().items() if name.startswith("feeds/")}
    assert feeds == {name: data for name, data in before.items() if name.startswith("feeds/")}
    press.database.close()


def test_a_lost_article_is_refused(press: Press) -> None:
    press.save(_article(1), _article(2))
    press.publish(BEGUN)
    with press.database.begin() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for table in ("article_topic", "neighbour", "index_entry"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql("DELETE FROM article WHERE slug = 'a1'")
    with pytest.raises(IdentityError, match=r"1 published entries, such as tag:example\.org,2026:article/a1"):
        press.publish(BEGUN, everything=True)


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_an_article_that_cannot_be_rendered_costs_itself_alone(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    render = type(press.plant.templates).render

    def fail(self: object, name: str, /, **context: object) -> str:
        about = context.get("article")
        if isinstance(about, Article) and about.slug == "a2":
            raise TemplateError(f"template {name}: it does not like this one")
        return render(press.plant.templates, name, **context)

    monkeypatch.setattr(type(press.plant.templates), "render", fail)
    press.save(*(_article(number) for number in (1, 2, 3)))
    told = press.publish(BEGUN)
    assert told is not None
    assert len(told.problems) == 2
    assert all("it does not like this one" in problem for problem in told.problems)
    assert press.files()["feeds/articles.atom"].count(b"<entry>") == 2
    assert {"articles/a1/index.html", "articles/a3/index.html"} <= set(press.files())


def test_characters_that_no_feed_may_hold_are_repaired_and_told(press: Press) -> None:
    article = _article(1)
    press.save(replace(article, summary=replace(article.summary, title="A\x0bvertical tab")), _article(2))
    told = press.publish(BEGUN)
    assert told is not None
    assert told.repaired == (f"{article.id}: title had characters that no feed may hold",)
    assert told.problems == ()
    assert b"<title>A vertical tab</title>" in press.files()["feeds/articles.atom"]


def test_a_hub_is_to_be_told_of_feeds_that_changed_and_of_no_others(tmp_path: Path) -> None:
    press = Press(tmp_path, hub="https://hub.example.org/")
    press.save(_article(1, BEGUN, "gait"), _article(2, BEGUN, "gait"))
    press.publish(BEGUN)
    feeds = press.plant.feeds
    assert "https://news.example.org/feeds/topics/gait.atom" in feeds.pings()
    assert b'rel="hub"' in press.files()["feeds/topics/gait.atom"]
    feeds.pinged(feeds.pings())
    press.publish(BEGUN, everything=True)
    assert feeds.pings() == ()
    press.save(_article(3, BEGUN + timedelta(days=1), "sleep"))
    press.publish(BEGUN + timedelta(days=1))
    assert {address.rpartition(".")[0] for address in feeds.pings()} == {"https://news.example.org/feeds/articles"}
    press.database.close()


class _Killed(BaseException):
    """As if the power had gone."""


@pytest.mark.parametrize("writes", [0, 1, 5, 9, 14, 17, 20, 23, 26])
def test_a_run_that_is_killed_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    whole, killed = Press(tmp_path / "whole"), Press(tmp_path / "killed")
    later = BEGUN + timedelta(days=2)
    for press in (whole, killed):
        press.save(*(_article(number) for number in range(20)))
        press.publish(BEGUN)
        press.save(_article(40, later), replace(_article(3), updated=later))
    whole.publish(later)
    put, left = Files.put, [writes]

    def put_some(self: Files, name: str, data: bytes) -> bool:
        left[0] -= 1
        if left[0] < 0:
            raise _Killed
        return put(self, name, data)

    with monkeypatch.context() as patched:
        patched.setattr(Files, "put", put_some)
        with pytest.raises(_Killed):
            killed.publish(later)
    killed.publish(later)
    assert killed.files() == whole.files()
    for press in (whole, killed):
        press.database.close()


# -- the long run -----------------------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(("new", "new", "new", "correct", "retract", "withdraw", "return", "hold", "topics", "date")),
        st.integers(0, 11),
        st.sets(st.sampled_from(TOPICS), min_size=1, max_size=3),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


def _step(article: Article | None, kind: str, number: int, topics: set[str], now: datetime) -> Article:
    if article is None or kind == "new":
        return article or _article(number, now - timedelta(days=number * 9), *sorted(topics))
    summary, facts, until = article.summary, article.facts, now + timedelta(days=2)
    correction = replace(summary, key_takeaway=f"Corrected on {now}.")
    changes: dict[str, dict[str, object]] = {
        "correct": {"summary": correction, "updated": now},
        "retract": {"facts": Facts(status=Status.RETRACTED, notice="Bad."), "updated": now},
        "withdraw": {"facts": Facts(status=Status.WITHDRAWN, notice="Gone."), "updated": now},
        "return": {"facts": Facts(), "updated": now},
        "hold": {"facts": replace(facts, publish_after=until), "published": until, "updated": until},
        "topics": {"summary": replace(summary, topics=tuple(sorted(topics)))},
        "date": {"published": now - timedelta(days=40 + number)},
    }
    return replace(article, **changes[kind])  # type: ignore[arg-type]  # fields by name


@settings(
    max_examples=25,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=steps)
@example(  # a topic opens, and one of its articles is near to none of the others, for it is retracted
    told=[
        ("retract", 3, {"fatigue", "gait", "sleep"}, True),
        ("retract", 3, {"fatigue", "gait", "sleep"}, True),
        ("date", 11, {"mood"}, False),
        ("hold", 2, {"fatigue"}, True),
    ]
)
@example(  # an article that readers never saw leaves a topic
    told=[
        ("new", 0, {"gait"}, False),
        ("new", 1, {"gait"}, False),
        ("withdraw", 1, {"gait"}, True),
        ("topics", 1, {"fatigue"}, False),
    ]
)
@example(  # the newest page of a topic becomes one of the older, and its neighbour has to say so
    told=[
        *(("new", number, {"fatigue"}, False) for number in (0, 3, 4, 5)),
        ("new", 2, {"fatigue"}, True),
        ("new", 1, {"fatigue"}, False),
    ]
)
def test_what_was_written_by_and_by_is_what_is_written_at_once(
    told: list[tuple[str, int, set[str], bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    press = Press(tmp_path_factory.mktemp("press"))
    press.plant = replace(press.plant, page_size=2)
    articles: dict[int, Article] = {}
    now = BEGUN
    for kind, number, topics, publishes in told:
        now += timedelta(hours=7, milliseconds=number)
        articles[number] = _step(articles.get(number), kind, number, topics, now)
        notices = [] if articles[number].status is Status.OK else [make_notice(articles[number], published=now)]
        press.save(articles[number], notices=notices)
        if publishes:
            press.publish(now)
    press.publish(now)
    once = press.folder / "once"
    press.publish(now, everything=True, public=once)
    by_and_by, at_once = press.files(), press.files(once)
    for name in ("feeds/feeds.css", "icon.svg"):  # which depend on templates alone
        by_and_by[name] = at_once[name]
    press.database.close()
    assert {name for name in by_and_by | at_once if by_and_by.get(name) != at_once.get(name)} == set()


def test_an_article_that_nobody_saw_leaves_a_long_topic(press: Press) -> None:
    until = BEGUN + timedelta(days=300)
    held = _article(0, BEGUN, "gait")
    held = replace(held, facts=Facts(publish_after=until))
    press.save(held, *(_article(number, BEGUN, "gait") for number in range(1, 160)))
    press.publish(BEGUN)
    later = BEGUN + timedelta(days=1)
    press.save(replace(held, summary=replace(held.summary, topics=("sleep",))), _article(160, later, "gait"))
    press.publish(later)
    once = press.folder / "once"
    press.publish(later, everything=True, public=once)
    by_and_by, at_once = press.files(), press.files(once)
    pages = {name for name in at_once if name.startswith("topics/gait/")}
    assert len(pages) == 3
    assert {name for name in pages if by_and_by[name] != at_once[name]} == set()
    assert b"160 summaries" in by_and_by["topics/gait/index.html"]


def test_postgresql_gives_the_same_bytes(postgres_server: PostgresServer, tmp_path: Path) -> None:
    postgres_server.execute("CREATE DATABASE publishing")
    both = [Press(tmp_path / "one"), Press(tmp_path / "other", url=postgres_server.url("publishing"))]
    later = BEGUN + timedelta(days=40)
    for press in both:
        press.save(*(_article(number) for number in range(60)))
        press.publish(BEGUN)
        bad = replace(_article(3), facts=Facts(status=Status.RETRACTED, notice="Bad."), updated=later)
        held = replace(_article(80), facts=Facts(publish_after=later), published=later, updated=later)
        press.save(_article(70, later), bad, held, notices=[make_notice(bad, published=later)])
        press.publish(later - timedelta(hours=1))
        press.publish(later)
        press.database.close()
    assert both[0].files() == both[1].files()


ARCHIVE = re.compile(r"feeds/.+/\d{4}-\d\d(-\d+)?\.(atom|rss|json)$")


def test_two_years_of_archives_never_change_a_byte(press: Press) -> None:
    """Twenty-four months with back-dated articles and corrections; every entry is found by walking back, once."""
    archived: dict[str, bytes] = {}
    published: dict[str, datetime] = {}
    everything: dict[str, Article] = {}
    long = ("A sentence that makes the article as long as a real one. " * 200,)
    for month in range(24):
        now = BEGUN + timedelta(days=30 * month)
        new = []
        for number in range(month * 8, month * 8 + 8):
            dated = now - timedelta(days=200 if number % 5 == 0 else 0)
            article = replace(_article(number, now), published=dated)
            new.append(replace(article, summary=replace(article.summary, what_they_found=long)))
        everything |= {article.id: article for article in new}
        if month > 1:
            old = everything[f"tag:example.org,2026:article/a{month}"]
            summary = replace(old.summary, key_takeaway=f"Corrected in month {month}.")
            new.append(replace(old, summary=summary, updated=now + timedelta(hours=1)))
        press.save(*new)
        published |= {article.id: article.updated for article in new}
        press.publish(now + timedelta(hours=2))
        files = press.files()
        for name, data in archived.items():
            assert files[name] == data, name
        archived |= {name: data for name, data in files.items() if ARCHIVE.match(name)}
    assert len([name for name in archived if re.match(r"feeds/articles/[^/]+\.atom", name)]) >= 5
    assert _walk(press, "feeds/articles") == published
    for topic in TOPICS:
        walked = _walk(press, f"feeds/topics/{topic}")
        assert walked
        assert walked == {one: published[one] for one in walked}


def _walk(press: Press, name: str) -> dict[str, datetime]:
    """Every entry of a feed in its newest version, from the live document back along `prev-archive`."""
    found: dict[str, datetime] = {}
    address: str | None = press.plant.site.url(f"{name}.atom")
    seen: list[str] = []
    while address is not None:
        assert address not in seen
        document = (press.read(address) or b"").decode()
        assert document, address
        if seen[1:]:
            assert f'href="{seen[-1]}" rel="next-archive"' in document
        seen.append(address)
        for entry in re.findall(r"<entry>.*?</entry>", document, re.DOTALL):
            (identity,) = re.findall(r"<id>([^<]+)</id>", entry.partition("<source>")[0])[:1]
            (updated,) = re.findall(r"<updated>([^<]+)</updated>", entry.partition("<source>")[0])[:1]
            found.setdefault(identity, datetime.fromisoformat(updated))
        previous = re.search(r'href="([^"]+)" rel="prev-archive"', document)
        address = previous[1] if previous else None
    return found


def test_an_archive_document_that_was_lost_is_made_again_and_a_changed_one_is_told(press: Press) -> None:
    long = ("A sentence that makes the article as long as a real one. " * 200,)
    new = [_article(number) for number in range(80)]
    press.save(*(replace(each, summary=replace(each.summary, what_they_found=long)) for each in new))
    press.publish(BEGUN)
    before = press.files()
    name = "feeds/articles/2026-11.atom"
    (press.public / name).unlink()
    told = press.publish(BEGUN, everything=True)
    assert told is not None
    assert told.problems == ()
    assert press.files() == before
    press.save(replace(new[0], updated=BEGUN + timedelta(days=1)))
    press.publish(BEGUN + timedelta(days=1))
    assert press.files()[name] == before[name]
    (press.public / name).unlink()
    told = press.publish(BEGUN + timedelta(days=1), everything=True)
    assert told is not None
    assert "feeds/articles/2026-11: an archive document was missing" in " ".join(told.problems)


def test_the_step_says_how_far_it_has_come(press: Press) -> None:
    press.save(_article(1))
    press.publish(BEGUN)
    reached = press.plant.progress.get(module._STEP)
    assert reached is not None
    assert reached.reached == press.plant.listings.revision()
