"""The pages that an unsubscribe link leads to (RFC 8058): out by one press, and a way to change what comes instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from newsletter.errors import TokenError
from newsletter.model import Newsletter
from newsletter.web.desk import Asked, Desk

MOST_AT_ONCE = 1000  #: presses in one transaction

#: Carries out presses at a moment: for each its newsletter, None for a link that is not ours.
Carry = Callable[[Sequence[str], datetime], Sequence[Newsletter | None]]


class Presses:
    """Presses that come while others are being written share the next transaction.

    After a digest went out, many people leave at once, and a commit takes as long for a hundred as for one.
    """

    def __init__(self, carry: Carry) -> None:
        self._carry = carry
        self._waiting: list[tuple[str, asyncio.Future[Newsletter | None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def press(self, token: str, now: datetime) -> Newsletter:
        """Raises TokenError for a link that is not ours, StoreError where the database refuses."""
        answer: asyncio.Future[Newsletter | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((token, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(now))
        newsletter = await answer
        if newsletter is None:
            raise TokenError
        return newsletter

    async def _write(self, now: datetime) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                found = await run_in_threadpool(self._carry, [token for token, _ in batch], now)
            except Exception as error:  # noqa: BLE001 - everybody who waits is told, whatever it is
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), newsletter in zip(batch, found, strict=True):
                if not answer.done():  # whoever has gone meanwhile waits no longer
                    answer.set_result(newsletter)


class Leaving:
    """A digest passed on hands over no more than these pages, so they tell nothing of the person."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._readers = desk.app.readers
        self._presses = Presses(self._readers.unsubscribe_all)

    def routes(self) -> Sequence[Route]:
        return (
            self._desk.route("/unsubscribe/{token}", get=self._show, press=self._leave),
            self._desk.route("/unsubscribe/{token}/preferences", post=self._ask_preferences),
        )

    def _show(self, asked: Asked) -> Response:
        newsletter = self._readers.newsletter_of(asked.token)
        return self._desk.page("unsubscribe.html", newsletter=newsletter, token=asked.token, done=False)

    async def _leave(self, asked: Asked) -> Response:
        """Without cookie, login or redirect, as often as anybody likes; only links that are not ours are counted."""
        try:
            newsletter = await self._presses.press(asked.token, asked.now)
        except TokenError:
            await run_in_threadpool(self._desk.count, asked)
            raise
        return self._desk.page("unsubscribe.html", newsletter=newsletter, token=asked.token, done=True)

    def _ask_preferences(self, asked: Asked) -> Response:
        self._desk.count(asked)
        self._readers.ask_preferences(asked.token, asked.now)
        return self._desk.page("preferences_sent.html")
