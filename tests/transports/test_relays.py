"""Several real servers behind one way out: who gets a message when one of them fails, and who must not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from fault_server import Fault as Trouble
from fault_server import FaultServer

from newsletter.errors import (
    AmbiguousFailure,
    Fault,
    PermanentFailure,
    RelayFailure,
    StoreError,
    TemporaryFailure,
    TransportError,
)
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.pacing import Circuit, Limit, Pace, WarmUp, rate_at
from newsletter.store.database import open_database
from newsletter.store.paces import Paces
from newsletter.transports import relays
from newsletter.transports.base import Standing, Transport
from newsletter.transports.relays import HEAD_START, RelayBoard, Relays, Route, Slot
from newsletter.transports.smtp import Relay, Smtp, Timeouts

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_ANNA = Message(
    sender="digest@example.org",
    recipient="anna@example.com",
    message_id="<1@example.org>",
    wire=Wire.of(b"From: digest@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nText\r\n"),
)
_BERT = replace(_ANNA, recipient="bert@example.com", message_id="<2@example.org>")


@dataclass
class _Store:
    """What a store promises, in memory."""

    paces: dict[str, Pace] = field(default_factory=dict)
    writes: int = 0
    broken: bool = False

    def load(self) -> Mapping[str, Pace]:
        return dict(self.paces)

    def change(self, scope: str, step: Callable[[Pace], Pace]) -> Pace:
        if self.broken:
            raise StoreError
        self.writes += 1
        self.paces[scope] = step(self.paces.get(scope, Pace()))
        return self.paces[scope]


@dataclass
class _Clock:
    """A clock that stands still until it is moved, and whose pauses take no time."""

    now: datetime = NOW
    pauses: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class _Fake(Standing):
    """A transport that does as it is told; for what no server can be made to do."""

    deed: Callable[[], None] = lambda: None
    sent: int = 0

    def send(self, message: Message) -> None:
        self.deed()
        self.sent += 1


def _smtp(server: FaultServer, dot: float = 0.3) -> Callable[[], Smtp]:
    timeouts = Timeouts(message=20, dot=dot, quit=0.3)
    relay = Relay(host="127.0.0.1", port=server.port, security="none", timeouts=timeouts)
    return lambda: Smtp(relay)


def _routes(opens: Sequence[Callable[[], Transport]], weights: Sequence[int] = ()) -> list[Route]:
    names = ("first", "second", "third")
    return [
        Route(name=names[place], open=opened, weight=weights[place] if weights else 1)
        for place, opened in enumerate(opens)
    ]


def _joined(
    transports: Sequence[Transport], store: _Store | None = None, clock: _Clock | None = None
) -> tuple[Relays, RelayBoard]:
    clock = clock or _Clock()
    routes = _routes([lambda one=one: one for one in transports])  # type: ignore[misc]
    board = RelayBoard([route.name for route in routes], store or _Store())
    return Relays(routes, board, clock=clock, pause=clock.pause), board


@dataclass
class _Pair:
    """Two servers, a thread's way out over them, and what all threads know."""

    first: FaultServer
    second: FaultServer
    way: Relays
    board: RelayBoard
    clock: _Clock
    store: _Store

    def arrived(self) -> tuple[int, int]:
        return len(self.first.accepted), len(self.second.accepted)


@contextmanager
def _pair(first: FaultServer, second: FaultServer | None = None, dot: float = 0.3) -> Iterator[_Pair]:
    store, clock = _Store(), _Clock()
    with first, second or FaultServer() as other:
        routes = _routes([_smtp(first, dot), _smtp(other, dot)])
        board = RelayBoard([route.name for route in routes], store)
        way = Relays(routes, board, clock=clock, pause=clock.pause)
        yield _Pair(first=first, second=other, way=way, board=board, clock=clock, store=store)
        way.close()


