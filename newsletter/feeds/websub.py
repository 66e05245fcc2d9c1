"""Telling a hub that feeds have changed (WebSub, W3C Recommendation of 2018, section 6: the publisher's side).

How a publisher tells its hub is left open there. Every hub that we know of takes a form with `hub.mode=publish`; some
read the feed's address from `hub.url`, others from `hub.topic`, and they disagree on how to name several at once. So each
feed gets a request of its own that names it both ways.
"""

from __future__ import annotations

import http.client
import ipaddress
import queue
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event, Thread
from urllib.parse import SplitResult, urlencode, urlsplit

from newsletter.errors import HubError

_READ = 1000  # bytes of a refusal that are looked at
_SHOWN = 120  # characters of what others said that a message quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    location: str
    said: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.status <= 299

    @property
    def of_one_topic(self) -> bool:
        """It says nothing of the other feeds. "Too many requests" does."""
        return self.accepted or (400 <= self.status <= 499 and self.status != HTTPStatus.TOO_MANY_REQUESTS)


class _Stopped(Exception):
    """The deadline has passed."""


def ping(hub: str, topics: Sequence[str], *, timeout: float = 10, tls: ssl.SSLContext | None = None) -> tuple[str, ...]:
    """Tell `hub` that the feeds at the addresses `topics` have new bytes; the addresses that it accepted.

    `timeout` seconds are for all of them together, whatever the hub does. Raises HubError, with the accepted ones in
    it, where the hub refused one or could not be asked. To tell a hub twice does no harm, so what was not accepted may
    be tried again at any time.
    """
    parts = _checked(hub)
    line = _Line(parts, time.monotonic() + timeout, tls)
    Thread(target=line.run, args=(tuple(topics),), daemon=True, name="hub").start()
    accepted: list[str] = []
    refusals: list[str] = []
    for topic in topics:
        try:
            answer = line.answers.get(timeout=max(0.0, line.left()))
        except queue.Empty:
            line.hang_up()
            why = f"gave no whole answer within {timeout:g} seconds; it is asked again later"
            raise HubError(f"feeds.hub: {_shown(hub)} {why}", accepted=tuple(accepted)) from None
        if isinstance(answer, _Answer) and answer.accepted:
            accepted.append(topic)
            continue
        refusals.append(_refusal(hub, topic, answer))
        if not (isinstance(answer, _Answer) and answer.of_one_topic):
            break
    if refusals:
        raise HubError(refusals[0], accepted=tuple(accepted))
    return tuple(accepted)


class _Line:
    """The connection to a hub, used by a thread of its own: looking up a name knows no time limit."""

    def __init__(self, hub: SplitResult, deadline: float, tls: ssl.SSLContext | None) -> None:
        self.answers: queue.SimpleQueue[_Answer | Exception] = queue.SimpleQueue()
        self._hub = hub
        self._deadline = deadline
        self._tls = tls
        self._stopped = Event()
        self._connection: http.client.HTTPConnection | None = None

    def left(self) -> float:
        return self._deadline - time.monotonic()

    def run(self, topics: tuple[str, ...]) -> None:
        try:
            for topic in topics:
                answer = self._tell(topic)
                self.answers.put(answer)
                if not answer.of_one_topic:
                    break
        except (_Stopped, TimeoutError):
            pass  # the one who waits for answers knows when it is over
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.answers.put(error)
        finally:
            self._close()

    def hang_up(self) -> None:
        """End the thread, whatever it is waiting for."""
        self._stopped.set()
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _tell(self, topic: str) -> _Answer:
        if self._connection is not None:
            with suppress(OSError, http.client.HTTPException):  # a kept connection may have been closed meanwhile
                return self._ask(self._connection, topic)
            self._close()
        return self._ask(self._open(), topic)

    def _open(self) -> http.client.HTTPConnection:
        host, port, left = self._hub.hostname or "", self._hub.port, self.left()
        if self._stopped.is_set() or left <= 0:
            raise _Stopped
        if self._hub.scheme == "http":
            self._connection = http.client.HTTPConnection(host, port, timeout=left)
        else:
            context = self._tls or ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(host, port, timeout=left, context=context)
        self._connection.connect()
        if self._stopped.is_set():
            raise _Stopped
        return self._connection

    def _ask(self, connection: http.client.HTTPConnection, topic: str) -> _Answer:
        form = urlencode((("hub.mode", "publish"), ("hub.url", topic), ("hub.topic", topic)))
        target = (self._hub.path or "/") + (f"?{self._hub.query}" if self._hub.query else "")
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "newsletter"}
        connection.request("POST", target, form.encode("ascii"), headers)
        response = connection.getresponse()
        accepted = 200 <= response.status <= 299
        said = b"" if accepted else response.read1(_READ)
        if response.length == 0 and not response.will_close:
            response.close()  # the connection is free for the next feed
        else:
            self._close()  # nobody waits for the rest of what it says
        return _Answer(
            status=response.status,
            location=response.headers.get("Location", ""),
            said=_printable(said.decode("utf-8", "replace")),
        )

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _checked(hub: str) -> SplitResult:
    """The parts of a hub's address. Raises HubError for one that we do not write to."""
    right = "right would be an address such as https://hub.example.org/"
    try:
        parts = urlsplit(hub)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or not hub.isascii() or not hub.isprintable() or " " in hub or "#" in hub:
        raise HubError(f"feeds.hub: found {_shown(hub)}, which is no web address; {right}")
    if parts.username is not None or parts.password is not None:
        raise HubError(f"feeds.hub: the address holds a user name or a password; {right}")
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname or "")):
        raise HubError(
            f"feeds.hub: found {_shown(hub)}; it must start with https://, or with http:// on this machine alone"
        )
    return parts


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(hub: str, topic: str, answer: _Answer | Exception) -> str:
    where = f"feeds.hub: {_shown(hub)}"
    if isinstance(answer, ssl.SSLCertVerificationError):
        return f"{where} has no valid certificate: {answer.verify_message}"
    if isinstance(answer, http.client.HTTPException):
        return f"{where} gave no proper HTTP answer ({type(answer).__name__}); is it the address of a hub?"
    if isinstance(answer, Exception):
        why = answer.strerror if isinstance(answer, OSError) and answer.strerror else type(answer).__name__
        return f"{where} cannot be reached ({why}); it is asked again later"
    if 300 <= answer.status <= 399:
        return (
            f"{where} answered {answer.status} and leads to {_shown(answer.location) or 'nowhere'}. We do not go"
            " there by ourselves: if that is your hub, write its address into feeds.hub"
        )
    said = f" and said: {answer.said}" if answer.said else ""
    phrase = http.client.responses.get(answer.status, "")
    status = f"{answer.status} {phrase}".strip()
    return f"{where} answered {status} for {_shown(topic)}{said}; right would be 204 No Content, or another 2xx"


def _shown(address: str) -> str:
    """An address for a message: without user, query and fragment, where secrets may stand."""
    bare = address.partition("#")[0].partition("?")[0]
    scheme, mark, rest = bare.partition("//")
    host, slash, path = rest.partition("/")
    return _printable(scheme + mark + host.rpartition("@")[2] + slash + path)


def _printable(text: str) -> str:
    """One short line."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(clean.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."
