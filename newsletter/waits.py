"""What code that deals with others waits for. One thread can so drive many such pieces of code, or one of them alone.

A course is a generator: it yields what it waits for and goes on with what came of it. `run` drives one to its end and
waits wherever it waits; `engine.loop` drives many at a time. There is one implementation for both.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


class Ready(NamedTuple):
    """Until a socket can be read from, or with `writing` written to. TimeoutError at `until` (of `time.monotonic`)."""

    sock: socket.socket
    writing: bool
    until: float


class Rest(NamedTuple):
    """For so many seconds, or less where everything is to stop."""

    seconds: float


class Apart(NamedTuple):
    """For the result of a call that would hold others up. `busy`: it computes, and more of them than there are
    processors gain nothing; otherwise it mostly waits.
    """

    call: Callable[[], Any]
    busy: bool = False


class Shared(NamedTuple):
    """For one of the answers of `serve`, which is given the requests of all who wait for it, and answers in their order.

    What it raises is raised to each of them. An answer does not hold before `Sealed` was waited for as well.
    """

    serve: Callable[[Sequence[Any]], Served]
    request: Any


class Served(NamedTuple):
    """`seal` is called once, apart: when it returns, the answers hold."""

    answers: Sequence[Any]
    seal: Callable[[], None]


class Sealed(NamedTuple):
    """Until the last answer from `Shared` holds. What `seal` raises is raised here, to each who was given an answer."""


Wait: TypeAlias = Ready | Rest | Apart | Shared | Sealed
Course: TypeAlias = Generator[Wait, Any, T]


def _nothing() -> Course[None]:
    yield from ()


NOTHING = _nothing()  #: the course of what is done already, as often as one likes
next(NOTHING, None)


def run(course: Course[T], rest: Callable[[float], object] = time.sleep) -> T:
    """Drives one course to its end; what it returns. `rest` waits for so many seconds."""
    try:
        wait = next(course)
        while True:
            try:
                came = _waited(wait, rest)
            except BaseException as error:  # noqa: BLE001 - the course has to let go of what it holds
                wait = course.throw(error)
            else:
                wait = course.send(came)
    except StopIteration as end:
        result: T = end.value
        return result


def _waited(wait: Wait, rest: Callable[[float], object]) -> Any:
    if isinstance(wait, Ready):
        return _wait_for(wait)
    if isinstance(wait, Rest):
        return rest(wait.seconds)
    if isinstance(wait, Apart):
        return wait.call()
    if isinstance(wait, Sealed):
        return None
    served = wait.serve([wait.request])
    served.seal()
    return served.answers[0]


def _wait_for(wait: Ready) -> None:
    poll = select.poll()
    poll.register(wait.sock, select.POLLOUT if wait.writing else select.POLLIN)
    while True:
        left = wait.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time was up")
        if poll.poll(left * 1000):
            return
