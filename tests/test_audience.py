"""Whose sentence is whose."""

from __future__ import annotations

import pytest
from builders import make_summary
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience import advice, caveat, sentences
from newsletter.model import Audience

READERS = (Audience.CAREGIVER, Audience.PERSON_WITH_MS, Audience.CLINICIAN)

# -- sentences --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        ("One sentence without an end",),
        ("Life with MS.", "Caregivers help.", "Is it so?", "Yes!", "Well\N{HORIZONTAL ELLIPSIS}", "And on."),
        ("Dr. Example and Prof. Sample asked Ms. Someone.", "She agreed."),
        ("Some foods, e.g. Vitamin-rich ones, help.", "I.e. They may."),
        ("The dose was 0.5 mg vs. 1.5 mg.", "It fell by 3.2 points.", "30 people took part."),
        ("Example et al. Found it first.", "Others followed."),
        ("See Fig. 2 and No. 5 for more.", "There is more."),
        ("Written by J. K. Example.", "It is short."),
        ("People took vitamin D.", "Their mood improved."),
        ('"It helps."', '"Does it?"', "(Yes.)", "She said so."),
        ("\N{LEFT DOUBLE QUOTATION MARK}It helps.\N{RIGHT DOUBLE QUOTATION MARK}", "(It did.)", "[So it was.]"),
        ('"Why?" she asked.', "Nobody knew."),
        ("Cells make it.", "mRNA carries it on."),
        ("The test is old, etc.", "Newer ones exist."),
        ("It works . . . in mice.", "Perhaps."),
        ("D. Example wrote it.",),
        ("It ended. \N{EN DASH} or so they thought.",),
    ],
)
def test_a_paragraph_is_cut_where_a_reader_would_cut_it(parts: tuple[str, ...]) -> None:
    assert sentences(" ".join(parts)) == parts


def test_nothing_has_no_sentences() -> None:
    assert sentences(" \n\t") == ()


WORDS = st.sampled_from(
    ["MS.", "Dr.", "e.g.", "J.", "vitamin", "0.5", '"Why?"', "(so)", "it", "It", "...", "et", "al.", ")", '"']
)


@given(st.text() | st.lists(WORDS, max_size=12).map(" ".join) | st.lists(WORDS, max_size=12).map("\n ".join))
def test_no_text_is_lost(paragraph: str) -> None:
    found = sentences(paragraph)
    assert " ".join(found) == " ".join(paragraph.split())
    assert all(found)


# -- advice -----------------------------------------------------------------------------------------------------------

PERSON = "People with MS may sleep better when they walk early in the day."
CARER = "Caregivers can plan short walks together."
NURSE = "Nurses can suggest short walks first."
CLOSING = "All in all, walking is worth a try."


@pytest.mark.parametrize(
    ("audience", "expected"),
    [(Audience.PERSON_WITH_MS, PERSON), (Audience.CAREGIVER, CARER), (Audience.CLINICIAN, NURSE)],
)
def test_each_audience_gets_the_sentence_that_speaks_to_it_word_for_word(audience: Audience, expected: str) -> None:
    summary = make_summary(who_should_care=(f"{NURSE} {PERSON}", f"{CARER} {CLOSING}"))
    assert advice(summary, audience) == (expected,)


def test_the_general_audience_gets_no_advice_of_its_own() -> None:
    assert advice(make_summary(), Audience.GENERAL) == ()


@pytest.mark.parametrize("audience", READERS)
def test_where_nobody_is_named_there_is_no_advice(audience: Audience) -> None:
    assert advice(make_summary(who_should_care=(CLOSING,)), audience) == ()
    assert advice(make_summary(who_should_care=()), audience) == ()


@pytest.mark.parametrize(
    ("audience", "sentence"),
    [
        (Audience.CAREGIVER, "For carers, this is good to know."),
        (Audience.CAREGIVER, "A care partner can do the same."),
        (Audience.CAREGIVER, "Families and spouses can join in."),
        (Audience.CAREGIVER, "Family members can join in."),
        (Audience.PERSON_WITH_MS, "This is important for MS patients because it is simple."),
        (Audience.PERSON_WITH_MS, "Anyone living with relapsing multiple sclerosis can try it."),
        (Audience.PERSON_WITH_MS, "Women newly diagnosed with RRMS can try it."),
        (Audience.PERSON_WITH_MS, "Patients can ask for it."),
        (Audience.PERSON_WITH_MS, "If you have MS, it is worth a thought."),
        (Audience.CLINICIAN, "Healthcare providers may offer it."),
        (Audience.CLINICIAN, "Neurologists may offer it."),
        (Audience.CLINICIAN, "Physiotherapists may offer it."),
    ],
)
def test_each_audience_is_known_by_many_names(audience: Audience, sentence: str) -> None:
    assert advice(make_summary(who_should_care=(sentence,)), audience) == (sentence,)


