"""`docs/nginx.conf` in a real nginx does what the built-in server does, but for what is listed here with its reason."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import front
import pytest
import trustme
from front import HOST, configured, free_port, program, running, trusting
from http_table import LIVE, TABLE, Case, Deviation, differences
from web_site import Ask, Served, asker
from workshop import ROOT

from newsletter.web import policy

NGINX = program("nginx")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

_NO_BROTLI = "Debian's nginx has no brotli"
_WEIGHTS = "nginx takes weights other than 0 for equal and always has the file as it is"
_TIDY = "nginx tidies a path up before it looks for the file, which is a public one"
_BAD = "nginx refuses such a path as a bad request"
_HERE = {"Content-Encoding": None, "Content-Type": "application/xml; charset=utf-8", "Vary": "Accept-Encoding"}
DEVIATIONS = {
    "tag goes before an old date": Deviation("nginx wants both conditions to hold; it sends once too often", 200),
    "tag of the compressed form": Deviation(
        "nginx makes the tag weak when it compresses, and a 304 has nothing to compress", 304, {"Cache-Control": LIVE}
    ),
    "accepting 'identity;q=1, gzip;q=0.5'": Deviation(_WEIGHTS, 200, {"Content-Encoding": "gzip"}),
    "accepting '*'": Deviation("nginx does not read the asterisk", 200, _HERE),
    "accepting 'br'": Deviation(_NO_BROTLI, 200, _HERE),
    "accepting 'gzip, deflate, br'": Deviation(_NO_BROTLI, 200, {"Content-Encoding": "gzip"}),
    "accepting 'identity;q=0'": Deviation(_WEIGHTS, 200, _HERE),
    "accepting '*;q=0'": Deviation(_WEIGHTS, 200, _HERE),
    "accepting 'identity;q=0, br;q=0.1'": Deviation(_NO_BROTLI, 200, _HERE),
    "range bytes=4-2": Deviation("nginx answers every range that it cannot read with 416", 416),
    "range bytes=a-b": Deviation("nginx answers every range that it cannot read with 416", 416),
    "if-range with the date": Deviation("nginx trusts the date", 206),
    "HEAD knows no ranges": Deviation("nginx knows ranges of HEAD", 206),
    "a part of nothing": Deviation("nginx knows no ranges of an empty file", 200),
    "a method of nobody": Deviation("nginx reads any word as a method", 405, {"Allow": "GET, HEAD"}),
    "no file at /../secret.txt": Deviation(_BAD, 400),
    "no file at /%2e%2e/secret.txt": Deviation(_BAD, 400),
    "no file at /..%2fsecret.txt": Deviation(_BAD, 400),
    "no file at /%00": Deviation(_BAD, 400),
    "no file at /index.html%00.atom": Deviation(_BAD, 400),
    "no file at /feeds//articles.atom": Deviation(_TIDY, 200, _HERE),
    "no file at /feeds%2Farticles.atom": Deviation(_TIDY, 200, _HERE),
    "no file at /feeds/./articles.atom": Deviation(_TIDY, 200, _HERE),
    "no file at /articles/../index.html": Deviation(_TIDY, 200, {"Content-Type": "text/html; charset=utf-8"}),
    "folder /feeds?page=//evil.example": Deviation(
        "nginx repeats the query", 301, {"Location": "/feeds/?page=//evil.example"}
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


def _write(folder: Path, ports: tuple[int, int], public: Path, process: int) -> Path:
    """The site as shipped, moved to free ports and into a folder of its own; nginx's main file around it."""
    http, https = ports
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    site = configured(
        "nginx.conf",
        (
            ("    listen [::]:80;\n", ""),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("listen 80;", f"listen 127.0.0.1:{http};"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{https} ssl http2;"),
            (f"/etc/letsencrypt/live/{HOST}/fullchain.pem", f"{folder}/both.pem"),
            (f"/etc/letsencrypt/live/{HOST}/privkey.pem", f"{folder}/both.pem"),
            ("/srv/newsletter/public", str(public)),
            ("/var/log/nginx/newsletter.log", f"{folder}/site-error.log"),
            ("http://127.0.0.1:8000", f"http://127.0.0.1:{process}"),
        ),
    )
    (folder / "site.conf").write_text(site, encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"    {kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{ }}\nhttp {{\n{temporary}\n    access_log {folder}/access.log;\n    include site.conf;\n}}\n",
        encoding="utf-8",
    )
    return main


@contextmanager
def _nginx(folder: Path, main_conf: Path, ports: tuple[int, int]) -> Iterator[Ask]:
    with running([str(NGINX), "-p", str(folder), "-c", str(main_conf)], ports[1], folder / "words.log"):
        yield asker(ports[1], trusting(folder / "ca.pem"))


@pytest.fixture(scope="module")
def main_conf(folder: Path, ports: tuple[int, int], served: Served) -> Path:
    return _write(folder, ports, served.public, served.port)


@pytest.fixture(scope="module")
def ask(main_conf: Path, folder: Path, ports: tuple[int, int]) -> Iterator[Ask]:
    with _nginx(folder, main_conf, ports) as asking:
        yield asking


def test_nginx_takes_the_configuration_without_a_warning(main_conf: Path, folder: Path) -> None:
    done = subprocess.run([str(NGINX), "-t", "-p", str(folder), "-c", str(main_conf)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"[warn]" not in done.stderr


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_nginx_does_what_the_table_says(case: Case, ask: Ask) -> None:
    deviation = DEVIATIONS.get(case.name)
    assert differences(deviation.instead_of(case) if deviation else case, ask) == []


@pytest.mark.parametrize("name", DEVIATIONS)
def test_what_is_listed_is_a_deviation(name: str, ask: Ask) -> None:
    (case,) = (case for case in TABLE if case.name == name)
    assert differences(case, ask) != []


def test_every_deviation_is_told_to_operators() -> None:
    told = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    assert [each.reason for each in DEVIATIONS.values() if f"- {each.reason}" not in told] == []


def test_an_archive_is_the_same_to_all(main_conf: Path) -> None:
    assert f'"~^{policy.ARCHIVE}$"' in (main_conf.parent / "site.conf").read_text(encoding="utf-8")


def test_other_hosts_and_plain_http_lead_to_the_one_address(ask: Ask, ports: tuple[int, int]) -> None:
    answer = asker(ports[0], host="evil.example")("//evil.example/feeds/?a=b")
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}//evil.example/feeds/?a=b")
    assert ask("/").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_page_may_load_nothing_and_be_framed_by_nobody(ask: Ask) -> None:
    policy_told = ask("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy_told
    assert "frame-ancestors 'none'" in policy_told


def test_what_is_not_a_file_is_asked_of_the_process(ask: Ask) -> None:
    front.pages_come_from_the_process(ask)


def test_the_process_learns_from_which_network_somebody_asks(ask: Ask, served: Served) -> None:
    front.networks_are_passed_on(ask, served)


def test_search_is_asked_of_the_process_and_what_operators_look_at_is_not_for_the_world(
    ask: Ask, served: Served, operator_password: str
) -> None:
    front.operators_pages_are_kept_back(ask, served, operator_password)


def test_no_log_names_who_asked_for_what(tmp_path: Path, served: Served) -> None:
    ports = free_port(), free_port()
    with _nginx(tmp_path, _write(tmp_path, ports, served.public, process=free_port()), ports) as ask:
        assert ask("/unsubscribe/daily.someone.sig").status == 502, "the process is down"
        assert ask("/healthz").status == 502
        assert ask("/nothing-of-this-name").status == 404
        assert asker(ports[0])("/nothing-of-this-name").status == 301
    told = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.log"))
    assert [word for word in ("127.0.0.1", "someone", "nothing-of", "healthz") if word in told] == []
