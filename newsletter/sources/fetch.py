"""A place on the web: one address, fetched so that neither its owner nor a redirect can lead us anywhere else.

Every hop of a fetch goes the same way: the address is checked, its name is looked up once, every answer is vetted, and
the connection is made to a vetted answer itself and not to the name, so that a name that changes its mind between the
look-up and the connection (DNS rebinding) gains nothing. Bytes, time and redirects are bounded; no proxy is used.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import ipaddress
import json
import queue
import re
import socket
import ssl
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, NoReturn, cast
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from newsletter.errors import SourceError
from newsletter.sources.base import Raw, shorten

BYTES = 10_000_000
SECONDS = 30.0
REDIRECTS = 5

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset((301, 302, 303, 307, 308))  # RFC 9110 15.4
_GZIP_OR_ZLIB, _BARE_DEFLATE = 47, -15  # zlib's window bits: a header is looked for, or there is none
_ENCODINGS = {"": 0, "identity": 0, "gzip": _GZIP_OR_ZLIB, "x-gzip": _GZIP_OR_ZLIB, "deflate": _GZIP_OR_ZLIB}
_CHUNK = 65_536
_KEPT_IN_PATH = "%/:=&?~+!$,;'@()*[]"

# RFC 6890 and IANA's special-purpose registries. Python's `is_global` says yes to several of these.
_PRIVATE = {
    "10.0.0.0/8": "a private network",
    "100.64.0.0/10": "a provider's private network",
    "127.0.0.0/8": "this machine",
    "172.16.0.0/12": "a private network",
    "192.168.0.0/16": "a private network",
    "::1/128": "this machine",
    "fc00::/7": "a private network",
}
_NEVER = {
    "0.0.0.0/8": "no host",
    "168.63.129.16/32": "a cloud's own service",
    "169.254.0.0/16": "a link-local address",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "for documentation only",
    "192.88.99.0/24": "an address of 6to4",
    "198.18.0.0/15": "for benchmarks only",
    "198.51.100.0/24": "for documentation only",
    "203.0.113.0/24": "for documentation only",
    "224.0.0.0/4": "a multicast address",
    "240.0.0.0/4": "reserved",
    "::/96": "an IPv4 address in disguise",
    "::ffff:0:0/96": "an IPv4 address in disguise",
    "64:ff9b:1::/48": "a network's own translation (NAT64)",
    "2001::/23": "reserved for protocols",
    "2001:db8::/32": "for documentation only",
    "2002::/16": "an address of 6to4",
    "3fff::/20": "for documentation only",
    "fe80::/10": "a link-local address",
    "ff00::/8": "a multicast address",
}
_PRIVATE_NETWORKS = {ipaddress.ip_network(network): why for network, why in _PRIVATE.items()}
_NEVER_NETWORKS = {ipaddress.ip_network(network): why for network, why in _NEVER.items()}
_TRANSLATED = ipaddress.IPv6Network(
    "64:ff9b::/96"
)  # RFC 6052: the last four bytes are the IPv4 address that is reached
_UNICAST = ipaddress.IPv6Network("2000::/3")


def refusal(address: IpAddress, *, private: bool = False) -> str | None:
    """Why nothing may be fetched from `address`; None where it may. `private` allows private networks and this machine."""
    if address.version == 6 and address in _TRANSLATED:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        why = refusal(inner)  # a private network is never reached by translation, whatever was allowed
        return why and f"it leads to {inner}, {why}"
    for network, why in _PRIVATE_NETWORKS.items():
        if address in network:
            return None if private else why
    for network, why in _NEVER_NETWORKS.items():
        if address in network:
            return why
    if address.version == 6 and address not in _UNICAST:
        return "no address of a public host"
    return None


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system finds them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True, slots=True)
class Url:
    """One file at a URL; its key is the name at the end of the path.

    `allowed_private` names the hosts that may lie in a private network or on a port other than 80 and 443. `cache` is a
    file that keeps the last answer, so that an unchanged file is not sent again (RFC 9110 13.1); what the server said
    of its version lies beside it in `<cache>.json`. `tls` is the set-up of https, the system's by default.
    """

    url: str
    _: KW_ONLY
    allowed_private: tuple[str, ...] = ()
    cache: Path | None = None
    seconds: float = SECONDS
    limit: int = BYTES
    tls: ssl.SSLContext | None = None
    resolve: Resolve = system_resolve

    def files(self) -> Iterator[Raw]:
        """The file. Raises SourceError, saying why, for everything that is not that file, whole."""
        parts = _split(self.url)
        key = PurePosixPath(parts.path).stem or parts.hostname or ""
        yield Raw(key=key, name=_shown(self.url), data=_Fetch(self).run())


def _split(url: str) -> SplitResult:
    """The parts of an http or https URL with a host and no user name. Raises SourceError for any other."""
    shown = _shown(url)
    if not url.isprintable() or " " in url or "\\" in url:
        raise SourceError(f"{shown}: an address has no spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        known = (parts.hostname or "").encode("idna") and parts.port != 0
    except ValueError as error:  # UnicodeError is one
        raise SourceError(f"{shown}: no valid address ({error})") from None
    if parts.scheme not in _PORTS:
        raise SourceError(f"{shown}: an address must start with https:// or http://")
    if not known:
        raise SourceError(f"{shown}: the address names no host")
    if parts.username is not None or parts.password is not None:
        raise SourceError(f"{shown}: an address must hold no user name or password")
    return parts


def _shown(url: str) -> str:
    """A URL for a message or a name: without user, query and fragment, where secrets may stand."""
    bare = url.partition("#")[0].partition("?")[0]
    return shorten(re.sub(r"//[^/]*@", "//", bare), 300).strip("'")


# -- one fetch --------------------------------------------------------------------------------------------------------


class _Deadline:
    """The moment when a fetch must be over, however slowly the other side sends."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0. Raises TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Answer(NamedTuple):
    """What a server said: a body (None for 304), or where to go on."""

    headers: http.client.HTTPMessage
    body: bytes | None
    location: str | None = None


