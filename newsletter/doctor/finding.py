"""What the check of an installation has to say of one thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`fail`: mail or pages would suffer. `warn`: they may."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`check` names the thing, such as `relay smtp`; `right` says what would be right, where it is not."""

    check: str
    level: Level
    found: str
    right: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check=check, level=Level.OK, found=found)


def warn(check: str, found: str, right: str) -> Finding:
    return Finding(check=check, level=Level.WARN, found=found, right=right)


def fail(check: str, found: str, right: str) -> Finding:
    return Finding(check=check, level=Level.FAIL, found=found, right=right)
