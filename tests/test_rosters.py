"""CSV files of subscribers: whatever they look like, each line goes in or says why not, and what is written is harmless."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.app.rosters import (
    COLUMNS,
    Entry,
    Refusal,
    decoded,
    open_roster,
    safe,
    unsafe,
    write_refused,
    write_roster,
)
from newsletter.errors import UsageError
from newsletter.model import Consent, Edition, Preferences, SubscriptionState
from newsletter.store.preferences import dumps

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HEADER = "address,name,consent_text,consent_at,consent_source\n"
GOOD = "ann@example.org,Ann,Yes please,2026-01-02,paper\n"


def lines_of(text: str, *newsletters: str) -> list[Entry | Refusal]:
    return list(open_roster(text, "people.csv", newsletters or ("daily",), ("daily", "weekly"), NOW).lines)


def refused(text: str, *newsletters: str) -> Refusal:
    (line,) = lines_of(text, *newsletters)
    assert isinstance(line, Refusal)
    return line


def test_a_line_is_a_confirmed_subscription_with_its_consent() -> None:
    (line,) = lines_of(HEADER + GOOD, "daily", "weekly")
    assert isinstance(line, Entry)
    assert line.line == 2
    daily, weekly = line.subscriptions
    assert (daily.newsletter, weekly.newsletter) == ("daily", "weekly")
    assert (daily.subscriber.address, daily.subscriber.name) == ("ann@example.org", "Ann")
    assert daily.state is SubscriptionState.CONFIRMED
    assert daily.consent == Consent(text="Yes please", at=datetime(2026, 1, 2, tzinfo=UTC), source="paper")


@pytest.mark.parametrize(
    "header",
    [
        "address,consent_text,consent_at",
        "\ufeffaddress;consent_text;consent_at",
        "Email Address\tConsent\tConfirm_Time",
        '"E-Mail";"Consent Text";"OPTIN_TIME"',
        "  E-MAIL-ADRESSE , Opt-in text , Consent date ",
        "id,Email,consent_text,consent_at,notes",
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_headers_are_known_by_many_names(header: str, ending: str) -> None:
    mark = next(mark for mark in ";\t," if mark in header)
    cells = ["ann@example.org", "Yes", "2026-01-02"]
    if header.startswith("id"):
        cells = ["7", *cells, "a note"]
    text = decoded(f"{header}{ending}{mark.join(cells)}{ending}{ending}".encode(), "people.csv")
    (line,) = lines_of(text)
    assert isinstance(line, Entry)
    assert line.subscriptions[0].consent == Consent(text="Yes", at=datetime(2026, 1, 2, tzinfo=UTC), source="import")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_that_programs_write_are_read(encoding: str) -> None:
    text = HEADER + "zoe@example.org,Zoë,Ja,2026-01-02,\n"
    (line,) = lines_of(decoded(text.encode(encoding), "people.csv"))
    assert isinstance(line, Entry)
    assert line.subscriptions[0].subscriber.name == "Zoë"


def test_another_encoding_is_refused_with_the_line() -> None:
    with pytest.raises(UsageError, match=r"people\.csv, line 2: not UTF-8"):
        decoded((HEADER + "zoe@example.org,Zoë,Ja,2026-01-02,\n").encode("cp1252"), "people.csv")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "no columns"),
        ("name,consent_text,consent_at\n", "a column address"),
        ("address,consent_at\n", "a column consent_text"),
        ("address,consent_text\n", "a column consent_at"),
        ("address,email,consent_text,consent_at\n", '"address" and "email" both tell the address'),
        ('address,"consent_text\n', "right would be"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_it_lacks(header: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        lines_of(header)


def test_it_must_be_told_what_the_lines_are_for() -> None:
    with pytest.raises(UsageError, match="--newsletter"):
        open_roster(HEADER + GOOD, "people.csv", (), ("daily",), NOW)


@pytest.mark.parametrize(
    ("line", "column", "found"),
    [
        ("ann,Ann,Yes,2026-01-02,", "address", "ann"),
        (",Ann,Yes,2026-01-02,", "address", ""),
        ('"a@example.org, b@example.org",Ann,Yes,2026-01-02,', "address", "a@example.org, b@example.org"),
        ("Ann <ann@example.org>,Ann,Yes,2026-01-02,", "address", "Ann <ann@example.org>"),
        ("ann@example.org,Ann\x07,Yes,2026-01-02,", "name", "Ann\x07"),
        ("ann@example.org,Ann,,2026-01-02,", "consent_text", ""),
        ("ann@example.org,Ann,Yes,,", "consent_at", ""),
        ("ann@example.org,Ann,Yes,02.01.2026,", "consent_at", "02.01.2026"),
        ("ann@example.org,Ann,Yes,2026-12-01,", "consent_at", "2026-12-01"),
        ("ann@example.org,Ann,Yes,0001-01-01T00:00:00+23:59,", "consent_at", "0001-01-01T00:00:00+23:59"),
        ("ann@example.org,Ann", "consent_text", ""),
    ],
)
def test_a_line_that_cannot_go_in_says_where_and_what(line: str, column: str, found: str) -> None:
    told = refused(f"{HEADER}{line}\n")
    assert (told.line, told.column, told.found) == (2, column, found)
    assert told.right


@pytest.mark.parametrize("state", ["unsubscribed", "cleaned", "bounced", "unconfirmed"])
def test_nobody_is_brought_back_who_had_left(state: str) -> None:
    told = refused(f"address,consent_text,consent_at,Status\nann@example.org,Yes,2026-01-02,{state}\n")
    assert (told.column, told.found) == ("state", state)


def test_an_address_goes_in_once() -> None:
    first, second = lines_of(HEADER + GOOD + GOOD.replace("ann@", "ANN@"))
    assert isinstance(first, Entry)
    assert isinstance(second, Refusal)
    assert (second.line, second.right) == (3, "each address once; line 2 has it already")


def test_a_file_that_tells_its_newsletters_is_heeded() -> None:
    text = "address,consent_text,consent_at,newsletter\n" + "".join(
        f"{who}@example.org,Yes,2026-01-02,{slug}\n"
        for who, slug in (("a", "daily"), ("b", "weekly"), ("c", "never"), ("d", ""))
    )
    told = [
        [each.newsletter for each in line.subscriptions] if isinstance(line, Entry) else line.column
        for line in lines_of(text, "daily")
    ]
    assert told == [["daily"], [], "newsletter", ["daily"]]
    chosen = open_roster(text, "people.csv", (), ("daily", "weekly"), NOW).lines
    assert [type(line) for line in chosen] == [Entry, Entry, Refusal, Refusal]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    """A cell may hold line breaks, and empty lines are passed over."""
    text = HEADER + 'ann@example.org,Ann,"Yes\nand\nno",2026-01-02,\n\n\nbob,Bob,Yes,2026-01-02,\n'
    first, second = lines_of(text)
    assert (first.line, second.line) == (2, 7)
    assert isinstance(second, Refusal)


def test_quotes_that_do_not_balance_end_it_and_what_was_before_goes_in() -> None:
    first, second = lines_of(HEADER + GOOD + '"bob@example.org,Bob,Yes,2026-01-02,\n')
    assert isinstance(first, Entry)
    assert isinstance(second, Refusal)
    assert (second.line, second.right[:6]) == (3, "quotes")


@given(st.binary(max_size=300))
def test_rubbish_gives_lines_or_one_error(rubbish: bytes) -> None:
    try:
        text = decoded(HEADER.encode() + rubbish, "people.csv")
        found = lines_of(text)
    except UsageError:
        return
    assert all(isinstance(line, Entry | Refusal) for line in found)


# -- writing -----------------------------------------------------------------------------------------------------------


@given(st.text())
def test_no_cell_becomes_a_formula_and_each_is_read_back(cell: str) -> None:
    assert safe(cell)[:1] not in set("=+-@\t\r")
    assert unsafe(safe(cell)) == cell


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=40).map(str.strip)


@given(TEXT, TEXT.filter(bool), st.integers(0, 10**9), TEXT)
def test_what_an_export_writes_an_import_reads(name: str, consent: str, seconds: int, source: str) -> None:
    at = NOW - timedelta(seconds=seconds)
    wanted = Preferences(edition=Edition.LARGE_PRINT, topics=frozenset({"gait"}))
    row = dict.fromkeys(COLUMNS) | {
        "address": "+ann@example.org",
        "name": name,
        "newsletter": "daily",
        "state": "confirmed",
        "consent_text": consent,
        "consent_at": at,
        "consent_source": source,
        "preferences": dumps(wanted),
    }
    out = io.StringIO(newline="")
    assert write_roster(out, [row]) == 1
    (line,) = open_roster(out.getvalue(), "people.csv", (), ("daily",), NOW).lines
    assert isinstance(line, Entry), line
    (made,) = line.subscriptions
    assert (made.subscriber.address, made.subscriber.name) == ("+ann@example.org", name)
    assert made.consent == Consent(text=consent, at=at, source=source or "import")
    assert made.preferences == wanted


def test_what_was_refused_can_be_put_right_and_imported() -> None:
    text = "E-Mail;Name;Consent;Consent at\nann;=cmd();Yes;2026-01-02\n"
    roster = open_roster(text, "people.csv", ("daily",), ("daily",), NOW)
    wrong = [line for line in roster.lines if isinstance(line, Refusal)]
    out = io.StringIO(newline="")
    write_refused(out, roster.header, wrong)
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert rows[0] == ["line", "column", "found", "right", "E-Mail", "Name", "Consent", "Consent at"]
    assert rows[1][:3] == ["2", "address", "ann"]
    assert rows[1][5] == "'=cmd()"
    (line,) = lines_of(
        out.getvalue()
        .replace(",ann,", ",ann@example.org,")
        .replace("\r\n2,address,ann@example.org", "\r\n2,address,ann")
    )
    assert isinstance(line, Entry)
    assert line.subscriptions[0].subscriber.name == "=cmd()"


def test_preferences_that_nobody_wrote_are_refused() -> None:
    for told in ("{", "[]", '{"edition": "loud"}', '{"colour": 1}', '{"send_at": 7}'):
        text = io.StringIO(newline="")
        csv.writer(text).writerows(
            [("address", "consent_text", "consent_at", "preferences"), ("a@example.org", "Yes", "2026-01-02", told)]
        )
        assert refused(text.getvalue()).column == "preferences"


def test_a_consent_of_this_moment_is_good_and_a_later_one_is_not() -> None:
    for seconds, good in ((0, True), (1, False)):
        at = (NOW + timedelta(seconds=seconds)).isoformat()
        (line,) = lines_of(HEADER + GOOD.replace("2026-01-02", at))
        assert isinstance(line, Entry) is good
