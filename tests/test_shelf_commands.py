"""Commands about articles and sources, and what is known of studies and topics from elsewhere."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from workshop import NOW, ROOT, Workshop, environment, open_workshop

sys.path.append(str(ROOT / "bench"))
from captures import capture

LATER = "2026-11-21T09:00:00Z"
CROSSREF = {
    "message": {
        "items": [
            {
                "DOI": "10.5555/notice.1",
                "title": ["Retraction notice"],
                "update-to": [
                    {"DOI": "10.5555/MS.2026.010", "type": "retraction", "updated": {"date-parts": [[2026, 11, 19]]}}
                ],
            }
        ]
    }
}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Four of the examples, one of them broken."""
    folder = tmp_path / "in"
    folder.mkdir()
    for path in sorted((ROOT / "seeds").glob("0[01]*"))[:8]:
        shutil.copy(path, folder)
    (folder / "broken.txt").write_text("A title and nothing else\n", encoding="utf-8")
    return open_workshop(tmp_path, seeds=folder)


def test_what_was_taken_in_can_be_looked_at(workshop: Workshop) -> None:
    workshop.told("ingest", "--now", NOW, status=1)
    listed = workshop.told("articles", "list", "--now", NOW)["articles"]
    assert [each["published"] for each in listed] == sorted((each["published"] for each in listed), reverse=True)
    shown = workshop.told("articles", "show", listed[0]["slug"])
    assert shown["id"] == listed[0]["id"]
    assert shown["key_takeaway"]
    assert shown["date_origin"] == "sidecar"
    plain = workshop.run("articles", "show", listed[0]["slug"])
    assert shown["key_takeaway"] in plain.stdout.decode()
    assert "no article" in workshop.told("articles", "show", "nothing", status=2)["message"]
    assert listed[0]["slug"] in workshop.run("articles", "list", "--now", NOW).stdout.decode()
    assert workshop.told("articles", "list", "--topic", "no such topic", "--now", NOW) == {"articles": []}


def test_what_could_not_be_used_says_why_and_is_tried_again(workshop: Workshop) -> None:
    workshop.told("ingest", "--now", NOW, status=1)
    (entry,) = workshop.told("quarantine", "list")["quarantined"]
    assert (entry["key"], entry["code"]) == ("broken", "E-NO-TAKEAWAY")
    assert "broken.txt" in workshop.run("quarantine", "show", "examples/broken").stdout.decode()
    assert workshop.told("quarantine", "show", "broken")["quarantined"] == [entry]
    assert "no document" in workshop.told("quarantine", "show", "nothing", status=2)["message"]
    assert b"broken" in workshop.run("quarantine", "list").stdout
    (workshop.folder / "in/broken.txt").unlink()
    shutil.copy(ROOT / "seeds/052_422ee984adcacd51.txt", workshop.folder / "in/broken.txt")
    assert workshop.told("quarantine", "retry", "--now", NOW)["sources"][0]["new"] == ["broken"]
    assert workshop.told("quarantine", "list") == {"quarantined": []}


def test_sources_are_listed_with_what_they_last_gave(workshop: Workshop) -> None:
    (source,) = workshop.told("sources")["sources"]
    assert (source["kind"], source["last"]) == ("captures", None)
    workshop.told("ingest", "--now", NOW, status=1)
    (source,) = workshop.told("sources")["sources"]
    assert source["last"]["quarantined"] == 1
    workshop.change('kind = "captures"', 'kind = "json"')
    workshop.change(f'folder = "{workshop.folder}/in"', f'file = "{workshop.folder}/nothing.json"')
    assert b"examples" in workshop.run("sources").stdout


def test_one_unreadable_source_does_not_stop_the_others(workshop: Workshop) -> None:
    workshop.change(
        "# -- Newsletters --",
        '[[source]]\nslug = "gone"\nkind = "captures"\nfolder = "gone"\n\n'
        '[[source]]\nslug = "inside"\nkind = "feed"\nurl = "http://127.0.0.1/feed?key=secret"\n\n# -- Newsletters --',
    )
    reports = workshop.told("ingest", "--now", NOW, status=1)["sources"]
    assert len(reports[0]["new"]) >= 3
    assert "gone" in reports[1]["problem"]
    assert "127.0.0.1" in reports[2]["problem"]
    assert "secret" not in reports[2]["problem"]
    shown = workshop.run("ingest", "--now", NOW)
    assert sum(line.startswith(b"unreadable") for line in shown.stderr.splitlines()) == 2
    assert b"unreadable" in workshop.run("sources").stdout


