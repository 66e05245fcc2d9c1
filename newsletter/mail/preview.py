"""What an editor looks at before readers do: one digest in every edition and for every audience, as files of pages.

Pure: a digest and a made-up reader give messages, and these give the bytes of files. Emails are shown as they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage

from newsletter.errors import UsageError
from newsletter.mail.choice import Choice
from newsletter.mail.compile import WARN_SIZE, compile_mailing
from newsletter.mail.headers import text_header
from newsletter.mail.merge import Addressee, merge
from newsletter.model import Audience, Digest, Edition, Message, Newsletter, Site
from newsletter.templating import Templates

AUDIENCES = {
    Audience.GENERAL: "General",
    Audience.CAREGIVER: "Caregiver",
    Audience.PERSON_WITH_MS: "Person with MS",
    Audience.CLINICIAN: "Clinician",
}
EDITIONS = {
    Edition.STANDARD: "Standard",
    Edition.LARGE_PRINT: "Large print",
    Edition.COMPACT: "Compact",
    Edition.TEXT_ONLY: "Text only",
}
SCHEMES = ("light", "dark")
WIDTHS = (360, 640)  #: pixels: a telephone held upright, and more than the column of a page is wide

#: What each header field is for, in a few words.
_MEANINGS = {
    "from": "who sends it",
    "to": "the one reader",
    "reply-to": "where answers go",
    "subject": "the line in a list of mail",
    "date": "when it was made",
    "message-id": "its name; the same in every attempt",
    "list-id": "the list; programs sort by it",
    "list-unsubscribe": "how to leave, by web or by mail",
    "list-unsubscribe-post": "one press is enough",
    "list-archive": "earlier digests",
    "list-owner": "who answers for the list",
    "list-help": "where to ask",
    "auto-submitted": "sent by a program",
    "x-auto-response-suppress": "asks for no automatic answers",
    "feedback-id": "names the digest when somebody complains, never the reader",
    "mime-version": "which rules its body follows",
    "content-type": "what it holds",
    "content-language": "the language of its words",
    "content-transfer-encoding": "how its characters travel",
}
_MAILBOX = re.compile(r"[^@]+@([A-Za-z0-9.-]+)")
_SUBJECT = re.compile(rb"^Subject:.*\r\n(?:[ \t].*\r\n)*", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A header field, decoded and on one line, and what it is for."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One edition for one audience: the message as sent, and its parts decoded. `html` is empty where there is none."""

    audience: Audience
    edition: Edition
    message: bytes
    fields: tuple[Field, ...]
    html: bytes
    text: bytes

    @property
    def name(self) -> str:
        """The path of its files, without a suffix."""
        return f"{self.audience}/{self.edition}"

    @property
    def words(self) -> str:
        """The text part, to be shown."""
        return self.text.decode().replace("\r\n", "\n")

    @property
    def large(self) -> bool:
        """Whether mail readers may soon cut it."""
        return len(self.html) >= WARN_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A digest as readers would get it. The newsletter's own audience comes first, and the standard edition of each."""

    newsletter: Newsletter
    language: str
    period: str
    subject: str
    warnings: tuple[str, ...]
    shown: tuple[Shown, ...]

    def of(self, audience: Audience) -> tuple[Shown, ...]:
        return tuple(shown for shown in self.shown if shown.audience is audience)


# -- messages ---------------------------------------------------------------------------------------------------------


def make_preview(digest: Digest, site: Site, templates: Templates, reader: Addressee) -> Preview:
    """Every edition for every audience, as `reader` would get it. Raises as `compile_mailing` does."""
    newsletter = digest.newsletter
    mailing = compile_mailing(digest, site, templates, editions=Edition, audiences=Audience)
    audiences = sorted(Audience, key=lambda audience: audience is not newsletter.audience)
    choices = [Choice(edition=edition, audience=audience) for audience in audiences for edition in Edition]
    return Preview(
        newsletter=newsletter,
        language=site.language,
        period=mailing.period,
        subject=mailing.subject,
        warnings=tuple(dict.fromkeys(mailing.warnings)),
        shown=tuple(
            _shown(choice, merge(mailing, reader, site=site, sender=newsletter.from_address, choice=choice).data)
            for choice in choices
        ),
    )


