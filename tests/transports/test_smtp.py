"""Delivery to a real server that keeps to the rules, or does not."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from fault_server import Fault, FaultServer

from newsletter.errors import (
    AmbiguousFailure,
    ConfigError,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
    TransportError,
)
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.smtp import Relay, Smtp, Timeouts, _Session
from newsletter.waits import run

_DATA = (
    b"From: digest@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: Hello\r\n\r\n"
    b".\r\n..two\r\n a trailing blank \r\n=C3=A4=\r\n\r\n.last\r\n"
)
_ANNA = Message(
    sender="digest@example.org", recipient="anna@example.com", message_id="<1@example.org>", wire=Wire.of(_DATA)
)
_BERT = replace(_ANNA, recipient="bert@example.com", message_id="<2@example.org>")
_PASSWORD = "a secret of some length, ä"
_QUICK = Timeouts(message=2, quit=0.3)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    return _server_context(authority, "127.0.0.1")


def _server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture(params=[False, True], ids=["step-by-step", "pipelined"])
def pipelining(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@contextmanager
def _client(server: FaultServer, **settings: Any) -> Iterator[Smtp]:
    settings = {
        "security": "none",
        "timeouts": Timeouts(message=20, quit=0.3),
        "helo_name": "client.example.org",
    } | settings
    smtp = Smtp(Relay(host="127.0.0.1", port=server.port, **settings))
    try:
        yield smtp
    finally:
        smtp.close()


def _failure(smtp: Smtp, message: Message = _ANNA) -> TransportError:
    with pytest.raises(TransportError) as caught:
        smtp.send(message)
    assert message.recipient.partition("@")[0] not in caught.value.message
    return caught.value


@contextmanager
def _bare_server(*replies: bytes, then: bytes = b"") -> Iterator[int]:
    """Answers each line with the next of `replies`, and hangs up after the last. Gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for reply in replies:
                connection.sendall(reply)
                if not lines.readline():
                    return
            connection.sendall(then)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(10)
        assert not thread.is_alive()


# -- what arrives ------------------------------------------------------------------------------------------------------


def test_every_octet_arrives_as_it_was_given() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(_ANNA)
    (accepted,) = server.accepted
    assert accepted.data == _DATA
    assert (accepted.sender, accepted.recipient) == ("digest@example.org", "anna@example.com")


def test_the_dots_are_made_transparent_on_the_wire() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(replace(_ANNA, wire=Wire.of(b".first: a header of our own\r\n\r\n.\r\n..two\r\nx.\r\n")))
    text = b"..first: a header of our own\r\n\r\n..\r\n...two\r\nx.\r\n.\r\n"
    assert b"DATA\r\n" + text in bytes(server.wire)
    assert server.accepted[0].data == b".first: a header of our own\r\n\r\n.\r\n..two\r\nx.\r\n"


def test_ten_messages_take_one_connection() -> None:
    with FaultServer() as server, _client(server) as smtp:
        for number in range(10):
            smtp.send(replace(_ANNA, recipient=f"reader{number}@example.com"))
    assert server.connections == 1
    assert [accepted.recipient for accepted in server.accepted] == [f"reader{n}@example.com" for n in range(10)]
    assert "rset" not in server.commands
    assert server.commands[-1] == "quit"


def test_the_log_of_the_witness_has_every_message_that_was_accepted(tmp_path: Path) -> None:
    with FaultServer(log=tmp_path / "log") as server, _client(server) as smtp:
        smtp.send(_ANNA)
        smtp.send(_BERT)
    assert (tmp_path / "log").read_text() == "<1@example.org> anna@example.com\n<1@example.org> bert@example.com\n"


def test_the_size_and_nothing_else_is_told_beforehand() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(_ANNA)
    assert server.accepted[0].options == (f"SIZE={len(_DATA)}",)


def test_a_relay_without_extensions_will_do() -> None:
    with (
        FaultServer(extensions_off=("SIZE", "8BITMIME", "SMTPUTF8"), smtputf8=False) as server,
        _client(server) as smtp,
    ):
        smtp.send(_ANNA)
    assert server.accepted[0].options == ()


