"""What subscribers get: a digest's email, compiled once and merged for each recipient."""

from __future__ import annotations

REQUIRED_TEMPLATES = ("mail/digest.html", "mail/inline.css", "mail/kept.css")  #: what a mailing is made of
