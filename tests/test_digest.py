"""What goes into a digest, in which order and where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from builders import make_article, make_newsletter, make_notice
from hypothesis import given
from hypothesis import strategies as st

from newsletter.digest import arrange, choose, compose, selected
from newsletter.model import (
    Article,
    Audience,
    Newsletter,
    NoticeItem,
    Place,
    Placed,
    PlannedDigest,
    Precision,
    Rating,
    Status,
)
from newsletter.periods import period_named

WEEKLY = make_newsletter(audience=Audience.GENERAL)
INSIDE = datetime(2026, 11, 17, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def planned_for(newsletter: Newsletter = WEEKLY, key: str = "2026-W47") -> PlannedDigest:
    period = period_named(key, newsletter.zone)
    return PlannedDigest(
        newsletter=newsletter.slug,
        period=key,
        window_start=period.start,
        window_end=period.end,
        due_at=period.end + 7 * HOUR,
    )


def order(newsletter: Newsletter, *articles: Article) -> list[str]:
    return [one.article.slug for one in choose(newsletter, planned_for(newsletter), articles)]


def varied(slug: str, **changes: object) -> Article:
    """An article with a leading topic of its own."""
    return make_article(slug, **{"topics": (slug,), **changes})


# -- selection --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_what_was_retracted_or_withdrawn_is_never_new(status: Status) -> None:
    wanted = status not in {Status.RETRACTED, Status.WITHDRAWN}
    assert selected(WEEKLY, make_article(status=status)) is wanted


@pytest.mark.parametrize(
    ("wanted", "has", "expected"),
    [
        ((), (), True),
        (("Fatigue",), ("walking", "FATIGUE"), True),
        (("fatigue", "sleep"), ("Sleep",), True),
        (("fatigue",), ("fatigues",), False),
        (("fatigue",), (), False),
    ],
)
def test_topics_are_compared_without_case(wanted: tuple[str, ...], has: tuple[str, ...], expected: bool) -> None:
    assert selected(make_newsletter(topics=wanted), make_article(topics=has)) is expected


@pytest.mark.parametrize(
    ("minimum", "require", "rating", "expected"),
    [
        (None, False, None, True),
        (4, False, None, True),
        (4, True, None, False),
        (None, True, None, False),
        (None, True, 1, True),
        (4, False, 4, True),
        (4, False, 3.9, False),
        (4, False, Rating(value=8, scale=10), True),
        (4, False, Rating(value=7, scale=10), False),
    ],
)
def test_credibility_counts_on_a_scale_of_five(
    minimum: float | None, require: bool, rating: float | Rating | None, expected: bool
) -> None:
    newsletter = make_newsletter(min_credibility=minimum, require_rating=require)
    assert selected(newsletter, make_article(credibility=rating)) is expected


def test_only_selected_articles_are_chosen() -> None:
    assert order(make_newsletter(topics=("a",)), varied("a"), varied("b")) == ["a"]


# -- the window -------------------------------------------------------------------------------------------------------


def test_the_back_catalogue_of_a_later_source_is_late_for_no_digest() -> None:
    """A feed that is added to a running newsletter must not mail years of entries; its newest may still come."""
    old = make_article("old", published=INSIDE - timedelta(days=400), back_catalogue=True)
    new = make_article("new", published=INSIDE, back_catalogue=True)
    assert order(WEEKLY, old, new) == ["new"]


@pytest.mark.parametrize(
    ("published", "precision", "place"),
    [
        ("2026-11-15 23:00", Precision.INSTANT, Place.ITEM),
        ("2026-11-15 22:59", Precision.INSTANT, Place.LATE),
        ("2020-01-01 12:00", Precision.MONTH, Place.LATE),
        ("2026-11-22 22:59", Precision.INSTANT, Place.ITEM),
        ("2026-11-22 23:00", Precision.INSTANT, None),
        ("2026-11-22 12:00", Precision.DAY, Place.ITEM),
        ("2026-11-23 12:00", Precision.DAY, None),
    ],
)
def test_what_is_older_than_the_window_is_late_and_what_is_younger_waits(
    published: str, precision: Precision, place: Place | None
) -> None:
    moment = datetime.fromisoformat(published).replace(tzinfo=UTC)
    article = make_article(published=moment, published_precision=precision)
    assert [one.place for one in choose(WEEKLY, planned_for(), [article])] == ([place] if place else [])


def test_a_date_without_time_is_a_date_in_the_newsletters_zone() -> None:
    far = make_newsletter(zone="Pacific/Kiritimati")
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)  # already the 23rd in Kiritimati
    article = make_article(published=noon, published_precision=Precision.DAY)
    (chosen,) = choose(far, planned_for(far), [article])
    assert chosen.place is Place.ITEM
    digest = compose(far, planned_for(far), [article], ())
    assert [day.date for day in digest.days] == [date(2026, 11, 22)]


# -- order ------------------------------------------------------------------------------------------------------------


def test_credibility_comes_first_then_interest_then_date_then_name() -> None:
    wide = replace(WEEKLY, full_items=20)
    expected = [
        varied("good", credibility=4, interest=1),
        varied("fair-of-ten", credibility=Rating(value=7, scale=10), interest=5),
        varied("fair", credibility=3, interest=1),
        varied("unknown-much-interest", interest=4),
        varied("unknown-a", published=INSIDE + HOUR),
        varied("unknown-b", published=INSIDE + HOUR),
        varied("unknown-middling", interest=3, published=INSIDE),
        varied("unknown-old", published=INSIDE - HOUR),
        varied("unknown-little-interest", interest=2, published=INSIDE + HOUR),
        varied("hardly", credibility=2.9, interest=5),
    ]
    names = [article.slug for article in expected]
    assert order(wide, *expected) == names
    assert order(wide, *reversed(expected)) == names


@pytest.mark.parametrize(
    ("audience", "changes"),
    [
        (Audience.CAREGIVER, {"title": "What caregivers told us"}),
        (Audience.CAREGIVER, {"topics": ("near", "Quality of life")}),
        (Audience.PERSON_WITH_MS, {"title": "A new treatment for pain"}),
        (Audience.CLINICIAN, {"topics": ("near", "Clinical trials")}),
    ],
)
def test_what_is_close_to_the_audience_goes_first_among_equals_only(
    audience: Audience, changes: dict[str, object]
) -> None:
    newsletter = make_newsletter(audience=audience)
    near = varied("near", **{"title": "Sleep", "published": INSIDE - HOUR, **changes})
    equal = varied("equal", title="Sleep")
    higher = varied("higher", title="Sleep", credibility=5)
    liked = varied("liked", title="Sleep", interest=4)
    assert order(newsletter, equal, near, liked, higher) == ["higher", "liked", "near", "equal"]
    assert order(WEEKLY, near, equal) == ["equal", "near"]


def test_no_leading_topic_stands_more_than_twice_among_the_first_five() -> None:
    same = [make_article(f"same-{number}", topics=("Sleep" if number % 2 else "sleep",)) for number in range(4)]
    others = [varied(f"z-other-{number}") for number in range(4)]
    expected = ["same-0", "same-1", "z-other-0", "z-other-1", "z-other-2", "same-2", "same-3", "z-other-3"]
    assert order(WEEKLY, *same, *others) == expected


def test_the_first_five_are_filled_even_where_there_is_no_other_topic() -> None:
    same = [make_article(f"same-{number}", topics=("sleep",)) for number in range(6)]
    chosen = choose(WEEKLY, planned_for(), [*same, varied("z-other")])
    assert [one.article.slug for one in chosen[:4]] == ["same-0", "same-1", "z-other", "same-2"]
    assert [one.place for one in chosen] == [Place.ITEM] * 5 + [Place.TITLE] * 2


def test_articles_without_topics_have_no_topic_in_common() -> None:
    articles = [make_article(f"bare-{number}", topics=()) for number in range(5)]
    assert order(WEEKLY, *articles, varied("z-other")) == [f"bare-{number}" for number in range(5)] + ["z-other"]


@pytest.mark.parametrize(("full_items", "whole"), [(0, 0), (2, 2), (9, 4)])
def test_so_many_are_whole_and_every_other_is_a_title(full_items: int, whole: int) -> None:
    newsletter = make_newsletter(full_items=full_items, title_items=1)
    old = varied("old", published=INSIDE - timedelta(days=30))
    chosen = choose(newsletter, planned_for(), [old, *(varied(f"new-{number}") for number in range(3))])
    places = [Place.ITEM, Place.ITEM, Place.ITEM, Place.LATE][:whole]
    assert [one.place for one in chosen] == places + [Place.TITLE] * (4 - whole)


ARTICLES = st.lists(
    st.builds(
        make_article,
        st.integers(0, 999).map("article-{}".format),
        credibility=st.none() | st.integers(1, 5),
        interest=st.none() | st.integers(1, 5),
        topics=st.lists(st.sampled_from(["a", "b", "c"]), max_size=2).map(tuple),
        published=st.datetimes(datetime(2026, 11, 10), datetime(2026, 11, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    ),
    unique_by=lambda article: article.slug,
    max_size=15,
)


@given(ARTICLES, st.integers(0, 10), st.randoms())
def test_the_order_of_the_candidates_changes_nothing_and_none_is_lost_or_doubled(articles, full_items, random) -> None:  # noqa: ANN001 - drawn
    newsletter = make_newsletter(full_items=full_items)
    planned = planned_for(newsletter)
    chosen = choose(newsletter, planned, articles)
    assert sorted(one.article.slug for one in chosen) == sorted(
        article.slug for article in articles if article.published < planned.window_end
    )
    random.shuffle(articles)
    assert choose(newsletter, planned, articles) == chosen


# -- arrangement ------------------------------------------------------------------------------------------------------


def test_items_stand_under_their_local_dates_newest_first_in_the_order_of_rank() -> None:
    monday = varied("monday", credibility=5, published=datetime(2026, 11, 16, 12, tzinfo=UTC))
    tuesday = varied("tuesday", credibility=3, published=datetime(2026, 11, 16, 23, 30, tzinfo=UTC))
    better = varied("better", credibility=5, published=datetime(2026, 11, 17, 1, tzinfo=UTC))
    late = varied("late", credibility=5, published=datetime(2026, 11, 1, 12, tzinfo=UTC))
    newsletter = make_newsletter(full_items=4)
    digest = compose(newsletter, planned_for(), [tuesday, late, monday, better, varied("title", credibility=1)], ())
    assert [(day.date, [item.article.slug for item in day.items]) for day in digest.days] == [
        (date(2026, 11, 17), ["better", "tuesday"]),
        (date(2026, 11, 16), ["monday"]),
    ]
    assert [item.article.slug for item in digest.late] == ["late"]
    assert [article.slug for article in digest.titles] == ["title"]
    assert [one.article.slug for one in digest.placed] == ["better", "monday", "late", "tuesday", "title"]
    assert [item.article.slug for item in digest.items] == ["better", "tuesday", "monday", "late"]


def test_an_item_carries_its_audiences_sentences() -> None:
    article = make_article()
    (item,) = compose(make_newsletter(audience=Audience.CAREGIVER), planned_for(), [article], ()).items
    assert item.advice == ("Caregivers can help by walking along.",)
    assert item.caveat == ("The study was small and lasted three months only.",)
    (whole,) = compose(make_newsletter(audience=Audience.CLINICIAN), planned_for(), [article], ()).items
    assert len(whole.caveat) == 3


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("2026-W47", date(2026, 11, 16), date(2026, 11, 22)),
        ("2026-W13", date(2026, 3, 23), date(2026, 3, 29)),
        ("2026-11-20", date(2026, 11, 20), date(2026, 11, 20)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
    ],
)
def test_a_digest_names_the_first_and_last_day_that_it_covers(key: str, first: date, last: date) -> None:
    digest = compose(WEEKLY, planned_for(key=key), (), ())
    assert (digest.first_day, digest.last_day) == (first, last)
    assert digest.empty


def test_notices_go_by_date_and_pass_every_filter() -> None:
    article = make_article(status=Status.RETRACTED)
    late, early, other = (
        NoticeItem(notice=make_notice(article, id=name, published=INSIDE + hours * HOUR), article=article)
        for name, hours in (("a", 2), ("c", 1), ("b", 1))
    )
    digest = compose(make_newsletter(full_items=0, topics=("else",)), planned_for(), [article], [late, early, other])
    assert digest.notices == (other, early, late)
    assert digest.placed == ()
    assert not digest.empty


def test_a_kept_choice_is_arranged_as_it_was_whatever_has_changed_since() -> None:
    articles = [varied(name, credibility=rating) for name, rating in (("first", 5), ("second", 4), ("third", 3))]
    newsletter = make_newsletter(full_items=2)
    digest = compose(newsletter, planned_for(), articles, ())
    assert arrange(newsletter, planned_for(), digest.placed, ()) == digest
    changed = [
        Placed(article=replace(one.article, facts=replace(one.article.facts, status=Status.RETRACTED)), place=one.place)
        for one in digest.placed
    ]
    again = arrange(replace(newsletter, full_items=9, topics=("else",)), planned_for(), changed, ())
    assert [(one.article.slug, one.place) for one in again.placed] == [
        ("first", Place.ITEM),
        ("second", Place.ITEM),
        ("third", Place.TITLE),
    ]
