"""Cuts a rendered page and a text part into the pieces that a mailing is joined of.

A template says where a piece begins by `cut(mask)`, on a line of its own. Fields that hang on the choice (the subject, the
counts, ...) are marks while a page is rendered and inlined; the lines that they stand in get one form for each value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from markupsafe import Markup

from newsletter.errors import MailError
from newsletter.mail.fragments import Axis
from newsletter.mail.letter import Letter
from newsletter.mail.text import Block, blocks, field_text

AXES = {
    "subject": Axis.SUMMARIES,
    "preheader": Axis.FIRST,
    "opening": Axis.FIRST,
    "counts": Axis.SUMMARIES,
    "reading": Axis.MINUTES,
    "rest": Axis.HIDDEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Whole lines, not yet encoded: one text, or one form for each value of `axis`."""

    mask: int
    forms: tuple[str, ...]
    axis: Axis | None = None
    numbered: bool = False

    @property
    def size(self) -> int:
        """How many bytes it may come to."""
        return max(len(form.encode()) for form in self.forms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What stands for a value that is not known yet. `secret` can be in no article, by design or by chance."""

    secret: str

    @property
    def unsubscribe_url(self) -> str:
        return f"unsubscribe-{self.secret}"

    @property
    def confirm_url(self) -> str:
        return f"confirm-{self.secret}"

    @property
    def preferences_url(self) -> str:
        return f"preferences-{self.secret}"

    @property
    def boundary(self) -> str:
        """Between parts; quoted-printable never holds `=_`."""
        return f"=_{self.secret}"

    def field(self, name: str) -> str:
        return f"{name}-{self.secret}"

    def cut(self, mask: int) -> Markup:
        """The template's `cut`: from here on for the articles of `mask`, for everybody where it is 0."""
        return Markup(f"<!--cut-{self.secret} {mask:d}-->")  # noqa: S704 - our own hexadecimal digits and a number

    def letter(self, letter: Letter) -> Letter:
        """The letter with marks in place of what hangs on the choice. What it leaves out stays left out."""
        return replace(
            letter,
            subject=self.field("subject"),
            preheader=self.field("preheader"),
            opening=letter.opening and self.field("opening"),
            counts=self.field("counts"),
            reading=self.field("reading"),
            rest=letter.rest and self.field("rest"),
        )


def uncut(mask: int) -> str:
    """The template's `cut` where nothing is to be cut."""
    del mask
    return ""


def cut_page(page: str, marks: Marks, forms: Mapping[str, tuple[str, ...]], template: str) -> tuple[Strip, ...]:
    """An inlined page in strips. Raises MailError for a template that puts a cut or a field where it cannot be used."""
    _InText(marks, template).check(page)
    first, *others = re.split(rf"<!--cut-{marks.secret} (\d+)-->", page)
    stretches = [(0, first), *((int(mask), text) for mask, text in zip(others[::2], others[1::2], strict=True))]
    for _, text in stretches[:-1]:
        if not text.endswith("\n"):
            raise MailError(f"template {template}: each cut(...) must begin a line; found one after {text[-40:]!r}")
    return tuple(strip for mask, text in stretches for strip in _strips(mask, text, marks, forms))


def cut_text(letter: Letter, forms: Mapping[str, tuple[str, ...]]) -> tuple[Strip, ...]:
    """A text part in strips."""
    return tuple(_strip(block, letter, forms) for block in blocks(letter))


def _strip(block: Block, letter: Letter, forms: Mapping[str, tuple[str, ...]]) -> Strip:
    if not block.field:
        return Strip(mask=block.mask, forms=(block.text,), numbered=block.numbered)
    told = tuple(field_text(block.field, form, letter) for form in forms[block.field])
    return Strip(mask=block.mask, axis=AXES[block.field], forms=told)


def _strips(mask: int, text: str, marks: Marks, forms: Mapping[str, tuple[str, ...]]) -> Iterable[Strip]:
    """One strip for each line with a field, and one for all lines between two such."""
    plain: list[str] = []
    for line in text.splitlines(keepends=True):
        fields = [name for name in AXES if marks.field(name) in line]
        if not fields:
            plain.append(line)
            continue
        yield Strip(mask=mask, forms=("".join(plain),))
        plain = []
        yield _line(mask, line, fields, marks, forms)
    yield Strip(mask=mask, forms=("".join(plain),))


def _line(mask: int, line: str, fields: list[str], marks: Marks, forms: Mapping[str, tuple[str, ...]]) -> Strip:
    name = fields[0]
    if len(fields) > 1:
        raise MailError(f"mail template: letter.{name} and letter.{fields[1]} stand in one line; give each its own")
    told = tuple(line.replace(marks.field(name), _escaped(form)) for form in forms[name])
    return Strip(mask=mask, axis=AXES[name], forms=told)


def _escaped(text: str) -> str:
    """Text as the inliner writes it between tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class _InText(HTMLParser):
    """Holds a page to this: fields that hang on the choice stand in text, where no quote can end anything."""

    def __init__(self, marks: Marks, template: str) -> None:
        super().__init__(convert_charrefs=True)
        self._secret, self._template = marks.secret, template
        self._raw = False

    def check(self, page: str) -> None:
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._raw = tag in {"style", "script"}
        for name, value in attrs:
            self._refuse(f"the attribute {name}", value or "")

    def handle_endtag(self, _tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if self._raw:
            self._refuse("a style or a script", data)

    def handle_comment(self, data: str) -> None:
        if not data.startswith("cut-"):
            self._refuse("a comment", data)

    def _refuse(self, where: str, text: str) -> None:
        found = re.search(rf"({'|'.join(AXES)})-{self._secret}", text)
        if found:
            raise MailError(
                f"template {self._template}: letter.{found[1]} stands in {where}; it differs from reader to reader and "
                "can stand in text only"
            )
