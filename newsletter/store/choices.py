"""Forms of a mailing that deliveries take: each is written down once, and deliveries name it by its number."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from newsletter.model import Choice
from newsletter.store.database import insert_new
from newsletter.store.preferences import dump_choice, load_choice
from newsletter.store.rows import among
from newsletter.store.schema import choice as table

_KEPT = 50_000  #: how many are at hand


class ChoiceNumbers:
    """The number of each choice, in one transaction that writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers: dict[Choice, int] = {}

    def of(self, choice: Choice | None) -> int | None:
        """None for everything in the newsletter's own form."""
        if choice is None:
            return None
        number = self._numbers.get(choice)
        if number is None:
            if len(self._numbers) >= _KEPT:
                self._numbers.clear()
            number = self._numbers[choice] = self._number(dump_choice(choice) or "{}")
        return number

    def _number(self, text: str) -> int:
        row = insert_new(self._connection, table, {"text": text})
        if row is None:
            row = self._connection.execute(select(table.c.id).where(table.c.text == text)).one()
        number: int = row.id
        return number


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
