"""Commands about subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from newsletter.cli.base import at, common_options, config_option, json_option, opened, print_json, table


@click.group()
def subscribers() -> None:
    """Add, list and remove subscribers."""


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


@subscribers.command("remove")
@click.argument("address")
@json_option
@config_option
def subscribers_remove(config_path: Path, as_json: bool, address: str) -> None:
    """Delete a person and every subscription of theirs."""
    with opened(config_path) as app:
        removed = app.readers.forget(address)
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo("removed" if removed else "no such subscriber")
