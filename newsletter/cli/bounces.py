"""The command about mail that comes back: bounces, complaints and requests to leave."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.cli.base import at, common_options, leave, opened, print_json, progress, stop_on_signal, table
from newsletter.errors import NewsletterError, UsageError

if TYPE_CHECKING:
    from newsletter.app import App
    from newsletter.bounces import Tally
    from newsletter.model.incoming import BounceCount

_TRY_AGAIN = 75  #: EX_TEMPFAIL of sysexits.h: the mail server keeps the message and calls again

_MEANINGS = {
    "hard": "the address is dead: it gets nothing any more",
    "soft": "the mailbox is full or out of reach: counted",
    "policy": "the recipient's server mistrusts us: nobody is to blame but we",
    "message": "the message was too large or in a form that is not taken",
    "complaint": "called spam: unsubscribed, and it gets nothing any more",
    "unsubscribed": "asked to leave, by mail",
    "delayed": "still being tried: nothing to do",
    "automatic": "an answer that nobody wrote: nothing to do",
    "repeated": "told before: nothing changed",
    "forged": "a return address that is not ours: nothing changed",
    "unknown-delivery": "names a message that the ledger does not know: nothing changed",
    "not-sent": "names a message that has not left: nothing changed",
    "too-early": "the message is just being sent: read again later",
    "unnamed": "does not say which message came back: for a person to read",
    "unclear": "no report of a known form: for a person to read",
}


@click.command()
@click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read one message from standard input, for a mail server's alias."
)
@click.option("--recipient", default="", help="With --stdin: whom the message was sent to, by its envelope.")
@click.option("--summary", is_flag=True, help="Read nothing; show what came back in the last 30 days, by mail domain.")
@common_options
def bounces(
    config_path: Path, as_json: bool, now: datetime | None, from_stdin: bool, recipient: str, summary: bool
) -> None:
    """Act on bounces, complaints and requests to leave that wait in the mailbox of [bounces].

    With --stdin the exit status is 0, or 75 where the mail server is to keep the message and try again.
    """
    if from_stdin:
        leave(_piped(config_path, recipient, now))
    with opened(config_path) as app:
        if summary:
            _tell_domains(app.incoming.by_domain(at(now)), as_json=as_json)
            return
        tally = _take_in(app, now)
    if as_json:
        print_json({"counts": tally.counts, "domains": tally.domains, "for_a_person": tally.for_a_person})
    else:
        _tell(tally)
    leave(1 if tally.for_a_person or tally.counts["policy"] else 0)


def _take_in(app: App, now: datetime | None) -> Tally:
    from newsletter import clock

    if not app.incoming.configured:
        raise UsageError(
            "bounces: the configuration names no mailbox; it should have bounces.maildir or [bounces.imap]"
        )
    stop = stop_on_signal()
    with progress(app.incoming.waiting(), "reading") as advance:
        return app.incoming.take_in(
            clock.now if now is None else lambda: now, told=lambda _: advance(), stopped=stop.is_set
        )


def _piped(config_path: Path, recipient: str, now: datetime | None) -> int:
    """Whatever goes wrong is no reason to lose the message: its mail server keeps it."""
    from newsletter import clock

    try:
        with opened(config_path) as app:
            taken = app.incoming.take_in_stream(sys.stdin.buffer, recipient, clock.now if now is None else lambda: now)
    except NewsletterError as error:
        click.echo(f"newsletter: {error.message}", err=True)
        return _TRY_AGAIN
    return 0 if taken else _TRY_AGAIN


def _tell(tally: Tally) -> None:
    rows = [(word, number, _MEANINGS[word]) for word, number in sorted(tally.counts.items())]
    table("Came back", ("what", "number", "meaning"), rows)
    for domain, number in sorted(tally.domains.items()):
        click.secho(f"{domain}: {number} refused for its policy, or complained", fg="yellow", err=True)
    if tally.for_a_person:
        click.secho(f"{tally.for_a_person} left in the mailbox, flagged, for a person to read", fg="yellow", err=True)


def _tell_domains(counts: Sequence[BounceCount], *, as_json: bool) -> None:
    if as_json:
        print_json({"domains": counts})
    else:
        rows = [(each.domain, each.kind.value, each.number) for each in counts]
        table("Came back in the last 30 days", ("domain", "what", "number"), rows)
