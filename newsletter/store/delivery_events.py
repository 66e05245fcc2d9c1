"""What happened to each delivery, line by line. Nothing is ever changed here, only added and, after a while, forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, Integer, String, bindparam, insert, select

from newsletter.store import schema
from newsletter.store.rows import HotForAll
from newsletter.store.schema import delivery_event as log


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """One thing that happened to a delivery. `kind` is a machine word; `code` and `enhanced` as in Outcome."""

    at: datetime
    kind: str
    code: int | None
    enhanced: str | None


class NewEvent(NamedTuple):
    """What is to be noted of the delivery `number`."""

    number: int
    kind: str
    code: int | None = None
    enhanced: str | None = None


def events_of(connection: Connection, delivery_id: int) -> tuple[DeliveryEvent, ...]:
    """What happened to a delivery, oldest first."""
    rows = connection.execute(select(log).where(log.c.delivery_id == delivery_id).order_by(log.c.id))
    return tuple(DeliveryEvent(at=row.at, kind=row.kind, code=row.code, enhanced=row.enhanced) for row in rows)


def note_all(connection: Connection, events: Sequence[NewEvent], now: datetime) -> None:
    """In this order; those that say the same one after the other are noted together."""
    for (kind, code, enhanced), alike in groupby(events, key=itemgetter(1, 2, 3)):
        values = {"moment": now, "what": kind, "reply": code, "status": enhanced}
        _NOTE.once(connection, [event.number for event in alike], values)


_NOTE = HotForAll(
    lambda numbers: insert(log).from_select(
        [log.c.delivery_id, log.c.at, log.c.kind, log.c.code, log.c.enhanced],
        select(
            numbers.c.value,
            bindparam("moment", type_=schema.UtcDateTime()),
            bindparam("what", type_=String()),
            bindparam("reply", type_=Integer()),
            bindparam("status", type_=String()),
        ),
    )
)
