from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from math import sqrt
from pathlib import Path

import pytest
from builders import make_article, make_summary
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model import Article, DateOrigin, Facts, IssueDate, Precision, Status, Summary
from newsletter.similarity import (
    SCALE,
    SKETCH,
    TERMS,
    TITLE_MARKS,
    Reason,
    body_marks,
    different_study,
    jaccard,
    joined_facts,
    marks,
    plain_title,
    same_title,
    shingles,
    sketch,
    study_keys,
    study_marks,
    telling,
    terms,
    title_marks,
    verdict,
    words,
)

WALKS = make_summary()
NUMBERED = tuple(f"word{number}" for number in range(400))


def body(*spelt: str, title: str = "Of Numbers", **changed: object) -> Summary:
    """A summary whose whole body is these words in one section."""
    summary = make_summary(
        title=title,
        key_takeaway=" ".join(spelt),
        what_they_found=(),
        who_should_care=(),
        considerations=(),
        topics=(),
    )
    return replace(summary, **changed)  # type: ignore[arg-type]


def with_facts(summary: Summary, **facts: object) -> Article:
    return make_article(summary=summary, facts=Facts(**facts))  # type: ignore[arg-type]


def test_words_are_without_case_punctuation_apostrophes_and_unseen_characters() -> None:
    assert words("Caregiver\u2019s \uff21B-cell: wal\u00adk\u200bing, it's _STRASSE_ Stra\u00dfe!") == [
        "caregivers", "ab", "cell", "walking", "its", "strasse", "strasse",
    ]  # fmt: skip
    assert words(" \u2014 \ud800 \0 ") == []


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_plain_text_are_those_of_any_text(text: str) -> None:
    assert words(text) == words(f"{text} \u2014")


class TestTerms:
    def test_tell_the_subject_and_not_what_every_summary_says(self) -> None:
        found = terms(WALKS)
        assert {"walk", "tiredness", "#fatigue", "#walking", "phone"} <= set(found)
        assert not {"the", "people", "ms", "study", "doctor", "a"} & set(found)

    def test_plural_and_singular_are_one(self) -> None:
        assert set(terms(body("therapies", "walks", "focus", "analysis", "illness", "gas"))) - set(terms(body())) == {
            "therapy", "walk", "focus", "analysis", "illness", "gas",
        }  # fmt: skip

    def test_numbers_and_single_letters_tell_nothing(self) -> None:
        assert set(terms(body("64", "x", "b12", title=""))) == {"b12"}

    def test_a_topic_is_a_term_and_one_without_letters_is_none(self) -> None:
        found = terms(replace(WALKS, topics=("Energy  Managements", "\u2014")))
        assert "#energy management" in found
        assert "#" not in found

    def test_title_tells_more_than_takeaway_and_that_more_than_the_rest(self) -> None:
        found = terms(body("kite", title="Zebra", considerations=("lemon",)))
        assert found["zebra"] > found["kite"] > found["lemon"]

    def test_keeps_what_stands_most_often_and_of_the_rest_the_longer_words(self) -> None:
        found = terms(body("sun", *(f"kite{'x' * length}" for length in range(60)), title="Elm"))
        assert "elm" in found
        assert "sun" not in found
        assert f"kite{'x' * 59}" in found

    def test_has_the_same_length_for_a_short_article_and_a_long_one(self) -> None:
        for summary in (WALKS, body("kite"), body(*NUMBERED)):
            found = terms(summary)
            assert sqrt(sum(weight**2 for weight in found.values())) == pytest.approx(SCALE, rel=0.02)
            assert len(found) <= TERMS

    def test_a_very_long_word_is_cut(self) -> None:
        assert max(map(len, terms(body("x" * 5_000, topics=("y" * 5_000,))))) == 64

    def test_nothing_tells_nothing(self) -> None:
        assert terms(body(title="The MS Study")) == {}

    def test_a_rarer_term_tells_more_and_one_that_all_have_next_to_nothing(self) -> None:
        worth = [telling(100_000, containing) for containing in (1, 10, 1_000, 100_000)]
        assert worth == sorted(worth, reverse=True)
        assert worth[-1] == 0


