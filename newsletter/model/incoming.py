"""What comes back by mail: bounces, complaints and requests to unsubscribe, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from newsletter.model.deliveries import DeliveryState


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it came in, from wherever it lay.

    `key` is what its mailbox knows it by; `recipient` is the envelope's, empty where it is not known.
    """

    key: str
    data: bytes
    recipient: str = ""


class ReportKind(StrEnum):
    """What a message that came in is, by its form alone. Nothing of it has been proved."""

    BOUNCE = "bounce"  #: a message of ours could not be delivered, for good
    COMPLAINT = "complaint"  #: somebody pressed "this is spam" (RFC 5965)
    UNSUBSCRIBE = "unsubscribe"  #: somebody asks to leave, by the mailto link of List-Unsubscribe (RFC 2369)
    DELAYED = "delayed"  #: it is still being tried
    AUTOMATIC = "automatic"  #: out of office, a receipt, a report of success (RFC 3834)
    UNKNOWN = "unknown"  #: for a person to read


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one recipient was not reached: the status of RFC 3463, the SMTP reply code, and the server's words."""

    status: str | None = None
    code: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One message that came in, read. Everything in it is a stranger's claim.

    `addresses` are those that may be return paths of ours: whom it was sent to, and the sender of the message that it
    encloses; `message_ids` and `tokens` are that message's too, but for an `unsubscribe`, where the token is what was asked with.
    `partly`: another recipient of the same delivery was reached.
    """

    kind: ReportKind
    addresses: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    partly: bool = False


class Fate(StrEnum):
    """What becomes of a message that came in."""

    DONE = "done"  #: nobody needs to look at it again
    PERSON = "person"  #: a person is to read it
    LATER = "later"  #: it stays where it is and is read again


class BounceKind(StrEnum):
    """What came back for a delivery, by whose doing it was."""

    HARD = "hard"  #: the address is dead
    SOFT = "soft"  #: the mailbox is full or out of reach
    POLICY = "policy"  #: the recipient's server mistrusts us
    MESSAGE = "message"  #: too large, or in a form that is not taken
    COMPLAINT = "complaint"  #: the recipient does not want it


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDelivery:
    """A delivery that a report is about, as the ledger has it. `address` is None where the person was erased."""

    id: int
    newsletter: str
    subscriber_id: str
    address: str | None
    domain: str
    state: DeliveryState
    attempt: int
    ambiguous: bool
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDelivery:
    """One delivery of a person's last year. `at` is when it was sent; `bounce` is what came back, None where nothing did."""

    delivery_id: int
    at: datetime
    state: DeliveryState
    bounce: BounceKind | None = None
    enhanced: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What is to be written down of a report, and what follows from it.

    `suppress` is the reason why the address gets nothing any more, None where it goes on. `leave`: the subscription ends too.
    """

    delivery: SentDelivery
    kind: BounceKind
    code: int | None = None
    enhanced: str | None = None
    suppress: str | None = None
    leave: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SentNote:
    """A note that a report is about: to a subscriber, or to a request, of whom only keyed hashes are known for certain.

    `address_key` and `person_key` are those of the address that it was sent to; `returned` is what came back before.
    """

    message_id: str
    request_id: str | None
    subscriber_id: str | None
    address_key: str
    person_key: str
    domain: str
    returned: BounceKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteBounce:
    """What is to be written down of a report about a note, and what follows from it.

    `suppress` is the reason why the address gets nothing any more, with `person` in any spelling. `end`: the request
    is void, and every subscription of the person ends.
    """

    note: SentNote
    kind: BounceKind
    suppress: str | None = None
    person: bool = False
    end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceCount:
    """How many bounces of one kind came back from one mail domain."""

    domain: str
    kind: BounceKind
    number: int
