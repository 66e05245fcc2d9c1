"""What a refusal means, and what may go out at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.errors import (
    AmbiguousFailure,
    Fault,
    PermanentFailure,
    RelayFailure,
    TemporaryFailure,
    TransportError,
)
from newsletter.model import Message
from newsletter.model.wire import Wire
from newsletter.transports.base import Stage, classify, lost, quotable, require_sendable

_MESSAGE = Message(
    sender="digest@example.org",
    recipient="anna@example.com",
    message_id="<1@example.org>",
    wire=Wire.of(b"A: b\r\n\r\nText\r\n"),
)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("code", [421, 450, 451, 452, 503])
def test_what_may_pass_is_temporary_at_every_stage(stage: Stage, code: int) -> None:
    failure = classify(code, "4.3.0 come back" if code < 500 else "out of step", stage)
    assert type(failure) is TemporaryFailure
    assert failure.code == code


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_login_that_is_wanted_burns_nobody(stage: Stage, code: int) -> None:
    assert type(classify(code, "5.7.0 log in", stage)) is RelayFailure


@pytest.mark.parametrize(
    ("code", "text", "stage", "kind", "enhanced"),
    [
        (554, "no service here", Stage.CONNECT, TemporaryFailure, None),
        (550, "5.7.1 go away", Stage.AUTH, RelayFailure, "5.7.1"),
        (504, "5.5.4 unrecognized", Stage.AUTH, RelayFailure, "5.5.4"),
        (553, "5.1.8 sender domain unknown", Stage.MAIL, RelayFailure, "5.1.8"),
        (552, "5.3.4 too big", Stage.MAIL, RelayFailure, "5.3.4"),
        (550, "5.1.1 unknown", Stage.RCPT, PermanentFailure, "5.1.1"),
        (550, "5.2.2 full", Stage.RCPT, PermanentFailure, "5.2.2"),
        (550, "5.7.1 not welcome", Stage.RCPT, PermanentFailure, "5.7.1"),
        (550, "blocked by our policy", Stage.RCPT, PermanentFailure, "5.7.0"),
        (550, "no such person", Stage.RCPT, PermanentFailure, None),
        (554, "5.7.1 <anna@example.com>: Relay access denied", Stage.RCPT, RelayFailure, "5.7.1"),
        (550, "relaying denied", Stage.RCPT, RelayFailure, None),
        (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", Stage.RCPT, RelayFailure, "5.7.54"),
        (550, "5.4.1 relaying mail to that domain is not allowed", Stage.DATA, PermanentFailure, "5.4.1"),
        (552, "mailbox has no room", Stage.RCPT, PermanentFailure, None),
        (552, "5.2.2 message too large for the mailbox's quota", Stage.DOT, PermanentFailure, "5.2.2"),
        (552, "message size exceeds the limit", Stage.DOT, RelayFailure, None),
        (554, "5.6.0 not a message", Stage.DOT, RelayFailure, "5.6.0"),
        (554, "transaction failed", Stage.DOT, PermanentFailure, None),
        (550, "looks like spam", Stage.DOT, PermanentFailure, "5.7.0"),
        (550, "4.1.1 of another class", Stage.RCPT, PermanentFailure, None),
        (550, "5.1.1x is not a code", Stage.RCPT, PermanentFailure, None),
        (250, "Ok", Stage.DATA, TemporaryFailure, None),
        (-1, "", Stage.RCPT, TemporaryFailure, None),
        (-1, "25", Stage.DOT, AmbiguousFailure, None),
        (354, "go on", Stage.DOT, AmbiguousFailure, None),
        (600, "?", Stage.DOT, AmbiguousFailure, None),
    ],
)
def test_every_reply_has_one_meaning(
    code: int, text: str, stage: Stage, kind: type[TransportError], enhanced: str | None
) -> None:
    failure = classify(code, text, stage)
    assert type(failure) is kind
    assert failure.enhanced == enhanced
    assert failure.code == (code if code >= 0 else None)


_OF_A_RECIPIENT = (Stage.RCPT, Stage.DATA, Stage.DOT)


@pytest.mark.parametrize(
    ("fault", "replies", "stages"),
    [
        (Fault.RELAY, ["421 4.7.0 slow down", "421 too many connections", "503 5.5.1 out of step"], tuple(Stage)),
        (Fault.RELAY, ["451 4.3.0 later", "450 4.7.1 greylisted"], (Stage.CONNECT, Stage.AUTH, Stage.MAIL)),
        (Fault.RELAY, ["554 no service here"], (Stage.CONNECT,)),
        (Fault.RELAY, ["451 4.3.0 later", "454 Throttling failure: maximum sending rate"], (Stage.DATA, Stage.DOT)),
        (Fault.RELAY, ["354 go on", "600 ?", "250"], (Stage.RCPT, Stage.DOT)),
        (Fault.DOMAIN, ["450 4.7.1 greylisted", "550 5.7.1 not welcome", "554 blocked: see policy"], _OF_A_RECIPIENT),
        (Fault.MAILBOX, ["452 4.2.2 full", "550 5.2.2 full", "552 no room", "450 4.2.0 busy"], _OF_A_RECIPIENT),
        (Fault.MAILBOX, ["550 5.4.1 no answer from host", "554 5.4.4 no route"], _OF_A_RECIPIENT),
        (Fault.MAILBOX, ["450 not now", "451 4.4.1 no answer from host"], (Stage.RCPT,)),
        (
            Fault.RECIPIENT,
            [f"550 {code} no" for code in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")]
            + ["550 no", "551 no"],
            _OF_A_RECIPIENT,
        ),
        (
            Fault.MESSAGE,
            ["552 5.3.4 too big", "554 5.6.0 not a message", "550 5.6.3 no"],
            (Stage.MAIL, *_OF_A_RECIPIENT),
        ),
        (Fault.MESSAGE, ["552 message size exceeds the limit"], (Stage.MAIL, Stage.DATA, Stage.DOT)),
        (Fault.CONFIGURATION, [f"{code} 5.7.0 log in" for code in (530, 534, 535, 538)], tuple(Stage)),
        (Fault.CONFIGURATION, ["550 5.1.8 bad sender", "550 5.7.1 policy", "504 5.5.4 no"], (Stage.AUTH, Stage.MAIL)),
        (Fault.CONFIGURATION, ["554 5.7.1 Relay access denied"], (Stage.RCPT,)),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_every_refusal_says_whose_doing_it_was(fault: Fault, replies: list[str], stages: tuple[Stage, ...]) -> None:
    for reply in replies:
        code, _, text = reply.partition(" ")
        assert {stage: classify(int(code), text, stage).fault for stage in stages} == dict.fromkeys(stages, fault), (
            reply
        )


def test_what_broke_by_itself_is_the_networks_doing() -> None:
    assert {lost("reset", stage).fault for stage in Stage} == {Fault.NETWORK}


def test_what_we_made_ourselves_is_nobody_elses_doing() -> None:
    with pytest.raises(RelayFailure) as caught:
        require_sendable(replace(_MESSAGE, wire=Wire.of(b"bare\n")))
    assert caught.value.fault is Fault.MESSAGE
    with pytest.raises(PermanentFailure) as refused:
        require_sendable(replace(_MESSAGE, recipient="nobody"))
    assert refused.value.fault is Fault.RECIPIENT


def test_a_lost_connection_is_in_doubt_only_after_the_dot() -> None:
    kinds = {stage: type(lost("timed out", stage)) for stage in Stage}
    assert kinds.pop(Stage.DOT) is AmbiguousFailure
    assert set(kinds.values()) == {TemporaryFailure}


def test_no_address_and_no_control_character_gets_into_a_message() -> None:
    failure = classify(550, "5.1.1 <anna@example.com>\n5.1.1 anna@example.com\x1b[31m is unknown", Stage.RCPT)
    assert failure.message == "RCPT TO: the answer was 550 5.1.1 <address> 5.1.1 <address> is unknown"
    assert "\x1b" not in quotable("a\x1b[31mb")
    assert len(quotable("word " * 1000)) == 200


def test_a_reply_of_no_sense_is_said_to_be_none() -> None:
    assert classify(-1, "", Stage.MAIL).message == "MAIL FROM: the answer was not a reply"


def test_an_ordinary_message_may_go_out() -> None:
    require_sendable(_MESSAGE)
    require_sendable(replace(_MESSAGE, sender=""))
    require_sendable(replace(_MESSAGE, recipient="änne+b@exämple.com"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "anna@",
        "@example.com",
        "anna@example.com, bert@example.com",
        "anna@example.com> SIZE=1",
        "anna@example.com\r\nRCPT TO:<bert@example.com>",
        "Anna <anna@example.com>",
        "anna@bert@example.com",
        "anna @example.com",
        "anna\0@example.com",
        "anna\u2028@example.com",
        "anna\x85@example.com",
        "anna\udc80@example.com",
        '"anna"@example.com',
    ],
)
def test_anything_but_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(PermanentFailure) as caught:
        require_sendable(replace(_MESSAGE, recipient=address))
    assert caught.value.enhanced == "5.1.3"
    assert "anna" not in caught.value.message
    if address:
        with pytest.raises(RelayFailure, match="sender"):
            require_sendable(replace(_MESSAGE, sender=address))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"A: b\r\n\r\na\nb\r\n", "not CRLF"),
        (b"A: b\r\n\r\na\rb\r\n", "not CRLF"),
        (b"A: b\r\n\r\na\n\rb\r\n", "not CRLF"),
        (b"A: b\r\n\r\na", "does not end in CRLF"),
        (b"A: b\r\n\r\na\0b\r\n", "NUL"),
        (b"A: b\r\n\r\n" + b"x" * 999 + b"\r\n", "998"),
    ],
)
def test_data_that_is_not_in_wire_form_is_our_own_fault(data: bytes, problem: str) -> None:
    with pytest.raises(RelayFailure, match=problem):
        require_sendable(replace(_MESSAGE, wire=Wire.of(data)))


def test_the_longest_line_of_the_standard_may_go_out() -> None:
    require_sendable(replace(_MESSAGE, wire=Wire.of(b"A: b\r\n\r\n" + b"x" * 998 + b"\r\n")))
