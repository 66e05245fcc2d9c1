"""The schedule in thousands of invented histories.

A history is a newsletter's life as an operator may get it: downtime, a clock that is wrong, crashes around the commit,
two planners at once, articles that come late or from the future, a changed zone, hour, cadence or policy. The record
here behaves as the database does: a digest goes in whole or, where one of its keys is taken, not at all.

`HYPOTHESIS_PROFILE=full` runs more of them, and other ones each time.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import pairwise

import pytest
from builders import make_article, make_newsletter
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from newsletter.digest import choose, compose, selected
from newsletter.model import (
    Article,
    Cadence,
    CatchUp,
    Digest,
    DigestRecord,
    Newsletter,
    PlannedDigest,
    Precision,
    Status,
)
from newsletter.periods import due_at, leap, next_due, period_named, placed_in_time, plan

FULL = os.environ.get("HYPOTHESIS_PROFILE") == "full"
HISTORIES = 20_000 if FULL else 5_000
MUTANT_HISTORIES = 1_000

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGIN = datetime(2026, 3, 20, 11, tzinfo=UTC)
MAX_GAP = timedelta(days=35)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Kiritimati", "UTC")
SEND_HOURS = (time(0), time(0, 30), time(2, 30), time(7), time(23, 30))

Plan = Callable[..., tuple[PlannedDigest, ...]]
Compose = Callable[[Newsletter, PlannedDigest, Iterable[Article]], Digest]


# -- what may happen --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wait:
    """The process runs on; it ticks at the end."""

    hours: int


@dataclass(frozen=True)
class Down:
    """Nothing runs; then a new process ticks, which knows no elapsed time."""

    hours: int


@dataclass(frozen=True)
class ClockSet:
    """The wall clock is off by so many hours from now on (0: right again)."""

    hours: int


@dataclass(frozen=True)
class Arrives:
    """An article comes in, dated so many hours from the true time: late, or from the future."""

    hours: int
    precision: Precision
    status: Status


@dataclass(frozen=True)
class Configured:
    """The operator changes the newsletter; the running process is restarted with it."""

    changes: dict[str, object]


@dataclass(frozen=True)
class Crash:
    """The next tick dies after writing so many digests; the last of them is written but not mailed."""

    commits: int


@dataclass(frozen=True)
class Race:
    """At the next tick a second planner works from the same record, by a clock that differs by so many minutes."""

    minutes: int
    first: bool


Step = Wait | Down | ClockSet | Arrives | Configured | Crash | Race

STEPS = st.one_of(
    st.builds(Wait, st.integers(1, 9 * 24)),
    st.builds(Wait, st.integers(20, 30)),
    st.builds(Arrives, st.integers(-60 * 24, 20 * 24), st.sampled_from(Precision), st.just(Status.OK)),
    st.builds(Arrives, st.integers(-48, 24), st.sampled_from(Precision), st.sampled_from(Status)),
    st.builds(Down, st.integers(1, 40 * 24)),
    st.builds(ClockSet, st.integers(-30, 30) | st.sampled_from([0, 40 * 24, 3650 * 24])),
    st.one_of(
        st.fixed_dictionaries({"zone": st.sampled_from(ZONES)}),
        st.fixed_dictionaries({"send_at": st.sampled_from(SEND_HOURS)}),
        st.fixed_dictionaries({"cadence": st.sampled_from(Cadence)}),
        st.fixed_dictionaries({"catch_up": st.sampled_from(CatchUp)}),
    ).map(Configured),
    st.builds(Crash, st.integers(0, 2)),
    st.builds(Race, st.integers(-50, 50), st.booleans()),
)
NEWSLETTERS = st.builds(
    partial(make_newsletter, "any"),
    cadence=st.sampled_from(Cadence),
    zone=st.sampled_from(ZONES),
    send_at=st.sampled_from(SEND_HOURS),
    catch_up=st.sampled_from(CatchUp),
)


# -- the world --------------------------------------------------------------------------------------------------------


@dataclass
class Written:
    """A digest in the record."""

    planned: PlannedDigest
    articles: tuple[str, ...]
    finished: bool


def remembered(planned: PlannedDigest) -> DigestRecord:
    return DigestRecord(
        newsletter=planned.newsletter,
        period=planned.period,
        window_start=planned.window_start,
        window_end=planned.window_end,
    )


@dataclass
class World:
    newsletter: Newsletter
    plan: Plan
    compose: Compose
    true_time: datetime = BEGIN
    clock_error: timedelta = timedelta(0)
    articles: list[Article] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    record: list[DigestRecord] = field(default_factory=list)
    unique: set[tuple[str, object]] = field(default_factory=set)  #: what the database's unique keys hold
    last_tick: datetime | None = None
    ticked_at: datetime | None = None  #: by true time, None in a new process
    crash: Crash | None = None
    race: Race | None = None
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def now(self) -> datetime:
        return self.true_time + self.clock_error

    def take(self, step: Step) -> None:
        match step:
            case Wait(hours):
                self.true_time += hours * HOUR
                self.tick()
            case Down(hours):
                self.true_time += hours * HOUR
                self.ticked_at = None
                self.tick()
            case ClockSet(hours):
                self.clock_error = hours * HOUR
            case Arrives():
                self.articles.append(self.article(step))
            case Configured(changes):
                self.newsletter = replace(self.newsletter, **changes)
                self.ticked_at = None
            case Crash():
                self.crash = step
            case Race():
                self.race = step

    def article(self, step: Arrives) -> Article:
        published = self.true_time + step.hours * HOUR
        if step.precision is not Precision.INSTANT:
            published = published.replace(hour=12, minute=0)
        return make_article(
            f"article-{len(self.articles)}",
            published=published,
            published_precision=step.precision,
            first_seen=self.true_time,
            status=step.status,
        )

    def tick(self) -> None:
        elapsed = self.true_time - self.ticked_at if self.ticked_at else None
        reason = leap(self.now, last_tick=self.last_tick, elapsed=elapsed, max_gap=MAX_GAP)
        if reason is not None:
            self.seen["refused"] += 1
            if abs(self.clock_error) > HOUR:
                return
            self.seen["operator agreed"] += 1  # the clock is right: `publish --catch-up`
        crash, race = self.crash, self.race
        self.crash = self.race = None
        self.last_tick, self.ticked_at = self.now, self.true_time
        self.publish(crash, race)

    def publish(self, crash: Crash | None, race: Race | None) -> None:
        mine = self.prepared(self.now)
        if race is not None:
            other = self.prepared(self.now + race.minutes * HOUR / 60)
            first, second = (mine, other) if race.first else (other, mine)
            self.write_all(first)
            self.write_all(second)
        elif crash is not None:
            self.write_all(mine[: crash.commits])
            self.ticked_at = None
            self.seen["crash"] += 1
            return
        else:
            assert self.write_all(mine), "nothing stands in the way of a single planner"
            assert self.prepared(self.now) == [], "planned twice"
        self.finish()

    def prepared(self, now: datetime) -> list[Digest]:
        """What one planner would write, by the record and the articles of this moment."""
        placed = [self.placed(article) for article in self.articles]
        planned = self.plan(self.newsletter, self.record, oldest=min(placed, default=None), now=now)
        candidates = [article for article in self.articles if ("article", article.slug) not in self.unique]
        digests: list[Digest] = []
        for one in planned:
            digest = self.compose(self.newsletter, one, candidates)
            taken = {placed.article.slug for placed in digest.placed}
            candidates = [article for article in candidates if article.slug not in taken]
            digests.append(digest)
        return digests

    def placed(self, article: Article) -> datetime:
        return placed_in_time(article.published, article.published_precision, self.newsletter.zone)

    def write_all(self, digests: Sequence[Digest]) -> bool:
        """In order, up to the first that is refused."""
        return all(self.write(digest) for digest in digests)

    def write(self, digest: Digest) -> bool:
        """One transaction under the database's unique keys."""
        planned = digest.planned
        slugs = tuple(placed.article.slug for placed in digest.placed)
        keys = {
            ("period", planned.period),
            ("window_start", planned.window_start),
            *(("article", slug) for slug in slugs),
        }
        if keys & self.unique:
            self.seen["refused by a key"] += 1
            return False
        self.seen["written"] += 1
        self.seen["catch-up"] += planned.catch_up
        self.unique |= keys
        self.written.append(Written(planned=planned, articles=slugs, finished=False))
        self.record.append(remembered(planned))
        return True

    def finish(self) -> None:
        """Rendering and mailing take up whatever is in the record and not done, whoever wrote it."""
        for one in self.written:
            one.finished = True

    def come_to_rest(self) -> None:
        """At last the clock is right and the process runs for ten weeks."""
        self.clock_error = timedelta(0)
        self.crash = self.race = None
        # The record may lie ahead: written by a clock that was wrong.
        self.true_time = max([self.true_time, *(one.window_end for one in self.record)])
        for _ in range(5):
            self.true_time += 15 * DAY
            self.tick()


