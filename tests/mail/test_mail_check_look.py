"""How the gate reads CSS and computes colours and sizes: by examples of the specifications, and against a real browser."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail.check_letters import HTML
from pages.browsing import CHROMIUM, FLAGS
from playwright.sync_api import sync_playwright

from newsletter.mail.check.css import declarations, media_holds, read_sheet, unread_declarations
from newsletter.mail.check.look import (
    BARE,
    BARE_DARK,
    DARK,
    LIGHT,
    NARROW,
    OUTLOOK_DARK,
    Colour,
    Look,
    colour_of,
    contrast,
    hex_of,
    pixels,
    styles,
)
from newsletter.mail.check.page import read_page

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        (WHITE, BLACK, 21.0),
        (WHITE, WHITE, 1.0),
        ((0x76, 0x76, 0x76), WHITE, 4.54),  # the palest grey that passes AA on white
        ((0x59, 0x59, 0x59), WHITE, 7.0),  # and AAA
        ((0xFF, 0, 0), WHITE, 4.0),
        ((0, 0, 0xFF), WHITE, 8.59),
    ],
)
def test_contrast_is_that_of_wcag(one: Colour, other: Colour, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#fff", WHITE),
        ("#FFFFFF", WHITE),
        ("rgb(0, 0, 0)", BLACK),
        (" White ", WHITE),
        ("#ffff", None),
        ("rgba(0,0,0,.5)", None),
        ("hsl(0 0% 0%)", None),
        ("rebeccapurple", None),
        ("", None),
    ],
)
def test_colours_are_read_in_the_forms_that_all_programs_know(text: str, colour: Colour | None) -> None:
    assert colour_of(text) == colour


@pytest.mark.parametrize(
    ("text", "size"),
    [("19px", 19), ("1.5em", 30), ("2rem", 32), ("150%", 30), ("12pt", 16), ("0", 0), ("1.5", None), ("large", None)],
)
def test_lengths_become_pixels(text: str, size: float | None) -> None:
    assert pixels(text, 20) == size


def test_declarations_are_cut_at_semicolons_outside_quotes() -> None:
    told = declarations("font-family:'A;B', \"C;D\"; color : #FFF!important;; background: url(a;b)")
    assert [tuple(each) for each in told] == [
        ("font-family", "'A;B', \"C;D\"", False),
        ("color", "#FFF", True),
        ("background", "url(a;b)", False),
    ]
    assert unread_declarations("color; margin: 0; : 1") == ("color", ": 1")


@pytest.mark.parametrize(
    ("media", "dark", "narrow", "holds"),
    [
        (None, False, False, True),
        ("(prefers-color-scheme: dark)", True, False, True),
        ("(prefers-color-scheme: dark)", False, False, False),
        ("screen and (max-width:480px)", False, True, True),
        ("screen and (max-width: 480px)", False, False, False),
        ("(min-width: 481px)", False, False, True),
        ("print", False, False, False),
        ("print, (prefers-color-scheme: dark)", True, False, True),
        ("(max-width: 480px) and (prefers-color-scheme: dark)", True, False, False),
        ("(hover: hover)", True, True, False),
    ],
)
def test_media_queries(media: str | None, dark: bool, narrow: bool, holds: bool) -> None:
    assert media_holds(media, dark=dark, narrow=narrow) is holds


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("p", True),
        ("div", False),
        (".b", True),
        ("p.a.b", True),
        ("#i", True),
        ("*", True),
        ("[lang]", True),
        ('p[lang="en"]', True),
        ("p[lang=de]", False),
        ('p[class~="a"]', True),
        ("p[lang^=e]", True),
        ("div p", True),
        ("div > p", False),
        ("section > p", True),
        ("div > section > p", True),
        ("div > p > p", False),
        ("table p", False),
        (":root p", True),
        ("div, .b", True),
    ],
)
def test_selectors(selector: str, matches: bool) -> None:
    page = read_page('<div><section><p id="i" class="a b" lang="en">x</p></section></div>')
    (paragraph,) = page.tagged("p")
    (rule,) = read_sheet(f"{selector} {{ margin: 0 }}").rules
    assert any(each.matches(paragraph) for each in rule.selectors) is matches


def test_what_cannot_be_read_is_told() -> None:
    sheet = read_sheet("p:hover { a: b } q { c } @media screen { @media print { r { a: b } } s:x { a: b } } ;")
    assert sheet.unread == ("p:hover", "c", "s:x", ";")
    assert sheet.nested == ("@media print",)
    assert sheet.at_rules == ("@media",)


def look_of(html: str, look: Look, words: str) -> tuple[str, str, float, float]:
    page = read_page(html)
    computed = styles(page, look)
    style = next(computed[text.parent] for text in page.texts if words in text.text)
    assert style.colour
    assert style.ground
    return hex_of(style.colour), hex_of(style.ground), round(style.size, 2), round(style.line_factor * style.size, 2)


def test_styles_and_sheets_win_in_the_order_of_css() -> None:
    html = """<html><head><style>
      p.a { color: #111111 } p { color: #222222 !important } .a { color: #333333; font-size: 20px; line-height: 2 }
      @media (prefers-color-scheme: dark) { p { color: #eeeeee !important; background: #101010 !important } }
      @media (max-width: 480px) { .a { font-size: 17px !important } }
    </style></head><body style="background:#fafafa"><p class="a" style="color:#444444">words</p></body></html>"""
    assert look_of(html, LIGHT, "words") == ("#222222", "#fafafa", 20, 40)
    assert look_of(html, DARK, "words") == ("#eeeeee", "#101010", 20, 40)
    assert look_of(html, NARROW, "words") == ("#222222", "#fafafa", 17, 34)
    assert look_of(html, BARE, "words") == ("#000000", "#ffffff", 16, 19.2)
    assert look_of(html, BARE_DARK, "words") == ("#ffffff", "#121212", 16, 19.2)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<body text="#111111" bgcolor="#eeeeee"><p>words</p>', ("#111111", "#eeeeee", 16, 19.2)),
        ('<td bgcolor="#eeeeee"><font color="#222222">words</font></td>', ("#222222", "#ffffff", 16, 19.2)),
        ('<div bgcolor="#eeeeee"><font color="#222222">words</font></div>', ("#222222", "#eeeeee", 16, 19.2)),
        ('<p style="font:italic bold 20px/1.5 Arial">words</p>', ("#000000", "#ffffff", 20, 30)),
        ('<p style="font:20px Arial">words</p>', ("#000000", "#ffffff", 20, 24)),
        ('<p style="font:italic">words</p>', ("#000000", "#ffffff", 16, 19.2)),
        (
            '<p style="font-size:20px; line-height:30px"><b style="font-size:10px">words</b></p>',
            ("#000000", "#ffffff", 10, 30),
        ),
        ('<p style="color:#333333"><a style="color:inherit">words</a></p>', ("#333333", "#ffffff", 16, 19.2)),
        (
            '<p style="background:#eeeeee"><a href="x" style="background:none">words</a></p>',
            ("#0000ee", "#eeeeee", 16, 19.2),
        ),
        ("<h2>words</h2>", ("#000000", "#ffffff", 24, 28.8)),
        ('<p style="line-height:150%"><small>words</small></p>', ("#000000", "#ffffff", 13.28, 24)),
    ],
)
def test_older_ways_and_shorthands_are_known(body: str, told: tuple[str, str, float, float]) -> None:
    assert look_of(body, LIGHT, "words") == told


def test_attributes_stay_where_styles_are_stripped() -> None:
    page = '<p bgcolor="#eeeeee" style="color:#111111">words</p>'
    assert look_of(page, BARE, "words")[:2] == ("#000000", "#eeeeee")
    assert look_of(page, BARE_DARK, "words")[:2] == ("#ffffff", "#eeeeee")


def test_outlooks_marks_are_on_the_root() -> None:
    html = """<html><head><style>[data-ogsc] p { color: #eeeeee !important } [data-ogsb] p { background: #101010 !important }
    </style></head><body><p>words</p></body></html>"""
    assert look_of(html, OUTLOOK_DARK, "words")[:2] == ("#eeeeee", "#101010")
    assert look_of(html, LIGHT, "words")[:2] == ("#000000", "#ffffff")


# -- beside a real browser --------------------------------------------------------------------------------------------

_COMPUTED = """() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, style = getComputedStyle(text.parentElement);
    if (!text.data.trim() || !text.parentElement.checkVisibility()) continue;
    let box = text.parentElement, ground = "rgba(0, 0, 0, 0)";
    while (box && ground === "rgba(0, 0, 0, 0)") { ground = getComputedStyle(box).backgroundColor; box = box.parentElement; }
    found.push([text.data.trim(), style.color, ground, parseFloat(style.fontSize), parseFloat(style.lineHeight)]);
  }
  return found;
}"""


def computed_here(html: str, look: Look) -> list[list[object]]:
    page = read_page(html)
    computed = styles(page, look)
    told: list[list[object]] = []
    for text in page.texts:
        style = computed[text.parent]
        assert style.colour
        assert style.ground
        sizes = [round(style.size, 2), round(style.size * style.line_factor, 1)]
        told.append(
            [
                text.text.strip(),
                "rgb({}, {}, {})".format(*style.colour),
                "rgb({}, {}, {})".format(*style.ground),
                *sizes,
            ]
        )
    return told


@pytest.mark.parametrize("look", [LIGHT, DARK, NARROW], ids=lambda look: look.name)
def test_chromium_computes_the_same_colours_and_sizes(look: Look) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(
            color_scheme="dark" if look.dark else "light",
            viewport={"width": 320 if look.narrow else 800, "height": 600},
        )
        page.set_content(HTML)
        told = [[*words, round(size, 2), round(line, 1)] for *words, size, line in page.evaluate(_COMPUTED)]
        browser.close()
    assert len(told) > 30
    assert computed_here(HTML, look) == told


# -- no input makes it fail -------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab{}@;:!\"'().#[]=~ >,/*%-\n0", max_size=60))
def test_no_style_sheet_makes_it_fail(text: str) -> None:
    read_sheet(text)
    styles(read_page(f"<p style='{text}'>x</p><style>{text}</style>"), DARK)
