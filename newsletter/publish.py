"""The second verb: what is due becomes recorded digests. Feeds and pages of what is recorded are made by `public`.

Which digests are due is decided by `periods.plan` over the record; which articles go in, by `digest.compose`. Each
digest is written down together with its mailing and its deliveries, and all that are due of a newsletter in one transaction,
so there is no half of one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from newsletter.digest import arrange, choose, compose
from newsletter.errors import MailError, TemplateError
from newsletter.model import (
    Article,
    Audience,
    Cadence,
    Digest,
    DigestRecord,
    MailedDigest,
    Mailing,
    NewDelivery,
    NewDigest,
    Newsletter,
    NoticeItem,
    Placed,
    PlannedDigest,
    Preferences,
    Reader,
)
from newsletter.periods import placed_in_time, plan
from newsletter.portions import (
    PAUSED,
    Form,
    Portion,
    Turn,
    cadences,
    changed,
    form_of,
    hour,
    pausing,
    portion,
    slower,
    start,
    turn,
)


class ArticleStore(Protocol):
    def visible(self, now: datetime) -> tuple[Article, ...]: ...
    def unassigned(self, newsletter: str, now: datetime) -> tuple[Article, ...]: ...
    def notices(self, now: datetime) -> tuple[NoticeItem, ...]: ...
    def pending_notices(self, newsletter: str) -> tuple[NoticeItem, ...]: ...


class DigestStore(Protocol):
    def record(self, newsletter: str) -> tuple[DigestRecord, ...]: ...
    def mailed(self, newsletter: str) -> tuple[MailedDigest, ...]: ...
    def named(self, newsletter: str, periods: Collection[str]) -> Sequence[Recorded]: ...
    def add(self, chain: Sequence[NewDigest], now: datetime) -> Sequence[Added] | None: ...


class Added(Protocol):
    """A digest that was written down, and to how many people it goes."""

    @property
    def deliveries(self) -> int: ...


class Recorded(Protocol):
    """A digest of the record, with its articles as they are now."""

    @property
    def planned(self) -> PlannedDigest: ...
    @property
    def placed(self) -> Sequence[Placed]: ...
    @property
    def notices(self) -> Sequence[NoticeItem]: ...


class Recipients(Protocol):
    def readers(self, newsletter: str) -> Iterable[Reader]: ...
    def served(self, subscriber_id: str, newsletter: str) -> datetime | None: ...


class Compile(Protocol):
    """Makes the email of a digest, for another audience and in another language where these are given."""

    def __call__(self, digest: Digest, *, audience: Audience | None = None, language: str | None = None) -> Mailing: ...


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
    compile_mailing: Compile
    language: str  #: that of most people's email
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
    drafts = compose_due(newsletter, press, now)
    for number, draft in enumerate(drafts):
        try:
            ready.append(_prepare(draft, [each.digest for each in drafts[:number]], press, now))
        except (MailError, TemplateError) as error:
            refused.append(Refused(planned=draft.digest.planned, message=error.message))
            break
    try:
        added = press.digests.add(ready, now) if ready else ()
    except _FormRefusedError as error:  # found while deliveries were written down; all of that is rolled back
        ready = ready[: [one.digest.planned for one in ready].index(error.refused.planned)]
        refused = [error.refused]
        added = press.digests.add(ready, now) if ready else ()
    if added is None:
        return ()
    return (*map(_published, ready, added), *refused)


def _prepare(draft: Draft, earlier: Sequence[Digest], press: Press, now: datetime) -> NewDigest:
    """`earlier` are the digests that will be recorded in the same transaction before this one."""
    digest = draft.digest
    if not digest.planned.mailed:
        return NewDigest(digest=digest, settled=draft.settled)
    mailing = None if digest.empty else press.compile_mailing(digest)
    shares = _Shares(digest, earlier, press, now)
    return NewDigest(digest=digest, settled=draft.settled, mailing=mailing, deliveries=shares, forms=shares.forms)


def _published(new: NewDigest, added: Added) -> Published:
    digest = new.digest
    mailings = () if new.mailing is None else (new.mailing, *new.forms.values())
    return Published(
        planned=digest.planned,
        articles=len(digest.placed),
        notices=len(digest.notices),
        deliveries=added.deliveries,
        warnings=tuple(dict.fromkeys(warning for mailing in mailings for warning in mailing.warnings)),
    )


class _FormRefusedError(Exception):
    """A form that somebody wants of a digest must not go out, so the digest does not."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.refused = refused


