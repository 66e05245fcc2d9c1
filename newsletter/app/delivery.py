"""Delivering, joined to one configuration: the ledger, the transports and how a claim becomes a message."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, time
from functools import cached_property, lru_cache
from threading import Event

from newsletter.app.transports import Transports
from newsletter.config import Config
from newsletter.deliver import Clerk, Post, Sender
from newsletter.engine import local
from newsletter.errors import UsageError
from newsletter.mail.merge import Addressee, merge
from newsletter.mail.sign import Signer, load_keys
from newsletter.model import (
    EVERYTHING,
    Claim,
    DeliveryState,
    Mailing,
    Message,
    Newsletter,
    Outcome,
    Pause,
    Preferences,
    Site,
    domain_scope,
    scopes_of,
)
from newsletter.pacing import Limit, Window, opens
from newsletter.store.control import Control, DeliveryRecord
from newsletter.store.database import Database, database_path
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests
from newsletter.store.generation import Generation
from newsletter.store.paces import Paces
from newsletter.store.pauses import Pauses
from newsletter.store.preferences import loads
from newsletter.store.subscribers import Subscribers
from newsletter.tokens import Tokens
from newsletter.transports.base import Transport
from newsletter.waits import Course, run
from newsletter.wishes import resting

_COPY = (
    "this database is a copy that was put back, or was moved: it may know less than was mailed. "
    "When you are sure, `newsletter deliveries resume all`"
)


class Delivery:
    """What an `App` can do with deliveries. Raises ConfigError where the keys that sign cannot be used."""

    def __init__(
        self,
        *,
        config: Config,
        site: Site,
        newsletters: Sequence[Newsletter],
        tokens: Tokens,
        database: Database,
    ) -> None:
        self._config = config
        self._site = site
        self._newsletters = {each.slug: each for each in newsletters}
        self._tokens = tokens
        self._database = database
        self._paces = Paces(
            database,
            {domain_scope(each.domain): Limit(per_minute=each.per_minute) for each in config.delivery.pace},
        )
        self._deliveries = Deliveries(database, self._paces)
        self._digests = Digests(database)
        self._subscribers = Subscribers(database)
        self._pauses = Pauses(database)
        self._control = Control(database)
        self._signer = _open_signer(config)
        path = database_path(config.store.url)
        self._generation = Generation(database, None if path is None else path.with_name(f"{path.name}.generation"))
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
        transports = Transports(self._config, self._database, clock)
        counts = local.send_all(
            lambda number: Sender(self._post, clerk, transports.open(number, stop.wait), clock),
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

    def begin(self, now: datetime) -> None:
        """Take back at once what a killed process held, and see whether this database is a copy that was put back.

        Only while `sole_process` is held. A copy is paused until `resume`, for it may know less than was mailed.
        """
        if self._generation.is_copy():
            self._pauses.add(Pause(scope=EVERYTHING, reason=_COPY, at=now))
            return
        self._generation.advance(now)
        if not self.many_machines:
            self._deliveries.recover(now, hold=self._hold)

    # -- an operator's word -------------------------------------------------------------------------------------------

    def pauses(self, now: datetime) -> tuple[Pause, ...]:
        """What is paused, by scope."""
        return self._pauses.standing(now)

    def pause(self, scope: str, reason: str, now: datetime) -> None:
        """Hold `scope` up until `resume`: `all`, a newsletter, one of its digests as NEWSLETTER/PERIOD, or `domain/NAME`.

        Raises UsageError for a newsletter that does not exist.
        """
        self._pauses.add(Pause(scope=self._scope(scope), reason=reason, at=now))

    def resume(self, scope: str, now: datetime) -> bool:
        """Let `scope` go on; False where it was not paused. For `all` of a copy: from here on it is the original."""
        if scope == EVERYTHING and self._generation.is_copy():
            self._generation.advance(now)
        return self._pauses.remove(self._scope(scope))

    def forget(self, now: datetime) -> int:
        """Forget what happened to deliveries longer ago than `delivery.keep_events_days`; how many events."""
        return self._control.forget_events(now - self._config.delivery.keep_events)

    def lift_automatic(self) -> None:
        """An operator starts a delivery by hand: what was paused of itself is tried at once."""
        self._pauses.remove_automatic()

    def list(self, digest: str | None, state: DeliveryState | None, most: int) -> tuple[DeliveryRecord, ...]:
        """The newest deliveries; `digest` is NEWSLETTER or NEWSLETTER/PERIOD."""
        newsletter, _, period = (digest or "").partition("/")
        return self._control.list(newsletter or None, period or None, state, most)

    def explain(self, address: str, digest: str) -> tuple[DeliveryRecord | None, str]:
        """The delivery of a digest to a person, and in words why there is none or what it waits for."""
        newsletter, period = self._named(digest)
        record = self._control.find(address, newsletter, period)
        return record, "" if record is not None else self._why_none(address, newsletter, period)

    def cancel(self, digest: str, now: datetime) -> int:
        """What waits of a digest is not sent; how many."""
        return self._control.cancel(*self._named(digest), now)

    def retry(self, digest: str, address: str | None, now: datetime) -> int:
        """Let go at once what waits of a digest; with `address` that person's, also where it had failed for good."""
        return self._control.retry(*self._named(digest), address, now)

    def reconcile(self, message_ids: Collection[str], rest: DeliveryState | None, now: datetime) -> tuple[int, int]:
        """Settle what is unknown: how many were found sent, and how many others became `rest`."""
        return self._control.reconcile(message_ids, rest, now)

    def _why_none(self, address: str, newsletter: str, period: str) -> str:
        if self._digests.periods(newsletter) and period not in self._digests.periods(newsletter):
            return f"{newsletter} has no digest {period} that carries anything"
        if self._subscribers.suppressed(self._tokens.address_key(address)):
            return "this address is suppressed: it bounced, complained or asked for it"
        person = self._subscribers.find(address)
        standing = None if person is None else self._subscribers.subscription(person.id, newsletter)
        if standing is None:
            return f"this address is no subscriber of {newsletter}"
        since = standing.consent.at.date().isoformat()
        return f"{standing.state} since {since}; it was not on the list when this digest was planned"

    def _named(self, digest: str) -> tuple[str, str]:
        newsletter, _, period = digest.partition("/")
        if newsletter not in self._newsletters or not period:
            raise UsageError(
                f'found "{digest}"; right would be NEWSLETTER/PERIOD such as {next(iter(self._newsletters))}/2026-11-20'
            )
        return newsletter, period

    def _scope(self, scope: str) -> str:
        if scope == EVERYTHING or scope.startswith("domain/"):
            return scope
        if "/" in scope:
            return scopes_of(*self._named(scope))[1]
        if scope not in self._newsletters:
            known = ", ".join(self._newsletters)
            raise UsageError(
                f'found "{scope}"; right would be all, a newsletter ({known}), NEWSLETTER/PERIOD or domain/NAME'
            )
        return scopes_of(scope, "")[0]

    def open_transport(self, now: datetime) -> Transport:
        """A way out for a single message."""
        return Transports(self._config, self._database, lambda: now).open()

    @cached_property
    def _post(self) -> Post:
        return Post(
            ledger=self._deliveries,
            mailings=self._digests,
            suppressions=self._subscribers,
            merge=self._merge,
            sign=None if self._signer is None else self._signing,
            address_key=self._tokens.address_key,
            lease=self._config.delivery.lease,
            max_age=self._config.delivery.max_age,
            pauses=self._pauses,
            paces=self._paces,
            hold=self._hold,
            closed=self._closed,
            resting=self._resting,
        )

    def return_path(self, newsletter: str, message_id: str) -> str:
        """What comes back tells by its address which message it is about; without `bounces.address` it goes to the sender."""
        address = self._config.bounces.address
        if address is None:
            return self._newsletters[newsletter].from_address
        return self._tokens.return_path(message_id, address)

    def signed(self, message: Message) -> Message:
        """As it leaves: with a DKIM signature, where there is a key."""
        return run(self._signing(message))

    def _signing(self, message: Message) -> Course[Message]:
        if self._signer is None:
            return message
        wire = yield from self._signer.signing(message.wire)
        return replace(message, wire=wire)

    def _closed(self, now: datetime) -> frozenset[str]:
        """The scopes of newsletters that are outside of their hours."""
        return frozenset(
            scopes_of(each.slug, "")[0]
            for each in self._newsletters.values()
            if each.send_window is not None and opens(_window(*each.send_window), each.zone, now) > now
        )

    def _resting(self, newsletter: str, preferences: str, now: datetime) -> bool:
        known = self._newsletters.get(newsletter)
        return known is not None and resting(_wished(preferences), known.zone, now)

    def _merge(self, mailing: Mailing, claim: Claim) -> Message:
        """Dated by the delivery, not by the attempt: every attempt sends the same bytes."""
        addressee = Addressee(
            subscriber=claim.subscriber,
            message_id=claim.message_id,
            unsubscribe_token=self._tokens.unsubscribe(mailing.newsletter, claim.subscriber.id),
            date=claim.created_at,
        )
        sender = self.return_path(mailing.newsletter, claim.message_id)
        return merge(mailing, addressee, site=self._site, sender=sender, choice=claim.choice)


@lru_cache(maxsize=4096)  # many readers want the same
def _wished(text: str) -> Preferences:
    return loads(text)


def _window(start: time, end: time) -> Window:
    return Window(start=start, end=end)


def _open_signer(config: Config) -> Signer | None:
    dkim = config.delivery.dkim
    return None if dkim is None else Signer(config.signing_domain, load_keys(dkim.files()))
