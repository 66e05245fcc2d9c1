"""`newsletter subscribers` as an operator runs it: erase, suppress, export and import."""

from __future__ import annotations

import csv
import json
import re
import stat
from pathlib import Path

import pytest
from workshop import NOW, Workshop, open_workshop

LATER = "2026-11-21T09:00:00Z"
PEOPLE = (
    "E-Mail;Name;Consent text;Consent at\r\n"
    "ann@example.org;Ann;Yes, on paper;2026-01-02\r\n"
    "bob at example.org;Bob;Yes;2026-01-02\r\n"
    'zoe@example.org;=HYPERLINK("x");Yes;2026-01-02\r\n'
    "dan@example.org;Dan;;2026-01-02\r\n"
)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path)


def add(workshop: Workshop, address: str, *more: str) -> None:
    workshop.told("subscribers", "add", address, "--newsletter", "daily", "--consent", "by phone", "--now", NOW, *more)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def addresses(workshop: Workshop) -> list[str]:
    return [each["address"] for each in workshop.told("subscribers", "list")["subscriptions"]]


@pytest.mark.parametrize("command", ["erase", "remove"])
def test_a_person_is_erased_from_every_file_of_the_database(workshop: Workshop, command: str) -> None:
    for number in range(4):
        add(workshop, f"reader{number}@example.net")
    add(workshop, "Zuleika@Example-Hospital.org", "--name", "Zuleika Quix")
    assert workshop.told("subscribers", command, "zuleika@example-hospital.ORG") == {"erased": True}
    assert workshop.told("subscribers", command, "zuleika@example-hospital.org") == {"erased": False}
    for path in (workshop.folder / "var").glob("newsletter.db*"):
        assert not re.search(rb"zuleika|quix|example-hospital", path.read_bytes(), re.IGNORECASE), path.name
    assert len(addresses(workshop)) == 4


def test_who_is_never_to_be_mailed_again_is_known_by_a_hash_alone(workshop: Workshop) -> None:
    add(workshop, "ann@example.org")
    workshop.told("subscribers", "erase", "ann@example.org", "--never-again", "--now", NOW)
    told = json.loads(workshop.run("subscribers", "export", "ann@example.org").stdout)
    assert told == {"suppression": {"reason": "never-again", "at": "2026-11-20T09:00:00+00:00"}}
    assert workshop.told("subscribers", "unsuppress", "Ann@Example.org") == {"unsuppressed": True}
    assert workshop.told("subscribers", "unsuppress", "ann@example.org") == {"unsuppressed": False}


def test_a_suppressed_subscriber_is_not_mailed(workshop: Workshop) -> None:
    workshop.told("ingest", "--now", NOW)
    add(workshop, "ann@example.org")
    add(workshop, "bob@example.org")
    assert workshop.told("subscribers", "suppress", "ann@example.org", "--now", NOW) == {"suppressed": True}
    workshop.told("publish", "--now", LATER)
    assert workshop.told("deliver", "--now", LATER)["deliveries"] == {"sent": 1}


def test_everything_of_one_person_is_printed_as_json(workshop: Workshop) -> None:
    add(workshop, "ann@example.org", "--name", "Ann")
    done = workshop.run("subscribers", "export", "ANN@example.org")
    told = json.loads(done.stdout)
    assert (told["address"], told["name"]) == ("ann@example.org", "Ann")
    assert [each["consent_text"] for each in told["subscriptions"]] == ["by phone"]
    assert json.loads(workshop.run("subscribers", "export", "nobody@example.org").stdout) == {}
    for wrong in ((), ("ann@example.org", "--csv", "all.csv")):
        assert workshop.run("subscribers", "export", *wrong).returncode == 2


