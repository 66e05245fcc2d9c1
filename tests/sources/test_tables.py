"""CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from field_examples import FACTS, SECTIONS, article
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.model import Document, Rating
from newsletter.sources import base
from newsletter.sources.base import Raw, Report, Source
from newsletter.sources.fields import document_of
from newsletter.sources.places import Stream
from newsletter.sources.tables import Tables


def table(rows: Sequence[dict[str, Any]], delimiter: str = ",", line_end: str = "\r\n") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "; ".join(value) if isinstance(value, list) else value for name, value in row.items()})
    return out.getvalue()


def split(text: str | bytes) -> list[Raw]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(Tables().split(Raw(key="all", name="folder/all.csv", data=data)))


def parse(raw: Raw) -> Document:
    return Source("test", Stream(None), Tables()).parse(raw)  # type: ignore[arg-type]


def refusal(text: str | bytes) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        split(text)
    assert refused.value.message.startswith("folder/all.csv")
    return refused.value


def row_refusal(raw: Raw) -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        parse(raw)
    return refused.value


FULL = {"id": "a1", **SECTIONS, **FACTS}
TWO = [article(), article(id="b2", title='Semicolons; commas, and "quotes"')]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_header_tells_the_delimiter(delimiter: str, line_end: str) -> None:
    raws = split(table(TWO, delimiter, line_end))
    assert [raw.key for raw in raws] == ["a1", "b2"]
    assert parse(raws[1]).summary.title == 'Semicolons; commas, and "quotes"'
    assert parse(raws[0]).summary.what_they_found == (
        "Forty people trained at home.",
        "After three months they walked 8% faster.",
    )


def test_a_row_says_what_the_same_fields_say_elsewhere() -> None:
    (raw,) = split(table([FULL]))
    assert parse(raw) == document_of(FULL, key="a1", report=Report(""))
    assert parse(raw).summary.interest == Rating(value=4.5)


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\n,,,\n"])
def test_nothing_before_the_header_harms(before: bytes) -> None:
    assert [raw.key for raw in split(before + table(TWO).encode())] == ["a1", "b2"]


def test_capitals_and_quotes_in_the_header_are_forgiven() -> None:
    text = table(TWO).replace("id,title", '"ID", Title ', 1)
    assert [raw.key for raw in split(text)] == ["a1", "b2"]


def test_formulas_are_text() -> None:
    (raw,) = split(
        table([article(title="=1+1", considerations='=HYPERLINK("https://example.org")', journal="@x", notice=None)])
    )
    summary = parse(raw).summary
    assert (summary.title, summary.considerations, summary.journal) == (
        "=1+1",
        ('=HYPERLINK("https://example.org")',),
        "@x",
    )


def test_topics_are_separated_by_semicolons() -> None:
    (raw,) = split(table([article(topics="T cells; gait;; Gait ;")]))
    assert parse(raw).summary.topics == ("T cells", "gait")


def test_empty_cells_are_not_given_and_empty_rows_are_none() -> None:
    text = table([article(journal=""), {**dict.fromkeys(article(), ""), "journal": " "}, article(id="b", journal="")])
    raws = split(text)
    assert [parse(raw).summary.journal for raw in raws] == [None, None]
    assert [raw.name for raw in raws] == ["folder/all.csv, row 2 ('a1')", "folder/all.csv, row 4 ('b')"]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("id,titel,summary", "unknown columns: 'titel', 'summary'; the columns are id, title"),
        ("id,title,Title", "columns that occur twice: 'title'"),
        ("id,,title", "column 2 has no name"),
        ("title,journal", "there is no column 'id'"),
        ("sep=;", "unknown columns: 'sep=;'"),
        ("PK\x03\x04", "unknown columns"),
    ],
)
def test_a_header_that_is_not_ours_is_refused_by_its_columns(header: str, says: str) -> None:
    refused = refusal(f"{header}\n1,2,3\n")
    assert refused.code == base.E_COLUMNS
    assert "row 1, the header: " in refused.message
    assert says in refused.message


def test_a_bad_row_costs_itself() -> None:
    ids = {"a1": "", "": "", "c": "x", "d": ""}
    text = table([article(id=key, status=status) for key, status in ids.items()])
    first, second, third, fourth = split(text)
    assert (parse(first).key, parse(fourth).key) == ("a1", "d")
    assert row_refusal(second).code == base.E_NO_KEY
    assert "folder/all.csv, row 3: no id" in row_refusal(second).message
    assert row_refusal(third).code == base.E_FIELD
    assert "folder/all.csv, row 4 ('c'): status: found 'x'" in row_refusal(third).message


@pytest.mark.parametrize("row", ["x1,A title", "x1," + ",".join("abcdef") + ",more,and more"])
def test_a_row_with_cells_too_few_or_too_many_costs_itself(row: str) -> None:
    header, *rest = table(TWO).split("\r\n", 1)
    first, *others = split(f"{header}\r\n{row}\r\n{rest[0]}")
    assert row_refusal(first).code == base.E_ROW
    assert "row 2: " in row_refusal(first).message
    assert [parse(raw).key for raw in others] == ["a1", "b2"]


def test_empty_cells_after_the_last_column_are_forgiven() -> None:
    (raw,) = split("id,title\r\nx,y,,\r\n")
    assert raw.error is None


@pytest.mark.parametrize("broken", ['z,"never closed\r\n', 'z,"closed" and more,\r\n', f"z,{'x' * 140_000}\r\n"])
def test_quotes_that_do_not_balance_end_the_file_with_a_reason(broken: str) -> None:
    """Whatever comes after may be text of a cell, so that rows could melt into one."""
    *good, last = split(table(TWO) + broken + 'y,"",\r\n')
    assert [parse(raw).key for raw in good] == ["a1", "b2"]
    assert row_refusal(last).code == base.E_ROW
    assert "row 4: the quotes do not balance" in row_refusal(last).message


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", base.E_EMPTY),
        (b"\r\n \r\n", base.E_EMPTY),
        ("id;title".encode("utf-16"), base.E_NOT_TEXT),
        (b"id,title\n\0", base.E_NOT_TEXT),
        (b"id\n" + b"x" * base.BYTES_LIMIT, base.E_TOO_LARGE),
    ],
)
def test_what_is_no_table_is_refused_whole(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_only_commas_are_nothing() -> None:
    assert split(",,\n,,\n") == []


def test_rows_without_end_are_bounded() -> None:
    rows: list[Raw] = []
    with pytest.raises(DocumentError, match="10,000") as refused:
        rows.extend(Tables().split(Raw(key="all", name="all.csv", data=b"id\n" + b"x\n" * 10_001)))
    assert refused.value.code == base.E_TOO_LARGE


@given(st.text(max_size=200).map(lambda text: f"id,title\n{text}".encode("utf-8", "surrogatepass")))
def test_any_text_makes_rows_or_a_refusal(data: bytes) -> None:
    raws: list[Raw] = []
    with suppress(DocumentError):
        raws = split(data)
    for raw in raws:
        assert row_refusal(raw).code.startswith("E-")
