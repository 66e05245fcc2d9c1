"""The operator's password for the pages that are not everybody's."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click

from newsletter.cli.base import config_option, json_option, print_json
from newsletter.errors import ConfigError, UsageError


@click.command()
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from standard input, for scripts.")
@json_option
@config_option
def password(config_path: Path, as_json: bool, from_stdin: bool) -> None:
    """Set the password for /status and /metrics, asked for twice.

    A hash of it is kept in the file web.password_file. It counts at once; without that file both addresses are absent.
    """
    from newsletter.config import load
    from newsletter.web.password import OPERATOR, hashed

    path = Path(load(config_path).web.password_file)
    told: str = _from_stdin() if from_stdin else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    _write(path, hashed(told))
    if as_json:
        print_json({"file": str(path), "name": OPERATOR})
    else:
        click.echo(f'{path}: set; the name that goes with it is "{OPERATOR}"')


def _from_stdin() -> str:
    """The first line, without its end."""
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError("standard input is not text in UTF-8") from None


def _write(path: Path, text: str) -> None:
    """Replace the file whole, with one that its owner alone can read. Raises ConfigError."""
    aside = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{text}\n")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ConfigError(f"web.password_file: {path} cannot be written ({error.strerror})") from None
