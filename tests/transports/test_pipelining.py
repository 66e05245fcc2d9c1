"""What needs no answer first goes out at once (RFC 2920), and whatever is answered, the dialogue stays in step."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader

import pytest

from newsletter.errors import (
    AmbiguousFailure,
    Fault,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
    TransportError,
)
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.smtp import Relay, Smtp, Timeouts


@dataclass
class Server:
    """Answers by `replies`, a command's first word to the answers that it gets in turn; what is not told goes well.

    `heard` is what came, as often as the server was about to wait: one string for all that came in one go.
    """

    replies: dict[str, list[str | None]] = field(default_factory=dict)
    pipelining: bool = True
    chunking: bool = False
    deaf: bool = False  #: once it has heard MAIL
    heard: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    connections: int = 0
    busy: bool = False
    port: int = 0

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            self.busy = True
            with connection, connection.makefile("rb") as lines:
                connection.settimeout(5)
                connection.sendall(b"220 here\r\n")
                try:
                    while self._answer(connection, lines):
                        pass
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.busy = False

    def _answer(self, connection: socket.socket, lines: BufferedReader) -> bool:
        line = lines.readline()
        verb = line[:4].decode().strip().upper()
        if not line.endswith(b"\n"):
            return False
        self.heard.append(line.decode().strip())
        if self.deaf and verb == "MAIL":
            time.sleep(2)
            return False
        told = self.replies.get(verb, [])
        extensions = "250-PIPELINING\r\n" * self.pipelining + "250-CHUNKING\r\n" * self.chunking
        usual = {"EHLO": f"250-here\r\n{extensions}250 SIZE", "DATA": "354 go on"}.get(verb, "250 2.0.0 fine")
        size = int(line.split()[1]) if verb == "BDAT" else 0
        chunk = lines.read(size)
        if len(chunk) < size:
            return False
        reply = told.pop(0) if told else usual
        if chunk and (reply or "250").startswith("2"):
            self.taken.append(chunk)
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
        reply = told.pop(0) if told else "250 2.0.0 taken"
        if reply is None:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(f"{reply}\r\n".encode())


@contextmanager
def running(server: Server) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server.port = listening.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listening,), daemon=True)
        thread.start()
        yield server
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@contextmanager
def _serving(server: Server, times: Timeouts | None = None) -> Iterator[Smtp]:
    with running(server):
        relay = Relay(
            host="127.0.0.1",
            port=server.port,
            security="none",
            helo_name="test.example.org",
            chunking=True,
            timeouts=times or Timeouts(),
        )
        smtp = Smtp(relay)
        yield smtp
        smtp.close()


def _message(name: str = "ann", text: str = "Hello.") -> Message:
    data = f"Message-ID: <{name}@example.org>\r\n\r\n{text}\r\n".encode()
    return Message(
        sender="news@example.org",
        recipient=f"{name}@example.org",
        message_id=f"<{name}@example.org>",
        wire=Wire.of(data),
    )


def test_the_envelope_goes_out_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    whole = socket.socket.sendmsg

    def watched(self: socket.socket, pieces: Sequence[bytes]) -> int:
        sent.append(b"".join(pieces))
        return whole(self, pieces)

    monkeypatch.setattr(socket.socket, "sendmsg", watched)
    server = Server()
    with _serving(server) as smtp:
        smtp.send(_message())
    assert sent[1:-1] == [
        b"MAIL FROM:<news@example.org> SIZE=41\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n",
        _message().data + b".\r\n",
    ]


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


@pytest.mark.parametrize("then", [None, "354 well then"])
def test_a_refusal_counts_also_where_the_relay_hangs_up_after_it(then: str | None) -> None:
    server = Server(replies={"RCPT": ["550 5.1.1 nobody"], "DATA": [then], ".": [None] if then else []})
    with _serving(server) as smtp:
        with pytest.raises(PermanentFailure) as caught:
            smtp.send(_message("ann"))
        assert (caught.value.code, caught.value.fault) == (550, Fault.RECIPIENT)
        smtp.send(_message("bea"))
    assert server.taken[-1].startswith(_message("bea").data)
    assert server.connections == 2


def test_a_connection_that_died_meanwhile_is_replaced_without_a_word() -> None:
    server = Server(replies={"MAIL": ["250 fine", "421 4.4.2 too long idle", "250 fine"]})
    server.replies["RCPT"] = ["250 fine", None]
    with _serving(server) as smtp:
        smtp.send(_message("ann"))
        smtp.send(_message("bea"))
    assert len(server.taken) == 2
    assert server.connections == 2


# -- in one go (RFC 3030) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pipelining", "chunking"), [(True, True), (True, False), (False, True)])
def test_a_message_goes_with_its_envelope_where_both_extensions_are_there(*, pipelining: bool, chunking: bool) -> None:
    server = Server(pipelining=pipelining, chunking=chunking)
    texts = ["Hello.", ".", "..two\r\n.one\r\n", ""]
    with _serving(server) as smtp:
        for text in texts:
            smtp.send(_message(text=text))
    verbs = [line[:4] for line in server.heard]
    assert ("BDAT" in verbs, "DATA" in verbs) == ((True, False) if pipelining and chunking else (False, True))
    wanted = [_message(text=text).data for text in texts]
    assert [_read(data, chunked="BDAT" in verbs) for data in server.taken] == wanted
    assert server.connections == 1


def _read(data: bytes, *, chunked: bool) -> bytes:
    return data if chunked else data[:-3].replace(b"\r\n..", b"\r\n.")


def test_without_the_word_of_the_settings_nothing_goes_in_one_go() -> None:
    server = Server(chunking=True)
    with _serving(server) as smtp:
        smtp._relay = replace(smtp._relay, chunking=False)
        smtp.send(_message())
    assert "BDAT" not in [line[:4] for line in server.heard]


@pytest.mark.parametrize(
    ("replies", "failure", "code"),
    [
        ({"RCPT": ["550 5.1.1 nobody"], "BDAT": ["503 no recipient"]}, PermanentFailure, 550),
        ({"RCPT": ["550 5.1.1 nobody"], "BDAT": ["554 no recipient"]}, PermanentFailure, 550),
        ({"RCPT": ["452 4.2.2 full"], "BDAT": ["503 no recipient"]}, TemporaryFailure, 452),
        ({"BDAT": ["451 4.3.0 later"]}, TemporaryFailure, 451),
        ({"BDAT": ["554 5.7.1 no"]}, PermanentFailure, 554),
    ],
)
def test_in_one_go_a_refusal_leaves_the_dialogue_in_step(
    replies: dict[str, list[str | None]], failure: type[TransportError], code: int
) -> None:
    server = Server(replies={verb: list(told) for verb, told in replies.items()}, chunking=True)
    with _serving(server) as smtp:
        with pytest.raises(failure) as caught:
            smtp.send(_message("ann"))
        assert (type(caught.value), caught.value.code) == (failure, code)
        smtp.send(_message("bea"))
    assert server.taken == [_message("bea").data]
    assert server.connections == 1
    assert "RSET" in server.heard


@pytest.mark.parametrize("reply", [None, "nonsense", "250-there is no end to it"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "BDAT"])
def test_in_one_go_only_a_refusal_is_a_proof_that_it_was_not_taken(verb: str, reply: str | None) -> None:
    server = Server(replies={verb: [reply]}, chunking=True)
    with _serving(server, Timeouts(command=0.5, dot=0.5, quit=0.1)) as smtp:
        with pytest.raises(AmbiguousFailure):
            smtp.send(_message())
        smtp.send(_message())
    assert server.taken[-1] == _message().data


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "BDAT"])
def test_in_one_go_a_farewell_is_a_refusal(verb: str) -> None:
    server = Server(replies={verb: ["421 4.7.0 too many messages"], "BDAT": ["421 4.7.0 bye"]}, chunking=True)
    with _serving(server) as smtp:
        with pytest.raises(TemporaryFailure) as caught:
            smtp.send(_message())
        assert (type(caught.value), caught.value.fault) == (TemporaryFailure, Fault.RELAY)
    assert server.taken == []


def test_in_one_go_a_relay_that_had_enough_of_a_connection_is_asked_again_on_a_new_one() -> None:
    server = Server(replies={"MAIL": ["250 fine", "421 4.7.0 too many messages"]}, chunking=True)
    server.replies["BDAT"] = ["250 taken", "503 no"]
    with _serving(server) as smtp:
        smtp.send(_message("ann"))
        smtp.send(_message("bea"))
    assert [b"<bea@" in data for data in server.taken] == [False, True]
    assert server.connections == 2


def test_in_one_go_a_relay_that_reads_no_more_has_taken_nothing() -> None:
    large = replace(_message(), wire=Wire.of(_message().data + b"x" * 70 + b"\r\n" * 10_000_000))
    server = Server(chunking=True, deaf=True)
    with _serving(server, Timeouts(message=1.2, quit=0.1)) as smtp:
        with pytest.raises(TemporaryFailure) as caught:
            smtp.send(large)
        assert type(caught.value) is TemporaryFailure
