"""How fast the built-in server serves a feed, beside nginx: one worker each, interleaved rounds, medians.

Both serve the same 100 KB file on loopback: whole, compressed (nginx compresses anew each time, we hold it ready), and
as a 304. The rate suffers from whatever else the machine does; the processor's time a request takes hardly does, so
both are told. Load comes from `wrk`; without it from a simple client of our own, which says more of itself than of the
servers. Wants nginx; takes about a minute.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from newsletter import config
from newsletter.app import open_app
from newsletter.web.server import serving

ROOT = Path(__file__).parent.parent
PATH = "/feeds/articles.atom"
ROUNDS = 7
SECONDS = 1
CONNECTIONS = 16
AIMS = {"200 of 100 KB": 0.4, "304": 0.2}


def main() -> None:
    """Print one line a request: both medians, the median of the paired ratios, the processor's time, the aim."""
    if len(sys.argv) == 3:
        serve(Path(sys.argv[1]), int(sys.argv[2]))
        return
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        print("nginx is not installed; there is nothing to stand beside")
        return
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as running:
        folder = Path(place)
        lay_out(folder)
        ports = {"nginx": free_port(), "newsletter": free_port()}
        commands = {
            "nginx": [nginx, "-p", place, "-c", str(nginx_conf(folder, ports["nginx"]))],
            "newsletter": [sys.executable, __file__, place, str(ports["newsletter"])],
        }
        pids = {name: running.enter_context(started(commands[name], ports[name])) for name in ports}
        report(ports, pids)


def report(ports: dict[str, int], pids: dict[str, int]) -> None:
    """Measure and print."""
    wrk = shutil.which("wrk")
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.2f} before; {ROUNDS} rounds of {SECONDS} s, {CONNECTIONS} connections")
    print(f"load by {'wrk' if wrk else 'a client of our own'}")
    asked = {
        "200 of 100 KB": dict.fromkeys(ports, ""),
        "200 of 100 KB, gzip": dict.fromkeys(ports, "Accept-Encoding: gzip"),
        "304": {name: f"If-None-Match: {tag(port)}" for name, port in ports.items()},
    }
    rates: dict[tuple[str, str], list[float]] = {(each, name): [] for each in asked for name in ports}
    micros: dict[tuple[str, str], list[float]] = {pair: [] for pair in rates}
    for _ in range(ROUNDS):
        for each, name in list(rates):
            before = processor_seconds(pids[name])
            rate = by_wrk(wrk, ports[name], asked[each][name]) if wrk else by_hand(ports[name], asked[each][name])
            rates[each, name].append(rate)
            micros[each, name].append((processor_seconds(pids[name]) - before) * 1e6 / (rate * SECONDS))
    print(f"{'':22}{'nginx/s':>10}{'ours/s':>10}{'ratio':>8}{'range':>13}{'CPU us':>14}{'ratio':>8}")
    for each in asked:
        theirs, ours = rates[each, "nginx"], rates[each, "newsletter"]
        ratios = [one / other for other, one in zip(theirs, ours, strict=True)]
        spent = [statistics.median(micros[each, name]) for name in ("nginx", "newsletter")]
        aim = f"   aim {AIMS[each]}" if each in AIMS else ""
        print(
            f"{each:22}{statistics.median(theirs):10.0f}{statistics.median(ours):10.0f}{statistics.median(ratios):8.2f}"
            f"{f'{min(ratios):.2f}-{max(ratios):.2f}':>13}{f'{spent[0]:.0f} / {spent[1]:.0f}':>14}"
            f"{spent[0] / spent[1]:8.2f}{aim}"
        )
    print(f"load {os.getloadavg()[0]:.2f} after")


def processor_seconds(pid: int) -> float:
    """What a process and its children took of the processor so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(child)) for child in children)


def lay_out(folder: Path) -> None:
    """The shipped configuration, and a feed of 100 KB that compresses as text does."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8").replace('folder = "seeds"', f'folder = "{ROOT}/seeds"')
    (folder / "config.toml").write_text(text, encoding="utf-8")
    feed = folder / "public" / PATH[1:]
    feed.parent.mkdir(parents=True)
    words = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "seeds").glob("*.txt")))
    feed.write_bytes((words * (1 + 102_400 // len(words))).encode()[:102_400])


def nginx_conf(folder: Path, port: int) -> Path:
    """The configuration of nginx as fast as it gets with one worker: no log, sendfile, connections that stay."""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log crit;\n"
        f"events {{ worker_connections 512; }}\nhttp {{ {temporary} access_log off; sendfile on; tcp_nopush on;\n"
        "keepalive_requests 1000000000; types { application/xml atom; } gzip on; gzip_types application/xml;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/public; }} }}\n",
        encoding="utf-8",
    )
    return path


def serve(folder: Path, port: int) -> None:
    """What `newsletter run` does to serve, until standard input ends."""
    app = open_app(config.load(folder / "config.toml"))
    with serving(app, "127.0.0.1", port):
        sys.stdin.read()
    app.close()


@contextlib.contextmanager
def started(command: list[str], port: int) -> Iterator[int]:
    """The server's process id; it listens until the block ends."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def tag(port: int) -> str:
    """The feed's entity tag."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("HEAD", PATH)
    with connection.getresponse() as answer:
        found: str = answer.headers["ETag"]
    connection.close()
    return found


def by_wrk(wrk: str, port: int, field: str) -> float:
    """Requests a second."""
    fields = ["-H", field] if field else []
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *fields, f"http://127.0.0.1:{port}{PATH}"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in told:
        raise RuntimeError(told)
    (rate,) = re.findall(r"Requests/sec:\s+([0-9.]+)", told)
    return float(rate)


def by_hand(port: int, field: str) -> float:
    """Requests a second by threads of ours."""
    request = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n".replace("\r\n\r\n", "\r\n").encode() + b"\r\n"
    end = time.monotonic() + SECONDS
    counts: list[int] = []

    def ask() -> None:
        count = 0
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            answers = connection.makefile("rb")
            while time.monotonic() < end:
                connection.sendall(request)
                take_answer(answers)
                count += 1
        counts.append(count)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def take_answer(answers: BinaryIO) -> None:
    """Read one answer to its end."""
    fields: dict[bytes, bytes] = {}
    while line := answers.readline().strip():
        name, _, value = line.lower().partition(b": ")
        fields[name] = value
    if b"transfer-encoding" not in fields:
        answers.read(int(fields.get(b"content-length", 0)))
        return
    while size := int(answers.readline(), 16):
        answers.read(size + 2)
    answers.readline()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
