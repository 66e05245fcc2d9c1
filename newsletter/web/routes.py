"""Routes and answers. A GET changes nothing, ever; no cookies, no scripts, no third-party host."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.app import App
from newsletter.errors import TokenError
from newsletter.web import policy, search
from newsletter.web.static import Files

_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def web_app(app: App, now: Callable[[], datetime]) -> ASGIApp:
    """The ASGI application. `now` is asked once for each request that needs it.

    Files go past Starlette, which would cost them a third of the speed.
    """
    files = Files(Path(app.config.paths.public), now)
    dynamic = _dynamic(app, now)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        to_file = scope["type"] == "http" and not _is_dynamic(scope["path"])
        await (files if to_file else dynamic)(scope, receive, send)

    return serve


def _is_dynamic(path: str) -> bool:
    return path in {"/healthz", "/search"} or path.startswith("/unsubscribe/")


def _dynamic(app: App, now: Callable[[], datetime]) -> Starlette:
    async def unsubscribe(request: Request) -> Response:
        return await run_in_threadpool(_unsubscribe, app, request.method, request.path_params["token"], now())

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    dynamic = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/unsubscribe/{token}", unsubscribe, methods=["GET", "POST"]),
            *search.routes(app, now),
        ]
    )
    # A redirect would repeat the Host that a stranger sent, and with it our token.
    dynamic.router.redirect_slashes = False
    return dynamic


def _unsubscribe(app: App, method: str, token: str, now: datetime) -> Response:
    """RFC 8058: one POST, without cookie, login or redirect, ends the subscription; a GET shows a button."""
    site = app.site
    try:
        if method == "POST":
            newsletter, done = app.unsubscribe(token, now), True
        else:
            newsletter, done = app.subscription_of(token), False
    except TokenError:
        return _page(app.templates.render("web/link_unknown.html", site=site), status=404)
    return _page(app.templates.render("web/unsubscribe.html", site=site, newsletter=newsletter, done=done))


def _page(html: str, status: int = 200) -> Response:
    return Response(html, status, _PRIVATE | policy.security(html), "text/html")
