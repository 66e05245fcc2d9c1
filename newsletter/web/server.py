"""Serving in a thread of this process, so that the main thread keeps the signals."""

from __future__ import annotations

import socket
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
    listening = _listen(host, port)
    server = _Server(
        uvicorn.Config(web_app(app, clock.now), log_level="warning", access_log=False, server_header=False)
    )
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on, whether or not the server has started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"web.port: found {port}, on which this machine does not let us listen ({error.strerror}); choose a free one"
        ) from None
