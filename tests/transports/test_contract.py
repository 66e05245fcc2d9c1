"""The same cases for every transport of the folder. A new one needs a rig here: how to start it and read what arrived."""

from __future__ import annotations

import importlib
import inspect
import json
import mailbox
import os
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from fault_server import FaultServer
from test_lmtp import Store, serving
from test_sendmail import make_program

from newsletter import transports
from newsletter.errors import PermanentFailure, RelayFailure, StoreError, TemporaryFailure
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.pacing import Pace
from newsletter.transports.base import Transport
from newsletter.transports.maildir import Maildir
from newsletter.transports.relays import RelayBoard, Relays, Route
from newsletter.transports.sendmail import Sendmail
from newsletter.transports.smtp import Relay, Smtp

_DATA = (
    b"From: digest@example.org\r\nTo: anna@example.com\r\nMessage-ID: <1@example.org>\r\nSubject: Hello\r\n\r\n"
    b"One\r\n.\r\n..two\r\n.\r\n\r\nFrom the start of a line\r\n"
)
_ANNA = Message(
    sender="digest@example.org", recipient="anna@example.com", message_id="<1@example.org>", wire=Wire.of(_DATA)
)
_BERT = replace(
    _ANNA, recipient="bert@example.com", message_id="<2@example.org>", wire=Wire.of(_DATA.replace(b"<1@", b"<2@").replace(b"anna", b"bert"))
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    sender: str
    recipient: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rig:
    """A transport that works, one that cannot, and what arrived by the first: the data with CRLF, as it was given."""

    transport: Transport
    broken: Transport
    arrived: Callable[[], list[_Arrived]]


@contextmanager
def _maildir(folder: Path) -> Iterator[_Rig]:
    def arrived() -> list[_Arrived]:
        found = []
        for message in mailbox.Maildir(folder / "box", create=False):
            sender, recipient, data = message.as_bytes().split(b"\n", 2)
            found.append(
                _Arrived(
                    sender=sender.removeprefix(b"Return-Path: <").removesuffix(b">").decode(),
                    recipient=recipient.removeprefix(b"Delivered-To: ").decode(),
                    data=data.replace(b"\n", b"\r\n"),
                )
            )
        return found

    (folder / "file").touch()
    yield _Rig(transport=Maildir(folder / "box"), broken=Maildir(folder / "file"), arrived=arrived)


@contextmanager
def _smtp(_folder: Path, *, pipelining: bool = False) -> Iterator[_Rig]:
    with FaultServer() as gone:
        pass
    with FaultServer(pipelining=pipelining) as server:

        def arrived() -> list[_Arrived]:
            return [_Arrived(sender=one.sender, recipient=one.recipient, data=one.data) for one in server.accepted]

        transport, broken = (Smtp(Relay(host="127.0.0.1", port=one.port, security="none")) for one in (server, gone))
        yield _Rig(transport=transport, broken=broken, arrived=arrived)
        transport.close()


@contextmanager
def _lmtp(folder: Path) -> Iterator[_Rig]:
    """LMTP over a Unix socket, as a mail store on this machine takes it."""
    store = Store()
    with serving(store, folder / "lmtp") as transport:
        nowhere = Smtp(Relay(host=str(folder / "nothing"), port=0, security="none", protocol="lmtp"))
        yield _Rig(
            transport=transport,
            broken=nowhere,
            arrived=lambda: [_Arrived(sender=one[0], recipient=one[1], data=one[2]) for one in store.taken],
        )


@contextmanager
def _relays(folder: Path) -> Iterator[_Rig]:
    """The first relay never works, so every message goes by the second."""
    with FaultServer() as gone:
        pass
    with _smtp(folder) as rig:
        routes = (
            Route(name="gone", open=lambda: Smtp(Relay(host="127.0.0.1", port=gone.port, security="none"))),
            Route(name="there", open=lambda: rig.transport),
        )
        transport, broken = (
            Relays(some, RelayBoard([route.name for route in some], _NoStore()), clock=lambda: datetime.now(UTC))
            for some in (routes, routes[:1])
        )
        yield replace(rig, transport=transport, broken=broken)
        transport.close()


@contextmanager
def _sendmail(folder: Path) -> Iterator[_Rig]:
    got = folder / "got"
    got.mkdir()
    writes = f"name = os.path.join({str(got)!r}, str(time.time_ns()))\njson.dump([sys.argv, sys.stdin.read()], open(name, 'w'))"
    (folder / "busy").mkdir()

    def arrived() -> list[_Arrived]:
        told = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(got.iterdir())]
        return [
            _Arrived(sender=arguments[3], recipient=arguments[5], data=text.replace("\n", "\r\n").encode())
            for arguments, text in told
        ]

    busy = make_program(folder / "busy", f"sys.exit({os.EX_TEMPFAIL})")
    yield _Rig(transport=Sendmail(make_program(folder, writes)), broken=Sendmail(busy), arrived=arrived)


