"""The operator's file: complete, and each mistake answered with key, value and remedy."""

from __future__ import annotations

import re
import stat
from datetime import time
from pathlib import Path

import pytest

from newsletter import config
from newsletter.errors import ConfigError

SHIPPED = Path(__file__).parent.parent / "config.toml"


def _changed(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "config.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def _problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    return caught.value.problems


def test_the_shipped_file_is_accepted_and_its_paths_are_its_neighbours() -> None:
    loaded = config.load(SHIPPED)
    assert [each.slug for each in loaded.newsletters()] == ["daily", "caregiver-weekly", "clinician-monthly"]
    assert loaded.paths.public == str(SHIPPED.parent / "public")
    assert loaded.store.url == f"sqlite:///{SHIPPED.parent}/var/newsletter.db"
    assert loaded.published_by().tag("x") == "tag:ms-digest.example.org,2026-08-01:x"


def test_every_key_stands_in_the_shipped_file_with_a_comment() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for name, description in config.fields():
        assert description, name
        key = name.rpartition(".")[2]
        assert re.search(rf"^(# )?{key} = ", text, re.MULTILINE), name


def test_every_key_of_a_first_table_follows_a_comment() -> None:
    """The first table of each kind explains its keys; further newsletters may be short."""
    seen: set[str] = set()
    table, commented = "", False
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            table, commented = line, False
        elif line.startswith("# ") and " = " not in line:
            commented = True
        elif match := re.match(r"(?:# )?(\w+) = ", line):
            name = f"{table}.{match[1]}"
            assert commented or name in seen or table in seen, name
            seen.add(name)
        elif not line:
            seen |= {table} if table == "[[newsletter]]" else set()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("full_items = 5", "full_itemz = 5", ["newsletter[1].full_itemz", "unknown key", "`full_items`"]),
        ("full_items = 5", 'full_items = "five"', ["newsletter[1].full_items", '"five"', "from 1 to 50"]),
        ("full_items = 5", "full_items = 0", ["newsletter[1].full_items", "found 0", "from 1 to 50"]),
        ("Europe/London", "Europe/Lundon", ["newsletter[1].zone", "Europe/Lundon", "did you mean Europe/London"]),
        ("Europe/London", "Atlantis", ["newsletter[1].zone", "Atlantis", "IANA"]),
        ('slug = "caregiver-weekly"', 'slug = "daily"', ["newsletter[2].slug", '"daily" a second time']),
        ('slug = "daily"', 'slug = "../etc"', ["newsletter[1].slug", '"../etc"', "a-z"]),
        ('cadence = "daily"', 'cadence = "hourly"', ["newsletter[1].cadence", '"hourly"', '"weekly"']),
        ("send_at = 06:30:00", 'send_at = "soon"', ["newsletter[1].send_at", '"soon"', "07:00:00"]),
        ('catch_up = "coalesce"', 'catch_up = "all"', ["newsletter[1].catch_up", '"all"', '"skip"']),
        ("tick_seconds = 30", "tick_seconds = true", ["schedule.tick_seconds", "True", "1 to 3600"]),
        ('contact = "editors@', 'contact = "editors at ', ["site.contact", "editors at", "an address"]),
        ('base_url = "https://', 'base_url = "ftp://', ["site.base_url", "ftp://", "public/"]),
        ('title = "MS Research Digest"', "", ["site.title", "missing", "name of the site"]),
        ('title = "MS Research Digest"', 'title = "a\\nb"', ["site.title", "it should be"]),
        ('url = "sqlite:///var', 'url = "mysql:///var', ["store.url", "mysql", "sqlite:///PATH"]),
        (
            '# templates = "my-templates"',
            'templates = "nowhere"',
            ["paths.templates", "nowhere", "folder of templates"],
        ),
        ('kind = "captures"', 'kind = "carrier-pigeon"', ["source[1].kind", "carrier-pigeon", '"captures"']),
        ('folder = "seeds"', "", ["source[1]", "none of them", "exactly one"]),
        ('folder = "seeds"', 'folder = "a"\nfile = "b"', ["source[1]", "folder and file", "exactly one"]),
        ('folder = "seeds"', 'url = "file:///etc/passwd"', ["source[1].url", "file:///", "https://"]),
        ("[web]", "[web]\ncolour = 'x'", ["web.colour", "unknown key", "host, port"]),
    ],
)
def test_a_mistake_is_told_in_one_line_with_key_value_and_remedy(
    tmp_path: Path, old: str, new: str, told: list[str]
) -> None:
    (problem,) = _problems(_changed(tmp_path, old, new))
    assert problem.startswith(f"{tmp_path / 'config.toml'}: ")
    assert "\n" not in problem
    for part in told:
        assert part in problem


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    path = _changed(tmp_path, "Europe/London", "Mars")
    path.write_text(path.read_text().replace("port = 8000", "port = 99999"))
    assert len(_problems(path)) == 2


