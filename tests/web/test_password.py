"""The operator's password: only as a hash, only by TLS, and only so many tries."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import pty
import stat
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from starlette.requests import Request
from workshop import Workshop, environment, open_workshop

from newsletter import config
from newsletter.app import App, open_app
from newsletter.errors import ConfigError, UsageError
from newsletter.store.schema import allowance
from newsletter.web import password
from newsletter.web.password import Door, credentials, hashed, matches
from newsletter.web.server import serving

PASSWORD = "correct horse battery"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take a millisecond; one test below is about the real ones."""
    monkeypatch.setattr(password, "_N", 2**4)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path)


@pytest.fixture
def app(workshop: Workshop) -> Iterator[App]:
    opened = open_app(config.load(workshop.folder / "config.toml"))
    yield opened
    opened.close()


def _set(app: App, told: str = PASSWORD) -> Path:
    path = Path(app.config.web.password_file)
    path.parent.mkdir(exist_ok=True)
    path.touch(0o600)
    path.write_text(hashed(told) + "\n")
    return path


class _Visitor:
    """Asks a door, from an address, at a moment that a test can move."""

    def __init__(self, app: App) -> None:
        self.now = NOW
        self.door = Door(app, lambda: self.now)

    def ask(
        self, told: str | None = PASSWORD, name: str = "operator", peer: str = "127.0.0.1", **headers: str
    ) -> tuple[int, dict[str, str]]:
        """Status and header fields; 200 where the door lets in."""
        if told is not None:
            headers["authorization"] = "Basic " + base64.b64encode(f"{name}:{told}".encode()).decode()
        pairs = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
        request = Request({"type": "http", "headers": pairs, "client": (peer, 1)})
        response = asyncio.run(self.door.refusal(request))
        return (200, {}) if response is None else (response.status_code, dict(response.headers))


def test_without_a_password_there_is_nothing(app: App) -> None:
    visitor = _Visitor(app)
    assert visitor.ask()[0] == 404
    assert visitor.ask(None)[0] == 404
    path = _set(app)
    assert visitor.ask()[0] == 200
    path.chmod(0o640)
    assert visitor.ask()[0] == 404
    path.unlink()
    assert visitor.ask()[0] == 404


def test_the_right_password_opens_and_nothing_else_does(app: App) -> None:
    _set(app)
    visitor = _Visitor(app)
    status, headers = visitor.ask(None)
    assert status == 401
    assert headers["www-authenticate"].startswith('Basic realm="')
    assert headers["cache-control"] == "no-store"
    assert visitor.ask()[0] == 200
    assert visitor.ask(PASSWORD + "x")[0] == 401
    assert visitor.ask(name="admin")[0] == 401
    assert visitor.ask(None, authorization="Bearer " + PASSWORD)[0] == 401
    assert visitor.ask()[0] == 200


def test_a_new_password_counts_at_once_and_the_old_one_no_more(app: App) -> None:
    _set(app)
    visitor = _Visitor(app)
    assert visitor.ask()[0] == 200
    _set(app, "another password")
    assert visitor.ask()[0] == 401
    assert visitor.ask("another password")[0] == 200


def test_a_password_is_not_taken_in_the_clear(app: App) -> None:
    _set(app)
    visitor = _Visitor(app)
    assert visitor.ask(peer="192.0.2.1")[0] == 403
    assert visitor.ask(x_forwarded_proto="http")[0] == 403
    assert visitor.ask(x_forwarded_proto="https")[0] == 200


def test_ten_wrong_tries_of_a_network_in_a_quarter_of_an_hour(app: App) -> None:
    """Then not even the right one is listened to: else a guess could be told from the answer."""
    _set(app)
    visitor = _Visitor(app)
    here, there = {"x_forwarded_for": "192.0.2.1"}, {"x_forwarded_for": "192.0.2.2"}
    assert [visitor.ask("wrong", **here)[0] for _ in range(10)] == [401] * 10
    visitor.now += timedelta(minutes=5)
    for told in ("wrong", PASSWORD):
        status, headers = visitor.ask(told, **here)
        assert (status, headers["retry-after"]) == (429, "600")
    assert visitor.ask(**there)[0] == 200
    assert visitor.ask(**here)[0] == 429, "also while it is remembered which one is right"
    visitor.now += timedelta(minutes=10)
    assert visitor.ask(**here)[0] == 200


def test_the_networks_of_yesterday_are_forgotten_with_the_next_tick(app: App) -> None:
    _set(app)
    visitor = _Visitor(app)
    assert visitor.ask("wrong")[0] == 401
    for later, kept in ((timedelta(days=1), 1), (timedelta(days=1, seconds=1), 0)):
        app.publish(NOW + later)
        with app._database.read() as connection:
            assert len(connection.execute(select(allowance)).all()) == kept


def test_right_ones_are_not_counted(app: App) -> None:
    _set(app)
    for _ in range(25):
        assert _Visitor(app).ask()[0] == 200


def test_tries_at_once_are_no_more_than_one_after_another(app: App) -> None:
    """Four processes, as far as the limits know, each asked ten times."""
    _set(app)

    def guess(number: int) -> list[int]:
        visitor = _Visitor(app)
        return [visitor.ask(f"guess {number} {each}")[0] for each in range(10)]

    with ThreadPoolExecutor(4) as pool:
        told = [status for each in pool.map(guess, range(4)) for status in each]
    assert sorted(told) == [401] * 10 + [429] * 30