def test_the_null_sender_may_be_used() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(replace(_ANNA, sender=""))
    assert b"MAIL FROM:<> " in bytes(server.wire)


def test_without_a_name_this_machine_greets_with_its_own() -> None:
    with FaultServer() as server, _client(server, helo_name=None) as smtp:
        smtp.send(_ANNA)
    assert bytes(server.wire).startswith(b"ehlo ")
    assert len(server.accepted) == 1


# -- addresses beyond ASCII --------------------------------------------------------------------------------------------


def test_a_local_part_beyond_ascii_asks_for_smtputf8() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(replace(_ANNA, recipient="änne@exämple.com"))
        smtp.send(_BERT)
    first, second = server.accepted
    assert first.recipient == "änne@xn--exmple-cua.com"
    assert "SMTPUTF8" in first.options
    assert "SMTPUTF8" not in second.options


def test_a_domain_beyond_ascii_alone_does_not() -> None:
    with FaultServer(smtputf8=False) as server, _client(server) as smtp:
        smtp.send(replace(_ANNA, recipient="anne@EXÄMPLE.com"))
    assert server.accepted[0].recipient == "anne@xn--exmple-cua.com"


@pytest.mark.parametrize("domain", ["exämßle.com", "ä..example.com"])
def test_a_domain_that_would_become_another_one_is_left_as_it_is(domain: str) -> None:
    with FaultServer(smtputf8=False) as server, _client(server) as smtp:
        failure = _failure(smtp, replace(_ANNA, recipient=f"anne@{domain}"))
    assert isinstance(failure, PermanentFailure)
    assert b"RCPT" not in bytes(server.wire).upper()


def test_a_relay_that_takes_ascii_alone_refuses_the_recipient_and_no_other() -> None:
    with FaultServer(smtputf8=False) as server, _client(server) as smtp:
        failure = _failure(smtp, replace(_ANNA, recipient="änne@example.com"))
        smtp.send(_BERT)
    assert isinstance(failure, PermanentFailure)
    assert failure.enhanced == "5.6.7"
    assert [accepted.recipient for accepted in server.accepted] == ["bert@example.com"]


