"""The command: what waits in the mailbox is acted on, told, and left as it should be; a mail server may pipe it in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from returned import DATA, FALSE_PATH
from workshop import NOW, Workshop, open_workshop

from newsletter.cli import main

pytestmark = pytest.mark.skipif("bounces" not in main.commands, reason="the command is not joined yet")

SENDER = "digest@ms-digest.example.org"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Two people got one digest, each from a return path of their own."""
    workshop = open_workshop(tmp_path)
    workshop.change('# address = "b@bounces', 'address = "b@bounces')
    workshop.change('# maildir = "/var/mail/bounces"', 'maildir = "back"')
    workshop.told("ingest", "--now", NOW)
    for name in ("ann", "bea"):
        told = ("--newsletter", "daily", "--consent", "t", "--now", "2026-11-01T00:00:00Z")
        workshop.told("subscribers", "add", f"{name}@example.org", *told)
    workshop.told("publish", "--now", NOW)
    workshop.told("deliver", "--now", NOW)
    for part in ("new", "cur", "tmp"):
        (tmp_path / "back" / part).mkdir(parents=True)
    return workshop


def _paths(workshop: Workshop) -> dict[str, str]:
    """Name -> the return path of their message."""
    found = {}
    for data in workshop.files("var/maildir/new").values():
        path = re.search(rb"^Return-Path: <(.+)>", data, re.MULTILINE)
        to = re.search(rb"^Delivered-To: (\w+)@", data, re.MULTILINE)
        assert path is not None
        assert to is not None
        found[to[1].decode()] = path[1].decode()
    return found


def _report(name: str, path: str) -> bytes:
    return (DATA / f"{name}.eml").read_bytes().replace(FALSE_PATH.encode(), path.encode())


def _put(workshop: Workshop, *messages: bytes) -> None:
    for number, data in enumerate(messages):
        (workshop.folder / "back" / "new" / f"{number}.host").write_bytes(data)


def test_what_came_back_is_acted_on_and_told(workshop: Workshop) -> None:
    paths = _paths(workshop)
    assert len(set(paths.values())) == 2
    _put(
        workshop,
        _report("postfix-unknown-user", paths["ann"]),
        _report("gmail-unauthenticated", paths["bea"]),
        _report("vacation-unix", paths["bea"]),
        _report("postfix-unknown-user", FALSE_PATH),
        b"Subject: who knows\n\nI do not.\n",
    )
    told = workshop.told("bounces", "--now", NOW, status=1)
    assert told == {
        "counts": {"hard": 1, "policy": 1, "automatic": 1, "forged": 1, "unclear": 1},
        "domains": {"example.org": 1},
        "for_a_person": 1,
    }
    assert sorted(workshop.files("back")) == [f"cur/{n}.host:2,{'F' if n == 4 else 'S'}" for n in range(5)]
    states = [each["state"] for each in workshop.told("deliveries", "list")["deliveries"]]
    assert states == ["bounced", "bounced"]
    assert workshop.told("bounces", "--now", NOW) == {"counts": {}, "domains": {}, "for_a_person": 0}
    summary = workshop.told("bounces", "--summary", "--now", NOW)["domains"]
    assert [(each["domain"], each["kind"], each["number"]) for each in summary] == [
        ("example.org", "hard", 1),
        ("example.org", "policy", 1),
    ]


def test_it_is_told_to_people_too_without_an_address(workshop: Workshop) -> None:
    _put(workshop, _report("postfix-mailbox-full", _paths(workshop)["ann"]), b"Subject: who knows\n\n")
    done = workshop.run("bounces", "--now", NOW)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 1
    assert "the mailbox is full or out of reach: counted" in said
    assert "1 left in the mailbox, flagged, for a person to read" in said
    assert "@" not in said
    again = workshop.run("bounces", "--summary", "--now", NOW).stdout.decode()
    assert re.search(r"example\.org +soft +1", again)


def test_a_mail_server_pipes_one_message_in(workshop: Workshop) -> None:
    path = _paths(workshop)["ann"]
    data = _report("postfix-unknown-user", "somebody@elsewhere.example")
    done = workshop.run("bounces", "--stdin", "--recipient", path, "--now", NOW, stdin=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    states = sorted(each["state"] for each in workshop.told("deliveries", "list")["deliveries"])
    assert states == ["bounced", "sent"]
    assert workshop.run("bounces", "--stdin", "--now", NOW, stdin=b"Subject: x\n\n").returncode == 0
    (name,) = workshop.files("back")
    assert name.startswith("cur/")
    assert name.endswith(":2,F")


def test_a_mail_server_keeps_the_message_where_something_is_wrong(workshop: Workshop) -> None:
    (workshop.folder / "config.toml").write_text("[site]\n")
    done = workshop.run("bounces", "--stdin", stdin=b"Subject: x\n\n")
    assert done.returncode == 75
    assert b"Traceback" not in done.stderr


def test_without_a_mailbox_it_says_so(workshop: Workshop) -> None:
    workshop.change('maildir = "back"', "")
    done = workshop.run("bounces", "--now", NOW)
    assert done.returncode == 2
    assert b"it should have bounces.maildir or [bounces.imap]" in done.stderr
