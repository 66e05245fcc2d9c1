"""A real DNS server on 127.0.0.1, over UDP and TCP, that answers from a table."""

from __future__ import annotations

import socketserver
import struct
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

_UDP_LIMIT = 512  # RFC 1035 4.2.1; longer answers are asked for again over TCP


@dataclass
class DnsServer:
    """A context manager. `records`: name -> the TXT records there; each is cut into strings of 255 octets.

    Names in `broken` get SERVFAIL, those in `silent` no answer at all.
    """

    records: dict[str, list[str]]
    broken: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    over_tcp: int = 0
    port: int = field(default=0, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        for attempt in range(20):
            udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), self._handler(_Datagram))
            self.port = udp.server_address[1]
            try:
                tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), self._handler(_Stream))
            except OSError:
                udp.server_close()
                if attempt == 19:
                    raise
                continue
            break
        for server in (udp, tcp):
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            self._stack.callback(server.server_close)
            self._stack.callback(thread.join)
            self._stack.callback(server.shutdown)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _handler(self, kind: type[Any]) -> type[Any]:
        return type(kind.__name__, (kind,), {"zone": self})

    def answer(self, wire: bytes, limit: int) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.TXT and self.records[name]:
            texts = [quoted(text) for text in self.records[name]]
            response.answer.append(dns.rrset.from_text(question.name, 60, dns.rdataclass.IN, question.rdtype, *texts))
        whole = response.to_wire(max_size=65535)
        if len(whole) <= limit:
            return whole
        cut = dns.message.make_response(query)
        cut.flags |= dns.flags.TC
        return cut.to_wire()


def quoted(text: str) -> str:
    """A TXT record in the form of zone files."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255)) or '""'


class _Datagram(socketserver.BaseRequestHandler):
    zone: DnsServer

    def handle(self) -> None:
        data, sock = self.request
        answer = self.zone.answer(data, _UDP_LIMIT)
        if answer is not None:
            sock.sendto(answer, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    zone: DnsServer

    def handle(self) -> None:
        head = self.rfile.read(2)
        if len(head) == 2:
            self.zone.over_tcp += 1
            answer = self.zone.answer(self.rfile.read(struct.unpack("!H", head)[0]), 65535)
            if answer is not None:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)
