"""A worker as a process of its own, which a test may kill: real ledger, real senders, real SMTP, real queue.

Arguments: the database's URL, the SMTP server's port, and the lease in seconds. SIGTERM ends it in good order.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
from datetime import UTC, datetime, timedelta
from threading import Event

from newsletter.deliver import Clerk, Post, Sender
from newsletter.engine.local import send_all
from newsletter.engine.procrastinate import Pace, Work, run
from newsletter.model import Claim, Mailing, Message
from newsletter.model.wire import Wire
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.paces import Paces
from newsletter.store.pauses import Pauses
from newsletter.store.subscribers import Subscribers
from newsletter.transports.smtp import Relay, Smtp

SENDERS = 2  # open connections of one worker

#: Nothing ticks: a message that leaves does so because of a sweep.
PACE = Pace(
    tick="0 0 29 2 *",
    sweep="* * * * * *",
    lanes=8,
    heartbeat=timedelta(seconds=0.5),
    stalled=timedelta(seconds=2),
    pause=timedelta(seconds=0.2),
)


def merge(mailing: Mailing, claim: Claim) -> Message:
    data = (
        f"From: news@example.org\r\nTo: {claim.subscriber.address}\r\nSubject: {mailing.subject}\r\n"
        f"Date: Fri, 20 Nov 2026 07:00:00 +0000\r\nMessage-ID: {claim.message_id}\r\n\r\nHello.\r\n"
    )
    return Message(
        sender="news@example.org",
        recipient=claim.subscriber.address,
        message_id=claim.message_id,
        wire=Wire.of(data.encode()),
    )


def make_post(database: Database, lease: timedelta) -> Post:
    return Post(
        ledger=Deliveries(database),
        mailings=Digests(database),
        suppressions=Subscribers(database),
        pauses=Pauses(database),
        paces=Paces(database),
        merge=merge,
        address_key=lambda address: f"key of {address}",
        lease=lease,
        max_age=timedelta(days=4),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def send_due(post: Post, port: int, stop: Event) -> int:
    """Send until nothing is due, on one connection; how many ended."""
    clerk = Clerk(post, secrets.token_hex(8), _now)
    relay = Relay(host="127.0.0.1", port=port, security="none", helo_name=f"worker-{os.getpid()}.example.org")
    counts = send_all(lambda _: Sender(post, clerk, Smtp(relay), _now), senders=1, stop=stop, told=lambda _: None)
    return counts.total()


def main(url: str, port: str, lease: str) -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    database = open_database(url)
    post = make_post(database, timedelta(seconds=float(lease)))
    work = Work(
        tick=lambda: None,
        send=lambda: send_due(post, int(port), stop),
        due=lambda: Deliveries(database).due(_now()),
    )
    run(url, work, senders=SENDERS, stop=stop, pace=PACE)
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
