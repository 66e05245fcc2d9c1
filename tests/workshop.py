"""A whole installation in a folder: the shipped configuration, and the command line run as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NOW = "2026-11-20T09:00:00Z"


@dataclass(frozen=True)
class Workshop:
    """`run` gives the finished process; `told` the JSON that a command printed, which must have succeeded."""

    folder: Path

    def run(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
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


def open_workshop(folder: Path, *, seeds: Path = ROOT / "seeds") -> Workshop:
    """The shipped configuration in `folder`, with `seeds` as its source."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    (folder / "config.toml").write_text(text.replace('folder = "seeds"', f'folder = "{seeds}"'), encoding="utf-8")
    return Workshop(folder)


def environment() -> dict[str, str]:
    """Ours, without a developer's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")} | {
        "PYTHONPATH": str(ROOT)
    }
