"""Commands about the installation itself: is all as it should be, and the keys that sign its mail."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from newsletter.cli.base import at, common_options, config_option, json_option, leave, print_json
from newsletter.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from newsletter.doctor.finding import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}

_NO_TABLE = """there is no table [delivery.dkim] in {path}; put one there, such as

[delivery.dkim]
selector = "n1"
key_file = "var/dkim-n1.pem"
"""


@click.command()
@json_option
@config_option
def migrate(config_path: Path, as_json: bool) -> None:
    """Bring the database up to date, and on PostgreSQL the queue's tables. Every command does the first where it may."""
    from newsletter import config
    from newsletter.store.database import open_database
    from newsletter.store.schema import REVISION

    url = config.load(config_path).store.url
    open_database(url).close()
    if url.startswith("postgresql"):
        from newsletter.engine.procrastinate import prepare

        prepare(url)
    if as_json:
        print_json({"version": REVISION})
    else:
        click.echo(f"the database is of version {REVISION}")


@click.command()
@click.option("--dns", "with_dns", is_flag=True, help="Ask the DNS too: DKIM keys, SPF, DMARC.")
@click.option(
    "--resolver", "server", default=None, metavar="ADDRESS[:PORT]", help="The DNS server to ask; implies --dns."
)
@common_options
def doctor(config_path: Path, as_json: bool, now: datetime | None, with_dns: bool, server: str | None) -> None:
    """Check this installation: configuration, files, database, clock, relay. Nothing is changed or sent.

    The relay is called: TLS, login, goodbye. Exit status 1: something would keep mail or pages from readers.
    """
    findings = _findings(config_path, at(now), with_dns=with_dns or server is not None, server=server)
    if as_json:
        print_json({"findings": findings})
    else:
        _show(findings)
    leave(1 if any(finding.level == "fail" for finding in findings) else 0)


def _findings(path: Path, now: datetime, *, with_dns: bool, server: str | None) -> tuple[Finding, ...]:
    from newsletter.config import load
    from newsletter.doctor.finding import fail, ok

    try:
        config = load(path)
    except ConfigError as error:
        return tuple(fail("configuration", *_told(problem)) for problem in error.problems)
    from newsletter.doctor.examination import examine
    from newsletter.doctor.resolver import resolver

    read = ok("configuration", f"{path}: newsletters: {len(config.newsletter)}, sources: {len(config.source)}")
    return (read, *examine(config, now, resolver(server) if with_dns else None))


def _told(problem: str) -> tuple[str, str]:
    found, _, right = problem.partition("; ")
    return found, right or "see the comments of the shipped config.toml"


def _show(findings: Sequence[Finding]) -> None:
    for finding in findings:
        level = click.style(f"{finding.level:<4}", fg=_COLOURS[finding.level])
        click.echo(f"{level}  {finding.check}: {finding.found}")
        if finding.right:
            click.echo(f"      right: {finding.right}")
    counts = [sum(1 for finding in findings if finding.level == level) for level in _COLOURS]
    click.echo("{} in order, {} to look at, {} wrong".format(*counts))


@click.command()
@json_option
@config_option
def dkim(config_path: Path, as_json: bool) -> None:
    """Make the DKIM keys that are missing, and show what to put into the DNS.

    The keys are those of [delivery.dkim]. A file that is there is never changed.
    """
    from newsletter.config import load
    from newsletter.mail.records import key_name, record_of, zone_line
    from newsletter.mail.sign import load_keys

    config = load(config_path)
    if config.delivery.dkim is None:
        raise UsageError(_NO_TABLE.format(path=config_path))
    files = config.delivery.dkim.files()
    kinds = ("rsa", "ed25519")
    made = {selector: _make(path, kind) for (selector, path), kind in zip(files.items(), kinds, strict=False)}
    told: list[dict[str, Any]] = []
    for selector, key in load_keys(files).items():
        name, record = key_name(selector, config.signing_domain), record_of(key)
        told.append({"name": name, "record": record, "zone": zone_line(name, record)})
        told[-1] |= {"file": str(files[selector]), "made": made[selector]}
    if as_json:
        print_json({"keys": told})
        return
    for each in told:
        click.echo(f"; {each['file']}{' (new)' if each['made'] else ''}\n{each['zone']}")
    click.echo("; when they are published: newsletter doctor --dns", err=True)


def _make(path: Path, kind: str) -> bool:
    """Make a key in a file of mode 0600 that is not there yet; False where it is. Raises ConfigError."""
    from newsletter.mail.sign import make_key

    try:
        if os.path.lexists(path):
            return False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"delivery.dkim: {path} cannot be made ({error.strerror})") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(make_key(kind).pem)
    return True
