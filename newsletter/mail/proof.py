"""Emails as the gate reads them: finished, as a made-up reader would get them, in every form that was compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.errors import MailError
from newsletter.mail.check.expected import Expected, Kind
from newsletter.mail.check.message import hard_problems
from newsletter.mail.choice import for_audience
from newsletter.mail.compile import compile_mailing
from newsletter.mail.fragments import unpack
from newsletter.mail.merge import Addressee, merge
from newsletter.mail.note import NoteKind, compile_note
from newsletter.model import Audience, Choice, Digest, Edition, Mailing, Newsletter, Site
from newsletter.templating import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One form of an email, and what the gate holds it to.

    `mailing` is a digest's period or a note's kind. A note says the same to every audience, so it has None.
    """

    mailing: str
    edition: Edition
    audience: Audience | None
    expected: Expected
    message: bytes

    @property
    def name(self) -> str:
        """The form in words, for a message."""
        return f"{self.edition} edition" if self.audience is None else f"{self.edition} edition for {self.audience}"


def proofs(digest: Digest, mailing: Mailing, site: Site, addressee: Addressee, language: str = "") -> Iterator[Proof]:
    """One for each edition and audience that `mailing` was compiled in; `digest` is what it was compiled of.

    `language` is that of its words, empty for the site's.
    """
    for skeleton in unpack(mailing.template).skeletons:
        told, edition = for_audience(digest, skeleton.audience), skeleton.edition
        choice = Choice(edition=edition, audience=skeleton.audience)
        message = merge(mailing, addressee, site=site, sender=digest.newsletter.from_address, choice=choice)
        yield Proof(
            mailing=mailing.period,
            edition=edition,
            audience=skeleton.audience,
            expected=Expected(
                newsletter=told.newsletter,
                site=site,
                digest=told,
                text_only=_text_only(edition),
                language=language,
            ),
            message=message.data,
        )


def all_proofs(
    digest: Digest, site: Site, templates: Templates, addressee: Addressee
) -> tuple[tuple[Proof, ...], tuple[str, ...]]:
    """A digest in every edition for every audience, and every note; and why there are none for an audience.

    Raises as `compile_mailing` does for the newsletter's own audience: an email that nobody asked for holds none back.
    """
    made: list[Proof] = []
    missing: list[str] = []
    for audience in sorted(Audience, key=lambda each: each is not digest.newsletter.audience):
        told = for_audience(digest, audience)
        try:
            made += proofs(told, compile_mailing(told, site, templates, editions=Edition), site, addressee)
        except MailError as error:
            if audience is digest.newsletter.audience:
                raise
            missing.append(f"for the audience {audience}: {error.message}")
    for kind in NoteKind:
        made += note_proofs(kind, digest.newsletter, site, templates, addressee)
    return tuple(made), tuple(missing)


def note_proofs(
    kind: NoteKind, newsletter: Newsletter, site: Site, templates: Templates, addressee: Addressee
) -> Iterator[Proof]:
    """One for each edition of a note. Raises as `compile_note` does."""
    mailing = compile_note(kind, newsletter, site, templates, editions=Edition)
    confirm_url = site.url(f"confirm/{addressee.confirm_token}") if kind is NoteKind.CONFIRMATION else ""
    choosing = kind in {NoteKind.WELCOME, NoteKind.PREFERENCES}
    preferences_url = site.url(f"preferences/{addressee.preferences_token}") if choosing else ""
    for edition in Edition:
        message = merge(mailing, addressee, site=site, sender=newsletter.from_address, choice=Choice(edition=edition))
        expected = Expected(
            newsletter=newsletter,
            site=site,
            text_only=_text_only(edition),
            kind=Kind(kind.value),
            confirm_url=confirm_url,
            preferences_url=preferences_url,
        )
        yield Proof(mailing=kind, edition=edition, audience=None, expected=expected, message=message.data)


def judge(digest: Digest, mailing: Mailing, site: Site, addressee: Addressee, language: str = "") -> None:
    """As `proofs`. Raises MailError, with the first sentence of the gate, for a mailing that breaks a hard rule in any form."""
    for proof in proofs(digest, mailing, site, addressee, language):
        problems = hard_problems(proof.message, proof.expected)
        if problems:
            more = f" ({len(problems) - 1} more: `newsletter check mail {mailing.newsletter}`)" if problems[1:] else ""
            where = f"newsletter {mailing.newsletter}, {mailing.period}, {proof.name}"
            raise MailError(f"{where}: {problems[0]}{more}")


def _text_only(edition: Edition) -> bool:
    return edition is Edition.TEXT_ONLY
