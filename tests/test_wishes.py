"""When, how often and what: the rules of readers' wishes, by properties."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from builders import make_article, make_newsletter
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from wishing import TOPICS, ZONES, preferences

from newsletter import wishes
from newsletter.model import (
    USUAL,
    Article,
    Audience,
    Cadence,
    Choice,
    Edition,
    Newsletter,
    Preferences,
    Rating,
    Status,
)
from newsletter.periods import local_date, period_containing
from newsletter.wishes import (
    BEGINNING,
    NOTHING_CHOSEN,
    PAUSED,
    Contents,
    Decision,
    Form,
    Issue,
    Offers,
    Turn,
    cadence_of,
    forms_wanted,
    hour,
    resting,
    terms,
)

DAILY = make_newsletter("daily", cadence=Cadence.DAILY, zone="Europe/Berlin")
DAY = timedelta(days=1)
MADE = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - aware by `timezones`


# -- when -------------------------------------------------------------------------------------------------------------


@given(st.times(), st.sampled_from(ZONES), moments)
def test_their_hour_is_the_first_at_or_after_it_is_due(at: time, zone: str, due: datetime) -> None:
    """Within a day, or a little more where clocks are set back; and clocks show it unless a change leaves it out."""
    told = hour(Preferences(send_at=at, zone=zone), "UTC", due)
    assert told is not None
    assert due <= told <= due + DAY + timedelta(hours=1)
    shown = told.astimezone(ZoneInfo(zone))
    assert shown.time() == at or shown.replace(tzinfo=None) - timedelta(hours=1) <= datetime.combine(shown.date(), at)


@given(st.times(), moments)
def test_without_a_zone_it_is_the_newsletter_s_hour_by_the_clock_there(at: time, due: datetime) -> None:
    assert hour(Preferences(send_at=at), "Asia/Kathmandu", due) == hour(
        Preferences(send_at=at, zone="Asia/Kathmandu"), "UTC", due
    )
    assert hour(Preferences(zone="Asia/Kathmandu"), "UTC", due) is None


@pytest.mark.parametrize(
    ("at", "due", "told"),
    [
        # Berlin, 29 March: 02:30 does not exist and moves forward; 25 October: it comes twice and means the first.
        (time(2, 30), datetime(2026, 3, 29, 0, 0, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (time(2, 30), datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (time(2, 30), datetime(2026, 10, 25, 1, 0, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
        (time(7), datetime(2026, 11, 20, 6, 0, tzinfo=UTC), datetime(2026, 11, 20, 6, 0, tzinfo=UTC)),
    ],
)
def test_days_on_which_clocks_change(at: time, due: datetime, told: datetime) -> None:
    assert hour(Preferences(send_at=at, zone="Europe/Berlin"), "UTC", due) == told


@given(st.dates(date(2026, 1, 1), date(2027, 1, 1)), st.sampled_from(ZONES), moments)
def test_a_break_ends_at_midnight_where_the_reader_is(until: date, zone: str, moment: datetime) -> None:
    assert resting(Preferences(paused_until=until, zone=zone), "UTC", moment) == (local_date(moment, zone) < until)


# -- how often --------------------------------------------------------------------------------------------------------


def _days(newsletter: Newsletter, first: date, gaps: Sequence[int]) -> list[Issue]:
    """A chain that begins on that day, each issue that many days after the one before."""
    start = period_containing(datetime.combine(first, time(12), UTC), Cadence.DAILY, newsletter.zone).start
    chain = []
    for gap in gaps:
        last = period_containing(start + gap * DAY - timedelta(hours=12), Cadence.DAILY, newsletter.zone)
        chain.append(Issue(period=last.key, window_start=start, window_end=last.end, made_at=MADE))
        start = last.end
    return chain


@given(
    st.dates(date(2026, 1, 1), date(2027, 1, 1)),
    st.lists(st.sampled_from([1, 1, 1, 1, 1, 2, 5, 9]), min_size=1, max_size=70),
    st.sampled_from([Cadence.WEEKLY, Cadence.MONTHLY]),
)
def test_slower_mails_tile_the_chain(first: date, gaps: list[int], cadence: Cadence) -> None:
    """Each begins where the last one ended, and there is one for every week and month that has ended, however late."""
    chain = _days(DAILY, first, gaps)
    ends = [BEGINNING]
    for number in range(1, len(chain) + 1):
        term = terms(DAILY, chain[:number])[cadence]
        assert term.start == ends[-1]
        if term.serves:
            ends.append(chain[number - 1].window_end)
    boundaries = {period_containing(issue.window_end, cadence, DAILY.zone).start for issue in chain}
    boundaries = {one for one in boundaries if one > chain[0].window_start}
    assert len(ends) - 1 == len(boundaries)


@given(st.sampled_from(Cadence), preferences())
def test_nobody_gets_mail_more_often_than_the_newsletter_comes(own: Cadence, wish: Preferences) -> None:
    order = [Cadence.DAILY, Cadence.WEEKLY, Cadence.MONTHLY]
    newsletter = make_newsletter("n", cadence=own)
    told = cadence_of(newsletter, wish)
    assert order.index(told) == max(order.index(own), order.index(wish.cadence or own))


# -- what -------------------------------------------------------------------------------------------------------------

articles = st.lists(
    st.tuples(
        st.lists(st.sampled_from(("Fatigue", "walks", "MRI", "Diet", "sleep")), max_size=3, unique=True),
        st.none() | st.builds(Rating, value=st.integers(0, 10), scale=st.just(10)),
    ),
    max_size=6,
).map(
    lambda rows: [
        make_article(f"a{number}", topics=tuple(topics), credibility=rating)
        for number, (topics, rating) in enumerate(rows)
    ]
)


def _wanted(wish: Preferences, told: Iterable[Article]) -> frozenset[str]:
    """Some articles that are offered stand in no form; what the form tells beside is not on offer."""
    offered = list(told)
    form = ("another", *reversed([article.id for article in offered]))
    wanted = Offers(form, [*offered, make_article("nowhere")]).wanted(wish)
    return _named(form, wanted)


def _named(form: Sequence[str], bits: int) -> frozenset[str]:
    assert bits < 1 << len(form)
    return frozenset(article for place, article in enumerate(form) if bits >> place & 1)


@given(preferences(), articles)
def test_what_is_wanted(wish: Preferences, told: list[object]) -> None:
    """By the letter of what Preferences promise."""
    slugs = {"Fatigue": "fatigue", "walks": "walk", "MRI": "mri", "Diet": "diet", "sleep": "sleep"}
    for article in told:
        topics = {slugs[topic] for topic in article.summary.topics}  # type: ignore[attr-defined]
        rating = article.summary.credibility  # type: ignore[attr-defined]
        right = (
            (not wish.topics or bool(topics & wish.topics))
            and not topics & wish.unwanted_topics
            and (wish.min_credibility is None or rating is None or rating.value / 2 >= wish.min_credibility)
        )
        assert (article.id in _wanted(wish, told)) == right  # type: ignore[attr-defined, arg-type]


def _turn(told: Sequence[Sequence[str]], *, now: datetime | None = None, newsletter: Newsletter = DAILY) -> Turn:
    """A week of issues, Monday 9 November on, the last of which is being made; `told` are the topics of each one's articles."""
    chain = _days(newsletter, date(2026, 11, 9), [1] * len(told))
    contents = {
        issue.period: Contents(
            articles=tuple(make_article(f"{issue.period}-{topic}", topics=(topic,)) for topic in topics)
        )
        for issue, topics in zip(chain, told, strict=True)
    }
    due = chain[-1].window_end + timedelta(hours=7)
    return Turn(newsletter, chain, contents, due_at=due, now=now or due)


