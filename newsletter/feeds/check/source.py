"""From bytes to a parsed document: what a parser would hide is judged on the bytes. Nothing is expanded or fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lxml import etree

from newsletter.feeds.check.finding import Flaw, quoted
from newsletter.feeds.check.values import forbidden_character, host_of, is_character, is_web_address

_DECLARED = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
_DOCTYPE = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_LITERAL = re.compile(r"<!\[CDATA\[.*?\]\]>|<!--.*?-->", re.DOTALL)
_REFERENCE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(#x[0-9a-fA-F]+;|#[0-9]+;|[A-Za-z][\w.-]*;)?")


class Parsed(NamedTuple):
    """A document, or why there is none. `text` is the whole of it."""

    root: Any
    text: str
    flaws: tuple[Flaw, ...]


def parse_xml(data: bytes) -> Parsed:
    text, flaws = _decode(data)
    if not flaws:
        flaws = _xml_text_flaws(text)
    if flaws:
        return Parsed(None, text, flaws)
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        line = error.lineno or 0
        return Parsed(None, text, (Flaw("F-SYNTAX", f"line {line}", f"the parser says: {quoted(error.msg, 200)}"),))
    return Parsed(root, text, ())


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8")


def style_flaws(root: Any, host: str) -> Iterator[Flaw]:
    """The style sheets that a document names before its root."""
    for before in root.itersiblings(preceding=True):
        if before.tag is etree.PI and before.target == "xml-stylesheet":
            href = before.get("href")
            if before.get("type") != "text/css" or not is_web_address(href) or host_of(href) != host:
                yield Flaw(
                    "F-STYLE", "document", f"there is a style sheet of type {before.get('type')} at {quoted(href)}"
                )


def parse_json(data: bytes) -> Parsed:
    text, flaws = _decode(data)
    if flaws:
        return Parsed(None, text, flaws)
    try:
        root = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return Parsed(None, text, (Flaw("F-SYNTAX", f"line {error.lineno}", f"the parser says: {quoted(error.msg)}"),))
    except ValueError as error:
        return Parsed(None, text, (Flaw("F-SYNTAX", "document", str(error)),))
    except RecursionError:
        return Parsed(None, text, (Flaw("F-SYNTAX", "document", "values stand thousands deep in one another"),))
    return Parsed(root, text, ())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {quoted(next(name for name in names if names.count(name) > 1))} stands twice")
    return told


def _refuse(constant: str) -> Any:
    raise ValueError(f"the value {constant} is none of JSON")


def _decode(data: bytes) -> tuple[str, tuple[Flaw, ...]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return "", (Flaw("F-ENCODING", f"byte {error.start}", "the bytes are no UTF-8"),)
    if text.startswith("\ufeff"):
        return text, (Flaw("F-ENCODING", "byte 0", "there is a byte order mark"),)
    return text, ()


def _xml_text_flaws(text: str) -> tuple[Flaw, ...]:
    """Each kind once, at the first place: whatever comes after it is mostly the same mistake."""
    flaws: list[Flaw] = []
    declared = _DECLARED.match(text)
    if declared and declared[1].casefold() != "utf-8":
        flaws.append(Flaw("F-ENCODING", "line 1", f"the declaration says {quoted(declared[1])}"))
    if character := forbidden_character(text):
        flaws.append(Flaw("F-CHARACTER", "document", f"{character} stands in the text"))
    marked = _LITERAL.sub("", text) if "<!" in text else text
    if _DOCTYPE.search(marked):
        flaws.append(Flaw("F-DOCTYPE", "document", "there is a DOCTYPE"))
    return (*flaws, *_reference_flaws(marked))


def _reference_flaws(text: str) -> tuple[Flaw, ...]:
    flaws: dict[str, Flaw] = {}
    for matched in _REFERENCE.finditer(text):
        reference = matched[1] or ""
        if not reference.startswith("#"):
            flaws.setdefault("F-ENTITY", Flaw("F-ENTITY", "document", f"{quoted('&' + reference)} stands in the text"))
        elif not is_character(_number(reference)):
            flaws.setdefault("F-CHARACTER", Flaw("F-CHARACTER", "document", f"&{reference} stands in the text"))
    return tuple(flaws.values())


def _number(reference: str) -> int:
    digits = reference[1:-1]
    return int(digits[1:], 16) if digits.startswith("x") else int(digits[:20])
