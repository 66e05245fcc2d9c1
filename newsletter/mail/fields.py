"""The header fields of an email, in order, with slots for what is the recipient's."""

from __future__ import annotations

import re
from urllib.parse import quote

from newsletter.errors import HeaderError, MailError
from newsletter.mail import headers, wording
from newsletter.mail.encode import Slot
from newsletter.mail.letter import Dress
from newsletter.model import Newsletter, Site

TO = Slot("to")  #: the To field's value: name and address
MESSAGE_ID = Slot("message-id")
DATE = Slot("date")
UNSUBSCRIBE = Slot("unsubscribe")  #: the unsubscribe URL, in a header
UNSUBSCRIBE_TOKEN = Slot("unsubscribe-token")  #: the token alone, in a header's mailto link
UNSUBSCRIBE_LINK = Slot("unsubscribe-link")  #: the unsubscribe URL, in a quoted-printable body
CONFIRM_LINK = Slot("confirm-link")  #: the confirmation URL, in a quoted-printable body
PREFERENCES_LINK = Slot("preferences-link")  #: the URL of the recipient's preferences, in a quoted-printable body

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
SLOTS = frozenset(
    slot.name
    for slot in (
        *(TO, MESSAGE_ID, DATE, UNSUBSCRIBE, UNSUBSCRIBE_TOKEN, UNSUBSCRIBE_LINK),
        *(CONFIRM_LINK, PREFERENCES_LINK),
    )
)


def require_sendable(newsletter: Newsletter, site: Site, where: str) -> None:
    """Raises MailError for a site or newsletter that lacks what every email must say."""
    needed = {
        "site.title": site.title,
        "site.author": site.author,
        "site.postal_address": site.postal_address,
        "site.contact": site.contact,
        "newsletter.title": newsletter.title,
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
    if not _LANGUAGE.fullmatch(site.language):
        raise MailError(
            f"{where}: site.language is {site.language!r}; right would be a language tag such as en or pt-BR"
        )
    require_slug(where, "newsletter.slug", newsletter.slug)


def require_slug(where: str, key: str, value: str) -> None:
    """Raises MailError for what cannot stand in an identifier."""
    if not _SLUG.fullmatch(value):
        raise MailError(f"{where}: {key} is {value!r}; right would be letters, digits and hyphens")


def of_digest(letter: Dress, newsletter: Newsletter, period: str, site: Site) -> list[str]:
    """Every header field of a digest but those of its parts (RFC 5322 3.6, 2369, 2919, 3834, 8058)."""
    return [
        *_envelope(letter, newsletter),
        *_list(letter, newsletter, site),
        *_automatic(),
        _feedback_id(newsletter, period, "digest"),
        "MIME-Version: 1.0\r\n",
    ]


def of_note(letter: Dress, newsletter: Newsletter, kind: str, site: Site) -> list[str]:
    """The header fields of an email to one person about their subscription; it is part of the list if it can be left."""
    return [
        *_envelope(letter, newsletter),
        *(_list(letter, newsletter, site) if letter.unsubscribe_url else ()),
        *_automatic(),
        _feedback_id(newsletter, "note", kind),
        "MIME-Version: 1.0\r\n",
    ]


def _envelope(letter: Dress, newsletter: Newsletter) -> list[str]:
    sender = headers.require_address("newsletter.from_address", newsletter.from_address)
    reply_to = headers.require_address("newsletter.reply_to", newsletter.reply_to)
    return [
        headers.mailbox_header("From", wording.from_name(newsletter), sender),
        f"To: {TO}\r\n",
        headers.mailbox_header("Reply-To", "", reply_to),
        headers.text_header("Subject", letter.subject),
        f"Date: {DATE}\r\n",
        f"Message-ID: {MESSAGE_ID}\r\n",
    ]


def _list(letter: Dress, newsletter: Newsletter, site: Site) -> list[str]:
    leave, ask = _mailto(newsletter.leave_address or newsletter.reply_to), _mailto(newsletter.reply_to)
    shown_title = "" if newsletter.discreet else letter.title
    # RFC 8058 3.1: one press needs https; a site without it still has the links of RFC 2369
    one_click = ["List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"] if site.base_url.startswith("https:") else []
    return [
        headers.list_id_header(shown_title, f"{newsletter.slug}.{_ascii_domain(newsletter.from_address)}"),
        f"List-Unsubscribe: <{UNSUBSCRIBE}>,\r\n <{leave}?subject=unsubscribe%20{UNSUBSCRIBE_TOKEN}>\r\n",
        *one_click,
        headers.structured_header("List-Archive", f"<{site.url()}>"),
        headers.structured_header("List-Owner", f"<{letter.contact_url}>"),
        headers.structured_header("List-Help", f"<{ask}?subject=help>"),
    ]


def _mailto(address: str) -> str:
    return f"mailto:{quote(address, safe='@')}"


def _automatic() -> list[str]:
    return ["Auto-Submitted: auto-generated\r\n", "X-Auto-Response-Suppress: OOF, AutoReply\r\n"]


def _feedback_id(newsletter: Newsletter, period: str, kind: str) -> str:
    domain = _ascii_domain(newsletter.from_address)
    return headers.structured_header("Feedback-ID", f"{newsletter.slug}:{period}:{kind}:{_sender_id(domain)}")


def _ascii_domain(address: str) -> str:
    """The domain in the form that DNS knows (RFC 5890)."""
    try:
        return headers.domain_of(address).encode("idna").decode()
    except UnicodeError as error:
        raise HeaderError(f"newsletter.from_address: {address!r} has a domain that DNS cannot hold") from error


def _sender_id(domain: str) -> str:
    """5 to 15 characters that stay the same for all that a domain sends."""
    return re.sub(r"[^a-z0-9]", "", domain.lower())[:15].ljust(5, "0")
