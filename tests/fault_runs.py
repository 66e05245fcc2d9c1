"""Faults that strike whole processes, at any size: small in the tests, at full size in `bench/faults.py`.

Each run is judged by the fault server's own file, into which it writes each Message-ID before it says that it takes the
message. The processes that are struck are this file, started as a program.
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from builders import make_article
from fault_server import FaultServer
from sqlalchemy import select
from store_builders import NOW, WEEK, add_digest, key_of, make_deliveries, make_digest, make_mailing, make_planned, post

from newsletter.deliver import Clerk, Post, Sender
from newsletter.engine.local import send_all
from newsletter.model import Accepted, Claim, Mailing, Message, PlannedDigest
from newsletter.model.wire import Wire
from newsletter.store import schema
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.paces import Paces
from newsletter.store.pauses import Pauses
from newsletter.store.subscribers import Subscribers
from newsletter.transports.smtp import Relay, Smtp

SENDERS = 4
LEASE = timedelta(minutes=15)
_FIRST = datetime(2020, 1, 6, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a run came to. `promised` duplicates are allowed; `forced` is what the ledger itself holds for doubtful.

    `wrong` is a sentence about anything else that should not have been.
    """

    kills: int
    messages: int
    lost: int
    duplicates: int
    forced: int
    seed: int
    promised: int
    wrong: str = ""

    def __str__(self) -> str:
        return (
            f"KILLS={self.kills} MESSAGES={self.messages} LOST={self.lost} DUPLICATES={self.duplicates} "
            f"FORCED={self.forced} SEED={self.seed}"
        )

    @property
    def good(self) -> bool:
        return self.lost == 0 and self.duplicates <= self.promised and not self.wrong


def to_message(mailing: Mailing, claim: Claim) -> Message:
    data = (
        f"From: news@example.org\r\nTo: {claim.subscriber.address}\r\nSubject: {mailing.subject}\r\n"
        f"Date: Fri, 20 Nov 2026 07:00:00 +0000\r\nMessage-ID: {claim.message_id}\r\n\r\nHello.\r\n"
    )
    recipient = claim.subscriber.address
    return Message(
        sender="news@example.org", recipient=recipient, message_id=claim.message_id, wire=Wire.of(data.encode())
    )


def make_post(database: Database, lease: timedelta = LEASE) -> Post:
    return Post(
        ledger=Deliveries(database),
        mailings=Digests(database),
        suppressions=Subscribers(database),
        pauses=Pauses(database),
        paces=Paces(database),
        merge=to_message,
        address_key=key_of,
        lease=lease,
        max_age=timedelta(days=4),
    )


def send_due(database: Database, port: int, clock: Callable[[], datetime], lease: timedelta = LEASE) -> None:
    work = make_post(database, lease)
    clerk = Clerk(work, secrets.token_hex(8), clock)
    relay = Relay(host="127.0.0.1", port=port, security="none", helo_name="test.example.org")
    send_all(lambda _: Sender(work, clerk, Smtp(relay), clock), senders=SENDERS, stop=Event(), told=lambda _: None)


# -- the processes that are struck ------------------------------------------------------------------------------------


def send(url: str, port: str, lease: str, begun: str) -> None:
    """Send what is due. The clock says NOW at `begun`, in seconds of this machine, and goes on from there."""
    with closing(open_database(url)) as database:
        send_due(
            database,
            int(port),
            lambda: NOW + timedelta(seconds=time.time() - float(begun)),
            timedelta(seconds=float(lease)),
        )


def plan(url: str, digests: str, people: str) -> None:
    """Plan the digests that are still to be planned, one after the other."""
    with closing(open_database(url)) as database:
        store, addresses = Digests(database), _addresses(int(people))
        begin = len(store.all("weekly"))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for number in range(begin, int(digests)):
            planned = _planned(number)
            digest = make_digest(planned, articles=[make_article(f"a{number}")])
            mailing, deliveries = make_mailing(planned), make_deliveries(addresses, planned)
            assert add_digest(store, digest, mailing=mailing, deliveries=deliveries) is not None


def _process(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, *map(str, arguments)]
    known = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=known)


def _finish(process: subprocess.Popen[bytes], seconds: float = 600) -> None:
    _, said = process.communicate(timeout=seconds)
    assert process.returncode == 0, said.decode()


