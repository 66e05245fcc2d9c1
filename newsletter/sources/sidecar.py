"""The sidecar: a small TOML file of facts beside a document, which the document itself does not tell.

Every key is optional:

    published = 2026-11-18                        a date, or a date and time with zone
    publish_after = 2027-01-15T08:00:00+01:00     held back until then
    issue_date = 2026-12-31                       the date of the journal issue; day 1 means that only the month is known
    status = "corrected"                          ok, corrected, concern, retracted, withdrawn; needs a notice
    status_date = 2026-11-17T09:00:00Z
    notice = "What was wrong, and who says so."
    source_url = "https://doi.example.org/10.5555/1234"
    doi = "10.5555/1234"
    pmid = "12345678"
    topics = ["Fatigue", "Sleep"]                 instead of those in the document
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newsletter.errors import DocumentError
from newsletter.model import Facts
from newsletter.sources.base import E_SIDECAR, FACTS_LIMIT, shorten
from newsletter.sources.values import READERS, WrongValueError, notice_problem, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """What a sidecar says. `topics` is None where it says nothing of them."""

    facts: Facts = field(default_factory=Facts)
    topics: tuple[str, ...] | None = None


def read_facts(data: bytes, name: str) -> Sidecar:
    """Read a sidecar's bytes. `name` is what messages call it.

    Raises DocumentError `E-SIDECAR`, naming the file, the key, what was found and what would be right.
    """
    table = _table(data, name)
    unknown = sorted(set(table) - set(READERS))
    if unknown:
        known = ", ".join(READERS)
        raise _error(name, f"{shorten(unknown[0])} is no key of a sidecar; the keys are {known}")
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            values[key] = READERS[key](value)
        except WrongValueError as wrong:
            raise _error(name, f"{key}: found {shown(value)}; right would be {wrong}") from None
    topics = values.pop("topics", None)
    facts = Facts(**values)
    problem = notice_problem(facts)
    if problem is not None:
        raise _error(name, problem)
    return Sidecar(facts=facts, topics=topics)


def _table(data: bytes, name: str) -> Mapping[str, Any]:
    if len(data) > FACTS_LIMIT:
        raise _error(name, f"the file is larger than {FACTS_LIMIT:,} bytes")
    try:
        return tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise _error(name, f"byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except RecursionError as error:
        raise _error(name, "values are nested too deeply; a sidecar holds simple values") from error
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number with thousands of digits
        raise _error(name, f"not TOML: {error}") from error


def _error(name: str, message: str) -> DocumentError:
    return DocumentError(E_SIDECAR, f"{name}: {message}")
