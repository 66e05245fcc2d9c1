"""Many courses on one thread: each goes on when it can, none holds up another, and a failure is its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from threading import Event

import pytest

from newsletter.engine.loop import Loop
from newsletter.waits import Apart, Course, Ready, Rest, Sealed, Served, Shared

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def _run(*courses: Course[object], stop: Event | None = None) -> list[tuple[object, BaseException | None]]:
    loop: Loop[object] = Loop(stop or Event())
    return loop.run(courses)


def _soon(seconds: float = 5) -> float:
    return time.monotonic() + seconds


def test_nothing_is_over_at_once() -> None:
    assert _run() == []


def test_each_result_and_each_failure_is_its_own() -> None:
    def fine(number: int) -> Course[object]:
        yield Rest(0)
        return number

    def fails() -> Course[object]:
        yield Rest(0)
        raise ZeroDivisionError

    (one, _), (nothing, error), (three, none) = _run(fine(1), fails(), fine(3))
    assert (one, nothing, three, none) == (1, None, 3, None)
    assert isinstance(error, ZeroDivisionError)


def test_two_ends_of_a_connection_talk_on_one_thread(pair: Pair) -> None:
    def says(sock: socket.socket, rounds: int, *, first: bool) -> Course[object]:
        heard = []
        for number in range(rounds):
            if first or number:
                yield Ready(sock, writing=True, until=_soon())
                sock.send(b"%d" % number)
            yield Ready(sock, writing=False, until=_soon())
            heard.append(sock.recv(10))
        if not first:
            sock.send(b"over")
        return heard

    pair[1].setblocking(False)
    (one, first_error), (two, second_error) = _run(says(pair[0], 5, first=True), says(pair[1], 5, first=False))
    assert (first_error, second_error) == (None, None)
    assert two == [b"%d" % number for number in range(5)]
    assert one == [b"1", b"2", b"3", b"4", b"over"]


def test_a_slow_call_holds_nobody_up() -> None:
    order = []

    def slow(*, busy: bool) -> Course[object]:
        yield Apart(lambda: time.sleep(0.2), busy=busy)
        order.append("slow")
        return None

    def quick() -> Course[object]:
        for _ in range(5):
            yield Rest(0.001)
        order.append("quick")
        return None

    _run(slow(busy=False), slow(busy=True), quick())
    assert order == ["quick", "slow", "slow"]


def test_calls_that_wait_do_so_side_by_side() -> None:
    together = threading.Barrier(8)

    def course() -> Course[object]:
        return (yield Apart(lambda: together.wait(10)))

    assert sorted(number for number, _ in _run(*[course() for _ in range(8)])) == list(range(8))  # type: ignore[type-var]


def test_what_a_call_raises_is_raised_where_it_was_asked_for() -> None:
    def course() -> Course[object]:
        try:
            yield Apart(lambda: 1 // 0)
        except ZeroDivisionError:
            return "told"
        return None

    assert _run(course()) == [("told", None)]


def test_time_that_is_up_is_told_and_the_others_go_on(pair: Pair) -> None:
    def waits() -> Course[object]:
        begun = time.monotonic()
        try:
            yield Ready(pair[0], writing=False, until=begun + 0.3)
        except TimeoutError:
            return time.monotonic() - begun
        return None

    def rests() -> Course[object]:
        yield Rest(0.5)
        return "rested"

    (took, _), (rested, _) = _run(waits(), rests())
    assert isinstance(took, float)
    assert 0.3 <= took < 0.6
    assert rested == "rested"


def test_rests_end_when_everything_is_to_stop_and_waits_for_sockets_do_not(pair: Pair) -> None:
    stop = Event()

    def rests() -> Course[object]:
        yield Rest(600)
        return "stopped"

    def listens() -> Course[object]:
        yield Ready(pair[0], writing=False, until=_soon())
        return pair[0].recv(10)

    threading.Timer(0.1, stop.set).start()
    threading.Timer(0.4, pair[1].sendall, [b"late"]).start()
    begun = time.monotonic()
    assert _run(rests(), listens(), stop=stop) == [("stopped", None), (b"late", None)]
    assert time.monotonic() - begun < 3


def test_who_speaks_though_nobody_listens_is_heard_later_and_costs_nothing_meanwhile(pair: Pair) -> None:
    def course() -> Course[object]:
        yield Ready(pair[0], writing=False, until=_soon())
        first = pair[0].recv(1)
        used = time.process_time()
        yield Rest(0.3)
        used = time.process_time() - used
        yield Ready(pair[0], writing=False, until=_soon())
        return first, pair[0].recv(10), used

    pair[1].sendall(b"more")
    ((result, error),) = _run(course())
    assert error is None
    assert isinstance(result, tuple)
    assert result[:2] == (b"m", b"ore")
    assert result[2] < 0.1


def test_a_connection_that_takes_the_number_of_a_closed_one_is_another_one() -> None:
    def course() -> Course[object]:
        heard, numbers = [], set()
        for number in range(3):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                ours.setblocking(False)
                numbers.add(ours.fileno())
                threading.Timer(0.02, theirs.sendall, [b"%d" % number]).start()
                yield Ready(ours, writing=False, until=_soon())
                heard.append(ours.recv(10))
        return heard, len(numbers)

    ((result, error),) = _run(course())
    assert error is None
    assert result == ([b"0", b"1", b"2"], 1)


class _Counter:
    """Numbers requests, and remembers how many came together."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.together: list[int] = []
        self._failure = failure

    def serve(self, requests: Sequence[str]) -> Served:
        self.together.append(len(requests))
        if self._failure is not None:
            raise self._failure
        return Served([f"{each}!" for each in requests], lambda: None)


