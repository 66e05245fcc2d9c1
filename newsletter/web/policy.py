"""What an address says of its file: the media type, how long a copy may be used, what a browser may do with it. Pure.

The ready configurations of nginx and Caddy in `docs/` say the same; a test holds the three together.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import PurePosixPath

#: Measured in Chromium and Firefox: served as application/atom+xml, a feed is shown as source or downloaded.
_MEDIA_TYPES = {
    ".atom": "application/xml; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".json": "application/json",
    ".opml": "text/x-opml; charset=utf-8",
    ".png": "image/png",
    ".rss": "application/xml; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
}
_UNKNOWN = "application/octet-stream"
_JSON_FEED = "application/feed+json"
_PACKED_ALREADY = frozenset({"image/png", _UNKNOWN})

#: Of these, readers in a browser and pages that show a link make use.
_SHARED = frozenset({".atom", ".ico", ".json", ".opml", ".png", ".rss", ".svg", ".xml"})
STRICT = {
    "Strict-Transport-Security": "max-age=31536000"
}  #: the site is reached by TLS, and by nothing else from now on

LIVE = "public, max-age=300"
FOREVER = "public, max-age=31536000, immutable"  # RFC 8246

#: The whole path of an archive document (RFC 5005 section 4), whose bytes never change. A live feed of a topic that is
#: called like a month lies one folder higher.
ARCHIVE = (
    r"/feeds/(articles|notices|(topics|newsletters)/[^/]+)/[0-9]{4}-(0[1-9]|1[0-2])(-[1-9][0-9]*)?\.(atom|rss|json)"
)
_ARCHIVE = re.compile(ARCHIVE)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def media_type(path: str) -> str:
    """The Content-Type of the file at `path`; what is unknown is bytes, and no browser shall guess."""
    if path.startswith("/feeds/") and path.endswith(".json"):
        return _JSON_FEED
    return _MEDIA_TYPES.get(PurePosixPath(path).suffix, _UNKNOWN)


def compressible(path: str) -> bool:
    """Whether the file at `path` is served in the codings that a client accepts."""
    return media_type(path) not in _PACKED_ALREADY


def cache_control(path: str) -> str:
    """How long a copy of the file at `path` may be used without asking."""
    return FOREVER if _ARCHIVE.fullmatch(path) else LIVE


def security(html: str) -> dict[str, str]:
    """The fields by which a page may load nothing but our own styles and images, and be framed by nobody."""
    styles = " ".join(["'self'", *(f"'sha256-{_sha256(style)}'" for style in _STYLE.findall(html))])
    policy = (
        f"default-src 'none'; style-src {styles}; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}


def public(path: str, html: str = "") -> dict[str, str]:
    """The fields of the file at `path`: pages of others may load feeds and pictures, and nothing else of ours.

    Where a reader follows a link, nobody is told that it stood on a page about MS.
    """
    shared = PurePosixPath(path).suffix in _SHARED
    return security(html) | {
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "cross-origin" if shared else "same-origin",
    }


def private(html: str = "", *, secure: bool = True) -> dict[str, str]:
    """The fields of what the process answers itself: nobody keeps it, finds it, frames it or learns where it was from.

    `secure`: the site is reached by TLS, and by nothing else from now on.
    """
    return (
        security(html)
        | (STRICT if secure else {})
        | {
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
    )


def _sha256(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
