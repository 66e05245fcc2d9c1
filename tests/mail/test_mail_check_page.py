"""The gate on the HTML part: each rule finds its fault in a page that is otherwise good, and no other rule does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from mail.check_letters import BASE, DIGEST, EXPECTED, HTML, NAPS, TEXT, TOKEN, WAY_OUT, codes, message

from newsletter.mail.check.expected import Expected
from newsletter.mail.check.message import check_message
from newsletter.model import Article, Facts

P = '<p style="margin:0 0 16px; font-size:19px; line-height:1.6">'
REASON = f"{P}You get this email because"
IMG = 'src="data:image/png;base64,AA" alt="A chart that rises" width="300" height="200"'
PAGE_LINK = f'<a href="{BASE}/digests/caregiver-weekly/2026-W46/" style="'


def with_style(style: str) -> tuple[str, str]:
    """A paragraph of ours, styled so."""
    return REASON, REASON.replace("line-height:1.6", f"line-height:1.6; {style}")


HTML_FAULTS = [
    ("M-DOCTYPE", "<!DOCTYPE html>", "<!doctype html>"),
    ("M-DOCTYPE", "<!DOCTYPE html>", "<!--x--><!DOCTYPE html>"),
    ("M-HTML-LANGUAGE", '<html lang="en" dir="ltr">', '<html lang="en">'),
    ("M-HTML-LANGUAGE", '<div class="ground" lang="en" dir="ltr"', '<div class="ground" lang="en"'),
    ("M-HTML-LANGUAGE", '<div class="ground" lang="en" dir="ltr"', '<div class="ground"'),
    ("M-HTML-LANGUAGE", "</body>", f"{P}A last word.</p></body>"),
    ("M-TITLE", "<title>1 retraction and 2 new summaries, 9 to 15 November 2026</title>", "<title> </title>"),
    ("M-TITLE", "<title>1 retraction and 2 new summaries, 9 to 15 November 2026</title>", ""),
    ("M-META", '<meta charset="utf-8">', ""),
    ("M-META", '<meta name="viewport" content="width=device-width, initial-scale=1">', ""),
    ("M-META", '<meta name="format-detection"', '<meta name="format"'),
    ("M-META", '<meta name="x-apple-disable-message-reformatting">', ""),
    ("M-META", '<meta name="color-scheme" content="light dark">', '<meta name="color-scheme" content="light">'),
    ("M-META", '<meta name="supported-color-schemes" content="light dark">', ""),
    ("M-ZOOM", "initial-scale=1", "initial-scale=1, user-scalable=no"),
    ("M-ZOOM", "initial-scale=1", "initial-scale=1, maximum-scale=1"),
    ("M-TABLE", '<table role="presentation" width="100%"', '<table width="100%"'),
    ("M-TABLE", '<table role="presentation" width="600"', '<table width="600"'),
    ("M-TABLE", "<tr><td style=", "<tr><th></th></tr><tr><td style="),
    ("M-HEADINGS", '<h1 style="margin:0; font-size:34px; line-height:1.25">Caregiver Weekly</h1>', f"{P}Caregiver Weekly</p>"),
    ("M-HEADINGS", f"{P}9 to 15", f"<h1>More</h1>{P}9 to 15"),
    ("M-HEADINGS", f"{P}9 to 15", f'<h2 style="line-height:1.3"></h2>{P}9 to 15'),
    ("M-IMAGE", REASON, f"<img {IMG.replace('alt=', 'title=')}>{REASON}"),
    ("M-IMAGE", REASON, f"<img {IMG.replace('A chart that rises', 'IMG_2034.png')}>{REASON}"),
    ("M-IMAGE", REASON, f"<img {IMG.replace('width=', 'title=')}>{REASON}"),
    ("M-PIXEL", REASON, f"<img {IMG.replace('300', '1').replace('200', '1')}>{REASON}"),
    ("M-PIXEL", REASON, f'<img {IMG} style="display:none">{REASON}'),
    ("M-PIXEL", REASON, f'<img {IMG} style="height:0">{REASON}'),
    ("M-REMOTE", REASON, f"<img {IMG.replace('data:image/png;base64,AA', BASE + '/chart.png')}>{REASON}"),
    ("M-REMOTE", "<title>", f'<link rel="stylesheet" href="{BASE}/style.css"><title>'),
    ("M-REMOTE", "<style>", "<style>@import 'https://fonts.example.com/a.css';"),
    ("M-REMOTE", '<td style="font-size', '<td background="back.png" style="font-size'),
    ("M-REMOTE", "<tr><td><![endif]-->", '<v:fill src="https://a.example.com/b.png"/><tr><td><![endif]-->'),
    ("M-REMOTE", *with_style("list-style:url(https://a.example.com/dot.png)")),
    ("M-LINK-WORDS", ">Read this digest on the web<", ">Read more<"),
    ("M-LINK-WORDS", ">Read this digest on the web<", ">Click here!<"),
    ("M-LINK-WORDS", ">Read this digest on the web<", ">hier klicken<"),
    ("M-LINK-WORDS", ">Read this digest on the web<", "><"),
    ("M-LINK-TARGET", ">Read this digest on the web<", ">The study behind Short Naps After Lunch<"),
    ("M-UNDERLINE", "text-decoration:underline; display", "text-decoration:none; display"),
    ("M-UNDERLINE", "text-decoration:underline; display", "display"),
    ("M-ACTIVE", REASON, f"<script>1</script>{REASON}"),
    ("M-ACTIVE", REASON, f"<form></form>{REASON}"),
    ("M-ACTIVE", REASON, f"<iframe></iframe>{REASON}"),
    ("M-ACTIVE", REASON, REASON.replace("<p ", '<p onclick="1" ')),
    ("M-ACTIVE", "<title>", '<meta http-equiv="refresh" content="1"><title>'),
    ("M-STYLE-SIZE", "</style>", "p { margin: 0; }\n" * 1000 + "</style>"),
    ("M-STYLE-NESTED", "h1 { font-size: 29px !important; }", "@media screen { h1 { margin: 0; } }"),
    ("M-STYLE", "</style>", "p { margin }</style>"),
    ("M-STYLE", "</style>", "p { margin: 0; </style>"),
    ("M-STYLE", "</style>", "} p { margin: 0; }</style>"),
    ("M-STYLE", "</style>", "p:nth-child(2) { margin: 0; }</style>"),
    ("M-STYLE", "</style>", "@supports (gap: 1px) { p { margin: 0; } }</style>"),
    ("M-STYLE", *with_style("margin 0")),
    ("M-CONDITIONAL", REASON, f"<![if !mso]>{REASON}"),
    ("M-OUTLOOK", "<o:PixelsPerInch>96</o:PixelsPerInch>", ""),
    ("M-OUTLOOK", '<!--[if mso]><table role="presentation" width="600"><tr><td><![endif]-->', ""),
    ("M-OUTLOOK", "<tr><td><![endif]-->", f'<tr><td><a href="{BASE}/other/">Other</a><![endif]-->'),
    ("M-OUTLOOK", *with_style("display:flex")),
    ("M-OUTLOOK", *with_style("padding:1rem")),
    ("M-PREHEADER", '<div aria-hidden="true" style="display:none; mso-hide:all">', '<div style="display:none; mso-hide:all">'),
    ("M-PREHEADER", "display:none; mso-hide:all", "display:none"),
    ("M-PREHEADER", "taken this study back.</div>", f"taken this study back.{'&#847;&zwnj;&nbsp;' * 20}</div>"),
    ("M-PREHEADER-LENGTH", "Retracted: Morning Light and Mood. The journal has", "It has"),
    ("M-PREHEADER-LENGTH", "taken this study back.</div>", f"taken this study back. {'And so on. ' * 8}</div>"),
    ("M-HIDDEN", REASON, f'<div style="display:none">Not seen.</div>{REASON}'),
    ("M-DARK", ":root { color-scheme: light dark; }", ""),
    ("M-DARK", "#1f2a2d !important; color: #e8e6e1 !important", "#eef3f2; color: #1c2426"),
    ("M-COLOUR-PAIR", REASON, REASON.replace('<p style="', '<p class="ground" style="color:#1c2426; ')),
    ("M-COLOUR-PAIR", REASON, REASON.replace('<p style="', '<p class="ground" style="background-color:#fdfcf9; ')),
    ("M-COLOUR-PAIR", ".caveat { background-color: #1f2a2d !important; color: #e8e6e1 !important; }", ".caveat { background-color: #eef3f2 !important; }"),
    ("M-COLOUR", *with_style("color:oklch(0.2 0 0); background-color:#fdfcf9")),
    ("M-COLOUR", *with_style("color:#1c2426; background-color:var(--ground)")),
    ("M-COLOUR", *with_style("color:transparent; background-color:transparent")),
    ("M-COLOUR", *with_style("opacity:0.9")),
    ("M-COLOUR", *with_style("background-image:linear-gradient(#fff, #eee)")),
    ("M-CONTRAST", *with_style("color:#6b7280; background-color:#fdfcf9")),
    ("M-CONTRAST", "color: #8fd3dd !important; }\n}", "color: #0b4f5c !important; }\n}"),
    ("M-CONTRAST", "[data-ogsc] a { color: #8fd3dd !important; }", ""),
    ("M-CONTRAST", '<td style="font-size', '<td bgcolor="#999999" style="font-size'),
    ("M-SIZE", "</body>", f"<!--{'x' * 70000}--></body>"),
    ("M-SIZE-LIMIT", "</body>", f"<!--{'x' * 90000}--></body>"),
    ("M-TARGET", "display:inline-block; padding:8px 0", "display:inline-block; padding:4px 0"),
    ("M-TARGET", "; display:inline-block; padding:8px 0", ""),
    ("M-FONT-SIZE", *with_style("font-size:1.2em")),
    ("M-SMALL", *with_style("font-size:15px")),
    ("M-SMALL", "h1 { font-size: 29px !important; }", "p { font-size: 14px !important; }"),
    ("M-LINE-HEIGHT", *with_style("line-height:1.4")),
    ("M-LINE-HEIGHT", *with_style("line-height:24px")),
    ("M-LINE-HEIGHT", "font-size:34px; line-height:1.25", "font-size:34px; line-height:1.1"),
    ("M-JUSTIFIED", REASON, REASON.replace("<p ", '<p align="justify" ')),
    ("M-JUSTIFIED", *with_style("text-align:justify")),
    ("M-ITALIC", *with_style("font-style:italic")),
    ("M-ITALIC", "This digest explains research in plain words.", "<em>This digest explains research in plain words.</em>"),
    ("M-CAPITALS", *with_style("text-transform:uppercase")),
    ("M-CAPITALS", "For caregivers", "FOR CAREGIVERS AND FAMILIES"),
    ("M-MOTION", *with_style("animation:pulse 1s")),
    ("M-MOTION", REASON, f"<img {IMG.replace('data:image/png;base64,AA', 'cid:chart.gif')}>{REASON}"),
    ("M-MOTION", "</style>", "@keyframes pulse { from { margin: 0; } }</style>"),
    ("M-MOTION", REASON, f"<marquee></marquee>{REASON}"),
    ("M-REFLOW", '<table role="presentation" width="100%"', '<table role="presentation" width="600"'),
    ("M-REFLOW", *with_style("min-width:400px")),
    ("M-REFLOW", *with_style("width:600px")),
    ("M-REFLOW", *with_style("white-space:nowrap")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "old", "new"), HTML_FAULTS)
def test_each_fault_of_the_page_is_found(code: str, old: str, new: str) -> None:
    assert old in HTML
    assert codes(message(HTML.replace(old, new, 1))) == {code}


def test_a_column_holds_lines_together() -> None:
    assert codes(message(HTML.replace("max-width:600px", "max-width:900px"))) == {"M-MEASURE"}
    assert codes(message(HTML.replace("max-width:600px", "margin:0 auto"))) == {"M-MEASURE"}


def test_without_the_digest_most_of_the_text_has_to_be_large() -> None:
    page = HTML.replace("font-size:19px", "font-size:17px").replace("padding:8px 0", "padding:10px 0")
    assert codes(message(page), None) == {"M-FONT-SIZE"}


def test_a_long_word_must_be_allowed_to_break() -> None:
    page = HTML.replace("walking along.", "walking along at the Elektroenzephalographiezentrum.")
    text = TEXT.replace("walking along.", "walking along at the\nElektroenzephalographiezentrum.")
    assert codes(message(page, text)) == set()
    assert codes(message(page.replace("; word-break:break-word", ""), text)) == {"M-REFLOW"}


def test_a_skipped_level_of_headings_is_found() -> None:
    assert codes(message(re.sub(r"(</?)h3", r"\1h4", HTML))) == {"M-HEADINGS"}


def test_small_text_throughout_is_found() -> None:
    assert codes(message(HTML.replace("font-size:19px", "font-size:17px"))) == {"M-FONT-SIZE", "M-TARGET"}


@pytest.mark.parametrize(
    "style",
    [
        "padding:10px 0 6px",
        "padding-top:8px; padding-bottom:8px",
        "padding:0; min-height:44px",
        "padding:0; line-height:46px",
    ],
)
def test_the_height_of_a_link_is_computed(style: str) -> None:
    page = HTML.replace("padding:8px 0", style)
    assert codes(message(page)) == set()
    assert codes(message(page.replace("10px", "2px").replace("8px;", "2px;").replace("44px", "30px").replace("46px", "30px"))) == {"M-TARGET"}  # fmt: skip


def test_a_link_within_a_sentence_needs_no_height() -> None:
    link = f'<a href="{BASE}/about/" style="color:#0b4f5c; background-color:#fdfcf9; text-decoration:underline">who we are</a>'
    page = HTML.replace("This digest explains research in plain words.", f"See {link}.")
    text = TEXT.replace("This digest explains research in plain words.", f"See who we are:\n{BASE}/about/\n")
    assert codes(message(page, text)) == set()


def test_a_colour_that_inverts_badly_is_told_and_may_go() -> None:
    """7:1 in light, less than 4.5:1 when a program turns all colours round."""
    page = HTML.replace(
        REASON, REASON.replace("line-height:1.6", "line-height:1.6; color:#000000; background-color:#ff6666")
    )
    assert codes(message(page)) == {"M-INVERTED"}


def test_contrast_is_told_with_its_number_its_colours_and_where() -> None:
    page = HTML.replace(*with_style("color:#777777; background-color:#ffffff"))
    told = {each.place: each.message for each in check_message(message(page), expected=EXPECTED)}
    assert set(told) == {"light", "dark", "Outlook's dark mode", "light without style blocks"}
    assert told["light"].startswith(
        '#777777 on #ffffff of "You get this email because you asked for Caregiver Weekly." has 4.48:1'
    )


def test_a_rule_with_important_wins_over_an_inline_style_and_one_without_does_not() -> None:
    dark = "  .caveat { background-color: #1f2a2d !important; color: #e8e6e1 !important; }"
    assert codes(message(HTML.replace(dark, dark.replace(" !important", "")))) == {"M-DARK"}
    assert codes(message(HTML.replace(dark, ""))) == set(), "a light box on a dark page can be read too"


# -- links ------------------------------------------------------------------------------------------------------------

LINK_FAULTS = [
    (
        "M-TRACKING",
        f"{BASE}/digests/caregiver-weekly/2026-W46/",
        f"{BASE}/digests/caregiver-weekly/2026-W46/?utm_source=a",
    ),
    ("M-TRACKING", f"{BASE}/digests/caregiver-weekly/2026-W46/", f"{BASE}/digests/caregiver-weekly/2026-W46/?mc_eid=a"),
    ("M-TRACKING", f"{BASE}/digests/caregiver-weekly/2026-W46/", f"{BASE}/click/8127"),
    ("M-TRACKING", f"{BASE}/digests/caregiver-weekly/2026-W46/", f"{BASE}/go?to=https%3A%2F%2Fnews.example.org%2Fa"),
    ("M-TOKEN", f"{BASE}/digests/caregiver-weekly/2026-W46/", f"{BASE}/digests/caregiver-weekly/2026-W46/?r={TOKEN}"),
    ("M-HOST", f"{BASE}/digests/caregiver-weekly/2026-W46/", "https://elsewhere.example.com/2026-W46/"),
    ("M-HOST", f"{BASE}/digests/caregiver-weekly/2026-W46/", "ftp://news.example.org/2026-W46/"),
]


@pytest.mark.parametrize(("code", "old", "new"), LINK_FAULTS)
def test_each_fault_of_a_link_is_found(code: str, old: str, new: str) -> None:
    text = TEXT.replace(old, new)
    told = codes(message(HTML.replace(old, new.replace("&", "&amp;")), text))
    assert told == {code}


def test_a_link_that_is_no_address_is_found() -> None:
    page = HTML.replace(f"{BASE}/digests/caregiver-weekly/2026-W46/", "https://[::1/")
    assert {"M-HOST", "M-TEXT-LINKS"} <= codes(message(page))


def test_a_link_that_runs_code_is_found() -> None:
    page = HTML.replace(f"{BASE}/digests/caregiver-weekly/2026-W46/", "javascript:alert(1)")
    assert {"M-ACTIVE", "M-HOST"} <= codes(message(page))


def test_a_study_that_is_tracked_by_its_source_is_told_and_may_go() -> None:
    tracked = "https://journal.example.com/naps?utm_source=rss"
    article = replace(NAPS, facts=Facts(source_url=tracked))
    items = (DIGEST.items[0], replace(DIGEST.items[1], article=article))
    digest = replace(
        DIGEST,
        days=(replace(DIGEST.days[0], items=items),),
        placed=(DIGEST.placed[0], replace(DIGEST.placed[1], article=article)),
    )
    page, text = (part.replace("https://journal.example.com/naps", tracked) for part in (HTML, TEXT))
    assert codes(message(page, text), replace(EXPECTED, digest=digest)) == {"M-SOURCE-LINK"}


def test_the_archive_of_dois_is_a_study_too() -> None:
    page, text = (
        part.replace("https://journal.example.com/naps", "https://doi.org/10.1000/1") for part in (HTML, TEXT)
    )
    assert codes(message(page, text)) == set()


def test_a_host_that_the_operator_wrote_down_is_the_operators_own() -> None:
    page = HTML.replace("mailto:editors@example.org", "https://contact.example.com/form")
    text = TEXT.replace("us:\neditors@example.org", "us:\nhttps://contact.example.com/form")
    assert codes(message(page, text)) == {"M-HOST"}
    site = replace(EXPECTED.site, contact="https://contact.example.com/form")
    assert codes(message(page, text), replace(EXPECTED, site=site)) == set()


# -- what is its source's -----------------------------------------------------------------------------------------------


def retitled(title: str, article: Article) -> tuple[str, str, Expected]:
    """The specimen with another title of one of its articles."""
    named = replace(article, summary=replace(article.summary, title=title))
    items = tuple(replace(item, article=named) if item.article == article else item for item in DIGEST.items)
    placed = tuple(replace(each, article=named) if each.article == article else each for each in DIGEST.placed)
    digest = replace(DIGEST, days=(replace(DIGEST.days[0], items=items),), placed=placed)
    page, text = (part.replace(article.title, title) for part in (HTML, TEXT))
    return page, text, replace(EXPECTED, digest=digest)


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("SHORT NAPS AFTER EVERY LUNCH", "M-SOURCE-CAPITALS"),
        ("Short Walks and Tiredness in MS", "M-SAME-TITLE"),
    ],
)
def test_a_title_is_its_sources_and_may_go(title: str, code: str) -> None:
    page, text, expected = retitled(title, NAPS)
    told = check_message(message(page, text), expected=expected)
    assert {(each.code, each.severity.value) for each in told} == {(code, "warning")}


def test_a_title_may_be_any_words() -> None:
    page, text, expected = retitled("Read more", NAPS)
    assert codes(message(page, text), expected) == set()


def test_what_people_came_to_read_is_large_and_small_print_may_be_smaller() -> None:
    caveat = '<p class="caveat" style="margin:0 0 16px; font-size:19px'
    assert codes(message(HTML.replace(caveat, caveat.replace("19px", "18px")))) == {"M-FONT-SIZE"}
    assert codes(message(HTML.replace(REASON, REASON.replace("19px", "16px")))) == set()


# -- the first words --------------------------------------------------------------------------------------------------


def test_a_digest_that_begins_with_anything_else_is_found() -> None:
    opening = f"{P}The journal has taken this study back. Do not rely on what it found.</p>\n"
    assert opening in HTML
    assert codes(message(HTML.replace(opening, f"{P}{'Words about nothing. ' * 12}</p>", 1))) == {"M-OPENING"}


def test_the_token_is_in_no_link_but_the_way_out() -> None:
    """What the specimen itself promises."""
    found = {link for link in re.findall(r'href="([^"]*)"', HTML) if TOKEN in link}
    assert found == {WAY_OUT, f"{WAY_OUT}#change"}
