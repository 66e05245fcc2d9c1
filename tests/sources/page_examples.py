"""A page and a Markdown file for tests, both of the same article."""

from __future__ import annotations

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Short Walks and Steady Hands | Example</title>
<meta property="article:published_time" content="2026-11-18T09:00:00+01:00">
<meta name="citation_doi" content="doi:10.5555/12.34"><meta name="citation_pmid" content="99990001">
<meta name="citation_journal_title" content="Journal of small steps">
<meta name="citation_publication_date" content="2026/12">
<link rel="canonical" href="https://example.org/walks/"></head>
<body><nav><ul><li><a href="/">Home</a></li></ul></nav>
<main><article><header><h1>Short Walks and Steady Hands</h1>
<div>Credibility <span aria-label="4 out of 5">★★★★☆</span></div>
<div><p>Interest</p><p>3.5</p></div></header>
<section><h2>Key Takeaway</h2><p>A short walk each day may help.</p></section>
<section><h2>What They Found</h2><p>Forty people walked.</p><ul><li>Nobody fell.</li></ul></section>
<section><h2>Who Should Care &amp; Why</h2><p>People with MS.</p></section>
<section><h2>Important Considerations</h2><p>The group was small.</p></section>
<section><h2>Article Topics:</h2><p><a href="/t/1">MRI</a><a href="/t/2">sleep quality</a></p></section>
<section><h2>You May Also Like</h2>
<div class="more"><h3>Cool Rooms</h3><time>12/31/2026</time><p>Learn how</p><a href="/cool">Read More</a></div>
<div class="more"><h3>Sleep</h3><time>3/1/2026</time><p>Discover</p></div></section>
</article></main><footer>Imprint</footer></body></html>
"""

MARKDOWN = """---
title: Short Walks and Steady Hands
credibility: 4/5
interest: 3.5
topics: [no, "1:30", Gait]
journal: Journal of small steps
published: 2026-11-18
---
# Short Walks and Steady Hands

## Key Takeaway

A short walk each day may help.

## What They Found

Forty people walked.

- Nobody fell.

## Who Should Care and Why

People with MS.

## Important Considerations

The group was small.
"""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """`text` with each (old, new) replaced once. Fails where `old` is not there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