# -- one in for another ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(at="greeting", reply="554 5.3.2 no service"),
        Trouble(at="greeting", reply="421 4.3.2 too many connections"),
        Trouble(at="greeting", deed="cut"),
        Trouble(at="ehlo", reply="451 4.3.0 later"),
        Trouble(at="ehlo", deed="cut"),
        Trouble(at="mail", reply="530 5.7.0 log in"),
        Trouble(at="mail", reply="553 5.1.8 we do not know your domain"),
        Trouble(at="mail", deed="cut"),
        Trouble(at="rcpt", deed="cut"),
        Trouble(at="rcpt", reply="554 5.7.1 Relay access denied"),
        Trouble(at="data", deed="cut"),
        Trouble(at="dot", reply="421 4.3.2 going down"),
        Trouble(at="dot", reply="451 4.3.0 the disk is full"),
    ],
    ids=lambda trouble: f"{trouble.at}-{trouble.deed}-{trouble.reply}",
)
def test_what_the_first_relay_cannot_have_taken_the_second_gets_once(trouble: Trouble) -> None:
    with _pair(FaultServer(always=(trouble,))) as pair:
        pair.way.send(_ANNA)
        assert pair.arrived() == (0, 1)
        pair.way.send(_BERT)
        assert pair.arrived() == (0, 2)
        assert pair.first.connections == 1, "the first relay rests, and is not asked again"
        assert pair.store.paces["relay/first"].circuit == Circuit(failures=1, until=NOW + _MINUTE)
        assert "relay/second" not in pair.store.paces


def test_a_cut_in_the_midst_of_a_message_is_no_doubt_while_its_end_has_not_left() -> None:
    with _pair(FaultServer(always=(Trouble(at="text", deed="cut"),)), dot=10) as pair:
        pair.way.send(replace(_ANNA, wire=Wire.of(_ANNA.data + (b"." * 76 + b"\r\n") * 200_000)))
        assert pair.arrived() == (0, 1)
        pair.clock.now += _MINUTE
        with pytest.raises(AmbiguousFailure):  # so short that the system had taken all of it
            pair.way.send(_BERT)
        assert pair.arrived() == (0, 1)


def test_a_relay_that_is_not_there_is_no_loss() -> None:
    with FaultServer() as gone:
        pass
    with FaultServer() as there:
        clock = _Clock()
        board = RelayBoard(["first", "second"], _Store())
        way = Relays(_routes([_smtp(gone), _smtp(there)]), board, clock=clock)
        way.send(_ANNA)
        assert len(there.accepted) == 1
        way.close()


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(at="dot", deed="cut"),
        Trouble(at="dot", deed="stall"),
        Trouble(at="dot", deed="drip"),
        Trouble(at="dot", reply="354 go on"),
        Trouble(at="dot", reply="25"),
    ],
    ids=lambda trouble: f"{trouble.deed}-{trouble.reply}",
)
def test_what_the_first_relay_may_have_taken_nobody_else_gets(trouble: Trouble) -> None:
    with _pair(FaultServer(scripts={_ANNA.recipient: [trouble]})) as pair:
        with pytest.raises(AmbiguousFailure) as caught:
            pair.way.send(_ANNA)
        assert caught.value.retry_at is None
        assert pair.arrived() == (1, 0)
        pair.way.send(_BERT)
        assert pair.arrived() == (2, 0), "an answer that was lost does not close the relay"


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Trouble(at="rcpt", reply="550 5.1.1 unknown"), PermanentFailure),
        (Trouble(at="rcpt", reply="550 5.7.1 policy"), PermanentFailure),
        (Trouble(at="rcpt", reply="452 4.2.2 full"), TemporaryFailure),
        (Trouble(at="rcpt", reply="450 4.7.1 greylisted"), TemporaryFailure),
        (Trouble(at="dot", reply="554 5.7.1 spam"), PermanentFailure),
        (Trouble(at="dot", reply="554 5.6.0 not a message"), RelayFailure),
    ],
    ids=lambda value: f"{value.at}-{value.reply}" if isinstance(value, Trouble) else value.__name__,
)
def test_who_was_refused_is_not_tried_elsewhere(trouble: Trouble, kind: type[TransportError]) -> None:
    with _pair(FaultServer(scripts={_ANNA.recipient: [trouble]})) as pair:
        with pytest.raises(kind) as caught:
            pair.way.send(_ANNA)
        assert type(caught.value) is kind
        assert caught.value.retry_at is None
        assert pair.second.connections == 0
        pair.way.send(_BERT)
        assert pair.arrived() == (1, 0), "the relay is not to blame"
        assert pair.store.writes == 0


def test_what_we_made_wrong_ourselves_is_shown_to_no_relay() -> None:
    one = _Fake()
    way, _ = _joined([one])
    with pytest.raises(RelayFailure, match="wire form"):
        way.send(replace(_ANNA, wire=Wire.of(b"bare\n")))
    with pytest.raises(PermanentFailure):
        way.send(replace(_ANNA, recipient="nobody"))
    assert one.sent == 0


def test_doubt_is_doubt_whoever_caused_it() -> None:
    def deed() -> None:
        raise AmbiguousFailure(fault=Fault.NETWORK)

    second = _Fake()
    way, _ = _joined([_Fake(deed), second])
    with pytest.raises(AmbiguousFailure):
        way.send(_ANNA)
    assert second.sent == 0


