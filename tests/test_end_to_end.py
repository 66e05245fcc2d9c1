"""The main job on the shipped examples, through the command line: pages in, digests out, once."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import feedparser
import pytest
from fault_server import Fault, FaultServer
from feeds.atom_check import problems
from workshop import NOW, ROOT, Workshop, environment, open_workshop

PEOPLE = {"daily": "ann@example.org", "caregiver-weekly": "carl@example.org", "clinician-monthly": "dora@example.org"}


def _subscribe(workshop: Workshop) -> None:
    for newsletter, address in PEOPLE.items():
        workshop.told(
            "subscribers", "add", address, "--newsletter", newsletter, "--consent", "asked by phone", "--now", NOW
        )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The examples taken in, published and delivered."""
    workshop = open_workshop(tmp_path_factory.mktemp("demo"), processes=True)
    workshop.told("ingest", "--now", NOW)
    _subscribe(workshop)
    workshop.told("publish", "--now", NOW)
    assert workshop.told("deliver", "--now", NOW)["deliveries"] == {"sent": 3}
    return workshop


def _mail(workshop: Workshop) -> dict[str, EmailMessage]:
    """Messages by recipient."""
    messages = [
        email.message_from_bytes(data, policy=email.policy.default)
        for name, data in workshop.files("var/maildir").items()
        if name.startswith("new/")
    ]
    return {str(message["To"].addresses[0].addr_spec): message for message in messages}


def test_every_newsletter_reached_its_subscriber(demo: Workshop) -> None:
    mail = _mail(demo)
    assert set(mail) == set(PEOPLE.values())
    for newsletter, address in PEOPLE.items():
        assert newsletter in mail[address]["List-Id"]
        assert mail[address]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_second_run_changes_no_byte_and_delivers_nothing(demo: Workshop) -> None:
    public, maildir = demo.files("public"), demo.files("var/maildir")
    assert demo.told("ingest", "--now", NOW)["sources"][0]["new"] == []
    _subscribe(demo)
    assert demo.told("publish", "--now", NOW)["results"] == []
    assert demo.told("deliver", "--now", NOW)["deliveries"] == {}
    assert demo.files("public") == public
    assert demo.files("var/maildir") == maildir


def test_another_machine_publishes_the_same_bytes(demo: Workshop, tmp_path: Path) -> None:
    other = open_workshop(tmp_path, processes=True)
    other.told("ingest", "--now", NOW)
    other.told("publish", "--now", NOW)
    assert other.files("public") == demo.files("public")


def test_feeds_are_valid_and_every_reader_sees_every_entry(demo: Workshop) -> None:
    feeds = {name: data for name, data in demo.files("public/feeds").items() if name.endswith(".atom")}
    topics = {name for name in feeds if name.startswith("topics/")}
    newsletters = {f"newsletters/{newsletter}.atom" for newsletter in PEOPLE}
    assert set(feeds) - topics == {"articles.atom", "notices.atom", *newsletters}
    assert len(topics) > 5
    for name, data in feeds.items():
        assert problems(data) == [], name
        assert not feedparser.parse(data).bozo, name
    articles = feedparser.parse(feeds["articles.atom"]).entries
    assert sum("article/" in entry.id for entry in articles) == 25, "26 examples, one held back until 2027"
    assert sum("notice/" in entry.id for entry in articles) == 2, "a correction and a retraction"
    for entry in articles:
        relations = {link.rel for link in entry.links}
        assert "alternate" in relations
        assert entry.summary
        assert len(entry.content[0].value) > len(entry.summary)


