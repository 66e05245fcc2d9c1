"""A real browser, headless, that may speak to loopback alone, and what it found while it showed a page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import ConsoleMessage, Dialog, Page, Playwright, Request

from newsletter.pages.icon import PATH, icon
from newsletter.templating import Templates
from newsletter.web.policy import security

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@dataclass
class Seen:
    """What a page did besides showing itself: all of it should be empty but the addresses of its own host."""

    dialogs: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("dialog", self._dialog)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)


@contextmanager
def serving(pages: Mapping[str, str]) -> Iterator[str]:
    """`pages` and their icon on loopback, with the fields that the web server sends; yields the address.

    What is left out of a site on purpose, an icon of the old kind, is answered by 204.
    """
    known = {**pages, PATH: icon(Templates()).decode(), "favicon.ico": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = known.get(self.path[1:])
            self.send_response(404 if page is None else 200 if page else 204)
            self.send_header(
                "Content-Type", "image/svg+xml" if self.path.endswith("svg") else "text/html; charset=utf-8"
            )
            for name, value in security(page or "").items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write((page or "").encode())

        def log_message(self, *_: object) -> None:
            """Tests are silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@contextmanager
def browsing(playwright: Playwright, folder: Path, *, text_size: int = 16) -> Iterator[tuple[Page, Seen]]:
    """A page of a browser with a new profile in `folder`, and what it sees from then on.

    `text_size` in pixels is what the reader has asked for; 16 is usual.
    """
    context = playwright.chromium.launch_persistent_context(
        folder, executable_path=CHROMIUM, args=[*FLAGS, f"--blink-settings=defaultFontSize={text_size}"]
    )
    try:
        page, seen = context.new_page(), Seen()
        seen.watch(page)
        yield page, seen
    finally:
        context.close()


def judged_by_axe(page: Page) -> list[str]:
    """What axe-core finds wrong, by all its rules, the strictest of contrast and of sizes of targets among them."""
    page.evaluate(_AXE)
    rules = {"color-contrast-enhanced": {"enabled": True}, "target-size": {"enabled": True}}
    result: dict[str, Any] = page.evaluate("rules => axe.run(document, {rules})", rules)
    assert len(result["passes"]) > 20, json.dumps(result["inapplicable"])
    return [
        f"{broken['id']}: {node['target']}: {node['failureSummary']}"
        for broken in result["violations"]
        for node in broken["nodes"]
    ]
