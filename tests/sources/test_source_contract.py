"""What every source promises. A new file in `newsletter/sources` takes part by an entry in `EXAMPLES`."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from capture_examples import GOOD

import newsletter.sources
from newsletter.errors import DocumentError, SourceError
from newsletter.model import Document
from newsletter.sources.base import BYTES_LIMIT, E_TOO_LARGE, E_UNREADABLE, Format, Raw, Source
from newsletter.sources.capture import Capture
from newsletter.sources.places import Folder


@dataclass(frozen=True, kw_only=True)
class Example:
    """A format, and a file of it with one document that it can use."""

    format: Format
    good: bytes

    @property
    def suffix(self) -> str:
        return self.format.suffixes[0]

    def make(self, slug: str, folder: Path) -> Source:
        return Source(slug, Folder(folder, self.format.suffixes), self.format)


EXAMPLES = {"Capture": Example(format=Capture(), good=GOOD.encode())}


def _offered() -> set[str]:
    """The classes of `newsletter/sources` that split and parse."""
    names: set[str] = set()
    for module in pkgutil.iter_modules(newsletter.sources.__path__, "newsletter.sources."):
        for name, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if value is not Format and value.__module__ == module.name and {"split", "parse"} <= set(dir(value)):
                names.add(name)
    return names


def test_every_source_takes_part() -> None:
    assert _offered() == set(EXAMPLES)


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> Example:
    return EXAMPLES[request.param]


@pytest.fixture
def folder(tmp_path: Path, example: Example) -> Path:
    """Three documents: `a` and `c` are good, `b` is not."""
    inner = tmp_path / "folder"
    inner.mkdir()
    for name in ("c", "a"):
        (inner / name).with_suffix(example.suffix).write_bytes(example.good)
    (inner / "b").with_suffix(example.suffix).write_bytes(b"\0")
    return inner


def _fetched(example: Example, folder: Path) -> list[Raw]:
    return list(example.make("test", folder).fetch())


def test_it_is_a_source(example: Example, folder: Path) -> None:
    source = example.make("test", folder)
    assert source.slug == "test"
    assert all(suffix.startswith(".") for suffix in example.format.suffixes)


def test_documents_come_by_key_and_always_the_same(example: Example, folder: Path) -> None:
    fetched = _fetched(example, folder)
    assert [raw.key for raw in fetched] == ["a", "b", "c"]
    assert fetched == _fetched(example, folder)


def test_a_name_leads_to_the_file(example: Example, folder: Path) -> None:
    assert [Path(raw.name) for raw in _fetched(example, folder)] == sorted(folder.iterdir())


def test_a_bad_document_costs_itself_alone(example: Example, folder: Path) -> None:
    source = example.make("test", folder)
    used: list[Document] = []
    refused: list[DocumentError] = []
    for raw in source.fetch():
        try:
            used.append(source.parse(raw, ()))
        except DocumentError as error:
            refused.append(error)
    assert [document.key for document in used] == ["a", "c"]
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
    with (folder / "a").with_suffix(example.suffix).open("wb") as file:
        file.truncate(10**9)
    source = example.make("test", folder)
    raw = next(source.fetch())
    assert len(raw.data) == BYTES_LIMIT + 1
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
    assert [raw.key for raw in rest] == ["b", "c"]
    assert not first.data
    with pytest.raises(DocumentError) as refused:
        source.parse(first, ())
    assert refused.value.code == E_UNREADABLE
    return refused.value.message


def test_a_link_that_leaves_the_folder_is_refused(example: Example, folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_bytes(example.good)
    link = (folder / "a").with_suffix(example.suffix)
    link.unlink()
    link.symlink_to(outside)
    assert "leaves the folder" in _unreadable(example, folder)


def test_a_link_inside_the_folder_is_followed(example: Example, folder: Path) -> None:
    (folder / "d").with_suffix(example.suffix).symlink_to((folder / "a").with_suffix(example.suffix))
    assert _fetched(example, folder)[-1].data == example.good


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path.name)])
def test_what_is_no_file_is_refused_and_never_waited_for(
    example: Example, folder: Path, make: Callable[[Path], None]
) -> None:
    path = (folder / "a").with_suffix(example.suffix)
    path.unlink()
    make(path)
    assert "no regular file" in _unreadable(example, folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(example: Example, folder: Path) -> None:
    (folder / "a").with_suffix(example.suffix).chmod(0)
    assert "denied" in _unreadable(example, folder)
