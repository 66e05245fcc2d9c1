"""Captures: what is forgiven, what is refused, and that no text is lost or moved in silence."""

from __future__ import annotations

import itertools
import re
import time
from datetime import date

import pytest
from capture_examples import GOOD, REAL_SEEDS, SEEDS, changed, raw
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.model import Document, IssueDate, Precision, Rating, Summary
from newsletter.sources import base
from newsletter.sources.base import Raw, Source
from newsletter.sources.capture import Capture, parse_capture
from newsletter.sources.places import Folder

PARTS = (
    "Key Takeaway",
    "What They Found",
    "Who Should Care and Why",
    "Important Considerations",
    "Article Topics:",
    "You May Also Like",
    "Understanding MS Research",
)
WHOLE = parse_capture(raw(GOOD))
WITHIN_A_LINE = st.characters(exclude_categories=["Cs", "Cc"])


def codes(document: Document) -> list[str]:
    return [warning.code for warning in document.warnings]


def refusal(data: bytes | str, facts: str | None = None) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        parse_capture(raw(data, facts))
    return refused.value


def _sections(summary: Summary) -> tuple[object, ...]:
    return (summary.key_takeaway, summary.what_they_found, summary.who_should_care, summary.considerations)


# -- every code -------------------------------------------------------------------------------------------------------

