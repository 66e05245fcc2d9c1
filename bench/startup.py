"""How long `newsletter --help` takes, beside a bare Python: medians of interleaved rounds."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
COMMANDS = {
    "bare Python": [sys.executable, "-c", "pass"],
    "newsletter --help": [sys.executable, "-m", "newsletter", "--help"],
    "newsletter status --help": [sys.executable, "-m", "newsletter", "status", "--help"],
}


def main() -> None:
    """Print one line a command: median and best in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append((time.perf_counter() - begun) * 1000)
    for name, taken in times.items():
        print(f"{name:28} median {statistics.median(taken):6.1f} ms   best {min(taken):6.1f} ms")


if __name__ == "__main__":
    main()
