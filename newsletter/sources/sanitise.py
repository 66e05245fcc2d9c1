"""HTML of others, made harmless: as plain text.

`plain_paragraphs` is the text as a reader of the page would see it, `read_flow` the same with what is needed to find
parts in it. Both refuse what would take long or much memory to parse.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from selectolax.lexbor import LexborHTMLParser, LexborNode

from newsletter.errors import DocumentError
from newsletter.sources import base

TAGS_LIMIT = 20_000
ATTRIBUTES_LIMIT = 300
_OPEN_LIMIT = 200_000  # elements; a tag such as <b> that is never closed is opened again in each later paragraph

_SCHEMES = frozenset(("http", "https", "mailto"))
_UNSEEN = frozenset((
    "audio", "button", "canvas", "datalist", "del", "embed", "head", "iframe", "meter", "noembed",
    "noframes", "noscript", "object", "progress", "s", "script", "select", "strike", "style", "svg", "template",
    "textarea", "title", "video", "x-s", "x-strike",
))  # fmt: skip
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hgroup", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "p", "pre", "search", "section", "summary",
    "table", "tbody", "tfoot", "thead", "tr", "ul", "listing", "xmp", "plaintext",
))  # fmt: skip
_CELLS = frozenset(("td", "th"))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset(("dir", "menu", "ol", "ul"))
_PARTS = frozenset(("a", "mark", "span", "td", "th"))
_BULLET = "\u2022 "
_CELL = " | "
_NEAR = 8  # elements between a heading and the text in it, pieces of a raised figure

_TAG = re.compile(r"</?[a-zA-Z]")
_REOPENED = re.compile(r"<(/?)(?=(?:b|big|code|em|font|i|s|small|strike|strong|tt|u)[\s/>])", re.IGNORECASE)
_CROWDED = re.compile(
    r"""<[a-zA-Z][^\s/>]*+(?:[\s/]++[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'>][^\s>]*+)?+)?+)"""
    rf"{{{ATTRIBUTES_LIMIT + 1}}}"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # UAX 9, section 3.3.2
_NOTHING = re.compile("[\u00ad\u200b\u2060\ufeff]")  # soft hyphen, zero-width space, word joiner, byte order mark
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))\b", re.IGNORECASE)
_RAISED = str.maketrans("0123456789+-\u2212=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾")
_RAISED_FORM = re.compile(r"[0-9+\-\u2212=()]*[0-9][0-9+\-\u2212=()]*")
_WORD = re.compile(r"\w")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_POWER = re.compile(r"[+\-\u2212]?[0-9]")


# -- bounded parsing --------------------------------------------------------------------------------------------------


def parse_html(html: str) -> LexborHTMLParser:
    """A tree of `html`. Raises DocumentError `E-TOO-LARGE` for what would take long or much memory to parse."""
    return LexborHTMLParser(_checked(html))


def _checked(html: str) -> str:
    """`html` in a form whose tree is not much larger than itself, and not built in quadratic time."""
    html = _SURROGATES.sub("\ufffd", html)
    if len(html) > base.BYTES_LIMIT:
        raise DocumentError(base.E_TOO_LARGE, f"HTML with more than {base.BYTES_LIMIT:,} characters")
    tags = sum(1 for _ in _TAG.finditer(html))
    if tags > TAGS_LIMIT:
        raise DocumentError(base.E_TOO_LARGE, f"HTML with more than {TAGS_LIMIT:,} tags")
    if _CROWDED.search(html):
        raise DocumentError(base.E_TOO_LARGE, f"HTML with a tag of more than {ATTRIBUTES_LIMIT} attributes")
    reopened = sum(1 for found in _REOPENED.finditer(html) if not found[1])
    if reopened * tags > _OPEN_LIMIT:
        return _REOPENED.sub(r"<\1x-", html)
    return html


# -- text as it is seen -----------------------------------------------------------------------------------------------


