"""A mark before a title is a status, whatever the format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import make_summary
from capture_examples import GOOD

from newsletter.model import Document, Facts, Status
from newsletter.sources.base import Raw, Source
from newsletter.sources.capture import Capture
from newsletter.sources.marks import read_mark, with_mark
from newsletter.sources.places import Folder


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("RETRACTED: A Title", Status.RETRACTED),
        ("Retracted article: A Title", Status.RETRACTED),
        ("WITHDRAWN: A Title", Status.RETRACTED),
        ("Expression of Concern : A Title", Status.CONCERN),
        ("Corrected: A Title", Status.CORRECTED),
    ],
)
def test_a_mark_becomes_the_status_and_leaves_the_title(title: str, status: Status) -> None:
    document = with_mark(Document(key="a", summary=make_summary(title=title)))
    assert (document.summary.title, document.facts.status) == ("A Title", status)
    assert title.split(":", maxsplit=1)[0].strip() in document.facts.notice


@pytest.mark.parametrize("title", ["A Title", "Retracted", "Retracted:", "How Studies Are Retracted: A Guide"])
def test_other_titles_stay_as_they_are(title: str) -> None:
    assert read_mark(title) is None


def test_what_a_sidecar_says_counts_more() -> None:
    told = Facts(status=Status.CORRECTED, notice="One number was wrong.")
    document = Document(key="a", summary=make_summary(title="RETRACTED: A Title"), facts=told)
    assert with_mark(document) == replace(document, summary=make_summary(title="A Title"))


def test_it_works_for_captures_too() -> None:
    title = GOOD.splitlines()[0]
    data = GOOD.replace(title, f"RETRACTED: {title}").encode()
    source = Source("captures", Folder(Path(), (".txt",)), Capture())
    document = source.parse(Raw(key="a", name="a.txt", data=data))
    assert (document.summary.title, document.facts.status) == (title, Status.RETRACTED)
