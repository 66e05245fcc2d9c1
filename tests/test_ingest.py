"""What an article becomes: its id, its dates, its revisions and its notices."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from builders import make_article, make_site, make_summary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter import ingest as verb
from newsletter.errors import DocumentError, SourceError
from newsletter.ingest import Shelf, content_hash, ingest, mint, notice_of, publication, refresh, revise, slug_for
from newsletter.model import (
    Article,
    DateOrigin,
    Document,
    Facts,
    IssueDate,
    Precision,
    Quarantined,
    Rating,
    Related,
    Status,
    Summary,
)
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.duplicates import Duplicates
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
    doi: str | None = None


@dataclass(frozen=True)
class _Source:
    """A source whose documents are a title each; an empty one cannot be used."""

    documents: tuple[_Raw, ...]
    slug: str = "shelf"
    breaks_after: int | None = None

    def fetch(self) -> Iterator[_Raw]:
        yield from self.documents[: self.breaks_after]
        if self.breaks_after is not None:
            raise SourceError("the wire was cut")

    def parse(self, raw: _Raw, known_topics: Collection[str]) -> Document:
        if not raw.data:
            raise DocumentError("E-EMPTY", f"{raw.key}: empty", line=1)
        facts = _facts(Status.CORRECTED, raw.facts.decode()) if raw.facts else Facts(doi=raw.doi)
        title = raw.data.decode()
        body = " ".join(f"{title}{raw.key}word{number}" for number in range(80))
        summary = make_summary(title=title, what_they_found=(body,))
        return _document(raw.key, summary=summary, facts=facts)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    database = open_database(f"sqlite:///{tmp_path}/test.db")
    yield _shelf(database)
    database.close()


def _shelf(database: Database) -> Shelf:
    return Shelf(articles=Articles(database), quarantine=Quarantine(database), twins=Duplicates(database), site=SITE)


def _visible(shelf: Shelf) -> tuple[Article, ...]:
    assert isinstance(shelf.articles, Articles)
    return shelf.articles.visible(NOW + timedelta(days=9))


def _entries(shelf: Shelf) -> tuple[Quarantined, ...]:
    assert isinstance(shelf.quarantine, Quarantine)
    return shelf.quarantine.entries()


def _notices(shelf: Shelf) -> list[str]:
    assert isinstance(shelf.articles, Articles)
    return [item.notice.text for item in shelf.articles.notices(NOW + timedelta(days=9))]


def test_a_bad_document_costs_itself_alone(shelf: Shelf) -> None:
    report = ingest(_Source((_Raw("a", b"A"), _Raw("b", b""), _Raw("c", b"C"))), shelf, now=NOW)
    assert report.new == ("a", "c")
    assert [(entry.key, entry.code, entry.line) for entry in report.quarantined] == [("b", "E-EMPTY", 1)]
    assert _entries(shelf) == report.quarantined
    assert report.documents == 3
    assert ingest(_Source((_Raw("b", b"B"),)), shelf, now=NOW).new == ("b",)
    assert _entries(shelf) == ()


def test_a_document_that_becomes_again_what_it_was_leaves_quarantine(shelf: Shelf) -> None:
    ingest(_Source((_Raw("a", b"A"),)), shelf, now=NOW)
    ingest(_Source((_Raw("a", b""),)), shelf, now=NOW)
    assert len(_entries(shelf)) == 1
    assert ingest(_Source((_Raw("a", b"A"),)), shelf, now=NOW).unchanged == ("a",)
    assert _entries(shelf) == ()


def test_a_second_run_changes_nothing(shelf: Shelf) -> None:
    source = _Source((_Raw("a", b"Same title"), _Raw("b", b"Same title")))
    ingest(source, shelf, now=NOW)
    before = _visible(shelf)
    report = ingest(source, shelf, now=NOW + timedelta(hours=1))
    assert report.unchanged == ("a", "b")
    assert _visible(shelf) == before
    assert {article.slug for article in before} == {"same-title", "same-title-2"}
    assert len({article.updated for article in before}) == 2


def test_a_revision_is_told_and_a_notice_is_kept(shelf: Shelf) -> None:
    later = NOW + timedelta(days=1)
    ingest(_Source((_Raw("a", b"A"),)), shelf, now=NOW)
    assert ingest(_Source((_Raw("a", b"A", b"wrong number"),)), shelf, now=later).revised == ("a",)
    assert _notices(shelf) == ["wrong number"]
    assert ingest(_Source((_Raw("a", b"A ", b"wrong number"),)), shelf, now=later).unchanged == ("a",)
    assert _notices(shelf) == ["wrong number"]


def test_a_source_that_breaks_half_way_keeps_what_it_gave(shelf: Shelf) -> None:
    told: list[None] = []
    source = _Source((_Raw("a", b"A"), _Raw("b", b"B")), breaks_after=1)
    report = ingest(source, shelf, now=NOW, told=lambda: told.append(None))
    assert (report.new, report.problem, len(told)) == (("a",), "the wire was cut", 1)
    assert [article.key for article in _visible(shelf)] == ["a"]


def test_a_back_catalogue_is_marked_as_such(shelf: Shelf) -> None:
    ingest(_Source((_Raw("a", b"A"),)), shelf, now=NOW, back_catalogue=True)
    ingest(_Source((_Raw("a", b"A"), _Raw("b", b"B"))), shelf, now=NOW)
    assert {article.key: article.back_catalogue for article in _visible(shelf)} == {"a": True, "b": False}


def test_a_key_with_odd_characters_makes_a_valid_id(shelf: Shelf) -> None:
    ingest(_Source((_Raw("https://x.example.org/?p=1#2 é", b"A"),)), shelf, now=NOW)
    (article,) = _visible(shelf)
    assert article.id == "tag:example.org,2026:article/shelf/https%3A//x.example.org/%3Fp%3D1%232%20%C3%A9"


def test_what_is_known_elsewhere_reaches_old_articles_too(shelf: Shelf) -> None:
    ingest(_Source((_Raw("a", b"A"), _Raw("b", b"B"))), shelf, now=NOW)

    def retracted(document: Document) -> Document:
        return replace(document, facts=_facts(Status.RETRACTED)) if document.key == "a" else document

    later = NOW + timedelta(days=1)
    assert refresh(replace(shelf, complete=retracted), now=later) == 1
    assert refresh(replace(shelf, complete=retracted), now=later) == 0
    assert {article.key: article.status for article in _visible(shelf)} == {"a": Status.RETRACTED, "b": Status.OK}
    assert _notices(shelf) == ["The journal took it back."]


def test_a_second_document_of_the_same_study_is_a_revision_and_not_an_article(shelf: Shelf) -> None:
    first, second = (
        _Source((_Raw("a", b"A", doi="10.5555/1"),)),
        _Source((_Raw("z", b"B", doi="10.5555/1"),), slug="feed"),
    )
    assert ingest(first, shelf, now=NOW).new == ("a",)
    assert ingest(second, shelf, now=NOW + timedelta(hours=1)).revised == ("z",)
    (article,) = _visible(shelf)
    assert (article.key, article.title) == ("a", "B")
    for source in (first, second, first):
        assert ingest(source, shelf, now=NOW).revised == (), "the two do not take turns"
    assert _visible(shelf) == (article,)


# -- several at a time ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Told(_Source):
    """A source whose documents name a title, a body and a study of a few: `title,body,study,notice`."""

    def parse(self, raw: _Raw, known_topics: Collection[str]) -> Document:
        title, body, study, notice = map(int, raw.data.decode().split(","))
        if not title:
            raise DocumentError("E-EMPTY", f"{raw.key}: empty")
        said = [f"body{body}word{number}" for number in range(60)]
        said[:6] = [f"title{title}word{number}" for number in range(6)]  # two bodies differ by a tenth, or altogether
        summary = make_summary(title=f"A Study of {title} Walks in the Long Summer", what_they_found=(" ".join(said),))
        facts = _facts(Status.CORRECTED if notice else Status.OK, "wrong" if notice else "")
        return _document(raw.key, summary=summary, facts=replace(facts, doi=f"10.1000/{study}" if study else None))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "test.db"
    open_database(f"sqlite:///{path}").close()
    return path


_documents = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=12
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["here", "there"]), _documents), min_size=1, max_size=3), st.integers(2, 9))
def test_taken_in_together_is_taken_in_one_by_one(
    empty_database: Path, tmp_path: Path, runs: list[tuple[str, list[tuple[int, ...]]]], together: int
) -> None:
    """Whatever repeats or revises whatever: the same reports, articles, notices and quarantine."""
    told = [_everything_told(runs, at_once, empty_database, tmp_path / f"{at_once}.db") for at_once in (1, together)]
    assert told[0] == told[1]


def _everything_told(
    runs: list[tuple[str, list[tuple[int, ...]]]], at_once: int, empty_database: Path, path: Path
) -> tuple[object, ...]:
    shutil.copy(empty_database, path)
    with closing(open_database(f"sqlite:///{path}")) as database, pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb, "_AT_ONCE", at_once)
        shelf = _shelf(database)
        reports = [ingest(_told_source(*run), shelf, now=NOW + timedelta(days=day)) for day, run in enumerate(runs)]
        articles = sorted(shelf.articles.everything(), key=lambda each: each[0].id)
        keys = [f"key{number}" for number in range(12)]
        twins = [dict(shelf.twins.raw_hashes(slug, keys)) for slug in ("here", "there")]
        return (reports, articles, _notices(shelf), _entries(shelf), twins)


def _told_source(slug: str, documents: list[tuple[int, ...]]) -> _Told:
    """What stands at one place in two runs is one document, perhaps revised."""
    return _Told(
        tuple(_Raw(f"key{at}", ",".join(map(str, parts)).encode()) for at, parts in enumerate(documents)), slug=slug
    )


def test_many_articles_of_one_title_get_slugs_of_their_own(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "_AT_ONCE", 7)
    source = _Source(tuple(_Raw(f"{number:02}", b"Same title 7") for number in range(30)))
    assert len(ingest(source, shelf, now=NOW).new) == 30
    expected = ["same-title-7", *(f"same-title-7-{number}" for number in range(2, 31))]
    assert [article.slug for article in sorted(_visible(shelf), key=lambda each: each.key)] == expected


def test_large_documents_do_not_wait_for_each_other(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "_BYTES_AT_ONCE", 50)
    seen: list[int] = []

    class Watched(_Source):
        def fetch(self) -> Iterator[_Raw]:
            for raw in super().fetch():
                seen.append(len(_visible(shelf)))
                yield raw

    ingest(Watched(tuple(_Raw(f"{number}", b"T" * 20 + b"%d" % number) for number in range(7))), shelf, now=NOW)
    assert seen == [0, 0, 0, 3, 3, 3, 6]


def test_each_document_is_told_of_once_it_is_decided_on(shelf: Shelf) -> None:
    told: list[None] = []
    source = _Source((_Raw("a", b"A"), _Raw("b", b""), _Raw("c", b"C")))
    ingest(source, shelf, now=NOW, told=lambda: told.append(None))
    ingest(source, shelf, now=NOW, told=lambda: told.append(None))
    assert len(told) == 6


def test_a_key_that_comes_twice_is_a_document_and_its_revision(shelf: Shelf) -> None:
    report = ingest(_Source((_Raw("a", b"A"), _Raw("a", b"B"))), shelf, now=NOW)
    assert (report.new, report.revised) == (("a",), ("a",))
    assert [article.title for article in _visible(shelf)] == ["B"]


def test_known_topics_are_asked_for_once_and_only_where_they_are_needed(shelf: Shelf) -> None:
    asked: list[None] = []

    class Counting(Articles):
        def known_topics(self) -> dict[str, int]:
            asked.append(None)
            return super().known_topics()

    class Curious(_Source):
        def parse(self, raw: _Raw, known_topics: Collection[str]) -> Document:
            assert not len(known_topics) and "fatigue" not in known_topics and list(known_topics) == []  # noqa: PT018
            return super().parse(raw, known_topics)

    assert isinstance(shelf.articles, Articles)
    counting = replace(shelf, articles=Counting(shelf.articles._database))
    documents = (_Raw("a", b"A"), _Raw("b", b"B"))
    ingest(Curious(documents), counting, now=NOW)
    assert len(asked) == 1
    ingest(Curious(documents), counting, now=NOW)
    ingest(_Source((_Raw("c", b"C"),)), counting, now=NOW)
    assert len(asked) == 1


def test_the_joint_facts_of_two_documents_are_completed_too(shelf: Shelf) -> None:
    """One document names the study by what only the other one has."""

    def complete(document: Document) -> Document:
        both = document.facts.doi and document.facts.pmid
        return replace(document, facts=replace(document.facts, source_url="https://e.example/")) if both else document

    class Numbered(_Source):
        def parse(self, raw: _Raw, known_topics: Collection[str]) -> Document:
            document = super().parse(raw, known_topics)
            return replace(document, facts=Facts(pmid="7", source_url=raw.doi))

    shelf = replace(shelf, complete=complete)
    ingest(Numbered((_Raw("a", b"Same", doi="https://doi.org/10.5555/1"),)), shelf, now=NOW)
    ingest(_Source((_Raw("b", b"Same", doi="10.5555/1"),), slug="feed"), shelf, now=NOW)
    (article,) = _visible(shelf)
    assert article.facts.source_url == "https://e.example/"


def test_many_articles_are_completed_again_a_few_at_a_time(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "_AT_ONCE", 2)
    ingest(_Source(tuple(_Raw(f"{number}", b"T%d" % number) for number in range(5))), shelf, now=NOW)

    def retracted(document: Document) -> Document:
        return replace(document, facts=_facts(Status.RETRACTED))

    assert refresh(replace(shelf, complete=retracted), now=NOW + timedelta(days=1)) == 5
    assert {article.status for article in _visible(shelf)} == {Status.RETRACTED}
    assert len({article.updated for article in _visible(shelf)}) == 5
