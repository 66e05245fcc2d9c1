"""What the tests of the web servers share: an installation that serves a made-up `public/`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from web_site import Served, asker, make_public
from workshop import open_workshop

from newsletter import config
from newsletter.app import open_app
from newsletter.web import password
from newsletter.web.server import serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("web")
    public = make_public(folder)
    app = open_app(config.load(open_workshop(folder).folder / "config.toml"))
    with serving(app, "127.0.0.1", 0) as address:
        port = urlsplit(address).port or 0
        yield Served(app, port, public, asker(port))
    app.close()


@pytest.fixture
def operator_password(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set for the length of a test; what a request says that carries it."""
    monkeypatch.setattr(password, "_N", 2**4)
    told = "correct horse battery"
    path = Path(served.app.config.web.password_file)
    path.touch(0o600)
    path.write_text(password.hashed(told))
    yield "Basic " + base64.b64encode(f"{password.OPERATOR}:{told}".encode()).decode()
    path.unlink()
