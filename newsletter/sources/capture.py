"""Text captures of article pages: `*.txt`, each with an optional sidecar `*.toml` of the same stem.

A capture is the text of a page, line by line:

    title (usually twice), `Credibility` and `Interest` with or without a value,
    `Key Takeaway`, `What They Found`, `Who Should Care and Why`, `Important Considerations`, each with paragraphs,
    `Article Topics:` and the topics, usually without separators,
    `You May Also Like` and blocks of title (twice), date, teaser, `Read More`,
    `Understanding MS Research` and closing paragraphs that are the same on all pages but for the journal's name.

White space, byte order marks, line ends and invisible characters in headings are forgiven, and so is the order of the
four sections. What tells the parts apart is not: a heading that is missing or doubled, or one of the article after its
end, would let one part run into another, perhaps leave readers without the study's limits, and so the document is
refused. No text is dropped without a warning that quotes it but the closing paragraphs and the repeated titles; text that
may be a part of the article is never dropped. `docs/capture-format.md` tells all of it to those who write captures.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from newsletter.errors import DocumentError
from newsletter.model import Document, Rating, Related, Summary
from newsletter.sources import base
from newsletter.sources.base import Raw, Report, shorten
from newsletter.sources.lines import QUOTE_LIMIT, Line, joined, read_lines, read_text, repeated
from newsletter.sources.ratings import looks_like_rating, read_rating
from newsletter.sources.related import READ_MORE, Block, is_dated, read_block, split_blocks, titles_at
from newsletter.sources.sidecar import Sidecar, read_facts
from newsletter.sources.topics import split_topics

_TAKEAWAY_WORDS = 60
_CLOSING_PARAGRAPHS = 3
_WORDS_FROM = 50_000  # characters; enough to know an article's words
_VALUE_LIMIT = 40  # characters of a rating under its label; what is longer is text
_SUBHEADING_WORDS = 8
_PROSE_WORDS = 4  # a line that ends as a sentence does and has fewer words is rather a button or a notice
_TITLE_ABOVE = 8  # how far above its first heading a second article's title may stand


class _Part(StrEnum):
    """The parts of a capture in their order; each but the first begins with its heading."""

    HEAD = "the title"
    TAKEAWAY = "Key Takeaway"
    FOUND = "What They Found"
    CARE = "Who Should Care and Why"
    CONSIDERATIONS = "Important Considerations"
    TOPICS = "Article Topics"
    RELATED = "You May Also Like"
    CLOSING = "Understanding MS Research"


_ORDER = tuple(_Part)
_REQUIRED = (_Part.TAKEAWAY, _Part.FOUND, _Part.CARE, _Part.CONSIDERATIONS)
_RANKS = {part: min(rank, 1) if part in _REQUIRED else rank for rank, part in enumerate(_ORDER)}
_HEADINGS = {part.casefold(): part for part in _ORDER[1:]} | {
    "key takeaways": _Part.TAKEAWAY,
    "important consideration": _Part.CONSIDERATIONS,
    "article topic": _Part.TOPICS,
}
_LABELS = ("credibility", "interest")

_MARKUP = re.compile(
    r"</?(?:a|b|br|div|em|i|img|iframe|li|p|script|span|strong|style|ul)\b[^<>]{0,200}>", re.IGNORECASE
)
_BULLET = re.compile(r"[•‣◦*\u2013-]\s")
_SENTENCE_END = re.compile(r"""\S[.!?…][)\]"'\u201d\u2019]*$""")
_JOURNAL = re.compile(r"medical journals like (.{1,200}?) often range from", re.IGNORECASE)
_LABEL = re.compile(r"(credibility|interest)(?: (?:rating|score))?(?:\s*(:|-|\u2013|\s|(?=[0-9★⭐]))\s*(.*))?")
_AMPERSAND = re.compile(r" ?&(?:amp;)? ?")
_WORD = re.compile(r"\w+")
_APART = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) in "_-")}
_LABEL_VALUE = re.compile(r"[^a-z].*|\w+|n/a|not (?:yet )?rated")


@dataclass(frozen=True, slots=True)
class Capture:
    """The format: one article a file."""

    suffixes: tuple[str, ...] = (".txt",)

    def split(self, file: Raw) -> Iterator[Raw]:
        yield file

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:
        return parse_capture(raw, known_topics)


# -- one capture ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Section:
    """The lines of a part; `heading` is the number of the line with its heading."""

    heading: int
    lines: list[Line]


_Sections = dict[_Part, _Section]


