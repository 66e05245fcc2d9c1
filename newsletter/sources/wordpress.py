"""A WordPress export (WXR: Tools > Export > Posts), one document a published post.

Drafts, private posts, posts with a password, revisions, pages and attachments were never public and are passed over. A
post that is scheduled is held back until its hour. A post's text is divided at its headings, as an article page is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

from lxml import etree

from newsletter.errors import DocumentError
from newsletter.model import DateOrigin, Document, Facts, Summary
from newsletter.sources import base, divide
from newsletter.sources.base import Raw, Report, shorten, without_repeats
from newsletter.sources.fields import check_file, read_key, read_known_facts, refused_in
from newsletter.sources.sanitise import parse_html, plain_paragraphs, read_flow
from newsletter.sources.trees import Element, line_of, own_bytes, read_tree

_WORDPRESS = ("http://wordpress.org/export/", "https://wordpress.org/export/")
_CONTENT = ("http://purl.org/rss/1.0/modules/content/",)
_RSS = ("",)
_PUBLIC = ("publish", "future")
_DOMAINS = ("category", "post_tag")
_NO_TOPIC = "uncategorized"  # what WordPress calls a post that nobody put anywhere
_FACTS = ("doi", "pmid", "source_url", "issue_date", "status", "status_date", "notice")
_RATINGS = ("credibility", "interest")

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_FRAMES = re.compile(r"\[/?(?:caption|wp_caption|gallery|playlist|audio|video|embed)\b[^\[\]<>]{0,500}\]")
_SHORTCODE = re.compile(r"\[/[a-z][\w-]{0,60}\]|\[[a-z][\w-]{0,60}(?:\s+[\w-]{1,60}=[^\[\]<>]{0,500})\]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_BLOCK = re.compile(r"\s*</?(?:p|div|h[1-6]|ul|ol|li|blockquote|table|figure|pre|section|hr)\b|\s*<!--", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WordPress:
    """The format: WXR 1.0 to 1.2. A document's key is its post's number; `types` are the post types that are articles."""

    suffixes: tuple[str, ...] = (".xml",)
    types: tuple[str, ...] = ("post",)
    bytes_limit: int = base.BYTES_LIMIT

    def split(self, file: Raw) -> Iterator[Raw]:
        check_file(file, limit=self.bytes_limit)
        report = Report(file.name)
        channel = read_tree(report, file.data, ("rss",), self.bytes_limit).find("channel")
        if channel is None or not _text(channel, "wxr_version", _WORDPRESS):
            raise report.error(base.E_NOT_XML, "this is no WordPress export: wp:wxr_version is missing")
        for item in channel.iterfind("item"):
            if self._is_public(item):
                yield _document(file, item)

    def _is_public(self, item: Element) -> bool:
        kind, status = (_text(item, name, _WORDPRESS) for name in ("post_type", "status"))
        return kind in self.types and status in _PUBLIC and not _text(item, "post_password", _WORDPRESS)

    def parse(self, raw: Raw, known_topics: Collection[str] = ()) -> Document:  # noqa: ARG002 - terms come apart
        report = Report(raw.name)
        item = read_tree(report, raw.data, ("item",), self.bytes_limit)
        try:
            summary = _summary(report, item)
        except DocumentError as error:  # what is said of HTML alone does not say where it stands
            raise error if error.message.startswith(raw.name) else report.error(error.code, error.message) from None
        return Document(key=raw.key, summary=summary, facts=_facts(report, item), warnings=tuple(report.warnings))


def _document(file: Raw, item: Element) -> Raw:
    key = read_key(_text(item, "post_id", _WORDPRESS) or _text(item, "guid"))
    if key is None:
        place = f"line {line_of(item)}"
        error = Report(file.name).error(base.E_NO_KEY, "a post has neither wp:post_id nor guid", line_of(item))
        return refused_in(file, place, error)
    try:
        return Raw(key=key, name=f"{file.name}, post {key}", data=own_bytes(Report(file.name), item))
    except DocumentError as error:
        return refused_in(file, f"post {key}", error)


def _text(parent: Element, name: str, spaces: tuple[str, ...] = _RSS) -> str:
    """The text of a child in one of the name spaces (the exporter's version stands at the end of its own)."""
    for child in parent:
        tag = etree.QName(child)
        space = tag.namespace or ""
        if tag.localname == name and (space.startswith(spaces) if any(spaces) else not space):
            return (child.text or "").strip()
    return ""


def _custom(item: Element) -> dict[str, str]:
    """The custom fields of a post; the first of two with one name."""
    fields: dict[str, str] = {}
    for child in item:
        if etree.QName(child).localname == "postmeta":
            fields.setdefault(_text(child, "meta_key", _WORDPRESS), _text(child, "meta_value", _WORDPRESS))
    return fields


# -- facts ------------------------------------------------------------------------------------------------------------


def _facts(report: Report, item: Element) -> Facts:
    told = {name: value for name, value in _custom(item).items() if name in _FACTS and value}
    facts, _ = read_known_facts(told, report=report, origin=DateOrigin.PAGE)
    published = _published(item)
    if published is None:
        report.warn(base.W_BADDATE, "the post has no date of publication")
    if _text(item, "status", _WORDPRESS) != "future":
        return replace(facts, published=published)
    if not isinstance(published, datetime):
        raise report.error(base.E_EMBARGO, "the post is scheduled, but wp:post_date_gmt does not say for when")
    return replace(facts, published=published, publish_after=published)


def _published(item: Element) -> datetime | date | None:
    """The moment; only the day where it is known in the site's own time alone, whose zone the export does not tell."""
    local = _moment(_text(item, "post_date", _WORDPRESS))
    return (
        _moment(_text(item, "post_date_gmt", _WORDPRESS))
        or _rss_moment(_text(item, "pubDate"))
        or (local and local.date())
    )


def _moment(text: str) -> datetime | None:
    """`2026-11-18 09:00:00`; WordPress writes zeros where there is no date."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if _MOMENT.fullmatch(text) else None
    except ValueError:
        return None


def _rss_moment(text: str) -> datetime | None:
    """RFC 5322 3.3. A zone of -0000 says that none is known; a year of two digits is not guessed at."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None and str(moment.year) in text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


# -- the summary ------------------------------------------------------------------------------------------------------


def _summary(report: Report, item: Element) -> Summary:
    title = " ".join(plain_paragraphs(_text(item, "title")))
    if not title:
        raise report.error(base.E_NO_TITLE, "the post has no title")
    html = _as_html(report, _text(item, "encoded", _CONTENT))
    parts = divide.divide(report, [(block.text, block.level) for block in read_flow(parse_html(html)).blocks])
    custom = _custom(item)
    told = [f"{name}: {custom[name]}" for name in _RATINGS if custom.get(name)]
    ratings, lead = divide.ratings_in(report, (*told, *parts[divide.LEAD]))
    divide.leave_out(report, [line for line in lead if divide.name_of(line) != divide.name_of(title)], "above")
    for part in (divide.TOPICS, divide.RELATED, divide.CLOSING):
        divide.leave_out(report, parts.get(part, ()), f"under {part!r}")
    topics = _topics(item)
    if not topics:
        report.warn(base.W_NO_TOPICS, "the post has no categories and no tags")
    return Summary(
        title=title,
        key_takeaway=" ".join(parts[divide.TAKEAWAY]),
        what_they_found=parts[divide.FOUND],
        who_should_care=parts[divide.CARE],
        considerations=parts[divide.CONSIDERATIONS],
        credibility=ratings.get("credibility"),
        interest=ratings.get("interest"),
        topics=topics,
        journal=custom.get("journal") or None,
    )


def _topics(item: Element) -> tuple[str, ...]:
    terms = [
        " ".join(plain_paragraphs(term.text or ""))
        for term in item.iterfind("category")
        if term.get("domain") in _DOMAINS and term.get("nicename") != _NO_TOPIC
    ]
    return without_repeats(term for term in terms if term)


def _as_html(report: Report, content: str) -> str:
    """A post as browsers get it: blank lines begin paragraphs, and frames around pictures and players are gone.

    Only WordPress's own shortcodes are known to be frames; any other stays, since its text may matter.
    """
    bare = _FRAMES.sub(" ", content)
    odd = _SHORTCODE.search(bare)
    if bare != content:
        report.warn(base.W_SHORTCODE, "shortcodes for pictures, sound or film were removed; their text was kept")
    if odd is not None:
        report.warn(base.W_SHORTCODE, f"the shortcode {shorten(odd.group())} is kept as text")
    chunks = _BLANK_LINES.split(bare.replace("\r\n", "\n"))
    return "\n\n".join(chunk if _BLOCK.match(chunk) else f"<p>{chunk}</p>" for chunk in chunks)