_TEASER = WHOLE.related[1].teaser
TITLE = WHOLE.summary.title
OTHER = GOOD.replace(TITLE, "Cool Rooms")
BODY = GOOD[: GOOD.index("Article Topics")]
REFUSED: dict[str, list[bytes | str]] = {
    base.E_EMPTY: [b"", b" \r\n\t\n", b"\xef\xbb\xbf", "\u200b\n\u2060", "\u00ad"],
    base.E_NOT_TEXT: [b"%PDF-1.7\n1 0 obj", GOOD.encode("utf-16"), GOOD.encode() + b"\0", b"caf\xe9 au lait"],
    base.E_TOO_LARGE: [b"a" * (base.BYTES_LIMIT + 1), GOOD + "\n." * base.LINES_LIMIT],
    base.E_LONG_LINE: [changed("Forty", "x" * (base.LINE_LIMIT + 1))],
    base.E_HTML: [
        "<!DOCTYPE html>\n<html><body>502</body></html>",
        " <html>",
        "<?xml version='1.0'?>",
        "<!-- saved -->",
    ],
    base.E_NO_TITLE: [
        GOOD[GOOD.index("Credibility") :],
        GOOD[GOOD.index("Interest") :],
        GOOD[GOOD.index("Key Takeaway") :],
    ],
    base.E_NO_TAKEAWAY: [
        "404 Not Found",
        changed("Key Takeaway\n", ""),
        changed(f"\n{WHOLE.summary.key_takeaway}\n", ""),
        GOOD[: GOOD.index("Key Takeaway")],
    ],
    base.E_HEADING_MISSING: [
        *(changed(f"{heading}\n", "") for heading in PARTS[1:]),
        *(changed(f"{heading}\n", f"{heading[:4]}_{heading[4:]}\n") for heading in PARTS[1:]),
        changed("What They Found\n", "What They Found: forty people\n"),
        changed(GOOD[GOOD.index("You May Also Like") : GOOD.index("News about")], "") + "\n",
    ],
    base.E_HEADING_TWICE: [
        changed("Forty people", "What They Found\n\nForty people"),
        changed("Learn how a cooler", "Key Takeaway\n\nLearn how a cooler"),
        changed("Ask your care team", "Important Considerations\nAsk your care team"),
    ],
    base.E_TITLE: [
        changed("Short Walks and Steady Hands\n\n", "Share this page\n\n"),
        GOOD.replace(TITLE, "\u2020", 1),
    ],
    base.E_TWO_ARTICLES: [
        f"{GOOD}\n\n{GOOD}",
        f"{GOOD}\n{GOOD[: GOOD.index('Who Should')]}",
        f"{BODY}\n{GOOD}",
        GOOD[: GOOD.index("Credibility")] + OTHER,
        GOOD[: GOOD.index("Key Takeaway")] + OTHER,
        GOOD[: GOOD.index("Key Takeaway")] + OTHER[OTHER.index("Cool") + 5 :],
    ],
    base.E_STRAY_TEXT: [
        changed("You May Also Like", "The study was paid for by a walking club.\n\nYou May Also Like"),
        changed("Credibility\n", "word " * 801 + "\n\nCredibility\n"),
        f"{GOOD}\n\n" + "word " * 801,
    ],
    base.E_HEADING_ORDER: [
        changed("Important Considerations\n", "").replace(
            "Read More\nUnderstanding", "Read More\nImportant Considerations\n\nx\n\nUnderstanding"
        ),
    ],
    base.E_EMPTY_SECTION: [
        changed(WHOLE.summary.what_they_found[0], ""),
        changed(WHOLE.summary.considerations[0], "\u200b"),
    ],
    base.E_CUT: [
        GOOD[: GOOD.index("eight weeks")],
        GOOD[: GOOD.index("was not compared")],
        GOOD[: GOOD.index("remor")],
        GOOD[: GOOD.index("Topics:") + 7],
        GOOD[: GOOD.index("twenty people")],
        GOOD.encode()[: len(GOOD.encode()) // 2],
        GOOD.encode() + "é".encode()[:1],
    ],
}
WARNED: dict[str, list[str]] = {
    base.W_TITLE_MISMATCH: [changed("Hands\n\nShort", "Hands | A Site\n\nShort")],
    base.W_NO_RATING: [GOOD, changed("Credibility\nInterest\n", ""), changed("Interest\n", "Interest 4/5\n")],
    base.W_RATING: [changed("Interest\n", "Interest: High\n"), changed("Interest\n", "Interest\n6/5\n")],
    base.W_LONG_TAKEAWAY: [changed("A short walk each day may", "A short walk " * 30 + "may")],
    base.W_NO_TOPICS: [
        changed("MRI findingsgaitmultiple sclerosistremorwalking speed\n", ""),
        changed("Article Topics:\nMRI findingsgaitmultiple sclerosistremorwalking speed\n", ""),
    ],
    base.W_TOPICS_UNCERTAIN: [changed("MRI findingsgait", "qzxvwkgait")],
    base.W_RELATED: [changed("You May Also Like\n", "You May Also Like\n\nRead More\n"), changed(_TEASER, "")],
    base.W_RELATED_CUT: [
        changed("Read More\nUnderstanding", "Understanding"),
        changed("Read More\nSleep", "Sleep"),
        changed("Read More\nSleep After a Relapse\nSleep", "Sleep"),
    ],
    base.W_BADDATE: [
        changed("12/31/2026", found)
        for found in (
            "31/12/2026",
            "13/1/2026",
            "2/30/2026",
            "2026-02-30",
            "1/1/0999",
            "12/31/26",
            "31.12.2026",
            "soon",
            "",
        )
    ],
    base.W_NO_JOURNAL: [
        changed("journals like", "journals such as"),
        changed("A short text", "Medical journals like Gait often range from here to there. A short text"),
        GOOD[: GOOD.index("News about")],
    ],
    base.W_STRAY_TEXT: [
        changed("Credibility\n", "Share this page\n\nCredibility\n"),
        changed("You May Also Like", "Share this page\n\nYou May Also Like"),
        f"{GOOD}\n\nAnother paragraph.",
    ],
    base.W_SUBHEADING: [
        changed("Forty people", "Who paid\n\nForty people"),
        changed("Forty people", "Funding:\n\nForty"),
    ],
    base.W_LOST_CHARACTERS: [changed("Forty people", "Forty\ufffdpeople")],
    base.W_CONTROL: [
        changed("Forty people", "Forty\x07people"),
        changed("Forty people", "Forty\ufffepeople"),
        changed("Forty people", "Forty\u202epeople"),
    ],
    base.W_MARKUP: [changed("Forty people", "<b>Forty</b> people")],
}


@pytest.mark.parametrize(("code", "data"), [(code, data) for code in REFUSED for data in REFUSED[code]])
def test_an_unusable_document_is_refused_with_its_code_and_name(code: str, data: bytes | str) -> None:
    error = refusal(data)
    assert error.code == code
    assert error.message.startswith("folder/one.txt")
    assert "\n" not in error.message
    assert len(error.message) < 300


@pytest.mark.parametrize(("code", "data"), [(code, data) for code in WARNED for data in WARNED[code]])
def test_an_odd_document_is_used_with_a_warning(code: str, data: str) -> None:
    document = parse_capture(raw(data))
    assert code in codes(document)
    assert _sections(document.summary)[2:] == _sections(WHOLE.summary)[2:]


def test_a_refusal_names_line_and_heading() -> None:
    error = refusal(changed("Forty people", "What They Found\n\nForty people"))
    assert error.line == 12
    assert error.message == "folder/one.txt, line 12: heading 'What They Found' for a second time; first in line 10"
    error = refusal(changed("Important Considerations\n", ""))
    assert error.line == 21
    assert "no heading 'Important Considerations' before 'Article Topics'" in error.message


def test_what_is_left_out_is_quoted() -> None:
    (warning,) = [
        warning
        for warning in parse_capture(raw(changed("Credibility\n", "Share this page\n\nCredibility\n"))).warnings
        if warning.code == base.W_STRAY_TEXT
    ]
    assert "line 4" in warning.message
    assert "'Share this page'" in warning.message


# -- lines ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end", ["\r\n", "\r", "\r\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u200b\n", " \u00a0\u3000\n"]
)
def test_lines_may_end_as_on_any_system(end: str) -> None:
    assert parse_capture(raw("\ufeff\ufeff" + GOOD.replace("\n", end))) == WHOLE


