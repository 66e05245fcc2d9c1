"""The page that says how personal data are treated."""

from __future__ import annotations

from newsletter.model import Site
from newsletter.pages.document import render
from newsletter.templating import Templates


def privacy_page(site: Site, templates: Templates) -> bytes:
    """The page at `privacy/`: what is kept of whom, for how long, and what a person can do about it."""
    return render(templates, "web/privacy.html", site=site, path="privacy/")
