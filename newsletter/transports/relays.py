"""Several relays as one way out: shared by weight, each at its own pace, and one in for another when it fails.

Every thread has its own `Relays`; what all of them have to know of a relay stands on one `RelayBoard`. A message goes to
a second relay only where the first cannot have accepted it and was itself to blame.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from threading import Lock
from typing import Protocol

from newsletter.errors import AmbiguousFailure, Fault, StoreError, TemporaryFailure, TransportError
from newsletter.model import Message
from newsletter.pacing import Circuit, Limit, Pace, complains, earliest, recovered, reserve, slow, turns
from newsletter.transports.base import Transport, require_sendable
from newsletter.waits import Course, Rest, run

STINT = 100  #: so many messages go by one relay before it is the next one's turn

#: Within this time of its start a message may still begin at a relay: what is left of the shortest lease (13 minutes) is
#: enough for the longest transaction (`smtp.Timeouts.message`), so that nobody else takes the delivery over meanwhile.
HEAD_START = timedelta(seconds=45)

_TRYING = timedelta(seconds=5)  # how soon to ask again while another thread tries whether a relay is back
_WHOLE = Circuit()
_RELAYS_OWN = frozenset({Fault.NETWORK, Fault.CONFIGURATION, Fault.RELAY})


class Store(Protocol):
    """Where paces are kept (`store.paces.Paces`)."""

    def load(self) -> Mapping[str, Pace]: ...
    def change(self, scope: str, step: Callable[[Pace], Pace]) -> Pace: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A relay among others: `weight` of the sum of all weights is its share. `open` makes a transport for one thread."""

    name: str
    open: Callable[[], Transport]
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The moment `at` which a message may leave; where it is not `granted`, when to ask again."""

    at: datetime
    granted: bool


def scope_of(relay: str) -> str:
    return f"relay/{relay}"


class RelayBoard:
    """What all threads know of the relays: which can be reached, and how fast each may be used.

    What must outlive the process is written to the store at once; a relay without a limit that works costs no write.
    Where the store refuses, the process's own memory must do: the ledger, in the same database, tells of it soon enough.
    """

    def __init__(self, names: Sequence[str], store: Store) -> None:
        """Raises StoreError where the store cannot be read."""
        loaded = store.load()
        self._paces = {name: loaded.get(scope_of(name), Pace()) for name in names}
        self._store = store
        self._tried: set[str] = set()
        self._lock = Lock()

    def ready_at(self, now: datetime) -> datetime:
        """The first moment at which some relay may take a message: `now`, or later. Claim nothing before."""
        with self._lock:
            return min(self._opens(name, now) for name in self._paces)

    def take(self, name: str, now: datetime, latest: datetime, *, connected: bool = False) -> Slot:
        """A slot at this relay, charged to its pace, if there is one up to `latest`.

        A relay that could not be reached takes no new connection for a while; threads that are `connected` go on. Then
        one thread tries, while the others wait. Whoever was granted a slot must say how it ended: `worked`, `failed` or
        `left`.
        """
        with self._lock:
            closed = None if connected else self._closed_until(name, now)
            if now > latest:
                return Slot(at=now, granted=False)
            if closed is not None:
                return Slot(at=closed, granted=False)
            slot = self._charge(name, now, latest)
            if slot.granted and not connected and self._paces[name].circuit != Circuit():
                self._tried.add(name)
            return slot

    def worked(self, name: str, now: datetime) -> None:
        """The relay answered as it should, whatever it said of a recipient."""
        with self._lock:
            self._tried.discard(name)
            pace = self._paces[name]
            if pace.slow_down is None and pace.circuit == _WHOLE:
                return
            healed = replace(recovered(pace, now), circuit=Circuit())
            if pace.circuit.admits(now) and (healed.circuit, healed.slow_down) != (pace.circuit, pace.slow_down):
                self._change(name, lambda pace: replace(recovered(pace, now), circuit=Circuit()))

    def failed(self, name: str, now: datetime) -> None:
        """The relay could not be reached, or refused us."""
        with self._lock:
            self._tried.discard(name)
            self._change(name, lambda pace: replace(pace, circuit=pace.circuit.broken(now)))

    def left(self, name: str) -> None:
        """An attempt ended that says nothing of whether the relay works."""
        with self._lock:
            self._tried.discard(name)

    def slow(self, name: str, now: datetime) -> None:
        """The relay complained of our speed."""
        with self._lock:
            self._change(name, lambda pace: slow(pace, now))

    def _opens(self, name: str, now: datetime) -> datetime:
        return max(self._closed_until(name, now) or now, earliest(self._paces[name], now))

    def _closed_until(self, name: str, now: datetime) -> datetime | None:
        circuit = self._paces[name].circuit
        if not circuit.admits(now):
            return circuit.until
        return now + _TRYING if name in self._tried else None

    def _charge(self, name: str, now: datetime, latest: datetime) -> Slot:
        """Asked of the store, since other machines may use the relay too."""
        pace = self._paces[name]
        if pace.limit == Limit() and pace.slow_down is None:
            return Slot(at=now, granted=True)
        slots: list[datetime] = []

        def charged(pace: Pace) -> Pace:
            if earliest(pace, now) > latest:
                return pace
            pace, at = reserve(pace, now)
            slots.append(at)
            return pace

        if earliest(pace, now) <= latest:
            self._change(name, charged)
        return Slot(at=slots[-1] if slots else earliest(self._paces[name], now), granted=bool(slots))

    def _change(self, name: str, step: Callable[[Pace], Pace]) -> None:
        try:
            self._paces[name] = self._store.change(scope_of(name), step)
        except StoreError:
            self._paces[name] = step(self._paces[name])


class Relays:
    """Sends through one of several relays. One instance serves one thread, the `number`th, counted from 0.

    A thread keeps to one relay for a stint, then it is the next one's turn: each relay gets its share of every thread's
    stints, and of the threads at any time. `pause` waits for so many seconds.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        board: RelayBoard,
        *,
        clock: Callable[[], datetime],
        number: int = 0,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Connects to nothing yet. Raises ConfigError where a relay's settings cannot be used."""
        self._round = [routes[place] for place in turns([route.weight for route in routes])]
        self._board = board
        self._clock = clock
        self._turn = number
        self._pause = pause
        self._left = STINT
        self._sequence = self._from_turn()
        self._transports = {route.name: route.open() for route in routes}
        self._connected: set[str] = set()

    def send(self, message: Message) -> None:
        """Returns once a relay has accepted the message; raises as `Transport.send` says.

        A relay that is free at once goes before one that has to be waited for. Where none could be used, `retry_at` of
        the failure says when one may be: the last relay's own failure, or a TemporaryFailure where none was tried.
        """
        run(self.sending(message), self._pause)

    def sending(self, message: Message) -> Course[None]:
        """What `send` does."""
        require_sendable(message)
        latest = self._clock() + HEAD_START
        failure: TransportError | None = None
        order = yield from self._order()
        for longest, route in product((timedelta(), HEAD_START), order):
            wait = self._take(route.name, longest, latest)
            if wait is not None:
                failure = yield from self._attempt(route, message, wait)
                if failure is None:
                    return
        raise self._exhausted(failure)

    def close(self) -> None:
        """Lets go of every connection."""
        run(self.closing())

    def closing(self) -> Course[None]:
        """What `close` does."""
        for transport in self._transports.values():
            yield from transport.closing()
        self._connected.clear()

    def _take(self, name: str, longest: timedelta, latest: datetime) -> timedelta | None:
        """How long to wait for the slot that was granted; None where none was."""
        now = self._clock()
        slot = self._board.take(name, now, min(now + longest, latest), connected=name in self._connected)
        return slot.at - now if slot.granted else None

    def _order(self) -> Course[tuple[Route, ...]]:
        """The relay of this thread's turn first, then the others as their turns would come."""
        if self._left == 0:
            yield from self.closing()
            self._turn += 1
            self._left = STINT
            self._sequence = self._from_turn()
        self._left -= 1
        return self._sequence

    def _from_turn(self) -> tuple[Route, ...]:
        start = self._turn % len(self._round)
        return tuple(dict.fromkeys(self._round[start:] + self._round[:start]))

    def _attempt(self, route: Route, message: Message, wait: timedelta) -> Course[TransportError | None]:
        """None if the relay has accepted it; the failure after which another may try. Any other failure is raised."""
        try:
            if wait:
                yield Rest(wait.total_seconds())
            yield from self._transports[route.name].sending(message)
        except TransportError as failure:
            self._report(route.name, failure)
            if _may_go_elsewhere(failure):
                return failure
            raise
        except BaseException:
            self._connected.discard(route.name)
            self._board.left(route.name)
            raise
        self._connected.add(route.name)
        self._board.worked(route.name, self._clock())
        return None

    def _report(self, name: str, failure: TransportError) -> None:
        now = self._clock()
        if _may_go_elsewhere(failure):
            self._connected.discard(name)
            self._board.failed(name, now)
            if complains(failure.code, failure.enhanced):
                self._board.slow(name, now)
        elif isinstance(failure, AmbiguousFailure):
            self._connected.discard(name)
            self._board.left(name)
        else:
            self._connected.add(name)
            self._board.worked(name, now)

    def _exhausted(self, failure: TransportError | None) -> TransportError:
        now = self._clock()
        if failure is None:
            failure = TemporaryFailure("no relay can be used now", fault=Fault.NETWORK)
        failure.retry_at = self._board.ready_at(now)
        return failure


def _may_go_elsewhere(failure: TransportError) -> bool:
    """Whether nothing can have been accepted, and it was the relay's own doing."""
    return not isinstance(failure, AmbiguousFailure) and failure.fault in _RELAYS_OWN
