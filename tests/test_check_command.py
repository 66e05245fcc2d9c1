"""`newsletter check feeds` on a whole installation: it passes what we publish, and tells what somebody broke."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from workshop import NOW, Workshop, environment, open_workshop


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    workshop = open_workshop(tmp_path_factory.mktemp("checked"))
    workshop.told("ingest", "--now", NOW)
    workshop.told("publish", "--now", NOW)
    return workshop


@pytest.fixture
def copy(published: Workshop, tmp_path: Path) -> Path:
    """A copy of what was published, to break."""
    folder = tmp_path / "public"
    shutil.copytree(published.folder / "public", folder)
    return folder


def test_what_we_publish_and_serve_has_no_finding(published: Workshop) -> None:
    before = published.files("public")
    told = published.told("check", "feeds", "--now", NOW)
    assert told["findings"] == []
    assert (told["errors"], told["warnings"]) == (0, 0)
    assert told["documents"] > 20
    assert published.files("public") == before, "it changes nothing"


def test_a_broken_feed_is_told_with_its_place_and_its_victim(published: Workshop, copy: Path) -> None:
    path = copy / "feeds" / "articles.atom"
    path.write_bytes(path.read_bytes().replace(b"<published>20", b"<published>", 1))
    told = published.told("check", "feeds", "--public", str(copy), "--now", NOW, status=1)
    assert (told["errors"], told["warnings"]) == (1, 0)
    (found,) = told["findings"]
    assert set(found) == {"code", "severity", "path", "place", "message", "breaks"}
    assert (found["code"], found["path"], found["place"]) == ("F-DATE", "feeds/articles.atom", "entry 1")
    plain = published.run("check", "feeds", "--public", str(copy), "--now", NOW)
    assert plain.returncode == 1
    lines = plain.stdout.decode().splitlines()
    assert lines[0].split() == ["severity", "code", "file", "place", "found"]
    assert f"{found['code']}: {found['breaks']}" in lines
    assert lines[-1] == f"{told['documents']} documents checked: 1 errors, 0 warnings"


def test_a_lost_entry_is_found_by_comparing_the_formats(published: Workshop, copy: Path) -> None:
    path = copy / "feeds" / "articles.atom"
    text = path.read_text(encoding="utf-8")
    start, end = text.rindex("  <entry>"), text.index("</feed>")
    path.write_text(text[:start] + text[end:], encoding="utf-8")
    told = published.told("check", "feeds", "--public", str(copy), "--now", NOW, status=1)
    assert "F-FORMATS" in {each["code"] for each in told["findings"]}


def test_one_mistake_in_many_places_is_told_briefly(published: Workshop, copy: Path) -> None:
    path = copy / "feeds" / "articles.rss"
    path.write_bytes(path.read_bytes().replace(b' isPermaLink="false"', b""))
    plain = published.run("check", "feeds", "--public", str(copy), "--now", NOW)
    rows = [line for line in plain.stdout.decode().splitlines() if " F-GUID " in line]
    told = published.told("check", "feeds", "--public", str(copy), "--now", NOW, status=1)
    number = sum(1 for each in told["findings"] if each["code"] == "F-GUID")
    assert number > 10
    assert len(rows) == 4
    assert f"and so in {number - 3} more places" in rows[-1]


def test_a_terminal_gets_a_table(published: Workshop, copy: Path) -> None:
    (copy / "feeds" / "feeds.opml").unlink()
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "newsletter", "check", "feeds", "--public", str(copy), "--now", NOW]
    told = environment() | {"COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=published.folder, stdout=follower, stderr=follower, env=told) as process:
        os.close(follower)
        shown = b""
        with suppress(OSError):  # Linux says so when the other side has ended
            while piece := os.read(leader, 65536):
                shown += piece
    os.close(leader)
    assert process.returncode == 1
    text = shown.decode()
    assert "━" in text
    assert "F-LIST" in text
    assert "checking feeds" in text, "a bar while it works"


def test_a_folder_without_feeds_is_not_judged(published: Workshop, tmp_path: Path) -> None:
    told = published.told("check", "feeds", "--public", str(tmp_path), status=2)
    assert "found no feed; `newsletter publish` writes them" in told["message"]


def test_a_document_that_names_a_page_outside_cannot_read_it(published: Workshop, copy: Path, tmp_path: Path) -> None:
    """The page of a feed is looked at, and what a document says of paths is not to be trusted."""
    path = min((copy / "feeds" / "topics").glob("*.atom"))
    home = f"https://ms-digest.example.org/topics/{path.stem}/"
    feed = f"https://ms-digest.example.org/feeds/topics/{path.name}"
    announced = f'<head><link rel="alternate" type="application/atom+xml" href="{feed}"></head>'
    (tmp_path / "index.html").write_text(announced, encoding="utf-8")
    data = path.read_bytes()
    assert home.encode() in data
    path.write_bytes(data.replace(home.encode(), b"https://ms-digest.example.org/../"))
    told = published.told("check", "feeds", "--public", str(copy), "--now", NOW, status=1)
    assert [each["code"] for each in told["findings"]] == ["F-DISCOVERY"]
