"""What each reader gets of a digest, by what they wish for. Pure.

An article is in exactly one digest of a newsletter, and digests form a chain. What a reader is owed at one of them is
the stretch of the chain after the last digest that they were served: stretches never overlap and leave nothing out.
Who gets every digest is owed that one alone. Who wants one mail a week or a month is served by the digests that close
one, and is owed all since the one that closed the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from newsletter.model import USUAL, Article, Audience, Cadence, Choice, Newsletter, NoticeItem, Preferences, Status
from newsletter.periods import local_date, local_moment, period_containing, period_named
from newsletter.topics import topic_slug

NOTHING_CHOSEN, PAUSED = "nothing-chosen", "paused"  #: why a delivery is skipped

BEGINNING = datetime.min.replace(tzinfo=UTC)  #: before every digest
_CLOCKS_DIFFER = timedelta(hours=2)  #: so far the clocks of two machines may be apart
_A_WEEK = timedelta(days=8)  #: what a weekly mail may cover, with a day for a clock change or a late digest
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A mailed digest in the chain of its newsletter. `made_at` is when it was recorded, None for one that is about to be."""

    period: str
    window_start: datetime
    window_end: datetime
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a digest carries."""

    articles: tuple[Article, ...] = ()
    notices: tuple[NoticeItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What a digest is to those who want mail at one cadence.

    `serves`: it closes a week or a month, or is one more issue at the newsletter's own cadence. `start` is the end of the
    issue before it that served them; nothing up to it is owed. Whoever changed how often they get mail at or after
    `doubt` may have been served otherwise, and the ledger knows how; where it is None, nobody is in doubt. `steady`: since
    then the newsletter's own cadence and zone were the same; else everybody with a cadence of their own is in doubt.
    """

    serves: bool
    start: datetime
    doubt: datetime | None
    steady: bool

    def doubtful(self, changed_at: datetime | None, *, own_wish: bool) -> bool:
        """Whether the ledger has to be asked; `own_wish`: the reader named a cadence."""
        if self.doubt is None:
            return False
        return (changed_at is not None and changed_at >= self.doubt) or (own_wish and not self.steady)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A mailing of a digest that choices are cut from. `articles` are the ids of all that it tells."""

    articles: frozenset[str]
    notices: bool
    audiences: frozenset[Audience]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one reader gets. `choice` is None for everything in the newsletter's own form; `at` is when, None: at once."""

    choice: Choice | None = None
    at: datetime | None = None
    skipped: str | None = None


# -- when -------------------------------------------------------------------------------------------------------------


def hour(preferences: Preferences, zone: str, due_at: datetime) -> datetime | None:
    """The first moment at or after `due_at` at which clocks in the reader's zone show their hour; None without an hour.

    `zone` is the newsletter's, for who named none. For days on which clocks change, see `periods`.
    """
    if preferences.send_at is None:
        return None
    own = preferences.zone or zone
    first = local_date(due_at, own)
    moments = (local_moment(first + days * _DAY, preferences.send_at, own) for days in range(-1, 4))
    return min(moment for moment in moments if moment >= due_at)


def resting(preferences: Preferences, zone: str, moment: datetime) -> bool:
    """Whether a reader wants nothing yet at that moment. `zone` is the newsletter's, for who named none."""
    until = preferences.paused_until
    return until is not None and local_date(moment, preferences.zone or zone) < until


# -- how often --------------------------------------------------------------------------------------------------------


def cadence_of(newsletter: Newsletter, preferences: Preferences) -> Cadence:
    """How often a reader gets mail: never faster than the newsletter comes."""
    return _slower_of(newsletter.cadence, preferences.cadence or newsletter.cadence)


def _slower_of(one: Cadence, other: Cadence) -> Cadence:
    return other if other in one.slower else one


def terms(newsletter: Newsletter, chain: Sequence[Issue]) -> dict[Cadence, Term]:
    """What the last issue of the chain, oldest first, is to every cadence that readers may have."""
    cadences = (newsletter.cadence, *newsletter.cadence.slower)
    return {cadence: _term(newsletter, cadence, chain) for cadence in cadences}


def _term(newsletter: Newsletter, cadence: Cadence, chain: Sequence[Issue]) -> Term:
    last = len(chain) - 1
    before = next((at for at in reversed(range(last)) if _serves(newsletter, cadence, chain, at)), None)
    return Term(
        serves=_serves(newsletter, cadence, chain, last),
        start=BEGINNING if before is None else chain[before].window_end,
        doubt=_doubt(None if before is None else chain[before], chain[:-1]),
        steady=all(_regular(newsletter, issue) for issue in chain[before or 0 :]),
    )