def check(world: World) -> None:
    """What must be true of every history, by nothing but the record and the articles."""
    chain = sorted((one.planned for one in world.written), key=lambda one: one.window_start)
    assert chain, "a newsletter has digests"
    for one in chain:
        assert one.window_start < one.window_end
    for before, after in pairwise(chain):
        assert before.window_end == after.window_start, "windows tile"
    assert len({one.period for one in chain}) == len(chain), "a key is used once"
    assert all(one.finished for one in world.written), "every digest finishes"

    times = Counter(slug for one in world.written for slug in one.articles)
    for article in world.articles:
        old_enough = world.placed(article) < chain[-1].window_end
        if not selected(world.newsletter, article):
            assert times[article.slug] == 0, "not selected"
        elif old_enough:
            assert times[article.slug] == 1, f"{article.slug} is in {times[article.slug]} digests"
        else:
            assert times[article.slug] == 0, "from the future"


def live(newsletter: Newsletter, steps: Sequence[Step], plan: Plan, compose: Compose) -> World:
    world = World(newsletter=newsletter, plan=plan, compose=compose)
    for step in steps:
        world.take(step)
    world.come_to_rest()
    return world


def compose_quietly(newsletter: Newsletter, planned: PlannedDigest, candidates: Iterable[Article]) -> Digest:
    return compose(newsletter, planned, candidates, ())


