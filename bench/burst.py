"""What the pages for readers stand: a burst of people leaving at once, preferences among a million readers, and whether
the time that a sign-up takes tells whose address it is.

The server is `newsletter run` in a process of its own, with SQLite. `python bench/burst.py [READERS [SECONDS]]`; a million
readers take about three minutes to write.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from newsletter import clock, config
from newsletter.app import App, open_app

ROOT = Path(__file__).parent.parent
RATE = 200  #: presses a second
SIGN_UPS = 1000  #: of each kind
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_NETWORKS = (f"198.{high}.{mid}.{low}" for high in (18, 19) for mid in range(256) for low in range(256))


def main() -> None:
    """Print the three measures."""
    readers = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    with tempfile.TemporaryDirectory() as place:
        app = lay_out(Path(place))
        started = time.perf_counter()
        fill(app, Path(place), readers)
        print(f"{readers} readers written in {time.perf_counter() - started:.0f} s; load {os.getloadavg()[0]:.1f}")
        with running(Path(place)) as (port, pid):
            burst(app, port, pid, min(readers, RATE * seconds), seconds)
            preferences(app, port, readers)
            telling(Path(place), port)
        app.close()


def lay_out(folder: Path) -> App:
    """An installation without articles, so that nothing but the pages is at work."""
    (folder / "seeds").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    text = (ROOT / "config.toml").read_text(encoding="utf-8").replace("port = 8000", f"port = {port}")
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return open_app(config.load(folder / "config.toml"))


def fill(app: App, folder: Path, readers: int) -> None:
    """Write `readers` people who get the daily newsletter, every tenth of them with preferences."""
    wanted = '{"edition": "large-print", "send_at": "07:00:00", "zone": "Europe/Berlin"}'
    at = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    with sqlite3.connect(folder / "var" / "newsletter.db") as connection:
        connection.execute("PRAGMA synchronous = off")
        connection.executemany(
            "INSERT INTO subscriber (id, address, address_folded, name) VALUES (?, ?, ?, '')",
            ((reader(number), address(number), address(number)) for number in range(readers)),
        )
        connection.executemany(
            "INSERT INTO subscription (subscriber_id, newsletter, state, consent_text, consent_at, consent_source, preferences)"
            " VALUES (?, 'daily', 'confirmed', 'said so', ?, 'import', ?)",
            ((reader(number), at, None if number % 10 else wanted) for number in range(readers)),
        )
    connection.close()
    app.readers.suppress("suppressed@example.org", clock.now())


def reader(number: int) -> str:
    return f"{number * 0x9E3779B97F4A7C15 % 2**128:032x}"


def address(number: int) -> str:
    return f"reader{number}@example.org"


@contextmanager
def running(folder: Path) -> Iterator[tuple[int, int]]:
    """`newsletter run`, until the block ends; yields its port and its process id."""
    command = [sys.executable, "-u", "-m", "newsletter", "run"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            found = re.search(rb"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
            assert found is not None
            yield int(found[1]), process.pid
        finally:
            process.terminate()
            rest = process.stdout.read().decode()
            if "error" in rest.lower():
                print(rest)


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- leaving ----------------------------------------------------------------------------------------------------------


def burst(app: App, port: int, pid: int, presses: int, seconds: int) -> None:
    """So many different people press their link within so many seconds, each on a connection of their own."""
    paths = [f"/unsubscribe/{app.tokens.unsubscribe('daily', reader(number))}" for number in range(presses)]
    load, before = os.getloadavg()[0], processor_seconds(pid)
    times, wrong = asyncio.run(_press_all(port, paths, seconds))
    each = (processor_seconds(pid) - before) * 1000 / presses
    told = f"p50 {quantile(times, 0.5):.1f} ms, p99 {quantile(times, 0.99):.1f} ms, slowest {max(times):.0f} ms"
    print(f"{presses} presses in {seconds} s: {wrong} failed, {told} (aim: 0, p99 below 100 ms)")
    print(f"the processor worked {each:.2f} ms for each; load {load:.1f} on {os.cpu_count()} cores before")


async def _press_all(port: int, paths: Sequence[str], seconds: int) -> tuple[list[float], int]:
    """How long each took from the moment at which it was due, in milliseconds; and how many failed."""
    begin = time.perf_counter()
    step = seconds / len(paths)

    async def press(place: int, path: str) -> tuple[float, bool]:
        due = begin + place * step
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        good = await _post(port, path)
        return (time.perf_counter() - due) * 1000, good

    found = await asyncio.gather(*(press(place, path) for place, path in enumerate(paths)))
    return [took for took, _ in found], sum(not good for _, good in found)


async def _post(port: int, path: str) -> bool:
    body = b"List-Unsubscribe=One-Click"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    try:
        incoming, outgoing = await asyncio.open_connection("127.0.0.1", port)
        outgoing.write(f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n".encode() + body)
        answer = await incoming.read()
        outgoing.close()
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200 ")


# -- preferences ------------------------------------------------------------------------------------------------------


def preferences(app: App, port: int, readers: int) -> None:
    """One page after another, each of somebody else, and then as many that are saved."""
    some = [number * 7919 % readers for number in range(200)]
    shown, saved = [], []
    for number in some:
        path = f"/preferences/{app.tokens.preferences(reader(number), clock.now())}"
        shown.append(timed(port, "GET", path, None))
        body = urlencode([("newsletters", "daily"), ("daily.edition", "compact")])
        saved.append(timed(port, "POST", path, body))
    for name, times in (("shown", shown), ("saved", saved)):
        told = f"p50 {quantile(times, 0.5):.1f} ms, p99 {quantile(times, 0.99):.1f} ms"
        print(f"a page of preferences {name}, among {readers} readers: {told} (aim: 50 ms)")


def timed(port: int, method: str, path: str, body: str | None) -> float:
    """Milliseconds until the whole answer is there, which must be good."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    network = next(_NETWORKS)
    begin = time.perf_counter()
    connection.request(method, path, body, {"X-Forwarded-For": network} | (FORM if body is not None else {}))
    with connection.getresponse() as answer:
        answer.read()
    took = (time.perf_counter() - begin) * 1000
    connection.close()
    assert answer.status == 200, answer.status
    return took


