"""Delivering, joined to one configuration: the ledger, the transports and how a claim becomes a message."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Event

from newsletter.config import Config, read_smtp_password
from newsletter.deliver import Clerk, Post, Sender
from newsletter.engine import local
from newsletter.mail.merge import Addressee, merge
from newsletter.model import Claim, Mailing, Message, Outcome, Site
from newsletter.store.database import Database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.pauses import Pauses
from newsletter.store.subscribers import Subscribers
from newsletter.tokens import Tokens
from newsletter.transports.base import Transport
from newsletter.transports.maildir import Maildir
from newsletter.transports.smtp import Relay, Smtp


class Delivery:
    """What an `App` can do with deliveries. `senders`: newsletter -> the address that its emails come from."""

    def __init__(
        self, *, config: Config, site: Site, senders: Mapping[str, str], tokens: Tokens, database: Database
    ) -> None:
        self._config = config
        self._site = site
        self._senders = senders
        self._tokens = tokens
        self._deliveries = Deliveries(database)
        self._digests = Digests(database)
        self._subscribers = Subscribers(database)
        self._pauses = Pauses(database)
        self._hold = config.delivery.after_crash == "hold"

    def due(self, now: datetime) -> int:
        """How many deliveries could be sent now."""
        return self._deliveries.due(now)

    def counts(self) -> dict[str, dict[str, int]]:
        """Newsletter -> state -> number of deliveries."""
        return self._deliveries.counts()

    def send(
        self, clock: Callable[[], datetime], *, stop: Event, told: Callable[[Outcome], None], senders: int | None = None
    ) -> Counter[str]:
        """Send everything that is due, on as many connections as configured; how many deliveries ended in each state.

        Raises RelayFailure where it must stop.
        """
        clerk = Clerk(self._post, secrets.token_hex(8), clock)
        counts = local.send_all(
            lambda _: Sender(self._post, clerk, self.open_transport(), clock),
            senders=senders or self._config.delivery.senders,
            stop=stop,
            told=told,
        )
        self._digests.close_finished()
        return counts

    def sole_process(self) -> AbstractContextManager[None]:
        """Prove that no other process of this machine delivers, and take back what a killed one held.

        On PostgreSQL other machines may deliver too, so there leases decide.
        """
        path = database_path(self._config.store.url)
        return nullcontext() if path is None else local.sole_process(path.with_name(f"{path.name}.lock"))

    @property
    def many_machines(self) -> bool:
        """Whether other machines may share the work."""
        return database_path(self._config.store.url) is None

    def recover(self, now: datetime) -> int:
        """Take back at once what a killed process held. Only while `sole_process` is held."""
        return 0 if self.many_machines else self._deliveries.recover(now, hold=self._hold)

    def open_transport(self) -> Transport:
        delivery = self._config.delivery
        if delivery.transport == "maildir":
            return Maildir(Path(delivery.maildir.folder))
        smtp = delivery.smtp
        return Smtp(
            Relay(
                host=smtp.host,
                port=smtp.port,
                security=smtp.security,
                username=smtp.username,
                password=read_smtp_password(self._config),
                helo_name=smtp.helo_name,
                ca_file=Path(smtp.ca_file) if smtp.ca_file else None,
            )
        )

    @cached_property
    def _post(self) -> Post:
        return Post(
            ledger=self._deliveries,
            mailings=self._digests,
            suppressions=self._subscribers,
            merge=self._merge,
            address_key=self._tokens.address_key,
            lease=self._config.delivery.lease,
            max_age=self._config.delivery.max_age,
            pauses=self._pauses,
            hold=self._hold,
        )

    def _merge(self, mailing: Mailing, claim: Claim) -> Message:
        """Dated by the delivery, not by the attempt: every attempt sends the same bytes."""
        addressee = Addressee(
            subscriber=claim.subscriber,
            message_id=claim.message_id,
            unsubscribe_token=self._tokens.unsubscribe(mailing.newsletter, claim.subscriber.id),
            date=claim.created_at,
        )
        return merge(mailing, addressee, site=self._site, sender=self._senders[mailing.newsletter])


def database_path(url: str) -> Path | None:
    """The file of a SQLite database; None for another kind."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
