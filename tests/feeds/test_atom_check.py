"""The judge itself: a valid feed passes, and each rule can find its fault."""

from __future__ import annotations

import pytest
from feeds.atom_check import problems
from feeds.examples import NOW, make_entry, make_feed

from newsletter.feeds.atom import write

VALID = write(make_feed(make_entry(2), make_entry(1))).decode()
ENTRY = VALID[VALID.index("  <entry>") : VALID.index("</entry>") + len("</entry>")]

FAULTS = [
    ("A1", "<title>A feed</title>", ""),
    ("A1", "<title>A feed</title>", "<title> </title>"),
    ("A1", "<title>A feed</title>", "<title>A</title><title>B</title>"),
    ("A2", "<id>tag:example.org,2026:article/1</id>", "<id>article 1</id>"),
    ("A3", "article/2</id>", "article/1</id>"),
    ("A4", "<name>The Example Editors</name>\n    <email>", "<email>"),
    ("A4", "<email>editors@example.org<", "<email>editors<"),
    ("A5", 'rel="self"', 'rel="related"'),
    (
        "A5",
        "<generator",
        '<link rel="alternate" type="text/html" hreflang="en" href="https://example.org/"/><generator',
    ),
    ("A6", ' rel="alternate" type="text/html" hreflang="en" title="A title"', ' rel="related"'),
    ("A6", ' rel="via"', ""),
    ("A7", "<published>2026-11-02T09:00:00+00:00", "<published>2026-11-02"),
    ("A7", "<published>2026-11-02T", "<published>2026-11-03T"),
    ("A7", "<published>2026-11-02T", "<published>2027-11-02T"),
    ("A8", "<updated>2026-11-01T09", "<updated>2026-11-02T09"),
    ("A9", "<updated>2026-11-02T09:00:00.003000", "<updated>2026-11-19T09:00:00"),
    ("A10", '<content type="html">', '<content type="CDATA">'),
    ("A11", "<summary>A summary</summary>", "<summary></summary>"),
    ("A11", "<summary>A summary<", "<summary>&lt;p&gt;Text&lt;/p&gt;<"),
    ("A11", "&lt;p&gt;Text&lt;/p&gt;", ""),
    ("A12", ' xml:lang="en"', ""),
    ("A12", ' hreflang="en"', ""),
    ("A13", 'label="Fatigue"', ""),
    ("A13", 'scheme="tag:example.org,2026:topic"', 'scheme="topics"'),
    ("A14", "<summary>", "<source><id>tag:example.org,2026:x</id></source><summary>"),
    ("A15", ' version="', ' edition="'),
    ("A15", "<generator", "<icon>/icon.png</icon><generator"),
    ("A16", "<summary>", "<teaser>T</teaser><summary>"),
    ("A16", "<summary>", '<subject xmlns="">T</subject><summary>'),
    ("S1", "A summary", "A \x0b summary"),
    ("S1", "A summary", "A &#11; summary"),
    ("S2", "<feed ", "<!DOCTYPE feed><feed "),
    ("S2", "A summary", "A&nbsp;summary"),
    ("S3", "&lt;p&gt;Text", "&lt;script&gt;&lt;/script&gt;&lt;p&gt;Text"),
    ("S3", "&lt;p&gt;Text", '&lt;p onclick="x"&gt;Text'),
    ("S3", "&lt;p&gt;Text", "&lt;!-- a --&gt;&lt;p&gt;Text"),
    ("S4", "&lt;p&gt;Text", '&lt;p&gt;&lt;a href="/x"&gt;Text&lt;/a&gt;'),
    ("S4", "&lt;p&gt;Text", '&lt;p&gt;&lt;a href="javascript:x"&gt;Text&lt;/a&gt;'),
    ("S4", 'href="https://doi.org/10.1000/1"', 'href="10.1000/1"'),
    ("S5", "&lt;p&gt;Text", '&lt;p&gt;&lt;img src="https://example.org/x"&gt;Text'),
    ("S5", "&lt;p&gt;Text", "&lt;p&gt;&lt;b&gt;Text"),
    ("S5", "&lt;p&gt;Text&lt;/p&gt;", "&lt;p&gt;&lt;/p&gt;Text&lt;/p&gt;"),
    ("S5", "&lt;p&gt;Text&lt;/p&gt;", "&lt;p&gt;Text"),
]


def test_a_valid_feed_has_no_problem() -> None:
    assert problems(VALID.encode(), NOW) == []


@pytest.mark.parametrize(("rule", "right", "wrong"), FAULTS, ids=lambda value: value[:20])
def test_each_fault_is_found(rule: str, right: str, wrong: str) -> None:
    assert right in VALID
    found = problems(VALID.replace(right, wrong, 1).encode(), NOW)
    assert any(problem.startswith(f"{rule}:") for problem in found), found


def test_entries_in_the_wrong_order_are_found() -> None:
    without = VALID.replace(ENTRY, "")
    turned = without.replace("</feed>", f"{ENTRY}</feed>")
    assert problems(turned.encode(), NOW) == ["A17: the entries do not stand newest first"]


def test_bytes_that_are_no_text_are_found() -> None:
    assert problems(b"\xff\xfe")[0].startswith("S1:")


def test_another_kind_of_document_is_named() -> None:
    assert problems(b"<rss><channel/></rss>") == ["A1: the root is rss, not atom:feed"]


def test_dates_are_not_judged_by_a_clock_that_was_not_given() -> None:
    later = VALID.replace("2026-11-02T", "2126-11-02T")
    assert problems(later.encode()) == []
    assert {problem[:3] for problem in problems(later.encode(), NOW)} == {"A7:"}
