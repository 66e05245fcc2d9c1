"""The page that explains feeds and offers them."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.model import Newsletter, Site, Topic
from newsletter.pages.document import render
from newsletter.templating import Templates


def feeds_page(
    newsletters: Sequence[Newsletter], site: Site, templates: Templates, topics: Sequence[Topic] = ()
) -> bytes:
    """The page at `feeds/`: what a feed is, in plain words, and every feed in each of its formats."""
    return render(templates, "web/feeds.html", site=site, path="feeds/", newsletters=newsletters, topics=topics)
