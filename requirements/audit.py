"""Judges what pip-audit found of `requirements/run.txt`, which it is told on standard input: `make audit`.

pip-audit calls a package that its list does not answer for "skipped", and is content. Here that is no audit.
"""

from __future__ import annotations

import json
import sys
from typing import Any

FOUND, NOT_AUDITED = 1, 2


def judge(told: str) -> tuple[int, list[str]]:
    """The exit status and what to say, of pip-audit's JSON; of no JSON, where it ended with an error."""
    try:
        packages: list[dict[str, Any]] = json.loads(told)["dependencies"]
    except (ValueError, KeyError):
        return NOT_AUDITED, ["not audited: pip-audit ended with an error, see above; is the network there?"]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, mended in {_versions(flaw)}"
        for each, flaw in _flaws(packages)
    ]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if skipped or not packages:
        answered = f"{len(skipped)} of {len(packages)} packages"
        found.append(f"not audited: the list of known vulnerabilities cannot be reached from here for {answered}")
    status = NOT_AUDITED if skipped or not packages else FOUND if found else 0
    return status, found or [f"{len(packages)} packages, none with a known vulnerability"]


def _flaws(packages: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(each, flaw) for each in packages for flaw in each.get("vulns", ())]


def _versions(flaw: dict[str, Any]) -> str:
    return ", ".join(flaw.get("fix_versions", ())) or "no version yet"


if __name__ == "__main__":
    status, lines = judge(sys.stdin.read())
    print("\n".join(lines))
    sys.exit(status)
