"""Many courses on one thread: each goes on when what it waits for has come (see `newsletter.waits`).

A thread for each connection costs more in switches than all that there is to do for a message. And what several courses
wait for together, such as a commit, is done at a moment when nothing else can be: then most of them are there.
"""

from __future__ import annotations

import heapq
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Generic

from newsletter.waits import Apart, Course, Ready, Rest, Sealed, Served, Shared, T, Wait

_LOOK = 0.1  # seconds between two looks at the time that is left, and at whether to stop

_MOMENT = 0.001  # seconds
_LONG = 0.002  # seconds
_FEW = 4
_LARGE = 8 << 20  # octets


class _Going(Generic[T]):
    """A course under way. `sock` is what it waits for, until the moment `until`. `seal` belongs to its last answer."""

    __slots__ = ("course", "error", "result", "seal", "sock", "until")

    def __init__(self, course: Course[T]) -> None:
        self.course = course
        self.sock: socket.socket | None = None
        self.until = 0.0
        self.seal: _Seal[T] | None = None
        self.result: T | None = None
        self.error: BaseException | None = None


class _Seal(Generic[T]):
    """What makes the answers of one call hold, begun at the moment `begun`; and who waits for it."""

    __slots__ = ("begun", "error", "is_over", "waiting")

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.is_over = False
        self.error: BaseException | None = None
        self.waiting: list[_Going[T]] = []


