"""HTML pages of articles: `*.html`, one article a file.

Without a profile, the parts are found by their headings: those of a capture, each a line of its own and the text below
it. Navigation, asides and footers do not count unless such a heading stands in them. A profile names a part's elements
by a CSS selector instead; a page's date, DOI and journal come from its metadata (Highwire's `citation_*`, Open Graph,
JSON-LD, RFC 8574's `cite-as`).

Text is given to a part only where the page shows where it belongs. What stands in the article but in no part is quoted
in a warning; what would pass for more of a part, though it may be another, refuses the page.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from newsletter.errors import ConfigError, DocumentError
from newsletter.model import Document, Rating, Related, Summary
from newsletter.sources import base, divide
from newsletter.sources.base import Raw, Report, shorten, without_repeats
from newsletter.sources.lines import Line, read_lines
from newsletter.sources.markdown import with_sidecar
from newsletter.sources.metadata import Opened, line_of, page_facts, read_html, read_meta, text_of
from newsletter.sources.ratings import looks_like_rating, read_rating
from newsletter.sources.related import READ_MORE, read_block, split_blocks
from newsletter.sources.related import Block as RelatedBlock
from newsletter.sources.sanitise import Block, parse_html, read_flow
from newsletter.sources.topics import split_topics

_SECTIONS = {
    divide.TAKEAWAY: "key_takeaway",
    divide.FOUND: "what_they_found",
    divide.CARE: "who_should_care",
    divide.CONSIDERATIONS: "considerations",
}
PROFILE_KEYS = (
    "article", "title", "credibility", "interest", *_SECTIONS.values(), "topics", "related", "related_title",
    "related_date", "related_teaser", "journal", "source", "published",
)  # fmt: skip
_LABELS = ("credibility", "interest")
_SCOPES = "article, main, [role='main']"
_FURNITURE = "nav, aside, footer, [role='navigation'], [role='complementary'], [role='contentinfo']"
_NO_LEVEL = 7
_TAKEAWAY_WORDS = 60
_TOPIC_LIMIT = 120
_RATING_NODES = 50  # a rating with all its stars has fewer; unclosed tags can nest thousands
_LEAD_LIMIT = 200  # blocks above the first part among which ratings are looked for
_CLOSING_PARAGRAPHS = 3
_WORDS_FROM = 50_000
_RATING_ATTRIBUTES = ("data-rating", "data-score", "aria-label", "content", "title", "alt")
_LEVELLED = (divide.TOPICS, divide.RELATED, divide.CLOSING)

_LABEL = re.compile(r"(credibility|interest)(?: (?:rating|score))?\s*[:\u2013-]?\s*(.*)")
_RATING_WORDS = re.compile(r"(?:(?:credibility|interest|rated|rating|score|of|is)\b|[\s:\u2013-])+", re.IGNORECASE)
_JOURNAL = re.compile(r"medical journals like (.{1,200}?) often range from", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """The format: one article a file. `profile` names parts by CSS selectors, its keys are `PROFILE_KEYS`.

    Raises ConfigError for an unknown key, an unusable selector, or selectors for some of the four sections only.
    """

    suffixes: tuple[str, ...] = (".html", ".htm")
    profile: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = [*_profile_problems(self.profile)]
        if problems:
            raise ConfigError(*problems)

    def split(self, file: Raw) -> Iterator[Raw]:
        yield file

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:
        return parse_page(raw, known_topics, self.profile)


def _profile_problems(profile: Mapping[str, str]) -> Iterator[str]:
    probe = LexborHTMLParser("<p>")
    for key, selector in profile.items():
        if key not in PROFILE_KEYS:
            yield f"profile: {key!r} names no part of a page; the parts are {', '.join(PROFILE_KEYS)}"
            continue
        try:
            probe.css(selector)
        except SelectolaxError:
            yield f"profile.{key}: {selector!r} is no CSS selector; right would be, for example, '.article h1'"
    given = [key for key in _SECTIONS.values() if key in profile]
    missing = [key for key in _SECTIONS.values() if key not in profile]
    if given and missing:
        yield f"profile: {given[0]} is given but {missing[0]} is not; give all four sections or none"


def parse_page(raw: Raw, known_topics: Collection[str] = (), profile: Mapping[str, str] | None = None) -> Document:
    """What a page says. Raises DocumentError where it cannot be used."""
    report = Report(raw.name)
    try:
        tree = parse_html(read_html(report, raw.data))
        page = Opened(report=report, tree=tree, flow=read_flow(tree), meta=read_meta(tree), profile=profile or {})
        document = _document(page, raw, known_topics)
    except DocumentError as error:  # what is said of HTML alone does not say where it stands
        raise error if error.message.startswith(raw.name) else report.error(error.code, error.message) from None
    return document if raw.facts is None else with_sidecar(document, raw.facts, raw.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The blocks of each part by its heading; `lead` is what stands before the first."""

    lead: Sequence[Block]
    sections: Mapping[str, tuple[str, ...]]
    extra: Mapping[str, Sequence[Block]]