class TestShingles:
    def test_are_of_bodies_alone(self) -> None:
        other = replace(WALKS, title="Another", topics=(), journal=None, credibility=None)
        assert shingles(other) == shingles(WALKS)
        for section in ("what_they_found", "who_should_care", "considerations"):
            assert shingles(replace(WALKS, **{section: ("Something quite different stands here.",)})) != shingles(WALKS)
        assert shingles(replace(WALKS, key_takeaway="Something quite different stands here.")) != shingles(WALKS)

    def test_four_words_that_follow_each_other(self) -> None:
        assert len(shingles(body("a", "b", "c", "d", "e"))) == 2
        assert len(shingles(body("a", "b"))) == 1
        assert shingles(body()) == frozenset()

    def test_paragraphs_of_a_section_run_on_and_sections_do_not(self) -> None:
        one, two = "one two three four five six", "one two three"
        split = body(what_they_found=(two, "four five six"))
        assert shingles(split) == shingles(body(what_they_found=(one,)))
        assert shingles(split) != shingles(body(what_they_found=(two,), considerations=("four five six",)))

    def test_style_does_not_count(self) -> None:
        assert shingles(body("It\u2019s", "a", "short", "WALK,", "then")) == shingles(
            body("its", "a", "short", "walk", "then")
        )

    def test_are_the_same_in_every_process(self) -> None:
        program = "from newsletter.similarity import *; print(sorted(title_marks('One two three four five')))"
        environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "PYTHONHASHSEED": "7"}
        told = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
        )
        assert told.stdout.strip() == str(sorted(title_marks("One two three four five")))

    def test_are_those_that_were_stored_before(self) -> None:
        """If these change, every entry of every index must be made anew: a migration has to empty its tables."""
        assert sorted(shingles(body("a", "short", "walk", "helps", "\N{SNOWMAN}", "me"))) == [
            114_550_862_612_566_498,
            346_177_983_225_002_943,
        ]
        assert sorted(shingles(body("two", "words"))) == [6_370_142_023_609_692_390]
        assert sorted(title_marks("A Walk")) == [4_231_047_742_109_960_697]

    def test_tell_long_words_apart_and_the_places_of_words(self) -> None:
        long = "x" * 100
        assert len(shingles(body(long, f"{long}y", "a", "b", "c"))) == 2
        assert shingles(body(long, "a", "b", "c")) != shingles(body(f"{long}y", "a", "b", "c"))
        assert shingles(body("a", "b", "c", "d")) != shingles(body("b", "a", "c", "d"))

    def test_fit_into_a_signed_column(self) -> None:
        assert all(0 <= each < 2**63 for each in shingles(WALKS) | title_marks(WALKS.title))

    def test_the_marks_of_a_body_are_its_sketch(self) -> None:
        assert body_marks(WALKS) == sketch(shingles(WALKS))
        assert {*body_marks(WALKS), *title_marks(WALKS.title)} == marks(make_article(summary=WALKS))

    def test_likeness_is_the_share_of_what_is_common(self) -> None:
        assert jaccard(frozenset({1, 2, 3}), frozenset({2, 3, 4})) == 0.5
        assert jaccard(frozenset({1}), frozenset({1})) == 1
        assert jaccard(frozenset(), frozenset()) == jaccard(frozenset({1}), frozenset()) == 0

    def test_bodies_of_which_half_is_common_share_two_numbers_of_their_sketches(self) -> None:
        chance = random.Random(4)
        missed = 0
        for _ in range(2_000):
            common = {chance.getrandbits(60) for _ in range(100)}
            one, other = (common | {chance.getrandbits(60) for _ in range(50)} for _ in range(2))
            missed += len({*sketch(one)} & {*sketch(other)}) < 2
        assert sketch(common) == tuple(sorted(common)[:SKETCH])
        assert missed <= 4