def run_histories(
    number: int, *, plan: Plan = plan, compose: Compose = compose_quietly, explain: bool = False
) -> Counter[str]:
    """Runs the property; answers what its histories contained. A counter-example raises AssertionError."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize=not (FULL and explain),
        phases=[Phase.generate, Phase.shrink] if explain else [Phase.generate],
        report_multiple_bugs=False,
        verbosity=Verbosity.normal if explain else Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(NEWSLETTERS, st.lists(STEPS, min_size=4, max_size=14))
    def holds(newsletter: Newsletter, steps: list[Step]) -> None:
        seen["histories"] += 1
        world = live(newsletter, steps, plan, compose)
        seen.update(world.seen)
        check(world)

    holds()
    return seen


# -- the property, and proof that it can fail -------------------------------------------------------------------------


def test_in_every_history_windows_tile_and_each_article_is_in_exactly_one_digest(
    record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = run_histories(HISTORIES, explain=True)
    for name, count in seen.items():
        record_property(name, count)
    with capsys.disabled():
        sys.stdout.write(f"\nschedule: {', '.join(f'{count} {name}' for name, count in seen.most_common())}\n")
    assert seen["histories"] >= HISTORIES
    for rare in ("refused", "operator agreed", "refused by a key", "crash", "catch-up"):
        assert seen[rare] > HISTORIES // 50, f"hardly any history has: {rare}"


def only_dated_inside_the_window(
    newsletter: Newsletter, planned: PlannedDigest, candidates: Iterable[Article]
) -> Digest:
    dated = [
        article
        for article in candidates
        if placed_in_time(article.published, article.published_precision, newsletter.zone) >= planned.window_start
    ]
    return compose_quietly(newsletter, planned, dated)


def the_last_period_only(
    newsletter: Newsletter, *args: Sequence[DigestRecord], **when: datetime
) -> tuple[PlannedDigest, ...]:
    return tuple(
        replace(one, window_start=period_named(one.period, newsletter.zone).start)
        for one in plan(newsletter, *args, **when)
    )


def one_period_behind(
    newsletter: Newsletter, *args: Sequence[DigestRecord], **when: datetime
) -> tuple[PlannedDigest, ...]:
    return plan(newsletter, *args, **when)[:-1]


def forgetful_of_keys(
    newsletter: Newsletter, record: Sequence[DigestRecord], **when: datetime
) -> tuple[PlannedDigest, ...]:
    return plan(newsletter, [replace(one, period="") for one in record], **when)


@pytest.mark.parametrize(
    ("mutant", "caught"),
    [
        (the_last_period_only, "windows tile"),
        (one_period_behind, "a newsletter has digests"),
        (forgetful_of_keys, "nothing stands in the way"),
    ],
)
def test_a_wrong_plan_is_caught_by_the_same_property(mutant: Plan, caught: str) -> None:
    with pytest.raises(AssertionError, match=caught):
        run_histories(MUTANT_HISTORIES, plan=mutant)


def test_a_choice_of_only_what_is_dated_inside_the_window_is_caught_by_the_same_property() -> None:
    with pytest.raises(AssertionError, match="is in 0 digests"):
        run_histories(MUTANT_HISTORIES, compose=only_dated_inside_the_window)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(NEWSLETTERS, st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - Hypothesis adds the zone
def test_the_next_digest_is_the_one_that_plan_gives_when_its_time_has_come(
    newsletter: Newsletter, now: datetime
) -> None:
    due = plan(newsletter, (), oldest=None, now=now)
    record = tuple(remembered(one) for one in due)
    coming = next_due(newsletter, record, now)
    assert coming.due_at > now
    assert coming.due_at == due_at(newsletter, period_named(coming.period, newsletter.zone))
    assert plan(newsletter, record, oldest=None, now=coming.due_at) == (coming,)
    assert choose(newsletter, coming, []) == ()