def test_a_paragraph_separator_is_one() -> None:
    assert parse_capture(raw(changed("weeks. Their", "weeks.\u2029Their"))).summary.what_they_found == (
        "Forty people with MS took a short walk each day for eight weeks.",
        "Their hands shook a little less afterwards. Nobody fell during the study.",
    )


@pytest.mark.parametrize("title", ["A Title\nin Two Lines", "A\nB\nC"])
def test_a_title_may_be_wrapped_where_it_stands_twice(title: str) -> None:
    document = parse_capture(raw(changed(f"{TITLE}\n\n{TITLE}\n", f"{title}\n\n{title}\n")))
    assert document.summary.title == title.replace("\n", " ")
    assert codes(document) == [base.W_NO_RATING]


# -- ratings, titles, dates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("Credibility 4/5", (4, 5)),
        ("Credibility: 4.5", (4.5, 5)),
        ("Credibility\n4 out of 5", (4, 5)),
        ("Credibility\n\n★★★★☆\n", (4, 5)),
        ("Credibility ⭐️⭐️⭐️☆☆", (3, 5)),
        ("Credibility4/5", (4, 5)),
        ("Credibility rating - 3 of 5 stars", (3, 5)),
        ("CREDIBILITY:\n８/10", (8, 10)),
        ("Credibility 72/100", (72, 100)),
    ],
)
def test_a_rating_is_read_from_its_line_or_the_next(lines: str, expected: tuple[float, int]) -> None:
    value, scale = expected
    summary = parse_capture(raw(changed("Credibility\n", f"{lines}\n"))).summary
    assert summary.credibility == Rating(value=value, scale=scale)
    assert summary.interest is None


@pytest.mark.parametrize(
    "value",
    ["High", "N/A", "not rated", "0", "0/5", "6", "5.1/5", "-1", "4/0", "3/7", "4,5", "★★★★", "4/5 (12 votes)", "٤"],
)
def test_a_rating_is_never_guessed_or_clamped(value: str) -> None:
    document = parse_capture(raw(changed("Credibility\n", f"Credibility: {value}\n")))
    assert document.summary.credibility is None
    assert base.W_RATING in codes(document)


def test_two_values_for_one_rating_are_none() -> None:
    document = parse_capture(raw(changed("Credibility\n", "Credibility 4/5\nCredibility 2/5\n")))
    assert document.summary.credibility is None
    assert base.W_RATING in codes(document)


def test_a_title_may_begin_like_a_rating() -> None:
    text = GOOD.replace("Short Walks and Steady Hands", "Credibility of Short Walks")
    assert parse_capture(raw(text)).summary.title == "Credibility of Short Walks"
    once = changed(f"{TITLE}\n\n{TITLE}\n", "Interest in walking grows\n\n")
    assert parse_capture(raw(once)).summary.title == "Interest in walking grows"


def test_the_second_title_is_the_pages_own() -> None:
    document = parse_capture(raw(changed("Hands\n\nShort", "Hands | A Site\n\nShort")))
    assert document.summary.title == "Short Walks and Steady Hands"
    assert base.W_TITLE_MISMATCH in codes(document)


