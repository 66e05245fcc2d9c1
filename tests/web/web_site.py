"""A folder as the publisher would leave it, with snares around it, and a client that tidies nothing up."""

from __future__ import annotations

import http.client
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter.app import App

#: The moment of the content of every file.
MODIFIED = datetime(2026, 10, 5, 6, 7, 8, tzinfo=UTC)
LAST_MODIFIED = "Mon, 05 Oct 2026 06:07:08 GMT"

SECRET = b"not public"
BIG = bytes(range(256)) * 20_000  #: more than is held in memory
_WORDS = ("relapse", "fatigue", "walking", "cohort", "trial", "lesion", "quality", "of", "life", "measured")


def feed(size: int = 100_000) -> bytes:
    """About `size` bytes that compress like text."""
    words = " ".join(_WORDS[index * index % 7 + index % 3] + str(index) for index in range(size // 9))
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">{words}</feed>\n'.encode()
    )


def page(title: str) -> bytes:
    style = "body { margin: 0; }"
    return f"<!DOCTYPE html><html lang=en><title>{title}</title><style>{style}</style><p>{title} * 50</html>\n".encode()


def files() -> dict[str, bytes]:
    """What lies in `public/`, by path."""
    return {
        "index.html": page("Front") * 20,
        "articles/one/index.html": page("One") * 20,
        "topics/fatigue/2/index.html": page("Fatigue") * 20,
        "archive/2026-10/index.html": page("October") * 20,
        "feeds/index.html": page("Feeds") * 20,
        "feeds/feeds.opml": b'<opml version="2.0"></opml>\n' * 50,
        "feeds/articles.atom": feed(),
        "feeds/articles.rss": feed(3_000),
        "feeds/articles.json": b'{"version": "https://jsonfeed.org/version/1.1"}\n' * 50,
        "feeds/articles/2026-10.atom": feed(3_000),
        "feeds/articles/2026-10-2.json": feed(3_000),
        "feeds/articles/2026-13.atom": feed(3_000),
        "feeds/notices/2026-09.rss": feed(3_000),
        "feeds/topics/2026-10.atom": feed(3_000),
        "feeds/topics/fatigue/2026-10.rss": feed(3_000),
        "feeds/newsletters/daily/2026-10-11.atom": feed(3_000),
        "sitemap.xml": b"<sitemapindex/>\n" * 50,
        "robots.txt": b"User-agent: *\nDisallow:\n" * 30,
        "style.css": b"body { margin: 0; }\n" * 50,
        "icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>\n" * 50,
        "icon.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
        "favicon.ico": bytes(range(256)),
        "data.bin": b"\x00" * 2000,
        "numbers.txt": b"0123456789",
        "empty.txt": b"",
        "big.bin": BIG,
        "feeds/.new-articles.atom": SECRET,
        ".git/config": SECRET,
        ".hidden": SECRET,
    }


def make_public(folder: Path) -> Path:
    """`folder/public` with `files`, and beside it what must never be served, with links to it."""
    public = folder / "public"
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "index.html").write_bytes(SECRET)
    (folder / "secret.txt").write_bytes(SECRET)
    for name, data in files().items():
        put(public, name, data)
    (public / "bare" / "deep").mkdir(parents=True)
    (public / "outside").symlink_to(folder / "secret.txt")
    (public / "linked").symlink_to(folder / "elsewhere")
    return public


def put(public: Path, name: str, data: bytes, modified: datetime = MODIFIED) -> None:
    """Write as the publisher does: aside, with the content's own moment, then moved into place."""
    path = public / name
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".new-{path.name}")
    aside.write_bytes(data)
    os.utime(aside, (modified.timestamp(), modified.timestamp()))
    aside.replace(path)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


Ask = Callable[..., Answer]


@dataclass(frozen=True)
class Served:
    """An installation whose server runs; `public` holds `files`."""

    app: App
    port: int
    public: Path
    ask: Ask


def asker(port: int, context: ssl.SSLContext | None = None, host: str = "localhost") -> Ask:
    """A client of the server at `port` of this machine: `ask(path, method, **headers)`, with "_" for "-" in names.

    `path` goes over the wire as it is.
    """

    def ask(path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        if context is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        else:
            connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        named = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named["Content-Length"] = str(len(body))
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        with connection.getresponse() as answer:
            told = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return told

    return ask
