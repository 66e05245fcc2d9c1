"""The HTTP table: method x fields x path -> status + fields. Our server, nginx and Caddy are all held to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from web_site import LAST_MODIFIED, SECRET, Ask

LIVE = "public, max-age=300"
FOREVER = "public, max-age=31536000, immutable"
XML = "application/xml; charset=utf-8"
FEED = "/feeds/articles.atom"
VARY = {"Vary": "Accept-Encoding"}
BEFORE, AFTER = "Mon, 05 Oct 2026 06:07:07 GMT", "Tue, 06 Oct 2026 00:00:00 GMT"

Fields = Mapping[str, str | None]


@dataclass(frozen=True)
class Case:
    """`sent` may say {tag}: the tag that the same server gives for a GET with the same Accept-Encoding.

    `got` names the fields that matter: their whole value, {tag}, or None for "must not be there".
    """

    name: str
    path: str
    status: int
    got: Fields = field(default_factory=dict)
    sent: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: bytes | None = None
    tells: bool = False


def _types() -> tuple[Case, ...]:
    html = "text/html; charset=utf-8"
    types = {
        "/": html,
        "/articles/one/": html,
        "/index.html": html,
        "/feeds/": html,
        FEED: XML,
        "/feeds/articles.rss": XML,
        "/feeds/articles.json": "application/feed+json",
        "/feeds/articles/2026-10-2.json": "application/feed+json",
        "/feeds/feeds.opml": "text/x-opml; charset=utf-8",
        "/sitemap.xml": XML,
        "/robots.txt": "text/plain; charset=utf-8",
        "/style.css": "text/css; charset=utf-8",
        "/icon.svg": "image/svg+xml",
        "/icon.png": "image/png",
        "/favicon.ico": "image/vnd.microsoft.icon",
        "/data.bin": "application/octet-stream",
    }
    sure = {
        "X-Content-Type-Options": "nosniff",
        "Last-Modified": LAST_MODIFIED,
        "Set-Cookie": None,
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Strict-Transport-Security": "max-age=31536000",
    }
    shared = re.compile(r"\.(atom|rss|json|opml|xml|svg|png|ico)$")
    return tuple(
        Case(
            name=f"type of {path}",
            path=path,
            status=200,
            got={
                "Content-Type": type_,
                "Cross-Origin-Resource-Policy": "cross-origin" if shared.search(path) else "same-origin",
            }
            | sure,
        )
        for path, type_ in types.items()
    )


def _freshness() -> tuple[Case, ...]:
    live = (
        "/",
        "/archive/2026-10/",
        FEED,
        "/feeds/feeds.opml",
        "/feeds/topics/2026-10.atom",
        "/feeds/articles/2026-13.atom",
    )
    forever = (
        "/feeds/articles/2026-10.atom",
        "/feeds/articles/2026-10-2.json",
        "/feeds/notices/2026-09.rss",
        "/feeds/topics/fatigue/2026-10.rss",
        "/feeds/newsletters/daily/2026-10-11.atom",
    )
    aged = dict.fromkeys(live, LIVE) | dict.fromkeys(forever, FOREVER)
    return tuple(
        Case(name=f"freshness of {path}", path=path, status=200, got={"Cache-Control": age} | VARY)
        for path, age in aged.items()
    )


def _conditions() -> tuple[Case, ...]:
    kept = {"ETag": "{tag}", "Cache-Control": LIVE, "Content-Type": None} | VARY
    cases = {
        "tag": ({"If-None-Match": "{tag}"}, 304),
        "weak form of the tag": ({"If-None-Match": "W/{strong}"}, 304),
        "tag in a list": ({"If-None-Match": '"a,b", W/"c", {tag}, "d"'}, 304),
        "any tag": ({"If-None-Match": "*"}, 304),
        "another tag": ({"If-None-Match": '"other"'}, 200),
        "tag without quotes": ({"If-None-Match": "other"}, 200),
        "tag goes before an old date": ({"If-None-Match": "{tag}", "If-Modified-Since": BEFORE}, 304),
        "other tag goes before a new date": ({"If-None-Match": '"other"', "If-Modified-Since": AFTER}, 200),
        "same date": ({"If-Modified-Since": LAST_MODIFIED}, 304),
        "later date": ({"If-Modified-Since": AFTER}, 304),
        "later date in the form of RFC 850": ({"If-Modified-Since": "Tuesday, 06-Oct-26 00:00:00 GMT"}, 304),
        "later date in the form of asctime": ({"If-Modified-Since": "Tue Oct  6 00:00:00 2026"}, 304),
        "earlier date": ({"If-Modified-Since": BEFORE}, 200),
        "no date": ({"If-Modified-Since": "yesterday"}, 200),
        "if-match with the tag": ({"If-Match": "{tag}"}, 200),
        "if-match with any": ({"If-Match": "*"}, 200),
        "if-match with another": ({"If-Match": '"other"'}, 412),
        "if-match with a weak tag": ({"If-Match": "W/{strong}"}, 412),
        "if-match goes first": ({"If-Match": '"other"', "If-None-Match": "{tag}"}, 412),
        "not modified since": ({"If-Unmodified-Since": LAST_MODIFIED}, 200),
        "modified since": ({"If-Unmodified-Since": BEFORE}, 412),
    }
    found: list[Case] = []
    for name, (sent, status) in cases.items():
        got = kept if status == 304 else {}
        found.append(Case(name=name, path=FEED, status=status, got=got, sent=sent))
    forever = {"Cache-Control": FOREVER}
    return (
        *found,
        Case(
            name="tag of an archive document",
            path="/feeds/articles/2026-10.atom",
            status=304,
            got=kept | forever,
            sent={"If-None-Match": "{tag}"},
        ),
        Case(
            name="tag of the compressed form",
            path=FEED,
            status=304,
            got=kept,
            sent={"If-None-Match": "{tag}", "Accept-Encoding": "gzip"},
        ),
        Case(name="HEAD with the tag", path=FEED, status=304, got=kept, sent={"If-None-Match": "{tag}"}, method="HEAD"),
    )


def _codings() -> tuple[Case, ...]:
    cases = {
        "gzip": "gzip",
        "gzip, deflate": "gzip",
        "GZIP;q=0.5": "gzip",
        "gzip;q=0": None,
        "gzip;q=0.000, identity": None,
        "deflate": None,
        "": None,
        "identity": None,
        "identity;q=1, gzip;q=0.5": None,
        "*": "br",
        "br": "br",
        "gzip, deflate, br": "br",
        "br;q=0.5, gzip": "gzip",
        "identity;q=0": 406,
        "*;q=0": 406,
        "identity;q=0, br;q=0.1": "br",
    }
    found: list[Case] = []
    for sent, coding in cases.items():
        got = VARY if coding == 406 else {"Content-Encoding": coding, "Content-Type": XML} | VARY
        status = 406 if coding == 406 else 200
        found.append(
            Case(name=f"accepting {sent!r}", path=FEED, status=status, got=got, sent={"Accept-Encoding": sent})
        )
    picture = {"Content-Encoding": None, "Vary": None}
    return (
        *found,
        Case(name="pictures are packed", path="/icon.png", status=200, got=picture, sent={"Accept-Encoding": "gzip"}),
    )


def _ranges() -> tuple[Case, ...]:
    path = "/numbers.txt"
    whole = {"Content-Range": None, "Content-Length": "10"}
    cases = {
        "bytes=2-4": (206, {"Content-Range": "bytes 2-4/10", "Content-Length": "3"}),
        "bytes=7-": (206, {"Content-Range": "bytes 7-9/10", "Content-Length": "3"}),
        "bytes=-2": (206, {"Content-Range": "bytes 8-9/10", "Content-Length": "2"}),
        "bytes=-99": (206, {"Content-Range": "bytes 0-9/10", "Content-Length": "10"}),
        "bytes=5-99": (206, {"Content-Range": "bytes 5-9/10", "Content-Length": "5"}),
        "bytes=10-": (416, {"Content-Range": "bytes */10"}),
        "bytes=-0": (416, {"Content-Range": "bytes */10"}),
        "bytes=4-2": (200, whole),
        "lines=1-2": (200, whole),
        "bytes=a-b": (200, whole),
        "bytes=0-1,8-9": (200, whole),
        "bytes=0-0,0-0,0-0,0-0": (200, whole),
    }
    found = [
        Case(name=f"range {sent}", path=path, status=status, got=got, sent={"Range": sent})
        for sent, (status, got) in cases.items()
    ]
    part = {"Range": "bytes=0-0"}
    more = {
        "if-range with the tag": ({"If-Range": "{tag}"}, 206),
        "if-range with another tag": ({"If-Range": '"other"'}, 200),
        "if-range with a weak tag": ({"If-Range": "W/{strong}"}, 200),
        "if-range with the date": ({"If-Range": LAST_MODIFIED}, 200),
        "a condition goes before a range": ({"If-None-Match": "{tag}"}, 304),
    }
    found += [Case(name=name, path=path, status=status, sent=part | sent) for name, (sent, status) in more.items()]
    return (
        *found,
        Case(name="ranges are offered", path=path, status=200, got={"Accept-Ranges": "bytes"}),
        Case(name="HEAD knows no ranges", path=path, status=200, got=whole, sent=part, method="HEAD"),
        Case(name="a part of nothing", path="/empty.txt", status=416, sent=part),
        Case(
            name="a part of a large file",
            path="/big.bin",
            status=206,
            got={"Content-Length": "1000000"},
            sent={"Range": "bytes=1000000-1999999"},
        ),
    )


def _methods() -> tuple[Case, ...]:
    allow = {"Allow": "GET, HEAD"}
    others = ("OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND")
    return (
        *(Case(name=f"{each} of a file", path=FEED, status=405, got=allow, method=each) for each in others),
        Case(name="POST with a body", path=FEED, status=405, got=allow, method="POST", body=b"x" * 5000),
        Case(name="GET with a body", path="/numbers.txt", status=200, body=b"x" * 5000),
        Case(name="PUT of nothing", path="/nothing", status=405, got=allow, method="PUT"),
        Case(name="a method of nobody", path=FEED, status=400, method="BREW"),
        Case(name="HEAD", path="/numbers.txt", status=200, got={"Content-Length": "10"}, method="HEAD"),
        Case(name="HEAD of nothing", path="/nothing", status=404, method="HEAD"),
        Case(
            name="HEAD of a large file", path="/big.bin", status=200, got={"Content-Length": "5120000"}, method="HEAD"
        ),
    )


def _paths() -> tuple[Case, ...]:
    gone = {"Cache-Control": None, "Content-Encoding": None, "ETag": None}
    absent = (
        "/nothing",
        "/nothing/",
        "/feeds/nothing.atom",
        "/feeds/articles/2020-01.atom",
        FEED + "/",
        "/bare/",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/feeds/..%5c..%5csecret.txt",
        "/outside",
        "/linked/",
        "/linked/index.html",
        "/.hidden",
        "/%2ehidden",
        "/.git/config",
        "/feeds/.new-articles.atom",
        "/%00",
        "/index.html%00.atom",
        "/%ff%fe",
        "//etc/passwd",
        "//evil.example",
        "/feeds//articles.atom",
        "/feeds%2Farticles.atom",
        "/feeds/./articles.atom",
        "/articles/../index.html",
        "/" + "a" * 300,
        "/" + "a/" * 500,
    )
    moved = {
        "/feeds": "/feeds/",
        "/articles/one": "/articles/one/",
        "/articles/%6fne": "/articles/one/",
        "/feeds?page=//evil.example": "/feeds/",
        "/bare": "/bare/",
    }
    return (
        *(Case(name=f"no file at {path[:40]}", path=path, status=404, got=gone) for path in absent),
        *(
            Case(name=f"folder {path}", path=path, status=301, got={"Location": to, "Cache-Control": LIVE})
            for path, to in moved.items()
        ),
        Case(name="a linked folder", path="/linked", status=404, got={"Location": None}),
        Case(name="too long a path", path="/" + "a" * 9000, status=414),
        Case(name="a query", path="/numbers.txt?utm=1&x=%00", status=200, got={"Cache-Control": LIVE}),
        Case(
            name="a query on an archive",
            path="/feeds/articles/2026-10.atom?x",
            status=200,
            got={"Cache-Control": FOREVER},
        ),
        Case(name="an escaped letter", path="/feeds/%61rticles.atom", status=200, got={"Content-Type": XML}),
        Case(name="no user agent is turned away", path=FEED, status=200, sent={"User-Agent": "curl/1.0 (bot)"}),
    )


def _answers() -> tuple[Case, ...]:
    """What the process answers itself, whoever stands in front of it."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    private = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "X-Content-Type-Options": "nosniff",
        "Strict-Transport-Security": "max-age=31536000",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Set-Cookie": None,
        "ETag": None,
    }
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    pages = {
        "/subscribe": 200,
        "/subscribe?newsletter=daily": 200,
        "/subscribe/form": 200,
        "/confirm/x": 404,
        "/preferences/x": 404,
        "/preferences/x/data": 404,
        "/preferences/x/erase": 404,
        "/unsubscribe/daily.x.y": 404,
    }
    allowed = {
        ("PUT", "/subscribe"): "GET, HEAD, POST",
        ("DELETE", "/preferences/x"): "GET, HEAD, POST",
        ("POST", "/subscribe/form"): "GET, HEAD",
        ("POST", "/preferences/x/data"): "GET, HEAD",
        ("GET", "/unsubscribe/x/preferences"): "POST",
        ("OPTIONS", "/unsubscribe/x"): "GET, HEAD, POST",
    }
    long = b"a=" + b"x" * 16384
    return (
        *(Case(name=f"answer at {path}", path=path, status=told, got=private | html) for path, told in pages.items()),
        *(
            Case(name=f"{method} of {path}", path=path, status=405, got=private | {"Allow": allow}, method=method)
            for (method, path), allow in allowed.items()
        ),
        Case(name="HEAD of an answer", path="/subscribe", status=200, got=private | html, method="HEAD"),
        Case(name="an empty form", path="/subscribe", status=422, got=private, sent=form, method="POST", body=b""),
        Case(name="no form", path="/subscribe", status=415, got=private, method="POST", body=b"{}"),
        Case(name="too long a form", path="/subscribe", status=413, sent=form, method="POST", body=long),
    )


