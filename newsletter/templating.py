"""The one Jinja environment: templates, the operator's overrides, and the words for dates and ratings.

Templates lie in `mail/` and `web/`. A file of the same name in the operator's folder takes the place of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from newsletter.errors import TemplateError
from newsletter.model import Article, DateOrigin, Facts, IssueDate, Precision, Rating, Status

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
_SILENT = frozenset({Status.OK, Status.CORRECTED})
_NOTICE_WORDS = {
    Status.OK: "",
    Status.CORRECTED: "This study, or our summary of it, has been corrected.",
    Status.CONCERN: "The journal has raised a concern about this study. Read it with care.",
    Status.RETRACTED: "This study has been retracted. Do not rely on what it found.",
    Status.WITHDRAWN: "We have taken this summary back. Do not rely on it.",
}
_ORIGIN_WORDS = {
    DateOrigin.SIDECAR: "date given by the site",
    DateOrigin.PAGE: "date given by the page that it came from",
    DateOrigin.FIRST_SEEN: "the day when we first saw it",
    DateOrigin.PUBLISH_AFTER: "the day for which it was planned",
}
_PREPRINT_SERVERS = ("arxiv", "biorxiv", "medrxiv", "preprints", "research square", "ssrn")


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


def rating_shape(rating: Rating) -> str:
    """Five circles, as full as the rating is high: `●●●●◐`. Beside the words, never instead of them."""
    points = min(max(rating.share * 5, 0), 5)
    whole = int(points)
    half = points - whole >= 0.5
    return "●" * whole + "◐" * half + "○" * (5 - whole - half)


def status_words(status: Status) -> str:
    """The heading of a notice; empty for an article that stands."""
    return _STATUS_WORDS[status]


def local_date(moment: datetime, zone: str) -> date:
    """The calendar date of a moment in a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def month_words(year: int, month: int) -> str:
    """`November 2026`."""
    return f"{_MONTHS[month - 1]} {year}"


def days_words(first: date, last: date) -> str:
    """`16 to 22 November 2026`; what two dates share is said once."""
    if first == last:
        return short_date(first)
    start = str(first.day)
    if first.year != last.year:
        start = short_date(first)
    elif first.month != last.month:
        start = f"{first.day} {_MONTHS[first.month - 1]}"
    return f"{start} to {short_date(last)}"


def heading_words(article: Article, status: Status | None = None) -> str:
    """The title of an article, or of a notice about it where `status` is given: it begins with what has happened.

    The title of an article that was corrected stays as it was, and one that says it already is not told twice.
    """
    title = article.title
    if status is None and article.status in _SILENT:
        return title
    words = _STATUS_WORDS[status or article.status]
    return title if title.lower().startswith(words.lower()) else f"{words}: {title}"


def notice_words(article: Article) -> str:
    """What has happened to an article, in the words that we were given, else in ours."""
    return article.facts.notice or _NOTICE_WORDS[article.status]


def summary_words(article: Article) -> str:
    """The one thing to say of an article in a list: its takeaway, or that nobody should rely on it."""
    gone = article.status in {Status.RETRACTED, Status.WITHDRAWN}
    return notice_words(article) if gone else article.summary.key_takeaway


def added_words(article: Article) -> str:
    """When a summary was published, as far as that is known: a day or a month, in UTC."""
    day = article.published.astimezone(UTC).date()
    return month_words(day.year, day.month) if article.published_precision is Precision.MONTH else short_date(day)


def origin_words(origin: DateOrigin) -> str:
    """Who says that this was the day."""
    return _ORIGIN_WORDS[origin]


def journal_words(journal: str) -> str:
    """A journal's name without what an index adds to it; a server of preprints is called one."""
    name = journal.partition(" : ")[0].strip()
    short = name.rpartition(" (")[0].strip() if name.endswith(")") else name
    preprint = short.lower().startswith(_PREPRINT_SERVERS)
    return f"{short or journal}{' (Preprint: not yet peer reviewed)' if preprint else ''}"


def study_url(facts: Facts) -> str:
    """Where the study can be read: the address that we were given if it is one of the web, else the DOI's; or empty."""
    given = facts.source_url or ""
    if given.startswith(("https://", "http://")) and len(given.split()) == 1:
        return given
    return f"https://doi.org/{quote(facts.doi.encode(errors='replace'))}" if facts.doi else ""


_FILTERS = (
    long_date, short_date, issue_words, rating_words, rating_shape, status_words, local_date, month_words, days_words,
    heading_words, notice_words, summary_words, added_words, origin_words, journal_words, study_url,
)  # fmt: skip


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox, but quick where there is nothing to ask: a field of a noun is a value, whatever it is called."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if attribute in getattr(type(obj), "__dataclass_fields__", ()):
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


class Templates:
    """Renders templates by name. `overrides` is the operator's folder, looked at first, and then all run in a sandbox.

    HTML templates escape every value; a name that is not given is an error, never an empty string.
    """

    def __init__(self, overrides: Path | None = None) -> None:
        folders = [folder for folder in (overrides, _shipped_folder()) if folder is not None]
        made = jinja2.Environment if overrides is None else _Sandbox  # which costs a fifth
        self._environment: jinja2.Environment = made(
            loader=jinja2.FileSystemLoader(folders),
            autoescape=jinja2.select_autoescape(("html", "xml"), default_for_string=True),
            undefined=jinja2.StrictUndefined,
            auto_reload=False,  # a run never mixes two versions of a template
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for words in _FILTERS:
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

    def sources(self) -> tuple[tuple[str, str], ...]:
        """Every template by name with its text: what a change of templates is told by."""
        loader = self._environment.loader
        names = self._environment.list_templates()
        return tuple((name, loader.get_source(self._environment, name)[0]) for name in names) if loader else ()

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no folder holds."""
        known = set(self._environment.list_templates())
        return [name for name in names if name not in known]


def _shipped_folder() -> Path:
    """Inside an installed package; beside it in a source tree."""
    here = Path(__file__).resolve().parent
    inside = here / "templates"
    return inside if inside.is_dir() else here.parent / "templates"
