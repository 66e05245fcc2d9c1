"""One message on standard input: read to its end, and never lost."""

from __future__ import annotations

import io
from pathlib import Path

from newsletter.incoming.maildir import Maildir
from newsletter.incoming.parts import LARGEST
from newsletter.incoming.stream import Stream
from newsletter.model.incoming import Fate


def _stream(tmp_path: Path, data: bytes) -> Stream:
    return Stream(io.BytesIO(data), "b@example.org", Maildir(tmp_path / "kept"))


def test_the_message_and_its_recipient(tmp_path: Path) -> None:
    stream = _stream(tmp_path, b"Subject: hello\n")
    (letter,) = stream.letters()
    assert (letter.data, letter.recipient) == (b"Subject: hello\n", "b@example.org")
    stream.settle(letter, Fate.DONE)
    assert not stream.deferred
    assert not (tmp_path / "kept").exists()


def test_a_huge_message_is_read_to_its_end(tmp_path: Path) -> None:
    source = io.BytesIO(b"x" * (3 * LARGEST))
    (letter,) = Stream(source, "", Maildir(tmp_path)).letters()
    assert len(letter.data) == LARGEST
    assert source.read() == b""


def test_what_a_person_is_to_read_is_kept(tmp_path: Path) -> None:
    stream = _stream(tmp_path, b"who knows")
    (letter,) = stream.letters()
    stream.settle(letter, Fate.PERSON)
    assert [path.read_bytes() for path in (tmp_path / "kept" / "cur").iterdir()] == [b"who knows"]
    assert not stream.deferred


def test_what_comes_too_early_is_left_with_the_mail_server(tmp_path: Path) -> None:
    stream = _stream(tmp_path, b"x")
    (letter,) = stream.letters()
    stream.settle(letter, Fate.LATER)
    assert stream.deferred
