"""The kinds of sources by their names in the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from newsletter.sources.base import BYTES_LIMIT, Format
from newsletter.sources.capture import Capture
from newsletter.sources.feed import Feed
from newsletter.sources.markdown import Markdown
from newsletter.sources.page import Page
from newsletter.sources.pubmed import PubMed
from newsletter.sources.records import Records
from newsletter.sources.tables import Tables
from newsletter.sources.wordpress import WordPress

EXPORT_LIMIT = 10_000_000  #: bytes; a file of many documents may be larger than a page

KINDS: Mapping[str, Callable[[Mapping[str, str]], Format]] = {
    "captures": lambda _: Capture(),
    "html": lambda profile: Page(profile=profile),
    "markdown": lambda _: Markdown(),
    "json": lambda _: Records(bytes_limit=EXPORT_LIMIT),
    "csv": lambda _: Tables(bytes_limit=EXPORT_LIMIT),
    "feed": lambda _: Feed(bytes_limit=EXPORT_LIMIT),
    "pubmed": lambda _: PubMed(bytes_limit=EXPORT_LIMIT),
    "wordpress": lambda _: WordPress(bytes_limit=EXPORT_LIMIT),
}


def format_of(kind: str, profile: Mapping[str, str] | None = None) -> Format:
    """The format of a kind; `profile` are CSS selectors for pages. Raises ConfigError for one that cannot be used."""
    return KINDS[kind](profile or {})


def limit_of(documents: Format) -> int:
    """How many bytes a file of this format may have."""
    limit: int = getattr(documents, "bytes_limit", BYTES_LIMIT)
    return limit


def kind_of(name: str) -> str:
    """The kind that a file's name speaks of; captures where it speaks of none."""
    for kind, make in KINDS.items():
        if name.endswith(make({}).suffixes):
            return kind
    return "captures"
