"""A short run of `bench/fuzz_sources.py` over every format."""

from __future__ import annotations

import re
import subprocess
import sys

from capture_examples import PAIRS
from test_source_contract import EXAMPLES

BENCH = PAIRS.parents[2] / "bench" / "fuzz_sources.py"
LINE = re.compile(
    r"CASES=(\d+) USED=(\d+) REFUSED=(\d+) CRASHES=(\d+) SLOWEST_MS=(\d+) PEAK_MB=(\d+) SEED=5 FORMAT=(\w+).*"
)


def test_damaged_documents_crash_no_format() -> None:
    cases = 3000 // len(EXAMPLES)
    command = [sys.executable, str(BENCH), "--cases", str(cases), "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [match.groups() for match in LINE.finditer(done.stdout)]
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line[-1] for line in found} == {name.split()[0].rstrip(",") for name in EXAMPLES}
    for made, used, refused, crashes, _, _, name in found:
        assert (int(made), int(crashes)) == (cases, 0), name
        assert int(used) > 0, f"{name}: no document is ever good, so nothing was tested"
        assert int(refused) > 0, name
