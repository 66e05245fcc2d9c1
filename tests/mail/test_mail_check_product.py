"""The gate and our own mail room: what we make passes, whatever it says, and what somebody breaks in it is found."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from builders import make_article, make_notice
from feeds.examples import HOSTILE
from mail.letters import SITE, TEMPLATES, full_digest, make_addressee, make_digest, make_item
from timing import processor_seconds
from workshop import open_workshop

from newsletter.app import open_app
from newsletter.config import load
from newsletter.errors import MailError
from newsletter.mail.check.expected import Expected
from newsletter.mail.check.finding import Finding, Severity
from newsletter.mail.check.message import check_message, hard_problems
from newsletter.mail.choice import for_audience
from newsletter.mail.compile import compile_mailing
from newsletter.mail.merge import merge
from newsletter.mail.note import NoteKind
from newsletter.mail.proof import Proof, all_proofs
from newsletter.model import Article, Audience, Choice, Digest, Edition, Facts, NoticeItem, Status

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Proof, ...]:
    """Every form of what would be sent of the shipped seeds, for every newsletter of the shipped configuration."""
    workshop = open_workshop(tmp_path_factory.mktemp("checked"))
    app = open_app(load(workshop.folder / "config.toml"))
    app.ingest(NOW)
    told = [app.proofs(newsletter.slug, None, NOW) for newsletter in app.newsletters]
    app.close()
    assert [missing for _, missing in told] == [()] * 3
    return tuple(proof for proofs, _ in told for proof in proofs)


def expected_of(digest: Digest, edition: Edition) -> Expected:
    return Expected(newsletter=digest.newsletter, site=SITE, digest=digest, text_only=edition is Edition.TEXT_ONLY)


def errors(found: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(each.code, each.place, each.message) for each in found if each.severity is Severity.ERROR]


def test_what_we_would_send_of_the_seeds_has_no_error(shipped: tuple[Proof, ...]) -> None:
    forms = {(proof.expected.newsletter.slug, proof.mailing, proof.audience, proof.edition) for proof in shipped}
    newsletters = 3
    assert len(forms) == len(shipped) == newsletters * (len(Audience) + len(NoteKind)) * len(Edition)
    for proof in shipped:
        assert errors(check_message(proof.message, expected=proof.expected)) == []
        assert hard_problems(proof.message, proof.expected) == ()


@pytest.mark.parametrize("discreet", [False, True])
@pytest.mark.parametrize("audience", list(Audience))
def test_a_digest_with_one_of_everything_has_no_error(audience: Audience, *, discreet: bool) -> None:
    digest = full_digest(audience, discreet=discreet)
    mailing = compile_mailing(digest, SITE, TEMPLATES, editions=Edition)
    for edition in Edition:
        message = merge(mailing, make_addressee(), site=SITE, sender="a@example.org", choice=Choice(edition=edition))
        assert errors(check_message(message.data, expected=expected_of(digest, edition))) == []


def changed(status: Status, slug: str = "short-walks") -> Article:
    return make_article(slug, facts=Facts(status=status))


def notice_of(status: Status) -> NoticeItem:
    return NoticeItem(notice=make_notice(changed(status), status=status), article=changed(status))


ODD_DIGESTS = {
    "only a withdrawal": make_digest(notices=(notice_of(Status.WITHDRAWN),)),
    "every kind of notice": make_digest((make_item(),), notices=tuple(map(notice_of, list(Status)[1:]))),
    "only titles": make_digest(titles=tuple(make_article(f"t{n}", title=f"Title {n} of a Study") for n in range(3))),
    "one short title": make_digest(titles=(make_article("t", title="Light"),)),
    "only a retracted article": make_digest((make_item(changed(Status.RETRACTED)),)),
    "only a withdrawn article": make_digest((make_item(changed(Status.WITHDRAWN)),)),
    "only a late article": make_digest(late=(make_item(),)),
    "a year at once": make_digest((make_item(),), catch_up=True, first_day=date(2025, 11, 1)),
    "no limit told": make_digest((make_item(make_article(considerations=()), caveat=()),)),
    "a long finding": make_digest((make_item(make_article(key_takeaway="Walking, " * 60 + "helps.")),)),
}


@pytest.mark.parametrize("discreet", [False, True])
@pytest.mark.parametrize("name", ODD_DIGESTS)
def test_a_digest_of_an_odd_kind_has_no_error(name: str, *, discreet: bool) -> None:
    digest = ODD_DIGESTS[name]
    digest = replace(digest, newsletter=replace(digest.newsletter, discreet=discreet))
    mailing = compile_mailing(digest, SITE, TEMPLATES, editions=Edition)
    for edition in Edition:
        message = merge(mailing, make_addressee(), site=SITE, sender="a@example.org", choice=Choice(edition=edition))
        assert errors(check_message(message.data, expected=expected_of(digest, edition))) == []


HOSTILE_TEXTS = (
    *HOSTILE,
    *(
        "SHORT NAPS HELP TIRED PEOPLE",
        "Read more",
        "Here",
        "...",
        "x" * 200,
        "A cure!!!",
        "--",
        ".",
        "From here",
        "1. A",
    ),
    *("=?utf-8?q?a=0D=0ABcc:_b?=", "https://a.example.com/x?utm_source=a", "soft\u00adhyphen", "\u202eabc", "a\u00a0b"),
    *("ß STRASSE İstanbul", "{{ x }}", "=3D =20", "proof-reader@example.net"),
)


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
def test_no_text_of_a_source_holds_a_digest_back(text: str) -> None:
    """One article must not cost the others. Two of them even say the same in everything."""
    words = (text,)
    articles = [
        make_article(
            f"naps-{number}", title=text, key_takeaway=text, what_they_found=words, who_should_care=words,
            considerations=words, topics=words, journal=text,
        )
        for number in range(2)
    ]  # fmt: skip
    items = tuple(make_item(article, advice=words, caveat=words) for article in articles)
    notices = (NoticeItem(notice=make_notice(articles[0], text=text), article=articles[0]),)
    digest = make_digest(items, notices=notices)
    mailing = compile_mailing(digest, SITE, TEMPLATES, editions=Edition)
    for edition in Edition:
        message = merge(mailing, make_addressee(), site=SITE, sender="a@example.org", choice=Choice(edition=edition))
        assert errors(check_message(message.data, expected=expected_of(digest, edition))) == []


def test_what_is_too_large_for_another_audience_holds_nothing_back() -> None:
    """Clinicians get every consideration, and here these do not fit."""
    many = tuple(f"Limit {number}: {'the group was small and ' * 40}short." for number in range(10))
    items = tuple(
        make_item(make_article(f"a{number}", title=f"Study {number}", considerations=many)) for number in range(12)
    )
    proofs, missing = all_proofs(make_digest(items), SITE, TEMPLATES, make_addressee())
    (reason,) = missing
    assert reason.startswith("for the audience clinician: newsletter caregiver-weekly, 2026-W46")
    assert {proof.audience for proof in proofs} == {*Audience, None} - {Audience.CLINICIAN}
    clinicians = for_audience(make_digest(items), Audience.CLINICIAN)
    with pytest.raises(MailError, match="told as briefly as can be"):
        all_proofs(clinicians, SITE, TEMPLATES, make_addressee())


PRODUCT_FAULTS = [
    ("M-FIELD-COUNT", rb"\r\nDate: [^\r]*", b""),
    ("M-RECIPIENT", rb"\r\nTo: ", b"\r\nCc: somebody@example.net\r\nTo: "),
    ("M-ONE-CLICK", rb"\r\nList-Unsubscribe-Post: [^\r]*", b""),
    ("M-PRECEDENCE", rb"\r\nMIME-Version", b"\r\nPrecedence: bulk\r\nMIME-Version"),
    ("M-DOCTYPE", rb"<!DOCTYPE html>", b"<!doctype html>"),
    ("M-ACTIVE", rb"</body>", b"<script></script>\r\n</body>"),
    ("M-REMOTE", rb"</title>", b"</title>\r\n<link rel=3D'stylesheet' href=3D'/a.css'>"),
    (
        "M-STYLE-NESTED",
        rb"</style>\s*</head>",
        b"\r\n@media print { @media print { p { margin: 0 } } }</style>\r\n</head>",
    ),
    ("M-DARK", rb"prefers-color-scheme: dark", b"prefers-color-scheme: light"),
    ("M-TITLE", rb"<title>[^<]*</title>", b"<title></title>"),
    ("M-TEXT-SIGNATURE", rb"\r\n--=20\r\n", b"\r\n"),
    ("M-PREHEADER", rb'aria-hidden=3D"true"', b""),
]


@pytest.mark.parametrize(("code", "old", "new"), PRODUCT_FAULTS)
def test_what_somebody_breaks_in_our_message_is_found(
    shipped: tuple[Proof, ...], code: str, old: bytes, new: bytes
) -> None:
    proof = next(proof for proof in shipped if proof.edition is Edition.STANDARD)
    broken, times = re.subn(old, new, proof.message, count=1)
    assert times == 1, "the message no longer has what this test breaks"
    told = errors(check_message(broken, expected=proof.expected))
    assert {found for found, _, _ in told} - {"M-CONTRAST"} == {code}  # without a dark scheme dark text stays dark


def test_pale_text_is_found_in_our_message(shipped: tuple[Proof, ...]) -> None:
    for proof in shipped:
        if proof.edition is not Edition.TEXT_ONLY:
            pale = re.sub(rb"color:#[0-9a-f]{6}", b"color:#9aa3a5", proof.message)
            told = errors(check_message(pale, expected=proof.expected))
            assert "M-CONTRAST" in {found for found, _, _ in told}


def test_another_digests_articles_are_missed(shipped: tuple[Proof, ...]) -> None:
    one, *_, other = (proof for proof in shipped if proof.expected.digest and proof.edition is Edition.STANDARD)
    told = errors(check_message(one.message, expected=other.expected))
    assert "M-ARTICLES" in {found for found, _, _ in told}


def test_a_reader_of_another_language_is_not_promised_english(shipped: tuple[Proof, ...]) -> None:
    proof = shipped[0]
    german = replace(proof.expected, site=replace(proof.expected.site, language="de"))
    told = errors(check_message(proof.message, expected=german))
    assert "M-LANGUAGE" in {found for found, _, _ in told}


def test_a_digest_is_judged_in_less_than_two_seconds(shipped: tuple[Proof, ...]) -> None:
    """In all its editions and for all audiences, and the notes of its newsletter, by the processor's clock."""
    largest = max(shipped, key=lambda proof: len(proof.message)).expected.newsletter.slug
    proofs = [proof for proof in shipped if proof.expected.newsletter.slug == largest]
    taken = processor_seconds(lambda: [check_message(proof.message, expected=proof.expected) for proof in proofs])
    assert taken < 2
