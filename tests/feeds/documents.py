"""Good documents, written by hand and by none of our writers: what the check must have nothing to say about."""

from __future__ import annotations

from datetime import UTC, datetime

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BASE = "https://news.example.org"

_CONTENT = (
    '<p>Text with <a href="https://doi.org/10.1000/1" title="a &gt; b">a link</a>, <br/> p&lt;0.05 and'
    ' <img src="https://news.example.org/i.png" srcset="https://news.example.org/i2.png 2x" alt=""></p>'
    "<ul><li>One</li><li>Two</li></ul>"
)


def _escaped(html: str) -> str:
    return html.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _atom_entry(number: int) -> str:
    return f"""  <entry>
    <id>tag:example.org,2026:article/{number}</id>
    <title>Article &lt;{number}&gt;</title>
    <published>2026-11-0{number}T09:00:00Z</published>
    <updated>2026-11-0{number}T10:00:00.003+01:00</updated>
    <author><name>The Editors</name></author>
    <link rel="alternate" type="text/html" hreflang="en" href="{BASE}/articles/{number}/"/>
    <link rel="via" href="https://doi.org/10.1000/{number}"/>
    <summary>What it comes to</summary>
    <content type="html">{_escaped(_CONTENT)}</content>
    <category term="Fatigue" label="Fatigue" scheme="tag:example.org,2026:topic"/>
    <source>
      <id>tag:example.org,2026:feed/articles</id>
      <title>All</title>
      <link rel="self" href="{BASE}/feeds/articles.atom"/>
      <updated>2026-11-0{number}T10:00:00.003+01:00</updated>
    </source>
    <x:rating xmlns:x="urn:example:x" value="4"/>
  </entry>
"""


def atom(path: str = "feeds/articles", numbers: tuple[int, ...] = (2, 1), extra: str = "<fh:complete/>") -> str:
    newest = f"2026-11-0{numbers[0]}T10:00:00.003+01:00" if numbers else "2026-01-01T00:00:00Z"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/css" href="{BASE}/feeds/feeds.css"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:fh="http://purl.org/syndication/history/1.0"
  xmlns:at="http://purl.org/atompub/tombstones/1.0" xml:lang="en">
  <id>tag:example.org,2026:feed/articles</id>
  <title>A feed</title>
  <updated>{newest}</updated>
  <author><name>The Editors</name><email>editors@example.org</email></author>
  <link rel="self" type="application/atom+xml" href="{BASE}/{path}.atom"/>
  <link rel="alternate" type="text/html" hreflang="en" href="{BASE}/"/>
  <link rel="hub" href="https://hub.example.org/"/>
  <generator version="1.0">newsletter</generator>
  <subtitle>What it is</subtitle>
  {extra}
  <at:deleted-entry ref="tag:example.org,2026:article/9" when="2026-11-01T00:00:00Z"/>
{"".join(map(_atom_entry, numbers))}</feed>
"""


def _rss_item(number: int) -> str:
    return f"""    <item>
      <title>Article &#x3C;{number}> &#x26; more</title>
      <link>{BASE}/articles/{number}/</link>
      <description>What it comes to: p&amp;lt;0.05</description>
      <content:encoded><![CDATA[{_CONTENT}]]></content:encoded>
      <guid isPermaLink="false">tag:example.org,2026:article/{number}</guid>
      <category domain="tag:example.org,2026:topic">Fatigue</category>
      <pubDate>{("Sun", "Mon", "Tue", "Wed")[number - 1]}, 0{number} Nov 2026 09:00:00 +0000</pubDate>
      <dc:creator>The Editors</dc:creator>
      <source url="{BASE}/feeds/articles.rss">All</source>
    </item>
"""


def rss(path: str = "feeds/articles", numbers: tuple[int, ...] = (2, 1), extra: str = "<fh:complete/>") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:fh="http://purl.org/syndication/history/1.0"
  xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <channel>
    <title>A feed</title>
    <link>{BASE}/</link>
    <description>What it is</description>
    <language>en</language>
    <generator>newsletter 1.0</generator>
    <managingEditor>editors@example.org (The Editors)</managingEditor>
    <lastBuildDate>Mon, 02 Nov 2026 09:00:00 GMT</lastBuildDate>
    <atom:link rel="self" type="application/rss+xml" href="{BASE}/{path}.rss"/>
    {extra}
{"".join(map(_rss_item, numbers))}  </channel>
</rss>
"""