@pytest.mark.parametrize(
    ("data", "told"), [(None, "--config FILE"), (b"a = \xff", "UTF-8"), (b"a = = 1", "not TOML"), (b"", "missing")]
)
def test_a_file_that_is_none_is_told(tmp_path: Path, data: bytes | None, told: str) -> None:
    path = tmp_path / "config.toml"
    if data is not None:
        path.write_bytes(data)
    assert told in _problems(path)[0]


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    loaded = config.load(_changed(tmp_path, "[secrets]", "[secrets]"))
    first = config.read_secrets(loaded)
    assert config.read_secrets(loaded) == first
    assert stat.S_IMODE((tmp_path / "var/secrets").stat().st_mode) == 0o600


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SECRETS", "n" * 32 + "\n" + "o" * 32)
    assert config.read_secrets(config.load(_changed(tmp_path, "[web]", "[web]"))) == ("n" * 32, "o" * 32)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("ring", ["", "too-short"])
def test_a_weak_secret_is_refused_without_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ring: str
) -> None:
    monkeypatch.setenv("NEWSLETTER_SECRETS", ring)
    with pytest.raises(ConfigError, match="32 characters") as caught:
        config.read_secrets(config.load(_changed(tmp_path, "[web]", "[web]")))
    assert "too-short" not in caught.value.message


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = _changed(tmp_path, '# password_file = "var/smtp-password"', 'password_file = "password"')
    password = tmp_path / "password"
    password.write_text("swordfish\n")
    loaded = config.load(path)
    password.chmod(0o644)
    with pytest.raises(ConfigError, match="0600") as caught:
        config.read_smtp_password(loaded)
    assert "swordfish" not in caught.value.message
    password.chmod(0o600)
    assert config.read_smtp_password(loaded) == "swordfish"
    password.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        config.read_smtp_password(loaded)


def test_the_password_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = config.load(SHIPPED)
    assert config.read_smtp_password(loaded) is None
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD", "swordfish")
    assert config.read_smtp_password(loaded) == "swordfish"


_RELAYS = """
[[delivery.relay]]
name = "first"
host = "mail.example.org"
weight = 3
per_minute = 600
username = "digest"
password_file = "first-password"
ca_file = "ca.pem"
[delivery.relay.warm_up]
start = 2026-12-01
first_day = 20
growth = 2
[[delivery.relay]]
name = "second-way"
[[delivery.pace]]
domain = "example.com"
per_minute = 60
"""


def _with_relays(tmp_path: Path, old: str = "", new: str = "") -> Path:
    text = SHIPPED.read_text(encoding="utf-8")
    head, tail = text.partition("[delivery.smtp]")[0], text.partition("# -- Feeds")[2]
    text = f"{head}{_RELAYS}# -- Feeds{tail}"
    assert old in text
    path = tmp_path / "config.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_one_relay_needs_no_name() -> None:
    (relay,) = config.load(SHIPPED).delivery.relays()
    assert (relay.name, relay.host, relay.port, relay.weight, relay.per_minute) == ("smtp", "127.0.0.1", 587, 1, None)


def test_several_relays_have_the_keys_of_one_and_their_own(tmp_path: Path) -> None:
    delivery = config.load(_with_relays(tmp_path)).delivery
    first, second = delivery.relays()
    assert (first.name, first.host, first.port, first.weight, first.per_minute) == (
        "first",
        "mail.example.org",
        587,
        3,
        600,
    )
    assert first.password_file == str(tmp_path / "first-password")
    assert first.ca_file == str(tmp_path / "ca.pem")
    assert first.warm_up is not None
    assert (first.warm_up.first_day, first.warm_up.growth, first.warm_up.target) == (20, 2.0, 100_000)
    assert (second.name, second.weight, second.warm_up) == ("second-way", 1, None)
    assert [(pace.domain, pace.per_minute) for pace in delivery.pace] == [("example.com", 60)]


