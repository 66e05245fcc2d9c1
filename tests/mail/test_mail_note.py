from __future__ import annotations

import re
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from builders import make_newsletter
from letters import PREFERENCES_TOKEN, SITE, TEMPLATES, TOKEN, make_addressee, make_message, make_note
from wire import Links, problems, read

from newsletter.errors import MailError
from newsletter.mail.note import NoteKind, compile_note
from newsletter.mail.wording import together
from newsletter.model import Cadence, Choice, Edition
from newsletter.templating import Templates
from newsletter.words import ENGLISH

CONFIRM = f"https://news.example.org/confirm/confirm.{TOKEN}"
PREFERENCES = f"https://news.example.org/preferences/{PREFERENCES_TOKEN}"
UNSUBSCRIBE = f"https://news.example.org/unsubscribe/{TOKEN}"
MAILINGS = {kind: make_note(kind, editions=Edition) for kind in NoteKind}


@pytest.mark.parametrize("kind", list(NoteKind))
@pytest.mark.parametrize("edition", list(Edition))
def test_a_note_is_a_whole_message_in_every_edition(kind: NoteKind, edition: Edition) -> None:
    message = make_message(MAILINGS[kind], make_addressee(name="Zoë"), choice=Choice(edition=edition))
    assert problems(message.data) == []
    parts = read(message.data)
    assert bool(parts.html) is (edition is not Edition.TEXT_ONLY)
    assert parsedate_to_datetime(str(parts.message["Date"])) == make_addressee().date
    assert parts.message["Auto-Submitted"] == "auto-generated"
    assert parts.message["Feedback-ID"] == f"caregiver-weekly:note:{kind}:exampleorg"


@pytest.mark.parametrize("kind", list(NoteKind))
def test_both_parts_say_the_same_and_who_sends_it(kind: NoteKind) -> None:
    parts = read(make_message(MAILINGS[kind]).data)
    lines = parts.text.split("\n")
    for href, _ in Links(parts.html).links:
        assert href.removeprefix("mailto:") in lines
    body = " ".join(re.sub(r"<[^>]+>", " ", parts.html.partition("<body")[2]).split())
    for said in ("The Example Editors", "1 Example Street, Example Town", "You get this email because", "No tracking:"):
        assert said in body
        assert said in parts.text
    assert parts.text.count("\n-- \n") == 1


def test_a_confirmation_asks_and_is_no_mail_of_the_list_yet() -> None:
    parts = read(make_message(MAILINGS[NoteKind.CONFIRMATION]).data)
    assert (CONFIRM, "Yes, send me Caregiver Weekly") in Links(parts.html).links
    assert f"\n{CONFIRM}\n" in parts.text
    assert not [name for name in parts.message if name.startswith("List-")]
    assert "unsubscribe" not in parts.text.casefold()
    assert "somebody asked for this newsletter with your address" in " ".join(parts.text.split())


def test_without_its_token_a_confirmation_is_not_made() -> None:
    with pytest.raises(MailError, match="nothing is given for the slot 'confirm-link'"):
        make_message(MAILINGS[NoteKind.CONFIRMATION], replace(make_addressee(), confirm_token=""))
    with pytest.raises(MailError, match="confirm token"):
        make_message(MAILINGS[NoteKind.CONFIRMATION], replace(make_addressee(), confirm_token='a"b'))


@pytest.mark.parametrize(
    ("cadence", "often"), [(Cadence.DAILY, "a day"), (Cadence.WEEKLY, "a week"), (Cadence.MONTHLY, "a month")]
)
def test_a_welcome_says_what_comes_and_how_to_end_it(cadence: Cadence, often: str) -> None:
    newsletter = make_newsletter(cadence=cadence)
    parts = read(make_message(make_note(NoteKind.WELCOME, newsletter=newsletter)).data)
    assert f"It comes once {often}, when there is something new." in parts.text
    assert (UNSUBSCRIBE, "Unsubscribe") in Links(parts.html).links
    assert UNSUBSCRIBE in parts.text
    assert parts.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert str(parts.message["List-Id"]) == "Caregiver Weekly <caregiver-weekly.example.org>"


