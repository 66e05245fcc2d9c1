"""Notes that wait to be sent: emails to one person that are no digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from newsletter.model.digests import Cadence
from newsletter.model.subscribers import USUAL, Preferences, Subscriber


class NoteKind(StrEnum):
    """What a note is for."""

    CONFIRMATION = "confirmation"  #: asks whether it was really they who subscribed; its link is `confirm/TOKEN`
    WELCOME = "welcome"
    GOODBYE = "goodbye"
    PREFERENCES = "preferences"  #: brings a link to what they chose, `preferences/TOKEN`


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNote:
    """A note to be queued, to a request or to a subscriber: one of the two ids is given."""

    kind: NoteKind
    newsletters: tuple[str, ...]
    request_id: str | None = None
    subscriber_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteClaim:
    """A note that one owner holds. `attempts` counts this one.

    `recipient` of a request is made of its id and its address: nobody's name is known yet. `preferences` are those of the
    first newsletter, `cadences` the wishes for each of them by slug.
    """

    id: int
    kind: NoteKind
    newsletters: tuple[str, ...]
    recipient: Subscriber
    of_request: bool
    owner: str
    attempts: int
    created_at: datetime
    preferences: Preferences = USUAL
    cadences: Mapping[str, Cadence | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteOutcome:
    """What became of one attempt. `next_at`: it is tried again then; None: the note is done with.

    `dead`: the address takes no mail, now or later. `halt`: the same would happen to everybody, so no other is tried.
    """

    word: str  #: a machine word for counts, for example `sent`
    next_at: datetime | None = None
    dead: bool = False
    halt: bool = False
