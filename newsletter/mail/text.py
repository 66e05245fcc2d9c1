"""The text part: an edition of its own, written from the letter and not scraped from the HTML.

Lines of at most 72 characters, each URL alone on its line and whole, headings in plain words, items numbered. It is
written in blocks of whole lines, so that a mailing can leave out those of articles that somebody did not choose.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from newsletter.mail import wording
from newsletter.mail.fragments import number
from newsletter.mail.letter import Dress, ItemText, Letter, NoticeText
from newsletter.model import Edition
from newsletter.templating import labelled
from newsletter.words import Words

_WIDTH = 72
_SIGNATURE = "-- "  # RFC 3676 4.3: mail readers fold away what follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Whole lines of text, for the articles of `mask` or for all where it is 0.

    `field` names the letter's field of which nothing but this block is made. A `numbered` block begins with a number.
    """

    mask: int = 0
    text: str
    field: str = ""
    numbered: bool = False


def write_text(letter: Letter) -> str:
    """The whole text part. Lines end with LF."""
    return "".join(block.text for block in blocks(letter))


def blocks(letter: Letter) -> Iterator[Block]:
    """The text part in blocks, in order."""
    yield Block(text=_paragraphs(underlined(letter.title), wrapped(letter.period)))
    if letter.opening:
        mask = letter.contents_mask
        yield Block(mask=mask, field="opening", text=field_text("opening", letter.opening, letter))
    yield Block(text=_paragraphs(wrapped(letter.about_summaries)))
    for field, value in (("counts", letter.counts), ("reading", letter.reading)):
        yield Block(field=field, text=field_text(field, value, letter))
    yield Block(text=_paragraphs(*_links(letter)))
    yield from _contents(letter)
    if letter.notices:
        yield Block(text=_paragraphs(*_notices(letter.words, letter.notices)))
    for section in letter.sections:
        yield Block(mask=section.mask, text=_paragraphs(underlined(section.heading)))
        for item in section.items:
            yield Block(mask=item.mask, text=_paragraphs(*_item(letter.words, item)), numbered=True)
    yield from _titles(letter)
    yield Block(text=f"{_SIGNATURE}\n" + "\n\n".join((*_about(letter), *foot(letter))) + "\n")


def field_text(field: str, value: str, letter: Letter) -> str:
    """The block of one field of a letter."""
    match field:
        case "counts":
            return f"{wrapped(value)}\n"
        case "rest":
            return _paragraphs(linked(labelled(letter.words, value), letter.web_url))
        case _:
            return _paragraphs(wrapped(value))


def foot(dress: Dress) -> Iterator[str]:
    """Who sends this and why, and how to end it: the last paragraphs of every email."""
    words = dress.words
    yield wrapped(dress.reason)
    if dress.unsubscribe_url:
        yield linked(labelled(words, words.gettext(wording.UNSUBSCRIBE_AT_ONCE)), dress.unsubscribe_url)
        yield linked(labelled(words, words.gettext(wording.CHANGE)), dress.change_url)
    yield "\n".join(wrapped(line) for line in (dress.sender, *dress.postal_address))
    yield linked(labelled(words, words.gettext(wording.PRIVACY)), dress.privacy_url)
    yield linked(labelled(words, words.gettext(wording.WRITE_TO_US)), dress.contact)


def _links(letter: Letter) -> Iterator[str]:
    words = letter.words
    yield linked(labelled(words, words.gettext(wording.READ_ON_WEB)), letter.web_url)
    yield linked(labelled(words, words.gettext(wording.UNSUBSCRIBE)), letter.unsubscribe_url)


def _contents(letter: Letter) -> Iterator[Block]:
    if letter.contents:
        mask = letter.contents_mask
        yield Block(mask=mask, text=_paragraphs(underlined(letter.words.gettext(wording.CONTENTS_HEADING))))
        for line in letter.contents:
            yield Block(mask=line.mask, text=f"{wrapped(line.title, mark='* ')}\n")
        yield Block(mask=mask, text="\n")


def _notices(words: Words, notices: Iterable[NoticeText]) -> Iterator[str]:
    yield underlined(words.gettext(wording.NOTICES_HEADING))
    for notice in notices:
        yield linked(notice.title, notice.url)
        yield wrapped(f"{notice.date}. {notice.text}")
    yield wrapped(words.gettext(wording.NOTICE_CARE))


def _item(words: Words, item: ItemText) -> Iterator[str]:
    yield linked(item.title, item.url, mark=number(item.number))
    if item.notice:
        yield wrapped(f"{labelled(words, item.notice_label)} {item.notice}")
    if item.takeaway:
        yield _headed(words, item.takeaway_heading, item.takeaway)
    if item.advice:
        yield _headed(words, item.advice_heading, item.advice)
    if item.care:
        yield wrapped(item.care)
    yield _headed(words, words.gettext(wording.CAVEAT_HEADING), item.caveat)
    if item.details:
        yield "\n".join(linked(f"{labelled(words, detail.label)} {detail.text}", detail.url) for detail in item.details)


def _titles(letter: Letter) -> Iterator[Block]:
    if letter.titles:
        yield Block(mask=letter.titles_mask, text=_paragraphs(underlined(letter.words.gettext(wording.TITLES_HEADING))))
        for title in letter.titles:
            yield Block(mask=title.mask, text=_paragraphs(linked(title.title, title.url)))
    if letter.rest:
        yield Block(mask=letter.rest_mask, field="rest", text=field_text("rest", letter.rest, letter))


def _about(letter: Letter) -> Iterator[str]:
    words = letter.words
    yield underlined(words.gettext(wording.ABOUT_HEADING))
    yield wrapped(words.gettext(wording.DISCLAIMER))
    if letter.edition is not Edition.COMPACT:
        yield wrapped(words.gettext(wording.RATINGS))
    yield wrapped(words.gettext(wording.NO_TRACKING))


def _paragraphs(*texts: str) -> str:
    return "".join(f"{text}\n\n" for text in texts)


def _headed(words: Words, heading: str, sentences: Iterable[str]) -> str:
    text = wrapped(" ".join(sentences))
    return f"{labelled(words, heading)}\n{text}" if heading else text


def underlined(text: str) -> str:
    """A heading."""
    lines = wrapped(text)
    return f"{lines}\n{'-' * max(map(len, lines.splitlines()), default=0)}"


def linked(text: str, url: str, *, mark: str = "") -> str:
    """Words, and under them the whole address, alone on its line; the words alone where there is none."""
    return wrapped(text, mark=mark) + (f"\n{url}" if url else "")


def wrapped(text: str, *, mark: str = "") -> str:
    """Words are never broken, so a long one may stand alone on a longer line."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
