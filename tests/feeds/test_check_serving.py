"""The judge of web servers: one that does everything right has no finding, and each fault of one is found."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import brotli
import pytest

from newsletter.feeds.check.serving import Exchange, asked_for, check_serving

DATA = b"<feed>" + b"some text " * 100 + b"</feed>"
LIVE, ARCHIVE = "feeds/articles.atom", "feeds/articles/2026-10.atom"
CHANGED = "Fri, 20 Nov 2026 09:00:00 GMT"
PACK = {"gzip": gzip.compress, "br": brotli.compress}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A server by the book. `spoil` may change an answer on its way out, knowing what was asked."""

    data: bytes = DATA
    media_type: str = "application/xml; charset=utf-8"
    cache: str = "public, max-age=300"
    spoil: Callable[[str, Mapping[str, str], Exchange], Exchange | None] = lambda _method, _asked, answer: answer

    def ask(self, method: str, path: str, fields: Mapping[str, str]) -> Exchange | None:
        assert path.startswith("/feeds/")
        return self.spoil(method, fields, self._answer(method, fields))

    def _answer(self, method: str, fields: Mapping[str, str]) -> Exchange:
        coding = fields.get("Accept-Encoding", "identity")
        body = PACK[coding](self.data) if coding in PACK else self.data
        tag = f'"tag-{coding}"'
        told = {
            "content-type": self.media_type,
            "content-length": str(len(body)),
            "etag": tag,
            "last-modified": CHANGED,
            "cache-control": self.cache,
            "vary": "Accept-Encoding",
            "date": "Fri, 20 Nov 2026 10:00:00 GMT",
        }
        if coding in PACK:
            told["content-encoding"] = coding
        if self._fresh(fields, tag):
            return Exchange(
                status=304, fields={n: told[n] for n in ("etag", "cache-control", "vary", "date")}, body=b""
            )
        return Exchange(status=200, fields=told, body=b"" if method == "HEAD" else body)

    @staticmethod
    def _fresh(fields: Mapping[str, str], tag: str) -> bool:
        """RFC 9110 13.2.2. Here every date that is not the file's own is an earlier one."""
        if "If-None-Match" in fields:
            given = [each.strip().removeprefix("W/") for each in fields["If-None-Match"].split(",")]
            return "*" in given or tag in given
        return fields.get("If-Modified-Since") == CHANGED


def codes(origin: Origin, path: str = LIVE, data: bytes = DATA) -> set[str]:
    return {finding.code for finding in check_serving(path, data, origin.ask)}


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        (LIVE, Origin()),
        (LIVE, Origin(media_type="application/atom+xml")),
        (LIVE, Origin(cache="max-age=86400")),
        (ARCHIVE, Origin(cache="public, max-age=31536000, immutable")),
        ("feeds/articles.rss", Origin(media_type='application/rss+xml;charset="UTF-8"')),
        ("feeds/articles.json", Origin(media_type="application/feed+json")),
        ("feeds/feeds.opml", Origin(media_type="text/x-opml; charset=utf-8")),
    ],
)
def test_a_server_by_the_book_has_no_finding(path: str, origin: Origin) -> None:
    assert check_serving(path, DATA, origin.ask) == ()


def answering(**fields: str | None) -> Origin:
    """Other fields in every answer; None takes one away."""

    def spoil(_method: str, _asked: Mapping[str, str], answer: Exchange) -> Exchange:
        told = {**answer.fields, **{name.replace("_", "-"): value for name, value in fields.items()}}
        return replace(answer, fields={name: value for name, value in told.items() if value is not None})

    return Origin(spoil=spoil)


def when(condition: Callable[[str, Mapping[str, str], Exchange], bool], **change: object) -> Origin:
    def spoil(method: str, asked: Mapping[str, str], answer: Exchange) -> Exchange:
        return replace(answer, **change) if condition(method, asked, answer) else answer  # type: ignore[arg-type]  # passed on

    return Origin(spoil=spoil)