def parse_capture(raw: Raw, known_topics: Collection[str] = ()) -> Document:
    """What a capture says. `known_topics` help to take glued topics apart.

    Raises DocumentError where the document cannot be used; its message names file, line and heading.
    """
    report = Report(raw.name)
    text = read_text(report, raw.data)
    sections = _divide(report, read_lines(report, text))
    _check_complete(report, sections, ends_with_line_end=text.endswith("\n"))
    summary = _summary(report, sections)
    related = _related(report, sections)
    sidecar = Sidecar() if raw.facts is None else read_facts(raw.facts, _sidecar_name(raw.name))
    topics_raw = _topics_raw(report, sections)
    topics = sidecar.topics
    if topics is None:
        topics = _topics(report, sections, topics_raw, summary, known_topics)
    return Document(
        key=raw.key,
        summary=replace(summary, topics=topics, journal=_journal(report, sections)),
        facts=sidecar.facts,
        topics_raw=topics_raw,
        related=related,
        warnings=tuple(report.warnings),
    )


def _sidecar_name(name: str) -> str:
    return f"{name.removesuffix('.txt')}.toml"


# -- lines to parts ---------------------------------------------------------------------------------------------------


def _heading(line: Line) -> _Part | None:
    """The part that a line begins. The whole line must be the heading; `&` stands for `and`."""
    name = _AMPERSAND.sub(" and ", line.name) if "&" in line.name else line.name
    return _HEADINGS.get(name)


def _divide(report: Report, lines: Sequence[Line]) -> _Sections:
    """The state machine: each line belongs to the part whose heading was seen last."""
    index = _title_lines(report, lines)
    part = _Part.HEAD
    sections = {part: _Section(0, list(lines[:index]))}
    while index < len(lines):
        line = lines[index]
        titles = titles_at(lines, index) if part is _Part.RELATED else 0
        heading = None if titles else _heading(line)
        if heading is None:
            sections[part].lines.extend(lines[index : index + max(titles, 1)])
            index += max(titles, 1)
            continue
        if heading in sections:
            raise _twice(report, sections, heading, lines, index)
        if _RANKS[heading] < _RANKS[part]:
            raise report.error(
                base.E_HEADING_ORDER, f"heading {heading.value!r} must stand before {part.value!r}", line.number
            )
        part = heading
        sections[part] = _Section(line.number, [])
        index += 1
    return sections


def _title_lines(report: Report, lines: Sequence[Line]) -> int:
    """How many lines at the top are the title, whatever they say: a title may equal a heading if it is doubled."""
    first = lines[0]
    titles = repeated(lines)
    if titles == 1 or (titles and not any(_heading(line) for line in lines[: 2 * titles])):
        return 2 * titles
    if _heading(first) or _label(first) is not None:
        raise report.error(base.E_NO_TITLE, f"the title is missing above {shorten(first.text)}", first.number)
    return 1


def _twice(report: Report, sections: _Sections, heading: _Part, lines: Sequence[Line], index: int) -> DocumentError:
    """A heading for a second time: by itself, or because another article begins after the first one's four sections."""
    again = {_heading(line) for line in lines[index:]}.intersection(_REQUIRED)
    if len(again) > 1 and all(part in sections for part in _REQUIRED):
        above = range(max(index - _TITLE_ABOVE, 0), index)
        start = next((each for each in above if repeated(lines[each:index])), index)
        shown = shorten(lines[start].text)
        return report.error(base.E_TWO_ARTICLES, f"a second article begins here: {shown}", lines[start].number)
    first = sections[heading].heading
    return report.error(
        base.E_HEADING_TWICE,
        f"heading {heading.value!r} for a second time; first in line {first}",
        lines[index].number,
    )


def _check_complete(report: Report, sections: _Sections, *, ends_with_line_end: bool) -> None:
    """Refuse a document that lacks a heading or ends in the middle."""
    last = next(reversed(sections))
    missing = [part for part in _REQUIRED if part not in sections]
    following = [part for part in sections if missing and _ORDER.index(part) > _ORDER.index(missing[0])]
    if following or _Part.TAKEAWAY in missing:
        raise _lost_section(report, sections, missing[0], following)
    unfinished = last in _REQUIRED or (last is _Part.TOPICS and not (sections[last].lines and ends_with_line_end))
    if missing or unfinished:
        line = sections[last].lines[-1].number if sections[last].lines else sections[last].heading
        raise report.error(base.E_CUT, f"the document ends inside {last.value!r}", line)
    for part in _REQUIRED:
        if not sections[part].lines:
            code = base.E_NO_TAKEAWAY if part is _Part.TAKEAWAY else base.E_EMPTY_SECTION
            raise report.error(code, f"nothing stands under {part.value!r}", sections[part].heading)
    if _Part.TOPICS not in sections:
        _check_no_topics(report, sections)


