"""Serving in a thread of this process, so that the main thread keeps the signals."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from newsletter import clock
from newsletter.app import App
from newsletter.errors import ConfigError
from newsletter.web.password import require_password
from newsletter.web.protocol import Protocol
from newsletter.web.routes import web_app

#: How long another thread may compute before the server gets its turn. Each request needs several turns, and beside it
#: digests are made and sent: with Python's 5 ms, one in a hundred presses of a burst waited for 290 ms.
_TURN = 0.0005  # seconds
_PATIENCE = 3  #: seconds that requests in flight get when the process ends


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the main thread's."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Requests in flight are finished; a connection that takes too long over it is cut."""
        asyncio.get_running_loop().call_later(_PATIENCE, self._cut)
        await super().shutdown(sockets)

    def _cut(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()


@contextmanager
def serving(app: App, host: str, port: int) -> Iterator[str]:
    """Serve until the block ends; yields the address that it listens on.

    Raises ConfigError if the port is taken, and where others could reach it and no operator's password is set.
    """
    require_password(app.config, host)
    listening = _listen(host, port)
    server = _Server(_config(web_app(app, clock.now)))
    sys.setswitchinterval(_TURN)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def _config(web: ASGIApp) -> uvicorn.Config:
    """No log of accesses, and no word of a stranger's broken requests; no trust in what a client says of its address."""
    return uvicorn.Config(
        web,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


def _listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on, whether or not the server has started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"web.port: found {port}, on which this machine does not let us listen ({error.strerror}); choose a free one"
        ) from None
    # Head and body are written one after the other; a kernel that waits for the first to be confirmed costs each answer
    # 40 ms. asyncio turns this off for sockets that it opened itself; connections inherit it from this one.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
