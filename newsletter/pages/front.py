"""The front page."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.model import Article, Digest, Newsletter, Site, Topic
from newsletter.pages.document import render
from newsletter.pages.linked_data import site_data
from newsletter.pages.listing import rows
from newsletter.templating import Templates

_TOPICS_SHOWN = 12


def front_page(
    newsletters_with_latest: Sequence[tuple[Newsletter, Digest | None]],
    recent: Sequence[Article],
    site: Site,
    templates: Templates,
    topics: Sequence[Topic] = (),
) -> bytes:
    """The newsletters, each with its newest digest if it has one, `recent` articles in the order given, and the topics
    with the most summaries out of `topics`.
    """
    largest = sorted(topics, key=lambda topic: (-topic.articles, topic.slug))[:_TOPICS_SHOWN]
    return render(
        templates,
        "web/front.html",
        site=site,
        path="",
        newsletters=newsletters_with_latest,
        rows=rows(recent, templates.words),
        topics=sorted(largest, key=lambda topic: topic.name.casefold()),
        linked_data=site_data(site),
    )