TABLE = (*_types(), *_freshness(), *_conditions(), *_codings(), *_ranges(), *_methods(), *_paths(), *_answers())


@dataclass(frozen=True)
class Deviation:
    """What another server does instead, and why that is accepted. `got` stands for all fields of the case."""

    reason: str
    status: int
    got: Fields = field(default_factory=dict)
    tells: bool = False  # it follows a link to where nothing is public

    def instead_of(self, case: Case) -> Case:
        return replace(case, status=self.status, got=self.got, tells=self.tells)


def differences(case: Case, ask: Ask) -> list[str]:
    """Where a server does not do what the table says."""
    tag = _tag(case, ask)
    sent = {name.replace("-", "_"): _filled(value, tag) for name, value in case.sent.items()}
    answer = ask(case.path, case.method, case.body, **sent)
    wrong = [] if answer.status == case.status else [f"status {answer.status}"]
    for name, value in case.got.items():
        wanted = None if value is None else _filled(value, tag)
        if answer.headers.get(name) != wanted:
            wrong.append(f"{name}: {answer.headers.get(name)!r}, not {wanted!r}")
    if SECRET in answer.body and not case.tells:
        wrong.append("told a secret")
    if (case.method == "HEAD" or answer.status == 304) and answer.body:
        wrong.append("sent a body")
    return wrong


def _tag(case: Case, ask: Ask) -> str:
    if not any("{" in (value or "") for value in (*case.sent.values(), *case.got.values())):
        return ""
    coding = case.sent.get("Accept-Encoding")
    return ask(case.path, **({} if coding is None else {"Accept_Encoding": coding})).headers["ETag"]


def _filled(text: str, tag: str) -> str:
    return text.replace("{tag}", tag).replace("{strong}", re.sub("^W/", "", tag))
