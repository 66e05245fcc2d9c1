"""Text captures of article pages: `*.txt`, each with an optional sidecar `*.toml` of the same stem.

A capture is the text of a page, line by line:

    title (usually twice), `Credibility` and `Interest` with or without a value,
    `Key Takeaway`, `What They Found`, `Who Should Care and Why`, `Important Considerations`, each with paragraphs,
    `Article Topics:` and the topics, usually without separators,
    `You May Also Like` and blocks of title (twice), date, teaser, `Read More`,
    `Understanding MS Research` and closing paragraphs that are the same on all pages but for the journal's name.

White space, byte order marks, line ends and invisible characters in headings are forgiven. What tells the parts apart is
not: a heading that is missing, doubled or moved would let one part run into another, perhaps leave readers without the
study's limits, and so the document is refused. No text is dropped without a warning but the closing paragraphs and the
repeated titles. The codes are those of `base`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from newsletter.errors import DocumentError
from newsletter.model import Document, IssueDate, Rating, Related, Summary
from newsletter.sources import base
from newsletter.sources.base import Raw, Report, issue_date, shorten
from newsletter.sources.lines import Line, read_lines, read_text
from newsletter.sources.sidecar import Sidecar, read_facts
from newsletter.sources.topics import split_topics

_TAKEAWAY_WORDS = 60
_CLOSING_PARAGRAPHS = 3
_WORDS_FROM = 50_000  # characters; enough to know an article's words
_DATE_LIMIT = 30
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_SCALES = (5, 10, 100)


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
_HEADINGS = {part.casefold(): part for part in _ORDER[1:]} | {
    "key takeaways": _Part.TAKEAWAY,
    "who should care & why": _Part.CARE,
}
_LABELS = ("credibility", "interest")
_READ_MORE = "read more"

_MARKUP = re.compile(
    r"</?(?:a|b|br|div|em|i|img|iframe|li|p|script|span|strong|style|ul)\b[^<>]{0,200}>", re.IGNORECASE
)
_BULLET = re.compile(r"[•‣◦*\u2013-]\s")
_SENTENCE_END = re.compile(r"""[.!?…][)\]"'\u201d\u2019]*$""")
_JOURNAL = re.compile(r"medical journals like (.{1,200}?) often range from", re.IGNORECASE)
_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_DATE_LIKE = re.compile(r"[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}")
_LABEL = re.compile(r"(credibility|interest)(?: (?:rating|score))?(?:\s*(:|-|\u2013|\s|(?=[0-9★⭐]))\s*(.*))?")
_LABEL_VALUE = re.compile(r"[^a-z].*|\w+|n/a|not (?:yet )?rated")
_NUMBER_RATING = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)(?:\s*(?:/|out of|of)\s*([0-9]{1,3}))?(?:\s*stars?)?")
_STAR_RATING = re.compile(r"([★⭐]*)(☆*)")


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


def _divide(report: Report, lines: Sequence[Line]) -> _Sections:
    """The state machine: each line belongs to the part whose heading was seen last."""
    index = _title_lines(report, lines)
    part = _Part.HEAD
    sections = {part: _Section(0, list(lines[:index]))}
    while index < len(lines):
        line = lines[index]
        titles = _related_titles(lines, index) if part is _Part.RELATED else 0
        heading = None if titles else _HEADINGS.get(line.name)
        if heading is None:
            sections[part].lines.extend(lines[index : index + max(titles, 1)])
            index += max(titles, 1)
            continue
        if heading in sections:
            first = sections[heading].heading
            raise report.error(
                base.E_HEADING_TWICE, f"heading {heading.value!r} for a second time; first in line {first}", line.number
            )
        if _ORDER.index(heading) < _ORDER.index(part):
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
    doubled = len(lines) > 1 and lines[1].name == first.name
    if not doubled and (first.name in _HEADINGS or _label(first) is not None):
        raise report.error(base.E_NO_TITLE, f"the title is missing above {shorten(first.text)}", first.number)
    return 2 if doubled else 1


def _related_titles(lines: Sequence[Line], index: int) -> int:
    """How many lines from `index` are surely a related article's title, even if it equals a heading."""
    following = lines[index + 1 : index + 2]
    if not following:
        return 0
    if following[0].name == lines[index].name:
        return 2
    return 1 if _DATE_LIKE.fullmatch(following[0].text) else 0


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
    if not following:
        return report.error(code, message)
    return report.error(code, f"{message} before {following[0].value!r}", sections[following[0]].heading)