@pytest.mark.parametrize("kind", [NoteKind.WELCOME, NoteKind.PREFERENCES])
def test_a_link_to_preferences_says_how_long_it_works(kind: NoteKind) -> None:
    parts = read(make_message(MAILINGS[kind]).data)
    assert (PREFERENCES, "See and change what we send you") in Links(parts.html).links
    assert f"\n{PREFERENCES}\n" in parts.text
    assert "The link works for seven days." in parts.text
    with pytest.raises(MailError, match="nothing is given for the slot 'preferences-link'"):
        make_message(MAILINGS[kind], replace(make_addressee(), preferences_token=""))


def test_a_note_about_preferences_is_no_mail_of_the_list() -> None:
    parts = read(make_message(MAILINGS[NoteKind.PREFERENCES]).data)
    assert not [name for name in parts.message if name.startswith("List-")]
    assert "/unsubscribe/" not in parts.text + parts.html


@pytest.mark.parametrize(
    ("titles", "named"), [("A", "A"), ("AB", "A and B"), ("ABC", "A, B and C"), ("ABCD", "A, B, C and D")]
)
def test_one_note_names_all_newsletters_and_is_discreet_if_one_of_them_is(titles: str, named: str) -> None:
    newsletters = [make_newsletter(title=title, discreet=title == "B") for title in titles]
    made = together(ENGLISH, newsletters)
    assert (made.title, made.discreet, made.slug) == (named, "B" in titles, newsletters[0].slug)
    parts = read(make_message(make_note(NoteKind.CONFIRMATION, newsletter=made)).data)
    assert f"Somebody asked us to send {named} to this address." in parts.text


def test_a_goodbye_has_nothing_left_to_unsubscribe_from() -> None:
    parts = read(make_message(MAILINGS[NoteKind.GOODBYE]).data)
    assert "List-Unsubscribe" not in parts.message
    assert "/unsubscribe/" not in parts.text + parts.html
    assert str(parts.message["Subject"]) == "You have left Caregiver Weekly"


@pytest.mark.parametrize("kind", list(NoteKind))
def test_a_discreet_note_names_no_condition_where_others_may_see(kind: NoteKind) -> None:
    newsletter = make_newsletter(title="MS Weekly", from_name="MS Research", discreet=True)
    data = make_message(make_note(kind, newsletter=newsletter)).data
    head = data.partition(b"\r\n\r\n")[0].decode()
    preheader = re.search(r'aria-hidden="true"[^>]*>([^<]*)<', read(data).html)
    assert preheader
    assert not re.search(r"\bMS\b|sclerosis", f"{head} {read(data).message['Subject']} {preheader[1]}")
    assert 100 <= len(preheader[1]) <= 130


def test_the_same_note_has_the_same_bytes() -> None:
    for kind, mailing in MAILINGS.items():
        assert make_note(kind, editions=Edition) == mailing
        assert mailing.period == kind


@pytest.mark.parametrize("key", ["postal_address", "contact"])
def test_a_note_that_hides_who_sends_it_is_refused(key: str) -> None:
    with pytest.raises(MailError, match=f"newsletter caregiver-weekly, welcome: site.{key} is empty"):
        make_note(NoteKind.WELCOME, site=replace(SITE, **{key: ""}))


def test_an_operators_note_without_its_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    template = tmp_path / "mail" / "note.html"
    template.write_text("<!DOCTYPE html>\n<html><body><p>{{ letter.action }}</p></body></html>")
    with pytest.raises(MailError, match=r"template mail/note\.html: the link is missing; put letter\.action_url"):
        compile_note(NoteKind.CONFIRMATION, make_newsletter(), SITE, Templates(tmp_path))
    assert compile_note(NoteKind.CONFIRMATION, make_newsletter(), SITE, TEMPLATES)
