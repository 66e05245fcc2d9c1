"""How long it takes to import and export subscribers by the commands, on SQLite.

    python bench/import.py [--people 100000]

The file has a header of another program's, semicolons and a mark of its byte order; one line of a hundred is broken. The
second run finds all of them there. Times are of whole processes, the database as it is by default (synchronous=FULL).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    people = parser.parse_args().people
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = (ROOT / "config.toml").read_text(encoding="utf-8")
        (folder / "config.toml").write_text(text.replace('folder = "seeds"', f'folder = "{ROOT / "seeds"}"'))
        (folder / "people.csv").write_text(_people(people), encoding="utf-8-sig")
        print(f"| {people} lines | seconds | lines a second |\n|---|---|---|")
        take_in = ("import", "people.csv", "--newsletter", "daily", "--now", "2026-11-20T09:00:00Z", "--json")
        for told, arguments in (
            ("dry run", (*take_in, "--dry-run")),
            ("import", take_in),
            ("import again", take_in),
            ("export", ("export", "--csv", "all.csv")),
        ):
            seconds = _run(folder, *arguments)
            print(f"| {told} | {seconds:.1f} | {people / seconds:.0f} |", flush=True)
    print(f"peak memory of a process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


def _people(number: int) -> str:
    lines = ["E-Mail;Name;Consent text;Consent at;Consent source"]
    for each in range(number):
        address = f"reader{each}" if each % 100 == 0 else f"reader{each}@mail{each % 977}.example.org"
        lines.append(f"{address};Reader {each};Yes, send it to me.;2026-0{1 + each % 9}-11T09:00:00Z;paper form")
    return "\n".join(lines) + "\n"


def _run(folder: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "newsletter", "subscribers", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    if done.returncode not in {0, 1}:
        raise SystemExit(done.stderr.decode())
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
