"""What subscribers get: a digest's email, compiled once and merged for each recipient."""

from __future__ import annotations

#: what mailings are made of
REQUIRED_TEMPLATES = (
    "mail/base.html",
    "mail/digest.html",
    "mail/note.html",
    "mail/inline.css",
    "mail/large.css",
    "mail/kept.css",
    "mail/rtl.css",
)
