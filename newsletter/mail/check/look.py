"""How a page looks: colours and sizes of each element as a mail program computes them, in light, in dark, unstyled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from newsletter.mail.check.css import Declaration, Rule, declarations, media_holds
from newsletter.mail.check.page import Element, Page

Colour = tuple[int, int, int]

_NAMES: Mapping[str, Colour] = {
    "black": (0, 0, 0), "silver": (192, 192, 192), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "white": (255, 255, 255), "maroon": (128, 0, 0), "red": (255, 0, 0), "purple": (128, 0, 128),
    "fuchsia": (255, 0, 255), "green": (0, 128, 0), "lime": (0, 255, 0), "olive": (128, 128, 0),
    "yellow": (255, 255, 0), "navy": (0, 0, 128), "blue": (0, 0, 255), "teal": (0, 128, 128), "aqua": (0, 255, 255),
}  # fmt: skip
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_RGB = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_LENGTH = re.compile(r"([0-9.]+)(px|em|rem|%|pt)?")
_UA_SIZES = {"h1": 2.0, "h2": 1.5, "h3": 1.17, "h5": 0.83, "h6": 0.67, "small": 0.83, "sub": 0.83, "sup": 0.83}
_ITALIC = frozenset(("i", "em", "cite", "address", "dfn", "var"))
_NORMAL_LINE = 1.2


class Look(NamedTuple):
    """`blocks`: style blocks are kept. `inline`: style attributes are. `outlook`: its dark mode marks the root."""

    name: str
    dark: bool = False
    narrow: bool = False
    blocks: bool = True
    inline: bool = True
    outlook: bool = False


LIGHT = Look("light")
DARK = Look("dark", dark=True)
NARROW = Look("a narrow screen", narrow=True)
OUTLOOK_DARK = Look("Outlook's dark mode", outlook=True)
WITHOUT_BLOCKS = Look("light without style blocks", blocks=False)
BARE = Look("light without styles", blocks=False, inline=False)
BARE_DARK = Look("dark without styles", dark=True, blocks=False, inline=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What an element computes to. A colour is None where it cannot be told; `size` is in pixels.

    `line` is the distance of lines as a factor of the size; `line_px` in pixels, where it was given so.
    """

    own: Mapping[str, str]
    colour: Colour | None
    ground: Colour | None
    size: float
    line: float
    line_px: float | None
    italic: bool
    justified: bool
    capitals: bool
    underlined: bool
    nowrap: bool
    hidden: bool

    @property
    def line_factor(self) -> float:
        return self.line if self.line_px is None else self.line_px / max(self.size, 1)


def styles(page: Page, look: Look) -> dict[Element, Style]:
    """Every element's style in one look."""
    rules = list(_rules(page, look))
    computed: dict[Element, Style] = {}
    for element in page.elements:
        outer = computed[element.parent] if element.parent is not None else _canvas(look)
        computed[element] = _style(element, outer, _cascaded(element, rules, look), look)
    return computed


def colour_of(value: str) -> Colour | None:
    """#rgb, #rrggbb, rgb(r, g, b) or a name of HTML 4; None for all else."""
    text = value.strip().lower()
    if text in _NAMES:
        return _NAMES[text]
    if _HEX.fullmatch(text):
        digits = text[1:] if len(text) == 7 else "".join(digit * 2 for digit in text[1:])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    found = _RGB.fullmatch(text)
    return (int(found[1]) % 256, int(found[2]) % 256, int(found[3]) % 256) if found else None


def ground_of(value: str) -> str:
    """The colour in a `background` shorthand; empty where it names none."""
    return next((word for word in value.split() if colour_of(word) or word.lower() == "transparent"), "")


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def inverted(colour: Colour) -> Colour:
    return 255 - colour[0], 255 - colour[1], 255 - colour[2]