class _Fetch:
    """One run over all hops."""

    def __init__(self, place: Url) -> None:
        self._place = place
        self._allowed = {host.casefold().strip("[]") for host in place.allowed_private}
        self._deadline = _Deadline(place.seconds)
        self._tls = place.tls
        self._shown = _shown(place.url)

    def run(self) -> bytes:
        cached = _Cached.read(self._place.cache)
        url = self._place.url
        for _ in range(REDIRECTS + 1):
            answer = self._hop(url, cached.validators(url))
            if answer.location is not None:
                url = self._next(url, answer.location)
            elif answer.body is None:
                return cached.body
            else:
                self._keep(_Cached.of(url, answer.headers, answer.body))
                return answer.body
        raise self._error(f"more than {REDIRECTS} redirects")

    def _refuse(self, why: str) -> NoReturn:
        raise self._error(why) from None

    def _error(self, why: str) -> SourceError:
        return SourceError(f"{self._shown}: {why}")

    def _next(self, url: str, location: str) -> str:
        following = urljoin(url, location)
        if url.startswith("https:") and not following.startswith("https:"):
            self._refuse(f"a redirect from https to {shorten(following)}; it must stay on https")
        return following

    def _keep(self, cached: _Cached) -> None:
        if self._place.cache is None:
            return
        try:
            cached.write(self._place.cache)
        except OSError as error:
            self._refuse(f"the copy {self._place.cache} cannot be written ({error.strerror})")

    def _hop(self, url: str, validators: Mapping[str, str]) -> _Answer:
        parts = _split(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port or _PORTS[parts.scheme]
        self._shown = _shown(url)
        try:
            wire = self._connect(parts.scheme, host, port)
            try:
                return self._ask(wire, parts, host, port, validators)
            finally:
                wire.hang_up()
        except TimeoutError:
            self._refuse(f"no whole answer within {self._place.seconds:g} seconds")
        except ssl.SSLCertVerificationError as error:
            self._refuse(f"the certificate of {host} is not valid: {error.verify_message}")
        except http.client.HTTPException as error:
            self._refuse(f"no proper HTTP answer ({type(error).__name__}: {shorten(str(error))})")
        except zlib.error as error:
            self._refuse(f"the compressed answer is damaged ({error})")
        except OSError as error:
            self._refuse(f"{host} cannot be reached ({error.strerror or type(error).__name__})")

    # -- connecting

    def _connect(self, scheme: str, host: str, port: int) -> _Wire:
        private = host.casefold() in self._allowed
        if port != _PORTS[scheme] and not private:
            self._refuse(f"port {port} is not {_PORTS[scheme]}; an operator may allow the host {host}")
        addresses = self._look_up(host, port)
        for address in addresses:
            why = refusal(ipaddress.ip_address(address), private=private)
            if why is not None:
                self._refuse(f"{host} leads to {address}, {why}")
        plain = self._first_open(addresses, port)
        if scheme == "http":
            return _Wire(plain, self._deadline)
        self._tls = self._tls or ssl.create_default_context()
        try:
            plain.settimeout(self._deadline.left())
            return _Wire(self._tls.wrap_socket(plain, server_hostname=host), self._deadline)
        except BaseException:
            plain.close()
            raise

    def _look_up(self, host: str, port: int) -> Sequence[str]:
        """The system's look-up knows no time limit, so it is waited for only as long as there is time."""
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._place.resolve(host, port))
            except OSError as error:
                answers.put(error)

        threading.Thread(target=look_up, daemon=True, name="look-up").start()
        try:
            answer = answers.get(timeout=self._deadline.left())
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(answer, OSError) or not answer:
            self._refuse(f"the name {host} is not known")
        return answer

    def _first_open(self, addresses: Sequence[str], port: int) -> socket.socket:
        """A connection to a vetted address itself: the name is not looked up again."""
        for address in addresses[:-1]:
            try:
                return socket.create_connection((address, port), timeout=self._deadline.left() / 2)
            except OSError:
                self._deadline.left()
        return socket.create_connection((addresses[-1], port), timeout=self._deadline.left())

    # -- asking

    def _ask(self, wire: _Wire, parts: SplitResult, host: str, port: int, validators: Mapping[str, str]) -> _Answer:
        connection = http.client.HTTPConnection(host, port)
        connection.default_port = _PORTS[parts.scheme]
        connection.sock = cast("socket.socket", wire)
        connection.auto_open = 0  # it would look the name up by itself
        path = quote(parts.path or "/", safe=_KEPT_IN_PATH)
        query = quote(parts.query, safe=_KEPT_IN_PATH)
        headers = {"User-Agent": "newsletter", "Accept": "*/*", "Accept-Encoding": "gzip, deflate", **validators}
        connection.request("GET", f"{path}?{query}" if query else path, headers=headers)
        response = connection.getresponse()
        try:
            return self._answer(response, conditional=bool(validators))
        finally:
            response.close()

    def _answer(self, response: http.client.HTTPResponse, *, conditional: bool) -> _Answer:
        headers = response.headers
        location = headers.get("Location")
        if response.status in _REDIRECTS and location:
            return _Answer(headers, None, location)
        if response.status == 304 and conditional:
            return _Answer(headers, None)
        if response.status != 200:
            self._refuse(f"the server answers {response.status} {shorten(response.reason)}")
        encoding = headers.get("Content-Encoding", "").strip().lower()
        if encoding not in _ENCODINGS:
            self._refuse(f"the answer is encoded as {shorten(encoding)}; right would be gzip, deflate or nothing")
        return _Answer(headers, self._body(response, _ENCODINGS[encoding]))

    def _body(self, response: http.client.HTTPResponse, bits: int) -> bytes:
        body = bytearray()
        inflate = _Inflate(bits)
        received = 0
        while chunk := response.read(_CHUNK):
            received += len(chunk)
            for part in inflate(chunk, _CHUNK) if bits else (chunk,):
                self._deadline.left()
                body += part
                if max(len(body), received) > self._place.limit:
                    self._refuse(f"the file is larger than {self._place.limit:,} bytes")
        if response.length or (bits and not inflate.whole):
            self._refuse(f"the answer ends in the middle, after {received:,} bytes")
        return bytes(body)


