"""The server as readers and strangers meet it: changes are seen at once, and nothing that is sent breaks it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import logging
import os
import random
import re
import resource
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message
from web_site import BIG, MODIFIED, Served, feed, make_public, put

from newsletter.errors import ConfigError
from newsletter.web import documents
from newsletter.web.server import serving
from newsletter.web.static import Files

STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
GOOD = b"GET /numbers.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def _said(port: int, sent: bytes, *, at_once: bool = True) -> bytes:
    """Everything that the server answers to these bytes until it closes or waits for more."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        with contextlib.suppress(ConnectionError):
            for piece in [sent] if at_once else [sent[i : i + 7] for i in range(0, len(sent), 7)]:
                connection.sendall(piece)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        told = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                told += piece
    return told


def test_a_change_is_served_with_the_next_request(served: Served) -> None:
    put(served.public, "news.atom", b"<feed>one</feed>")
    first = served.ask("/news.atom")
    put(served.public, "news.atom", b"<feed>two</feed>")  # same length, same moment
    second = served.ask("/news.atom", If_None_Match=first.headers["ETag"])
    assert (second.status, second.body) == (200, b"<feed>two</feed>")
    assert second.headers["ETag"] != first.headers["ETag"]
    (served.public / "news.atom").unlink()
    assert served.ask("/news.atom").status == 404


def test_a_reader_never_gets_half_of_one_and_half_of_another(served: Served) -> None:
    """While a publisher replaces the file as fast as it can."""
    texts = [feed(20_000) + mark * 1000 for mark in (b"a", b"b", b"c")]
    put(served.public, "busy.atom", texts[0])
    done = threading.Event()

    def publish() -> None:
        while not done.is_set():
            put(served.public, "busy.atom", random.choice(texts))

    unpacked = {"identity": bytes, "gzip": gzip.decompress, "br": brotli.decompress}

    def poll(coding: str) -> None:
        tags: dict[str, bytes] = {}
        for _ in range(60):
            answer = served.ask("/busy.atom", Accept_Encoding=coding)
            assert unpacked[coding](answer.body) in texts
            assert tags.setdefault(answer.headers["ETag"], answer.body) == answer.body

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        with ThreadPoolExecutor(3) as readers:
            list(readers.map(poll, unpacked))
    finally:
        done.set()
        publisher.join()


def test_all_fields_of_get_stand_in_head_too(served: Served) -> None:
    for path in ("/", "/feeds/articles.atom", "/big.bin", "/nothing", "/feeds", "/unsubscribe/x"):
        got, head = served.ask(path), served.ask(path, "HEAD")
        assert head.status == got.status
        assert head.body == b""
        assert [pair for pair in head.headers.items() if pair[0] != "date"] == [
            pair for pair in got.headers.items() if pair[0] != "date"
        ]


def test_parts_of_a_coded_feed_make_the_whole(served: Served) -> None:
    whole = served.ask("/feeds/articles.atom", Accept_Encoding="gzip")
    tag, half = whole.headers["ETag"], len(whole.body) // 2
    parts = [
        served.ask("/feeds/articles.atom", Accept_Encoding="gzip", Range=each, If_Range=tag)
        for each in (f"bytes=0-{half}", f"bytes={half + 1}-")
    ]
    assert [each.status for each in parts] == [206, 206]
    assert gzip.decompress(b"".join(each.body for each in parts)) == feed()


