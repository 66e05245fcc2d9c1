"""What the tests of the web servers share: an installation that serves a made-up `public/`."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from web_site import Served, asker, make_public
from workshop import open_workshop

from newsletter import config
from newsletter.app import open_app
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
