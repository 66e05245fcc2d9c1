"""Sidecars: every key, and every way to get one wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from capture_examples import GOOD, raw
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.model import Facts, IssueDate, Precision, Status
from newsletter.sources.base import E_SIDECAR, FACTS_LIMIT
from newsletter.sources.capture import parse_capture
from newsletter.sources.sidecar import Sidecar, read_facts

NOTICE = 'status = "retracted"\nnotice = "The numbers could not be checked."\n'


def read(text: str | bytes) -> Sidecar:
    return read_facts(text if isinstance(text, bytes) else text.encode(), "one.toml")


def test_every_key_is_read() -> None:
    sidecar = read(
        NOTICE
        + """
        published = 2026-11-18T09:30:00+01:00
        publish_after = 2027-01-15T08:00:00Z
        issue_date = 2026-12-31
        status_date = 2026-11-17T09:00:00+00:00
        source_url = "https://doi.example.org/10.5555/1"
        doi = "10.5555/1"
        pmid = "99990001"
        topics = ["T cells", "gait", "Gait", "Anxiety"]
        """
    )
    assert sidecar == Sidecar(
        facts=Facts(
            published=datetime(2026, 11, 18, 8, 30, tzinfo=UTC),
            publish_after=datetime(2027, 1, 15, 8, tzinfo=UTC),
            issue_date=IssueDate(day=date(2026, 12, 31), precision=Precision.DAY),
            status=Status.RETRACTED,
            status_date=datetime(2026, 11, 17, 9, tzinfo=UTC),
            notice="The numbers could not be checked.",
            source_url="https://doi.example.org/10.5555/1",
            doi="10.5555/1",
            pmid="99990001",
        ),
        topics=("T cells", "gait", "Anxiety"),
    )


@pytest.mark.parametrize("text", ["", "# nothing to say\n", b"\xef\xbb\xbf# nothing\r\n", 'status = "ok"\n'])
def test_every_key_may_be_left_out(text: str | bytes) -> None:
    assert read(text) == Sidecar(facts=Facts(), topics=None)


def test_a_day_stays_a_day() -> None:
    assert read("published = 2026-11-18").facts.published == date(2026, 11, 18)


def test_an_empty_list_of_topics_says_that_there_are_none() -> None:
    assert read("topics = []").topics == ()
    assert parse_capture(raw(GOOD, "topics = []")).summary.topics == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("publishd = 2026-11-18", "'publishd' is no key of a sidecar; the keys are published, publish_after"),
        ('published = "2026-11-18"', "published: found '2026-11-18'; right would be a date such as 2026-11-18"),
        ("published = 2026-11-18T09:00:00", "published: found 2026-11-18 09:00:00; right would be"),
        ("published = 0001-01-01T00:00:00+14:00", "with zone"),
        ("published = true", "published: found true"),
        ("publish_after = 2026-11-18", "publish_after: found 2026-11-18; right would be a date and time with zone"),
        ("status_date = 2026-11-18T09:00:00", "right would be a date and time with zone"),
        ("issue_date = 2026-11-18T09:00:00Z", "right would be a date such as 2026-12-01"),
        ("issue_date = [2026]", "issue_date: found a list"),
        ("[issue_date]", "issue_date: found a table"),
        ('status = "withdrwan"', "one of ok, corrected, concern, retracted, withdrawn"),
        ("status = 3", "status: found 3"),
        ('status = "retracted"', "status is 'retracted' but notice is missing"),
        ('status = "retracted"\nnotice = "  "', "notice: found '  '"),
        ('notice = "Wrong."', "notice is given but status is not"),
        ('notice = "a\\u0000b"', "without control characters"),
        ("notice = 1", "notice: found 1"),
        ('source_url = "ftp://example.org/a"', "https:// or http://"),
        ('source_url = "javascript:alert(1)"', "https:// or http://"),
        ('source_url = "https://"', "https:// or http://"),
        ('source_url = "https://[::1"', "https:// or http://"),
        ('source_url = "https://example.org/a b"', "without spaces"),
        ('doi = "https://doi.example.org/10.5555/1"', "a DOI without an address before it"),
        ("pmid = 12345678", "a PubMed number in quotes"),
        ('pmid = "PMC123"', "a PubMed number in quotes"),
        ('topics = "Gait"', "a list of texts"),
        ('topics = ["Gait", 3]', "a list of texts"),
        ('topics = ["Gait", ""]', "a list of texts"),
        (f'topics = ["{"x" * 200}"]', "a list of texts of at most 120"),
        ("published = ", "not TOML"),
        ("published = 2026-11-18\npublished = 2026-11-18", "not TOML"),
        ("pmid = " + "9" * 5000, "not TOML"),
        ("topics = " + "[" * 5000, "nested too deeply"),
        (b'notice = "caf\xe9"', "byte 13 is not UTF-8"),
        ("#" * (FACTS_LIMIT + 1), "larger than"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(text: str | bytes, says: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read(text)
    assert refused.value.code == E_SIDECAR
    assert refused.value.message.startswith("one.toml: ")
    assert says in refused.value.message
    assert len(refused.value.message) < 400


def test_a_bad_sidecar_costs_its_document() -> None:
    with pytest.raises(DocumentError) as refused:
        parse_capture(raw(GOOD, "publishd = 1"))
    assert refused.value.code == E_SIDECAR
    assert refused.value.message.startswith("folder/one.toml: ")


_KEYS = [*Facts.__dataclass_fields__, "topics", "x"]
_VALUES = [
    "1",
    "true",
    "2026-11-18",
    "2026-11-18T09:00:00Z",
    "09:00:00",
    '"a"',
    '"ok"',
    "[]",
    '["a"]',
    "{}",
    "1e9",
    "nan",
]


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_make_facts_or_a_refusal(data: bytes) -> None:
    _facts_or_refusal(data)


@given(st.dictionaries(st.sampled_from(_KEYS), st.sampled_from(_VALUES), max_size=5))
def test_any_values_make_facts_or_a_refusal(values: dict[str, str]) -> None:
    _facts_or_refusal("\n".join(f"{key} = {value}" for key, value in values.items()).encode())


def _facts_or_refusal(data: bytes) -> None:
    try:
        facts = read_facts(data, "one.toml").facts
    except DocumentError:
        return
    assert (facts.status is Status.OK) == (not facts.notice)
