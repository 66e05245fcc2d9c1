"""One recipient's message: the mailing's bytes joined with what is theirs. No template, no encoder, no clock.

What recipients with the same choice share is joined once and kept at hand; theirs alone are a handful of short values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from newsletter.errors import HeaderError, MailError, NothingToSend
from newsletter.mail.choice import EVERYTHING
from newsletter.mail.encode import needs_no_encoder, quoted_printable_value, wrapped
from newsletter.mail.fields import (
    CONFIRM_LINK,
    DATE,
    MESSAGE_ID,
    PREFERENCES_LINK,
    SLOTS,
    TO,
    UNSUBSCRIBE,
    UNSUBSCRIBE_LINK,
    UNSUBSCRIBE_TOKEN,
)
from newsletter.mail.fragments import Bundle, join, unpack
from newsletter.mail.headers import LINE, mailbox, require_address, require_url
from newsletter.model import Choice, Mailing, Message, Site, Subscriber
from newsletter.model.wire import Frame

_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,128}@[A-Za-z0-9.-]{1,250}>")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,512}")
_PLAIN_ADDRESS = re.compile(
    r"(?=[^@]{1,64}@.{1,63}$)[A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*+@[A-Za-z0-9]++(?:[.-][A-Za-z0-9]++)*+"
)
_PLAIN_NAME = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*")
_PLAIN_LINE = LINE - len("To:  <>")  #: for a name and an address

_MAILINGS, _CHOICES = 8, 256  #: how many are kept at hand; a choice is as large as its message


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom a message is for, and what is theirs alone. `date` is aware; it is when the message was first made.

    `confirm_token` is for emails that ask for a confirmation, `preferences_token` for those that lead to preferences.
    """

    subscriber: Subscriber
    message_id: str
    unsubscribe_token: str
    date: datetime
    confirm_token: str = ""
    preferences_token: str = ""


def merge(mailing: Mailing, addressee: Addressee, *, site: Site, sender: str, choice: Choice = EVERYTHING) -> Message:
    """The message to exactly one recipient; `sender` is the envelope's return address.

    Raises NothingToSend where `choice` leaves nothing; HeaderError for an address that is not exactly one, and for any
    value that could begin another header field or another link; MailError for a choice that was not compiled.
    """
    frame = prepare(mailing, choice)
    try:
        wire = frame.fill(values_of(addressee, site))
    except KeyError as error:
        raise MailError(f"mailing: nothing is given for the slot {error.args[0]!r}") from error
    return Message(
        sender=sender if _PLAIN_ADDRESS.fullmatch(sender) else _sender(sender),
        recipient=addressee.subscriber.address,
        message_id=addressee.message_id,
        wire=wire,
    )


@lru_cache(_CHOICES)
def prepare(mailing: Mailing, choice: Choice = EVERYTHING) -> Frame:
    """What all recipients with the same choice share, joined. Raises NothingToSend and MailError as `merge` does."""
    bundle = _bundle(mailing)
    chosen = bundle.mask(choice.articles)
    if not chosen and not bundle.always:
        raise NothingToSend(f"newsletter {mailing.newsletter}, {mailing.period}: nothing of it was chosen")
    pieces = join(bundle.skeleton(choice.edition, choice.audience), chosen).split(b"\0")
    slots = tuple(piece.decode(errors="replace") for piece in pieces[1::2])
    unknown = set(slots).difference(SLOTS)
    if unknown:
        raise MailError(f"mailing: there is no slot named {min(unknown)!r}")
    return Frame(pieces[::2], slots)


@lru_cache(_MAILINGS)
def _bundle(mailing: Mailing) -> Bundle:
    return unpack(mailing.template)


def values_of(addressee: Addressee, site: Site) -> dict[str, bytes]:
    """What stands in each slot, by the slot's name."""
    if not _MESSAGE_ID.fullmatch(addressee.message_id):
        raise HeaderError("Message-ID: right would be one id such as <abc@example.org>")
    if addressee.date.utcoffset() is None:
        raise HeaderError("Date: an aware datetime is required, so that the zone is known")
    token = _checked(addressee.unsubscribe_token, "unsubscribe")
    path, in_body = _path(site.base_url, "unsubscribe")
    url = f"{path}{token}"
    values = {
        TO.name: to_field(addressee.subscriber).encode(),
        MESSAGE_ID.name: addressee.message_id.encode(),
        DATE.name: _date(addressee.date),
        UNSUBSCRIBE.name: url.encode(),
        UNSUBSCRIBE_TOKEN.name: token.encode(),
        UNSUBSCRIBE_LINK.name: in_body(url),
    }
    if addressee.confirm_token:
        values[CONFIRM_LINK.name] = _link(site, "confirm", addressee.confirm_token)
    if addressee.preferences_token:
        values[PREFERENCES_LINK.name] = _link(site, "preferences", addressee.preferences_token)
    return values


def _link(site: Site, kind: str, token: str) -> bytes:
    path, in_body = _path(site.base_url, kind)
    return in_body(f"{path}{_checked(token, kind)}")


def to_field(subscriber: Subscriber) -> str:
    """The value of To, folded. What most people are called and have for an address needs no closer look."""
    name, address = subscriber.name, subscriber.address
    if _PLAIN_ADDRESS.fullmatch(address):
        if not name:
            return address
        if len(name) + len(address) <= _PLAIN_LINE and _PLAIN_NAME.fullmatch(name):
            return f"{name} <{address}>"
    return mailbox("To", name, address)


def _checked(token: str, kind: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise HeaderError(f"{kind} token: right would be 1 to 512 of A-Z a-z 0-9 . _ ~ -")
    return token


@lru_cache(_MAILINGS)
def _path(base_url: str, kind: str) -> tuple[str, Callable[[str], bytes]]:
    """What stands before the token in a link, and what writes the link into a body."""
    path = require_url("site.base_url", f"{base_url}/{kind}/")
    return path, wrapped if needs_no_encoder(path) else quoted_printable_value


@lru_cache(_MAILINGS)
def _sender(address: str) -> str:
    return require_address("envelope sender", address)


@lru_cache(_CHOICES)
def _date(moment: datetime) -> bytes:
    """In UTC: the same moment gives the same bytes."""
    return format_datetime(moment.astimezone(UTC)).encode()
