"""The safe fetcher, against a real server on this machine. No name is ever looked up outside it."""

from __future__ import annotations

import gzip
import http.server
import ipaddress
import json
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import SourceError
from newsletter.sources.fetch import REDIRECTS, Url, refusal, system_resolve

BODY = b"an article"
HERE = ("127.0.0.1",)
NAME = "articles.example.org"


class Site(http.server.ThreadingHTTPServer):
    """A server that answers with `answer(handler)` and remembers what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[_Handler], None] = lambda handler: handler.reply(BODY)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.scheme = "http"

    def url(self, path: str = "/articles.json", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server_address[1]}{path}"

    def handle_error(self, *_: object) -> None:
        """Clients hang up here on purpose."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.answer(self)

    def reply(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def site() -> Iterator[Site]:
    yield from _serve(Site())


def _serve(server: Site) -> Iterator[Site]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Site]:
    server = Site()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.scheme = "https"
    yield from _serve(server)


def fetch(place: Url) -> bytes:
    (raw,) = place.files()
    return raw.data


def refused(place: Url) -> str:
    with pytest.raises(SourceError) as error:
        fetch(place)
    return error.value.message


def answering(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _port: addresses


# -- which addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "168.63.129.16", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "4000::1", "5f00::1",
        "fc00::1", "fd12::1", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_nothing_is_fetched_from(address: str) -> None:
    assert refusal(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "64:ff9b::808:808"])
def test_public_hosts_may_be_asked(address: str) -> None:
    assert refusal(ipaddress.ip_address(address)) is None
    assert refusal(ipaddress.ip_address(address), private=True) is None


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"])
def test_an_operator_may_allow_a_private_host(address: str) -> None:
    assert refusal(ipaddress.ip_address(address), private=True) is None


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"]
)
def test_nobody_may_allow(address: str) -> None:
    """A host name that an operator allowed may be pointed at a cloud's metadata by somebody else."""
    assert refusal(ipaddress.ip_address(address), private=True)


@given(st.ip_addresses())
def test_we_are_stricter_than_the_library(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert refusal(address) or address.is_global


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
def test_this_machine_is_not_reached_by_any_spelling(site: Site, host: str) -> None:
    """The port is right and would answer; a literal that the system cannot read is refused as well."""
    port = site.server_address[1]
    ours = Url(f"http://{host}:{port}/", resolve=lambda host, _port: system_resolve(host, port))
    assert "an operator may allow" in refused(ours)
    message = refused(Url(f"http://{host}/", seconds=5))
    assert "leads to" in message or "is not known" in message
    assert not site.asked


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.0.0.1", "a private network"),
        ("64:ff9b::7f00:1", "it leads to 127.0.0.1, this machine"),
        ("169.254.169.254", "link-local"),
    ],
)
def test_a_name_that_leads_inside_is_refused(address: str, why: str) -> None:
    message = refused(Url(f"https://{NAME}/a", resolve=answering("8.8.8.8", address)))
    assert f"https://{NAME}/a: {NAME} leads to {address}" in message
    assert why in message


def test_a_name_that_changes_its_mind_gains_nothing(site: Site) -> None:
    """DNS rebinding: it is looked up once a hop, and the connection is made to what was vetted."""
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    place = Url(site.url(host=NAME), allowed_private=(NAME,), resolve=lambda _host, _port: answers.pop(0))
    assert fetch(place) == BODY
    assert len(answers) == 1
    assert "leads to 169.254.169.254" in refused(place)


def test_a_redirect_is_vetted_like_the_first_address(site: Site) -> None:
    site.answer = lambda handler: handler.reply(status=302, Location="http://169.254.169.254/latest/meta-data/")
    assert "leads to 169.254.169.254" in refused(Url(site.url(), allowed_private=HERE))


def test_a_redirect_to_another_name_of_this_machine_is_refused(site: Site) -> None:
    site.answer = lambda handler: handler.reply(status=302, Location=site.url(host="localhost"))
    assert "port" in refused(Url(site.url(), allowed_private=HERE))


def test_the_next_address_of_a_host_is_tried(site: Site) -> None:
    """The server is bound to 127.0.0.1 alone."""
    place = Url(site.url(host=NAME), allowed_private=(NAME,), resolve=answering("127.0.0.2", "127.0.0.1"))
    assert fetch(place) == BODY


