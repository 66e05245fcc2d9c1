"""What the operator may have judged before readers judge it. Exit status 0: nothing found; 1: findings; 2: not done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.base import at, common_options, leave, print_json, progress, table
from newsletter.errors import UsageError

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from newsletter.app import App
    from newsletter.feeds.check.finding import Finding
    from newsletter.feeds.check.serving import Exchange

_FEW = 3  # findings of one kind that are shown of one file
_PATIENCE = 10  # seconds for an answer of our own server on this machine


@click.group()
def check() -> None:
    """Judge what readers get, before they do."""


@check.command("feeds")
@click.option(
    "--public",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="The folder to judge; without it, `paths.public` of the configuration.",
)
@common_options
def check_feeds(config_path: Path, as_json: bool, now: datetime | None, public: Path | None) -> None:
    """Judge every feed as the strictest readers do, and the answers of the web server.

    It starts the server for a moment on a free port of this machine and changes nothing.
    """
    from newsletter.feeds.check.folder import documents

    with _opened(config_path, public) as app:
        folder = Path(app.config.paths.public)
        paths = documents(_files(folder))
        if not paths:
            raise UsageError(f"{folder}/feeds: found no feed; `newsletter publish` writes them")
        with progress(len(paths), "checking feeds") as told:
            findings = tuple(_findings(app, _Public(folder), paths, at(now), told))
    if as_json:
        print_json(_told(findings, len(paths)))
    else:
        _show(findings, len(paths))
    leave(1 if findings else 0)


@contextmanager
def _opened(config_path: Path, public: Path | None) -> Iterator[App]:
    """The app, with another folder in the place of `paths.public` if one is named."""
    from newsletter.app import open_app
    from newsletter.config import load

    config = load(config_path)
    if public is not None:
        paths = config.paths.model_copy(update={"public": str(public.resolve())})
        config = config.model_copy(update={"paths": paths})
    app = open_app(config)
    try:
        yield app
    finally:
        app.close()


def _files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in (folder / "feeds").rglob("*") if path.is_file()]


@dataclass(frozen=True, slots=True)
class _Public:
    """The files below a folder. What documents say of paths cannot lead out of it."""

    folder: Path

    def read(self, path: str) -> bytes | None:
        try:
            whole = (self.folder / path).resolve()
            inside = whole.is_relative_to(self.folder.resolve()) and whole.is_file()
            return whole.read_bytes() if inside else None
        except (OSError, ValueError):
            return None


def _findings(
    app: App, public: _Public, paths: Sequence[str], now: datetime, told: Callable[[], None]
) -> Iterator[Finding]:
    from urllib.parse import urlsplit

    from newsletter.feeds.check.folder import check_folder
    from newsletter.feeds.check.serving import asked_for, check_serving
    from newsletter.web import server

    ledger, frozen = app.feed_ledger(), app.archive_hashes()
    yield from check_folder(
        paths, public.read, base_url=app.site.base_url, now=now, ledger=ledger, frozen=frozen, told=told
    )
    with server.serving(app, "127.0.0.1", 0) as address:
        client = _Client(urlsplit(address).netloc)
        for path in asked_for(paths):
            data = public.read(path)
            if data is not None:
                yield from check_serving(path, data, client.ask)
        client.close()


@dataclass(slots=True)
class _Client:
    """Asks our own server over one connection, which is made anew where it breaks."""

    place: str
    connection: HTTPConnection | None = field(default=None)

    def ask(self, method: str, path: str, fields: Mapping[str, str]) -> Exchange | None:
        from http.client import HTTPConnection, HTTPException

        from newsletter.feeds.check.serving import Exchange

        try:
            connection = self.connection = self.connection or HTTPConnection(self.place, timeout=_PATIENCE)
            connection.request(method, path, headers=dict(fields))
            answer = connection.getresponse()
            given: dict[str, str] = {}
            for name, value in answer.getheaders():
                known = given.get(name.lower())
                given[name.lower()] = value if known is None else f"{known}, {value}"
            return Exchange(status=answer.status, fields=given, body=answer.read())
        except (OSError, HTTPException):
            self.close()
            return None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def _counts(findings: Sequence[Finding]) -> tuple[int, int]:
    errors = sum(1 for finding in findings if finding.severity == "error")
    return errors, len(findings) - errors


def _told(findings: Sequence[Finding], documents: int) -> dict[str, Any]:
    errors, warnings = _counts(findings)
    told = [
        {
            "code": finding.code,
            "severity": finding.severity,
            "path": finding.path,
            "place": finding.place,
            "message": finding.message,
            "breaks": finding.breaks,
        }
        for finding in findings
    ]
    return {"documents": documents, "errors": errors, "warnings": warnings, "findings": told}


def _show(findings: Sequence[Finding], documents: int) -> None:
    errors, warnings = _counts(findings)
    if findings:
        table("Findings", ("severity", "code", "file", "place", "found"), _rows(findings))
        for code, breaks in dict.fromkeys((finding.code, finding.breaks) for finding in findings):
            click.echo(f"{code}: {breaks}")
    click.echo(f"{documents} documents checked: {errors} errors, {warnings} warnings")


def _rows(findings: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    """For people: of one mistake that a file has in many places, the first few."""
    times = Counter((finding.path, finding.code) for finding in findings)
    shown: Counter[tuple[str, str]] = Counter()
    for each in findings:
        kind = (each.path, each.code)
        shown[kind] += 1
        if shown[kind] <= _FEW:
            yield each.severity, each.code, each.path, each.place, each.message
        elif shown[kind] == times[kind]:
            yield (
                each.severity,
                each.code,
                each.path,
                "",
                f"and so in {times[kind] - _FEW} more places; --json tells all",
            )
