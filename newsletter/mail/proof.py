"""A digest's email as the gate reads it: finished, as a made-up reader would get it, in every edition."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.errors import MailError
from newsletter.mail.check.expected import Expected
from newsletter.mail.check.message import hard_problems
from newsletter.mail.choice import Choice
from newsletter.mail.merge import Addressee, merge
from newsletter.model import Digest, Edition, Mailing, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One edition of a digest, and what the gate holds it to."""

    expected: Expected
    edition: Edition
    message: bytes


def proofs(digest: Digest, mailing: Mailing, site: Site, addressee: Addressee) -> tuple[Proof, ...]:
    """One for each edition. `mailing` was compiled of `digest` in all of them."""
    return tuple(_proof(digest, mailing, site, addressee, edition) for edition in Edition)


def judge(digest: Digest, mailing: Mailing, site: Site, addressee: Addressee) -> None:
    """Raises MailError, with the first sentence of the gate, for a mailing that breaks a hard rule in any edition."""
    for proof in proofs(digest, mailing, site, addressee):
        problems = hard_problems(proof.message, proof.expected)
        if problems:
            more = f" ({len(problems) - 1} more: `newsletter check mail {mailing.newsletter}`)" if problems[1:] else ""
            where = f"newsletter {mailing.newsletter}, {mailing.period}, {proof.edition} edition"
            raise MailError(f"{where}: {problems[0]}{more}")


def _proof(digest: Digest, mailing: Mailing, site: Site, addressee: Addressee, edition: Edition) -> Proof:
    choice = Choice(edition=edition)
    message = merge(mailing, addressee, site=site, sender=digest.newsletter.from_address, choice=choice)
    text_only = edition is Edition.TEXT_ONLY
    expected = Expected(newsletter=digest.newsletter, site=site, digest=digest, text_only=text_only)
    return Proof(expected=expected, edition=edition, message=message.data)