def _lost_section(report: Report, sections: _Sections, lost: _Part, following: Sequence[_Part]) -> DocumentError:
    code = base.E_NO_TAKEAWAY if lost is _Part.TAKEAWAY else base.E_HEADING_MISSING
    message = f"there is no heading {lost.value!r}"
    found = [part for part in sections if part in _REQUIRED]
    if found != sorted(found, key=_ORDER.index):
        return report.error(code, f"{message}, but {', '.join(repr(part.value) for part in found)}")
    if not following:
        return report.error(code, message)
    return report.error(code, f"{message} before {following[0].value!r}", sections[following[0]].heading)


def _check_no_topics(report: Report, sections: _Sections) -> None:
    """Without their heading, topics would pass for the end of a section; only whole sentences may stand there."""
    last = next(part for part in reversed(sections) if part in _REQUIRED)
    for part in _REQUIRED:
        paragraphs = _paragraphs(sections[part].lines)
        doubtful = paragraphs if part is last else paragraphs[-1:]
        unfinished = [text for text in doubtful if not _SENTENCE_END.search(text)]
        if unfinished:
            raise report.error(
                base.E_HEADING_MISSING,
                f"there is no heading {_Part.TOPICS.value!r}, but under {part.value!r} "
                f"what looks like topics: {shorten(unfinished[-1])}",
                sections[part].lines[-1].number,
            )


# -- the summary ------------------------------------------------------------------------------------------------------


def _summary(report: Report, sections: _Sections) -> Summary:
    head = sections[_Part.HEAD].lines
    title, rest = _title(report, head)
    ratings = _ratings(report, rest)
    takeaway = " ".join(_paragraphs(sections[_Part.TAKEAWAY].lines))
    words = len(takeaway.split())
    if words > _TAKEAWAY_WORDS:
        report.warn(
            base.W_LONG_TAKEAWAY,
            f"{_Part.TAKEAWAY.value!r} has {words} words; up to {_TAKEAWAY_WORDS} are usual",
            sections[_Part.TAKEAWAY].lines[0].number,
        )
    for part in _REQUIRED:
        _warn_of_markup(report, sections[part].lines)
        _warn_of_subheadings(report, part, sections[part].lines)
    return Summary(
        title=title,
        key_takeaway=takeaway,
        what_they_found=_paragraphs(sections[_Part.FOUND].lines),
        who_should_care=_paragraphs(sections[_Part.CARE].lines),
        considerations=_paragraphs(sections[_Part.CONSIDERATIONS].lines),
        credibility=ratings["credibility"],
        interest=ratings["interest"],
    )


def _title(report: Report, head: Sequence[Line]) -> tuple[str, Sequence[Line]]:
    """The title, and the lines after it. The second title is the page's own heading; the first may carry the site's name.

    Raises DocumentError where two lines at the top have too little in common to be one title.
    """
    titles = repeated(head)
    if titles:
        return joined(head[:titles]), head[2 * titles :]
    first, *rest = head
    if not rest or _label(rest[0]) is not None:
        return first.text, rest
    second, *rest = rest
    if not _alike(first, second):
        raise report.error(
            base.E_TITLE,
            f"{shorten(first.text)} and {shorten(second.text)} have too little in common to be one title",
            second.number,
        )
    first_shown, second_shown = shorten(first.text, QUOTE_LIMIT), shorten(second.text)
    report.warn(
        base.W_TITLE_MISMATCH,
        f"the title is given as {first_shown} and as {second_shown}; the second one is used",
        second.number,
    )
    return second.text, rest


def _alike(first: Line, second: Line) -> bool:
    """Whether half of the words of the shorter title stand in the other one."""
    words, others = set(_WORD.findall(first.name)), set(_WORD.findall(second.name))
    return 2 * len(words & others) >= max(min(len(words), len(others)), 1)


def _paragraphs(lines: Sequence[Line]) -> tuple[str, ...]:
    """Lines without a blank line between them are one paragraph, but a bullet begins its own."""
    paragraphs: list[list[str]] = []
    for line in lines:
        if line.opens or not paragraphs or _BULLET.match(line.text):
            paragraphs.append([])
        paragraphs[-1].append(line.text)
    return tuple(" ".join(paragraph) for paragraph in paragraphs)