@given(st.text(max_size=40), st.text(max_size=40))
def test_credentials_are_read_as_they_were_written(name: str, told: str) -> None:
    coded = base64.b64encode(f"{name}:{told}".encode("utf-8", "surrogatepass")).decode()
    expected = None
    if all(not "\ud800" <= letter <= "\udfff" for letter in name + told):
        expected = tuple(f"{name}:{told}".split(":", 1))
    assert credentials(f"basic {coded}") == expected


@given(st.text(max_size=60))
def test_what_is_no_field_of_credentials_is_none(text: str) -> None:
    assert credentials(text) is None or text.lower().startswith("basic ")


@settings(max_examples=50)
@given(
    told=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=12, max_size=199), other=st.text(max_size=30)
)
def test_a_hash_fits_its_password_alone(told: str, other: str) -> None:
    kept = hashed(told)
    assert matches(told, kept)
    assert matches(other, kept) is (unicodedata.normalize("NFC", other) == unicodedata.normalize("NFC", told))
    assert not matches(told + "x", kept)
    assert kept != hashed(told), "each has a salt of its own"


def test_one_password_may_be_typed_in_two_ways() -> None:
    assert matches("zwo\u0308lf Zeichen!", hashed("zwölf Zeichen!"))


@pytest.mark.parametrize("told", ["", "short", "x" * 11, "x" * 201, "with\nline breaks", "with a \x00 inside"])
def test_a_poor_password_is_refused(told: str) -> None:
    with pytest.raises(UsageError, match="12 to 200"):
        hashed(told)


@pytest.mark.parametrize("kept", ["", "scrypt", "scrypt:16:8:3:00:00", PASSWORD, "scrypt:16:8:3:" + "0" * 97])
def test_nothing_matches_what_is_no_hash(kept: str, app: App) -> None:
    assert not matches(PASSWORD, kept)
    _set(app).write_text(kept or " x")
    with pytest.raises(ConfigError, match=r"web\.password_file"):
        password.require_password(app.config, "127.0.0.1")


def test_a_try_costs_what_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    before = time.process_time()
    kept = hashed(PASSWORD)
    assert time.process_time() - before > 0.05
    assert kept.startswith("scrypt:32768:8:3:")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_it_listens_to_others_only_behind_a_password(app: App, host: str) -> None:
    with pytest.raises(ConfigError, match=r'web\.host: found ".*newsletter password'), serving(app, host, 0):
        pass
    _set(app)
    password.require_password(app.config, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_it_listens_to_this_machine_without_one(app: App, host: str) -> None:
    password.require_password(app.config, host)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('host = "127.0.0.1"\nport = 8000', 'host = "example.org"\nport = 8000', "web.host"),
        ('proxies = ["127.0.0.1", "::1"]', 'proxies = ["here"]', "web.proxies"),
        ('proxies = ["127.0.0.1", "::1"]', 'proxies = ["10.0.0.1/8"]', "web.proxies"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(workshop: Workshop, old: str, new: str, told: str) -> None:
    workshop.change(old, new)
    with pytest.raises(ConfigError, match=told):
        config.load(workshop.folder / "config.toml")


def test_the_command_keeps_a_hash_for_its_owner_alone(workshop: Workshop) -> None:
    done = workshop.run("password", "--stdin", stdin=f"{PASSWORD}\n".encode())
    assert done.returncode == 0, done.stderr
    path = workshop.folder / "var" / "operator-password"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert matches(PASSWORD, path.read_text().strip())
    assert PASSWORD.encode() not in path.read_bytes() + done.stdout + done.stderr
    assert workshop.run("password", "--stdin", stdin=b"short\n").returncode == 2
    assert matches(PASSWORD, path.read_text().strip()), "a refused one changes nothing"
    assert workshop.run("password", "--stdin", stdin=b"another password\n").returncode == 0
    assert matches("another password", path.read_text().strip())
    assert [each.name for each in path.parent.iterdir()] == ["operator-password"]


def test_the_command_asks_twice_and_shows_nothing(workshop: Workshop) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "newsletter", "password"]
    with subprocess.Popen(
        command,
        cwd=workshop.folder,
        env=environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as asking:
        os.close(theirs)
        shown = b""
        for question in (b"Password: ", b"Repeat for confirmation: "):
            while question not in shown:
                shown += os.read(ours, 1000)
            os.write(ours, f"{PASSWORD}\n".encode())
        with contextlib.suppress(OSError):  # so ends what a terminal shows
            while True:
                shown += os.read(ours, 1000)
    os.close(ours)
    assert asking.returncode == 0, shown
    assert PASSWORD.encode() not in shown
    assert matches(PASSWORD, (workshop.folder / "var" / "operator-password").read_text().strip())


def test_the_place_of_the_file_is_told_in_the_configuration(workshop: Workshop) -> None:
    told = config.load(workshop.folder / "config.toml")
    assert told.web.password_file == str(workshop.folder / "var" / "operator-password")
