"""The page that explains feeds and offers them."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.model import Newsletter, Site
from newsletter.pages.document import render
from newsletter.templating import Templates


def feeds_page(newsletters: Sequence[Newsletter], site: Site, templates: Templates) -> str:
    """What a feed is, in plain words, and the address of each one."""
    return render(templates, "web/feeds.html", newsletters=newsletters, site=site, depth=1)