def _warn_of_markup(report: Report, lines: Sequence[Line]) -> None:
    marked = [(line, found) for line in lines if (found := _MARKUP.search(line.text))]
    for line, found in marked[:1]:
        report.warn(base.W_MARKUP, f"HTML tag {shorten(found.group())} in the text", line.number)


def _warn_of_subheadings(report: Report, part: _Part, lines: Sequence[Line]) -> None:
    """A part that this format does not know would be read as the end of another one; at least it is told."""
    for line, following in pairwise(lines):
        if line.opens and following.opens and not _BULLET.match(line.text) and _is_subheading(line.text):
            report.warn(
                base.W_SUBHEADING,
                f"{shorten(line.text)} under {part.value!r} looks like a heading of its own; it is kept as text",
                line.number,
            )


def _is_subheading(text: str) -> bool:
    words = len(text.split())
    return words <= _SUBHEADING_WORDS and (text[-1].isalnum() or text[-1] in ":)")


# -- ratings ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Value:
    """What stands for a rating's value: as it is written, and the number of its line."""

    text: str
    number: int


def _label(line: Line) -> tuple[str, str] | None:
    """A rating's label and the value after it, or None where the line is something else."""
    found = _LABEL.fullmatch(line.name)
    if found is None:
        return None
    label, separator, value = found.groups(default="")
    if separator.strip() or _LABEL_VALUE.fullmatch(value) or not value:
        return label, value
    return None


def _ratings(report: Report, lines: Sequence[Line]) -> dict[str, Rating | None]:
    """Values stand in the label's line or in the next one."""
    values: dict[str, list[_Value]] = {}
    strays: list[Line] = []
    waiting = before = None
    for line in lines:
        label = _label(line)
        if label is not None:
            name, value = label
            if name in values and name != before:
                raise _second_head(report, line)
            values.setdefault(name, []).extend([_Value(value, line.number)] if value else [])
            waiting = None if value else name
            before = name
            continue
        before = None
        if waiting is not None and len(line.text) <= _VALUE_LIMIT:
            values[waiting].append(_Value(line.text, line.number))
            waiting = None
        else:
            strays.append(line)
    for line, following in pairwise(strays):
        if line.name == following.name:
            raise _second_head(report, line)
    _leave_out(report, strays, f"before {_Part.TAKEAWAY.value!r}")
    if any(looks_like_rating(line.text) for line in strays):
        report.warn(base.W_RATING, "a rating without a label; which one it is cannot be told, so none is used")
        return dict.fromkeys(_LABELS)
    unrated = [label.capitalize() for label in _LABELS if not values.get(label)]
    if unrated:
        report.warn(base.W_NO_RATING, f"no value for {' and '.join(unrated)}")
    return {label: _rating(report, label, values[label]) if values.get(label) else None for label in _LABELS}


def _second_head(report: Report, line: Line) -> DocumentError:
    """The first of two articles may be cut at its top; its title must not go with the other's text."""
    return report.error(
        base.E_TWO_ARTICLES,
        f"a second title or rating before {_Part.TAKEAWAY.value!r}, perhaps of another article: {shorten(line.text)}",
        line.number,
    )


def _rating(report: Report, label: str, values: Sequence[_Value]) -> Rating | None:
    rating = read_rating(values[0].text)
    if rating is None or len(values) > 1:
        shown = " and ".join(shorten(value.text, 200) for value in values)
        report.warn(
            base.W_RATING,
            f"{label.capitalize()} is {shown}; right would be one number above 0 such as 4/5, 4.5 or 4 out of 5",
            values[-1].number,
        )
        return None
    return rating


# -- topics, related articles, the journal ----------------------------------------------------------------------------


def _leave_out(report: Report, lines: Sequence[Line], where: str) -> None:
    """Furniture of the page is left out and quoted. Raises DocumentError for more than can be quoted."""
    if not lines:
        return
    text = joined(lines)
    if len(text) > QUOTE_LIMIT:
        raise report.error(
            base.E_STRAY_TEXT,
            f"{len(text):,} characters {where} belong nowhere; at most {QUOTE_LIMIT:,} can be left out",
            lines[0].number,
        )
    report.warn(
        base.W_STRAY_TEXT,
        f"{len(lines)} line(s) {where} belong nowhere and were left out: {shorten(text, QUOTE_LIMIT)}",
        lines[0].number,
    )