class _Inflate:
    """Decompresses in pieces of bounded size, so that a small answer cannot become a huge one unseen."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._stream = zlib.decompressobj(bits or _GZIP_OR_ZLIB)
        self._begun = False

    @property
    def whole(self) -> bool:
        """The last stream has come to its end."""
        return self._stream.eof

    def __call__(self, data: bytes, size: int) -> Iterator[bytes]:
        """Pieces of at most `size` bytes. Raises zlib.error for what is damaged."""
        full = False
        while data or full:
            if self._stream.eof:  # RFC 1952 2.2: a gzip file is one or more members
                self._stream = zlib.decompressobj(self._bits)
            piece = self._piece(data, size)
            yield piece
            full = len(piece) == size and not self._stream.eof  # then there may be more, even without new data
            data = self._stream.unconsumed_tail or self._stream.unused_data

    def _piece(self, data: bytes, size: int) -> bytes:
        first, self._begun = not self._begun, True
        try:
            return self._stream.decompress(data, size)
        except zlib.error:
            if not first:
                raise
        # Some servers send "deflate" without the header that RFC 9110 8.4.1.2 asks for.
        self._bits = _BARE_DEFLATE
        self._stream = zlib.decompressobj(_BARE_DEFLATE)
        return self._stream.decompress(data, size)


class _Wire:
    """A connection that keeps the deadline with every single read and write; what http.client needs of a socket."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._socket = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._socket, self._deadline))

    def close(self) -> None:
        """Called by http.client once it has seen the headers, when the answer is still to be read."""

    def hang_up(self) -> None:
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)


# -- the copy that is kept --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cached:
    """The last answer, the URL that gave it, and what its server called its version."""

    url: str = ""
    etag: str = ""
    last_modified: str = ""
    body: bytes = b""

    @classmethod
    def of(cls, url: str, headers: http.client.HTTPMessage, body: bytes) -> _Cached:
        return cls(url=url, etag=headers.get("ETag", ""), last_modified=headers.get("Last-Modified", ""), body=body)

    @classmethod
    def read(cls, path: Path | None) -> _Cached:
        """Nothing where there is no copy, or not the one that was written: then the file is fetched anew."""
        if path is None:
            return cls()
        try:
            body = path.read_bytes()
            told = json.loads(_beside(path).read_bytes())
            if told.pop("sha256") != hashlib.sha256(body).hexdigest():
                return cls()
            return cls(body=body, **{name: str(told[name]) for name in ("url", "etag", "last_modified")})
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
            return cls()

    def validators(self, url: str) -> Mapping[str, str]:
        """The headers of a conditional request, for the URL that gave them and no other."""
        if url != self.url:
            return {}
        told = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in told.items() if value and value.isascii() and value.isprintable()}

    def write(self, path: Path) -> None:
        """The body first: whatever is cut off in between is found out by the hash. Raises OSError."""
        told = {"url": self.url, "etag": self.etag, "last_modified": self.last_modified}
        told["sha256"] = hashlib.sha256(self.body).hexdigest()
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, self.body)
        _replace(_beside(path), json.dumps(told, indent=1).encode())


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _replace(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