_COMMA = ",\n"


def _json_item(number: int) -> str:
    html = _CONTENT.replace('"', '\\"')
    return f"""    {{
      "id": "tag:example.org,2026:article/{number}",
      "url": "{BASE}/articles/{number}/",
      "external_url": "https://doi.org/10.1000/{number}",
      "title": "Article <{number}>",
      "content_html": "{html}",
      "summary": "What it comes to",
      "date_published": "2026-11-0{number}T09:00:00Z",
      "date_modified": "2026-11-0{number}T09:00:00.003Z",
      "authors": [{{"name": "The Editors"}}],
      "tags": ["Fatigue"],
      "_newsletter": {{"status": "ok"}}
    }}"""


def json_feed(
    path: str = "feeds/articles",
    numbers: tuple[int, ...] = (2, 1),
    extra: str = '"history": "complete"',
    link: str = "",
) -> str:
    newest = f"2026-11-0{numbers[0]}T09:00:00.003Z" if numbers else "2026-01-01T00:00:00Z"
    return f"""{{
  "version": "https://jsonfeed.org/version/1.1",
  "title": "A feed",
  "home_page_url": "{BASE}/",
  "feed_url": "{BASE}/{path}.json",{link}
  "description": "What it is",
  "language": "en",
  "authors": [{{"name": "The Editors"}}],
  "hubs": [{{"type": "WebSub", "url": "https://hub.example.org/"}}],
  "_newsletter": {{"id": "tag:example.org,2026:feed/articles", "updated": "{newest}", {extra}}},
  "items": [
{_COMMA.join(map(_json_item, numbers))}
  ]
}}
"""


OPML = f"""<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0">
  <head><title>Feeds</title><dateModified>Fri, 20 Nov 2026 09:00:00 GMT</dateModified></head>
  <body>
    <outline text="All" type="rss" title="All" htmlUrl="{BASE}/" xmlUrl="{BASE}/feeds/articles.atom"/>
    <outline text="Topics"><outline text="Fatigue" type="rss" xmlUrl="{BASE}/feeds/topics/fatigue.atom"/></outline>
  </body>
</opml>
"""
INDEX = (
    "<!DOCTYPE html><html lang=en><head><title>News</title>"
    '<link rel="alternate" type="application/atom+xml" title="All" href="feeds/articles.atom"></head><body></body></html>'
)


def links(path: str, suffix: str, **relations: str) -> str:
    """The elements or keys that stand for relations to other documents; `archive="yes"` is the mark."""
    told = {name.replace("_", "-"): value for name, value in relations.items()}
    mark = told.pop("archive", None)
    if suffix == "json":
        own = {"current": "current_url", "next-archive": "next_archive_url"}
        keys = [f'"{own[rel]}": "{BASE}/{to}.json"' for rel, to in told.items() if rel in own]
        return ", ".join([*keys, f'"history": "{"archive" if mark else "subscription"}"'])
    prefix = "atom:" if suffix == "rss" else ""
    elements = [f'<{prefix}link rel="{rel}" href="{BASE}/{to}.{suffix}"/>' for rel, to in told.items()]
    return "".join([*elements, "<fh:archive/>" if mark else ""])


def document(path: str, suffix: str, numbers: tuple[int, ...], **relations: str) -> bytes:
    """A document of a feed with archives."""
    extra = (
        links(path, suffix, **relations)
        if relations
        else ('"history": "complete"' if suffix == "json" else "<fh:complete/>")
    )
    if suffix == "atom":
        return atom(path, numbers, extra).encode()
    if suffix == "rss":
        return rss(path, numbers, extra).encode()
    previous = relations.get("prev_archive")
    return json_feed(path, numbers, extra, f'\n  "next_url": "{BASE}/{previous}.json",' if previous else "").encode()
