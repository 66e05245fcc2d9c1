"""WordPress exports for tests, made for this project."""

from __future__ import annotations

from newsletter.sources.base import Raw

CONTENT = """<!-- wp:heading -->
<h2>Key Takeaway</h2>
<!-- /wp:heading -->
<p>Short walks helped a little.</p>
<h2>What They Found</h2>
<p>People with MS walked <b>4&nbsp;%</b> faster.</p><p>After 10<sup>6</sup> steps, they rested.</p>
<h2>Who Should Care and Why</h2>
<p>Caregivers can plan walks.</p>
<h2>Important Considerations</h2>
<p>The study was small.</p>"""

ITEM = """<item><title>Walks &amp;amp; MS</title><link>https://example.org/walks/</link>
<pubDate>Wed, 18 Nov 2026 09:00:00 +0000</pubDate><guid isPermaLink="false">https://example.org/?p={n}</guid>
<content:encoded><![CDATA[CONTENT]]></content:encoded><excerpt:encoded><![CDATA[Teaser]]></excerpt:encoded>
<wp:post_id>{n}</wp:post_id><wp:post_date>2026-11-18 10:00:00</wp:post_date>
<wp:post_date_gmt>2026-11-18 09:00:00</wp:post_date_gmt><wp:status>publish</wp:status>
<wp:post_type>post</wp:post_type><wp:post_password></wp:post_password>
<category domain="category" nicename="uncategorized"><![CDATA[Uncategorized]]></category>
<category domain="category" nicename="gait"><![CDATA[Gait]]></category>
<category domain="post_tag" nicename="r-d"><![CDATA[R&amp;D]]></category>
<category domain="post_tag" nicename="gait"><![CDATA[gait]]></category>
<category domain="post_format" nicename="post-format-aside"><![CDATA[Aside]]></category>
<wp:postmeta><wp:meta_key>credibility</wp:meta_key><wp:meta_value>4/5</wp:meta_value></wp:postmeta>
<wp:postmeta><wp:meta_key>doi</wp:meta_key><wp:meta_value>10.5555/walk.1</wp:meta_value></wp:postmeta>
<wp:postmeta><wp:meta_key>_edit_lock</wp:meta_key><wp:meta_value>1:1</wp:meta_value></wp:postmeta>
<wp:comment><wp:comment_content>Nice walk</wp:comment_content></wp:comment></item>""".replace("CONTENT", CONTENT)

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8" ?><!-- made by WordPress --><rss version="2.0"'
    ' xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"'
    ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:wp="http://wordpress.org/export/1.2/"><channel><wp:wxr_version>1.2</wp:wxr_version>'
)


def export(*items: str) -> str:
    return f"{_HEAD}{''.join(items)}</channel></rss>"


FILE = export(ITEM)  # with {n} for the post's number
GOOD = FILE.replace("{n}", "7")


def changed(old: str, new: str, text: str = GOOD) -> str:
    """`text` with one part replaced. Fails where the part is not there, so that no test passes for nothing."""
    assert old in text, old
    return text.replace(old, new, 1)


def raw(data: bytes | str, facts: bytes | None = None) -> Raw:
    """A file as a folder would give it."""
    found = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return Raw(key="one", name="folder/one.xml", data=found, facts=facts)
