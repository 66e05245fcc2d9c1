"""What can be told from the style sheet without a browser: contrast, sizes, and that it loads nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter import web
from newsletter.pages import REQUIRED_TEMPLATES
from newsletter.templating import Templates

WEB = Path(__file__).resolve().parents[2] / "templates" / "web"
STYLE = (WEB / "style.css").read_text(encoding="utf-8")
PALETTES = dict(
    zip(
        ("light", "dark", "print"),
        (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", p)) for p in re.findall(r":root \{([^}]*)\}", STYLE)),
        strict=True,
    )
)
#: text, ground: every pair of colours that the pages show together.
PAIRS = [
    ("text", "ground"),
    ("soft", "ground"),
    ("accent", "ground"),
    ("text", "panel"),
    ("soft", "panel"),
    ("accent", "panel"),
    ("on-accent", "accent"),
    ("on-notice", "notice"),
    ("text", "field"),
    ("soft", "field"),
    ("problem", "ground"),
    ("problem", "panel"),
]


def luminance(colour: str) -> float:
    """Of WCAG 2.2, with a colour like #0b4f5c."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_every_text_has_a_contrast_of_seven_to_one(palette: str, text: str, ground: str) -> None:
    colours = PALETTES[palette]
    assert contrast(colours[text], colours[ground]) >= 7


def test_every_colour_of_light_has_one_for_dark() -> None:
    assert PALETTES["light"].keys() == PALETTES["dark"].keys()
    assert PALETTES["print"].keys() < PALETTES["light"].keys()


def test_colours_stand_in_the_palettes_alone() -> None:
    rules = re.sub(r":root \{[^}]*\}", "", STYLE)
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb|hsl", rules)
    used = set(re.findall(r"var\(--([a-z-]+)\)", rules))
    assert used == set(PALETTES["light"])
    shown = {colour for pair in PAIRS for colour in pair}
    assert used - shown == {"line"}, "a colour that no pair measures"


def test_no_text_is_smaller_than_eighteen_pixels() -> None:
    """1 rem is 16 px unless a reader asks for more; 14 pt on paper."""
    sizes = [float(size) * 16 for size in re.findall(r"font-size: (?:clamp\()?([0-9.]+)rem", STYLE)]
    assert len(sizes) > 5
    assert min(sizes) >= 18


def test_nothing_is_loaded_moved_justified_slanted_or_shouted() -> None:
    assert not re.search(r"url\(|@import|@font-face|animation|transition|justify;|italic|uppercase", STYLE)


def test_readers_who_want_dark_or_paper_get_it() -> None:
    assert "@media (prefers-color-scheme: dark)" in STYLE
    assert "@media print" in STYLE


def test_every_template_that_the_pages_need_is_there() -> None:
    assert Templates().missing(REQUIRED_TEMPLATES) == []


def test_every_template_that_is_there_can_be_checked_for() -> None:
    ours = {f"web/{path.name}" for path in WEB.iterdir()}
    assert ours == {*REQUIRED_TEMPLATES, *web.REQUIRED_TEMPLATES}