def test_every_relay_has_a_password_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = config.load(_with_relays(tmp_path))
    first, second = loaded.delivery.relays()
    (tmp_path / "first-password").write_text("from the file\n")
    (tmp_path / "first-password").chmod(0o600)
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD", "nobody's")
    assert config.read_relay_password(loaded, first) == "from the file"
    assert config.read_relay_password(loaded, second) is None
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD_FIRST", "swordfish")
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD_SECOND_WAY", "halibut")
    assert [config.read_relay_password(loaded, relay) for relay in (first, second)] == ["swordfish", "halibut"]
    alone = config.load(SHIPPED)
    assert config.read_relay_password(alone, alone.delivery.relays()[0]) == "nobody's"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "second-way"', 'name = "first"', ["delivery.relay[2].name", '"first" a second time']),
        ('name = "second-way"', "weight = 1", ["delivery.relay[2].name", "missing"]),
        ("weight = 3", "weight = 0", ["delivery.relay[1].weight", "found 0", "1 to 100"]),
        ("per_minute = 600", "per_minut = 600", ["delivery.relay[1].per_minut", "`per_minute`"]),
        ("growth = 2", "growth = 1", ["delivery.relay[1].warm_up.growth", "found 1", "1.05 to 10"]),
        ("start = 2026-12-01", "", ["delivery.relay[1].warm_up.start", "missing"]),
        ('domain = "example.com"', 'domain = "Example.com"', ["delivery.pace[1].domain", "lower case"]),
        (
            "[[delivery.pace]]",
            '[[delivery.pace]]\ndomain = "example.com"\nper_minute = 1\n[[delivery.pace]]',
            ["delivery.pace[2].domain", "a second time"],
        ),
        ("[delivery.maildir]", "[delivery.smtp]\nport = 25\n[delivery.maildir]", ["`smtp` and `relay`", "one of them"]),
        ("discreet = false", 'discreet = false\nsend_window = ["07:00"]', ["newsletter[1].send_window", '"21:00"']),
        ("discreet = false", 'discreet = false\nsend_window = "always"', ["newsletter[1].send_window", "local times"]),
        (
            "discreet = false",
            'discreet = false\nsend_window = ["07:00", "07:00"]',
            ["newsletter[1].send_window", "two different"],
        ),
        (
            "discreet = false",
            'discreet = false\nsend_window = ["07:00", "21:00+01:00"]',
            ["newsletter[1].send_window", "two different"],
        ),
    ],
)
def test_a_mistake_about_relays_and_paces_is_told(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    (problem,) = _problems(_with_relays(tmp_path, old, new))
    for part in told:
        assert part in problem


def test_a_newsletter_may_have_hours(tmp_path: Path) -> None:
    path = _changed(tmp_path, '# send_window = ["07:00", "21:00"]', 'send_window = ["22:30", "06:00"]')
    first, second, _ = config.load(path).newsletters()
    assert first.send_window == (time(22, 30), time(6))
    assert second.send_window is None


# -- what comes back ---------------------------------------------------------------------------------------------------

IMAP = '[bounces.imap]\nhost = "imap.example.org"\nusername = "bounces"\n'


def test_without_a_table_nothing_comes_back_to_us() -> None:
    told = config.load(SHIPPED).bounces
    assert (told.address, told.maildir, told.imap) == (None, None, None)


def test_a_mailbox_of_what_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _changed(tmp_path, "[bounces]\n", '[bounces]\naddress = "b@b.example.org"\nmaildir = "mail"\n')
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(IMAP + 'password_file = "password"\nca_file = "ca.pem"\n')
    loaded = config.load(path)
    assert loaded.bounces.maildir == str(tmp_path / "mail")
    assert loaded.bounces.imap is not None
    assert (loaded.bounces.imap.port, loaded.bounces.imap.security) == (993, "tls")
    assert loaded.bounces.imap.ca_file == str(tmp_path / "ca.pem")
    assert config.read_imap_password(loaded) == "secret"
    monkeypatch.setenv("NEWSLETTER_IMAP_PASSWORD", "other")
    assert config.read_imap_password(loaded) == "other"


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ('address = "a-local-part-that-is-far-too-long@b.example.org"\n', "bounces.address: found"),
        (f'{IMAP}security = "none"\n', 'bounces.imap.security: found "none" for imap.example.org'),
        ('[bounces.imap]\nhost = "imap.example.org"\n', "bounces.imap.username: missing"),
        (f'{IMAP}folder = "Rückläufer"\n', "bounces.imap.folder: found"),
    ],
)
def test_a_mistake_about_what_comes_back_is_told(tmp_path: Path, added: str, told: str) -> None:
    (problem,) = _problems(_changed(tmp_path, "[bounces]\n", f"[bounces]\n{added}"))
    assert told in problem


def test_a_mailbox_without_a_password_is_told(tmp_path: Path) -> None:
    loaded = config.load(_changed(tmp_path, "[bounces]\n", f"[bounces]\n{IMAP}"))
    with pytest.raises(ConfigError, match=r"bounces\.imap\.password_file: missing"):
        config.read_imap_password(loaded)
