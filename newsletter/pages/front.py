"""The front page."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.model import Article, Digest, Newsletter, Site
from newsletter.pages.document import render
from newsletter.templating import Templates


def front_page(
    newsletters_with_latest: Sequence[tuple[Newsletter, Digest | None]],
    recent: Sequence[Article],
    site: Site,
    templates: Templates,
) -> str:
    """The newsletters, each with its newest digest if it has one, and `recent` articles in the order given."""
    return render(templates, "web/front.html", newsletters=newsletters_with_latest, recent=recent, site=site, depth=0)
