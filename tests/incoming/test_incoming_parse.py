"""What one message says: reports as mail servers write them, each beside what is to be read of it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import processor_seconds

from newsletter.bounces import judge
from newsletter.incoming.parse import read
from newsletter.incoming.parts import LARGEST, parts
from newsletter.model.incoming import Report

DATA = Path(__file__).parent.parent / "data" / "bounces"
NAMES = sorted(path.stem for path in DATA.glob("*.eml"))
RETURN_PATH = "b+abcdefghijklmnopqrstuvwxyz.abcdefghij@bounces.example.org"
MESSAGE_ID = "<abcdefghijklmnopqrstuvwxyz@news.example.org>"
TOKEN = "weekly.0123456789abcdef0123456789abcdef.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_read_as_what_it_is(name: str) -> None:
    expected = json.loads((DATA / f"{name}.json").read_text())
    data = (DATA / f"{name}.eml").read_bytes()
    report = read(data)
    assert report.kind == expected["kind"]
    if report.kind == "bounce":
        kind, failure = judge(report)
        assert (kind, failure.status, failure.code) == (expected["judged"], expected["status"], expected["code"])
        assert report.partly == expected.get("partly", False)
        assert RETURN_PATH in report.addresses
    assert report.failures == () or report.kind == "bounce"
    ours = b"Message-ID: " + MESSAGE_ID.encode() in data
    assert (MESSAGE_ID in report.message_ids) == expected.get("message_id", ours)
    if "token" in expected:
        assert TOKEN in report.tokens


CORPUS = tuple((DATA / f"{name}.eml").read_bytes() for name in NAMES)
ODD = st.sampled_from(
    [
        b"\r",
        b"\0",
        b"\xff",
        b"\n\n",
        b"--",
        b"=",
        b"?=",
        b"Content-Type: multipart/mixed; boundary=a\n",
        b"\xc3",
        b": ",
        b"<",
    ]
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A report of the corpus, cut, doubled, or with something odd in it, a few times."""
    data = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 6))):
        begin, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        middle = draw(st.one_of(st.just(b""), st.just(data[begin:end] * 2), ODD, st.binary(max_size=40)))
        data = data[:begin] + middle + data[end if draw(st.booleans()) else begin :]
    return data


def _bounded(report: Report) -> bool:
    lists = (report.addresses, report.message_ids, report.tokens, report.failures)
    return all(len(each) <= 20 for each in lists) and all(len(each.words) <= 500 for each in report.failures)


@settings(max_examples=1000)
@given(st.one_of(mangled(), st.binary(max_size=400)))
def test_nothing_makes_the_reader_raise(data: bytes) -> None:
    report = read(data, "somebody@example.org")
    assert _bounded(report)
    if report.failures:
        judge(report)


def _nested(depth: int) -> bytes:
    heads = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (number, number) for number in range(depth)
    )
    return heads + b"Content-Type: message/delivery-status\n\nAction: failed\nStatus: 5.1.1\n"


REPORT = b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n"
TEXT = b"From: MAILER-DAEMON@example.net\n\n"
PHRASES = b"This message was created automatically by mail delivery\nYour message could not be delivered\nbecause:\n"
HOSTILE = {
    "nothing but line ends": b"\n" * LARGEST,
    "nothing but carriage returns": b"\r" * LARGEST,
    "one line": b"a" * 3 * LARGEST,
    "one field": b"Subject: " + b"a" * LARGEST,
    "one encoded word": b"Subject: =?utf-8?b?" + b"QUJD" * 100_000 + b"?=",
    "many encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 50_000,
    "many fields": b"To: a@example.org\n" * 60_000,
    "many addresses": b"To: " + b"a@example.org, " * 60_000,
    "no address but at signs": b"To: " + b"@" * LARGEST,
    "a thousand nestings": _nested(1000),
    "twenty thousand nestings": _nested(20_000),
    "many parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
    "parts of parts of parts": b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 20_000,
    "many recipients": REPORT + b"Action: failed\nStatus: 5.1.1\n\n" * 30_000,
    "a long diagnosis": REPORT + b"Action: failed\nDiagnostic-Code: " + b"5.1. " * 200_000,
    "numbers and dots": REPORT + b"Action: failed\nStatus: " + b"5.1.1." * 100_000,
    "a charset that is none for text": b"Content-Type: text/plain; charset=zlib\n\n" + b"x" * LARGEST,
    "a charset that is slow": b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * (LARGEST // 2),
    "base64 that is none": b"Content-Transfer-Encoding: base64\n\n" + b"=!" * (LARGEST // 2),
    "spaces": TEXT + b" " * LARGEST,
    "blank lines and marks": TEXT + b"> - \n" * 200_000,
    "every phrase and long lines": TEXT + (PHRASES + b"a" * 5000 + b"\n") * 200,
    "dots and slashes": TEXT + PHRASES + b"<" * LARGEST,
    "line separators": TEXT + "\u2028".encode() * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_costs_little(name: str) -> None:
    """Most are gone through in hundredths of a second; the bound leaves room for a busy machine."""
    reports: list[Report] = []
    assert processor_seconds(lambda: reports.append(read(HOSTILE[name]))) < 2
    assert _bounded(reports[0])


def test_what_is_too_deep_or_too_much_is_passed_over() -> None:
    assert max(part.depth for part in parts(_nested(50))) == 5
    assert len(list(parts(HOSTILE["many parts"]))) == 40
    assert len(list(parts(b"Content-Type: multipart/report\n\n--b\n\nno boundary was told\n"))) == 1
    assert read(_nested(3)).kind == "bounce"
    assert read(_nested(50)).kind == "unknown"


@pytest.mark.parametrize(
    "subject",
    [f"=?x-martian?q?unsubscribe?= {TOKEN}", f"=?utf-8?q?unsubscribe_{TOKEN}?=", f"RE:  unsubscribe\t {TOKEN} "],
)
def test_a_request_to_leave_is_understood_in_odd_dress(subject: str) -> None:
    assert read(f"Subject: {subject}\n\n".encode()).tokens == (TOKEN,)


@pytest.mark.parametrize(
    "subject",
    ["=?utf-8?b?abcde?=", "=?utf-8?b?=?=", "unsubscribe", f"please unsubscribe {TOKEN}", f"unsubscribe {TOKEN} x"],
)
def test_other_subjects_ask_for_nothing(subject: str) -> None:
    assert read(f"Subject: {subject}\n\n".encode()).kind == "unknown"


@given(st.binary(max_size=200))
def test_base64_is_read_whatever_stands_in_it(data: bytes) -> None:
    encoded = base64.encodebytes(data)
    (part,) = parts(b"Content-Transfer-Encoding: base64\n\n" + encoded)
    assert part.content() == data
    for end in range(len(encoded)):
        (cut,) = parts(b"Content-Transfer-Encoding: base64\n\n" + encoded[:end])
        assert data.startswith(cut.content())
