"""Signed links: true to the last character, for one purpose, and for ever."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import TokenError
from newsletter.tokens import Tokens, Unsubscribe

OLD, NEW = "o" * 32, "n" * 40
NAMES = st.from_regex(r"\A[a-z0-9-]{1,64}\Z")


@given(NAMES, st.from_regex(r"\A[0-9a-f]{32}\Z"))
def test_a_token_is_read_back_and_is_safe_in_a_url(newsletter: str, subscriber: str) -> None:
    tokens = Tokens([NEW])
    token = tokens.unsubscribe(newsletter, subscriber)
    assert tokens.read_unsubscribe(token) == Unsubscribe(newsletter, subscriber)
    assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()


def test_any_changed_character_is_noticed() -> None:
    tokens = Tokens([NEW])
    token = tokens.unsubscribe("daily", "a" * 32)
    every = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    for place, other in product(range(len(token)), every):
        if token[place] == other:
            continue
        changed = token[:place] + other + token[place + 1 :]
        with pytest.raises(TokenError):
            tokens.read_unsubscribe(changed)


@pytest.mark.parametrize("token", ["", ".", "a.b", "a.b.c", "\x00", "é", "a.b.c.d" * 100])
def test_rubbish_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        Tokens([NEW]).read_unsubscribe(token)


def test_an_old_key_still_opens_and_the_new_one_signs() -> None:
    old = Tokens([OLD]).unsubscribe("daily", "s")
    both = Tokens([NEW, OLD])
    assert both.read_unsubscribe(old) == Unsubscribe("daily", "s")
    assert Tokens([NEW]).read_unsubscribe(both.unsubscribe("daily", "s")) == Unsubscribe("daily", "s")
    with pytest.raises(TokenError):
        Tokens([NEW]).read_unsubscribe(old)


def test_names_stay_the_same_when_a_key_is_added() -> None:
    old, both = Tokens([OLD]), Tokens([NEW, OLD])
    assert old.message_id("daily", "2026-11-19", "s", "example.org") == both.message_id(
        "daily", "2026-11-19", "s", "example.org"
    )
    assert old.address_key("Ann@Example.org ") == both.address_key("ann@example.org")


def test_a_message_id_differs_for_each_part_and_reveals_none() -> None:
    tokens = Tokens([NEW])
    ids = {
        tokens.message_id(*parts, "example.org")
        for parts in (("daily", "p", "s"), ("weekly", "p", "s"), ("daily", "q", "s"), ("daily", "p", "t"))
    }
    assert len(ids) == 4
    assert all(len(each) == len("<>@example.org") + 26 and "daily" not in each for each in ids)


@pytest.mark.parametrize("ring", [[], ["short"], [NEW, "short"]])
def test_a_weak_ring_is_refused(ring: list[str]) -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Tokens(ring)
