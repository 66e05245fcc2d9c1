"""Telling a hub: a real hub on this machine fetches what was announced and hands it on; and hubs that misbehave."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from lxml import etree

from newsletter.errors import HubError
from newsletter.feeds.websub import ping

ATOM = "{http://www.w3.org/2005/Atom}"


@contextmanager
def served(handler: Callable[..., BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    server = Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients hang up here on purpose."""


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def form(self) -> dict[str, str]:
        length = int(self.headers["Content-Length"])
        return dict(urllib.parse.parse_qsl(self.rfile.read(length).decode(), strict_parsing=True))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Hub:
    """What a hub does (WebSub, sections 5 to 7): verifies who subscribes, fetches what changed, and hands it on."""

    def __init__(self) -> None:
        self.callbacks: dict[str, str] = {}
        self.fetched: dict[str, bytes] = {}
        self.address = ""

    def handler(self) -> type[Quiet]:
        hub = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
                form = self.form()
                if form["hub.mode"] == "subscribe":
                    self.answer(202)
                    hub.verify(form["hub.topic"], form["hub.callback"])
                elif form["hub.mode"] == "publish" and form["hub.url"] == form["hub.topic"]:
                    known = form["hub.topic"] in hub.callbacks
                    self.answer(*((204,) if known else (404, b"no such topic")))
                    if known:
                        hub.distribute(form["hub.topic"])
                else:
                    self.answer(400)

        return Handler

    def verify(self, topic: str, callback: str) -> None:
        asked = urllib.parse.urlencode({"hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": "4711"})
        with urllib.request.urlopen(f"{callback}?{asked}", timeout=5) as answer:
            if answer.read() == b"4711":
                self.callbacks[topic] = callback

    def distribute(self, topic: str) -> None:
        """Fetch a topic, believe it only where it names itself and this hub (section 4), and send it on."""
        with urllib.request.urlopen(topic, timeout=5) as answer:
            content = answer.read()
        links = {link.get("rel"): link.get("href") for link in etree.fromstring(content).iterfind(f"{ATOM}link")}
        if links == {"self": topic, "hub": self.address}:
            self.fetched[topic] = content
            told = {
                "Content-Type": "application/atom+xml",
                "Link": f'<{self.address}>; rel="hub", <{topic}>; rel="self"',
            }
            request = urllib.request.Request(self.callbacks[topic], content, told, method="POST")
            urllib.request.urlopen(request, timeout=5).close()


class Subscriber:
    def __init__(self) -> None:
        self.got: queue.SimpleQueue[tuple[bytes, str]] = queue.SimpleQueue()

    def handler(self) -> type[Quiet]:
        got = self.got

        class Handler(Quiet):
            def do_GET(self) -> None:
                asked = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
                self.answer(200, asked["hub.challenge"].encode())

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(200)
                got.put((content, self.headers["Link"]))

        return Handler


class Static(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


def feed(address: str, hub: str, text: str) -> bytes:
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:example.org,2026:feed</id><title>{text}</title>'
        f'<link rel="self" href="{address}"/><link rel="hub" href="{hub}"/></feed>'
    ).encode()


@contextmanager
def neighbourhood(public: Path) -> Iterator[tuple[Hub, Subscriber, str]]:
    hub, subscriber = Hub(), Subscriber()
    with (
        served(hub.handler()) as hub.address,
        served(subscriber.handler()) as callback,
        served(partial(Static, directory=str(public))) as site,
    ):
        topic = f"{site}/feeds/articles.atom"
        form = {"hub.mode": "subscribe", "hub.topic": topic, "hub.callback": callback}
        urllib.request.urlopen(hub.address, urllib.parse.urlencode(form).encode(), timeout=5).close()
        wait_for(lambda: topic in hub.callbacks)
        yield hub, subscriber, topic


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


# -- a hub that works -------------------------------------------------------------------------------------------------


