"""Pictures of numbers as inline SVG, for pages that may load nothing and run nothing. Pure.

A picture stretches to the width that it gets and holds no letters, which would stretch too: names and numbers stand
beside it in HTML. Colours come from the page's style sheet by class, so that day and night have their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

_HEIGHT = 100  #: of a picture, in its own units
_COLUMN = 10  #: the width of a column with the gap after it
_GAP = 2
_LEAST = 0.8  #: what is there at all is seen


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of what columns are stacked of. `name` is a class of the style sheet, `title` its words."""

    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it is called, and how much of each series it holds, in their order."""

    label: str
    values: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.values)


def top_of(values: Sequence[int]) -> int:
    """Where an axis ends that shows them all: 1, 2 or 5 with as many noughts as it takes."""
    most = max(values, default=0)
    if most <= 1:
        return 1
    power = 10 ** floor(log10(most))
    return int(next(step * power for step in (1, 2, 5, 10) if step * power >= most))


def stacked(columns: Sequence[Column], series: Sequence[Series], *, ident: str, title: str, description: str) -> Markup:
    """Columns of several series, the first one at the bottom, each scaled by `top_of` their totals.

    `title` and `description` are what somebody hears who does not see it; `ident` is theirs on the page, and used once.
    """
    top = top_of([column.total for column in columns])
    bars = Markup("").join(
        bar
        for place, column in enumerate(columns)
        for bar in _column(column, series, place * _COLUMN + _GAP / 2, _HEIGHT / top)
    )
    width = max(1, len(columns)) * _COLUMN
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{ident}-title {ident}-text" viewBox="0 0 {width} {height}" '
        'preserveAspectRatio="none" focusable="false">'
        '<title id="{ident}-title">{title}</title><desc id="{ident}-text">{text}</desc>{lines}{bars}</svg>'
    ).format(ident=ident, width=width, height=_HEIGHT, title=title, text=description, lines=_lines(width), bars=bars)


def _lines(width: int) -> Markup:
    """The foot, the middle and the top."""
    return Markup("").join(
        Markup('<path class="line" d="M0 {y}H{width}"/>').format(y=y, width=width) for y in (0, _HEIGHT // 2, _HEIGHT)
    )


def _column(column: Column, series: Sequence[Series], left: float, scale: float) -> list[Markup]:
    """One rectangle for each series that has a part of it."""
    bars: list[Markup] = []
    foot = float(_HEIGHT)
    for value, each in zip(column.values, series, strict=True):
        if value:
            height = max(value * scale, _LEAST)
            foot -= height
            bars.append(
                Markup('<rect class="{}" x="{:g}" y="{:.2f}" width="{}" height="{:.2f}"/>').format(
                    each.name, left, max(0.0, foot), _COLUMN - _GAP, height
                )
            )
    return bars


def bar(value: int, most: int, name: str) -> Markup:
    """A single bar, as long as `value` is against `most`, beside the number that says it."""
    length = 0 if not value else max(_LEAST, 100 * value / max(most, value))
    return Markup(
        '<svg class="bar" aria-hidden="true" focusable="false" viewBox="0 0 100 1" preserveAspectRatio="none">'
        '<rect class="{}" width="{:.2f}" height="1"/></svg>'
    ).format(name, length)