class TestTitles:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Short Walks and Tiredness", "short walks & tiredness".replace("&", "and")),
            ("Short Walks: Tiredness", "Short Walks \u2013 Tiredness"),
            ("Caregiver\u2019s Sleep", "Caregiver's sleep?"),
            ("RETRACTED: Short Walks", "Short Walks"),
            ("Retraction of - Short Walks", "Expression of Concern: Short Walks"),
            ("How Sunlight May Colour the Risk of a Relapse", "How Sunlight May Color the Risk of a Relapse"),
        ],
    )
    def test_the_same_but_for_style_or_a_slip_of_the_pen(self, one: str, other: str) -> None:
        assert same_title(one, other)
        assert same_title(other, one)
        assert title_marks(one) & title_marks(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Short Walks and Tiredness", "Short Naps and Tiredness"),
            ("A Year of Research in Plain Words: 2025", "A Year of Research in Plain Words: 2026"),
            ("Short Walks in a Long Title of Many Words, Part 1", "Short Walks in a Long Title of Many Words, Part 2"),
            ("", ""),
            ("", "Short Walks"),
            ("!", "?"),
            ("x" * 400, "x" * 399 + "y"),
        ],
    )
    def test_not_the_same(self, one: str, other: str) -> None:
        assert not same_title(one, other)
        assert not same_title(other, one)

    def test_a_hyphen_within_a_word_ends_no_prefix(self) -> None:
        assert plain_title("Withdrawal-related tiredness") == "withdrawal related tiredness"

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_does_not_depend_on_the_order(self, one: str, other: str) -> None:
        assert same_title(one, other) == same_title(other, one)

    @given(st.lists(st.sampled_from(["sun", "rain", "snow", "wind", "fog"]), min_size=5, max_size=15), st.data())
    def test_titles_that_differ_by_one_word_share_a_mark(self, spelt: list[str], data: st.DataObject) -> None:
        where = data.draw(st.integers(0, len(spelt) - 1))
        changed = [*spelt[:where], "hail", *spelt[where + 1 :]]
        assert title_marks(" ".join(spelt)) & title_marks(" ".join(changed))

    @given(st.text(max_size=200))
    def test_marks_are_few_and_every_title_with_a_word_has_some(self, title: str) -> None:
        assert len(title_marks(title)) <= TITLE_MARKS
        assert bool(title_marks(title)) == bool(plain_title(title))


class TestStudies:
    @pytest.mark.parametrize(
        ("facts", "keys"),
        [
            (Facts(doi="10.1000/ABC.1"), {"doi:10.1000/abc.1"}),
            (Facts(doi=" https://doi.org/10.1000/abc.1 "), {"doi:10.1000/abc.1"}),
            (Facts(doi="doi: 10.1000/abc.1", pmid=" 0123 "), {"doi:10.1000/abc.1", "pmid:123"}),
            (Facts(source_url="http://dx.doi.org/10.1000/abc.1"), {"doi:10.1000/abc.1"}),
            (Facts(source_url="https://pubmed.ncbi.nlm.nih.gov/123/"), {"pmid:123"}),
            (Facts(source_url="https://www.Example.org/study/A/"), {"url:example.org/study/A"}),
            (Facts(source_url="http://example.org/?id=7#part"), {"url:example.org?id=7"}),
            (Facts(doi="soon", pmid="none", source_url="https://example.org/"), set()),
            (Facts(source_url="https://[example.org/study"), set()),
            (Facts(source_url="ftp://example.org/study"), set()),
            (Facts(source_url="study"), set()),
            (Facts(), set()),
        ],
    )
    def test_what_names_a_study(self, facts: Facts, keys: set[str]) -> None:
        assert study_keys(facts) == keys
        assert len(study_marks(facts)) == len(keys)

    def test_a_doi_a_pmid_or_an_address_in_common_is_the_same_study(self) -> None:
        pairs = (
            (Facts(doi="10.1000/a"), Facts(source_url="https://doi.org/10.1000/A", pmid="1")),
            (Facts(pmid="1"), Facts(pmid="01", doi="10.1000/a")),
            (Facts(source_url="https://example.org/a"), Facts(source_url="http://www.example.org/a/")),
        )
        for one, other in pairs:
            assert study_marks(one) & study_marks(other)
            assert not different_study(one, other)

    def test_two_dois_or_two_pmids_are_two_studies(self) -> None:
        url = "https://example.org/a"
        one, other = Facts(doi="10.1000/a", source_url=url), Facts(doi="10.1000/b", source_url=url)
        assert different_study(one, other)
        assert different_study(Facts(pmid="1"), Facts(pmid="2"))
        assert not different_study(Facts(doi="10.1000/a"), Facts(pmid="2"))


