"""The words of one language: our sentences from its catalogue, and dates and numbers as people write them there.

Our sentences stand in the code in English, which is therefore there without any file. Another language is one file in
gettext's form: ours lie in `locale/<language>/LC_MESSAGES/newsletter.po`, an operator's in `locale/<language>.po` below
their folder of templates. It is read as it is; nothing has to be compiled (docs/translating.md).

`Words` are a value and are handed on as an argument, so that one process can speak several languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from gettext import c2py
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.errors import TemplateError

if TYPE_CHECKING:
    from babel.core import Locale
    from babel.messages.catalog import Catalog, Message

DOMAIN = "newsletter"
FOLDER = "locale"  #: the folder of catalogues, in this package and in an operator's folder of templates

_SHIPPED = Path(__file__).resolve().parent / FOLDER
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SCRIPT = 4  #: letters of the subtag that names a script (RFC 5646 2.2.3)
_NUMBERS_TRIED = 1000  # plural rules look at the last two digits, and at large round numbers
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def marked(message: str) -> str:
    """Marks a text that is translated elsewhere, so that it comes into the catalogue."""
    return message


def marked_plural(one: str, many: str) -> tuple[str, str]:
    """Marks the two English forms of a text that counts."""
    return one, many


@dataclass(frozen=True, slots=True)
class Translation:
    """A message in another language. `choose` says which of its forms a number takes."""

    forms: tuple[str, ...]
    choose: Callable[[int], int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Words:
    """One language. `language` is its tag (RFC 5646), as it stands in `lang` attributes; `direction` is `ltr` or `rtl`.

    Texts that it has no translation of are English. Without a `locale`, dates and numbers are written as in English.
    """

    language: str
    direction: str = "ltr"
    translations: Mapping[str, Translation] = field(default_factory=dict, repr=False)
    sources: tuple[tuple[str, str], ...] = field(default=(), repr=False)  #: name and text of each file that was read
    locale: str | None = field(default=None, repr=False)  #: Babel's name of it

    def gettext(self, message: str, /, **values: object) -> str:
        """A text of ours, with `values` in place of its `%(name)s`."""
        found = self.translations.get(message)
        text = found.forms[0] if found else message
        return text % values if values else text

    def ngettext(self, one: str, many: str, number: int, /, **values: object) -> str:
        """A text of ours in the form that `number` asks for. `%(num)s` is the number."""
        return self.pattern(one, many, number) % {"num": self.number(number), **values}

    def pattern(self, one: str, many: str, number: int, /) -> str:
        """The same with its placeholders."""
        found = self.translations.get(one)
        if found:
            return found.forms[found.choose(number)]
        return one if number == 1 else many

    def number(self, value: float) -> str:
        """Such as `1,234` or `3.5`."""
        if self.locale is None:
            return f"{value:,}" if isinstance(value, int) else f"{value:g}"
        return _written_number(value, self.locale)

    def short_date(self, day: date) -> str:
        """`20 November 2026`. Not `strftime`, whose words hang on the machine's locale."""
        return self._date(day, "long") or f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def long_date(self, day: date) -> str:
        """`Friday 20 November 2026`."""
        return self._date(day, "full") or f"{_WEEKDAYS[day.weekday()]} {self.short_date(day)}"

    def month(self, year: int, month: int) -> str:
        """`November 2026`."""
        return self._skeleton(date(year, month, 1), "yMMMM") or f"{_MONTHS[month - 1]} {year}"

    def days(self, first: date, last: date) -> str:
        """`16 to 22 November 2026`; what two dates share is said once. Both days are included."""
        if first == last:
            return self.short_date(first)
        values = {
            "day": self._skeleton(first, "d") or first.day,
            "start": self._skeleton(first, "MMMMd") or f"{first.day} {_MONTHS[first.month - 1]}",
            "first": self.short_date(first),
            "last": self.short_date(last),
        }
        if first.year != last.year:
            return self.gettext("%(first)s to %(last)s", **values)
        if first.month != last.month:
            return self.gettext("%(start)s to %(last)s", **values)
        return self.gettext("%(day)s to %(last)s", **values)

    def _date(self, day: date, form: str) -> str:
        return "" if self.locale is None else _written_date(day, form, self.locale)

    def _skeleton(self, day: date, skeleton: str) -> str:
        return "" if self.locale is None else _written_skeleton(day, skeleton, self.locale)


# Babel works up to 30 µs on one; the same few are asked for again and again.


@lru_cache(maxsize=4096)
def _written_number(value: float, locale: str) -> str:
    from babel.numbers import format_decimal  # noqa: PLC0415 - English does without Babel

    return format_decimal(value, locale=locale)


@lru_cache(maxsize=4096)
def _written_date(day: date, form: str, locale: str) -> str:
    from babel.dates import format_date  # noqa: PLC0415 - English does without Babel

    return format_date(day, form, locale)


@lru_cache(maxsize=4096)
def _written_skeleton(day: date, skeleton: str, locale: str) -> str:
    from babel.dates import format_skeleton  # noqa: PLC0415 - English does without Babel

    return format_skeleton(skeleton, day, locale=locale)


ENGLISH = Words(language="en")


def load_words(language: str, own: Path | None = None) -> Words:
    """The words for a language tag; `own` is an operator's folder of templates.

    A catalogue of `pt` serves `pt-BR` too, and one of `pt-BR` goes before it; an operator's own goes before ours.
    Where there is none at all, the words are English and say so. Raises TemplateError for a catalogue that cannot be used.
    """
    names = _names(language)
    files = [path for name in reversed(names) for path in _files(name, own) if path.is_file()]
    english = names[-1] == "en"
    if not files:
        return Words(language=language) if english else ENGLISH
    translations: dict[str, Translation] = {}
    sources = []
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        translations |= read_catalogue(text, path)
        sources.append((f"{FOLDER}/{path.relative_to(_SHIPPED) if path.is_relative_to(_SHIPPED) else path.name}", text))
    return Words(
        language=language,
        direction=direction_of(language),
        translations=translations,
        sources=tuple(sources),
        locale=None if english else _babel_name(language),
    )


