"""Markdown files with front matter: `*.md`, one article a file.

    ---
    title: A title
    topics: [Fatigue, Sleep]
    ---
    ## Key Takeaway
    ...

The front matter is YAML in which every value stays the text that was written: `no` is no, not false. Its keys are the
fields of an article but for the sections, which stand under their headings (CommonMark, with tables). HTML in the text
is not HTML but text. A link keeps its text, followed by its address in parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml
from markdown_it import MarkdownIt

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Facts
from newsletter.sources import base, divide
from newsletter.sources.base import Raw, Report, shorten, without_repeats
from newsletter.sources.fields import NAMES, document_of
from newsletter.sources.lines import read_text
from newsletter.sources.sanitise import Block, parse_html, read_flow
from newsletter.sources.sidecar import read_facts

_FRONT = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"---[ \t]*\n")
_FRONT_LIMIT = 16_000
_NESTING_LIMIT = 60
_BODY_LIMIT = 200_000  # characters; the parser takes the square of the time for some texts
_BRACKETS_LIMIT = 10_000
_SECTIONS = {
    divide.TAKEAWAY: "key_takeaway",
    divide.FOUND: "what_they_found",
    divide.CARE: "who_should_care",
    divide.CONSIDERATIONS: "considerations",
}
_KEYS = tuple(name for name in NAMES if name not in _SECTIONS.values() and name != "id")
_LISTS = ("topics",)


@dataclass(frozen=True, slots=True)
class Markdown:
    """The format: one article a file."""

    suffixes: tuple[str, ...] = (".md", ".markdown")

    def split(self, file: Raw) -> Iterator[Raw]:
        yield file

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:  # noqa: ARG002 - topics come apart
        return parse_markdown(raw)


def parse_markdown(raw: Raw) -> Document:
    """What a file says. Raises DocumentError where it cannot be used; its message names file, place and key."""
    report = Report(raw.name)
    text = read_text(report, raw.data)
    front, body = _divided(report, text)
    values = _front_matter(report, front)
    try:
        blocks = read_flow(parse_html(_rendered(report, body)), links=True).blocks
    except DocumentError as error:
        raise error if error.message.startswith(raw.name) else report.error(error.code, error.message) from None
    values |= _body(report, values, blocks)
    document = document_of(values, key=raw.key, report=report)
    return document if raw.facts is None else with_sidecar(document, raw.facts, raw.name)


def _divided(report: Report, text: str) -> tuple[str | None, str]:
    found = _FRONT.match(text)
    if found is None and _FENCE.match(text):
        raise report.error(base.E_FIELD, "the front matter has no end; right would be a line of three hyphens", 1)
    return (found[1], text[found.end() :]) if found else (None, text)


# -- front matter -----------------------------------------------------------------------------------------------------


class _Texts(yaml.BaseLoader):
    """Every value is a text, a list or a mapping. References, which can make small files huge, are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "references (*) are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            keys = [key.value for key, _ in node.value]
            again = next(key for key in keys if keys.count(key) > 1)
            raise yaml.constructor.ConstructorError(None, None, f"{shorten(again)} is given twice", node.start_mark)
        return mapping


def _front_matter(report: Report, front: str | None) -> dict[str, Any]:
    """The fields of the front matter. Raises DocumentError `E-FIELD`."""
    if front is None:
        return {}
    if len(front) > _FRONT_LIMIT:
        raise report.error(base.E_FIELD, f"the front matter has more than {_FRONT_LIMIT:,} characters", 1)
    try:
        found = yaml.load(front, Loader=_Texts)  # noqa: S506 - it makes nothing but texts, lists and mappings
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise report.error(base.E_FIELD, f"the front matter is not usable: {error.problem}", line) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise report.error(base.E_FIELD, "the front matter is not YAML, or is nested too deeply", 1) from error
    if not found:
        return {}
    if not isinstance(found, dict):
        raise report.error(base.E_FIELD, "the front matter is no list of keys with values, as in 'title: A title'", 1)
    return {_known_key(report, key): _value(key, value) for key, value in found.items()}


def _known_key(report: Report, key: Any) -> str:
    if key not in _KEYS:
        raise report.error(
            base.E_FIELD, f"{shorten(str(key))} is no key of front matter; the keys are {', '.join(_KEYS)}", 1
        )
    return str(key)


