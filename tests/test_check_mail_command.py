"""`newsletter check mail` on a whole installation: it passes what we would send, and tells what somebody broke."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from workshop import NOW, ROOT, Workshop, environment, open_workshop

from newsletter.cli.check import _form_words
from newsletter.mail.note import NoteKind
from newsletter.model import Audience, Edition


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = open_workshop(tmp_path_factory.mktemp("checked"))
    workshop.told("ingest", "--now", NOW)
    return workshop


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """An operator's own style sheet without a dark scheme, and a site without https."""
    workshop = open_workshop(tmp_path_factory.mktemp("broken"))
    folder = workshop.folder / "mine" / "mail"
    folder.mkdir(parents=True)
    (folder / "kept.css").write_text("h1 { margin: 0 !important; }\n", encoding="utf-8")
    workshop.change('# templates = "my-templates"', 'templates = "mine"')
    workshop.change('base_url = "https:', 'base_url = "http:')
    workshop.told("ingest", "--now", NOW)
    return workshop


def test_what_we_would_send_has_no_error(shipped: Workshop) -> None:
    before = shipped.files("var")
    told = shipped.told("check", "mail", "--now", NOW)
    assert set(told) == {"messages", "none", "errors", "warnings"}
    assert (told["errors"], told["warnings"], told["none"]) == (0, 0, [])
    assert {each["newsletter"] for each in told["messages"]} == {"daily", "caregiver-weekly", "clinician-monthly"}
    forms = [(each["audience"] or each["note"], each["edition"]) for each in told["messages"]]
    assert set(forms) == {(group, edition) for group in (*Audience, *NoteKind) for edition in Edition}
    assert len(forms) == 3 * len(set(forms))
    assert all((each["period"] is None) is (each["note"] is not None) for each in told["messages"])
    assert all(each["bytes"] > 1000 and each["findings"] == [] for each in told["messages"])
    assert set(told["messages"][0]["sources"][0]) == {"title", "grade", "longest"}
    assert shipped.files("var").keys() == before.keys(), "it changes nothing"
    assert not (shipped.folder / "public").exists()


def test_one_newsletter_and_one_period_can_be_named(shipped: Workshop) -> None:
    told = shipped.told("check", "mail", "clinician-monthly", "--period", "2026-10", "--now", NOW)
    digests = [each for each in told["messages"] if each["period"]]
    assert {(each["newsletter"], each["period"]) for each in digests} == {("clinician-monthly", "2026-10")}


def test_a_recorded_digest_is_judged_as_a_draft_is(shipped: Workshop, tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    workshop.told("ingest", "--now", NOW)
    workshop.told("publish", "--now", NOW)
    told = workshop.told("check", "mail", "daily", "--now", NOW)
    draft = shipped.told("check", "mail", "daily", "--now", NOW)
    assert [each["period"] for each in told["messages"]] == [each["period"] for each in draft["messages"]]


def test_what_somebody_broke_is_told_with_its_place_and_who_is_hurt(broken: Workshop) -> None:
    told = broken.told("check", "mail", "daily", "--now", NOW, status=1)
    general = [each for each in told["messages"] if each["audience"] == "general"]
    (standard,) = (each for each in general if each["edition"] == "standard")
    codes = {finding["code"]: finding["severity"] for finding in standard["findings"]}
    assert codes["M-DARK"] == "error"
    assert codes["M-HTTPS"] == "warning"
    assert set(standard["findings"][0]) == {"code", "severity", "place", "message", "why"}
    (text_only,) = (each for each in general if each["edition"] == "text-only")
    assert [finding["code"] for finding in text_only["findings"]] == ["M-HTTPS"]
    plain = broken.run("check", "mail", "daily", "--now", NOW)
    assert plain.returncode == 1
    lines = plain.stdout.decode().splitlines()
    assert lines[0].split() == ["severity", "code", "newsletter", "mailing", "edition", "audience", "place", "found"]
    insecure = [line.split()[3:6] for line in lines if " M-HTTPS " in line]
    period = standard["period"]
    assert insecure == [[period, "all", "all"], ["welcome", "all", "all"]], "what all forms share is told once"
    undarkened = [re.split(r" {2,}", line)[3:6] for line in lines if " M-DARK " in line and " no @media " in line]
    assert undarkened == [[each, "standard, large-print, compact", "all"] for each in (period, *NoteKind)]
    assert any(line.startswith("M-DARK: In dark mode") for line in lines)
    assert lines[-1] == f"32 messages checked: {told['errors']} errors, {told['warnings']} warnings"


@pytest.mark.parametrize(
    ("some", "rows"),
    [
        ("aX aY bX bY", [("all", "all")]),
        ("aX bX", [("X", "all")]),
        ("aX aY", [("all", "a")]),
        ("aX bY", [("X", "a"), ("Y", "b")]),
        ("aX aY bY", [("all", "a"), ("Y", "b")]),
    ],
)
def test_forms_are_told_in_few_rows(some: str, rows: list[tuple[str, str]]) -> None:
    every = [(audience, edition) for audience in "ab" for edition in "XY"]
    assert list(_form_words([(form[0], form[1]) for form in some.split()], every)) == rows


def test_a_terminal_gets_a_table(broken: Workshop) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "newsletter", "check", "mail", "daily", "--now", NOW]
    told = environment() | {"COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=broken.folder, stdout=follower, stderr=follower, env=told) as process:
        os.close(follower)
        shown = b""
        with suppress(OSError):  # Linux says so when the other side has ended
            while piece := os.read(leader, 65536):
                shown += piece
    os.close(leader)
    assert process.returncode == 1
    text = shown.decode()
    assert "━" in text
    assert "M-DARK" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("weekly",), 'no newsletter "weekly" in the configuration; there are: daily'),
        (("daily", "--period", "1999-01-01"), 'no digest for the period "1999-01-01"'),
    ],
)
def test_what_is_not_there_is_not_judged(shipped: Workshop, arguments: tuple[str, ...], said: str) -> None:
    told = shipped.told("check", "mail", *arguments, "--now", NOW, status=2)
    assert said in told["message"]


def test_without_any_digest_nothing_is_judged(tmp_path: Path) -> None:
    told = open_workshop(tmp_path, seeds=tmp_path).told("check", "mail", "--now", NOW, status=2)
    assert told["message"].count("no digest with anything in it") == 3


def test_the_command_is_documented() -> None:
    text = (ROOT / "docs" / "checking-mail.md").read_text(encoding="utf-8")
    for word in ("newsletter check mail", "--period", "--now", "--json"):
        assert word in text


def test_publish_refuses_what_the_gate_finds_and_status_says_so_until_it_is_mended(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    folder = tmp_path / "mine" / "mail"
    folder.mkdir(parents=True)
    (folder / "kept.css").write_text("h1 { margin: 0 !important; }\n", encoding="utf-8")
    workshop.change('# templates = "my-templates"', 'templates = "mine"')
    workshop.told("ingest", "--now", NOW)
    told = workshop.told("publish", "--now", NOW, status=1)
    refused = [each for each in told["results"] if "message" in each]
    assert {each["planned"]["newsletter"] for each in refused} == {"daily", "caregiver-weekly", "clinician-monthly"}
    assert all("standard edition for " in each["message"] for each in refused)
    status = workshop.told("status", "--now", NOW)
    assert all("standard edition for " in each["refused"] for each in status["newsletters"])
    assert b"refused: " in workshop.run("status", "--now", NOW).stdout
    (folder / "kept.css").unlink()
    workshop.told("publish", "--now", NOW)
    assert [each["refused"] for each in workshop.told("status", "--now", NOW)["newsletters"]] == [None] * 3