def test_octets_beyond_ascii_are_announced_or_not_sent() -> None:
    body = replace(_ANNA, wire=Wire.of(_DATA + "ä\r\n".encode()))
    head = replace(_ANNA, wire=Wire.of("Subject: ä\r\n\r\n".encode()))
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(body)
        smtp.send(head)
    assert [sorted(accepted.options)[:1] for accepted in server.accepted] == [["BODY=8BITMIME"], ["BODY=8BITMIME"]]
    assert ["SMTPUTF8" in accepted.options for accepted in server.accepted] == [False, True]
    with FaultServer(extensions_off=("8BITMIME",)) as server, _client(server) as smtp:
        assert isinstance(_failure(smtp, body), RelayFailure)
    assert server.accepted == []


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(at="greeting", reply="421 busy"), TemporaryFailure),
        (Fault(at="greeting", reply="554 no service"), TemporaryFailure),
        (Fault(at="greeting", deed="cut"), TemporaryFailure),
        (Fault(at="ehlo", reply="502 what?"), TemporaryFailure),
        (Fault(at="ehlo", deed="cut"), TemporaryFailure),
        (Fault(at="mail", reply="421 4.7.0 slow down"), TemporaryFailure),
        (Fault(at="mail", reply="451 4.3.0 later"), TemporaryFailure),
        (Fault(at="mail", reply="530 5.7.0 log in"), RelayFailure),
        (Fault(at="mail", reply="550 5.1.8 bad sender"), RelayFailure),
        (Fault(at="mail", deed="cut"), TemporaryFailure),
        (Fault(at="rcpt", reply="421 4.7.0 slow down"), TemporaryFailure),
        (Fault(at="rcpt", reply="452 4.2.2 full"), TemporaryFailure),
        (Fault(at="rcpt", reply="550 5.1.1 anna@example.com unknown"), PermanentFailure),
        (Fault(at="rcpt", reply="550 5.7.1 policy"), PermanentFailure),
        (Fault(at="rcpt", reply="554 5.7.1 Relay access denied"), RelayFailure),
        (Fault(at="rcpt", reply="nonsense"), TemporaryFailure),
        (Fault(at="rcpt", deed="cut"), TemporaryFailure),
        (Fault(at="data", reply="451 4.3.0 later"), TemporaryFailure),
        (Fault(at="data", reply="550 5.1.1 no"), PermanentFailure),
        (Fault(at="data", reply="250 what for?"), TemporaryFailure),
        (Fault(at="data", deed="cut"), TemporaryFailure),
        (Fault(at="dot", reply="421 4.7.0 slow down"), TemporaryFailure),
        (Fault(at="dot", reply="451 4.3.0 later"), TemporaryFailure),
        (Fault(at="dot", reply="554 transaction failed"), PermanentFailure),
        (Fault(at="dot", reply="554 5.6.0 not a message"), RelayFailure),
        (Fault(at="dot", reply="552 message size"), RelayFailure),
        (Fault(at="dot", reply="354 go on"), AmbiguousFailure),
        (Fault(at="dot", reply="25"), AmbiguousFailure),
        (Fault(at="dot", deed="cut"), AmbiguousFailure),
    ],
    ids=lambda value: f"{value.at}-{value.deed}-{value.reply}" if isinstance(value, Fault) else value.__name__,
)
def test_every_refusal_has_its_class_and_the_next_message_is_none_the_worse(
    fault: Fault, kind: type[TransportError], *, pipelining: bool
) -> None:
    """In both orders: on a fresh connection, then on one that has served already."""
    once = fault.at in {"rcpt", "data", "dot"}
    always, scripts = ((), {_ANNA.recipient: [fault, fault]}) if once else ((fault,), {})
    server = FaultServer(always=always, scripts=scripts, pipelining=pipelining)
    with server, _client(server) as smtp:
        failure = _failure(smtp)
        assert type(failure) is kind
        if once:
            smtp.send(_BERT)
            assert type(_failure(smtp)) is kind
            smtp.send(_ANNA)
            assert server.accepted[-1].recipient == _ANNA.recipient
            assert server.accepted[-1].data == _DATA
        else:
            server.always = ()
            smtp.send(_ANNA)
            assert len(server.accepted) == 1


def test_code_and_enhanced_code_are_handed_on() -> None:
    scripts = {_ANNA.recipient: [Fault(at="rcpt", reply="550 5.1.1 unknown")]}
    with FaultServer(scripts=scripts) as server, _client(server) as smtp:
        failure = _failure(smtp)
    assert (failure.code, failure.enhanced) == (550, "5.1.1")
    assert failure.message == "RCPT TO: the answer was 550 5.1.1 unknown"


def test_refused_recipients_cost_no_new_connection() -> None:
    steps = [
        Fault(at="rcpt", reply="550 5.1.1 no"),
        Fault(at="data", reply="451 later"),
        Fault(at="dot", reply="451 no"),
    ]
    with FaultServer(scripts={_ANNA.recipient: list(steps)}) as server, _client(server) as smtp:
        for _ in steps:
            _failure(smtp)
        smtp.send(_ANNA)
    assert server.connections == 1
    assert server.commands.count("rset") == 2


def test_a_relay_that_says_goodbye_is_not_spoken_to_any_more() -> None:
    scripts = {_ANNA.recipient: [Fault(at="rcpt", reply="421 4.7.0 goodbye")]}
    with FaultServer(scripts=scripts) as server, _client(server) as smtp:
        _failure(smtp)
        smtp.send(_BERT)
    assert server.connections == 2
    assert "rset" not in server.commands


def test_a_message_cut_off_before_its_end_is_a_temporary_failure() -> None:
    """It must be larger than what the system takes in on our behalf; else nobody knows how far it came."""
    data = b"A: b\r\n\r\n" + (b"x" * 998 + b"\r\n") * 30_000
    with FaultServer(always=(Fault(at="text", deed="cut"),)) as server, _client(server) as smtp:
        failure = _failure(smtp, replace(_ANNA, wire=Wire.of(data)))
    assert type(failure) is TemporaryFailure
    assert server.accepted == []


