"""An operator sees what became of deliveries, holds them up, lets them go on, and settles what a crash left open."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from workshop import NOW, Workshop, open_workshop

LATER = "2026-11-20T21:00:00Z"
NEXT_DAY = "2026-11-21T09:00:00Z"


@pytest.fixture
def planned(tmp_path: Path) -> Workshop:
    """Two people are due one digest."""
    workshop = open_workshop(tmp_path)
    workshop.told("ingest", "--now", NOW)
    for name in ("ann", "bea"):
        workshop.told(
            "subscribers",
            "add",
            f"{name}@example.org",
            "--newsletter",
            "daily",
            "--consent",
            "t",
            "--now",
            "2026-11-01T00:00:00Z",
        )
    workshop.told("publish", "--now", NOW)
    return workshop


def _digest(workshop: Workshop) -> str:
    (one, *_) = workshop.told("deliveries", "list")["deliveries"]
    return f"{one['newsletter']}/{one['period']}"


def _mails(workshop: Workshop) -> int:
    return len(workshop.files("var/maildir/new"))


def test_paused_is_not_sent_and_says_so_and_resumed_is(planned: Workshop) -> None:
    digest = _digest(planned)
    for scope in ("all", "daily", digest, "domain/example.org"):
        planned.told("deliveries", "pause", scope, "--reason", "a look first", "--now", NOW)
    told = planned.told("deliver", "--now", NOW, status=1)
    assert told["deliveries"] == {}
    assert [each["scope"] for each in told["paused"]] == [
        "all",
        f"digest/{digest}",
        "domain/example.org",
        "newsletter/daily",
    ]
    assert "a look first" in planned.run("status", "--now", NOW).stderr.decode()
    for scope in ("all", "daily", digest, "domain/example.org"):
        assert planned.told("deliveries", "resume", scope, "--now", NOW) == {"resumed": True}
    assert planned.told("deliver", "--now", NOW) == {
        "answers": {},
        "notes": {},
        "deliveries": {"sent": 2},
        "paused": [],
    }
    assert _mails(planned) == 2


def test_a_cancelled_digest_is_not_sent_and_one_person_may_still_get_it(planned: Workshop) -> None:
    digest = _digest(planned)
    assert planned.told("deliveries", "cancel", digest, "--now", NOW) == {"cancelled": 2}
    assert planned.told("deliver", "--now", NOW)["deliveries"] == {}
    assert planned.told("deliveries", "retry", digest, "--now", NOW) == {"retried": 0}
    assert planned.told("deliveries", "retry", digest, "--address", "Ann@example.org", "--now", NOW) == {"retried": 1}
    assert planned.told("deliver", "--now", NOW)["deliveries"] == {"sent": 1}
    ann = planned.told("deliveries", "explain", "ann@example.org", digest)["delivery"]
    assert [event["kind"] for event in ann["events"]] == ["cancelled", "retried", "claimed", "accepted"]
    bea = planned.run("deliveries", "explain", "bea@example.org", digest).stdout.decode()
    assert "cancelled" in bea
    assert "bea@" not in bea


def test_explain_says_why_there_is_nothing(planned: Workshop) -> None:
    digest = _digest(planned)
    planned.told("subscribers", "add", "new@example.org", "--newsletter", "daily", "--consent", "t", "--now", NOW)
    for address, period, why in (
        ("nobody@example.org", digest, "no subscriber"),
        ("new@example.org", digest, "not on the list when"),
        ("ann@example.org", "daily/1999-01-01", "no digest 1999-01-01"),
    ):
        told = planned.told("deliveries", "explain", address, period, status=1)
        assert told["delivery"] is None
        assert why in told["why"]


@pytest.mark.parametrize(
    ("command", "right"),
    [
        (("explain", "a@example.org", "daily"), b"NEWSLETTER/PERIOD"),
        (("pause", "weekely"), b"all, a newsletter"),
        (("cancel", "nothing/2026"), b"NEWSLETTER/PERIOD"),
    ],
)
def test_a_wrong_name_is_answered_with_what_would_be_right(
    planned: Workshop, command: tuple[str, ...], right: bytes
) -> None:
    done = planned.run("deliveries", *command)
    assert done.returncode == 2
    assert right in done.stderr
    assert b"Traceback" not in done.stderr


def _left_open(workshop: Workshop) -> None:
    """As a process leaves it that was killed while it was sending."""
    with sqlite3.connect(workshop.folder / "var/newsletter.db") as connection:
        connection.execute("UPDATE delivery SET state = 'sending', owner = 'dead', attempts = 1")


@pytest.mark.parametrize(("rest", "sent", "mailed"), [("sent", 2, 0), ("resend", 1, 1), (None, 1, 0)])
def test_held_is_settled_by_the_relays_log(planned: Workshop, rest: str | None, sent: int, mailed: int) -> None:
    planned.change('after_crash = "resend"', 'after_crash = "hold"')
    _left_open(planned)
    assert planned.told("deliver", "--now", NOW)["deliveries"] == {}
    digest = _digest(planned)
    ann = planned.told("deliveries", "explain", "ann@example.org", digest)["delivery"]
    assert (ann["state"], ann["ambiguous"]) == ("unknown", True)
    log = planned.folder / "mail.log"
    log.write_text(f"Nov 20 09:00:00 relay[1]: message-id={ann['message_id']} status=sent\nnoise\n", encoding="utf-8")
    others = () if rest is None else ("--rest", rest)
    told = planned.told("deliveries", "reconcile", "--sent", str(log), *others, "--now", NOW)
    assert told == {"sent": 1, "others": 0 if rest is None else 1}
    assert planned.told("deliver", "--now", NOW)["deliveries"] == ({"sent": 1} if mailed else {})
    assert _mails(planned) == mailed
    assert len(planned.told("deliveries", "list", "--state", "sent")["deliveries"]) == sent + mailed


def test_a_database_that_was_put_back_sends_nothing_until_an_operator_says_so(planned: Workshop) -> None:
    var = planned.folder / "var"
    planned.told("deliveries", "cancel", _digest(planned), "--now", NOW)
    planned.told("deliver", "--now", NOW)
    shutil.copy(var / "newsletter.db", planned.folder / "backup.db")
    planned.told("deliveries", "retry", _digest(planned), "--address", "ann@example.org", "--now", NOW)
    assert planned.told("deliver", "--now", NOW)["deliveries"] == {"sent": 1}
    for each in ("newsletter.db", "newsletter.db-wal", "newsletter.db-shm"):
        (var / each).unlink(missing_ok=True)
    shutil.copy(planned.folder / "backup.db", var / "newsletter.db")
    planned.told("deliveries", "retry", _digest(planned), "--address", "ann@example.org", "--now", NOW)
    told = planned.told("deliver", "--now", LATER, status=1)
    assert told["deliveries"] == {}
    assert "put back" in told["paused"][0]["reason"]
    assert _mails(planned) == 1
    assert planned.told("deliveries", "resume", "all", "--now", LATER) == {"resumed": True}
    assert planned.told("deliver", "--now", LATER)["deliveries"] == {"sent": 1}
    assert _mails(planned) == 1, "the same Message-ID, so the same file"
    assert planned.told("deliver", "--now", NEXT_DAY) == {"answers": {}, "notes": {}, "deliveries": {}, "paused": []}


def _copied(workshop: Workshop, source: Path, target: Path) -> None:
    """The file of the database as a backup is made and put back."""
    for each in ("", "-wal", "-shm"):
        target.with_name(f"{target.name}{each}").unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as database:
        database.execute("VACUUM INTO ?", (str(target),))
    target.chmod(0o600)


@pytest.mark.parametrize("command", [("deliver",), ("deliveries", "resume", "all")])
@pytest.mark.parametrize("delivered", [True, False], ids=["after a delivery", "within one generation"])
def test_who_was_erased_is_erased_again_from_a_backup(
    planned: Workshop, command: tuple[str, ...], delivered: bool
) -> None:
    """Also where nothing else tells that it was put back."""
    database, backup = planned.folder / "var" / "newsletter.db", planned.folder / "backup.db"
    if delivered:
        planned.told("deliver", "--now", NOW)
    _copied(planned, database, backup)
    assert planned.told("subscribers", "erase", "Ann@example.org", "--now", NOW) == {"erased": True}
    if delivered:
        planned.told("deliver", "--now", LATER)
    _copied(planned, backup, database)
    told = ("subscribers", "add", "ann@example.org", "--newsletter", "daily", "--consent", "again", "--now", NEXT_DAY)
    assert planned.told("subscribers", "export", "ann@example.org")["subscriptions"]
    done = planned.run(*command, "--now", LATER)
    assert done.returncode in {0, 1}
    assert planned.told("subscribers", "export", "ann@example.org") == {}
    assert b"ann@example.org" not in b"".join(
        planned.files("var").get(name, b"") for name in ("newsletter.db", "erased")
    )
    assert planned.told("subscribers", "export", "bea@example.org")["subscriptions"]
    planned.told(*told)
    planned.run("deliver", "--now", NEXT_DAY)
    assert planned.told("subscribers", "export", "ann@example.org")["subscriptions"], "who comes back stays"
    log = planned.folder / "var" / "erased"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_nothing_leaves_outside_of_a_newsletters_hours(planned: Workshop) -> None:
    planned.change('slug = "daily"', 'slug = "daily"\nsend_window = ["18:00", "20:00"]')
    assert planned.told("deliver", "--now", NOW)["deliveries"] == {}
    assert planned.told("deliver", "--now", "2026-11-20T19:00:00Z")["deliveries"] == {"sent": 2}


def test_what_leaves_is_signed_where_there_is_a_key(planned: Workshop) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = planned.folder / "key.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    planned.change("[delivery]\n", '[delivery]\ndkim = { selector = "n2026", key_file = "key.pem" }\n')
    told = planned.run("deliver", "--now", NOW)
    assert told.returncode == 2
    assert b"0600" in told.stderr
    path.chmod(0o600)
    assert planned.told("deliver", "--now", NOW)["deliveries"] == {"sent": 2}
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    for data in planned.files("var/maildir/new").values():
        _, begin, rest = data.partition(b"DKIM-Signature:")  # before it stands what a Maildir adds
        wire = (begin + rest).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        assert dkim.verify(wire, dnsfunc=lambda name, timeout=5: record)


def test_mail_leaves_by_the_program_of_the_machine(planned: Workshop) -> None:
    program = planned.folder / "sendmail"
    program.write_text('#!/bin/sh\ncat > "$(dirname "$0")/$5.eml"\n', encoding="utf-8")
    program.chmod(0o700)
    planned.change('transport = "maildir"', 'transport = "sendmail"')
    planned.change('program = "/usr/sbin/sendmail"', f'program = "{program}"')
    assert planned.told("deliver", "--now", NOW)["deliveries"] == {"sent": 2}
    assert b"To: bea@example.org" in (planned.folder / "bea@example.org.eml").read_bytes()
