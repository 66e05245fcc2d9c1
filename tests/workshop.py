"""A whole installation in a folder: the shipped configuration, and the command line run as people run it.

Commands run within this process, for a new one takes longer to start than most of them take to work. Where it matters that it
is a process of its own, a test says so; `test_end_to_end.py` does throughout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from newsletter.cli import main

ROOT = Path(__file__).parent.parent
NOW = "2026-11-20T09:00:00Z"


@dataclass(frozen=True)
class Workshop:
    """`run` gives the finished process; `told` the JSON that a command printed, which must have succeeded."""

    folder: Path
    processes: bool = False

    def run(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        if self.processes:
            return self.process(*arguments, stdin=stdin)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["newsletter", *arguments])
            for name in [name for name in os.environ if name.startswith("NEWSLETTER_")]:
                patch.delenv(name)
            done = CliRunner().invoke(main, arguments, input=stdin, prog_name="newsletter")
        errors = done.stderr_bytes or b""
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            errors += "".join(traceback.format_exception(done.exception)).encode()
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout_bytes, errors)

    def process(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """The same in a process of its own."""
        command = [sys.executable, "-W", "error", "-m", "newsletter", *arguments]
        return subprocess.run(
            command, cwd=self.folder, input=stdin, capture_output=True, check=False, timeout=120, env=environment()
        )

    def told(self, *arguments: str, status: int = 0) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == status, done.stderr.decode() + done.stdout.decode()
        return json.loads(done.stdout)

    def files(self, name: str) -> dict[str, bytes]:
        """Every file below a sub-folder with its bytes."""
        folder = self.folder / name
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }

    def change(self, old: str, new: str) -> None:
        """Change the configuration."""
        path = self.folder / "config.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


def open_workshop(folder: Path, *, seeds: Path = ROOT / "seeds", processes: bool = False) -> Workshop:
    """The shipped configuration in `folder`, with `seeds` as its source. `processes`: each command is one."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    (folder / "config.toml").write_text(text.replace('folder = "seeds"', f'folder = "{seeds}"'), encoding="utf-8")
    return Workshop(folder, processes)


def environment() -> dict[str, str]:
    """Ours, without a developer's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")} | {
        "PYTHONPATH": str(ROOT)
    }