class _NoStore:
    def load(self) -> Mapping[str, Pace]:
        return {}

    def change(self, scope: str, step: Callable[[Pace], Pace]) -> Pace:
        raise StoreError


_RIGS: dict[str, Callable[[Path], AbstractContextManager[_Rig]]] = {
    "maildir": _maildir,
    "relays": _relays,
    "sendmail": _sendmail,
    "smtp": _smtp,
    "smtp, pipelined": partial(_smtp, pipelining=True),
    "smtp, lmtp": _lmtp,
}
_PARTS = {"base", "channel"}  # what transports are made of
_MODULES = sorted(module.name for module in pkgutil.iter_modules(transports.__path__) if module.name not in _PARTS)


@pytest.fixture(params=sorted(_RIGS))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Rig]:
    with _RIGS[request.param](tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", _MODULES)
def test_every_module_has_one_class_with_the_methods_of_a_transport(name: str) -> None:
    module = importlib.import_module(f"newsletter.transports.{name}")
    found = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and hasattr(member, "send") and not member.__name__.startswith("_")
    ]
    assert len(found) == 1
    for method in ("send", "close", "sending", "closing"):
        wanted = inspect.signature(getattr(Transport, method))
        assert inspect.signature(getattr(found[0], method)) == wanted


def test_every_module_has_a_rig() -> None:
    assert sorted({name.partition(",")[0] for name in _RIGS}) == _MODULES


def test_envelope_and_data_arrive_as_they_were_given(rig: _Rig) -> None:
    rig.transport.send(_ANNA)
    assert rig.arrived() == [_Arrived(sender=_ANNA.sender, recipient=_ANNA.recipient, data=_DATA)]


def test_a_message_that_send_returned_from_is_there_at_once_without_closing(rig: _Rig) -> None:
    for count in range(1, 4):
        rig.transport.send(replace(_ANNA, message_id=f"<{count}@example.org>"))
        assert len(rig.arrived()) == count


def test_each_gets_their_own(rig: _Rig) -> None:
    rig.transport.send(_ANNA)
    rig.transport.send(_BERT)
    by_recipient = {arrived.recipient: arrived.data for arrived in rig.arrived()}
    assert by_recipient == {_ANNA.recipient: _ANNA.data, _BERT.recipient: _BERT.data}


def test_an_address_beyond_ascii_arrives(rig: _Rig) -> None:
    rig.transport.send(replace(_ANNA, recipient="änne@example.com"))
    assert [arrived.recipient for arrived in rig.arrived()] == ["änne@example.com"]


def test_a_large_message_arrives_whole(rig: _Rig) -> None:
    data = _DATA + (b"." * 76 + b"\r\n") * 20_000
    rig.transport.send(replace(_ANNA, wire=Wire.of(data)))
    assert rig.arrived()[0].data == data


@pytest.mark.parametrize("recipient", ["", "anna", "anna@example.com\r\nX: y", "anna@example.com,bert@example.com"])
def test_a_recipient_that_is_not_one_address_is_refused_for_good(rig: _Rig, recipient: str) -> None:
    with pytest.raises(PermanentFailure):
        rig.transport.send(replace(_ANNA, recipient=recipient))
    assert_nothing_but_the_next_arrives(rig)


@pytest.mark.parametrize("data", [b"A: b\n\nbare\n", b"A: b\r\n\r\nNUL \0\r\n", b"A: b\r\n\r\nno end"])
def test_data_that_is_not_in_wire_form_blames_nobody(rig: _Rig, data: bytes) -> None:
    with pytest.raises(RelayFailure):
        rig.transport.send(replace(_ANNA, wire=Wire.of(data)))
    assert_nothing_but_the_next_arrives(rig)


def assert_nothing_but_the_next_arrives(rig: _Rig) -> None:
    rig.transport.send(_BERT)
    assert [arrived.recipient for arrived in rig.arrived()] == [_BERT.recipient]


def test_what_cannot_deliver_now_says_so_and_names_no_address(rig: _Rig) -> None:
    with pytest.raises(TemporaryFailure) as caught:
        rig.broken.send(_ANNA)
    assert "anna" not in caught.value.message
    rig.broken.close()


def test_it_can_be_closed_twice_and_used_again(rig: _Rig) -> None:
    rig.transport.close()
    rig.transport.send(_ANNA)
    rig.transport.close()
    rig.transport.close()
    rig.transport.send(_BERT)
    assert len(rig.arrived()) == 2
