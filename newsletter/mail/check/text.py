"""The text part as an edition of its own (RFC 3676), and beside the HTML: the same links, words and order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from newsletter.mail.check.expected import Expected, one_line
from newsletter.mail.check.finding import Flaw, quoted
from newsletter.mail.check.page import Page, squeezed

_LONGEST = 78
_LEAST_WRAP = 66  #: where the next word would have ended a line later than this, the line was wrapped
_LEAST_SHARE = 0.6
_MOST = 5  #: places told of one rule of lines
URL = re.compile(r"https?://[^\s<>\"]+")
_TAG = re.compile(
    r"</?(?:a|b|body|br|div|em|h[1-6]|head|html|i|img|li|ol|p|span|strong|style|table|td|tr|u|ul)\b[^>\n]*>|<!--"
)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,6}|#x[0-9a-fA-F]{2,5});")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u115f\u17b4\u180e\u200b\u200c\u200d\u2060-\u2064\ufeff]")
#: An article's number. `9. bis 15. November 2026` is none, but how some languages write days.
_NUMBER = re.compile(r"^(\d{1,3})\. (?!(?:(?:[^\W\d]+|\d{1,2}\.) ){1,4}\d{4}\b)", re.MULTILINE)


def text_flaws(text: str, page: Page | None, expected: Expected | None) -> Iterator[Flaw]:
    """`page` is the HTML beside it, where there is one."""
    sources = " \n ".join(expected.sources) if expected is not None else ""
    yield from _line_flaws(text, sources)
    yield from _markup_flaws(text, sources)
    if text.split("\n").count("-- ") != 1:
        yield Flaw("M-TEXT-SIGNATURE", "text", f"there are {text.split(chr(10)).count('-- ')} such lines")
    numbers = [int(found) for found in _NUMBER.findall(text)]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Flaw("M-TEXT-NUMBERS", "text", f"the numbers are {', '.join(map(str, numbers[:12]))}")
    if page is not None:
        yield from _link_flaws(text, page)
        yield from _order_flaws(text, page)
        yield from _length_flaws(text, page)


def _line_flaws(text: str, sources: str) -> Iterator[Flaw]:
    lines = list(enumerate(text.split("\n"), 1))
    long = ((number, line) for number, line in lines if len(line) > _LONGEST and not _unbreakable(line))
    for number, line in islice(long, _MOST):
        yield Flaw("M-TEXT-LINE", f"text, line {number}", f"the line has {len(line)} characters")
    shared = ((number, line, url) for number, line in lines for url in URL.findall(line) if _shares(line, url))
    for number, line, url in islice(shared, _MOST):
        if url.rstrip(".,;:)") not in sources:
            yield Flaw("M-TEXT-URL", f"text, line {number}", f"beside the URL there is more in {quoted(line)}")


def _unbreakable(line: str) -> bool:
    """A URL, or a word that nearly fills a line by itself."""
    return "://" in line or max(map(len, line.split())) > _LONGEST - 18


def _shares(line: str, url: str) -> bool:
    return line.strip() not in {url, f"<{url}>"}


def _markup_flaws(text: str, sources: str) -> Iterator[Flaw]:
    for pattern, what in ((_TAG, "a tag"), (_ENTITY, "an entity"), (_INVISIBLE, "an invisible character")):
        for found in pattern.finditer(text):
            if found[0] not in sources:
                number = text.count("\n", 0, found.start()) + 1
                yield Flaw("M-TEXT-MARKUP", f"text, line {number}", f"there is {what}, {found[0]!a}")
                break


def _link_flaws(text: str, page: Page) -> Iterator[Flaw]:
    known = set(URL.findall(text)) | set(text.split())
    for link in page.links:
        target = link.href.partition("?")[0].removeprefix("mailto:") if link.href.startswith("mailto:") else link.href
        if target not in known and link.href not in known:
            yield Flaw("M-TEXT-LINKS", "text", f"the text has no {quoted(link.href, 100)}")


def _order_flaws(text: str, page: Page) -> Iterator[Flaw]:
    line, place = one_line(text).casefold(), 0
    for heading in page.headings:
        words = one_line(heading.words).casefold()
        at = line.find(words, place)
        if at < 0:
            what = "stands in another place" if words in line else "is missing"
            yield Flaw("M-TEXT-ORDER", "text", f"{quoted(heading.words)} {what}")
        else:
            place = at + len(words)
    urls = [heading.href for heading in page.headings if heading.href]
    lasts = [text.rfind(url) for url in urls if url in text]
    if lasts != sorted(lasts) and len(urls) == len(set(urls)):  # a notice and an article may lead to the same page
        yield Flaw("M-TEXT-ORDER", "text", "the links of the articles stand in another order")


def _length_flaws(text: str, page: Page) -> Iterator[Flaw]:
    written, shown = len(URL.sub("", text).split()), len(page.words.split())
    if written < shown * _LEAST_SHARE:
        yield Flaw("M-TEXT-SHORT", "text", f"the text has {written} words, the HTML {shown}")


def text_paragraphs(text: str) -> Sequence[str]:
    """The paragraphs of a text part: wrapped lines are joined again, URLs and underlines left out."""
    paragraphs: list[str] = []
    before = ""
    for line in text.split("\n"):
        if URL.fullmatch(line.strip()) or re.fullmatch(r"[-=~_* ]*", line):
            before = ""
        elif before and len(before) + 1 + len(line.split()[0]) > _LEAST_WRAP:
            paragraphs[-1] = squeezed(f"{paragraphs[-1]} {line}")
            before = line
        else:
            paragraphs.append(squeezed(line))
            before = line
    return paragraphs
