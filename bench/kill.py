"""Count, under kill -9 in the middle of sending, who is lost and who gets a message twice.

    python bench/kill.py --kills 1000 --messages 100000 --connections 10 [--seed N]

A process like the one that an installation runs (the ledger in SQLite, synchronous=FULL, real mailings, SMTP) sends to a
server on this machine and is killed at a random moment; the next one takes over. The verdict is the server's: it appends
the Message-ID of every message to a file before it says that it takes it. Lost is who is not in that file in the end;
a duplicate is a Message-ID too many. At most one for each open connection and kill is promised.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread

from mail import NEWSLETTER, SITE, TEMPLATES, digest_of

from newsletter.deliver import Clerk, Post, Sender
from newsletter.engine.local import send_all
from newsletter.mail.compile import compile_mailing
from newsletter.mail.merge import Addressee, merge
from newsletter.mail.sign import Signer
from newsletter.model import (
    Accepted,
    Claim,
    Mailing,
    Message,
    NewDelivery,
    NewDigest,
    Terms,
)
from newsletter.store import schema
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.paces import Paces
from newsletter.store.pauses import Pauses
from newsletter.store.rows import driver_moment, write_rows
from newsletter.store.subscribers import Subscribers
from newsletter.tokens import Tokens
from newsletter.transports.smtp import Relay, Smtp
from newsletter.waits import Course

NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)
TOKENS = Tokens(["0123456789abcdef0123456789abcdef"])
ARTICLES = 3
_MESSAGE_ID = re.compile(rb"^Message-ID: *(\S+)", re.IGNORECASE | re.MULTILINE)


class Witness(asyncio.Protocol):
    """A server that takes everything, and writes it down before it says so."""

    def __init__(self, log: int) -> None:
        self._log = log
        self._heard = bytearray()
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 witness\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while True:
            end = self._heard.find(b"\r\n.\r\n" if self._in_data else b"\r\n")
            if end < 0:
                return
            length = 5 if self._in_data else 2
            self._said(bytes(self._heard[: end + length]))
            del self._heard[: end + length]

    def _said(self, said: bytes) -> None:
        if self._in_data:
            self._in_data = False
            found = _MESSAGE_ID.search(said)
            assert found is not None
            os.write(self._log, found[1] + b"\n")
            self._transport.write(b"250 2.0.0 taken\r\n")
            return
        verb = said[:4].upper()
        if verb == b"DATA":
            self._in_data = True
        answers = {b"EHLO": b"250-witness\r\n250-PIPELINING\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n"}
        self._transport.write(answers.get(verb, b"250 2.0.0 ok\r\n"))
        if verb == b"QUIT":
            self._transport.close()


def listen(log: int) -> int:
    """Start the witness in a thread of its own; its port."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    serving = asyncio.run_coroutine_threadsafe(loop.create_server(lambda: Witness(log), "127.0.0.1", 0), loop)
    port: int = serving.result().sockets[0].getsockname()[1]
    return port


def prepare(url: str, messages: int) -> None:
    """A digest with so many deliveries."""
    database = open_database(url)
    digest = digest_of(ARTICLES)
    Articles(database).save_all([Accepted(article=placed.article, raw_hash="hash") for placed in digest.placed])
    people = [f"s{number:07d}" for number in range(messages)]
    _subscribe(database, people)
    new = NewDigest(
        digest=digest,
        mailing=compile_mailing(digest, SITE, TEMPLATES),
        deliveries=tuple(
            NewDelivery(
                subscriber_id=person,
                message_id=TOKENS.message_id(NEWSLETTER.slug, digest.planned.period, person, "example.org"),
                domain="example.org",
            )
            for person in people
        ),
    )
    Digests(database).add([new], NOW)
    database.close()


def _subscribe(database: Database, people: Sequence[str]) -> None:
    """In one transaction: one by one they would take longer than a thousand kills."""
    names = ("subscriber_id", "newsletter", "state", "consent_text", "consent_at", "consent_source")
    with database.begin() as connection:
        addresses = [(person, f"reader{number}@example.org") for number, person in enumerate(people)]
        moment = driver_moment(connection, NOW)
        write_rows(connection, schema.subscriber.insert(), [(key, name, name, "") for key, name in addresses])
        confirmed = [(key, NEWSLETTER.slug, "confirmed", "bench", moment, "operator") for key in people]
        write_rows(connection, schema.subscription.insert(), confirmed, names)