def test_a_reply_that_is_lost_after_the_message_was_accepted_is_ambiguous(tmp_path: Path) -> None:
    scripts = {_ANNA.recipient: [Fault(at="dot", deed="cut")]}
    with FaultServer(scripts=scripts, log=tmp_path / "log") as server, _client(server) as smtp:
        failure = _failure(smtp)
    assert type(failure) is AmbiguousFailure
    assert (failure.code, failure.enhanced) == (None, None)
    assert (tmp_path / "log").read_text() == "<1@example.org> anna@example.com\n"


_TALK = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n")


@pytest.mark.parametrize("length", range(8))
def test_the_last_reply_cut_after_any_octet_is_accepted_or_ambiguous_but_never_temporary(length: int) -> None:
    """A server that has sent the digits has taken the message."""
    lines = _DATA.count(b"\r\n")
    with _bare_server(*_TALK, b"354 go\r\n", *[b""] * lines, then=b"250 ok\r\n"[:length]) as port:
        smtp = Smtp(Relay(host="127.0.0.1", port=port, security="none", timeouts=_QUICK))
        if length >= 3:
            smtp.send(_ANNA)
        else:
            assert type(_failure(smtp)) is AmbiguousFailure
        smtp.close()


@pytest.mark.parametrize("replies", range(1, 6))
def test_a_talk_cut_before_the_message_is_temporary(replies: int) -> None:
    with _bare_server(*(*_TALK, b"354 go\r\n")[:replies]) as port:
        smtp = Smtp(Relay(host="127.0.0.1", port=port, security="none", timeouts=_QUICK))
        kind = type(_failure(smtp))
        assert kind is TemporaryFailure if replies < 5 else kind is AmbiguousFailure


# -- connections that go away ------------------------------------------------------------------------------------------


def test_a_connection_closed_while_idle_is_made_anew() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(_ANNA)
        server.hang_up()
        smtp.send(_BERT)
    assert server.connections == 2
    assert len(server.accepted) == 2


def test_a_farewell_while_idle_is_not_taken_for_an_answer() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(_ANNA)
        server.say("250 not asked for\r\n")
        smtp.send(_BERT)
    assert server.connections == 2
    assert len(server.accepted) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(at="mail", reply="421 4.7.0 enough for one connection"),
        Fault(at="mail", deed="cut"),
        Fault(at="rset", reply="500 what?"),
        Fault(at="rset", deed="cut"),
    ],
    ids=lambda fault: f"{fault.at}-{fault.deed}",
)
def test_a_relay_that_will_not_go_on_is_asked_once_more_on_a_new_connection(fault: Fault) -> None:
    scripts = {_ANNA.recipient: [Fault(at="rcpt", reply="550 5.1.1 no")]}
    with FaultServer(scripts=scripts) as server, _client(server) as smtp:
        _failure(smtp)
        server.once = fault
        smtp.send(_BERT)
    assert server.connections == 2
    assert len(server.accepted) == 1


def test_another_refusal_on_a_kept_connection_is_taken_at_its_word() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(_ANNA)
        server.always = (Fault(at="mail", reply="452 4.3.1 no room"),)
        assert _failure(smtp).code == 452
    assert server.connections == 1


@pytest.mark.parametrize("times", [Timeouts(reuse=0), Timeouts(idle=0)])
def test_an_old_connection_is_left_politely(times: Timeouts) -> None:
    with FaultServer() as server, _client(server, timeouts=times) as smtp:
        smtp.send(_ANNA)
        smtp.send(_BERT)
    assert server.connections == 2
    assert server.commands.count("quit") == 2


def test_it_can_be_closed_twice_and_used_again() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.close()
        smtp.send(_ANNA)
        smtp.close()
        smtp.close()
        smtp.send(_BERT)
    assert server.connections == 2


def test_a_kept_connection_that_falls_silent_uses_up_the_deadline_and_no_more() -> None:
    with FaultServer() as server, _client(server, timeouts=Timeouts(message=0.5, quit=0.1)) as smtp:
        smtp.send(_ANNA)
        server.once = Fault(at="mail", deed="stall")
        began = time.monotonic()
        failure = _failure(smtp, _BERT)
        assert time.monotonic() - began < 2
    assert type(failure) is TemporaryFailure
    assert len(server.accepted) == 1


