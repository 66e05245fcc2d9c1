"""Files become documents: what a path may mean, what is read, how much is held."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_site import MODIFIED, SECRET, feed, make_public, page, put

from newsletter.web import answers, documents, policy
from newsletter.web.answers import Document
from newsletter.web.documents import Held, file_name, pieces, read, reopen

NOW = MODIFIED.timestamp() + 1000


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_public(tmp_path_factory.mktemp("documents"))


def _read(public: Path, name: str, now: float = NOW) -> Document:
    return read(str(public), name, now)


def test_each_coding_gives_the_same_bytes_back_and_has_a_strong_tag_of_its_own(public: Path) -> None:
    forms = _read(public, "/feeds/articles.atom").representations
    assert forms["identity"].whole.body == feed()
    assert gzip.decompress(forms["gzip"].whole.body) == feed()
    assert brotli.decompress(forms["br"].whole.body) == feed()
    assert len({form.tag for form in forms.values()}) == 3
    assert all(form.tag.startswith(b'"') for form in forms.values())


def test_a_tag_is_of_the_bytes_and_of_nothing_else(public: Path) -> None:
    before = _read(public, "/feeds/articles.atom").representations
    put(public, "feeds/copy.atom", feed(), MODIFIED.replace(year=2025))
    again = _read(public, "/feeds/copy.atom").representations
    assert {name: form.tag for name, form in before.items()} == {name: form.tag for name, form in again.items()}


def test_a_coding_that_saves_nothing_is_not_offered(public: Path) -> None:
    assert set(_read(public, "/numbers.txt").representations) == {"identity"}
    assert set(_read(public, "/icon.png").representations) == {"identity"}
    assert set(_read(public, "/empty.txt").representations) == {"identity"}


def test_last_modified_is_never_in_the_future(public: Path) -> None:
    put(public, "ahead.txt", b"x", MODIFIED.replace(year=2060))
    assert _read(public, "/ahead.txt", NOW).modified == int(NOW)
    assert _read(public, "/numbers.txt", NOW).modified == int(MODIFIED.timestamp())


def test_a_large_file_is_not_held_but_has_a_tag_and_comes_in_pieces(public: Path) -> None:
    document = _read(public, "/big.bin")
    assert document.weight < 10_000
    whole = (public / "big.bin").read_bytes()
    file = reopen(str(public), document)
    assert file is not None
    with file:
        assert b"".join(pieces(file, range(1_000_001, 4_000_000))) == whole[1_000_001:4_000_000]
    put(public, "big.bin", whole)
    assert reopen(str(public), document) is None, "another file by now"


@pytest.mark.parametrize("name", ["/outside", "/linked/index.html", "/linked/", "/nothing", "/bare/", "/" + "a" * 300])
def test_a_link_is_as_absent_as_what_was_never_there(public: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        _read(public, name)


def test_a_pipe_and_a_file_taken_for_a_folder_are_no_files(public: Path) -> None:
    os.mkfifo(public / "pipe")
    with pytest.raises(FileNotFoundError):
        _read(public, "/pipe")
    with pytest.raises(FileNotFoundError):
        _read(public, "/numbers.txt/")
    with pytest.raises(IsADirectoryError):
        _read(public, "/feeds")


def test_every_file_may_be_read_and_no_handle_stays_open(public: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in sorted(public.rglob("*")):
        name = f"/{path.relative_to(public)}"
        if path.is_file() and not path.is_symlink() and file_name(name.encode()) is not None:
            assert _read(public, name).representations
    for name in ("/outside", "/feeds", "/linked/", "/numbers.txt/", "/nothing"):
        with pytest.raises((FileNotFoundError, IsADirectoryError)):
            _read(public, name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("changed", ["content", "moment", "mode", "gone", "link", "folder"])
def test_a_document_is_held_until_its_file_changes(tmp_path: Path, changed: str) -> None:
    public = make_public(tmp_path)
    path = public / "numbers.txt"
    held = Held(documents.ROOM)
    held.put("/numbers.txt", _read(public, "/numbers.txt"))
    assert held.get("/numbers.txt") is not None
    if changed == "content":
        put(public, "numbers.txt", b"9876543210")  # same length, same moment
    elif changed == "moment":
        os.utime(path, (1, 1))
    elif changed == "mode":
        path.chmod(0o600)
    elif changed == "gone":
        path.unlink()
    elif changed == "link":
        path.unlink()
        path.symlink_to(tmp_path / "secret.txt")
    else:
        path.unlink()
        path.mkdir()
    assert held.get("/numbers.txt") is None
    assert held.weight == 0


def test_a_folder_that_becomes_a_link_is_noticed(tmp_path: Path) -> None:
    public = make_public(tmp_path)
    held = Held(documents.ROOM)
    held.put("/articles/one/", _read(public, "/articles/one/"))
    (public / "articles").rename(tmp_path / "articles")
    (tmp_path / "articles" / "one" / "index.html").write_bytes(SECRET)
    (public / "articles").symlink_to(tmp_path / "articles")
    assert held.get("/articles/one/") is None
    with pytest.raises(FileNotFoundError):
        _read(public, "/articles/one/")


def test_no_more_is_held_than_there_is_room_for(public: Path) -> None:
    sample = _read(public, "/feeds/articles.rss")
    held = Held(sample.weight * 3)
    for each in "abcde":
        held.put(f"/{each}", sample)
        assert held.get("/a") is (sample if each in "abc" else None) or each in "de"
        assert held.weight <= sample.weight * 3
    assert held.weight == sample.weight * 3


def test_what_was_asked_for_last_is_given_up_last(public: Path) -> None:
    sample = _read(public, "/feeds/articles.rss")
    held = Held(sample.weight * 2)
    held.put("/a", sample)
    held.put("/b", sample)
    assert held.get("/a") is sample
    held.put("/c", sample)
    assert held.get("/a") is sample
    assert held.get("/b") is None
    held.put("/huge", answers.held("/x.txt", os.urandom(sample.weight * 3), file="", mark=sample.mark, modified=0))
    assert held.get("/huge") is None


@given(st.binary(max_size=40).map(lambda raw: b"/" + raw))
def test_a_name_stays_below_the_folder(raw_path: bytes) -> None:
    name = file_name(raw_path)
    if name is not None:
        assert name.startswith("/")
        assert not name.startswith("//")
        assert all(not part.startswith(".") for part in name.split("/"))
        assert not set(name) & {"\\", "\0", "\r", "\n"}
        assert os.path.normpath(f"/root{name}").startswith("/root")


@pytest.mark.parametrize(
    "raw_path",
    [
        b"/..",
        b"/%2e%2e/x",
        b"/.x",
        b"/a/.x",
        b"/a//b",
        b"//a",
        b"/a%2fb",
        b"/a%2Fb",
        b"/a%5cb",
        b"/%00",
        b"/%ff",
        b"x",
        b"",
    ],
)
def test_what_can_be_no_file_of_ours(raw_path: bytes) -> None:
    assert file_name(raw_path) is None


def test_names_are_read_as_utf_8() -> None:
    assert file_name(b"/topics/m%C3%BCdigkeit/") == "/topics/müdigkeit/"


@pytest.mark.parametrize("styles", [0, 1, 2])
def test_each_style_of_a_page_is_named_by_its_hash(styles: int) -> None:
    text = policy.security("<style>a{}</style>" * styles)["Content-Security-Policy"]
    assert text.count("'sha256-") == styles
    assert page("x").decode().count("<style>") == 1
