"""What the process serves, over real sockets on loopback."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from workshop import open_workshop

from newsletter import config
from newsletter.app import App, open_app
from newsletter.errors import ConfigError
from newsletter.model import Consent
from newsletter.web.server import serving

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Served:
    app: App
    address: str

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """`path` goes over the wire as it is; no client tidies it up."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        with connection.getresponse() as answer:
            told = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return told


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("web")
    app = open_app(config.load(open_workshop(folder).folder / "config.toml"))
    app.ingest(NOW)
    app.publish(NOW)
    (folder / "secret.txt").write_text("not public")
    (folder / "public" / "outside").symlink_to(folder / "secret.txt")
    with serving(app, "127.0.0.1", 0) as address:
        yield Served(app, address)
    app.close()


@pytest.fixture
def token(served: Served) -> str:
    """The unsubscribe token of a fresh subscriber."""
    served.app.remove_subscriber("ann@example.org")
    served.app.add_subscriber("ann@example.org", "Ann", "daily", Consent(text="t", at=NOW, source="operator"))
    (subscription,) = served.app.subscribers("daily")
    return served.app.tokens.unsubscribe("daily", subscription.subscriber.id)


def _state(served: Served) -> str:
    (subscription,) = served.app.subscribers("daily")
    return subscription.state


def test_pages_and_feeds_are_served_with_their_types(served: Served) -> None:
    assert served.ask("/").headers["Content-Type"] == "text/html; charset=utf-8"
    assert served.ask("/feeds/articles.atom").headers["Content-Type"] == "application/xml; charset=utf-8"
    assert served.ask("/feeds/").status == 200
    assert served.ask("/healthz").body == b"ok\n"


def test_what_has_not_changed_is_not_sent_again(served: Served) -> None:
    first = served.ask("/feeds/articles.atom")
    tag = first.headers["ETag"]
    for wanted in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = served.ask("/feeds/articles.atom", If_None_Match=wanted)
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert served.ask("/feeds/articles.atom", If_None_Match='"other"').status == 200


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/outside", "/..%2fsecret.txt", "/%00", "/nothing", "//etc/passwd"]
)
def test_nothing_outside_the_public_folder_is_served(served: Served, path: str) -> None:
    answer = served.ask(path)
    assert answer.status == 404
    assert b"not public" not in answer.body


def test_a_head_request_has_no_body(served: Served) -> None:
    assert served.ask("/", "HEAD").body == b""


def test_a_page_may_load_nothing_and_be_framed_by_nobody(served: Served, token: str) -> None:
    for path in ("/", f"/unsubscribe/{token}"):
        policy = served.ask(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy


def test_looking_changes_nothing_and_one_press_is_enough(served: Served, token: str) -> None:
    for method in ("GET", "HEAD") * 50:
        answer = served.ask(f"/unsubscribe/{token}", method)
        assert answer.status == 200
    assert _state(served) == "confirmed"
    page = served.ask(f"/unsubscribe/{token}")
    assert b'method="post"' in page.body
    assert b"ann@example.org" not in page.body
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    for _ in range(2):
        answer = served.ask(f"/unsubscribe/{token}", "POST", b"List-Unsubscribe=One-Click")
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers
        assert _state(served) == "unsubscribed"


def test_a_link_that_is_not_ours_says_so_kindly(served: Served, token: str) -> None:
    for wrong in (token[:-2], f"{token}A", "x", "daily.someone.sig"):
        for method in ("GET", "POST"):
            answer = served.ask(f"/unsubscribe/{wrong}", method)
            assert answer.status == 404
            assert b"editors@" in answer.body, "a person to write to"
    assert _state(served) == "confirmed"


def test_a_link_of_a_deleted_person_does_no_harm(served: Served, token: str) -> None:
    served.app.remove_subscriber("ann@example.org")
    assert served.ask(f"/unsubscribe/{token}", "POST").status == 404


def test_a_port_that_is_taken_is_told(served: Served) -> None:
    taken = urlsplit(served.address).port
    assert taken is not None
    with pytest.raises(ConfigError, match=r"web\.port"), serving(served.app, "127.0.0.1", taken):
        pass


def test_files_that_are_no_pages_are_not_guessed_at(served: Served) -> None:
    Path(served.app.config.paths.public, "data.bin").write_bytes(b"\x00")
    assert served.ask("/data.bin").headers["Content-Type"] == "application/octet-stream"
    assert served.ask("/data.bin").headers["X-Content-Type-Options"] == "nosniff"