def _with_forms(turn: Turn, *readers: Preferences) -> Turn:
    made = {}
    for form in forms_wanted(turn, [(wish, turn.usual_start(wish)) for wish in readers]):
        ids = tuple(article.id for article in turn.articles(form.start))
        if ids:
            made[form.cadence, form.language] = Form(articles=ids, notices=False, audiences=form.audiences)
    turn.forms = made
    return turn


def test_who_wishes_for_nothing_costs_nothing() -> None:
    turn = _with_forms(_turn([["fatigue"], ["diet"]]))
    assert turn.decide(USUAL, turn.usual_start(USUAL)) == Decision()
    assert list(turn.forms) == [(None, None)]


_WEEK = [["fatigue", "walking"], ["diet"], [], [], ["mri"], ["sleep"], ["diet", "walking"]]


@given(preferences())
def test_a_decision_names_what_is_there(wish: Preferences) -> None:
    turn = _with_forms(_turn(_WEEK), wish)
    start = turn.usual_start(wish)
    decision = turn.decide(wish, start)
    if cadence_of(DAILY, wish) is Cadence.MONTHLY:
        assert decision is None
        return
    assert decision is not None
    assert decision.skipped in {None, NOTHING_CHOSEN, PAUSED}
    if decision.skipped is not None:
        assert (decision.choice, decision.at) == (None, None)
        return
    choice = decision.choice or Choice()
    form = turn.forms[choice.cadence, choice.language]
    told = frozenset(form.articles) if choice.articles is None else _named(form.articles, choice.articles)
    assert told == _wanted(wish, turn.articles(start))
    assert choice.edition is wish.edition
    assert (choice.audience or DAILY.audience) is (wish.audience or DAILY.audience)
    assert (decision.at is None) == (wish.send_at is None or decision.at is None)


@pytest.mark.parametrize("kept", [1, 8_000])
@given(wishes_of_many=st.lists(preferences(), min_size=2, max_size=8), late=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_decided_for_others_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, kept: int, wishes_of_many: list[Preferences], late: bool
) -> None:
    """Whatever is kept at hand, and however much of it: everybody gets what they would get if they were alone."""
    monkeypatch.setattr(wishes, "_CHOICES_KEPT", kept)
    shared = _with_forms(_turn(_WEEK), *wishes_of_many)
    for wish in [*wishes_of_many, *reversed(wishes_of_many)]:
        alone = _with_forms(_turn(_WEEK), *wishes_of_many)
        start = shared.issues(BEGINNING)[2].window_end if late else shared.usual_start(wish)
        assert shared.decide(wish, start) == alone.decide(wish, start)


