"""A walk over the documents of a feed, and what must agree between all files below `public/feeds/`."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import brotli
import pytest
from feeds.documents import BASE, INDEX, NOW, OPML, document
from hypothesis import given
from hypothesis import strategies as st

from newsletter.feeds.check.finding import Finding
from newsletter.feeds.check.folder import Ledger, check_folder, documents
from newsletter.feeds.check.walk import Walk, walk

FORMATS = ("atom", "rss", "json")
FEED = "feeds/articles"
Files = dict[str, bytes]


def chain(suffix: str, feed: str = FEED) -> Files:
    """A live document and two archive documents, the newest of which names the next before there is one."""
    made = {
        feed: document(feed, suffix, (4, 3), prev_archive=f"{feed}/2026-10"),
        f"{feed}/2026-10": document(
            f"{feed}/2026-10",
            suffix,
            (2,),
            archive="yes",
            current=feed,
            prev_archive=f"{feed}/2026-09",
            next_archive=f"{feed}/2026-10-2",
        ),
        f"{feed}/2026-09": document(
            f"{feed}/2026-09", suffix, (1,), archive="yes", current=feed, next_archive=f"{feed}/2026-10"
        ),
    }
    return {f"{name}.{suffix}": data for name, data in made.items()}


def walked(files: Files, suffix: str) -> Walk:
    return walk(lambda address: files.get(address.removeprefix(f"{BASE}/")), f"{BASE}/{FEED}.{suffix}")


def change(files: Files, path: str, right: str, wrong: str) -> Files:
    assert right.encode() in files[path]
    return files | {path: files[path].replace(right.encode(), wrong.encode())}


def ids(*numbers: int) -> tuple[str, ...]:
    return tuple(f"tag:example.org,2026:article/{number}" for number in numbers)


each_format = pytest.mark.parametrize("suffix", FORMATS)


# -- the walk ---------------------------------------------------------------------------------------------------------


@each_format
def test_a_walk_comes_by_everything_once(suffix: str) -> None:
    found = walked(chain(suffix), suffix)
    assert found.documents == tuple(f"{BASE}/{FEED}{name}.{suffix}" for name in ("", "/2026-10", "/2026-09"))
    assert found.ids == ids(4, 3, 2, 1)
    assert found.flaws == ()
    assert found.versions[ids(2)[0]][1] == f"{BASE}/{FEED}/2026-10.{suffix}"
    assert found.gone == (("tag:example.org,2026:article/9",) if suffix == "atom" else ())


def _codes(found: Walk) -> list[tuple[str, str]]:
    return [(address.removeprefix(f"{BASE}/{FEED}").rpartition(".")[0], flaw.code) for address, flaw in found.flaws]


@each_format
def test_a_lost_document_is_found_where_the_link_to_it_stands(suffix: str) -> None:
    files = chain(suffix)
    del files[f"{FEED}/2026-09.{suffix}"]
    found = walked(files, suffix)
    assert _codes(found) == [("/2026-10", "F-CHAIN-BROKEN")]
    assert found.ids == ids(4, 3, 2)
    assert _codes(walked({}, suffix)) == [("", "F-CHAIN-BROKEN")]
    assert _codes(walked({f"{FEED}.{suffix}": b"<junk"}, suffix)) == [("", "F-CHAIN-BROKEN")]


@each_format
def test_a_circle_ends_the_walk(suffix: str) -> None:
    files = chain(suffix)
    own = {
        "archive": "yes",
        "current": FEED,
        "prev_archive": f"{FEED}/2026-10",
        "next_archive": f"{FEED}/2026-10",
    }
    files[f"{FEED}/2026-09.{suffix}"] = document(f"{FEED}/2026-09", suffix, (1,), **own)
    assert _codes(walked(files, suffix)) == [("/2026-09", "F-CHAIN-CIRCLE")]


@each_format
@pytest.mark.parametrize(
    ("name", "right", "wrong", "code"),
    [
        ("/2026-10", f'"{BASE}/{FEED}.%s"', f'"{BASE}/other.%s"', "F-CHAIN-CURRENT"),
        ("/2026-09", f'"{BASE}/{FEED}/2026-10.%s"', f'"{BASE}/{FEED}/2026-10-2.%s"', "F-CHAIN-BACK"),
        ("/2026-10", f'"{BASE}/{FEED}/2026-10-2.%s"', f'"{BASE}/{FEED}.%s"', "F-CHAIN-BACK"),
        ("/2026-10", f'"{BASE}/{FEED}/2026-10-2.%s"', f'"{BASE}/{FEED}/2026-09.%s"', "F-CHAIN-BACK"),
    ],
)
def test_a_wrong_link_of_an_archive_document_is_found(
    suffix: str, name: str, right: str, wrong: str, code: str
) -> None:
    files = chain(suffix)
    key = {"atom": 'rel="current" href=', "rss": 'rel="current" href=', "json": '"current_url": '}[suffix]
    other = {"atom": 'rel="next-archive" href=', "rss": 'rel="next-archive" href=', "json": '"next_archive_url": '}[
        suffix
    ]
    before = key if code == "F-CHAIN-CURRENT" else other
    bad = change(files, f"{FEED}{name}.{suffix}", before + right % suffix, before + wrong % suffix)
    assert _codes(walked(bad, suffix)) == [(name, code)]


@pytest.mark.parametrize("suffix", ["atom", "json"])
def test_versions_of_an_entry_are_told_apart(suffix: str) -> None:
    files = chain(suffix)
    again = document(FEED, suffix, (4, 2), prev_archive=f"{FEED}/2026-10")
    same = files | {f"{FEED}.{suffix}": again}
    assert _codes(walked(same, suffix)) == [("/2026-10", "F-CHAIN-TWICE")]
    date = {"atom": "<updated>2026-11-02", "json": 'date_modified": "2026-11-02'}[suffix]
    newer = change(same, f"{FEED}.{suffix}", date, date.replace("11-02", "11-03"))
    found = walked(newer, suffix)
    assert found.flaws == ()
    assert found.ids == ids(4, 2, 1)
    assert found.versions[ids(2)[0]] == (datetime(2026, 11, 3, 9, 0, 0, 3000, tzinfo=UTC), f"{BASE}/{FEED}.{suffix}")
    older = change(same, f"{FEED}.{suffix}", date, date.replace("11-02", "11-01"))
    assert _codes(walked(older, suffix)) == [("/2026-10", "F-CHAIN-STALE")]


def test_versions_without_a_date_cannot_be_told_apart() -> None:
    files = chain("rss") | {f"{FEED}.rss": document(FEED, "rss", (4, 2), prev_archive=f"{FEED}/2026-10")}
    found = walked(files, "rss")
    assert found.flaws == ()
    assert found.ids == ids(4, 2, 1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_any_chain_gives_every_id_once(sizes: list[int]) -> None:
    """Made without our writers, walked with our walker: first to last, so many entries in each."""
    files: Files = {}
    told = 0
    for number, size in enumerate(sizes):
        live = number == len(sizes) - 1
        path = FEED if live else f"{FEED}/2020-{number + 1:02}"
        links = "" if number == 0 else f'<link rel="prev-archive" href="{BASE}/{FEED}/2020-{number:02}.atom"/>'
        if not live:
            after = f"{BASE}/{FEED}/2020-{number + 2:02}.atom"
            links += f'<link rel="current" href="{BASE}/{FEED}.atom"/><link rel="next-archive" href="{after}"/>'
        if number == len(sizes) - 2:
            links = links.replace(f"2020-{number + 2:02}", "2021-01")
        entries = "".join(f"<entry><id>urn:x:{told + each}</id></entry>" for each in range(size))
        told += size
        files[f"{path}.atom"] = f'<feed xmlns="http://www.w3.org/2005/Atom">{links}{entries}</feed>'.encode()
    found = walked(files, "atom")
    assert found.flaws == ()
    assert sorted(found.ids) == sorted(f"urn:x:{each}" for each in range(told))
    assert len(found.documents) == len(sizes)


# -- the folder -------------------------------------------------------------------------------------------------------


def folder() -> Files:
    """Two feeds in three formats, the list of them, and the page that announces the first; the other has its own."""
    files: Files = {"feeds/feeds.opml": OPML.encode(), "index.html": INDEX.encode()}
    for suffix in FORMATS:
        files |= chain(suffix)
        files[f"feeds/topics/fatigue.{suffix}"] = document("feeds/topics/fatigue", suffix, (2, 1))
    page = INDEX.replace('href="feeds/articles.atom"', 'href="../../feeds/topics/fatigue.atom"')
    files["topics/fatigue/index.html"] = page.encode()
    home = f'href="{BASE}/"/>'.encode()
    topic = "feeds/topics/fatigue.atom"
    files[topic] = files[topic].replace(home, f'href="{BASE}/topics/fatigue/"/>'.encode())
    return files


LEDGER: Ledger = {FEED: ids(1, 2, 3, 4), "feeds/topics/fatigue": ids(1, 2)}


def checked(files: Files, ledger: Ledger | None = LEDGER, frozen: dict[str, str] | None = None) -> list[Finding]:
    return list(check_folder(list(files), files.get, base_url=BASE, now=NOW, ledger=ledger, frozen=frozen))


def found_in(files: Files, **given: object) -> set[tuple[str, str]]:
    return {(each.path, each.code) for each in checked(files, **given)}  # type: ignore[arg-type]  # passed on


def test_a_good_folder_has_no_finding() -> None:
    assert checked(folder()) == []


def without(*paths: str) -> Files:
    return {path: data for path, data in folder().items() if path not in paths}


CHANGES: list[tuple[str, Callable[[], Files], set[tuple[str, str]]]] = [
    ("a format is missing", lambda: without(f"{FEED}/2026-09.rss"), {
        (f"{FEED}/2026-09.atom", "F-FORMATS"), (f"{FEED}/2026-10.rss", "F-CHAIN-BROKEN"),
    }),
    ("formats differ", lambda: folder() | {"feeds/topics/fatigue.rss": document("feeds/topics/fatigue", "rss", (2,))}, {
        ("feeds/topics/fatigue.rss", "F-FORMATS"),
    }),
    ("formats differ in order", lambda: folder() | {
        "feeds/topics/fatigue.rss": document("feeds/topics/fatigue", "rss", (1, 2))
    }, {("feeds/topics/fatigue.rss", "F-FORMATS")}),
    ("a format has more", lambda: folder() | {
        "feeds/topics/fatigue.rss": document("feeds/topics/fatigue", "rss", (3, 2, 1))
    }, {("feeds/topics/fatigue.rss", "F-FORMATS")}),
    ("an archive document is loose", lambda: folder() | {
        f"{FEED}/2026-08.{suffix}": data.replace(b"2026-09", b"2026-08")
        for suffix in FORMATS for data in [chain(suffix)[f"{FEED}/2026-09.{suffix}"]]
    }, {(f"{FEED}/2026-08.{suffix}", "F-CHAIN-LOOSE") for suffix in FORMATS}),
    ("there is no list", lambda: without("feeds/feeds.opml"), {("feeds/feeds.opml", "F-LIST")}),
    ("the list lacks a feed", lambda: change(
        folder(), "feeds/feeds.opml", "feeds/topics/fatigue.atom", "feeds/articles.rss"
    ), {("feeds/feeds.opml", "F-LIST")}),
    ("the list names none", lambda: change(
        folder(), "feeds/feeds.opml", "</body>", f'<outline text="x" type="rss" xmlUrl="{BASE}/feeds/x.atom"/></body>'
    ), {("feeds/feeds.opml", "F-LIST")}),
    ("the front page announces nothing", lambda: change(folder(), "index.html", "application/atom+xml", "text/xml"), {
        ("index.html", "F-DISCOVERY"),
    }),
    ("a page announces another", lambda: change(
        folder(), "topics/fatigue/index.html", "feeds/topics/fatigue.atom", "feeds/topics/other.atom"
    ), {("topics/fatigue/index.html", "F-DISCOVERY")}),
    ("a page is missing", lambda: without("topics/fatigue/index.html"), {("topics/fatigue/index.html", "F-DISCOVERY")}),
    ("a copy is old", lambda: folder() | {f"{FEED}.atom.gz": gzip.compress(b"old")}, {(f"{FEED}.atom", "F-COPY")}),
    ("a copy is damaged", lambda: folder() | {f"{FEED}.atom.br": b"\xff\xff"}, {(f"{FEED}.atom", "F-COPY")}),
    ("the copies are good", lambda: folder() | {
        f"{FEED}.atom.gz": gzip.compress(folder()[f"{FEED}.atom"]),
        f"{FEED}.atom.br": brotli.compress(folder()[f"{FEED}.atom"]),
    }, set()),
    ("another file lies there", lambda: folder() | {"feeds/feeds.css": b"p{}", "feeds/index.html": b""}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_each_disagreement_is_found_and_nothing_else(
    files: Callable[[], Files], expected: set[tuple[str, str]]
) -> None:
    assert found_in(files()) == expected


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        (None, set()),
        ({**LEDGER, FEED: ids(1, 2, 3, 4, 5)}, {(f"{FEED}.atom", "F-LOST")}),
        ({**LEDGER, FEED: ids(1, 2, 3, 4, 9)}, set()),  # this one was taken down
        ({**LEDGER, FEED: ids(1, 2, 3)}, {(f"{FEED}.atom", "F-NEW-ID")}),
        ({FEED: LEDGER[FEED]}, {("feeds/topics/fatigue", "F-NEW-ID")}),
        ({**LEDGER, "feeds/notices": ids(7)}, {("feeds/notices", "F-LOST")}),
        ({**LEDGER, "feeds/notices": ()}, set()),
    ],
)
def test_ids_are_held_against_the_ledger(ledger: Ledger | None, expected: set[tuple[str, str]]) -> None:
    assert found_in(folder(), ledger=ledger) == expected


def test_a_feed_that_lost_everything_is_told_in_few_findings() -> None:
    found = checked(folder(), ledger={**LEDGER, FEED: (*ids(1, 2, 3, 4), *(f"urn:x:{n}" for n in range(1000)))})
    assert len(found) == 11
    assert "990 more" in found[-1].message


def test_archive_documents_are_held_against_the_bytes_that_were_written() -> None:
    files = folder()
    archived = [path for path in files if "/2026-" in path]
    frozen = {path: hashlib.sha256(files[path]).hexdigest() for path in archived}
    assert found_in(files, frozen=frozen) == set()
    changed = change(files, f"{FEED}/2026-09.rss", "What it is", "What it was")
    assert found_in(changed, frozen=frozen) == {(f"{FEED}/2026-09.rss", "F-CHANGED")}
    missing = {**frozen, f"{FEED}/2026-08.atom": "0" * 64}
    assert found_in(files, frozen=missing) == {(f"{FEED}/2026-08.atom", "F-CHANGED")}


def test_the_formats_of_a_document_are_judged_side_by_side() -> None:
    names = documents(list(folder()))
    stems = [name.rpartition(".")[0] for name in names]
    assert stems == sorted(stems)
    assert len(names) == 13


def test_one_document_is_held_at_a_time() -> None:
    """Memory grows with ids, not with bytes: forty documents of a megabyte need no more than a few of them."""
    names = [f"feeds/topics/t{number:02}.atom" for number in range(40)]

    def read(path: str) -> bytes | None:
        if path not in names:
            return None
        text = f"&lt;p&gt;{path}{'x' * 1_000_000}".encode()
        return document(path.removesuffix(".atom"), "atom", (1,)).replace(b"&lt;p&gt;Text", text, 1)

    tracemalloc.start()
    try:
        found = list(check_folder(names, read, base_url=BASE, now=NOW))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {each.code for each in found} >= {"F-FORMATS"}
    assert peak < 20_000_000
