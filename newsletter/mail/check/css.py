"""A small reader of CSS: declarations, style blocks, and the simple selectors that mail programs know.

It is stricter than a browser. What it cannot read is called a flaw, so that what it computes is what people see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DECLARATION = re.compile(r"\s*([-A-Za-z]+)\s*:\s*(.+?)\s*", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important$", re.IGNORECASE)
_SIMPLE = re.compile(
    r"""(?P<tag>\*|[A-Za-z][A-Za-z0-9]*)|\.(?P<class>[\w-]+)|\#(?P<id>[\w-]+)|(?P<root>:root)"""
    r"""|\[(?P<name>[\w-]+)(?:(?P<how>[~^*]?=)["']?(?P<value>[^"'\]]*)["']?)?\]"""
)
_MEDIA = re.compile(r"\(\s*([a-z-]+)\s*:\s*([^()]+?)\s*\)")


class Declaration(NamedTuple):
    """`name` is in lower case, `value` as it stands without `!important`."""

    name: str
    value: str
    important: bool


class Simple(NamedTuple):
    """One condition on an element: on its tag, or on an attribute."""

    name: str
    how: str
    value: str


class Node(Protocol):
    """What a selector looks at."""

    @property
    def tag(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def parent(self) -> Node | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Compounds from the outermost to the element itself; `child` says which must be a child of the one before."""

    compounds: tuple[tuple[Simple, ...], ...]
    child: tuple[bool, ...]
    specificity: tuple[int, int, int]

    def matches(self, node: Node) -> bool:
        return self._matches(node, len(self.compounds) - 1)

    def _matches(self, node: Node, place: int) -> bool:
        if not all(_holds(simple, node) for simple in self.compounds[place]):
            return False
        if place == 0:
            return True
        above = node.parent
        while above is not None:
            if self._matches(above, place - 1):
                return True
            above = None if self.child[place] else above.parent
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`media` is the condition of the @media around it; None where there is none."""

    selectors: tuple[Selector, ...]
    declarations: tuple[Declaration, ...]
    media: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """`unread` are the pieces that could not be read, `at_rules` the names of @ rules, `nested` those inside another."""

    rules: tuple[Rule, ...]
    unread: tuple[str, ...]
    at_rules: tuple[str, ...]
    nested: tuple[str, ...]


@lru_cache(maxsize=1024)
def declarations(text: str) -> tuple[Declaration, ...]:
    """Those of a style attribute or a rule's body that can be read. An inlined page repeats few of them often."""
    return tuple(declaration for declaration, _ in _declared(text) if declaration is not None)


def unread_declarations(text: str) -> tuple[str, ...]:
    return tuple(piece for declaration, piece in _declared(text) if declaration is None)


def read_sheet(text: str) -> Sheet:
    rules: list[Rule] = []
    unread: list[str] = []
    at_rules: list[str] = []
    nested: list[str] = []
    for prelude, body in _blocks(_COMMENT.sub(" ", text)):
        if body is None:
            unread.append(prelude)
        elif not prelude.startswith("@"):
            _add_rule(prelude, body, None, rules, unread)
        else:
            at_rules.append(prelude.partition(" ")[0].lower())
            if prelude.lower().startswith("@media"):
                _add_media(prelude[6:].strip(), body, rules, unread, nested)
    return Sheet(rules=tuple(rules), unread=tuple(unread), at_rules=tuple(at_rules), nested=tuple(nested))


def media_holds(media: str | None, *, dark: bool, narrow: bool) -> bool:
    """Whether a condition of `@media` holds on a screen, 320 pixels wide where `narrow`, else 800."""
    if media is None:
        return True
    return any(_query_holds(query.strip().lower(), dark=dark, narrow=narrow) for query in media.split(","))


def _query_holds(query: str, *, dark: bool, narrow: bool) -> bool:
    width = 320 if narrow else 800
    if re.search(r"\bprint\b|\bnot\b", query):
        return False
    for name, value in _MEDIA.findall(query):
        pixels = int(value[:-2]) if re.fullmatch(r"\d+px", value) else 0
        known = {
            "prefers-color-scheme": value == ("dark" if dark else "light"),
            "max-width": width <= pixels,
            "min-width": width >= pixels,
            "max-device-width": width <= pixels,
        }
        if not known.get(name, False):
            return False
    return True


def _declared(text: str) -> Iterator[tuple[Declaration | None, str]]:
    for piece in _cut(_COMMENT.sub(" ", text)):
        found = _DECLARATION.fullmatch(piece)
        if found is None or re.search(r"[{}]", piece):
            yield None, piece.strip()
        else:
            value = _IMPORTANT.sub("", found[2])
            yield Declaration(found[1].lower(), value, value != found[2]), piece


def _cut(text: str) -> Iterator[str]:
    """At each semicolon outside quotes and parentheses; empty pieces are left out."""
    pieces = re.findall(r"""(?:[^;"'(]|"[^"]*"|'[^']*'|\([^)]*\)|["'(])+""", text)
    yield from (piece for piece in pieces if piece.strip())


def _blocks(text: str) -> Iterator[tuple[str, str | None]]:
    """Each prelude with its body; None as a body where braces or a semicolon stand where none may."""
    start = depth = opened = 0
    prelude = ""
    for found in re.finditer(r"""[{};]|"[^"]*"|'[^']*'""", text):
        sign = found[0]
        if sign == "{":
            depth += 1
            if depth == 1:
                prelude, opened = text[start : found.start()].strip(), found.end()
        elif sign == "}":
            depth -= 1
            if depth == 0:
                yield prelude, text[opened : found.start()]
            if depth <= 0:
                start = found.end()
            if depth < 0:
                yield "}", None
                depth = 0
        elif sign == ";" and depth == 0:
            yield text[start : found.end()].strip(), None
            start = found.end()
    rest = text[start:].strip()
    if rest:
        yield rest, None


def _add_media(media: str, body: str, rules: list[Rule], unread: list[str], nested: list[str]) -> None:
    for prelude, inner in _blocks(body):
        if prelude.startswith("@"):
            nested.append(prelude)
        elif inner is None:
            unread.append(prelude)
        else:
            _add_rule(prelude, inner, media, rules, unread)


def _add_rule(prelude: str, body: str, media: str | None, rules: list[Rule], unread: list[str]) -> None:
    selectors = [(text.strip(), _selector(text.strip())) for text in prelude.split(",")]
    unread += [text for text, selector in selectors if selector is None]
    unread += unread_declarations(body)
    known = tuple(selector for _, selector in selectors if selector is not None)
    rules.append(Rule(selectors=known, declarations=declarations(body), media=media))


def _selector(text: str) -> Selector | None:
    pieces = re.sub(r"\s*>\s*", " > ", text).split()
    compounds: list[tuple[Simple, ...]] = []
    child: list[bool] = []
    is_child = False
    for piece in pieces:
        if piece == ">":
            is_child = True
            continue
        compound = _compound(piece)
        if compound is None:
            return None
        compounds.append(compound)
        child.append(is_child)
        is_child = False
    if not compounds or is_child:
        return None
    return Selector(compounds=tuple(compounds), child=tuple(child), specificity=_specificity(compounds))


def _compound(text: str) -> tuple[Simple, ...] | None:
    simples: list[Simple] = []
    place = 0
    while place < len(text):
        found = _SIMPLE.match(text, place)
        if found is None:
            return None
        simples.append(_simple(found))
        place = found.end()
    return tuple(simples)


def _simple(found: re.Match[str]) -> Simple:
    if found["tag"]:
        return Simple("", "tag", found["tag"].lower())
    if found["class"]:
        return Simple("class", "~=", found["class"])
    if found["id"]:
        return Simple("id", "=", found["id"])
    if found["root"]:
        return Simple("", "root", "")
    return Simple(found["name"].lower(), found["how"] or "has", found["value"] or "")


def _holds(simple: Simple, node: Node) -> bool:
    if simple.how == "tag":
        return simple.value in {"*", node.tag}
    if simple.how == "root":
        return node.tag == "html"
    value = node.attributes.get(simple.name)
    if value is None:
        return False
    return {
        "has": True,
        "=": value == simple.value,
        "~=": simple.value in value.split(),
        "^=": value.startswith(simple.value),
        "*=": simple.value in value,
    }[simple.how]


def _specificity(compounds: list[tuple[Simple, ...]]) -> tuple[int, int, int]:
    simples = [simple for compound in compounds for simple in compound]
    ids = sum(1 for simple in simples if simple.name == "id" and simple.how == "=")
    tags = sum(1 for simple in simples if simple.how == "tag" and simple.value != "*")
    stars = sum(1 for simple in simples if simple.how == "tag" and simple.value == "*")
    return ids, len(simples) - ids - tags - stars, tags
