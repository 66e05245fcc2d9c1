"""The peak memory of this process, for the other benches."""

from __future__ import annotations

import re
from pathlib import Path


def peak_mb() -> float:
    """Megabytes, on Linux. Not `getrusage`: it keeps the peak of the process that started this one."""
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(kilobytes) / 1024


if __name__ == "__main__":
    print(f"{peak_mb():.0f} MB, bare")