# -- which URLs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "https:// or http://"),
        ("ftp://example.org/a", "https:// or http://"),
        ("example.org/a", "https:// or http://"),
        ("http:///a", "names no host"),
        ("http://example.org:0/", "names no host"),
        ("http://example.org:99999/", "no valid address"),
        ("http://[::1/", "no valid address"),
        (f"http://{'a' * 64}.example.org/", "no valid address"),
        ("http://reader:word@example.org/", "no user name or password"),
        ("http://example.org/a b", "no spaces"),
        ("http://example.org/\r\nX: y", "no spaces"),
        ("http://example.org\\@127.0.0.1/", "backslashes"),
        ("http://example.org:8080/", "port 8080 is not 80"),
        ("https://example.org:80/", "port 80 is not 443"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused(url: str, why: str) -> None:
    assert why in refused(Url(url, resolve=answering("127.0.0.1")))


def test_what_may_be_secret_in_an_address_is_not_repeated(site: Site) -> None:
    (raw,) = Url(site.url("/feed/?token=hunter2#x"), allowed_private=HERE).files()
    assert (raw.name, raw.key) == (site.url("/feed/"), "feed")
    assert site.asked[0][0] == "/feed/?token=hunter2"
    assert "hunter2" not in refused(Url("http://reader:hunter2@example.org/?hunter2"))


def test_without_a_path_the_host_is_the_key(site: Site) -> None:
    (raw,) = Url(site.url(""), allowed_private=HERE).files()
    assert raw.key == "127.0.0.1"
    assert site.asked[0][0] == "/"


def test_other_scripts_in_an_address_are_encoded(site: Site) -> None:
    site.answer = lambda handler: handler.reply(handler.path.encode())
    seen: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        seen.append(host)
        return ("127.0.0.1",)

    place = Url(
        site.url("/ä/b%20c?ö=1", "bücher.example.org"), allowed_private=("xn--bcher-kva.example.org",), resolve=resolve
    )
    assert fetch(place) == b"/%C3%A4/b%20c?%C3%B6=1"
    assert seen == ["xn--bcher-kva.example.org"]


def test_the_host_is_named_and_nobody_else_is(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert fetch(Url(site.url(host=NAME), allowed_private=(NAME.upper(),), resolve=answering("127.0.0.1"))) == BODY
    headers = site.asked[0][1]
    assert headers["Host"] == f"{NAME}:{site.server_address[1]}"
    assert headers["User-Agent"] == "newsletter"
    assert {"Cookie", "Referer", "Authorization"}.isdisjoint(headers)


# -- https ------------------------------------------------------------------------------------------------------------


def _trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_https_checks_the_name_and_not_the_address(secure: Site, authority: trustme.CA) -> None:
    place = Url(
        secure.url(host=NAME), allowed_private=(NAME,), resolve=answering("127.0.0.1"), tls=_trusting(authority)
    )
    assert fetch(place) == BODY
    other = Url(
        secure.url(host="b.example.org"),
        allowed_private=("b.example.org",),
        resolve=answering("127.0.0.1"),
        tls=_trusting(authority),
    )
    assert "the certificate of b.example.org is not valid" in refused(other)


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Site) -> None:
    place = Url(secure.url(host=NAME), allowed_private=(NAME,), resolve=answering("127.0.0.1"))
    assert "certificate" in refused(place)


def test_a_redirect_never_leaves_https(secure: Site, authority: trustme.CA) -> None:
    secure.answer = lambda handler: handler.reply(status=301, Location=f"http://{NAME}/")
    place = Url(
        secure.url(host=NAME), allowed_private=(NAME,), resolve=answering("127.0.0.1"), tls=_trusting(authority)
    )
    assert "must stay on https" in refused(place)


# -- answers ----------------------------------------------------------------------------------------------------------


def test_redirects_are_followed_to_their_end(site: Site) -> None:
    def answer(handler: _Handler) -> None:
        step = int(handler.path[1:])
        handler.reply(BODY) if step == REDIRECTS else handler.reply(status=307, Location=f"{step + 1}")

    site.answer = answer
    (raw,) = Url(site.url("/0"), allowed_private=HERE).files()
    assert (raw.data, raw.key, raw.name) == (BODY, "0", site.url("/0"))
    site.answer = lambda handler: handler.reply(status=308, Location="/loop")
    assert "more than 5 redirects" in refused(Url(site.url("/0"), allowed_private=HERE))


@pytest.mark.parametrize("status", [204, 206, 300, 304, 302, 401, 404, 410, 429, 500])
def test_any_other_answer_is_refused(site: Site, status: int) -> None:
    site.answer = lambda handler: handler.reply(status=status)
    assert f"the server answers {status}" in refused(Url(site.url(), allowed_private=HERE))


def test_an_unknown_host_is_told() -> None:
    def fail(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror

    for resolve in (fail, answering()):
        assert f"the name {NAME} is not known" in refused(Url(f"https://{NAME}/", resolve=resolve))


def test_a_host_that_does_not_answer_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "cannot be reached (Connection refused)" in refused(Url(f"http://127.0.0.1:{port}/", allowed_private=HERE))


@pytest.mark.parametrize(
    "sent", [b"", b"hello\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000]
)
def test_what_is_no_http_is_refused(sent: bytes) -> None:
    with _Wire(sent) as wire:
        assert "no proper HTTP answer" in refused(Url(wire.url, allowed_private=HERE))


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(BODY * 99, mtime=0)[:-9],
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
    ],
)
def test_half_an_answer_is_no_answer(sent: bytes) -> None:
    with _Wire(sent) as wire:
        message = refused(Url(wire.url, allowed_private=HERE))
    assert "ends in the middle" in message or "IncompleteRead" in message


class _Wire:
    """A server that sends given bytes to one client, perhaps a byte at a time, and hangs up."""

    def __init__(self, sent: bytes, pause: float = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sent, self._pause = sent, pause
        self._thread = threading.Thread(target=self._run)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"

    def _run(self) -> None:
        client, _ = self._server.accept()
        with client:
            client.recv(65_536)
            try:
                for piece in [self._sent[i : i + 1] for i in range(len(self._sent))] if self._pause else [self._sent]:
                    client.sendall(piece)
                    time.sleep(self._pause)
            except OSError:
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._server.close()


# -- compressed -------------------------------------------------------------------------------------------------------


def _bare(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzip.compress(BODY * 50_000, mtime=0)),
        ("X-GZIP", gzip.compress(BODY * 50_000, mtime=0)),
        ("gzip", gzip.compress(BODY * 20_000, mtime=0) + gzip.compress(BODY * 30_000, mtime=0)),
        ("deflate", zlib.compress(BODY * 50_000)),
        ("deflate", _bare(BODY * 50_000)),
        ("identity", BODY * 50_000),
    ],
)
def test_compressed_answers_are_read(site: Site, encoding: str, sent: bytes) -> None:
    site.answer = lambda handler: handler.reply(sent, Content_Encoding=encoding)
    assert fetch(Url(site.url(), allowed_private=HERE)) == BODY * 50_000


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 1_000_000])
def test_a_file_that_compresses_well_is_whole(site: Site, size: int) -> None:
    """The decompressor may hold back output when it has taken in all input."""
    site.answer = lambda handler: handler.reply(gzip.compress(b"x" * size, mtime=0), Content_Encoding="gzip")
    assert fetch(Url(site.url(), allowed_private=HERE)) == b"x" * size


