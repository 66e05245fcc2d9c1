from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from letters import SITE, TOKEN, make_addressee, make_mailing, make_message
from test_mail_headers import UNSAFE
from wire import Links, problems, read

from newsletter.errors import HeaderError, MailError, NewsletterError
from newsletter.mail.encode import quoted_printable
from newsletter.mail.fragments import Fragment, pack, unpack
from newsletter.mail.headers import mailbox
from newsletter.mail.merge import merge, to_field
from newsletter.model import Subscriber
from newsletter.tokens import Tokens

MAILING = make_mailing()
URL = f"https://news.example.org/unsubscribe/{TOKEN}"


def test_what_is_the_recipients_stands_in_its_place() -> None:
    addressee = make_addressee("reader@example.org", "Zoë, R.")
    message = make_message(MAILING, addressee)
    assert (message.sender, message.recipient) == ("bounces@example.org", "reader@example.org")
    assert message.message_id == addressee.message_id
    parts = read(message.data)
    (to,) = parts.message["To"].addresses
    assert (to.display_name, to.addr_spec) == ("Zoë, R.", "reader@example.org")
    assert parts.message["Message-ID"] == addressee.message_id
    assert parsedate_to_datetime(str(parts.message["Date"])) == addressee.date
    assert parts.message["List-Unsubscribe"] == (f"<{URL}>, <mailto:editors@example.org?subject=unsubscribe%20{TOKEN}>")
    assert parts.text.count(f"\n{URL}\n") == 2
    assert [href for href, words in Links(parts.html).links if words == "Unsubscribe"] == [URL, URL]
    assert problems(message.data) == []


def test_nothing_of_the_mark_is_left() -> None:
    parts = read(make_message(MAILING).data)
    assert "unsubscribe-" not in parts.text + parts.html


def test_a_merged_message_equals_one_encoded_whole() -> None:
    """Soft line breaks aside: the slot stands on a line of its own."""
    data = make_message(MAILING).data
    parts = read(data)
    for text in (parts.text, parts.html):
        whole = quoted_printable([text])
        assert whole.replace(b"=\r\n", b"") in data.replace(b"=\r\n", b"")


def test_the_same_inputs_give_the_same_bytes() -> None:
    assert make_message(MAILING) == make_message(MAILING)


def test_a_recipients_token_works_as_it_arrives() -> None:
    tokens = Tokens(["a" * 40])
    token = tokens.unsubscribe("caregiver-weekly", "s7f3kq2m")
    parts = read(make_message(MAILING, make_addressee(token=token)).data)
    arrived = next(href for href, words in Links(parts.html).links if words == "Unsubscribe").rpartition("/")[2]
    assert tokens.read_unsubscribe(arrived).subscriber_id == "s7f3kq2m"


@pytest.mark.parametrize("length", range(1, 160))
def test_a_token_of_any_length_keeps_the_lines_short(length: int) -> None:
    message = make_message(MAILING, make_addressee(token="t" * length))
    assert problems(message.data) == []


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_a_name_or_address_that_could_begin_a_field_is_refused(unsafe: str) -> None:
    with pytest.raises(HeaderError):
        make_message(MAILING, make_addressee(name=f"A{unsafe}B"))
    with pytest.raises(HeaderError):
        make_message(MAILING, make_addressee(f"reader{unsafe}@example.org"))


@pytest.mark.parametrize(
    "address", ["", "a@example.org,b@example.org", "a@example.org b@example.org", "A <a@example.org>"]
)
def test_only_exactly_one_recipient_is_taken(address: str) -> None:
    with pytest.raises(HeaderError, match="exactly one address"):
        make_message(MAILING, make_addressee(address))
    with pytest.raises(HeaderError, match="envelope sender"):
        merge(MAILING, make_addressee(), site=SITE, sender=address)


def test_other_values_that_could_break_out_are_refused() -> None:
    good = make_addressee()
    for wrong in (
        replace(good, message_id="<a@b>\r\nBcc: x@example.org"),
        replace(good, message_id="a@example.org"),
        replace(good, unsubscribe_token="a b"),
        replace(good, unsubscribe_token='a"><b'),
        replace(good, unsubscribe_token=""),
        replace(good, date=datetime(2026, 11, 16, 6)),  # noqa: DTZ001 - the missing zone is the point
    ):
        with pytest.raises(HeaderError):
            make_message(MAILING, wrong)
    with pytest.raises(HeaderError, match=r"site\.base_url"):
        merge(MAILING, good, site=replace(SITE, base_url="https://example.org\r\nBcc: x"), sender="b@example.org")


def test_an_unknown_slot_is_named() -> None:
    bundle = unpack(MAILING.template)
    piece = Fragment(mask=0, content=b"To: \0shoe-size\0\r\n")
    odd = replace(bundle, skeletons=(replace(bundle.skeletons[0], pieces=(piece,)),))
    with pytest.raises(MailError, match="no slot named 'shoe-size'"):
        make_message(replace(MAILING, template=pack(odd)))


def test_an_international_address_reaches_the_message_unchanged() -> None:
    data = make_message(MAILING, make_addressee("jörg@exämple.org", "Jörg")).data
    assert "<jörg@exämple.org>\r\n".encode() in data


@given(
    st.from_regex(r"[A-Za-zé]{0,12}(?: [A-Za-z.]{1,20}){0,4}", fullmatch=True),
    st.one_of(st.emails(), st.from_regex(r"[a-z0-9._+-]{1,66}@[a-z0-9.-]{1,66}", fullmatch=True)),
)
@example("A" * 60, "a@example.org")
@example("Ann Reader", f"{'a' * 64}@example.org")
@settings(max_examples=300, deadline=None)
def test_the_short_way_to_a_recipient_is_the_long_way(name: str, address: str) -> None:
    subscriber = Subscriber(id="x", address=address, name=name)
    try:
        expected = mailbox("To", name, address)
    except HeaderError:
        with pytest.raises(HeaderError):
            to_field(subscriber)
    else:
        assert to_field(subscriber) == expected


@given(st.text(max_size=80), st.one_of(st.text(max_size=40), st.emails()))
@settings(max_examples=200, deadline=None)
def test_no_name_or_address_adds_a_field_or_a_recipient(name: str, address: str) -> None:
    plain = read(make_message(MAILING).data).message.keys()
    try:
        message = make_message(MAILING, make_addressee(address, name))
    except NewsletterError:
        return
    if address.isascii():
        parsed = read(message.data).message
        assert parsed.keys() == plain
        assert [to.addr_spec for to in parsed["To"].addresses] == [address]
        assert not {"Cc", "Bcc"} & set(parsed.keys())
    assert message.data.count(b"\r\nTo: ") == 1


def test_merging_costs_next_to_nothing() -> None:
    """A promise of the design: 10 µs, by `bench/mail.py` on an idle machine. The limit here only tells a join from more."""
    addressee = make_addressee(name="Zoë")
    started = time.process_time()
    for _ in range(1_000):
        make_message(MAILING, addressee)
    assert time.process_time() - started < 0.2