def _topics_raw(report: Report, sections: _Sections) -> str | None:
    """The lines right under the heading. Whatever follows after a blank line is no topic, and must be no prose."""
    lines = sections[_Part.TOPICS].lines if _Part.TOPICS in sections else []
    end = next((index for index, line in enumerate(lines) if line.opens and index), len(lines))
    for line in lines:
        if is_dated(line) or line.name == READ_MORE:
            raise _lost_heading(report, _Part.RELATED, line)
        if _JOURNAL.search(line.text):
            raise _lost_heading(report, _Part.CLOSING, line)
    for line in lines[end:]:
        if len(line.text.split()) >= _PROSE_WORDS and _SENTENCE_END.search(line.text):
            raise report.error(
                base.E_STRAY_TEXT,
                f"sentences under {_Part.TOPICS.value!r}, perhaps of a part whose heading is lost: {shorten(line.text)}",
                line.number,
            )
    _leave_out(report, lines[end:], f"under {_Part.TOPICS.value!r}")
    return "\n".join(line.text for line in lines[:end]) or None


def text_words(summary: Summary) -> set[str]:
    """The words of an article, which help to take its glued topics apart."""
    paragraphs = (*summary.what_they_found, *summary.who_should_care, *summary.considerations)
    text = " ".join((summary.title, summary.key_takeaway, *paragraphs))[:_WORDS_FROM]
    if not text.isascii():
        return set(re.findall(r"\w[\w-]*\w", text))
    pieces = (piece.strip("-") for piece in set(text.translate(_APART).split()))  # the same in half the time
    return {piece for piece in pieces if len(piece) > 1}


def _topics(
    report: Report, sections: _Sections, topics_raw: str | None, summary: Summary, known: Collection[str]
) -> tuple[str, ...]:
    if topics_raw is None:
        report.warn(base.W_NO_TOPICS, "the document names no topics")
        return ()
    split = split_topics(topics_raw, known=known, text_words=text_words(summary))
    if split.uncertain:
        report.warn(
            base.W_TOPICS_UNCERTAIN,
            f"left out, since it is not certain where they begin and end: {shorten(', '.join(split.uncertain), QUOTE_LIMIT)}; "
            "a sidecar with topics = [...] settles it",
            sections[_Part.TOPICS].lines[0].number,
        )
    return split.topics


def _lost_heading(report: Report, part: _Part, line: Line) -> DocumentError:
    return report.error(base.E_HEADING_MISSING, f"there is no heading {part.value!r} above this line", line.number)


def _related(report: Report, sections: _Sections) -> tuple[Related, ...]:
    if _Part.RELATED not in sections:
        return ()
    blocks = split_blocks(sections[_Part.RELATED].lines)
    if blocks and blocks[-1].unfinished:
        _check_last_block(report, sections, blocks[-1])
    entries = [read_block(report, block) for block in blocks]
    return tuple(entry for entry in entries if entry is not None)


def _check_last_block(report: Report, sections: _Sections, block: Block) -> None:
    """Refuse it where it has swallowed the closing text, or where the document ends inside it."""
    for line in block.lines:
        if _JOURNAL.search(line.text):
            raise _lost_heading(report, _Part.CLOSING, line)
    if _Part.CLOSING not in sections:
        raise report.error(
            base.E_CUT, f"the document ends inside {_Part.RELATED.value!r}, before 'Read More'", block.lines[-1].number
        )


def _journal(report: Report, sections: _Sections) -> str | None:
    """From the closing paragraphs, which are dropped. The name is kept as the index spells it."""
    closing = sections.get(_Part.CLOSING)
    lines = closing.lines if closing else []
    paragraphs = _paragraphs(lines)
    named = {found[1].strip() for paragraph in paragraphs for found in _JOURNAL.finditer(paragraph)}
    _warn_of_closing(report, lines, paragraphs, usual=bool(named))
    if len(named) == 1:
        return named.pop()
    shown = f"several journals: {shorten('; '.join(sorted(named)), QUOTE_LIMIT)}" if named else "no journal"
    report.warn(base.W_NO_JOURNAL, f"the closing text names {shown}")
    return None


def _warn_of_closing(report: Report, lines: Sequence[Line], paragraphs: Sequence[str], *, usual: bool) -> None:
    """The usual closing text is dropped in silence, any other is quoted. Raises DocumentError for too much of it."""
    for line, following in pairwise(lines):
        if line.name == following.name:
            raise report.error(
                base.E_TWO_ARTICLES, f"a second title, perhaps of another article: {shorten(line.text)}", line.number
            )
    sentences = all(_SENTENCE_END.search(paragraph) for paragraph in paragraphs)
    if usual and sentences and len(paragraphs) <= _CLOSING_PARAGRAPHS:
        return
    _leave_out(report, lines, f"after {_Part.CLOSING.value!r}")
