"""What a message is, said the slow way: write the letter of just this choice, render it, inline it, encode it, fill it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from letters import SITE, TEMPLATES

from newsletter.mail import encode, fields
from newsletter.mail.choice import for_audience
from newsletter.mail.compile import render_page
from newsletter.mail.cut import Marks, uncut
from newsletter.mail.letter import write_letter
from newsletter.mail.merge import Addressee, values_of
from newsletter.mail.text import write_text
from newsletter.model import Choice, Digest, Edition, Item


def restricted(digest: Digest, chosen: int | None) -> Digest:
    """The digest as if only these articles had been in it: bits in the order of reading, whole items before titles."""
    if chosen is None:
        return digest
    told = [item.article for day in digest.days for item in day.items]
    told += [item.article for item in digest.late]
    articles = {article.id for place, article in enumerate([*told, *digest.titles]) if chosen >> place & 1}

    def kept(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(item for item in items if item.article.id in articles)

    days = (replace(day, items=kept(day.items)) for day in digest.days)
    return replace(
        digest,
        days=tuple(day for day in days if day.items),
        late=kept(digest.late),
        titles=tuple(article for article in digest.titles if article.id in articles),
        placed=tuple(one for one in digest.placed if one.article.id in articles),
    )


def message(
    digest: Digest,
    choice: Choice,
    addressee: Addressee,
    *,
    brief: frozenset[str] = frozenset(),
    most_titles: int | None = None,
) -> bytes:
    """`brief` and `most_titles` are what a large digest was cut down to."""
    marks = Marks(secret=hashlib.sha256(repr((digest, SITE)).encode(errors="replace")).hexdigest()[:32])
    told = restricted(for_audience(digest, choice.audience or digest.newsletter.audience), choice.articles)
    letter = write_letter(
        told,
        SITE,
        unsubscribe_url=marks.unsubscribe_url,
        edition=choice.edition,
        brief=brief,
        most_titles=most_titles,
    )
    head = "".join(fields.of_digest(letter, told.newsletter, told.planned.period, SITE))
    if choice.edition is Edition.TEXT_ONLY:
        whole = f"{head}{encode.part_fields('plain', SITE.language)}\r\n".encode() + _encoded(write_text(letter), marks)
    else:
        mark = f"=_{marks.secret}"
        parts = (("plain", write_text(letter)), ("html", render_page(letter, TEMPLATES, uncut)))
        body = b"".join(
            f"--{mark}\r\n{encode.part_fields(subtype, SITE.language)}\r\n".encode() + _encoded(text, marks) + b"\r\n"
            for subtype, text in parts
        )
        whole = f"{head}{encode.alternative_fields(mark)}\r\n".encode() + body + f"--{mark}--\r\n".encode()
    return filled(whole, addressee)


def filled(whole: bytes, addressee: Addressee) -> bytes:
    values = values_of(addressee, SITE)
    pieces = whole.split(b"\0")
    pieces[1::2] = [values[name.decode()] for name in pieces[1::2]]
    return b"".join(pieces)


def _encoded(text: str, marks: Marks) -> bytes:
    return encode.quoted_printable(encode.with_slots(text, {marks.unsubscribe_url: fields.UNSUBSCRIBE_LINK}))