def test_a_session_without_a_connection_says_so() -> None:
    session = _Session(Relay(host="127.0.0.1", port=25, helo_name="client.example.org"), time.monotonic() + 5)
    with pytest.raises(OSError, match="closed"):
        run(session.ask("NOOP"))


def test_nobody_there_is_a_temporary_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    smtp = Smtp(Relay(host="127.0.0.1", port=port, security="none"))
    failure = _failure(smtp)
    assert type(failure) is TemporaryFailure
    assert "refused" in failure.message


def test_a_host_name_that_cannot_be_is_a_temporary_failure() -> None:
    smtp = Smtp(Relay(host="a" * 70 + "é.example.org", port=25))
    assert type(_failure(smtp)) is TemporaryFailure


def test_a_programming_error_does_not_leave_a_half_open_transaction_behind() -> None:
    with FaultServer() as server, _client(server) as smtp:
        smtp.send(_ANNA)
        with pytest.raises(AttributeError):
            smtp.send(replace(_ANNA, wire=_Explosive.of(_DATA)))
        smtp.send(_BERT)
    assert server.connections == 2


class _Explosive(Wire):
    """A message that fails when it is about to be sent."""

    def transparent(self) -> Sequence[bytes]:
        raise AttributeError


# -- servers that take their time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["stall", "drip"])
@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data", "dot"])
def test_silence_and_dripping_end_by_the_deadline(step: Any, deed: Any, *, pipelining: bool) -> None:
    fault = Fault(at=step, deed=deed, reply="250 " + "x" * 5000, seconds=0.05)
    server = FaultServer(always=(fault,), pipelining=pipelining)
    with server, _client(server, timeouts=Timeouts(message=0.6, quit=0.1)) as smtp:
        began = time.monotonic()
        failure = _failure(smtp)
        assert 0.5 < time.monotonic() - began < 3
    assert type(failure) is (AmbiguousFailure if step == "dot" else TemporaryFailure)


@pytest.mark.parametrize("security", ["none", "starttls"])
def test_a_server_that_stops_reading_ends_by_the_deadline(
    ca_file: Path, certificate: ssl.SSLContext, security: str
) -> None:
    data = b"A: b\r\n\r\n" + (b"x" * 998 + b"\r\n") * 30_000
    settings = {"timeouts": Timeouts(message=1.3, quit=0.1), "security": security, "ca_file": ca_file}
    server = FaultServer(always=(Fault(at="text", deed="stall"),), starttls=certificate)
    with server, _client(server, **settings) as smtp:
        began = time.monotonic()
        assert type(_failure(smtp, replace(_ANNA, wire=Wire.of(data)))) is TemporaryFailure
        assert 1.2 < time.monotonic() - began < 4


@pytest.mark.parametrize("deed", ["stall", "drip"])
@pytest.mark.parametrize("step", ["rcpt", "dot"])
def test_silence_and_dripping_behind_tls_end_by_the_deadline(
    ca_file: Path, certificate: ssl.SSLContext, step: Any, deed: Any
) -> None:
    fault = Fault(at=step, deed=deed, reply="250 " + "x" * 5000, seconds=0.05)
    server = FaultServer(always=(fault,), starttls=certificate, pipelining=True)
    with server, _client(server, security="starttls", ca_file=ca_file, timeouts=Timeouts(message=1, quit=0.1)) as smtp:
        began = time.monotonic()
        assert type(_failure(smtp)) is (AmbiguousFailure if step == "dot" else TemporaryFailure)
        assert 0.9 < time.monotonic() - began < 3


def test_a_dripping_server_ends_by_the_step_even_when_the_deadline_is_far() -> None:
    fault = Fault(at="rcpt", deed="drip", reply="250 " + "x" * 5000, seconds=0.05)
    times = Timeouts(command=0.5, quit=0.1)
    with FaultServer(always=(fault,)) as server, _client(server, timeouts=times) as smtp:
        began = time.monotonic()
        assert type(_failure(smtp)) is TemporaryFailure
        assert 0.4 < time.monotonic() - began < 3


