"""What we build on is locked with hashes, names no registry, and an audit that could not be made is not taken for one."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from types import ModuleType

import pytest
from workshop import ROOT

FOLDER = ROOT / "requirements"
LOCKS = ("build.txt", "dev.txt", "run.txt", "tools.txt")
_ONE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)==[^\s;]+(?: ; [^\\]+)? \\(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+"
)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_nothing_but_versions_and_hashes(lock: str) -> None:
    """So `pip install --require-hashes` takes it, from whatever registry pip is set up for."""
    text = (FOLDER / lock).read_text(encoding="utf-8")
    assert _ONE.search(text)
    assert _ONE.sub("", text).strip() == ""


def _locked(lock: str) -> set[str]:
    return {found["name"] for found in _ONE.finditer((FOLDER / lock).read_text(encoding="utf-8"))}


def _wanted(*lists: list[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", each) for told in lists for each in told)
    return {re.sub(r"[._]", "-", name[0]).lower() for name in names if name} - {"newsletter"}


def test_everything_that_we_ask_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    run = _wanted(project["dependencies"], extras["postgres"], extras["css-inline"])
    missing = "say `make lock` after a change of pyproject.toml"
    assert run <= _locked("run.txt"), missing
    assert run | _wanted(extras["dev"]) <= _locked("dev.txt"), missing
    assert {"hatchling", "editables", "setuptools", "wheel"} <= _locked("build.txt")


def test_what_is_tested_is_what_is_run() -> None:
    dev = (FOLDER / "dev.txt").read_text(encoding="utf-8")
    for entry in _ONE.finditer((FOLDER / "run.txt").read_text(encoding="utf-8")):
        assert entry[0].rstrip("\\ \n") in dev, entry["name"]


# -- the audit ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", FOLDER / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _told(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
FLAWED = {"name": "lxml", "version": "6.1.3", "vulns": [{"id": "X-2026-1", "fix_versions": ["6.1.4"]}]}
SKIPPED = {"name": "nh3", "skip_reason": "Dependency not found and could not be audited: nh3 (0.3.7)"}


@pytest.mark.parametrize(
    ("told", "status", "said"),
    [
        (_told(SOUND), 0, "1 packages, none with a known vulnerability"),
        (_told(SOUND, FLAWED), 1, "lxml 6.1.3: X-2026-1, mended in 6.1.4"),
        (_told(SOUND, SKIPPED), 2, "cannot be reached from here for 1 of 2 packages"),
        (_told(FLAWED, SKIPPED), 2, "X-2026-1"),
        (_told(), 2, "cannot be reached"),
        ("", 2, "is the network there?"),
        ("Traceback", 2, "is the network there?"),
        ("{}", 2, "is the network there?"),
    ],
)
def test_what_could_not_be_audited_is_not_called_sound(audit: ModuleType, told: str, status: int, said: str) -> None:
    found, lines = audit.judge(told)
    assert found == status
    assert said in "\n".join(lines)