def _value(key: Any, value: Any) -> Any:
    """Topics may be a list or one text with commas."""
    if key not in _LISTS or not isinstance(value, str):
        return value
    return [topic.strip() for topic in value.split(",") if topic.strip()]


# -- the text ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "maxNesting": _NESTING_LIMIT + 10}).enable("table")


def _rendered(report: Report, body: str) -> str:
    """HTML of the text. What is nested deeper than the parser goes would be dropped in silence, so it is refused."""
    if len(body) > _BODY_LIMIT or body.count("[") > _BRACKETS_LIMIT:
        raise report.error(
            base.E_TOO_LARGE, f"more than {_BODY_LIMIT:,} characters or {_BRACKETS_LIMIT:,} brackets in the text"
        )
    renderer = _renderer()
    tokens = renderer.parse(body)
    inner = [child for token in tokens for child in token.children or ()]
    if any(token.level > _NESTING_LIMIT for token in (*tokens, *inner)):
        raise report.error(
            base.E_TOO_LARGE, f"lists, quotations or emphasis are nested more than {_NESTING_LIMIT} deep"
        )
    return str(renderer.renderer.render(tokens, renderer.options, {}))


def _body(report: Report, front: Mapping[str, Any], blocks: Collection[Block]) -> dict[str, Any]:
    """The fields that stand in the text: title, ratings, sections, topics."""
    parts = divide.divide(report, [(block.text, block.level) for block in blocks])
    ratings, lead = divide.ratings_in(report, parts[divide.LEAD])
    titles = [block.text for block in blocks if block.level == 1 and block.text in lead]
    values: dict[str, Any] = {_SECTIONS[part]: list(parts[part]) for part in divide.REQUIRED}
    stated = {name: rating for name, rating in ratings.items() if rating is not None and name not in front}
    values |= {name: f"{rating.value:g}/{rating.scale}" for name, rating in stated.items()}
    values |= _title(report, front, titles[:1])
    divide.leave_out(report, [line for line in lead if line not in titles[:1]], "above")
    if parts.get(divide.TOPICS) and "topics" not in front:
        values["topics"] = _topics([block for block in blocks if block.text in parts[divide.TOPICS]])
    for part in (divide.RELATED, divide.CLOSING):
        divide.leave_out(report, parts.get(part, ()), f"under {part!r}")
    return values


def _title(report: Report, front: Mapping[str, Any], titles: list[str]) -> dict[str, str]:
    """The page's own heading; the front matter's title where there is none."""
    given = front.get("title")
    if not titles:
        return {}
    if isinstance(given, str) and given.strip() and divide.name_of(given) != divide.name_of(titles[0]):
        if not set(divide.name_of(given).split()) & set(divide.name_of(titles[0]).split()):
            raise report.error(
                base.E_TITLE, f"the title is {shorten(given)} in the front matter and {shorten(titles[0])} in the text"
            )
        report.warn(
            base.W_TITLE_MISMATCH,
            f"the title is given as {shorten(given)} and as {shorten(titles[0])}; the second one is used",
        )
    return {"title": titles[0]}


def _topics(blocks: list[Block]) -> list[str]:
    """A list's items are a topic each; a paragraph has commas between them."""
    topics = [topic for block in blocks for topic in ([block.bare] if block.marker else block.text.split(","))]
    return list(without_repeats(topic.strip() for topic in topics if topic.strip()))


def with_sidecar(document: Document, facts: bytes, name: str) -> Document:
    """A sidecar has the last word on every fact that it states."""
    sidecar = read_facts(facts, sidecar_name(name))
    topics = document.summary.topics if sidecar.topics is None else sidecar.topics
    return replace(
        document,
        facts=merged(document.facts, sidecar.facts),
        summary=replace(document.summary, topics=topics),
    )


def sidecar_name(name: str) -> str:
    """How messages call the sidecar of a document."""
    return f"{name.rpartition('.')[0]}.toml"


def merged(facts: Facts, stated: Facts) -> Facts:
    """`facts`, but for what `stated` says otherwise."""
    nothing = Facts()
    told = {
        name: getattr(stated, name)
        for name in Facts.__dataclass_fields__
        if getattr(stated, name) != getattr(nothing, name)
    }
    if "published" in told:
        told["published_origin"] = DateOrigin.SIDECAR
    return replace(facts, **told)
