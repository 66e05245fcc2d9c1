"""What the pages for readers share: how a request reaches them, how often, and how they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from newsletter.app import App
from newsletter.web import policy
from newsletter.web.forms import EMPTY, Form, read_form
from newsletter.web.network import network_of

HOUR = timedelta(hours=1)

_RETRY = "30"  # seconds, where the database is busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as the pages see it. `network` is where it comes from, as far as limits want to know it."""

    now: datetime
    network: str
    token: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form = EMPTY


Handler = Callable[[Asked], Response]
Pressed = Callable[[Asked], Awaitable[Response]]


class Desk:
    """Takes requests to the pages and makes their answers."""

    def __init__(self, app: App, now: Callable[[], datetime]) -> None:
        self.app = app
        self._now = now
        self._secure = app.site.base_url.startswith("https://")

    # -- requests -----------------------------------------------------------------------------------------------------

    def route(
        self, path: str, *, get: Handler | None = None, post: Handler | None = None, press: Pressed | None = None
    ) -> Route:
        """A path with what answers a GET, which changes nothing, and a POST, each in a thread.

        `press` in place of `post` is one of RFC 8058: its form may be of no type, and it knows itself how to wait.
        """
        methods = [name for name, handler in (("GET", get), ("POST", post or press)) if handler is not None]

        async def answer(request: Request) -> Response:
            if request.method != "POST":
                return await answered(get, self._asked(request, EMPTY))
            asked = self._asked(request, await read_form(request, untyped=press is not None))
            return await (press(asked) if press is not None else answered(post, asked))

        async def answered(handler: Handler | None, asked: Asked) -> Response:
            if handler is None:  # the route names its methods, so this is never asked
                raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
            return await run_in_threadpool(handler, asked)

        return Route(path, answer, methods=methods)

    def _asked(self, request: Request, form: Form) -> Asked:
        return Asked(
            now=self._now(),
            network=network_of(request, self.app.config.web.proxies),
            token=request.path_params.get("token", ""),
            query=dict(request.query_params),
            form=form,
        )

    def count(self, asked: Asked, scope: str = "post", most: int | None = None, *, key: str | None = None) -> None:
        """Count one more, of the network unless `key` says of what. Raises HTTPException 429 where it is too many.

        That is `most` an hour; as many as of any form, where nothing is told.
        """
        most = self.app.config.web.limits.forms if most is None else most
        wait = self.app.limits.allow(scope, asked.network if key is None else key, most, HOUR, asked.now)
        if wait is not None:
            retry = {"Retry-After": str(max(1, ceil(wait.total_seconds())))}
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, headers=retry)

    # -- answers ------------------------------------------------------------------------------------------------------

    def page(
        self, template: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None, /, **context: Any
    ) -> Response:
        """A page of a template, which knows the `site`."""
        app = self.app
        html = app.templates.render(f"web/{template}", site=app.site, **context)
        return Response(html, status, policy.private(html, secure=self._secure) | dict(headers or {}), "text/html")

    def refused(self, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """The page for a request that gets nothing else: what it was, and what to do."""
        return self.page("refused.html", status, headers, status=int(status))

    def hardened(self, inner: ASGIApp) -> ASGIApp:
        """Every answer has the fields that keep it private, whoever made it."""
        standing = tuple(
            (name.lower().encode(), value.encode()) for name, value in policy.private(secure=self._secure).items()
        )

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            async def told(message: Message) -> None:
                if message["type"] == "http.response.start":
                    there = {name.lower() for name, _ in message["headers"]}
                    more = [pair for pair in standing if pair[0] not in there]
                    message = {**message, "headers": [*message["headers"], *more]}
                await send(message)

            await inner(scope, receive, told)

        return outer

    # -- what went wrong ----------------------------------------------------------------------------------------------

    async def http_error(self, _: Request, error: Exception) -> Response:
        """A status that Starlette or a handler raised."""
        if not isinstance(error, HTTPException):
            raise error
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
        return self.refused(error.status_code, headers)

    async def unknown_link(self, _: Request, __: Exception) -> Response:
        return self.page("link_unknown.html", HTTPStatus.NOT_FOUND)

    async def unavailable(self, _: Request, __: Exception) -> Response:
        """The database is busy or away."""
        return self.refused(HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": _RETRY})

    async def broken(self, _: Request, __: Exception) -> Response:
        """An error of ours; the log has it."""
        return self.refused(HTTPStatus.INTERNAL_SERVER_ERROR)
