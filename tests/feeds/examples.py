"""Feeds and digests to try things on: hand-made, hostile, and whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from builders import make_article, make_newsletter

from newsletter.digest import compose
from newsletter.feeds.build import (
    Head,
    article_entry,
    articles_head,
    digest_entry,
    live_feed,
    newsletter_head,
    notice_entry,
)
from newsletter.model import (
    Article,
    Category,
    Digest,
    Entry,
    EntryFacts,
    Feed,
    IssueDate,
    Link,
    Newsletter,
    NoticeItem,
    Origin,
    PlannedDigest,
    Precision,
    Rating,
    Site,
    Status,
    Tombstone,
)
from newsletter.periods import period_named
from newsletter.templating import Templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

FEEDS = "https://news.example.org/feeds"
GONE = Tombstone(
    ref="tag:example.org,2026:article/99", when=datetime(2026, 11, 3, 9, tzinfo=UTC), comment="We have taken it back."
)
FACTS = EntryFacts(
    credibility=Rating(value=4),
    interest=Rating(value=2.5),
    journal="Journal of Examples",
    issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH),
    doi="10.1000/a(1)<2>",
    pmid="12345",
    status=Status.OK,
)

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
    number: int = 1,
    *,
    title: str = "A title",
    summary: str = "A summary",
    content: str = "<p>Text</p>",
    facts: EntryFacts | None = None,
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
        facts=facts,
    )


def make_feed(
    *entries: Entry,
    title: str = "A feed",
    subtitle: str = "What it is",
    author: str = "The Example Editors",
    email: str = "editors@example.org",
    language: str = "en",
    hub: str | None = None,
    style: str | None = None,
    complete: bool = False,
    current: str | None = None,
    previous: str | None = None,
    following: str | None = None,
    origin: Origin | None = None,
    tombstones: tuple[Tombstone, ...] = (),
) -> Feed:
    return Feed(
        id="tag:example.org,2026:feed/articles",
        title=title,
        subtitle=subtitle,
        updated=max((entry.updated for entry in entries), default=datetime(2026, 1, 1, tzinfo=UTC)),
        author=author,
        author_email=email,
        language=language,
        entries=entries,
        home="https://news.example.org/",
        home_title="A site",
        address="https://news.example.org/feeds/articles" + ("" if current is None else "/2026-10"),
        hub=hub,
        style=style,
        complete=complete,
        current=current,
        previous=previous,
        following=following,
        origin=origin,
        tombstones=tombstones,
    )


#: A feed of each kind, by name: what a document says of itself differs, and nothing else does.
KINDS: dict[str, dict[str, Any]] = {
    "whole": {"complete": True},
    "live": {"previous": f"{FEEDS}/articles/2026-10", "hub": "https://hub.example.org/?a=1&b=2"},
    "archive": {
        "current": f"{FEEDS}/articles",
        "previous": f"{FEEDS}/articles/2026-09",
        "following": f"{FEEDS}/articles/2026-11",
    },
    "first archive": {"current": f"{FEEDS}/articles", "following": f"{FEEDS}/articles/2026-11"},
    "topic": {
        "complete": True,
        "origin": Origin(id="tag:example.org,2026:feed/all", title="All", address=f"{FEEDS}/all"),
    },
    "styled": {"complete": True, "style": f"{FEEDS}/feeds.css"},
    "bereaved": {"complete": True, "tombstones": (GONE,)},
}


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


def hostile_feed(text: str) -> Feed:
    """A feed in which `text` stands wherever a text can stand; its second entry is a harmless one."""
    facts = replace(FACTS, journal=text, doi=text, pmid=text)
    links = tuple(replace(link, href=f"https://example.org/{text}", title=text) for link in make_entry().links)
    entry = replace(
        make_entry(2, title=text, summary=text, content=text, facts=facts),
        id=f"tag:example.org,2026:{text}",
        links=links,
        author=text,
        categories=(Category(term=f"a{text}", label=text, scheme=f"tag:example.org,2026:{text}"),),
    )
    feed = make_feed(entry, make_entry(1), title=text, subtitle=text, author=text, email=text, language="en")
    address = f"https://example.org/feeds/{text}"
    return replace(
        feed,
        id=f"tag:example.org,2026:feed/{text}",
        home=f"https://example.org/{text}",
        home_title=text,
        address=address,
        current=address,
        previous=address,
        following=address,
        hub=address,
        style=address,
        origin=Origin(id=f"tag:example.org,2026:{text}", title=text, address=address),
        tombstones=(replace(GONE, ref=f"tag:example.org,2026:{text}", comment=text),),
    )


def articles_feed(articles: Sequence[Article], notices: Sequence[NoticeItem], site: Site, templates: Templates) -> Feed:
    """Every article and every notice in one document, the last changed first. Withdrawn articles have no entry."""
    told = [article for article in articles if article.status is not Status.WITHDRAWN]
    entries = [article_entry(article, site, templates) for article in told]
    entries += [notice_entry(item, site, templates) for item in notices]
    entries.sort(key=lambda entry: (entry.updated, entry.id), reverse=True)
    return _whole(articles_head(site, templates), entries, site)


def digests_feed(newsletter: Newsletter, digests: Sequence[Digest], site: Site, templates: Templates) -> Feed:
    """One entry a digest, the last due first. An empty digest has no entry."""
    entries = [digest_entry(newsletter, digest, site, templates) for digest in digests if not digest.empty]
    entries.sort(key=lambda entry: (entry.published, entry.id), reverse=True)
    return _whole(newsletter_head(newsletter, site, templates), entries, site)


def _whole(head: Head, entries: Sequence[Entry], site: Site) -> Feed:
    empty = live_feed(head, [entry.updated for entry in entries], site, previous=None, hub=None)
    return replace(empty, entries=tuple(entries))