def _document(page: Opened, raw: Raw, known_topics: Collection[str]) -> Document:
    by_selector = _SECTIONS[divide.TAKEAWAY] in page.profile
    parts = _selected_parts(page) if by_selector else _parts_by_heading(page)
    title, used = _title(page, parts.lead)
    ratings, rest = _ratings(page, [block for block in parts.lead if block is not used])
    name = divide.name_of(title)
    divide.leave_out(page.report, [block.text for block in rest if divide.name_of(block.text) != name], "above")
    sections = parts.sections
    words = " ".join((title, *(text for section in sections.values() for text in section)))[:_WORDS_FROM]
    topics, topics_raw = _topics(page, parts.extra.get(divide.TOPICS, ()), known_topics, words)
    facts, title = page_facts(page, parts.lead, title)
    takeaway = " ".join(sections[divide.TAKEAWAY])
    if len(takeaway.split()) > _TAKEAWAY_WORDS:
        page.report.warn(base.W_LONG_TAKEAWAY, f"{len(takeaway.split())} words; up to {_TAKEAWAY_WORDS} are usual")
    summary = Summary(
        title=title,
        key_takeaway=takeaway,
        what_they_found=sections[divide.FOUND],
        who_should_care=sections[divide.CARE],
        considerations=sections[divide.CONSIDERATIONS],
        credibility=ratings["credibility"],
        interest=ratings["interest"],
        topics=topics,
        journal=_journal(page, parts.extra.get(divide.CLOSING, ())),
    )
    related = _related(page, parts.extra.get(divide.RELATED, ()))
    return Document(
        key=raw.key,
        summary=summary,
        facts=facts,
        topics_raw=topics_raw,
        related=related,
        warnings=tuple(page.report.warnings),
    )


# -- parts by selectors -----------------------------------------------------------------------------------------------


def _selected_parts(page: Opened) -> _Parts:
    owners: dict[int, str] = {}
    sections = {part: _selected(page, part, key, owners) for part, key in _SECTIONS.items()}
    return _Parts(lead=(), sections=sections, extra={})


def _selected(page: Opened, part: str, key: str, owners: dict[int, str]) -> tuple[str, ...]:
    """The paragraphs of a section. Raises DocumentError where the selector finds none, or finds another part too."""
    nodes = page.select(key)
    shown = f"profile.{key} {page.profile[key]!r}"
    if not nodes:
        code = base.E_NO_TAKEAWAY if part == divide.TAKEAWAY else base.E_HEADING_MISSING
        raise page.report.error(code, f"{shown} finds nothing for {part!r}")
    indices = sorted({index for node in nodes for index in range(*page.flow.span(node))})
    shared = next((owners[index] for index in indices if index in owners), None)
    if shared is not None:
        raise page.report.error(base.E_HEADING_MISSING, f"{shown} and profile.{shared} find the same text")
    owners.update(dict.fromkeys(indices, key))
    blocks = [page.flow.blocks[index] for index in indices]
    blocks = blocks[1:] if blocks and divide.heading_of(blocks[0].text) == part else blocks
    other = next((block.text for block in blocks if divide.heading_of(block.text)), None)
    if other is not None:
        raise page.report.error(base.E_HEADING_MISSING, f"{shown} also holds the heading {shorten(other)}")
    if not blocks:
        code = base.E_NO_TAKEAWAY if part == divide.TAKEAWAY else base.E_EMPTY_SECTION
        raise page.report.error(code, f"{shown} finds no text for {part!r}")
    return tuple(block.text for block in blocks)


# -- parts by headings ------------------------------------------------------------------------------------------------


