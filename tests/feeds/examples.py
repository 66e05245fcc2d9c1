"""Feeds and digests to try things on: hand-made, hostile, and whole."""

from __future__ import annotations

from datetime import UTC, datetime

from builders import make_article, make_newsletter

from newsletter.digest import compose
from newsletter.model import Article, Category, Digest, Entry, Feed, Link, Newsletter, NoticeItem, PlannedDigest
from newsletter.periods import period_named

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

#: A text that broke some feed somewhere -> how it must come back from a reader.
HOSTILE = {
    "p<0.05 & <non-relapsing>": "p<0.05 & <non-relapsing>",
    "ends ]]> early": "ends ]]> early",
    "&amp; &lt;b&gt; &nbsp; &#11;": "&amp; &lt;b&gt; &nbsp; &#11;",
    "vertical\x0btab": "vertical tab",
    "nul\x00byte": "nul byte",
    "lone \ud83d surrogate": "lone \ufffd surrogate",
    "a \ud83e\udde0 pair": "a \U0001f9e0 pair",
    "no \ufffe character \U0001ffff": "no \ufffd character \ufffd",
    "טרשת נפוצה and التصلب المتعدد": "טרשת נפוצה and التصلب المتعدد",
    "a brain: 🧠, a family: 👩‍👩‍👧": "a brain: 🧠, a family: 👩‍👩‍👧",
    "quote\"s and 'apostrophes'": "quote\"s and 'apostrophes'",
    "300 " + "characters " * 30: ("300 " + "characters " * 30),
    "<script>alert(1)</script>": "<script>alert(1)</script>",
}


def make_entry(
    number: int = 1, *, title: str = "A title", summary: str = "A summary", content: str = "<p>Text</p>"
) -> Entry:
    return Entry(
        id=f"tag:example.org,2026:article/{number}",
        title=title,
        published=datetime(2026, 11, number, 9, tzinfo=UTC),
        updated=datetime(2026, 11, number, 9, 0, 0, 3000, tzinfo=UTC),
        links=(
            Link(
                href=f"https://news.example.org/articles/{number}/?a=1&b=2",
                rel="alternate",
                type="text/html",
                title=title,
                hreflang="en",
            ),
            Link(href="https://doi.org/10.1000/1", rel="via", title="The study"),
        ),
        summary=summary,
        content=content,
        author="The Example Editors",
        categories=(Category(term="fatigue", label="Fatigue", scheme="tag:example.org,2026:topic"),),
    )


def make_feed(*entries: Entry, title: str = "A feed", email: str = "editors@example.org") -> Feed:
    return Feed(
        id="tag:example.org,2026:feed/articles",
        title=title,
        subtitle="What it is",
        updated=max((entry.updated for entry in entries), default=datetime(2026, 1, 1, tzinfo=UTC)),
        links=(
            Link(href="https://news.example.org/feeds/articles.atom", rel="self", type="application/atom+xml"),
            Link(href="https://news.example.org/", rel="alternate", type="text/html", hreflang="en"),
        ),
        author="The Example Editors",
        author_email=email,
        language="en",
        entries=entries,
    )


def make_digest(
    *articles: Article,
    newsletter: Newsletter | None = None,
    period: str = "2026-W47",
    due_at: datetime = datetime(2026, 11, 23, 6, tzinfo=UTC),
    notices: tuple[NoticeItem, ...] = (),
    catch_up: bool = False,
) -> Digest:
    """The digest of one week that takes in `articles`."""
    whose = newsletter or make_newsletter()
    week = period_named(period, whose.zone)
    planned = PlannedDigest(
        newsletter=whose.slug,
        period=period,
        window_start=week.start,
        window_end=week.end,
        due_at=due_at,
        catch_up=catch_up,
    )
    return compose(whose, planned, articles, notices)


def hostile_article(slug: str = "hostile", text: str = "\n".join(HOSTILE)) -> Article:
    return make_article(
        slug,
        title=text,
        key_takeaway=text,
        what_they_found=(text,),
        who_should_care=(text,),
        considerations=(text,),
        topics=(text,),
        journal=text,
    )