@pytest.mark.parametrize(
    ("audience", "sentence"),
    [
        (Audience.CAREGIVER, "Your family doctor knows more."),
        (Audience.CAREGIVER, "Having a family goes well with it."),
        (Audience.CAREGIVER, "It can help you support your loved ones."),
        (Audience.PERSON_WITH_MS, "People with terms that they do not know may ask."),
        (Audience.CLINICIAN, "Ask your doctor whether it is for you."),
        (Audience.CLINICIAN, "Talk to a nurse about it."),
    ],
)
def test_similar_words_name_nobody(audience: Audience, sentence: str) -> None:
    assert advice(make_summary(who_should_care=(sentence,)), audience) == ()


def test_a_sentence_that_only_mentions_an_audience_serves_where_none_speaks_to_it() -> None:
    mention = "Simple habits of this kind can be a relief to caregivers and whole families."
    assert advice(make_summary(who_should_care=(f"{PERSON} {mention}",)), Audience.CAREGIVER) == (mention,)
    assert advice(make_summary(who_should_care=(f"{CARER} {mention}",)), Audience.CAREGIVER) == (CARER,)


def test_a_sentence_that_speaks_to_others_is_no_advice_for_those_it_mentions() -> None:
    told = "Doctors can use this when they choose a treatment for people with MS."
    assert advice(make_summary(who_should_care=(told,)), Audience.PERSON_WITH_MS) == ()


@pytest.mark.parametrize(
    "analogy",
    [
        "Just like a gardener, caregivers know when to wait.",
        "Like nurses, the cells keep watch.",
        "Think of caregivers who share a shift.",
        "It's like a family at dinner.",
        "This is a bit like doctors who disagree.",
    ],
)
@pytest.mark.parametrize("audience", READERS)
def test_comparisons_are_left_out(analogy: str, audience: Audience) -> None:
    assert advice(make_summary(who_should_care=(analogy,)), audience) == ()


def test_a_sentence_that_leans_on_the_one_before_brings_it_along() -> None:
    before, leaning = "Short walks may help a little.", "They cost caregivers only ten minutes."
    summary = make_summary(who_should_care=(f"{CLOSING} {before} {leaning}",))
    assert advice(summary, Audience.CAREGIVER) == (before, leaning)


def test_a_sentence_that_leans_on_nothing_or_on_a_comparison_stands_alone() -> None:
    leaning = "This helps caregivers most of all."
    assert advice(make_summary(who_should_care=(leaning,)), Audience.CAREGIVER) == (leaning,)
    after_analogy = make_summary(who_should_care=(f"Just like a gardener, one has to wait. {leaning}",))
    assert advice(after_analogy, Audience.CAREGIVER) == (leaning,)


def test_no_sentence_is_said_twice() -> None:
    leaning = "They may also write down how it went."
    told = (f"{CARER} {leaning.replace('They', 'They and other carers')}",)
    assert advice(make_summary(who_should_care=told), Audience.CAREGIVER) == tuple(sentences(told[0]))


def test_there_are_two_sentences_at_most_and_never_half_a_pair() -> None:
    pair = "Rest matters as well. It lets carers breathe."
    three = make_summary(who_should_care=(f"{CARER} Carers may join. Spouses may join.",))
    assert advice(three, Audience.CAREGIVER) == (CARER, "Carers may join.")
    too_long = make_summary(who_should_care=(f"{CARER} {pair}",))
    assert advice(too_long, Audience.CAREGIVER) == (CARER,)


# -- caveats ----------------------------------------------------------------------------------------------------------

LIMIT = "The study was small, with 40 people."
LEANING = "This means that more research is needed."
ASK = "Do not change your medicine without talking with your doctor."
PLAIN = "The work went on for a year."


def test_clinicians_get_every_consideration() -> None:
    summary = make_summary(considerations=(f"{PLAIN} {LIMIT}", ASK))
    assert caveat(summary, Audience.CLINICIAN) == (PLAIN, LIMIT, ASK)


@pytest.mark.parametrize("audience", [Audience.GENERAL, Audience.CAREGIVER, Audience.PERSON_WITH_MS])
@pytest.mark.parametrize(
    ("considerations", "expected"),
    [
        ((LIMIT,), LIMIT),
        ((f"{PLAIN} {LIMIT} {ASK}",), LIMIT),
        ((f"{ASK} {LIMIT}",), LIMIT),
        ((ASK, f"{LEANING} {LIMIT}"), LIMIT),
        ((f"{PLAIN} {LEANING}",), LEANING),
        ((f"{PLAIN} {ASK}",), PLAIN),
        (("Some clinics do not say so. The study had no second group.",), "The study had no second group."),
        (("It was hot. Tickets were few.",), "Tickets were few."),
        (("The cells came from mice.",), "The cells came from mice."),
        ((f"{PLAIN} It didn\N{RIGHT SINGLE QUOTATION MARK}t last.",), "It didn\N{RIGHT SINGLE QUOTATION MARK}t last."),
    ],
)
def test_everybody_else_gets_the_sentence_that_carries_the_limit(
    audience: Audience, considerations: tuple[str, ...], expected: str
) -> None:
    assert caveat(make_summary(considerations=considerations), audience) == (expected,)


@pytest.mark.parametrize("audience", Audience)
def test_without_considerations_there_is_no_caveat(audience: Audience) -> None:
    assert caveat(make_summary(considerations=()), audience) == ()
