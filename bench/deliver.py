"""Delivering end to end, beside Postfix's own load generator with the same bytes.

    python bench/deliver.py [--messages N] [--rounds N] [--connections N] [--articles N] [--folder FOLDER]

Ours: claim, merge, sign (nothing, Ed25519 or RSA of 2048 bits), SMTP, record, with the ledger in SQLite at synchronous=FULL and at most one claim a connection. Beside it
`smtp-source` (Debian: postfix), which only sends. Both send to `smtp-sink`, which then is the bottleneck, and to a cheaper
sink of ours, where the sender is. Rounds are interleaved; medians and the ratio to smtp-source are told. Processor time is
the sender's own, for each message, in microseconds: the steadiest of the figures. The database is in FOLDER, and how long a disk
sync takes there is told too: no connection goes on before what it has done is on the disk.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import kill
from memory import peak_mb

from newsletter.mail.sign import Signer, load_key, make_key

KEYS = ("", "ed25519", "rsa")
_BUFFER = 1 << 20
_END = b"\r\n.\r\n"
ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}


def cheap_sink() -> None:
    """Take everything on one thread, at the least cost: of a message only its end is looked at."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    buffer = bytearray(_BUFFER)
    view = memoryview(buffer)
    in_data: dict[socket.socket, bool] = {}
    with selectors.EpollSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is listening:
                    connection, _address = listening.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection.sendall(b"220 sink\r\n")
                    selector.register(connection, selectors.EVENT_READ)
                    in_data[connection] = False
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    _hear(selector, key.fileobj, view, in_data)


def _hear(
    selector: selectors.EpollSelector, connection: socket.socket, view: memoryview, in_data: dict[socket.socket, bool]
) -> None:
    try:
        size = connection.recv_into(view)
    except ConnectionResetError:
        size = 0
    if not size:
        selector.unregister(connection)
        connection.close()
        del in_data[connection]
    elif in_data[connection]:
        if view[max(size - 5, 0) : size] == _END[-size:]:
            in_data[connection] = False
            connection.sendall(b"250 2.0.0 ok\r\n")
    else:
        verbs = [line[:4].upper() for line in bytes(view[:size]).split(b"\r\n")[:-1]]
        in_data[connection] = b"DATA" in verbs
        connection.sendall(b"".join(ANSWERS.get(verb, b"250 2.0.0 ok\r\n") for verb in verbs))


@contextlib.contextmanager
def listening(command: list[str], port: int | None = None) -> Iterator[int]:
    """A sink as a process of its own; its port."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield port or int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)


def by_smtp_source(port: int, message: Path, options: argparse.Namespace) -> dict[str, float]:
    command = [
        "/usr/sbin/smtp-source",
        "-d",
        "-s",
        str(options.connections),
        "-m",
        str(options.messages),
        "-F",
        str(message),
    ]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([*command, "-f", "news@example.org", "-t", "reader@example.org", f"127.0.0.1:{port}"], check=True)
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"rate": options.messages / took, "cpu": used / options.messages * 1e6}


def by_us(port: int, store: Path, folder: Path, key: str, options: argparse.Namespace) -> dict[str, float]:
    path = folder / "round.db"
    shutil.copy(store, path)
    pem = str(folder / f"{key}.pem") if key else ""
    command = [sys.executable, __file__, "--child", f"sqlite:///{path}", str(port), str(options.connections), pem]
    done = subprocess.run(command, check=True, capture_output=True)
    for each in folder.glob("round.db*"):
        each.unlink()
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {
        "rate": options.messages / told["took"],
        "cpu": told["cpu"] / options.messages * 1e6,
        "peak": told["peak"],
    }


def child(url: str, port: str, connections: str, pem: str) -> None:
    signer = Signer("example.org", {"s": load_key(Path(pem))}) if pem else None
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    kill.send(url, int(port), int(connections), signer)
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"took": took, "cpu": cpu, "peak": peak_mb()}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--articles", type=int, default=19)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    kill.ARTICLES = options.articles
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        store, message = folder / "store.db", folder / "message"
        kill.prepare(f"sqlite:///{store}", options.messages)
        for kind in filter(None, KEYS):
            path = folder / f"{kind}.pem"
            path.touch(mode=0o600)
            path.write_text(make_key(kind).pem)
        data = kill.sample(f"sqlite:///{store}")
        message.write_bytes(data.replace(b"\r\n", b"\n"))
        print(f"{options.messages} messages of {len(data)} octets, {options.connections} connections")
        port = free_port()
        sinks = {
            "smtp-sink": (["/usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "128"], port),
            "cheaper sink": ([sys.executable, __file__, "--sink"], None),
        }
        for title, (command, known) in sinks.items():
            with listening(command, known) as at:
                await_port(at)
                rounds = [
                    {"smtp-source": by_smtp_source(at, message, options)}
                    | {f"ours {key}".strip(): by_us(at, store, folder, key, options) for key in KEYS}
                    | {"sync": {"rate": sync_time(folder)}}
                    for _ in range(options.rounds)
                ]
            tell(title, rounds)


def sync_time(folder: Path) -> float:
    """Microseconds that it takes until 16 KB are on the disk, the median of 50."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        file.write(bytes(1 << 20))
        os.fsync(file.fileno())
        for place in range(50):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), bytes(1 << 14), place << 14)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def tell(title: str, rounds: list[dict[str, dict[str, float]]]) -> None:
    synced = statistics.median(each.pop("sync")["rate"] for each in rounds)
    print(f"{title} (a disk sync takes {synced:,.0f} us)")
    for way in rounds[0]:
        ratios = [each[way]["rate"] / each["smtp-source"]["rate"] for each in rounds]
        rate, cpu = (statistics.median(each[way][key] for each in rounds) for key in ("rate", "cpu"))
        peak = max(each[way].get("peak", 0) for each in rounds)
        print(
            f"  {way:15} {rate:7,.0f}/s, {cpu:4.0f} us a message, peak {peak:3.0f} MB;"
            f" ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sink"]:
        cheap_sink()
    elif sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:6])
    else:
        os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
        main()
