"""The exception tree.

NewsletterError                  what a user of the package may want to catch
├── ConfigError                  the operator's file or environment is not usable
├── UsageError                   a command was asked for something that does not exist
│   └── FormError                what was filled in cannot be used, told by field
├── SourceError                  a whole source could not be read
├── MailboxError                 a mailbox of incoming mail could not be read
├── DocumentError                one document is not usable; the others go on
├── StoreError                   the database refused, is locked or is of another version
├── TemplateError                a template is missing or cannot be rendered
├── HubError                     the WebSub hub did not take the news of a feed
├── IdentityError                an id that readers know would be lost or change
├── ClockRefused                 the clock leapt; nothing is planned until an operator agrees
├── MailError                    a mailing must not be sent as it is
│   ├── HeaderError              a value cannot stand in a header
│   └── InlineError              the style sheet would lose something when inlined
├── TokenError                   a signed link is false, expired or for another purpose
└── TransportError               a message did not leave
    ├── TemporaryFailure         nothing was accepted; try again later
    ├── PermanentFailure         this recipient was refused for good
    ├── AmbiguousFailure         the message may have been accepted; the answer was lost
    └── RelayFailure             the relay refuses us: stop, and burn nobody

A class's docstring is the message when none is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum


class NewsletterError(Exception):
    """Something went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])


class ConfigError(NewsletterError):
    """The configuration cannot be used."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class UsageError(NewsletterError):
    """There is no such thing."""


class FormError(UsageError):
    """What was filled in cannot be used.

    `problems`: field -> what to say of it, a text of the catalogue (`words.marked`).
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(self.problems.values()))


class SourceError(NewsletterError):
    """The source could not be read."""


class MailboxError(NewsletterError):
    """The mailbox could not be read."""


class DocumentError(NewsletterError):
    """The document cannot be used.

    `code` is stable (`E-NO-TAKEAWAY`), `message` names file, line and heading.
    """

    def __init__(self, code: str, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.line = line


class StoreError(NewsletterError):
    """The database could not be used."""


class TemplateError(NewsletterError):
    """The template could not be rendered."""


class HubError(NewsletterError):
    """The hub did not take the news of a feed.

    `accepted` are the addresses of those feeds that it took before.
    """

    def __init__(self, message: str = "", *, accepted: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.accepted = accepted


class IdentityError(NewsletterError):
    """An id that feed readers know would be lost or change."""


class ClockRefused(NewsletterError):
    """The clock leapt; nothing was planned."""


class MailError(NewsletterError):
    """The mailing must not be sent as it is."""


class NothingToSend(MailError):
    """What was chosen of a mailing leaves nothing to tell."""


class HeaderError(MailError):
    """A value cannot stand in a header."""


class InlineError(MailError):
    """The style sheet cannot be inlined without loss."""


class TokenError(NewsletterError):
    """The link is not valid."""


class Fault(StrEnum):
    """Who is to blame where a message does not leave: it decides who pays."""

    RECIPIENT = "recipient"  #: the address is dead, or wants no mail of ours
    MAILBOX = "mailbox"  #: full, or out of reach for now
    DOMAIN = "domain"  #: the recipient's server mistrusts us, or finds us too fast
    RELAY = "relay"  #: our relay is busy, or finds us too fast
    MESSAGE = "message"  #: too large, or in a form that is not taken
    CONFIGURATION = "configuration"  #: the account, the sender or what the relay lets us do
    NETWORK = "network"  #: the relay cannot be reached or the connection broke


class TransportError(NewsletterError):
    """The message did not leave.

    `code` is the SMTP reply code (RFC 5321 4.2) where there was one, `enhanced` the
    status code of RFC 3463 (`5.1.1`). `fault` says who is to blame. `retry_at` is set where nobody can be mailed before.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        enhanced: str | None = None,
        fault: Fault | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.enhanced = enhanced
        self.fault = self.usual_fault if fault is None else fault
        self.retry_at = retry_at

    usual_fault = Fault.NETWORK


class TemporaryFailure(TransportError):
    """Nothing was accepted; try again later."""


class PermanentFailure(TransportError):
    """The recipient was refused for good."""

    usual_fault = Fault.RECIPIENT


class AmbiguousFailure(TransportError):
    """The message may have been accepted; the answer was lost."""


class RelayFailure(TransportError):
    """The relay refuses us."""

    usual_fault = Fault.CONFIGURATION
