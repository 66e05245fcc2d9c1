"""The HTML part as tired eyes meet it. Colours and sizes are computed from the inlined page, not read from the sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import lxml.html
import pytest
from letters import full_digest, make_addressee, make_digest, make_item, make_mailing, make_message
from wire import Links, read

from newsletter.model import Audience

PAGES = {audience.value: read(make_message(make_mailing(full_digest(audience))).data).html for audience in Audience}
PAGE = PAGES["clinician"]
INHERITED = {"color", "font-size", "line-height"}
Style = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A piece of text and the style that it is shown in."""

    tag: str
    text: str
    style: Style


def declarations(text: str) -> Style:
    pairs = (part.split(":", 1) for part in text.split(";") if ":" in part)
    return {name.strip(): value.replace("!important", "").strip() for name, value in pairs}


def dark_rules(page: str) -> list[tuple[str, Style]]:
    block = re.search(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}", page, re.DOTALL)
    assert block
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", block[1])
    assert all("!important" in part for _, body in rules for part in body.split(";") if part.strip())
    return [(selector.strip(), declarations(body)) for selectors, body in rules for selector in selectors.split(",")]


def shown(page: str, *, dark: bool = False) -> Iterator[Seen]:
    """Every visible piece of text with its computed style: inheritance, inline styles, and dark rules where asked."""
    root = lxml.html.document_fromstring(page)
    over: dict[object, Style] = {}
    for selector, style in dark_rules(page) if dark else []:
        for element in root.cssselect(selector):
            over[element] = {**over.get(element, {}), **style}
    default = {"color": "#000000", "background-color": "#ffffff", "font-size": "16px", "line-height": "1.2"}
    yield from _walk(root.find("body"), default, over)