def test_through_any_troubles_nobody_gets_a_message_twice_unless_it_was_in_doubt(tmp_path: Path) -> None:
    """Two servers that fail by lot, each a witness; the verdict compares their files with what `send` said."""
    odds = {
        Trouble(at="text", deed="cut"): 0.1,
        Trouble(at="data", deed="cut"): 0.1,
        Trouble(at="dot", deed="cut"): 0.1,
        Trouble(at="rcpt", reply="550 5.1.1 unknown"): 0.05,
        Trouble(at="rcpt", reply="421 4.7.0 slow down"): 0.05,
        Trouble(at="rcpt", reply="452 4.2.2 full"): 0.05,
        Trouble(at="dot", reply="451 4.3.0 later"): 0.05,
    }
    first = FaultServer(log=tmp_path / "one", odds=odds, seed=1)
    second = FaultServer(log=tmp_path / "two", odds=odds, seed=2)
    told: dict[str, type[BaseException] | None] = {}
    with _pair(first, second) as pair:
        for number in range(300):
            message_id = f"<{number}@example.org>"
            data = _ANNA.data.replace(b"<1@example.org>", message_id.encode())
            message = replace(_ANNA, recipient=f"p{number}@example.com", message_id=message_id, wire=Wire.of(data))
            try:
                pair.way.send(message)
                told[message_id] = None
            except TransportError as failure:
                told[message_id] = type(failure)
            pair.clock.now += 20 * _MINUTE
    seen = Counter(line.split()[0] for name in ("one", "two") for line in (tmp_path / name).read_text().splitlines())
    for message_id, failure in told.items():
        limits = {None: (1, 1), AmbiguousFailure: (0, 1)}.get(failure, (0, 0))
        assert limits[0] <= seen[message_id] <= limits[1], (message_id, failure)
    assert Counter(told.values())[None] > 150
    assert {AmbiguousFailure, PermanentFailure, TemporaryFailure} <= set(told.values())
    assert (tmp_path / "two").read_text(), "the second relay had something to do"


# -- all of them at rest -----------------------------------------------------------------------------------------------


def test_where_no_relay_can_be_used_it_says_when_to_come_back() -> None:
    down = (Trouble(at="greeting", reply="554 5.3.2 no service"),)
    with _pair(FaultServer(always=down), FaultServer(always=down)) as pair:
        with pytest.raises(TemporaryFailure, match="no service") as tried:
            pair.way.send(_ANNA)
        assert tried.value.retry_at == NOW + _MINUTE == pair.board.ready_at(NOW)
        pair.clock.now += 20 * _SECOND
        with pytest.raises(TemporaryFailure, match="no relay") as untried:
            pair.way.send(_ANNA)
        assert untried.value.retry_at == NOW + _MINUTE
        assert untried.value.fault is Fault.NETWORK
        assert (pair.first.connections, pair.second.connections) == (1, 1)
        pair.clock.now = NOW + _MINUTE
        with pytest.raises(TemporaryFailure, match="no service") as again:
            pair.way.send(_ANNA)
        assert again.value.retry_at == NOW + 3 * _MINUTE
        pair.first.always = pair.second.always = ()
        pair.clock.now = NOW + 3 * _MINUTE
        pair.way.send(_ANNA)
        assert pair.arrived() == (1, 0)
        assert pair.store.paces["relay/first"] == Pace()
        assert pair.board.ready_at(pair.clock.now) == pair.clock.now


def test_a_relay_that_refuses_us_is_told_as_what_it_is() -> None:
    trouble = Trouble(at="mail", reply="535 5.7.8 wrong password")
    with _pair(FaultServer(always=(trouble,)), FaultServer(always=(trouble,))) as pair:
        with pytest.raises(RelayFailure) as caught:
            pair.way.send(_ANNA)
        assert caught.value.retry_at == NOW + _MINUTE


def test_one_thread_tries_whether_a_relay_is_back_while_the_others_wait() -> None:
    board = RelayBoard(["first"], _Store({"relay/first": Pace(circuit=Circuit(failures=2, until=NOW))}))
    assert board.take("first", NOW, NOW) == Slot(at=NOW, granted=True)
    assert board.take("first", NOW, NOW) == Slot(at=NOW + 5 * _SECOND, granted=False)
    assert board.ready_at(NOW) == NOW + 5 * _SECOND
    board.left("first")
    assert board.take("first", NOW, NOW).granted
    board.failed("first", NOW)
    assert board.take("first", NOW + 3 * _MINUTE, NOW + 3 * _MINUTE) == Slot(at=NOW + 4 * _MINUTE, granted=False)
    later = NOW + 4 * _MINUTE
    assert board.take("first", later, later, connected=True).granted
    assert board.take("first", later, later).granted
    board.worked("first", later)
    assert [board.take("first", later, later).granted for _ in range(3)] == [True] * 3


