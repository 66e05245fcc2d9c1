"""Signed links: true to the last character, for one purpose, and for ever."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from newsletter.errors import TokenError
from newsletter.tokens import Tokens, Unsubscribe, _keyed_hash, confirmation_hash, new_confirmation

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


# -- return paths ------------------------------------------------------------------------------------------------------

BOX = "b@bounces.example.org"
NAMES_OF_MESSAGES = st.from_regex(r"\A[a-z2-7]{26}\Z")


@given(NAMES_OF_MESSAGES, st.sampled_from([BOX, "bounces@example.org", f"{'x' * 26}@example.org"]))
def test_a_return_path_names_its_message_and_fits_an_address(name: str, box: str) -> None:
    tokens = Tokens([NEW])
    path = tokens.return_path(f"<{name}@news.example.org>", box)
    assert tokens.read_return_path(path) == name
    assert len(path.rpartition("@")[0]) == len(box.rpartition("@")[0]) + 38 <= 64
    assert path.startswith(box.partition("@")[0] + "+")
    assert tokens.is_return_path(path)


def test_letters_may_change_their_case_on_the_way() -> None:
    tokens = Tokens([NEW])
    path = tokens.return_path(f"<{'a' * 26}@x.org>", BOX)
    assert tokens.read_return_path(path.upper()) == "a" * 26


def test_any_changed_character_of_a_return_path_is_noticed() -> None:
    tokens = Tokens([NEW])
    path = tokens.return_path(f"<{'abcdefghijklm' * 2}@x.org>", BOX)
    local = path.partition("@")[0]
    for place, other in product(range(2, len(local)), "abcdefghijklmnopqrstuvwxyz234567.+-@0189"):
        if local[place] != other:
            with pytest.raises(TokenError):
                tokens.read_return_path(f"{local[:place]}{other}{local[place + 1 :]}@bounces.example.org")


@pytest.mark.parametrize(
    "address",
    ["", "b@example.org", "b+@example.org", f"b+{'a' * 26}@x.org", f"b+{'a' * 26}.{'a' * 10}", "\x00", "é+@é"],
)
def test_what_names_no_message_is_no_return_path(address: str) -> None:
    assert not Tokens.is_return_path(address)
    with pytest.raises(TokenError):
        Tokens([NEW]).read_return_path(address)


def test_every_key_of_the_ring_opens_a_return_path_and_the_newest_signs() -> None:
    old = Tokens([OLD]).return_path(f"<{'a' * 26}@x.org>", BOX)
    both = Tokens([NEW, OLD])
    assert both.read_return_path(old) == "a" * 26
    assert Tokens([NEW]).read_return_path(both.return_path(f"<{'a' * 26}@x.org>", BOX)) == "a" * 26
    with pytest.raises(TokenError):
        Tokens([NEW]).read_return_path(old)


@pytest.mark.parametrize(
    ("message_id", "box"),
    [(f"<{'a' * 26}@x.org>", f"{'x' * 27}@x.org"), ("<short@x.org>", BOX), (f"<{'a' * 26}@x.org>", "b@")],
)
def test_a_return_path_that_would_not_be_read_back_is_not_made(message_id: str, box: str) -> None:
    with pytest.raises(ValueError, match="26 characters"):
        Tokens([NEW]).return_path(message_id, box)


def test_what_a_limit_keeps_tells_nothing_and_is_another_in_each_scope() -> None:
    tokens = Tokens([NEW, OLD])
    key = tokens.allowance_key("search", "192.0.2.7")
    assert key == Tokens([OLD]).allowance_key("search", "192.0.2.7"), "a new secret does not lift a limit"
    others = (tokens.allowance_key("sign-up", "192.0.2.7"), tokens.allowance_key("search", "192.0.2.8"))
    assert len({key, *others, Tokens([NEW]).allowance_key("search", "192.0.2.7")}) == 4


# -- preferences and confirmations -------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SUBSCRIBER = "0123456789abcdef" * 2


@given(st.from_regex(r"\A[0-9a-f]{32}\Z"), st.integers(0, 7 * 86400), st.floats(0, 0.999))
def test_a_link_to_preferences_names_its_reader_for_a_week(subscriber: str, seconds: int, fraction: float) -> None:
    tokens, made = Tokens([NEW]), NOW + timedelta(seconds=fraction)
    token = tokens.preferences(subscriber, made)
    assert tokens.read_preferences(token, NOW + timedelta(seconds=seconds)) == subscriber
    assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()
    for late in (timedelta(days=7, seconds=1), timedelta(days=3653), timedelta(hours=-1)):
        with pytest.raises(TokenError, match="too old"):
            tokens.read_preferences(token, NOW + late)


def test_any_changed_character_of_a_link_to_preferences_is_noticed() -> None:
    tokens = Tokens([NEW])
    token = tokens.preferences(SUBSCRIBER, NOW)
    every = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    for place, other in product(range(len(token)), every):
        if token[place] != other:
            with pytest.raises(TokenError):
                tokens.read_preferences(token[:place] + other + token[place + 1 :], NOW)


@given(st.binary(min_size=1, max_size=8), st.integers(0, 100))
def test_bytes_that_are_flipped_added_or_cut_off_are_noticed(noise: bytes, place: int) -> None:
    tokens = Tokens([NEW])
    for token, read in (
        (tokens.preferences(SUBSCRIBER, NOW), lambda told: tokens.read_preferences(told, NOW)),
        (tokens.unsubscribe("daily", SUBSCRIBER), tokens.read_unsubscribe),
    ):
        data = token.encode()
        place %= len(data)
        flipped = bytes([*data[:place], data[place] ^ (noise[0] or 1), *data[place + 1 :]])
        for changed in (flipped, data[:place] + noise + data[place:], data[:place]):
            with pytest.raises(TokenError):
                read(changed.decode("latin-1"))


@pytest.mark.parametrize("token", ["", ".", "a.b", "a.b.c", "\x00", "é", "\ud800", "a.b.c.d" * 100])
def test_rubbish_opens_no_preferences(token: str) -> None:
    with pytest.raises(TokenError):
        Tokens([NEW]).read_preferences(token, NOW)


def test_a_link_for_one_purpose_is_worthless_for_another() -> None:
    tokens = Tokens([NEW])
    with pytest.raises(TokenError):
        tokens.read_unsubscribe(tokens.preferences(SUBSCRIBER, NOW))
    with pytest.raises(TokenError):
        tokens.read_preferences(tokens.unsubscribe("daily", SUBSCRIBER), NOW)


def test_an_old_key_still_opens_preferences() -> None:
    old, both = Tokens([OLD]).preferences(SUBSCRIBER, NOW), Tokens([NEW, OLD])
    assert both.read_preferences(old, NOW) == SUBSCRIBER
    assert Tokens([NEW]).read_preferences(both.preferences(SUBSCRIBER, NOW), NOW) == SUBSCRIBER
    with pytest.raises(TokenError):
        Tokens([NEW]).read_preferences(old, NOW)


def test_what_confirms_is_random_and_kept_as_a_hash() -> None:
    made = [new_confirmation() for _ in range(100)]
    assert len(set(made)) == 100
    assert all(len(token) >= 43 for token in made)
    assert confirmation_hash(made[0]) == confirmation_hash(made[0]) != confirmation_hash(made[1])
    assert made[0] not in confirmation_hash(made[0])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_the_prepared_hash_is_the_one_of_the_standard_library(key: bytes, text: bytes) -> None:
    keyed = _keyed_hash(key)
    assert keyed(text) == hmac.digest(key, text, "sha256") == keyed(text)


def test_a_link_to_leave_is_signed_as_itsdangerous_does() -> None:
    theirs = Signer(["old" * 12, "new" * 12], salt="unsubscribe", key_derivation="hmac", digest_method=hashlib.sha256)
    assert Tokens(["new" * 12, "old" * 12]).unsubscribe("daily", "s1") == theirs.sign("daily.s1").decode()
