"""A judge of Atom documents that shares no code with what it judges: RFC 4287, and what feed readers stumble over.

`problems` returns one sentence for each rule that a document breaks. The marks (A1, S2, ...) name the rules; what needs
a network, a history of earlier documents or a human eye is not judged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from html.parser import HTMLParser

from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
TEXT_TYPES = frozenset({"text", "html", "xhtml"})
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")
BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
VOID = frozenset({"br", "hr", "img", "wbr"})
ALLOWED = VOID | frozenset(
    [
        "a",
        "abbr",
        "article",
        "aside",
        "b",
        "blockquote",
        "caption",
        "cite",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "i",
        "li",
        "ol",
        "p",
        "pre",
        "q",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "time",
        "tr",
        "u",
        "ul",
    ]
)
ALLOWED_ATTRIBUTES = frozenset(
    [
        "alt",
        "class",
        "dir",
        "href",
        "id",
        "lang",
        "src",
        "srcset",
        "title",
        "width",
        "height",
        "aria-hidden",
        "datetime",
    ]
)
FEED_ELEMENTS = frozenset(
    [
        "author",
        "category",
        "contributor",
        "entry",
        "generator",
        "icon",
        "id",
        "link",
        "logo",
        "rights",
        "subtitle",
        "title",
        "updated",
    ]
)
ENTRY_ELEMENTS = frozenset(
    [
        "author",
        "category",
        "content",
        "contributor",
        "id",
        "link",
        "published",
        "rights",
        "source",
        "summary",
        "title",
        "updated",
    ]
)

Element = etree._Element
Rule = Callable[[Element], Iterator[str]]


def problems(xml: bytes, now: datetime | None = None) -> list[str]:
    """What is wrong with an Atom document; an empty list is a valid one. Dates after `now`, if given, are wrong too."""
    found = [*_source(xml)]
    try:
        feed = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except etree.XMLSyntaxError as error:
        return [*found, f"S1: not well-formed: {error}"]
    if feed.tag != f"{ATOM}feed":
        return [*found, f"A1: the root is {feed.tag}, not atom:feed"]
    for rule in RULES:
        found += rule(feed)
    return found + [f"A7: {text} is in the future" for text in _future(feed, now)]


def entries(feed: Element) -> list[Element]:
    return feed.findall(f"{ATOM}entry")


def text(element: Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


def name_of(element: Element) -> str:
    return "feed" if element.tag == f"{ATOM}feed" else f'entry "{text(element, "id")}"'


def _source(xml: bytes) -> Iterator[str]:
    """S1, S2: judged on the bytes, for a parser would hide them."""
    try:
        document = xml.decode("utf-8")
    except UnicodeDecodeError as error:
        yield f"S1: not UTF-8: {error}"
        return
    if BAD.search(document):
        yield "S1: a character that XML forbids"
    if "<!DOCTYPE" in document:
        yield "S2: a DOCTYPE"
    if ENTITY.search(document):
        yield "S2: a named entity of HTML, or a bare ampersand"


def _counts(feed: Element) -> Iterator[str]:
    for element in (feed, *entries(feed)):
        for name in ("id", "title", "updated"):
            number = len(element.findall(f"{ATOM}{name}"))
            if number != 1:
                yield f"A1: {name_of(element)} has {number} {name} elements"
            elif not text(element, name).strip():
                yield f"A1: {name_of(element)} has an empty {name}"


def _ids(feed: Element) -> Iterator[str]:
    for element in (feed, *entries(feed)):
        if not IRI.fullmatch(text(element, "id")):
            yield f"A2: {name_of(element)}: its id is no absolute IRI"


def _unique_ids(feed: Element) -> Iterator[str]:
    times = Counter(text(entry, "id") for entry in entries(feed))
    times[text(feed, "id")] += 1
    yield from (f'A3: the id "{identity}" stands {number} times' for identity, number in times.items() if number > 1)


def _author(feed: Element) -> Iterator[str]:
    if not (feed.findtext(f"{ATOM}author/{ATOM}name") or "").strip():
        yield "A4: the feed has no author with a name"
    for email in feed.iterfind(f".//{ATOM}author/{ATOM}email"):
        if "@" not in (email.text or ""):
            yield f'A4: "{email.text}" is no address'


def _links(feed: Element) -> Iterator[str]:
    own = [link for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self"]
    if len(own) != 1:
        yield f"A5: the feed has {len(own)} links of rel self"
    for element in (feed, *entries(feed)):
        kinds = Counter(
            (link.get("type"), link.get("hreflang"))
            for link in element.findall(f"{ATOM}link")
            if link.get("rel", "alternate") == "alternate"
        )
        yield from (f"A5: {name_of(element)}: {n} alternates of {kind}" for kind, n in kinds.items() if n > 1)


def _entry_links(feed: Element) -> Iterator[str]:
    for entry in entries(feed):
        links = entry.findall(f"{ATOM}link")
        if not any(link.get("rel") == "alternate" and link.get("type") == "text/html" for link in links):
            yield f"A6: {name_of(entry)} has no alternate link of type text/html"
        for link in links:
            if "rel" not in link.attrib:
                yield f"A6: {name_of(entry)}: a link without rel: {link.get('href')}"


def _dates(feed: Element) -> Iterator[str]:
    for element in (feed, *entries(feed)):
        for name in ("published", "updated"):
            for date in element.findall(f"{ATOM}{name}"):
                if not DATE.fullmatch(date.text or ""):
                    yield f'A7: {name_of(element)}: {name} is "{date.text}", not a date of RFC 3339'
    for entry in entries(feed):
        published, updated = text(entry, "published"), text(entry, "updated")
        if DATE.fullmatch(published) and DATE.fullmatch(updated) and _moment(updated) < _moment(published):
            yield f"A7: {name_of(entry)} was updated before it was published"


def _future(feed: Element, now: datetime | None) -> Iterator[str]:
    for element in feed.iter(f"{ATOM}published", f"{ATOM}updated"):
        if now is not None and DATE.fullmatch(element.text or "") and _moment(element.text or "") > now:
            yield str(element.text)


def _distinct_updates(feed: Element) -> Iterator[str]:
    times = Counter(_moment(text(entry, "updated")) for entry in _dated(feed))
    yield from (f"A8: {number} entries were updated at {moment}" for moment, number in times.items() if number > 1)


def _feed_updated(feed: Element) -> Iterator[str]:
    newest = max((_moment(text(entry, "updated")) for entry in _dated(feed)), default=None)
    updated = text(feed, "updated")
    if newest is not None and DATE.fullmatch(updated) and _moment(updated) != newest:
        yield f"A9: the feed was updated at {updated}, its newest entry at {newest}"


def _types(feed: Element) -> Iterator[str]:
    for element in feed.iter(f"{ATOM}title", f"{ATOM}summary", f"{ATOM}subtitle", f"{ATOM}rights", f"{ATOM}content"):
        kind = element.get("type", "text")
        if kind not in TEXT_TYPES and not (
            element.tag == f"{ATOM}content" and re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind)
        ):
            yield f'A10: type="{kind}" on {element.tag.removeprefix(ATOM)}'


def _summaries(feed: Element) -> Iterator[str]:
    for entry in entries(feed):
        summary, content = text(entry, "summary"), text(entry, "content")
        if not summary.strip():
            yield f"A11: {name_of(entry)} has no summary"
        if not content.strip():
            yield f"A11: {name_of(entry)} has no content"
        elif summary == content:
            yield f"A11: {name_of(entry)}: the summary is the content"


def _languages(feed: Element) -> Iterator[str]:
    if not feed.get(LANGUAGE):
        yield "A12: no xml:lang on the feed"
    for link in feed.iter(f"{ATOM}link"):
        if link.get("type") == "text/html" and not link.get("hreflang"):
            yield f"A12: no hreflang on the link to {link.get('href')}"


def _categories(feed: Element) -> Iterator[str]:
    for category in feed.iter(f"{ATOM}category"):
        if not (category.get("term") or "").strip() or not category.get("label"):
            yield "A13: a category without term or label"
        if not IRI.fullmatch(category.get("scheme") or ""):
            yield f'A13: the scheme "{category.get("scheme")}" is no absolute IRI'


def _origins(feed: Element) -> Iterator[str]:
    for source in feed.iter(f"{ATOM}source"):
        missing = [name for name in ("id", "title", "updated") if not text(source, name)]
        if not any(link.get("rel") == "self" for link in source.findall(f"{ATOM}link")):
            missing.append("link of rel self")
        if missing:
            yield f"A14: a source without {', '.join(missing)}"


def _generator(feed: Element) -> Iterator[str]:
    generator = feed.find(f"{ATOM}generator")
    if generator is None or not (generator.text or "").strip() or not generator.get("version"):
        yield "A15: no generator with name and version"
    for name in ("icon", "logo"):
        for image in feed.findall(f"{ATOM}{name}"):
            if not IRI.fullmatch(image.text or ""):
                yield f"A15: the {name} is no absolute IRI"


def _foreign(feed: Element) -> Iterator[str]:
    for element, known in [(feed, FEED_ELEMENTS), *((entry, ENTRY_ELEMENTS) for entry in entries(feed))]:
        for child in element:
            if isinstance(child.tag, str) and _namespace(child.tag) in {ATOM, ""}:
                name = child.tag.removeprefix(ATOM)
                if child.tag == name or name not in known:
                    yield f"A16: {name_of(element)}: no such element: {name}"


def _order(feed: Element) -> Iterator[str]:
    """By either date: a digest keeps its place when one of its articles is corrected."""
    orders = [[_moment(text(entry, name)) for entry in _dated(feed)] for name in ("published", "updated")]
    if not any(order == sorted(order, reverse=True) for order in orders):
        yield "A17: the entries do not stand newest first"


def _urls(feed: Element) -> Iterator[str]:
    for link in feed.iter(f"{ATOM}link"):
        if not IRI.fullmatch(link.get("href", "")):
            yield f'S4: the link "{link.get("href")}" is not absolute'


def _contents(feed: Element) -> Iterator[str]:
    for content in feed.iter(f"{ATOM}content"):
        if content.get("type") == "html" and content.text:
            judge = _Fragment()
            judge.feed(content.text)
            judge.close()
            yield from judge.finish()


class _Fragment(HTMLParser):
    """S3 to S5 on a piece of HTML: from the allow-list, balanced, with whole addresses and alternative texts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.found.append(f"S3: <{tag}> is not allowed")
        given = dict(attrs)
        self.found += [f'S3: the attribute "{name}" is not allowed' for name in given if name not in ALLOWED_ATTRIBUTES]
        for name in ("href", "src"):
            value = given.get(name)
            if name in given and not re.match(r"(?:https?://|mailto:)\S+$", value or ""):
                self.found.append(f'S4: {name}="{value}" is not an absolute web address')
        if tag == "img" and "alt" not in given:
            self.found.append("S5: an img without alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.found.append(f"S5: </{tag}> closes nothing")

    def handle_comment(self, data: str) -> None:
        self.found.append("S3: a comment")

    def finish(self) -> list[str]:
        return self.found + [f"S5: <{tag}> is not closed" for tag in self.open]


def _dated(feed: Element) -> list[Element]:
    """Entries whose dates can be read; the others are A1's or A7's business."""
    return [
        entry
        for entry in entries(feed)
        if DATE.fullmatch(text(entry, "updated"))
        and DATE.fullmatch(text(entry, "published") or text(entry, "updated"))
        and text(entry, "published")
    ]


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


def _namespace(tag: str) -> str:
    return tag[: tag.index("}") + 1] if tag.startswith("{") else ""


RULES: tuple[Rule, ...] = (
    _counts, _ids, _unique_ids, _author, _links, _entry_links, _dates, _distinct_updates, _feed_updated, _types,
    _summaries, _languages, _categories, _origins, _generator, _foreign, _order, _urls, _contents,
)  # fmt: skip
