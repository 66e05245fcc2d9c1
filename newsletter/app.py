"""The only place where parts are joined: a configuration becomes an `App`, which the command line, the web server
and the scheduler hold and which knows the verbs.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import BinaryIO

from newsletter import subscribe
from newsletter.config import Config, SourceConfig, read_secrets, read_smtp_password
from newsletter.deliver import Post, Sender
from newsletter.digest import arrange
from newsletter.engine import local
from newsletter.errors import ClockRefused, StoreError, TemplateError, UsageError
from newsletter.feeds import FORMATS
from newsletter.feeds.build import articles_feed, digests_feed
from newsletter.ingest import IngestReport, Shelf, ingest, refresh
from newsletter.mail import REQUIRED_TEMPLATES as MAIL_TEMPLATES
from newsletter.mail.compile import compile_mailing
from newsletter.mail.merge import Addressee, merge
from newsletter.model import (
    Article,
    Claim,
    Consent,
    Digest,
    Feed,
    Mailing,
    Message,
    Newsletter,
    NoticeItem,
    Outcome,
    PlannedDigest,
    Quarantined,
    SourceRun,
    Subscriber,
    Subscription,
)
from newsletter.pages import REQUIRED_TEMPLATES as PAGE_TEMPLATES
from newsletter.pages.article import article_page
from newsletter.pages.digest import digest_page
from newsletter.pages.feeds import feeds_page
from newsletter.pages.front import front_page
from newsletter.periods import leap, next_due
from newsletter.publish import Draft, Press, Published, Refused, Written, compose_due, publish, write_files
from newsletter.sources.base import Place, Source
from newsletter.sources.completion import DoubtfulTopics, completion, doubtful
from newsletter.sources.fetch import Url
from newsletter.sources.kinds import format_of, limit_of
from newsletter.sources.places import File, Folder, Stream
from newsletter.store.articles import Articles
from newsletter.store.database import Database, open_database
from newsletter.store.deliveries import Deliveries
from newsletter.store.digests import Digests, RecordedDigest
from newsletter.store.duplicates import Duplicates
from newsletter.store.quarantine import Quarantine
from newsletter.store.related import RelatedIndex
from newsletter.store.sources import SourceRuns
from newsletter.store.subscribers import Subscribers
from newsletter.store.ticks import Ticks
from newsletter.templating import Templates
from newsletter.tokens import Tokens
from newsletter.transports.base import Transport
from newsletter.transports.maildir import Maildir
from newsletter.transports.smtp import Relay, Smtp

_OWNED = ("articles", "digests", "feeds")  # folders of `public/` in which nothing but our files lies


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What one run recorded, refused and wrote. `files` is None where nothing had changed since the last run."""

    results: tuple[Published | Refused, ...]
    files: Written | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One recipient's email: the message as sent, and its two parts."""

    newsletter: str
    period: str
    html: str
    text: str
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsletterStatus:
    newsletter: Newsletter
    subscribers: int
    digests: int
    last: RecordedDigest | None
    next: PlannedDigest
    deliveries: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What an operator wants to see at a glance. `refusal` says why the clock is not believed, if it is not."""

    newsletters: tuple[NewsletterStatus, ...]
    articles: int
    quarantined: tuple[Quarantined, ...]
    last_tick: datetime | None
    refusal: str | None


class App:
    """The verbs, joined to one configuration. Every method that needs the time gets it as `now`."""

    def __init__(self, config: Config, database: Database, tokens: Tokens) -> None:
        self.config = config
        self.site = config.published_by()
        self.newsletters = config.newsletters()
        self.tokens = tokens
        self.templates = Templates(Path(config.paths.templates) if config.paths.templates else None)
        self._database = database
        self._articles = Articles(database)
        self._quarantine = Quarantine(database)
        self._related = RelatedIndex(database)
        self._digests = Digests(database)
        self._subscribers = Subscribers(database)
        self._deliveries = Deliveries(database)
        self._ticks = Ticks(database)
        self._runs = SourceRuns(database)
        self._written: tuple[object, ...] | None = None

    def close(self) -> None:
        self._database.close()

    # -- ingest -------------------------------------------------------------------------------------------------------

    def ingest(
        self, now: datetime, *, told: Callable[[], None] = lambda: None, stream: tuple[str, BinaryIO] | None = None
    ) -> tuple[IngestReport, ...]:
        """Take in every source; one that cannot be read says so in its report, and the others go on.

        `told` is called after each document. `stream` names one source and the bytes to read in place of its own;
        then it alone is taken in. Raises UsageError where there is no source of that name.
        """
        self._related.catch_up()
        shelf, asked = self._shelf(), self._runs.last()
        reports: list[IngestReport] = []
        for each in self._asked(stream):
            moment = now + timedelta(milliseconds=sum(report.documents for report in reports))
            source = _open_source(each, Path(self.config.paths.state), None if stream is None else stream[1])
            before = asked.get(each.slug)
            back_catalogue = before is None or before.first
            report = ingest(source, shelf, now=moment, back_catalogue=back_catalogue, told=told)
            self._runs.record(_run_of(report, now, first=back_catalogue and report.problem is not None))
            reports.append(report)
        if self.config.paths.studies or self.config.paths.topics:
            refresh(shelf, now=now + timedelta(milliseconds=sum(report.documents for report in reports)))
        return tuple(reports)

    def _asked(self, stream: tuple[str, BinaryIO] | None) -> tuple[SourceConfig, ...]:
        if stream is None:
            return self.config.source
        named = tuple(each for each in self.config.source if each.slug == stream[0])
        if not named:
            known = ", ".join(each.slug for each in self.config.source)
            raise UsageError(f'no source "{stream[0]}" in the configuration; there are: {known}')
        return named

    def _shelf(self) -> Shelf:
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

    # -- publish ------------------------------------------------------------------------------------------------------

    def plan(self, now: datetime) -> tuple[Draft, ...]:
        """What `publish` would record now. Changes nothing. Raises ClockRefused as `publish` would."""
        self._believe(now, elapsed=None, catch_up=False)
        return tuple(draft for newsletter in self.newsletters for draft in compose_due(newsletter, self._press, now))

    def publish(self, now: datetime, *, elapsed: timedelta | None = None, catch_up: bool = False) -> PublishReport:
        """Record every digest that is due, and bring `public/` up to date.

        `elapsed` is the time since this process's last tick by a clock that nobody can set. Raises ClockRefused
        where `now` leapt, unless an operator says `catch_up`.
        """
        self._believe(now, elapsed=elapsed, catch_up=catch_up)
        results = [result for newsletter in self.newsletters for result in publish(newsletter, self._press, now)]
        files = self._write_public(now)
        self._ticks.record(now)
        return PublishReport(results=tuple(results), files=files)

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
            recipients=self._subscribers,
            compile_mailing=lambda digest: compile_mailing(digest, self.site, self.templates),
            message_id=self._message_id,
        )

    def _message_id(self, newsletter: str, period: str, subscriber_id: str) -> str:
        return self.tokens.message_id(newsletter, period, subscriber_id, self._newsletter(newsletter).mail_domain)

    def _write_public(self, now: datetime) -> Written | None:
        articles = self._articles.visible(now)
        digests = {newsletter.slug: self._digests_of(newsletter) for newsletter in self.newsletters}
        state = (
            tuple((article.id, article.slug, article.updated) for article in articles),
            tuple(digest.planned for recorded in digests.values() for digest in recorded),
        )
        if state == self._written:
            return None
        files = self._files(articles, self._articles.notices(now), digests, now)
        written = write_files(Path(self.config.paths.public), files, owned=_OWNED)
        self._written = state
        return written

    def _digests_of(self, newsletter: Newsletter) -> tuple[Digest, ...]:
        """Every digest of `newsletter` that carries something, oldest first."""
        recorded = self._digests.all(newsletter.slug)
        digests = (arrange(newsletter, each.planned, each.placed, each.notices) for each in recorded)
        return tuple(digest for digest in digests if not digest.empty)

    def _files(
        self,
        articles: tuple[Article, ...],
        notices: tuple[NoticeItem, ...],
        digests: dict[str, tuple[Digest, ...]],
        now: datetime,
    ) -> Iterator[tuple[str, bytes]]:
        site, templates = self.site, self.templates
        for article in articles:
            page = article_page(article, site, templates, self._related.nearest(article, now=now))
            yield f"articles/{article.slug}/index.html", page.encode()
        for newsletter in self.newsletters:
            for digest in digests[newsletter.slug]:
                page = digest_page(newsletter, digest, site, templates)
                yield f"digests/{newsletter.slug}/{digest.planned.period}/index.html", page.encode()
            feed = digests_feed(newsletter, digests[newsletter.slug], site, templates)
            yield from _feed_files(f"feeds/newsletters/{newsletter.slug}", feed)
        yield from _feed_files("feeds/articles", articles_feed(articles, notices, site, templates))
        yield "feeds/index.html", feeds_page(self.newsletters, site, templates).encode()
        latest = [(each, digests[each.slug][-1] if digests[each.slug] else None) for each in self.newsletters]
        yield "index.html", front_page(latest, articles[:12], site, templates).encode()

    def preview(self, slug: str, period: str | None, now: datetime) -> Preview:
        """The email of one digest as a made-up recipient gets it: the named period's, else the newest there is."""
        newsletter = self._newsletter(slug)
        digest = self._digest_for_preview(newsletter, period, now)
        mailing = compile_mailing(digest, self.site, self.templates)
        reader = Subscriber(id="preview", address="reader@example.org", name="A Reader")
        message = self._merge(mailing, reader, "<preview@example.org>", now)
        html, text = _parts(message.data)
        return Preview(newsletter=slug, period=mailing.period, html=html, text=text, message=message.data)

    def _digest_for_preview(self, newsletter: Newsletter, period: str | None, now: datetime) -> Digest:
        drafts = [draft.digest for draft in compose_due(newsletter, self._press, now)]
        digests = [digest for digest in (*self._digests_of(newsletter), *drafts) if not digest.empty]
        matching = [digest for digest in digests if period in (None, digest.planned.period)]
        if not matching:
            known = ", ".join(digest.planned.period for digest in digests[-5:]) or "none yet"
            asked = "with anything in it" if period is None else f'for the period "{period}"'
            raise UsageError(f"{newsletter.slug}: no digest {asked}; the last ones are: {known}")
        return matching[-1]

    # -- deliver ------------------------------------------------------------------------------------------------------

    def due_deliveries(self, now: datetime) -> int:
        return self._deliveries.due(now)

    def deliver(
        self, clock: Callable[[], datetime], *, stop: Event, told: Callable[[Outcome], None], senders: int | None = None
    ) -> Counter[str]:
        """Send everything that is due, on as many connections as configured; how many deliveries ended in each state.

        Raises RelayFailure where it must stop.
        """
        counts = local.send_all(
            lambda number: _Clocked(
                Sender(self._post, self._open_transport(), f"{secrets.token_hex(8)}-{number}"), clock
            ),
            senders=senders or self.config.delivery.senders,
            stop=stop,
            told=told,
        )
        self._digests.close_finished()
        return counts

    def sole_process(self) -> AbstractContextManager[None]:
        """Prove that no other process of this machine delivers, and take back what a killed one held.

        On PostgreSQL other machines may deliver too, so there leases decide.
        """
        path = _database_path(self.config.store.url)
        return nullcontext() if path is None else local.sole_process(path.with_name(f"{path.name}.lock"))

    @property
    def many_machines(self) -> bool:
        """Whether other machines may share the work."""
        return _database_path(self.config.store.url) is None

    def recover(self, now: datetime) -> int:
        """Take back at once what a killed process held. Only while `sole_process` is held."""
        return 0 if _database_path(self.config.store.url) is None else self._deliveries.recover(now)

    @cached_property
    def _post(self) -> Post:
        return Post(
            ledger=self._deliveries,
            mailings=self._digests,
            suppressions=self._subscribers,
            merge=self._merge_claim,
            address_key=self.tokens.address_key,
            lease=self.config.delivery.lease,
            max_age=self.config.delivery.max_age,
        )

    def _merge_claim(self, mailing: Mailing, claim: Claim) -> Message:
        """Dated by the delivery, not by the attempt: every attempt sends the same bytes."""
        return self._merge(mailing, claim.subscriber, claim.message_id, claim.created_at)

    def _merge(self, mailing: Mailing, subscriber: Subscriber, message_id: str, date: datetime) -> Message:
        addressee = Addressee(
            subscriber=subscriber,
            message_id=message_id,
            unsubscribe_token=self.tokens.unsubscribe(mailing.newsletter, subscriber.id),
            date=date,
        )
        sender = self._newsletter(mailing.newsletter).from_address
        return merge(mailing, addressee, site=self.site, sender=sender)

    def _open_transport(self) -> Transport:
        delivery = self.config.delivery
        if delivery.transport == "maildir":
            return Maildir(Path(delivery.maildir.folder))
        smtp = delivery.smtp
        return Smtp(
            Relay(
                host=smtp.host,
                port=smtp.port,
                security=smtp.security,
                username=smtp.username,
                password=read_smtp_password(self.config),
                helo_name=smtp.helo_name,
                ca_file=Path(smtp.ca_file) if smtp.ca_file else None,
            )
        )

    # -- subscribe ----------------------------------------------------------------------------------------------------

    def add_subscriber(self, address: str, name: str, newsletter: str, consent: Consent) -> bool:
        """False where the subscription stood already. Raises UsageError for a bad address, name or newsletter."""
        slugs = [each.slug for each in self.newsletters]
        subscription = subscribe.new_subscription(address, name, newsletter, consent, newsletters=slugs)
        return self._subscribers.add(subscription)

    def subscribers(self, newsletter: str | None = None) -> tuple[Subscription, ...]:
        return self._subscribers.list(newsletter)

    def remove_subscriber(self, address: str) -> bool:
        return self._subscribers.remove(address)

    def unsubscribe(self, token: str, now: datetime) -> Newsletter:
        """End the subscription that a link names. Raises TokenError for a link that is not ours."""
        named = self.tokens.read_unsubscribe(token)
        subscribe.unsubscribe(self._subscribers, named.subscriber_id, named.newsletter, now)
        return self._newsletter(named.newsletter)

    def subscription_of(self, token: str) -> Newsletter:
        """Which newsletter a link is about. Changes nothing. Raises TokenError."""
        return self._newsletter(self.tokens.read_unsubscribe(token).newsletter)

    # -- status -------------------------------------------------------------------------------------------------------

    def status(self, now: datetime) -> Status:
        deliveries = self._deliveries.counts()
        return Status(
            newsletters=tuple(self._status_of(each, deliveries.get(each.slug, {}), now) for each in self.newsletters),
            articles=len(self._articles.visible(now)),
            quarantined=self._quarantine.entries(),
            last_tick=self._ticks.last(),
            refusal=self.refusal(now),
        )

    def _status_of(self, newsletter: Newsletter, deliveries: dict[str, int], now: datetime) -> NewsletterStatus:
        record = self._digests.record(newsletter.slug)
        return NewsletterStatus(
            newsletter=newsletter,
            subscribers=len(self._subscribers.confirmed(newsletter.slug)),
            digests=len(record),
            last=self._digests.latest(newsletter.slug),
            next=next_due(newsletter, record, now),
            deliveries=deliveries,
        )

    def _newsletter(self, slug: str) -> Newsletter:
        for newsletter in self.newsletters:
            if newsletter.slug == slug:
                return newsletter
        known = ", ".join(each.slug for each in self.newsletters)
        raise UsageError(f'no newsletter "{slug}" in the configuration; there are: {known}')