def hex_of(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def pixels(value: str, size: float) -> float | None:
    """A length in pixels, where `size` is what 1em and 100% are."""
    found = _LENGTH.fullmatch(value.strip().lower())
    if found is None or found[1].count(".") > 1 or found[1] == ".":
        return None
    number = float(found[1])
    return {"px": number, "em": number * size, "rem": number * 16, "%": number * size / 100, "pt": number * 4 / 3}.get(
        found[2] or "", 0.0 if number == 0 else None
    )


def _luminance(colour: Colour) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# -- the cascade ------------------------------------------------------------------------------------------------------


def _rules(page: Page, look: Look) -> Iterator[Rule]:
    if look.blocks:
        for sheet in page.sheets:
            for rule in sheet.rules:
                if media_holds(rule.media, dark=look.dark, narrow=look.narrow) and look.outlook >= _for_outlook(rule):
                    yield rule


def _for_outlook(rule: Rule) -> bool:
    names = {simple.name for each in rule.selectors for compound in each.compounds for simple in compound}
    return bool(names & {"data-ogsc", "data-ogsb"})


def _cascaded(element: Element, rules: list[Rule], look: Look) -> dict[str, str]:
    """The values that win: attributes of old, rules by specificity, the style attribute, then what is important."""
    told: list[tuple[tuple[bool, bool, tuple[int, int, int]], Declaration]] = []
    marked = _Marked(element) if look.outlook else element
    for rule in rules:
        weights = [selector.specificity for selector in rule.selectors if selector.matches(marked)]
        if weights:
            told += [((each.important, False, max(weights)), each) for each in rule.declarations]
    if look.inline:
        inline = declarations(element.attributes.get("style", ""))
        told += [((each.important, True, (0, 0, 0)), each) for each in inline]
    told.sort(key=lambda pair: pair[0])
    return _of_old(element) | _longhands(each for _, each in told)


class _Marked:
    """An element of a page whose root Outlook has marked as dark."""

    def __init__(self, element: Element) -> None:
        self.tag = element.tag
        self.attributes = element.attributes
        self._parent = element.parent
        if element.tag == "html":
            self.attributes = {**element.attributes, "data-ogsc": "", "data-ogsb": ""}

    @property
    def parent(self) -> _Marked | None:
        return None if self._parent is None else _Marked(self._parent)


def _of_old(element: Element) -> dict[str, str]:
    """Attributes that style: they stay where styles are stripped."""
    attributes = element.attributes
    names = (
        {"bgcolor": "background-color", "text": "color"} if element.tag == "body" else {"bgcolor": "background-color"}
    )
    told = {style: attributes[name] for name, style in names.items() if name in attributes}
    if element.tag == "font" and "color" in attributes:
        told["color"] = attributes["color"]
    if attributes.get("align", "").lower() == "justify":
        told["text-align"] = "justify"
    return told


def _longhands(told: Iterator[Declaration]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value, _ in told:
        if name == "background":
            values["background-color"] = ground_of(value) or "transparent"
        elif name == "font":
            values |= _font(value)
        else:
            values[name] = value
    return values


def _font(value: str) -> dict[str, str]:
    found = re.search(r"([0-9.]+(?:px|em|rem|%|pt))(?:\s*/\s*([0-9.]+(?:px|em|%)?))?", value)
    italic = {"font-style": "italic"} if re.search(r"\b(?:italic|oblique)\b", value) else {}
    if found is None:
        return italic
    return italic | {"font-size": found[1], "line-height": found[2] or "normal"}


def _canvas(look: Look) -> Style:
    text, ground = ((255, 255, 255), (18, 18, 18)) if look.dark and not look.inline else ((0, 0, 0), (255, 255, 255))
    return Style(
        own={},
        colour=text,
        ground=ground,
        size=16,
        line=_NORMAL_LINE,
        line_px=None,
        italic=False,
        justified=False,
        capitals=False,
        underlined=False,
        nowrap=False,
        hidden=False,
    )


def _style(element: Element, outer: Style, own: Mapping[str, str], look: Look) -> Style:
    size = _size(element, outer, own)
    line, line_px = _line(outer, own, size)
    decoration = own.get("text-decoration", own.get("text-decoration-line", "")).lower()
    underlined = "underline" in decoration or (not decoration and element.tag in {"a", "u"})
    slant = own.get("font-style", "").lower()
    return Style(
        own=own,
        colour=_inherited(own.get("color", ""), outer.colour, _link_colour(element, look)),
        ground=_inherited(own.get("background-color", ""), outer.ground, None),
        size=size,
        line=line,
        line_px=line_px,
        italic=slant in {"italic", "oblique"} or (slant != "normal" and (outer.italic or element.tag in _ITALIC)),
        justified=_kept(own, "text-align", "justify", before=outer.justified),
        capitals=_kept(own, "text-transform", "uppercase", before=outer.capitals),
        underlined=underlined or (outer.underlined and element.tag != "a"),
        nowrap=_kept(own, "white-space", "nowrap", before=outer.nowrap) or "nowrap" in element.attributes,
        hidden=outer.hidden or own.get("display", "").lower() == "none",
    )


def _kept(own: Mapping[str, str], name: str, value: str, *, before: bool) -> bool:
    """Whether an inherited property has `value`."""
    return own[name].strip().lower() == value if name in own else before


def _link_colour(element: Element, look: Look) -> Colour | None:
    if element.tag != "a" or "href" not in element.attributes:
        return None
    return (158, 158, 255) if look.dark and not look.inline else (0, 0, 238)


def _inherited(value: str, outer: Colour | None, default: Colour | None) -> Colour | None:
    text = value.strip().lower()
    if not text:
        return default or outer
    if text in {"inherit", "transparent", "currentcolor", "initial", "unset"}:
        return outer
    return colour_of(text)


def _size(element: Element, outer: Style, own: Mapping[str, str]) -> float:
    given = pixels(own.get("font-size", ""), outer.size) if "font-size" in own else None
    return outer.size * _UA_SIZES.get(element.tag, 1.0) if given is None else given


def _line(outer: Style, own: Mapping[str, str], size: float) -> tuple[float, float | None]:
    value = own.get("line-height", "").strip().lower()
    if not value or value == "inherit":
        return outer.line, outer.line_px
    if re.fullmatch(r"\d*\.?\d+", value):
        return float(value), None
    length = pixels(value, size)
    return (_NORMAL_LINE, None) if length is None else (outer.line, length)
