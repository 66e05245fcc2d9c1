"""The second verb: what is due becomes recorded digests. Feeds and pages of what is recorded are made by `public`.

Which digests are due is decided by `periods.plan` over the record; which articles go in, by `digest.compose`. Each
digest is written down together with its mailing and its deliveries, and all that are due of a newsletter in one transaction,
so there is no half of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from newsletter.digest import compose
from newsletter.errors import MailError, TemplateError
from newsletter.model import (
    Article,
    Digest,
    DigestRecord,
    Mailing,
    NewDelivery,
    NewDigest,
    Newsletter,
    NoticeItem,
    PlannedDigest,
    Subscriber,
)
from newsletter.periods import placed_in_time, plan


class ArticleStore(Protocol):
    def visible(self, now: datetime) -> tuple[Article, ...]: ...
    def unassigned(self, newsletter: str, now: datetime) -> tuple[Article, ...]: ...
    def notices(self, now: datetime) -> tuple[NoticeItem, ...]: ...
    def pending_notices(self, newsletter: str) -> tuple[NoticeItem, ...]: ...


class DigestStore(Protocol):
    def record(self, newsletter: str) -> tuple[DigestRecord, ...]: ...
    def add(self, chain: Sequence[NewDigest], now: datetime) -> Sequence[Added] | None: ...


class Added(Protocol):
    """A digest that was written down, and to how many people it goes."""

    @property
    def deliveries(self) -> int: ...


class Recipients(Protocol):
    def confirmed(self, newsletter: str) -> Iterable[Subscriber]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A digest not yet recorded; `settled` are ids of notices that its articles tell themselves."""

    digest: Digest
    settled: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One digest that was recorded: how many articles it carries, and how many people it goes to."""

    planned: PlannedDigest
    articles: int
    notices: int
    deliveries: int
    warnings: tuple[str, ...] = ()  #: about its email, which goes out all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One digest that was due and must not go out as it is. It stays due, so nothing is skipped."""

    planned: PlannedDigest
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What publishing needs: the stores, and the two functions that make mail of a digest."""

    articles: ArticleStore
    digests: DigestStore
    recipients: Recipients
    compile_mailing: Callable[[Digest], Mailing]
    message_id: Callable[[str, str, str], str]  #: (newsletter, period, subscriber) -> Message-ID


def due(newsletter: Newsletter, press: Press, now: datetime) -> tuple[PlannedDigest, ...]:
    """The digests of `newsletter` that are due and not yet recorded, oldest first. Changes nothing.

    Before there is a single article no chain begins: the archive that comes in first shall get its back issues.
    """
    record = press.digests.record(newsletter.slug)
    if record:
        return plan(newsletter, record, oldest=None, now=now)
    oldest = _oldest(press.articles.visible(now), newsletter.zone)
    return () if oldest is None else plan(newsletter, record, oldest=oldest, now=now)


def compose_due(newsletter: Newsletter, press: Press, now: datetime) -> tuple[Draft, ...]:
    """Every digest that is due, as it would be recorded now. Changes nothing."""
    planned = due(newsletter, press, now)
    if not planned:
        return ()
    return compose_chain(
        newsletter,
        planned,
        candidates=press.articles.unassigned(newsletter.slug, now),
        pending=press.articles.pending_notices(newsletter.slug),
        notices=press.articles.notices(now),
    )


def compose_chain(
    newsletter: Newsletter,
    planned: Iterable[PlannedDigest],
    *,
    candidates: Iterable[Article],
    pending: Iterable[NoticeItem],
    notices: Sequence[NoticeItem],
) -> tuple[Draft, ...]:
    """Digests one after another: what one carries, the next does not. Pure.

    `pending` are notices about articles that earlier digests carried; `notices` are all that there are.
    """
    left, waiting = list(candidates), list(pending)
    drafts: list[Draft] = []
    for step in planned:
        shown = [item for item in waiting if item.notice.published < step.window_end]
        digest = compose(newsletter, step, left, shown)
        carried = {placed.article.id for placed in digest.placed}
        told = [item for item in notices if item.article.id in carried]
        settled = tuple(item.notice.id for item in told if item.notice.published < step.window_end)
        drafts.append(Draft(digest=digest, settled=settled))
        left = [article for article in left if article.id not in carried]
        waiting = [item for item in waiting if item not in shown]
        waiting += [item for item in told if item.notice.id not in settled]
    return tuple(drafts)


def publish(newsletter: Newsletter, press: Press, now: datetime) -> tuple[Published | Refused, ...]:
    """Record every digest that is due, in one transaction; nothing where another process was faster.

    A refused digest ends the chain for now: its window must close before the next one can begin.
    """
    ready: list[NewDigest] = []
    refused: list[Refused] = []
    for draft in compose_due(newsletter, press, now):
        try:
            ready.append(_prepare(draft, press))
        except (MailError, TemplateError) as error:
            refused.append(Refused(planned=draft.digest.planned, message=error.message))
            break
    added = press.digests.add(ready, now) if ready else ()
    if added is None:
        return ()
    return (*map(_published, ready, added), *refused)


def _prepare(draft: Draft, press: Press) -> NewDigest:
    digest = draft.digest
    if digest.empty or not digest.planned.mailed:
        return NewDigest(digest=digest, settled=draft.settled)
    mailing = press.compile_mailing(digest)
    return NewDigest(digest=digest, settled=draft.settled, mailing=mailing, deliveries=_deliveries(digest, press))


def _published(new: NewDigest, added: Added) -> Published:
    digest = new.digest
    return Published(
        planned=digest.planned,
        articles=len(digest.placed),
        notices=len(digest.notices),
        deliveries=added.deliveries,
        warnings=() if new.mailing is None else new.mailing.warnings,
    )


def _deliveries(digest: Digest, press: Press) -> Iterator[NewDelivery]:
    slug, period = digest.newsletter.slug, digest.planned.period
    return (
        NewDelivery(
            subscriber_id=subscriber.id,
            message_id=press.message_id(slug, period, subscriber.id),
            domain=subscriber.address.rpartition("@")[2].lower(),
        )
        for subscriber in press.recipients.confirmed(slug)
    )


def _oldest(articles: Iterable[Article], zone: str) -> datetime | None:
    moments = (placed_in_time(article.published, article.published_precision, zone) for article in articles)
    return min(moments, default=None)