def test_a_first_of_the_month_says_the_month_alone() -> None:
    first, second = WHOLE.related
    assert first.date == IssueDate(day=date(2026, 12, 31), precision=Precision.DAY)
    assert second.date == IssueDate(day=date(2026, 3, 1), precision=Precision.MONTH)


def test_a_lost_read_more_costs_no_related_article() -> None:
    document = parse_capture(raw(changed("Read More\nSleep", "Sleep")))
    assert document.related == WHOLE.related


def test_known_topics_take_part() -> None:
    text = changed("MRI findingsgait", "Qzxv wkMRI findingsgait")
    assert "Qzxv wk" not in parse_capture(raw(text)).summary.topics
    assert "Qzxv wk" in parse_capture(raw(text), {"qzxv wk": 3}).summary.topics


def test_uncertain_topics_are_kept_raw_only() -> None:
    document = parse_capture(raw(changed("MRI findingsgait", "qzxvwkgait")))
    assert document.topics_raw is not None
    assert document.topics_raw.startswith("qzxvwk")
    assert not any("qzx" in topic for topic in document.summary.topics)


# -- what is never merged ---------------------------------------------------------------------------------------------


def _same_or_refused(text: str) -> None:
    """Unless it is refused, a document has the sections of the good one, whatever became of a heading."""
    try:
        document = parse_capture(raw(text))
    except DocumentError:
        return
    assert _sections(document.summary) == _sections(WHOLE.summary)
    assert document.summary.title == WHOLE.summary.title
    assert set(document.summary.topics) <= set(WHOLE.summary.topics)
    if document.related != WHOLE.related:
        assert base.W_RELATED_CUT in codes(document)


@pytest.mark.parametrize("heading", PARTS)
@given(data=st.data())
@settings(max_examples=60)
def test_an_altered_heading_never_merges_parts(heading: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(heading)))
    end = data.draw(st.integers(start, len(heading)))
    altered = heading[:start] + data.draw(st.text(WITHIN_A_LINE, max_size=6)) + heading[end:]
    _same_or_refused(changed(f"\n{heading}\n", f"\n{altered}\n"))


def test_a_deleted_line_never_merges_parts() -> None:
    lines = GOOD.split("\n")
    headings = {*PARTS, "Credibility", "Interest", "Read More", WHOLE.summary.title, ""}
    for number, line in enumerate(lines):
        if line in headings:
            _same_or_refused("\n".join(lines[:number] + lines[number + 1 :]))


def test_swapped_headings_after_the_sections_are_refused() -> None:
    for first in PARTS:
        for second in PARTS[4:]:
            if first != second:
                swapped = changed(f"\n{first}\n", "\n@\n").replace(f"\n{second}\n", f"\n{first}\n")
                assert refusal(swapped.replace("\n@\n", f"\n{second}\n")).code == base.E_HEADING_ORDER


@pytest.mark.parametrize("order", list(itertools.permutations(PARTS[:4])))
def test_the_four_sections_may_stand_in_any_order(order: tuple[str, ...]) -> None:
    texts = {start: GOOD[GOOD.index(start) : GOOD.index(end)] for start, end in itertools.pairwise(PARTS[:5])}
    head, tail = GOOD[: GOOD.index(PARTS[0])], GOOD[GOOD.index(PARTS[4]) :]
    shuffled = head + "".join(texts[heading] for heading in order) + tail
    assert parse_capture(raw(shuffled)) == WHOLE
    for heading in order:
        assert refusal(shuffled.replace(f"{heading}\n", "", 1)).code in {base.E_HEADING_MISSING, base.E_NO_TAKEAWAY}
    without_topics_heading = shuffled.replace(f"{PARTS[4]}\n", "", 1)
    assert refusal(without_topics_heading).code == base.E_HEADING_MISSING


def test_a_cut_document_is_right_or_refused() -> None:
    data = GOOD.encode()
    for end in range(len(data)):
        try:
            document = parse_capture(raw(data[:end]))
        except DocumentError:
            continue
        assert document.topics_raw == WHOLE.topics_raw
        assert document.summary.topics == WHOLE.summary.topics
        assert _sections(document.summary) == _sections(WHOLE.summary)
        assert document.related == WHOLE.related[: len(document.related)]
        assert document.summary.journal in {None, WHOLE.summary.journal}
        assert (document.summary.journal is None) == (base.W_NO_JOURNAL in codes(document))