def _parts_by_heading(page: Opened) -> _Parts:
    blocks = page.flow.blocks
    kept = _kept(page)
    heads = [index for index in kept if divide.heading_of(blocks[index].text)]
    _check_once(page, heads)
    regions = _regions(page, kept, heads)
    used = [index for head in heads for index in (head, *regions[head])]
    lead = [index for index in kept if not heads or index < heads[0]]
    parts = divide.divide(page.report, [(blocks[index].text, blocks[index].level) for index in (*lead, *used)])
    lost = sorted(set(kept) - set(lead) - set(used))
    divide.leave_out(page.report, [blocks[index].text for index in lost], "after the parts of the article")
    extra = {
        part: [blocks[index] for index in regions[head]]
        for head in heads
        if (part := divide.heading_of(blocks[head].text)) in _LEVELLED
    }
    return _Parts(
        lead=[blocks[index] for index in lead],
        sections={part: parts[part] for part in divide.REQUIRED},
        extra={part: found for part, found in extra.items() if part is not None},
    )


def _check_once(page: Opened, heads: Sequence[int]) -> None:
    seen: set[str | None] = set()
    for head in heads:
        part = divide.heading_of(page.flow.blocks[head].text)
        if part in seen:
            raise page.report.error(base.E_HEADING_TWICE, f"heading {part!r} for a second time")
        seen.add(part)


def _kept(page: Opened) -> list[int]:
    """The blocks of the smallest article or main element with all the headings, without what surrounds its text."""
    blocks = page.flow.blocks
    firm = [index for index, block in enumerate(blocks) if block.level and divide.heading_of(block.text)]
    furniture = _covered((page.flow.span(node) for node in page.tree.css(_FURNITURE)), firm)
    heads = [
        index
        for index, block in enumerate(blocks)
        if index not in furniture and divide.heading_of(block.text) in divide.REQUIRED
    ]
    scopes = page.select("article") if "article" in page.profile else page.tree.css(_SCOPES)
    spans = map(page.flow.span, scopes)
    holding = [span for span in spans if heads and span[0] <= heads[0] and heads[-1] < span[1]]
    if "article" in page.profile and not holding:
        raise page.report.error(
            base.E_HEADING_MISSING, f"profile.article {page.profile['article']!r} finds no element with all headings"
        )
    scope = min(holding, key=lambda span: span[1] - span[0], default=(0, len(blocks)))
    return [index for index in range(*scope) if index not in furniture]


def _covered(spans: Iterable[tuple[int, int]], firm: Sequence[int]) -> set[int]:
    """What lies in spans that hold none of `firm`, which is in order."""
    covered: set[int] = set()
    last = 0
    for start, stop in sorted(spans):
        if bisect_left(firm, start) == bisect_left(firm, stop):
            covered.update(range(max(start, last), stop))
            last = max(last, stop)
    return covered


def _regions(page: Opened, kept: Sequence[int], heads: Sequence[int]) -> dict[int, list[int]]:
    """The blocks under each heading: to the next one, to the end of its own container, or to a foreign heading.

    Raises DocumentError `E-STRAY-TEXT` where a container ends but text goes on before the next required heading: it may
    belong to the part or not.
    """
    blocks = page.flow.blocks
    required = [head for head in heads if divide.heading_of(blocks[head].text) in divide.REQUIRED]
    regions: dict[int, list[int]] = {}
    for head, following in zip(heads, (*heads[1:], len(blocks)), strict=False):
        region = [index for index in kept if head < index < following]
        end = _container_end(page, head, heads)
        inside = [index for index in region if index < end]
        more_to_come = any(later > head for later in required)
        if head in required and more_to_come and len(inside) < len(region):
            text = blocks[region[len(inside)]].text
            part = divide.heading_of(blocks[head].text)
            raise page.report.error(base.E_STRAY_TEXT, f"{shorten(text)} stands after the end of {part!r}, in no part")
        if not (head in required and more_to_come):
            inside = inside[: _foreign_heading(blocks, head, inside)]
        regions[head] = inside
    return regions


def _container_end(page: Opened, head: int, heads: Sequence[int]) -> int:
    """Where the smallest element ends that holds the heading and more; nowhere if it holds other headings too."""
    node: LexborNode | None = page.flow.blocks[head].node
    while node is not None:
        start, stop = page.flow.span(node)
        if stop - start > 1:
            alone = all(other == head or not start <= other < stop for other in heads)
            return stop if alone else len(page.flow.blocks)
        node = node.parent
    return len(page.flow.blocks)