def named_languages(first: str, own: Path | None = None) -> tuple[tuple[str, str], ...]:
    """Each language that has words, by its tag and the name that its speakers give it, `first` before all others.

    Empty where there is no other than `first`. `own` is an operator's folder of templates.
    """
    found = {path.parents[1].name for path in _SHIPPED.glob(f"*/LC_MESSAGES/{DOMAIN}.po")} | {"en"}
    if own is not None:
        found |= {path.stem for path in (own / FOLDER).glob("*.po")}
    tags = {name.replace("_", "-") for name in found}
    others = sorted(tag for tag in tags if tag != first and not first.startswith(f"{tag}-"))
    return tuple((tag, _own_name(tag)) for tag in (first, *others)) if others else ()


def _own_name(language: str) -> str:
    locale = known_locale(language)
    name = locale.get_display_name() if locale else None
    return f"{name[0].upper()}{name[1:]}" if name else language


def known_locale(language: str) -> Locale | None:
    """What Babel knows about dates and numbers under a language tag; None where it knows nothing."""
    from babel.core import Locale, UnknownLocaleError  # noqa: PLC0415 - English does without Babel

    try:
        return Locale.parse(_names(language)[0])
    except (UnknownLocaleError, ValueError):
        return None


def _babel_name(language: str) -> str | None:
    locale = known_locale(language)
    return str(locale) if locale else None


@cache
def direction_of(language: str) -> str:
    """The direction of writing, `ltr` or `rtl`, of a language tag."""
    if _names(language)[-1] == "en":
        return "ltr"
    locale = known_locale(language)
    return locale.text_direction if locale else "ltr"


def _names(language: str) -> tuple[str, ...]:
    """What a catalogue for a tag may be called, the best name first: `de_AT`, `de`.

    Texts in one script do not serve readers of another, so `zh_Hant` stands alone.
    """
    first, *others = language.split("-")
    parts = [first.lower(), *(part.title() if len(part) == _SCRIPT else part.upper() for part in others)]
    shortest = 2 if len(parts) > 1 and len(parts[1]) == _SCRIPT else 1
    return tuple("_".join(parts[:length]) for length in range(len(parts), shortest - 1, -1))


def _files(name: str, own: Path | None) -> Iterable[Path]:
    """Ours, then an operator's."""
    yield _SHIPPED / name / "LC_MESSAGES" / f"{DOMAIN}.po"
    if own is not None:
        yield own / FOLDER / f"{name}.po"


def read_catalogue(text: str, path: Path) -> dict[str, Translation]:
    """The finished translations of a catalogue. Raises TemplateError with the file and line at fault."""
    from io import StringIO  # noqa: PLC0415 - English does without all this

    from babel.messages.pofile import PoFileError, read_po  # noqa: PLC0415

    try:
        catalogue = read_po(StringIO(text), abort_invalid=True)
        choose = _chooser(catalogue)
    except (PoFileError, ValueError, LookupError) as error:
        raise TemplateError(
            f"catalogue {path}: {error}; right would be gettext's form (docs/translating.md)"
        ) from error
    found = {}
    for message in catalogue:
        forms = _forms(message)
        if message.id and not message.fuzzy and all(forms):
            _require_usable(message, forms, path)
            found[_texts(message.id)[0]] = Translation(forms=forms, choose=choose)
    return found


def _chooser(catalogue: Catalog) -> Callable[[int], int]:
    """Which form a number takes. Raises ValueError for a rule that asks for a form that there is not."""
    choose = c2py(catalogue.plural_expr)
    if not all(0 <= choose(number) < catalogue.num_plurals for number in range(_NUMBERS_TRIED)):
        raise ValueError("its Plural-Forms do not fit together")
    return choose


def _texts(id_or_string: str | Iterable[str]) -> tuple[str, ...]:
    return (id_or_string,) if isinstance(id_or_string, str) else tuple(id_or_string)


def _forms(message: Message) -> tuple[str, ...]:
    return _texts(message.string or "")


def _require_usable(message: Message, forms: tuple[str, ...], path: Path) -> None:
    """Raises TemplateError for a translation that has not the placeholders of the English text in each of its forms."""
    where = f"catalogue {path}, line {message.lineno}"
    texts = _texts(message.id)
    wanted = set(_PLACEHOLDER.findall(texts[-1]))
    signs = "%" in _PLACEHOLDER.sub("", texts[-1])
    for form in forms:
        agreed = _agree(wanted, set(_PLACEHOLDER.findall(form)), counts=len(texts) > 1)
        if not agreed or ("%" in _PLACEHOLDER.sub("", form) and not signs):
            names = ", ".join(f"%({name})s" for name in sorted(wanted)) or "none"
            raise TemplateError(f"{where}: {form!r}; right would be these placeholders: {names}")


def _agree(wanted: set[str], there: set[str], *, counts: bool) -> bool:
    """Whether a translation says what it has to.

    A form for one may say the number in words, and of two days the first may be told whole: not everybody writes the day
    before the month.
    """
    optional = {"num"} if counts else set()
    if wanted & {"day", "start"}:
        return there in (wanted, {"first", "last"})
    return wanted - optional <= there <= wanted
