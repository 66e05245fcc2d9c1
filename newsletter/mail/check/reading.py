"""The HTML as eyes and hands meet it: contrast, sizes, lines, targets, width. All is computed, nothing is believed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from newsletter.mail.check.css import declarations
from newsletter.mail.check.finding import Flaw, quoted
from newsletter.mail.check.look import (
    BARE,
    BARE_DARK,
    DARK,
    LIGHT,
    NARROW,
    OUTLOOK_DARK,
    WITHOUT_BLOCKS,
    Colour,
    Look,
    Style,
    colour_of,
    contrast,
    ground_of,
    hex_of,
    inverted,
    pixels,
    styles,
)
from newsletter.mail.check.page import Element, Page, Text, squeezed

_LOOKS = (LIGHT, DARK, OUTLOOK_DARK, WITHOUT_BLOCKS, BARE, BARE_DARK)
_CONTRAST, _CONTRAST_INVERTED = 7.0, 4.5
_BODY, _SMALLEST = 19, 16  # pixels
_TARGET = 44  # pixels
_NARROW = 320  # pixels
_COLUMN = 700  # pixels
_LINE = 80  # characters
_HEADING = re.compile(r"h[1-6]")
_WORDS_OF_COLOUR = frozenset(("inherit", "transparent", "currentcolor", "initial", "unset"))
_MOTION = re.compile(r"animation|transition|marquee|blink")


def reading_flaws(page: Page, sources: str, told: Sequence[str]) -> Iterator[Flaw]:
    """`sources` are the texts that are not ours, `told` those of them that people came to read."""
    light, narrow = styles(page, LIGHT), styles(page, NARROW)
    for look in _LOOKS:
        yield from _contrast_flaws(page, light if look is LIGHT else styles(page, look), look)
    yield from _colour_flaws(page)
    yield from _pair_flaws(page)
    yield from _unit_flaws(page)
    yield from _size_flaws(page, light, told)
    for computed in (light, narrow):
        yield from _small_flaws(page, computed)
        yield from _line_flaws(page, computed)
    yield from _target_flaws(page, light)
    yield from _underline_flaws(page, light)
    yield from _manner_flaws(page, light)
    yield from _capital_flaws(page, sources)
    yield from _motion_flaws(page)
    yield from _width_flaws(page, narrow)
    yield from _measure_flaws(page, light)


def _shown(page: Page, computed: dict[Element, Style]) -> Iterator[tuple[Text, Style]]:
    for text in page.texts:
        style = computed[text.parent]
        if not style.hidden:
            yield text, style


# -- colours ----------------------------------------------------------------------------------------------------------


def _contrast_flaws(page: Page, computed: dict[Element, Style], look: Look) -> Iterator[Flaw]:
    pairs: dict[tuple[Colour, Colour], str] = {}
    for text, style in _shown(page, computed):
        if style.colour is not None and style.ground is not None:
            pairs.setdefault((style.colour, style.ground), text.text)
    for (colour, ground), words in pairs.items():
        ratio = contrast(colour, ground)
        if ratio < _CONTRAST:
            told = f"{hex_of(colour)} on {hex_of(ground)} of {quoted(words)} has {ratio:.2f}:1"
            yield Flaw("M-CONTRAST", look.name, told)
        turned = contrast(inverted(colour), inverted(ground))
        if look is WITHOUT_BLOCKS and turned < _CONTRAST_INVERTED and ratio >= _CONTRAST:
            told = f"{hex_of(colour)} on {hex_of(ground)} of {quoted(words)} has {turned:.2f}:1 turned round"
            yield Flaw("M-INVERTED", "colours turned round", told)


def _declared(page: Page) -> Iterator[tuple[str, str, str]]:
    """Where, name and value of every declaration there is."""
    for element in page.elements:
        for name, value, _ in declarations(element.attributes.get("style", "")):
            yield element.tag, name, value
    for sheet in page.sheets:
        for rule in sheet.rules:
            for name, value, _ in rule.declarations:
                yield "style", name, value


def _colour_flaws(page: Page) -> Iterator[Flaw]:
    for place, name, value in _declared(page):
        text = value.strip().lower()
        bad = {
            "color": colour_of(text) is None and text not in _WORDS_OF_COLOUR,
            "background-color": colour_of(text) is None and text not in _WORDS_OF_COLOUR,
            "background": text not in {"none", "inherit"} and not ground_of(text),
            "background-image": text != "none",
            "opacity": text not in {"1", "100%"},
            "filter": text != "none",
            "mix-blend-mode": text != "normal",
        }
        if bad.get(name) or (name == "background" and re.search(r"url\(|gradient", text)):
            yield Flaw("M-COLOUR", place, f"there is {name}: {value[:60]}")
        if name == "color" and text == "transparent":
            yield Flaw("M-COLOUR", place, "there is transparent text")


def _pair_flaws(page: Page) -> Iterator[Flaw]:
    for element in page.elements:
        names = {each.name for each in declarations(element.attributes.get("style", ""))}
        if _half(names):
            words = quoted(page.text_in(element), 40)
            yield Flaw("M-COLOUR-PAIR", element.tag, f"{element.tag} {words} has only one of the two colours")
    for sheet in page.sheets:
        for rule in sheet.rules:
            names = {each.name for each in rule.declarations}
            told = {simple.name for each in rule.selectors for compound in each.compounds for simple in compound}
            if _half(names) and not told & {"data-ogsc", "data-ogsb"}:
                yield Flaw("M-COLOUR-PAIR", "style", "a rule has only one of the two colours")


def _half(names: set[str]) -> bool:
    return ("color" in names) != bool(names & {"background", "background-color"})


# -- sizes ------------------------------------------------------------------------------------------------------------


def _size_flaws(page: Page, computed: dict[Element, Style], told: Sequence[str]) -> Iterator[Flaw]:
    """Where nobody knows what people came to read, most of the text has to be as large as that."""
    sizes: Counter[float] = Counter()
    for text, style in _shown(page, computed):
        words = squeezed(text.text)
        if not _HEADING.fullmatch(text.parent.block.tag):
            sizes[style.size] += len(words)
        if style.size < _BODY and len(words.split()) > 3 and any(words in each for each in told):
            yield Flaw("M-FONT-SIZE", text.parent.tag, f"{quoted(words)} has {style.size:g} pixels")
    large = sum(number for size, number in sizes.items() if size >= _BODY)
    if not told and large * 2 < sizes.total():
        yield Flaw("M-FONT-SIZE", "HTML", f"{100 * large // sizes.total()} % of the text has {_BODY} pixels or more")


def _unit_flaws(page: Page) -> Iterator[Flaw]:
    for place, name, value in _declared(page):
        if name in {"font-size", "font"} and not re.search(r"(?<![\w.])\d+(?:\.\d+)?px", value):
            yield Flaw("M-FONT-SIZE", place, f"there is {name}: {value}")


def _small_flaws(page: Page, computed: dict[Element, Style]) -> Iterator[Flaw]:
    for text, style in _shown(page, computed):
        if style.size < _SMALLEST:
            yield Flaw("M-SMALL", text.parent.tag, f"{quoted(text.text)} has {style.size:g} pixels")


def _line_flaws(page: Page, computed: dict[Element, Style]) -> Iterator[Flaw]:
    for text, style in _shown(page, computed):
        block = text.parent.block
        boxed = any(_is_box(each, computed) for each in text.parent.above() if each.tag == "a")
        least = 1.25 if _HEADING.fullmatch(block.tag) or boxed else 1.5
        if style.line_factor < least - 0.001:
            yield Flaw(
                "M-LINE-HEIGHT", text.parent.tag, f"lines of {quoted(text.text)} are {style.line_factor:g} apart"
            )


def _is_box(element: Element, computed: dict[Element, Style]) -> bool:
    return computed[element].own.get("display", "").lower() in {"inline-block", "block"}


def _target_flaws(page: Page, computed: dict[Element, Style]) -> Iterator[Flaw]:
    for link in page.links:
        style = computed[link.element]
        if link.alone and not style.hidden:
            height = _height(style) if _is_box(link.element, computed) else 0.0
            if height < _TARGET:
                told = f"{height:g} pixels high" if height else "not a box of its own"
                yield Flaw("M-TARGET", f"link {quoted(link.words)}", f"the link is {told}")


def _height(style: Style) -> float:
    """Of one line, with padding; a heuristic, for nobody knows here how many lines there are."""
    own = style.own
    sides = (own.get("padding") or "0").split()
    top, bottom = own.get("padding-top", sides[0]), own.get("padding-bottom", sides[2 if len(sides) > 2 else 0])
    padding = sum(pixels(side, style.size) or 0 for side in (top, bottom))
    least = pixels(own.get("min-height", own.get("height", "0")), style.size) or 0
    return max(style.size * style.line_factor + padding, least)


# -- manner -----------------------------------------------------------------------------------------------------------


def _underline_flaws(page: Page, computed: dict[Element, Style]) -> Iterator[Flaw]:
    for link in page.links:
        own = {each.name: each.value for each in declarations(link.element.attributes.get("style", ""))}
        said = own.get("text-decoration", own.get("text-decoration-line", ""))
        if "underline" not in said.lower() or not computed[link.element].underlined:
            told = f"text-decoration is {quoted(said or None)}"
            yield Flaw("M-UNDERLINE", f"link {quoted(link.words)}", told)


def _manner_flaws(page: Page, computed: dict[Element, Style]) -> Iterator[Flaw]:
    for text, style in _shown(page, computed):
        place, words = text.parent.tag, quoted(text.text)
        if style.justified:
            yield Flaw("M-JUSTIFIED", place, f"{words} is justified")
        if style.italic and len(text.text.split()) > 5:
            yield Flaw("M-ITALIC", place, f"{words} is in italics")
        if style.capitals:
            yield Flaw("M-CAPITALS", place, f"{words} is put in capitals")


def _capital_flaws(page: Page, sources: str) -> Iterator[Flaw]:
    for paragraph in page.paragraphs:
        words = re.findall(r"[^\W\d_]{2,}", paragraph.text)
        if len(words) >= 4 and all(word.isupper() for word in words):
            code = "M-SOURCE-CAPITALS" if paragraph.text in sources else "M-CAPITALS"
            yield Flaw(code, paragraph.element.tag, f"{quoted(paragraph.text)} is written in capitals")


def _motion_flaws(page: Page) -> Iterator[Flaw]:
    for place, name, value in _declared(page):
        if _MOTION.search(name) or (name == "text-decoration" and "blink" in value):
            yield Flaw("M-MOTION", place, f"there is {name}: {value}")
    for element in page.tagged("marquee", "blink"):
        yield Flaw("M-MOTION", element.tag, f"there is an element {element.tag}")
    for sheet in page.sheets:
        for name in sheet.at_rules:
            if "keyframes" in name:
                yield Flaw("M-MOTION", "style", f"there is a rule {name}")
    for image in page.tagged("img"):
        if re.search(r"\.gif\b", image.attributes.get("src", ""), re.IGNORECASE):
            yield Flaw("M-MOTION", "img", "there is a GIF")


def _width_flaws(page: Page, narrow: dict[Element, Style]) -> Iterator[Flaw]:
    for element in page.elements:
        own = narrow[element].own
        for name in ("width", "min-width"):
            width = pixels(own.get(name, "0"), _NARROW) or 0
            if width > _NARROW and (name == "min-width" or own.get("max-width") != "100%"):
                yield Flaw("M-REFLOW", element.tag, f"{element.tag} has {name}: {own[name]}")
        width_attribute = element.attributes.get("width", "0").removesuffix("px")
        if width_attribute.isdecimal() and int(width_attribute) > _NARROW and own.get("max-width") != "100%":
            yield Flaw("M-REFLOW", element.tag, f'{element.tag} has width="{width_attribute}"')
    for text, style in _shown(page, narrow):
        if style.nowrap and len(text.text.strip()) > 20:
            yield Flaw("M-REFLOW", text.parent.tag, f"{quoted(text.text)} may not wrap")
    yield from _long_words(page)


def _measure_flaws(page: Page, computed: dict[Element, Style]) -> Iterator[Flaw]:
    for paragraph in page.paragraphs:
        widths = [_widest(computed[each]) for each in paragraph.element.above()]
        if len(paragraph.text) > _LINE and not any(0 < width <= _COLUMN for width in widths):
            yield Flaw("M-MEASURE", paragraph.element.tag, f"nothing holds {quoted(paragraph.text)} together")
            return


def _widest(style: Style) -> float:
    """The width that a box cannot pass, in pixels; 0 where there is none."""
    own = style.own
    given = (own.get("max-width", ""), own.get("width", ""))
    return next((pixels(value, 0) or 0 for value in given if value.endswith("px")), 0)


def _long_words(page: Page) -> Iterator[Flaw]:
    """A word of more than 24 letters is wider than a narrow screen at 19 pixels unless it may be broken."""
    for text in page.texts:
        long = [word for word in text.text.split() if len(word) > 24]
        breaks = any(
            re.search(r"(?:word-break|overflow-wrap|word-wrap)\s*:\s*break", each.attributes.get("style", ""))
            for each in text.parent.above()
        )
        if long and not breaks:
            yield Flaw("M-REFLOW", text.parent.tag, f"{quoted(long[0])} may not be broken")
