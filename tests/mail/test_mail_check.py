"""The gate for mail: a good message has no finding, and each rule finds its fault and no other rule does."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail.check_letters import (
    BASE,
    DIGEST,
    DISCREET,
    EXPECTED,
    FIELDS,
    HTML,
    NEWSLETTER,
    TEXT,
    TEXT_ONLY,
    TOKEN,
    WAY_OUT,
    codes,
    message,
    text_only,
)

from newsletter.mail.check import finding
from newsletter.mail.check.expected import Expected
from newsletter.mail.check.finding import RULES, Flaw, Severity, found, quoted
from newsletter.mail.check.message import check_message, hard_problems

ROOT = Path(__file__).resolve().parents[2]


def test_a_good_message_has_no_finding() -> None:
    assert check_message(message(), expected=EXPECTED) == ()
    assert check_message(message(), expected=None) == ()
    assert hard_problems(message(), EXPECTED) == ()


def test_a_good_message_of_text_alone_has_no_finding() -> None:
    assert check_message(text_only(), expected=TEXT_ONLY) == ()
    assert check_message(text_only(), expected=None) == ()


# -- bytes ------------------------------------------------------------------------------------------------------------

WIRE_FAULTS = [
    ("M-NUL", b"Short Walks", b"Short\0Walks"),
    ("M-LINE-END", b"Write to us:\r\n", b"Write to us:\n"),
    ("M-LINE-END", b"--=_specimen--\r\n", b"--=_specimen--"),
    ("M-LINE-LENGTH", b"X-Auto-Response-Suppress: OOF", b"X-Auto-Response-Suppress: " + b"OOF, " * 200 + b"OOF"),
    ("M-ENCODED-LINE", b"Write to us:\r\n", b"Write to us:" + b"=20" * 22 + b"=0A=\r\n"),
    ("M-ENCODED-LINE", b"Write to us", "Write to us é".encode()),
    ("M-STRUCTURE", b"multipart/alternative", b"multipart/mixed"),
    ("M-CHARSET", b"text/plain; charset=utf-8", b"text/plain; charset=us-ascii"),
    ("M-CHARSET", b"text/html; charset=utf-8", b"text/html"),
    ("M-CHARSET", b"Caregivers can help", b"Caregivers =FF can help"),
    ("M-CODING", b"Write to us:\r\n", b"Write to us: \r\n"),
    ("M-CODING", b"About 2 minutes", b"About 2 minutes=3d"),
    ("M-BROKEN-TEXT", b"Write to us", b"Write to=C2=92 us"),
    ("M-REPLACED", b"Write to us", b"Write to=EF=BF=BD us"),
    ("M-LANGUAGE", b"Content-Language: en\r\n", b""),
    ("M-LANGUAGE", b"Content-Language: en\r\n", b"Content-Language: de\r\n"),
    ("M-DEFECT", b"--=_specimen--\r\n", b""),
]


def faulty(old: bytes, new: bytes) -> bytes:
    good = message()
    assert old in good
    return good.replace(old, new, 1)


@pytest.mark.parametrize(("code", "old", "new"), WIRE_FAULTS)
def test_each_fault_of_bytes_is_found(code: str, old: bytes, new: bytes) -> None:
    told = codes(faulty(old, new))
    assert code in told
    # these damage what stands in the body as well
    also = {"M-NUL": {"M-FIELD-CHARACTER", "M-BROKEN-TEXT"}, "M-CHARSET": {"M-TEXT-ORDER"}, "M-LINE-LENGTH": set()}
    assert told <= {code} | also.get(code, set())


@pytest.mark.parametrize("line", [".", "From here on"])
def test_a_line_that_a_relay_would_change_is_found(line: str) -> None:
    data = faulty(b"For caregivers:\r\n", line.encode() + b"\r\n")
    assert codes(data) == {"M-LINE-START"}


def test_a_body_in_another_coding_is_found() -> None:
    eight_bit = faulty(b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: 8bit")
    assert "M-CODING" in codes(eight_bit)


@pytest.mark.parametrize("cut", range(5))
def test_base64_is_read_and_found(cut: int) -> None:
    """Its words count as any others, however much of it is lost."""
    head, text, html, end = message().split(b"--=_specimen")
    fields = text.partition(b"\r\n\r\n")[0].replace(b"quoted-printable", b"base64")
    coded = base64.encodebytes(TEXT.replace("\n", "\r\n").encode()).replace(b"\n", b"\r\n").rstrip()
    body = fields + b"\r\n\r\n" + coded[: len(coded) - cut] + b"\r\n"
    told = codes(b"--=_specimen".join((head, body, html, end)))
    assert told - {"M-DEFECT", "M-TEXT-LINKS", "M-TEXT-ORDER"} == {"M-CODING"}
    assert cut or told == {"M-CODING"}


def test_parts_in_the_wrong_order_or_number_are_found() -> None:
    head, text, html, end = message().split(b"--=_specimen")
    mark = b"--=_specimen"
    assert codes(mark.join((head, html, text, end))) == {"M-STRUCTURE"}
    assert "M-STRUCTURE" in codes(mark.join((head, text, end)))
    assert "M-STRUCTURE" in codes(mark.join((head, text, html, html, end)))


def test_the_edition_is_the_one_that_was_asked_for() -> None:
    assert codes(message(), TEXT_ONLY) == {"M-STRUCTURE"}
    assert codes(text_only(), EXPECTED) == {"M-STRUCTURE"}


def test_a_language_that_is_not_the_sites_is_found() -> None:
    german = replace(EXPECTED, site=replace(EXPECTED.site, language="de"))
    assert codes(message(), german) == {"M-LANGUAGE", "M-REASON", "M-PRIVACY", "M-DISCLAIMER"}


def test_words_that_nobody_has_translated_may_be_english() -> None:
    french = replace(EXPECTED, site=replace(EXPECTED.site, language="fr"))
    assert codes(message(), french) == set()


# -- the header -------------------------------------------------------------------------------------------------------

FIELD_FAULTS = [
    ("M-FIELD-COUNT", "Reply-To: editors@example.org\n", ""),
    ("M-FIELD-COUNT", "Reply-To: editors@example.org\n", "Reply-To: editors@example.org\nReply-To: a@example.org\n"),
    ("M-FIELD-COUNT", "Date: Mon, 16 Nov 2026 06:00:00 +0000\n", ""),
    ("M-FIELD-COUNT", "MIME-Version: 1.0\n", ""),
    ("M-FIELD-COUNT", "List-Archive:", "X-Thing: 1\nX-Thing: 2\nList-Archive:"),
    ("M-FIELD-CHARACTER", "List-Archive:", "X-Thing: a\x0bb\nList-Archive:"),
    ("M-FIELD-CHARACTER", "List-Archive:", "X-Thing:\nList-Archive:"),
    ("M-FIELD-CHARACTER", "2 new summaries, 9", "=?utf-8?q?2_new=0D=0ABcc:_x?= summaries, 9"),
    ("M-FIELD-CHARACTER", "2 new summaries, 9", "=?utf-8?q?2_new=E2=80=A8_?= summaries, 9"),
    ("M-FIELD-CHARACTER", "From: MS Research", "From: MS Résearch"),
    ("M-ENCODED-WORD", "From: MS Research in Plain Words", f"From: =?utf-8?q?{'x' * 70}?="),
    ("M-ENCODED-WORD", "2 new summaries, 9", "=?utf-9?q?2_new_summaries=2C?= 9"),
    ("M-ENCODED-WORD", "2 new summaries, 9", "=?utf-8?b?x?= 9"),
    ("M-ENCODED-WORD", "digest:exampleorg", "=?utf-8?q?digest?=:exampleorg"),
    ("M-DATE", "Mon, 16 Nov 2026 06:00:00 +0000", "Mon, 16 Nov 2026 06:00:00"),
    ("M-DATE", "Mon, 16 Nov 2026 06:00:00 +0000", "Tue, 16 Nov 2026 06:00:00 +0000"),
    ("M-DATE", "Mon, 16 Nov 2026 06:00:00 +0000", "Mon, 31 Nov 2026 06:00:00 +0000"),
    ("M-MAILBOX", "Reply-To: editors@example.org", "Reply-To: editors@example.org, news@example.org"),
    ("M-MAILBOX", "<news@example.org>", "<news@example.org>, Other <other@example.org>"),
    ("M-RECIPIENT", "<reader@example.net>", "<reader@example.net>, Other <other@example.net>"),
    ("M-RECIPIENT", "Reply-To:", "Cc: other@example.net\nReply-To:"),
    ("M-RECIPIENT", "Reply-To:", "Bcc: other@example.net\nReply-To:"),
    ("M-ADDRESS", f"?subject=unsubscribe%20{TOKEN}", "?subject=unsubscribe%20Reader%40example.net"),
    ("M-TOKEN", "subject=help>", f"subject=help%20{TOKEN}>"),
    ("M-MESSAGE-ID", "xyz@example.org>", "xyz@localhost>"),
    ("M-MESSAGE-ID", "xyz@example.org>", "xyz@example.net>"),
    ("M-MESSAGE-ID", "<abc", "abc"),
    ("M-SUBJECT-LENGTH", "1 retraction and 2 new summaries, 9 to 15 November 2026", "1 retraction"),
    ("M-SUBJECT-LENGTH", "1 retraction and", "1 retraction, 4 corrections, 3 expressions of concern, and"),
    ("M-HYPE", "2 new summaries,", "2 new breakthroughs,"),
    ("M-HYPE", "2 new summaries,", "a cure for all,"),
    ("M-HYPE", "November 2026", "November 2026!"),
    ("M-LIST-ID", "List-Id: Caregiver Weekly <caregiver-weekly.example.org>\n", ""),
    ("M-LIST-ID", "<caregiver-weekly.example.org>", "caregiver-weekly.example.org"),
    ("M-LIST-ID", "<caregiver-weekly.example.org>", "<caregiver-weekly.example.net>"),
    ("M-LIST-FIELDS", "List-Help: <mailto:editors@example.org?subject=help>\n", ""),
    ("M-LIST-FIELDS", f"List-Archive: <{BASE}/>", f"List-Archive: {BASE}/"),
    ("M-UNSUBSCRIBE-FIELD", f",\n <mailto:editors@example.org?subject=unsubscribe%20{TOKEN}>", ""),
    ("M-UNSUBSCRIBE-FIELD", f"<{WAY_OUT}>,", f"<{WAY_OUT}>, <{WAY_OUT}/2>,"),
    ("M-ONE-CLICK", "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n", ""),
    ("M-ONE-CLICK", "List-Unsubscribe=One-Click", "one-click"),
    ("M-AUTOMATIC", "Auto-Submitted: auto-generated\n", ""),
    ("M-AUTOMATIC", "auto-generated", "no"),
    ("M-AUTOMATIC", "X-Auto-Response-Suppress: OOF, AutoReply\n", ""),
    ("M-PRECEDENCE", "Auto-Submitted:", "Precedence: bulk\nAuto-Submitted:"),
    ("M-FEEDBACK-ID", "Feedback-ID: caregiver-weekly:2026-W46:digest:exampleorg\n", ""),
    ("M-FEEDBACK-ID", "digest:exampleorg", "digest:a:b:exampleorg"),
    ("M-FEEDBACK-ID", "digest:exampleorg", "digest:org"),
    ("M-FEEDBACK-ID", "digest:exampleorg", "digest:exampleorgexample"),
]


@pytest.mark.parametrize(("code", "old", "new"), FIELD_FAULTS)
def test_each_fault_of_the_header_is_found(code: str, old: str, new: str) -> None:
    assert old in FIELDS
    told = codes(message(fields=FIELDS.replace(old, new, 1)))
    assert told - {"M-DEFECT"} == {code}  # the standard library's parser may object to the same thing


def test_a_field_that_the_parser_takes_apart_badly_is_a_defect() -> None:
    assert "M-DEFECT" in codes(message(fields=FIELDS.replace("<news@example.org>", "<news@>")))


def test_text_in_other_scripts_may_stand_in_a_subject_and_a_name() -> None:
    told = FIELDS.replace("MS Research in Plain Words", "=?utf-8?b?TVMtRm9yc2NodW5nIGbDvHIgYWxsZQ==?=")
    told = told.replace("2 new summaries", "2 =?utf-8?q?=C3=9Cberblicke?=\n =?utf-8?q?_mehr?=")
    assert codes(message(fields=told)) == set()


def test_a_site_without_https_is_told_and_may_send() -> None:
    plain = WAY_OUT.replace("https:", "http:")
    fields = FIELDS.replace(WAY_OUT, plain).replace("List-Unsubscribe-Post: List-Unsubscribe=One-Click\n", "")
    data = message(HTML.replace(WAY_OUT, plain), TEXT.replace(WAY_OUT, plain), fields)
    assert codes(data) == {"M-HTTPS"}
    assert hard_problems(data, EXPECTED) == ()


def test_a_title_with_hype_in_it_stays_as_its_source_wrote_it() -> None:
    """The rule is for words of ours."""
    fields = FIELDS.replace("2 new summaries,", "A Cure for Naps,")
    assert codes(message(fields=fields)) == {"M-HYPE"}
    item = DIGEST.items[1]
    summary = replace(item.article.summary, title="A Cure for Naps")
    renamed = replace(item, article=replace(item.article, summary=summary))
    day = replace(DIGEST.days[0], items=(DIGEST.items[0], renamed))
    expected = replace(EXPECTED, digest=replace(DIGEST, days=(day,), placed=()))
    cured = [part.replace("Short Naps After Lunch", "A Cure for Naps") for part in (HTML, TEXT)]
    told = replace(
        expected, digest=replace(expected.digest, placed=(replace(DIGEST.placed[1], article=renamed.article),))
    )
    assert "M-HYPE" not in codes(message(*cured, fields), told)


PREHEADER = "Retracted: Morning Light and Mood. The journal has taken this study back."
NEUTRAL = "Your digest of 9 to 15 November 2026 is ready to read."
DISCREET_HTML = HTML.replace(PREHEADER, NEUTRAL)
DISCREET_FIELDS = FIELDS.replace("MS Research in Plain Words", "Reading Post").replace(
    "List-Id: Caregiver Weekly", "List-Id: Reading Post"
)


def test_a_discreet_message_tells_nothing_where_others_may_see() -> None:
    assert codes(message(DISCREET_HTML, fields=DISCREET_FIELDS), DISCREET) == set()
    assert codes(message(DISCREET_HTML), DISCREET) == {"M-DISCREET"}, "the sender's name"
    assert codes(message(HTML, fields=DISCREET_FIELDS), DISCREET) == {"M-DISCREET"}, "the preheader"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1 retraction and 2 new summaries", "2 new summaries on multiple sclerosis"),
        ("1 retraction and 2 new summaries", "New: Short Naps After Lunch"),
        ("List-Id: Reading Post", "List-Id: Multiple Sklerose"),
    ],
)
def test_each_word_that_would_tell_the_condition_is_found(old: str, new: str) -> None:
    assert old in DISCREET_FIELDS
    data = message(DISCREET_HTML, fields=DISCREET_FIELDS.replace(old, new))
    assert codes(data, DISCREET) == {"M-DISCREET"}


# -- the table of rules -----------------------------------------------------------------------------------------------


def test_hard_problems_are_the_errors_alone_as_sentences() -> None:
    data = message(
        fields=FIELDS.replace("Auto-Submitted:", "Precedence: bulk\nAuto-Submitted:").replace("List-Help", "X-Help")
    )
    assert codes(data) == {"M-PRECEDENCE", "M-LIST-FIELDS"}
    (told,) = hard_problems(data, EXPECTED)
    assert told.startswith('M-PRECEDENCE, header Precedence: Precedence is "bulk"; right is no Precedence. It means')


def test_a_finding_says_what_was_found_what_is_right_and_who_is_hurt() -> None:
    (told,) = check_message(message(HTML.replace("<!DOCTYPE html>", "<!doctype html>")), expected=EXPECTED)
    assert (told.code, told.severity, told.place) == ("M-DOCTYPE", Severity.ERROR, "HTML")
    assert told.message.startswith('it starts with "<!doctype html>')
    assert "premailer" in told.why


def test_the_same_flaw_is_told_once() -> None:
    flaw = Flaw("M-NUL", "message", "there is a NUL")
    assert len(list(found([flaw, flaw]))) == 1


def test_what_was_found_is_told_in_one_short_line() -> None:
    assert quoted("a\nb\x00\x1b[31m") == '"a b\ufffd\ufffd[31m"'
    assert len(quoted("x" * 1000)) == 62
    assert quoted(None) == "nothing"


def test_the_documentation_has_every_rule_word_for_word() -> None:
    text = (ROOT / "docs" / "checking-mail.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(M-[A-Z0-9-]+)` \| (\w+) \| (.*) \| (.*) \|$", text, re.MULTILINE)
    told = {code: (severity, right.replace("`", ""), why.replace("`", "")) for code, severity, right, why in rows}
    assert told == {code: (rule.severity.value, rule.right, rule.why) for code, rule in RULES.items()}
    assert [row[0] for row in rows] == list(RULES)


def test_every_rule_is_used_and_every_code_used_is_a_rule() -> None:
    folder = Path(finding.__file__).parent
    used = {
        code
        for path in folder.glob("*.py")
        if path.name != "finding.py"
        for code in re.findall(r'"(M-[A-Z0-9-]+)"', path.read_text("utf-8"))
    }
    assert used == set(RULES)


def test_every_rule_has_a_fault_that_breaks_it() -> None:
    tried = {
        code
        for path in Path(__file__).parent.glob("test_mail_check*.py")
        for code in re.findall(r'"(M-[A-Z0-9-]+)"', path.read_text("utf-8"))
    }
    assert tried >= set(RULES)


def test_sentences_of_rules_are_sentences() -> None:
    for code, rule in RULES.items():
        assert rule.why.endswith("."), code
        assert rule.why[0].isupper(), code
        assert not rule.right.endswith("."), code


# -- no input makes it fail -------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    assert all(each.code in RULES for each in check_message(data, expected=EXPECTED))
    assert check_message(data, expected=None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_makes_it_fail(data: st.DataObject) -> None:
    """A good message with a piece of it replaced by something else."""
    good = message()
    start = data.draw(st.integers(0, len(good)))
    end = min(len(good), start + data.draw(st.integers(0, 200)))
    pieces = st.one_of(st.binary(max_size=40), st.sampled_from([b"<", b"=", b'"', b"{", b"}", b"<style>", b"\r\n\r\n"]))
    check_message(good[:start] + data.draw(pieces) + good[end:], expected=EXPECTED)


def test_no_address_makes_it_fail() -> None:
    """What begins like a host of IPv6 and is none is refused by the standard library."""
    broken = FIELDS.replace("<https://", "<https://[", 1)
    assert broken != FIELDS
    assert "M-UNSUBSCRIBE" in codes(message(fields=broken))


@pytest.mark.parametrize("html", ["", "<", "<div>" * 3000, "<p style='", "<style>{{{", "<!--", "\0", "<h1></h1>"])
def test_no_page_makes_it_fail(html: str) -> None:
    assert "M-DOCTYPE" in codes(message(html))


def test_what_is_unknown_is_not_judged() -> None:
    """Without the digest nobody knows which articles and links there should be."""
    bare = Expected(newsletter=NEWSLETTER, site=EXPECTED.site)
    shorter = HTML.replace("Short Naps After Lunch", "Another Title").replace(
        "journal.example.com", "other.example.com"
    )
    text = TEXT.replace("Short Naps After Lunch", "Another Title").replace("journal.example.com", "other.example.com")
    assert codes(message(shorter, text), bare) == set()
    assert codes(message(shorter, text)) == {"M-ARTICLES", "M-HOST"}
