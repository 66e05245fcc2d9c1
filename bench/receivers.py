"""Deliver a digest into real mail servers of this machine, and compare what arrived with what was to be sent.

    python bench/receivers.py --people 1000 [postfix] [exim]

Each server runs with a configuration of its own in a temporary folder, listens on 127.0.0.1 alone, and puts what it takes
into a Maildir. It is started here and ended here, by its process id. An installation with the shipped articles
delivers with `newsletter deliver`. Then every message must have arrived once, and below the lines that the server puts on
top it must be, byte for byte, what the same installation writes into a Maildir by itself. Postfix and Exim need root.
"""

from __future__ import annotations

import argparse
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newsletter import config
from newsletter.app import open_app
from newsletter.model import Consent

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
_FIRST_LINE = re.compile(rb"^(From|DKIM-Signature):", re.MULTILINE)  # with which every message of ours begins

_POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = receiver.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = {folder}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_recipient_restrictions = permit_mynetworks, reject
"""
_POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
virtual unix - n n - - virtual
error unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""
_EXIM = """
exim_user = {user}
exim_group = {group}
primary_hostname = receiver.example.org
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
smtp_accept_queue_per_connection = 0
smtp_accept_max = 100
tls_advertise_hosts =
acl_smtp_rcpt = taken
begin acl
taken:
  accept domains = example.org
begin routers
all:
  driver = accept
  transport = inbox
begin transports
inbox:
  driver = appendfile
  directory = {folder}/inbox
  maildir_format
  create_directory
  user = {user}
  group = {group}
"""


@dataclass(frozen=True)
class Receiver:
    """A server that runs. `inbox` is the Maildir into which it puts everything."""

    name: str
    version: str
    port: int
    inbox: Path


# -- servers ----------------------------------------------------------------------------------------------------------


@contextmanager
def postfix(folder: Path) -> Iterator[Receiver]:
    nobody, owner, port = pwd.getpwnam("nobody"), pwd.getpwnam("postfix"), free_port()
    for name, holder in (("queue", 0), ("data", owner.pw_uid), ("inbox", nobody.pw_uid)):
        (folder / name).mkdir()
        os.chown(folder / name, holder, -1)
    filled = {"folder": folder, "port": port, "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    (folder / "main.cf").write_text(_POSTFIX_MAIN.format(**filled))
    (folder / "master.cf").write_text(_POSTFIX_MASTER.format(**filled))
    subprocess.run(["postfix", "-c", folder, "start"], check=True, capture_output=True)
    try:
        wait_for(port)
        said = subprocess.run(
            ["postconf", "-c", folder, "-h", "mail_version"], check=True, capture_output=True, text=True
        )
        yield Receiver("Postfix", said.stdout.strip(), port, folder / "inbox")
    finally:
        os.kill(int((folder / "queue/pid/master.pid").read_text()), signal.SIGTERM)


@contextmanager
def exim(folder: Path) -> Iterator[Receiver]:
    program = shutil.which("exim4") or shutil.which("exim")
    assert program is not None
    nobody, port = pwd.getpwnam("nobody"), free_port()
    for name in ("spool", "log", "inbox"):
        (folder / name).mkdir()
        os.chown(folder / name, nobody.pw_uid, nobody.pw_gid)
    written = folder / "exim.conf"
    written.write_text(_EXIM.format(folder=folder, port=port, user=nobody.pw_uid, group=nobody.pw_gid))
    said = subprocess.run([program, "-C", written, "-bV"], check=True, capture_output=True, text=True).stdout
    quiet = subprocess.DEVNULL  # it repeats its log there
    with subprocess.Popen([program, "-C", written, "-bdf"], stdout=quiet, stderr=quiet) as server:
        try:
            wait_for(port)
            yield Receiver("Exim", said.split("version ", 1)[1].split()[0], port, folder / "inbox")
        finally:
            server.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


# -- an installation ---------------------------------------------------------------------------------------------------


def prepare(folder: Path, people: int) -> None:
    """An installation with a digest that is to go to so many people."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    (folder / "config.toml").write_text(text.replace('folder = "seeds"', f'folder = "{ROOT / "seeds"}"'))
    run(folder, "ingest")
    with closing(open_app(config.load(folder / "config.toml"))) as app:
        agreed = Consent(text="bench", at=NOW - timedelta(days=9), source="operator")
        for number in range(people):
            app.add_subscriber(f"reader{number}@example.org", "", "daily", agreed)
    run(folder, "publish")