def test_what_several_wait_for_is_done_once_for_all_of_them() -> None:
    counter = _Counter()

    def course(name: str) -> Course[object]:
        answers = []
        for _ in range(10):
            answers.append((yield Shared(counter.serve, name)))
            yield Rest(0.002)
        return answers

    ended = _run(*[course(name) for name in "abcdefgh"])
    assert ended == [([f"{name}!"] * 10, None) for name in "abcdefgh"]
    assert sum(counter.together) == 80
    assert len(counter.together) <= 40


def test_nobody_waits_for_company_that_does_not_come(pair: Pair) -> None:
    counter = _Counter()

    def alone() -> Course[object]:
        begun = time.monotonic()
        for _ in range(10):
            yield Shared(counter.serve, "x")
        return time.monotonic() - begun

    def waits() -> Course[object]:
        try:
            yield Ready(pair[0], writing=False, until=_soon(1))
        except TimeoutError:
            return "waited"
        return None

    (took, _), *others = _run(alone(), *[waits() for _ in range(1)])
    assert isinstance(took, float)
    assert took < 0.5
    assert others == [("waited", None)]
    assert counter.together == [1] * 10


def test_what_is_shared_fails_for_all_who_asked_and_two_kinds_are_two_calls() -> None:
    good, bad = _Counter(), _Counter(OSError("full"))

    def course(counter: _Counter) -> Course[object]:
        return (yield Shared(counter.serve, "x"))

    ended = _run(course(good), course(bad), course(good), course(bad))
    assert [str(error) for _, error in ended] == ["None", "full", "None", "full"]
    assert [result for result, _ in ended] == ["x!", None, "x!", None]
    assert (good.together, bad.together) == ([2], [2])


def test_an_answer_holds_once_it_is_sealed_and_meanwhile_there_is_something_else_to_do() -> None:
    order: list[str] = []

    def seal() -> None:
        time.sleep(0.1)
        order.append("sealed")

    def serve(requests: Sequence[str]) -> Served:
        order.append("served")
        return Served(requests, seal)

    def course() -> Course[object]:
        for _ in range(2):
            yield Shared(serve, "x")
            yield Rest(0.001)
            order.append("prepared")
            yield Sealed()
            order.append("done")
        yield Sealed()
        return "over"

    ended = _run(*[course() for _ in range(5)])
    assert ended == [("over", None)] * 5
    assert order == ["served", *["prepared"] * 5, "sealed", *["done"] * 5] * 2


def test_nothing_else_is_shared_before_the_last_is_sealed() -> None:
    under_way = [0]

    def seal() -> None:
        time.sleep(0.01)
        under_way[0] -= 1

    def serve(requests: Sequence[str]) -> Served:
        under_way[0] += 1
        assert under_way == [1]
        return Served(requests, seal)

    def course(seconds: float) -> Course[object]:
        for _ in range(5):
            yield Rest(seconds)
            yield Shared(serve, "x")
            yield Sealed()
        return "over"

    assert _run(*[course(number / 500) for number in range(6)]) == [("over", None)] * 6


def test_a_seal_that_breaks_is_told_to_each_who_was_given_an_answer() -> None:
    def seal() -> None:
        raise OSError("full")

    def course(seconds: float) -> Course[object]:
        answer = yield Shared(lambda requests: Served(requests, seal), "x")
        yield Rest(seconds)  # the seal may be over when it is waited for
        try:
            yield Sealed()
        except OSError as error:
            return f"{answer}: {error}"
        return None

    for courses in (1, 3, 6):  # sealed at once, and apart
        ended = _run(*[course(number / 30) for number in range(courses)])
        assert ended == [("x: full", None)] * courses


def test_an_interrupt_lets_go_of_all_of_them() -> None:
    let_go = []

    def holds() -> Course[object]:
        try:
            yield Rest(600)
        finally:
            let_go.append(True)

    def interrupted() -> Course[object]:
        yield Rest(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(holds(), interrupted(), holds())
    assert let_go == [True, True]
