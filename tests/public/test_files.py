"""Writing below `public/`: only what differs, each file whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.public.files import Files


def test_only_what_differs_is_written_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "robots.txt").write_text("the operator's")
    first = Files(tmp_path)
    assert first.put("articles/a/index.html", b"a")
    assert first.put("articles/b/index.html", b"b")
    first.sweep(["articles"])
    assert (first.report().written, first.report().unchanged, first.report().removed) == (2, 0, 0)
    inode = (tmp_path / "articles/a/index.html").stat().st_ino
    second = Files(tmp_path)
    assert not second.put("articles/a/index.html", b"a")
    assert second.put("index.html", b"i")
    second.sweep(["articles"])
    assert (second.report().written, second.report().unchanged, second.report().removed) == (1, 1, 1)
    assert (tmp_path / "articles/a/index.html").stat().st_ino == inode
    assert not (tmp_path / "articles/b").exists()
    assert (tmp_path / "robots.txt").exists()
    assert (tmp_path / "index.html").stat().st_mode & 0o777 == 0o644


def test_a_file_that_cannot_be_written_leaves_the_old_one_whole(tmp_path: Path) -> None:
    Files(tmp_path).put("a/x", b"old")
    with pytest.raises(TypeError):
        Files(tmp_path).put("a/x", "text")  # type: ignore[arg-type]  # stands for any failure half-way
    assert (tmp_path / "a/x").read_bytes() == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x"]


def test_a_file_that_is_kept_survives_the_sweep_and_one_that_is_removed_takes_its_empty_folder_along(
    tmp_path: Path,
) -> None:
    files = Files(tmp_path)
    files.put("feeds/a/2026-10.atom", b"archive")
    files.put("articles/gone/index.html", b"page")
    again = Files(tmp_path)
    assert again.keep("feeds/a/2026-10.atom")
    assert not again.keep("feeds/a/2026-11.atom")
    again.remove("articles/gone/index.html")
    again.remove("articles/gone/index.html")
    again.sweep(["feeds", "articles", "nowhere"])
    assert again.report().removed == 1
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["2026-10.atom"]
    assert not (tmp_path / "articles/gone").exists()