def _serves(newsletter: Newsletter, cadence: Cadence, chain: Sequence[Issue], at: int) -> bool:
    """Whether a period of that cadence ends in the time that an issue is the first to cover."""
    if cadence is newsletter.cadence:
        return True
    covered = chain[at - 1].window_end if at else chain[at].window_start
    return covered < period_containing(chain[at].window_end, cadence, newsletter.zone).start


def _doubt(before: Issue | None, earlier: Sequence[Issue]) -> datetime | None:
    if before is None:
        return BEGINNING if earlier else None
    return None if before.made_at is None else before.made_at - _CLOCKS_DIFFER


def _regular(newsletter: Newsletter, issue: Issue) -> bool:
    """Whether an issue is one of the cadence and zone that its newsletter has now."""
    try:
        end = period_named(issue.period, newsletter.zone).end
    except ValueError:
        return False
    own = period_containing(end - timedelta.resolution, newsletter.cadence, newsletter.zone)
    return own.key == issue.period and end == issue.window_end


# -- what -------------------------------------------------------------------------------------------------------------


class Offer(NamedTuple):
    """What of an article decides who wants it. `credibility` is a number of 5; None is an article without a rating."""

    article: str
    topics: frozenset[str]
    credibility: float | None


def offer_of(article: Article) -> Offer:
    rating = article.summary.credibility
    return Offer(
        article=article.id,
        topics=frozenset(map(topic_slug, article.summary.topics)),
        credibility=None if rating is None else rating.value * 5 / rating.scale,
    )