@pytest.mark.parametrize(
    "sent",
    [
        gzip.compress(b"\0" * 10**8, mtime=0),
        gzip.compress(b"", mtime=0) * 60_000,
        gzip.compress(b"\0" * 10**6, mtime=0) * 100,
    ],
)
def test_a_bomb_does_not_go_off(site: Site, sent: bytes) -> None:
    site.answer = lambda handler: handler.reply(sent, Content_Encoding="gzip")
    assert "larger than 1,000,000 bytes" in refused(Url(site.url(), allowed_private=HERE, limit=10**6))


def test_the_limit_is_kept_to_the_byte(site: Site) -> None:
    site.answer = lambda handler: handler.reply(b"x" * 1000)
    assert len(fetch(Url(site.url(), allowed_private=HERE, limit=1000))) == 1000
    assert "larger than 999 bytes" in refused(Url(site.url(), allowed_private=HERE, limit=999))


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd"])
def test_an_encoding_that_was_not_asked_for_is_refused(site: Site, encoding: str) -> None:
    site.answer = lambda handler: handler.reply(BODY, Content_Encoding=encoding)
    assert f"encoded as {encoding!r}" in refused(Url(site.url(), allowed_private=HERE))


@pytest.mark.parametrize(
    "sent", [b"\xff" * 100, gzip.compress(BODY, mtime=0) + b"garbage", b"\x1f\x8b\x08\x00" + b"\xff" * 99]
)
def test_damaged_compression_is_refused(site: Site, sent: bytes) -> None:
    site.answer = lambda handler: handler.reply(sent, Content_Encoding="gzip")
    message = refused(Url(site.url(), allowed_private=HERE))
    assert "the compressed answer is damaged" in message


# -- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"x" * 99, b"HTTP/1.1 100 Continue\r\n\r\n" * 9],
)
def test_a_server_that_drips_is_left_in_time(sent: bytes) -> None:
    begun = time.monotonic()
    with _Wire(sent, pause=0.02) as wire:
        assert "no whole answer within 0.3 seconds" in refused(Url(wire.url, allowed_private=HERE, seconds=0.3))
        assert time.monotonic() - begun < 1