def test_an_answer_does_not_wait_for_the_kernel(served: Served) -> None:
    """Nagle's algorithm and delayed confirmations make 40 ms of two small writes."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    taken: list[float] = []
    for _ in range(31):
        begun = time.perf_counter()
        connection.request("GET", "/robots.txt")
        connection.getresponse().read()
        taken.append(time.perf_counter() - begun)
    connection.close()
    assert statistics.median(taken) < 0.02


def test_a_large_file_arrives_whole_and_in_parts(served: Served) -> None:
    whole = served.ask("/big.bin")
    assert whole.body == BIG
    assert served.ask("/big.bin", If_None_Match=whole.headers["ETag"]).status == 304
    assert served.ask("/big.bin", Range="bytes=5000000-").body == BIG[5_000_000:]


def test_a_large_file_that_is_cut_while_it_is_sent_is_not_passed_off_as_whole(served: Served) -> None:
    size = 60 * 2**20
    put(served.public, "cut.bin", b"\0")
    with (served.public / "cut.bin").open("r+b") as file:
        file.truncate(size)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(b"GET /cut.bin HTTP/1.1\r\nHost: h\r\n\r\n")
        told = len(connection.recv(1000))
        os.truncate(served.public / "cut.bin", 1000)
        while piece := connection.recv(1 << 20):
            told += len(piece)
    assert told < size
    (served.public / "cut.bin").unlink()


@pytest.mark.parametrize("gone", [False, True])
def test_a_large_file_that_is_replaced_before_it_is_opened_is_asked_for_again(tmp_path: Path, gone: bool) -> None:
    public = make_public(tmp_path)
    document = documents.read(str(public), "/big.bin", time.time())
    answer = document.answer({}, head=False)
    (public / "big.bin").unlink()
    if not gone:
        put(public, "big.bin", BIG)
    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    assert answer.span is not None
    asyncio.run(Files(public, lambda: MODIFIED)._send_from_disk(document, answer, answer.span, send))
    assert told[0]["status"] == 503
    assert (b"retry-after", b"5") in told[0]["headers"]


def test_a_machine_that_can_open_nothing_costs_one_answer(served: Served) -> None:
    put(served.public, "late.txt", b"x")
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    connection.request("GET", "/numbers.txt")
    connection.getresponse().read()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        connection.request("GET", "/late.txt")
        refused = connection.getresponse()
        refused.read()
        connection.request("GET", "/numbers.txt")
        held = connection.getresponse().read()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        connection.close()
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    assert held == b"0123456789"
    assert served.ask("/late.txt").body == b"x"


ODD = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "HTTP/1.0 without a host": (b"GET /numbers.txt HTTP/1.0\r\n\r\n", 200),
    "whole address": (b"GET http://evil.example/numbers.txt HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    "whole address of a folder": (b"GET http://evil.example/feeds HTTP/1.1\r\nHost: h\r\n\r\n", 301),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 405),
    "connect": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "no path": (b"GET  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "relative path": (b"GET numbers.txt HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "fragment": (b"GET /numbers.txt#x HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    "query only": (b"GET /?/../.. HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    "bytes beyond ASCII": (b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "bare line feeds": (b"GET /numbers.txt HTTP/1.1\nHost: h\n\n", 400),
    "folded field": (b"GET /numbers.txt HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", 400),
    "NUL in a field": (b"GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "length below zero": (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
    "upgrade": (b"GET /numbers.txt HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    "expectation": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", 405),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "many fields": (b"GET /numbers.txt HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 3000 + b"\r\n", 200),
    "head without end": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 200_000, 431),
    "path without end": (b"GET /" + b"a" * 1_000_000, 431),
    "field without end": (b"GET / HTTP/1.1\r\nHost: h\r\nA: " + b"a" * 1_000_000, 431),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_requests_get_an_answer_of_their_own(served: Served, name: str) -> None:
    sent, status = ODD[name]
    found = STATUS.match(_said(served.port, sent))
    assert found, "an answer"
    assert int(found[1]) == status
    assert _said(served.port, GOOD).endswith(b"0123456789"), "and the next one is served"


def test_requests_in_one_go_are_answered_in_order(served: Served) -> None:
    one = b"GET /numbers.txt HTTP/1.1\r\nHost: h\r\n\r\n"
    many = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000 + one * 2000
    told = _said(served.port, many + GOOD)
    assert told.count(b"0123456789") == 2001
    assert STATUS.findall(told) == [b"405"] + [b"200"] * 2001


TARGETS = st.sampled_from(["/", "/feeds/articles.atom", "/big.bin", "/unsubscribe/x", "/healthz", "/feeds", "*", ""])
NAMES = st.sampled_from(
    [
        "accept-encoding",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "content-length",
        "transfer-encoding",
        "expect",
        "connection",
        "upgrade",
        "host",
        "cookie",
    ]
)
VALUES = st.sampled_from(
    ["*", '"x"', 'W/"', "bytes=0-", "bytes=-0", "gzip;q=", "chunked", "close", "100-continue", "-1", ""]
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Something like a request: a line, fields, a body, each perhaps of any bytes, perhaps cut or torn."""
    method = draw(
        st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT", "TRACE", "BREW"]) | st.text("ABZ \t", max_size=4)
    )
    target = draw(TARGETS).encode() + draw(st.binary(max_size=12) | st.just(b""))
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/9.9", ""]))
    fields = draw(
        st.lists(st.tuples(NAMES.map(str.encode), VALUES.map(str.encode) | st.binary(max_size=30)), max_size=5)
    )
    lines = [b" ".join([method.encode(), target, version.encode()]), b"Host: h", *(b": ".join(pair) for pair in fields)]
    end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"]))
    whole = end.join([*lines, b"", draw(st.binary(max_size=30))])
    return whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole


@given(requests() | st.binary(max_size=200), st.booleans())
@settings(max_examples=300)
def test_no_bytes_make_it_fail(served: Served, sent: bytes, at_once: bool) -> None:
    with _complaints() as complaints:
        told = _said(served.port, sent, at_once=at_once)
    assert complaints == []
    for status in STATUS.findall(told[:500]):
        assert int(status) < 500
    assert b"not public" not in told


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """What the server logs of errors of its own."""
    heard: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)


def test_it_still_serves_after_all_that(served: Served) -> None:
    assert served.ask("/numbers.txt").body == b"0123456789"


def test_a_port_that_is_taken_is_told(served: Served) -> None:
    with pytest.raises(ConfigError, match=r"web\.port"), serving(served.app, "127.0.0.1", served.port):
        pass


@pytest.mark.parametrize("waiting", [b"", b"GET / HTT", b"GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n", GOOD[:-2]])
def test_it_ends_within_seconds_whoever_is_still_there(served: Served, waiting: bytes) -> None:
    def alive() -> int:
        return sum(thread.name == "web" for thread in threading.enumerate())

    before = alive()
    with contextlib.ExitStack() as later, serving(served.app, "127.0.0.1", 0) as address:
        stuck = later.enter_context(socket.create_connection(("127.0.0.1", urlsplit(address).port or 0), timeout=5))
        stuck.sendall(waiting)
        time.sleep(0.2)
        assert alive() == before + 1
        begun = time.monotonic()
    assert time.monotonic() - begun < 6
    assert alive() == before


def test_the_moment_of_a_file_is_its_last_modified(served: Served) -> None:
    put(served.public, "dated.txt", b"x", MODIFIED.replace(year=2020))
    assert served.ask("/dated.txt").headers["Last-Modified"] == "Mon, 05 Oct 2020 06:07:08 GMT"
    put(served.public, "ahead.txt", b"x", MODIFIED.replace(year=2060))
    answer = served.ask("/ahead.txt")
    assert answer.headers["Last-Modified"] <= answer.headers["Date"] or "2060" not in answer.headers["Last-Modified"]
    assert Path(served.public, "ahead.txt").stat().st_mtime > time.time()
