"""A web server of Debian's in front of us: started from the configuration in `docs/`, with a certificate of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from web_site import Ask, Served
from workshop import ROOT

from newsletter import clock
from newsletter.web.desk import HOUR

HOST = "ms-digest.example.org"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def configured(name: str, changes: Sequence[tuple[str, str]]) -> str:
    """The file of `docs/`, with each of `changes` made where it must be possible."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"docs/{name} has no {old!r} any more"
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path, environment: dict[str, str] | None = None) -> Iterator[None]:
    """The server, until the block ends. Its words go to `log`."""
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, env=environment)
        try:
            _wait_until_it_listens(process, port, log)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(log.read_text(encoding="utf-8"))


def program(name: str) -> str | None:
    """Where the program lies; Debian puts servers where a plain user's PATH may not lead."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


# -- what every server in front has to do -----------------------------------------------------------------------------


def pages_come_from_the_process(ask: Ask) -> None:
    assert ask("/healthz").body == b"ok\n"
    answer = ask("/unsubscribe/daily.someone.sig", "POST", b"List-Unsubscribe=One-Click")
    assert answer.status == 404
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert len(answer.headers.get_all("Content-Security-Policy", [])) == 1
    assert len(answer.headers.get_all("Strict-Transport-Security", [])) == 1
    assert b"editors@" in answer.body, "the page of ours"


def networks_are_passed_on(ask: Ask, served: Served) -> None:
    """And it believes no more than what the server in front has seen."""
    form = {"Content_Type": "application/x-www-form-urlencoded", "X_Forwarded_For": "203.0.113.77"}
    assert ask("/unsubscribe/x/preferences", "POST", b"", **form).status == 404
    assert served.app.limits.wait("post", "127.0.0.1", 1, HOUR, clock.now()) is not None
    assert served.app.limits.wait("post", "203.0.113.77", 1, HOUR, clock.now()) is None


def operators_pages_are_kept_back(ask: Ask, served: Served, operator_password: str) -> None:
    """Not even for who knows the password."""
    assert b"<form" in ask("/search").body
    for path in ("/status", "/metrics", "/readyz"):
        assert served.ask(path, Authorization=operator_password).status in {200, 503}, "the process would answer"
        assert ask(path, Authorization=operator_password).status == 404
