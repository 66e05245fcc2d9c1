"""Whatever the relay or a signal does, no note is lost, and one comes twice only where nobody knows whether it came.

The verdict is the server's: it writes down each message before it says that it takes it.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from fault_server import Fault, FaultServer
from reading import ANN, NOW, House, open_house
from workshop import NOW as WORKSHOP_NOW
from workshop import environment

from newsletter.errors import RelayFailure

LOST_REPLY = Fault(at="dot", deed="cut")
CUT_BEFORE = Fault(at="data", deed="cut")
GREYLISTED = Fault(at="rcpt", reply="450 4.7.1 greylisted, come back")
NOBODY = Fault(at="rcpt", reply="550 5.1.1 no such mailbox")
REFUSED = Fault(at="rcpt", reply="550 5.7.1 not wanted")
NO_LOGIN = Fault(at="mail", reply="530 5.7.0 authentication required")
HOUR = timedelta(hours=1)


def by_smtp(port: int) -> tuple[tuple[str, str], ...]:
    return (
        ('transport = "maildir"', 'transport = "smtp"'),
        ("port = 587", f"port = {port}"),
        ('security = "starttls"', 'security = "none"'),
    )


def send(house: House, hours: float = 0) -> Counter[str]:
    now = NOW + hours * HOUR
    house.app.readers.answer(now)
    return house.app.readers.send_notes(lambda: now, Event())


def test_what_fails_for_a_while_is_sent_later_and_what_fails_for_good_is_asked_once(tmp_path: Path) -> None:
    scripts = {
        "grey@example.org": [GREYLISTED, GREYLISTED, None],
        "gone@example.org": [NOBODY, None],
        "stern@example.org": [REFUSED, None],
        "fine@example.org": [None],
    }
    with FaultServer(scripts=scripts) as server, open_house(tmp_path, *by_smtp(server.port)) as house:
        for address in scripts:
            house.ask(address)
        assert send(house) == {"deferred": 1, "refused": 2, "sent": 1}
        assert send(house, 0.01) == {}
        assert send(house, 0.02) == {"deferred": 1}
        assert send(house, 1) == {"sent": 1}
        assert send(house, 40) == {}
        assert sorted(message.recipient for message in server.accepted) == ["fine@example.org", "grey@example.org"]
        assert not house.app.readers.everything("gone@example.org").get("suppression"), "it was never anybody's"


def test_a_subscribers_address_that_is_dead_is_suppressed(tmp_path: Path) -> None:
    with FaultServer(scripts={ANN: [None, NOBODY]}) as server, open_house(tmp_path, *by_smtp(server.port)) as house:
        house.ask()
        send(house)
        token = re.search(rb"confirm/(\S+)", server.accepted[0].data.replace(b"=\r\n", b""))
        assert token
        house.app.readers.confirm(token[1].decode(), NOW)
        assert send(house) == {"refused": 1}
        assert house.app.readers.everything(ANN)["suppression"]["reason"] == "bounced"


@pytest.mark.parametrize("fault", [LOST_REPLY, CUT_BEFORE])
def test_a_broken_connection_is_tried_again_with_the_same_message_id(tmp_path: Path, fault: Fault) -> None:
    log = tmp_path / "witness.log"
    with (
        FaultServer(log=log, scripts={ANN: [fault, None]}) as server,
        open_house(tmp_path, *by_smtp(server.port)) as house,
    ):
        house.ask()
        assert send(house) == {"deferred" if fault is LOST_REPLY else "no-relay": 1}
        assert send(house, 1) == {"sent": 1}
    seen = Counter(log.read_text(encoding="utf-8").splitlines())
    assert len(seen) == 1
    assert sum(seen.values()) == (2 if fault is LOST_REPLY else 1)


def test_a_relay_that_refuses_us_stops_the_round_and_burns_nobody(tmp_path: Path) -> None:
    with FaultServer(always=(NO_LOGIN,)) as server, open_house(tmp_path, *by_smtp(server.port)) as house:
        for number in range(5):
            house.ask(f"reader{number}@example.org")
        with pytest.raises(RelayFailure):
            send(house)
        assert server.connections == 1
        server.always = ()
        assert send(house, 1) == {"sent": 5}


def test_a_note_comes_back_to_an_address_that_names_it_and_nobody(tmp_path: Path) -> None:
    bounces = ('# address = "b@bounces', 'address = "b@bounces')
    with FaultServer() as server, open_house(tmp_path, *by_smtp(server.port), bounces) as house:
        house.ask()
        send(house)
        (question,) = server.accepted
        named = house.app.tokens.read_return_path(question.sender)
        assert f"Message-ID: <{named}@".encode() in question.data
        assert "ann" not in question.sender


def test_a_pause_of_everything_holds_notes_up(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        house.ask()
        house.app.delivery.pause("all", "a look", NOW)
        assert house.post() == []
        house.app.delivery.resume("all", NOW)
        assert len(house.post()) == 1


def test_kill_9_while_notes_are_sent_loses_nobody_and_doubles_one_at_most(tmp_path: Path) -> None:
    log, people = tmp_path / "witness.log", 60
    with FaultServer(log=log, keep=False) as server, open_house(tmp_path, *by_smtp(server.port)) as house:
        for number in range(people):
            house.ask(f"reader{number}@example.org")
        house.app.readers.answer(NOW)
        house.app.close()
        kills = 0
        for goal in (5, 25, 45):
            command = [sys.executable, "-m", "newsletter", "deliver", "--now", WORKSHOP_NOW]
            with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE) as process:
                _wait_until(lambda goal=goal: log.exists() and log.read_bytes().count(b"\n") >= goal, process)
                process.send_signal(signal.SIGKILL)
                kills += 1
        subprocess.run(command, cwd=tmp_path, env=environment(), check=True, capture_output=True, timeout=60)
    seen = Counter(line.split()[1] for line in log.read_text(encoding="utf-8").splitlines())
    lost, duplicates = people - len(seen), sum(seen.values()) - len(seen)
    verdict = f"KILLS={kills} MESSAGES={people} LOST={lost} DUPLICATES={duplicates}"
    assert lost == 0, verdict
    assert duplicates <= kills, verdict
    ids = {line.split()[0] for line in log.read_text(encoding="utf-8").splitlines()}
    assert len(ids) == people, "a repeated note has the same Message-ID"


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended before it was to be stopped"
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.001)


def test_a_running_process_answers_and_tells_its_log_of_nobody(tmp_path: Path) -> None:
    with open_house(tmp_path, ("port = 8000", "port = 0"), ("tick_seconds = 30", "tick_seconds = 1")) as house:
        command = [sys.executable, "-u", "-m", "newsletter", "run"]
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment()
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                house.ask(now=datetime.now(UTC))
                folder = tmp_path / "var" / "maildir" / "new"
                _wait_until(lambda: folder.is_dir() and any(folder.iterdir()), process)
                (question,) = house.mails()
                house.app.readers.confirm(question.token("confirm"), datetime.now(UTC))
                _wait_until(lambda: any(folder.iterdir()), process)
            finally:
                process.send_signal(signal.SIGTERM)
                said = process.stdout.read().decode()
            assert process.wait(timeout=30) == 0, said
        (welcome,) = house.mails()
    assert welcome.to == ANN
    assert "notes-sent" in said
    assert "@" not in said, "no address in a log"
    assert "Traceback" not in said