class _Shares:
    """What everybody gets of one digest, a delivery at a time; can be gone through again.

    `forms` are made when somebody first needs them. Those who want the same share one portion. An empty digest may still
    close a week or a month, for those who want one email for it.
    """

    def __init__(self, digest: Digest, earlier: Sequence[Digest], press: Press, now: datetime) -> None:
        self.forms: dict[str, Mailing] = {}
        self._digest, self._press, self._now = digest, press, now
        self._newsletter = digest.newsletter
        self._earlier = [one for one in earlier if one.planned.mailed]
        self._before = [*press.digests.mailed(self._newsletter.slug), *(_mailed(one, now) for one in self._earlier)]
        self._turns = {
            cadence: turn(self._newsletter, digest.planned, self._before, cadence)
            for cadence in (None, *cadences(self._newsletter.cadence)[1:])
        }
        if digest.empty:
            self._turns[None] = replace(self._turns[None], due=False)
        self._whole: dict[tuple[Cadence | None, datetime | None], Digest] = {}
        self._ends: dict[str, datetime] = {placed.article.id: digest.planned.window_end for placed in digest.placed}
        self._portions: dict[tuple[Preferences, datetime | None], Portion] = {}

    def __iter__(self) -> Iterator[NewDelivery]:
        slug, period = self._newsletter.slug, self._digest.planned.period
        due = any(each.due for each in self._turns.values())
        for reader in self._press.recipients.readers(slug) if due else ():
            share = self._share(reader)
            if share is not None:
                yield NewDelivery(
                    subscriber_id=reader.id,
                    message_id=self._press.message_id(slug, period, reader.id),
                    domain=reader.domain,
                    form=share.form,
                    choice=share.choice,
                    next_at=share.next_at,
                    skipped=share.skipped,
                )

    def _share(self, reader: Reader) -> Portion | None:
        """What one person gets; None where it is not their turn."""
        cadence = slower(self._newsletter.cadence, reader.preferences.cadence)
        now_theirs = self._turns[cadence]
        if not now_theirs.due:
            return None
        asked = changed(reader, now_theirs)
        served = self._press.recipients.served(reader.id, self._newsletter.slug) if asked else None
        key = reader.preferences, start(reader, now_theirs, served)
        if key not in self._portions:
            if len(self._portions) >= _PORTIONS_KEPT:
                self._portions.clear()
            self._portions[key] = self._portion(*key, now_theirs)
        return self._portions[key]

    def _portion(self, preferences: Preferences, begin: datetime | None, theirs: Turn) -> Portion:
        if pausing(preferences, self._newsletter.zone, self._now):
            return Portion(skipped=PAUSED)
        form = form_of(preferences, self._newsletter, theirs, begin, self._press.language)
        whole = self._carried(form, theirs)
        articles = [placed.article for placed in whole.placed]
        owed = [article for article in articles if begin is None or self._ends[article.id] > begin]
        share = portion(form, preferences, owed, articles, notices=bool(whole.notices))
        if share.skipped:
            return share
        self._make(form, whole)
        at = hour(preferences, self._newsletter, self._digest.planned.due_at)
        return replace(share, next_at=None if at is None or at <= self._now else at)

    def _make(self, form: Form, whole: Digest) -> None:
        if not form.name or form.name in self.forms:
            return
        try:
            mailing = self._press.compile_mailing(whole, audience=form.audience, language=form.language)
        except (MailError, TemplateError) as error:
            raise _FormRefusedError(Refused(planned=self._digest.planned, message=error.message)) from error
        self.forms[form.name] = mailing

    def _carried(self, form: Form, theirs: Turn) -> Digest:
        """The digest of a form: this one, or one over all that were mailed after its start."""
        if form.cadence is None and form.start is None:
            return self._digest
        key = form.cadence, form.start
        if key not in self._whole:
            self._whole[key] = self._gathered(form, theirs.start if form.start is None else form.start)
        return self._whole[key]

    def _gathered(self, form: Form, begin: datetime | None) -> Digest:
        slug, own = self._newsletter.slug, {one.planned.period for one in self._earlier}
        past = [one.period for one in self._before if begin is None or one.window_end > begin]
        recorded = self._press.digests.named(slug, [period for period in past if period not in own])
        theirs: list[Digest | Recorded] = [*recorded, *(one for one in self._earlier if one.planned.period in past)]
        theirs.append(self._digest)
        for one in theirs:
            self._ends.update({placed.article.id: one.planned.window_end for placed in one.placed})
        newsletter = replace(self._newsletter, cadence=form.cadence or self._newsletter.cadence)
        last = next((one for one in reversed(theirs) if one.placed or one.notices), self._digest)
        planned = replace(
            self._digest.planned,
            period=last.planned.period,  # there is a page of it
            window_start=theirs[0].planned.window_start,
            catch_up=form.start is not None,
        )
        articles = {placed.article.id: placed.article for one in theirs for placed in one.placed}
        notices = {item.notice.id: item for one in theirs for item in one.notices}
        return arrange(newsletter, planned, choose(newsletter, planned, articles.values()), notices.values())


_PORTIONS_KEPT = 50_000


def _mailed(digest: Digest, now: datetime) -> MailedDigest:
    planned = digest.planned
    return MailedDigest(
        period=planned.period,
        window_start=planned.window_start,
        window_end=planned.window_end,
        created_at=now,
        empty=digest.empty,
    )


def _oldest(articles: Iterable[Article], zone: str) -> datetime | None:
    moments = (placed_in_time(article.published, article.published_precision, zone) for article in articles)
    return min(moments, default=None)