def test_page_feed_and_both_parts_of_the_email_carry_the_same_articles(demo: Workshop) -> None:
    for newsletter, address in PEOPLE.items():
        message = _mail(demo)[address]
        html, text = (message.get_body((kind,)).get_content() for kind in ("html", "plain"))  # type: ignore[union-attr]  # every message of ours has both
        period = demo.told("status", "--now", NOW)["newsletters"]
        (last,) = [each["last"]["period"] for each in period if each["newsletter"] == newsletter]
        page = demo.files("public")[f"digests/{newsletter}/{last}/index.html"].decode().partition("<main")[2]
        entry = feedparser.parse(demo.files("public/feeds")[f"newsletters/{newsletter}.atom"]).entries[0]
        titles = _titles(html)
        assert titles
        for form in (page, entry.content[0].value, html):
            places = [form.index(title) for title in titles]
            assert places == sorted(places), (newsletter, titles)
        assert all(_plain(title) in " ".join(text.split()) for title in titles)


def _titles(html: str) -> list[str]:
    """Titles of articles in the order in which the email links to them."""
    articles = html.split("/articles/")[1:]
    found = [piece.partition(">")[2].partition("</a>")[0] for piece in articles]
    return list(dict.fromkeys(title for title in found if title and "<" not in title))


def _plain(title: str) -> str:
    return title.replace("&amp;", "&").replace("&#39;", "'")


def test_an_embargoed_article_is_nowhere_until_its_day(demo: Workshop) -> None:
    stem = "079_38703e94bd00af97"
    title = (ROOT / "seeds" / f"{stem}.txt").read_text(encoding="utf-8").splitlines()[0]
    for name, data in demo.files("public").items():
        assert title.encode() not in data, name


def test_a_retracted_article_says_so_first_and_is_in_no_email(demo: Workshop) -> None:
    title = (ROOT / "seeds" / "042_51cff5f28183edf1.txt").read_text(encoding="utf-8").splitlines()[0]
    (page,) = [
        data.decode()
        for name, data in demo.files("public/articles").items()
        if f"Retracted: {title}" in data.decode().partition("</h1>")[0]
    ]
    assert page.index("Retracted") < page.index("What They Found") if "What They Found" in page else True
    for name, data in demo.files("public/digests").items():
        assert title not in data.decode(), name


def test_a_correction_stands_first_in_the_digest_of_its_day(demo: Workshop) -> None:
    html = _mail(demo)["ann@example.org"].get_body(("html",)).get_content()  # type: ignore[union-attr]  # as above
    assert html.index("Correction") < html.index("/articles/", html.index("Correction"))
    assert "140" in html


def test_preview_writes_the_three_forms(demo: Workshop, tmp_path: Path) -> None:
    told = demo.told("preview", "caregiver-weekly", "--out", str(tmp_path), "--now", NOW)
    assert told["period"] == "2026-W46"
    assert {path.name for path in tmp_path.iterdir()} >= {"digest.html", "digest.txt", "digest.eml"}
    message = email.message_from_bytes((tmp_path / "digest.eml").read_bytes(), policy=email.policy.default)
    assert message["To"].addresses[0].domain == "example.org"
    assert "carl" not in str(message)
    back_issue = demo.told("preview", "daily", "--period", "2026-10-06", "--out", str(tmp_path), "--now", NOW)
    assert back_issue["period"] == "2026-10-06"
    missing = demo.told("preview", "daily", "--period", "1999-01-01", "--out", str(tmp_path), "--now", NOW, status=2)
    assert "1999-01-01" in missing["message"]


def test_plan_shows_what_publish_does_and_changes_nothing(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, processes=True)
    workshop.told("ingest", "--now", NOW)
    planned = workshop.told("plan", "--now", NOW)["due"]
    assert workshop.told("plan", "--now", NOW)["due"] == planned
    results = workshop.told("publish", "--now", NOW)["results"]
    told = [(each["newsletter"], each["period"], len(each["articles"]), each["notices"]) for each in planned]
    done = [(r["planned"]["newsletter"], r["planned"]["period"], r["articles"], r["notices"]) for r in results]
    assert told == done
    assert workshop.told("plan", "--now", NOW)["due"] == []


def test_a_new_newsletter_mails_only_its_newest_digest(demo: Workshop) -> None:
    subjects = [str(message["Subject"]) for message in _mail(demo).values()]
    assert len(subjects) == 3
    assert len(demo.files("public/digests")) > 15