def _until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for it, while the process is alive."""
    end = time.monotonic() + 120
    while not true() and process.poll() is None:
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.0005)


def _addresses(people: int) -> list[str]:
    return [f"reader{number}@example.org" for number in range(people)]


def _planned(number: int) -> PlannedDigest:
    start = _FIRST + number * WEEK
    year, week, _ = start.isocalendar()
    return make_planned(period=f"{year}-W{week:02}", window_start=start, window_end=start + WEEK, due_at=start + WEEK)


# -- the judge --------------------------------------------------------------------------------------------------------


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def _judge(log: Path, database: Database, *, kills: int, seed: int, promised: int, wrong: str = "") -> Verdict:
    """Compare what the server took with every delivery that was ever planned."""
    seen = Counter(line.partition(" ")[0] for line in _lines(log))
    table = schema.delivery
    with database.read() as connection:
        rows = connection.execute(select(table.c.message_id, table.c.state, table.c.ambiguous)).all()
    unsent = [row.message_id for row in rows if row.state != "sent"]
    if unsent and not wrong:
        wrong = f"{len(unsent)} deliveries do not stand as sent"
    return Verdict(
        kills=kills,
        messages=len(rows),
        lost=len({row.message_id for row in rows} - set(seen)),
        duplicates=sum(seen.values()) - len(seen),
        forced=sum(row.ambiguous for row in rows),
        seed=seed,
        promised=promised,
        wrong=wrong,
    )


# -- a sender that slept through its lease ----------------------------------------------------------------------------


def sleepers(url: str, folder: Path, *, stops: int, people: int, seed: int, lease: float = 1.5) -> Verdict:
    """A sender is stopped at a random moment for longer than its lease, another one takes over, and the first wakes.

    What the second one recorded must stand: the first one's results come too late to count. Each stop has a digest to
    so many people of its own.
    """
    draw, log, wrong = random.Random(seed), folder / "witness.log", ""
    with closing(open_database(url)) as database, FaultServer(log=log, keep=False) as server:
        for number in range(stops):
            post(database, make_article(f"a{number}"), _addresses(people), _planned(number))
            aim = len(_lines(log)) + int(draw.uniform(0.2, 0.6) * people)
            arguments = ("send", url, server.port, lease, time.time() - number * 3600)
            wrong = wrong or _sleep(database, log, aim, lease, arguments)
        return _judge(log, database, kills=stops, seed=seed, promised=stops * SENDERS, wrong=wrong)


def _sleep(database: Database, log: Path, aim: int, lease: float, arguments: tuple[object, ...]) -> str:
    """One stop, when the server has so many lines; a sentence about what should not have been."""
    before = _taken_over(database)
    sleeper = _process(*arguments)
    _until(lambda: len(_lines(log)) >= aim, sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    time.sleep(lease + 0.2)
    _finish(_process(*arguments))
    settled = _settled(database)
    sleeper.send_signal(signal.SIGCONT)
    _finish(sleeper)
    _finish(_process(*arguments))
    if changed := settled - _settled(database):
        return f"{len(changed)} results were written over"
    return "" if _taken_over(database) > before else "no lease ran out"


def _taken_over(database: Database) -> int:
    event = schema.delivery_event
    with database.read() as connection:
        return len(connection.execute(select(event.c.id).where(event.c.kind == "lease-expired")).all())


def _settled(database: Database) -> set[tuple[object, ...]]:
    """Every result that stands in the ledger."""
    table = schema.delivery
    columns = (table.c.id, table.c.state, table.c.attempts, table.c.sent_at, table.c.ambiguous)
    with database.read() as connection:
        return {tuple(row) for row in connection.execute(select(*columns).where(table.c.state == "sent"))}


# -- a planner that is killed -----------------------------------------------------------------------------------------


def torn_plans(url: str, folder: Path, *, kills: int, people: int, seed: int) -> Verdict:
    """A planner is killed while it writes digests down: each of them is there whole, or not at all."""
    draw, log, digests = random.Random(seed), folder / "witness.log", kills + 5
    with closing(open_database(url)) as database:
        articles = [make_article(f"a{number}") for number in range(digests)]
        Articles(database).save_all([Accepted(article=each, raw_hash="") for each in articles])
        post(database, make_article("a0"), _addresses(people), _planned(0))
        torn, struck = 0, 0
        for _ in range(kills):
            planner = _process("plan", url, digests, people)
            assert planner.stdout is not None
            assert planner.stdout.readline() == b"ready\n"
            time.sleep(draw.uniform(0, 0.02 + people * 0.0001))
            planner.kill()
            planner.communicate()
            struck += planner.returncode == -signal.SIGKILL
            torn += _torn(database, people)
        _finish(_process("plan", url, digests, people))
        torn += _torn(database, people)
        with FaultServer(log=log, keep=False) as server:
            send_due(database, server.port, lambda: NOW)
        wrong = f"{torn} digests were torn" if torn else ""
        verdict = _judge(log, database, kills=struck, seed=seed, promised=0, wrong=wrong)
        expected = digests * people
        return verdict if verdict.messages == expected or not verdict.good else _short(verdict, expected)


def _short(verdict: Verdict, expected: int) -> Verdict:
    return Verdict(**{**vars(verdict), "wrong": f"{expected} deliveries were to be planned"})


def _torn(database: Database, people: int) -> int:
    """Digests that are not whole, and what belongs to none."""
    torn = 0
    with database.read() as connection:
        digests = set(connection.execute(select(schema.digest.c.id)).scalars())
        for table, number in ((schema.delivery, people), (schema.digest_article, 1), (schema.mailing, 1)):
            held = Counter(connection.execute(select(table.c.digest_id)).scalars())
            torn += sum(held[digest] != number for digest in digests) + len(set(held) - digests)
    return torn


# -- a power cut ------------------------------------------------------------------------------------------------------

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_WITHOUT_THE_LOG = 2  # what the file system has not written to its journal yet is lost, too


class Disk:
    """An ext4 file system of its own in a file, whose power can be cut. Needs to be root."""

    def __init__(self, folder: Path, megabytes: int = 64) -> None:
        self._image, self.folder = folder / "disk.img", folder / "disk"
        self.folder.mkdir()
        with self._image.open("wb") as file:
            file.truncate(megabytes << 20)
        self._run("mkfs.ext4", "-q", self._image)
        self.mount()

    def mount(self) -> None:
        self._run("mount", "-o", "loop", self._image, self.folder)

    def unmount(self) -> None:
        self._run("umount", self.folder)

    def cut(self) -> None:
        """From now on nothing that was not on the disk comes there, and every write fails."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _WITHOUT_THE_LOG))
        finally:
            os.close(descriptor)

    def _run(self, *command: object) -> None:
        subprocess.run([str(part) for part in command], check=True, capture_output=True)


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """Raises OSError or CalledProcessError where this machine does not let us."""
    opened = Disk(folder)
    try:
        yield opened
    finally:
        opened.unmount()


