"""What needs an operator's hand, each with what to do: the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from newsletter.app import App, Status
from newsletter.config import Config
from newsletter.model import DeliveryState, Pause, SourceRun
from newsletter.web.metrics import readiness

OLD = timedelta(days=7)  #: a document that has been in quarantine so long is forgotten
UNREAD = timedelta(hours=2)  #: so long may nobody have looked into the mailbox of bounces


class Hand(NamedTuple):
    """What is wrong, what would help, and the command for it. `urgent`: mail does not go out as it should."""

    what: str
    help: str
    command: str = ""
    urgent: bool = True


def hands(app: App, told: Status, now: datetime) -> tuple[Hand, ...]:
    """All of it. Raises StoreError."""
    runs = tuple(run for _, run in app.sources() if run is not None)
    found = (
        *not_ready(readiness(app, now), told),
        *held_up(told),
        *paused(told.paused),
        *unsettled(told),
        *unread(app.config, app.incoming.last_read(), now),
        *unsigned(app.config),
        *unusable(told, runs, now),
    )
    return tuple(sorted(found, key=lambda hand: not hand.urgent))  # stable: otherwise in this order


def not_ready(lines: Sequence[str], told: Status) -> Iterator[Hand]:
    if told.refusal:
        yield Hand(told.refusal, "Look at the clock. If it is right:", "newsletter publish --catch-up")
    for line in lines:
        helping = "Does the process live? Its log says what it does. What else may be wrong:"
        yield Hand(f"{line[0].upper()}{line[1:]}.", helping, "newsletter doctor")


def held_up(told: Status) -> Iterator[Hand]:
    for each in told.newsletters:
        if each.refused:
            what = f"A digest of {each.newsletter.title} is refused: {each.refused}"
            yield Hand(what, "It stays due. Mend what it says, and then:", "newsletter publish")


def paused(pauses: Sequence[Pause]) -> Iterator[Hand]:
    for each in pauses:
        until = "" if each.until is None else f" until {each.until:%Y-%m-%d %H:%M} UTC"
        helping = "It goes on by itself" if each.until is not None else "It waits for your word"
        scope = each.scope.removeprefix("newsletter/").removeprefix("digest/")
        yield Hand(
            f"Paused since {each.at:%Y-%m-%d %H:%M} UTC{until}: {each.scope}. {each.reason}",
            f"{helping}. To let it go on now:",
            f"newsletter deliveries resume {scope}",
            urgent=each.until is None or not each.scope.startswith("domain/"),
        )


def unsettled(told: Status) -> Iterator[Hand]:
    for each in told.newsletters:
        number = each.deliveries.get(DeliveryState.UNKNOWN, 0)
        if number:
            yield Hand(
                f"{each.newsletter.title}: of {number:,} deliveries nobody knows whether they were sent.",
                "Look for them in the relay's log, and say what was sent: newsletter deliveries reconcile. Which they are:",
                "newsletter deliveries list --state unknown",
            )


def unread(config: Config, last: datetime | None, now: datetime) -> Iterator[Hand]:
    """Whether somebody looks at what comes back."""
    if config.bounces.address is not None and config.bounces.maildir is None and config.bounces.imap is None:
        yield Hand(
            "Bounces have an address, and no mailbox is read.",
            "Name the mailbox in [bounces], or let the mail server pipe what comes into:",
            "newsletter bounces --stdin",
            urgent=False,
        )
    elif config.bounces.address is not None and (last is None or now - last > UNREAD):
        since = "has never been read" if last is None else f"was last read at {last:%Y-%m-%d %H:%M} UTC"
        yield Hand(
            f"The mailbox of bounces {since}.", "What is wrong with it, says:", "newsletter bounces", urgent=False
        )


def unsigned(config: Config) -> Iterator[Hand]:
    if config.delivery.transport in {"smtp", "sendmail"} and config.delivery.dkim is None:
        yield Hand(
            "Mail leaves without a signature (DKIM).",
            "If your relay does not sign for you, make keys (docs/operating.md, Keys and the DNS):",
            "newsletter dkim",
            urgent=False,
        )


def unusable(told: Status, runs: Sequence[SourceRun], now: datetime) -> Iterator[Hand]:
    for run in runs:
        if run.problem is not None:
            what = f"The source {run.source} cannot be read: {run.problem}"
            yield Hand(what, "It is asked again with every tick, or at once:", "newsletter ingest", urgent=False)
    old = sum(1 for each in told.quarantined if now - each.at > OLD)
    if old:
        documents = "One document has" if old == 1 else f"{old} documents have"
        yield Hand(
            f"{documents} been in quarantine for more than {OLD.days} days.",
            "Mend or drop them:",
            "newsletter quarantine list",
            urgent=False,
        )
