"""What search engines ask for: sitemaps (sitemaps.org, version 0.9) and `robots.txt` (RFC 9309)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.sax.saxutils import escape

from newsletter.model import Site

#: The most addresses that one file may hold (sitemaps.org, "Sitemap file location").
MOST_URLS = 50_000
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def sitemap(urls: Sequence[tuple[str, datetime | None]]) -> bytes:
    """A sitemap of absolute addresses, each with the moment of its last change where that is known.

    Raises ValueError above 50,000 addresses, which is the most that the protocol allows in one file.
    """
    return _document("urlset", "url", urls)


def sitemap_index(files: Sequence[tuple[str, datetime | None]]) -> bytes:
    """The list of sitemaps, in the same form. Raises ValueError above 50,000 of them."""
    return _document("sitemapindex", "sitemap", files)


def robots(site: Site) -> str:
    """Everybody may read everything, and here is the list."""
    return f"User-agent: *\nAllow: /\n\nSitemap: {site.url('sitemap.xml')}\n"


def _document(root: str, item: str, places: Sequence[tuple[str, datetime | None]]) -> bytes:
    if len(places) > MOST_URLS:
        raise ValueError(f"a sitemap holds at most {MOST_URLS} addresses, not {len(places)}")
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">\n'
    return f"{head}{''.join(_items(item, places))}</{root}>\n".encode()


def _items(item: str, places: Sequence[tuple[str, datetime | None]]) -> Iterator[str]:
    for address, changed in places:
        lastmod = "" if changed is None else f"<lastmod>{changed:%Y-%m-%dT%H:%M:%SZ}</lastmod>"
        yield f"<{item}><loc>{escape(address)}</loc>{lastmod}</{item}>\n"
