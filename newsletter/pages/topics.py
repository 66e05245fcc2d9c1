"""The index of topics, and the pages of one topic."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.model import Article, Site, Topic
from newsletter.pages.document import render
from newsletter.pages.linked_data import list_data
from newsletter.pages.listing import rows, span_words
from newsletter.pages.paging import Pager
from newsletter.templating import Templates


def topics_page(topics: Sequence[Topic], site: Site, templates: Templates) -> bytes:
    """The page at `topics/`: every open topic with the number of its summaries, in the order given."""
    return render(templates, "web/topics.html", site=site, path="topics/", topics=topics)


def topic_page(topic: Topic, articles: Sequence[Article], pager: Pager, site: Site, templates: Templates) -> bytes:
    """The page at `pager.path`: the `articles` of one page of the topic, in the order given (the newest first)."""
    return render(
        templates,
        "web/topic.html",
        site=site,
        path=pager.path,
        topic=topic,
        rows=rows(articles, templates.words),
        span=span_words(articles, templates.words),
        pager=pager,
        linked_data=list_data(topic.name, pager.path, articles, site, templates.words),
    )
