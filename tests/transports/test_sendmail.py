"""What the exit statuses of a `sendmail` program mean, and that an address is never an option."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter.errors import AmbiguousFailure, Fault, PermanentFailure, RelayFailure, TemporaryFailure, TransportError
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.sendmail import Sendmail

DATA = b"Message-ID: <1@example.org>\r\n\r\nHello.\r\n.\r\nStill here.\r\n"


def make_program(folder: Path, body: str) -> Path:
    """An executable that runs `body`, with the message on standard input."""
    path = folder / "sendmail"
    path.write_text(f"#!{sys.executable}\nimport json, os, signal, sys, time\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _message(recipient: str = "ann@example.com", sender: str = "news@example.org") -> Message:
    return Message(sender=sender, recipient=recipient, message_id="<1@example.org>", wire=Wire.of(DATA))


@pytest.mark.parametrize("sender", ["news@example.org", ""])
@pytest.mark.parametrize("recipient", ["ann@example.com", "-bs@example.com", "-f@example.com"])
def test_it_gets_both_addresses_as_arguments_and_the_message_as_text(
    tmp_path: Path, recipient: str, sender: str
) -> None:
    body = f"json.dump([sys.argv[1:], sys.stdin.read()], open({str(tmp_path / 'got')!r}, 'w'))"
    Sendmail(make_program(tmp_path, body)).send(_message(recipient, sender))
    arguments, text = json.loads((tmp_path / "got").read_text(encoding="utf-8"))
    assert arguments == ["-i", "-f", sender or "<>", "--", recipient]
    assert text == DATA.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("status", "failure", "fault", "enhanced"),
    [
        (os.EX_NOUSER, PermanentFailure, Fault.RECIPIENT, "5.1.1"),
        (os.EX_NOHOST, PermanentFailure, Fault.RECIPIENT, "5.1.2"),
        (os.EX_TEMPFAIL, TemporaryFailure, Fault.RELAY, None),
        (os.EX_UNAVAILABLE, TemporaryFailure, Fault.RELAY, None),
        (os.EX_OSERR, TemporaryFailure, Fault.RELAY, None),
        (1, TemporaryFailure, Fault.RELAY, None),
        (os.EX_DATAERR, RelayFailure, Fault.MESSAGE, None),
        (os.EX_USAGE, RelayFailure, Fault.CONFIGURATION, None),
        (os.EX_NOPERM, RelayFailure, Fault.CONFIGURATION, None),
        (os.EX_CONFIG, RelayFailure, Fault.CONFIGURATION, None),
    ],
)
def test_a_status_says_whose_fault_it_is(
    tmp_path: Path, status: int, failure: type[TransportError], fault: Fault, enhanced: str | None
) -> None:
    program = make_program(tmp_path, f"sys.stderr.write('no ann@example.com here\\n'); sys.exit({status})")
    with pytest.raises(failure) as caught:
        Sendmail(program).send(_message())
    assert type(caught.value) is failure
    assert (caught.value.fault, caught.value.enhanced) == (fault, enhanced)
    assert "ann@" not in caught.value.message
    assert str(status) in caught.value.message


def test_a_program_that_never_ends_is_stopped_and_nobody_knows(tmp_path: Path) -> None:
    program = make_program(tmp_path, "time.sleep(60)")
    with pytest.raises(AmbiguousFailure, match="was stopped"):
        Sendmail(program, deadline=0.5).send(_message())


def test_all_that_a_stopped_program_had_started_is_stopped_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    body = f"child = os.fork()\nif child: open({str(pid)!r}, 'w').write(str(child))\ntime.sleep(60)"
    with pytest.raises(AmbiguousFailure):
        Sendmail(make_program(tmp_path, body), deadline=1).send(_message())
    for _ in range(200):
        if not _runs(int(pid.read_text())):
            return
        time.sleep(0.02)
    pytest.fail("the program's child goes on")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_goes_on_in_the_background_holds_nobody_up(tmp_path: Path) -> None:
    """Mail systems queue a message and deliver it by a process that outlives the program and keeps its standard error."""
    program = make_program(tmp_path, "if os.fork() == 0: time.sleep(3)")
    began = time.monotonic()
    Sendmail(program, deadline=30).send(_message())
    assert time.monotonic() - began < 2.5


def test_a_program_that_does_not_read_the_message_is_heard_all_the_same(tmp_path: Path) -> None:
    large = replace(_message(), wire=Wire.of(DATA + b"x" * 70 + b"\r\n" * 200_000))
    with pytest.raises(TemporaryFailure):
        Sendmail(make_program(tmp_path, f"sys.exit({os.EX_TEMPFAIL})")).send(large)


def test_a_talkative_program_is_quoted_in_short(tmp_path: Path) -> None:
    program = make_program(tmp_path, f"sys.stderr.write('word ' * 1_000_000); sys.exit({os.EX_TEMPFAIL})")
    with pytest.raises(TemporaryFailure) as caught:
        Sendmail(program).send(_message())
    assert len(caught.value.message) < 400


def test_our_secrets_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD", "secret")
    monkeypatch.setenv("SOMETHING_ELSE", "there")
    Sendmail(make_program(tmp_path, f"json.dump(dict(os.environ), open({str(tmp_path / 'got')!r}, 'w'))")).send(
        _message()
    )
    got = json.loads((tmp_path / "got").read_text(encoding="utf-8"))
    assert got["SOMETHING_ELSE"] == "there"
    assert not [name for name in got if name.startswith("NEWSLETTER_")]


def test_a_program_that_dies_leaves_it_open(tmp_path: Path) -> None:
    program = make_program(tmp_path, f"os.kill(os.getpid(), {int(signal.SIGKILL)})")
    with pytest.raises(AmbiguousFailure):
        Sendmail(program).send(_message())


def test_a_program_that_is_not_there_blames_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(RelayFailure, match="cannot be started"):
        Sendmail(tmp_path / "nothing").send(_message())


def test_who_interrupts_us_stops_the_program_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"

    def interrupted(process: subprocess.Popen[bytes], *_: object, **__: object) -> None:
        pid.write_text(str(process.pid))
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Sendmail(make_program(tmp_path, "time.sleep(60)")).send(_message())
    assert not _runs(int(pid.read_text()))
