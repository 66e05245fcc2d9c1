"""The page of one digest."""

from __future__ import annotations

from newsletter.model import Digest, Newsletter, Site
from newsletter.pages.document import render
from newsletter.templating import Templates


def digest_page(newsletter: Newsletter, digest: Digest, site: Site, templates: Templates) -> str:
    """The whole page: the digest's articles, in the order of reading."""
    return render(templates, "web/digest.html", newsletter=newsletter, digest=digest, site=site, depth=3)
