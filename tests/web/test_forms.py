"""How the body of a form is read."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from newsletter.web.forms import MOST_BYTES, MOST_FIELDS, Form, gathered, read_form

URLENCODED = "application/x-www-form-urlencoded"
_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
_NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"'), min_size=1, max_size=10)


def form_of(kind: str | None, *pieces: bytes, length: str | None = None, untyped: bool = False) -> Form:
    told = {"content-type": kind, "content-length": length}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in told.items() if value is not None]
    waiting: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return waiting.pop(0)

    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    return asyncio.run(read_form(request, untyped=untyped))


def status_of(kind: str | None, *pieces: bytes, length: str | None = None) -> int:
    with pytest.raises(HTTPException) as caught:
        form_of(kind, *pieces, length=length)
    return caught.value.status_code


@given(st.lists(st.tuples(_NAMES, _TEXT), max_size=10))
def test_what_a_browser_sends_is_read_in_both_types(pairs: list[tuple[str, str]]) -> None:
    wanted = gathered(pairs)
    assert form_of(URLENCODED, urlencode(pairs).encode()) == wanted
    assert form_of(f"{URLENCODED}; charset=UTF-8", urlencode(pairs).encode()) == wanted
    parts = "".join(
        f'--xYz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in pairs
    )
    for kind in ("multipart/form-data; boundary=xYz", 'Multipart/Form-Data; boundary="xYz"'):
        assert form_of(kind, (parts + "--xYz--\r\n").encode()) == wanted


def test_fields_are_told_apart_and_trimmed() -> None:
    form = form_of(URLENCODED, b"a=+x+&b=1&b=2&c=&a=y")
    assert (form.one("a"), form.every("b"), form.one("c"), form.one("d")) == ("x", ("1", "2"), "", "")
    assert form.has("b", "2")
    assert not form.has("b", "3")


def test_control_characters_and_broken_text_do_no_harm() -> None:
    assert form_of(URLENCODED, b"a=x%00%1by%7f").one("a") == "xy"
    assert form_of(URLENCODED, b"a=%ff\xff").one("a") == "\N{REPLACEMENT CHARACTER}" * 2


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/json", "multipart/mixed; boundary=x"])
def test_no_other_type_is_taken(kind: str | None) -> None:
    assert status_of(kind, b"a=b") == 415


def test_a_press_may_name_no_type() -> None:
    assert form_of(None, b"List-Unsubscribe=One-Click", untyped=True) == Form()
    with pytest.raises(HTTPException):
        form_of("text/plain", b"", untyped=True)


def test_a_body_has_an_end() -> None:
    assert form_of(URLENCODED, b"a=" + b"x" * (MOST_BYTES - 2)).one("a") == "x" * (MOST_BYTES - 2)
    assert status_of(URLENCODED, b"a=" + b"x" * (MOST_BYTES - 1)) == 413
    assert status_of(URLENCODED, *[b"x" * 1000] * 17) == 413, "also one that does not say how long it is"
    for length in ("16385", "9" * 20, "-1", "1e3", ""):
        assert status_of(URLENCODED, b"", length=length) == 413


def test_too_many_fields_and_a_lost_boundary_are_refused() -> None:
    assert status_of(URLENCODED, b"&".join([b"a=1"] * (MOST_FIELDS + 1))) == 400
    assert status_of("multipart/form-data", b"--x--") == 400