def test_an_export_is_private_and_goes_in_again(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> None:
    add(workshop, "ann@example.org", "--name", "=1+1")
    add(workshop, "bob@example.org")
    assert workshop.told("subscribers", "export", "--csv", "all.csv") == {"written": 2, "file": "all.csv"}
    path = workshop.folder / "all.csv"
    assert mode(path) == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["address"]: row for row in csv.DictReader(file)}
    assert rows["ann@example.org"]["name"] == "'=1+1"
    assert rows["bob@example.org"] | {"name": ""} == {
        "address": "bob@example.org",
        "name": "",
        "newsletter": "daily",
        "state": "confirmed",
        "consent_text": "by phone",
        "consent_at": "2026-11-20T09:00:00+00:00",
        "consent_source": "operator",
        "ended_at": "",
        "preferences": "",
    }
    other = open_workshop(tmp_path_factory.mktemp("other"))
    told = other.told("subscribers", "import", str(path), "--now", LATER)
    assert told == {"counts": {"added": 2}, "refused": [], "refused_file": None}
    assert sorted(addresses(other)) == ["ann@example.org", "bob@example.org"]
    assert workshop.run("subscribers", "export", "--csv", "nowhere/all.csv").returncode == 2


def test_good_lines_go_in_and_bad_ones_are_told(workshop: Workshop) -> None:
    path = workshop.folder / "people.csv"
    path.write_bytes(b"\xef\xbb\xbf" + PEOPLE.encode())
    done = workshop.run("subscribers", "import", "people.csv", "--newsletter", "daily", "--now", NOW)
    said = done.stderr.decode() + done.stdout.decode()
    assert done.returncode == 1, said
    assert "people.csv, line 3, address: right would be one address such as name@example.org" in said
    assert "people.csv, line 5, consent_text" in said
    assert "bob" not in said, "addresses stand in the file beside alone"
    assert sorted(addresses(workshop)) == ["ann@example.org", "zoe@example.org"]
    beside = workshop.folder / "people.csv.refused.csv"
    assert mode(beside) == 0o600
    with beside.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["column"], row["found"]) for row in rows] == [
        ("3", "address", "bob at example.org"),
        ("5", "consent_text", ""),
    ]
    again = workshop.told("subscribers", "import", "people.csv", "--newsletter", "daily", "--now", NOW, status=1)
    assert again["counts"] == {"there": 2}
    assert [each["line"] for each in again["refused"]] == [3, 5]


def test_a_dry_run_says_the_same_and_changes_nothing(workshop: Workshop) -> None:
    (workshop.folder / "people.csv").write_text(PEOPLE, encoding="utf-8")
    told = workshop.told("subscribers", "import", "people.csv", "--newsletter", "daily", "--dry-run", status=1)
    assert told["counts"] == {"added": 2}
    assert told["refused_file"] is None
    assert addresses(workshop) == []
    assert not (workshop.folder / "people.csv.refused.csv").exists()


def test_who_has_left_comes_back_by_a_newer_consent_alone(workshop: Workshop) -> None:
    path = workshop.folder / "people.csv"
    header = "address,consent_text,consent_at\n"
    path.write_text(header + "ann@example.org,Yes,2026-11-20T09:00:00Z\n", encoding="utf-8")
    take_in = ("subscribers", "import", "people.csv", "--newsletter", "daily", "--now")
    workshop.told(*take_in, LATER)
    (listed,) = workshop.told("subscribers", "list")["subscriptions"]
    assert listed["consent"] == "2026-11-20T09:00:00+00:00"
    path.write_text(header + "gone@example.org,Yes,2026-11-20\n", encoding="utf-8")
    workshop.told("subscribers", "suppress", "gone@example.org", "--now", NOW)
    told = workshop.told(*take_in, LATER, status=1)
    assert [(each["column"], each["right"][:22]) for each in told["refused"]] == [("address", "an address that may be")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere.csv", "--newsletter", "daily"), "nowhere.csv: cannot be read"),
        (("people.csv", "--newsletter", "hourly"), 'no newsletter "hourly"'),
        (("people.csv",), "say which with --newsletter"),
        (("latin.csv", "--newsletter", "daily"), "latin.csv, line 1: not UTF-8"),
        (("short.csv", "--newsletter", "daily"), "a column consent_text"),
    ],
)
def test_what_cannot_be_read_at_all_is_a_mistake(workshop: Workshop, arguments: tuple[str, ...], told: str) -> None:
    (workshop.folder / "people.csv").write_text(PEOPLE, encoding="utf-8")
    (workshop.folder / "latin.csv").write_bytes("Größe".encode("cp1252"))
    (workshop.folder / "short.csv").write_text("address\nann@example.org\n", encoding="utf-8")
    done = workshop.run("subscribers", "import", *arguments)
    assert done.returncode == 2
    assert told in done.stderr.decode()
