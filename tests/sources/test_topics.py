"""Glued topics, taken apart."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sources import vocabulary
from newsletter.sources.topics import SplitTopics, alternatives, split_topics

SEED_TOPICS = Path(__file__).resolve().parents[1] / "data" / "seed_topics.json"

LISTS = [
    "Autoimmune response|Demyelination|Microglia|Multiple sclerosis",
    "CNS injury|biogenesis|exosome|extracellular vesicles|neurorepair|uptake",
    "AQP4-IgG|MOG-IgG|MOGAD|NMOSD",
    "EDSS|MRI|NfL|PIRA",
    "nabiximols|pain",
    "EAE|T cells|microglia|single-cell RNA sequencing",
    "OCT|OCT angiography|optic neuritis|visual acuity",
    "B cells|Bruton's tyrosine kinase|EBV|multiple sclerosis|vitamin D",
    "COVID-19|SARS-CoV-2|booster|immunosuppression|vaccines",
    "Adherence|Disease-modifying therapies|Fingolimod|Quality of life",
    "HSCT|autologous hematopoietic stem cell transplantation|relapsing-remitting",
    "accelerometer|physical activity|sedentary behavior|step count",
    "Interleukin 6 (IL-6)|Relapse|Stress",
    "2MWT|gait|telerehabilitation",
]


@pytest.mark.parametrize("topics", LISTS)
def test_glued_topics_come_apart(topics: str) -> None:
    expected = tuple(topics.split("|"))
    assert split_topics("".join(expected)) == SplitTopics(topics=expected)


@pytest.mark.parametrize(("stem", "topics"), json.loads(SEED_TOPICS.read_text(encoding="utf-8")).items())
def test_the_topics_of_our_seeds_come_apart(stem: str, topics: list[str]) -> None:
    assert list(split_topics("".join(topics)).topics) == topics


@pytest.mark.parametrize(
    "text",
    [
        "Gait; T cells; Vitamin D",
        "Gait | T cells | Vitamin D",
        "• Gait • T cells • Vitamin D",
        "Gait\nT cells\n\nVitamin D\n",
        "Gait, T cells, Vitamin D.",
        "Gait;T cells;;Vitamin D;gait",
    ],
)
def test_separators_are_used_where_they_are_left(text: str) -> None:
    assert split_topics(text).topics == ("Gait", "T cells", "Vitamin D")


def test_a_comma_inside_a_glued_topic_is_no_separator() -> None:
    assert split_topics("FatigueSclerosis, MultipleTremor").topics == ("Fatigue", "Sclerosis, Multiple", "Tremor")


def test_a_known_topic_wins() -> None:
    glued = "gaitzyq flarbwalking speed"
    assert "zyq flarb" not in split_topics(glued).topics
    assert split_topics(glued, known=["Zyq flarb"]).topics == ("gait", "zyq flarb", "walking speed")


def test_the_articles_own_words_help() -> None:
    glued = "fatiguezyqlumabgait"
    assert split_topics(glued).topics != ("fatigue", "zyqlumab", "gait")
    assert split_topics(glued, text_words={"Zyqlumab"}).topics == ("fatigue", "zyqlumab", "gait")


def test_a_plural_in_the_text_makes_the_singular_known() -> None:
    assert split_topics("gaitzyqlumabpain", text_words={"zyqlumabs"}).topics == ("gait", "zyqlumab", "pain")


def test_capitals_alone_set_off_unknown_words() -> None:
    assert split_topics("AfzelumabFatigueZyqlimodum therapy").topics == ("Afzelumab", "Fatigue", "Zyqlimodum therapy")


def test_what_is_not_certain_is_told_apart() -> None:
    split = split_topics("gaitqzxvwkpain")
    assert split.topics
    assert split.uncertain
    assert not any("qzx" in topic for topic in split.topics)


def test_a_repeated_topic_is_told_once() -> None:
    assert split_topics("FatigueGaitFatigue").topics == ("Fatigue", "Gait")


def test_an_order_that_no_index_keeps_is_possible() -> None:
    assert split_topics("walking speedfatigueMRI").topics == ("walking speed", "fatigue", "MRI")


def test_nothing_makes_no_topics() -> None:
    assert split_topics(" \n ") == SplitTopics(topics=())


def test_a_page_of_text_is_not_taken_apart() -> None:
    text = "fatigue and pain " * 60
    split = split_topics(text)
    assert (split.topics, split.uncertain) == ((), (text.strip(),))


def test_parentheses_that_never_close_are_left_alone() -> None:
    assert split_topics("gait (walkingpain").uncertain == ("gait (walkingpain",)


@given(st.text(alphabet="abcXYZ019 -()/',éfatigue", max_size=120))
def test_no_letter_is_lost_or_made_up(text: str) -> None:
    split = split_topics(text)
    parts = [*split.topics, *split.uncertain]
    assert all(part.strip() == part and part for part in parts)
    letters = set("".join(text.split()).casefold())
    assert set("".join("".join(parts).split()).casefold()) <= letters


@pytest.mark.parametrize(
    "text", ["aB" * 300, "fatigue" * 85, "FatigueMRI" * 60, "(" * 300 + ")" * 300, "x" * 600, "MRI" * 200]
)
def test_a_hostile_list_is_quick(text: str) -> None:
    begun = time.perf_counter()
    split_topics(text)
    assert time.perf_counter() - begun < 1
    alternatives(text)
    assert time.perf_counter() - begun < 4


@pytest.mark.parametrize(
    "topics",
    [
        "Airway obstruction|Growth factor (GF)|Relapse",
        "cytochrome c|lipid rafts",
        "CD4+ T cells|Na+ channels|vitamin D",
        "BLINDNESS/prevention|NEOPLASMS",
        "2MWT|3D imaging|fatigue",
        "MMP-2|MMP-9|miRNA|p53 mutation",
        "poly(A) tail|protein folding",
        "protein phosphatase 2A|vaccines",
        "DMTs|relapse",
        "fatigue|systematic review|\u03b2-blockers",
        "access to care|quality of life",
    ],
)
def test_forms_of_words_are_told_from_cuts(topics: str) -> None:
    expected = tuple(topics.split("|"))
    assert split_topics("".join(expected)).reading == expected


def test_two_acronyms_are_not_taken_for_one() -> None:
    assert split_topics("QZXWVKfatigue").reading == ("QZX", "WVK", "fatigue")


def test_no_cut_inside_brackets() -> None:
    assert split_topics("Fatigue (painGait)Tremor").reading == ("Fatigue (painGait)", "Tremor")


def test_an_unlisted_word_behind_a_bracket_is_in_doubt() -> None:
    assert "poly(gait)pain" not in split_topics("poly(gait)pain").topics


def test_letters_whose_small_form_is_longer_do_no_harm() -> None:
    assert "".join(split_topics("\u0130zmirfatigueMRI").reading) == "\u0130zmirfatigueMRI"


def test_a_known_topic_is_cut_off_only_as_a_whole() -> None:
    known = ["zyq flarb"]
    assert "zyq flarb" not in split_topics("fatiguezyq flarb painwalking", known=known).reading
    assert split_topics("fatiguezyq flar", known=known).reading[-1].endswith("zyq flar")


def test_known_topics_that_grew_are_read_again() -> None:
    known = ["fatigue"]
    before = split_topics("gaitzyq flarbwalking", known=known).topics
    known.append("zyq flarb")
    assert "zyq flarb" not in before
    assert split_topics("gaitzyq flarbwalking", known=known).topics == ("gait", "zyq flarb", "walking")


def test_words_of_known_topics_help() -> None:
    assert split_topics("gaitzyqlumab therapypain", known=["ABCX zyqlumab", "Gait"]).topics == (
        "gait",
        "zyqlumab therapy",
        "pain",
    )


def test_the_articles_compounds_and_acronyms_help() -> None:
    split = split_topics("ABCxyzDfatiguezyqlumab", text_words={"zyqlumab-treated", "ABCxyzD", "42"})
    assert split.topics == ("ABCxyzD", "fatigue", "zyqlumab")


def test_a_word_of_the_article_may_end_in_y_or_ies() -> None:
    assert split_topics("gaitzyqlapathiespain", text_words={"zyqlapathy"}).topics == ("gait", "zyqlapathies", "pain")
    assert split_topics("gaitzyqlapathypain", text_words={"zyqlapathies"}).topics == ("gait", "zyqlapathy", "pain")


def test_the_likeliest_way_comes_first_among_the_alternatives() -> None:
    glued = "FatigueGaitMultiple sclerosis"
    ways = alternatives(glued, 3)
    assert ways[0] == split_topics(glued).reading
    assert len(ways) == len(set(ways)) == 3
    assert all("".join(way) == glued for way in ways)


def test_alternatives_of_a_plain_list() -> None:
    assert alternatives("Gait; Pain") == [("Gait", "Pain")]
    assert alternatives(" ") == []
    assert alternatives("fatigue and pain " * 60) == [(("fatigue and pain " * 60).strip(),)]


@pytest.mark.parametrize(
    ("one", "many"),
    [("diagnosis", "diagnoses"), ("therapy", "therapies"), ("assay", "assays"), ("reflex", "reflexes")],
)
def test_plurals_are_formed(one: str, many: str) -> None:
    assert vocabulary.plural(one) == many


def test_the_shipped_words_are_read_once_and_late() -> None:
    code = (
        "import newsletter.sources.topics as t, newsletter.sources.vocabulary as v;"
        "assert v.listed.cache_info().currsize == 0;"
        "t.split_topics('FatigueGait'); t.split_topics('FatiguePain');"
        "assert v.listed.cache_info().misses == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_shipped_words_are_clean() -> None:
    text = Path(vocabulary.__file__).with_name("words.txt").read_text(encoding="utf-8")
    words = [word for line in text.splitlines() if not line.startswith("#") for word in line.split()]
    assert len(words) > 8000
    assert len(words) == len(set(words))