def plain_paragraphs(html: str) -> tuple[str, ...]:
    """The text as a reader of the page would see it, one entry a block; a list's items keep their bullet or number.

    Pictures, hidden and struck-out text are left out, raised figures stay raised, cells of a row are parted by ` | `.
    Raises DocumentError `E-TOO-LARGE`.
    """
    return tuple(block.text for block in read_flow(parse_html(html)).blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of text. `level` is that of a heading (1 to 6) or 0, `node` the element it begins in.

    `text` begins with `marker` where it is an item of a list. `parts` are the texts of the links and the like that it
    consists of, without what separates them; none where other words stand between them.
    """

    text: str
    level: int
    node: LexborNode
    marker: str = ""
    parts: tuple[str, ...] = ()

    @property
    def bare(self) -> str:
        return self.text.removeprefix(self.marker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The blocks of a page in the order of reading. `spans` tells which of them an element holds, by its `mem_id`."""

    blocks: tuple[Block, ...]
    spans: dict[int, tuple[int, int]]

    def span(self, node: LexborNode) -> tuple[int, int]:
        """The first block of an element, and the one after its last."""
        return self.spans.get(node.mem_id, (0, 0))


def read_flow(tree: LexborHTMLParser, *, links: bool = False) -> Flow:
    """The blocks of `tree`. With `links` an address that its text does not show follows in parentheses.

    Pictures then leave their alternative text; else they do so only where it is a symbol, as stars are.
    """
    flow = _Builder(links=links)
    root = node = tree.body
    while node is not None and root is not None:  # no recursion, since pages may be nested deeply
        following = node.first_child if flow.enter(node) else None
        while following is None:
            flow.leave(node)
            if node.mem_id == root.mem_id:
                break
            following = node.next
            node = node if following is not None else _parent(node)
        node = following
    return Flow(blocks=tuple(flow.blocks), spans=flow.spans)


def _parent(node: LexborNode) -> LexborNode:
    parent = node.parent
    return node if parent is None else parent


class _Builder:
    """Collects pieces of text until their block ends. A piece knows the link or the like that it stands in."""

    def __init__(self, *, links: bool) -> None:
        self.blocks: list[Block] = []
        self.spans: dict[int, tuple[int, int]] = {}
        self._links = links
        self._pieces: list[tuple[str, int]] = []
        self._block_elements: list[LexborNode] = []
        self._starts: dict[int, int] = {}
        self._parts: list[int] = []
        self._in_link = 0
        self._text_seen = False
        self._raised: list[int] = []
        self._numbers: list[int | None] = []
        self._marker = ""
        self._breaks = 0

    def enter(self, node: LexborNode) -> bool:
        """Whether what is in it counts."""
        tag = node.tag or ""
        if node.is_text_node:
            self._text(node.text_content or "")
            return False
        if not node.is_element_node or tag in _UNSEEN or _is_hidden(node):
            return False
        if tag in _BLOCKS:
            self._end_block()
            self._enter_block(node, tag)
        else:
            self._enter_inline(node, tag)
        self._starts[node.mem_id] = len(self.blocks)
        return True

    def _enter_block(self, node: LexborNode, tag: str) -> None:
        self._block_elements.append(node)
        if tag in _LISTS:
            self._numbers.append(_first_number(node) if tag == "ol" else None)
        elif tag == "li":
            number = self._numbers[-1] if self._numbers else None
            self._marker = _BULLET if number is None else f"{number}. "
            if number is not None:
                self._numbers[-1] = number + 1

    def _enter_inline(self, node: LexborNode, tag: str) -> None:
        if tag in _PARTS:
            self._parts.append(self._parts[-1] if self._in_link else node.mem_id)
            self._in_link += tag == "a"
        if tag == "br":
            self._break()
        elif tag in _CELLS and self._text_seen:
            self._piece(_CELL)
        elif tag == "q":
            self._piece("\u201c")
        elif tag == "img":
            alternative = node.attributes.get("alt") or ""
            self._text(alternative if self._links or not _WORD.search(alternative) else "")
        elif tag == "sup":
            self._raised.append(len(self._pieces))

    def leave(self, node: LexborNode) -> None:
        start = self._starts.pop(node.mem_id, None)
        if start is None:
            return
        tag = node.tag or ""
        if tag in _BLOCKS:
            self._end_block()
            self._block_elements.pop()
            if tag in _LISTS:
                self._numbers.pop()
            elif tag == "li":
                self._marker = ""
        else:
            self._leave_inline(node, tag)
        self.spans[node.mem_id] = (start, len(self.blocks) + self._text_seen)

    def _leave_inline(self, node: LexborNode, tag: str) -> None:
        if tag == "q":
            self._piece("\u201d")
        elif tag == "sup":
            self._raise_from(self._raised.pop())
        elif tag == "a" and self._links:
            self._piece(self._address(node))
        if tag in _PARTS:
            self._parts.pop()
            self._in_link -= tag == "a"

    def _text(self, text: str) -> None:
        shown = _visible(text)
        if shown.strip():
            self._breaks = 0
            self._text_seen = True
        self._piece(shown)

    def _piece(self, text: str) -> None:
        if text:
            self._pieces.append((text, self._parts[-1] if self._parts else 0))

    def _break(self) -> None:
        """A second line break in a row is how some write paragraphs."""
        self._breaks += 1
        if self._breaks > 1:
            self._end_block()
        else:
            self._piece(" ")

    def _raise_from(self, start: int) -> None:
        """Ten to the sixth must not become a hundred and six."""
        pieces = self._pieces[start : start + _NEAR]
        text = "".join(text for text, _ in pieces).strip()
        before = self._pieces[start - 1][0] if start else ""
        if len(pieces) == _NEAR:
            return  # no figure has so many pieces
        if _RAISED_FORM.fullmatch(text):
            self._pieces[start:] = [(text.translate(_RAISED), pieces[0][1])]
        elif _POWER.match(text) and before[-1:].isdigit():
            self._pieces[start:] = [(f"^{text}", pieces[0][1])]

    def _address(self, node: LexborNode) -> str:
        href = _visible(node.attributes.get("href") or "").strip()
        text = "".join(text for text, part in self._pieces if part == node.mem_id).strip()
        same = href.removeprefix("mailto:") == text or _SCHEME.sub("", href).rstrip("/") == text.rstrip("/")
        return "" if same or href == text or href.partition(":")[0].lower() not in _SCHEMES else f" ({href})"

    def _end_block(self) -> None:
        text = " ".join("".join(text for text, _ in self._pieces).split())
        if text.strip(" |") and any(unicodedata.category(character) not in {"Cf", "Mn"} for character in text):
            node = self._block_elements[-1]
            tags = [element.tag or "" for element in self._block_elements[-_NEAR:]]
            level = next((_HEADINGS[tag] for tag in tags if tag in _HEADINGS), 0)
            parts = _joined_parts(self._pieces)
            self.blocks.append(
                Block(text=self._marker + text, level=level, node=node, marker=self._marker, parts=parts)
            )
            self._marker = ""
        self._pieces.clear()
        self._raised = [0] * len(self._raised)
        self._breaks = 0
        self._text_seen = False


def _joined_parts(pieces: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    """The texts of neighbouring pieces of one part."""
    joined: list[str] = []
    for part, group in groupby(pieces, key=itemgetter(1)):
        text = " ".join("".join(text for text, _ in group).split())
        if part and _WORD.search(text):
            joined.append(text.strip(" ,;"))
        elif _WORD.search(text):
            return ()
    return tuple(joined)


def _visible(text: str) -> str:
    """White space is kept for later; control characters and noncharacters become spaces, as XML cannot hold them."""
    text = _NOTHING.sub("", _DIRECTIONS.sub("", text))
    if text.isprintable():
        return text
    return "".join(" " if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or ord(character) & 0xFFFE == 0xFFFE


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return "hidden" in attributes or _HIDDEN.search(attributes.get("style") or "") is not None


def _first_number(node: LexborNode) -> int:
    start = node.attributes.get("start") or ""
    return int(start) if re.fullmatch(r"[0-9]{1,6}", start) else 1
