from __future__ import annotations

from pathlib import Path

import pytest

from newsletter.sources import completion
from newsletter.sources.completion import fingerprint


def test_a_fingerprint_is_of_the_bytes_of_every_file(tmp_path: Path) -> None:
    studies, topics = tmp_path / "studies.json", tmp_path / "topics.toml"
    names = [str(studies)], str(topics)
    seen = [fingerprint(*names)]
    for path, text in ((studies, "{}"), (topics, "[lists]"), (topics, "[aliases]"), (studies, "{ }")):
        path.write_text(text, encoding="utf-8")
        seen += [fingerprint(*names)]
        assert fingerprint(*names) == seen[-1]
    seen += [fingerprint(names[0], None), fingerprint([], names[1]), fingerprint([], None)]
    assert len(set(seen)) == len(seen)


def test_where_there_are_no_files_there_is_no_fingerprint() -> None:
    assert fingerprint([], None) == ""


def test_another_version_of_the_program_has_another_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint([], str(tmp_path))
    monkeypatch.setattr(completion, "__version__", "99")
    assert fingerprint([], str(tmp_path)) != before