class Loop(Generic[T]):
    """Drives courses to their ends. One instance does so once. `stop` cuts rests short, and nothing else."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._selector = selectors.DefaultSelector()
        self._heard, self._bell = socket.socketpair()
        self._heard.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(self._heard, selectors.EVENT_READ)
        self._socks: dict[int, socket.socket] = {}
        self._waiting: dict[int, _Going[T]] = {}
        self._resting: list[tuple[float, int, _Going[T]]] = []
        self._sharing: list[tuple[Shared, _Going[T]]] = []
        self._came: deque[tuple[_Going[T] | _Seal[T], Any, BaseException | None]] = deque()
        self._sealing = False
        self._asleep = False
        self._took = 0.0  # until the last answers held, in seconds
        self._left = 0
        self._look_at = 0.0

    def run(self, courses: Iterable[Course[T]]) -> list[tuple[T | None, BaseException | None]]:
        """What each of them returned, or what it raised."""
        _keep_memory()
        going = [_Going(course) for course in courses]
        self._left = len(going)
        try:
            for each in going:
                self._resume(each)
            while self._left:
                self._turn()
        finally:
            for each in going:
                each.course.close()
            self._close()
        return [(each.result, each.error) for each in going]

    def _turn(self) -> None:
        """What has come goes on; where nothing has, it is time for what is shared."""
        now = time.monotonic()
        self._asleep = True
        found = self._selector.select(0 if self._came else self._patience(now))
        self._asleep = False
        worked = bool(self._came)
        while self._came:
            each, came, error = self._came.popleft()
            if isinstance(each, _Seal):
                self._end(each, error)
            else:
                self._resume(each, came, error)
        for key, _ in found:
            self._hear(key)
        if now >= self._look_at:
            self._look(now)
        if self._resting:
            self._wake(time.monotonic())
        if self._sharing and not (found or worked or self._sealing):
            self._share()

    def _hear(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._heard:
            with suppress(BlockingIOError):
                self._heard.recv(4096)
            return
        each = self._waiting.pop(key.fd, None)
        if each is None:  # nobody has asked for what it says, so it has to wait
            self._selector.unregister(key.fileobj)
            self._socks.pop(key.fd, None)
        else:
            self._resume(each)

    def _patience(self, now: float) -> float:
        if self._sharing and not self._sealing:
            return _MOMENT if self._company_pays() else 0
        until = min(self._look_at, self._resting[0][0]) if self._resting else self._look_at
        return max(until - now, 0)

    def _company_pays(self) -> bool:
        """What is shared costs nearly the same for one as for five. So less than half of all wait a moment for one more;
        and where it takes long, because of a slow disk, so do more of them, for who misses it has to wait for the next.
        """
        size = len(self._sharing)
        return 2 * size < self._left or (size < self._left and self._took > _LONG)

    def _look(self, now: float) -> None:
        self._look_at = now + _LOOK
        for number, each in list(self._waiting.items()):
            if each.until <= now:
                del self._waiting[number]
                self._resume(each, error=TimeoutError("the time was up"))

    def _wake(self, now: float) -> None:
        while self._resting and (self._resting[0][0] <= now or self._stop.is_set()):
            self._resume(heapq.heappop(self._resting)[2])

    def _share(self) -> None:
        """One call for all who wait for the same."""
        sharing, self._sharing = self._sharing, []
        serve = sharing[0][0].serve
        now = [each for each in sharing if each[0].serve == serve]
        self._sharing = [each for each in sharing if each[0].serve != serve]
        seal: _Seal[T] = _Seal(time.monotonic())
        try:
            served: Served = serve([wait.request for wait, _ in now])
        except Exception as error:  # noqa: BLE001 - each of them raises it
            for _, each in now:
                self._resume(each, error=error)
        else:
            self._begin(seal, served.seal, len(now))
            for (_, each), answer in zip(now, served.answers, strict=True):
                each.seal = seal
                self._resume(each, answer)

    def _begin(self, seal: _Seal[T], call: Callable[[], None], size: int) -> None:
        """For a few answers a helper's thread costs more than it gains, unless others have to wait long for a slow disk."""
        self._sealing = True
        if size >= _FEW or (self._left >= _FEW and self._took > _LONG):
            self._idle.put((seal, call))
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001 - who was given an answer is told
            self._end(seal, error)
        else:
            self._end(seal, None)

    def _end(self, seal: _Seal[T], error: BaseException | None) -> None:
        self._sealing = False
        self._took = time.monotonic() - seal.begun
        seal.is_over, seal.error = True, error
        for each in seal.waiting:
            self._resume(each, error=error)

    def _await_seal(self, each: _Going[T]) -> None:
        seal = each.seal
        if seal is None or seal.is_over:
            self._resume(each, error=None if seal is None else seal.error)
        else:
            seal.waiting.append(each)

    def _resume(self, each: _Going[T], came: Any = None, error: BaseException | None = None) -> None:
        try:
            wait = each.course.send(came) if error is None else each.course.throw(error)
        except StopIteration as end:
            each.result = end.value
            self._left -= 1
        except Exception as failure:  # noqa: BLE001 - it is handed over
            each.error = failure
            self._left -= 1
        else:
            self._await(each, wait)

    def _await(self, each: _Going[T], wait: Wait) -> None:
        if isinstance(wait, Ready):
            self._listen(each, wait)
        elif isinstance(wait, Shared):
            self._sharing.append((wait, each))
        elif isinstance(wait, Sealed):
            self._await_seal(each)
        elif isinstance(wait, Rest):
            heapq.heappush(self._resting, (time.monotonic() + wait.seconds, id(each), each))
        else:
            self._send_away(each, wait)

    def _listen(self, each: _Going[T], wait: Ready) -> None:
        """A socket stays registered for reading from one wait to the next, which saves a call of the system for each."""
        sock, number = wait.sock, wait.sock.fileno()
        each.until = wait.until
        self._waiting[number] = each
        if self._socks.get(number) is not sock or wait.writing:
            self._register(sock, number, wait)

    def _register(self, sock: socket.socket, number: int, wait: Ready) -> None:
        with suppress(KeyError):
            self._selector.unregister(number)
        self._selector.register(sock, selectors.EVENT_WRITE if wait.writing else selectors.EVENT_READ)
        if wait.writing:
            self._socks.pop(number, None)
        else:
            self._socks[number] = sock

    def _send_away(self, each: _Going[T], wait: Apart) -> None:
        (self._busy if wait.busy else self._idle).put((each, wait.call))

    @cached_property
    def _busy(self) -> _Hands[T]:
        return _Hands(os.cpu_count() or 1, self._take_back)

    @cached_property
    def _idle(self) -> _Hands[T]:
        return _Hands(self._left, self._take_back)

    def _take_back(self, each: _Going[T] | _Seal[T], came: Any, error: BaseException | None) -> None:
        """Called by a helper's thread. The bell is for a loop that sleeps; another one looks by itself."""
        self._came.append((each, came, error))
        if self._asleep:
            with suppress(BlockingIOError):  # then it rings already
                self._bell.send(b"!")

    def _close(self) -> None:
        for name in ("_busy", "_idle"):
            if name in self.__dict__:
                getattr(self, name).close()
        self._selector.close()
        self._heard.close()
        self._bell.close()


class _Hands(Generic[T]):
    """Helpers' threads, as many as are needed and `most` at most."""

    def __init__(self, most: int, give_back: Callable[[_Going[T] | _Seal[T], Any, BaseException | None], None]) -> None:
        self._most = most
        self._give_back = give_back
        self._calls: SimpleQueue[tuple[_Going[T] | _Seal[T], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def put(self, call: tuple[_Going[T] | _Seal[T], Callable[[], Any]]) -> None:
        self._calls.put(call)
        if len(self._threads) < self._most:
            self._threads.append(Thread(target=self._work, daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (taken := self._calls.get()) is not None:
            each, call = taken
            try:
                came, error = call(), None
            except BaseException as failure:  # noqa: BLE001 - it is raised where it is waited for
                came, error = None, failure
            self._give_back(each, came, error)


def _keep_memory() -> None:
    """Messages come and go. glibc gives their memory back to the system each time, and takes a fault a page to have it
    again, unless something larger was freed before (mallopt(3), M_MMAP_THRESHOLD): three quarters of what a merge costs.
    """
    bytes(_LARGE)