def test_no_half_of_a_document_passes() -> None:
    assert refusal(GOOD.encode()[: len(GOOD.encode()) // 2]).code == base.E_CUT


# -- whatever comes in ------------------------------------------------------------------------------------------------


def _document_or_refusal(data: bytes, facts: bytes | None = None) -> None:
    begun = time.perf_counter()
    try:
        document = parse_capture(Raw(key="one", name="one.txt", data=data, facts=facts), {"gait": 1})
    except DocumentError:
        document = None
    assert document is None or document.summary.considerations
    assert time.perf_counter() - begun < 2


@given(st.binary(max_size=2000), st.none() | st.binary(max_size=200))
def test_any_bytes_make_a_document_or_a_refusal(data: bytes, facts: bytes | None) -> None:
    _document_or_refusal(data, facts)


@given(st.lists(st.sampled_from([*GOOD.split("\n"), "Read More", "1/1/2026", "★", "\u200b", "x"]), max_size=80))
def test_any_lines_make_a_document_or_a_refusal(lines: list[str]) -> None:
    _document_or_refusal("\n".join(lines).encode())


@given(data=st.data())
@settings(max_examples=200)
def test_any_edit_makes_a_document_or_a_refusal(data: st.DataObject) -> None:
    text = GOOD.encode()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        text = text[:start] + data.draw(st.binary(max_size=20)) + text[end:]
    _document_or_refusal(text)


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * base.BYTES_LIMIT,
        b"a\n" * (base.BYTES_LIMIT // 2),
        b"<a " * (base.BYTES_LIMIT // 3),
        changed("Forty", ("medical journals like " * 4000 + "\n") * 20).encode(),
        changed("MRI findings", "aB" * 45_000).encode(),
        changed("MRI findings", "aB" * 300).encode(),
        changed("You May Also Like\n", "You May Also Like\n" + "x\nx\n1/1/2020\n" * 6000).encode(),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_a_hostile_document_is_quick(data: bytes) -> None:
    _document_or_refusal(data)


# -- real pages -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL_SEEDS.is_dir(), reason=f"the two real captures are not at {REAL_SEEDS}")
@pytest.mark.parametrize(
    ("stem", "journal", "lengths", "dates"),
    [
        (
            "000_a6d0c3f1b1a67416",
            "Cells",
            [10, 10, 7, 22, 12, 9, 17, 15, 11, 6],
            [date(2025, 12, 1)] * 6,
        ),
        (
            "002_2decb2d8139dc9fd",
            "Brain research bulletin",
            [10, 37, 13, 18],
            [date(2026, 12, 31), date(2026, 12, 1), *[date(2026, 3, 1)] * 4],
        ),
    ],
)
def test_a_real_capture_is_read_whole(stem: str, journal: str, lengths: list[int], dates: list[date]) -> None:
    """Both pages have every part at the same line, so the lines themselves are the expectation."""
    data = (REAL_SEEDS / f"{stem}.txt").read_bytes()
    lines = data.decode().split("\n")
    document = parse_capture(raw(data))
    summary = document.summary
    assert summary.title == lines[0] == lines[2]
    assert (summary.credibility, summary.interest, summary.journal) == (None, None, journal)
    assert summary.key_takeaway == lines[7]
    assert (summary.what_they_found, summary.who_should_care) == ((lines[11],), (lines[15],))
    assert summary.considerations == (lines[19],)
    assert document.topics_raw == lines[22] == "".join(summary.topics)
    assert [len(topic) for topic in summary.topics] == lengths
    blocks = [lines[start : start + 8] for start in range(26, 74, 8)]
    assert [entry.title for entry in document.related] == [block[0] for block in blocks]
    assert [entry.teaser for entry in document.related] == [block[5] for block in blocks]
    assert [entry.date.day for entry in document.related if entry.date] == dates
    assert codes(document) == [base.W_NO_RATING]


def test_our_own_seeds_are_read_without_trouble() -> None:
    source = Source("seeds", Folder(SEEDS, (".txt",)), Capture())
    documents = [source.parse(found, ()) for found in source.fetch()]
    assert len(documents) >= 24
    assert all(set(codes(document)) <= {base.W_NO_RATING} for document in documents)
    assert all(len(document.related) == 6 for document in documents)
    assert not any(re.search("overwhelm|closing|More Details", repr(document.summary)) for document in documents)
