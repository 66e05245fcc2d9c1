from __future__ import annotations

import quopri

from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.mail.encode import Slot, _physical_lines, quoted_printable, quoted_printable_value, with_slots

LINK = Slot("link")
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=300)


def decoded(content: bytes) -> str:
    return quopri.decodestring(content).decode().replace("\r\n", "\n")


def assert_lines_fit(content: bytes) -> None:
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert all(len(line) <= 76 for line in content.split(b"\r\n"))
    assert all(line == line.rstrip(b" \t") for line in content.split(b"\r\n"))
    assert content.isascii()


@given(texts)
@example("From here\n.\nend \n\tx\t")
@example("x" * 76 + "\n" + "y" * 77 + "\n" + "é" * 60)
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_in_lines_of_at_most_76_octets(text: str) -> None:
    content = quoted_printable([text])
    assert_lines_fit(content)
    assert b"\0" not in content
    assert decoded(content) == text


@given(texts, texts, st.text("abcXYZ019:/._~-=é", min_size=1, max_size=200))
@example("", "", "x" * 75)
@example("", " ", "x" * 76)
@example("a" * 76, "b" * 76, "x" * 77)
@settings(max_examples=300, deadline=None)
def test_a_filled_slot_reads_as_if_the_text_had_been_encoded_whole(before: str, after: str, value: str) -> None:
    template = quoted_printable([before, LINK, after, LINK])
    pieces = template.split(b"\0")
    assert pieces[1::2] == [b"link", b"link"]
    pieces[1::2] = [quoted_printable_value(value)] * 2
    filled = b"".join(pieces)
    assert_lines_fit(filled)
    assert decoded(filled) == decoded(quoted_printable([before + value + after + value]))


@given(st.text("abcXYZ019:/.", max_size=300))
@example("x" * 75 + ".y" + "z" * 72 + ".")
def test_a_value_that_needs_no_encoder_is_what_the_encoder_makes_of_it(value: str) -> None:
    assert quoted_printable_value(value) == "=\r\n".join(_physical_lines([*value, ""])).encode()


def test_what_mail_stores_and_smtp_rewrite_is_never_at_the_start_of_a_line() -> None:
    content = quoted_printable(["From me\n.\nFromage\nsee From\n" + "x" * 75 + ".y"])
    assert content.split(b"\r\n")[:4] == [b"=46rom me", b"=2E", b"Fromage", b"see From"]
    assert not any(line.startswith(b".") for line in content.split(b"\r\n"))


def test_a_character_is_never_torn_between_lines() -> None:
    for line in quoted_printable(["a" + "😀" * 30]).split(b"\r\n"):
        quopri.decodestring(line.removesuffix(b"=")).decode()


def test_marks_become_slots_and_nothing_else_changes() -> None:
    other = Slot("other")
    assert with_slots("a-M-b-N-M", {"M": LINK, "N": other}) == ["a-", LINK, "-b-", other, "-", LINK, ""]


@given(st.lists(texts.filter(lambda text: "\n" not in text), max_size=6))
@settings(max_examples=200, deadline=None)
def test_whole_lines_encoded_apart_join_to_what_they_are_together(lines: list[str]) -> None:
    joined = b"".join(quoted_printable([f"{line}\n"]) for line in lines)
    assert joined == quoted_printable(["".join(f"{line}\n" for line in lines)])