class TestJoinedFacts:
    FULL = Facts(
        published=date(2026, 11, 1),
        published_origin=DateOrigin.PAGE,
        publish_after=datetime(2026, 11, 2, tzinfo=UTC),
        issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH),
        status=Status.RETRACTED,
        status_date=datetime(2026, 11, 3, tzinfo=UTC),
        notice="The data were wrong.",
        source_url="https://example.org/a",
        doi="10.1000/a",
        pmid="1",
    )

    def test_what_the_later_document_does_not_say_stays(self) -> None:
        assert joined_facts(self.FULL, Facts()) == self.FULL

    def test_what_the_later_document_says_counts(self) -> None:
        assert joined_facts(Facts(doi="10.1000/b"), self.FULL) == self.FULL
        corrected = Facts(status=Status.CORRECTED, doi="10.1000/b", published=date(2026, 11, 9))
        joined = joined_facts(self.FULL, corrected)
        assert (joined.status, joined.status_date, joined.notice) == (Status.CORRECTED, None, "")
        assert (joined.doi, joined.published, joined.published_origin) == (
            "10.1000/b", date(2026, 11, 9), DateOrigin.SIDECAR,
        )  # fmt: skip


class TestVerdict:
    def test_the_same_study_is_the_same_article_whatever_its_words(self) -> None:
        one, other = with_facts(WALKS, doi="10.1000/a"), with_facts(body(*NUMBERED), doi="10.1000/A")
        assert verdict(one, other) == (Reason.STUDY, True)

    def test_one_address_with_two_dois_is_doubtful(self) -> None:
        url = "https://example.org/a"
        one = with_facts(WALKS, doi="10.1000/a", source_url=url)
        assert verdict(one, with_facts(WALKS, doi="10.1000/b", source_url=url)) == (Reason.STUDY, False)

    @pytest.mark.parametrize(("kept", "expected"), [(101, (Reason.BODY, True)), (99, None)])
    def test_bodies_are_one_from_half_on(self, kept: int, expected: tuple[Reason, bool] | None) -> None:
        """153 words have 150 shingles; `kept` + 3 words at the start have `kept` of them."""
        one = make_article(summary=body(*NUMBERED[:153], title="One"))
        other = make_article(summary=body(*NUMBERED[: kept + 3], *reversed(NUMBERED[-(150 - kept) :]), title="Other"))
        assert verdict(one, other) == verdict(other, one) == expected

    def test_one_body_with_two_dois_is_doubtful(self) -> None:
        one, other = with_facts(WALKS, doi="10.1000/a"), with_facts(WALKS, doi="10.1000/b")
        assert verdict(one, other) == (Reason.BODY, False)

    def test_a_body_of_one_sentence_is_no_reason(self) -> None:
        one, other = body(*NUMBERED[:10], title="One"), body(*NUMBERED[:10], title="Other")
        assert verdict(make_article(summary=one), make_article(summary=other)) is None

    def test_one_title_is_one_article_if_the_bodies_have_something_in_common(self) -> None:
        one = make_article(summary=body(*NUMBERED[:150]))
        akin = make_article(summary=body(*NUMBERED[90:240]))
        stranger = make_article(summary=body(*NUMBERED[150:300]))
        assert verdict(one, akin) == (Reason.TITLE, True)
        assert verdict(one, stranger) == (Reason.TITLE, False)
        apart = with_facts(akin.summary, doi="10.1000/b")
        assert verdict(with_facts(one.summary, doi="10.1000/a"), apart) == (Reason.TITLE, False)

    def test_strangers_are_strangers(self) -> None:
        assert verdict(make_article(), make_article(summary=body(*NUMBERED))) is None
