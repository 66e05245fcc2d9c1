"""A whole message of header fields and strips of text: encoded pieces, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from newsletter.mail import encode
from newsletter.mail.cut import Marks, Strip
from newsletter.mail.fields import CONFIRM_LINK, PREFERENCES_LINK, UNSUBSCRIBE_LINK
from newsletter.mail.fragments import Forms, Fragment, number

Piece = Fragment | Forms


def message(
    head: Iterable[Piece], text: Iterable[Strip], page: Sequence[Strip], language: str, marks: Marks
) -> tuple[Piece, ...]:
    """A text part and a page that says the same (RFC 2046 5.1.4), or a text alone where there is no page."""
    kind = encode.alternative_fields(marks.boundary) if page else encode.part_fields("plain", language)
    body = _alternative(text, page, language, marks) if page else _encoded(text, marks)
    return tuple(_joined((*head, _fixed(f"{kind}\r\n"), *body)))


def _alternative(text: Iterable[Strip], page: Iterable[Strip], language: str, marks: Marks) -> Iterator[Piece]:
    for subtype, strips in (("plain", text), ("html", page)):
        yield _fixed(f"--{marks.boundary}\r\n{encode.part_fields(subtype, language)}\r\n")
        yield from _encoded(strips, marks)
        yield _fixed("\r\n")
    yield _fixed(f"--{marks.boundary}--\r\n")


def _encoded(strips: Iterable[Strip], marks: Marks) -> Iterator[Piece]:
    slots = {
        marks.unsubscribe_url: UNSUBSCRIBE_LINK,
        marks.confirm_url: CONFIRM_LINK,
        marks.preferences_url: PREFERENCES_LINK,
    }
    for strip in strips:
        forms = tuple(encode.quoted_printable(encode.with_slots(form, slots)) for form in strip.forms)
        if strip.axis is not None:
            yield Forms(mask=strip.mask, axis=strip.axis, forms=forms)
        elif strip.numbered:
            yield Fragment(mask=strip.mask, content=forms[0][len(number(1)) :], numbered=True)
        elif forms[0]:
            yield Fragment(mask=strip.mask, content=forms[0])


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours that are always told together become one, so that there is less to join."""
    for (plain, mask), group in groupby(pieces, key=lambda piece: (_is_plain(piece), piece.mask)):
        if plain:
            content = b"".join(piece.content for piece in group if isinstance(piece, Fragment))
            yield Fragment(mask=mask, content=content)
        else:
            yield from group


def _is_plain(piece: Piece) -> bool:
    return isinstance(piece, Fragment) and not piece.numbered


def _fixed(text: str) -> Fragment:
    return Fragment(mask=0, content=text.encode())
