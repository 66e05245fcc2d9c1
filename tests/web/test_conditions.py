"""What fields ask for. The examples are the RFC's; the properties hold for whatever a stranger sends."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.web import conditions
from newsletter.web.conditions import CODINGS, acceptable, byte_range, date, http_date, precondition

TAG = b'"abc"'
JUNK = st.binary(max_size=60) | st.text("abW/\"', *;=q01.9gzipbr-bytes", max_size=60).map(str.encode)
MOMENT = st.integers(0, int(datetime(2068, 1, 1, tzinfo=UTC).timestamp()))


@pytest.mark.parametrize(
    ("field", "codings"),
    [
        (None, "identity"),
        (b"", "identity"),
        (b"*", "br gzip identity"),
        (b"compress, gzip", "gzip identity"),
        (b"compress;q=0.5, gzip;q=1.0", "gzip identity"),
        (b"gzip;q=1.0, identity; q=0.5, *;q=0", "gzip identity"),
        (b"gzip;q=0.001, br;q=0.002", "br gzip identity"),
        (b"identity, br;q=0.9", "identity br"),
        (b"identity;q=0", ""),
        (b"*;q=0", ""),
        (b"*;q=0, gzip", "gzip"),
        (b"x-gzip", "gzip identity"),
        (b"gzip;q=2", "identity"),
        (b"gzip;q=0.1234", "identity"),
        (b"gzip;level=9", "identity"),
        (b" , ,gzip\t;\tq=1 ,", "gzip identity"),
    ],
)
def test_codings_are_ranked_by_weight_then_by_size(field: bytes | None, codings: str) -> None:
    assert acceptable(field) == tuple(codings.split())


@given(JUNK)
def test_codings_are_ours_and_each_stands_once(field: bytes) -> None:
    ranked = acceptable(field)
    assert set(ranked) <= set(CODINGS)
    assert len(set(ranked)) == len(ranked)


@given(st.lists(st.sampled_from([b'"x"', b'W/"y"', b'"a,b"', b'""']), max_size=4), st.booleans(), st.data())
def test_a_tag_is_found_wherever_it_stands_in_a_list(others: list[bytes], weak: bool, data: st.DataObject) -> None:
    ours = b"W/" + TAG if weak else TAG
    listed = b", ".join(data.draw(st.permutations([*others, ours])))
    assert precondition({b"if-none-match": listed}, TAG, 0) is HTTPStatus.NOT_MODIFIED
    assert precondition({b"if-none-match": b", ".join(others) or b'"-"'}, TAG, 0) is None
    assert (precondition({b"if-match": listed}, TAG, 0) is None) is not weak, "strong comparison"


@given(MOMENT)
def test_a_date_comes_back_in_each_of_its_three_forms(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert date(http_date(seconds)) == seconds
    assert date(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT").encode()) == seconds
    assert date(moment.strftime("%a %b %e %H:%M:%S %Y").encode()) == seconds


@given(JUNK)
@example(b"Sun, 31 Feb 2026 08:49:37 GMT")
@example(b"Sun, 06 Nov 2026 25:00:00 GMT")
@example(b"Sun, 06 Nov 0000 08:49:37 GMT")
@example(b"Sun, 06 Nov 2026 08:49:37 +0100")
@example(b"Mon Jan 99 00:00:00 2026")
def test_what_is_no_date_is_ignored(field: bytes) -> None:
    assert date(field) is None or date(field) == date(http_date(date(field) or 0))


@pytest.mark.parametrize("field", [b"tomorrow", b"", b"2026-11-20T09:00:00Z", b"Sun, 31 Feb 2026 08:49:37 GMT"])
def test_a_condition_with_no_date_is_no_condition(field: bytes) -> None:
    assert precondition({b"if-modified-since": field}, TAG, 0) is None
    assert precondition({b"if-unmodified-since": field}, TAG, 10**9) is None


@given(st.integers(0, 60), st.integers(0, 60) | st.none(), st.integers(0, 50))
def test_a_range_is_what_a_slice_would_be(first: int, last: int | None, size: int) -> None:
    body = bytes(range(50))[:size]
    found = byte_range({b"range": b"bytes=%d-%s" % (first, b"" if last is None else b"%d" % last)}, TAG, size)
    wanted = body[first : None if last is None else last + 1]
    if last is not None and last < first:
        assert found is None
    elif wanted:
        assert isinstance(found, range)
        assert body[found.start : found.stop] == wanted
    else:
        assert found is HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


@given(st.integers(0, 60), st.integers(0, 50))
def test_a_range_of_the_last_bytes(length: int, size: int) -> None:
    body = bytes(range(50))[:size]
    found = byte_range({b"range": b"bytes=-%d" % length}, TAG, size)
    wanted = body[-length:] if length else b""
    if wanted:
        assert isinstance(found, range)
        assert body[found.start : found.stop] == wanted
    else:
        assert found is HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


@given(JUNK, JUNK, st.integers(0, 50))
@example(b"bytes=%s-" % (b"9" * 5000), b'"abc"', 10)
@example(b"bytes=0-%s" % (b"9" * 5000), b'"abc"', 10)
@example(b"bytes=-%s" % (b"9" * 5000), b'"abc"', 10)
def test_a_range_never_leaves_the_bytes(field: bytes, if_range: bytes, size: int) -> None:
    found = byte_range({b"range": field, b"if-range": if_range}, TAG, size)
    if isinstance(found, range):
        assert 0 <= found.start < found.stop <= size


@given(st.lists(JUNK, min_size=1, max_size=4))
def test_a_field_on_several_lines_is_one_list(values: list[bytes]) -> None:
    told = conditions.fields([(b"host", b"h"), *((b"if-none-match", value) for value in values), (b"cookie", b"c")])
    assert told == {b"if-none-match": b", ".join(values)}
