"""Every wait ends in time, and what goes over arrives as it was given."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from newsletter.transports.channel import Channel
from newsletter.waits import run

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    if request.param == "unix":
        ours, theirs = socket.socketpair(socket.AF_UNIX)
    else:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            ours = socket.create_connection(listening.getsockname())
            theirs, _ = listening.accept()
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def _soon(seconds: float) -> float:
    return time.monotonic() + seconds


@pytest.mark.parametrize("seconds", [0.3, 1.3, 2.2])
def test_silence_ends_at_the_moment_that_was_said(pair: Pair, seconds: float) -> None:
    channel = Channel(pair[0])
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        run(channel.receive(_soon(seconds)))
    assert seconds <= time.monotonic() - began < seconds + 2


def test_a_short_wait_does_not_shorten_the_next_one(pair: Pair) -> None:
    channel = Channel(pair[0])
    with pytest.raises(TimeoutError):
        run(channel.receive(_soon(0.1)))
    threading.Timer(1.2, pair[1].sendall, [b"late"]).start()
    assert run(channel.receive(_soon(5))) == b"late"


def test_nothing_is_begun_when_the_time_is_up(pair: Pair) -> None:
    channel = Channel(pair[0])
    with pytest.raises(TimeoutError):
        run(channel.send(b"late", until=_soon(-1)))
    run(channel.send(b"x", until=_soon(1)))
    assert pair[1].recv(10) == b"x"


def test_who_does_not_read_is_not_waited_for(pair: Pair) -> None:
    channel = Channel(pair[0])
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        run(channel.send(b"x" * 50_000_000, b"y", until=_soon(1.4)))
    assert 1.4 <= time.monotonic() - began < 2


def test_many_pieces_arrive_in_order_however_slowly_they_are_read(pair: Pair) -> None:
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    pieces = [bytes([number]) * (number * 997) for number in range(60)] + [b"", b"end"]
    sender = threading.Thread(target=run, args=[Channel(pair[0]).send(*pieces, until=_soon(10))])
    sender.start()
    wanted, got = b"".join(pieces), bytearray()
    while len(got) < len(wanted):
        got += pair[1].recv(1500)
    sender.join(5)
    assert bytes(got) == wanted


def test_it_is_quiet_until_the_other_side_speaks_or_hangs_up(pair: Pair) -> None:
    channel = Channel(pair[0])
    assert channel.quiet()
    pair[1].sendall(b"x")
    assert not channel.quiet()
    assert run(channel.receive(_soon(1))) == b"x"
    assert channel.quiet()
    pair[1].close()
    assert not channel.quiet()
    assert run(channel.receive(_soon(1))) == b""


def test_who_hung_up_is_told_of() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        with pytest.raises(BrokenPipeError):
            run(Channel(ours).send(b"x", until=_soon(1)))
