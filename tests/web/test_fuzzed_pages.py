"""Whatever is sent to the pages for readers: never an error of ours, and every answer keeps what it must."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers_site import URLENCODED, Site, readers_site
from starlette.types import Message

from newsletter import clock
from newsletter.web.routes import web_app
from newsletter.web.signing_up import CONSENT, TRAP

_FAST = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_SURE = {
    b"cache-control": b"no-store",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-robots-tag": b"noindex",
    b"cross-origin-opener-policy": b"same-origin",
}


@dataclass(frozen=True)
class Told:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


@dataclass(frozen=True)
class Fuzzed:
    """An application without a server, and links that work. Each request comes from a network of its own."""

    web: Any
    links: Sequence[str]
    networks: Iterator[int]

    def ask(self, method: str, path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Told:
        """Raises whatever the application lets out, as no server would."""
        network = f"198.19.{next(self.networks) % 65536 // 256}.{next(self.networks) % 256}"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path.decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [*headers, (b"x-forwarded-for", network.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        pieces = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
        sent: list[Message] = []

        async def receive() -> Message:
            return pieces.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.web(scope, receive, send))
        found = dict(sent[0]["headers"])
        assert len(found) == len(sent[0]["headers"]), "a field twice"
        return Told(sent[0]["status"], found, b"".join(each.get("body", b"") for each in sent[1:]))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with readers_site(tmp_path_factory.mktemp("fuzzed")) as site:
        site.app.ingest(clock.now())
        yield Fuzzed(web_app(site.app, clock.now), _links(site), itertools.count())


def _links(site: Site) -> list[str]:
    reader = site.reader("reader@example.org", "daily", "caregiver-weekly")
    preferences = site.preferences_link(reader)
    return [
        "/subscribe",
        "/subscribe/form",
        "/healthz",
        "/confirm/x",
        preferences,
        f"{preferences}/data",
        f"{preferences}/erase",
        site.unsubscribe_link(reader),
        f"{site.unsubscribe_link(reader)}/preferences",
        "/unsubscribe/x",
    ]


@cache
def _names() -> tuple[str, ...]:
    wishes = (
        "cadence",
        "topics",
        "unwanted",
        "credibility",
        "audience",
        "edition",
        "language",
        "hour",
        "zone",
        "pause",
    )
    prefixed = [f"{prefix}{name}" for prefix in ("", "daily.", "caregiver-weekly.") for name in wishes]
    return ("newsletters", "address", "consent", TRAP, *prefixed)


_VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "daily", "weekly", "monthly", "07:00", "24:00", "Europe/Berlin", "de", "3", "nan", "1e999"]),
    st.sampled_from(["2026-12-24", "2027-02-29", "0001-01-01", "9999-12-31", "2026-W01-1", "large-print", "clinician"]),
    st.sampled_from(
        ["ann@example.org", "ann@xn--", "ann@" + "a." * 120 + "org", "\x00", "\ud800", "٣", "a\r\nBcc: b@c.de"]
    ),
)
_FIELDS = st.lists(st.tuples(st.deferred(lambda: st.sampled_from(_names())), _VALUES), max_size=12)
_METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [b"content-type", b"content-length", b"accept-encoding", b"cookie", b"host", b"origin", b"range"]
        ),
        st.binary(max_size=40),
    ),
    max_size=4,
    unique_by=lambda pair: pair[0],
)


def _judge(told: Told) -> None:
    assert told.status < 500
    for name, value in _SURE.items():
        assert told.headers[name] == value, name
    assert b"frame-ancestors 'none'" in told.headers[b"content-security-policy"]
    assert not {b"set-cookie", b"location", b"refresh"} & told.headers.keys()
    assert b"Traceback" not in told.body
    if told.status == 405:
        assert told.headers[b"allow"]


@_FAST
@given(st.integers(0, 9), _METHODS, st.binary(max_size=40), st.binary(max_size=40), _HEADERS, st.binary(max_size=200))
def test_any_request_is_answered(
    fuzzed: Fuzzed, place: int, method: str, end: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    for path in (fuzzed.links[place].encode(), fuzzed.links[place].encode() + b"/" + end, b"/preferences/" + end):
        told = fuzzed.ask(method, path, query, headers, body)
        if told.headers.get(b"content-type") != b"text/plain; charset=utf-8" or told.status == 200:
            _judge(told)


@_FAST
@given(st.integers(0, 9), _FIELDS, st.booleans())
def test_any_form_is_answered(fuzzed: Fuzzed, place: int, fields: list[tuple[str, str]], multipart: bool) -> None:
    path = fuzzed.links[place]
    if path.endswith("/erase"):
        return  # which would end the game
    if multipart:
        kind, body = b"multipart/form-data; boundary=x", _multipart(fields)
    else:
        kind, body = URLENCODED.encode(), urlencode(fields, errors="replace").encode()
    told = fuzzed.ask("POST", path.encode(), b"", [(b"content-type", kind)], body)
    _judge(told)
    assert told.status in {200, 404, 405, 413, 422}


def _multipart(fields: Sequence[tuple[str, str]]) -> bytes:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields]
    return ("".join(parts) + "--x--\r\n").encode(errors="replace")


@_FAST
@given(st.binary(max_size=300), st.sampled_from([b"multipart/form-data", b"multipart/form-data; boundary=x", b"\xff"]))
def test_any_bytes_may_be_said_to_be_a_form(fuzzed: Fuzzed, body: bytes, kind: bytes) -> None:
    for path in ("/subscribe", fuzzed.links[4], fuzzed.links[7]):
        told = fuzzed.ask("POST", path.encode(), b"", [(b"content-type", kind)], body)
        _judge(told)


@_FAST
@given(_FIELDS)
def test_what_was_typed_comes_back_as_text(fuzzed: Fuzzed, fields: list[tuple[str, str]]) -> None:
    """No value of a form is ever markup in its answer."""
    sharp = [(name, f"{value}<b id=x>") for name, value in fields if name != TRAP]
    body = urlencode([*sharp, ("address", "<b id=x>")], errors="replace").encode()
    told = fuzzed.ask("POST", b"/subscribe", b"", [(b"content-type", URLENCODED.encode())], body)
    assert told.status == 422
    assert b"<b id=x>" not in told.body
    assert CONSENT.encode() in told.body
