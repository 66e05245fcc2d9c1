"""`newsletter preview`: the page that shows every edition and audience, and test messages to listed addresses alone."""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fault_server import Fault, FaultServer
from hypothesis import given
from hypothesis import strategies as st
from pages.browsing import CHROMIUM, FLAGS, Seen, judged_by_axe
from playwright.sync_api import Browser, Frame, Page, sync_playwright
from selectolax.parser import HTMLParser
from workshop import NOW, Workshop, open_workshop

from newsletter.app import App, open_app
from newsletter.cli import preview as command
from newsletter.config import load
from newsletter.errors import UsageError
from newsletter.mail.compile import compile_mailing
from newsletter.mail.headers import text_header
from newsletter.mail.merge import Addressee, merge
from newsletter.mail.note import NoteKind, compile_note
from newsletter.mail.preview import Preview, marked, preview_files, require_listed
from newsletter.model import Audience, Choice, Edition, Message, Subscriber
from newsletter.model.wire import Wire
from newsletter.templating import Templates

LATER = "2026-11-20T21:34:56Z"
LISTED = "editor@news.example.org"
PERSON = "carl.real@example.com"
CHOICES = [(audience, edition) for audience in Audience for edition in Edition]
FORMS = [(group, edition) for group in (*Audience, *NoteKind) for edition in Edition]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The examples published, one subscriber, one address for tests."""
    workshop = open_workshop(tmp_path_factory.mktemp("published"))
    workshop.change("test_recipients = []", f'test_recipients = ["{LISTED}"]')
    workshop.told("ingest", "--now", NOW)
    workshop.told("subscribers", "add", PERSON, "--newsletter", "caregiver-weekly", "--consent", "asked", "--now", NOW)
    workshop.told("publish", "--now", NOW)
    return workshop


@pytest.fixture(scope="module")
def shown(published: Workshop) -> Workshop:
    """The same, with the preview of one newsletter in `one` and of all in `preview`."""
    published.told("preview", "caregiver-weekly", "--out", "one", "--now", NOW)
    published.told("preview", "--now", NOW)
    return published


@pytest.fixture
def sending(published: Workshop, tmp_path: Path) -> Workshop:
    """A copy of it, to send from."""
    shutil.copy(published.folder / "config.toml", tmp_path)
    shutil.copytree(published.folder / "var", tmp_path / "var")
    return Workshop(tmp_path)


@pytest.fixture
def app(shown: Workshop) -> Iterator[App]:
    opened = open_app(load(shown.folder / "config.toml"))
    yield opened
    opened.close()


def _read(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _part(message: EmailMessage, kind: str) -> bytes:
    part = message.get_body((kind,))
    assert part is not None
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


def _token(message: EmailMessage) -> str:
    found = re.search(r"/unsubscribe/([^>\s]+)>", str(message["List-Unsubscribe"]))
    assert found
    return found[1]


def _page(workshop: Workshop, path: str = "one/index.html") -> HTMLParser:
    return HTMLParser((workshop.folder / path).read_text(encoding="utf-8"))


# -- the files --------------------------------------------------------------------------------------------------------


def test_every_edition_audience_and_note_has_its_files_and_its_frames_in_each_scheme_and_width(shown: Workshop) -> None:
    files = shown.files("one")
    named = {f"{group}/{edition}.{suffix}" for group, edition in FORMS for suffix in ("html", "txt", "eml")}
    assert set(files) == named | {"index.html", "digest.html", "digest.txt", "digest.eml"}
    page = _page(shown)
    for group, edition in FORMS:
        section = page.css_first(f"#{group}-{edition}")
        assert section is not None, (group, edition)
        frames = {
            (str(frame.attributes["class"]), str(frame.attributes["width"])) for frame in section.css("figure iframe")
        }
        assert frames == {(scheme, width) for scheme in ("light", "dark") for width in ("360", "640")}
        sources = {frame.attributes["src"] for frame in section.css("iframe")}
        assert sources == {f"{group}/{edition}.html"}
        glances = page.css(f'.sheet iframe[src="{group}/{edition}.html"]')
        assert [frame.attributes["class"] for frame in glances] == ["light", "dark"]
    assert all(frame.attributes["sandbox"] in {"", None} for frame in page.css("iframe"))


def test_a_frame_shows_the_html_part_of_the_message_of_its_choice(shown: Workshop, app: App) -> None:
    files = shown.files("one")
    first = _read(files["digest.eml"])
    (newsletter,) = [each for each in app.newsletters if each.slug == "caregiver-weekly"]
    digest = app._digest_for_preview(newsletter, None, first["Date"].datetime)
    mailing = compile_mailing(digest, app.site, app.templates, editions=Edition, audiences=Audience)
    reader = first["To"].addresses[0]
    addressee = Addressee(
        subscriber=Subscriber(id="any", address=reader.addr_spec, name=reader.display_name),
        message_id=str(first["Message-ID"]),
        unsubscribe_token=_token(first),
        date=first["Date"].datetime,
    )
    for audience, edition in CHOICES:
        choice, name = Choice(edition=edition, audience=audience), f"{audience}/{edition}"
        sent = merge(mailing, addressee, site=app.site, sender=newsletter.from_address, choice=choice)
        assert files[f"{name}.eml"] == sent.data
        message = _read(sent.data)
        assert files[f"{name}.txt"] == _part(message, "plain")
        if edition is Edition.TEXT_ONLY:
            page = HTMLParser(files[f"{name}.html"].decode()).css_first("pre")
            assert page is not None
            assert page.text().lstrip("\n") == _part(message, "plain").decode().replace("\r\n", "\n")
        else:
            assert files[f"{name}.html"] == _part(message, "html")


def test_the_page_tells_sizes_text_and_header_fields(shown: Workshop) -> None:
    files, page = shown.files("one"), _page(shown)
    for group, edition in FORMS:
        section = page.css_first(f"#{group}-{edition}")
        assert section is not None
        told = section.text()
        suffixes = ("txt", "eml") if edition is Edition.TEXT_ONLY else ("html", "txt", "eml")
        for suffix in suffixes:
            assert f"{len(files[f'{group}/{edition}.{suffix}']):,} bytes" in told
        rows = [[cell.text() for cell in row.css("th, td")] for row in section.css(".fields tbody tr")]
        message = _read(files[f"{group}/{edition}.eml"])
        assert [row[:2] for row in rows] == [[name, str(value)] for name, value in message.items()]
        assert all(row[2] and "\n" not in row[1] for row in rows), rows
        text = files[f"{group}/{edition}.txt"].decode().replace("\r\n", "\n")
        boxes = section.css("pre")
        assert [box.text() for box in boxes] == ([] if edition is Edition.TEXT_ONLY else [text])


def test_one_recipients_message_is_that_of_the_newsletters_own_audience(shown: Workshop) -> None:
    files = shown.files("one")
    for suffix in ("html", "txt", "eml"):
        assert files[f"digest.{suffix}"] == files[f"caregiver/standard.{suffix}"]
    first = _page(shown).css("details.group")[0]
    assert first.attributes["id"] == "caregiver"
    assert "open" in first.attributes


def test_a_note_is_shown_as_it_would_be_sent_with_its_subject(shown: Workshop, app: App) -> None:
    files, page = shown.files("one"), _page(shown)
    (newsletter,) = [each for each in app.newsletters if each.slug == "caregiver-weekly"]
    first = _read(files["digest.eml"])
    reader = first["To"].addresses[0]
    addressee = Addressee(
        subscriber=Subscriber(id="any", address=reader.addr_spec, name=reader.display_name),
        message_id=str(first["Message-ID"]),
        unsubscribe_token=_token(first),
        date=first["Date"].datetime,
        confirm_token="a-preview-confirms-nothing",
        preferences_token="a-preview-opens-nothing",
    )
    for kind in NoteKind:
        mailing = compile_note(kind, newsletter, app.site, app.templates, editions=Edition)
        for edition in Edition:
            choice = Choice(edition=edition)
            sent = merge(mailing, addressee, site=app.site, sender=newsletter.from_address, choice=choice)
            assert files[f"{kind}/{edition}.eml"] == sent.data
        summary = page.css_first(f"details#{kind} > summary")
        assert summary is not None
        assert f"“{mailing.subject}”" in summary.text()


def test_links_lead_to_files_that_are_there_and_nothing_is_loaded_from_elsewhere(shown: Workshop) -> None:
    for folder in ("one", "preview"):
        files = shown.files(folder)
        for path, data in files.items():
            if not path.endswith("index.html"):
                continue
            page = HTMLParser(data.decode())
            assert not page.css("script, object, embed, base, form")
            assert "url(" not in data.decode()
            ids = {str(node.attributes["id"]) for node in page.css("[id]")}
            for node in page.css("[href], [src]"):
                address = urlsplit(str(node.attributes.get("href") or node.attributes.get("src")))
                if node.tag == "link":
                    assert address.scheme == "data", "an empty picture, so that no browser asks for one"
                    continue
                assert (address.scheme, address.netloc) == ("", "")
                target = (Path(folder) / Path(path).parent / address.path) if address.path else None
                assert target is None or (shown.folder / target).is_file(), target
                assert not address.fragment or address.fragment in ids, address.fragment
    for path, data in shown.files("one").items():
        if path.endswith(".html") and path != "index.html":
            frame = HTMLParser(data.decode())
            assert not frame.css("[src], [srcset], [background], link, script, iframe, img"), path
            assert "url(" not in data.decode(), path


def test_no_real_address_is_shown_and_nothing_is_recorded(shown: Workshop) -> None:
    before = _dump(shown)
    told = shown.told("preview", "--out", "again", "--now", LATER)
    assert _dump(shown) == before
    assert not (shown.folder / "var/maildir").exists()
    for data in (*shown.files("again").values(), repr(told).encode()):
        assert PERSON.encode() not in data
        assert b"carl" not in data


def test_two_runs_give_the_same_bytes_whenever_they_are_made(shown: Workshop) -> None:
    shown.told("preview", "caregiver-weekly", "--out", "second", "--now", LATER)
    assert shown.files("second") == shown.files("one")


def test_all_newsletters_have_a_folder_each_and_a_page_that_leads_there(shown: Workshop) -> None:
    files = shown.files("preview")
    links = [str(link.attributes["href"]) for link in _page(shown, "preview/index.html").css("h2 a")]
    assert links == ["daily/index.html", "caregiver-weekly/index.html", "clinician-monthly/index.html"]
    one = {path: data for path, data in shown.files("one").items() if path != "index.html"}
    assert {path: files[f"caregiver-weekly/{path}"] for path in one} == one
    for link in links:
        assert _page(shown, f"preview/{link}").css_first('header a[href="../index.html"]') is not None


def test_a_newsletter_with_nothing_to_show_is_named(shown: Workshop) -> None:
    asked = ("preview", "--out", "some", "--period", "2026-10-06", "--now", NOW)
    told = shown.told(*asked)
    assert [each["newsletter"] for each in told["newsletters"]] == ["daily"]
    assert [reason.partition(":")[0] for reason in told["none"]] == ["caregiver-weekly", "clinician-monthly"]
    page, plain = _page(shown, "some/index.html").text(), shown.run(*asked).stdout.decode()
    for reason in told["none"]:
        assert reason in page
        assert reason in plain
    nothing = shown.told("preview", "--period", "1999-01-01", "--now", NOW, status=2)
    assert nothing["message"].count("1999-01-01") == 3


def test_what_a_preview_tells_a_program(shown: Workshop) -> None:
    told = shown.told("preview", "daily", "--period", "2026-10-06", "--out", "told", "--now", NOW)
    assert (told["newsletter"], told["period"], told["warnings"]) == ("daily", "2026-10-06", [])
    assert told["page"] == "told/index.html"
    assert {shown.folder / path for path in told["files"]} == {
        shown.folder / "told" / name for name in shown.files("told")
    }
    plain = shown.run("preview", "daily", "--period", "2026-10-06", "--out", "told", "--now", NOW)
    assert plain.stdout.decode().splitlines()[-1] == "preview: told/index.html"


def _previewed(app: App) -> Preview:
    from newsletter import clock

    return app.preview("daily", None, clock.now())


def test_warnings_and_large_parts_are_told(app: App) -> None:
    preview = _previewed(app)
    page = preview_files(preview, Templates())["index.html"].decode()
    assert "There are no warnings." in page
    assert "mail readers may cut it" not in page
    large = replace(preview.shown[0], html=b"x" * 75_000)
    warned = replace(preview, warnings=("far <too> large",), shown=(large, *preview.shown[1:]))
    page = preview_files(warned, Templates())["index.html"].decode()
    assert "There are no warnings." not in page
    assert "far &lt;too&gt; large" in page
    assert page.count("mail readers may cut it") == 1


def test_the_choices_of_the_command_are_those_of_the_model() -> None:
    assert tuple(Audience) == command._AUDIENCES
    assert tuple(Edition) == command._EDITIONS
    assert tuple(NoteKind) == command._NOTES


# -- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield launched
        launched.close()


@pytest.fixture
def browser_page(browser: Browser, shown: Workshop) -> Iterator[tuple[Page, Seen]]:
    """The page in a browser whose scheme nobody forces, so that frames may ask for their own."""
    context = browser.new_context(color_scheme="null")
    page, seen = context.new_page(), Seen()
    seen.watch(page)
    page.goto((shown.folder / "one/index.html").as_uri())
    yield page, seen
    context.close()


def test_dark_frames_are_dark_and_light_ones_light(browser_page: tuple[Page, Seen]) -> None:
    page, _ = browser_page
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    page.evaluate("document.querySelectorAll('iframe').forEach(each => each.loading = 'eager')")
    page.wait_for_load_state("networkidle")
    frames = [frame for frame in page.frames if frame is not page.main_frame]
    assert len(frames) == len(FORMS) * (2 + 4)
    found = [(_scheme(frame), frame.evaluate(_BRIGHTNESS)) for frame in frames]
    for (scheme, width), (asked, brightness, inner) in found:
        assert asked == scheme
        assert (brightness < 0.25) if scheme == "dark" else (brightness > 0.9), (scheme, brightness)
        assert inner == width


def _scheme(frame: Frame) -> tuple[str, int]:
    element = frame.frame_element()
    return str(element.get_attribute("class")), int(str(element.get_attribute("width")))


#: The scheme that a frame is asked for, how bright its ground is (0 to 1), and its width in pixels.
_BRIGHTNESS = """() => {
  const ground = getComputedStyle(document.body).backgroundColor;
  const clear = ground === 'rgba(0, 0, 0, 0)';
  const probe = document.createElement('i');
  probe.style.backgroundColor = 'Canvas';
  document.body.append(probe);
  const seen = clear ? getComputedStyle(probe).backgroundColor : ground;
  probe.remove();
  const parts = seen.match(/[0-9.]+/g).slice(0, 3).map(Number);
  const scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  return [scheme, (parts[0] + parts[1] + parts[2]) / 765, innerWidth];
}"""


def test_the_page_loads_in_peace_and_passes_axe(browser_page: tuple[Page, Seen], shown: Workshop) -> None:
    page, seen = browser_page
    assert judged_by_axe(page) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert seen.complaints == []
    assert seen.dialogs == []
    here = (shown.folder / "one").as_uri()
    assert seen.requests
    assert all(address.startswith((here, "data:,")) for address in seen.requests)


def test_a_link_in_a_frame_leads_nowhere(browser_page: tuple[Page, Seen]) -> None:
    page, seen = browser_page
    asked, element = len(seen.requests), page.locator("#caregiver-standard figure iframe.light").first
    frame = element.element_handle().content_frame()
    assert frame is not None
    frame.get_by_role("link", name="Unsubscribe").first.click()
    page.wait_for_timeout(300)
    assert not [address for address in seen.requests[asked:] if address.startswith("http")]
    assert page.url.endswith("/one/index.html")


# -- --open -----------------------------------------------------------------------------------------------------------


def _program(path: Path) -> Path:
    """A program that writes its arguments to the file `opened` beside it."""
    path.write_text(f'#!/bin/sh\necho "$@" > "{path.parent}/opened"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def test_open_hands_the_page_to_the_browser(shown: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", str(_program(tmp_path / "browser")))
    done = shown.process("preview", "daily", "--out", "opened", "--open", "--now", NOW)
    assert (done.returncode, done.stderr) == (0, b"")
    address = (tmp_path / "opened").read_text(encoding="utf-8").strip()
    assert address == (shown.folder / "opened/index.html").as_uri()


@pytest.mark.parametrize("browsers", [(), ("w3m",)])
def test_without_windows_open_names_the_path(
    shown: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browsers: tuple[str, ...]
) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in browsers:
        _program(tmp_path / name)
    done = shown.process("preview", "daily", "--out", "opened", "--open", "--now", NOW)
    assert done.returncode == 0
    assert str(shown.folder / "opened/index.html") in done.stderr.decode()
    assert not (tmp_path / "opened").exists(), "a browser in the terminal is not asked for"


# -- test messages ----------------------------------------------------------------------------------------------------


def _dump(workshop: Workshop) -> list[str]:
    """Everything that is recorded."""
    connection = sqlite3.connect(workshop.folder / "var/newsletter.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def _received(workshop: Workshop) -> list[EmailMessage]:
    return [_read(data) for name, data in workshop.files("var/maildir").items() if name.startswith("new/")]


def test_a_test_message_says_so_has_an_id_of_its_own_and_is_recorded_nowhere(sending: Workshop) -> None:
    before = _dump(sending)
    told = sending.told("preview", "caregiver-weekly", "--send", LISTED, "--now", NOW)
    assert told == {
        "newsletter": "caregiver-weekly",
        "period": "2026-W46",
        "edition": "standard",
        "audience": "the newsletter's own audience",
    }
    done = sending.run("preview", "caregiver-weekly", "--send", LISTED, "--now", NOW)
    assert done.returncode == 0
    assert LISTED.encode() not in done.stdout
    assert _dump(sending) == before
    assert sending.told("deliver", "--now", NOW)["deliveries"] == {"sent": 1}, "the subscriber's own, as before"
    ours = [message for message in _received(sending) if message["To"].addresses[0].addr_spec == LISTED]
    (theirs,) = [message for message in _received(sending) if message["To"].addresses[0].addr_spec == PERSON]
    assert len(ours) == 2
    assert len({str(message["Message-ID"]) for message in (*ours, theirs)}) == 3
    assert {str(message["Subject"]) for message in ours} == {f"Test: {theirs['Subject']}"}
    for message in ours:
        envelope = {"Return-Path", "Delivered-To"}  # which the Maildir puts on top
        assert [name for name, _ in message.items() if name not in envelope] == [
            name for name, _ in theirs.items() if name not in envelope
        ]
        assert "carl" not in str(message)


def test_the_unsubscribe_link_of_a_test_does_no_harm(sending: Workshop) -> None:
    sending.told("preview", "caregiver-weekly", "--send", LISTED, "--now", NOW)
    (message,) = _received(sending)
    before = _dump(sending)
    app = open_app(load(sending.folder / "config.toml"))
    try:
        assert app.readers.newsletter_of(_token(message)).slug == "caregiver-weekly", "the page can be looked at"
        app.readers.unsubscribe(_token(message), message["Date"].datetime)
    finally:
        app.close()
    assert _dump(sending) == before


@pytest.mark.parametrize(("note", "edition"), [("welcome", "standard"), ("confirmation", "compact")])
def test_a_note_can_be_sent_as_a_test(sending: Workshop, note: str, edition: str) -> None:
    before = _dump(sending)
    asked = ("--note", note, "--edition", edition, "--send", LISTED, "--now", NOW)
    told = sending.told("preview", "daily", *asked)
    assert told == {"newsletter": "daily", "note": note, "edition": edition}
    assert f"the note {note}: {edition}" in sending.run("preview", "daily", *asked).stdout.decode()
    assert _dump(sending) == before
    messages = _received(sending)
    assert len({str(message["Message-ID"]) for message in messages}) == len(messages) == 2
    for message in messages:
        assert str(message["Subject"]).startswith("Test: ")
        assert ("List-Unsubscribe" in message) is (note == "welcome")
        assert ("/confirm/" in _part(message, "plain").decode()) is (note == "confirmation")


def test_a_note_needs_no_digest(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path, seeds=tmp_path)
    workshop.change("test_recipients = []", f'test_recipients = ["{LISTED}"]')
    workshop.told("preview", "daily", "--note", "welcome", "--send", LISTED, "--now", NOW)
    assert len(_received(workshop)) == 1


@pytest.mark.parametrize(("audience", "edition"), [("clinician", "large-print"), ("person-with-ms", "text-only")])
def test_the_edition_and_the_audience_asked_for_are_sent(sending: Workshop, audience: str, edition: str) -> None:
    asked = ("--edition", edition, "--audience", audience)
    told = sending.told("preview", "daily", "--period", "2026-10-06", "--send", LISTED, *asked, "--now", NOW)
    assert (told["period"], told["edition"], told["audience"]) == ("2026-10-06", edition, audience)
    sending.told("preview", "daily", "--period", "2026-10-06", "--now", NOW)
    (message,) = _received(sending)
    shown = _read(sending.files("preview")[f"{audience}/{edition}.eml"])
    for kind in ("plain",) if edition == "text-only" else ("plain", "html"):
        theirs = _part(shown, kind).replace(_token(shown).encode(), _token(message).encode())
        assert _part(message, kind).replace(b"\r\n", b"\n") == theirs.replace(b"\r\n", b"\n")


@given(subject=st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=150))
def test_only_the_subject_is_marked_however_it_is_folded_and_encoded(subject: str) -> None:
    before, after = b"From: <a@example.org>\r\n", b"X-Subject: Subject: no\r\n\r\nSubject: nor this\r\n text\r\n"

    def message(told: str) -> Message:
        data = before + text_header("Subject", told).encode() + after
        return Message(
            sender="a@example.org", recipient="b@example.org", message_id="<c@example.org>", wire=Wire.of(data)
        )

    assert marked(message(subject), subject) == message(f"Test: {subject}")


@pytest.mark.parametrize(
    "address",
    [
        "Editor@news.example.org",
        "editor@example.org",
        PERSON,
        "editor@news.example.org.evil.example",
        "news.example.org",
    ],
)
def test_other_addresses_get_nothing_and_are_not_repeated(sending: Workshop, address: str) -> None:
    done = sending.run("preview", "caregiver-weekly", "--send", address, "--now", NOW)
    assert done.returncode == 2
    said = (done.stdout + done.stderr).decode()
    local, at, domain = address.rpartition("@")
    if at:
        assert f"mail.test_recipients: it does not hold this address at {domain.lower()}" in said
        assert f'["name@{domain.lower()}"]' in said
        assert f"{local}@" not in said
    else:
        assert "exactly one address such as name@example.org" in said
        assert address not in said
    assert not (sending.folder / "var/maildir").exists()


def test_a_domain_may_be_written_in_capitals(sending: Workshop) -> None:
    sending.told("preview", "caregiver-weekly", "--send", "editor@NEWS.Example.ORG", "--now", NOW)
    (message,) = _received(sending)
    assert message["To"].addresses[0].addr_spec == "editor@NEWS.Example.ORG"


@given(address=st.text(max_size=40) | st.emails())
def test_an_address_that_is_not_listed_is_always_refused_with_its_domain_at_most(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_listed(address, ["somebody.else@host.invalid"])
    local, at, _ = address.rpartition("@")
    if at and len(local) > 3:
        assert f"{local}@" not in caught.value.message


def _by_smtp(workshop: Workshop, port: int) -> None:
    workshop.change('transport = "maildir"', 'transport = "smtp"')
    workshop.change("port = 587", f"port = {port}")
    workshop.change('security = "starttls"', 'security = "none"')


def test_a_test_leaves_by_the_relay(sending: Workshop) -> None:
    with FaultServer() as server:
        _by_smtp(sending, server.port)
        before = _dump(sending)
        sending.told("preview", "daily", "--send", LISTED, "--edition", "compact", "--now", NOW)
        (accepted,) = server.accepted
    assert (accepted.sender, accepted.recipient) == ("digest@ms-digest.example.org", LISTED)
    message = _read(accepted.data)
    assert str(message["Subject"]).startswith("Test: ")
    assert [address.addr_spec for address in message["To"].addresses] == [LISTED]
    assert server.commands[-1] == "quit"
    assert _dump(sending) == before


def test_a_refusal_of_the_relay_is_told_without_the_address(sending: Workshop) -> None:
    refused = Fault(at="rcpt", reply=f"550 5.1.1 <{LISTED}> unknown")
    with FaultServer(always=(refused,)) as server:
        _by_smtp(sending, server.port)
        done = sending.run("preview", "daily", "--send", LISTED, "--now", NOW)
    assert done.returncode == 2
    assert "550" in done.stderr.decode()
    assert LISTED not in done.stderr.decode()
    assert server.accepted == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("daily", "--edition", "compact"), "are for --send"),
        (("--audience", "clinician"), "are for --send"),
        (("--send", LISTED), "takes a NEWSLETTER"),
        (("daily", "--send", LISTED, "--open"), "writes no page"),
        (("daily", "--send", LISTED, "--out", "x"), "writes no page"),
        (("nobody", "--send", LISTED), 'no newsletter "nobody"'),
        (("daily", "--out", "config.toml/x"), "cannot be written"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_done(shown: Workshop, arguments: tuple[str, ...], told: str) -> None:
    done = shown.run("preview", *arguments, "--now", NOW)
    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert not (shown.folder / "var/maildir").exists()
    assert not (shown.folder / "x").exists()
