"""The only place where parts are joined: a configuration becomes an `App`, which the command line, the web server
and the scheduler hold and which knows the verbs.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from newsletter import __version__, subscribe
from newsletter.config import Config, SourceConfig, read_secrets
from newsletter.digest import arrange
from newsletter.errors import ClockRefused, HubError, StoreError, TemplateError, UsageError
from newsletter.mail import REQUIRED_TEMPLATES as MAIL_TEMPLATES
from newsletter.model import (
    Article,
    Audience,
    Choice,
    Consent,
    Digest,
    Edition,
    Mailing,
    Newsletter,
    Pause,
    PlannedDigest,
    Quarantined,
    SourceRun,
    Subscriber,
    Subscription,
    Topic,
)
from newsletter.model.incoming import BounceCount
from newsletter.pages import REQUIRED_TEMPLATES as PAGE_TEMPLATES
from newsletter.periods import leap, next_due
from newsletter.public.files import Files, Written
from newsletter.public.stores import Plant
from newsletter.public.update import update
from newsletter.publish import Draft, Press, Published, Refused, compose_due, publish
from newsletter.store.articles import Articles
from newsletter.store.database import Database, database_path, open_database
from newsletter.store.digests import Digests, RecordedDigest
from newsletter.store.feeds import Feeds
from newsletter.store.figures import Figures
from newsletter.store.limits import Limits
from newsletter.store.listings import Listings
from newsletter.store.neighbours import Neighbours
from newsletter.store.progress import Progress
from newsletter.store.quarantine import Quarantine
from newsletter.store.readership import Readership
from newsletter.store.related import RelatedIndex
from newsletter.store.search import Search
from newsletter.store.sources import SourceRuns
from newsletter.store.subscribers import Subscribers
from newsletter.store.ticks import Ticks
from newsletter.store.topics import Topics
from newsletter.templating import Templates
from newsletter.tokens import Tokens
from newsletter.words import named_languages

if TYPE_CHECKING:
    from newsletter.app.bounces import Incoming
    from newsletter.app.delivery import Delivery
    from newsletter.app.readers import Readers
    from newsletter.ingest import IngestReport, Shelf
    from newsletter.mail.merge import Addressee
    from newsletter.mail.note import NoteKind
    from newsletter.mail.preview import Preview
    from newsletter.mail.proof import Proof
    from newsletter.sources.completion import DoubtfulTopics

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")  # RFC 5646, as far as catalogues are named so
_CONFIRMS_NOTHING = "a-preview-confirms-nothing"  # stands in the place of a token, and no key made it
_OPENS_NOTHING = "a-preview-opens-nothing"
_COMPLETION = "completion"  # the step that completes articles by files of studies and topics, in table `progress`


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What one run recorded, refused and wrote. `files` is None where nothing had changed since the last run.

    `hub` says why the hub could not be told of what is new.
    """

    results: tuple[Published | Refused, ...]
    files: Written | None
    hub: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsletterStatus:
    newsletter: Newsletter
    subscribers: int
    digests: int
    last: RecordedDigest | None
    next: PlannedDigest
    deliveries: dict[str, int]
    refused: str  #: why the digest that is due does not go out; empty where none is held up


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What an operator wants to see at a glance. `refusal` says why the clock is not believed, if it is not."""

    newsletters: tuple[NewsletterStatus, ...]
    articles: int
    quarantined: tuple[Quarantined, ...]
    last_tick: datetime | None
    refusal: str | None
    paused: tuple[Pause, ...]
    bounces: tuple[BounceCount, ...]


class App:
    """The verbs, joined to one configuration. Every method that needs the time gets it as `now`.

    What only some verbs need is loaded by them: parsers, mail, cryptography and networks take as much memory as
    publishing itself, and half a second to load.
    """

    def __init__(self, config: Config, database: Database, tokens: Tokens) -> None:
        self.config = config
        self.site = config.published_by()
        self.newsletters = config.newsletters()
        self.tokens = tokens
        own = Path(config.paths.templates) if config.paths.templates else None
        self.templates = Templates(own).for_language(config.site.language)
        self._database = database
        self._articles = Articles(database)
        self._quarantine = Quarantine(database)
        self._related = RelatedIndex(database)
        self._digests = Digests(database)
        self._subscribers = Subscribers(database)
        self.search = Search(database)
        self.figures = Figures(database)
        self.limits = Limits(database, tokens.allowance_key)
        self._ticks = Ticks(database)
        self._runs = SourceRuns(database)
        self._feeds = Feeds(database)

    def close(self) -> None:
        self._database.close()

    @cached_property
    def incoming(self) -> Incoming:
        """Mail that comes back."""
        from newsletter.app.bounces import Incoming  # noqa: PLC0415 - see the class

        return Incoming(self.config, self._database, self.tokens)

    @cached_property
    def delivery(self) -> Delivery:
        """Deliveries. Raises ConfigError where the keys that sign cannot be used."""
        from newsletter.app.delivery import Delivery  # noqa: PLC0415 - see the class

        return Delivery(
            config=self.config,
            site=self.site,
            newsletters=self.newsletters,
            tokens=self.tokens,
            database=self._database,
        )

    @cached_property
    def readers(self) -> Readers:
        """What readers ask for. Raises ConfigError as `delivery` does."""
        from newsletter.app.readers import Readers  # noqa: PLC0415 - see the class

        return Readers(
            config=self.config,
            site=self.site,
            newsletters=self.newsletters,
            tokens=self.tokens,
            database=self._database,
            templates=self.templates,
            delivery=self.delivery,
        )

    # -- ingest -------------------------------------------------------------------------------------------------------

    def ingest(
        self, now: datetime, *, told: Callable[[], None] = lambda: None, stream: tuple[str, BinaryIO] | None = None
    ) -> tuple[IngestReport, ...]:
        """Take in every source; one that cannot be read says so in its report, and the others go on.

        `told` is called after each document. `stream` names one source and the bytes to read in place of its own;
        then it alone is taken in. Raises UsageError where there is no source of that name.
        """
        from newsletter.ingest import ingest  # noqa: PLC0415 - see the class
        from newsletter.sources.completion import fingerprint  # noqa: PLC0415 - see the class
        from newsletter.sources.opening import open_source  # noqa: PLC0415 - see the class

        self._related.catch_up()
        complete = fingerprint(self.config.paths.studies, self.config.paths.topics)  # before the files are read
        shelf, asked = self._shelf(), self._runs.last()
        reports: list[IngestReport] = []
        for each in self._asked(stream):
            moment = now + timedelta(milliseconds=sum(report.documents for report in reports))
            source = open_source(each, Path(self.config.paths.state), None if stream is None else stream[1])
            before = asked.get(each.slug)
            back_catalogue = before is None or before.first
            report = ingest(source, shelf, now=moment, back_catalogue=back_catalogue, told=told)
            self._runs.record(_run_of(report, now, first=back_catalogue and report.problem is not None))
            reports.append(report)
        moment = now + timedelta(milliseconds=sum(report.documents for report in reports))
        self._complete_again(shelf, complete, moment)
        return tuple(reports)

    def _complete_again(self, shelf: Shelf, complete: str, now: datetime) -> None:
        """Complete what was taken in by other files of studies and topics than those of now, whose fingerprint is told."""
        from newsletter.ingest import refresh  # noqa: PLC0415 - see the class

        progress = Progress(self._database)
        last = progress.get(_COMPLETION)
        if complete == ("" if last is None else last.fingerprint):
            return
        if complete:
            refresh(shelf, now=now)
        progress.mark(_COMPLETION, 0, now, complete)

    def _asked(self, stream: tuple[str, BinaryIO] | None) -> tuple[SourceConfig, ...]:
        if stream is None:
            return self.config.source
        named = tuple(each for each in self.config.source if each.slug == stream[0])
        if not named:
            known = ", ".join(each.slug for each in self.config.source)
            raise UsageError(f'no source "{stream[0]}" in the configuration; there are: {known}')
        return named

    def _shelf(self) -> Shelf:
        from newsletter.ingest import Shelf  # noqa: PLC0415 - see the class
        from newsletter.sources.completion import completion  # noqa: PLC0415 - see the class
        from newsletter.store.duplicates import Duplicates  # noqa: PLC0415 - see the class

        return Shelf(
            articles=self._articles,
            quarantine=self._quarantine,
            twins=Duplicates(self._database),
            site=self.site,
            complete=completion(self.config.paths.studies, self.config.paths.topics),
        )

    def sources(self) -> tuple[tuple[SourceConfig, SourceRun | None], ...]:
        """What is configured, and what each gave when it was last asked."""
        runs = self._runs.last()
        return tuple((each, runs.get(each.slug)) for each in self.config.source)

    def doubtful_topics(self) -> tuple[DoubtfulTopics, ...]:
        """Articles whose glued topics could not be told apart with confidence, with other readings."""
        from newsletter.sources.completion import doubtful  # noqa: PLC0415 - see the class

        shelf, known = self._shelf(), self._articles.known_topics()
        doubts = (doubtful(article, known, shelf.complete) for article, _ in self._articles.everything())
        return tuple(doubt for doubt in doubts if doubt is not None)

    def quarantined(self) -> tuple[Quarantined, ...]:
        return self._quarantine.entries()

    def articles(self, now: datetime) -> tuple[Article, ...]:
        """What readers can see, newest first."""
        return self._articles.visible(now)

    def article(self, slug: str) -> Article:
        """Raises UsageError where there is none of that name."""
        article = self._articles.by_slug(slug)
        if article is None:
            raise UsageError(f'no article "{slug}"; `newsletter articles list` shows all')
        return article

    def topics(self) -> tuple[Topic, ...]:
        """The topics that have a page, by slug."""
        return Topics(self._database).with_articles(self.config.feeds.topic_articles)

    def languages(self) -> tuple[tuple[str, str], ...]:
        """The languages of our words, each as its tag and its own name, that of the site first; empty if it is the one."""
        own = Path(self.config.paths.templates) if self.config.paths.templates else None
        return named_languages(self.config.site.language, own)

    # -- publish ------------------------------------------------------------------------------------------------------

    def plan(self, now: datetime) -> tuple[Draft, ...]:
        """What `publish` would record now. Changes nothing. Raises ClockRefused as `publish` would."""
        self._believe(now, elapsed=None, catch_up=False)
        return tuple(draft for newsletter in self.newsletters for draft in compose_due(newsletter, self._press, now))

    def publish(
        self, now: datetime, *, elapsed: timedelta | None = None, catch_up: bool = False, everything: bool = False
    ) -> PublishReport:
        """Record every digest that is due, and bring `public/` up to date; `everything`: also what has not changed.

        `elapsed` is the time since this process's last tick by a clock that nobody can set. Raises ClockRefused
        where `now` leapt, unless an operator says `catch_up`.
        """
        self._believe(now, elapsed=elapsed, catch_up=catch_up)
        results = [result for newsletter in self.newsletters for result in self._publish(newsletter, now)]
        files = self._write_public(now, everything=everything)
        self._ticks.record(now)
        self.search.catch_up(now)  # after the pages, so that what is found can be read
        self.limits.purge(now)
        return PublishReport(results=tuple(results), files=files, hub=self.ping_hub())

    def _publish(self, newsletter: Newsletter, now: datetime) -> tuple[Published | Refused, ...]:
        """Record what is due of one newsletter, and remember for `status` what had to be refused."""
        results = publish(newsletter, self._press, now)
        refused = next((result.message for result in results if isinstance(result, Refused)), "")
        if results:
            Progress(self._database).mark(_refused(newsletter), 0, now, refused)
        return results

    def _believe(self, now: datetime, *, elapsed: timedelta | None, catch_up: bool) -> None:
        refusal = self.refusal(now, elapsed=elapsed)
        if refusal is not None and not catch_up:
            raise ClockRefused(refusal)

    def refusal(self, now: datetime, *, elapsed: timedelta | None = None) -> str | None:
        """Why the clock is not believed; None where it is."""
        return leap(now, last_tick=self._ticks.last(), elapsed=elapsed, max_gap=self.config.schedule.max_gap)

    @cached_property
    def _press(self) -> Press:
        return Press(
            articles=self._articles,
            digests=self._digests,
            recipients=Readership(self._database),
            compile_mailing=self._compile_judged,
            message_ids=self._message_ids,
            spoken=self._spoken,
        )

    def _compile_judged(self, digest: Digest, audiences: Collection[Audience], language: str | None) -> Mailing:
        """Raises MailError for a digest that fails a hard rule of the gate, besides what compiling raises."""
        from newsletter.mail.compile import compile_mailing  # noqa: PLC0415 - see the class
        from newsletter.mail.proof import judge  # noqa: PLC0415 - see the class

        templates = self.templates if language is None else self.templates.for_language(language)
        told = sorted(audiences)
        mailing = compile_mailing(digest, self.site, templates, editions=Edition, audiences=told)
        judge(digest, mailing, self.site, self._proof_reader(digest), language or "")
        return mailing

    def _spoken(self, language: str) -> str | None:
        """The language of a mailing for a reader who wants `language`: None, the site's, where we have no words for it."""
        if language == self.templates.words.language or not _LANGUAGE.fullmatch(language):
            return None
        return language if self.templates.for_language(language).words.language == language else None

    def _message_ids(self, newsletter: str, period: str) -> Callable[[str], str]:
        return self.tokens.message_ids(newsletter, period, self._newsletter(newsletter).mail_domain)

    def _write_public(self, now: datetime, *, everything: bool) -> Written | None:
        files = Files(Path(self.config.paths.public))
        whole = everything or not (files.folder / "index.html").is_file()
        changed = update(self._plant, files, self._fingerprint, now, everything=whole)
        return files.report() if changed else None

    @cached_property
    def _plant(self) -> Plant:
        database = self._database
        return Plant(
            site=self.site,
            templates=self.templates,
            newsletters=self.newsletters,
            hub=self.config.feeds.hub,
            topic_articles=self.config.feeds.topic_articles,
            listings=Listings(database),
            topics=Topics(database),
            neighbours=Neighbours(database),
            index=self._related,
            feeds=self._feeds,
            digests=self._digests,
            progress=Progress(database),
            digests_named=self._digests_named,
        )

    @cached_property
    def _fingerprint(self) -> str:
        """Of what decides the bytes of files besides the store."""
        told = (__version__, self.site, self.newsletters, self.config.feeds, self.templates.sources())
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def _digests_named(self, newsletter: Newsletter, periods: Collection[str]) -> tuple[Digest, ...]:
        recorded = self._digests.named(newsletter.slug, periods)
        digests = (arrange(newsletter, each.planned, each.placed, each.notices) for each in recorded)
        return tuple(digest for digest in digests if not digest.empty)

    def ping_hub(self) -> str | None:
        """Tell the hub of the feeds that have changed; what went wrong, if something did. The next run tries again."""
        waiting = self._feeds.pings()
        if self.config.feeds.hub is None or not waiting:
            return None
        from newsletter.feeds.websub import ping  # noqa: PLC0415 - see the class

        try:
            self._feeds.pinged(ping(self.config.feeds.hub, waiting))
        except HubError as error:
            self._feeds.pinged(error.accepted)
            return error.message
        return None

    def feed_ledger(self) -> dict[str, tuple[str, ...]]:
        """Feed -> the id of every entry that readers may know, but for withdrawn ones."""
        return {name: tuple(entry for _, entry in self._feeds.ledger(name)) for name in self._feeds.ids()}

    def archive_hashes(self) -> dict[str, str]:
        """File below `public/` -> SHA-256 of the archive document that was published there."""
        return {
            f"{name}/{document.name}.{suffix}": told
            for name in self._feeds.ids()
            for document, hashes in self._feeds.documents(name)
            for suffix, told in hashes.items()
        }

    def _digests_of(self, newsletter: Newsletter) -> tuple[Digest, ...]:
        """Every digest of `newsletter` that carries something, oldest first."""
        recorded = self._digests.all(newsletter.slug)
        digests = (arrange(newsletter, each.planned, each.placed, each.notices) for each in recorded)
        return tuple(digest for digest in digests if not digest.empty)

    def preview(self, slug: str, period: str | None, now: datetime) -> Preview:
        """One digest in every edition and for every audience, and the notes, as a made-up reader gets them: the named
        period's digest, else the newest there is. All is dated by it, so that it is the same whenever it is looked at.
        """
        from newsletter.mail.preview import make_preview  # noqa: PLC0415 - see the class

        digest = self._digest_for_preview(self._newsletter(slug), period, now)
        reader = Subscriber(id="preview", address="reader@example.org", name="A Reader")
        addressee = self._outsider(slug, digest.planned.period, reader, digest.planned.due_at)
        return make_preview(digest, self.site, self.templates, addressee)

    def send_test(self, slug: str, what: str | NoteKind | None, address: str, choice: Choice, now: datetime) -> str:
        """Send one edition of that digest, or of a note, to an address of `mail.test_recipients`. It is recorded nowhere.

        `what` is a period, None for the newest, or a note's kind; the answer says which it was.

        Raises UsageError for an address that is not listed, and a TransportError where it does not leave.
        """
        from newsletter.mail.note import NoteKind  # noqa: PLC0415 - see the class
        from newsletter.mail.preview import make_test, make_test_note, require_listed  # noqa: PLC0415 - see the class

        newsletter = self._newsletter(slug)
        require_listed(address, self.config.mail.test_recipients)
        reader = Subscriber(id=f"test-{secrets.token_hex(16)}", address=address)  # nobody's, and another each time
        if isinstance(what, NoteKind):
            addressee = self._outsider(slug, what, reader, now)
            message = make_test_note(what, newsletter, self.site, self.templates, addressee, choice.edition)
            told: str = what
        else:
            digest = self._digest_for_preview(newsletter, what, now)
            told = digest.planned.period
            addressee = self._outsider(slug, told, reader, now)
            message = make_test(digest, self.site, self.templates, addressee, choice)
        with closing(self.delivery.open_transport(now)) as transport:
            transport.send(self.delivery.signed(message))
        return told

    def _outsider(self, newsletter: str, period: str, reader: Subscriber, date: datetime) -> Addressee:
        """Somebody who is no subscriber: the links are well made and belong to no subscription."""
        from newsletter.mail.merge import Addressee  # noqa: PLC0415 - see the class

        return Addressee(
            subscriber=reader,
            message_id=self._message_ids(newsletter, period)(reader.id),
            unsubscribe_token=self.tokens.unsubscribe(newsletter, reader.id),
            date=date,
            confirm_token=_CONFIRMS_NOTHING,
            preferences_token=_OPENS_NOTHING,
        )

    def proofs(self, slug: str, period: str | None, now: datetime) -> tuple[tuple[Proof, ...], tuple[str, ...]]:
        """All that `preview` shows, for the gate; and why there is nothing for an audience, where that is so."""
        from newsletter.mail.proof import all_proofs  # noqa: PLC0415 - see the class

        digest = self._digest_for_preview(self._newsletter(slug), period, now)
        return all_proofs(digest, self.site, self.templates, self._proof_reader(digest))

    def _proof_reader(self, digest: Digest) -> Addressee:
        """Dated by the digest, as a delivery is dated by itself: the same digest gives the same bytes."""
        reader = Subscriber(id="proof", address="proof-reader@example.org", name="A Reader")
        return self._outsider(digest.newsletter.slug, digest.planned.period, reader, digest.planned.due_at)

    def _digest_for_preview(self, newsletter: Newsletter, period: str | None, now: datetime) -> Digest:
        drafts = [draft.digest for draft in compose_due(newsletter, self._press, now)]
        digests = [digest for digest in (*self._digests_of(newsletter), *drafts) if not digest.empty]
        matching = [digest for digest in digests if period in (None, digest.planned.period)]
        if not matching:
            known = ", ".join(digest.planned.period for digest in digests[-5:]) or "none yet"
            asked = "with anything in it" if period is None else f'for the period "{period}"'
            raise UsageError(f"{newsletter.slug}: no digest {asked}; the last ones are: {known}")
        return matching[-1]

    # -- subscribe ----------------------------------------------------------------------------------------------------

    def add_subscriber(self, address: str, name: str, newsletter: str, consent: Consent) -> bool:
        """False where the subscription stood already. Raises UsageError for a bad address, name or newsletter."""
        slugs = [each.slug for each in self.newsletters]
        subscription = subscribe.new_subscription(address, name, newsletter, consent, newsletters=slugs)
        return self._subscribers.add(subscription)

    def subscribers(self, newsletter: str | None = None) -> tuple[Subscription, ...]:
        return self._subscribers.list(newsletter)

    # -- status -------------------------------------------------------------------------------------------------------

    def status(self, now: datetime) -> Status:
        deliveries = self.delivery.counts()
        return Status(
            newsletters=tuple(self._status_of(each, deliveries.get(each.slug, {}), now) for each in self.newsletters),
            articles=self._plant.listings.count(now),
            quarantined=self._quarantine.entries(),
            last_tick=self._ticks.last(),
            refusal=self.refusal(now),
            paused=self.delivery.pauses(now),
            bounces=self.incoming.by_domain(now),
        )

    def _status_of(self, newsletter: Newsletter, deliveries: dict[str, int], now: datetime) -> NewsletterStatus:
        record = self._digests.record(newsletter.slug)
        refused = Progress(self._database).get(_refused(newsletter))
        return NewsletterStatus(
            newsletter=newsletter,
            subscribers=self._subscribers.count_confirmed(newsletter.slug),
            digests=len(record),
            last=self._digests.latest(newsletter.slug),
            next=next_due(newsletter, record, now),
            deliveries=deliveries,
            refused="" if refused is None else refused.fingerprint,
        )

    def _newsletter(self, slug: str) -> Newsletter:
        for newsletter in self.newsletters:
            if newsletter.slug == slug:
                return newsletter
        known = ", ".join(each.slug for each in self.newsletters)
        raise UsageError(f'no newsletter "{slug}" in the configuration; there are: {known}')


def open_app(config: Config) -> App:
    """Open the database and join everything. Raises StoreError, ConfigError or TemplateError."""
    tokens = Tokens(read_secrets(config))
    app = App(config, _open_database(config.store.url), tokens)
    missing = app.templates.missing((*MAIL_TEMPLATES, *PAGE_TEMPLATES))
    if missing:
        app.close()
        raise TemplateError(f"template {missing[0]}: no such file in paths.templates or in the package")
    return app


def _open_database(url: str) -> Database:
    try:
        return open_database(url)
    except StoreError as error:
        named = database_path(url) or "PostgreSQL"  # never the URL: it may hold a password
        raise StoreError(f"store.url ({named}): {error.message}") from error


def _refused(newsletter: Newsletter) -> str:
    return f"refused/{newsletter.slug}"


def _run_of(report: IngestReport, now: datetime, *, first: bool) -> SourceRun:
    return SourceRun(
        source=report.source,
        at=now,
        first=first,
        new=len(report.new),
        revised=len(report.revised),
        unchanged=len(report.unchanged),
        quarantined=len(report.quarantined),
        problem=report.problem,
    )
