"""The one Jinja environment: templates, the operator's overrides, and the words for dates and ratings.

Templates lie in `mail/` and `web/`. A file of the same name in the operator's folder takes the place of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.errors import TemplateError
from newsletter.model import IssueDate, Precision, Rating, Status

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_STATUS_WORDS = {
    Status.OK: "",
    Status.CORRECTED: "Correction",
    Status.CONCERN: "Expression of concern",
    Status.RETRACTED: "Retracted",
    Status.WITHDRAWN: "Withdrawn",
}


def long_date(day: date) -> str:
    """`Friday 20 November 2026`. Not `strftime`, whose words hang on the machine's locale."""
    return f"{_WEEKDAYS[day.weekday()]} {short_date(day)}"


def short_date(day: date) -> str:
    """`20 November 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def issue_words(issue: IssueDate) -> str:
    """`December 2025` where only the month is known, `31 December 2026` otherwise."""
    if issue.precision is Precision.MONTH:
        return f"{_MONTHS[issue.day.month - 1]} {issue.day.year}"
    return short_date(issue.day)


def rating_words(rating: Rating | None) -> str:
    """`4 out of 5`; `Not rated` where there is no rating. Never a number that nobody gave."""
    return "Not rated" if rating is None else f"{rating.value:g} out of {rating.scale}"


def status_words(status: Status) -> str:
    """The heading of a notice; empty for an article that stands."""
    return _STATUS_WORDS[status]


def local_date(moment: datetime, zone: str) -> date:
    """The calendar date of a moment in a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


class Templates:
    """Renders templates by name. `overrides` is the operator's folder, looked at first.

    HTML templates escape every value; a name that is not given is an error, never an empty string.
    """

    def __init__(self, overrides: Path | None = None) -> None:
        folders = [folder for folder in (overrides, _shipped_folder()) if folder is not None]
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(folders),
            autoescape=jinja2.select_autoescape(("html", "xml"), default_for_string=True),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for words in (long_date, short_date, issue_words, rating_words, status_words, local_date):
            self._environment.filters[words.__name__] = words

    def render(self, name: str, /, **context: Any) -> str:
        """The text of template `name`. Raises TemplateError with the file and line at fault."""
        try:
            return self._environment.get_template(name).render(context)
        except jinja2.TemplateNotFound as error:
            raise TemplateError(f"template {name}: no such file; looked for {error.name}") from error
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"template {error.name}, line {error.lineno}: {error.message}") from error
        except jinja2.TemplateError as error:
            raise TemplateError(f"template {name}: {error.message}") from error

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no folder holds."""
        known = set(self._environment.list_templates())
        return [name for name in names if name not in known]


def _shipped_folder() -> Path:
    """Inside an installed package; beside it in a source tree."""
    here = Path(__file__).resolve().parent
    inside = here / "templates"
    return inside if inside.is_dir() else here.parent / "templates"
