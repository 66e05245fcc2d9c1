"""What every source is: a place where files lie, and the format of the documents in them.

The codes are shared by all sources, so that an operator meets one code for one kind of trouble. A document with an
`E-` code is not used and the others go on; a `W-` code stands beside a document that is used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from newsletter.errors import DocumentError, SourceError
from newsletter.model import Document, DocumentWarning, IssueDate, Precision
from newsletter.sources.marks import with_mark

BYTES_LIMIT = 2_000_000
FACTS_LIMIT = 16_000
LINES_LIMIT = 20_000
LINE_LIMIT = 100_000

E_UNREADABLE = "E-UNREADABLE"  #: The file could not be opened, is no regular file, or is a link that leaves its folder.
E_EMPTY = "E-EMPTY"  #: There is nothing but white space.
E_NOT_TEXT = "E-NOT-TEXT"  #: The bytes are no UTF-8 text: a PDF, a picture, a NUL byte, another encoding.
E_TOO_LARGE = "E-TOO-LARGE"  #: There are more than `BYTES_LIMIT` bytes or more than `LINES_LIMIT` lines.
E_LONG_LINE = "E-LONG-LINE"  #: A line has more than `LINE_LIMIT` characters.
E_HTML = "E-HTML"  #: It is HTML, perhaps an error page, where plain text is expected.
E_NO_TITLE = "E-NO-TITLE"  #: The first line is a heading or a rating; the title above it is missing.
E_TITLE = "E-TITLE"  #: Two titles have little in common, so it is not certain which one is the article's.
E_NO_TAKEAWAY = "E-NO-TAKEAWAY"  #: The heading "Key Takeaway" is missing, or nothing stands under it.
E_HEADING_MISSING = "E-HEADING-MISSING"  #: A heading is missing or misspelt, so two parts cannot be told apart.
E_HEADING_TWICE = "E-HEADING-TWICE"  #: A heading occurs a second time.
E_HEADING_ORDER = "E-HEADING-ORDER"  #: A heading of the article stands after the part that ends it.
E_TWO_ARTICLES = "E-TWO-ARTICLES"  #: A second article begins in the same document.
E_STRAY_TEXT = "E-STRAY-TEXT"  #: There is text that belongs to no part, and it may be a part whose heading is lost.
E_EMPTY_SECTION = "E-EMPTY-SECTION"  #: A required heading has no text under it.
E_CUT = "E-CUT"  #: The document ends in the middle of a part.
E_SIDECAR = "E-SIDECAR"  #: The file of facts beside the document is not usable.
E_KEY_TWICE = "E-KEY-TWICE"  #: An earlier document of the source has the same key; the two would overwrite each other.
E_NO_KEY = "E-NO-KEY"  #: A document of a file with several has no id of its own.
E_FIELD = "E-FIELD"  #: A named field is unknown, given twice, or has a value that is not usable.
E_NOT_JSON = "E-NOT-JSON"  #: The file, or a line of JSON Lines, is not JSON, or not of the form that was expected.
E_COLUMNS = "E-COLUMNS"  #: The header of a table names a column that is unknown, doubled or nameless, or lacks `id`.
E_ROW = "E-ROW"  #: A row of a table has more or fewer cells than the header, or its quotes do not balance.
E_NOT_FEED = "E-NOT-FEED"  #: The file is neither RSS nor Atom nor a JSON Feed, or an entry is no object.
E_NOT_XML = "E-NOT-XML"  #: The file is not XML, not of the kind that was expected, or uses entities of its own.
E_NO_SUMMARY = "E-NO-SUMMARY"  #: A record has no plain-language summary; its facts can still serve articles.
E_EMBARGO = "E-EMBARGO"  #: It is to be published later, and it is not said when.

W_TITLE_MISMATCH = "W-TITLE-MISMATCH"  #: The title is given twice, differently; the second one is used.
W_NO_RATING = "W-NO-RATING"  #: A rating has a label without a value, or no label.
W_RATING = "W-RATING"  #: A rating's value is no number on a known scale; the article counts as not rated.
W_LONG_TAKEAWAY = "W-LONG-TAKEAWAY"  #: The takeaway has more words than a takeaway should.
W_NO_TOPICS = "W-NO-TOPICS"  #: No topics are given.
W_TOPICS_UNCERTAIN = "W-TOPICS-UNCERTAIN"  #: Glued topics could not be taken apart with confidence; they are left out.
W_RELATED = "W-RELATED"  #: An entry under "You May Also Like" lacks a part or has text that fits nowhere.
W_RELATED_CUT = "W-RELATED-CUT"  #: An entry under "You May Also Like" has no end.
W_BADDATE = "W-BADDATE"  #: A date is missing, impossible, or neither month/day/year nor ISO 8601; it counts as unknown.
W_FACT = "W-FACT"  #: A fact in a page's metadata is not usable, such as a malformed DOI; it counts as unknown.
W_NO_JOURNAL = "W-NO-JOURNAL"  #: The closing text names no journal.
W_STRAY_TEXT = "W-STRAY-TEXT"  #: Text at a place where none belongs was left out; the message quotes all of it.
W_SUBHEADING = "W-SUBHEADING"  #: A line within a section looks like a heading of its own; it is kept as text.
W_LOST_CHARACTERS = "W-LOST-CHARACTERS"  #: The file holds marks that stand for characters lost before it came here.
W_CONTROL = "W-CONTROL"  #: Control characters were replaced by spaces.
W_MARKUP = "W-MARKUP"  #: A section holds HTML tags, which readers will see as they are.
W_SHORTCODE = "W-SHORTCODE"  #: Shortcodes of WordPress were removed around their text, or stand in it as they are.
W_STUDY_MISMATCH = "W-STUDY-MISMATCH"  #: The PMID and the DOI lead to two studies; the index was not asked further.


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A document as it was found. `name` is how messages call it, `facts` the bytes of a file of facts beside it.

    A document over the limit holds `BYTES_LIMIT + 1` bytes. `error` says why it could not be read at all.
    """

    key: str
    name: str
    data: bytes
    facts: bytes | None = None
    error: DocumentError | None = None