def power_cuts(opened: Disk, folder: Path, *, cuts: int, people: int, seed: int) -> Verdict:
    """The power goes while messages are sent; what was claimed and recorded before must be on the disk."""
    draw, log, wrong = random.Random(seed), folder / "witness.log", ""
    url = f"sqlite:///{opened.folder / 'ledger.db'}"
    with closing(open_database(url)) as database:
        post(database, make_article(), _addresses(people))
    os.sync()
    with FaultServer(log=log, keep=False) as server:
        for number in range(cuts):
            sender = _process("send", url, server.port, LEASE.total_seconds(), time.time())
            aim = int((number + draw.uniform(0.5, 1.0)) * people / (cuts + 1))
            _until(lambda aim=aim: len(_lines(log)) >= aim, sender)  # type: ignore[misc]  # a default, bound at once
            # A sync that is under way ends before the sender stands still. Otherwise the file system may tell a sender that
            # lives on of a sync that never was; whom a power cut takes hears nothing any more.
            sender.send_signal(signal.SIGSTOP)
            _until_it_stands_still(sender)
            opened.cut()
            sender.send_signal(signal.SIGCONT)
            sender.communicate(timeout=60)  # it cannot go on without a disk
            opened.unmount()
            opened.mount()
            wrong = wrong or _after_the_cut(url)
        with closing(open_database(url)) as database:
            send_due(database, server.port, lambda: NOW)
    with closing(open_database(url)) as database:
        return _judge(log, database, kills=cuts, seed=seed, promised=cuts * SENDERS, wrong=wrong)


def _until_it_stands_still(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"T", "Z"}:
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.001)


def _after_the_cut(url: str) -> str:
    with closing(open_database(url)) as database:
        with database.read() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        Deliveries(database).recover(NOW)
    return "" if found == "ok" else f"the database was damaged: {found}"


def main(what: str, *arguments: str) -> None:
    struck: dict[str, Callable[..., None]] = {"send": send, "plan": plan}
    struck[what](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
