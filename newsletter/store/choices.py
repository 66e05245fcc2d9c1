"""Forms of a mailing that deliveries take: each is written down once, and deliveries name it by its number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, Insert, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.model import Choice
from newsletter.store.preferences import dump_choice, load_choice
from newsletter.store.rows import among, write_rows
from newsletter.store.schema import choice as table

_KEPT = 8_000  #: how many are at hand


class ChoiceNumbers:
    """The number of each choice, in one transaction that writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers: dict[Choice, int] = {}

    def of(self, choices: Iterable[Choice | None]) -> Mapping[Choice, int]:
        """At least the numbers of these choices; None has none."""
        wanted = {choice for choice in choices if choice is not None}
        if len(self._numbers) >= _KEPT:
            self._numbers.clear()
        texts = {dump_choice(choice) or "{}": choice for choice in wanted.difference(self._numbers)}
        if texts:
            write_rows(self._connection, _NEW[self._connection.dialect.name], [(text,) for text in texts], ("text",))
            found = select(table).where(among(self._connection, table.c.text, texts.keys()))
            self._numbers |= {texts[row.text]: row.id for row in self._connection.execute(found)}
        return self._numbers


_NEW: Mapping[str, Insert] = {
    "sqlite": sqlite.insert(table).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(table).on_conflict_do_nothing(),
}


class Choices:
    """The choice of each number; they never change, so they are kept at hand."""

    def __init__(self) -> None:
        self._known: dict[int, Choice] = {}

    def of(self, connection: Connection, numbers: Collection[int]) -> Mapping[int, Choice]:
        """At least the choices of these numbers."""
        missing = [number for number in numbers if number not in self._known]
        if missing:
            if len(self._known) >= _KEPT:
                self._known, missing = {}, list(numbers)
            rows = connection.execute(select(table).where(among(connection, table.c.id, missing)))
            self._known |= {row.id: load_choice(row.text) for row in rows}
        return self._known
