"""Which path is answered by whom. A GET changes nothing, ever; no cookies, no scripts, no third-party host."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.app import App
from newsletter.errors import StoreError, TemplateError, TokenError
from newsletter.web import REQUIRED_TEMPLATES, metrics, search, status
from newsletter.web.choosing import Choosing
from newsletter.web.desk import Desk
from newsletter.web.leaving import Leaving
from newsletter.web.offers import Offers
from newsletter.web.password import Door
from newsletter.web.signing_up import SigningUp
from newsletter.web.static import Files

#: What the process answers itself; all else is a file.
_DYNAMIC = re.compile(
    r"/(healthz|readyz|metrics|status|search)|/subscribe(/form)?|/(confirm|preferences|unsubscribe)/.*", re.DOTALL
)


def web_app(app: App, now: Callable[[], datetime]) -> ASGIApp:
    """The ASGI application. `now` is asked once for each request that needs it.

    Raises TemplateError where one of its templates is missing. Files go past Starlette, which would cost them a third of the speed.
    """
    for missing in app.templates.missing(REQUIRED_TEMPLATES):
        raise TemplateError(f"template {missing}: no such file in paths.templates or in the package")
    secure = app.site.base_url.startswith("https://")
    files = Files(Path(app.config.paths.public), now, secure=secure)
    requests = metrics.Requests()
    dynamic = _dynamic(app, now, requests)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        to_file = scope["type"] == "http" and not _DYNAMIC.fullmatch(scope["path"])
        await (files if to_file else dynamic)(scope, receive, send)

    return metrics.counted(serve, requests)


def _dynamic(app: App, now: Callable[[], datetime], requests: metrics.Requests) -> ASGIApp:
    door = Door(app, now)
    desk, offers = Desk(app, now), Offers(app)
    pages = (SigningUp(desk, offers), Leaving(desk), Choosing(desk, offers))
    dynamic = Starlette(
        routes=[
            *metrics.routes(app, now, door, requests),
            *status.routes(app, now, door),
            *search.routes(app, now),
            *(route for each in pages for route in each.routes()),
        ],
        exception_handlers={
            HTTPException: desk.http_error,
            TokenError: desk.unknown_link,
            StoreError: desk.unavailable,
            Exception: desk.broken,
        },
    )
    # A redirect would repeat the Host that a stranger sent, and with it our token.
    dynamic.router.redirect_slashes = False
    return desk.hardened(dynamic)