def test_a_deadline_of_two_seconds_holds_against_a_drip_after_the_dot() -> None:
    fault = Fault(at="dot", deed="drip", reply="250 " + "x" * 5000, seconds=0.1)
    with FaultServer(always=(fault,)) as server, _client(server, timeouts=_QUICK) as smtp:
        began = time.monotonic()
        assert type(_failure(smtp)) is AmbiguousFailure
        assert 1.9 < time.monotonic() - began < 4


def test_a_tls_handshake_that_drips_ends_by_the_deadline() -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB is announced
                while not done.wait(0.05):
                    connection.send(b"\x02")

        thread = threading.Thread(target=drip)
        thread.start()
        relay = Relay(host="127.0.0.1", port=listener.getsockname()[1], security="tls", timeouts=Timeouts(message=0.6))
        began = time.monotonic()
        assert type(_failure(Smtp(relay))) is TemporaryFailure
        took = time.monotonic() - began
        done.set()
        thread.join(10)
    assert 0.5 < took < 3


def test_a_farewell_that_nobody_answers_does_not_hold_us_up() -> None:
    with FaultServer(always=(Fault(at="quit", deed="stall"),)) as server:
        with _client(server) as smtp:
            smtp.send(_ANNA)
            began = time.monotonic()
        assert time.monotonic() - began < 2


def test_the_default_deadline_leaves_room_for_the_dot_and_ends_before_a_lease_of_thirteen_minutes() -> None:
    times = Timeouts()
    assert (times.connect, times.command, times.data, times.block) == (30, 300, 120, 180)
    assert 600 == times.dot < times.message == 720 < 13 * 60


@pytest.mark.parametrize("greeting", [b"2" * 70_000, b"220-hi\r\n" * 10_000, b"220-" + b"x" * 66_000 + b"\r\n"])
def test_a_reply_without_end_is_not_read_for_ever(greeting: bytes) -> None:
    with _bare_server(greeting) as port:
        smtp = Smtp(Relay(host="127.0.0.1", port=port, security="none", timeouts=_QUICK))
        failure = _failure(smtp)
    assert type(failure) is TemporaryFailure
    assert "no end" in failure.message