def _walk(element: lxml.html.HtmlElement, outer: Style, over: dict[object, Style]) -> Iterator[Seen]:
    if not isinstance(element.tag, str):
        return
    own = {**declarations(element.get("style") or ""), **over.get(element, {})}
    if own.get("display") == "none":
        return
    style = {**outer, **own}  # a background shows through from the box outside, as an inherited value would
    for text in (element.text, *(child.tail for child in element)):
        if text and text.strip():
            yield Seen(tag=element.tag, text=text.strip(), style=style)
    for child in element:
        yield from _walk(child, style, over)


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(style: Style) -> float:
    """WCAG 2.2, 1.4.6."""
    light, dark = sorted((luminance(style["color"]), luminance(style["background-color"])), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def pixels(style: Style) -> float:
    return float(style["font-size"].removesuffix("px"))


@pytest.mark.parametrize("audience", list(PAGES))
@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_a_contrast_of_7_to_1_in_light_and_dark(audience: str, *, dark: bool) -> None:
    pieces = list(shown(PAGES[audience], dark=dark))
    assert len(pieces) > 50
    assert min(contrast(piece.style) for piece in pieces) >= 7


def test_dark_is_dark() -> None:
    assert {piece.style["background-color"] for piece in shown(PAGE, dark=True)}.isdisjoint(
        {piece.style["background-color"] for piece in shown(PAGE)}
    )


def test_without_any_style_the_reader_sees_their_own_colours() -> None:
    """Colour comes from style alone; no attribute is left to fight with a reader's own."""
    assert not re.search(r"\s(bgcolor|color|text|link|background)=", PAGE)


def test_every_colour_of_text_stands_with_its_own_ground() -> None:
    for element in lxml.html.document_fromstring(PAGE).iter():
        style = declarations(element.get("style") or "") if isinstance(element.tag, str) else {}
        assert ("color" in style) == ("background-color" in style)


def test_text_is_large_and_its_lines_are_apart() -> None:
    for piece in shown(PAGE):
        assert pixels(piece.style) >= 16
        assert float(piece.style["line-height"]) >= (1.25 if piece.tag in {"h1", "h2", "h3", "a"} else 1.5)
    body = [pixels(piece.style) for piece in shown(PAGE) if piece.tag in {"p", "li"}]
    assert sorted(body)[len(body) // 2] >= 19


def test_links_that_stand_alone_are_tall_enough_to_press() -> None:
    alone = [a for a in lxml.html.document_fromstring(PAGE).iter("a") if "plain" not in a.get("class")]
    assert len(alone) > 10
    styles = {(piece.text, piece.tag): piece.style for piece in shown(PAGE)}
    for link in alone:
        style = styles[link.text.strip(), "a"]
        assert style["display"] == "inline-block"
        padding = float(style["padding"].split()[0].removesuffix("px"))
        assert pixels(style) * float(style["line-height"]) + 2 * padding >= 44


def test_links_are_underlined_and_not_told_by_colour_alone() -> None:
    for link in lxml.html.document_fromstring(PAGE).iter("a"):
        assert declarations(link.get("style"))["text-decoration"] == "underline"


def test_every_table_is_for_layout_only_also_in_outlook() -> None:
    tables = re.findall(r"<table[^>]*>", PAGE)
    assert len(tables) > 5
    assert all('role="presentation"' in table for table in tables)
    assert re.search(r'<!--\[if mso\]><table role="presentation" width="600"', PAGE)


def test_language_and_direction_are_said_outside_and_inside() -> None:
    root = lxml.html.document_fromstring(PAGE)
    wrapper = root.find("body").findall("div")[1]
    for element in (root, wrapper):
        assert (element.get("lang"), element.get("dir")) == ("en", "ltr")


@pytest.mark.parametrize("audience", list(PAGES))
def test_headings_go_down_one_step_at_a_time(audience: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", PAGES[audience])]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


@pytest.mark.parametrize("audience", list(PAGES))
def test_link_words_say_where_they_lead(audience: str) -> None:
    links = Links(PAGES[audience]).links
    targets: dict[str, str] = {}
    for href, words in links:
        assert len(words.split()) >= 1
        assert words.strip().casefold() not in {"read more", "here", "click here", "more", "link"}
        assert targets.setdefault(words, href) == href


def test_nothing_is_loaded_from_anywhere() -> None:
    assert not re.search(r"<(img|link|script|iframe|object|embed|video|audio|form|input|svg)\b", PAGE)
    assert not re.search(r"\ssrc=|url\(|@import|@font-face|utm_", PAGE)


def test_no_link_differs_by_recipient_but_unsubscribing() -> None:
    one = read(make_message().data).html
    other = read(make_message(addressee=make_addressee("other@example.org", token="other.token")).data).html
    differing = {a for (a, _), (b, _) in zip(Links(one).links, Links(other).links, strict=True) if a != b}
    assert len(differing) == 1
    assert "/unsubscribe/" in differing.pop()


def test_dark_rules_survive_inlining_and_stay_small() -> None:
    blocks = re.findall(r"<style>(.*?)</style>", re.sub(r"<!--.*?-->", "", PAGE, flags=re.DOTALL), re.DOTALL)
    assert len(blocks) == 1
    assert len(blocks[0]) <= 16_384
    for part in (
        "prefers-color-scheme: dark",
        "[data-ogsc]",
        "[data-ogsb]",
        "max-width: 480px",
        "color-scheme: light dark",
    ):
        assert part in blocks[0]
    assert not re.search(r"@[^{}]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*@", blocks[0])


def test_the_head_lets_readers_zoom_and_choose_their_colours() -> None:
    for part in (
        '<meta name="color-scheme" content="light dark">',
        '<meta name="supported-color-schemes" content="light dark">',
        '<meta name="x-apple-disable-message-reformatting">',
        '<meta charset="utf-8">',
        "telephone=no",
    ):
        assert part in PAGE
    assert PAGE.startswith("<!DOCTYPE html>")
    assert not re.search(r"user-scalable|maximum-scale", PAGE)
    assert re.search(r"<title>[^<]{10,}</title>", PAGE)


def test_the_preheader_is_short_hidden_and_first() -> None:
    first = lxml.html.document_fromstring(PAGE).find("body")[0]
    style = declarations(first.get("style"))
    assert (style["display"], style["mso-hide"], first.get("aria-hidden")) == ("none", "all", "true")
    assert 20 <= len(first.text_content()) <= 130
    assert not re.search(r"[\u200b-\u200f\u034f\u00ad\u2007]", first.text_content())


def test_it_fits_one_narrow_column() -> None:
    """No fixed width outside Outlook's own comments: at most 600 pixels, and less where there is less."""
    page = re.sub(r"<!--.*?-->", "", PAGE, flags=re.DOTALL)
    assert re.findall(r"max-width:(\d+)px", page.partition("<body")[2]) == ["600"]
    assert set(re.findall(r'\swidth="([^"]*)"', page)) == {"100%"}
    assert not re.search(r"[;\"](?:min-)?width:\s*\d+px|position:|float:|justify", page)
    assert "word-break:break-word" in page


def test_there_is_nothing_that_shouts_or_moves() -> None:
    assert not re.search(r"uppercase|italic|animation|blink|transition|marquee", PAGE)


def test_items_begin_with_their_notice_where_they_have_one() -> None:
    page = PAGES["caregiver"]
    item = page.rindex("Cooling Vests")
    assert page.index("48, not 84") < page.index("Short walks made everyday", item)


def test_an_item_without_anything_extra_still_has_its_caveat() -> None:
    page = read(make_message(make_mailing(make_digest((make_item(advice=()),)))).data).html
    assert page.count("Keep in mind") == 1
    assert "Why this may matter" in page
