"""A Maildir is read without losing, repeating or following anything."""

from __future__ import annotations

import mailbox
import os
from pathlib import Path

import pytest

from newsletter.errors import MailboxError
from newsletter.incoming.maildir import Maildir
from newsletter.incoming.parts import LARGEST
from newsletter.model.incoming import Fate, Letter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("new", "cur", "tmp"):
        (tmp_path / "mail" / part).mkdir(parents=True)
    return tmp_path / "mail"


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_what_waits_is_read_oldest_first(folder: Path) -> None:
    (folder / "new" / "2.host").write_bytes(b"two")
    (folder / "new" / "1.host").write_bytes(b"one")
    (folder / "cur" / "3.host:2,").write_bytes(b"three")  # a mail program has looked at the folder
    (folder / "cur" / "4.host:2,S").write_bytes(b"read")
    (folder / "cur" / "5.host:2,FR").write_bytes(b"flagged")
    (folder / "new" / ".hidden").write_bytes(b"")
    (folder / "tmp" / "6.host").write_bytes(b"half")
    box = Maildir(folder)
    assert [(letter.data, letter.recipient) for letter in box.letters()] == [(b"one", ""), (b"two", ""), (b"three", "")]
    assert box.waiting() == 3
    box.close()


def test_each_fate_leaves_its_mark(folder: Path) -> None:
    for name in ("new/1", "new/2", "new/3", "cur/4:2,R", "cur/5"):
        (folder / name).write_bytes(name.encode())
    box = Maildir(folder)
    fates = [Fate.DONE, Fate.PERSON, Fate.LATER, Fate.DONE, Fate.PERSON]
    for letter, fate in zip(box.letters(), fates, strict=True):
        box.settle(letter, fate)
    assert _names(folder) == ["cur/1:2,S", "cur/2:2,F", "cur/4:2,RS", "cur/5:2,F", "new/3"]
    assert [letter.data for letter in box.letters()] == [b"new/3"]
    seen = {key: message.get_flags() for key, message in mailbox.Maildir(folder).items()}  # type: ignore[attr-defined]
    assert seen == {"1": "S", "2": "F", "3": "", "4": "RS", "5": "F"}


def test_another_process_may_be_faster(folder: Path) -> None:
    for name in ("1", "2"):
        (folder / "new" / name).write_bytes(b"x")
    box = Maildir(folder)
    letters = box.letters()
    first = next(letters)
    for name in ("1", "2"):
        (folder / "new" / name).unlink()
    box.settle(first, Fate.DONE)
    assert list(letters) == []


def test_what_cannot_be_read_is_for_a_person_and_no_link_is_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"Subject: secret")
    (folder / "new" / "1").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "new" / "2")
    (folder / "new" / "3").mkdir()
    assert [letter.data for letter in Maildir(folder).letters()] == [b"", b"", b""]


def test_of_a_huge_message_the_beginning_is_read(folder: Path) -> None:
    (folder / "new" / "1").write_bytes(b"x" * (LARGEST + 5))
    assert [len(letter.data) for letter in Maildir(folder).letters()] == [LARGEST]


def test_a_folder_that_is_none_is_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(MailboxError, match="No such file or directory"):
        Maildir(tmp_path / "nothing").waiting()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MailboxError, match="Not a directory"):
        list(Maildir(tmp_path / "file").letters())
    with pytest.raises(MailboxError):
        Maildir(tmp_path / "file").keep(b"x")
    (folder / "new" / "1").write_bytes(b"")
    (folder / "cur").rmdir()
    (folder / "cur").write_bytes(b"")
    with pytest.raises(MailboxError):
        Maildir(folder).settle(Letter("new/1", b""), Fate.DONE)


def test_a_message_is_kept_once_and_private(tmp_path: Path) -> None:
    box = Maildir(tmp_path / "kept")
    for data in (b"one", b"two", b"one"):
        box.keep(data)
    kept = sorted((tmp_path / "kept" / "cur").iterdir())
    assert sorted(path.read_bytes() for path in kept) == [b"one", b"two"]
    assert all(path.name.endswith(":2,F") and path.stat().st_mode & 0o777 == 0o600 for path in kept)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert _names(tmp_path / "kept") == [f"cur/{path.name}" for path in kept]