def run(folder: Path, verb: str) -> None:
    command = [sys.executable, "-m", "newsletter", verb, "--now", f"{NOW:%Y-%m-%dT%H:%M:%SZ}"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"newsletter {verb}: {done.stderr.decode()}{done.stdout.decode()}")


def send_to(folder: Path, port: int) -> None:
    path = folder / "config.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ('transport = "maildir"', 'transport = "smtp"'),
        ("port = 587", f"port = {port}"),
        ('security = "starttls"', 'security = "none"'),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    run(folder, "deliver")


# -- the verdict ------------------------------------------------------------------------------------------------------


def messages(inbox: Path) -> Iterator[tuple[bytes, bytes]]:
    """Message-ID and octets of each message in a Maildir, without the lines that were put on top of it."""
    for path in inbox.rglob("*"):
        if path.is_file() and path.parent.name in {"new", "cur"}:
            data = path.read_bytes().replace(b"\r\n", b"\n")
            begin = _FIRST_LINE.search(data)
            assert begin is not None
            data = data[begin.start() :]
            found = re.search(rb"^Message-ID:\s*(\S+)", data, re.MULTILINE | re.IGNORECASE)
            assert found is not None
            yield found[1], data


def compare(receiver: Receiver, prepared: Path, expected: dict[bytes, bytes]) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "installation"
        shutil.copytree(prepared, folder)
        begun = time.perf_counter()
        send_to(folder, receiver.port)
        seconds = time.perf_counter() - begun
    arrived = settle(receiver.inbox, len(expected))
    times = Counter(identity for identity, _ in arrived)
    equal = sum(expected.get(identity) == data for identity, data in arrived)
    lost, twice = len(set(expected) - set(times)), sum(times.values()) - len(times)
    print(
        f"{receiver.name} {receiver.version}: {len(expected):,} messages, {len(times):,} arrived, {lost} lost, {twice} twice, "
        f"{equal:,} byte for byte as they were made; `newsletter deliver` took {seconds:.1f} s",
        flush=True,
    )
    return lost == 0 and twice == 0 and equal == len(expected)


def settle(inbox: Path, wanted: int) -> list[tuple[bytes, bytes]]:
    """What has arrived, when as many as wanted are there and no more come, or after two minutes."""
    end, before = time.monotonic() + 120, -1
    while time.monotonic() < end:
        arrived = list(messages(inbox))
        if len(arrived) >= wanted and len(arrived) == before:
            return arrived
        before = len(arrived)
        time.sleep(1)
    return list(messages(inbox))


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Receiver]]] = {"postfix": postfix, "exim": exim}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="*", metavar="SERVER")
    parser.add_argument("--people", type=int, default=1000)
    options = parser.parse_args()
    if unknown := set(options.servers) - set(SERVERS):
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    good = True
    with tempfile.TemporaryDirectory() as name:
        prepared, by_itself = Path(name) / "prepared", Path(name) / "maildir"
        prepared.mkdir()
        prepare(prepared, options.people)
        shutil.copytree(prepared, by_itself)
        run(by_itself, "deliver")
        expected = dict(messages(by_itself / "var" / "maildir"))
        for server in options.servers or SERVERS:
            with tempfile.TemporaryDirectory() as place:
                Path(place).chmod(0o755)
                with SERVERS[server](Path(place)) as receiver:
                    good &= compare(receiver, prepared, expected)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