def dropping(status: int, *names: str) -> Origin:
    def spoil(_method: str, _asked: Mapping[str, str], answer: Exchange) -> Exchange:
        kept = {name: value for name, value in answer.fields.items() if name not in names}
        return replace(answer, fields=kept) if answer.status == status else answer

    return Origin(spoil=spoil)


def asking(name: str) -> Callable[[str, Mapping[str, str], Exchange], bool]:
    return lambda _method, asked, _answer: name in asked


def coded(*codings: str) -> Callable[[str, Mapping[str, str], Exchange], bool]:
    return lambda _method, asked, answer: asked["Accept-Encoding"] in codings and answer.status == 200


def always(_method: str, _asked: Mapping[str, str], _answer: Exchange) -> bool:
    return True


def counting_tags() -> Origin:
    count = iter(range(1000))

    def spoil(_method: str, _asked: Mapping[str, str], answer: Exchange) -> Exchange:
        return replace(answer, fields={**answer.fields, "etag": f'"{next(count)}"'})

    return Origin(spoil=spoil)


MOVED = Exchange(status=301, fields={"location": "https://elsewhere.example.org/"}, body=b"")
FULL = Exchange(status=200, fields=Origin().ask("GET", "/feeds/x", {}).fields, body=DATA)  # type: ignore[union-attr]  # it answers

FAULTS: list[tuple[str, Origin, set[str]]] = [
    ("redirect", Origin(spoil=lambda *_: MOVED), {"F-STATUS"}),
    ("no answer", Origin(spoil=lambda *_: None), {"F-STATUS"}),
    ("not found", when(always, status=404), {"F-STATUS"}),
    ("other bytes", Origin(data=b"other"), {"F-STATUS"}),
    ("plain text", Origin(media_type="text/plain"), {"F-MEDIA-TYPE"}),
    ("no type", Origin(media_type=""), {"F-MEDIA-TYPE"}),
    ("another charset", Origin(media_type="application/xml; charset=iso-8859-1"), {"F-MEDIA-TYPE"}),
    ("cookie", answering(set_cookie="a=b"), {"F-COOKIE"}),
    ("a tag of the clock", counting_tags(), {"F-VALIDATORS", "F-HEAD", "F-304-FIELDS", "F-NOT-MODIFIED"}),
    ("a date in another form", answering(last_modified="2026-11-20"), {"F-VALIDATORS", "F-NOT-MODIFIED"}),
    ("no date", answering(last_modified="Fri, 99 Nov 2026 09:00:00 GMT"), {"F-VALIDATORS", "F-NOT-MODIFIED"}),
    ("short", Origin(cache="max-age=10"), {"F-CACHE"}),
    ("long", Origin(cache="max-age=86401"), {"F-CACHE"}),
    ("immutable", Origin(cache="max-age=300, immutable"), {"F-CACHE"}),
    ("private", Origin(cache="max-age=300, private"), {"F-CACHE"}),
    ("no cache", Origin(cache=""), {"F-CACHE"}),
    ("head fails", when(lambda method, *_: method == "HEAD", status=405), {"F-HEAD"}),
    ("head has a body", when(lambda method, *_: method == "HEAD", body=b"x"), {"F-HEAD"}),
    ("head differs", when(lambda method, *_: method == "HEAD", fields={}), {"F-HEAD"}),
    ("never 304", Origin(spoil=lambda _m, _a, answer: FULL if answer.status == 304 else answer), {"F-NOT-MODIFIED"}),
    ("304 has a body", when(lambda _m, _a, answer: answer.status == 304, body=b"x"), {"F-NOT-MODIFIED"}),
    ("304 drops Vary", dropping(304, "vary"), {"F-304-FIELDS"}),
    ("304 drops ETag", dropping(304, "etag"), {"F-304-FIELDS"}),
    ("304 drops Cache-Control", dropping(304, "cache-control"), {"F-304-FIELDS"}),
    ("304 drops Date", dropping(304, "date"), {"F-304-FIELDS"}),
    ("gzip is damaged", when(coded("gzip"), body=b"\x1f\x8bjunk"), {"F-CODING"}),
    ("br is another file's", when(coded("br"), body=brotli.compress(b"other")), {"F-CODING"}),
    ("coding fails", when(coded("br"), status=500), {"F-CODING"}),
    ("no Vary", answering(vary=None), {"F-CODING"}),
]  # fmt: skip


