"""The one Jinja environment: templates, the operator's overrides, and what we say of articles, dates and ratings.

Templates lie in `mail/` and `web/`. A file of the same name in the operator's folder takes the place of ours. Their texts
come from the catalogue of one language (docs/translating.md), and are text there: never markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import jinja2
from jinja2 import nodes
from markupsafe import Markup, escape

from newsletter.compiling import Environment, Sandbox
from newsletter.errors import TemplateError
from newsletter.model import Article, DateOrigin, Facts, IssueDate, Precision, Rating, Status
from newsletter.words import ENGLISH, Words, direction_of, load_words, marked

_STATUS_WORDS = {
    Status.OK: "",
    Status.CORRECTED: marked("Correction"),
    Status.CONCERN: marked("Expression of concern"),
    Status.RETRACTED: marked("Retracted"),
    Status.WITHDRAWN: marked("Withdrawn"),
}
_SILENT = frozenset({Status.OK, Status.CORRECTED})
_NOTICE_WORDS = {
    Status.OK: "",
    Status.CORRECTED: marked("This study, or our summary of it, has been corrected."),
    Status.CONCERN: marked("The journal has raised a concern about this study. Read it with care."),
    Status.RETRACTED: marked("This study has been taken back. Do not rely on what it found."),
    Status.WITHDRAWN: marked("We have taken this summary back. Do not rely on it."),
}
_ORIGIN_WORDS = {
    DateOrigin.SIDECAR: marked("date given by the site"),
    DateOrigin.PAGE: marked("date given by the page that it came from"),
    DateOrigin.FIRST_SEEN: marked("the day when we first saw it"),
    DateOrigin.PUBLISH_AFTER: marked("the day for which it was planned"),
}
_PREPRINT_SERVERS = ("arxiv", "biorxiv", "medrxiv", "preprints", "research square", "ssrn")
_PLACE_OF_JOURNAL = re.compile(r"\s*\([^()]*\)\s*$")


# -- words for articles -----------------------------------------------------------------------------------------------


def issue_words(words: Words, issue: IssueDate) -> str:
    """`December 2025` where only the month is known, `31 December 2026` otherwise."""
    if issue.precision is Precision.MONTH:
        return words.month(issue.day.year, issue.day.month)
    return words.short_date(issue.day)


def rating_words(words: Words, rating: Rating | None) -> str:
    """`4 out of 5`; `Not rated` where there is no rating. Never a number that nobody gave."""
    if rating is None:
        return words.gettext("Not rated")
    return words.gettext("%(value)s out of %(scale)s", value=words.number(rating.value), scale=rating.scale)


def rating_shape(rating: Rating) -> str:
    """Five circles, as full as the rating is high: `●●●●◐`. Beside the words, never instead of them."""
    points = min(max(rating.share * 5, 0), 5)
    whole = int(points)
    half = points - whole >= 0.5
    return "●" * whole + "◐" * half + "○" * (5 - whole - half)


def status_words(words: Words, status: Status) -> str:
    """The heading of a notice; empty for an article that stands."""
    return words.gettext(_STATUS_WORDS[status]) if status is not Status.OK else ""


def local_date(moment: datetime, zone: str) -> date:
    """The calendar date of a moment in a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def heading_words(words: Words, article: Article, status: Status | None = None) -> str:
    """The title of an article, or of a notice about it where `status` is given: it begins with what has happened.

    The title of an article that was corrected stays as it was, and one that says it already is not told twice, be it in
    our language or in English, as journals do.
    """
    title = article.title
    told = article.status if status is None else status
    if told is Status.OK or (status is None and told in _SILENT):
        return title
    said = status_words(words, told)
    if title.casefold().startswith((said.casefold(), _STATUS_WORDS[told].casefold())):
        return title
    return words.gettext("%(status)s: %(title)s", status=said, title=title)


def notice_words(words: Words, article: Article) -> str:
    """What has happened to an article, in the words that we were given, else in ours; empty for one that stands."""
    if article.status is Status.OK:
        return ""
    return article.facts.notice or words.gettext(_NOTICE_WORDS[article.status])


def summary_words(words: Words, article: Article) -> str:
    """The one thing to say of an article in a list: its takeaway, or that nobody should rely on it."""
    gone = article.status in {Status.RETRACTED, Status.WITHDRAWN}
    return notice_words(words, article) if gone else article.summary.key_takeaway


def added_words(words: Words, article: Article) -> str:
    """When a summary was published, as far as that is known: a day or a month, in UTC."""
    day = article.published.astimezone(UTC).date()
    return words.month(day.year, day.month) if article.published_precision is Precision.MONTH else words.short_date(day)


def origin_words(words: Words, origin: DateOrigin) -> str:
    """Who says that this was the day."""
    return words.gettext(_ORIGIN_WORDS[origin])


def journal_words(words: Words, journal: str) -> str:
    """A journal's name as people say it: no subtitle after ` : `, no place in parentheses; preprints are labelled."""
    name = journal.partition(" : ")[0].strip()
    name = _PLACE_OF_JOURNAL.sub("", name) or journal
    if not name.casefold().startswith(_PREPRINT_SERVERS):
        return name
    return words.gettext("%(journal)s (Preprint: not yet peer reviewed)", journal=name)


def labelled(words: Words, label: str) -> str:
    """A label before what it names: `Topics:`."""
    return words.gettext("%(label)s:", label=label)


