"""Archived feeds (RFC 5005 section 4): which entries the live document holds, and which archive documents are cut. Pure.

A feed is a record of entries in the order in which they were published in it. The live document holds the end of the
record. When it would grow over the budget, its oldest entries become an archive document, which is never written again.
An entry that changes later is published again at the end of the record, so that it stands in the live document and
nothing archived has to change. The name of the next archive document is known when one is cut: something always follows
it in the record. So every archive document is born with all its links.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from newsletter.model import ArchiveCut, ArchiveDocument, FeedUpdate, PublishedEntry

BUDGET = 504 * 1024  #: bytes of entries in the live document; with the feed's own elements it stays below 512 KiB
LEAST = 15  #: so many entries are in the live document however large they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An entry to be published in a feed. `subject` names what it tells of; `size` is that of its largest form in bytes."""

    kind: str
    subject: str
    entry_id: str
    published: datetime
    updated: datetime
    size: int


def publish_entries(
    tail: Sequence[PublishedEntry],
    arrivals: Sequence[Arrival],
    *,
    known: Mapping[str, datetime],
    position: int,
    last: ArchiveDocument | None,
    budget: int = BUDGET,
) -> FeedUpdate:
    """Publish `arrivals`, oldest first, in a feed whose live document holds `tail`.

    `known` tells of each subject that was published before when it was last updated: one that has not changed since is
    left as it is. `position` is the last that was given in this feed, `last` its newest archive document.
    """
    changed = [each for each in arrivals if known.get(each.subject) != each.updated]
    again = {each.subject for each in changed}
    dropped = tuple(record for record in tail if record.subject in again)
    kept = [record for record in tail if record.subject not in again]
    month = max((record.month for record in tail), default="" if last is None else last.following[:7])
    added: list[PublishedEntry] = []
    for number, each in enumerate(changed, position + 1):
        month = max(month, _month(each.updated if each.subject in known else each.published))
        added.append(_record(each, number, month))
    left, cuts = _cut([*kept, *added], last, budget)
    return FeedUpdate(dropped=dropped, added=tuple(added), cuts=cuts, tail=left)


def _record(arrival: Arrival, position: int, month: str) -> PublishedEntry:
    return PublishedEntry(
        position=position,
        kind=arrival.kind,
        subject=arrival.subject,
        entry_id=arrival.entry_id,
        updated=arrival.updated,
        month=month,
        size=arrival.size,
    )


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def _cut(
    records: Sequence[PublishedEntry], last: ArchiveDocument | None, budget: int
) -> tuple[tuple[PublishedEntry, ...], tuple[ArchiveCut, ...]]:
    """Archive the oldest entries, a month or a document's fill at a time, until the rest fits."""
    begin, total = 0, sum(record.size for record in records)
    cuts: list[ArchiveCut] = []
    while total > budget and len(records) - begin > LEAST:
        length = _length(records[begin:], total, budget)
        part = tuple(records[begin : begin + length])
        begin += length
        total -= sum(record.size for record in part)
        last = _document(part[0], records[begin], last)
        cuts.append(ArchiveCut(document=last, records=part))
    return tuple(records[begin:]), tuple(cuts)


def _length(records: Sequence[PublishedEntry], total: int, budget: int) -> int:
    """How many entries the next archive document takes: of one month, within the budget, and no more than needed.

    It takes half of the live document with it, so that not every new entry makes a document of its own.
    """
    most = len(records) - LEAST
    sizes = accumulate(record.size for record in records[:most])
    length = 0
    for record, size in zip(records, sizes, strict=False):
        if length and (
            record.month != records[0].month or size > budget or total - (size - record.size) <= budget // 2
        ):
            break
        length += 1
    return length


def _document(first: PublishedEntry, following: PublishedEntry, last: ArchiveDocument | None) -> ArchiveDocument:
    name = first.month if last is None else last.following
    return ArchiveDocument(
        number=1 if last is None else last.number + 1, name=name, following=_following(name, following.month)
    )


def _following(name: str, month: str) -> str:
    """The name after `name` for a document whose first entry is of `month`: a second one of a month is counted."""
    if name[:7] < month:
        return month
    part = int(name[8:] or 1)
    return f"{name[:7]}-{part + 1}"
