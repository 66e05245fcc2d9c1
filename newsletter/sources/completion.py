"""What is known of an article from elsewhere: studies in an index, and an operator's words on topics."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from newsletter import __version__
from newsletter.errors import ConfigError, DocumentError
from newsletter.model import Article, Document
from newsletter.sources import crossref, pubmed
from newsletter.sources.capture import text_words
from newsletter.sources.kinds import EXPORT_LIMIT
from newsletter.sources.studies import Study, by_id, enrich
from newsletter.sources.topics import alternatives, split_topics
from newsletter.topics import merge_topics

Complete = Callable[[Document], Document]


def completion(studies: Sequence[str], topics: str | None) -> Complete:
    """What to do with every document. Raises ConfigError for a file that cannot be used."""
    known = read_studies(studies)
    settled = read_topics(topics) if topics is not None else TopicWords()
    return lambda document: settled.apply(enrich(document, known) if known else document)


def fingerprint(studies: Sequence[str], topics: str | None) -> str:
    """Of what `completion` goes by: the bytes of its files, and how this version reads them. Empty where there are none.

    A file that cannot be read counts as empty here; `completion` says what is wrong.
    """
    names = (*studies, *(() if topics is None else (topics,)))
    told = hashlib.sha256(__version__.encode())
    for name in names:
        with suppress(OSError), Path(name).open("rb") as file:
            told.update(f"\0{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return told.hexdigest() if names else ""


def read_studies(names: Sequence[str]) -> Mapping[str, Study]:
    """Studies by PMID and DOI, from PubMed's XML and Crossref's JSON. Raises ConfigError."""
    found: list[Study] = []
    for name in names:
        reader = crossref.studies_in if name.endswith(".json") else pubmed.studies_in
        try:
            found += reader(Path(name).read_bytes(), name, EXPORT_LIMIT).values()
        except OSError as error:
            raise ConfigError(f"paths.studies: {name} cannot be read ({error.strerror})") from None
        except DocumentError as error:
            raise ConfigError(f"paths.studies: {error.message}") from None
    return by_id(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulTopics:
    """An article whose topics are in doubt: what was taken, and other readings of the same text."""

    slug: str
    title: str
    topics_raw: str
    topics: tuple[str, ...]
    readings: tuple[tuple[str, ...], ...]


def doubtful(article: Article, known: Collection[str], complete: Complete) -> DoubtfulTopics | None:
    """The doubts about an article's topics; None where there are none, or where an operator has settled them."""
    raw = article.topics_raw
    if raw is None or not split_topics(raw, known=known, text_words=text_words(article.summary)).uncertain:
        return None
    unsettled = replace(article.summary, topics=())
    if complete(Document(key=article.key, summary=unsettled, topics_raw=raw)).summary.topics:
        return None
    readings = alternatives(raw, 3, known=known, text_words=text_words(article.summary))
    return DoubtfulTopics(
        slug=article.slug,
        title=article.title,
        topics_raw=raw,
        topics=article.summary.topics,
        readings=tuple(readings),
    )


class TopicWords:
    """An operator's words: `lists` settle what glued topics are, `aliases` which names mean the same."""

    def __init__(
        self, lists: Mapping[str, Sequence[str]] | None = None, aliases: Mapping[str, str] | None = None
    ) -> None:
        self._lists, self._aliases = lists or {}, aliases or {}

    def apply(self, document: Document) -> Document:
        """The document with settled topics."""
        topics = tuple(self._lists.get(document.topics_raw or "", document.summary.topics))
        merged = merge_topics(topics, self._aliases)
        if merged == document.summary.topics:
            return document
        return replace(document, summary=replace(document.summary, topics=merged))


def read_topics(name: str) -> TopicWords:
    """The file of an operator's words on topics. Raises ConfigError, naming key and value.

    [lists]
    "gaitmultiple sclerosis" = ["gait", "multiple sclerosis"]
    [aliases]
    MS = "Multiple sclerosis"
    """
    try:
        told = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"paths.topics: {name} cannot be read ({error})") from None
    unknown = set(told) - {"lists", "aliases"}
    if unknown:
        raise ConfigError(f"{name}: {min(unknown)}: unknown key; known here: lists, aliases")
    lists, aliases = told.get("lists", {}), told.get("aliases", {})
    problems = [f"lists.{key}" for key, value in _items(lists) if not _is_texts(value)]
    problems += [f"aliases.{key}" for key, value in _items(aliases) if not isinstance(value, str)]
    if problems:
        raise ConfigError(*(f"{name}: {key}: lists hold lists of texts, aliases hold texts" for key in problems))
    return TopicWords(lists, aliases)


def _items(table: Any) -> list[tuple[str, Any]]:
    return list(table.items()) if isinstance(table, dict) else [("", None)]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value)
