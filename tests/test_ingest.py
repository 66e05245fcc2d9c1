"""What an article becomes: its id, its dates, its revisions and its notices."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from builders import make_article, make_site, make_summary
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.ingest import content_hash, ingest, mint, notice_of, publication, revise, slug_for
from newsletter.model import (
    DateOrigin,
    Document,
    Facts,
    IssueDate,
    Precision,
    Rating,
    Related,
    Status,
    Summary,
)
from newsletter.store.articles import Articles
from newsletter.store.database import open_database
from newsletter.store.quarantine import Quarantine

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SITE = make_site()


def _document(key: str = "walks", *, summary: Summary | None = None, facts: Facts | None = None) -> Document:
    return Document(key=key, summary=summary or make_summary(), facts=facts or Facts())


# -- dates ------------------------------------------------------------------------------------------------------------


def test_an_article_without_a_date_is_published_when_it_was_first_seen() -> None:
    assert publication(Facts(), first_seen=NOW) == (NOW, Precision.INSTANT, DateOrigin.FIRST_SEEN)


def test_the_date_of_a_journal_issue_is_no_publication_date() -> None:
    facts = Facts(issue_date=IssueDate(day=date(2026, 12, 31), precision=Precision.DAY))
    assert publication(facts, first_seen=NOW)[0] == NOW


def test_a_day_becomes_noon_so_that_it_is_the_same_day_in_new_york() -> None:
    moment, precision, origin = publication(Facts(published=date(2026, 11, 1)), first_seen=NOW)
    assert (moment, precision, origin) == (datetime(2026, 11, 1, 12, tzinfo=UTC), Precision.DAY, DateOrigin.SIDECAR)


@pytest.mark.parametrize("told", [date(2026, 11, 20), date(2027, 1, 1), NOW + timedelta(days=3)])
def test_nothing_is_published_after_it_was_first_seen(told: date | datetime) -> None:
    assert publication(Facts(published=told), first_seen=NOW)[:2] == (NOW, Precision.INSTANT)


def test_an_embargo_alone_may_lie_in_the_future() -> None:
    until = NOW + timedelta(days=50)
    facts = Facts(published=date(2026, 1, 1), publish_after=until)
    assert publication(facts, first_seen=NOW) == (until, Precision.INSTANT, DateOrigin.PUBLISH_AFTER)
    assert publication(facts, first_seen=until)[2] is DateOrigin.SIDECAR


# -- identity ---------------------------------------------------------------------------------------------------------


def test_an_id_is_a_tag_uri_of_source_and_key_and_outlives_the_title() -> None:
    article = mint(_document(), source="site", site=SITE, slugs=(), now=NOW)
    assert article.id == "tag:example.org,2026:article/site/walks"
    renamed = _document(summary=make_summary(title="Another Title"))
    later = revise(article, renamed, now=NOW + timedelta(days=1))
    assert (later.id, later.slug, later.first_seen) == (article.id, article.slug, NOW)
    assert later.title == "Another Title"
    assert later.updated == NOW + timedelta(days=1)


def test_a_recapture_with_other_related_articles_is_no_revision() -> None:
    article = mint(_document(), source="site", site=SITE, slugs=(), now=NOW)
    stub = Related(title="Other", date=None, teaser="Something")
    later = revise(article, replace(_document(), related=(stub,)), now=NOW + timedelta(days=1))
    assert later.updated == article.updated
    assert later.related == (stub,)


@pytest.mark.parametrize(
    ("change", "significant"),
    [
        ({"key_takeaway": "Short walks did not make everyday tiredness easier to live with."}, True),
        ({"considerations": ("One sentence more.",)}, True),
        ({"credibility": Rating(value=4)}, True),
        ({"title": "Short  Walks and Tiredness in MS "}, False),
        ({"topics": ("walking", "fatigue")}, False),
        ({"journal": "Another Journal"}, False),
    ],
)
def test_only_what_a_reader_would_care_about_is_a_change(change: dict[str, object], significant: bool) -> None:
    before, after = make_summary(title="Short Walks and Tiredness in MS "), replace(make_summary(), **change)  # type: ignore[arg-type]  # fields by name
    assert (content_hash(before, Facts()) != content_hash(after, Facts())) is significant


def test_quote_style_is_no_change() -> None:
    straight = make_summary(key_takeaway='It\'s a "walk".')
    assert content_hash(straight, Facts()) == content_hash(replace(straight, key_takeaway="It’s a “walk”."), Facts())


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Short Walks & Tiredness in MS", "short-walks-tiredness-in-ms"),
        ("What's Néw?", "whats-new"),
        ("多発性硬化症", "walks-7"),
        ("!", "walks-7"),
        ("word " * 40, "word-word-word-word-word-word-word-word-word-word-word-word"),
    ],
)
def test_a_slug_is_plain(title: str, slug: str) -> None:
    assert slug_for(title, fallback="Walks_7", taken=()) == slug


@given(st.text(), st.text(), st.sets(st.sampled_from(["article", "a", "a-2", "0"])))
def test_a_slug_is_always_a_safe_name_that_nobody_has(title: str, key: str, taken: set[str]) -> None:
    slug = slug_for(title, fallback=key, taken=taken)
    assert slug not in taken
    assert 0 < len(slug) <= 64 or len(key) > 64
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not slug.startswith("-")


# -- notices ----------------------------------------------------------------------------------------------------------


def _facts(status: Status, notice: str = "The journal took it back.", when: datetime | None = None) -> Facts:
    return Facts(status=status, notice=notice, status_date=when)


def test_an_article_that_stands_has_no_notice() -> None:
    assert notice_of(make_article(), None, site=SITE, now=NOW) is None


def test_a_changed_status_makes_one_notice_with_an_id_of_its_own() -> None:
    article = make_article(facts=_facts(Status.RETRACTED))
    notice = notice_of(article, make_article(), site=SITE, now=NOW)
    assert notice is not None
    assert notice.id != article.id
    assert (notice.article_id, notice.status, notice.published) == (article.id, Status.RETRACTED, NOW)
    assert notice_of(article, article, site=SITE, now=NOW) is None


def test_a_notice_carries_its_own_date_but_never_one_in_the_future() -> None:
    past, future = NOW - timedelta(days=2), NOW + timedelta(days=2)
    for told, expected in ((past, past), (future, NOW)):
        notice = notice_of(make_article(facts=_facts(Status.CORRECTED, when=told)), None, site=SITE, now=NOW)
        assert notice is not None
        assert notice.published == expected


# -- the verb ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Raw:
    key: str
    data: bytes
    facts: bytes | None = None


@dataclass(frozen=True)
class _Shelf:
    """A source whose documents are a title each; an empty one cannot be used."""

    documents: tuple[_Raw, ...]
    slug: str = "shelf"

    def fetch(self) -> Iterator[_Raw]:
        yield from self.documents

    def parse(self, raw: _Raw, known_topics: Collection[str]) -> Document:
        if not raw.data:
            raise DocumentError("E-EMPTY", f"{raw.key}: empty", line=1)
        facts = _facts(Status.CORRECTED, raw.facts.decode()) if raw.facts else Facts()
        return _document(raw.key, summary=make_summary(title=raw.data.decode()), facts=facts)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Articles, Quarantine]]:
    database = open_database(f"sqlite:///{tmp_path}/test.db")
    yield Articles(database), Quarantine(database)
    database.close()


def test_a_bad_document_costs_itself_alone(stores: tuple[Articles, Quarantine]) -> None:
    articles, quarantine = stores
    shelf = _Shelf((_Raw("a", b"A"), _Raw("b", b""), _Raw("c", b"C")))
    report = ingest(shelf, articles, quarantine, site=SITE, now=NOW)
    assert report.new == ("a", "c")
    assert [(entry.key, entry.code, entry.line) for entry in report.quarantined] == [("b", "E-EMPTY", 1)]
    assert quarantine.entries() == report.quarantined
    mended = _Shelf((_Raw("b", b"B"),))
    assert ingest(mended, articles, quarantine, site=SITE, now=NOW).new == ("b",)
    assert quarantine.entries() == ()


def test_a_second_run_changes_nothing(stores: tuple[Articles, Quarantine]) -> None:
    articles, quarantine = stores
    shelf = _Shelf((_Raw("a", b"Same title"), _Raw("b", b"Same title")))
    ingest(shelf, articles, quarantine, site=SITE, now=NOW)
    before = articles.visible(NOW + timedelta(days=1))
    report = ingest(shelf, articles, quarantine, site=SITE, now=NOW + timedelta(hours=1))
    assert report.unchanged == ("a", "b")
    assert articles.visible(NOW + timedelta(days=1)) == before
    assert {article.slug for article in before} == {"same-title", "same-title-2"}
    assert len({article.updated for article in before}) == 2


def test_a_revision_is_told_and_a_notice_is_kept(stores: tuple[Articles, Quarantine]) -> None:
    articles, quarantine = stores
    ingest(_Shelf((_Raw("a", b"A"),)), articles, quarantine, site=SITE, now=NOW)
    later = NOW + timedelta(days=1)
    report = ingest(_Shelf((_Raw("a", b"A", b"wrong number"),)), articles, quarantine, site=SITE, now=later)
    assert report.revised == ("a",)
    assert [item.notice.text for item in articles.notices(later)] == ["wrong number"]
    report = ingest(_Shelf((_Raw("a", b"A ", b"wrong number"),)), articles, quarantine, site=SITE, now=later)
    assert report.unchanged == ("a",)
    assert len(articles.notices(later)) == 1