def study_url(facts: Facts) -> str:
    """Where the study can be read: the address that we were given if it is one of the web, else the DOI's; or empty."""
    given = facts.source_url or ""
    if given.startswith(("https://", "http://")) and len(given.split()) == 1:
        return given
    return f"https://doi.org/{quote(facts.doi.encode(errors='replace'))}" if facts.doi else ""


def language_mark(words: Words, language: str, direction: bool = True) -> Markup:
    """Attributes for texts in `language`, with a space before them; nothing where our words are in it too."""
    if language == words.language:
        return Markup()
    turned = direction_of(language) if direction else words.direction
    mark = Markup(' lang="{}"').format(language)
    return mark if turned == words.direction else mark + Markup(' dir="{}"').format(turned)


def spoken(text: str, theirs: str) -> str:
    """A text with the attributes of its language, where there are any: see `language_mark`."""
    return Markup("<span{}>{}</span>").format(theirs, text) if theirs else text


_PLAIN_FILTERS = (rating_shape, local_date, study_url, spoken)
_WORDS_FILTERS: tuple[Callable[..., str], ...] = (
    issue_words, rating_words, status_words, heading_words, notice_words, summary_words, added_words, origin_words,
    journal_words, labelled, language_mark,
)  # fmt: skip


class Templates:
    """Renders templates by name. `overrides` is the operator's folder, looked at first, and then all run in a sandbox.

    HTML templates escape every value; a name that is not given is an error, never an empty string.
    """

    def __init__(self, overrides: Path | None = None, words: Words = ENGLISH) -> None:
        self.words = words
        self._overrides = overrides
        self._languages: dict[str, Templates] = {}
        folders = [folder for folder in (overrides, _shipped_folder()) if folder is not None]
        made = Environment if overrides is None else Sandbox  # which costs a fifth
        self._environment: Environment = made(
            loader=jinja2.FileSystemLoader(folders),
            autoescape=jinja2.select_autoescape(("html", "xml"), default_for_string=True),
            undefined=jinja2.StrictUndefined,
            auto_reload=False,  # a run never mixes two versions of a template
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=("jinja2.ext.i18n",),
        )
        self._environment.words = words
        self._environment.filters |= _filters(words)
        self._environment.globals |= _globals(words)
        self._environment.newstyle_gettext = True  # type: ignore[attr-defined]  # an attribute of the extension

    def for_language(self, language: str) -> Templates:
        """The same templates in the words for a language tag. Raises TemplateError for a catalogue that cannot be used."""
        if language not in self._languages:
            self._languages[language] = Templates(self._overrides, load_words(language, self._overrides))
        return self._languages[language]

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
        """Every template and every catalogue by name with its text: what a change of templates is told by."""
        loader = self._environment.loader
        names = self._environment.list_templates()
        texts = ((name, loader.get_source(self._environment, name)[0]) for name in names) if loader else ()
        return (*texts, *self.words.sources)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no folder holds."""
        known = set(self._environment.list_templates())
        return [name for name in names if name not in known]


def _filters(words: Words) -> dict[str, Callable[..., Any]]:
    """What a template can do with a value, in these words."""
    plain: dict[str, Callable[..., Any]] = {each.__name__: each for each in _PLAIN_FILTERS}
    bound = {each.__name__: partial(each, words) for each in _WORDS_FILTERS}
    dates: dict[str, Callable[..., Any]] = {
        "short_date": words.short_date,
        "long_date": words.long_date,
        "month_words": words.month,
        "days_words": words.days,
        "number": words.number,
    }
    return {**plain, **bound, **dates, "css_text": css_text}


def _globals(words: Words) -> dict[str, Any]:
    """What `{% trans %}` and `_()` call, and the language of what they say.

    A translation is text, whoever wrote it: it is escaped where the template's other values are. Jinja's own functions
    take it for markup.
    """

    @jinja2.pass_eval_context
    def gettext(told: nodes.EvalContext, message: str, /, **values: object) -> str:
        return _filled(told, words.gettext(message), values)

    @jinja2.pass_eval_context
    def ngettext(told: nodes.EvalContext, one: str, many: str, number: int, /, **values: object) -> str:
        return _filled(told, words.pattern(one, many, number), values | {"num": words.number(number)})

    said = {"_": gettext, "gettext": gettext, "ngettext": ngettext}
    return {**said, "language": words.language, "direction": words.direction}


def _filled(told: nodes.EvalContext, text: str, values: Mapping[str, object]) -> str:
    """Raises TemplateRuntimeError for a text whose placeholders are not among the values."""
    try:
        return (escape(text) if told.autoescape else text) % values
    except (KeyError, ValueError, TypeError) as error:
        names = ", ".join(f"%({name})s" for name in values) or "nothing"
        raise jinja2.TemplateRuntimeError(f"{text!r} cannot be filled in; given is {names}") from error


def css_text(text: str) -> str:
    """Text inside the double quotes of a style sheet (CSS Syntax 3, 4.3.5); nothing in it can end them, or a `<style>`."""
    return re.sub(r'["\\<\x00-\x1f]', lambda found: f"\\{ord(found[0]):x} ", text)


def _shipped_folder() -> Path:
    """Inside an installed package; beside it in a source tree."""
    here = Path(__file__).resolve().parent
    inside = here / "templates"
    return inside if inside.is_dir() else here.parent / "templates"
