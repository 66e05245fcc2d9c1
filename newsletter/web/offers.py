"""What a form offers to choose from, as of now: topics that there are articles on, and languages of our words."""

from __future__ import annotations

from newsletter.app import App
from newsletter.web.wishes import Offer

MOST_TOPICS = 40  #: those with the most articles; more than anybody wants to read through


class Offers:
    """Makes an `Offer`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._languages = app.languages()

    def current(self, chosen: frozenset[str] = frozenset()) -> Offer:
        """The topics of today, with those that somebody has chosen already."""
        known = {topic.slug: topic for topic in self._app.topics()}
        most = sorted(known.values(), key=lambda topic: (-topic.articles, topic.slug))[:MOST_TOPICS]
        return Offer(topics=tuple(most), languages=self._languages).with_topics(chosen, known)
