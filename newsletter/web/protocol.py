"""HTTP/1.1 as uvicorn speaks it by httptools, with what it leaves open of RFC 9112 and of our memory."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LONGEST_HEAD = 64 * 1024  #: octets of an unfinished request line and header fields
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class Protocol(HttpToolsProtocol):
    """Refuses a head without end, and a request whose Host is missing or doubled (RFC 9112 3.2)."""

    _unfinished = 0
    _in_head = True
    _begun_now = False

    def data_received(self, data: bytes) -> None:
        self._begun_now = False
        super().data_received(data)
        if self._in_head and not self._begun_now:
            self._unfinished += len(data)
            if self._unfinished > _LONGEST_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn narrows what asyncio allows
        """A client that has said all still gets its answer, and then the end (uvicorn would drop it)."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._begun_now = True
        self._unfinished = 0

    def on_headers_complete(self) -> None:
        """Whatever is raised here becomes a 400."""
        self._in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError(hosts)
        super().on_headers_complete()
