"""The pages that an unsubscribe link leads to (RFC 8058): out by one press, and a way to change what comes instead."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import TokenError
from newsletter.web.desk import Asked, Desk


class Leaving:
    """A digest passed on hands over no more than these pages, so they tell nothing of the person."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._readers = desk.app.readers

    def routes(self) -> Sequence[Route]:
        return (
            self._desk.route("/unsubscribe/{token}", get=self._show, post=self._leave, one_click=True),
            self._desk.route("/unsubscribe/{token}/preferences", post=self._ask_preferences),
        )

    def _show(self, asked: Asked) -> Response:
        newsletter = self._readers.newsletter_of(asked.token)
        return self._desk.page("unsubscribe.html", newsletter=newsletter, token=asked.token, done=False)

    def _leave(self, asked: Asked) -> Response:
        """Without cookie, login or redirect, as often as anybody likes; only links that are not ours are counted."""
        try:
            newsletter = self._readers.unsubscribe(asked.token, asked.now)
        except TokenError:
            self._desk.count(asked)
            raise
        return self._desk.page("unsubscribe.html", newsletter=newsletter, token=asked.token, done=True)

    def _ask_preferences(self, asked: Asked) -> Response:
        self._desk.count(asked)
        self._readers.ask_preferences(asked.token, asked.now)
        return self._desk.page("preferences_sent.html")