def test_a_subscriber_gets_the_new_bytes_when_the_hub_was_told(tmp_path: Path) -> None:
    path = tmp_path / "feeds" / "articles.atom"
    path.parent.mkdir()
    with neighbourhood(tmp_path) as (hub, subscriber, topic):
        for text in ("first", "second"):
            path.write_bytes(feed(topic, hub.address, text))
            assert ping(hub.address, [topic]) == (topic,)
            content, link = subscriber.got.get(timeout=5)
            assert content == path.read_bytes() == hub.fetched[topic]
            assert f"<{hub.address}>" in link
            assert text.encode() in content
        assert subscriber.got.empty()


def test_a_feed_that_the_hub_does_not_know_keeps_no_other_waiting(tmp_path: Path) -> None:
    path = tmp_path / "feeds" / "articles.atom"
    path.parent.mkdir()
    with neighbourhood(tmp_path) as (hub, subscriber, topic):
        path.write_bytes(feed(topic, hub.address, "news"))
        with pytest.raises(HubError) as caught:
            ping(hub.address, ["https://news.example.org/feeds/other.atom?key=1", topic])
        assert caught.value.accepted == (topic,)
        assert subscriber.got.get(timeout=5)[0] == path.read_bytes()
    assert caught.value.message == (
        f"feeds.hub: {hub.address} answered 404 Not Found for https://news.example.org/feeds/other.atom and said:"
        " no such topic; right would be 204 No Content, or another 2xx"
    )


def test_nothing_to_tell_asks_nobody() -> None:
    assert ping(f"http://127.0.0.1:{free_port()}/", []) == ()


def test_every_feed_is_told_in_a_request_of_its_own_over_one_connection() -> None:
    told: list[tuple[dict[str, str], Any]] = []

    class Handler(Quiet):
        def do_POST(self) -> None:
            told.append((self.form(), self.client_address))
            self.answer(204)

    topics = tuple(f"https://news.example.org/feeds/topics/ü&{number}.atom" for number in range(20))
    with served(Handler) as hub:
        assert ping(f"{hub}/hub?account=7", topics) == topics
    assert [form for form, _ in told] == [{"hub.mode": "publish", "hub.url": t, "hub.topic": t} for t in topics]
    assert len({client for _, client in told}) == 1


def test_a_hub_that_closes_after_each_answer_is_told_everything() -> None:
    class Handler(Quiet):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            self.form()
            self.answer(202, b"thank you")

    with served(Handler) as hub:
        assert ping(hub, ["https://a.example.org/1", "https://a.example.org/2"]) == (
            "https://a.example.org/1",
            "https://a.example.org/2",
        )


def test_a_kept_connection_that_the_hub_has_dropped_is_made_anew() -> None:
    class Handler(Quiet):
        def do_POST(self) -> None:
            self.form()
            self.answer(204)
            self.close_connection = True  # without a word of it in the answer

    topics = tuple(f"https://a.example.org/{number}" for number in range(3))
    with served(Handler) as hub:
        assert ping(hub, topics) == topics


def test_a_hub_with_a_certificate_is_told_over_tls() -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)

    class Handler(Quiet):
        def do_POST(self) -> None:
            self.form()
            self.answer(204)

    with served(Handler, server) as hub:
        assert ping(hub, ["https://a.example.org/1"], tls=client) == ("https://a.example.org/1",)
        with pytest.raises(HubError, match="no valid certificate"):
            ping(hub, ["https://a.example.org/1"])


# -- hubs that do not -------------------------------------------------------------------------------------------------


def refused(hub: str, *, timeout: float = 5) -> HubError:
    with pytest.raises(HubError) as caught:
        ping(hub, ["https://a.example.org/1", "https://a.example.org/2"], timeout=timeout)
    assert caught.value.message.startswith("feeds.hub: ")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600
    return caught.value


@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500, 503])
def test_a_refusal_is_told_with_its_number(status: int) -> None:
    asked: list[str] = []

    class Handler(Quiet):
        def do_POST(self) -> None:
            asked.append(self.form()["hub.topic"])
            self.answer(status, b"<b>go\0 away</b>" + b"x" * 1000)

    with served(Handler) as hub:
        error = refused(hub)
    assert f"answered {status} " in error.message
    assert "go away" in error.message
    assert error.accepted == ()
    assert len(asked) == (2 if status in {400, 403, 404, 410} else 1), "an overloaded hub is left alone"


