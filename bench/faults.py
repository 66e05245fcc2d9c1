"""Every fault that strikes a whole process, at full size: who is lost, who gets a message twice, what is torn.

    python bench/faults.py                    all of them, for an hour and more
    python bench/faults.py planner --size 50  one of them, with so many faults
    python bench/faults.py --small            all of them, in a few minutes

    kills     kill -9 while sending, SQLite (bench/kill.py)
    sleepers  a sender is stopped for longer than its lease, and wakes; PostgreSQL
    planner   kill -9 while a digest with its deliveries is written down
    power     the power of the disk goes while sending: an ext4 file system of its own; needs to be root

Each prints one line. The verdict is the server's, which writes down each Message-ID before it says that it takes it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]

from fault_runs import Verdict, disk, power_cuts, sleepers, torn_plans  # noqa: E402 - helpers of the tests
from postgres import PostgresServer  # noqa: E402 - as above


def kills(folder: Path, size: int, seed: int) -> bool:
    command = [sys.executable, HERE / "kill.py", "--kills", size, "--messages", size * 100, "--seed", seed]
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)
    print(f"kills    {done.stdout.strip() or done.stderr.strip()}", flush=True)
    return done.returncode == 0


def run_sleepers(folder: Path, size: int, seed: int) -> bool:
    with database_server() as server:
        server.execute("CREATE DATABASE sleepers")
        return told("sleepers", sleepers(server.url("sleepers"), folder, stops=size, people=100, seed=seed))


def planner(folder: Path, size: int, seed: int) -> bool:
    url = f"sqlite:///{folder / 'ledger.db'}"
    return told("planner", torn_plans(url, folder, kills=size, people=200, seed=seed))


def power(folder: Path, size: int, seed: int) -> bool:
    with disk(folder) as opened:
        return told("power", power_cuts(opened, folder, cuts=size, people=size * 100, seed=seed))


@contextmanager
def database_server() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="newsletter-pg-") as name:
        server = PostgresServer(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def told(name: str, verdict: Verdict) -> bool:
    print(f"{name:8} {verdict}  (promised: at most {verdict.promised}) {verdict.wrong}", flush=True)
    return verdict.good


#: Each with its number of faults, small and full.
RUNS: dict[str, tuple[Callable[[Path, int, int], bool], int, int]] = {
    "kills": (kills, 20, 1000),
    "sleepers": (run_sleepers, 3, 20),
    "planner": (planner, 20, 500),
    "power": (power, 5, 50),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="WHAT")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--size", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.what) - set(RUNS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    good = True
    for name in options.what or RUNS:
        run, small, full = RUNS[name]
        with tempfile.TemporaryDirectory() as folder:
            good &= run(Path(folder), options.size or (small if options.small else full), options.seed)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
