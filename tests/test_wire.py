"""What is said of a message's form without looking at all of it is what a look at all of it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.model import Message
from newsletter.model.wire import LONGEST_LINE, Frame, Proven, has_dots, in_front, is_ascii, wire_problem

_LONG = b"x" * (LONGEST_LINE - 2)
_PIECES = st.lists(
    st.lists(
        st.sampled_from([b"\r\n", b"\r\n", b"a", b".", b"\r", b"\n", b"\0", b"\xc3\xa4", _LONG, b"\r\n.\r\n"]), max_size=7
    ).map(b"".join),
    min_size=1,
    max_size=7,
)  # fmt: skip


def _plain_has_dots(data: bytes) -> bool:
    return any(line.startswith(b".") for line in data.split(b"\r\n"))


@given(_PIECES)
@example([b"a\r", b"\n.\r\n"])
@example([b"a\r\nb\r\nc", b"", b"\r\n.d\r\n"])
@example([b"\r\n", b".", b"\r\n"])
@example([b"a\r\n" + _LONG, b"xx", b"x\r\n"])
@example([b"a\r\nb\nc\r\nd", b"", b"\r\n"])
def test_a_message_is_proven_if_and_only_if_it_is_in_wire_form(pieces: list[bytes]) -> None:
    if len(pieces) % 2 == 0:
        pieces.append(b"")
    data = Frame(pieces[::2]).fill(pieces[1::2])
    assert data == b"".join(pieces)
    assert isinstance(data, Proven) == (not wire_problem(data))
    assert has_dots(data) == _plain_has_dots(data)
    assert is_ascii(data) == bytes(data).isascii()


@given(_PIECES.map(b"".join), _PIECES.map(b"".join))
def test_lines_in_front_keep_the_proof_or_lose_it(head: bytes, body: bytes) -> None:
    data = in_front(head, Frame([body]).fill([]))
    assert data == head + body
    if isinstance(data, Proven):
        assert not wire_problem(data)
        assert has_dots(data) == _plain_has_dots(data)
        assert is_ascii(data) == bytes(data).isascii()
    assert not isinstance(in_front(head, bytes(body)), Proven)


def test_a_proof_is_not_handed_on_to_what_is_made_of_it() -> None:
    data = Frame([b"A: b\r\n\r\nText\r\n"]).fill([])
    assert isinstance(data, Proven)
    assert in_front(b"B: c\r\n", data) == b"B: c\r\nA: b\r\n\r\nText\r\n"
    for derived in (data[1:], data + b"x", data.replace(b"x", b"\n"), b"".join([data, b"x"])):
        assert not isinstance(derived, Proven)
    message = Message(sender="a@example.org", recipient="b@example.org", message_id="<1@example.org>", data=data)
    assert not isinstance(replace(message, data=data.replace(b"T", b"\n")).data, Proven)


@pytest.mark.parametrize("length", [LONGEST_LINE, LONGEST_LINE + 1])
def test_a_line_that_only_a_value_makes_too_long_is_seen(length: int) -> None:
    frame = Frame([b"A: b\r\n\r\none\r\ntwo\r\n", b"\r\nthree\r\nfour\r\n"])
    assert isinstance(frame.fill([b"x" * length]), Proven) == (length == LONGEST_LINE)
