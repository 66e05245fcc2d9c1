"""What the check may find: each rule with its code, what would be right, and who suffers where it is broken.

What is said of readers by name was measured, or read in their source or their threads, in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """An error breaks some reader or a promise of ours; a warning is what strict judges object to."""

    ERROR = "error"
    WARNING = "warning"


class Rule(NamedTuple):
    """`right` goes on a sentence after "right is"; `breaks` is a sentence of its own."""

    severity: Severity
    right: str
    breaks: str


class Flaw(NamedTuple):
    """A rule that is broken at a place within one document. `found` is what stands there."""

    code: str
    place: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A flaw of the file `path`. `message` says what was found and what would be right."""

    code: str
    severity: Severity
    path: str
    place: str
    message: str

    @property
    def breaks(self) -> str:
        """Which reader would break, and why."""
        return RULES[self.code].breaks


def found(path: str, flaws: Iterable[Flaw]) -> Iterator[Finding]:
    """The findings of one file."""
    for flaw in flaws:
        rule = RULES[flaw.code]
        message = f"{flaw.found}; right is {rule.right}"
        yield Finding(code=flaw.code, severity=rule.severity, path=path, place=flaw.place, message=message)


def quoted(text: str | None, limit: int = 80) -> str:
    """What was found, for a message: one line, not too long."""
    if text is None:
        return "nothing"
    line = " ".join("".join(c if c.isprintable() else "\ufffd" if not c.isspace() else " " for c in text).split())
    return f'"{line if len(line) <= limit else line[: limit - 3] + "..."}"'


def _error(right: str, breaks: str) -> Rule:
    return Rule(Severity.ERROR, right, breaks)


def _warning(right: str, breaks: str) -> Rule:
    return Rule(Severity.WARNING, right, breaks)


