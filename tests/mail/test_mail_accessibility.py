"""The HTML part as tired eyes meet it. Colours and sizes are computed from the inlined page, not read from the sheet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import lxml.html
import pytest
from builders import make_article
from letters import (
    CAVEAT,
    full_digest,
    make_addressee,
    make_digest,
    make_item,
    make_mailing,
    make_message,
    make_note,
    page_of,
)
from wire import Links, read

from newsletter.mail.note import NoteKind
from newsletter.model import Audience, Choice, Edition

EDITIONS = [edition for edition in Edition if edition is not Edition.TEXT_ONLY]
MAILINGS = {audience: make_mailing(full_digest(audience), editions=EDITIONS) for audience in Audience}
PAGES = {
    f"{edition} {audience}": page_of(mailing, Choice(edition=edition))
    for audience, mailing in MAILINGS.items()
    for edition in EDITIONS
} | {
    f"{edition} {kind}": page_of(make_note(kind, editions=EDITIONS), Choice(edition=edition))
    for kind in NoteKind
    for edition in EDITIONS
}
DIGESTS = [name for name in PAGES if name.split()[1] in set(Audience)]
PAGE = PAGES["standard clinician"]
INHERITED = {"color", "font-size", "line-height"}
Style = dict[str, str]


@pytest.fixture(params=list(PAGES))
def page(request: pytest.FixtureRequest) -> str:
    """Every page that is ever sent: digests in all editions and for all audiences, and notes."""
    return PAGES[request.param]


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


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_a_contrast_of_7_to_1_in_light_and_dark(page: str, *, dark: bool) -> None:
    pieces = list(shown(page, dark=dark))
    assert len(pieces) > 10
    assert min(contrast(piece.style) for piece in pieces) >= 7


def test_dark_is_dark(page: str) -> None:
    assert {piece.style["background-color"] for piece in shown(page, dark=True)}.isdisjoint(
        {piece.style["background-color"] for piece in shown(page)}
    )


def test_without_any_style_the_reader_sees_their_own_colours(page: str) -> None:
    """Colour comes from style alone; no attribute is left to fight with a reader's own."""
    assert not re.search(r"\s(bgcolor|color|text|link|background)=", page)


def test_every_colour_of_text_stands_with_its_own_ground(page: str) -> None:
    for element in lxml.html.document_fromstring(page).iter():
        style = declarations(element.get("style") or "") if isinstance(element.tag, str) else {}
        assert ("color" in style) == ("background-color" in style)


def test_text_is_large_and_its_lines_are_apart(page: str) -> None:
    for piece in shown(page):
        assert pixels(piece.style) >= 16
        assert float(piece.style["line-height"]) >= (1.25 if piece.tag in {"h1", "h2", "h3", "a"} else 1.5)
    assert {pixels(piece.style) for piece in shown(page) if piece.tag == "li"} <= {19, 25}
    sizes = [pixels(piece.style) for piece in shown(page)]
    assert sorted(sizes)[len(sizes) // 3] >= 17  # what is smaller is no third of it


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("large-print")])
def test_large_print_is_large_everywhere_and_its_headings_larger(name: str) -> None:
    """RNIB: 16 to 18 points, which are 21 to 24 pixels."""
    pieces = list(shown(PAGES[name]))
    assert min(pixels(piece.style) for piece in pieces) >= 24
    text = max(pixels(piece.style) for piece in pieces if piece.tag == "li") if "general" in name else 25
    assert all(pixels(piece.style) > text for piece in pieces if piece.tag in {"h1", "h2", "h3"})


def test_large_print_tells_one_idea_a_block() -> None:
    article = make_article(key_takeaway="First idea. Second idea.")
    mailing = make_mailing(make_digest((make_item(article),)), editions=EDITIONS)
    assert ">First idea. Second idea.</p>" in page_of(mailing)
    large = page_of(mailing, Choice(edition=Edition.LARGE_PRINT))
    assert re.search(r">First idea\.</p>\s*<p [^>]*>Second idea\.</p>", large)


