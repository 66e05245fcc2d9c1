"""Marks that publishers put before a title: `RETRACTED: A title`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from newsletter.model import Document, Status

_MARKED = re.compile(
    r"\s*(retracted(?: article)?|withdrawn(?: article)?|expression of concern|corrected)\s*:\s*(?=\S)", re.IGNORECASE
)
# A study that its publisher withdrew is news to readers, as a retraction is; "withdrawn" is what a site does itself.
_STATUSES = {"r": Status.RETRACTED, "w": Status.RETRACTED, "e": Status.CONCERN, "c": Status.CORRECTED}


class Mark(NamedTuple):
    """What stands before a title, what it means, and the title without it."""

    words: str
    status: Status
    title: str

    @property
    def notice(self) -> str:
        return f"The title of the source is marked {self.words!r}."


def read_mark(title: str) -> Mark | None:
    """The mark of a title; None where it has none."""
    marked = _MARKED.match(title)
    if marked is None:
        return None
    return Mark(words=marked[1], status=_STATUSES[marked[1][0].lower()], title=title[marked.end() :])


def with_mark(document: Document) -> Document:
    """The document with the mark of its title as its status, unless something was said of the status already."""
    mark = read_mark(document.summary.title)
    if mark is None:
        return document
    facts = document.facts
    if facts.status is Status.OK:
        facts = replace(facts, status=mark.status, notice=mark.notice)
    return replace(document, summary=replace(document.summary, title=mark.title), facts=facts)
