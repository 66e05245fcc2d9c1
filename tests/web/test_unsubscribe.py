"""The unsubscribe pages, over real sockets on loopback."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from web_site import Served

from newsletter.model import Consent

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def token(served: Served) -> str:
    """The unsubscribe token of a fresh subscriber."""
    served.app.readers.forget("ann@example.org", NOW)
    served.app.add_subscriber("ann@example.org", "Ann", "daily", Consent(text="t", at=NOW, source="operator"))
    (subscription,) = served.app.subscribers("daily")
    return served.app.tokens.unsubscribe("daily", subscription.subscriber.id)


def _state(served: Served) -> str:
    (subscription,) = served.app.subscribers("daily")
    return subscription.state


def test_there_is_a_sign_of_life(served: Served) -> None:
    assert served.ask("/healthz").body == b"ok\n"


def test_a_page_may_load_nothing_and_be_framed_by_nobody(served: Served, token: str) -> None:
    for path in ("/", f"/unsubscribe/{token}"):
        policy = served.ask(path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'sha256-" in policy
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
    for wrong in (token[:-2], f"{token}A", "x", "daily.someone.sig", "%00", "%ff", "..%5c"):
        for method in ("GET", "POST"):
            answer = served.ask(f"/unsubscribe/{wrong}", method)
            assert answer.status == 404
            assert b"editors@" in answer.body, "a person to write to"
    assert _state(served) == "confirmed"


@pytest.mark.parametrize("end", ["/", "/more", "%2f", "//"])
def test_a_link_with_something_behind_it_leads_nowhere(served: Served, token: str, end: str) -> None:
    """Least of all to a host that the asker named: the path holds the token."""
    for method in ("GET", "POST"):
        answer = served.ask(f"/unsubscribe/{token}{end}", method, Host="evil.example")
        assert answer.status == 404
        assert "Location" not in answer.headers
    assert _state(served) == "confirmed"


def test_other_methods_are_named_as_not_allowed(served: Served, token: str) -> None:
    for method in ("PUT", "DELETE", "OPTIONS"):
        answer = served.ask(f"/unsubscribe/{token}", method)
        assert answer.status == 405
        assert "POST" in answer.headers["Allow"]
    assert _state(served) == "confirmed"


def test_nobody_learns_from_a_link_that_its_reader_was_erased(served: Served, token: str) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    ways = ((f"/unsubscribe/{token}", "GET"), (f"/unsubscribe/{token}", "POST"))
    ways += ((f"/unsubscribe/{token}/preferences", "POST"),)
    there = [served.ask(*way, b"", **form) for way in ways]
    served.app.readers.forget("ann@example.org", NOW)
    gone = [served.ask(*way, b"", **form) for way in ways]
    assert [(each.status, each.body) for each in gone] == [(each.status, each.body) for each in there]
    assert {each.status for each in gone} == {200}
    assert served.app.readers.everything("ann@example.org") == {}
