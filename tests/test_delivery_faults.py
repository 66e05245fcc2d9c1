"""Whatever a relay, a disk or a signal does, nobody is lost, and a message comes twice only where an answer was lost.

The verdict is always the server's: it writes down each Message-ID before it says that it takes the message.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import make_article
from fault_runs import LEASE, SENDERS, disk, power_cuts, send_due, sleepers, torn_plans
from fault_server import Fault, FaultServer
from postgres import PostgresServer
from store_builders import NOW, key_of, post
from workshop import NOW as WORKSHOP_NOW
from workshop import ROOT, Workshop, environment, open_workshop

from newsletter import config
from newsletter.app import open_app
from newsletter.model import Consent
from newsletter.store.control import Control
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.pauses import Pauses
from newsletter.store.subscribers import Subscribers

LOST_REPLY = Fault(at="dot", deed="cut")
CUT_BEFORE = Fault(at="data", deed="cut")
BUSY = Fault(at="rcpt", reply="421 4.3.2 try later")
FULL = Fault(at="rcpt", reply="452 4.2.2 mailbox full")
NOBODY = Fault(at="rcpt", reply="550 5.1.1 no such mailbox")
GREYLISTED = Fault(at="rcpt", reply="450 4.7.1 greylisted, come back")


def _send_due(database: Database, port: int, now: datetime) -> None:
    send_due(database, port, lambda: now)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_relay_that_does_everything_wrong_now_and_then(tmp_path: Path, seed: int) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    people = 400
    post(database, make_article(), [f"reader{number}@example.org" for number in range(people)])
    odds = {LOST_REPLY: 0.03, CUT_BEFORE: 0.03, BUSY: 0.03, FULL: 0.03, NOBODY: 0.05, GREYLISTED: 0.1}
    log = tmp_path / "witness.log"
    with FaultServer(log=log, odds=odds, seed=seed) as server:
        for hours in range(0, 72, 5):
            _send_due(database, server.port, NOW + timedelta(hours=hours))
    counts = Deliveries(database).counts()["weekly"]
    assert set(counts) == {"sent", "bounced"}
    seen = Counter(log.read_text(encoding="utf-8").splitlines())
    records = Control(database).list(most=people)
    database.close()
    sent = {record.message_id for record in records if record.state == "sent"}
    lost = sent - {line.split()[0] for line in seen}
    duplicates = sum(seen.values()) - len(seen)
    ambiguous = sum(record.ambiguous for record in records)
    verdict = f"KILLS=0 MESSAGES={people} LOST={len(lost)} DUPLICATES={duplicates} FORCED={ambiguous} SEED={seed}"
    assert not lost, verdict
    assert duplicates <= ambiguous <= people * 0.1, verdict
    assert ambiguous > 0
    assert counts["bounced"] > 0
    assert all(record.attempts <= 12 for record in records)


def test_what_was_refused_for_good_is_asked_once(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    post(database, make_article(), ["gone@example.org", "here@example.org"])
    with FaultServer(scripts={"gone@example.org": [NOBODY, None]}) as server:
        for days in range(3):
            _send_due(database, server.port, NOW + timedelta(days=days))
        assert server.wire.count(b"RCPT TO:<gone@") == 1
    assert Subscribers(database).suppressed(key_of("gone@example.org"))
    database.close()


def test_a_policy_pauses_the_domain_and_burns_nobody(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    strict = [f"reader{number}@strict.example" for number in range(30)]
    post(database, make_article(), [*strict, "other@example.org"])
    refusal = Fault(at="rcpt", reply="550 5.7.1 blocked by our policy")
    with FaultServer(scripts={each: [refusal] for each in strict}) as server:
        _send_due(database, server.port, NOW)
        assert 1 <= server.wire.count(b"@strict.example>") <= 2 * SENDERS
        assert [message.recipient for message in server.accepted] == ["other@example.org"]
        (paused,) = Pauses(database).standing(NOW)
        assert paused.scope == "domain/strict.example"
        assert Subscribers(database).suppressions() == 0
    database.close()


_FULL_DISK = """
import resource, signal, sys
sys.path[:0] = {paths!r}
import test_delivery_faults as faults
from newsletter.errors import StoreError
from newsletter.store.database import open_database
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = open_database(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    faults._send_due(database, int(sys.argv[2]), faults.NOW)
except StoreError as error:
    print(error.message)
    sys.exit(3)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system sets no limit on files")
def test_a_full_disk_stops_the_sending_and_loses_nobody(tmp_path: Path) -> None:
    """Nothing is sent that could not be claimed; what was sent and not recorded is in doubt, one for each connection."""
    path, log, people = tmp_path / "ledger.db", tmp_path / "witness.log", 300
    database = open_database(f"sqlite:///{path}")
    post(database, make_article(), [f"reader{number}@example.org" for number in range(people)])
    database.close()
    limit = path.stat().st_size + 60_000
    script = _FULL_DISK.format(paths=[str(ROOT / "tests"), str(ROOT)])
    with FaultServer(log=log, keep=False) as server:
        command = [sys.executable, "-c", script, f"sqlite:///{path}", str(server.port), str(limit)]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        assert done.returncode == 3, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        at_that_time = len(log.read_text(encoding="utf-8").splitlines())
        assert 0 < at_that_time < people
        database = open_database(f"sqlite:///{path}")
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        Deliveries(database).recover(NOW)
        _send_due(database, server.port, NOW + LEASE)
    seen = Counter(log.read_text(encoding="utf-8").splitlines())
    assert len(seen) == people
    assert sum(seen.values()) - people <= SENDERS
    assert Deliveries(database).counts() == {"weekly": {"sent": people}}
    database.close()


@contextmanager
def _delivering(workshop: Workshop) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "newsletter", "deliver", "--now", WORKSHOP_NOW]
    with subprocess.Popen(
        command, cwd=workshop.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        yield process


def test_sigterm_finishes_what_is_in_flight_and_doubles_nothing(tmp_path: Path) -> None:
    workshop, log, people = open_workshop(tmp_path), tmp_path / "witness.log", 120
    workshop.told("ingest", "--now", WORKSHOP_NOW)
    with closing(open_app(config.load(tmp_path / "config.toml"))) as app:
        agreed = Consent(text="t", at=NOW - timedelta(days=9), source="operator")
        for number in range(people):
            app.add_subscriber(f"reader{number}@example.org", "", "daily", agreed)
    workshop.told("publish", "--now", WORKSHOP_NOW)
    workshop.change('transport = "maildir"', 'transport = "smtp"')
    with FaultServer(log=log, keep=False) as server:
        workshop.change("port = 587", f"port = {server.port}")
        workshop.change('security = "starttls"', 'security = "none"')
        with _delivering(workshop) as process:
            _wait_until(lambda: log.exists() and len(log.read_bytes().splitlines()) > 10, process)
            process.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            _, said = process.communicate(timeout=30)
        assert process.returncode == 0, said.decode()
        assert time.monotonic() - begun < 10
        stopped = len(log.read_bytes().splitlines())
        assert stopped < people
        sent = len(workshop.told("deliveries", "list", "--state", "sent", "--most", "1000")["deliveries"])
        assert sent == stopped
        workshop.told("deliver", "--now", WORKSHOP_NOW)
    seen = Counter(re.sub(r" .*", "", line) for line in log.read_text(encoding="utf-8").splitlines())
    assert (len(seen), sum(seen.values())) == (people, people)


def _wait_until(condition: object, process: subprocess.Popen[bytes]) -> None:
    assert callable(condition)
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended before it was to be stopped"
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.001)


# -- whole processes: see fault_runs.py -------------------------------------------------------------------------------


def test_a_sender_that_slept_through_its_lease_changes_nothing(tmp_path: Path, postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE DATABASE sleepers")
    verdict = sleepers(postgres_server.url("sleepers"), tmp_path, stops=1, people=120, seed=1)
    assert verdict.good, f"{verdict} {verdict.wrong}"
    assert verdict.forced > 0


def test_a_planner_that_is_killed_tears_no_digest(tmp_path: Path) -> None:
    verdict = torn_plans(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path, kills=4, people=100, seed=1)
    assert verdict.good, f"{verdict} {verdict.wrong}"
    assert verdict.kills > 0


@pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a disk to cut the power of"
)
def test_a_power_cut_loses_nobody(tmp_path: Path) -> None:
    with ExitStack() as opened:
        try:
            small = opened.enter_context(disk(tmp_path))
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no disk can be mounted here: {error}")
        verdict = power_cuts(small, tmp_path, cuts=1, people=120, seed=1)
    assert verdict.good, f"{verdict} {verdict.wrong}"
    assert verdict.forced > 0