@pytest.mark.parametrize(("origin", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_each_fault_is_found(origin: Origin, expected: set[str]) -> None:
    assert codes(origin) == expected


def test_missing_validators_are_found() -> None:
    assert codes(dropping(200, "etag")) == {"F-VALIDATORS", "F-304-FIELDS"}
    assert codes(dropping(200, "last-modified")) == {"F-VALIDATORS"}


def test_a_server_that_does_not_compress_is_found() -> None:
    def spoil(method: str, asked: Mapping[str, str], answer: Exchange) -> Exchange | None:
        plain = {**asked, "Accept-Encoding": "identity"}
        return Origin().ask(method, "/feeds/x", plain)

    assert codes(Origin(spoil=spoil)) == {"F-CODING"}


def test_one_strong_tag_for_all_codings_is_found_and_a_weak_one_is_not() -> None:
    def spoiling(tag: str) -> Origin:
        def spoil(_method: str, asked: Mapping[str, str], answer: Exchange) -> Exchange:
            given = {**asked}
            if "If-None-Match" in given:
                given["If-None-Match"] = given["If-None-Match"].replace('"one"', f'"tag-{given["Accept-Encoding"]}"')
            real = Origin()._answer(_method, given)
            return replace(real, fields={**real.fields, "etag": tag})

        return Origin(spoil=spoil)

    assert codes(spoiling('"one"')) == {"F-CODING"}
    assert codes(spoiling('W/"one"')) == set()


@pytest.mark.parametrize(
    "fault",
    [
        lambda asked: asked.get("If-None-Match", "").startswith("W/"),
        lambda asked: "," in asked.get("If-None-Match", ""),
        lambda asked: asked.get("If-None-Match") == "*",
        lambda asked: "If-Modified-Since" in asked and "If-None-Match" not in asked,
    ],
    ids=["weak", "list", "star", "date alone"],
)
def test_each_form_of_a_condition_is_tried(fault: Callable[[Mapping[str, str]], bool]) -> None:
    def spoil(_method: str, asked: Mapping[str, str], answer: Exchange) -> Exchange:
        return FULL if fault(asked) else answer

    assert codes(Origin(spoil=spoil)) == {"F-NOT-MODIFIED"}


def test_a_date_before_a_tag_is_found() -> None:
    """A server that looks at the date although a tag is given (RFC 9110 13.1.3)."""

    def spoil(method: str, asked: Mapping[str, str], _: Exchange) -> Exchange:
        without = {name: value for name, value in asked.items() if name != "If-None-Match" or len(asked) == 2}
        return Origin()._answer(method, without)

    assert codes(Origin(spoil=spoil)) == {"F-NOT-MODIFIED"}


@pytest.mark.parametrize(
    "cache", ["public, max-age=300", "max-age=31536000", "immutable", "max-age=31536000, immutable, no-store"]
)
def test_an_archive_document_must_be_kept_for_a_year(cache: str) -> None:
    assert codes(Origin(cache=cache), ARCHIVE) == {"F-CACHE"}


def test_one_of_each_kind_is_asked_for() -> None:
    paths = [
        f"feeds/{name}.{suffix}"
        for name in ("articles", "topics/a", "topics/b", "topics/b/2026-01", "newsletters/x", "articles/2026-01")
        for suffix in ("atom", "rss", "json")
    ]
    assert asked_for([*paths, "feeds/feeds.opml", "feeds/feeds.css"]) == tuple(
        sorted(path for path in [*paths, "feeds/feeds.opml"] if "topics/b." not in path)
    )
