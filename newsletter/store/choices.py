"""Forms of a mailing that deliveries take: each is written down once, and deliveries name it by its number.

Which articles of its form a delivery carries stands with the delivery itself: there are far more sets of them than forms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Insert, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.model import Choice
from newsletter.store.preferences import dump_choice, load_choice
from newsletter.store.rows import among
from newsletter.store.schema import choice as table


class ChoiceNumbers:
    """The number of each choice, whatever its articles are, in one transaction that writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers: dict[tuple[object, ...], int | None] = {}

    def of(self, choice: Choice | None) -> int | None:
        """None for the newsletter's own form."""
        if choice is None:
            return None
        key = (choice.edition, choice.audience, choice.cadence, choice.language)
        if key not in self._numbers:
            text = dump_choice(choice)
            self._numbers[key] = None if text is None else self._number(text)
        return self._numbers[key]

    def _number(self, text: str) -> int:
        self._connection.execute(_NEW[self._connection.dialect.name], {"text": text})
        number: int = self._connection.execute(select(table.c.id).where(table.c.text == text)).scalar_one()
        return number


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
            rows = connection.execute(select(table).where(among(connection, table.c.id, missing)))
            self._known |= {row.id: load_choice(row.text) for row in rows}
        return self._known
