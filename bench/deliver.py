"""Delivering end to end, beside Postfix's own load generator with the same bytes.

    python bench/deliver.py [--messages N] [--rounds N] [--connections N] [--articles N] [--folder FOLDER] [--node-modules FOLDER]

Ours: claim, merge, sign (nothing, Ed25519 or RSA of 2048 bits), SMTP, record, with the ledger in SQLite at synchronous=FULL and at most one claim a connection. Beside it
`smtp-source` (Debian: postfix), which only sends. Both send to `smtp-sink`, which then is the bottleneck, and to a cheaper
sink of ours, where the sender is. Rounds are interleaved; medians and the ratio to smtp-source are told. Processor time is
the sender's own, for each message, in microseconds: the steadiest of the figures. The database is in FOLDER, and how long a disk
sync takes there is told too: no connection goes on before what it has done is on the disk. Then what others do: nodemailer's
pool with the same bytes, where it is, and a message rendered, inlined (premailer) and given to smtplib for each recipient.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import selectors
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import kill
from mail import by_rendering, digest_of, readers
from memory import peak_mb

from newsletter.mail.inline import Engine
from newsletter.mail.sign import Signer, load_key, make_key

NODEMAILER = """
const [port, count, connections, file] = process.argv.slice(1);
const {createTransport} = require("nodemailer");
const raw = require("fs").readFileSync(file);
const pool = createTransport({
  pool: true, host: "127.0.0.1", port: +port, maxConnections: +connections, maxMessages: Infinity, ignoreTLS: true,
});
const envelope = {from: "news@example.org", to: "reader@example.org"};
const begun = process.hrtime.bigint(), before = process.cpuUsage();
Promise.all(Array.from({length: +count}, () => pool.sendMail({envelope, raw}))).then(() => {
  const used = process.cpuUsage(before);
  console.log(JSON.stringify({took: Number(process.hrtime.bigint() - begun) / 1e9, cpu: (used.user + used.system) / 1e6}));
  pool.close();
});
"""
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


def by_others(name: str, port: int, message: Path, options: argparse.Namespace) -> dict[str, float]:
    """A tenth of the messages, or what takes some seconds: their figures are as steady as the others' by then."""
    if name == "nodemailer":
        data = message.with_name("message.crlf")
        data.write_bytes(message.read_bytes().replace(b"\n", b"\r\n"))
        count = options.messages // 10
        command = ["node", "-e", NODEMAILER, str(port), str(count), str(options.connections), str(data)]
        environment = os.environ | {"NODE_PATH": str(options.node_modules)}
    else:
        count = 60
        command = [sys.executable, __file__, "--one-by-one", str(port), str(count), str(options.articles)]
        environment = dict(os.environ)
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"rate": count / told["took"], "cpu": told["cpu"] / count * 1e6}


def one_by_one(port: str, messages: str, articles: str) -> None:
    """Each message from its template, over one connection."""
    make, to = by_rendering(digest_of(int(articles)), inlined=Engine.PREMAILER), readers(int(messages))
    begun, used = time.monotonic(), time.process_time()
    with smtplib.SMTP("127.0.0.1", int(port), local_hostname="bench.example.org") as client:
        for reader in to:
            client.sendmail("news@example.org", [reader.subscriber.address], make(reader))
    print(json.dumps({"took": time.monotonic() - begun, "cpu": time.process_time() - used}))


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
    parser.add_argument("--node-modules", type=Path)
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
        port, others = free_port(), ("nodemailer",) * bool(options.node_modules) + ("one by one",)
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
                    | {name: by_others(name, at, message, options) for name in others}
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
    elif sys.argv[1:2] == ["--one-by-one"]:
        one_by_one(*sys.argv[2:5])
    elif sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:6])
    else:
        os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
        main()
