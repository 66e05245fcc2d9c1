"""`docs/Caddyfile` in a real Caddy does what the built-in server does, but for what is listed here with its reason."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import front
import pytest
from front import HOST, configured, free_port, program, running
from http_table import LIVE, TABLE, Case, Deviation, differences
from web_site import Ask, Served, asker
from workshop import ROOT

from newsletter.web import policy

CADDY = program("caddy")
pytestmark = pytest.mark.skipif(CADDY is None, reason="caddy is not installed")

_NO_BROTLI = "Debian's Caddy has no brotli"
_WEIGHTS = "Caddy prefers a coding whatever its weight and always has the file as it is"
_TIDY = "Caddy tidies a path up before it looks for the file, which is a public one"
_MOVED = "Caddy says 308 for 301; for GET and HEAD both mean the same"
_LINK = "Caddy follows links and cannot be told not to; we make none"
_HERE = {"Content-Encoding": None, "Content-Type": "application/xml; charset=utf-8", "Vary": "Accept-Encoding"}
DEVIATIONS = {
    "accepting 'identity;q=1, gzip;q=0.5'": Deviation(_WEIGHTS, 200, {"Content-Encoding": "gzip"}),
    "accepting '*'": Deviation("Caddy does not read the asterisk", 200, _HERE),
    "accepting 'br'": Deviation(_NO_BROTLI, 200, _HERE),
    "accepting 'gzip, deflate, br'": Deviation(_NO_BROTLI, 200, {"Content-Encoding": "gzip"}),
    "accepting 'identity;q=0'": Deviation(_WEIGHTS, 200, _HERE),
    "accepting '*;q=0'": Deviation(_WEIGHTS, 200, _HERE),
    "accepting 'identity;q=0, br;q=0.1'": Deviation(_NO_BROTLI, 200, _HERE),
    "range bytes=-0": Deviation("Caddy sends the last 0 bytes", 206, {"Content-Length": "0"}),
    "range bytes=4-2": Deviation("Caddy answers a range that ends before it begins with 416", 416),
    "if-range with the date": Deviation("Caddy trusts the date", 206),
    "a method of nobody": Deviation("Caddy reads any word as a method", 405, {"Allow": "GET, HEAD"}),
    "no file at /outside": Deviation(_LINK, 200, tells=True),
    "no file at /linked/": Deviation(_LINK, 200, tells=True),
    "no file at /linked/index.html": Deviation(_LINK, 200, tells=True),
    "a linked folder": Deviation(_LINK, 308, {"Location": "/linked/"}),
    "no file at /feeds//articles.atom": Deviation(_TIDY, 200, _HERE),
    "no file at /feeds%2Farticles.atom": Deviation(_TIDY, 200, _HERE),
    "no file at /feeds/./articles.atom": Deviation(_TIDY, 200, _HERE),
    "no file at /articles/../index.html": Deviation(_TIDY, 200, {"Content-Type": "text/html; charset=utf-8"}),
    "folder /feeds": Deviation(_MOVED, 308, {"Location": "/feeds/", "Cache-Control": LIVE}),
    "folder /articles/one": Deviation(_MOVED, 308, {"Location": "/articles/one/", "Cache-Control": LIVE}),
    "folder /articles/%6fne": Deviation(_MOVED, 308, {"Location": "/articles/one/", "Cache-Control": LIVE}),
    "folder /feeds?page=//evil.example": Deviation(_MOVED, 308, {"Location": "/feeds/", "Cache-Control": LIVE}),
    "folder /bare": Deviation("Caddy leads to no folder without a page", 404),
    "too long a path": Deviation("Caddy takes longer ones, and has no file of such a name", 404),
}


def _write(folder: Path, port: int, public: Path, process: int) -> Path:
    """The file as shipped, on a free port of this machine, without a certificate."""
    text = configured(
        "Caddyfile",
        (
            (f"\n{HOST} {{\n", f"\nhttp://localhost:{port} {{\n"),
            ("\n{\n", "\n{\n\tadmin off\n\tauto_https off\n"),
            ("/srv/newsletter/public", str(public)),
            ("127.0.0.1:8000", f"127.0.0.1:{process}"),
        ),
    )
    path = folder / "Caddyfile"
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def _caddy(folder: Path, public: Path, process: int, *, error_page: bool = True) -> Iterator[Ask]:
    port = free_port()
    path = _write(folder, port, public, process)
    if not error_page:
        path.write_text(path.read_text(encoding="utf-8").partition("\thandle_errors {")[0] + "}\n", encoding="utf-8")
    command = [str(CADDY), "run", "--config", str(path), "--adapter", "caddyfile"]
    with running(command, port, folder / "words.log", _environment(folder)):
        yield asker(port, host=f"localhost:{port}")


def _environment(folder: Path) -> dict[str, str]:
    homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
    return {"PATH": os.environ["PATH"], **homes}


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory, served: Served) -> Iterator[Ask]:
    with _caddy(tmp_path_factory.mktemp("caddy"), served.public, served.port) as asking:
        yield asking


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_caddy_does_what_the_table_says(case: Case, ask: Ask) -> None:
    deviation = DEVIATIONS.get(case.name)
    assert differences(deviation.instead_of(case) if deviation else case, ask) == []


@pytest.mark.parametrize("name", DEVIATIONS)
def test_what_is_listed_is_a_deviation(name: str, ask: Ask) -> None:
    (case,) = (case for case in TABLE if case.name == name)
    assert differences(case, ask) != []


def test_caddy_takes_the_file_as_it_is_shipped(tmp_path: Path) -> None:
    shipped = ROOT / "docs" / "Caddyfile"
    for command in (["validate", "--adapter", "caddyfile", "--config", str(shipped)], ["fmt", str(shipped)]):
        done = subprocess.run([str(CADDY), *command], capture_output=True, check=False, env=_environment(tmp_path))
        assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == shipped.read_bytes(), "in the layout of `caddy fmt`"


def test_every_deviation_is_told_to_operators() -> None:
    told = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    assert [each.reason for each in DEVIATIONS.values() if f"- {each.reason}" not in told] == []


def test_an_archive_is_the_same_to_all() -> None:
    assert f"path_regexp ^{policy.ARCHIVE}$\n" in (ROOT / "docs" / "Caddyfile").read_text(encoding="utf-8")


def test_a_page_may_load_nothing_and_be_framed_by_nobody(ask: Ask) -> None:
    page = ask("/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_what_is_not_a_file_is_asked_of_the_process(ask: Ask) -> None:
    front.pages_come_from_the_process(ask)


def test_the_process_learns_from_which_network_somebody_asks(ask: Ask, served: Served) -> None:
    front.networks_are_passed_on(ask, served)


def test_search_is_asked_of_the_process_and_what_operators_look_at_is_not_for_the_world(
    ask: Ask, served: Served, operator_password: str
) -> None:
    front.operators_pages_are_kept_back(ask, served, operator_password)


@pytest.mark.parametrize("logged", [False, True])
def test_no_log_names_who_asked_for_what(tmp_path: Path, served: Served, logged: bool) -> None:
    """Caddy 2.6 logs no error that has a page; without our page it does, and so may a later one."""
    process = free_port()
    with _caddy(tmp_path, served.public, process, error_page=not logged) as ask:
        assert ask("/unsubscribe/daily.someone.sig").status == 502, "the process is down"
        assert ask("/healthz").status == 502
        assert ask("/nothing-of-this-name").status == 404
    told = (tmp_path / "words.log").read_text(encoding="utf-8")
    assert (f"127.0.0.1:{process}: connect: connection refused" in told) is logged
    assert [word for word in ("someone", "nothing-of", "healthz", "remote_ip") if word in told] == []
