"""A connection whose every wait ends in time, however slowly the other side speaks or reads.

With a timeout of Python's own, a socket is told before each call how long to wait and then asked whether it is ready:
three calls of the system for one. So a connection in clear blocks, and the system itself wakes it once in a while to look
at the clock.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Sequence

_WHILE = 1.0  # seconds between two looks at the clock
_PORTION = 8192  # octets at a time; replies are short


class Channel:
    """What goes over a connected socket. `until` is a moment of `time.monotonic`; what takes longer raises TimeoutError."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._wait = 0.0
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._begin()

    def send(self, *pieces: bytes, until: float) -> None:
        """Hands every octet to the system, or raises OSError: then the last one has not left."""
        rest: Sequence[bytes | memoryview] = pieces
        while rest:
            self._allow(until)
            try:
                rest = _behind(rest, self._push(rest))
            except BlockingIOError:  # it was only time to look at the clock
                continue

    def receive(self, until: float) -> bytes:
        """What has come, at least an octet; nothing at the end of the stream."""
        while True:
            self._allow(until)
            try:
                return self._sock.recv(_PORTION)
            except BlockingIOError:
                continue

    def quiet(self) -> bool:
        """Whether the other side has neither said anything nor hung up."""
        return not self._poll.poll(0)

    def _begin(self) -> None:
        self._sock.settimeout(None)

    def _push(self, pieces: Sequence[bytes | memoryview]) -> int:
        return self._sock.sendmsg(pieces)

    def _allow(self, until: float) -> None:
        """Sets how long the next call may wait. The system is told only where that has changed."""
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time was up")
        if left < _WHILE or self._wait != _WHILE:
            self._limit(left)

    def _limit(self, left: float) -> None:
        self._wait = min(left, _WHILE)
        # A struct timeval; zero would be for ever.
        value = struct.pack("ll", int(self._wait), max(int(self._wait % 1 * 1e6), 1))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, value)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, value)


class SecureChannel(Channel):
    """Behind TLS, OpenSSL reads and writes as it likes, so it is Python that has to watch the clock."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock)
        self._secure = sock

    def quiet(self) -> bool:
        return not self._secure.pending() and super().quiet()

    def _begin(self) -> None:
        """Nothing: how long to wait is said anew before each call."""

    def _push(self, pieces: Sequence[bytes | memoryview]) -> int:
        return self._sock.send(b"".join(pieces))

    def _limit(self, left: float) -> None:
        self._sock.settimeout(left)


def _behind(pieces: Sequence[bytes | memoryview], sent: int) -> Sequence[bytes | memoryview]:
    """What is left of them after so many octets."""
    for place, piece in enumerate(pieces):
        if sent < len(piece):
            return [memoryview(piece)[sent:], *pieces[place + 1 :]]
        sent -= len(piece)
    return ()