def test_who_is_connected_goes_on_while_nobody_else_may_connect() -> None:
    """Relays that allow few connections refuse the next one; those at hand are none the worse."""
    with _pair(FaultServer()) as pair:
        pair.way.send(_ANNA)
        pair.first.once = Trouble(at="greeting", reply="421 4.3.2 too many connections")
        other = Relays(_routes([_smtp(pair.first), _smtp(pair.second)]), pair.board, clock=pair.clock)
        other.send(_ANNA)
        assert pair.arrived() == (1, 1)
        pair.clock.now += 2 * _SECOND  # a 421 slows us down besides
        pair.way.send(_BERT)
        assert pair.arrived() == (2, 1)
        other.send(_BERT)
        assert pair.arrived() == (2, 2)
        assert pair.store.paces["relay/first"].circuit == Circuit(failures=1, until=NOW + _MINUTE)
        other.close()


def test_ten_threads_that_fail_together_are_one_failure() -> None:
    with FaultServer(always=(Trouble(at="greeting", reply="554 no"),)) as server:
        store, clock = _Store(), _Clock()
        board, start = RelayBoard(["first"], store), Barrier(10)

        def run(number: int) -> datetime | None:
            way = Relays(_routes([_smtp(server)]), board, clock=clock, number=number)
            start.wait()
            with pytest.raises(TemporaryFailure) as caught:
                way.send(_ANNA)
            return caught.value.retry_at

        with ThreadPoolExecutor(10) as pool:
            assert set(pool.map(run, range(10))) == {NOW + _MINUTE}
        assert store.paces["relay/first"].circuit.failures == 1


def test_a_second_relay_begins_only_while_the_lease_is_long_enough() -> None:
    clock = _Clock()

    def slow_to_fail() -> None:
        clock.now += HEAD_START + _SECOND
        raise TemporaryFailure("no", fault=Fault.NETWORK)

    second = _Fake()
    way, _ = _joined([_Fake(slow_to_fail), second], clock=clock)
    with pytest.raises(TemporaryFailure) as caught:
        way.send(_ANNA)
    assert second.sent == 0
    assert caught.value.retry_at == clock.now, "the second relay is free"
    way.send(_ANNA)
    assert second.sent == 1
    assert HEAD_START + timedelta(seconds=Timeouts().message) < 13 * _MINUTE, "the shortest lease (config)"


def test_an_error_of_ours_leaves_the_relay_to_the_next_thread() -> None:
    def deed() -> None:
        if one.sent:
            raise MemoryError

    one = _Fake(deed, sent=1)
    way, board = _joined([one], _Store({"relay/first": Pace(circuit=Circuit(failures=1, until=NOW))}))
    with pytest.raises(MemoryError):
        way.send(_ANNA)
    assert board.take("first", NOW, NOW).granted
    board.worked("first", NOW)
    one.sent = 0
    way.send(_ANNA)
    with pytest.raises(MemoryError):
        way.send(_ANNA)
    board.failed("first", NOW)
    with pytest.raises(TemporaryFailure, match="no relay"):  # it does not count as connected any more
        way.send(_ANNA)


# -- pace and share ----------------------------------------------------------------------------------------------------


def test_a_limit_is_kept_by_waiting_a_little() -> None:
    clock, one = _Clock(), _Fake()
    way, board = _joined([one], _Store({"relay/first": Pace(limit=Limit(per_minute=6))}), clock)
    for _ in range(4):
        way.send(_ANNA)
    assert one.sent == 4
    assert clock.pauses == [10, 10, 10]
    assert board.ready_at(clock.now) == clock.now + 10 * _SECOND


def test_what_would_be_a_long_wait_is_for_the_ledger() -> None:
    one, clock = _Fake(), _Clock()
    way, _ = _joined([one], _Store({"relay/first": Pace(limit=Limit(per_minute=1))}), clock)
    way.send(_ANNA)
    with pytest.raises(TemporaryFailure) as caught:
        way.send(_ANNA)
    assert (one.sent, clock.pauses, caught.value.retry_at) == (1, [], NOW + _MINUTE)