#: In the order of the table in docs/checking-feeds.md, which a test holds to this one.
RULES: dict[str, Rule] = {
    # -- bytes
    "F-ENCODING": _error(
        "UTF-8, and an XML declaration that says so or none",
        "Strict parsers refuse the whole feed; lenient ones show wrong letters.",
    ),
    "F-CHARACTER": _error(
        "a text without characters that XML 1.0 forbids, even as a reference such as &#11;",
        "One of them costs the whole feed: lemon24/reader refuses it, Miniflux too where it is a reference.",
    ),
    "F-DOCTYPE": _error(
        "a document without DOCTYPE and without entities of its own",
        "lemon24/reader and every parser that guards against entity bombs refuse the whole feed.",
    ),
    "F-ENTITY": _error(
        "one of XML's five names (amp, lt, gt, quot, apos) or a number",
        "HTML's names mean nothing in XML: lemon24/reader refuses the whole feed.",
    ),
    "F-SYNTAX": _error(
        "well-formed XML, or JSON by RFC 8259 with each key once",
        "Strict parsers refuse the whole feed; lenient ones lose what follows.",
    ),
    "F-ROOT": _error(
        "the root that the file's suffix promises",
        "Readers tell formats apart by the root and find no entries under another.",
    ),
    "F-STYLE": _warning(
        "a style sheet of ours in CSS, or none",
        "Chromium puts a red banner above XSLT and is taking it out; a sheet from elsewhere would track readers.",
    ),
    "F-SIZE-LIMIT": _error(
        "at most 5,000,000 bytes",
        "The W3C validator stops reading there; CommaFeed refuses 5 MiB, Miniflux 15.",
    ),
    "F-SIZE": _warning(
        "at most 512 KiB for a live document of more than 15 entries, with older entries in archive documents",
        "FeedBurner refused feeds above 512 KB, and other services prune at the same mark.",
    ),
    # -- elements
    "F-COUNT": _error(
        "exactly one, and not empty",
        "lemon24/reader skips an entry without id; the W3C validator calls the rest errors.",
    ),
    "F-UNKNOWN": _error(
        "a name that the format knows, or a namespace of its own",
        "The W3C validator calls it undefined, and readers drop it.",
    ),
    "F-VERSION": _error(
        "the version that we write: RSS 2.0, JSON Feed 1.1, OPML 2.0",
        "Readers choose their parser by it.",
    ),
    "F-TYPE": _error(
        "a value of the kind that JSON Feed 1.1 asks for",
        "Parsers in typed languages refuse the whole feed.",
    ),
    "F-ID": _error(
        "an absolute IRI without blanks, the same for ever",
        "Readers compare ids byte for byte: a blank that one of them trims makes an entry new again.",
    ),
    "F-TAG": _error(
        "tag:AUTHORITY,DATE:REST with a host name in lower case and a date that has been (RFC 4151)",
        "The W3C validator calls the tag invalid, and nobody else may be trusted not to mint the same.",
    ),
    "F-ID-TWICE": _error(
        "an id for each entry alone",
        "Miniflux, lemon24/reader and Newsboat keep one of the two and lose the other.",
    ),
    "F-GUID": _error(
        'isPermaLink="false" for every guid that is no web address',
        "Readers open the guid as a web page; the W3C validator calls it an error.",
    ),
    "F-AUTHOR": _error(
        "an author with a name, and with a mail address where the element asks for one",
        "The W3C validator calls a feed without author invalid; in RSS the author element is a mail address.",
    ),
    "F-SELF": _error(
        "one link of rel self with the address under which the document is served",
        "WebSub hubs and FreshRSS subscribe to that address; a wrong one subscribes to another document.",
    ),
    "F-ALTERNATE": _error(
        "one HTML page as the alternate of the feed and of each entry",
        "Readers have nothing to open, or open the wrong page.",
    ),
    "F-LINK": _error(
        "a link with rel and an absolute address",
        "A link without rel counts as the page itself, so readers open it instead; a relative one leads nowhere.",
    ),
    "F-DATE": _error(
        "RFC 3339 with T and zone in Atom and JSON Feed (2026-11-20T09:00:00Z), RFC 822 with a four-digit year in RSS",
        "Miniflux puts the time of its visit instead, so old entries stand on top.",
    ),
    "F-FUTURE": _error(
        "a date that has been",
        "Readers pin the entry to the top until that day, or hide it.",
    ),
    "F-DATE-ORDER": _warning(
        "a date of update that is not before the date of publication",
        "Readers that sort by one date and compare by the other show entries out of place.",
    ),
    "F-UPDATED-TWICE": _warning(
        "a different moment of update for each entry",
        "The W3C validator warns of it: who asks for what is newer than the last one misses the other.",
    ),
    "F-FEED-DATE": _error(
        "the date of the newest entry as the feed's",
        "A date from the clock changes the bytes at every build, so that no conditional request is ever answered 304.",
    ),
    "F-ORDER": _warning(
        "the newest entry first",
        "The order means nothing to the RFC, but simple readers and widgets show the first few.",
    ),
    "F-TEXT-TYPE": _error(
        "text, html or xhtml, and a media type for content alone",
        'FreshRSS decodes the content of type="CDATA" as base64 and shows junk.',
    ),
    "F-PLAIN-TEXT": _warning(
        "&#x26; and &#x3C; for & and < in plain text of RSS",
        "Readers take RSS titles for HTML or not: a title such as <non-relapsing> vanishes in some.",
    ),
    "F-SUMMARY": _error(
        "a summary that differs from the content",
        "Readers that show both show the same text twice, and lists show nothing where it is missing.",
    ),
    "F-CONTENT": _error(
        "the whole article",
        "Readers show an empty entry, and people have to leave their reader.",
    ),
    "F-LANGUAGE": _error(
        "a language tag such as en",
        "Screen readers speak the text with the voice of another language.",
    ),
    "F-CATEGORY": _warning(
        "a category with a readable term, a label, and an absolute IRI as scheme",
        "Filters show nothing, or the same topic under two names.",
    ),
    "F-SOURCE": _error(
        "the origin's id, title, date and address where an entry stands in another feed first",
        "Readers that merge copies cannot tell where the entry belongs.",
    ),
    "F-GENERATOR": _warning(
        "a generator with name and version",
        "Authors of readers cannot tell us apart when they meet a defect.",
    ),
    "F-PICTURE": _error(
        "an absolute address of ours for icon and logo",
        "Readers resolve relative ones against other addresses, and ones from elsewhere would track readers.",
    ),
    "F-SITE-LINK": _error(
        "the address of the site's page as the channel's link",
        "Readers open the raw feed when people press the feed's title.",
    ),
    "F-OUTLINE": _error(
        "text, type rss and an absolute xmlUrl on each feed, text on each group",
        "Readers import a list without the feed, or a feed without a name.",
    ),
    # -- content
    "F-URL": _error(
        "an absolute address of http, https or mailto",
        "Liferea, gofeed and fluent-reader know no xml:base, so links and pictures are dead.",
    ),
    "F-SCRIPT": _error(
        "content without scripts, styles, frames, forms, event attributes and addresses that run code",
        "Careful readers drop the entry; in a careless one it runs with the reader's rights.",
    ),
    "F-MARKUP": _error(
        "elements and attributes of plain articles, and < written as &lt; in text",
        "Readers strip what they do not know, and text that looks like a tag vanishes with it.",
    ),
    "F-HTML": _error(
        "a balanced piece of HTML that is valid inside a div",
        "What is left open spills over the rest of the reader's page.",
    ),
    "F-ALT": _error(
        "an alt attribute on each picture, empty for mere decoration",
        "Screen readers spell the file's name.",
    ),
    "F-ELSEWHERE": _error(
        "pictures from our own host",
        "Whoever runs the other host learns who reads about MS, and when.",
    ),
    # -- one document among others
    "F-ARCHIVE-MARK": _error(
        "fh:archive in archive documents and in no other",
        "Readers that follow RFC 5005 poll the archive, or take the live document for frozen.",
    ),
    "F-ARCHIVE-LINKS": _error(
        "current and next-archive in archive documents alone, prev-archive wherever something is older",
        "Readers that follow RFC 5005 end their walk too early; the W3C validator warns of an incomplete archive.",
    ),
    "F-COMPLETE": _error(
        "fh:complete in a live document without older ones, and no archive links beside it",
        "Readers that follow RFC 5005 may drop every entry that is not in a complete document.",
    ),
    "F-CHAIN-BROKEN": _error(
        "a document behind each archive link",
        "Readers that follow RFC 5005 lose everything that is older.",
    ),
    "F-CHAIN-BACK": _error(
        "a next-archive that leads to the document from which one came, and to none yet in the newest archive",
        "Readers that walk forward from where they were leave the chain.",
    ),
    "F-CHAIN-CURRENT": _error(
        "the live document's address as current",
        "Readers that were given an archive document subscribe to the wrong one.",
    ),
    "F-CHAIN-CIRCLE": _error(
        "a chain of documents that ends",
        "Readers that follow RFC 5005 walk for ever.",
    ),
    "F-CHAIN-LOOSE": _error(
        "a walk from the live document that comes by every archive document",
        "What stands in it reaches nobody who subscribes now.",
    ),
    "F-CHAIN-TWICE": _error(
        "each version of an entry in one document of a feed",
        "Readers without memory of ids show it twice.",
    ),
    "F-CHAIN-STALE": _error(
        "the newest version of an entry in the newest document that has it",
        "Readers keep what they see first, so a correction or retraction is undone.",
    ),
    "F-CHANGED": _error(
        "the bytes that were written when the document was archived",
        "Whoever has read an archive document never asks for it again, so what changed in it is never seen.",
    ),
    "F-FORMATS": _error(
        "the same entries in the same order in Atom, RSS and JSON Feed",
        "Subscribers of one format miss what the others get.",
    ),
    "F-LOST": _error(
        "every id that was ever published",
        "The article can no longer be had, or it has a new id and is unread again in every reader.",
    ),
    "F-NEW-ID": _error(
        "only ids that the store has published",
        "An id that nobody recorded cannot be kept: at the next change the article is unread again everywhere.",
    ),
    "F-LIST": _error(
        "each live feed in the list for import, and no other",
        "People who import it miss a feed, or get one that is dead.",
    ),
    "F-DISCOVERY": _error(
        'a <link rel="alternate" type="application/atom+xml"> on the feed\'s page',
        "Readers and browsers that are given the page's address find no feed.",
    ),
    "F-COPY": _error(
        "compressed copies with the same content as the file",
        "Clients that accept the coding, which is nearly all, get other entries than the rest.",
    ),
    # -- the server
    "F-STATUS": _error(
        "200 with the file's bytes, without a redirect",
        "Readers that see an error stop asking; a redirect costs every visit twice.",
    ),
    "F-MEDIA-TYPE": _error(
        "application/xml, or the format's own type, in UTF-8",
        "Readers refuse HTML or plain text; browsers save a file of unknown type.",
    ),
    "F-VALIDATORS": _error(
        "an ETag and a Last-Modified that stay the same as long as the bytes do",
        "Every visit of every reader transfers the whole feed.",
    ),
    "F-NOT-MODIFIED": _error(
        "304 without a body for a tag that matches (weakly, in a list) or else a date that is not older, and 200 otherwise",
        "Readers transfer everything at each visit, or never see what is new (RFC 9110 13.2.2).",
    ),
    "F-304-FIELDS": _error(
        "the same ETag, Cache-Control and Vary on 304 as on 200, and a Date",
        "Caches forget how to store the document (RFC 9110 15.4.5).",
    ),
    "F-CODING": _error(
        "gzip and br for those who accept them, with the same content, Vary: Accept-Encoding and an ETag of their own",
        "Caches give one client's coding to another, which shows junk.",
    ),
    "F-HEAD": _error(
        "the answer of GET without its body",
        "Link checkers and some readers take the feed for dead.",
    ),
    "F-COOKIE": _error(
        "an answer without cookies",
        "A cookie tells readers apart, and shared caches do not store the answer.",
    ),
    "F-CACHE": _error(
        "max-age from 5 minutes to 1 day on live documents, a year and immutable on archive documents",
        "Miniflux, lemon24/reader and FreshRSS obey it: too short costs traffic, too long holds back corrections.",
    ),
}
