"""Routes and answers. A GET changes nothing, ever; no cookies, no scripts, no third-party host."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from newsletter.app import App
from newsletter.errors import TokenError

#: Measured in Chromium and Firefox: served as application/atom+xml, a feed is shown as source or downloaded.
_MEDIA_TYPES = {
    ".atom": "application/xml; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
_LIVE = "public, max-age=300"
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


def web_app(app: App, now: Callable[[], datetime]) -> Starlette:
    """The ASGI application. `now` is asked once a request."""
    public = Path(app.config.paths.public).resolve()

    async def unsubscribe(request: Request) -> Response:
        return await run_in_threadpool(_unsubscribe, app, request.method, request.path_params["token"], now())

    async def static(request: Request) -> Response:
        return await run_in_threadpool(_static, public, request)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/unsubscribe/{token}", unsubscribe, methods=["GET", "POST"]),
            Route("/{path:path}", static),
        ]
    )


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
    return Response(html, status, _PRIVATE | _security(html), "text/html")


def _security(html: str) -> dict[str, str]:
    styles = " ".join(f"'sha256-{_sha256(style.encode())}'" for style in _STYLE.findall(html)) or "'none'"
    policy = f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    return {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}


def _static(public: Path, request: Request) -> Response:
    path = _within(public, request.path_params["path"])
    if path is None:
        return PlainTextResponse("not found\n", 404)
    data = path.read_bytes()
    media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    tag = f'"{_sha256(data)}"'
    headers = {"ETag": tag, "Cache-Control": _LIVE} | _security(data.decode() if path.suffix == ".html" else "")
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers, media_type=media_type)


def _within(public: Path, name: str) -> Path | None:
    """The file that a path names, if it lies in `public` itself."""
    if "\0" in name:
        return None
    path = (public / name).resolve()
    if path.is_dir():
        path /= "index.html"
    return path if path.is_relative_to(public) and path.is_file() else None


def _matches(wanted: str, tag: str) -> bool:
    """Weak comparison over a list (RFC 9110 13.1.2)."""
    tags = [each.strip().removeprefix("W/") for each in wanted.split(",")]
    return "*" in tags or tag in tags


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