def test_a_redirect_is_not_followed_but_named() -> None:
    visited: list[str] = []

    class Elsewhere(Quiet):
        def do_POST(self) -> None:
            visited.append(self.path)
            self.answer(204)

        def do_GET(self) -> None:
            self.do_POST()

    with served(Elsewhere) as other:

        class Handler(Quiet):
            def do_POST(self) -> None:
                self.form()
                self.answer(307, Location=f"{other}/hub?secret=1")

        with served(Handler) as hub:
            error = refused(hub)
    assert visited == []
    assert f"leads to {other}/hub." in error.message
    assert "secret" not in error.message


@contextmanager
def speaking(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that takes connections and says whatever it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        asked = b""
                        while b"hub.topic=" not in asked:
                            asked += connection.recv(65536)
                        speak(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(200):
        connection.sendall(b"a")
        time.sleep(0.05)


def silence(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize("speak", [drip, silence])
def test_a_hub_that_hangs_or_drips_costs_the_timeout_and_no_more(speak: Callable[[socket.socket], None]) -> None:
    with speaking(speak) as hub:
        begun = time.monotonic()
        error = refused(hub, timeout=0.5)
        assert time.monotonic() - begun < 1.5
    assert "no whole answer within 0.5 seconds" in error.message


def test_no_thread_stays_behind() -> None:
    with speaking(drip) as hub:
        refused(hub, timeout=0.2)
        wait_for(lambda: not any(thread.name == "hub" for thread in threading.enumerate()))


def test_what_was_accepted_before_the_hub_hung_is_not_lost() -> None:
    class Handler(Quiet):
        def do_POST(self) -> None:
            if self.form()["hub.topic"].endswith("3"):
                time.sleep(1)
            self.answer(204)

    with served(Handler) as hub, pytest.raises(HubError) as caught:
        ping(hub, [f"https://a.example.org/{number}" for number in (1, 2, 3, 4)], timeout=0.5)
    assert caught.value.accepted == ("https://a.example.org/1", "https://a.example.org/2")


def test_a_huge_answer_is_not_read() -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 10000000000\r\n\r\n")
        while True:
            sent += connection.send(b"x" * 65536)

    with speaking(flood) as hub:
        assert "answered 500 Internal Server Error" in refused(hub).message
    assert sent < 50_000_000


def test_an_accepted_ping_does_not_wait_for_the_rest_of_the_answer() -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100000\r\n\r\nthe rest never comes")
        connection.recv(1)

    with speaking(endless) as hub:
        assert ping(hub, ["https://a.example.org/1"], timeout=2) == ("https://a.example.org/1",)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500,
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    ],
    ids=["another protocol", "many headers", "nothing", "a long header"],
)
def test_what_is_no_http_answer_is_told(said: bytes) -> None:
    with speaking(lambda connection: connection.sendall(said)) as hub:
        assert "no proper HTTP answer" in refused(hub).message


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_hub_that_is_down_is_told() -> None:
    assert "cannot be reached (Connection refused)" in refused(f"http://127.0.0.1:{free_port()}/").message


@pytest.mark.parametrize(
    ("hub", "told"),
    [
        ("", "no web address"),
        ("hub.example.org", "no web address"),
        ("https://hub.example.org/ x", "no web address"),
        ("https://hub.example.org/#x", "no web address"),
        ("https://hub.example.org:99999/", "no web address"),
        ("https://[::1", "no web address"),
        ("http://hub.example.org/", "must start with https://"),
        ("http://127.0.0.1.example.org/", "must start with https://"),
        ("ftp://127.0.0.1/", "must start with https://"),
        ("https://user:secret@hub.example.org/", "user name or a password"),
    ],
)
def test_an_address_that_is_none_of_a_hub_is_refused_unasked(hub: str, told: str) -> None:
    error = refused(hub)
    assert told in error.message
    assert "secret" not in error.message
