"""What is asked for, and the words that answer."""

from __future__ import annotations

import pytest
from builders import make_article
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.searching import (
    EXCERPT,
    MOST_WISHES,
    Piece,
    Question,
    excerpt,
    indexed,
    marked,
    question,
    root_of,
    roots_of,
    topic_name,
)

WORDS = st.from_regex(r"\A[a-z]{1,8}\Z")


@pytest.mark.parametrize(
    ("typed", "wanted", "unwanted"),
    [
        ("", (), ()),
        ("walking", (("walk",),), ()),
        ("walks  WALKED", (("walk",),), ()),
        ('"vitamin D" -mouse', (("vitamin", "d"),), (("mous",),)),
        ('-"new drug" gait', (("gait",),), (("new", "drug"),)),
        ("„kleine Schritte“ «petits pas»", (("klein", "schrit"), ("petit", "pas")), ()),
        ("T-cell", (("t", "cel"),), ()),
        ("Parkinson's don\u2019t", (("parkinson",), ("dont",)), ()),
        ("naïve Étude", (("naiv",), ("etud",)), ()),
        ("-", (), ()),
        ('" -" -', (), ()),
        ("\u2212mouse", (), (("mous",),)),
        ('"open quote', (("open", "quot"),), ()),
        ("a AND b OR NOT c", (("a",), ("and",), ("b",), ("or",), ("not",), ("c",)), ()),
    ],
)
def test_people_type_words_phrases_and_what_they_do_not_want(
    typed: str, wanted: tuple[object, ...], unwanted: tuple[object, ...]
) -> None:
    assert question(typed) == Question(wanted, unwanted)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "forms",
    [
        ("walk", "walks", "walking", "walked", "WALK"),
        ("study", "studies", "Study's".replace("'s", "")),
        ("relapse", "relapses", "relapsing", "relapsed"),
        ("exercise", "exercises", "exercising"),
        ("swim", "swimming"),
        ("therapy", "therapies"),
        ("fall", "falls", "falling"),
        ("β", "Β"),
        ("ﬁbre", "fibre", "fibres"),
    ],
)
def test_forms_of_a_word_are_one(forms: tuple[str, ...]) -> None:
    assert len({root_of(form) for form in forms}) == 1


@pytest.mark.parametrize("words", [("rate", "rat"), ("need", "ne"), ("bed", "b"), ("sclerosis", "scleros"), ("β", "b")])
def test_words_that_are_not_one_stay_two(words: tuple[str, str]) -> None:
    assert root_of(words[0]) != root_of(words[1])


@example("\U0001d54a")
@given(st.text(max_size=300))
def test_anything_can_be_typed_and_gives_roots_alone(typed: str) -> None:
    asked = question(typed)
    assert len(asked.wanted) + len(asked.unwanted) <= MOST_WISHES
    for root in (root for roots in (*asked.wanted, *asked.unwanted) for root in roots):
        assert root.isascii()
        assert root.isalnum()
        assert root == root.lower()
        assert len(root) <= 64


@given(st.text(max_size=300), st.text(max_size=20))
def test_marking_changes_no_letter(text: str, typed: str) -> None:
    pieces = marked(text, question(typed))
    assert "".join(piece.text for piece in pieces) == text
    wanted = {root for roots in question(typed).wanted for root in roots}
    for piece in pieces:
        if piece.found:
            assert set(roots_of(piece.text)) <= wanted
        else:
            assert not wanted.intersection(roots_of(piece.text))


def test_the_words_that_were_looked_for_stand_apart() -> None:
    assert marked("Short walks helped.", question("walking")) == (
        Piece("Short ", found=False),
        Piece("walks", found=True),
        Piece(" helped.", found=False),
    )


def test_the_passage_is_the_one_that_shows_most() -> None:
    filler = "nothing of note was said in this part of the text at all " * 20
    text = f"Walking is good. {filler}Fatigue and walking were looked at together. {filler}"
    found = excerpt(["Another sentence about fatigue.", text], question("fatigue walking"))
    told = "".join(piece.text for piece in found)
    assert "Fatigue and walking were looked at" in told
    assert told.startswith("… ")
    assert told.endswith(" …")
    assert [piece.text for piece in found if piece.found] == ["Fatigue", "walking"]


@given(st.lists(st.lists(WORDS, max_size=150).map(" ".join), max_size=4), st.lists(WORDS, max_size=3).map(" ".join))
def test_a_passage_is_short_and_stands_in_a_text(texts: list[str], typed: str) -> None:
    told = "".join(piece.text for piece in excerpt(texts, question(typed)))
    assert len(told.split()) <= EXCERPT * 3 // 2 + 2
    assert not texts or any(told.strip("… ") in text for text in texts)


def test_what_is_found_of_an_article() -> None:
    told = indexed(make_article("a", title="Short Walks", topics=("Gait", "gait", "T-cells")))
    assert told.title == ("short", "walk")
    assert set(told.topics) == {topic_name("gait"), topic_name("t-cell")}
    assert {"gait", "cel", "balanc", "caregiver"} <= set(told.body)
