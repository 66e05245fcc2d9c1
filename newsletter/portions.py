"""What one person gets of a digest: which of its mailings, which articles of it, and when. Pure.

Every article is in exactly one digest of a newsletter, and digests follow one another in time. So somebody gets every
article once if each email to them takes up where the last one left off, whatever they changed in between: that is a
moment, the `start` of what they are owed, and the end of a digest.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from newsletter.model import (
    WHOLE,
    Article,
    Audience,
    Cadence,
    Choice,
    MailedDigest,
    Newsletter,
    PlannedDigest,
    Preferences,
    Reader,
)
from newsletter.periods import local_date, local_moment, period_containing
from newsletter.topics import topic_slug

NOTHING_CHOSEN = "nothing-chosen"  #: nothing of it is what they asked for
PAUSED = "paused"  #: they take a break

_PACE = (Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What one person gets. Nothing, where `skipped` says why. It leaves at `next_at`; None: at once."""

    form: str = ""
    choice: Choice = WHOLE
    next_at: datetime | None = None
    skipped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One email of a digest: what is None is as most people get it.

    `start` is for those who are owed more than others: it tells of all digests that end after it. `name` is how deliveries
    call the form; empty for what most people get.
    """

    cadence: Cadence | None = None
    start: datetime | None = None
    audience: Audience | None = None
    language: str | None = None

    @property
    def name(self) -> str:
        since = self.start and f"since {self.start:%Y-%m-%d %H:%M}"
        return "/".join(part for part in (self.cadence, since, self.audience, self.language) if part)


def cadences(own: Cadence) -> tuple[Cadence, ...]:
    """How often somebody may get a newsletter: as often as it comes, or less."""
    return _PACE[_PACE.index(own) :]


def slower(own: Cadence, wanted: Cadence | None) -> Cadence | None:
    """How often somebody wants it, where that is less than it comes; None for as often as it comes."""
    return wanted if wanted in cadences(own)[1:] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whose turn it is at a digest. `start` is the end of the last one that closed a period of that cadence, and
    `at` when that was written down; both None where there was none.
    """

    due: bool
    start: datetime | None
    at: datetime | None


def turn(
    newsletter: Newsletter, planned: PlannedDigest, before: Sequence[MailedDigest], cadence: Cadence | None
) -> Turn:
    """Whether those who want `cadence` (None: the newsletter's own) get something at `planned`, and since when.

    A round-up comes with the first digest that ends at or after the end of a week or month. `before` are the digests that
    were mailed before, oldest first.
    """
    ends = [_start_of(planned, before), *(one.window_end for one in before)]
    closing = [
        one
        for earlier, one in zip(ends, before, strict=False)
        if _closes(newsletter, earlier, one, cadence) and not (cadence is None and one.empty)
    ]
    last = closing[-1] if closing else None
    due = _closes(newsletter, ends[-1], planned, cadence)
    if last is None:
        return Turn(due=due, start=None, at=None)
    return Turn(due=due, start=last.window_end, at=last.created_at)


def _start_of(planned: PlannedDigest, before: Sequence[MailedDigest]) -> datetime:
    return before[0].window_start if before else planned.window_start


def _closes(
    newsletter: Newsletter, earlier: datetime, one: PlannedDigest | MailedDigest, cadence: Cadence | None
) -> bool:
    """Whether a period of `cadence` ends after `earlier`, and not after the end of `one`."""
    if cadence is None:
        return True
    return period_containing(one.window_end, cadence, newsletter.zone).start > earlier


def start(reader: Reader, turn: Turn, served: datetime | None) -> datetime | None:
    """The end of the last digest that was this reader's; None for nobody's yet.

    `served` is the end of the newest digest for which the ledger has a delivery of theirs. It is looked at only for
    those who changed since their last turn.
    """
    if changed(reader, turn):
        return max((moment for moment in (reader.since, served) if moment is not None), default=turn.start)
    return max((moment for moment in (reader.since, turn.start) if moment is not None), default=None)


def changed(reader: Reader, turn: Turn) -> bool:
    """Whether somebody came back, or changed how often they want it, since their turn was last."""
    return reader.changed_at is not None and (turn.at is None or reader.changed_at > turn.at)


def wanted(preferences: Preferences, article: Article) -> bool:
    """Whether somebody wants an article. One without a rating passes any credibility."""
    slugs = {topic_slug(name) for name in article.summary.topics}
    if preferences.topics and not preferences.topics & slugs:
        return False
    if preferences.unwanted_topics & slugs:
        return False
    credibility = article.summary.credibility
    least = preferences.min_credibility
    return least is None or credibility is None or credibility.of_five >= least


def form_of(
    preferences: Preferences, newsletter: Newsletter, turn: Turn, begin: datetime | None, language: str
) -> Form:
    """The form for somebody who is owed what ends after `begin`. `language` is that of most people's email."""
    wider = turn.start is not None and (begin is None or begin < turn.start)
    return Form(
        cadence=slower(newsletter.cadence, preferences.cadence),
        start=begin if wider else None,
        audience=None if preferences.audience is newsletter.audience else preferences.audience,
        language=None if preferences.language == language else preferences.language,
    )


def portion(
    form: Form, preferences: Preferences, owed: Collection[Article], carried: Collection[Article], *, notices: bool
) -> Portion:
    """What somebody gets of a form that carries the articles `carried`, of which they are owed some."""
    chosen = frozenset(article.id for article in owed if wanted(preferences, article))
    if not chosen and not notices:
        return Portion(form=form.name, skipped=NOTHING_CHOSEN)
    whole = chosen == {article.id for article in carried}
    return Portion(form=form.name, choice=Choice(edition=preferences.edition, articles=None if whole else chosen))


def pausing(preferences: Preferences, zone: str, moment: datetime) -> bool:
    """Whether somebody takes a break at that moment, by the calendar of their zone, else of `zone`."""
    until = preferences.paused_until
    return until is not None and local_date(moment, preferences.zone or zone) < until


def hour(preferences: Preferences, newsletter: Newsletter, due_at: datetime) -> datetime | None:
    """The first moment from `due_at` on at which clocks show the hour that somebody chose; None for at once.

    Where a change of clocks leaves that hour out or repeats it, by the rule of `periods`.
    """
    if preferences.send_at is None:
        return None
    zone = preferences.zone or newsletter.zone
    day: date = local_date(due_at, zone)
    moments = (local_moment(day + days * _ONE_DAY, preferences.send_at, zone) for days in range(-1, 3))
    return next(moment for moment in moments if moment >= due_at)
