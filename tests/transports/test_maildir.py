"""Messages as files, read back with the standard library's mailbox."""

from __future__ import annotations

import mailbox
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.errors import TemporaryFailure
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.maildir import Maildir

_DATA = b"From: digest@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: Hello\r\n\r\nOne\r\n.\r\n..two\r\n"
_MESSAGE = Message(
    sender="digest@example.org", recipient="anna@example.com", message_id="<1@example.org>", wire=Wire.of(_DATA)
)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_mail_program_can_read_what_is_delivered(tmp_path: Path) -> None:
    Maildir(tmp_path / "box").send(_MESSAGE)
    box = mailbox.Maildir(tmp_path / "box", create=False)
    (message,) = box.values()
    assert message["Subject"] == "Hello"
    assert message["Delivered-To"] == "anna@example.com"
    assert message["Return-Path"] == "<digest@example.org>"
    assert message.get_payload() == "One\n.\n..two\n"
    assert message.get_subdir() == "new"


def test_the_file_is_the_envelope_and_the_data_with_the_line_ends_of_a_text_file(tmp_path: Path) -> None:
    Maildir(tmp_path).send(_MESSAGE)
    (file,) = _files(tmp_path)
    envelope = b"Return-Path: <digest@example.org>\nDelivered-To: anna@example.com\n"
    assert file.read_bytes() == envelope + _DATA.replace(b"\r\n", b"\n")


def test_the_null_sender_stays_empty(tmp_path: Path) -> None:
    Maildir(tmp_path).send(replace(_MESSAGE, sender=""))
    assert _files(tmp_path)[0].read_bytes().startswith(b"Return-Path: <>\n")


def test_the_name_says_nothing_of_the_address_and_is_the_same_for_every_attempt(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        Maildir(tmp_path / folder).send(replace(_MESSAGE, message_id="<anna@example.org>"))
    one, two = _files(tmp_path)
    assert one.name == two.name
    assert "anna" not in one.name


def test_a_repeat_takes_the_place_of_the_first(tmp_path: Path) -> None:
    transport = Maildir(tmp_path)
    transport.send(_MESSAGE)
    transport.send(replace(_MESSAGE, wire=Wire.of(_DATA + b"more\r\n")))
    (file,) = _files(tmp_path)
    assert file.read_bytes().endswith(b"more\n")
    transport.send(replace(_MESSAGE, message_id="<2@example.org>"))
    assert len(_files(tmp_path)) == 2


def test_a_repeat_of_a_message_that_was_read_stays_read(tmp_path: Path) -> None:
    transport = Maildir(tmp_path)
    transport.send(_MESSAGE)
    transport.send(replace(_MESSAGE, message_id="<2@example.org>"))
    box = mailbox.Maildir(tmp_path, create=False)
    for key, message in box.items():
        message.set_subdir("cur")
        message.add_flag("S")
        box[key] = message
    names = [path.name for path in _files(tmp_path)]
    transport.send(_MESSAGE)
    assert [path.name for path in _files(tmp_path)] == names
    assert len(names) == 2


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Maildir(tmp_path / "box").send(_MESSAGE)
    finally:
        os.umask(old)
    (file,) = _files(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert {(tmp_path / "box" / part).stat().st_mode & 0o777 for part in ("", "tmp", "new", "cur")} == {0o700}


def test_a_folder_that_cannot_be_made_is_a_temporary_failure(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("a file stands in the way")
    with pytest.raises(TemporaryFailure, match="box cannot be written") as caught:
        Maildir(tmp_path / "box").send(_MESSAGE)
    assert "anna" not in caught.value.message


_FULL_DISK = """
import resource, sys
from pathlib import Path
from newsletter.errors import TemporaryFailure
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.maildir import Maildir

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
message = Message(sender="", recipient="anna@example.com", message_id="<1@example.org>", wire=Wire.of(b"A: b\\r\\n" * 4096))
try:
    Maildir(Path(sys.argv[1])).send(message)
except TemporaryFailure as failure:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(failure.message)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system sets no limit on files")
def test_a_disk_that_fills_up_is_a_temporary_failure_and_leaves_nothing_behind(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "cannot be written: File too large" in run.stdout
    assert _files(tmp_path) == []
