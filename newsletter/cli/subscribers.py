"""Commands about subscribers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from newsletter.cli.base import (
    at,
    common_options,
    config_option,
    json_option,
    leave,
    opened,
    print_json,
    progress,
    table,
)

if TYPE_CHECKING:
    from newsletter.app.readers import TakenIn

_SHOWN = 10  #: so many refused lines are told on the screen


@click.group()
def subscribers() -> None:
    """Add, list, export, import and erase subscribers."""


@subscribers.command("add")
@click.argument("address")
@click.option("--newsletter", "newsletters", multiple=True, required=True, help="Which newsletter; may be repeated.")
@click.option("--name", default="", help="How the person wants to be addressed.")
@click.option("--consent", required=True, help="What the person agreed to, and how you know.")
@common_options
def subscribers_add(
    config_path: Path,
    as_json: bool,
    now: datetime | None,
    address: str,
    newsletters: Sequence[str],
    name: str,
    consent: str,
) -> None:
    """Enter a person who has agreed to get a newsletter."""
    from newsletter.model import Consent

    agreed = Consent(text=consent, at=at(now), source="operator")
    with opened(config_path) as app:
        added = {slug: app.add_subscriber(address, name, slug, agreed) for slug in newsletters}
    if as_json:
        print_json({"added": added})
    else:
        for slug, new in added.items():
            click.echo(f"{slug}: {'added' if new else 'was there already'}")


@subscribers.command("list")
@click.option("--newsletter", default=None, help="Only this one.")
@json_option
@config_option
def subscribers_list(config_path: Path, as_json: bool, newsletter: str | None) -> None:
    """List subscriptions."""
    with opened(config_path) as app:
        found = app.subscribers(newsletter)
    rows = [(s.subscriber.address, s.subscriber.name, s.newsletter, s.state, s.consent.at) for s in found]
    columns = ("address", "name", "newsletter", "state", "consent")
    if as_json:
        print_json({"subscriptions": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        table("Subscriptions", columns, rows)


@subscribers.command("erase")
@click.argument("address")
@click.option("--never-again", is_flag=True, help="Keep a keyed hash of the address, so that it is never mailed again.")
@common_options
def subscribers_erase(config_path: Path, as_json: bool, now: datetime | None, address: str, never_again: bool) -> None:
    """Delete a person and all that is theirs, also from the files of the database."""
    with opened(config_path) as app:
        erased = app.readers.forget(address, at(now))
        if never_again:
            app.readers.suppress(address, at(now), "never-again")
    if as_json:
        print_json({"erased": erased})
    else:
        click.echo("erased" if erased else "no such subscriber")


subscribers.add_command(subscribers_erase, "remove")  # what it was called before


@subscribers.command("suppress")
@click.argument("address")
@common_options
def subscribers_suppress(config_path: Path, as_json: bool, now: datetime | None, address: str) -> None:
    """Never mail an address again, whoever asks; a keyed hash of it is kept."""
    with opened(config_path) as app:
        app.readers.suppress(address, at(now))
    if as_json:
        print_json({"suppressed": True})
    else:
        click.echo("suppressed")


@subscribers.command("unsuppress")
@click.argument("address")
@json_option
@config_option
def subscribers_unsuppress(config_path: Path, as_json: bool, address: str) -> None:
    """Let an address be mailed again."""
    with opened(config_path) as app:
        freed = app.readers.unsuppress(address)
    if as_json:
        print_json({"unsuppressed": freed})
    else:
        click.echo("may be mailed again" if freed else "was not suppressed")


# -- export and import ------------------------------------------------------------------------------------------------


@subscribers.command("export")
@click.argument("address", required=False)
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write all subscriptions into this file.")
@json_option
@config_option
def subscribers_export(config_path: Path, as_json: bool, address: str | None, csv_path: Path | None) -> None:
    """Print everything that is held of one ADDRESS as JSON, or write all subscriptions with --csv FILE."""
    from newsletter.app.rosters import write_roster
    from newsletter.errors import UsageError

    if (address is None) == (csv_path is None):
        raise UsageError("say either whose data to print, by address, or --csv FILE for all subscriptions")
    with opened(config_path) as app:
        if csv_path is None:
            print_json(app.readers.everything(str(address)))
            return
        with _private_file(csv_path) as out:
            number = write_roster(out, app.readers.rows())
    if as_json:
        print_json({"written": number, "file": str(csv_path)})
    else:
        click.echo(f"{number} subscriptions written to {csv_path}, which only you can read (mode 0600)")


@subscribers.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--newsletter", "newsletters", multiple=True, help="Whom the lines are for; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@common_options
def subscribers_import(
    config_path: Path,
    as_json: bool,
    now: datetime | None,
    file: Path,
    newsletters: Sequence[str],
    dry_run: bool,
) -> None:
    """Take in a CSV file of people who have agreed: the columns address, consent_text, consent_at, and others.

    What cannot go in is written to FILE.refused.csv beside it, with what would be right; the rest goes in.
    """
    from newsletter.app.readers import LINES_TOLD
    from newsletter.app.rosters import decoded, open_roster, write_refused
    from newsletter.errors import UsageError

    moment, name = at(now), str(file)
    with opened(config_path) as app:
        known = [each.slug for each in app.newsletters]
        unknown = [slug for slug in newsletters if slug not in known]
        if unknown:
            raise UsageError(f'no newsletter "{unknown[0]}"; there are: {", ".join(sorted(known))}')
        text = decoded(_read(file), name)
        roster = open_roster(text, name, newsletters, known, moment)
        with progress(text.count("\n") // LINES_TOLD + 1, "importing") as advance:
            report = app.readers.take_in(roster, moment, dry_run=dry_run, told=advance)
    beside = file.with_name(f"{file.name}.refused.csv")
    if report.refused and not dry_run:
        with _private_file(beside) as out:
            write_refused(out, roster.header, report.refused)
    _tell_taken_in(report, name, None if dry_run or not report.refused else str(beside), as_json=as_json)
    leave(1 if report.refused else 0)


def _read(file: Path) -> bytes:
    from newsletter.errors import UsageError

    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from None


def _tell_taken_in(report: TakenIn, name: str, beside: str | None, *, as_json: bool) -> None:
    """Addresses stand in the file beside alone: a screen may be shared, and its text be kept."""
    refused = [{"line": each.line, "column": each.column, "right": each.right} for each in report.refused]
    if as_json:
        told: dict[str, Any] = {"counts": report.counts, "refused": refused, "refused_file": beside}
        print_json(told)
        return
    table("Import", ("subscriptions", "number"), sorted(report.counts.items()))
    for each in report.refused[:_SHOWN]:
        where = f"{name}, line {each.line}{f', {each.column}' if each.column else ''}"
        click.secho(f"refused {where}: right would be {each.right}", fg="yellow", err=True)
    if len(report.refused) > _SHOWN:
        click.secho(f"and {len(report.refused) - _SHOWN} more lines", fg="yellow", err=True)
    if beside is not None:
        click.secho(f"all refused lines, with what was found: {beside}", fg="yellow", err=True)


@contextmanager
def _private_file(path: Path) -> Iterator[TextIO]:
    """A file that only its owner can read, there when it is whole. It takes the place of one that is there."""
    from newsletter.errors import UsageError

    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(
            descriptor, "w", encoding="utf-8-sig", newline=""
        ) as out:  # the mark tells spreadsheets what it is
            yield out
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None
