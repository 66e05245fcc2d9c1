"""A piece of HTML in an entry: harmless, balanced, with whole addresses and alternative texts.

It is stricter than a browser. What a browser would take for a tag is either read here as the same tag, or called a flaw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from itertools import islice

from newsletter.feeds.check.finding import Flaw, quoted
from newsletter.feeds.check.values import host_of, is_web_address

_VOID = frozenset(("br", "hr", "img", "wbr"))
_PLAIN = _VOID | frozenset((
    "a", "abbr", "article", "aside", "b", "blockquote", "caption", "cite", "code", "dd", "details", "div", "dl", "dt",
    "em", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "i", "li", "ol", "p", "pre",
    "q", "section", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "time",
    "tr", "u", "ul",
))  # fmt: skip
_DANGEROUS = frozenset((
    "applet", "audio", "base", "button", "canvas", "dialog", "embed", "form", "frame", "frameset", "iframe", "input",
    "link", "math", "meta", "noembed", "noframes", "noscript", "object", "plaintext", "script", "select", "slot",
    "source", "style", "svg", "template", "textarea", "title", "track", "video", "xmp",
))  # fmt: skip
_ATTRIBUTES = frozenset((
    "alt", "aria-hidden", "aria-label", "aria-labelledby", "cite", "class", "colspan", "datetime", "dir", "headers",
    "height", "href", "hreflang", "id", "lang", "rel", "rowspan", "scope", "src", "srcset", "start", "title", "type",
    "width",
))  # fmt: skip
_ADDRESSES = frozenset(("href", "src", "cite"))
_LOADED = frozenset(("src", "srcset"))

_ATTRIBUTE = r"""[\s/]+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
_TAG = re.compile(rf"<(/?)([A-Za-z][^\s/<>]*)((?:{_ATTRIBUTE})*+)\s*/?>")
_PARTS = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")
_TAG_LIKE = re.compile(r"<[A-Za-z/!?]")
_BLANK = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_CODE = ("javascript:", "vbscript:", "data:")
_MOST = 20  # flaws told of one piece
_SHORT = 16_384  # characters of a piece whose answer is kept


def content_flaws(html: str, host: str) -> tuple[tuple[str, str], ...]:
    """Codes with what was found. `host` is ours: nothing may be loaded from another."""
    return _judged(html, host) if len(html) <= _SHORT else _judged.__wrapped__(html, host)


@lru_cache(maxsize=512)
def _judged(html: str, host: str) -> tuple[tuple[str, str], ...]:
    """The same piece stands in three formats and in several feeds, one soon after the other: answers are kept a while."""
    return tuple(dict.fromkeys(islice(_flaws(html, host), _MOST)))


def at(place: str, flaws: tuple[tuple[str, str], ...]) -> Iterator[Flaw]:
    for code, found in flaws:
        yield Flaw(code, place, found)


def _flaws(html: str, host: str) -> Iterator[tuple[str, str]]:
    opened: list[str] = []
    end = 0
    for tag in _TAG.finditer(html):
        yield from _between(html, end, tag.start())
        end = tag.end()
        name = tag[2].casefold()
        if tag[1]:
            yield from _closed(name, opened)
            continue
        yield from _element(name, tag[3], host)
        if name not in _VOID:
            opened.append(name)
    yield from _between(html, end, len(html))
    for name in opened:
        yield "F-HTML", f"<{name}> is not closed"


def _between(html: str, start: int, end: int) -> Iterator[tuple[str, str]]:
    """What is no tag to us must be no tag to anybody."""
    like = _TAG_LIKE.search(html, start, end)
    if like:
        yield "F-HTML", f"{quoted(html[like.start() : min(end, like.start() + 40)])} is no proper tag"


def _closed(name: str, opened: list[str]) -> Iterator[tuple[str, str]]:
    if opened and opened[-1] == name:
        opened.pop()
        return
    yield "F-HTML", f"</{name}> closes nothing"
    if name in opened:
        del opened[len(opened) - 1 - opened[::-1].index(name) :]


def _element(name: str, attributes: str, host: str) -> Iterator[tuple[str, str]]:
    if name in _DANGEROUS:
        yield "F-SCRIPT", f"there is <{name}>"
    elif name not in _PLAIN:
        yield "F-MARKUP", f"there is {quoted(f'<{name}>')}"
    given = _attributes(attributes) if attributes else {}
    for attribute, value in given.items():
        yield from _attribute(name, attribute, value, host)
    if name == "img" and "alt" not in given:
        yield "F-ALT", f"the picture {quoted(given.get('src', ''))} has no alt"


def _attributes(text: str) -> dict[str, str]:
    """The first of a name counts, as in a browser; of the three ways to write a value one was used."""
    given: dict[str, str] = {}
    for matched in _PARTS.finditer(text):
        given.setdefault(matched[1].casefold(), unescape(matched[2] or matched[3] or matched[4] or ""))
    return given


def _attribute(element: str, name: str, value: str, host: str) -> Iterator[tuple[str, str]]:
    if name.startswith("on"):
        yield "F-SCRIPT", f"there is {name} on <{element}>"
    elif name == "style":
        yield "F-SCRIPT", f"there is a style on <{element}>"
    elif name not in _ATTRIBUTES:
        yield "F-MARKUP", f"there is {quoted(name)} on <{element}>"
    elif name == "srcset":
        for candidate in value.split(","):
            yield from _address(element, name, candidate.strip().partition(" ")[0], host)
    elif name in _ADDRESSES:
        yield from _address(element, name, value, host)


def _address(element: str, name: str, value: str, host: str) -> Iterator[tuple[str, str]]:
    bare = _BLANK.sub("", value).casefold()
    if bare.startswith(_CODE):
        yield "F-SCRIPT", f"{name} on <{element}> is {quoted(value)}"
    elif not (is_web_address(value) or (name == "href" and bare.startswith("mailto:") and bare == value.casefold())):
        yield "F-URL", f"{name} on <{element}> is {quoted(value)}"
    elif name in _LOADED and host_of(value) != host:
        yield "F-ELSEWHERE", f"{name} on <{element}> is {quoted(value)}"
