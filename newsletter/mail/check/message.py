"""The door of the gate: one finished message in, everything that is wrong with it out. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newsletter.mail.check.content import content_flaws, judged
from newsletter.mail.check.expected import Expected
from newsletter.mail.check.fields import field_flaws, unsubscribe_url
from newsletter.mail.check.finding import Finding, Flaw, Severity, found
from newsletter.mail.check.links import host_of, link_flaws
from newsletter.mail.check.page import Page, read_page
from newsletter.mail.check.reading import reading_flaws
from newsletter.mail.check.structure import structure_flaws
from newsletter.mail.check.text import text_flaws, text_paragraphs
from newsletter.mail.check.wire import Message, read_message, wire_flaws
from newsletter.mail.check.words import word_flaws


def check_message(data: bytes, *, expected: Expected | None) -> tuple[Finding, ...]:
    """What is wrong with a message (RFC 5322) that is about to be sent, in the order of what people meet.

    `expected` says who sends it and what it was made of; without it only what the bytes alone tell is judged.
    """
    return tuple(found(_flaws(read_message(data), expected)))


def hard_problems(data: bytes, expected: Expected | None) -> tuple[str, ...]:
    """Why the message must not be sent: each error as a sentence; none for one that may go."""
    errors = (each for each in check_message(data, expected=expected) if each.severity is Severity.ERROR)
    return tuple(f"{each.code}, {each.place}: {each.message}. {each.why}" for each in errors)


def _flaws(message: Message, expected: Expected | None) -> Iterator[Flaw]:
    html, text = message.html, message.text
    page = read_page(html) if html is not None else None
    language = _language(message, expected)
    text_only = None if expected is None else expected.text_only
    yield from wire_flaws(message, language=language if expected else None, text_only=text_only)
    preheader = page.preheader[1] if page is not None and page.preheader else ""
    yield from field_flaws(message, expected, preheader)
    if page is not None:
        yield from _page_flaws(page, message, expected)
    if text is not None:
        yield from text_flaws(text, page, expected)
    yield from content_flaws(page, text, expected, unsubscribe_url(message), language)
    paragraphs = [each.text for each in page.paragraphs] if page is not None else text_paragraphs(text or "")
    yield from word_flaws(paragraphs, expected, language)


def _page_flaws(page: Page, message: Message, expected: Expected | None) -> Iterator[Flaw]:
    own_host = host_of(expected.site.base_url if expected is not None else unsubscribe_url(message) or "")
    yield from structure_flaws(page)
    sources = " \n ".join(expected.sources) if expected is not None else ""
    yield from reading_flaws(page, sources, _told(message, expected))
    yield from link_flaws(page, expected, own_host, unsubscribe_url(message))


def _told(message: Message, expected: Expected | None) -> Sequence[str]:
    """What people came to read: of a note the sentences of its text before the signature."""
    if expected is None:
        return ()
    if not expected.is_note:
        return expected.told
    paragraphs = text_paragraphs((message.text or "").partition("\n-- \n")[0])
    return [each for each in paragraphs if each.endswith((".", "!", "?"))]


def _language(message: Message, expected: Expected | None) -> str:
    told = [value for part in message.parts for value in part.values("Content-Language")]
    language = told[0] if told else "en"
    if expected is None:
        return language
    right = expected.language or expected.site.language
    if language == "en" and not judged(right):
        return language  # words that nobody has translated are English, and say so
    return right
