"""Commands about deliveries: what became of them, and what is to wait, to go on or not to be sent at all."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from newsletter.cli.base import at, common_options, config_option, json_option, leave, opened, print_json, stamp, table

if TYPE_CHECKING:
    from newsletter.store.control import DeliveryRecord

_STATES = (
    "pending",
    "sending",
    "sent",
    "deferred",
    "bounced",
    "suppressed",
    "unknown",
    "expired",
    "cancelled",
    "skipped",
)
_REASONS = {
    "nothing-chosen": "there was nothing in it that this person wants, by their preferences",
    "paused": "this person takes a break, by their preferences",
}
_MESSAGE_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")


@click.group()
def deliveries() -> None:
    """List and explain deliveries; pause, resume, cancel, retry, reconcile."""


@deliveries.command("list")
@click.argument("digest", required=False)
@click.option("--state", type=click.Choice(_STATES), default=None, help="Only these.")
@click.option("--most", type=click.IntRange(1, 100_000), default=100, show_default=True, help="So many, newest first.")
@json_option
@config_option
def deliveries_list(config_path: Path, as_json: bool, digest: str | None, state: str | None, most: int) -> None:
    """List deliveries by number, never by address. DIGEST is NEWSLETTER or NEWSLETTER/PERIOD."""
    from newsletter.model import DeliveryState

    with opened(config_path) as app:
        found = app.delivery.list(digest, None if state is None else DeliveryState(state), most)
    if as_json:
        print_json({"deliveries": found})
        return
    rows = [
        (r.id, f"{r.newsletter}/{r.period}", r.domain, r.state, r.attempts, r.reason or _reply(r), _when(r))
        for r in found
    ]
    table("Deliveries", ("number", "digest", "domain", "state", "attempts", "reply", "when"), rows)


@deliveries.command("explain")
@click.argument("address")
@click.argument("digest")
@json_option
@config_option
def deliveries_explain(config_path: Path, as_json: bool, address: str, digest: str) -> None:
    """Tell what became of DIGEST (NEWSLETTER/PERIOD) for one person, step by step, or why there was nothing."""
    with opened(config_path) as app:
        record, why = app.delivery.explain(address, digest)
    if as_json:
        print_json({"delivery": record, "why": why or None})
    elif record is None:
        click.echo(f"no delivery: {why}")
    else:
        click.echo(f"delivery {record.id} of {record.newsletter}/{record.period}: {record.state}, {_attempts(record)}")
        if record.reason is not None:
            click.echo(f"skipped: {_REASONS.get(record.reason, record.reason)}")
        click.echo(f"Message-ID: {record.message_id}")
        if record.ambiguous:
            click.echo("one attempt was left open: the message may have arrived twice, with one Message-ID")
        if record.next_at is not None:
            click.echo(f"next: {stamp(record.next_at)}")
        rows = [(event.at, event.kind, event.code or "", event.enhanced or "") for event in record.events]
        table("Events", ("when", "what", "reply", "code"), rows)
    leave(0 if record is not None else 1)


@deliveries.command("pause")
@click.argument("scope")
@click.option("--reason", default="an operator's word", help="Why, for whoever looks next.")
@common_options
def deliveries_pause(config_path: Path, as_json: bool, now: datetime | None, scope: str, reason: str) -> None:
    """Hold deliveries up until `resume`. SCOPE: all, NEWSLETTER, NEWSLETTER/PERIOD or domain/NAME."""
    with opened(config_path) as app:
        app.delivery.pause(scope, reason, at(now))
        paused = app.delivery.pauses(at(now))
    if as_json:
        print_json({"paused": paused})
    else:
        table(
            "Paused",
            ("scope", "since", "until", "reason"),
            [(p.scope, p.at, p.until or "resumed", p.reason) for p in paused],
        )


@deliveries.command("resume")
@click.argument("scope")
@common_options
def deliveries_resume(config_path: Path, as_json: bool, now: datetime | None, scope: str) -> None:
    """Let what was paused go on. For `all` of a database that was put back: send from it again."""
    with opened(config_path) as app:
        app.readers.erase_again(at(now))
        resumed = app.delivery.resume(scope, at(now))
    _told(as_json, {"resumed": resumed}, "resumed" if resumed else "it was not paused")


@deliveries.command("cancel")
@click.argument("digest")
@common_options
def deliveries_cancel(config_path: Path, as_json: bool, now: datetime | None, digest: str) -> None:
    """Send no more of DIGEST (NEWSLETTER/PERIOD); what is on its way still arrives."""
    with opened(config_path) as app:
        number = app.delivery.cancel(digest, at(now))
    _told(as_json, {"cancelled": number}, f"{number} cancelled")


@deliveries.command("retry")
@click.argument("digest")
@click.option("--address", default=None, help="Only this person's, also where it had failed for good.")
@common_options
def deliveries_retry(config_path: Path, as_json: bool, now: datetime | None, digest: str, address: str | None) -> None:
    """Try what waits of DIGEST (NEWSLETTER/PERIOD) at the next `deliver`."""
    with opened(config_path) as app:
        number = app.delivery.retry(digest, address, at(now))
    _told(as_json, {"retried": number}, f"{number} will be tried")


@deliveries.command("reconcile")
@click.option(
    "--sent",
    "log",
    type=click.File(encoding="utf-8", errors="replace"),
    default=None,
    help="The relay's log, or a list: whoever's Message-ID is in it got the message.",
)
@click.option(
    "--rest",
    type=click.Choice(["sent", "resend"]),
    default=None,
    help="What the others are to be; left out, they stay unknown.",
)
@common_options
def deliveries_reconcile(
    config_path: Path, as_json: bool, now: datetime | None, log: TextIO | None, rest: str | None
) -> None:
    """Settle deliveries whose fate a crash left unknown."""
    from newsletter.model import DeliveryState

    named = set() if log is None else {found for line in log for found in _MESSAGE_ID.findall(line)}
    others = {None: None, "sent": DeliveryState.SENT, "resend": DeliveryState.PENDING}[rest]
    with opened(config_path) as app:
        sent, settled = app.delivery.reconcile(named, others, at(now))
    _told(as_json, {"sent": sent, "others": settled}, f"{sent} found sent, {settled} others settled")


def _told(as_json: bool, value: dict[str, Any], line: str) -> None:
    if as_json:
        print_json(value)
    else:
        click.echo(line)


def _attempts(record: DeliveryRecord) -> str:
    return f"{record.attempts} attempt{'' if record.attempts == 1 else 's'}"


def _reply(record: DeliveryRecord) -> str:
    return " ".join(str(part) for part in (record.code, record.enhanced) if part is not None)


def _when(record: DeliveryRecord) -> str:
    moment = record.sent_at or record.next_at
    return "" if moment is None else stamp(moment)