@dataclass(frozen=True, slots=True)
class _Clocked:
    """A sender that knows the time."""

    sender: Sender
    clock: Callable[[], datetime]

    def send_next(self) -> Outcome | None:
        return self.sender.send_next(self.clock())

    def close(self) -> None:
        self.sender.close()


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
        named = _database_path(url) or "PostgreSQL"  # never the URL: it may hold a password
        raise StoreError(f"store.url ({named}): {error.message}") from error


def _open_source(told: SourceConfig, state: Path, stream: BinaryIO | None) -> Source:
    documents = format_of(told.kind, told.profile)
    limit = limit_of(documents)
    place: Place
    if stream is not None:
        place = Stream(stream, bytes_limit=limit)
    elif told.folder is not None:
        place = Folder(Path(told.folder), documents.suffixes, limit)
    elif told.file is not None:
        place = File(Path(told.file), limit)
    else:
        cache = state / f"{told.slug}.fetched"
        place = Url(str(told.url), allowed_private=told.private_hosts, cache=cache, limit=limit)
    return Source(told.slug, place, documents)


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


def _feed_files(path: str, feed: Feed) -> Iterator[tuple[str, bytes]]:
    for each in FORMATS:
        yield f"{path}.{each.SUFFIX}", each.write(feed)


def _parts(data: bytes) -> tuple[str, str]:
    message = message_from_bytes(data, policy=policy.default)
    found = [message.get_body((kind,)) if isinstance(message, EmailMessage) else None for kind in ("html", "plain")]
    html, text = ("" if part is None else str(part.get_content()) for part in found)
    return html, text


def _database_path(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
