"""Markdown: what is written stays what it is, and every mistake in the front matter is named with its line."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_examples import MARKDOWN, changed

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Facts, Rating, Status, Summary
from newsletter.sources import base
from newsletter.sources.base import Raw
from newsletter.sources.markdown import Markdown

BODY = MARKDOWN[MARKDOWN.index("# Short") :]
WHOLE = Document(
    key="one",
    summary=Summary(
        title="Short Walks and Steady Hands",
        key_takeaway="A short walk each day may help.",
        what_they_found=("Forty people walked.", "• Nobody fell."),
        who_should_care=("People with MS.",),
        considerations=("The group was small.",),
        credibility=Rating(value=4, scale=5),
        interest=Rating(value=3.5, scale=5),
        topics=("no", "1:30", "Gait"),
        journal="Journal of small steps",
    ),
    facts=Facts(published=date(2026, 11, 18)),
)


def markdown(text: str | bytes, facts: bytes | None = None) -> Document:
    data = text if isinstance(text, bytes) else text.encode()
    return Markdown().parse(Raw(key="one", name="folder/one.md", data=data, facts=facts), ())


def codes(document: Document) -> list[str]:
    return [warning.code for warning in document.warnings]


def refusal(text: str | bytes) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        markdown(text)
    assert refused.value.message.startswith("folder/one.md")
    return refused.value


def found(text: str) -> tuple[str, ...]:
    """The paragraphs under "What They Found" where `text` stands there."""
    return markdown(
        changed(MARKDOWN, ("Forty people walked.", text), ("\n- Nobody fell.\n", ""))
    ).summary.what_they_found


def test_a_file_is_read_whole() -> None:
    assert markdown(MARKDOWN) == WHOLE
    assert markdown(MARKDOWN.replace("\n", "\r\n").encode("utf-8-sig")) == WHOLE
    assert markdown(changed(MARKDOWN, ("# Short Walks and Steady Hands\n", ""))) == WHOLE


@pytest.mark.parametrize(
    ("written", "topics"),
    [
        ("no, 1:30, 007, null", ("no", "1:30", "007", "null")),
        ("\n- no\n- 1:30\n- Gait, and balance", ("no", "1:30", "Gait, and balance")),
        ("[yes, ~, 2026-11-18]", ("yes", "~", "2026-11-18")),
    ],
)
def test_topics_stay_what_was_written(written: str, topics: tuple[str, ...]) -> None:
    assert markdown(changed(MARKDOWN, ('[no, "1:30", Gait]', written))).summary.topics == topics


def test_without_front_matter_the_text_tells_all() -> None:
    text = changed(BODY, ("\n## Key", "\nCredibility: 4/5\n\n## Key")) + "\n## Article Topics\n\nno, 1:30, Gait\n"
    document = markdown(text)
    assert document.summary.title == WHOLE.summary.title
    assert (document.summary.credibility, document.summary.topics) == (Rating(value=4, scale=5), ("no", "1:30", "Gait"))
    assert markdown(f"---\n---\n{text}") == document
    listed = markdown(changed(text, ("no, 1:30, Gait", "- no\n- Gait, too")))
    assert listed.summary.topics == ("no", "Gait, too")


def test_front_matter_wins_over_the_text() -> None:
    text = changed(MARKDOWN, ("\n## Key", "\nCredibility: 2/5\n\n## Key")) + "\n## Article Topics\n\nMRI\n"
    assert markdown(text) == WHOLE


def test_facts_are_checked_as_in_a_sidecar() -> None:
    document = markdown(changed(MARKDOWN, (
        "published: 2026-11-18",
        "published: 2026-11-18T09:00:00+01:00\nstatus: corrected\nnotice: A number was wrong.\npmid: 12345678",
    )))  # fmt: skip
    assert document.facts == Facts(
        published=datetime(2026, 11, 18, 8, tzinfo=UTC),
        status=Status.CORRECTED,
        notice="A number was wrong.",
        pmid="12345678",
    )


def test_a_sidecar_has_the_last_word() -> None:
    document = markdown(MARKDOWN, b'published = 2026-11-01\ntopics = ["Sleep"]')
    assert (document.facts.published, document.facts.published_origin) == (date(2026, 11, 1), DateOrigin.SIDECAR)
    assert document.summary.topics == ("Sleep",)
    assert markdown(MARKDOWN, b'pmid = "1"').summary.topics == WHOLE.summary.topics


@pytest.mark.parametrize(
    ("written", "says", "line"),
    [
        ("titel: x", "'titel' is no key of front matter; the keys are title", 1),
        ("key_takeaway: x", "'key_takeaway' is no key", 1),
        ("title: x\ntitle: y", "'title' is given twice", 2),
        ("title: &a x\njournal: *a", "references (*) are not allowed", 3),
        ("title: [x", "not usable", 3),
        ("? [a, b]\n: x", "not usable", 2),
        ("title: x\n\ttopics: y", "not usable", 3),
        ("just text", "no list of keys with values", 1),
        ("published: yesterday", "published: found 'yesterday'; right would be a date", None),
        ("topics: {a: b}", "topics: found a table", None),
        ("title: " + "[" * 3000, "nested too deeply", 1),
        ("title: " + "x" * 20_000, "more than 16,000 characters", 1),
        ("status: retracted", "notice is missing", None),
    ],
)
def test_a_mistake_in_the_front_matter_is_named(written: str, says: str, line: int | None) -> None:
    refused = refusal(f"---\n{written}\n---\n{BODY}")
    assert refused.code == base.E_FIELD
    assert says in refused.message
    assert refused.line == line


def test_front_matter_without_an_end_is_refused() -> None:
    assert refusal(f"---\ntitle: x\n{BODY}").code == base.E_FIELD


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (base.E_EMPTY, ""),
        (base.E_NOT_TEXT, b"\xff\xfe#"),
        (base.E_NO_TITLE, changed(BODY, ("# Short Walks and Steady Hands\n", ""))),
        (base.E_TITLE, changed(MARKDOWN, ("title: Short Walks and Steady Hands", "title: Cool rooms"))),
        (base.E_NO_TAKEAWAY, changed(MARKDOWN, ("## Key Takeaway\n", ""))),
        (base.E_HEADING_MISSING, changed(MARKDOWN, ("## Important Considerations", "## Limits"))
         .replace("## Limits", "**Limits**")),
        (base.E_STRAY_TEXT, changed(MARKDOWN, ("## Important Considerations", "## Limits"))),
        (base.E_HEADING_TWICE, changed(MARKDOWN, ("Forty", "## Key Takeaway\n\nForty"))),
        (base.E_EMPTY_SECTION, changed(MARKDOWN, ("The group was small.\n", ""))),
        (base.E_TOO_LARGE, changed(MARKDOWN, ("Forty", ">" * 80 + "Forty"))),
        (base.E_TOO_LARGE, changed(MARKDOWN, ("Forty", "> " * 5000 + "Forty"))),
        (base.E_TOO_LARGE, changed(MARKDOWN, ("Forty", "- x\n" * 12_000 + "Forty"))),
        (base.E_TOO_LARGE, changed(MARKDOWN, ("Forty", "[" * 10_001 + "Forty"))),
        (base.E_TOO_LARGE, changed(MARKDOWN, ("Forty", "word\n\n" * 40_000 + "Forty"))),
        (base.E_TOO_LARGE, changed(MARKDOWN, ("Forty", "**a *b " * 100 + " y" + "* c** " * 100))),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused(code: str, text: str | bytes) -> None:
    assert refusal(text).code == code


def test_a_title_that_differs_is_told() -> None:
    document = markdown(changed(MARKDOWN, ("title: Short Walks", "title: Long Walks")))
    assert document.summary.title == "Short Walks and Steady Hands"
    assert codes(document) == [base.W_TITLE_MISMATCH]


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("One *line*\nand **another**.", ("One line and another.",)),
        ("See [here](https://example.org/x).", ("See here (https://example.org/x).",)),
        ("See <https://example.org/x>.", ("See https://example.org/x.",)),
        ("![A chart](chart.png) shows", ("A chart shows",)),
        ("1. a\n2. b", ("1. a", "2. b")),
        ("| a | b |\n|---|---|\n| c | d |", ("a | b", "c | d")),
        ("`x < y` &amp; 2 &lt; 3", ("x < y & 2 < 3",)),
        ("{{ x }} ]]> =1+1", ("{{ x }} ]]> =1+1",)),
    ],
)
def test_text_is_as_a_reader_sees_it(text: str, paragraphs: tuple[str, ...]) -> None:
    assert found(text) == paragraphs


def test_html_is_text_and_a_warning() -> None:
    document = markdown(changed(MARKDOWN, ("Forty people", "Forty <b>people</b> <script>x</script>")))
    assert document.summary.what_they_found[0] == "Forty <b>people</b> <script>x</script> walked."
    assert base.W_MARKUP in codes(document)


def test_a_lower_heading_and_what_belongs_nowhere_are_told() -> None:
    text = changed(MARKDOWN, ("\n## Key", "\nBy Ann Example\n\n## Key"), ("- Nobody", "### Falls\n\n- Nobody"))
    document = markdown(text + "\n## You May Also Like\n\nCool Rooms\n")
    assert sorted(codes(document)) == [base.W_STRAY_TEXT, base.W_STRAY_TEXT, base.W_SUBHEADING]
    assert "By Ann Example" in str(document.warnings)
    assert "Cool Rooms" in str(document.warnings)


@given(st.integers(0, len(MARKDOWN)), st.text("#-\n [](){}:&*<>`|a", max_size=6), st.integers(0, 20))
def test_a_file_changed_anywhere_gives_an_article_or_a_refusal(start: int, new: str, cut: int) -> None:
    try:
        summary = markdown(MARKDOWN[:start] + new + MARKDOWN[start + cut :]).summary
    except DocumentError as error:
        assert error.message.startswith("folder/one.md")  # noqa: PT017 - a refusal is one of two right answers
        return
    assert "The group was small." not in " ".join((*summary.who_should_care, *summary.what_they_found))
