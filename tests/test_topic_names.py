"""What topics are called: spellings, aliases, names in addresses."""

from __future__ import annotations

import pytest

from newsletter.topics import canonical, merge_topics, topic_slug


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("B cells", "b-cell"),
        ("IL-10", "IL 10"),
        ("Therapies", "therapy"),
        ("Parkinson's disease", "Parkinson\u2019s Disease"),
        ("Biomarkers", "biomarker"),
        ("Classes", "class"),
    ],
)
def test_spellings_of_one_topic_are_one(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)
    assert topic_slug(one) == topic_slug(other)
    assert merge_topics([one, "gait", other], {}) == (one, "gait")


@pytest.mark.parametrize(
    ("one", "other"), [("IL-10", "IL-1"), ("diagnosis", "diagnostics"), ("IFN-\u03b1", "IFN-\u03b2")]
)
def test_different_topics_stay_apart(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)
    assert topic_slug(one) != topic_slug(other)


def test_an_alias_gives_the_name_to_show() -> None:
    aliases = {"MS": "Multiple sclerosis", "disseminated sclerosis": "MS"}
    topics = ["Fatigue", "ms", "multiple Sclerosis", "Disseminated sclerosis"]
    assert merge_topics(topics, aliases) == ("Fatigue", "Multiple sclerosis")


def test_a_ring_of_aliases_ends() -> None:
    assert len(merge_topics(["a1", "b2"], {"a1": "b2", "b2": "a1"})) == 2


def test_a_slug_is_plain() -> None:
    assert topic_slug("Sj\u00f6gren's syndrome (primary)") == "sjogren-syndrome-primary"
    assert topic_slug("TNF-\u03b1") == "tnf-alpha"
    assert topic_slug("\u75b2\u52b4") == "75b2-52b4"
    assert topic_slug("!?") == "21-3f"


def test_a_long_slug_is_cut_and_stays_unlike_others() -> None:
    one, other = topic_slug("word " * 60 + "end"), topic_slug("word " * 60 + "stop")
    assert len(one) <= 80
    assert one != other
