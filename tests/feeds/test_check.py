"""The check of one document: good ones have no finding, and each rule finds its fault and no other rule does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feeds.documents import BASE, NOW, OPML, atom, document, json_feed, rss
from feeds.examples import FACTS, GONE, HOSTILE, make_entry, make_feed
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from newsletter.feeds import FORMATS
from newsletter.feeds.check import finding
from newsletter.feeds.check.content import content_flaws
from newsletter.feeds.check.document import read_document
from newsletter.feeds.check.finding import RULES, Flaw, Severity, found, quoted
from newsletter.feeds.check.outline import Name, name_of

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "feeds/articles.atom": atom(),
    "feeds/articles.rss": rss(),
    "feeds/articles.json": json_feed(),
    "feeds/feeds.opml": OPML,
}


def codes(path: str, text: str | bytes, now: datetime = NOW) -> set[str]:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return {each.code for each in read_document(path, data, base_url=BASE, now=now).findings}


@pytest.mark.parametrize("path", GOOD)
def test_a_good_document_has_no_finding(path: str) -> None:
    assert read_document(path, GOOD[path].encode(), base_url=BASE, now=NOW).findings == ()


ENTRY_1 = "tag:example.org,2026:article/1"
XML_FAULTS = [
    ("F-CHARACTER", "What it comes to", "What \x0b comes"),
    ("F-CHARACTER", "What it comes to", "What &#11; comes"),
    ("F-CHARACTER", "What it comes to", "What &#xFFFE; comes"),
    ("F-CHARACTER", "What it comes to", "What \ufffe comes"),
    ("F-CHARACTER", "What it comes to", "What &#99999999999999999999999999; comes"),
    ("F-ENTITY", "What it comes to", "What&nbsp;comes"),
    ("F-ENTITY", "What it comes to", "What & comes"),
    ("F-SYNTAX", "What it comes to", "What <b> comes"),
    ("F-ENCODING", 'encoding="UTF-8"', 'encoding="ISO-8859-1"'),
    ("F-STYLE", "text/css", "text/xsl"),
    ("F-STYLE", f'css" href="{BASE}', 'css" href="https://elsewhere.example.org'),
]
ATOM_FAULTS = [
    *XML_FAULTS,
    ("F-DOCTYPE", "<feed ", "<!DOCTYPE feed><feed "),
    ("F-COUNT", "<title>A feed</title>", ""),
    ("F-COUNT", "<title>A feed</title>", "<title> </title>"),
    ("F-COUNT", "<title>A feed</title>", "<title>A</title><title>B</title>"),
    ("F-COUNT", f"<id>{ENTRY_1}</id>", ""),
    ("F-COUNT", "    <updated>2026-11-01T10:00:00.003+01:00</updated>\n    <author>", "    <author>"),
    ("F-ID", f"<id>{ENTRY_1}", "<id>article 1"),
    ("F-ID", f"<id>{ENTRY_1}", f"<id> {ENTRY_1}"),
    ("F-ID", "<id>tag:example.org,2026:feed/articles</id>\n  <title>A feed", "<id>/feed</id>\n  <title>A feed"),
    ("F-TAG", f"<id>{ENTRY_1}", "<id>tag:example.org:1"),
    ("F-TAG", f"<id>{ENTRY_1}", "<id>tag:Example.org,2026:1"),
    ("F-TAG", f"<id>{ENTRY_1}", "<id>tag:example.org,2026-13:1"),
    ("F-TAG", f"<id>{ENTRY_1}", "<id>tag:example.org,2027:1"),
    ("F-TAG", f"<id>{ENTRY_1}", "<id>tag:example..org,2026:1"),
    ("F-TAG", f"<id>{ENTRY_1}", "<id>tag:example.org,2026:é"),
    ("F-TAG", 'ref="tag:example.org,2026:article/9"', 'ref="tag:example.org:9"'),
    ("F-ID-TWICE", f"<id>{ENTRY_1}", "<id>tag:example.org,2026:article/2"),
    ("F-ID-TWICE", f"<id>{ENTRY_1}", "<id>tag:example.org,2026:feed/articles"),
    ("F-AUTHOR", "<author><name>The Editors</name><email>", "<author><email>"),
    ("F-AUTHOR", "editors@example.org", "editors"),
    ("F-SELF", 'rel="self"', 'rel="related"'),
    ("F-SELF", f'href="{BASE}/feeds/articles.atom"', f'href="{BASE}/feeds/Articles.atom"'),
    ("F-SELF", '<link rel="hub"', f'<link rel="self" href="{BASE}/feeds/articles.atom"/><link rel="hub"'),
    ("F-ALTERNATE", "<generator", f'<link rel="alternate" type="text/html" hreflang="en" href="{BASE}/2"/><generator'),
    ("F-ALTERNATE", f'<link rel="alternate" type="text/html" hreflang="en" href="{BASE}/articles/1/"/>', ""),
    ("F-LINK", '<link rel="via"', "<link"),
    ("F-LINK", 'rel="via" href="https://doi.org/10.1000/1"', 'rel="via" href="10.1000/1"'),
    ("F-LINK", 'href="https://hub.example.org/"', 'href="/hub"'),
    ("F-DATE", "<published>2026-11-01T09:00:00Z", "<published>2026-11-01"),
    ("F-DATE", "<published>2026-11-01T09:00:00Z", "<published>2026-11-01t09:00:00z"),
    ("F-DATE", "<published>2026-11-01T09:00:00Z", "<published>2026-11-31T09:00:00Z"),
    ("F-DATE", "<published>2026-11-01T09:00:00Z", "<published>"),
    ("F-DATE", 'when="2026-11-01T00:00:00Z"', 'when="today"'),
    ("F-FUTURE", 'when="2026-11-01T00:00:00Z"', 'when="2027-11-01T00:00:00Z"'),
    ("F-DATE-ORDER", "<published>2026-11-01T09:00:00Z", "<published>2026-11-01T09:00:01Z"),
    ("F-FEED-DATE", "<updated>2026-11-02T10:00:00.003+01:00", "<updated>2026-11-20T10:00:00Z"),
    ("F-TEXT-TYPE", '<content type="html">', '<content type="CDATA">'),
    ("F-TEXT-TYPE", "<summary>", '<summary type="text/plain">'),
    ("F-SUMMARY", "<summary>What it comes to</summary>", "<summary></summary>"),
    ("F-SUMMARY", "<summary>What it comes to</summary>", ""),
    ("F-LANGUAGE", ' xml:lang="en"', ""),
    ("F-LANGUAGE", f' hreflang="en" href="{BASE}/articles/1/"', f' href="{BASE}/articles/1/"'),
    ("F-CATEGORY", 'label="Fatigue"', ""),
    ("F-CATEGORY", 'term="Fatigue"', 'term=" "'),
    ("F-CATEGORY", 'scheme="tag:example.org,2026:topic"', 'scheme="topics"'),
    ("F-SOURCE", "<title>All</title>", ""),
    ("F-SOURCE", '      <link rel="self"', '      <link rel="related"'),
    ("F-GENERATOR", ' version="1.0">', ">"),
    ("F-PICTURE", "<generator", "<icon>/icon.png</icon><generator"),
    ("F-PICTURE", "<generator", "<logo>https://elsewhere.example.org/logo.png</logo><generator"),
    ("F-UNKNOWN", "<summary>", "<teaser>T</teaser><summary>"),
    ("F-UNKNOWN", "<summary>", '<subject xmlns="">T</subject><summary>'),
    ("F-UNKNOWN", "<subtitle>", "<published>2026-11-01T09:00:00Z</published><subtitle>"),
    ("F-ARCHIVE-MARK", "<fh:complete/>", f'<link rel="prev-archive" href="{BASE}/x"/><fh:archive/>'),
    ("F-ARCHIVE-LINKS", "<fh:complete/>", ""),
    ("F-ARCHIVE-LINKS", "<fh:complete/>", f'<link rel="next-archive" href="{BASE}/x"/><fh:complete/>'),
    ("F-COMPLETE", "<fh:complete/>", f'<link rel="prev-archive" href="{BASE}/x"/><fh:complete/>'),
]
RSS_FAULTS = [
    *XML_FAULTS[:-2],
    ("F-DOCTYPE", "<rss ", '<!DOCTYPE rss [<!ENTITY a "b">]><rss '),
    ("F-SYNTAX", ' xmlns:content="http://purl.org/rss/1.0/modules/content/"', ""),
    ("F-STYLE", "<rss ", '<?xml-stylesheet type="text/xsl" href="x.xsl"?><rss '),
    ("F-VERSION", 'version="2.0"', 'version="0.91"'),
    ("F-COUNT", "<language>en</language>", ""),
    ("F-COUNT", "<description>What it is</description>", "<description/>"),
    ("F-COUNT", "</channel>", "</channel><channel/>"),
    ("F-COUNT", f"<link>{BASE}/articles/1/</link>", ""),
    ("F-COUNT", f'<guid isPermaLink="false">{ENTRY_1}</guid>', ""),
    ("F-ID", f">{ENTRY_1}<", ">article 1<"),
    ("F-TAG", f">{ENTRY_1}<", ">tag:example.org:1<"),
    ("F-ID-TWICE", f">{ENTRY_1}<", ">tag:example.org,2026:article/2<"),
    ("F-GUID", ' isPermaLink="false"', ""),
    ("F-GUID", 'isPermaLink="false"', 'isPermaLink="no"'),
    ("F-PLAIN-TEXT", "<title>Article &#x3C;1> &#x26; more", "<title>Article &#x3C;1> &amp; more"),
    ("F-PLAIN-TEXT", "<title>A feed", "<title>A feed &lt;new>"),
    ("F-AUTHOR", "editors@example.org (The Editors)", "The Editors"),
    ("F-AUTHOR", "      <dc:creator>The Editors</dc:creator>\n", ""),
    ("F-AUTHOR", "<dc:creator>The Editors</dc:creator>", "<author>The Editors</author>"),
    ("F-SELF", 'rel="self"', 'rel="related"'),
    ("F-SELF", "/feeds/articles.rss", "/feeds/articles.atom"),
    ("F-SITE-LINK", f"<link>{BASE}/</link>", f"<link>{BASE}/feeds/articles.rss</link>"),
    ("F-SITE-LINK", f"<link>{BASE}/</link>", "<link>/</link>"),
    ("F-LINK", f"<link>{BASE}/articles/1/</link>", "<link>/articles/1/</link>"),
    ("F-LINK", "<fh:complete/>", '<atom:link rel="hub" href="hub"/><fh:complete/>'),
    ("F-DATE", "Sun, 01 Nov 2026", "2026-11-01"),
    ("F-DATE", "Sun, 01 Nov 2026", "Sun, 01 Nov 26"),
    ("F-DATE", "Sun, 01 Nov 2026", "Mon, 01 Nov 2026"),
    ("F-DATE", "Sun, 01 Nov 2026", "Tue, 31 Nov 2026"),
    ("F-DATE", "Mon, 02 Nov 2026 09:00:00 GMT", "02/11/2026"),
    ("F-FUTURE", "Mon, 02 Nov 2026 09:00:00 GMT", "Tue, 02 Nov 2027 09:00:00 GMT"),
    ("F-SUMMARY", "<description>What it comes to: p&amp;lt;0.05</description>", ""),
    ("F-MARKUP", "p&amp;lt;0.05", "&lt;non-relapsing&gt;&lt;/non-relapsing&gt;"),
    ("F-LANGUAGE", "<language>en<", "<language>English<"),
    ("F-CATEGORY", ">Fatigue</category>", "></category>"),
    ("F-CATEGORY", 'domain="tag:example.org,2026:topic"', 'domain="topic"'),
    ("F-SOURCE", f'<source url="{BASE}/feeds/articles.rss">', '<source url="articles.rss">'),
    ("F-GENERATOR", "newsletter 1.0", "newsletter"),
    ("F-UNKNOWN", "<dc:creator>", "<summary>T</summary><dc:creator>"),
    ("F-UNKNOWN", "<generator>", "<updated>T</updated><generator>"),
    ("F-ARCHIVE-MARK", "<fh:complete/>", f'<atom:link rel="prev-archive" href="{BASE}/x"/><fh:archive/>'),
    ("F-ARCHIVE-LINKS", "<fh:complete/>", ""),
    ("F-COMPLETE", "<fh:complete/>", f'<atom:link rel="prev-archive" href="{BASE}/x"/><fh:complete/>'),
]
JSON_FAULTS = [
    ("F-SYNTAX", '"What it comes to"', "What it comes to"),
    ("F-SYNTAX", '"What it comes to"', "NaN"),
    ("F-SYNTAX", '"summary": "What', '"title": "What'),
    ("F-CHARACTER", "What it comes to", "What \\u000b comes"),
    ("F-CHARACTER", "What it comes to", "What \\ud83d comes"),
    ("F-VERSION", "version/1.1", "version/1"),
    ("F-COUNT", '"title": "A feed",', ""),
    ("F-COUNT", f'"url": "{BASE}/articles/1/",', ""),
    ("F-COUNT", f'"id": "{ENTRY_1}",', ""),
    ("F-COUNT", f'"id": "{ENTRY_1}"', '"id": ""'),
    ("F-UNKNOWN", '"description"', '"subtitle"'),
    ("F-UNKNOWN", '"external_url"', '"related"'),
    ("F-TYPE", '"tags": ["Fatigue"]', '"tags": "Fatigue"'),
    ("F-TYPE", '"_newsletter": {"status": "ok"}', '"_newsletter": "ok"'),
    ("F-ID", f'"id": "{ENTRY_1}"', '"id": "1"'),
    ("F-TAG", f'"id": "{ENTRY_1}"', '"id": "tag:example.org:1"'),
    ("F-ID-TWICE", f'"id": "{ENTRY_1}"', '"id": "tag:example.org,2026:article/2"'),
    ("F-AUTHOR", '"authors": [{"name": "The Editors"}],\n  "hubs"', '"authors": [],\n  "hubs"'),
    ("F-AUTHOR", '"authors": [{"name": "The Editors"}],\n      "tags"', '"authors": [{}],\n      "tags"'),
    ("F-SELF", "/feeds/articles.json", "/feeds/articles.atom"),
    ("F-LINK", f'"url": "{BASE}/articles/1/"', '"url": "/articles/1/"'),
    ("F-LINK", f'"home_page_url": "{BASE}/"', '"home_page_url": "/"'),
    ("F-PICTURE", '"description"', '"icon": "https://elsewhere.example.org/i.png", "description"'),
    ("F-DATE", '"date_published": "2026-11-01T09:00:00Z"', '"date_published": "2026-11-01"'),
    ("F-DATE-ORDER", '"date_published": "2026-11-01T09:00:00Z"', '"date_published": "2026-11-01T09:00:01Z"'),
    ("F-FEED-DATE", '"updated": "2026-11-02T', '"updated": "2026-11-03T'),
    ("F-SUMMARY", '"summary": "What it comes to",', ""),
    ("F-LANGUAGE", '"language": "en",', ""),
    ("F-CATEGORY", '"tags": ["Fatigue"]', '"tags": [" "]'),
    ("F-SOURCE", '"history"', '"origin": {"id": "tag:example.org,2026:x"}, "history"'),
    ("F-ARCHIVE-LINKS", '"history": "complete"', '"history": "none"'),
    ("F-ARCHIVE-LINKS", '"history": "complete"', f'"history": "complete", "current_url": "{BASE}/x.json"'),
    ("F-COMPLETE", '"description"', f'"next_url": "{BASE}/x.json", "description"'),
]
OPML_FAULTS = [
    ("F-VERSION", 'version="2.0"', 'version="1.0"'),
    ("F-COUNT", "<title>Feeds</title>", ""),
    ("F-COUNT", "</body>", "</body><body/>"),
    ("F-DATE", "Fri, 20 Nov 2026 09:00:00 GMT", "2026-11-20T09:00:00Z"),
    ("F-AUTHOR", "</head>", "<ownerEmail>editors</ownerEmail></head>"),
    ("F-OUTLINE", '<outline text="Topics">', "<outline>"),
    ("F-OUTLINE", 'type="rss" title', 'type="atom" title'),
    ("F-OUTLINE", f'xmlUrl="{BASE}/feeds/articles.atom"', 'xmlUrl="articles.atom"'),
    ("F-OUTLINE", f' xmlUrl="{BASE}/feeds/articles.atom"', ""),
    ("F-OUTLINE", f'htmlUrl="{BASE}/"', 'htmlUrl="/"'),
]
FAULTS = [
    *(("feeds/articles.atom", *fault) for fault in ATOM_FAULTS),
    *(("feeds/articles.rss", *fault) for fault in RSS_FAULTS),
    *(("feeds/articles.json", *fault) for fault in JSON_FAULTS),
    *(("feeds/feeds.opml", *fault) for fault in OPML_FAULTS),
]


@pytest.mark.parametrize(("path", "code", "right", "wrong"), FAULTS, ids=lambda value: str(value)[:24])
def test_each_fault_is_found_and_nothing_else(path: str, code: str, right: str, wrong: str) -> None:
    assert right in GOOD[path]
    assert codes(path, GOOD[path].replace(right, wrong, 1)) == {code}


CONTENT_FAULTS = [
    ("F-SCRIPT", "<script>alert(1)</script>"),
    ("F-SCRIPT", "<iframe></iframe>"),
    ("F-SCRIPT", "<style>p{}</style>"),
    ("F-SCRIPT", '<p onclick="x()">a</p>'),
    ("F-SCRIPT", "<p OnMouseOver=x>a</p>"),
    ("F-SCRIPT", '<p style="color:red">a</p>'),
    ("F-SCRIPT", '<a href="javascript:x()">a</a>'),
    ("F-SCRIPT", '<a href=" JavaScript:x()">a</a>'),
    ("F-SCRIPT", '<a href="java&#10;script&colon;x()">a</a>'),
    ("F-SCRIPT", '<a href="data:text/html,x">a</a>'),
    ("F-SCRIPT", '<img alt="" src="data:image/png;base64,x">'),
    ("F-MARKUP", "<font>a</font>"),
    ("F-MARKUP", "<non-relapsing></non-relapsing>"),
    ("F-MARKUP", '<p data-x="1">a</p>'),
    ("F-URL", '<a href="/x">a</a>'),
    ("F-URL", '<a href="x.html">a</a>'),
    ("F-URL", '<a href="#x">a</a>'),
    ("F-URL", '<a href="//news.example.org/x">a</a>'),
    ("F-URL", '<a href="ftp://news.example.org/x">a</a>'),
    ("F-URL", '<a href="https:///x">a</a>'),
    ("F-URL", '<a href="https://news.example.org/a b">a</a>'),
    ("F-URL", "<a href>a</a>"),
    ("F-URL", '<img alt="" src="mailto:a@example.org">'),
    ("F-URL", '<img alt="" src="/i.png">'),
    ("F-URL", f'<img alt="" srcset="{BASE}/i.png 1x, i2.png 2x">'),
    ("F-URL", '<q cite="/x">a</q>'),
    ("F-ELSEWHERE", '<img alt="" src="https://elsewhere.example.org/pixel.gif">'),
    ("F-ELSEWHERE", f'<img alt="" srcset="{BASE}/i.png, https://elsewhere.example.org/i.png 2x">'),
    ("F-ALT", f'<img src="{BASE}/i.png">'),
    ("F-HTML", "<p>a"),
    ("F-HTML", "a</p>"),
    ("F-HTML", "<p><b>a</p></b>"),
    ("F-HTML", "<!-- a -->"),
    ("F-HTML", "<![CDATA[a]]>"),
    ("F-HTML", "<?php a ?>"),
    ("F-HTML", "a <p"),
    ("F-HTML", '<p class="a>b</p>'),
    ("F-HTML", "</ p>"),
]
GOOD_CONTENT = [
    "",
    "plain text, p<0.05 and a < b",
    "<P CLASS=a id='b' lang=\"en\">a<BR/>b</P>",
    "<p title='a > b' dir=auto>&lt;script&gt;</p>",
    '<a href="HTTPS://example.org/a?b&amp;c#d">a</a> <a href="mailto:a@example.org">b</a>',
    f'<figure><img alt src="{BASE}/i.png" width=1 height=1><figcaption>a</figcaption></figure>',
    '<table><thead><tr><th scope="col">a</th></tr></thead><tbody><tr><td colspan="2">b</td></tr></tbody></table>',
    "<a\thref\n=\n'https://example.org/'\n>a</a\n>",
]


@pytest.mark.parametrize("html", GOOD_CONTENT)
def test_good_content_has_no_flaw(html: str) -> None:
    assert content_flaws(html, "news.example.org") == ()


@pytest.mark.parametrize(("code", "html"), CONTENT_FAULTS)
def test_each_fault_of_content_is_found(code: str, html: str) -> None:
    assert {each for each, _ in content_flaws(html, "news.example.org")} == {code}


@pytest.mark.parametrize("path", ["feeds/articles.atom", "feeds/articles.rss", "feeds/articles.json"])
def test_content_is_judged_in_every_format(path: str) -> None:
    """Each writes it in its own way."""
    bad = '<a href="javascript:x">a</a>'
    written = {"atom": bad.replace("<", "&lt;").replace(">", "&gt;"), "rss": bad, "json": bad.replace('"', '\\"')}
    start = {"atom": "&lt;p&gt;Text", "rss": "<p>Text", "json": "<p>Text"}
    suffix = path.rpartition(".")[2]
    assert codes(path, GOOD[path].replace(start[suffix], written[suffix] + start[suffix], 1)) == {"F-SCRIPT"}


@pytest.mark.parametrize("path", ["feeds/articles.atom", "feeds/articles.rss", "feeds/articles.json"])
def test_missing_content_is_found(path: str) -> None:
    emptied = re.sub(
        r"""(<content type="html">|<content:encoded><!\[CDATA\[|"content_html": ").*?(</content>|\]\]></content|",\n)""",
        r"\1\2",
        GOOD[path],
        count=1,
    )
    assert codes(path, emptied) == {"F-CONTENT"}


_PIECES = st.sampled_from([
    "<", ">", "/", "=", '"', "'", " ", "\t", "\n", "a", "p", "b", "img", "br", "script", "svg", "on", "x", "href",
    "src", "alt", "style", "javascript:", "https://news.example.org/", "&#106;", "&colon;", "<p", "</p>", "<p>", "<b>",
    "</b>", "<a href=", "</a>", "<img alt='' src=", "<!--", "-->", "<![CDATA[", "]]>", "<?", "<!", "`", "\x00", "\xa0",
])  # fmt: skip


@given(st.lists(_PIECES, max_size=25).map("".join))
def test_what_passes_is_harmless_to_a_parser_of_browsers(html: str) -> None:
    """Lexbor builds the tree that browsers build: whatever we pass must hold nothing else there."""
    if content_flaws(html, "news.example.org"):
        return
    body = LexborHTMLParser(f"<!DOCTYPE html><body><div>{html}</div>").body
    assert body is not None
    for node in body.traverse():
        assert node.tag in {"body", "div", "p", "b", "a", "img", "br"}
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            assert name not in {"href", "src"} or (value or "").casefold().startswith("https://")


@given(st.text(st.sampled_from("<abp/ ='\">!-\n&;"), max_size=40))
def test_text_that_passes_keeps_its_tags(html: str) -> None:
    """As many elements as we counted are there in a browser, so no text became a tag unseen."""
    if content_flaws(html, "news.example.org"):
        return
    body = LexborHTMLParser(f"<!DOCTYPE html><body><div id=top>{html}</div>").body
    assert body is not None
    seen = [node.tag for node in body.traverse() if node.attributes.get("id") != "top" and node.tag != "body"]
    opened = re.findall(r"<([a-z]+)", re.sub(r"""=\s*("[^"]*"|'[^']*')""", "", html))
    assert sorted(seen) == sorted(opened)


