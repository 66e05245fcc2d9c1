"""A connection that never holds anybody up: where it would have to wait, it says for what (see `newsletter.waits`).

Every wait ends in time, however slowly the other side speaks or reads.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from newsletter.waits import NOTHING, Course, Ready, T

_PORTION = 8192  # octets at a time; replies are short


class Channel:
    """What goes over a connected socket. `until` is a moment of `time.monotonic`; what takes longer raises TimeoutError."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def send(self, *pieces: bytes, until: float) -> Course[None]:
        """Hands every octet to the system, or raises OSError: then the last one has not left.

        What goes at once has gone when this returns, and most of the time that is all.
        """
        _require_time(until)
        try:
            sent = self._sock.sendmsg(pieces)
        except BlockingIOError:
            sent = 0
        rest = _behind(pieces, sent) if sent != sum(map(len, pieces)) else ()
        return self._send_rest(rest, until) if rest else NOTHING

    def _send_rest(self, rest: Sequence[bytes | memoryview], until: float) -> Course[None]:
        while rest:
            yield Ready(self._sock, writing=True, until=until)
            _require_time(until)
            with suppress(BlockingIOError):
                rest = _behind(rest, self._sock.sendmsg(rest))

    def receive(self, until: float) -> Course[bytes]:
        """What has come, at least an octet; nothing at the end of the stream."""
        while True:
            yield Ready(self._sock, writing=False, until=until)
            try:
                return self._sock.recv(_PORTION)
            except BlockingIOError:
                continue

    def quiet(self) -> bool:
        """Whether the other side has neither said anything nor hung up."""
        return not self._poll.poll(0)


class SecureChannel(Channel):
    """Behind TLS, where OpenSSL may have to read before it can write, and has octets at hand that no socket tells of."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock)
        self._secure = sock

    def shake_hands(self, until: float) -> Course[None]:
        """Proves to each other who one is. Raises ssl.SSLError where that fails."""
        yield from self._done(self._secure.do_handshake, until)

    def send(self, *pieces: bytes, until: float) -> Course[None]:
        rest = memoryview(b"".join(pieces))
        while rest:
            sent = yield from self._done(lambda rest=rest: self._secure.send(rest), until)  # type: ignore[misc]
            rest = rest[sent:]

    def receive(self, until: float) -> Course[bytes]:
        received = yield from self._done(lambda: self._secure.recv(_PORTION), until)
        return received

    def quiet(self) -> bool:
        return not self._secure.pending() and super().quiet()

    def _done(self, call: Callable[[], T], until: float) -> Course[T]:
        while True:
            _require_time(until)
            try:
                return call()
            except ssl.SSLWantReadError:
                yield Ready(self._secure, writing=False, until=until)
            except ssl.SSLWantWriteError:
                yield Ready(self._secure, writing=True, until=until)


def _require_time(until: float) -> None:
    if time.monotonic() >= until:
        raise TimeoutError("the time was up")


def _behind(pieces: Sequence[bytes | memoryview], sent: int) -> Sequence[bytes | memoryview]:
    """What is left of them after so many octets."""
    for place, piece in enumerate(pieces):
        if sent < len(piece):
            return [memoryview(piece)[sent:], *pieces[place + 1 :]]
        sent -= len(piece)
    return ()
