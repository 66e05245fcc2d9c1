"""What needs no answer first goes out at once (RFC 2920), and whatever is answered, the dialogue stays in step."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from newsletter.errors import PermanentFailure, RelayFailure, TemporaryFailure, TransportError
from newsletter.model import Message
from newsletter.transports.smtp import Relay, Smtp


@dataclass
class Server:
    """Answers by `replies`, a command's first word to the answers that it gets in turn; what is not told goes well.

    `heard` is what came, as often as the server was about to wait: one string for all that came in one go.
    """

    replies: dict[str, list[str | None]] = field(default_factory=dict)
    pipelining: bool = True
    heard: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            with connection, connection.makefile("rb") as lines:
                connection.settimeout(5)
                connection.sendall(b"220 here\r\n")
                try:
                    while self._answer(connection, lines.readline()):
                        pass
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def _answer(self, connection: socket.socket, line: bytes) -> bool:
        verb = line[:4].decode().strip().upper()
        if not verb:
            return False
        self.heard.append(line.decode().strip())
        told = self.replies.get(verb, [])
        extension = "250-PIPELINING\r\n" if self.pipelining else ""
        usual = {"EHLO": f"250-here\r\n{extension}250 SIZE", "DATA": "354 go on"}.get(verb, "250 2.0.0 fine")
        reply = told.pop(0) if told else usual
        if reply is None:
            return False
        connection.sendall(f"{reply}\r\n".encode())
        if verb == "DATA" and reply.startswith("354"):
            self._read_message(connection)
        return verb != "QUIT"

    def _read_message(self, connection: socket.socket) -> None:
        data = b""
        while not (data == b".\r\n" or data.endswith(b"\r\n.\r\n")):
            data += connection.recv(1)
        self.taken.append(data)
        told = self.replies.get(".", [])
        connection.sendall(f"{told.pop(0) if told else '250 2.0.0 taken'}\r\n".encode())


@contextmanager
def _serving(server: Server) -> Iterator[Smtp]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.port = listening.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listening,), daemon=True)
        thread.start()
        smtp = Smtp(Relay(host="127.0.0.1", port=server.port, security="none", helo_name="test.example.org"))
        try:
            yield smtp
        finally:
            smtp.close()
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _message(name: str = "ann", text: str = "Hello.") -> Message:
    data = f"Message-ID: <{name}@example.org>\r\n\r\n{text}\r\n".encode()
    return Message(
        sender="news@example.org", recipient=f"{name}@example.org", message_id=f"<{name}@example.org>", data=data
    )


def test_the_envelope_goes_out_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    whole = socket.socket.sendall

    def watched(self: socket.socket, data: bytes, *more: int) -> None:
        if threading.current_thread() is threading.main_thread():
            sent.append(bytes(data))
        whole(self, data, *more)

    monkeypatch.setattr(socket.socket, "sendall", watched)
    server = Server()
    with _serving(server) as smtp:
        smtp.send(_message())
    envelope = [data for data in sent if data.startswith(b"MAIL")]
    assert envelope == [b"MAIL FROM:<news@example.org> SIZE=41\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"]


@pytest.mark.parametrize("pipelining", [True, False])
def test_messages_arrive_as_they_are_on_one_connection(*, pipelining: bool) -> None:
    server = Server(pipelining=pipelining)
    texts = ["Hello.", ".", "..two\r\n.one\r\n", ""]
    with _serving(server) as smtp:
        for text in texts:
            smtp.send(_message(text=text))
    assert [data[:-3].replace(b"\r\n..", b"\r\n.") for data in server.taken] == [_message(text=t).data for t in texts]
    assert server.connections == 1


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("replies", "failure", "code"),
    [
        ({"RCPT": ["550 5.1.1 nobody"], "DATA": ["503 no recipient"]}, PermanentFailure, 550),
        ({"RCPT": ["550 5.1.1 nobody"], "DATA": ["354 well then"], ".": ["554 no recipient"]}, PermanentFailure, 550),
        ({"RCPT": ["550 5.1.1 nobody"], "DATA": ["354 well then"], ".": ["250 taken"]}, PermanentFailure, 550),
        ({"RCPT": ["452 4.2.2 full"], "DATA": ["503 no recipient"]}, TemporaryFailure, 452),
        ({"DATA": ["451 4.3.0 later"]}, TemporaryFailure, 451),
        ({"DATA": ["554 5.7.1 no"]}, PermanentFailure, 554),
    ],
)
def test_a_refusal_is_the_recipients_and_the_next_message_goes_on(
    replies: dict[str, list[str | None]], failure: type[TransportError], code: int, *, pipelining: bool
) -> None:
    server = Server(replies={verb: list(told) for verb, told in replies.items()}, pipelining=pipelining)
    if not pipelining and replies.get("DATA", [""])[0] in {"354 well then", "503 no recipient"}:
        server.replies.pop("DATA")
        server.replies.pop(".", None)
    with _serving(server) as smtp:
        with pytest.raises(failure) as caught:
            smtp.send(_message("ann"))
        assert caught.value.code == code
        smtp.send(_message("bea"))
    assert [data for data in server.taken if b"ann" in data] == []
    assert server.taken[-1].startswith(_message("bea").data)
    assert server.connections == 1


def test_a_refused_sender_blames_nobody() -> None:
    server = Server(replies={"MAIL": ["550 5.7.1 not you"], "RCPT": ["503 no"], "DATA": ["503 no"]})
    with _serving(server) as smtp, pytest.raises(RelayFailure):
        smtp.send(_message())


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_relay_that_hangs_up_midway_has_taken_nothing(verb: str) -> None:
    server = Server(replies={verb: [None]})
    with _serving(server) as smtp:
        with pytest.raises(TemporaryFailure):
            smtp.send(_message())
        smtp.send(_message())
    assert len(server.taken) == 1


def test_a_connection_that_died_meanwhile_is_replaced_without_a_word() -> None:
    server = Server(replies={"MAIL": ["250 fine", "421 4.4.2 too long idle", "250 fine"]})
    server.replies["RCPT"] = ["250 fine", None]
    with _serving(server) as smtp:
        smtp.send(_message("ann"))
        smtp.send(_message("bea"))
    assert len(server.taken) == 2
    assert server.connections == 2
