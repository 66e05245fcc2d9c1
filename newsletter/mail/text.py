"""The text part: an edition of its own, written from the letter and not scraped from the HTML.

Lines of at most 72 characters, each URL alone on its line and whole, headings in plain words, items numbered.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from newsletter.mail import wording
from newsletter.mail.letter import ItemText, Letter, NoticeText

_WIDTH = 72
_SIGNATURE = "-- "  # RFC 3676 4.3: mail readers fold away what follows


def write_text(letter: Letter) -> str:
    """The whole text part. Lines end with LF."""
    blocks = [
        *_head(letter),
        *_contents(letter),
        *_notices(letter),
        *_items(letter),
        *_titles(letter),
    ]
    return "\n\n".join(blocks) + f"\n\n{_SIGNATURE}\n" + "\n\n".join(_foot(letter)) + "\n"


def _head(letter: Letter) -> Iterator[str]:
    yield _underlined(letter.title)
    yield _wrapped(letter.period)
    yield _wrapped(letter.about_summaries)
    yield _wrapped(f"{letter.reading}.")
    yield _linked("Read this digest on the web:", letter.web_url)
    yield _linked("Unsubscribe:", letter.unsubscribe_url)


def _contents(letter: Letter) -> Iterator[str]:
    if letter.contents:
        yield _underlined(wording.CONTENTS_HEADING)
        yield "\n".join(_wrapped(title, mark="* ") for title in letter.contents)


def _notices(letter: Letter) -> Iterator[str]:
    if letter.notices:
        yield _underlined(wording.NOTICES_HEADING)
        for notice in letter.notices:
            yield from _notice(notice)
        yield _wrapped(wording.NOTICE_CARE)


def _notice(notice: NoticeText) -> Iterator[str]:
    yield _linked(notice.title, notice.url)
    yield _wrapped(f"{notice.date}. {notice.text}")


def _items(letter: Letter) -> Iterator[str]:
    for section in letter.sections:
        yield _underlined(section.heading)
        for item in section.items:
            yield from _item(item)


def _item(item: ItemText) -> Iterator[str]:
    yield _linked(f"{item.number}. {item.title}", item.url)
    if item.notice:
        yield _wrapped(f"{item.notice_label}: {item.notice}")
    if item.takeaway:
        heading = f"{item.takeaway_heading}:\n" if item.takeaway_heading else ""
        yield heading + _wrapped(item.takeaway)
    if item.advice:
        yield f"{item.advice_heading}:\n{_wrapped(' '.join(item.advice))}"
    if item.care:
        yield _wrapped(item.care)
    yield f"{wording.CAVEAT_HEADING}:\n{_wrapped(' '.join(item.caveat))}"
    details = "\n".join(_linked(f"{detail.label}: {detail.text}", detail.url) for detail in item.details)
    if details:
        yield details


def _titles(letter: Letter) -> Iterator[str]:
    if letter.titles:
        yield _underlined(wording.TITLES_HEADING)
        for title in letter.titles:
            yield _linked(title.title, title.url)
    if letter.rest:
        yield _linked(f"{letter.rest}:", letter.web_url)


def _foot(letter: Letter) -> Iterator[str]:
    yield _underlined(wording.ABOUT_HEADING)
    yield _wrapped(wording.DISCLAIMER)
    yield _wrapped(wording.RATINGS)
    yield _wrapped(wording.NO_TRACKING)
    yield _wrapped(letter.reason)
    yield _linked("Unsubscribe with one press:", letter.unsubscribe_url)
    yield "\n".join(_wrapped(line) for line in (letter.sender, *letter.postal_address))
    yield _linked("Write to us:", letter.contact)


def _underlined(text: str) -> str:
    wrapped = _wrapped(text)
    return f"{wrapped}\n{'-' * max(map(len, wrapped.splitlines()))}"


def _linked(text: str, url: str) -> str:
    return _wrapped(text) + (f"\n{url}" if url else "")


def _wrapped(text: str, *, mark: str = "") -> str:
    """Words are never broken, so a long one may stand alone on a longer line."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