class Place(Protocol):
    """Where files lie: a folder, a file, standard input, a URL."""

    def files(self) -> Iterator[Raw]:
        """Every file, by key, one at a time. Raises SourceError where the place as a whole cannot be read."""
        ...


class Format(Protocol):
    """How documents are written. `suffixes` are those of its files (`.txt`); pure."""

    @property
    def suffixes(self) -> tuple[str, ...]: ...

    def split(self, file: Raw) -> Iterator[Raw]:
        """The documents of a file, each with a key of its own. Raises DocumentError where the file is unusable."""
        ...

    def parse(self, raw: Raw, known_topics: Collection[str]) -> Document:
        """What one document says. Raises DocumentError where it cannot be used."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A place and the format of what lies there. `slug` names it in the store and in messages."""

    slug: str
    place: Place
    format: Format

    def fetch(self) -> Iterator[Raw]:
        """Every document, one at a time. Raises SourceError where the source as a whole cannot be read.

        The second of two documents with one key comes with an error: the two would overwrite each other for ever.
        """
        seen: set[str] = set()
        try:
            for file in self.place.files():
                for raw in self._documents(file):
                    yield _repeated(raw) if raw.key in seen else raw
                    seen.add(raw.key)
        except SourceError as error:
            raise SourceError(f"source {self.slug}: {error.message}") from error

    def _documents(self, file: Raw) -> Iterator[Raw]:
        if file.error is not None:
            yield file
            return
        try:
            yield from self.format.split(file)
        except DocumentError as error:
            yield replace(file, data=b"", error=error)

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:
        """What a document says. Raises DocumentError where it cannot be used."""
        if raw.error is not None:
            raise raw.error
        return with_mark(self.format.parse(raw, known_topics))


def _repeated(raw: Raw) -> Raw:
    message = f"{raw.name}: an earlier document of this source has the key {shorten(raw.key)}; each needs its own"
    return replace(raw, data=b"", facts=None, error=raw.error or DocumentError(E_KEY_TWICE, message))


class Report:
    """Collects what is odd in one document and words what is wrong, always with the document's name and line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.warnings: list[DocumentWarning] = []

    def warn(self, code: str, message: str, line: int | None = None) -> None:
        self.warnings.append(DocumentWarning(code=code, message=f"{self._place(line)}: {message}"))

    def error(self, code: str, message: str, line: int | None = None) -> DocumentError:
        return DocumentError(code, f"{self._place(line)}: {message}", line=line)

    def _place(self, line: int | None) -> str:
        return self.name if line is None else f"{self.name}, line {line}"


def shorten(text: str, limit: int = 80) -> str:
    """A quotation for a message: at most `limit` characters, without control characters."""
    shown = text[: limit + 1]
    if not shown.isprintable():
        shown = "".join(character if character.isprintable() else " " for character in shown)
    return repr(shown if len(text) <= limit else f"{shown[: limit - 1]}…")


def issue_date(day: date) -> IssueDate:
    """A journal issue's date. Indexes fill a missing day with 1, so a first of the month says the month alone."""
    return IssueDate(day=day, precision=Precision.MONTH if day.day == 1 else Precision.DAY)


def without_repeats(topics: Iterable[str]) -> tuple[str, ...]:
    """Each topic once, whatever its capitals, in the spelling and at the place of its first occurrence."""
    first: dict[str, str] = {}
    for topic in topics:
        first.setdefault(topic.casefold(), topic)
    return tuple(first.values())