def test_an_answer_given_twice_is_not_taken_for_the_next_one() -> None:
    with _bare_server(b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n250 ok\r\n") as port:
        smtp = Smtp(Relay(host="127.0.0.1", port=port, security="none", timeouts=_QUICK))
        failure = _failure(smtp)
    assert type(failure) is TemporaryFailure
    assert "out of turn" in failure.message


# -- privacy of the connection -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanisms_off", [(), ("PLAIN",)])
def test_starttls_protects_the_password_and_the_message(
    ca_file: Path, certificate: ssl.SSLContext, mechanisms_off: tuple[str, ...]
) -> None:
    server = FaultServer(starttls=certificate, accounts={"digest": _PASSWORD}, mechanisms_off=mechanisms_off)
    account = {"username": "digest", "password": _PASSWORD}
    with server, _client(server, security="starttls", ca_file=ca_file, **account) as smtp:
        smtp.send(_ANNA)
        smtp.send(_BERT)
    assert [(accepted.tls, accepted.user) for accepted in server.accepted] == [(True, "digest")] * 2
    assert bytes(server.clear) == b"ehlo client.example.org\r\nSTARTTLS\r\n"
    assert server.connections == 1


def test_tls_from_the_start_protects_all(ca_file: Path, certificate: ssl.SSLContext) -> None:
    server = FaultServer(tls=certificate, accounts={"digest": _PASSWORD})
    account = {"username": "digest", "password": _PASSWORD}
    with server, _client(server, security="tls", ca_file=ca_file, **account) as smtp:
        smtp.send(_ANNA)
        smtp.send(_BERT)
    assert [(accepted.tls, accepted.user, accepted.data) for accepted in server.accepted] == [
        (True, "digest", _DATA)
    ] * 2
    assert bytes(server.clear) == b""


def _assert_nothing_in_clear(server: FaultServer) -> None:
    assert server.accepted == []
    clear = bytes(server.clear)
    assert clear in {b"", b"ehlo client.example.org\r\n", b"ehlo client.example.org\r\nSTARTTLS\r\n"} or (
        clear.startswith(b"ehlo client.example.org\r\nSTARTTLS\r\n\x16\x03")  # then a TLS handshake
    )
    token = base64.b64encode(f"\0digest\0{_PASSWORD}".encode())
    for secret in (token, _PASSWORD.encode(), b"anna", b"Hello"):
        assert secret not in bytes(server.wire)


@pytest.mark.parametrize(
    ("fault", "off"),
    [
        (None, ("STARTTLS",)),
        (Fault(at="starttls", reply="454 4.7.0 not now"), ()),
        (Fault(at="starttls", reply="501 what?"), ()),
        (Fault(at="starttls", deed="cut"), ()),
        (Fault(at="starttls", deed="garbage"), ()),
        (Fault(at="starttls", reply="220 go\r\n250 and this in clear"), ()),
        (Fault(at="starttls", reply="220 go"), ()),
        (Fault(at="starttls", deed="stall"), ()),
    ],
    ids=["stripped", "454", "501", "cut", "garbage", "injected", "no handshake", "stalled"],
)
def test_without_starttls_nothing_is_sent(
    ca_file: Path, certificate: ssl.SSLContext, fault: Fault | None, off: tuple[str, ...]
) -> None:
    server = FaultServer(starttls=certificate, always=(fault,) if fault else (), extensions_off=off)
    account = {"username": "digest", "password": _PASSWORD, "timeouts": _QUICK}
    with server, _client(server, security="starttls", ca_file=ca_file, **account) as smtp:
        assert type(_failure(smtp)) is TemporaryFailure
    _assert_nothing_in_clear(server)


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_does_not_prove_the_relay_gets_nothing(
    ca_file: Path, authority: trustme.CA, security: Any, wrong: str
) -> None:
    signer, name = (trustme.CA(), "127.0.0.1") if wrong == "authority" else (authority, "other.example.org")
    context = _server_context(signer, name)
    server = FaultServer(**{security: context})
    account = {"username": "digest", "password": _PASSWORD}
    with server, _client(server, security=security, ca_file=ca_file, **account) as smtp:
        failure = _failure(smtp)
    assert type(failure) is TemporaryFailure
    assert "certificate" in failure.message
    _assert_nothing_in_clear(server)


def test_it_is_the_name_of_the_settings_that_the_certificate_has_to_prove(ca_file: Path, authority: trustme.CA) -> None:
    for name, kind in (("127.0.0.1", TemporaryFailure), ("localhost", None)):
        with FaultServer(starttls=_server_context(authority, name)) as server:
            smtp = Smtp(Relay(host="localhost", port=server.port, ca_file=ca_file))
            if kind:
                assert type(_failure(smtp)) is kind
            else:
                smtp.send(_ANNA)
            smtp.close()


def test_the_system_does_not_vouch_for_a_certificate_of_our_own(certificate: ssl.SSLContext) -> None:
    with FaultServer(starttls=certificate) as server, _client(server, security="starttls") as smtp:
        assert "certificate" in _failure(smtp).message
    _assert_nothing_in_clear(server)


def test_tls_against_a_server_that_speaks_in_clear_gets_nothing(ca_file: Path) -> None:
    with FaultServer() as server, _client(server, security="tls", ca_file=ca_file) as smtp:
        assert type(_failure(smtp)) is TemporaryFailure
    assert server.accepted == []
    assert b"ehlo" not in bytes(server.wire)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, RelayFailure),
        ({"mechanisms_off": ("PLAIN",)}, RelayFailure),
        ({"mechanisms_off": ("PLAIN", "LOGIN")}, RelayFailure),
        ({"extensions_off": ("AUTH",)}, RelayFailure),
        ({"always": (Fault(at="auth", reply="454 4.7.0 later"),)}, TemporaryFailure),
        ({"always": (Fault(at="auth", reply="535 5.7.8 no"),)}, RelayFailure),
        ({"always": (Fault(at="auth", deed="cut"),)}, TemporaryFailure),
    ],
    ids=["plain", "login", "neither", "no auth", "454", "535", "cut"],
)
def test_a_login_that_fails_stops_everything_unless_it_may_pass(
    ca_file: Path, certificate: ssl.SSLContext, settings: dict[str, Any], kind: type[TransportError]
) -> None:
    server = FaultServer(starttls=certificate, accounts={"digest": "another one"}, **settings)
    account = {"username": "digest", "password": _PASSWORD}
    with server, _client(server, security="starttls", ca_file=ca_file, **account) as smtp:
        failure = _failure(smtp)
    assert type(failure) is kind
    assert _PASSWORD not in failure.message
    assert server.accepted == []