def make_test(digest: Digest, site: Site, templates: Templates, reader: Addressee, choice: Choice) -> Message:
    """One edition for one audience, to be sent to `reader` for a look; its subject says that it is a test.

    Raises as `compile_mailing` does.
    """
    audiences = () if choice.audience is None else (choice.audience,)
    mailing = compile_mailing(digest, site, templates, editions=(choice.edition,), audiences=audiences)
    message = merge(mailing, reader, site=site, sender=digest.newsletter.from_address, choice=choice)
    return marked(message, mailing.subject)


def marked(message: Message, subject: str) -> Message:
    """The message with "Test:" before its subject, and otherwise the same bytes."""
    field = text_header("Subject", f"Test: {subject}").encode()
    fields, gap, body = message.data.partition(b"\r\n\r\n")
    fields = _SUBJECT.sub(lambda _: field, fields + b"\r\n", count=1)
    return replace(message, data=fields.removesuffix(b"\r\n") + gap + body)


def require_listed(address: str, listed: Collection[str]) -> None:
    """Raises UsageError for an address that may get no test message. It tells no more of the address than its domain."""
    if _folded(address) in {_folded(each) for each in listed}:
        return
    found = _MAILBOX.fullmatch(address)
    if not found:
        raise UsageError("a test message goes to exactly one address such as name@example.org; this is none")
    raise UsageError(
        f"mail.test_recipients: it does not hold this address at {found[1].lower()}; test messages go only to addresses "
        f'that are listed there in full, such as test_recipients = ["name@{found[1].lower()}"]'
    )


def _folded(address: str) -> str:
    """Domains are the same in capitals (RFC 5321 2.4); what stands before the @ is its host's own affair."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.casefold()}"


def _shown(choice: Choice, data: bytes) -> Shown:
    message = message_from_bytes(data, policy=policy.default)
    if choice.audience is None or not isinstance(message, EmailMessage):
        raise TypeError("a preview names its audience, and the policy `default` makes an EmailMessage")
    html, text = (_part(message, kind) for kind in ("html", "plain"))
    return Shown(
        audience=choice.audience,
        edition=choice.edition,
        message=data,
        fields=tuple(
            Field(name=name, value=str(value), meaning=_MEANINGS.get(name.lower(), ""))
            for name, value in message.items()
        ),
        html=html,
        text=text,
    )


def _part(message: EmailMessage, kind: str) -> bytes:
    part = message.get_body((kind,))
    payload = b"" if part is None else part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


# -- files ------------------------------------------------------------------------------------------------------------


def preview_files(preview: Preview, templates: Templates, *, home: str = "") -> dict[str, bytes]:
    """Path -> bytes: the page, what its frames show, each message with its parts, and one recipient's message by itself.

    `home` is the address of the page that names all newsletters, where there is one.
    """
    first = preview.shown[0]
    files = {"index.html": _render(templates, "mail/preview.html", preview=preview, home=home)}
    files |= {"digest.html": first.html, "digest.txt": first.text, "digest.eml": first.message}
    for shown in preview.shown:
        files |= {
            f"{shown.name}.html": shown.html
            or _render(templates, "mail/preview_text.html", preview=preview, shown=shown),
            f"{shown.name}.txt": shown.text,
            f"{shown.name}.eml": shown.message,
        }
    return files


def all_files(previews: Sequence[Preview], missing: Sequence[str], templates: Templates) -> dict[str, bytes]:
    """The same for several newsletters, each in a folder of its own, and a page that leads to all of them.

    `missing` tells of those that have nothing to show.
    """
    files = {"index.html": _render(templates, "mail/previews.html", previews=previews, missing=missing)}
    for preview in previews:
        inside = preview_files(preview, templates, home="../index.html")
        files |= {f"{preview.newsletter.slug}/{path}": data for path, data in inside.items()}
    return files


def _render(templates: Templates, name: str, **context: object) -> bytes:
    words: Mapping[str, object] = {"audiences": AUDIENCES, "editions": EDITIONS, "schemes": SCHEMES, "widths": WIDTHS}
    return templates.render(name, **words, **context).encode()
