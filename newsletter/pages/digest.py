"""The page of one digest: what its email says, on the web."""

from __future__ import annotations

from newsletter.model import Digest, Newsletter, Site
from newsletter.pages.document import render
from newsletter.pages.linked_data import digest_data
from newsletter.templating import Templates


def digest_page(newsletter: Newsletter, digest: Digest, site: Site, templates: Templates) -> bytes:
    """The whole page: the digest's articles, in the order of reading."""
    path = f"digests/{newsletter.slug}/{digest.planned.period}/"
    days = templates.words.days(digest.first_day, digest.last_day)
    return render(
        templates,
        "web/digest.html",
        site=site,
        path=path,
        newsletter=newsletter,
        digest=digest,
        days=days,
        linked_data=digest_data(newsletter, digest, f"{newsletter.title}: {days}", site, templates.words),
    )
