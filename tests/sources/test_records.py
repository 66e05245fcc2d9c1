"""JSON and JSON Lines."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from field_examples import article
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import DocumentError
from newsletter.model import Document
from newsletter.sources import base
from newsletter.sources.base import Raw, Source
from newsletter.sources.places import Stream
from newsletter.sources.records import Records

TWO = [article(), article(id=2, title="Another One")]


def file(data: Any, name: str = "folder/all.json") -> Raw:
    made = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    return Raw(key="all", name=name, data=made)


def split(data: Any, name: str = "folder/all.json") -> list[Raw]:
    return list(Records().split(file(data, name)))


def parse(raw: Raw) -> Document:
    return Source("test", Stream(None), Records()).parse(raw)  # type: ignore[arg-type]


def refusal(data: Any, name: str = "folder/all.json") -> DocumentError:
    with pytest.raises(DocumentError) as refused:
        split(data, name)
    assert refused.value.message.startswith(name)
    return refused.value


LINES = "\r\n".join(json.dumps(values) for values in TWO)


@pytest.mark.parametrize(
    "data",
    [
        TWO,
        json.dumps(TWO, indent=2),
        b"\xef\xbb\xbf" + json.dumps(TWO).encode(),
        LINES,
        f"\n{LINES}\n\n",
        LINES.replace("\r", ""),
    ],
)
def test_a_list_and_lines_give_the_same_documents(data: Any) -> None:
    raws = split(data)
    assert [raw.key for raw in raws] == ["a1", "2"]
    assert [parse(raw).summary.title for raw in raws] == ["Walking Faster, Step by Step", "Another One"]


@pytest.mark.parametrize("data", [article(), [article()], json.dumps(article(), indent=1)])
def test_one_article_may_stand_alone(data: Any) -> None:
    (raw,) = split(data)
    assert parse(raw).key == raw.key == "a1"


def test_a_single_line_of_a_file_of_lines_is_one_article() -> None:
    assert [raw.key for raw in split(json.dumps(article()), "all.jsonl")] == ["a1"]


def test_an_empty_list_holds_nothing() -> None:
    assert split([]) == []


def test_what_is_carried_changes_with_the_document_alone() -> None:
    first, second = split(TWO)
    again_second, again_first = split([dict(reversed(TWO[1].items())), article()])
    assert (first.data, second.data) == (again_first.data, again_second.data)
    assert split([article(journal="X")])[0].data != first.data


def test_a_message_leads_to_the_document() -> None:
    with pytest.raises(DocumentError, match=r"^folder/all\.json, document 2 \('2'\): status: found 'x'"):
        parse(split([article(), article(id=2, status="x")])[1])


@pytest.mark.parametrize("value", [None, "", True, 1.5, {"a": 1}])
def test_an_article_without_a_usable_id_costs_itself(value: object) -> None:
    first, second = split([{**article(), "id": value}, article()])
    with pytest.raises(DocumentError, match=r"document 1: .*names the article for ever") as refused:
        parse(first)
    assert refused.value.code == base.E_NO_KEY
    assert parse(second).key == "a1"


@pytest.mark.parametrize("value", [1, "a", None, [], [article()]])
def test_what_is_no_object_costs_itself(value: object) -> None:
    first, second = split([value, article()])
    with pytest.raises(DocumentError, match=r"document 1: found .*right would be an object") as refused:
        parse(first)
    assert refused.value.code == base.E_NOT_JSON
    assert parse(second).key == "a1"


def test_a_name_given_twice_costs_its_document() -> None:
    twice = json.dumps(article()).replace('"title"', '"journal": "x", "journal": "y", "title"')
    first, second = split(f"[{twice}, {json.dumps(article(id='b'))}]")
    with pytest.raises(DocumentError, match="'journal' is given twice") as refused:
        parse(first)
    assert refused.value.code == base.E_FIELD
    assert parse(second).key == "b"


def test_an_id_given_twice_costs_the_second() -> None:
    class One:
        def files(self) -> Any:
            yield file([article(), article(title="Other")])

    source = Source("test", One(), Records())
    first, second = source.fetch()
    assert source.parse(first).summary.title == "Walking Faster, Step by Step"
    with pytest.raises(DocumentError, match=r"document 2 .*has the key 'a1'") as refused:
        source.parse(second)
    assert refused.value.code == base.E_KEY_TWICE


@pytest.mark.parametrize("name", ["all.jsonl", "all.ndjson"])
def test_a_bad_line_costs_itself(name: str) -> None:
    first, second, third = split("\n".join([json.dumps(article()), '{"id": "b", ', json.dumps(article(id="c"))]), name)
    assert (parse(first).key, parse(third).key) == ("a1", "c")
    with pytest.raises(DocumentError, match=r"line 2: not JSON: .*column") as refused:
        parse(second)
    assert (refused.value.code, refused.value.line) == (base.E_NOT_JSON, 2)


@pytest.mark.parametrize("data", ["{", '[{"id": 1},]', "[1] x", "nothing", "<rss/>", "[" * 100_000, '{"a": \n1'])
def test_what_is_no_json_is_refused_whole(data: str) -> None:
    assert refusal(data).code == base.E_NOT_JSON


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", base.E_EMPTY),
        (b" \n", base.E_EMPTY),
        (b"\xff\xfe[\0]\0", base.E_NOT_TEXT),
        (b'["caf\xe9"]', base.E_NOT_TEXT),
        (b" " * (base.BYTES_LIMIT + 1), base.E_TOO_LARGE),
        (b"[" + b"0," * 10_000 + b"0]", base.E_TOO_LARGE),
        (b"{}\n" * 10_001, base.E_TOO_LARGE),
    ],
)
def test_what_is_no_file_of_articles_is_refused_whole(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_a_sidecar_cannot_tell_which_article_it_means() -> None:
    with pytest.raises(DocumentError, match="several") as refused:
        list(Records().split(Raw(key="all", name="all.json", data=b"[]", facts=b"")))
    assert refused.value.code == base.E_SIDECAR


@pytest.mark.parametrize("number", ["9" * 5000, "1" * 31 + ".0", "NaN", "Infinity", "1e999", "-Infinity"])
def test_a_number_that_is_none_harms_its_field_alone(number: str) -> None:
    (raw,) = split(json.dumps(article(interest=0)).replace('"interest": 0', f'"interest": {number}'))
    document = parse(raw)
    assert document.summary.interest is None
    assert [warning.code for warning in document.warnings] == [base.W_RATING]


def test_half_a_character_is_refused() -> None:
    (raw,) = split(json.dumps(article(title="a\ud800b")))
    with pytest.raises(DocumentError) as refused:
        parse(raw)
    assert refused.value.code == base.E_NOT_TEXT


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_make_documents_or_a_refusal(data: bytes) -> None:
    raws: list[Raw] = []
    with suppress(DocumentError):
        raws = split(data)
    for raw in raws:
        with pytest.raises(DocumentError):
            parse(raw)
