"""The connection is cut after every octet of a dialogue, in both directions: nobody is lost, and doubt is told.

Between transport and server stands a relay of octets that lets a given number through. The verdict is the server's.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from fault_server import FaultServer
from test_pipelining import Server, running

from newsletter.errors import AmbiguousFailure, TemporaryFailure
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.smtp import Relay, Smtp, Timeouts

_ANNA = Message(
    sender="news@example.org", recipient="anna@example.com", message_id="<1@example.org>",
    wire=Wire.of(b"Message-ID: <1@example.org>\r\n\r\nOne\r\n..\r\n"),
)  # fmt: skip


@dataclass
class _Wire:
    """Passes octets on, in the next connection only so many from the client or from the server (None: all)."""

    target: int
    from_client: int | None = None
    from_server: int | None = None
    passed: dict[str, int] = field(default_factory=lambda: {"client": 0, "server": 0})  #: in the last connection

    def serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                with client, socket.create_connection(("127.0.0.1", self.target)) as server:
                    for end in (client, server):
                        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.passed = {"client": 0, "server": 0}
                    self._pass(client, server)

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        """Until either side ends. A cut from the client still lets the server's answers through, as a real one may."""
        left = {client: self.from_client, server: self.from_server}
        self.from_client = self.from_server = None
        open_ones = [client, server]
        while open_ones:
            for sock in select.select(open_ones, [], [], 10)[0]:
                other, name = (server, "client") if sock is client else (client, "server")
                received = sock.recv(1 if left[sock] is not None else 65536) if left[sock] != 0 else b""
                if not received:
                    with suppress(OSError):
                        other.shutdown(socket.SHUT_WR)
                    if sock is server:
                        return
                    open_ones.remove(sock)
                    continue
                self.passed[name] += len(received)
                left[sock] = None if left[sock] is None else left[sock] - len(received)
                with suppress(OSError):
                    other.sendall(received)
                if left[sock] == 0:
                    with suppress(OSError):
                        other.shutdown(socket.SHUT_WR)
                    if sock is server:
                        return
                    open_ones.remove(sock)


@contextmanager
def _wired(server: FaultServer | Server) -> Iterator[tuple[_Wire, Smtp]]:
    with running(server) if isinstance(server, Server) else server, socket.create_server(("127.0.0.1", 0)) as listening:
        wire = _Wire(target=server.port)
        thread = threading.Thread(target=wire.serve, args=(listening,), daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        times = Timeouts(message=10, quit=0.5)
        smtp = Smtp(
            Relay(
                host="127.0.0.1",
                port=port,
                security="none",
                helo_name="c.example.org",
                chunking=True,
                timeouts=times,
            )
        )
        try:
            yield wire, smtp
        finally:
            smtp.close()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _outcome(smtp: Smtp) -> str:
    try:
        smtp.send(_ANNA)
    except AmbiguousFailure:
        return "ambiguous"
    except TemporaryFailure:
        return "temporary"
    return "sent"


@pytest.mark.parametrize("way", ["step by step", "pipelined", "in one go"])
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_cut_after_any_octet_loses_nobody_and_doubles_only_what_was_in_doubt(way: str, side: str) -> None:
    outcomes: list[str] = []
    server = Server(chunking=True) if way == "in one go" else FaultServer(pipelining=way == "pipelined")
    with _wired(server) as (wire, smtp):
        smtp.send(_ANNA)
        whole = wire.passed[side]
        smtp.close()
        for count in range(whole + 1):
            before = _accepted(server)
            setattr(wire, f"from_{side}", count)
            outcomes.append(_outcome(smtp))
            smtp.close()
            taken = _accepted(server) - before
            if outcomes[-1] == "sent":
                assert taken == 1, f"lost after octet {count}"
                continue
            assert taken <= (outcomes[-1] == "ambiguous"), f"taken without a word after octet {count}"
            assert _outcome(smtp) == "sent"
            smtp.close()
    assert (outcomes[0], outcomes[-1]) == ("temporary", "sent")
    assert outcomes == sorted(outcomes, key=["temporary", "ambiguous", "sent"].index)
    in_doubt = outcomes.count("ambiguous")
    if way == "in one go":  # all that was said after EHLO, or all answers to that
        assert in_doubt > len(_ANNA.data) + 40 if side == "client" else in_doubt > len("250 2.0.0 fine\r\n" * 2)
    else:
        assert in_doubt == 3 if side == "server" else in_doubt == len(_ANNA.data) + len(b"..\r\n")


def _accepted(server: FaultServer | Server) -> int:
    """How many messages it has taken, when it is through with everything that it heard."""
    while server.busy if isinstance(server, Server) else server._sessions:
        time.sleep(0.001)
    return len(server.taken if isinstance(server, Server) else server.accepted)