def wanted(preferences: Preferences, offers: Iterable[Offer]) -> frozenset[str]:
    """The ids of those articles that a reader wants. Without a rating an article passes."""
    into, out, least = preferences.topics, preferences.unwanted_topics, preferences.min_credibility
    return frozenset(
        [
            article
            for article, topics, credibility in offers
            if (not into or not into.isdisjoint(topics))
            and out.isdisjoint(topics)
            and (least is None or credibility is None or credibility >= least)
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which of a digest's mailings a reader's is cut from, before it is known whether there is one."""

    cadence: Cadence | None
    language: str | None
    audience: Audience


class Turn:
    """One digest and its readers: what each of them is owed, and in which form. `chain` ends with this digest.

    `contents` holds what issues carry, by period; it may be added to until `forms` are told. `spoken` gives the language of
    a mailing for the one that a reader wants: None for the newsletter's own.
    """

    def __init__(
        self,
        newsletter: Newsletter,
        chain: Sequence[Issue],
        contents: Mapping[str, Contents],
        *,
        due_at: datetime,
        now: datetime,
        spoken: Callable[[str], str | None] = lambda language: language,
    ) -> None:
        self.newsletter = newsletter
        self.terms = terms(newsletter, chain)
        self.forms: Mapping[tuple[Cadence | None, str | None], Form] = {}
        self._chain = chain
        self._contents = contents
        self._due_at = due_at
        self._now = now
        self._spoken = spoken
        self._offers: dict[datetime, tuple[Offer, ...]] = {}
        self._hours: dict[tuple[time | None, str | None], datetime | None] = {}

    def term(self, preferences: Preferences) -> Term:
        return self.terms[cadence_of(self.newsletter, preferences)]

    def usual_start(self, preferences: Preferences, since: datetime = BEGINNING) -> datetime:
        """From where on a reader is owed who is not in doubt. `since` is when they came: nothing up to it is owed."""
        start = self.term(preferences).start
        return start if preferences.cadence is None else max(start, since)

    def issues(self, start: datetime) -> Sequence[Issue]:
        """The digest itself, and those mailed before it that end after `start`."""
        return [issue for issue in self._chain[:-1] if issue.window_end > start] + [self._chain[-1]]

    def articles(self, start: datetime) -> Iterator[Article]:
        """What a reader is owed from `start` on, but for what was taken back since."""
        for issue in self.issues(start):
            yield from (each for each in self._contents[issue.period].articles if still_told(each))

    def shape(self, preferences: Preferences, start: datetime) -> Shape:
        """Where somebody is owed more than a mail at their cadence covers, theirs is cut from a slower one."""
        cadence = cadence_of(self.newsletter, preferences)
        wide = self._begins_before(cadence, start)
        if wide:
            end = self._chain[-1].window_end
            needed = Cadence.WEEKLY if end - self._first_carrying(start) <= _A_WEEK else Cadence.MONTHLY
            cadence = _slower_of(cadence, needed)
        return Shape(
            cadence=None if cadence is self.newsletter.cadence and not wide else cadence,
            language=None if preferences.language is None else self._spoken(preferences.language),
            audience=preferences.audience or self.newsletter.audience,
        )

    def decide(self, preferences: Preferences, start: datetime) -> Decision | None:
        """What a reader gets who is owed all from `start` on; None where there is nothing, not even to be skipped."""
        if not self.term(preferences).serves:
            return None
        shape = self.shape(preferences, start)
        language = self._compiled_language(shape)
        form = self.forms.get((shape.cadence, language))
        if form is None:
            return None
        at = self._hour(preferences)
        if resting(preferences, self.newsletter.zone, self._now if at is None else max(at, self._now)):
            return Decision(skipped=PAUSED)
        articles = wanted(preferences, self._owed(start)) & form.articles
        if not articles and not form.notices:
            return Decision(skipped=NOTHING_CHOSEN)
        own = shape.audience is self.newsletter.audience or shape.audience not in form.audiences
        choice = Choice(
            edition=preferences.edition,
            audience=None if own else shape.audience,
            articles=None if articles == form.articles else articles,
            cadence=shape.cadence,
            language=language,
        )
        return Decision(
            choice=None if choice == Choice() else choice, at=at if at is not None and at > self._now else None
        )

    def _owed(self, start: datetime) -> tuple[Offer, ...]:
        if start not in self._offers:
            self._offers[start] = tuple(map(offer_of, self.articles(start)))
        return self._offers[start]

    def _hour(self, preferences: Preferences) -> datetime | None:
        key = (preferences.send_at, preferences.zone)
        if key not in self._hours:
            self._hours[key] = hour(preferences, self.newsletter.zone, self._due_at)
        return self._hours[key]

    def _compiled_language(self, shape: Shape) -> str | None:
        """The one that is wanted; another, where somebody said so after the forms were made."""
        made = [language for cadence, language in self.forms if cadence is shape.cadence]
        return shape.language if shape.language in made or not made else made[0]

    def _begins_before(self, cadence: Cadence, start: datetime) -> bool:
        """Whether anything is owed that a mail of that cadence does not cover."""
        usual = self.terms[cadence].start
        more = (issue for issue in self._chain[:-1] if start < issue.window_end <= usual)
        return any(self._contents[issue.period].articles for issue in more)

    def _first_carrying(self, start: datetime) -> datetime:
        carrying = (issue for issue in self.issues(start) if self._contents[issue.period].articles)
        return next(carrying, self._chain[-1]).window_start


def still_told(article: Article) -> bool:
    """Whether an article may still be told as new: it was not taken back since."""
    return article.status not in {Status.RETRACTED, Status.WITHDRAWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A form that somebody needs. `start`: it tells all from there on; `wide`: that is more than its cadence covers."""

    cadence: Cadence | None
    language: str | None
    audiences: frozenset[Audience]
    start: datetime
    wide: bool


def forms_wanted(turn: Turn, readers: Iterable[tuple[Preferences, datetime]]) -> tuple[Wanted, ...]:
    """Every form that is needed; `readers` are told by what they wish for and from where on they are owed.

    The newsletter's own is always among them, for most who read it wish for nothing.
    """
    starts: dict[Cadence | None, datetime] = {}
    audiences: dict[tuple[Cadence | None, str | None], set[Audience]] = {}
    for preferences, start in ((USUAL, turn.usual_start(USUAL)), *readers):
        if turn.term(preferences).serves:
            shape = turn.shape(preferences, start)
            starts[shape.cadence] = min(start, starts.get(shape.cadence, start))
            audiences.setdefault((shape.cadence, shape.language), set()).add(shape.audience)
    return tuple(
        _wanted(turn, cadence, language, frozenset(told), starts[cadence])
        for (cadence, language), told in audiences.items()
    )


def _wanted(
    turn: Turn, cadence: Cadence | None, language: str | None, audiences: frozenset[Audience], start: datetime
) -> Wanted:
    """A form of a cadence that is served covers at least what that cadence does."""
    term = turn.terms[cadence or turn.newsletter.cadence]
    return Wanted(
        cadence=cadence,
        language=language,
        audiences=audiences,
        start=min(start, term.start) if term.serves else start,
        wide=not term.serves or start < term.start,
    )
