"""What an attempt means for its delivery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.deliver import AMBIGUOUS_WAIT, back_off, decide
from newsletter.errors import (
    AmbiguousFailure,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
    TransportError,
)
from newsletter.model import Claim, DeliveryState, Subscriber

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


def test_accepted_is_sent() -> None:
    assert decide(make_claim(), None, now=NOW, max_age=MAX_AGE).state is DeliveryState.SENT


def test_a_permanent_refusal_is_never_tried_again_however_young() -> None:
    outcome = decide(make_claim(), PermanentFailure("no", code=550, enhanced="5.1.1"), now=NOW, max_age=MAX_AGE)
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
    outcome = decide(make_claim(), failure, now=NOW, max_age=MAX_AGE)
    assert (outcome.state, outcome.kind) == (DeliveryState.DEFERRED, kind)
    assert outcome.next_at is not None
    assert outcome.next_at > NOW
    assert outcome.ambiguous is (kind == "ambiguous")


def test_an_open_question_waits_a_quarter_of_an_hour() -> None:
    outcome = decide(make_claim(), AmbiguousFailure("lost"), now=NOW, max_age=MAX_AGE)
    assert outcome.next_at is not None
    assert outcome.next_at >= NOW + AMBIGUOUS_WAIT


def test_in_the_end_we_give_up() -> None:
    old = make_claim(created_at=NOW - MAX_AGE)
    assert decide(old, TemporaryFailure("later"), now=NOW, max_age=MAX_AGE).state is DeliveryState.EXPIRED


@given(st.text(min_size=1), st.integers(1, 1000))
def test_back_off_grows_and_spreads_but_never_leaves_its_bounds(message_id: str, attempts: int) -> None:
    wait = back_off(message_id, attempts)
    assert timedelta(minutes=4) <= wait <= timedelta(minutes=288)
    assert wait == back_off(message_id, attempts)
    assert wait < back_off(message_id, attempts + 2) or attempts >= 4


def test_back_off_spreads() -> None:
    waits = {back_off(f"<{number}@example.org>", 3) for number in range(100)}
    assert len(waits) > 50