def test_compact_tells_takeaway_and_caveat_and_no_more() -> None:
    mailing = make_mailing(full_digest(), editions=EDITIONS)
    page = page_of(mailing, Choice(edition=Edition.COMPACT))
    assert page.count(CAVEAT[0]) == 5
    assert page.count("Short walks made everyday tiredness") == 4  # the retracted item tells no finding
    assert not re.search(r"Credibility|Study published|For caregivers", page.partition("About this email")[0])
    assert len(page) < len(page_of(mailing))


def test_links_that_stand_alone_are_tall_enough_to_press(page: str) -> None:
    alone = [a for a in lxml.html.document_fromstring(page).iter("a") if "plain" not in a.get("class")]
    assert len(alone) > 1
    styles = {(piece.text, piece.tag): piece.style for piece in shown(page)}
    for link in alone:
        style = styles[link.text.strip(), "a"]
        assert style["display"] == "inline-block"
        padding = float(style["padding"].split()[0].removesuffix("px"))
        assert pixels(style) * float(style["line-height"]) + 2 * padding >= 44


def test_links_are_underlined_and_not_told_by_colour_alone(page: str) -> None:
    for link in lxml.html.document_fromstring(page).iter("a"):
        assert declarations(link.get("style"))["text-decoration"] == "underline"


def test_every_table_is_for_layout_only_also_in_outlook(page: str) -> None:
    tables = re.findall(r"<table[^>]*>", page)
    assert len(tables) > 2
    assert all('role="presentation"' in table for table in tables)
    assert re.search(r'<!--\[if mso\]><table role="presentation" width="600"', page)


def test_language_and_direction_are_said_outside_and_inside(page: str) -> None:
    root = lxml.html.document_fromstring(page)
    wrapper = root.find("body").findall("div")[1]
    for element in (root, wrapper):
        assert (element.get("lang"), element.get("dir")) == ("en", "ltr")


def test_headings_go_down_one_step_at_a_time(page: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_link_words_say_where_they_lead(page: str) -> None:
    links = Links(page).links
    targets: dict[str, str] = {}
    for href, words in links:
        assert len(words.split()) >= 1
        assert words.strip().casefold() not in {"read more", "here", "click here", "more", "link"}
        assert targets.setdefault(words, href) == href


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    assert not re.search(r"<(img|link|script|iframe|object|embed|video|audio|form|input|svg)\b", page)
    assert not re.search(r"\ssrc=|url\(|@import|@font-face|utm_", page)


def test_no_link_differs_by_recipient_but_unsubscribing() -> None:
    one = read(make_message().data).html
    other = read(make_message(addressee=make_addressee("other@example.org", token="other.token")).data).html
    differing = {
        a.partition("#")[0] for (a, _), (b, _) in zip(Links(one).links, Links(other).links, strict=True) if a != b
    }
    assert len(differing) == 1
    assert "/unsubscribe/" in differing.pop()


def test_dark_rules_survive_inlining_and_stay_small(page: str) -> None:
    blocks = re.findall(r"<style>(.*?)</style>", re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL), re.DOTALL)
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


def test_the_head_lets_readers_zoom_and_choose_their_colours(page: str) -> None:
    for part in (
        '<meta name="color-scheme" content="light dark">',
        '<meta name="supported-color-schemes" content="light dark">',
        '<meta name="x-apple-disable-message-reformatting">',
        '<meta charset="utf-8">',
        "telephone=no",
    ):
        assert part in page
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"user-scalable|maximum-scale", page)
    assert re.search(r"<title>[^<]{10,}</title>", page)


def test_the_preheader_is_short_hidden_and_first(page: str) -> None:
    first = lxml.html.document_fromstring(page).find("body")[0]
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


def test_there_is_nothing_that_shouts_or_moves(page: str) -> None:
    assert not re.search(r"uppercase|italic|animation|blink|transition|marquee", page)


def test_items_begin_with_their_notice_where_they_have_one() -> None:
    page = PAGES["standard caregiver"]
    item = page.rindex("Cooling Vests")
    assert page.index("48, not 84") < page.index("Short walks made everyday", item)


def test_an_item_without_anything_extra_still_has_its_caveat() -> None:
    page = read(make_message(make_mailing(make_digest((make_item(advice=()),)))).data).html
    assert page.count("Keep in mind") == 1
    assert "Why this may matter" in page
