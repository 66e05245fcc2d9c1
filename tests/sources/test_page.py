"""HTML pages: the right article or a refusal, by headings and by selectors, and facts that are never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_examples import PAGE, changed

from newsletter.errors import ConfigError, DocumentError
from newsletter.model import DateOrigin, Document, Facts, IssueDate, Precision, Rating, Related, Status, Summary
from newsletter.sources import base
from newsletter.sources.base import Raw
from newsletter.sources.page import Page

FLAT = PAGE.replace("<section>", "").replace("</section>", "")
PROFILE = {
    "title": "h1",
    "key_takeaway": "section:nth-of-type(1)",
    "what_they_found": "section:nth-of-type(2) p, section:nth-of-type(2) li",
    "who_should_care": "section:nth-of-type(3)",
    "considerations": "section:nth-of-type(4)",
    "topics": "section:nth-of-type(5) a",
    "credibility": "header div:first-of-type",
    "interest": "header div:last-of-type p:last-child",
    "related": ".more",
}


def page(html: str | bytes, *, profile: Mapping[str, str] | None = None, facts: bytes | None = None) -> Document:
    data = html if isinstance(html, bytes) else html.encode()
    return Page(profile=profile or {}).parse(Raw(key="one", name="folder/one.html", data=data, facts=facts), ())


def codes(document: Document) -> list[str]:
    return [warning.code for warning in document.warnings]


def refusal(html: str | bytes, profile: Mapping[str, str] | None = None) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        page(html, profile=profile)
    assert refused.value.message.startswith("folder/one.html")
    return refused.value


def text_of(summary: Summary) -> tuple[object, ...]:
    return (summary.key_takeaway, summary.what_they_found, summary.who_should_care, summary.considerations)


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
        topics=("MRI", "sleep quality"),
        journal="Journal of small steps",
    ),
    facts=Facts(
        published=datetime(2026, 11, 18, 8, tzinfo=UTC),
        published_origin=DateOrigin.PAGE,
        issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH),
        doi="10.5555/12.34",
        pmid="99990001",
    ),
    topics_raw="MRI; sleep quality",
    related=(
        Related(
            title="Cool Rooms",
            date=IssueDate(day=date(2026, 12, 31), precision=Precision.DAY),
            teaser="Learn how",
        ),
        Related(title="Sleep", date=IssueDate(day=date(2026, 3, 1), precision=Precision.MONTH), teaser="Discover"),
    ),
)


@pytest.mark.parametrize("html", [PAGE, FLAT, PAGE.replace("section", "div")])
def test_the_parts_are_found_by_their_headings(html: str) -> None:
    assert page(html) == WHOLE


def test_the_parts_are_found_by_selectors() -> None:
    assert page(PAGE, profile=PROFILE) == WHOLE


def test_headings_may_be_lines_that_are_no_heading_elements() -> None:
    assert text_of(page(FLAT.replace("<h2>", "<p><b>").replace("</h2>", "</b></p>")).summary) == text_of(WHOLE.summary)


def test_a_heading_may_stand_in_a_wrapper_of_its_own() -> None:
    html = FLAT.replace("<h2>", "<div><h2>").replace("</h2>", "</h2></div>")
    assert text_of(page(html).summary) == text_of(WHOLE.summary)


def test_a_sidecar_has_the_last_word() -> None:
    found = page(PAGE, facts=b'published = 2026-11-01\ntopics = ["Gait"]')
    assert (found.facts.published, found.facts.published_origin) == (date(2026, 11, 1), DateOrigin.SIDECAR)
    assert (found.summary.topics, found.facts.doi) == (("Gait",), "10.5555/12.34")


LIMITS = "<h2>Important Considerations</h2>"
REFUSED = {
    base.E_EMPTY: [b"", b" \n"],
    base.E_NOT_TEXT: [b"\0", b"%PDF-1.7", PAGE.encode().replace(b"help", b"h\xe9lp"),
                      PAGE.replace("utf-8", "utf-7"), PAGE.replace("utf-8", "rot13")],
    base.E_TOO_LARGE: [b"a" * (base.BYTES_LIMIT + 1), "<p>" * 30_000],
    base.E_NO_TITLE: [changed(PAGE, ("<h1>Short Walks and Steady Hands</h1>", ""),
                              ("<title>Short Walks and Steady Hands | Example</title>", ""))],
    base.E_TITLE: [changed(PAGE, ("<header>", "<header><h1>My Site</h1>"))],
    base.E_NO_TAKEAWAY: ["<html><body>502 Bad Gateway</body></html>", "<p>Key Takeaway", changed(PAGE, ("Key Takeaway", "Key message")),
                         changed(PAGE, ("A short walk each day may help.", ""))],
    base.E_EMPTY_SECTION: [changed(PAGE, ("The group was small.", ""))],
    base.E_HEADING_MISSING: [
        *(changed(html, (LIMITS, "<h2>Limits</h2>")) for html in (PAGE, FLAT)),
        *(changed(html, (LIMITS, "")) for html in (PAGE, FLAT)),
    ],
    base.E_HEADING_TWICE: [
        changed(PAGE, ("Forty", "</p><p>Key Takeaway</p><p>Forty")),
        FLAT.replace("</article>", f"</article>{FLAT[FLAT.index('<article>') : FLAT.index('</main>')]}"),
    ],
    base.E_STRAY_TEXT: [
        changed(FLAT, ("<h2>Who", "<h2>How they asked</h2><p>By telephone.</p><h2>Who")),
        changed(PAGE, ("<section><h2>Who", "<p>By telephone.</p><section><h2>Who")),
        changed(PAGE, ("</article>", f"<h2>Comments</h2><p>{'x ' * 2500}</p></article>")),
        changed(PAGE, ("</header>", f"<p>{'x ' * 2500}</p></header>")),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("code", "html"), [(code, html) for code, pages in REFUSED.items() for html in pages])
def test_what_is_not_certain_is_refused(code: str, html: str | bytes) -> None:
    assert refusal(html).code == code


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (base.E_NO_TITLE, {"title": ".no"}),
        (base.E_NO_TAKEAWAY, {"key_takeaway": ".no"}),
        (base.E_NO_TAKEAWAY, {"key_takeaway": "section:nth-of-type(1) h2"}),
        (base.E_HEADING_MISSING, {"considerations": ".no"}),
        (base.E_HEADING_MISSING, {"considerations": "section"}),
        (base.E_HEADING_MISSING, {"considerations": "section:nth-of-type(3) p"}),
        (base.E_HEADING_MISSING, {"considerations": "section:nth-of-type(5)"}),
        (base.E_EMPTY_SECTION, {"considerations": "meta"}),
    ],
)
def test_selectors_that_find_too_little_or_too_much_refuse_the_page(code: str, changes: dict[str, str]) -> None:
    assert refusal(PAGE, PROFILE | changes).code == code


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ({"titel": "h1"}, "'titel' names no part"),
        ({"title": "h1["}, "profile.title: 'h1\\['"),
        ({"key_takeaway": "p"}, "key_takeaway is given but what_they_found is not"),
    ],
)
def test_a_profile_is_checked_before_any_page(profile: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Page(profile=profile)


def test_the_article_of_a_profile_must_hold_all_headings() -> None:
    assert page(PAGE, profile={"article": "main"}) == WHOLE
    assert refusal(PAGE, {"article": "header"}).code == base.E_HEADING_MISSING


def test_what_surrounds_the_text_does_not_count_and_what_is_left_out_is_quoted() -> None:
    html = changed(
        PAGE,
        ("</header>", "<p>By Ann Example</p></header>"),
        ("<p>Forty", "<nav><p>Key Takeaway</p></nav><aside>Subscribe!</aside><p>Forty"),
        ("</article>", "<h2>Comments</h2><p>Nice.</p></article>"),
    )
    found = page(html)
    assert found.summary == WHOLE.summary
    messages = [warning.message for warning in found.warnings]
    assert codes(found) == [base.W_STRAY_TEXT] * 2
    assert "By Ann Example" in " ".join(messages)
    assert "Comments Nice." in " ".join(messages)


def test_an_aside_with_a_heading_of_ours_counts() -> None:
    html = changed(PAGE, ("<section><h2>Key", "<aside><h2>Key"), ("help.</p></section>", "help.</p></aside>"))
    assert page(html) == WHOLE


def test_a_lower_heading_within_a_part_is_text_and_a_warning() -> None:
    found = page(changed(PAGE, ("<p>The group", "<h3>Size</h3><p>The group")))
    assert found.summary.considerations == ("Size", "The group was small.")
    assert codes(found) == [base.W_SUBHEADING]


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (("<h1>Short Walks and Steady Hands</h1>", '<meta property="og:title" content="Walks">'), "Walks"),
        (("<h1>Short Walks and Steady Hands</h1>", ""), "Short Walks and Steady Hands | Example"),
        (("<header><h1>Short Walks and Steady Hands</h1>", "</article><h1>Walks</h1><article><header>"), "Walks"),
    ],
)
def test_the_title_is_the_pages_heading_or_its_metadata(change: tuple[str, str], title: str) -> None:
    assert page(changed(PAGE, change)).summary.title == title


CREDIBILITY = '<div>Credibility <span aria-label="4 out of 5">★★★★☆</span></div>'


@pytest.mark.parametrize(
    ("markup", "rating", "warned"),
    [
        ("<p>Credibility: 4/5</p>", Rating(value=4, scale=5), []),
        ("<p>Credibility</p><p>4.5</p>", Rating(value=4.5, scale=5), []),
        ("<div><p>Credibility <i data-rating=8/10></i></p></div>", Rating(value=8, scale=10), []),
        ("<p>Credibility<img alt='Rated 4 out of 5 stars'></p>", Rating(value=4, scale=5), []),
        ("<p>Credibility ★★★☆☆<i aria-label='4 of 5'></i></p>", None, [base.W_RATING]),
        ("<p>Credibility: High</p>", None, [base.W_RATING]),
        ("<p>Credibility</p><p>0/5</p>", None, [base.W_RATING]),
        ("<p>Credibility</p>", None, [base.W_NO_RATING]),
        ("", None, [base.W_NO_RATING]),
    ],
)
def test_ratings_come_from_text_and_attributes_and_are_not_guessed(
    markup: str, rating: Rating | None, warned: list[str]
) -> None:
    found = page(changed(PAGE, (CREDIBILITY, markup)))
    assert (found.summary.credibility, codes(found)) == (rating, warned)
    assert found.summary.interest == WHOLE.summary.interest


LINKS = '<p><a href="/t/1">MRI</a><a href="/t/2">sleep quality</a></p>'


@pytest.mark.parametrize(
    ("markup", "topics", "warned"),
    [
        ("<ul><li>MRI<li>Sclerosis, Multiple</ul>", ("MRI", "Sclerosis, Multiple"), []),
        ("<div>Gait</div><div>gait</div><div>MRI</div>", ("Gait", "MRI"), []),
        ("<p>FatigueSleep quality</p>", ("Fatigue", "Sleep quality"), []),
        ("<p>Fatigue; Sleep quality</p>", ("Fatigue", "Sleep quality"), []),
        ("<p><span>MRI</span> <span>gait</span></p><form>Share</form>", ("MRI", "gait"), [base.W_STRAY_TEXT]),
        ("<p>qzxvwkjgait</p>", (), [base.W_TOPICS_UNCERTAIN]),
        (f"<ul><li>MRI<li>{'x' * 200}</ul>", ("MRI",), [base.W_TOPICS_UNCERTAIN]),
        ("", (), [base.W_NO_TOPICS]),
        ('<meta property="article:tag" content="MRI"><meta name="citation_keywords" content="gait; MS">',
         ("MRI", "gait", "MS"), []),
    ],
)  # fmt: skip
def test_topics_stay_apart(markup: str, topics: tuple[str, ...], warned: list[str]) -> None:
    found = page(changed(PAGE, (LINKS, markup)))
    assert (found.summary.topics, codes(found)) == (topics, warned)


def test_related_articles_without_headings_end_with_read_more() -> None:
    html = PAGE.replace("<h3>", "<p>").replace("</h3>", "</p>").replace("Discover</p>", "Discover</p><p>Read More</p>")
    assert page(html).related == WHOLE.related


def test_related_articles_by_selectors_take_their_machine_date() -> None:
    parts = {"related_title": "h3", "related_date": "time", "related_teaser": "p"}
    html = changed(PAGE, ("<time>12/31/2026", "<time datetime=2026-12-31T10:00>Last day of the year"))
    assert page(html, profile=PROFILE | parts).related == WHOLE.related
    assert page(PAGE, profile=PROFILE | {"related": "nav, p", "related_title": ".no"}).related == ()


def test_text_above_the_first_related_heading_is_quoted() -> None:
    found = page(changed(PAGE, ("Like</h2>", "Like</h2><p>Picked for you</p>")))
    assert (found.related, codes(found)) == (WHOLE.related, [base.W_STRAY_TEXT])


def test_the_journal_may_stand_in_the_closing_text() -> None:
    closing = (
        "<section><h2>Understanding MS Research</h2>"
        "<p>Studies in medical journals like Cells often range from first ideas to trials.</p></section></article>"
    )
    html = changed(PAGE, ("citation_journal_title", "x"), ("</article>", closing))
    assert page(html).summary.journal == "Cells"
    assert codes(page(changed(PAGE, ("citation_journal_title", "x")))) == [base.W_NO_JOURNAL]
    assert (
        page(changed(PAGE, ("<h1>", "<p class=j>Brain</p><h1>")), profile={"journal": ".j"}).summary.journal == "Brain"
    )


# -- facts ------------------------------------------------------------------------------------------------------------

PUBLISHED = '<meta property="article:published_time" content="2026-11-18T09:00:00+01:00">'
DAY = date(2026, 11, 18)
LINKED_DATA = '<script type="application/ld+json">{}</script>'


@pytest.mark.parametrize(
    ("markup", "published", "warned"),
    [
        (PUBLISHED.replace("T09:00:00+01:00", ""), DAY, []),
        (PUBLISHED.replace("+01:00", "+0100"), datetime(2026, 11, 18, 8, tzinfo=UTC), []),
        (PUBLISHED.replace("+01:00", ""), DAY, []),
        (PUBLISHED.replace("2026-11-18", "2026-13-40"), None, [base.W_BADDATE]),
        (PUBLISHED.replace("2026", "0001").replace("11-18T09", "01-01T00"), None, [base.W_BADDATE]),
        (PUBLISHED.replace("2026", "1026"), None, [base.W_BADDATE]),
        (PUBLISHED + PUBLISHED.replace("18", "19"), None, [base.W_BADDATE]),
        (PUBLISHED.replace("2026-11-18T09:00:00+01:00", "last week"), None, [base.W_BADDATE]),
        (LINKED_DATA.format('{"@graph": [{"@type": ["NewsArticle"], "datePublished": "2026-11-18"}]}'), DAY, []),
        (LINKED_DATA.format('{"@type": "Person", "datePublished": "2026-11-18"}'), None, []),
        (LINKED_DATA.format("{"), None, []),
        (LINKED_DATA.format("[" * 100_000), None, []),
        ("", None, []),
    ],
)
def test_the_date_of_publication_is_read_and_not_guessed(
    markup: str, published: date | datetime | None, warned: list[str]
) -> None:
    found = page(changed(PAGE, (PUBLISHED, markup)))
    assert (found.facts.published, codes(found)) == (published, warned)
    assert found.facts.published_origin is DateOrigin.PAGE


def test_a_time_above_the_first_part_counts_and_one_below_does_not() -> None:
    html = changed(PAGE, (PUBLISHED, ""), ("<time>", "<time datetime=2026-01-01>"))
    assert page(html).facts.published is None
    html = changed(html, ("</header>", "<p><time datetime=2026-11-18>18 November</time></p></header>"))
    assert page(html).facts.published == DAY
    html = changed(html, ("</header>", "<p>Updated <time datetime=2026-11-19>19 November</time></p></header>"))
    assert page(html).facts.published is None
    assert page(html, profile={"published": "header time"}).facts.published is None
    assert page(html, profile={"published": "header p:last-child time"}).facts.published == date(2026, 11, 19)


@pytest.mark.parametrize(
    ("markup", "url"),
    [
        ('<link rel="cite-as" href="https://doi.org/10.5555/9">', "https://doi.org/10.5555/9"),
        ('<a href="study?id=1">Read the study</a>', "https://example.org/walks/study?id=1"),
        ('<a href="https://a.example.org">The study</a><a href="https://b.example.org">The study</a>', None),
        ('<a href="https://[x">Read the study</a>', None),
    ],
)
def test_the_study_is_linked_where_the_page_names_it_so(markup: str, url: str | None) -> None:
    found = page(
        changed(PAGE, ('<meta name="citation_doi" content="doi:10.5555/12.34">', ""), ("<nav>", f"{markup}<nav>"))
    )
    assert found.facts.source_url == url
    assert found.facts.doi == ("10.5555/9" if "cite-as" in markup else None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("doi:10.5555", "doi:10.5"), base.W_FACT),
        (("99990001", "PMC1"), base.W_FACT),
        (("<nav>", "<a href='javascript:x'>Read the study</a><nav>"), base.W_FACT),
        (("2026/12", "2026/13"), base.W_BADDATE),
    ],
)
def test_a_fact_that_is_not_usable_is_a_warning(change: tuple[str, str], code: str) -> None:
    assert codes(page(changed(PAGE, change))) == [code]


@pytest.mark.parametrize(
    ("mark", "status"),
    [
        ("RETRACTED: ", Status.RETRACTED),
        ("Expression of concern: ", Status.CONCERN),
        ("Corrected: ", Status.CORRECTED),
        ("WITHDRAWN: ", Status.RETRACTED),
        ("Retracted cannulas and ", Status.OK),
    ],
)
def test_a_mark_before_the_title_becomes_the_status(mark: str, status: Status) -> None:
    found = page(changed(PAGE, ("<h1>", f"<h1>{mark}")))
    assert found.facts.status is status
    assert bool(found.facts.notice) == (status is not Status.OK)
    assert found.summary.title.endswith("Short Walks and Steady Hands")
    assert (found.summary.title == "Short Walks and Steady Hands") == (status is not Status.OK)


# -- encodings, and pages that nobody would write -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        PAGE.replace("help", "hélp").encode("utf-8-sig"),
        PAGE.replace("help", "hélp").encode("utf-16"),
        PAGE.replace("help", "hélp").replace("utf-8", "utf-16").encode(),
        PAGE.replace("help", "hélp").replace("★★★★☆", "4").replace("utf-8", "windows-1252").encode("cp1252"),
        PAGE.replace("help", "hélp").replace("★★★★☆", "4").replace("utf-8", "ISO-8859-1").encode("latin-1"),
    ],
)
def test_a_page_says_its_encoding(data: bytes) -> None:
    assert page(data).summary.key_takeaway == "A short walk each day may hélp."


def test_lost_characters_are_told() -> None:
    assert codes(page(changed(PAGE, ("help", "h\ufffdlp")))) == [base.W_LOST_CHARACTERS]


def test_empty_metadata_say_nothing() -> None:
    found = page(changed(PAGE, ('content="doi:10.5555/12.34"', 'content=" "'), ('content="2026/12"', 'content="2026"')))
    assert (found.facts.doi, found.facts.issue_date, found.warnings) == (None, None, ())


def test_a_long_takeaway_is_told() -> None:
    assert codes(page(changed(PAGE, ("may help", "may " * 60)))) == [base.W_LONG_TAKEAWAY]


@pytest.mark.parametrize(
    "html",
    [
        changed(PAGE, ("<h1>", "<article>" * 6000 + "<h1>")),
        changed(PAGE, ("<footer>", "<aside>x" * 9000)),
        changed(PAGE, ("<header>", "<header>" + "<p>Credibility</p>" * 5000)),
        changed(PAGE, ("</article>", "<p>Key Takeaway</p>" * 9000)),
        changed(PAGE, ("</header>", "<p><i></i>x</p>" * 5000)),
    ],
)
def test_no_page_takes_long(html: str) -> None:
    started = process_time()
    with suppress(DocumentError):
        page(html)
    assert process_time() - started < 2


@given(st.data())
def test_a_page_cut_and_changed_anywhere_gives_whole_sections_or_a_refusal(data: st.DataObject) -> None:
    """A section is never run into another: what is found is a part of what its own heading had."""
    start = data.draw(st.integers(PAGE.index("<body>"), len(PAGE)))
    html = PAGE[:start] + data.draw(st.text("<>/ph2 x", max_size=5)) + PAGE[start + data.draw(st.integers(0, 30)) :]
    try:
        found = page(html).summary
    except DocumentError as error:
        assert error.message.startswith("folder/one.html")  # noqa: PT017 - a refusal is one of two right answers
        return
    others = {"Forty people walked.": "what_they_found", "The group was small.": "considerations"}
    for sentence, own in others.items():
        for name in ("what_they_found", "who_should_care", "considerations"):
            assert name == own or sentence not in " ".join(getattr(found, name))
        assert sentence not in found.key_takeaway


def test_unclosed_tags_cannot_make_the_search_for_ratings_take_long() -> None:
    lead = "<p><span>Credibility" * 4_000
    begun = process_time()
    with suppress(DocumentError):
        Page().parse(Raw(key="a", name="a.html", data=PAGE.replace("<h2", f"{lead}<h2", 1).encode()))
    assert process_time() - begun < 2