def test_a_silent_server_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for scheme in ("http", "https"):
            url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/"
            assert "within 0.2 seconds" in refused(Url(url, allowed_private=HERE, seconds=0.2))


def test_a_slow_look_up_is_left_in_time() -> None:
    done = threading.Event()

    def slow(_host: str, _port: int) -> Sequence[str]:
        done.wait(5)
        return ()

    assert "within 0.1 seconds" in refused(Url(f"http://{NAME}/", resolve=slow, seconds=0.1))
    done.set()


def test_no_time_is_no_time() -> None:
    assert "within 0 seconds" in refused(Url(f"http://{NAME}/", resolve=answering("127.0.0.1"), seconds=0))


# -- the copy ---------------------------------------------------------------------------------------------------------


def _versioned(handler: _Handler) -> None:
    """Answers 304 to those who know the version."""
    known = handler.headers.get("If-None-Match") == '"v1"'
    since = handler.headers.get("If-Modified-Since")
    if known and since == "Wed, 18 Nov 2026 09:00:00 GMT":
        handler.reply(status=304)
    else:
        handler.reply(BODY, ETag='"v1"', last_modified="Wed, 18 Nov 2026 09:00:00 GMT")


@pytest.fixture
def copied(site: Site, tmp_path: Path) -> Url:
    """A place whose file was fetched once."""
    site.answer = _versioned
    place = Url(site.url(), allowed_private=HERE, cache=tmp_path / "cache" / "articles")
    assert fetch(place) == BODY
    return place


def test_an_unchanged_file_is_not_sent_again(site: Site, copied: Url) -> None:
    assert fetch(copied) == BODY
    site.answer = lambda handler: handler.reply(status=304)
    assert fetch(copied) == BODY
    assert "If-None-Match" in site.asked[1][1]


def test_a_changed_file_takes_the_place_of_the_copy(site: Site, copied: Url, tmp_path: Path) -> None:
    site.answer = lambda handler: handler.reply(b"new")
    assert fetch(copied) == b"new"
    assert fetch(copied) == b"new"
    assert "If-None-Match" not in site.asked[2][1]
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["articles", "articles.json"]


def test_versions_are_told_to_the_address_that_gave_them_alone(site: Site, tmp_path: Path) -> None:
    def answer(handler: _Handler) -> None:
        _versioned(handler) if handler.path == "/b" else handler.reply(status=301, Location="/b")

    site.answer = answer
    place = Url(site.url("/a"), allowed_private=HERE, cache=tmp_path / "copy")
    assert fetch(place) == fetch(place) == BODY
    assert [(path, "If-None-Match" in headers) for path, headers in site.asked] == [
        ("/a", False), ("/b", False), ("/a", False), ("/b", True)
    ]  # fmt: skip


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"1", b"{}", b"[" * 99_999, b'{"sha256": 1}', b"\xff"])
def test_a_damaged_record_means_a_new_fetch(site: Site, copied: Url, damage: bytes) -> None:
    assert copied.cache is not None
    copied.cache.with_name("articles.json").write_bytes(damage)
    assert fetch(copied) == BODY
    assert "If-None-Match" not in site.asked[1][1]
    assert fetch(copied) == BODY
    assert "If-None-Match" in site.asked[2][1]


def test_a_damaged_or_missing_copy_means_a_new_fetch(site: Site, copied: Url) -> None:
    assert copied.cache is not None
    copied.cache.write_bytes(b"half")
    assert fetch(copied) == BODY
    copied.cache.unlink()
    assert fetch(copied) == BODY
    assert all("If-None-Match" not in headers for _, headers in site.asked)


def test_a_record_cannot_smuggle_a_header(site: Site, copied: Url) -> None:
    assert copied.cache is not None
    record = copied.cache.with_name("articles.json")
    told = json.loads(record.read_bytes())
    record.write_text(json.dumps(told | {"etag": '"v1"\r\nX-Evil: 1'}), encoding="utf-8")
    assert fetch(copied) == BODY
    assert {"If-None-Match", "X-Evil"}.isdisjoint(site.asked[1][1])


def test_a_copy_that_cannot_be_written_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "cannot be written" in refused(Url(site.url(), allowed_private=HERE, cache=tmp_path / "file" / "copy"))
    (tmp_path / "copy").mkdir()
    assert "cannot be written" in refused(Url(site.url(), allowed_private=HERE, cache=tmp_path / "copy"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "file"]
