"""A database that was put back is told from the one that delivered last."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.errors import StoreError
from newsletter.store.database import Database
from newsletter.store.generation import Generation, Mark, is_copy

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stored", "kept", "copy"),
    [
        (None, None, False),
        (None, Mark("a", 3), False),
        (Mark("a", 3), Mark("a", 3), False),
        (Mark("a", 4), Mark("a", 3), False),
        (Mark("a", 2), Mark("a", 3), True),
        (Mark("a", 5), Mark("a", 3), True),
        (Mark("b", 3), Mark("a", 3), True),
        (Mark("a", 3), None, True),
    ],
)
def test_what_is_a_copy(stored: Mark | None, kept: Mark | None, copy: bool) -> None:
    assert is_copy(stored, kept) is copy


def test_marks_go_on_together(database: Database, tmp_path: Path) -> None:
    file = None if database.dialect == "postgresql" else tmp_path / "mark"
    generation = Generation(database, file)
    for _ in range(3):
        assert not generation.is_copy()
        generation.advance(NOW)
    assert not generation.is_copy()
    if file is not None:
        file.unlink()
        assert generation.is_copy()
        file.write_text("nonsense")
        with pytest.raises(StoreError, match="a name and a number"):
            generation.is_copy()


def test_another_server_is_told_by_its_identity(database: Database) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite has a file for it")
    generation = Generation(database, None)
    generation.advance(NOW)
    generation._identity = "another"
    assert generation.is_copy()
