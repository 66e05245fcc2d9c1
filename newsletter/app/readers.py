"""What readers do for themselves, joined to one configuration: sign up, confirm, change, take their data, be forgotten."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import Connection

from newsletter import subscribe
from newsletter.app.delivery import Delivery
from newsletter.app.rosters import Entry, Refusal, Roster
from newsletter.config import Config
from newsletter.errors import (
    FormError,
    MailError,
    NewsletterError,
    RelayFailure,
    TemplateError,
    TokenError,
    TransportError,
)
from newsletter.mail import wording
from newsletter.mail.merge import Addressee, merge
from newsletter.mail.note import compile_note
from newsletter.model import (
    Answer,
    Choice,
    Consent,
    Known,
    Mailing,
    Message,
    NewNote,
    Newsletter,
    NoteClaim,
    NoteKind,
    NoteOutcome,
    Preferences,
    Request,
    Site,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.store.arrivals import Arrival, Arrivals
from newsletter.store.database import Database
from newsletter.store.erasures import Erasures
from newsletter.store.notes import Notes, NoteTerms
from newsletter.store.persons import Persons
from newsletter.store.requests import Requests
from newsletter.store.sent_notes import SentNotes
from newsletter.store.subscribers import Subscribers
from newsletter.templating import Templates
from newsletter.tokens import CONFIRMATION_LIFE, SEVERAL, Tokens, confirmation_hash, new_confirmation
from newsletter.transports.base import Transport

LINES_TOLD = 2000  #: so many lines of a file are entered in one transaction

_MAILINGS_KEPT = 100
_AT_ONCE = 200  #: so many requests are answered in one transaction
_NOT_BROUGHT = {
    Arrival.LEFT: "a consent that is newer than the day on which they left",
    Arrival.SUPPRESSED: "an address that may be mailed; this one bounced, complained or asked for it",
}
_GONE = "this link belongs to nobody; the address may have been deleted"
_CHOSEN = "Chosen on the page of preferences, which was opened by a link in a mail to this address."


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A reader as the page of preferences shows them. `subscriptions` are by newsletter, ended ones included."""

    subscriber: Subscriber
    subscriptions: Mapping[str, Subscription]


