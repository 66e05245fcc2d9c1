"""What an editor looks at before readers do: one digest in every edition and for every audience, and the notes, as files.

Pure: a digest and a made-up reader give messages, and these give the bytes of files. Emails are shown as they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage

from newsletter.errors import MailError, UsageError
from newsletter.mail.compile import WARN_SIZE, compile_mailing
from newsletter.mail.headers import text_header
from newsletter.mail.merge import Addressee, merge
from newsletter.mail.note import NoteKind, compile_note
from newsletter.model import Audience, Choice, Digest, Edition, Mailing, Message, Newsletter, Site
from newsletter.model.wire import Wire
from newsletter.templating import Templates

AUDIENCES = {
    Audience.GENERAL: "General",
    Audience.CAREGIVER: "Caregiver",
    Audience.PERSON_WITH_MS: "Person with MS",
    Audience.CLINICIAN: "Clinician",
}
NOTES = {
    NoteKind.CONFIRMATION: "Confirmation",
    NoteKind.WELCOME: "Welcome",
    NoteKind.GOODBYE: "Goodbye",
    NoteKind.PREFERENCES: "Preferences",
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
    """One edition for one audience or of one note: the message as sent, and its parts decoded.

    `html` is empty where there is none.
    """

    group: Audience | NoteKind
    edition: Edition
    subject: str
    message: bytes
    fields: tuple[Field, ...]
    html: bytes
    text: bytes

    @property
    def name(self) -> str:
        """The path of its files, without a suffix."""
        return f"{self.group}/{self.edition}"

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
    """A digest and the notes as readers would get them, the standard edition of each first.

    The newsletter's own audience comes first. `language` is that of our words, `site_language` that of the operator's.
    """

    newsletter: Newsletter
    language: str
    site_language: str
    period: str
    subject: str
    warnings: tuple[str, ...]
    shown: tuple[Shown, ...]

    @property
    def audiences(self) -> tuple[Audience | NoteKind, ...]:
        return tuple(dict.fromkeys(shown.group for shown in self.shown if isinstance(shown.group, Audience)))

    @property
    def notes(self) -> tuple[Audience | NoteKind, ...]:
        return tuple(dict.fromkeys(shown.group for shown in self.shown if isinstance(shown.group, NoteKind)))

    def of(self, group: Audience | NoteKind) -> tuple[Shown, ...]:
        return tuple(shown for shown in self.shown if shown.group is group)


# -- messages ---------------------------------------------------------------------------------------------------------


def make_preview(digest: Digest, site: Site, templates: Templates, reader: Addressee) -> Preview:
    """Every edition for every audience and of every note, as `reader` would get it.

    What cannot be made for another audience than the newsletter's own is left out, and a warning says why. Raises as
    `compile_mailing` and `compile_note` do for the rest.
    """
    newsletter = digest.newsletter
    mailing = compile_mailing(digest, site, templates, editions=Edition)
    mailings: dict[Audience | NoteKind, Mailing] = {newsletter.audience: mailing}
    warnings = list(mailing.warnings)
    for audience in Audience:
        if audience is not newsletter.audience:
            try:
                mailings[audience] = compile_mailing(digest, site, templates, editions=Edition, audiences=(audience,))
                warnings += mailings[audience].warnings
            except MailError as error:
                warnings.append(f"for the audience {audience}: {error.message}")
    mailings |= {kind: compile_note(kind, newsletter, site, templates, editions=Edition) for kind in NoteKind}
    return Preview(
        newsletter=newsletter,
        language=templates.words.language,
        site_language=site.language,
        period=mailing.period,
        subject=mailing.subject,
        warnings=tuple(dict.fromkeys(warnings)),
        shown=tuple(
            _shown(group, edition, _merged(each, group, edition, reader, site, newsletter.from_address).data)
            for group, each in mailings.items()
            for edition in Edition
        ),
    )


def _merged(
    mailing: Mailing, group: Audience | NoteKind, edition: Edition, reader: Addressee, site: Site, sender: str
) -> Message:
    choice = Choice(edition=edition, audience=group if isinstance(group, Audience) else None)
    return merge(mailing, reader, site=site, sender=sender, choice=choice)


def make_test(digest: Digest, site: Site, templates: Templates, reader: Addressee, choice: Choice) -> Message:
    """One edition for one audience, to be sent to `reader` for a look; its subject says that it is a test.

    Raises as `compile_mailing` does.
    """
    audiences = () if choice.audience is None else (choice.audience,)
    mailing = compile_mailing(digest, site, templates, editions=(choice.edition,), audiences=audiences)
    message = merge(mailing, reader, site=site, sender=digest.newsletter.from_address, choice=choice)
    return marked(message, mailing.subject)


def make_test_note(
    kind: NoteKind, newsletter: Newsletter, site: Site, templates: Templates, reader: Addressee, edition: Edition
) -> Message:
    """One edition of a note, as `make_test` makes one of a digest. Raises as `compile_note` does."""
    mailing = compile_note(kind, newsletter, site, templates, editions=(edition,))
    choice = Choice(edition=edition)
    return marked(merge(mailing, reader, site=site, sender=newsletter.from_address, choice=choice), mailing.subject)


def marked(message: Message, subject: str) -> Message:
    """The message with "Test:" before its subject, and otherwise the same bytes."""
    field = text_header("Subject", f"Test: {subject}").encode()
    fields, gap, body = message.data.partition(b"\r\n\r\n")
    fields = _SUBJECT.sub(lambda _: field, fields + b"\r\n", count=1)
    return replace(message, wire=Wire.of(fields.removesuffix(b"\r\n") + gap + body))


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


def _shown(group: Audience | NoteKind, edition: Edition, data: bytes) -> Shown:
    message = message_from_bytes(data, policy=policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError("the policy `default` makes an EmailMessage")
    html, text = (_part(message, kind) for kind in ("html", "plain"))
    return Shown(
        group=group,
        edition=edition,
        subject=str(message["Subject"]),
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
    words: Mapping[str, object] = {
        "groups": AUDIENCES | NOTES,
        "editions": EDITIONS,
        "schemes": SCHEMES,
        "widths": WIDTHS,
    }
    return templates.render(name, **words, **context).encode()
