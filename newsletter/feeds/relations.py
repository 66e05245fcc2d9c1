"""How a document of a feed stands to other documents: the same in every format."""

from __future__ import annotations

from newsletter.model import Feed, Link

OWN = "urn:uuid:4121812b-87ac-4f07-8a23-5e8d94812951"  #: our own namespace, explained in docs/feeds.md; never changes
FEED_HISTORY = "http://purl.org/syndication/history/1.0"  #: the namespace of RFC 5005


def relations(feed: Feed, suffix: str, media_type: str) -> tuple[Link, ...]:
    """The links of a document that is written with `suffix`: RFC 4287 4.2.7.2, RFC 5005 4, WebSub 4."""
    documents = {
        "self": feed.address,
        "current": feed.current,
        "prev-archive": feed.previous,
        "next-archive": feed.following,
    }
    found = tuple(
        Link(href=f"{address}.{suffix}", rel=rel, type=media_type) for rel, address in documents.items() if address
    )
    return (*found, Link(href=feed.hub, rel="hub")) if feed.hub else found


def home_link(feed: Feed) -> Link:
    """The page for people that says the same."""
    return Link(
        href=feed.home, rel="alternate", type="text/html", title=feed.home_title or None, hreflang=feed.language or None
    )


def history_mark(feed: Feed) -> str | None:
    """The element of RFC 5005 that says what kind of document this is; None for one that others continue."""
    if feed.current is not None:
        return "archive"
    return "complete" if feed.complete else None
