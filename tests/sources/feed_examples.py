"""Feeds with articles in them, for tests."""

from __future__ import annotations

import json
from html import escape
from typing import Any

HTML = (
    "<p>Credibility: 4/5</p><h3>Key Takeaway</h3><p>A training at home helped <b>people with MS</b> to walk.</p>"
    "<h3>What They Found</h3><p>Forty people trained.</p><p>They walked 8% faster.</p>"
    "<h3>Who Should Care &amp; Why</h3><ul><li>People with MS.</li><li>Caregivers.</li></ul>"
    "<h3>Important Considerations</h3><p>The study was small.</p>"
)
TEXT = (
    "Key Takeaway\nA training at home helped.\n\nWhat They Found\n\nForty people\ntrained.\n\nThey walked faster.\n"
    "Who Should Care and Why\nPeople with MS.\nImportant Considerations:\nThe study was small."
)
_HTML_CONTENT = f'<content type="html">{escape(HTML)}</content>'
DATE = "Wed, 18 Nov 2026 09:00:00 +0100"


def item(html: str = HTML, *, title: str = "Walking Faster", rest: str = "", date: str = DATE, guid: str = "g1") -> str:
    """One item of RSS 2.0."""
    return (
        f"<item><title>{escape(title)}</title><guid isPermaLink='false'>{guid}</guid>"
        f"<link>https://example.org/walking</link><pubDate>{date}</pubDate>"
        f"<category>Gait</category><category>Exercise</category>{rest}"
        f"<content:encoded>{escape(html)}</content:encoded></item>"
    )


def rss(*items: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel><title>T</title><link>https://example.org/</link><description>D</description>{''.join(items)}"
        "</channel></rss>"
    ).encode()


def entry(content: str = "", *, id: str = "urn:uuid:1", rest: str = "") -> str:  # noqa: A002 - Atom's name
    """One entry of Atom."""
    return (
        f"<entry><id>{id}</id><title>Walking Faster</title><updated>2026-11-19T00:00:00Z</updated>"
        "<published>2026-11-18T08:00:00Z</published><link href='https://example.org/walking'/>"
        f"<category term='Gait'/><category term='x' label='Exercise'/>{rest}"
        f"{content or _HTML_CONTENT}</entry>"
    )


def atom(*entries: str) -> bytes:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:0</id><title>T</title>'
        f"<updated>2026-11-19T00:00:00Z</updated>{''.join(entries)}</feed>"
    ).encode()


def json_item(**changes: Any) -> dict[str, Any]:
    """One item of a JSON Feed. A change to None takes the value away."""
    values = {
        "id": "j1",
        "url": "https://example.org/walking",
        "title": "Walking Faster",
        "content_html": HTML,
        "date_published": "2026-11-18T09:00:00+01:00",
        "tags": ["Gait", "Exercise"],
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def json_feed(*items: Any) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": items}).encode()
