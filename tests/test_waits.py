"""A course that is driven alone waits where it has to, and lets go of what it holds when it is broken off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence

import pytest

from newsletter.waits import NOTHING, Apart, Course, Ready, Rest, Sealed, Served, Shared, run


def test_what_came_is_handed_back_and_the_end_is_returned() -> None:
    sealed = []

    def course() -> Course[list[object]]:
        apart = yield Apart(lambda: 1)
        busy = yield Apart(lambda: 2, busy=True)
        shared = yield Shared(lambda numbers: Served([each * 10 for each in numbers], lambda: sealed.append(True)), 3)
        yield Sealed()
        assert sealed == [True]
        return [apart, busy, shared]

    assert run(course()) == [1, 2, 30]


def test_nothing_is_over_at_once_as_often_as_one_likes() -> None:
    assert [run(NOTHING), run(NOTHING)] == [None, None]


def test_it_rests_as_it_is_told() -> None:
    rests: list[float] = []

    def course() -> Course[None]:
        yield Rest(700)

    run(course(), rests.append)
    assert rests == [700]


def test_a_socket_is_waited_for_until_it_can_be_read_or_written_to() -> None:
    ours, theirs = socket.socketpair()

    def course() -> Course[bytes]:
        yield Ready(ours, writing=True, until=time.monotonic() + 5)
        yield Ready(ours, writing=False, until=time.monotonic() + 5)
        return ours.recv(10)

    with ours, theirs:
        threading.Timer(0.05, theirs.sendall, [b"there"]).start()
        assert run(course()) == b"there"


@pytest.mark.parametrize("seconds", [-1, 0.05])
def test_time_that_is_up_is_told_where_it_was_waited(seconds: float) -> None:
    ours, theirs = socket.socketpair()

    def course() -> Course[str]:
        try:
            yield Ready(ours, writing=False, until=time.monotonic() + seconds)
        except TimeoutError:
            return "too late"
        return "?"

    with ours, theirs:
        assert run(course()) == "too late"


def test_who_is_interrupted_lets_go() -> None:
    let_go = []

    def course() -> Course[None]:
        try:
            yield Rest(1)
        finally:
            let_go.append(True)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(course(), interrupted)
    assert let_go == [True]


def test_what_is_shared_fails_for_who_asked() -> None:
    def serve(_: Sequence[object]) -> Served:
        raise OSError("full")

    def course() -> Course[None]:
        yield Shared(serve, 1)

    with pytest.raises(OSError, match="full"):
        run(course())
