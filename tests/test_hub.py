"""Publishing tells a WebSub hub, on loopback, when the new bytes can be read; and again where it could not be told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

from workshop import NOW, open_workshop


class _Hub(HTTPServer):
    """Notes what it is told, and whether the feed held its new entry at that moment."""

    def __init__(self, public: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.public, self.told, self.live = public, [], []


class _Answer(BaseHTTPRequestHandler):
    server: _Hub

    def do_POST(self) -> None:
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        (address,) = fields["hub.url"]
        self.server.told.append(address)
        path = self.server.public / re.sub(r"https://[^/]+/", "", address)
        self.server.live.append(path.is_file() and len(path.read_bytes()) > 500)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@contextmanager
def _hub(public: Path) -> Iterator[_Hub]:
    with _Hub(public) as hub:
        thread = Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


def test_a_hub_is_told_once_the_bytes_are_live_and_again_where_it_was_down(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    with _hub(tmp_path / "public") as hub:
        workshop.change("[feeds]", f'[feeds]\nhub = "http://127.0.0.1:{hub.server_port}/"')
        workshop.told("ingest", "--now", NOW)
    down = workshop.run("publish", "--now", NOW)
    assert down.returncode == 1
    assert b"feeds.hub" in down.stderr
    with _hub(tmp_path / "public") as hub:
        text = (tmp_path / "config.toml").read_text(encoding="utf-8")
        (tmp_path / "config.toml").write_text(
            re.sub(r"127\.0\.0\.1:\d+/", f"127.0.0.1:{hub.server_port}/", text), encoding="utf-8"
        )
        workshop.told("publish", "--now", NOW)
        assert "https://ms-digest.example.org/feeds/articles.atom" in hub.told
        assert all(hub.live)
        told = list(hub.told)
        workshop.told("publish", "--now", NOW)
        assert hub.told == told
