"""The HTML as a document: what screen readers, Outlook and strict parsers need of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from newsletter.mail.check.css import declarations, unread_declarations
from newsletter.mail.check.finding import Flaw, quoted
from newsletter.mail.check.page import Element, Page

_ACTIVE = frozenset((
    "applet", "audio", "base", "button", "canvas", "dialog", "embed", "form", "frame", "frameset", "iframe", "input",
    "math", "object", "option", "script", "select", "svg", "template", "textarea", "track", "video",
))  # fmt: skip
_DATA = frozenset(("th", "caption", "thead", "tfoot", "colgroup"))
_METAS = ("format-detection", "x-apple-disable-message-reformatting", "color-scheme", "supported-color-schemes")
_CODE = re.compile(r"\s*(?:javascript|vbscript|data):", re.IGNORECASE)
_FILE_NAME = re.compile(r"[\w-]+\.(?:png|jpe?g|gif|webp|svg)|(?:img|image|dsc|screenshot)[\W_]*\d*", re.IGNORECASE)
_INVISIBLE = re.compile(
    "[\u00a0\u00ad\u034f\u061c\u115f\u17b4\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]"
)
_SCHEME = re.compile(r"light\s+dark|dark\s+light")
_LIMIT_OF_STYLE = 16_384
_SIZE_TO_WARN, _SIZE_LIMIT = 75_000, 90_000


def structure_flaws(page: Page) -> Iterator[Flaw]:
    for rule in (
        _size, _doctype, _language, _head, _tables, _headings, _images, _active, _styles, _outlook, _preheader, _dark,
    ):  # fmt: skip
        yield from rule(page)


def _size(page: Page) -> Iterator[Flaw]:
    size = len(page.source.encode())
    if size > _SIZE_LIMIT:
        yield Flaw("M-SIZE-LIMIT", "HTML", f"the HTML has {size} bytes")
    elif size >= _SIZE_TO_WARN:
        yield Flaw("M-SIZE", "HTML", f"the HTML has {size} bytes")


def _doctype(page: Page) -> Iterator[Flaw]:
    if not page.source.startswith("<!DOCTYPE html>"):
        yield Flaw("M-DOCTYPE", "HTML", f"it starts with {quoted(page.source[:40])}")


def _language(page: Page) -> Iterator[Flaw]:
    root = page.root.attributes
    if not root.get("lang") or root.get("dir") not in {"ltr", "rtl", "auto"}:
        yield Flaw(
            "M-HTML-LANGUAGE", "html", f"html has lang {quoted(root.get('lang'))}, dir {quoted(root.get('dir'))}"
        )
    for text in page.texts:
        inside = [element for element in text.parent.above() if element.tag not in {"html", "body"}]
        told = [element for element in inside if element.attributes.get("lang") and "dir" in element.attributes]
        if not any(element.attributes["lang"] == root.get("lang") for element in told):
            yield Flaw("M-HTML-LANGUAGE", "body", f"no element inside body says the language of {quoted(text.text)}")
            return


def _head(page: Page) -> Iterator[Flaw]:
    title = re.search(r"<title\b[^>]*>(.*?)</title", page.bare, re.DOTALL | re.IGNORECASE)
    if title is None or not title[1].strip():
        yield Flaw("M-TITLE", "head", "there is no title" if title is None else "the title is empty")
    metas = page.tagged("meta")
    named = {meta.attributes.get("name", "").lower(): meta.attributes.get("content", "") for meta in metas}
    if [meta.attributes["charset"].lower() for meta in metas if "charset" in meta.attributes] != ["utf-8"]:
        yield Flaw("M-META", "head", 'there is no one meta charset="utf-8"')
    for name in ("viewport", *_METAS):
        if name not in named or ("scheme" in name and not _SCHEME.fullmatch(named[name].strip())):
            yield Flaw("M-META", "head", f"meta {name} is {quoted(named.get(name))}")
    if re.search(r"user-scalable\s*=\s*(?:no|0)|maximum-scale", named.get("viewport", "").lower()):
        yield Flaw("M-ZOOM", "head", f"the viewport is {quoted(named['viewport'])}")


def _tables(page: Page) -> Iterator[Flaw]:
    for number, table in enumerate(page.tagged("table"), 1):
        role = table.attributes.get("role")
        if role not in {"presentation", "none"}:
            yield Flaw("M-TABLE", f"table {number}", f"its role is {quoted(role)}")
    for element in page.tagged(*_DATA):
        yield Flaw("M-TABLE", element.tag, f"there is an element {element.tag} in a table for layout")
    for comment in page.comments:
        for table in re.findall(r"<table\b[^>]*>", comment, re.IGNORECASE):
            if not re.search(r"\brole\s*=\s*[\"']?(?:presentation|none)\b", table):
                yield Flaw("M-TABLE", "Outlook's comment", f"there is {quoted(table)}")


def _headings(page: Page) -> Iterator[Flaw]:
    elements = [element for element in page.tagged("h1", "h2", "h3", "h4", "h5", "h6") if element not in page.hidden]
    levels = [int(element.tag[1]) for element in elements]
    if levels.count(1) != 1 or levels[0] != 1:
        yield Flaw(
            "M-HEADINGS", "headings", f"there are {levels.count(1)} h1, and the first heading is {_first(levels)}"
        )
    for before, element in zip(levels, elements[1:], strict=False):
        if int(element.tag[1]) > before + 1:
            words = quoted(page.text_in(element))
            yield Flaw("M-HEADINGS", element.tag, f"after h{before} comes {element.tag} {words}")
    for element in elements:
        if not page.text_in(element):
            yield Flaw("M-HEADINGS", element.tag, f"an {element.tag} is empty")


def _first(levels: list[int]) -> str:
    return f"h{levels[0]}" if levels else "missing"


def _images(page: Page) -> Iterator[Flaw]:
    for number, image in enumerate(page.tagged("img"), 1):
        place = f"img {number}"
        alt, sizes = image.attributes.get("alt"), [image.attributes.get(name, "") for name in ("width", "height")]
        if alt is None or _FILE_NAME.fullmatch(alt.strip()) or not all(sizes):
            yield Flaw("M-IMAGE", place, f"alt is {quoted(alt)}, width and height are {quoted(' and '.join(sizes))}")
        if image in page.hidden or any(size.removesuffix("px") in {"0", "1"} for size in (*sizes, *_sizes(image))):
            yield Flaw("M-PIXEL", place, "a picture is hidden or has a side of 1 pixel or less")


def _sizes(image: Element) -> list[str]:
    said = declarations(image.attributes.get("style", ""))
    return [each.value for each in said if each.name in {"width", "height", "max-width", "max-height"}]


def _active(page: Page) -> Iterator[Flaw]:
    for element in page.elements:
        if element.tag in _ACTIVE:
            yield Flaw("M-ACTIVE", element.tag, f"there is an element {element.tag}")
        for name, value in element.attributes.items():
            code = name in {"href", "src", "action", "formaction", "background"} and _CODE.match(value)
            if name.startswith("on") or (code and element.tag != "img"):
                yield Flaw("M-ACTIVE", element.tag, f"{element.tag} has {name}={quoted(value)}")
        refresh = element.attributes.get("http-equiv", "").lower() == "refresh"
        if element.tag == "meta" and refresh:
            yield Flaw("M-ACTIVE", "head", "there is a meta refresh")


def _styles(page: Page) -> Iterator[Flaw]:
    size = sum(map(len, page.style_blocks))
    if size > _LIMIT_OF_STYLE:
        yield Flaw("M-STYLE-SIZE", "style", f"style blocks have {size} characters")
    for sheet in page.sheets:
        for prelude in sheet.nested:
            yield Flaw("M-STYLE-NESTED", "style", f"there is {quoted(prelude)} inside an @ rule")
        for piece in sheet.unread:
            if not piece.lower().startswith("@import"):  # what is loaded from elsewhere has a rule of its own
                yield Flaw("M-STYLE", "style", f"there is {quoted(piece)}")
        for name in sheet.at_rules:
            if name not in {"@media", "@keyframes", "@-webkit-keyframes", "@font-face"}:
                yield Flaw("M-STYLE", "style", f"there is a rule {name}")
    for element in page.elements:
        for piece in unread_declarations(element.attributes.get("style", "")):
            yield Flaw("M-STYLE", element.tag, f"a style attribute has {quoted(piece)}")


def _outlook(page: Page) -> Iterator[Flaw]:
    if re.search(r"<!\[if|<!\[endif\](?!-->)", page.bare) or any("<![if" in comment for comment in page.comments):
        yield Flaw("M-CONDITIONAL", "HTML", "there is <![if outside a comment")
    mso = [comment for comment in page.comments if re.match(r"\s*\[if\b[^\]]*mso", comment)]
    if not any("<table" in comment for comment in mso) or not any("PixelsPerInch" in comment for comment in mso):
        yield Flaw("M-OUTLOOK", "Outlook's comments", "there is no ghost table or no PixelsPerInch")
    hrefs = {link.href for link in page.links}
    for href in re.findall(r"\bhref\s*=\s*[\"']([^\"']+)", " ".join(mso)):
        if href not in hrefs:
            yield Flaw("M-OUTLOOK", "Outlook's comments", f"{quoted(href)} stands in a comment alone")
    for element in page.elements:
        for name, value, _ in declarations(element.attributes.get("style", "")):
            if (name == "display" and re.search(r"flex|grid", value)) or re.search(r"[\d.]rem\b", value):
                yield Flaw("M-OUTLOOK", element.tag, f"{element.tag} has {name}: {value}")


def _preheader(page: Page) -> Iterator[Flaw]:
    if page.preheader is None:
        yield Flaw("M-PREHEADER", "body", "the first text is no hidden preheader")
    else:
        element, text = page.preheader
        around = [each.attributes for each in element.above()]
        shown = [each for each in around if re.search(r"mso-hide\s*:\s*all", each.get("style", ""))]
        padding = len(_INVISIBLE.findall(text))
        if not shown or not any(each.get("aria-hidden") == "true" for each in around) or padding > 20:
            what = f"{padding} invisible characters" if padding > 20 else "no mso-hide: all or no aria-hidden"
            yield Flaw("M-PREHEADER", "preheader", f"it has {what}")
        words = len(_INVISIBLE.sub("", text).strip())
        if not 40 <= words <= 130:
            yield Flaw("M-PREHEADER-LENGTH", "preheader", f"it has {words} characters")
    yield from _hidden(page)


def _hidden(page: Page) -> Iterator[Flaw]:
    first = page.preheader[0] if page.preheader else None
    for element in page.hidden:
        outermost = element.parent not in page.hidden and element.tag != "head"
        if outermost and (first is None or element not in first.above()):
            text = page.text_in(element)
            if text:
                yield Flaw("M-HIDDEN", element.tag, f"{quoted(text)} is hidden")


def _dark(page: Page) -> Iterator[Flaw]:
    rules = [rule for sheet in page.sheets for rule in sheet.rules]
    on_root = [
        each.value for rule in rules if rule.media is None for each in rule.declarations if each.name == "color-scheme"
    ]
    if not any(_SCHEME.fullmatch(value) for value in on_root):
        yield Flaw("M-DARK", "style", "there is no color-scheme: light dark")
    dark = [rule for rule in rules if re.search(r"prefers-color-scheme\s*:\s*dark", rule.media or "")]
    if not dark:
        yield Flaw("M-DARK", "style", "there is no @media (prefers-color-scheme: dark)")
    for rule in dark:
        for each in rule.declarations:
            if not each.important:
                yield Flaw("M-DARK", "style", f"a dark rule has {each.name}: {each.value} without !important")
