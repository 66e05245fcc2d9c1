"""WordPress exports: what was public, and nothing else, divided at its headings."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordpress_examples import CONTENT, GOOD, ITEM, changed, export, raw

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Rating, Status
from newsletter.sources import base
from newsletter.sources.base import Raw
from newsletter.sources.wordpress import WordPress

NINE = datetime(2026, 11, 18, 9, tzinfo=UTC)


def split(text: str | bytes) -> list[Raw]:
    return list(WordPress().split(raw(text)))


def parse(text: str) -> Document:
    (found,) = split(text)
    if found.error is not None:
        raise found.error
    return WordPress().parse(found)


def refused(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as error:
        parse(text)
    assert error.value.message.startswith("folder/one.xml")
    return error.value


def codes(document: Document) -> list[str]:
    return [warning.code for warning in document.warnings]


def content(html: str) -> str:
    return changed(CONTENT, html)


def test_a_published_post_becomes_a_document() -> None:
    document = parse(GOOD)
    summary = document.summary
    assert document.key == "7"
    assert summary.title == "Walks & MS"
    assert summary.key_takeaway == "Short walks helped a little."
    assert summary.what_they_found == ("People with MS walked 4 % faster.", "After 10⁶ steps, they rested.")
    assert summary.who_should_care == ("Caregivers can plan walks.",)
    assert summary.considerations == ("The study was small.",)
    assert summary.topics == ("Gait", "R&D")
    assert summary.credibility == Rating(value=4)
    assert (summary.interest, summary.journal) == (None, None)
    assert document.facts.doi == "10.5555/walk.1"
    assert (document.facts.published, document.facts.published_origin) == (NINE, DateOrigin.PAGE)
    assert document.facts.publish_after is None
    assert not document.warnings


@pytest.mark.parametrize("status", ["draft", "pending", "private", "trash", "auto-draft", "inherit", "archived", ""])
def test_what_was_never_public_is_passed_over(status: str) -> None:
    assert not split(changed("<wp:status>publish<", f"<wp:status>{status}<"))


@pytest.mark.parametrize("kind", ["page", "attachment", "revision", "nav_menu_item", ""])
def test_what_is_no_post_is_passed_over(kind: str) -> None:
    text = changed("<wp:post_type>post<", f"<wp:post_type>{kind}<")
    assert not split(text)
    assert len(list(WordPress(types=("post", kind)).split(raw(text)))) == 1


def test_a_post_with_a_password_is_passed_over() -> None:
    assert not split(changed("<wp:post_password>", "<wp:post_password>hunter2"))


def test_a_scheduled_post_is_held_back_until_its_hour() -> None:
    future = changed("<wp:status>publish<", "<wp:status>future<")
    assert parse(future).facts.publish_after == parse(future).facts.published == NINE
    zeros = changed("2026-11-18 09:00:00", "0000-00-00 00:00:00", future)
    assert parse(zeros).facts.publish_after == NINE
    error = refused(changed("Wed, 18 Nov 2026 09:00:00 +0000", "", zeros))
    assert (error.code, "scheduled" in error.message) == (base.E_EMBARGO, True)


@pytest.mark.parametrize(
    ("gmt", "rss", "local", "published"),
    [
        ("2026-11-18 09:00:00", "x", "x", NINE),
        ("0000-00-00 00:00:00", "Wed, 18 Nov 2026 10:00:00 +0100", "x", NINE),
        ("", "Wed, 18 Nov 2026 10:00:00 -0000", "2026-11-18 10:00:00", date(2026, 11, 18)),
        ("2026-02-30 09:00:00", "Wed, 18 Nov 2026", "2026-11-18 10:00:00", date(2026, 11, 18)),
        ("", "Mon, 01 Jan 0001 00:00:00 +1400", "2026-11-18 10:00:00", date(2026, 11, 18)),
        ("", "", "", None),
    ],
)
def test_the_most_exact_date_is_taken(gmt: str, rss: str, local: str, published: date | None) -> None:
    text = changed("2026-11-18 09:00:00", gmt, changed("Wed, 18 Nov 2026 09:00:00 +0000", rss))
    document = parse(changed("2026-11-18 10:00:00", local, text))
    assert document.facts.published == published
    assert codes(document) == ([] if published else [base.W_BADDATE])


def test_the_key_outlives_a_change_of_everything_else() -> None:
    assert split(changed("<wp:post_id>7</wp:post_id>", ""))[0].key == "https://example.org/?p=7"
    nameless = changed("https://example.org/?p=7", "", changed("<wp:post_id>7</wp:post_id>", ""))
    assert refused(nameless).code == base.E_NO_KEY


def test_each_post_is_a_document_of_its_own() -> None:
    first, second = split(export(ITEM.replace("{n}", "1"), "\n\n", ITEM.replace("{n}", "2")))
    assert (first.key, second.key) == ("1", "2")
    assert first.name == "folder/one.xml, post 1"
    assert split(export("\n", ITEM.replace("{n}", "1")))[0].data == first.data


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", base.E_EMPTY),
        ("<rss><channel></channel></rss>", base.E_NOT_XML),
        ("<rss/>", base.E_NOT_XML),
        ("<feed/>", base.E_NOT_XML),
        (GOOD[:-9], base.E_NOT_XML),
        (" " * (base.BYTES_LIMIT + 1), base.E_TOO_LARGE),
        (GOOD.replace("<rss", '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss', 1), base.E_NOT_XML),
    ],
)
def test_what_is_no_export_is_refused(text: str, code: str) -> None:
    assert refused(text).code == code


def test_a_sidecar_cannot_be_meant_for_several() -> None:
    with pytest.raises(DocumentError) as error:
        list(WordPress().split(raw(GOOD, b"")))
    assert error.value.code == base.E_SIDECAR


# -- the text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Key Takeaway", "Take-home", base.E_NO_TAKEAWAY),
        ("<p>Short walks helped a little.</p>", "", base.E_NO_TAKEAWAY),
        ("Important Considerations", "Limits", base.E_STRAY_TEXT),
        ("<h2>Important Considerations</h2>", "", base.E_HEADING_MISSING),
        ("<p>The study was small.</p>", "<p> </p>", base.E_EMPTY_SECTION),
        ("Important Considerations", "What They Found", base.E_HEADING_TWICE),
        ("<p>The study was small.</p>", "<p>The study was small.</p><h2>Share this</h2><p>x</p>", base.E_STRAY_TEXT),
        ("<h2>Key Takeaway", f"<p>{'long ' * 999}</p><h2>Key Takeaway", base.E_STRAY_TEXT),
        ("<title>Walks &amp;amp; MS", "<title> ", base.E_NO_TITLE),
        ("<h2>Key Takeaway", f"<b {' '.join(f'a{n}' for n in range(20_000))}>x</b><h2>Key Takeaway", base.E_TOO_LARGE),
    ],
)
def test_nothing_is_merged_lost_or_made_up(old: str, new: str, code: str) -> None:
    assert refused(changed(old, new)).code == code


def test_headings_that_are_lines_of_their_own_divide_as_well() -> None:
    plain = CONTENT.replace("<h2>", "<p><strong>").replace("</h2>", ":</strong></p>")
    assert parse(content(plain)).summary == parse(GOOD).summary


def test_a_classic_post_has_paragraphs_without_tags() -> None:
    classic = CONTENT.replace("<p>", "\r\n\r\n").replace("</p>", "\r\n \r\n")
    assert parse(content(classic)).summary == parse(GOOD).summary


def test_a_smaller_heading_within_a_part_stays_text() -> None:
    document = parse(changed("<p>The study was small.</p>", "<h3>Size</h3><p>The study was small.</p>"))
    assert document.summary.considerations == ("Size", "The study was small.")
    assert codes(document) == [base.W_SUBHEADING]


def test_what_stands_elsewhere_is_quoted_and_not_lost() -> None:
    text = changed("<h2>Key", "<h1>Walks &amp; MS</h1><p>A lead.</p><h2>Key")
    text = changed("small.</p>", "small.</p><h2>You May Also Like</h2><p>Another</p><h3>More</h3>", text)
    document = parse(text)
    assert document.summary == parse(GOOD).summary
    assert codes(document) == [base.W_STRAY_TEXT] * 2
    assert "'A lead.'" in document.warnings[0].message
    assert "'Another More'" in document.warnings[1].message


def test_ratings_stand_above_or_in_custom_fields() -> None:
    text = changed("<wp:meta_value>4/5<", "<wp:meta_value><", changed("<h2>Key", "<p>Interest: 3.5</p><h2>Key"))
    summary = parse(text).summary
    assert (summary.credibility, summary.interest) == (None, Rating(value=3.5))
    both = parse(changed("<h2>Key", "<p>Credibility: 1/5</p><h2>Key"))
    assert (both.summary.credibility, codes(both)) == (Rating(value=4), [base.W_STRAY_TEXT])
    odd = parse(changed("4/5", "High"))
    assert (odd.summary.credibility, codes(odd)) == (None, [base.W_RATING])


def test_custom_fields_carry_facts() -> None:
    fields = {"status": "retracted", "notice": "Data were wrong.", "pmid": "7", "journal": "Example journal"}
    meta = "".join(
        f"<wp:postmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value>{value}</wp:meta_value></wp:postmeta>"
        for key, value in fields.items()
    )
    document = parse(changed("<wp:comment>", f"{meta}<wp:comment>"))
    assert (document.facts.status, document.facts.notice) == (Status.RETRACTED, "Data were wrong.")
    assert (document.facts.pmid, document.summary.journal) == ("7", "Example journal")
    assert refused(changed("10.5555/walk.1", "https://example.org/")).code == base.E_FIELD


def test_without_terms_there_are_no_topics() -> None:
    document = parse(GOOD.replace('domain="category"', 'domain="x"').replace('domain="post_tag"', 'domain="x"'))
    assert (document.summary.topics, codes(document)) == ((), [base.W_NO_TOPICS])


@pytest.mark.parametrize(
    "frame",
    [
        '[caption id="a" width="3"]<img src="https://example.org/a.png" />The study was small.[/caption]',
        'The study was small.[gallery ids="1,2"]',
        "<p>The study was small. [embed]</p>[/embed]",
    ],
)
def test_frames_go_and_their_text_stays(frame: str) -> None:
    document = parse(changed("<p>The study was small.</p>", frame))
    assert document.summary.considerations == ("The study was small.",)
    assert codes(document) == [base.W_SHORTCODE]


@pytest.mark.parametrize("text", ['[box title="x"]Small.[/box]', "Small.[/box]", "[chart id=3] Small."])
def test_an_unknown_shortcode_stays_and_is_told(text: str) -> None:
    document = parse(changed("The study was small.", text))
    assert document.summary.considerations == (text,)
    assert codes(document) == [base.W_SHORTCODE]


@pytest.mark.parametrize("text", ["Small [95% CI 1.2-1.4].", "Small [1].", "Small [sic], [see below].", "{{ x }} =1+1"])
def test_brackets_of_the_text_are_no_shortcodes(text: str) -> None:
    document = parse(changed("The study was small.", text))
    assert (document.summary.considerations, codes(document)) == ((text,), [])


def test_scripts_and_comments_are_not_text() -> None:
    html = "<script>alert(1)</script><style>p{}</style><!-- note -->"
    assert parse(changed("<p>The study", f"{html}<p>The study")).summary == parse(GOOD).summary


@given(st.text(max_size=60), st.integers(0, len(GOOD)))
def test_any_bytes_make_a_document_or_a_refusal(text: str, place: int) -> None:
    data = (GOOD[:place] + text + GOOD[place:]).encode("utf-8", "surrogatepass")
    with contextlib.suppress(DocumentError):
        for found in split(data):
            assert WordPress().parse(found).summary.considerations


def test_a_name_space_that_is_no_address_costs_the_post_and_not_the_file() -> None:
    bad = ITEM.replace("<item>", '<item><x:a xmlns:x="nowhere"/>', 1)
    first, second = split(export(bad, ITEM))
    assert first.error is not None
    assert first.error.code == base.E_NOT_XML
    assert second.error is None