def test_a_relay_that_wants_a_login_is_told_to_the_operator(ca_file: Path, certificate: ssl.SSLContext) -> None:
    server = FaultServer(starttls=certificate, accounts={"digest": _PASSWORD})
    with server, _client(server, security="starttls", ca_file=ca_file) as smtp:
        failure = _failure(smtp)
    assert type(failure) is RelayFailure
    assert failure.code == 530


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST"])
def test_this_machine_may_be_spoken_to_in_clear(host: str) -> None:
    assert Relay(host=host, port=25, security="none").security == "none"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"host": "relay.example.org", "security": "none"}, 'security: "none" is for this machine alone'),
        ({"host": "10.0.0.1", "security": "none"}, 'security: "none" is for this machine alone'),
        ({"host": "localhost.example.org", "security": "none"}, 'security: "none" is for this machine alone'),
        ({"security": "none", "username": "digest", "password": "secret"}, "would send the password in clear"),
        ({"username": "digest"}, "'digest' needs one"),
        ({"helo_name": "a\r\nMAIL FROM:<b@example.org>"}, "helo_name"),
        ({"helo_name": ""}, "helo_name"),
    ],
)
def test_settings_that_are_unsafe_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Relay(**{"host": "127.0.0.1", "port": 25} | settings)


def test_all_problems_are_told_at_once_and_the_password_never() -> None:
    with pytest.raises(ConfigError) as caught:
        Relay(host="10.0.0.1", port=25, security="none", username="digest", password=_PASSWORD, helo_name=" ")
    assert len(caught.value.problems) == 3
    assert _PASSWORD not in caught.value.message
    assert _PASSWORD not in repr(Relay(host="10.0.0.1", port=25, username="digest", password=_PASSWORD))


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
def test_a_file_of_certificates_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca_file: .*ca\.pem holds no certificates"):
        Smtp(Relay(host="relay.example.org", port=587, ca_file=path))


# -- in the long run ---------------------------------------------------------------------------------------------------


def test_many_messages_through_a_server_that_often_fails_lose_nothing(tmp_path: Path) -> None:
    """Duplicates are at most the replies that were lost; a refusal for good is given once."""
    odds = {
        Fault(at="dot", deed="cut"): 0.05,
        Fault(at="data", deed="cut"): 0.05,
        Fault(at="rcpt", reply="451 4.7.1 greylisted"): 0.1,
        Fault(at="rcpt", reply="421 4.7.0 slow down"): 0.05,
        Fault(at="rcpt", reply="550 5.1.1 unknown"): 0.05,
    }
    messages = [replace(_ANNA, recipient=f"reader{number}@example.com") for number in range(300)]
    bounced: list[str] = []
    ambiguous = 0
    with FaultServer(odds=odds, seed=7, log=tmp_path / "log") as server, _client(server) as smtp:
        queue = list(messages)
        while queue:
            message = queue.pop(0)
            try:
                smtp.send(message)
            except PermanentFailure:
                bounced.append(message.recipient)
            except (TemporaryFailure, AmbiguousFailure) as failure:
                ambiguous += isinstance(failure, AmbiguousFailure)
                queue.append(message)
    arrived = [line.split()[1] for line in (tmp_path / "log").read_text().splitlines()]
    assert set(arrived) | set(bounced) == {message.recipient for message in messages}
    assert len(bounced) == len(set(bounced)) > 5
    assert ambiguous > 5
    assert len(arrived) - len(set(arrived)) <= ambiguous