# -- signing up -------------------------------------------------------------------------------------------------------


def telling(folder: Path, port: int) -> None:
    """Medians of the time of a sign-up for four kinds of address, in turns; their largest difference."""
    version = _version(port)
    kinds = {
        "known": itertools.cycle([address(9_000)]),
        "unknown": (f"nobody{number}@example.net" for number in itertools.count()),
        "suppressed": itertools.cycle(["suppressed@example.org"]),
        "asked already": itertools.cycle(["asked@example.net"]),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(SIGN_UPS):
        if turn % 200 == 0:
            _forget_limits(folder)
        for name in _turned(list(kinds), turn):
            fields = {"newsletters": "daily", "address": next(kinds[name]), "consent": version, "more": ""}
            times[name].append(timed(port, "POST", "/subscribe", urlencode(fields)))
    medians = {name: statistics.median(each) for name, each in times.items()}
    spread = (max(medians.values()) - min(medians.values())) / min(medians.values())
    told = ", ".join(f"{name} {median:.2f} ms" for name, median in medians.items())
    print(f"sign-ups, medians of {SIGN_UPS}: {told}; they differ by {spread:.1%} (aim: below 5 %)")


def _turned(names: list[str], turn: int) -> list[str]:
    place = turn % len(names)
    return names[place:] + names[:place]


def _version(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/subscribe")
    found = re.search(rb'name="consent" value="([0-9a-f]+)"', connection.getresponse().read())
    connection.close()
    assert found is not None
    return found[1].decode()


def _forget_limits(folder: Path) -> None:
    """No one network asks so often; here all come from one machine."""
    with sqlite3.connect(folder / "var" / "newsletter.db", timeout=30) as connection:
        connection.execute("DELETE FROM allowance WHERE scope LIKE 'sign-up/%'")
    connection.close()


def quantile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


if __name__ == "__main__":
    main()