def clock() -> datetime:
    return datetime.now(UTC)


def send(url: str, port: int, connections: int, signer: Signer | None = None) -> None:
    """What a process of an installation does; it ends when nothing is left."""
    database = open_database(url)
    ledger = Deliveries(database)
    ledger.recover(clock())
    post = Post(
        ledger=ledger,
        mailings=Digests(database),
        suppressions=Subscribers(database),
        pauses=Pauses(database),
        paces=Paces(database),
        merge=to_message,
        sign=None if signer is None else partial(signing, signer),
        address_key=TOKENS.address_key,
        lease=timedelta(minutes=15),
        max_age=timedelta(days=4),
    )
    clerk = Clerk(post, secrets.token_hex(8), clock)
    relay = Relay(host="127.0.0.1", port=port, security="none", helo_name="bench.example.org")
    print("ready", flush=True)
    send_all(
        lambda _: Sender(post, clerk, Smtp(relay), clock),
        senders=connections,
        stop=Event(),
        told=lambda _: None,
    )


def signing(signer: Signer, message: Message) -> Course[Message]:
    wire = yield from signer.signing(message.wire)
    return replace(message, wire=wire)


def to_message(mailing: Mailing, claim: Claim) -> Message:
    addressee = Addressee(
        subscriber=claim.subscriber,
        message_id=claim.message_id,
        unsubscribe_token=TOKENS.unsubscribe(mailing.newsletter, claim.subscriber.id),
        date=claim.created_at,
    )
    return merge(mailing, addressee, site=SITE, sender=NEWSLETTER.from_address)


def sample(url: str) -> bytes:
    """A message as it would go out, from the newest digest."""
    database = open_database(url)
    terms = Terms(owner="sample", lease=timedelta(minutes=15), address_key=TOKENS.address_key)
    with_claim = Deliveries(database).claim(terms, NOW)
    assert with_claim is not None
    data = to_message(Digests(database).mailing(with_claim.digest_id), with_claim).data
    Deliveries(database).recover(NOW)
    database.close()
    return data


def begin(url: str, port: int, connections: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--child", url, str(port), str(connections)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def logged(log: Path) -> int:
    return log.stat().st_size // _LINE


_TELL = 25  #: kills between two lines that tell how far it has come
_LINE = len("<abcdefghijklmnopqrstuvwxyz@example.org>\n")


def kill_again_and_again(url: str, port: int, log: Path, options: argparse.Namespace) -> int:
    """Kill a sender each time that about as many messages have left as are due for one kill; how many kills."""
    draw = random.Random(options.seed)
    share = options.messages / (options.kills + 1)
    begun = time.monotonic()
    kills = 0
    while kills < options.kills:
        process = begin(url, port, options.connections)
        aim = min((kills + draw.uniform(0.5, 1.5)) * share, options.messages - options.connections * 2)
        while logged(log) < aim and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(draw.uniform(0, 0.004))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            break
        kills += 1
        if kills % _TELL == 0:
            print(f"{kills} kills, {logged(log)} messages, {time.monotonic() - begun:.0f} s", flush=True)
    return kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log, url = Path(folder) / "witness.log", f"sqlite:///{folder}/newsletter.db"
        prepare(url, options.messages)
        with log.open("ab", buffering=0) as file:
            port = listen(file.fileno())
            kills = kill_again_and_again(url, port, log, options)
            begin(url, port, options.connections).wait(timeout=3600)
        seen = Counter(log.read_bytes().split())
        database = open_database(url)
        told = Deliveries(database).counts()[NEWSLETTER.slug]
        database.close()
    lost = options.messages - len(seen)
    duplicates = sum(seen.values()) - len(seen)
    bound = kills * options.connections
    print(
        f"KILLS={kills} MESSAGES={options.messages} LOST={lost} DUPLICATES={duplicates} FORCED=0 SEED={options.seed}"
        f"  (promised: at most {bound}; {duplicates / max(kills, 1):.2f} a kill; the ledger says {told})"
    )
    sys.exit(1 if lost or duplicates > bound or told != {"sent": options.messages} else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        assert threading.active_count() == 1
    else:
        main()
