"""The second verb: what is due becomes recorded digests. Feeds and pages of what is recorded are made by `public`.

Which digests are due is decided by `periods.plan` over the record; which articles go in, by `digest.compose`. Each
digest is written down together with its mailing and its deliveries, and all that are due of a newsletter in one transaction,
so there is no half of one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from newsletter.digest import compose, gather
from newsletter.errors import MailError, TemplateError
from newsletter.model import (
    USUAL,
    Article,
    Audience,
    Choice,
    Digest,
    DigestRecord,
    Mailing,
    NewDelivery,
    NewDigest,
    Newsletter,
    NoticeItem,
    PlannedDigest,
    Preferences,
    Reader,
)
from newsletter.periods import placed_in_time, plan
from newsletter.store.preferences import loads
from newsletter.wishes import BEGINNING, Contents, Decision, Form, Issue, Term, Turn, Wanted, forms_wanted


class ArticleStore(Protocol):
    def visible(self, now: datetime) -> tuple[Article, ...]: ...
    def unassigned(self, newsletter: str, now: datetime) -> tuple[Article, ...]: ...
    def notices(self, now: datetime) -> tuple[NoticeItem, ...]: ...
    def pending_notices(self, newsletter: str) -> tuple[NoticeItem, ...]: ...


class DigestStore(Protocol):
    def record(self, newsletter: str) -> tuple[DigestRecord, ...]: ...
    def issues(self, newsletter: str) -> tuple[Issue, ...]: ...
    def contents(self, newsletter: str, periods: Collection[str]) -> Mapping[str, Contents]: ...
    def served(self, newsletter: str, since: Mapping[str, datetime]) -> Mapping[str, datetime]: ...
    def add(self, chain: Sequence[NewDigest], now: datetime) -> Sequence[Added] | None: ...


class Added(Protocol):
    """A digest that was written down, to how many people it goes, and how many want nothing of it."""

    @property
    def deliveries(self) -> int: ...
    @property
    def skipped(self) -> int: ...


class Recipients(Protocol):
    """Whose subscription is confirmed: what they wish for as far as forms hang on it, who changed how often they get mail,
    and everybody.
    """

    def wishes(self, newsletter: str) -> Collection[Preferences]: ...
    def changed(self, newsletter: str, after: datetime, *, own_cadence: bool) -> Collection[Reader]: ...
    def readers(self, newsletter: str) -> Iterable[Reader]: ...


class Compile(Protocol):
    """Makes the email of a digest for these audiences, its newsletter's own always; None is the site's language."""

    def __call__(self, digest: Digest, audiences: Collection[Audience], language: str | None, /) -> Mailing: ...


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
    skipped: int = 0  #: people who want nothing of it
    warnings: tuple[str, ...] = ()  #: about its email, which goes out all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One digest that was due and must not go out as it is. It stays due, so nothing is skipped."""

    planned: PlannedDigest
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What publishing needs: the stores, and the functions that make mail of a digest.

    `spoken` gives, for the language that a reader wants, the one that a mailing is made in: None is the site's.
    """

    articles: ArticleStore
    digests: DigestStore
    recipients: Recipients
    compile_mailing: Compile
    message_ids: Callable[[str, str], Callable[[str], str]]  #: (newsletter, period) -> subscriber -> Message-ID
    spoken: Callable[[str], str | None] = lambda language: language


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
    chain = _Chain(newsletter, press, now) if any(draft.digest.planned.mailed for draft in drafts) else None
    for draft in drafts:
        try:
            ready.append(_prepare(draft, chain))
        except (MailError, TemplateError) as error:
            refused.append(Refused(planned=draft.digest.planned, message=error.message))
            break
    added = press.digests.add(ready, now) if ready else ()
    if added is None:
        return ()
    return (*map(_published, ready, added), *refused)


def _prepare(draft: Draft, chain: _Chain | None) -> NewDigest:
    digest = draft.digest
    if chain is None or not digest.planned.mailed:
        return NewDigest(digest=digest, settled=draft.settled)
    round_ = chain.next(digest)
    mailings = round_.compile()
    return NewDigest(
        digest=digest,
        settled=draft.settled,
        mailing=mailings.pop("", None),
        forms=mailings,
        deliveries=round_.deliveries(),
    )


def _published(new: NewDigest, added: Added) -> Published:
    digest = new.digest
    return Published(
        planned=digest.planned,
        articles=len(digest.placed),
        notices=len(digest.notices),
        deliveries=added.deliveries,
        skipped=added.skipped,
        warnings=tuple(warning for each in (new.mailing, *new.forms.values()) if each for warning in each.warnings),
    )


# -- readers ----------------------------------------------------------------------------------------------------------


class _Chain:
    """The mailed digests of a newsletter, those that are about to be recorded too, and what they carry where it is asked."""

    def __init__(self, newsletter: Newsletter, press: Press, now: datetime) -> None:
        self.newsletter = newsletter
        self.press = press
        self.now = now
        self._issues = list(press.digests.issues(newsletter.slug))
        self._contents: dict[str, Contents] = {}

    def next(self, digest: Digest) -> _Round:
        """One more, and who gets what of it."""
        planned = digest.planned
        articles = tuple(placed.article for placed in digest.placed)
        self._contents[planned.period] = Contents(articles=articles, notices=digest.notices)
        self._issues.append(
            Issue(period=planned.period, window_start=planned.window_start, window_end=planned.window_end)
        )
        turn = Turn(
            self.newsletter,
            tuple(self._issues),
            self._contents,
            due_at=planned.due_at,
            now=self.now,
            spoken=self.press.spoken,
        )
        return _Round(digest, turn, self)

    def load(self, issues: Iterable[Issue]) -> None:
        """Read what recorded ones carry, as it is now."""
        wanted = [issue.period for issue in issues if issue.period not in self._contents]
        if wanted:
            self._contents.update(self.press.digests.contents(self.newsletter.slug, wanted))

    def told(self, issues: Iterable[Issue]) -> Iterator[tuple[Issue, Contents]]:
        return ((issue, self._contents[issue.period]) for issue in issues)


@dataclass(slots=True)
class _Wish:
    """What a text of preferences says. `usual` is where those begin who named no cadence, wherever they came in.

    `decided` is what they get who are owed all from some moment on.
    """

    preferences: Preferences
    term: Term
    usual: datetime | None
    decided: dict[datetime, Decision | None] = field(default_factory=dict)


_WISHES_KEPT = 8_000  #: texts at hand; a million people have a few thousand, or one each


class _Round:
    """One digest and its readers: first the forms that somebody needs, then what each gets."""

    def __init__(self, digest: Digest, turn: Turn, chain: _Chain) -> None:
        self._digest = digest
        self._turn = turn
        self._chain = chain
        self._slug = digest.newsletter.slug
        self._wishes: dict[str | None, _Wish] = {}
        self._doubtful = self._in_doubt()

    def compile(self) -> dict[str, Mailing]:
        """Every form that is needed and is not empty. Raises MailError and TemplateError where one must not go out."""
        turn, mailings, forms = self._turn, {}, {}
        for wanted in self._forms_wanted():
            digest = self._told(wanted)
            if not digest.empty:
                form = Choice(cadence=wanted.cadence, language=wanted.language).form
                mailings[form] = self._chain.press.compile_mailing(digest, wanted.audiences, wanted.language)
                forms[wanted.cadence, wanted.language] = _form_of(digest, wanted)
        turn.forms = forms
        return mailings

    def deliveries(self) -> Iterator[NewDelivery]:
        """One for everybody who is served now, by subscriber id; only once everything is compiled."""
        press = self._chain.press
        if not self._turn.forms:
            return
        message_id = press.message_ids(self._slug, self._digest.planned.period)
        for reader in press.recipients.readers(self._slug):
            decision = self._decision(reader)
            if decision is not None:
                yield NewDelivery(
                    subscriber_id=reader.subscriber_id,
                    message_id=message_id(reader.subscriber_id),
                    domain=reader.domain,
                    choice=decision.choice,
                    next_at=decision.at,
                    skipped=decision.skipped,
                )

    def _decision(self, reader: Reader) -> Decision | None:
        text = reader.preferences
        wish = self._wishes.get(text) or self._wish(text)
        start = wish.usual if reader.changed_at is None else None
        if start is None:
            start = self._start(reader, wish)
            if start is None:
                return None
        if start not in wish.decided:
            wish.decided[start] = self._turn.decide(wish.preferences, start)
        return wish.decided[start]

    def _start(self, reader: Reader, wish: _Wish) -> datetime | None:
        """From where on a reader is owed. None for who changed their mind while this was planned: the next digest, which
        will ask the ledger, brings them this one too.
        """
        if not wish.term.doubtful(reader.changed_at, own_wish=wish.preferences.cadence is not None):
            return self._turn.usual_start(wish.preferences, reader.since)
        return self._doubtful.get(reader.subscriber_id, (None, None))[1]

    def _wish(self, text: str | None) -> _Wish:
        if len(self._wishes) >= _WISHES_KEPT:
            self._wishes.clear()
        preferences = loads(text)
        usual = self._turn.usual_start(preferences) if preferences.cadence is None else None
        wish = self._wishes[text] = _Wish(preferences, self._turn.term(preferences), usual)
        return wish

    def _in_doubt(self) -> dict[str, tuple[Preferences, datetime]]:
        """Who may have been served otherwise than their wishes of now say, and from where on the ledger says they are owed."""
        terms = [term for term in self._turn.terms.values() if term.serves and term.doubt is not None]
        if not terms:
            return {}
        press, found = self._chain.press, {}
        after, all_slow = min(term.doubt for term in terms if term.doubt), not all(term.steady for term in terms)
        for reader in press.recipients.changed(self._slug, after, own_cadence=all_slow):
            wish = self._wish(reader.preferences)
            own = wish.preferences.cadence is not None
            if wish.term.serves and wish.term.doubtful(reader.changed_at, own_wish=own):
                found[reader.subscriber_id] = (wish.preferences, reader.since)
        served = press.digests.served(self._slug, {one: since for one, (_, since) in found.items()})
        return {
            one: (preferences, max(since, served.get(one, BEGINNING))) for one, (preferences, since) in found.items()
        }

    def _forms_wanted(self) -> tuple[Wanted, ...]:
        told = self._chain.press.recipients.wishes(self._slug)
        wishes = [preferences for preferences in told if self._turn.term(preferences).serves]
        usual = [(preferences, self._turn.usual_start(preferences)) for preferences in (USUAL, *wishes)]
        readers = [*dict.fromkeys(usual), *dict.fromkeys(self._doubtful.values())]
        self._chain.load(self._turn.issues(min(start for _, start in readers)))
        return forms_wanted(self._turn, readers)

    def _told(self, wanted: Wanted) -> Digest:
        """The digest itself, or all that it and those before it carry as one, under the address of the newest of them."""
        digest, turn = self._digest, self._turn
        if wanted.cadence is None:
            return digest
        issues = turn.issues(wanted.start)
        self._chain.load(issues)  # a form may reach back farther than anybody is owed
        told = list(self._chain.told(issues))
        carrying = [issue for issue, contents in told if contents.articles or contents.notices]
        planned = replace(
            digest.planned,
            period=carrying[-1].period if carrying else digest.planned.period,
            window_start=told[0][0].window_start,
            catch_up=digest.planned.catch_up or wanted.wide,
        )
        notices = tuple(item for _, contents in told for item in contents.notices)
        newsletter = replace(digest.newsletter, cadence=wanted.cadence)
        return gather(newsletter, planned, tuple(turn.articles(wanted.start)), notices)


def _form_of(digest: Digest, wanted: Wanted) -> Form:
    return Form(
        articles=tuple(article.id for article in digest.articles),
        notices=bool(digest.notices),
        audiences=wanted.audiences | {digest.newsletter.audience},
    )


def _oldest(articles: Iterable[Article], zone: str) -> datetime | None:
    moments = (placed_in_time(article.published, article.published_precision, zone) for article in articles)
    return min(moments, default=None)
