from __future__ import annotations

import base64
import email
import email.policy
import random
import re
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.errors import HeaderError
from newsletter.mail import headers

UNSAFE = [
    "\r\nBcc: x@example.org",
    "\n",
    "\r",
    "\0",
    "\t",
    "\x1b",
    "\x7f",
    "\x85",
    "\x9f",
    "\u2028",
    "\u2029",
    "\ud800",
]
safe_text = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=200)
WORDS = [
    "été", "MS", "– a", "naïve", "fatigue", "№", "中文", "😀", "x" * 30, "y" * 120, "(trial)", ",", '"q"', "it’s", "1 200", "",
    "=?", "?=", "=?utf-8?q?Hi=0D=0ABcc=3A_x=40example=2Eorg?=", "e\u0301", "\u200f", "\u00a0",
]  # fmt: skip


def read(field: str) -> EmailMessage:
    parsed = email.message_from_bytes(field.encode() + b"\r\nbody", policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def assert_well_formed(field: str) -> None:
    assert field.endswith("\r\n")
    lines = field[:-2].split("\r\n")
    assert all(line.startswith(" ") and line.strip() for line in lines[1:])
    assert all(len(line.encode()) <= 998 for line in lines)
    assert all(len(word) <= 75 for word in re.findall(r"=\?utf-8\?b\?\S*\?=", field))


def joined_words(field: str) -> str:
    """RFC 2047 6.2: white space between encoded-words is not text. The standard library's reader of names keeps it."""
    words = re.findall(r"=\?utf-8\?b\?(\S*)\?=", field)
    return "".join(base64.b64decode(word).decode() for word in words)


def test_a_short_subject_stays_readable() -> None:
    assert headers.text_header("Subject", "3 new summaries") == "Subject: 3 new summaries\r\n"


def test_a_long_plain_subject_is_folded_at_a_space() -> None:
    field = headers.text_header("Subject", "word " * 30 + "end")
    assert max(map(len, field.split("\r\n"))) <= 76
    assert str(read(field)["Subject"]) == "word " * 30 + "end"
    assert "=?" not in field


def test_5000_subjects_come_back_exactly() -> None:
    chance = random.Random(20261120)
    for _ in range(5_000):
        subject = " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, 18)))
        field = headers.text_header("Subject", subject)
        assert_well_formed(field)
        assert max(len(line) for line in field.split("\r\n")) <= 76
        parsed = read(field)
        assert str(parsed["Subject"]) == subject
        assert parsed.keys() == ["Subject"]
        assert not parsed["Subject"].defects


@given(safe_text)
@settings(max_examples=300, deadline=None)
def test_a_second_reader_reads_the_same_subject(subject: str) -> None:
    """The standard library's older reader, which shares no code with the newer one."""
    value = re.sub(r"\r\n(?= )", "", headers.text_header("Subject", subject)[len("Subject: ") : -2])
    assert str(make_header(decode_header(value))) == subject


@given(safe_text)
@example(" leading and trailing ")
@example("")
@settings(max_examples=400, deadline=None)
def test_any_subject_comes_back_exactly(subject: str) -> None:
    field = headers.text_header("Subject", subject)
    assert_well_formed(field)
    parsed = read(field)
    assert parsed.keys() == ["Subject"]
    assert str(parsed["Subject"]) == subject


@given(safe_text)
@example('Robert "Bob" Smith, Jr. <x@example.org>')
@example("a\\b")
@example("=?utf-8?q?=0D=0ABcc=3Ax?=")
@settings(max_examples=400, deadline=None)
def test_any_name_leaves_exactly_one_mailbox(name: str) -> None:
    field = headers.mailbox_header("To", name, "reader@example.org")
    assert_well_formed(field)
    assert max(len(line) for line in field.split("\r\n")) <= 76
    parsed = read(field)
    assert parsed.keys() == ["To"]
    (mailbox,) = parsed["To"].addresses
    assert mailbox.addr_spec == "reader@example.org"
    assert (joined_words(field) or mailbox.display_name) == " ".join(name.split())


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_what_could_begin_another_field_is_refused_everywhere(unsafe: str) -> None:
    for refuse in (
        lambda: headers.text_header("Subject", f"a{unsafe}b"),
        lambda: headers.structured_header("List-Archive", f"a{unsafe}b"),
        lambda: headers.mailbox_header("To", f"a{unsafe}b", "reader@example.org"),
        lambda: headers.mailbox_header("To", "", f"reader{unsafe}@example.org"),
        lambda: headers.list_id_header(f"a{unsafe}b", "weekly.example.org"),
    ):
        with pytest.raises(HeaderError, match=r"U\+[0-9A-F]{4} at character \d+"):
            refuse()


@pytest.mark.parametrize(
    "address",
    [
        "", "reader", "@example.org", "reader@", "a@example.org, b@example.org", "a@example.org b@example.org",
        "Reader <a@example.org>", "<a@example.org>", "a@b@example.org", "a;b@example.org", "group: a@example.org;",
        ".a@example.org", "a..b@example.org", "a.@example.org", '"a b"@example.org', "a@[127.0.0.1]", "a@-example.org",
        "a@example-.org", "a@example..org", "a@example.org.", "a(comment)@example.org", "a\u200b@example.org",
        "a\u00a0@example.org", "a@exam\u202eple.org", "x" * 65 + "@example.org", "a@" + "b" * 64 + ".org",
        "a@" + ".".join(["b" * 60] * 5), "=?utf-8?b?SGk=?=@example.org",
    ],
)  # fmt: skip
def test_anything_but_exactly_one_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(HeaderError) as caught:
        headers.require_address("To", address)
    said = str(caught.value).replace("name@example.org", "")
    assert len(address) < 4 or address not in said


@pytest.mark.parametrize(
    "address", ["a@example.org", "a.b+c@sub.example.org", "o'neil@example.com", "jörg@exämple.org"]
)
def test_one_address_is_taken_as_it_is(address: str) -> None:
    assert headers.require_address("To", address) == address
    assert str(read(headers.mailbox_header("To", "", address))["To"]) == address


def test_an_international_address_is_never_encoded() -> None:
    """RFC 6532 3.2: it stands as UTF-8, and the transport must offer SMTPUTF8."""
    assert headers.mailbox_header("To", "Jörg", "jörg@example.org").endswith("<jörg@example.org>\r\n")


def test_ids_and_urls_are_never_encoded() -> None:
    url = "<https://example.org/" + "a" * 400 + ">"
    assert headers.structured_header("List-Archive", url) == f"List-Archive: {url}\r\n"
    with pytest.raises(HeaderError, match="only ASCII"):
        headers.structured_header("List-Archive", "<https://example.org/é>")
    with pytest.raises(HeaderError, match="only ASCII"):
        headers.list_id_header("Weekly", "é.example.org")


def test_a_list_id_keeps_its_identifier_plain_beside_any_words() -> None:
    assert headers.list_id_header("", "weekly.example.org") == "List-Id: <weekly.example.org>\r\n"
    assert headers.list_id_header("Für Pflegende", "weekly.example.org").endswith(" <weekly.example.org>\r\n")


def test_a_line_that_no_relay_would_take_is_refused() -> None:
    with pytest.raises(HeaderError, match="at most 998"):
        headers.structured_header("List-Archive", "a" * 1_000)


@pytest.mark.parametrize(
    "url", ["ftp://example.org", "https://example.org/a b", "https://example.org/?a&b", "javascript:x", 'https://a"']
)
def test_a_url_that_would_need_an_escape_is_refused(url: str) -> None:
    with pytest.raises(HeaderError, match="plain web address"):
        headers.require_url("site.base_url", url)
