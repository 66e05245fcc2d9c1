"""The command line as an operator meets it: quick help, one message for a mistake, the right exit status."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from workshop import NOW, ROOT, environment, open_workshop

from newsletter.cli import main

HEAVY = ("premailer", "sqlalchemy", "jinja2", "feedgen", "apscheduler", "pydantic", "starlette", "lxml", "rich")


def test_help_answers_within_100_ms() -> None:
    """The best of ten, since other work on the machine can only slow it down."""
    unmeasured = {name: value for name, value in environment().items() if not name.startswith("COVERAGE")}
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "newsletter", "--help"], check=True, capture_output=True, env=unmeasured)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.1


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom newsletter.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, env=environment())
    assert done.stdout.decode().splitlines()[-1] == "[]"


def test_publishing_loads_neither_parsers_nor_mail_nor_cryptography() -> None:
    """They take as much memory as publishing itself: see `newsletter.app.App`."""
    names = ("cryptography", "yaml", "markdown_it", "selectolax", "flufl", "smtplib", "imaplib", "newsletter.sources",
             "newsletter.transports", "newsletter.incoming", "newsletter.mail.compile", "newsletter.mail.check")  # fmt: skip
    script = f"import sys, newsletter.app; print([name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, env=environment())
    assert done.stdout.decode().splitlines()[-1] == "[]"


def test_every_command_explains_itself() -> None:
    for name, command in main.commands.items():
        assert command.help, name
        for option in command.params:
            assert isinstance(option, click.Argument) or option.help, (name, option.name)  # type: ignore[attr-defined]  # options have help


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("status", "--config", "nowhere.toml"), "nowhere.toml"),
        (("preview", "nobody", "--out", "x", "--now", NOW), 'no newsletter "nobody"'),
        (("subscribers", "add", "a@b@c", "--newsletter", "daily", "--consent", "c"), "not one mailbox"),
        (("subscribers", "add", "a@example.org", "--newsletter", "hourly", "--consent", "c"), 'no newsletter "hourly"'),
        (("publish", "--now", "soon"), "2026-11-20T09:00:00Z"),
        (("publish", "--now", "2026-11-20T09:00:00"), "no zone"),
        (("parse", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_a_mistake_gets_one_message_and_status_2(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = open_workshop(tmp_path).run(*arguments)
    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_a_mistake_is_json_where_json_was_asked_for(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    workshop.change("Europe/London", "Europe/Lundon")
    done = workshop.run("status", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["error"] == "ConfigError"
    assert "newsletter[1].zone" in told["message"]


def test_a_database_that_cannot_be_opened_is_one_message(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "var/newsletter.db").write_bytes(b"this is no database, and long enough to be read as one" * 100)
    done = workshop.run("status")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr.decode()
    assert b"newsletter.db" in done.stderr


def test_tables_are_plain_in_a_pipe(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    shown = workshop.run("status", "--now", NOW)
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout.decode()
    assert shown.stdout.decode().splitlines()[0].split() == [
        "newsletter",
        "subscribers",
        "digests",
        "last",
        "next",
        "deliveries",
    ]


def test_subscribers_are_added_listed_and_removed(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    add = ("subscribers", "add", "ann@example.org", "--newsletter", "daily", "--consent", "by phone", "--now", NOW)
    assert workshop.told(*add) == {"added": {"daily": True}}
    assert workshop.told(*add) == {"added": {"daily": False}}
    (listed,) = workshop.told("subscribers", "list")["subscriptions"]
    assert (listed["address"], listed["newsletter"], listed["state"]) == ("ann@example.org", "daily", "confirmed")
    assert workshop.told("subscribers", "list", "--newsletter", "caregiver-weekly") == {"subscriptions": []}
    assert workshop.told("subscribers", "remove", "ann@example.org") == {"erased": True}
    assert workshop.told("subscribers", "remove", "ann@example.org") == {"erased": False}


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in main.commands:
        assert f"newsletter {name}" in text, name