def test_a_relay_that_is_free_goes_before_one_that_is_not() -> None:
    first, second, clock = _Fake(), _Fake(), _Clock()
    way, _ = _joined([first, second], _Store({"relay/first": Pace(limit=Limit(per_minute=6))}), clock)
    for _ in range(3):
        way.send(_ANNA)
    assert (first.sent, second.sent, clock.pauses) == (1, 2, [])


def test_a_warm_up_sends_the_rest_another_way() -> None:
    limit = Limit(warm_up=WarmUp(start=date(2026, 11, 26), first_day=2, growth=2))
    first, second, clock = _Fake(), _Fake(), _Clock()
    way, _ = _joined([first, second], _Store({"relay/first": Pace(limit=limit)}), clock)
    for _ in range(7):
        way.send(_ANNA)
    assert (first.sent, second.sent) == (4, 3)


def test_limits_hold_for_all_machines_together(tmp_path: Path) -> None:
    """Two boards on one database, as two machines have them: the second believes the database, not its memory."""
    database = open_database(f"sqlite:///{tmp_path / 'newsletter.db'}")
    paces = Paces(database, {"relay/first": Limit(per_minute=6)})
    boards = [RelayBoard(["first"], paces) for _ in range(2)]
    slots = [boards[number % 2].take("first", NOW, NOW + 25 * _SECOND) for number in range(5)]
    assert [(slot.at - NOW) / _SECOND for slot in slots] == [0, 10, 20, 30, 30]
    assert [slot.granted for slot in slots] == [True, True, True, False, False]
    database.close()


def test_a_relay_that_complains_is_used_more_slowly_even_after_a_restart(tmp_path: Path) -> None:
    with FaultServer(once=Trouble(at="greeting", reply="421 4.7.0 too fast")) as server:
        url, clock = f"sqlite:///{tmp_path / 'newsletter.db'}", _Clock()
        database = open_database(url)
        way = Relays(_routes([_smtp(server)]), RelayBoard(["first"], Paces(database)), clock=clock)
        with pytest.raises(TemporaryFailure):
            way.send(_ANNA)
        database.close()
        database = open_database(url)
        pace = Paces(database).load()["relay/first"]
        assert rate_at(pace, NOW) == 30
        board = RelayBoard(["first"], Paces(database))
        assert board.ready_at(NOW) == NOW + _MINUTE
        clock.now += _MINUTE
        way = Relays(_routes([_smtp(server)]), board, clock=clock, pause=clock.pause)
        for _ in range(3):
            way.send(_ANNA)
        assert clock.pauses == [2, 2]
        clock.now += timedelta(days=1)
        way.send(_ANNA)
        assert Paces(database).load() == {}, "a day later it is forgotten"
        way.close()
        database.close()


def test_a_store_that_refuses_stops_no_mail() -> None:
    store = _Store({"relay/first": Pace(limit=Limit(per_minute=6))})
    clock, one = _Clock(), _Fake()
    way, board = _joined([one], store, clock)
    store.broken = True
    way.send(_ANNA)
    way.send(_ANNA)
    assert (one.sent, clock.pauses) == (2, [10])
    board.failed("first", clock.now)
    assert board.ready_at(clock.now) == clock.now + _MINUTE


@pytest.mark.parametrize("senders", [1, 2, 3])
def test_the_relays_share_the_mail_by_weight(senders: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "STINT", 5)
    transports = [_Fake() for _ in range(3)]
    routes = _routes([lambda one=one: one for one in transports], weights=(3, 2, 1))  # type: ignore[misc]
    board = RelayBoard([route.name for route in routes], _Store())
    ways = [Relays(routes, board, clock=_Clock(), number=number) for number in range(senders)]
    for _ in range(60):
        for way in ways:
            way.send(_ANNA)
    assert [one.sent * 6 / (60 * senders) for one in transports] == [3, 2, 1]


def test_a_stint_is_one_connection() -> None:
    with _pair(FaultServer()) as pair:
        for _ in range(relays.STINT + 1):
            pair.way.send(_ANNA)
        assert pair.arrived() == (relays.STINT, 1)
        assert (pair.first.connections, pair.second.connections) == (1, 1)
        assert pair.first.commands.count("quit") == 1
        assert pair.store.writes == 0, "relays without a limit that work cost no write"


def test_every_connection_is_let_go_of() -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(FaultServer()) for _ in range(2)]
        board = RelayBoard(["first", "second"], _Store())
        for number in range(2):
            way = Relays(_routes([_smtp(server) for server in servers]), board, clock=_Clock(), number=number)
            way.send(_ANNA)
            way.close()
        assert [server.commands.count("quit") for server in servers] == [1, 1]
