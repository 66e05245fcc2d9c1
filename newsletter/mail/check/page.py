"""The HTML as a tree in document order, and what people see of it: elements, texts, paragraphs, links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from newsletter.mail.check.css import Sheet, declarations, read_sheet

_INLINE = frozenset((
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "samp", "small", "span",
    "strong", "sub", "sup", "time", "u", "var", "wbr",
))  # fmt: skip
_NO_TEXT = frozenset(("script", "style", "title", "template", "noscript", "head"))
_HEADING = re.compile(r"h[1-6]")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Element:
    """`attributes` have lower-case names; one without a value is the empty string."""

    tag: str
    attributes: Mapping[str, str]
    parent: Element | None

    def above(self) -> Iterator[Element]:
        """The element itself and those around it, outwards."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    @property
    def block(self) -> Element:
        """The paragraph, cell or other block in which the element stands."""
        return next((each for each in self.above() if each.tag not in _INLINE), self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Text:
    """A piece of text that is no script and no style."""

    parent: Element
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Words that stand together, white space as single spaces. `element` is the block that holds them."""

    element: Element
    text: str

    @property
    def is_heading(self) -> bool:
        return _HEADING.fullmatch(self.element.tag) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`alone`: its paragraph holds no other words."""

    element: Element
    href: str
    words: str
    alone: bool


class Titled(NamedTuple):
    """A heading and the link in it; empty where there is none."""

    words: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Page:
    source: str
    nodes: tuple[Element | Text, ...]  #: in document order
    comments: tuple[str, ...]

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Element))

    def tagged(self, *tags: str) -> tuple[Element, ...]:
        return tuple(element for element in self.elements if element.tag in tags)

    @cached_property
    def root(self) -> Element:
        return self.elements[0]

    @cached_property
    def bare(self) -> str:
        """The source without comments: what everybody but Outlook reads."""
        return re.sub(r"<!--.*?-->", "", self.source, flags=re.DOTALL)

    @cached_property
    def style_blocks(self) -> tuple[str, ...]:
        return tuple(re.findall(r"<style\b[^>]*>(.*?)</style\s*>", self.bare, re.DOTALL | re.IGNORECASE))

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        return tuple(read_sheet(block) for block in self.style_blocks)

    @cached_property
    def hidden(self) -> frozenset[Element]:
        """Elements that nobody sees, as their own styles say, and all within them."""
        gone: set[Element] = set()
        for element in self.elements:
            if element.parent in gone or element.tag in _NO_TEXT or _hides(element):
                gone.add(element)
        return frozenset(gone)

    @cached_property
    def texts(self) -> tuple[Text, ...]:
        """Every piece of text that people see."""
        return tuple(
            node
            for node in self.nodes
            if isinstance(node, Text) and node.text.strip() and node.parent not in self.hidden
        )

    @cached_property
    def paragraphs(self) -> tuple[Paragraph, ...]:
        return tuple(_paragraphs(self))

    @cached_property
    def links(self) -> tuple[Link, ...]:
        return tuple(_links(self))

    @cached_property
    def headings(self) -> tuple[Titled, ...]:
        """Those below h1, in order."""
        hrefs = {link.element.block: link.href for link in reversed(self.links)}
        return tuple(
            Titled(each.text, hrefs.get(each.element, ""))
            for each in self.paragraphs
            if each.is_heading and each.element.tag != "h1"
        )

    @cached_property
    def words(self) -> str:
        """All that people see, one paragraph a line."""
        return "\n".join(paragraph.text for paragraph in self.paragraphs)

    @cached_property
    def preheader(self) -> tuple[Element, str] | None:
        """The hidden element whose text comes first of all in the body; None where what comes first can be seen."""
        for node in self.nodes:
            if isinstance(node, Text) and node.text.strip() and not _outside_body(node):
                return (node.parent, self.text_in(node.parent)) if node.parent in self.hidden else None
        return None

    def text_in(self, element: Element) -> str:
        pieces = (node.text for node in self.nodes if isinstance(node, Text) and element in node.parent.above())
        return squeezed("".join(pieces))


def read_page(html: str) -> Page:
    """The page as a browser takes it apart. No input makes it fail."""
    nodes: list[Element | Text] = []
    comments: list[str] = []
    made: dict[int, Element] = {}
    root = LexborHTMLParser(html).root
    for node in () if root is None else root.traverse(include_text=True):
        parent = made.get(node.parent.mem_id) if node.parent is not None else None
        if node.is_element_node:
            made[node.mem_id] = element = _element(node, parent)
            nodes.append(element)
        elif node.is_text_node and parent is not None and parent.tag not in _NO_TEXT:
            nodes.append(Text(parent=parent, text=node.text_content or ""))
        elif node.is_comment_node:
            comments.append(node.comment_content or "")
    return Page(source=html, nodes=tuple(nodes), comments=tuple(comments))


def squeezed(text: str) -> str:
    return " ".join(text.split())


def _element(node: LexborNode, parent: Element | None) -> Element:
    attributes = {name.lower(): value or "" for name, value in node.attributes.items()}
    return Element(tag=(node.tag or "").lower(), attributes=attributes, parent=parent)


def _hides(element: Element) -> bool:
    said = {each.name: each.value.lower() for each in declarations(element.attributes.get("style", ""))}
    return said.get("display") == "none" or said.get("visibility") == "hidden" or "hidden" in element.attributes


def _outside_body(text: Text) -> bool:
    return not any(element.tag == "body" for element in text.parent.above())


def _paragraphs(page: Page) -> Iterator[Paragraph]:
    block = page.root
    pieces: list[str] = []
    for node in page.nodes:
        if node in page.hidden or (isinstance(node, Text) and node.parent in page.hidden):
            continue
        within = node.parent.block if isinstance(node, Text) else node.block
        if within is not block or (isinstance(node, Element) and node.tag == "br"):
            yield from _paragraph(block, pieces)
            pieces = []
            block = within
        if isinstance(node, Text):
            pieces.append(node.text)
    yield from _paragraph(block, pieces)


def _paragraph(block: Element, pieces: list[str]) -> Iterator[Paragraph]:
    text = squeezed("".join(pieces))
    if text:
        yield Paragraph(element=block, text=text)


def _links(page: Page) -> Iterator[Link]:
    words: dict[Element, str] = {}
    for text in page.texts:
        link = next((element for element in text.parent.above() if element.tag == "a"), None)
        if link is not None:
            words[link] = words.get(link, "") + text.text
    lines = {(paragraph.element, paragraph.text) for paragraph in page.paragraphs}
    for element in page.tagged("a"):
        if element not in page.hidden and "href" in element.attributes:
            said = squeezed(words.get(element, ""))
            alone = (element.block, said) in lines
            yield Link(element=element, href=element.attributes["href"].strip(), words=said, alone=alone)