def _foreign_heading(blocks: Sequence[Block], head: int, region: Sequence[int]) -> int:
    """The place in `region` of the first heading that ranks as high as the one above it."""
    rank = blocks[head].level or _NO_LEVEL
    return next((place for place, index in enumerate(region) if 0 < blocks[index].level <= rank), len(region))


# -- title and ratings ------------------------------------------------------------------------------------------------


def _title(page: Opened, lead: Sequence[Block]) -> tuple[str, Block | None]:
    """The title, and the block that holds it."""
    if "title" in page.profile:
        text = " ".join(text_of(node) for node in page.select("title")[:1])
        if text:
            return text, None
        raise page.report.error(base.E_NO_TITLE, f"profile.title {page.profile['title']!r} finds no text")
    found = [block for block in lead if block.level == 1]
    if not found:
        found = [block for block in page.flow.blocks if block.level == 1]
    names = {divide.name_of(block.text) for block in found}
    if len(names) > 1:
        both = " and ".join(shorten(block.text) for block in found[:2])
        raise page.report.error(base.E_TITLE, f"several headings h1, {both}; profile.title can say which is the title")
    if found:
        return found[0].text, found[0]
    told = page.first_meta("og:title", "citation_title") or " ".join(map(line_of, page.tree.css("head > title")))
    if not told.strip():
        raise page.report.error(base.E_NO_TITLE, "there is no h1, no og:title and no title element")
    return told.strip(), None


def _ratings(page: Opened, lead: Sequence[Block]) -> tuple[dict[str, Rating | None], list[Block]]:
    """Both ratings, and the blocks of the lead that hold neither."""
    told: dict[str, list[str]] = {label: [] for label in _LABELS}
    for label in _LABELS:
        for node in page.select(label):
            told[label] += [text_of(node), *_attributes(node)]
    taken: set[int] = set()
    for place, block in enumerate(lead[:_LEAD_LIMIT]):
        found = _LABEL.fullmatch(divide.name_of(block.text)) if len(block.text) < _TOPIC_LIMIT else None
        if found is None or place in taken:
            continue
        following = lead[place + 1 : place + 2]
        value_below = bool(not found[2] and following and looks_like_rating(following[0].text))
        values = [found[2], *(each.text for each in following if value_below)]
        told[found[1]] += [*values, *_attributes(_whole(page, block))]
        taken |= {place, place + value_below}
    rest = [block for place, block in enumerate(lead) if place not in taken]
    ratings = {label: _rating(page.report, label, values) for label, values in told.items()}
    unrated = [label.capitalize() for label in _LABELS if not any(map(str.strip, told[label]))]
    if unrated:
        page.report.warn(base.W_NO_RATING, f"no value for {' and '.join(unrated)}")
    return ratings, rest


def _whole(page: Opened, block: Block) -> LexborNode:
    """The largest element that holds this block alone."""
    node, parent = block.node, block.node.parent
    while parent is not None and page.flow.span(parent)[1] - page.flow.span(parent)[0] == 1:
        node, parent = parent, parent.parent
    return node


def _attributes(node: LexborNode) -> list[str]:
    """What attributes say of a rating, in the element and in those inside it."""
    nodes = (node, *node.css("*"))[:_RATING_NODES]
    found = [found.attributes.get(name) or "" for found in nodes for name in _RATING_ATTRIBUTES]
    return [text for text in found if looks_like_rating(_rating_text(text))]


def _rating_text(text: str) -> str:
    words = _RATING_WORDS.match(text)
    return text[words.end() :] if words else text


def _rating(report: Report, label: str, values: Iterable[str]) -> Rating | None:
    told = [value for value in values if value.strip()]
    ratings = {rating for value in told if (rating := read_rating(_rating_text(value))) is not None}
    if len(ratings) == 1:
        return ratings.pop()
    if told:
        shown = " and ".join(shorten(value) for value in told[:3])
        report.warn(base.W_RATING, f"{label.capitalize()} is {shown}; right would be one number such as 4/5")
    return None


# -- topics, related articles, the journal ----------------------------------------------------------------------------


