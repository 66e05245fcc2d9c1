"""What is known of somebody who asks to be subscribed, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Answer(StrEnum):
    """What is done about a request."""

    CONFIRM = "confirm"  #: ask the address whether it was really they
    REMIND = "remind"  #: they get all of it already: send them a link to their preferences
    NOTHING = "nothing"
    WAIT = "wait"  #: too many were written to in this hour; look again later


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How many mails that nobody has confirmed went to an address, and when the last one did."""

    count: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Restraint:
    """How often we write to somebody who has not said yes: `most` confirmations ever, and nothing twice within `gap`."""

    most: int
    gap: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the address of a request. `confirmed` are the newsletters that it gets already."""

    suppressed: bool
    confirmed: frozenset[str]
    asked: Asked | None