def test_the_schema_is_printed() -> None:
    told = json.loads(Workshop(ROOT).run("schema").stdout)
    assert "key_takeaway" in told["properties"]
    assert "id" in json.dumps(told["required"])


def test_a_study_that_was_retracted_since_reaches_an_old_article(workshop: Workshop) -> None:
    workshop.told("ingest", "--now", NOW, status=1)
    workshop.told("publish", "--now", NOW)
    (workshop.folder / "crossref.json").write_text(json.dumps(CROSSREF), encoding="utf-8")
    workshop.change("studies = []", 'studies = ["crossref.json"]')
    workshop.told("ingest", "--now", LATER, status=1)
    retracted = [
        each for each in workshop.told("articles", "list", "--now", LATER)["articles"] if each["status"] != "ok"
    ]
    assert [each["source"].partition("/")[2][:3] for each in retracted if each["status"] == "retracted"] == ["010"]
    due = workshop.told("plan", "--now", LATER)["due"]
    assert [each["notices"] for each in due if each["newsletter"] == "daily"] == [1]
    workshop.told("publish", "--now", LATER)
    feed = workshop.files("public/feeds")["articles.atom"].decode()
    assert feed.count("<title>Retracted: ") + feed.count('<title type="text">Retracted: ') == 2, "article and notice"


def test_articles_are_completed_again_only_where_a_file_has_changed(workshop: Workshop) -> None:
    """Told by what is put back: an article's own facts are taken away in the database behind the program's back."""
    (workshop.folder / "crossref.json").write_text(json.dumps(CROSSREF), encoding="utf-8")
    workshop.change("studies = []", 'studies = ["crossref.json"]')
    workshop.told("ingest", "--now", NOW, status=1)
    assert _retracted(workshop) == ["010"], "a new article is completed when it comes in"
    _forget_retractions(workshop)
    workshop.told("ingest", "--now", LATER, status=1)
    assert _retracted(workshop) == []
    with (workshop.folder / "crossref.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    workshop.told("ingest", "--now", LATER, status=1)
    assert _retracted(workshop) == ["010"]
    for studies in ("[]", '["crossref.json"]'):  # what came in without the file must be completed once it is back
        path = workshop.folder / "config.toml"
        lines = path.read_text(encoding="utf-8").splitlines()
        changed = [f"studies = {studies}" if line.startswith("studies = ") else line for line in lines]
        path.write_text("\n".join(changed), encoding="utf-8")
        _forget_retractions(workshop)
        workshop.told("ingest", "--now", LATER, status=1)
    assert _retracted(workshop) == ["010"]


def _retracted(workshop: Workshop) -> list[str]:
    listed = workshop.told("articles", "list", "--now", LATER)["articles"]
    return [each["source"].partition("/")[2][:3] for each in listed if each["status"] == "retracted"]


def _forget_retractions(workshop: Workshop) -> None:
    with closing(sqlite3.connect(workshop.folder / "var/newsletter.db")) as connection, connection:
        connection.execute("UPDATE article SET status = 'ok' WHERE key LIKE '010%'")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("gone.json", None, "cannot be read"),
        ("bad.json", "{", "bad.json"),
        ("bad.xml", "<a", "bad.xml"),
    ],
)
def test_a_file_of_studies_that_cannot_be_used_is_told(
    workshop: Workshop, name: str, text: str | None, told: str
) -> None:
    if text is not None:
        (workshop.folder / name).write_text(text, encoding="utf-8")
    workshop.change("studies = []", f'studies = ["{name}"]')
    refused = workshop.told("ingest", "--now", NOW, status=2)
    assert refused["error"] == "ConfigError"
    assert told in refused["message"]


