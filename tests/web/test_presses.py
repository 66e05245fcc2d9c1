"""Presses that come together are carried out together, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

import pytest
from builders import make_newsletter

from newsletter.errors import StoreError, TokenError
from newsletter.model import Newsletter
from newsletter.web.leaving import MOST_AT_ONCE, Presses

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAILY = make_newsletter("daily")


class Carrier:
    """Knows every link but "wrong", and holds the first batch until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.go = Event(), Event()

    def __call__(self, tokens: Sequence[str], now: datetime) -> list[Newsletter | None]:
        self.batches.append(list(tokens))
        self.begun.set()
        assert self.go.wait(10)
        if "broken" in tokens:
            raise StoreError
        return [None if token == "wrong" else DAILY for token in tokens]


def pressed(tokens: Sequence[str], carrier: Carrier) -> list[Newsletter | BaseException]:
    async def all_at_once() -> list[Newsletter | BaseException]:
        presses = Presses(carrier)
        tasks = [asyncio.create_task(presses.press(token, NOW)) for token in tokens]
        while not carrier.batches:  # noqa: ASYNC110 - it stands in for a thread
            await asyncio.sleep(0)
        carrier.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(all_at_once())


def test_those_that_come_meanwhile_share_a_batch() -> None:
    carrier = Carrier()
    tokens = [str(number) for number in range(MOST_AT_ONCE + 500)]
    assert pressed(tokens, carrier) == [DAILY] * len(tokens)
    assert [token for batch in carrier.batches for token in batch] == tokens
    assert max(map(len, carrier.batches)) <= MOST_AT_ONCE
    assert len(carrier.batches) <= 3


def test_a_wrong_link_is_the_affair_of_who_pressed_it() -> None:
    first, wrong, last = pressed(["a", "wrong", "b"], Carrier())
    assert (first, last) == (DAILY, DAILY)
    assert isinstance(wrong, TokenError)


def test_what_goes_wrong_is_told_to_all_and_the_next_go_on() -> None:
    async def two() -> None:
        carrier = Carrier()
        carrier.go.set()
        presses = Presses(carrier)
        with pytest.raises(StoreError):
            await presses.press("broken", NOW)
        assert await presses.press("a", NOW) == DAILY

    asyncio.run(two())


def test_who_goes_away_leaves_the_others_alone() -> None:
    async def three() -> list[Newsletter]:
        carrier = Carrier()
        presses = Presses(carrier)
        tasks = [asyncio.create_task(presses.press(token, NOW)) for token in ("a", "b", "c")]
        while not carrier.batches:  # noqa: ASYNC110 - it stands in for a thread
            await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        carrier.go.set()
        return [await tasks[0], await tasks[2]]

    assert asyncio.run(three()) == [DAILY, DAILY]
