"""The gate and emails to one person about their subscription: they pass, and what is broken in them is found."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from builders import make_newsletter
from check_letters import BASE, EXPECTED, HTML, TEXT, WAY_OUT, codes, message
from letters import PREFERENCES_TOKEN, SITE, TEMPLATES, make_addressee
from wire import read

from newsletter.mail.check.expected import Expected
from newsletter.mail.check.message import check_message
from newsletter.mail.note import NoteKind
from newsletter.mail.proof import Proof, note_proofs
from newsletter.mail.wording import together
from newsletter.model import Cadence, Edition

CONFIRM_TOKEN = "confirm.caregiver-weekly.b25seXRvY29uZmlybW9ubHl0b2NvbmZpcm0"
CONFIRM = f"{BASE}/confirm/{CONFIRM_TOKEN}"
PREFERENCES = f"{BASE}/preferences/{PREFERENCES_TOKEN}"
LINK = '<p style="margin:0; font-size:19px; line-height:1.6">Or this:<br><a href="{}" style="{}">{}</a></p>'
_ALONE = "color:#0b4f5c; background-color:#fdfcf9; text-decoration:underline; display:inline-block; padding:8px 0"


def proof_of(kind: NoteKind, edition: Edition = Edition.STANDARD, **differs: object) -> Proof:
    newsletter = make_newsletter(**differs)
    reader = replace(make_addressee("reader@example.net"), confirm_token=CONFIRM_TOKEN)
    made = note_proofs(kind, newsletter, SITE, TEMPLATES, reader)
    return next(proof for proof in made if proof.edition is edition)


PROOFS = {kind: proof_of(kind) for kind in NoteKind}


def taken_apart(proof: Proof) -> tuple[str, str, str]:
    """HTML, text and header fields, as `check_letters.message` puts them together."""
    parts = read(proof.message)
    fields = re.sub(r"Content-Type: .*", "", proof.message.partition(b"\r\n\r\n")[0].decode(), flags=re.DOTALL)
    return parts.html, parts.text, fields.replace("\r\n", "\n")


def found(kind: NoteKind, html: str, text: str, fields: str) -> set[str]:
    return codes(message(html, text, fields), PROOFS[kind].expected)


def with_link(html: str, text: str, url: str, words: str = "Another Way to the Newsletter") -> tuple[str, str]:
    """A link more in both parts, in the dress of the others."""
    page = html.replace("</h1>", "</h1>" + LINK.format(url, _ALONE, words), 1)
    return page, text.replace("\n\n-- \n", f"\n\n{words}:\n{url}\n\n-- \n", 1)


@pytest.mark.parametrize("kind", list(NoteKind))
@pytest.mark.parametrize("edition", list(Edition))
@pytest.mark.parametrize("discreet", [False, True])
def test_our_notes_have_nothing_to_be_found(kind: NoteKind, edition: Edition, *, discreet: bool) -> None:
    for cadence in Cadence:
        for title in ("Daily", "Caregiver Weekly"):
            proof = proof_of(kind, edition, cadence=cadence, title=title, discreet=discreet)
            assert check_message(proof.message, expected=proof.expected) == ()


@pytest.mark.parametrize("kind", [NoteKind.CONFIRMATION, NoteKind.PREFERENCES])
@pytest.mark.parametrize("language", ["en", "de"])
def test_one_note_about_several_newsletters_has_nothing_to_be_found(kind: NoteKind, language: str) -> None:
    templates, site = TEMPLATES.for_language(language), replace(SITE, language=language)
    titles = ("MS Research Daily", "MS Research for Caregivers", "MS Research for Clinicians Every Month")
    for number in (2, 3):
        named = together(templates.words, [make_newsletter(title=title) for title in titles[:number]])
        reader = replace(make_addressee("reader@example.net"), confirm_token=CONFIRM_TOKEN)
        for proof in note_proofs(kind, named, site, templates, reader):
            assert check_message(proof.message, expected=proof.expected) == ()


@pytest.mark.parametrize("kind", list(NoteKind))
def test_a_note_that_is_put_together_again_has_nothing_to_be_found(kind: NoteKind) -> None:
    assert found(kind, *taken_apart(PROOFS[kind])) == set()


@pytest.mark.parametrize("kind", list(NoteKind))
def test_what_a_note_need_not_have_a_digest_must(kind: NoteKind) -> None:
    """The same bytes, held to what digests are held to."""
    proof = PROOFS[kind]
    as_digest = Expected(newsletter=proof.expected.newsletter, site=SITE)
    told = {each.code for each in check_message(proof.message, expected=as_digest)}
    never_listed = {"M-LIST-ID", "M-LIST-FIELDS", "M-UNSUBSCRIBE-FIELD", "M-ONE-CLICK"}
    more = set() if kind is NoteKind.WELCOME else never_listed
    assert (
        told - {"M-FONT-SIZE", "M-CONFIRM", "M-PREFERENCES"}
        == {"M-DISCLAIMER", "M-READING-TIME", "M-UNSUBSCRIBE"} | more
    )
    assert ("M-CONFIRM" in told) is (kind is NoteKind.CONFIRMATION)
    assert ("M-PREFERENCES" in told) is (kind in {NoteKind.WELCOME, NoteKind.PREFERENCES})


@pytest.mark.parametrize("part", ["html", "text"])
def test_a_confirmation_without_its_link_is_found(part: str) -> None:
    html, text, fields = taken_apart(PROOFS[NoteKind.CONFIRMATION])
    if part == "html":
        html = html.replace(CONFIRM, f"{BASE}/")
    else:
        text = text.replace(f"{CONFIRM}\n", "")
    assert "M-CONFIRM" in found(NoteKind.CONFIRMATION, html, text, fields)


@pytest.mark.parametrize("kind", [NoteKind.WELCOME, NoteKind.GOODBYE, NoteKind.PREFERENCES])
def test_only_a_confirmation_confirms(kind: NoteKind) -> None:
    html, text, fields = taken_apart(PROOFS[kind])
    assert found(kind, *with_link(html, text, CONFIRM), fields) == {"M-CONFIRM"}


@pytest.mark.parametrize("kind", [NoteKind.CONFIRMATION, NoteKind.GOODBYE])
def test_only_a_note_about_preferences_leads_to_them(kind: NoteKind) -> None:
    html, text, fields = taken_apart(PROOFS[kind])
    assert found(kind, *with_link(html, text, PREFERENCES), fields) == {"M-PREFERENCES"}


@pytest.mark.parametrize("kind", [NoteKind.WELCOME, NoteKind.PREFERENCES])
@pytest.mark.parametrize("part", ["html", "text"])
def test_a_note_about_preferences_without_its_link_is_found(kind: NoteKind, part: str) -> None:
    html, text, fields = taken_apart(PROOFS[kind])
    if part == "html":
        html = html.replace(PREFERENCES, f"{BASE}/")
    else:
        text = text.replace(f"{PREFERENCES}\n", "")
    assert "M-PREFERENCES" in found(kind, html, text, fields)


def test_a_digest_that_is_passed_on_opens_nobodys_preferences() -> None:
    html = HTML.replace(f'{WAY_OUT}" style', f'{PREFERENCES}" style', 1)
    assert codes(message(html, TEXT.replace(WAY_OUT, PREFERENCES, 1)), EXPECTED) >= {"M-PREFERENCES"}


def test_a_digest_confirms_nothing() -> None:
    html = HTML.replace(f'{WAY_OUT}" style', f'{CONFIRM}" style', 1)
    assert codes(message(html, TEXT.replace(WAY_OUT, CONFIRM, 1)), EXPECTED) >= {"M-CONFIRM"}


def test_the_token_that_confirms_stands_in_its_link_alone() -> None:
    html, text, fields = taken_apart(PROOFS[NoteKind.CONFIRMATION])
    in_link = with_link(html, text, f"{BASE}/look?at={CONFIRM_TOKEN}")
    assert found(NoteKind.CONFIRMATION, *in_link, fields) == {"M-TOKEN"}
    in_header = fields + f"X-Confirm: <{CONFIRM}>\n"
    assert found(NoteKind.CONFIRMATION, html, text, in_header) == {"M-TOKEN"}


def test_the_token_that_opens_preferences_stands_in_its_link_alone() -> None:
    html, text, fields = taken_apart(PROOFS[NoteKind.PREFERENCES])
    in_link = with_link(html, text, f"{BASE}/look?at={PREFERENCES_TOKEN}")
    assert found(NoteKind.PREFERENCES, *in_link, fields) == {"M-TOKEN"}
    assert found(NoteKind.PREFERENCES, html, text, fields + f"X-Look: <{PREFERENCES}>\n") == {"M-TOKEN"}


@pytest.mark.parametrize("kind", [NoteKind.CONFIRMATION, NoteKind.GOODBYE, NoteKind.PREFERENCES])
def test_who_is_not_on_the_list_is_offered_no_way_out(kind: NoteKind) -> None:
    html, text, fields = taken_apart(PROOFS[kind])
    assert found(kind, html, text, fields + "List-Id: <caregiver-weekly.example.org>\n") == {"M-OFF-LIST"}
    assert found(kind, html, text, fields + f"List-Unsubscribe: <{WAY_OUT}>\n") == {"M-OFF-LIST"}
    assert found(kind, *with_link(html, text, WAY_OUT), fields) == {"M-OFF-LIST"}


@pytest.mark.parametrize("part", ["html", "text"])
def test_a_welcome_says_how_to_leave(part: str) -> None:
    html, text, fields = taken_apart(PROOFS[NoteKind.WELCOME])
    if part == "html":
        html = html.replace(WAY_OUT, f"{BASE}/")
    else:
        text = text.replace(f"{WAY_OUT}\n", "")
    assert "M-UNSUBSCRIBE" in found(NoteKind.WELCOME, html, text, fields)
    headless = re.sub(r"List-Unsubscribe: .*\n .*\n", "", fields)
    assert "M-UNSUBSCRIBE-FIELD" in found(NoteKind.WELCOME, html, text, headless)


@pytest.mark.parametrize("kind", list(NoteKind))
def test_notes_are_held_to_what_holds_for_all_emails(kind: NoteKind) -> None:
    html, text, fields = taken_apart(PROOFS[kind])
    assert found(kind, *with_link(html, text, "https://elsewhere.example/"), fields) == {"M-HOST"}
    assert found(kind, html, text, fields.replace("Auto-Submitted: auto-generated\n", "")) == {"M-AUTOMATIC"}
    assert found(kind, html, text, re.sub(r"Subject: .*", f"Subject: {'long ' * 16}", fields)) == {"M-SUBJECT-LENGTH"}
    small = html.replace("font-size:19px", "font-size:17px")
    assert small != html
    assert found(kind, small, text, fields) == {"M-FONT-SIZE", "M-TARGET"}  # the box of a link is less high, too
    silent = html.replace("No tracking:", "").replace("do not count", "count").replace("do not know", "know")
    assert "M-PRIVACY" in found(kind, silent.replace("no pictures and no hidden pixels", "words"), text, fields)
    reasonless = html.replace("because", "for").replace("You get", "It is").replace("you asked", "they asked")
    assert "M-REASON" in found(kind, reasonless, text, fields)
    assert "M-POSTAL" in found(kind, html, text.replace("1 Example Street", ""), fields)
