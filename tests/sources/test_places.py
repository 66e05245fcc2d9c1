"""What is particular to a folder of captures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from capture_examples import GOOD

from newsletter.errors import DocumentError
from newsletter.sources.base import E_SIDECAR, E_UNREADABLE, FACTS_LIMIT, Source
from newsletter.sources.capture import Capture
from newsletter.sources.places import Folder


def _source(folder: Path) -> Source:
    return Source("captures", Folder(folder, (".txt",)), Capture())


@pytest.fixture
def source(tmp_path: Path) -> Source:
    (tmp_path / "one.two.txt").write_text(GOOD, encoding="utf-8")
    return _source(tmp_path)


def test_the_sidecar_of_the_same_stem_is_read(source: Source, tmp_path: Path) -> None:
    (tmp_path / "one.two.toml").write_text('pmid = "1"', encoding="utf-8")
    (raw,) = source.fetch()
    assert raw.key == "one.two"
    assert source.parse(raw).facts.pmid == "1"


def test_without_a_sidecar_nothing_is_said(source: Source) -> None:
    (raw,) = source.fetch()
    assert raw.facts is None


def test_other_and_hidden_files_are_left_alone(source: Source, tmp_path: Path) -> None:
    for name in (".hidden.txt", "._one.txt", "README.md", "alone.toml"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert [raw.key for raw in source.fetch()] == ["one.two"]


def test_a_huge_sidecar_is_refused(source: Source, tmp_path: Path) -> None:
    (tmp_path / "one.two.toml").write_text("#" * 10**6, encoding="utf-8")
    (raw,) = source.fetch()
    assert raw.facts is not None
    assert len(raw.facts) == FACTS_LIMIT + 1
    with pytest.raises(DocumentError) as refused:
        source.parse(raw)
    assert refused.value.code == E_SIDECAR


def test_a_sidecar_that_cannot_be_read_is_not_passed_over(source: Source, tmp_path: Path) -> None:
    """It may say that the study was retracted."""
    (tmp_path / "one.two.toml").symlink_to("/nowhere/facts.toml")
    (raw,) = source.fetch()
    with pytest.raises(DocumentError, match=r"one\.two\.toml: a link that leaves the folder") as refused:
        source.parse(raw)
    assert refused.value.code == E_UNREADABLE


def test_a_file_name_that_is_no_utf8_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text(GOOD, encoding="utf-8")
    (raw,) = _source(tmp_path).fetch()
    assert raw.key == "caf\\udce9"
    raw.name.encode()