def test_content_of_any_length_is_judged_in_little_time() -> None:
    for piece in ("<a ", "<a b='", '<a b="c', "<", "<a<", "<!--", "<p>", "</p>", "<a " + "b " * 50, "a=" * 50):
        assert len(content_flaws(piece * (400_000 // len(piece)), "news.example.org")) <= 20


# -- documents as a whole ---------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(GOOD)), st.binary(max_size=60))
def test_no_bytes_make_it_fail(path: str, data: bytes) -> None:
    assert read_document(path, data, base_url=BASE, now=NOW).findings


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_no_change_of_a_good_document_makes_it_fail(path: str, draw: st.DataObject) -> None:
    text = GOOD[path]
    start = draw.draw(st.integers(0, len(text)))
    end = draw.draw(st.integers(start, min(len(text), start + 60)))
    put = draw.draw(
        st.one_of(st.text(max_size=10), st.sampled_from(["<", ">", '"', "null", "{}", "[]", "1e999", "<a/>"]))
    )
    read_document(path, (text[:start] + put + text[end:]).encode("utf-8", "surrogatepass"), base_url=BASE, now=NOW)


@pytest.mark.parametrize("path", GOOD)
def test_bytes_that_are_no_text_are_found(path: str) -> None:
    assert codes(path, b"\xff\xfe<\x00f\x00") == {"F-ENCODING"}
    assert codes(path, b"\xef\xbb\xbf" + GOOD[path].encode()) == {"F-ENCODING"}


def test_an_entity_bomb_is_not_expanded() -> None:
    bomb = '<!DOCTYPE feed [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><feed>&b;</feed>'
    assert codes("feeds/articles.atom", bomb) == {"F-DOCTYPE", "F-ENTITY"}


def test_a_doctype_that_is_only_quoted_is_none() -> None:
    quoted_there = GOOD["feeds/articles.rss"].replace("<p>Text", "<p>&lt;!DOCTYPE html> &amp;nbsp; Text")
    assert codes("feeds/articles.rss", quoted_there) == set()


def test_deep_json_is_told() -> None:
    assert codes("feeds/articles.json", "[" * 100_000) == {"F-SYNTAX"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("feeds/articles.atom", GOOD["feeds/articles.rss"]),
        ("feeds/articles.rss", GOOD["feeds/articles.atom"]),
        ("feeds/articles.json", "{}"),
        ("feeds/articles.json", "[1]"),
        ("feeds/feeds.opml", "<feed/>"),
        ("feeds/articles.xml", GOOD["feeds/articles.atom"]),
    ],
)
def test_another_kind_of_document_is_named(path: str, text: str) -> None:
    assert codes(path, text) == {"F-ROOT"}


@pytest.mark.parametrize("suffix", ["atom", "rss", "json"])
def test_an_archive_document_has_its_mark_and_its_links(suffix: str) -> None:
    path = "feeds/topics/fatigue/2026-10"
    whole = {"archive": "yes", "current": "feeds/topics/fatigue", "next_archive": "feeds/topics/fatigue/2026-11"}
    for missing in (None, "archive", "current", "next_archive"):
        told = {name: value for name, value in whole.items() if name != missing}
        expected = {None: set(), "archive": {"F-ARCHIVE-MARK"}}.get(missing, {"F-ARCHIVE-LINKS"})
        assert codes(f"{path}.{suffix}", document(path, suffix, (2, 1), **told)) == expected
    complete = document(path, suffix, (2, 1), **whole)
    if suffix == "atom":
        assert codes(f"{path}.atom", complete.replace(b"<fh:archive/>", b"<fh:archive/><fh:complete/>")) == {
            "F-COMPLETE"
        }
    live = document("feeds/articles", suffix, (2, 1), **whole)
    assert codes(f"feeds/articles.{suffix}", live) == {"F-ARCHIVE-MARK", "F-ARCHIVE-LINKS"}


def test_json_of_another_shape_is_told_and_does_not_make_it_fail() -> None:
    whole = json.loads(GOOD["feeds/articles.json"])
    assert codes("feeds/articles.json", json.dumps(whole | {"items": {}})) == {"F-TYPE", "F-COUNT"}
    assert codes("feeds/articles.json", json.dumps(whole | {"authors": "The Editors"})) == {"F-TYPE", "F-AUTHOR"}
    own = whole["_newsletter"] | {"current_url": 7}
    assert codes("feeds/articles.json", json.dumps(whole | {"_newsletter": own})) == {"F-LINK"}
    assert codes("feeds/articles.json", json.dumps(whole | {"icon": "https://[::1"})) == {"F-PICTURE"}


def test_entries_that_share_a_moment_are_found() -> None:
    shared = GOOD["feeds/articles.atom"].replace("<updated>2026-11-01T10", "<updated>2026-11-02T10")
    assert codes("feeds/articles.atom", shared) == {"F-UPDATED-TWICE"}
    shared = GOOD["feeds/articles.json"].replace('"date_modified": "2026-11-01', '"date_modified": "2026-11-02')
    assert codes("feeds/articles.json", shared) == {"F-UPDATED-TWICE"}


@pytest.mark.parametrize(("path", "write"), [("feeds/articles.atom", atom), ("feeds/articles.json", json_feed)])
def test_entries_in_no_order_are_found_and_moved_ones_are_not(path: str, write: Callable[..., str]) -> None:
    assert codes(path, write(numbers=(3, 2, 1))) == set()
    assert codes(path, write(numbers=(1, 2))) - {"F-FEED-DATE"} == {"F-ORDER"}


def test_a_corrected_entry_may_move_up_or_keep_its_place() -> None:
    """A correction is published again on top; a digest keeps its place when one of its articles is corrected."""
    corrected = atom(numbers=(1, 2)).replace("<updated>2026-11-01T10", "<updated>2026-11-05T10")
    assert codes("feeds/articles.atom", corrected) == set()
    kept = atom().replace("<updated>2026-11-01T10", "<updated>2026-11-05T10")
    assert codes("feeds/articles.atom", kept.replace("<updated>2026-11-02T", "<updated>2026-11-05T", 1)) == set()


@pytest.mark.parametrize("path", ["feeds/articles.atom", "feeds/articles.rss", "feeds/articles.json"])
def test_dates_are_judged_by_the_time_that_is_given(path: str) -> None:
    early = datetime(2026, 11, 2, 8, 49, tzinfo=UTC)
    assert codes(path, GOOD[path], early) == {"F-FUTURE"}
    assert codes(path, GOOD[path], early + timedelta(minutes=2)) == set(), "clocks differ by some minutes"


@pytest.mark.parametrize("suffix", ["atom", "rss", "json"])
def test_a_large_live_document_is_found_and_a_large_archive_is_not(suffix: str) -> None:
    def sized(path: str, size: int, entries: int, **relations: str) -> set[str]:
        whole = document(path, suffix, (1,) * entries, **relations)
        ids = iter(range(1, 100))
        text = re.sub('article/1(?=["<])', lambda _: f"article/{next(ids)}", whole.decode())
        filled = text.replace("<p>Text", f"<p>{'x' * size} Text", 1).replace(
            "&lt;p&gt;Text", f"&lt;p&gt;{'x' * size}", 1
        )
        return codes(f"{path}.{suffix}", filled) - {"F-UPDATED-TWICE"}

    archive = {"archive": "yes", "current": "feeds/articles", "next_archive": "feeds/articles/2026-11"}
    assert sized("feeds/articles", 530_000, 16) == {"F-SIZE"}
    assert sized("feeds/articles", 530_000, 15) == set()
    assert sized("feeds/articles", 400_000, 16) == set()
    assert sized("feeds/articles/2026-10", 530_000, 16, **archive) == set()
    assert sized("feeds/articles/2026-10", 5_000_000, 2, **archive) == {"F-SIZE-LIMIT"}


def test_a_finding_says_what_was_found_what_is_right_and_who_breaks() -> None:
    text = GOOD["feeds/articles.atom"].replace("<published>2026-11-01T09:00:00Z", "<published>1 Nov\n 2026")
    (told,) = read_document("feeds/articles.atom", text.encode(), base_url=BASE, now=NOW).findings
    assert (told.path, told.place, told.severity) == ("feeds/articles.atom", "entry 2", Severity.ERROR)
    assert told.message.startswith('published is "1 Nov 2026"; right is RFC 3339')
    assert "Miniflux" in told.breaks


def test_what_was_found_is_told_in_one_short_line() -> None:
    assert quoted("a\nb\x00\x1b[31m") == '"a b\ufffd\ufffd[31m"'
    assert len(quoted("x" * 1000)) == 82
    assert quoted(None) == "nothing"


# -- what we write ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.SUFFIX)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_our_writers_make_of_any_text_has_no_finding(form: object, text: str) -> None:
    entries = (make_entry(2, title=text, summary=text, facts=FACTS), make_entry(1, title=text))
    told = make_feed(*entries, title=text, subtitle=text, author=text, hub="https://hub.example.org/", complete=True)
    feed = replace(told, tombstones=(GONE,))
    path = f"{feed.address.removeprefix(BASE + '/')}.{form.SUFFIX}"  # type: ignore[attr-defined]  # a module is the Format
    data = form.write(feed)  # type: ignore[attr-defined]  # as above
    assert read_document(path, data, base_url=BASE, now=NOW).findings == ()


def test_the_outline_of_one_feed_is_the_same_in_every_format() -> None:
    feed = make_feed(
        make_entry(2), make_entry(1), current=f"{BASE}/feeds/articles", previous=f"{BASE}/a", following=f"{BASE}/b"
    )
    told = {}
    for form in FORMATS:
        outline = read_document(f"x.{form.SUFFIX}", form.write(feed), base_url=BASE, now=NOW).outline
        assert outline is not None
        links = {rel: href.removesuffix(f".{form.SUFFIX}") for rel, href in outline.links.items()}
        shared = {rel: links.get(rel) for rel in ("self", "current", "prev-archive", "next-archive")}
        told[form.SUFFIX] = (outline.ids, shared, outline.archive, outline.complete)
    assert told["atom"] == told["rss"] == told["json"]
    assert told["atom"][1]["prev-archive"] == f"{BASE}/a"


# -- the table of rules -----------------------------------------------------------------------------------------------


def test_the_documentation_has_every_rule_word_for_word() -> None:
    text = (ROOT / "docs" / "checking-feeds.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(F-[A-Z0-9-]+)` \| (\w+) \| (.*) \| (.*) \|$", text, re.MULTILINE)
    told = {
        code: (severity, right.replace("\\|", "|").replace("`", ""), breaks.replace("`", ""))
        for code, severity, right, breaks in rows
    }
    assert told == {code: (rule.severity.value, rule.right, rule.breaks) for code, rule in RULES.items()}
    assert [row[0] for row in rows] == list(RULES)


def test_every_rule_is_used_and_every_code_used_is_a_rule() -> None:
    folder_of = Path(finding.__file__).parent
    used = {
        code
        for path in folder_of.glob("*.py")
        if path.name != "finding.py"
        for code in re.findall(r'"(F-[A-Z0-9-]+)"', path.read_text("utf-8"))
    }
    assert used == set(RULES)


def test_sentences_of_rules_are_sentences() -> None:
    for code, rule in RULES.items():
        assert rule.breaks.endswith("."), code
        assert rule.breaks[0].isupper() or rule.breaks.startswith("lemon24/reader"), code
        assert not rule.right.endswith("."), code


def test_a_flaw_becomes_a_finding() -> None:
    (told,) = found("feeds/x.atom", [Flaw("F-ORDER", "document", "the entries stand in no order of time")])
    assert told.severity is Severity.WARNING
    assert told.message == "the entries stand in no order of time; right is the newest entry first"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("feeds/articles.atom", Name("feeds/articles", None, "atom")),
        ("feeds/articles/2026-10.rss", Name("feeds/articles", "2026-10", "rss")),
        ("feeds/topics/2026-10.json", Name("feeds/topics/2026-10", None, "json")),
        ("feeds/topics/2026-10/2026-10-2.json", Name("feeds/topics/2026-10", "2026-10-2", "json")),
        ("feeds/newsletters/daily.atom", Name("feeds/newsletters/daily", None, "atom")),
        ("feeds/feeds.opml", None),
        ("feeds/articles.atom.gz", None),
        ("feeds/articles/2026.atom", None),
    ],
)
def test_a_path_says_which_document_it_is(path: str, name: Name | None) -> None:
    assert name_of(path) == name
