"""Serving in a thread of this process, so that the main thread keeps the signals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn

from newsletter import clock
from newsletter.app import App
from newsletter.errors import ConfigError
from newsletter.web.routes import web_app


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the main thread's."""
        yield


@contextmanager
def serving(app: App, host: str, port: int) -> Iterator[str]:
    """Serve until the block ends; yields the address that it listens on. Raises ConfigError if the port is taken."""
    settings = uvicorn.Config(
        web_app(app, clock.now), host=host, port=port, log_level="warning", access_log=False, server_header=False
    )
    server = _Server(settings)
    thread = Thread(target=server.run, name="web", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    if not server.started:
        raise ConfigError(f"web.port: cannot listen on {host}:{port}; is another process using it?")
    try:
        yield f"http://{host}:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