def test_an_operators_word_on_topics_settles_them(workshop: Workshop) -> None:
    (path,) = (workshop.folder / "in").glob("003*.txt")
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition("Article Topics:\n")
    glued = "xqzzvorptfatigue"
    path.write_text(f"{head}Article Topics:\n{glued}\n{rest.partition(chr(10))[2]}", encoding="utf-8")
    workshop.told("ingest", "--now", NOW, status=1)
    (doubt,) = [each for each in workshop.told("topics", "review")["doubtful"] if each["topics_raw"] == glued]
    assert doubt["readings"]
    assert glued.encode() in workshop.run("topics", "review").stdout
    workshop.change('# topics = "topics.toml"', 'topics = "topics.toml"')
    words = f'[lists]\n"{glued}" = ["Xqzzvorpt", "tiredness"]\n[aliases]\ntiredness = "Fatigue"\n'
    (workshop.folder / "topics.toml").write_text(words, encoding="utf-8")
    workshop.told("ingest", "--now", NOW, status=1)
    assert workshop.told("articles", "show", doubt["slug"])["topics"] == ["Xqzzvorpt", "Fatigue"]
    assert workshop.told("topics", "review")["doubtful"] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[lists", "cannot be read"),
        ("[list]", "unknown key"),
        ('[lists]\na = "b"', "lists.a"),
        ("[aliases]\na = 1", "aliases.a"),
        ("lists = 1", "lists."),
    ],
)
def test_a_file_of_topics_that_cannot_be_used_is_told(workshop: Workshop, text: str, told: str) -> None:
    workshop.change('# topics = "topics.toml"', 'topics = "topics.toml"')
    (workshop.folder / "topics.toml").write_text(text, encoding="utf-8")
    assert told in workshop.told("ingest", "--now", NOW, status=2)["message"]


def test_parse_takes_every_kind(tmp_path: Path) -> None:
    text = "id,title,key_takeaway,what_they_found,who_should_care,considerations\n1,T,One.,Two.,Three.,Four.\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    workshop = Workshop(ROOT)
    assert workshop.told("parse", str(tmp_path / "a.csv"))["what_they_found"] == ["Two."]
    piped = workshop.run("parse", "-", "--kind", "csv", "--json", stdin=text.encode())
    assert json.loads(piped.stdout)["title"] == "T"
    assert "no kind" in workshop.told("parse", "-", "--kind", "pigeon", status=2)["message"]
    (tmp_path / "none.csv").write_text(text.splitlines()[0] + "\n", encoding="utf-8")
    assert workshop.told("parse", str(tmp_path / "none.csv"), status=2)["error"].startswith("E-")


def test_documents_may_come_from_standard_input(workshop: Workshop) -> None:
    workshop.change(
        "# -- Newsletters --",
        '[[source]]\nslug = "desk"\nkind = "json"\nfile = "nothing.json"\n\n# -- Newsletters --',
    )
    document = {
        "id": "1",
        "title": "A Title",
        "key_takeaway": "One.",
        "what_they_found": "Two.",
        "who_should_care": "Three.",
        "considerations": "Four.",
    }
    given = json.dumps(document).encode()
    done = workshop.run("ingest", "--stdin", "desk", "--json", "--now", NOW, stdin=given)
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)["sources"]
    assert (report["source"], report["new"]) == ("desk", ["1"])
    refused = workshop.run("ingest", "--stdin", "nobody", "--now", NOW, stdin=given)
    assert refused.returncode == 2
    assert b"no source" in refused.stderr


def test_a_killed_run_loses_nothing_and_the_next_goes_on(tmp_path: Path) -> None:
    """Killed again and again while it takes in 2,000 captures; in the end each is there once, under its first id."""
    number, folder = 2000, tmp_path / "in"
    folder.mkdir()
    for each in range(number):
        (folder / f"{each:04}.txt").write_text(capture(each), encoding="utf-8")
    workshop = open_workshop(tmp_path, seeds=folder)
    workshop.told("articles", "list", "--now", NOW)  # makes the database
    kept: set[str] = set()
    for _ in range(4):
        command = [sys.executable, "-m", "newsletter", "ingest", "--now", NOW]
        with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and _number_of_articles(tmp_path) < len(kept) + 100:
                time.sleep(0.002)
            process.kill()
        after = {each["id"] for each in workshop.told("articles", "list", "--now", LATER)["articles"]}
        assert kept < after, "what was accepted stays"
        kept = after
    assert len(kept) < number
    (report,) = workshop.told("ingest", "--now", NOW)["sources"]
    assert len(report["unchanged"]) == len(kept)
    listed = workshop.told("articles", "list", "--now", LATER)["articles"]
    assert len({each["id"] for each in listed}) == len(listed) == number


def _number_of_articles(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "var/newsletter.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM article").fetchone()[0])