BAD = {
    "empty": b"",
    "errorpage": b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>502</body></html>",
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "nul": b"A title\n\0\0\0\n",
    "long": b"x" * 5_000_000,
}


def test_bad_input_costs_itself_alone(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = sorted((ROOT / "seeds").glob("*.txt"))[:4]
    for path in good:
        (folder / path.name).write_bytes(path.read_bytes())
    for name, data in BAD.items():
        (folder / f"{name}.txt").write_bytes(data)
    (folder / "half.txt").write_bytes(good[0].read_bytes()[:900])
    workshop = open_workshop(tmp_path, seeds=folder, processes=True)
    (report,) = workshop.told("ingest", "--now", NOW, status=1)["sources"]
    assert len(report["new"]) == 4
    reasons = {entry["key"]: entry for entry in report["quarantined"]}
    assert set(reasons) == {*BAD, "half"}
    for key, entry in reasons.items():
        assert entry["code"].startswith("E-")
        assert f"{key}.txt" in entry["message"]
    shown = workshop.run("ingest", "--now", NOW)
    assert shown.returncode == 1
    assert shown.stderr.count(b"quarantined") == 6
    assert len(workshop.told("status", "--now", NOW)["quarantined"]) == 6


def test_a_clock_that_leapt_is_refused_until_an_operator_agrees(demo: Workshop, tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, processes=True)
    workshop.told("publish", "--now", NOW)
    later = "2036-01-01T00:00:00Z"
    refused = workshop.told("publish", "--now", later, status=1)
    assert "--catch-up" in refused["message"]
    assert workshop.told("status", "--now", later)["clock_refused"]
    workshop.told("publish", "--now", later, "--catch-up")
    assert workshop.told("status", "--now", later)["clock_refused"] is None


def test_a_refused_mailing_is_told_and_stays_due(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, processes=True)
    templates = tmp_path / "my-templates" / "mail"
    templates.mkdir(parents=True)
    workshop.change('# templates = "my-templates"', 'templates = "my-templates"')
    (templates / "digest.html").write_text("<!DOCTYPE html><html><head><style>@import 'x';</style></head></html>")
    workshop.told("ingest", "--now", NOW)
    before = workshop.told("plan", "--now", NOW)["due"]
    results = workshop.told("publish", "--now", NOW, status=1)["results"]
    assert "@import" in next(each["message"] for each in results if "message" in each)
    (templates / "digest.html").unlink()
    workshop.told("publish", "--now", NOW)
    assert [each["mailed"] for each in before].count(True) == 3


REAL_SEEDS = Path(os.environ.get("NEWSLETTER_REAL_SEEDS", ROOT.parent / "shared" / "seeds"))


@pytest.mark.skipif(not REAL_SEEDS.is_dir(), reason=f"the two real captures are not at {REAL_SEEDS}")
def test_the_real_pages_go_the_same_way(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, seeds=REAL_SEEDS, processes=True)
    _subscribe(workshop)
    (report,) = workshop.told("ingest", "--now", NOW)["sources"]
    assert len(report["new"]) == 2
    workshop.told("publish", "--now", NOW)
    later = "2026-11-21T09:00:00Z"  # without a date they are published when they were first seen
    workshop.told("publish", "--now", later)
    assert workshop.told("deliver", "--now", later)["deliveries"] == {"sent": 1}
    (message,) = _mail(workshop).values()
    assert str(message["Subject"]).startswith("2 new summaries")
    feed = workshop.files("public/feeds")["articles.atom"]
    assert problems(feed) == []
    assert sorted(len(entry.tags) for entry in feedparser.parse(feed).entries) == [4, 10]


def test_digests_leave_through_a_real_smtp_server(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, processes=True)
    with FaultServer(log=tmp_path / "log") as server:
        workshop.change('transport = "maildir"', 'transport = "smtp"')
        workshop.change("port = 587", f"port = {server.port}")
        workshop.change('security = "starttls"', 'security = "none"')
        workshop.told("ingest", "--now", NOW)
        _subscribe(workshop)
        workshop.told("publish", "--now", NOW)
        assert workshop.told("deliver", "--now", NOW)["deliveries"] == {"sent": 3}
        assert workshop.told("deliver", "--now", NOW)["deliveries"] == {}
    assert sorted(message.recipient for message in server.accepted) == sorted(PEOPLE.values())


def test_a_dead_address_is_suppressed_and_a_refusing_relay_burns_nobody(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, processes=True)
    dead = [Fault(at="rcpt", reply="550 5.1.1 no such user")]
    with FaultServer(log=tmp_path / "log", scripts={"ann@example.org": [*dead]}) as server:
        workshop.change('transport = "maildir"', 'transport = "smtp"')
        workshop.change("port = 587", f"port = {server.port}")
        workshop.change('security = "starttls"', 'security = "none"')
        workshop.told("ingest", "--now", NOW)
        _subscribe(workshop)
        workshop.told("publish", "--now", NOW)
        assert workshop.told("deliver", "--now", NOW)["deliveries"] == {"bounced": 1, "sent": 2}
        tomorrow = "2026-11-21T09:00:00Z"
        workshop.told("publish", "--now", tomorrow)
        assert workshop.told("deliver", "--now", tomorrow)["deliveries"] == {}, "nobody writes to a dead address"
    other = open_workshop(_folder(tmp_path / "other"), processes=True)
    with FaultServer(always=(Fault(at="mail", reply="530 5.7.0 authenticate first"),)) as server:
        other.change('transport = "maildir"', 'transport = "smtp"')
        other.change("port = 587", f"port = {server.port}")
        other.change('security = "starttls"', 'security = "none"')
        other.told("ingest", "--now", NOW)
        _subscribe(other)
        other.told("publish", "--now", NOW)
        assert "530" in other.told("deliver", "--now", NOW, status=1)["message"]
    states = [each["deliveries"] for each in other.told("status", "--now", NOW)["newsletters"]]
    assert not any("bounced" in each for each in states)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _seeds_of_today(folder: Path) -> Path:
    """The examples, with an article of yesterday, one of last week and one of last month: each newsletter has something."""
    shutil.copytree(ROOT / "seeds", folder)
    today = datetime.now(UTC).date()
    days = (
        today - timedelta(days=1),
        today - timedelta(days=today.isoweekday()),
        today.replace(day=1) - timedelta(days=1),
    )
    told = {path: path.read_text("utf-8") for path in sorted(folder.glob("*.toml"))}
    dated = [path for path, text in told.items() if re.fullmatch(r"(#.*\n)*published = .+\n*", text)]
    for path, day in zip(dated, days, strict=False):
        path.write_text(f"published = {day}\n", encoding="utf-8")
    return folder


def test_run_serves_ticks_and_ends_on_sigterm(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, seeds=_seeds_of_today(tmp_path / "seeds"), processes=True)
    workshop.change("port = 8000", "port = 0")
    workshop.change("tick_seconds = 30", "tick_seconds = 1")
    _subscribe(workshop)
    command = [sys.executable, "-u", "-m", "newsletter", "run"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment()
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().decode().split()[1]
        try:
            _wait_for(lambda: _status(f"{address}feeds/articles.atom") == 200 and len(_mail(workshop)) == 3)
            assert _status(f"{address}healthz") == 200
            assert _status(f"{address}../config.toml") == 404
            refused = workshop.run("deliver")
            assert refused.returncode == 2
            assert b"another process is delivering" in refused.stderr
            _unsubscribe(workshop, "ann@example.org", address)
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.stdout.read().decode()
        assert process.wait(timeout=30) == 0, rest
    assert "Traceback" not in rest
    assert "@" not in rest, "no address in a log"


def _unsubscribe(workshop: Workshop, address: str, served: str) -> None:
    """RFC 8058, as a mailbox provider does it; and a scanner's visits before, which must change nothing."""
    link = _mail(workshop)[address]["List-Unsubscribe"].partition("<")[2].partition(">")[0]
    url = served + link.partition("/unsubscribe/")[1].lstrip("/") + link.partition("/unsubscribe/")[2]
    assert address not in url
    for method in ("GET", "HEAD") * 3:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
            assert answer.status == 200
    assert _states(workshop)[address] == "confirmed"
    for _ in range(2):
        request = urllib.request.Request(url, data=b"List-Unsubscribe=One-Click", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
    assert _states(workshop)[address] == "unsubscribed"
    assert _status(f"{url[:-1]}{'A' if url[-1] != 'A' else 'B'}") == 404


def _states(workshop: Workshop) -> dict[str, str]:
    found = workshop.told("subscribers", "list")["subscriptions"]
    return {each["address"]: each["state"] for each in found}


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def _wait_for(condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def test_a_killed_delivery_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Nobody is lost, and a message that is repeated has the same Message-ID, so the Maildir holds it once."""
    people, workshop = 400, open_workshop(tmp_path, processes=True)
    workshop.told("ingest", "--now", NOW)
    script = (
        "import datetime, pathlib\n"
        "from newsletter import config, app\n"
        "from newsletter.model import Consent\n"
        "a = app.open_app(config.load(pathlib.Path('config.toml')))\n"
        "agreed = Consent(text='t', at=datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC), source='operator')\n"
        f"[a.add_subscriber(f'p{{n}}@example.org', '', 'daily', agreed) for n in range({people})]\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, env=environment())
    workshop.told("publish", "--now", NOW)
    delivered = tmp_path / "var/maildir/new"
    killed = [_kill_while_sending(tmp_path, delivered, after=20) for _ in range(3)]
    assert all(killed), "each was killed while it was sending"
    workshop.told("deliver", "--now", NOW)
    assert len(_mail(workshop)) == people
    assert _count(delivered) == people
    status = workshop.told("status", "--now", NOW)["newsletters"]
    (counts,) = [each["deliveries"] for each in status if each["newsletter"] == "daily"]
    assert counts == {"sent": people}


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


def _kill_while_sending(folder: Path, delivered: Path, *, after: int) -> bool:
    """Start a delivery, and kill it once it has delivered so many messages; False if it ended before."""
    before = _count(delivered)
    command = [sys.executable, "-m", "newsletter", "deliver", "--now", NOW]
    with subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if _count(delivered) >= before + after:
                process.kill()
                break
            time.sleep(0.001)
    return process.returncode == -signal.SIGKILL


def test_no_address_is_in_a_url_a_file_name_or_a_page(demo: Workshop) -> None:
    for name, data in {**demo.files("public"), **dict.fromkeys(demo.files("var"), b"")}.items():
        for address in PEOPLE.values():
            assert address not in name
            assert address.encode() not in data


def test_parse_promises_its_keys() -> None:
    workshop = Workshop(ROOT)
    told = workshop.told("parse", "seeds/056_7d557c303796ba00.txt")
    assert list(told) == [
        "title",
        "credibility",
        "interest",
        "key_takeaway",
        "what_they_found",
        "who_should_care",
        "considerations",
        "topics",
        "topics_raw",
        "related",
        "journal",
        "warnings",
    ]
    assert set(told["credibility"]) == {"value", "scale"}
    assert len(told["related"]) == 6
    assert set(told["related"][0]) == {"title", "date", "teaser"}
    piped = workshop.run("parse", "-", "--json", stdin=(ROOT / "seeds/056_7d557c303796ba00.txt").read_bytes())
    assert json.loads(piped.stdout)["title"] == told["title"]


def test_parse_names_what_is_wrong_with_a_document() -> None:
    lines = (
        (ROOT / "seeds/056_7d557c303796ba00.txt").read_text(encoding="utf-8").replace("Important Considerations\n", "")
    )
    done = Workshop(ROOT).run("parse", "-", "--json", stdin=lines.encode())
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert set(told) == {"error", "message"}
    assert told["error"] == "E-HEADING-MISSING"
    assert "Important Considerations" in told["message"]
    assert "standard input" in told["message"]
