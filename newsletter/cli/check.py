"""What the operator may have judged before readers judge it. Exit status 0: nothing found; 1: findings; 2: not done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.base import at, common_options, leave, opened, print_json, progress, table
from newsletter.errors import UsageError

if TYPE_CHECKING:
    from http.client import HTTPConnection

    from newsletter.app import App
    from newsletter.feeds.check.finding import Finding
    from newsletter.feeds.check.serving import Exchange
    from newsletter.mail.check.finding import Finding as MailFinding
    from newsletter.mail.check.words import Reading
    from newsletter.mail.proof import Proof

_FEW = 3  # findings of one kind that are shown of one file
_COLUMNS = ("severity", "code", "newsletter", "mailing", "edition", "audience", "place", "found")  # of mail
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


# -- mail -------------------------------------------------------------------------------------------------------------


@check.command("mail")
@click.argument("newsletter", required=False)
@click.option("--period", default=None, help="Such as 2026-11-20, 2026-W47 or 2026-11; default: the newest digest.")
@common_options
def check_mail(
    config_path: Path, as_json: bool, now: datetime | None, newsletter: str | None, period: str | None
) -> None:
    """Judge what would be sent: the newest digest, or a draft of what is due, in each form, and the notes.

    It judges the finished messages and changes nothing. Without NEWSLETTER every newsletter is judged.
    """
    with opened(config_path) as app:
        slugs = [newsletter] if newsletter is not None else [each.slug for each in app.newsletters]
        checked, none_yet = _checked(app, slugs, period, at(now))
    if not checked:
        raise UsageError(" ".join(none_yet))
    if as_json:
        print_json(_mail_told(checked, none_yet))
    else:
        _show_mail(checked, none_yet)
    leave(1 if any(each.findings for each in checked) else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """One message and what was found in it. `readings` are of the articles in it."""

    proof: Proof
    findings: tuple[MailFinding, ...]
    readings: tuple[Reading, ...]

    @property
    def name(self) -> tuple[str, str]:
        """The newsletter, and the digest's period or the note's kind."""
        return self.proof.expected.newsletter.slug, self.proof.mailing


def _checked(
    app: App, slugs: Sequence[str], period: str | None, now: datetime
) -> tuple[tuple[_Checked, ...], tuple[str, ...]]:
    """Every message with its findings, and why there is none of a newsletter."""
    checked: list[_Checked] = []
    none_yet: list[str] = []
    for slug in slugs:
        try:
            proofs, missing = app.proofs(slug, period, now)
            checked += map(_judged, proofs)
            none_yet += missing
        except UsageError as error:
            none_yet.append(f"{error.message}.")
    return tuple(checked), tuple(none_yet)


def _judged(proof: Proof) -> _Checked:
    from newsletter.mail.check.message import check_message
    from newsletter.mail.check.words import source_readings

    findings = check_message(proof.message, expected=proof.expected)
    return _Checked(proof=proof, findings=findings, readings=source_readings(proof.expected))


def _mail_told(checked: Sequence[_Checked], none_yet: Sequence[str]) -> dict[str, Any]:
    messages = []
    for each in checked:
        newsletter, mailing = each.name
        is_note = each.proof.expected.is_note
        findings = [
            {
                "code": finding.code,
                "severity": finding.severity,
                "place": finding.place,
                "message": finding.message,
                "why": finding.why,
            }
            for finding in each.findings
        ]
        told = {
            "newsletter": newsletter,
            "period": None if is_note else mailing,
            "note": mailing if is_note else None,
            "edition": each.proof.edition,
            "audience": each.proof.audience,
            "bytes": len(each.proof.message),
            "findings": findings,
            "sources": each.readings,
        }
        messages.append(told)
    errors, warnings = _mail_counts(checked)
    return {"messages": messages, "none": none_yet, "errors": errors, "warnings": warnings}


def _mail_counts(checked: Sequence[_Checked]) -> tuple[int, int]:
    severities = Counter(str(finding.severity) for each in checked for finding in each.findings)
    return severities["error"], severities["warning"]


def _show_mail(checked: Sequence[_Checked], none_yet: Sequence[str]) -> None:
    rows = list(_mail_rows(checked))
    if rows:
        table("Findings", _COLUMNS, rows)
        for code, why in dict.fromkeys((finding.code, finding.why) for each in checked for finding in each.findings):
            click.echo(f"{code}: {why}")
    for reason in none_yet:
        click.echo(reason)
    grades = sorted({(each.title, each.grade) for one in checked for each in one.readings}, key=lambda pair: -pair[1])
    if grades:
        title, grade = grades[0]
        click.echo(f'hardest source: "{title}" at grade {grade:g}; sources are measured and never changed')
    errors, warnings = _mail_counts(checked)
    click.echo(f"{len(checked)} messages checked: {errors} errors, {warnings} warnings")


def _mail_rows(checked: Sequence[_Checked]) -> Iterator[tuple[str, ...]]:
    """For people: what several forms of a mailing share is told once."""
    forms: dict[tuple[str, str], list[tuple[str, str]]] = {}
    found: dict[tuple[tuple[str, str], MailFinding], list[tuple[str, str]]] = {}
    for each in checked:
        form = each.proof.audience or "all", each.proof.edition
        forms.setdefault(each.name, []).append(form)
        for finding in each.findings:
            found.setdefault((each.name, finding), []).append(form)
    for (name, finding), found_in in found.items():
        for edition, audience in _form_words(found_in, forms[name]):
            yield finding.severity, finding.code, *name, edition, audience, finding.place, finding.message


def _form_words(some: Sequence[tuple[str, str]], every: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Editions and audiences in words, for as few rows as tell `some` of `every` form."""
    audiences: dict[tuple[str, ...], list[str]] = {}
    for audience in dict.fromkeys(audience for audience, _ in some):
        editions = tuple(str(edition) for each, edition in some if each == audience)
        audiences.setdefault(editions, []).append(audience)
    for editions, named in audiences.items():
        yield _all_or(editions, {edition for _, edition in every}), _all_or(named, {audience for audience, _ in every})


def _all_or(some: Sequence[str], every: Collection[str]) -> str:
    return "all" if len(some) == len(every) > 1 else ", ".join(some)