def _check_no_topics(report: Report, sections: _Sections) -> None:
    """Without their heading, topics would pass for the end of the considerations; only whole sentences may stand there."""
    lines = sections[_Part.CONSIDERATIONS].lines
    if not all(_SENTENCE_END.search(paragraph) for paragraph in _paragraphs(lines)):
        raise report.error(
            base.E_HEADING_MISSING,
            f"there is no heading {_Part.TOPICS.value!r}, but what looks like topics: {shorten(lines[-1].text)}",
            lines[-1].number,
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
    """The title, and the lines after it. The second title is the page's own heading; the first may carry the site's name."""
    first, *rest = head
    if not rest or (rest[0].name != first.name and _label(rest[0]) is not None):
        return first.text, rest
    second, *rest = rest
    if second.name != first.name:
        report.warn(
            base.W_TITLE_MISMATCH,
            f"the title is given as {shorten(first.text)} and as {shorten(second.text)}; the second one is used",
            second.number,
        )
    return second.text, rest


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


# -- ratings ----------------------------------------------------------------------------------------------------------


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
    values: dict[str, list[tuple[str, int]]] = {}
    strays: list[Line] = []
    waiting: str | None = None
    for line in lines:
        label = _label(line)
        if label is not None:
            values.setdefault(label[0], []).extend([(label[1], line.number)] if label[1] else [])
            waiting = None if label[1] else label[0]
        elif waiting is not None:
            values[waiting].append((line.name, line.number))
            waiting = None
        else:
            strays.append(line)
    _warn_of_strays(report, strays, _Part.TAKEAWAY)
    unrated = [label.capitalize() for label in _LABELS if not values.get(label)]
    if unrated:
        report.warn(base.W_NO_RATING, f"no value for {' and '.join(unrated)}")
    return {label: _rating(report, label, values[label]) if values.get(label) else None for label in _LABELS}


def _rating(report: Report, label: str, values: Sequence[tuple[str, int]]) -> Rating | None:
    rating = _rating_value(values[0][0])
    if rating is None or len(values) > 1:
        shown = " and ".join(shorten(value) for value, _ in values)
        report.warn(
            base.W_RATING,
            f"{label.capitalize()} is {shown}; right would be one number above 0 such as 4/5, 4.5 or 4 out of 5",
            values[-1][1],
        )
        return None
    return rating


def _rating_value(text: str) -> Rating | None:
    """Never guessed or clamped. A 0 is refused: it is how pages say that nobody has rated."""
    number = _NUMBER_RATING.fullmatch(text)
    stars = _STAR_RATING.fullmatch(text.replace(" ", ""))
    if number:
        value, scale = float(number[1]), int(number[2] or 5)
    elif stars:
        value, scale = float(len(stars[1])), len(stars[1]) + len(stars[2])
    else:
        return None
    return Rating(value=value, scale=scale) if scale in _SCALES and 0 < value <= scale else None


def _warn_of_strays(report: Report, strays: Sequence[Line], before: _Part) -> None:
    if strays:
        report.warn(
            base.W_STRAY_TEXT,
            f"{len(strays)} line(s) before {before.value!r} belong nowhere and were left out, "
            f"the first: {shorten(strays[0].text)}",
            strays[0].number,
        )


# -- topics, related articles, the journal ----------------------------------------------------------------------------


def _topics_raw(report: Report, sections: _Sections) -> str | None:
    """The lines right under the heading. Whatever follows after a blank line is no topic."""
    lines = sections[_Part.TOPICS].lines if _Part.TOPICS in sections else []
    end = next((index for index, line in enumerate(lines) if line.opens and index), len(lines))
    for line in lines:
        if _DATE_LIKE.fullmatch(line.text) or line.name == _READ_MORE:
            raise _lost_heading(report, _Part.RELATED, line)
        if _JOURNAL.search(line.text):
            raise _lost_heading(report, _Part.CLOSING, line)
    _warn_of_strays(report, lines[end:], _Part.RELATED)
    if not lines:
        return None
    return "\n".join(line.text for line in lines[:end])


def _topics(
    report: Report, sections: _Sections, topics_raw: str | None, summary: Summary, known: Collection[str]
) -> tuple[str, ...]:
    if topics_raw is None:
        report.warn(base.W_NO_TOPICS, "the document names no topics")
        return ()
    paragraphs = (*summary.what_they_found, *summary.who_should_care, *summary.considerations)
    text = " ".join((summary.title, summary.key_takeaway, *paragraphs))[:_WORDS_FROM]
    split = split_topics(topics_raw, known=known, text_words=set(re.findall(r"\w[\w-]*\w", text)))
    if split.uncertain:
        report.warn(
            base.W_TOPICS_UNCERTAIN,
            f"left out, since it is not certain where they begin and end: {shorten(', '.join(split.uncertain), 200)}; "
            "a sidecar with topics = [...] settles it",
            sections[_Part.TOPICS].lines[0].number,
        )
    return split.topics


def _lost_heading(report: Report, part: _Part, line: Line) -> DocumentError:
    return report.error(base.E_HEADING_MISSING, f"there is no heading {part.value!r} above this line", line.number)


def _related(report: Report, sections: _Sections) -> tuple[Related, ...]:
    if _Part.RELATED not in sections:
        return ()
    blocks = _blocks(sections[_Part.RELATED].lines)
    if blocks and blocks[-1].unfinished:
        _check_last_block(report, sections, blocks[-1])
    entries = [_entry(report, block) for block in blocks]
    return tuple(entry for entry in entries if entry is not None)


class _Block(NamedTuple):
    """The lines of a related article, without `Read More`; `unfinished` says that there was none."""

    lines: list[Line]
    unfinished: bool


def _blocks(lines: Sequence[Line]) -> list[_Block]:
    """Blocks end with `Read More`. Where that is lost, a second title with a date begins the next block."""
    blocks: list[_Block] = []
    block: list[Line] = []
    for index, line in enumerate(lines):
        if line.name == _READ_MORE:
            blocks.append(_Block(block, unfinished=False))
            block = []
            continue
        if _begins_block(lines, index) and any(_DATE_LIKE.fullmatch(earlier.text) for earlier in block):
            blocks.append(_Block(block, unfinished=True))
            block = []
        block.append(line)
    return [*blocks, _Block(block, unfinished=True)] if block else blocks


def _begins_block(lines: Sequence[Line], index: int) -> bool:
    titles = _related_titles(lines, index)
    following = lines[index + titles : index + titles + 1] if titles else []
    return bool(following) and _DATE_LIKE.fullmatch(following[0].text) is not None


def _check_last_block(report: Report, sections: _Sections, block: _Block) -> None:
    """Refuse it where it has swallowed the closing text, or where the document ends inside it."""
    for line in block.lines:
        if _JOURNAL.search(line.text):
            raise _lost_heading(report, _Part.CLOSING, line)
    if _Part.CLOSING not in sections:
        raise report.error(
            base.E_CUT, f"the document ends inside {_Part.RELATED.value!r}, before 'Read More'", block.lines[-1].number
        )


def _entry(report: Report, block: _Block) -> Related | None:
    """Title, perhaps again, date, teaser. A teaser is kept as it is, cut or not."""
    if not block.lines:
        report.warn(base.W_RELATED, "a related article without text was left out")
        return None
    title, *rest = block.lines
    shown = f"the related article {shorten(title.text)}"
    if rest and rest[0].name == title.name:
        del rest[0]
    if block.unfinished:
        report.warn(base.W_RELATED_CUT, f"{shown} has no 'Read More'", title.number)
    day = None
    if rest and (_DATE_LIKE.fullmatch(rest[0].text) or (len(rest) > 1 and len(rest[0].text) <= _DATE_LIMIT)):
        day = _date(report, rest.pop(0))
    else:
        report.warn(base.W_BADDATE, f"{shown} has no date", title.number)
    if not rest:
        report.warn(base.W_RELATED, f"{shown} has no teaser", title.number)
    return Related(title=title.text, date=day, teaser=" ".join(line.text for line in rest))


def _date(report: Report, line: Line) -> IssueDate | None:
    """US order, as the site writes it. Another order cannot be told from it, so nothing else is taken."""
    found = _DATE.fullmatch(line.text)
    if found:
        month, day, year = map(int, found.groups())
        try:
            if _FIRST_YEAR <= year <= _LAST_YEAR:
                return issue_date(date(year, month, day))
        except ValueError:
            pass
    report.warn(base.W_BADDATE, f"date {shorten(line.text)}; right would be month/day/year, as 12/1/2025", line.number)
    return None


def _journal(report: Report, sections: _Sections) -> str | None:
    """From the closing paragraphs, which are dropped. The name is kept as the index spells it."""
    closing = sections.get(_Part.CLOSING)
    lines = closing.lines if closing else []
    paragraphs = _paragraphs(lines)
    if len(paragraphs) > _CLOSING_PARAGRAPHS:
        report.warn(
            base.W_STRAY_TEXT,
            f"{len(paragraphs)} paragraphs under {_Part.CLOSING.value!r} where {_CLOSING_PARAGRAPHS} are usual; "
            f"all were left out, the last: {shorten(paragraphs[-1])}",
            lines[-1].number,
        )
    for paragraph in paragraphs:
        if found := _JOURNAL.search(paragraph):
            return found[1].strip()
    report.warn(base.W_NO_JOURNAL, "the closing text names no journal")
    return None
