"""A digest's email, made once: rendered, inlined, encoded, with slots for what differs by recipient."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from newsletter.errors import HeaderError, MailError
from newsletter.mail import encode, headers, wording
from newsletter.mail.encode import Part, Slot
from newsletter.mail.inline import inline
from newsletter.mail.letter import Letter, write_letter
from newsletter.mail.text import write_text
from newsletter.model import Digest, Mailing, Newsletter, Site
from newsletter.templating import Templates

TEMPLATE = "mail/digest.html"

TO = Slot("to")  #: the To field's value: name and address
MESSAGE_ID = Slot("message-id")
DATE = Slot("date")
UNSUBSCRIBE = Slot("unsubscribe")  #: the unsubscribe URL, in a header
UNSUBSCRIBE_TOKEN = Slot("unsubscribe-token")  #: the token alone, in a header's mailto link
UNSUBSCRIBE_LINK = Slot("unsubscribe-link")  #: the unsubscribe URL, in a quoted-printable body

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SLUG_RULE = "letters, digits and hyphens"


def compile_mailing(digest: Digest, site: Site, templates: Templates) -> Mailing:
    """The whole message in wire form. The same digest, site and templates give the same bytes.

    Raises MailError for an empty digest and for a site or newsletter that lacks what every email must say;
    InlineError and TemplateError for a template that cannot be used.
    """
    newsletter = digest.newsletter
    _require_sendable(digest, site)
    # A hash over everything that can appear in the letter: no article can hold its own hash by design or by chance.
    mark = "unsubscribe-" + hashlib.sha256(repr((digest, site)).encode(errors="replace")).hexdigest()[:32]
    letter = write_letter(digest, site, unsubscribe_url=mark)
    page = inline(templates.render(TEMPLATE, letter=letter, wording=_wording()))
    if mark not in page:
        raise MailError(f"template {TEMPLATE}: there is no unsubscribe link; put letter.unsubscribe_url into it")
    boundary, body = encode.alternative(
        Part(subtype=subtype, language=site.language, content=_encoded(text, mark))
        for subtype, text in (("plain", write_text(letter)), ("html", page))
    )
    fields = _fields(letter, newsletter, digest.planned.period, site, boundary)
    return Mailing(
        newsletter=newsletter.slug,
        period=digest.planned.period,
        subject=letter.subject,
        template="".join(fields).encode() + b"\r\n" + body,
    )


def _encoded(text: str, mark: str) -> bytes:
    return encode.quoted_printable(encode.with_slots(text, {mark: UNSUBSCRIBE_LINK}))


def _wording() -> dict[str, str]:
    """Our fixed words by their lower-case names, for templates."""
    return {name.lower(): text for name, text in vars(wording).items() if name.isupper() and isinstance(text, str)}


def _require_sendable(digest: Digest, site: Site) -> None:
    newsletter = digest.newsletter
    where = f"newsletter {newsletter.slug}, {digest.planned.period}"
    if digest.empty:
        raise MailError(f"{where}: the digest is empty; nobody is mailed nothing")
    needed = {
        "site.postal_address": site.postal_address,
        "site.contact": site.contact,
        "newsletter.from_address": newsletter.from_address,
        "newsletter.reply_to": newsletter.reply_to,
    }
    for key, value in needed.items():
        if not value.strip():
            raise MailError(f"{where}: {key} is empty; an email must say who sends it and how to reach them")
    headers.require_url("site.base_url", site.base_url)
    if "://" in site.contact:
        headers.require_url("site.contact", site.contact)
    else:
        headers.require_address("site.contact", site.contact)
    patterns = (
        ("site.language", site.language, _LANGUAGE, "a language tag such as en or pt-BR"),
        ("newsletter.slug", newsletter.slug, _SLUG, _SLUG_RULE),
        ("period", digest.planned.period, _SLUG, _SLUG_RULE),
    )
    for key, value, pattern, right in patterns:
        if not pattern.fullmatch(value):
            raise MailError(f"{where}: {key} is {value!r}; right would be {right}")


def _fields(letter: Letter, newsletter: Newsletter, period: str, site: Site, boundary: str) -> list[str]:
    """Every header field, in order (RFC 5322 3.6, RFC 2369, RFC 2919, RFC 3834, RFC 8058)."""
    sender = headers.require_address("newsletter.from_address", newsletter.from_address)
    reply_to = headers.require_address("newsletter.reply_to", newsletter.reply_to)
    mailto = f"mailto:{quote(reply_to, safe='@')}"
    domain = _ascii_domain(sender)
    shown_title = "" if newsletter.discreet else letter.title
    # RFC 8058 3.1: one press needs https; a site without it still has the links of RFC 2369
    one_click = ["List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"] if site.base_url.startswith("https:") else []
    return [
        headers.mailbox_header("From", wording.from_name(newsletter), sender),
        f"To: {TO}\r\n",
        headers.mailbox_header("Reply-To", "", reply_to),
        headers.text_header("Subject", letter.subject),
        f"Date: {DATE}\r\n",
        f"Message-ID: {MESSAGE_ID}\r\n",
        headers.list_id_header(shown_title, f"{newsletter.slug}.{domain}"),
        f"List-Unsubscribe: <{UNSUBSCRIBE}>,\r\n <{mailto}?subject=unsubscribe%20{UNSUBSCRIBE_TOKEN}>\r\n",
        *one_click,
        headers.structured_header("List-Archive", f"<{site.url()}>"),
        headers.structured_header("List-Owner", f"<{letter.contact_url}>"),
        headers.structured_header("List-Help", f"<{mailto}?subject=help>"),
        "Auto-Submitted: auto-generated\r\n",
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n",
        headers.structured_header("Feedback-ID", f"{newsletter.slug}:{period}:digest:{_sender_id(domain)}"),
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n',
    ]


def _ascii_domain(address: str) -> str:
    """The domain in the form that DNS knows (RFC 5890)."""
    try:
        return headers.domain_of(address).encode("idna").decode()
    except UnicodeError as error:
        raise HeaderError(f"newsletter.from_address: {address!r} has a domain that DNS cannot hold") from error


def _sender_id(domain: str) -> str:
    """5 to 15 characters that stay the same for all that a domain sends."""
    return re.sub(r"[^a-z0-9]", "", domain.lower())[:15].ljust(5, "0")
