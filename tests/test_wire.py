"""What is said of a message's form without looking at all of it is what a look at all of it says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.model.wire import LONGEST_LINE, Frame, Wire, wire_problem

_LONG = b"x" * (LONGEST_LINE - 2)
_PIECES = st.lists(
    st.lists(
        st.sampled_from([b"\r\n", b"\r\n", b"a", b".", b"\r", b"\n", b"\0", b"\xc3\xa4", _LONG, b"\r\n.\r\n"]), max_size=7
    ).map(b"".join),
    min_size=1,
    max_size=7,
)  # fmt: skip


def _filled(pieces: Sequence[bytes]) -> Wire:
    """Every second piece in a gap."""
    return _framed(pieces).fill(_told(pieces))


def _framed(pieces: Sequence[bytes]) -> Frame:
    return Frame(_even(pieces)[::2], list(_told(pieces)))


def _told(pieces: Sequence[bytes]) -> dict[str, bytes]:
    return {str(place): value for place, value in enumerate(_even(pieces)[1::2])}


def _even(pieces: Sequence[bytes]) -> Sequence[bytes]:
    return pieces if len(pieces) % 2 else [*pieces, b""]


def _require_true(wire: Wire, data: bytes) -> None:
    """What is known of the octets is what a look at all of them says."""
    assert bytes(wire) == data
    assert len(wire) == len(data)
    assert wire == Wire.of(data)
    assert wire.problem == wire_problem(data)
    assert wire.dots == any(line.startswith(b".") for line in data.split(b"\r\n"))
    assert wire.ascii == data.isascii()


@given(_PIECES)
@example([b"a\r", b"\n.\r\n"])
@example([b"a\r\nb\r\nc", b"", b"\r\n.d\r\n"])
@example([b"\r\n", b".", b"\r\n"])
@example([b"a\r\n" + _LONG, b"xx", b"x\r\n"])
@example([b"a\r\nb\nc\r\nd", b"", b"\r\n"])
def test_of_a_frame_that_is_filled_everything_is_known(pieces: list[bytes]) -> None:
    _require_true(_filled(pieces), b"".join(pieces))
    _require_true(_framed(pieces).fill(dict.fromkeys(_told(pieces), b"")), b"".join(_even(pieces)[::2]))


@given(_PIECES, _PIECES, st.lists(st.integers(0, 2), min_size=7, max_size=7))
@example([b"a\r\n", b"\r\n", b"\r\n", b"\r\n"], [b"b\r", b"c"], [0, 0, 0, 0, 0, 0, 0])
def test_what_stands_in_several_gaps_is_looked_at_once_and_counts_in_each(
    fixed: list[bytes], values: list[bytes], places: list[int]
) -> None:
    told = {str(place): values[place % len(values)] for place in range(3)}
    slots = [str(place) for place in places[1 : len(fixed)]]
    data = fixed[0] + b"".join(told[slot] + piece for slot, piece in zip(slots, fixed[1:], strict=True))
    _require_true(Frame(fixed, slots).fill(told), data)


_FIXED = st.sampled_from(
    [b"", b"a", b".", b" <", b"\r\n", b">\r\nb: ", b"\r\n.c\r\n.", b"\xc3\xa4", b"d\r\n\r\n", b"e\0", b"x" * 480]
)  # fmt: skip
_HARMLESS = st.sampled_from([b"a", b" b", b"c.\r\n d", b"\xc3\xa4", b"~=\r\n=2Ee", b"x" * 240, b"y\r\n" + b"z" * 480])
_HARMFUL = st.sampled_from(
    [b"", b".a", b"b\r", b"\nc", b"d\r\n", b"e\r\n.", b"f\0g", b"h\ni", b"\r\nj", b"\t", b"k\x7f"]
)


@given(
    st.lists(_FIXED, min_size=1, max_size=7),
    st.lists(st.one_of(_HARMLESS, _HARMLESS, _HARMLESS, _HARMFUL), min_size=3, max_size=3),
    st.lists(st.integers(0, 2), min_size=7, max_size=7),
)
@example([b"", b"", b""], [b"x" * 333, b"y", b"z"], [0, 0, 0, 0, 0, 0, 0])
@example([b"", b""], [b"a\0b", b"", b""], [0, 1, 0, 0, 0, 0, 0])
@example([b"", b""], [b"a\r", b"\nb", b""], [0, 1, 0, 0, 0, 0, 0])
@settings(max_examples=300)
def test_values_that_seem_harmless_are(fixed: list[bytes], values: list[bytes], places: list[int]) -> None:
    told = dict(zip("012", values, strict=True))
    slots = [str(place) for place in places[: len(fixed)]]
    fixed = [*fixed, b"\r\n"]
    data = fixed[0] + b"".join(told[slot] + piece for slot, piece in zip(slots, fixed[1:], strict=True))
    _require_true(Frame(fixed, slots).fill(told), data)


def test_a_slot_of_which_nothing_is_told_is_named() -> None:
    with pytest.raises(KeyError, match="to"):
        Frame([b"To: ", b"\r\n"], ["to"]).fill({})


def test_what_a_frame_gave_is_not_changed_by_what_it_gives_next() -> None:
    frame = Frame([b"A: ", b"\r\n\r\n", b"\r\n"], "ab")
    first, second = frame.fill({"a": b"b", "b": b"c"}), frame.fill({"a": b"d", "b": b"e"})
    assert (bytes(first), bytes(second)) == (b"A: b\r\n\r\nc\r\n", b"A: d\r\n\r\ne\r\n")


@given(_PIECES.map(b"".join), _PIECES)
def test_with_lines_in_front_as_well(head: bytes, pieces: list[bytes]) -> None:
    head += b"\r\n"
    wire = _filled(pieces).behind(head)
    data = head + b"".join(pieces)
    assert bytes(wire) == data
    assert len(wire) == len(data)
    assert bool(wire.problem) == bool(wire_problem(head) or wire_problem(b"".join(pieces)))
    assert wire.ascii == data.isascii()
    if not wire.problem:
        _require_true(wire, data)


def test_what_does_not_end_with_a_line_cannot_stand_in_front() -> None:
    assert Wire.of(b"A: b\r\n\r\n").behind(b"B: c").problem


@given(_PIECES)
def test_what_is_made_transparent_comes_back(pieces: list[bytes]) -> None:
    sent = b"".join(_filled(pieces).transparent())
    assert not sent.startswith(b".") or sent.startswith(b"..")
    lines = sent.split(b"\r\n")
    assert b"\r\n".join(line.removeprefix(b".") for line in lines) == b"".join(pieces)


def test_messages_are_compared_by_their_octets_and_by_nothing_else() -> None:
    whole, filled = Wire.of(b"A: b\r\n"), _filled([b"A: ", b"b", b"\r\n"])
    assert whole == filled
    assert len({whole, filled}) == 1
    assert whole != Wire.of(b"A: c\r\n")
    assert whole != b"A: b\r\n"


@pytest.mark.parametrize("length", [LONGEST_LINE, LONGEST_LINE + 1])
def test_a_line_that_only_a_value_makes_too_long_is_seen(length: int) -> None:
    wire = _filled([b"A: b\r\n\r\none\r\ntwo\r\n", b"x" * length, b"\r\nthree\r\nfour\r\n"])
    assert bool(wire.problem) == (length > LONGEST_LINE)
