"""One recipient's message: the mailing's bytes joined with what is theirs. No template, no encoder, no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from newsletter.errors import HeaderError, MailError
from newsletter.mail.compile import DATE, MESSAGE_ID, TO, UNSUBSCRIBE, UNSUBSCRIBE_LINK, UNSUBSCRIBE_TOKEN
from newsletter.mail.encode import quoted_printable_value
from newsletter.mail.headers import mailbox, require_address, require_url
from newsletter.model import Mailing, Message, Site, Subscriber

_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,128}@[A-Za-z0-9.-]{1,250}>")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,512}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom a message is for, and what is theirs alone. `date` is aware; it is when the message was first made."""

    subscriber: Subscriber
    message_id: str
    unsubscribe_token: str
    date: datetime


def merge(mailing: Mailing, addressee: Addressee, *, site: Site, sender: str) -> Message:
    """The message to exactly one recipient; `sender` is the envelope's return address.

    Raises HeaderError for an address that is not exactly one, and for any value that could begin another header field
    or another link; MailError for a mailing that asks for a slot nobody knows.
    """
    require_address("envelope sender", sender)
    pieces = mailing.template.split(b"\0")
    pieces[1::2] = _fillings(pieces[1::2], _values(addressee, site))
    return Message(
        sender=sender,
        recipient=addressee.subscriber.address,
        message_id=addressee.message_id,
        data=b"".join(pieces),
    )


def _values(addressee: Addressee, site: Site) -> dict[bytes, bytes]:
    """What stands in each slot, by the slot's name."""
    subscriber, token = addressee.subscriber, addressee.unsubscribe_token
    if not _TOKEN.fullmatch(token):
        raise HeaderError("unsubscribe token: right would be 1 to 512 of A-Z a-z 0-9 . _ ~ -")
    if not _MESSAGE_ID.fullmatch(addressee.message_id):
        raise HeaderError("Message-ID: right would be one id such as <abc@example.org>")
    if addressee.date.utcoffset() is None:
        raise HeaderError("Date: an aware datetime is required, so that the zone is known")
    url = require_url("site.base_url", site.url(f"unsubscribe/{token}"))
    values = {
        TO: mailbox("To", subscriber.name, subscriber.address),
        MESSAGE_ID: addressee.message_id,
        DATE: format_datetime(addressee.date),
        UNSUBSCRIBE: url,
        UNSUBSCRIBE_TOKEN: token,
    }
    filled = {slot.name.encode(): value.encode() for slot, value in values.items()}
    return filled | {UNSUBSCRIBE_LINK.name.encode(): quoted_printable_value(url)}


def _fillings(names: list[bytes], values: dict[bytes, bytes]) -> list[bytes]:
    try:
        return [values[name] for name in names]
    except KeyError as error:
        raise MailError(f"mailing: there is no slot named {error.args[0].decode(errors='replace')!r}") from error