@dataclass(slots=True)
class TakenIn:
    """What an import did. `counts` are of subscriptions: `added`, `renewed`, `there`; and of lines: `other-newsletters`."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)


class Readers:
    """What an `App` can do for readers. Every method raises StoreError where the database refuses."""

    def __init__(
        self,
        *,
        config: Config,
        site: Site,
        newsletters: Sequence[Newsletter],
        tokens: Tokens,
        database: Database,
        templates: Templates,
        delivery: Delivery,
    ) -> None:
        self._config = config
        self._site = site
        self._newsletters = {each.slug: each for each in newsletters}
        self._tokens = tokens
        self._templates = templates
        self._delivery = delivery
        self._subscribers = Subscribers(database)
        self._requests = Requests(database)
        self._notes = Notes(database)
        self._sent_notes = SentNotes(database)
        self._persons = Persons(database)
        self._erasures = Erasures(database, Path(config.store.erased))
        self._arrivals = Arrivals(database)
        self._mailings: dict[tuple[object, ...], Mailing] = {}

    @property
    def open(self) -> bool:
        """Whether people can sign up."""
        return self._config.subscribe.open

    # -- signing up ---------------------------------------------------------------------------------------------------

    def ask(
        self,
        *,
        newsletters: Sequence[str],
        address: str,
        preferences: Preferences,
        consent: str,
        source: str,
        now: datetime,
    ) -> None:
        """Take a request down. It costs the same whatever the address is, and nothing is sent from here.

        `consent` is the text that was agreed to. Raises FormError for what a form must show again.
        """
        request = subscribe.new_request(
            address=address,
            newsletters=newsletters,
            preferences=preferences,
            consent=Consent(text=consent, at=now, source=source),
            known=self._newsletters if self.open else (),
        )
        self._requests.add(request, self._tokens.person_key(request.address))

    def answer(self, now: datetime) -> Counter[str]:
        """Decide about every request that waits, and queue what is to be sent; how many of each `Answer`."""
        self._persons.wipe_again()
        self._requests.purge(now - subscribe.REQUEST_LIFE, now)
        self._sent_notes.purge(now - subscribe.SENT_NOTE_LIFE)
        counts: Counter[str] = Counter()
        while True:
            told = self._requests.answer(
                partial(self._decide, now),
                self._tokens.address_key,
                most_an_hour=self._config.subscribe.most_an_hour,
                most=_AT_ONCE,
                now=now,
            )
            counts.update({word.value: number for word, number in told.items()})
            if told.total() < _AT_ONCE or Answer.WAIT in told:
                return counts

    def _decide(self, now: datetime, request: Request, known: Known, braked: bool) -> Answer:
        restraint = self._config.subscribe.restraint
        return subscribe.answer(
            request, known, newsletters=self._newsletters, restraint=restraint, braked=braked, now=now
        )

    def request_of(self, token: str, now: datetime) -> Request:
        """What a link would confirm. Changes nothing. Raises TokenError for one that is unknown, too old or used."""
        request = self._requests.find(confirmation_hash(token), now)
        if request is None:
            raise TokenError("the link was used already, or is too old")
        return request

    def confirm(self, token: str, now: datetime) -> Request:
        """Begin what was asked for, once. Raises TokenError as `request_of` does."""
        request = self._requests.confirm(
            confirmation_hash(token),
            lambda request: subscribe.confirmed(request, self._newsletters, now),
            welcome=self._config.subscribe.welcome,
            now=now,
        )
        if request is None:
            raise TokenError("the link was used already, or is too old")
        return request

    # -- leaving ------------------------------------------------------------------------------------------------------

    def newsletter_of(self, token: str) -> Newsletter:
        """Which newsletter an unsubscribe link is about. Changes nothing. Raises TokenError."""
        return self._named(self._tokens.read_unsubscribe(token).newsletters)

    def unsubscribe(self, token: str, now: datetime) -> Newsletter:
        """End the subscription that a link names; twice is no error, nor is the link of somebody who was erased.

        Raises TokenError for a link that is not ours.
        """
        (newsletter,) = self.unsubscribe_all([token], now)
        if newsletter is None:
            raise TokenError("this link was not made here")
        return newsletter

    def unsubscribe_all(self, tokens: Sequence[str], now: datetime) -> list[Newsletter | None]:
        """The same for many links in one transaction: for each the newsletter, None where the link is not ours."""
        named = [self._leaving(token) for token in tokens]
        pairs = list(dict.fromkeys(pair for pairs in named for pair in pairs))
        if not pairs:
            return [None] * len(tokens)
        stood = dict(zip(pairs, self._subscribers.unsubscribe_all(pairs, now), strict=True))
        ended = [pair for pair, was_there in stood.items() if was_there]
        self._say_goodbye(ended, now)
        return [self._named([slug for _, slug in pairs]) if pairs else None for pairs in named]

    def _leaving(self, token: str) -> tuple[tuple[str, str], ...]:
        """Subscriber and newsletter, for each that a link ends; none where it is not ours."""
        try:
            named = self._tokens.read_unsubscribe(token)
        except TokenError:
            return ()
        return tuple((named.subscriber_id, slug) for slug in named.newsletters if slug in self._newsletters)

    def _named(self, slugs: Sequence[str]) -> Newsletter:
        """The newsletters of a link, as if they were one."""
        known = [self._newsletters[slug] for slug in slugs if slug in self._newsletters]
        if not known:
            raise TokenError("this link is about a newsletter that there is no more")
        return wording.together(self._templates.words, known)

    def _say_goodbye(self, ended: Sequence[tuple[str, str]], now: datetime) -> None:
        """`ended` are subscribers with the newsletters that they left."""
        if self._config.subscribe.goodbye and ended:
            self._notes.add(
                [
                    NewNote(kind=NoteKind.GOODBYE, newsletters=(slug,), subscriber_id=subscriber_id)
                    for subscriber_id, slug in ended
                ],
                now,
            )

    # -- preferences --------------------------------------------------------------------------------------------------

    def ask_preferences(self, token: str, now: datetime) -> None:
        """Send a link to their preferences to whom an unsubscribe link belongs, once an hour at most, and silently.

        Whoever was erased gets nothing, which nobody is told either. Raises TokenError for a link that is not ours.
        """
        named = self._tokens.read_unsubscribe(token)
        self._named(named.newsletters)
        person = self._subscribers.person(named.subscriber_id)
        if person is None:
            return
        note = NewNote(kind=NoteKind.PREFERENCES, newsletters=named.newsletters, subscriber_id=person.id)
        self._notes.add_once(note, self._preferences_scope(person.address), subscribe.PREFERENCES_GAP, now)

    def person(self, token: str, now: datetime) -> Person:
        """Whose preferences a link opens. Raises TokenError for one that is not ours, is too old or is nobody's."""
        subscriber = self._someone(self._tokens.read_preferences(token, now))
        subscriptions = {each.newsletter: each for each in self._subscribers.subscriptions(subscriber.id)}
        return Person(subscriber=subscriber, subscriptions=subscriptions)

    def prefer(self, token: str, wishes: Mapping[str, Preferences | None], now: datetime) -> None:
        """Heed what a person wants of each newsletter that is named; None is to leave it.

        One that they did not get begins. Raises TokenError as `person` does, FormError for a newsletter that does not exist.
        """
        subscriber = self.person(token, now).subscriber
        if not set(wishes) <= set(self._newsletters):
            raise FormError({"newsletters": subscribe.NO_NEWSLETTER})
        consent = Consent(text=_CHOSEN, at=now, source=subscribe.BY_PREFERENCES)
        wanted = [
            Subscription(
                subscriber=subscriber,
                newsletter=slug,
                state=SubscriptionState.CONFIRMED,
                consent=consent,
                preferences=subscribe.fitting(wish, self._newsletters[slug]),
            )
            for slug, wish in wishes.items()
            if wish is not None
        ]
        left = [slug for slug, wish in wishes.items() if wish is None]
        ended = self._subscribers.settle(subscriber.id, wanted, left, now)
        self._say_goodbye([(subscriber.id, slug) for slug in ended], now)

    def export(self, token: str, now: datetime) -> dict[str, Any]:
        """Everything that we hold of a person, as JSON values. Raises TokenError as `person` does."""
        return self.everything(self.person(token, now).subscriber.address)

    def erase(self, token: str, now: datetime) -> None:
        """Forget a person. Raises TokenError as `person` does."""
        self.forget(self.person(token, now).subscriber.address, now)

    def _someone(self, subscriber_id: str) -> Subscriber:
        person = self._subscribers.person(subscriber_id)
        if person is None:
            raise TokenError(_GONE)
        return person

    # -- an operator's word -------------------------------------------------------------------------------------------

    def everything(self, address: str) -> dict[str, Any]:
        """Everything that we hold of an address, as JSON values; empty where that is nothing."""
        return self._persons.everything(address, self._tokens.person_key(address), self._tokens.address_key(address))

    def forget(self, address: str, now: datetime) -> bool:
        """Delete a person and all that is theirs; False where there was nobody. A suppression stays."""
        key = self._tokens.erasure_key(address)
        return self._erase(address, lambda connection: self._erasures.remember(connection, key, now))

    def erase_again(self, now: datetime) -> int:
        """Delete whom a database that was put back holds although they were erased; how many."""
        pending = self._erasures.pending()
        if pending is None:
            return 0
        found = self._persons.to_erase(pending.erased, self._tokens.erasure_key)
        number = sum(self._erase(address, lambda _: None) for address in found)
        self._erasures.done(pending, now)
        return number

    def _erase(self, address: str, remember: Callable[[Connection], None]) -> bool:
        keys = (self._tokens.person_key(address), self._preferences_scope(address))
        return self._persons.erase(address, keys, remember)

    def suppress(self, address: str, now: datetime, reason: str = "operator") -> None:
        """Never mail this person again, however they spell their address. The first reason stays."""
        self._subscribers.suppress(self._keys_of(address), reason, now)

    def unsuppress(self, address: str) -> bool:
        """Let this person be mailed again; False where neither they nor this address were suppressed."""
        return self._subscribers.unsuppress(self._keys_of(address))

    def _keys_of(self, address: str) -> tuple[str, str]:
        """Under what an address may be suppressed: itself, and its person."""
        return self._tokens.address_key(address), self._tokens.person_key(address)

    def take_in(
        self, roster: Roster, now: datetime, *, dry_run: bool = False, told: Callable[[], None] = lambda: None
    ) -> TakenIn:
        """Enter the subscriptions of a file; with `dry_run`, say what would become of them.

        Nobody is brought back who has left since they agreed, nor anybody whose address is suppressed. `told` is called
        after each `LINES_TOLD` lines.
        """
        report = TakenIn()
        lines = iter(roster.lines)
        while batch := list(islice(lines, LINES_TOLD)):
            report.refused += [each for each in batch if isinstance(each, Refusal)]
            self._take_in([each for each in batch if isinstance(each, Entry)], report, now, dry_run=dry_run)
            told()
        return report

    def _take_in(self, entries: Sequence[Entry], report: TakenIn, now: datetime, *, dry_run: bool) -> None:
        wanted = [(entry, each) for entry in entries for each in entry.subscriptions]
        report.counts += Counter({"other-newsletters": sum(not entry.subscriptions for entry in entries)})
        subscriptions = [each for _, each in wanted]
        keys = self._keys_of
        arrivals = (
            self._arrivals.judge(subscriptions, keys) if dry_run else self._arrivals.bring(subscriptions, keys, now)
        )
        for (entry, each), arrival in zip(wanted, arrivals, strict=True):
            if arrival in _NOT_BROUGHT:
                report.refused.append(_not_brought(entry, each, arrival))
            else:
                report.counts[arrival.value] += 1

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every subscription with its person, as `rosters.write_roster` takes them."""
        return self._arrivals.rows()

    def _preferences_scope(self, address: str) -> str:
        return f"preferences/{self._tokens.person_key(address)}"

    # -- notes --------------------------------------------------------------------------------------------------------

    def send_notes(self, clock: Callable[[], datetime], stop: Event) -> Counter[str]:
        """Send every note that is due, one after the other; how many ended how.

        Raises RelayFailure where the relay refuses us. On SQLite the caller holds `Delivery.sole_process`.
        """
        counts: Counter[str] = Counter()
        owner = secrets.token_hex(8)
        if not self._delivery.many_machines:
            self._notes.recover(clock())
        if not self._notes.due(clock()):
            return counts
        with closing(self._delivery.open_transport(clock())) as transport:
            while not stop.is_set():
                outcome = self._send_next(owner, transport, clock)
                if outcome is None:
                    break
                counts[outcome.word] += 1
                if outcome.halt:
                    break
        return counts

    def _send_next(self, owner: str, transport: Transport, clock: Callable[[], datetime]) -> NoteOutcome | None:
        """Claim a note, send it and write down what became of it; None where none is due. Raises RelayFailure."""
        token = new_confirmation()
        claim = self._notes.claim(self._terms(owner, token, clock()), clock())
        if claim is None:
            return None
        failure = self._attempt(claim, token, transport, clock())
        outcome = subscribe.outcome_of(claim, failure, now=clock(), max_age=self._config.delivery.max_age)
        if outcome.dead and not claim.of_request:
            self._subscribers.suppress([self._tokens.address_key(claim.recipient.address)], "bounced", clock())
        self._notes.finish(claim, outcome)
        if isinstance(failure, RelayFailure) and outcome.halt:
            raise failure
        return outcome

    def _terms(self, owner: str, token: str, now: datetime) -> NoteTerms:
        return NoteTerms(
            owner=owner,
            lease=self._config.delivery.lease,
            address_key=self._tokens.address_key,
            person_key=self._tokens.person_key,
            message_id=self._message_id,
            confirmation=confirmation_hash(token),
            expires_at=now + CONFIRMATION_LIFE,
        )

    def _attempt(self, claim: NoteClaim, token: str, transport: Transport, now: datetime) -> NewsletterError | None:
        try:
            transport.send(self._message(claim, token, now))
        except (TransportError, MailError, TemplateError) as error:
            return error
        return None

    def _message(self, claim: NoteClaim, token: str, now: datetime) -> Message:
        """Dated by the note, not by the attempt; only its links differ from attempt to attempt."""
        newsletters = [self._newsletters[slug] for slug in claim.newsletters if slug in self._newsletters]
        if not newsletters:
            raise MailError("the newsletter of a note is not in the configuration any more")
        first = newsletters[0]
        addressee = Addressee(
            subscriber=claim.recipient,
            message_id=self._message_id(claim),
            unsubscribe_token=self._tokens.unsubscribe(
                SEVERAL.join(each.slug for each in newsletters), claim.recipient.id
            ),
            date=claim.created_at,
            confirm_token=token if claim.kind is NoteKind.CONFIRMATION else "",
            preferences_token="" if claim.of_request else self._tokens.preferences(claim.recipient.id, now),
        )
        wanted = claim.preferences
        choice = Choice(edition=wanted.edition)
        mailing = self._mailing(claim, newsletters)
        sender = self._delivery.return_path(first.slug, addressee.message_id)
        message = merge(mailing, addressee, site=self._site, sender=sender, choice=choice)
        return self._delivery.signed(message)

    def _message_id(self, claim: NoteClaim) -> str:
        """The same for every attempt."""
        known = [self._newsletters[slug] for slug in claim.newsletters if slug in self._newsletters]
        named = f"note/{claim.kind}/{claim.created_at.isoformat()}"
        slug, domain = (known[0].slug, known[0].mail_domain) if known else ("", self._config.mail_domain)
        return self._tokens.message_id(slug, named, claim.recipient.id, domain)

    def _mailing(self, claim: NoteClaim, newsletters: Sequence[Newsletter]) -> Mailing:
        """Compiled once for all who get the same."""
        kind, wanted = claim.kind, claim.preferences
        comes = [(each.title, claim.cadences.get(each.slug) or each.cadence) for each in newsletters]
        key = (kind, tuple(each.slug for each in newsletters), wanted.language, wanted.edition, tuple(comes))
        if key not in self._mailings:
            if len(self._mailings) >= _MAILINGS_KEPT:
                self._mailings.clear()
            templates = self._templates.for_language(wanted.language or self._site.language)
            named = wording.together(templates.words, newsletters)
            self._mailings[key] = compile_note(
                kind, named, self._site, templates, editions=(wanted.edition,), comes=comes
            )
        return self._mailings[key]


def _not_brought(entry: Entry, wanted: Subscription, arrival: Arrival) -> Refusal:
    left = arrival is Arrival.LEFT
    return Refusal(
        line=entry.line,
        column="consent_at" if left else "address",
        found=wanted.consent.at.isoformat() if left else wanted.subscriber.address,
        right=_NOT_BROUGHT[arrival],
        cells=entry.cells,
    )
