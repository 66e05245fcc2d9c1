"""What an attempt means for its delivery."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver import (
    AMBIGUOUS_WAIT,
    DOMAIN_WAIT,
    RELAY_WAIT,
    Clerk,
    Post,
    Sender,
    Turn,
    Verdict,
    back_off,
    decide,
)
from newsletter.engine.local import send_all
from newsletter.errors import (
    AmbiguousFailure,
    Fault,
    HeaderError,
    MailError,
    NewsletterError,
    NothingToSend,
    PermanentFailure,
    RelayFailure,
    StoreError,
    TemporaryFailure,
    TransportError,
)
from newsletter.model import (
    DEAD_ADDRESS,
    Claim,
    DeliveryState,
    Exchange,
    Mailing,
    Message,
    Outcome,
    Pause,
    Settled,
    Subscriber,
    Terms,
)
from newsletter.model.wire import Wire
from newsletter.waits import Course, Rest, run

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
MAX_AGE = timedelta(days=4)


def make_claim(*, attempts: int = 1, created_at: datetime = NOW) -> Claim:
    return Claim(
        delivery_id=1,
        digest_id=1,
        newsletter="daily",
        period="2026-11-19",
        subscriber=Subscriber(id="s", address="ann@example.org"),
        message_id="<m@example.org>",
        owner="o",
        lease_until=NOW + timedelta(minutes=15),
        attempts=attempts,
        created_at=created_at,
    )


def test_a_permanent_refusal_is_never_tried_again_however_young() -> None:
    outcome = decide(make_claim(), PermanentFailure("no", code=550, enhanced="5.1.1"), now=NOW, max_age=MAX_AGE).outcome
    assert (outcome.state, outcome.code, outcome.enhanced) == (DeliveryState.BOUNCED, 550, "5.1.1")
    assert outcome.next_at is None


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (TemporaryFailure("later", code=451), "deferred"),
        (AmbiguousFailure("lost"), "ambiguous"),
        (RelayFailure("no", code=530), "relay-refused"),
    ],
)
def test_whatever_else_goes_wrong_is_tried_again(failure: TransportError, kind: str) -> None:
    outcome = decide(make_claim(), failure, now=NOW, max_age=MAX_AGE).outcome
    assert (outcome.state, outcome.kind) == (DeliveryState.DEFERRED, kind)
    assert outcome.next_at is not None
    assert outcome.next_at > NOW
    assert outcome.ambiguous is (kind == "ambiguous")


def test_an_open_question_waits_a_quarter_of_an_hour() -> None:
    outcome = decide(make_claim(), AmbiguousFailure("lost"), now=NOW, max_age=MAX_AGE).outcome
    assert outcome.next_at is not None
    assert outcome.next_at >= NOW + AMBIGUOUS_WAIT


def test_an_open_question_is_left_to_an_operator_who_wants_it() -> None:
    verdict = decide(make_claim(), AmbiguousFailure("lost"), now=NOW, max_age=MAX_AGE, hold=True)
    assert (verdict.outcome.state, verdict.outcome.ambiguous) == (DeliveryState.UNKNOWN, True)
    assert verdict.outcome.next_at is None


@pytest.mark.parametrize("enhanced", sorted(DEAD_ADDRESS))
def test_a_dead_address_is_told_from_every_other_refusal(enhanced: str) -> None:
    failure = PermanentFailure("no such mailbox", code=550, enhanced=enhanced)
    assert decide(make_claim(), failure, now=NOW, max_age=MAX_AGE) == Verdict(
        outcome=Outcome(state=DeliveryState.BOUNCED, kind="refused", code=550, enhanced=enhanced), dead=True
    )


@pytest.mark.parametrize("enhanced", [None, "5.2.2", "5.4.1", "5.0.0"])
def test_other_refusals_burn_no_address(enhanced: str | None) -> None:
    verdict = decide(make_claim(), PermanentFailure("no", code=550, enhanced=enhanced), now=NOW, max_age=MAX_AGE)
    assert verdict.outcome.state is DeliveryState.BOUNCED
    assert not verdict.dead
    assert verdict.pause is None


def test_a_domain_that_finds_us_too_fast_is_slowed_down() -> None:
    failure = TemporaryFailure("slow down", code=450, enhanced="4.7.1", fault=Fault.DOMAIN)
    verdict = decide(make_claim(), failure, now=NOW, max_age=MAX_AGE)
    assert (verdict.slow, verdict.pause, verdict.outcome.kind) == ("domain/example.org", None, "deferred")
    full = TemporaryFailure("full", code=452, enhanced="4.2.2", fault=Fault.MAILBOX)
    assert decide(make_claim(), full, now=NOW, max_age=MAX_AGE).slow is None


def test_a_policy_is_never_the_recipients_fault_and_pauses_the_domain() -> None:
    failure = PermanentFailure("blocked", code=550, enhanced="5.7.1", fault=Fault.DOMAIN)
    verdict = decide(make_claim(), failure, now=NOW, max_age=MAX_AGE)
    assert not verdict.dead
    assert verdict.outcome.kind == "policy"
    assert verdict.pause == Pause(
        scope="domain/example.org", reason="blocked", at=NOW, until=NOW + DOMAIN_WAIT, automatic=True
    )


@pytest.mark.parametrize(
    "failure",
    [
        RelayFailure("too large", code=552, enhanced="5.3.4", fault=Fault.MESSAGE),
        MailError("a choice that was not compiled"),
    ],
)
def test_a_message_at_fault_stops_its_digest_and_blames_nobody(failure: NewsletterError) -> None:
    verdict = decide(make_claim(), failure, now=NOW, max_age=MAX_AGE)
    assert (verdict.outcome.state, verdict.outcome.next_at) == (DeliveryState.DEFERRED, NOW)
    assert verdict.pause is not None
    assert (verdict.pause.scope, verdict.pause.until) == ("digest/daily/2026-11-19", None)


def test_a_relay_that_refuses_us_pauses_everything_for_a_while() -> None:
    verdict = decide(make_claim(), RelayFailure("log in first", code=530), now=NOW, max_age=MAX_AGE)
    assert verdict.pause is not None
    assert (verdict.pause.scope, verdict.pause.until) == ("all", NOW + RELAY_WAIT)
    assert verdict.outcome.next_at == NOW + RELAY_WAIT


def test_where_no_relay_can_be_used_everybody_waits_for_it() -> None:
    at = NOW + timedelta(minutes=2)
    verdict = decide(make_claim(attempts=9), TemporaryFailure("none", retry_at=at), now=NOW, max_age=MAX_AGE)
    assert verdict.outcome == Outcome(state=DeliveryState.DEFERRED, kind="no-relay", next_at=at)
    assert verdict.pause == Pause(scope="all", reason="none", at=NOW, until=at, automatic=True)


def test_a_choice_that_leaves_nothing_is_no_failure() -> None:
    verdict = decide(make_claim(), NothingToSend("nothing"), now=NOW, max_age=MAX_AGE)
    assert verdict == Verdict(outcome=Outcome(state=DeliveryState.SKIPPED, kind="nothing-chosen"))


def test_an_address_that_cannot_stand_in_a_message_ends_its_delivery_alone() -> None:
    verdict = decide(make_claim(), HeaderError("To"), now=NOW, max_age=MAX_AGE)
    assert verdict == Verdict(outcome=Outcome(state=DeliveryState.BOUNCED, kind="not-addressable"))


class _Book:
    """A ledger of so many deliveries that takes its time over a commit and remembers how large each was.

    `failure` is raised at once, `late` when it commits. `on_disk`: the deliveries whose claim is.
    """

    def __init__(self, *, left: int = 1000, failure: StoreError | None = None, late: StoreError | None = None) -> None:
        self.commits: list[tuple[int, int]] = []
        self.failure = failure
        self.late = late
        self.on_disk: set[int] = set()
        self.ended: list[Settled] = []
        self.most_held = 0
        self._left = left
        self._held: set[int] = set()

    def begin_exchange(
        self, settled: Sequence[Settled], wanted: int, terms: Terms, now: datetime
    ) -> tuple[Exchange, Callable[[], None]]:
        if self.failure is not None:
            raise self.failure
        self.commits.append((len(settled), wanted))
        self.ended += settled
        self._held -= {one.claim.delivery_id for one in settled}
        numbers = range(self._left, max(self._left - wanted, 0), -1)
        self._left -= len(numbers)
        self._held |= set(numbers)
        self.most_held = max(self.most_held, len(self._held))
        claims = tuple(replace(make_claim(), delivery_id=number) for number in numbers)
        return Exchange(claims=claims), lambda: self._commit(numbers)

    def _commit(self, numbers: range) -> None:
        time.sleep(0.002)
        if self.late is not None:
            raise self.late
        self.on_disk |= set(numbers)


class _Nobody:
    """Takes what there is to say of mailings and pauses, and forgets it."""

    def mailing(self, digest_id: int, form: str) -> Mailing:
        return Mailing(newsletter="daily", period="2026-11-19", subject="News", template=b"")

    def close_finished(self) -> int:
        return 0

    def add(self, pause: Pause) -> None:
        pass


_SENT = Outcome(state=DeliveryState.SENT, kind="accepted", code=250)


def _message(claim: Claim) -> Message:
    name = f"<{claim.delivery_id}@example.org>"
    return Message(sender="news@example.org", recipient="ann@example.org", message_id=name, wire=Wire.of(b""))


def _post(book: _Book) -> Post:
    return Post(
        ledger=book,
        mailings=_Nobody(),
        suppressions=None,  # type: ignore[arg-type]
        pauses=_Nobody(),
        paces=None,  # type: ignore[arg-type]
        merge=lambda _, claim: _message(claim),
        address_key=str,
        lease=timedelta(minutes=15),
        max_age=MAX_AGE,
    )


def _clerk(book: _Book) -> Clerk:
    return Clerk(_post(book), "o", lambda: NOW)


def test_one_commit_serves_all_who_have_come_and_each_gets_their_own() -> None:
    book = _Book()
    clerk = _clerk(book)
    first = clerk.exchange([Turn(None, more=True)] * 3).answers
    assert [claim is not None for claim in first] == [True] * 3
    ended = [Settled(claim=claim, outcome=_SENT) for claim in first if claim is not None]
    turns = [Turn(ended[0], more=True), Turn(ended[1], more=False), Turn(None, more=True)]
    second = clerk.exchange(turns).answers
    assert [claim is not None for claim in second] == [True, False, True]
    assert book.commits == [(0, 3), (2, 2)]
    assert book.ended == ended[:2]


def test_where_too_little_is_due_some_get_none() -> None:
    clerk = _clerk(_Book(left=2))
    claims = clerk.exchange([Turn(None, more=True)] * 5).answers
    assert [claim is not None for claim in claims] == [True, True, False, False, False]


class _Way:
    """A way out that remembers what it was given, and what of that was not on the disk of `book` then."""

    def __init__(self, failure: Exception | None = None, book: _Book | None = None) -> None:
        self.sent: list[str] = []
        self.too_soon: list[str] = []
        self._book = book
        self.closed = 0
        self._failure = failure

    def sending(self, message: Message) -> Course[None]:
        number = int(message.message_id[1:].partition("@")[0])
        if self._book is not None and number not in self._book.on_disk:
            self.too_soon.append(message.message_id)
        yield Rest(0.001)
        if self._failure is not None:
            raise self._failure
        self.sent.append(message.message_id)

    def closing(self) -> Course[None]:
        self.closed += 1
        yield Rest(0)


def _sending(book: _Book, ways: Sequence[_Way], stop: Event | None = None) -> Counter[str]:
    post, clerk = _post(book), _clerk(book)
    return send_all(
        lambda number: Sender(post, clerk, ways[number], lambda: NOW),
        senders=len(ways),
        stop=stop or Event(),
        told=lambda _: None,
    )


def test_senders_share_their_commits_and_none_holds_two_claims() -> None:
    book, ways = _Book(left=200), [_Way() for _ in range(10)]
    assert _sending(book, ways) == {"sent": 200}
    assert len(book.ended) == 200
    assert sum(len(way.sent) for way in ways) == len({each for way in ways for each in way.sent}) == 200
    assert max(wanted for _, wanted in book.commits) <= 10
    assert len(book.commits) < 100
    assert book.most_held <= 10
    assert [way.closed for way in ways] == [1] * 10


def test_no_message_leaves_before_its_claim_is_on_the_disk() -> None:
    book = _Book(left=200)
    ways = [_Way(book=book) for _ in range(10)]
    assert _sending(book, ways) == {"sent": 200}
    assert [way.too_soon for way in ways] == [[]] * 10


def test_what_cannot_be_committed_does_not_leave() -> None:
    ways = [_Way() for _ in range(4)]
    with pytest.raises(StoreError, match="disk full"):
        _sending(_Book(late=StoreError("disk full")), ways)
    assert [(way.sent, way.closed) for way in ways] == [([], 1)] * 4


def test_a_result_whose_commit_failed_is_handed_in_once_more() -> None:
    book, way = _Book(), _Way()
    sender = Sender(_post(book), _clerk(book), way, lambda: NOW)
    assert run(sender.sending_next()) == _SENT
    book.late = StoreError("disk full")
    with pytest.raises(StoreError):
        run(sender.sending_next())
    book.late = None
    run(sender.closing())
    assert [one.claim.delivery_id for one in book.ended] == [1000, 1000]
    assert len(way.sent) == 1


def test_every_sender_hears_of_a_ledger_that_fails_and_lets_go_of_its_connection() -> None:
    ways = [_Way() for _ in range(4)]
    with pytest.raises(StoreError):
        _sending(_Book(failure=StoreError("disk full")), ways)
    assert [way.closed for way in ways] == [1] * 4


def test_who_is_to_stop_finishes_what_is_in_hand_and_writes_it_down() -> None:
    stop, book = Event(), _Book()
    ways = [_Way() for _ in range(3)]
    Timer(0.05, stop.set).start()
    counts = _sending(book, ways, stop)
    assert counts["sent"] == len(book.ended) == sum(len(way.sent) for way in ways) > 0


def test_a_relay_that_refuses_us_stops_all_of_them_and_nothing_is_left_open() -> None:
    book = _Book()
    ways = [_Way(), _Way(RelayFailure("no", code=530)), _Way()]
    with pytest.raises(RelayFailure):
        _sending(book, ways)
    assert len(book.ended) == sum(wanted for _, wanted in book.commits)
    assert {one.outcome.state for one in book.ended} == {DeliveryState.SENT, DeliveryState.DEFERRED}


def test_a_defect_stops_all_of_them_and_is_raised_before_a_failure_of_the_relay() -> None:
    ways = [_Way(RelayFailure("no", code=530)), _Way(ZeroDivisionError())]
    with pytest.raises(ZeroDivisionError):
        _sending(_Book(), ways)


def test_in_the_end_we_give_up() -> None:
    old = make_claim(created_at=NOW - MAX_AGE)
    assert decide(old, TemporaryFailure("later"), now=NOW, max_age=MAX_AGE).outcome.state is DeliveryState.EXPIRED


@given(st.text(min_size=1), st.integers(1, 1000))
def test_back_off_grows_and_spreads_but_never_leaves_its_bounds(message_id: str, attempts: int) -> None:
    wait = back_off(message_id, attempts)
    assert timedelta(minutes=4) <= wait <= timedelta(minutes=288)
    assert wait == back_off(message_id, attempts)
    assert wait < back_off(message_id, attempts + 2) or attempts >= 4


def test_back_off_spreads() -> None:
    waits = {back_off(f"<{number}@example.org>", 3) for number in range(100)}
    assert len(waits) > 50
