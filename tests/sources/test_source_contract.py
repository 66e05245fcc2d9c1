"""What every source promises. A new file in `newsletter/sources` takes part by an entry in `EXAMPLES`."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from capture_examples import GOOD
from feed_examples import atom, entry, item, json_feed, json_item, rss
from field_examples import article
from page_examples import MARKDOWN, PAGE
from pubmed_examples import GOOD as PUBMED
from wordpress_examples import FILE as WORDPRESS

import newsletter.sources
from newsletter.errors import DocumentError, SourceError
from newsletter.model import Document
from newsletter.sources.base import BYTES_LIMIT, E_KEY_TWICE, E_TOO_LARGE, E_UNREADABLE, Format, Raw, Source
from newsletter.sources.capture import Capture
from newsletter.sources.feed import Feed
from newsletter.sources.markdown import Markdown
from newsletter.sources.page import Page
from newsletter.sources.places import Folder
from newsletter.sources.pubmed import PubMed
from newsletter.sources.records import Records
from newsletter.sources.tables import Tables
from newsletter.sources.wordpress import WordPress


@dataclass(frozen=True, kw_only=True)
class Example:
    """A format, and a file of it with nothing but documents that it can use.

    `keys` are those that the file gives to its documents, in order; none where a file is one document that has the
    file's own key. `{n}` in `good` and `keys` becomes the file's number, since keys are unique within a source.
    """

    format: Format
    good: bytes
    keys: tuple[str, ...] = ()
    suffix: str = ""

    def path(self, folder: Path, stem: str) -> Path:
        return folder / f"{stem}{self.suffix or self.format.suffixes[0]}"

    def file(self, stem: str) -> bytes:
        return self.good.replace(b"{n}", _number(stem).encode())

    def keys_of(self, stem: str) -> list[str]:
        return [key.replace("{n}", _number(stem)) for key in self.keys] or [stem]

    def make(self, slug: str, folder: Path) -> Source:
        return Source(slug, Folder(folder, self.format.suffixes), self.format)


def _number(stem: str) -> str:
    return str(ord(stem) - ord("a") + 1)


_ARTICLES = [article(id="one-{n}", topics=None), article(id="2{n}", topics=None)]
_RECORDS = json.dumps(_ARTICLES)
_LINES = "\n".join(json.dumps(values) for values in _ARTICLES)
_TABLE = "\n".join(
    ";".join(f'"{cell}"' for cell in cells) for cells in (_ARTICLES[0], *(each.values() for each in _ARTICLES))
)

EXAMPLES = {
    "Capture": Example(format=Capture(), good=GOOD.encode()),
    "Records": Example(format=Records(), good=_RECORDS.encode(), keys=("one-{n}", "2{n}")),
    "Records of lines": Example(format=Records(), good=_LINES.encode(), keys=("one-{n}", "2{n}"), suffix=".jsonl"),
    "Tables": Example(format=Tables(), good=_TABLE.encode(), keys=("one-{n}", "2{n}")),
    "Feed, RSS": Example(format=Feed(), good=rss(item(guid="g{n}"), item(guid="h{n}")), keys=("g{n}", "h{n}")),
    "Feed, Atom": Example(
        format=Feed(), good=atom(entry(id="urn:{n}"), entry(id="urn:2{n}")), keys=("urn:{n}", "urn:2{n}")
    ),
    "Feed, JSON": Example(
        format=Feed(), good=json_feed(json_item(id="j{n}"), json_item(id="k{n}")), keys=("j{n}", "k{n}"), suffix=".json"
    ),
    "Page": Example(format=Page(), good=PAGE.encode()),
    "Markdown": Example(format=Markdown(), good=MARKDOWN.encode()),
    "PubMed": Example(format=PubMed(), good=PUBMED.replace("12345678", "{n}").encode(), keys=("{n}",)),
    "WordPress": Example(format=WordPress(), good=WORDPRESS.encode(), keys=("{n}",)),
}


def _offered() -> set[str]:
    """The classes of `newsletter/sources` that split and parse."""
    names: set[str] = set()
    for module in pkgutil.iter_modules(newsletter.sources.__path__, "newsletter.sources."):
        for name, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if value is not Format and value.__module__ == module.name and {"split", "parse"} <= set(dir(value)):
                names.add(name)
    return names


def test_every_source_takes_part() -> None:
    assert _offered() == {type(example.format).__name__ for example in EXAMPLES.values()}


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> Example:
    return EXAMPLES[request.param]


@pytest.fixture
def folder(tmp_path: Path, example: Example) -> Path:
    """Three files: `a` and `c` are good, `b` is not."""
    inner = tmp_path / "folder"
    inner.mkdir()
    for stem in ("c", "a"):
        example.path(inner, stem).write_bytes(example.file(stem))
    example.path(inner, "b").write_bytes(b"\0")
    return inner


def _fetched(example: Example, folder: Path) -> list[Raw]:
    return list(example.make("test", folder).fetch())


def _told(fetched: list[Raw]) -> list[tuple[Raw, str]]:
    """What can be compared: two errors are never equal, however alike."""
    return [(replace(raw, error=None), str(raw.error)) for raw in fetched]


def test_it_is_a_source(example: Example, folder: Path) -> None:
    source = example.make("test", folder)
    assert source.slug == "test"
    assert all(suffix.startswith(".") for suffix in example.format.suffixes)


def test_documents_come_by_key_and_always_the_same(example: Example, folder: Path) -> None:
    fetched = _fetched(example, folder)
    assert [raw.key for raw in fetched] == [*example.keys_of("a"), "b", *example.keys_of("c")]
    assert _told(fetched) == _told(_fetched(example, folder))


def test_a_name_leads_to_the_file(example: Example, folder: Path) -> None:
    paths = [
        path for path in sorted(folder.iterdir()) for _ in (example.keys_of(path.stem) if path.stem != "b" else "b")
    ]
    for raw, path in zip(_fetched(example, folder), paths, strict=True):
        assert raw.name == str(path) or raw.name.startswith(f"{path}, ")


def test_what_a_document_carries_is_its_own(example: Example, folder: Path) -> None:
    """So that a change of one document in a file is not taken for a change of the others."""
    good = [raw for raw in _fetched(example, folder) if raw.key in example.keys_of("a")]
    assert all(raw.data for raw in good)
    assert len({raw.data for raw in good}) == len(good) == len({raw.name for raw in good})


def test_a_bad_document_costs_itself_alone(example: Example, folder: Path) -> None:
    source = example.make("test", folder)
    used: list[Document] = []
    refused: list[DocumentError] = []
    for raw in source.fetch():
        try:
            used.append(source.parse(raw, ()))
        except DocumentError as error:
            refused.append(error)
    assert [document.key for document in used] == [*example.keys_of("a"), *example.keys_of("c")]
    assert all(error.code.startswith("E-") and str(folder) in error.message for error in refused)
    assert len(refused) == 1


def test_parsing_hangs_on_nothing_but_its_arguments(example: Example, folder: Path) -> None:
    source = example.make("test", folder)
    raw = next(source.fetch())
    first = source.parse(raw, ["gait"])
    for path in folder.iterdir():
        path.unlink()
    assert source.parse(raw, {"gait": 2}) == first


def test_a_huge_document_costs_no_memory_and_is_refused(example: Example, folder: Path) -> None:
    with example.path(folder, "a").open("wb") as file:
        file.truncate(10**9)
    source = example.make("test", folder)
    raw = next(source.fetch())
    assert len(raw.data) <= BYTES_LIMIT + 1
    with pytest.raises(DocumentError) as refused:
        source.parse(raw, ())
    assert refused.value.code == E_TOO_LARGE


def test_a_missing_folder_is_the_sources_error(example: Example, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"test.*nowhere"):
        _fetched(example, tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_the_sources_error(example: Example, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError):
        _fetched(example, tmp_path / "file")


def test_a_folder_that_leads_to_itself_is_the_sources_error(example: Example, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SourceError):
        _fetched(example, tmp_path / "loop")


def _unreadable(example: Example, folder: Path) -> str:
    """The refusal of `a`, after which the others still come."""
    source = example.make("test", folder)
    first, *rest = source.fetch()
    assert [raw.key for raw in rest] == ["b", *example.keys_of("c")]
    assert not first.data
    with pytest.raises(DocumentError) as refused:
        source.parse(first, ())
    assert refused.value.code == E_UNREADABLE
    return refused.value.message


def test_a_link_that_leaves_the_folder_is_refused(example: Example, folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_bytes(example.file("a"))
    link = example.path(folder, "a")
    link.unlink()
    link.symlink_to(outside)
    assert "leaves the folder" in _unreadable(example, folder)


def test_a_link_inside_the_folder_is_followed(example: Example, folder: Path) -> None:
    before = _fetched(example, folder)
    path = example.path(folder, "a")
    path.rename(folder / ".kept")
    path.symlink_to(".kept")
    assert _told(_fetched(example, folder)) == _told(before)


def test_a_key_that_a_second_file_repeats_is_refused_there(example: Example, folder: Path) -> None:
    """Else the two would take turns in overwriting one article."""
    if not example.keys:
        pytest.skip("its keys are names of files")
    example.path(folder, "c").write_bytes(example.file("a"))
    source = example.make("test", folder)
    keys = example.keys_of("a")
    first, second = (list(part) for part in (list(source.fetch())[: len(keys)], list(source.fetch())[len(keys) + 1 :]))
    assert [source.parse(raw, ()).key for raw in first] == keys == [raw.key for raw in second]
    for raw in second:
        with pytest.raises(DocumentError) as refused:
            source.parse(raw, ())
        assert refused.value.code == E_KEY_TWICE


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path.name)])
def test_what_is_no_file_is_refused_and_never_waited_for(
    example: Example, folder: Path, make: Callable[[Path], None]
) -> None:
    path = example.path(folder, "a")
    path.unlink()
    make(path)
    assert "no regular file" in _unreadable(example, folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(example: Example, folder: Path) -> None:
    example.path(folder, "a").chmod(0)
    assert "denied" in _unreadable(example, folder)
