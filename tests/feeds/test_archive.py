"""Archived feeds: what is published stays reachable, once, and what is archived never changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from newsletter.feeds.archive import BUDGET, LEAST, Arrival, publish_entries
from newsletter.model import ArchiveCut, ArchiveDocument, PublishedEntry

BEGUN = datetime(2024, 11, 1, tzinfo=UTC)


def arrival(subject: int, moment: datetime, size: int = 1_000, *, published: datetime | None = None) -> Arrival:
    return Arrival(
        kind="article",
        subject=str(subject),
        entry_id=f"tag:example.org,2026:{subject}",
        published=published or moment,
        updated=moment,
        size=size,
    )


@dataclass
class Reader:
    """A feed as it stands after each run, and every archive document that was cut on the way."""

    budget: int
    tail: tuple[PublishedEntry, ...] = ()
    cuts: list[ArchiveCut] = field(default_factory=list)
    known: dict[str, datetime] = field(default_factory=dict)
    position: int = 0

    def publish(self, arrivals: Sequence[Arrival]) -> None:
        last = self.cuts[-1].document if self.cuts else None
        told = publish_entries(
            self.tail, arrivals, known=self.known, position=self.position, last=last, budget=self.budget
        )
        self.tail = told.tail
        self.cuts += told.cuts
        self.known |= {each.subject: each.updated for each in arrivals}
        self.position = max([self.position, *(record.position for record in told.added)])

    def walk(self) -> list[PublishedEntry]:
        """From the live document to the first archive, the newest first."""
        records = list(reversed(self.tail))
        for cut in reversed(self.cuts):
            records += reversed(cut.records)
        return records


runs = st.lists(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(200, 9_000), st.booleans()),
        max_size=25,
        unique_by=lambda one: one[0],
    ),
    max_size=25,
)


def _replay(told: list[list[tuple[int, int, bool]]], budget: int = 40_000) -> Reader:
    reader, moment = Reader(budget=budget), BEGUN
    for run in told:
        moment += timedelta(days=9)
        arrivals = []
        for number, (subject, size, back_dated) in enumerate(run):
            seen = moment + timedelta(milliseconds=number)
            published = BEGUN - timedelta(days=400) if back_dated else seen
            arrivals.append(arrival(subject, seen, size, published=published))
        reader.publish(arrivals)
    return reader


@given(runs)
def test_a_walk_finds_every_entry_in_its_last_version_first(told: list[list[tuple[int, int, bool]]]) -> None:
    reader = _replay(told)
    newest: dict[str, datetime] = {}
    for record in reader.walk():
        newest.setdefault(record.subject, record.updated)
    assert newest == reader.known


@given(runs)
def test_the_same_version_of_an_entry_stands_in_one_document_only(told: list[list[tuple[int, int, bool]]]) -> None:
    versions = [(record.subject, record.updated) for record in _replay(told).walk()]
    assert len(versions) == len(set(versions))


@given(runs)
def test_the_live_document_is_within_the_budget_or_at_its_least(told: list[list[tuple[int, int, bool]]]) -> None:
    reader = _replay(told)
    assert sum(record.size for record in reader.tail) <= reader.budget or len(reader.tail) <= LEAST
    if reader.cuts:
        assert len(reader.tail) >= LEAST


@given(runs)
def test_each_archive_document_knows_the_name_of_the_next_when_it_is_born(
    told: list[list[tuple[int, int, bool]]],
) -> None:
    documents = [cut.document for cut in _replay(told).cuts]
    assert [document.number for document in documents] == list(range(1, len(documents) + 1))
    assert all(one.following == other.name for one, other in pairwise(documents))
    assert len({document.name for document in documents}) == len(documents)


@given(runs)
def test_an_archive_document_holds_one_month_and_no_more_than_the_budget(
    told: list[list[tuple[int, int, bool]]],
) -> None:
    reader = _replay(told)
    for cut in reader.cuts:
        assert len({record.month for record in cut.records}) == 1
        assert len(cut.records) == 1 or sum(record.size for record in cut.records) <= reader.budget


def test_what_was_archived_is_published_again_where_it_changes_and_the_archive_stays() -> None:
    reader = Reader(budget=20_000)
    reader.publish([arrival(number, BEGUN + timedelta(minutes=number)) for number in range(30)])
    before = list(reader.cuts)
    assert "0" in {record.subject for record in before[0].records}
    reader.publish([arrival(0, BEGUN + timedelta(days=60))])
    assert reader.cuts[: len(before)] == before
    assert reader.tail[-1].subject == "0"


def test_what_has_not_changed_is_not_published_again() -> None:
    reader = Reader(budget=BUDGET)
    arrivals = [arrival(number, BEGUN + timedelta(minutes=number)) for number in range(3)]
    reader.publish(arrivals)
    tail = reader.tail
    reader.publish(arrivals)
    assert reader.tail == tail


def test_a_busy_month_is_archived_in_parts_and_an_idle_one_is_passed_over() -> None:
    reader = Reader(budget=30_000)
    for number in range(70):
        reader.publish([arrival(number, BEGUN + timedelta(minutes=number))])
    for number in range(70, 140):
        reader.publish([arrival(number, BEGUN + timedelta(days=100, minutes=number))])
    names = [cut.document.name for cut in reader.cuts]
    november = [name for name in names if name.startswith("2024-11")]
    february = [name for name in names if name.startswith("2025-02")]
    assert names == november + february
    assert november[:3] == ["2024-11", "2024-11-2", "2024-11-3"]
    assert february[:2] == ["2025-02", "2025-02-2"]


def test_not_every_new_entry_makes_an_archive_document() -> None:
    reader = Reader(budget=40_000)
    for number in range(200):
        reader.publish([arrival(number, BEGUN + timedelta(minutes=number))])
    assert len(reader.cuts) <= 200 / (40 - LEAST - 5) + 1


def test_entries_that_are_too_large_for_the_budget_are_never_dropped() -> None:
    reader = Reader(budget=1_000)
    reader.publish([arrival(number, BEGUN + timedelta(minutes=number), 5_000) for number in range(LEAST)])
    assert len(reader.tail) == LEAST
    assert not reader.cuts


def test_the_first_archive_of_a_feed_is_named_after_its_first_entry() -> None:
    reader = Reader(budget=15_000)
    reader.publish([arrival(number, BEGUN, published=BEGUN - timedelta(days=31)) for number in range(16)])
    assert reader.cuts[0].document == ArchiveDocument(number=1, name="2024-10", following="2024-10-2")