def _topics(
    page: Opened, region: Sequence[Block], known: Collection[str], words: str
) -> tuple[tuple[str, ...], str | None]:
    """Topics, each its own element where the page has them so, and the list as it was found."""
    listed = _listed(region)
    divide.leave_out(page.report, [block.text for block in region[len(listed) :]], f"under {divide.TOPICS!r}")
    found = [text_of(node) for node in page.select("topics")] or [text for block in listed for text in _items(block)]
    if not found:
        found = [*page.meta.get("article:tag", ())]
        found += [topic for text in page.meta.get("citation_keywords", ()) for topic in re.split(r"[;,]", text)]
    found = [" ".join(topic.split()) for topic in found if topic.strip()]
    raw = "; ".join(found) or None
    if len(found) == 1 and (region or "topics" in page.profile) and not any(block.parts for block in listed):
        split = split_topics(found[0], known=known, text_words=set(re.findall(r"\w[\w-]*\w", words)))
        found, uncertain = list(split.topics), list(split.uncertain)
    else:
        uncertain = [topic for topic in found if len(topic) > _TOPIC_LIMIT]
        found = [topic for topic in found if len(topic) <= _TOPIC_LIMIT]
    if uncertain:
        page.report.warn(
            base.W_TOPICS_UNCERTAIN,
            f"left out, since it is not certain where they begin and end: {shorten(', '.join(uncertain), 200)}",
        )
    if not found and not uncertain:
        page.report.warn(base.W_NO_TOPICS, "the document names no topics")
    return without_repeats(found), raw


def _listed(region: Sequence[Block]) -> Sequence[Block]:
    """The list of topics: the first block, and those that are its siblings and of its kind."""
    if not region or len(region[0].parts) > 1:
        return region[:1]
    first = region[0].node
    kin = (
        block.node.tag == first.tag and block.node.parent is not None and first.parent is not None
        and block.node.parent.mem_id == first.parent.mem_id
        for block in region
    )  # fmt: skip
    return region[: next((place for place, same in enumerate(kin) if not same), len(region))]


def _items(block: Block) -> Sequence[str]:
    return block.parts if len(block.parts) > 1 and not block.marker else (block.bare,)


def _related(page: Opened, region: Sequence[Block]) -> tuple[Related, ...]:
    if "related" in page.profile:
        found = [_selected_entry(page, node) for node in page.select("related")]
    else:
        found = [read_block(page.report, block) for block in _entries(page, region)]
    return tuple(entry for entry in found if entry is not None)


def _selected_entry(page: Opened, node: LexborNode) -> Related | None:
    """An entry by the selectors inside it; without `related_title` by the order of its lines."""
    if "related_title" not in page.profile:
        return read_block(page.report, _entry(_lines(page, read_flow(parse_html(node.html or "")).blocks)))
    texts: list[str] = []
    for part in ("related_title", "related_date", "related_teaser"):
        found = node.css_first(page.profile[part]) if part in page.profile else None
        texts.append(((found.attributes.get("datetime") or "")[:10] or text_of(found)) if found is not None else "")
    return read_block(page.report, _entry(read_lines(page.report, "\n\n".join(texts)))) if any(texts) else None


def _entries(page: Opened, region: Sequence[Block]) -> list[RelatedBlock]:
    """A heading begins an entry; without headings, `Read More` ends it."""
    starts = [place for place, block in enumerate(region) if block.level]
    if not starts:
        return split_blocks(_lines(page, region))
    divide.leave_out(page.report, [block.text for block in region[: starts[0]]], f"under {divide.RELATED!r}")
    ends = (*starts[1:], len(region))
    return [_entry(_lines(page, region[start:end])) for start, end in zip(starts, ends, strict=True)]


def _lines(page: Opened, blocks: Iterable[Block]) -> list[Line]:
    text = "\n\n".join(block.bare for block in blocks)
    return read_lines(page.report, text) if text.strip() else []


def _entry(lines: Sequence[Line]) -> RelatedBlock:
    return RelatedBlock([line for line in lines if line.name != READ_MORE], unfinished=False)


def _journal(page: Opened, closing: Sequence[Block]) -> str | None:
    divide.leave_out(page.report, [block.text for block in closing[_CLOSING_PARAGRAPHS:]], f"under {divide.CLOSING!r}")
    told = " ".join(text_of(node) for node in page.select("journal")[:1])
    told = told or page.first_meta("citation_journal_title", "prism.publicationname") or ""
    stated = (found[1].strip() for block in closing if (found := _JOURNAL.search(block.text)))
    journal = told or next(stated, None)
    if journal is None:
        page.report.warn(base.W_NO_JOURNAL, "neither the metadata nor the closing text names a journal")
    return journal
