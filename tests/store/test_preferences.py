"""Preferences and choices as texts: nothing is lost, and equal ones are equal texts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, time

from hypothesis import given
from hypothesis import strategies as st
from wishing import choices, preferences

from newsletter.model import USUAL, Cadence, Choice, Preferences
from newsletter.store.preferences import dump_articles, dump_choice, dumps, load_articles, load_choice, loads


@given(preferences())
def test_preferences_come_back_as_they_were(wanted: Preferences) -> None:
    assert loads(dumps(wanted)) == wanted


@given(choices())
def test_a_choice_comes_back_as_it_was(choice: Choice) -> None:
    told = load_choice(dump_choice(choice))
    assert replace(told, articles=load_articles(dump_articles(choice.articles))) == choice


@given(st.lists(st.sampled_from("abcdef"), min_size=1))
def test_equal_preferences_are_equal_texts(topics: list[str]) -> None:
    """Sets have no order, texts have."""
    other = frozenset(reversed(topics))
    assert dumps(Preferences(topics=frozenset(topics))) == dumps(Preferences(topics=other))


@given(preferences(), preferences())
def test_different_preferences_are_different_texts(one: Preferences, other: Preferences) -> None:
    assert (dumps(one) == dumps(other)) == (one == other)


def test_what_is_usual_takes_no_room() -> None:
    assert dumps(USUAL) is None
    assert dump_choice(Choice()) is None
    assert json.loads(dumps(replace(USUAL, cadence=Cadence.WEEKLY)) or "") == {"cadence": "weekly"}


def test_no_articles_are_not_all_articles() -> None:
    assert load_articles(dump_articles(0)) == 0
    assert load_articles(dump_articles(None)) is None


def test_the_text_is_plain_to_read() -> None:
    wanted = Preferences(
        send_at=time(18, 30), zone="Europe/Berlin", paused_until=date(2026, 12, 1), topics=frozenset("ba")
    )
    assert json.loads(dumps(wanted) or "") == {
        "paused_until": "2026-12-01",
        "send_at": "18:30:00",
        "topics": ["a", "b"],
        "zone": "Europe/Berlin",
    }