@given(preferences())
def test_where_there_is_nothing_for_a_reader_it_is_recorded(wish: Preferences) -> None:
    assume(wish.cadence in {None, Cadence.DAILY} and not resting(wish, "UTC", datetime(2026, 11, 9, tzinfo=UTC)))
    turn = _with_forms(_turn([["elsewhere"]]), wish)
    picky = Preferences(topics=frozenset(TOPICS))
    assert turn.decide(picky, turn.usual_start(picky)) == Decision(skipped=NOTHING_CHOSEN)


def test_an_empty_digest_ends_a_week_all_the_same() -> None:
    weekly = Preferences(cadence=Cadence.WEEKLY)
    turn = _with_forms(_turn([["fatigue"], *[[]] * 6]), weekly)
    assert turn.decide(USUAL, turn.usual_start(USUAL)) is None
    assert turn.decide(weekly, turn.usual_start(weekly)) == Decision(choice=Choice(cadence=Cadence.WEEKLY))


def test_who_came_in_mid_week_gets_the_rest_of_it() -> None:
    weekly = Preferences(cadence=Cadence.WEEKLY)
    turn = _with_forms(_turn([["fatigue"], [], [], [], [], [], ["diet"]]), weekly)
    tuesday = turn.issues(BEGINNING)[1].window_end
    decision = turn.decide(weekly, turn.usual_start(weekly, tuesday))
    assert decision is not None
    assert decision.choice is not None
    assert decision.choice.cadence is Cadence.WEEKLY
    (form,) = [form for (cadence, _), form in turn.forms.items() if cadence is Cadence.WEEKLY]
    assert _named(form.articles, decision.choice.articles or 0) == {one.id for one in turn.articles(tuesday)}


def test_what_was_taken_back_since_is_not_told() -> None:
    turn = _turn([["fatigue"], ["diet"]])
    gone = make_article("gone", status=Status.RETRACTED)
    first = turn.issues(BEGINNING)[0].period
    turn._contents[first] = Contents(articles=(gone,))  # type: ignore[index]
    assert [article.id for article in turn.articles(BEGINNING)] == ["tag:example.org,2026:article/2026-11-10-diet"]


def test_a_language_that_came_up_too_late_falls_back() -> None:
    """Somebody asked for it after the forms were made."""
    turn = _with_forms(_turn([["fatigue"]]))
    decision = turn.decide(Preferences(language="de", audience=Audience.CLINICIAN), turn.usual_start(USUAL))
    assert decision == Decision()
    large = Preferences(edition=Edition.LARGE_PRINT, language="de")
    assert turn.decide(large, turn.usual_start(USUAL)) == Decision(choice=Choice(edition=Edition.LARGE_PRINT))


def test_more_than_a_week_is_cut_from_the_month() -> None:
    """From a month to a week, in mid-month: the first weekly mail covers all that was not told yet."""
    weekly = Preferences(cadence=Cadence.WEEKLY)
    turn = _turn([["fatigue"], *[[]] * 5, ["diet"]])
    assert turn.shape(weekly, BEGINNING).cadence is Cadence.WEEKLY  # nothing was mailed before: all of it is usual
    later = _turn([["fatigue"], *[[]] * 10, ["diet"], *[[]] * 8, ["mri"]])
    assert later.shape(weekly, BEGINNING).cadence is Cadence.MONTHLY
    (form,) = [one for one in forms_wanted(later, [(weekly, BEGINNING)]) if one.cadence is Cadence.MONTHLY]
    assert form.wide


def test_a_day_that_a_zone_left_out_is_no_reason_to_be_sure() -> None:
    """Samoa had no 30 December 2011: a newsletter that moved there has a digest of it in its record all the same."""
    day = datetime(2011, 12, 30, tzinfo=UTC)
    chain = [
        Issue(period=f"2011-12-{each}", window_start=begin, window_end=begin + timedelta(days=1), made_at=begin)
        for each, begin in (("30", day), ("31", day + timedelta(days=1)))
    ]
    there = make_newsletter("daily", cadence=Cadence.DAILY, zone="Pacific/Apia")
    assert not terms(there, chain)[Cadence.DAILY].steady


@pytest.mark.parametrize("own_wish", [True, False])
def test_the_first_digest_of_all_leaves_nobody_in_doubt(own_wish: bool) -> None:
    begin = MADE
    chain = [Issue(period="2026-01-01", window_start=begin, window_end=begin + DAY)]
    term = terms(DAILY, chain)[Cadence.DAILY]
    assert term.doubt is None
    assert not term.doubtful(begin, own_wish=own_wish)
