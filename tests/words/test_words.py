"""One language as a value: sentences, plural forms, dates, numbers, and catalogues that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from newsletter.errors import TemplateError
from newsletter.words import ENGLISH, Words, direction_of, known_locale, load_words

HEAD = 'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Plural-Forms: {plural}\\n"\n\n'
POLISH = "nplurals=4; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : n!=1 && n%10>=0 && n%10<=1 || n%10>=5 && n%10<=9 || n%100>=12 && n%100<=14 ? 2 : 3);"
ARABIC = (
    "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5);"
)
SUMMARIES = ("%(num)s summary", "%(num)s summaries")


def write(folder: Path, name: str, body: str, plural: str = "nplurals=2; plural=(n != 1);") -> Path:
    """An operator's own catalogue."""
    (folder / "locale").mkdir(exist_ok=True)
    path = folder / "locale" / f"{name}.po"
    path.write_text(HEAD.format(language=name, plural=plural) + body, encoding="utf-8")
    return folder


def counted(*forms: str) -> str:
    told = "".join(f'msgstr[{place}] "{form}"\n' for place, form in enumerate(forms))
    return f'msgid "{SUMMARIES[0]}"\nmsgid_plural "{SUMMARIES[1]}"\n{told}\n'


# -- English ----------------------------------------------------------------------------------------------------------


def test_english_is_what_stands_in_the_code() -> None:
    assert ENGLISH.gettext("Keep in mind") == "Keep in mind"
    assert ENGLISH.gettext("Added %(day)s", day="today, 5 % later") == "Added today, 5 % later"
    assert [ENGLISH.ngettext(*SUMMARIES, number) for number in (0, 1, 1234)] == [
        "0 summaries",
        "1 summary",
        "1,234 summaries",
    ]
    assert (ENGLISH.number(3.5), ENGLISH.number(4.0)) == ("3.5", "4")


def test_english_does_without_babel() -> None:
    code = (
        "import sys; from datetime import date; from newsletter.templating import Templates; "
        "words = Templates().for_language('en').words; words.days(date(2026, 1, 1), date(2026, 1, 2)); "
        "print([name for name in sys.modules if name.startswith('babel')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_english_of_a_country_is_english() -> None:
    words = load_words("en-GB")
    assert (words.language, words.direction) == ("en-GB", "ltr")
    assert words.short_date(date(2026, 11, 20)) == "20 November 2026"


# -- other languages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), "20. November 2026"),
        (date(2026, 11, 9), date(2026, 11, 15), "9. bis 15. November 2026"),
        (date(2026, 11, 30), date(2026, 12, 6), "30. November bis 6. Dezember 2026"),
        (date(2026, 12, 28), date(2027, 1, 3), "28. Dezember 2026 bis 3. Januar 2027"),
    ],
)
def test_german_days(first: date, last: date, said: str) -> None:
    assert load_words("de").days(first, last) == said


def test_german_dates_and_numbers() -> None:
    words = load_words("de")
    assert words.long_date(date(2026, 11, 20)) == "Freitag, 20. November 2026"
    assert (words.month(2026, 3), words.number(3.5), words.number(1234)) == ("März 2026", "3,5", "1.234")


def test_a_language_serves_its_countries_with_their_own_dates() -> None:
    words = load_words("de-AT")
    assert words.language == "de-AT"
    assert words.gettext("Keep in mind") == load_words("de").gettext("Keep in mind")
    assert words.month(2026, 1) == "Jänner 2026"


def test_polish_has_three_forms_for_whole_numbers(tmp_path: Path) -> None:
    forms = [f"%(num)s {word}" for word in ("podsumowanie", "podsumowania", "podsumowań", "podsumowania")]
    words = load_words("pl", write(tmp_path, "pl", counted(*forms), POLISH))
    said = [words.ngettext(*SUMMARIES, number).split()[1] for number in (1, 2, 4, 5, 12, 21, 22, 112)]
    assert said == [f"podsumowa{end}" for end in ("nie", "nia", "nia", "ń", "ń", "ń", "nia", "ń")]
    assert words.short_date(date(2026, 11, 20)) == "20 listopada 2026"


def test_arabic_has_six_forms_and_may_say_the_number_in_words(tmp_path: Path) -> None:
    forms = ("لا ملخصات", "ملخص واحد", "ملخصان", "%(num)s ملخصات", "%(num)s ملخصًا", "%(num)s ملخص")
    words = load_words("ar", write(tmp_path, "ar", counted(*forms), ARABIC))
    assert words.direction == "rtl"
    said = [words.ngettext(*SUMMARIES, number) for number in (0, 1, 2, 3, 11, 100)]
    assert said[:3] == list(forms[:3])
    assert [text.split()[1] for text in said[3:]] == [form.split()[1] for form in forms[3:]]


def test_the_first_of_two_days_may_be_told_whole(tmp_path: Path) -> None:
    """Where the year goes first, nothing can be left out of the first day."""
    body = 'msgid "%(day)s to %(last)s"\nmsgstr "%(first)sから%(last)s"\n'
    words = load_words("ja", write(tmp_path, "ja", body, "nplurals=1; plural=0;"))
    assert words.days(date(2026, 11, 9), date(2026, 11, 15)) == "2026年11月9日から2026年11月15日"


def test_a_language_without_a_catalogue_gets_english_words_that_say_so() -> None:
    assert load_words("sv").language == "en"
    assert load_words("ar").direction == "ltr"


def test_what_is_not_translated_yet_is_english(tmp_path: Path) -> None:
    body = 'msgid "Topics"\nmsgstr "Ämnen"\n\n#, fuzzy\nmsgid "Archive"\nmsgstr "Något"\n\nmsgid "Feeds"\nmsgstr ""\n'
    words = load_words("sv", write(tmp_path, "sv", body))
    assert [words.gettext(text) for text in ("Topics", "Archive", "Feeds")] == ["Ämnen", "Archive", "Feeds"]


def test_an_operators_words_go_before_ours_one_by_one(tmp_path: Path) -> None:
    words = load_words("de", write(tmp_path, "de", 'msgid "Keep in mind"\nmsgstr "Gut zu wissen"\n'))
    assert words.gettext("Keep in mind") == "Gut zu wissen"
    assert words.gettext("Topics") == "Themen"
    assert [name for name, _ in words.sources] == ["locale/de/LC_MESSAGES/newsletter.po", "locale/de.po"]
    british = load_words("en-GB", write(tmp_path, "en", 'msgid "Keep in mind"\nmsgstr "Please remember"\n'))
    assert british.gettext("Keep in mind") == "Please remember"
    assert british.short_date(date(2026, 11, 20)) == "20 November 2026"


def test_a_country_goes_before_its_language(tmp_path: Path) -> None:
    write(tmp_path, "de_AT", 'msgid "Keep in mind"\nmsgstr "Bitte beachten"\n')
    assert load_words("de-AT", tmp_path).gettext("Keep in mind") == "Bitte beachten"
    assert load_words("de", tmp_path).gettext("Keep in mind") != "Bitte beachten"


def test_a_script_does_not_serve_readers_of_another(tmp_path: Path) -> None:
    write(tmp_path, "zh", 'msgid "Topics"\nmsgstr "主题"\n', "nplurals=1; plural=0;")
    assert load_words("zh-Hant", tmp_path).language == "en"
    assert load_words("zh", tmp_path).gettext("Topics") == "主题"


@pytest.mark.parametrize(
    ("tag", "direction"), [("he-IL", "rtl"), ("ar", "rtl"), ("fa", "rtl"), ("de", "ltr"), ("xx", "ltr")]
)
def test_the_direction_of_a_language(tag: str, direction: str) -> None:
    assert direction_of(tag) == direction


def test_what_nobody_knows_is_no_language() -> None:
    assert known_locale("pt-br") is not None
    assert known_locale("xx") is None


# -- what cannot be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            'msgid "Added %(day)s"\nmsgstr "Tillagd"\n',
            r"line 6: 'Tillagd'; right would be these placeholders: %\(day\)s",
        ),
        ('msgid "Added %(day)s"\nmsgstr "%(day)s %(hour)s"\n', "line 6: .*placeholders"),
        ('msgid "Added %(day)s"\nmsgstr "100 % %(day)s"\n', "line 6: .*placeholders"),
        ('msgid "Topics"\nmsgstr "%(topic)s"\n', "line 6: .*right would be these placeholders: none"),
        (
            counted("%(num)s a", "%(num)s b", "%(num)s c"),
            "more translations than num_plurals .* right would be gettext's form",
        ),
        ('mgsid "Topics"\nmsgstr "x"\n', "right would be gettext's form"),
    ],
)
def test_a_broken_translation_is_refused_with_its_line(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        load_words("sv", write(tmp_path, "sv", body))


def test_a_plural_rule_that_asks_for_a_form_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, "sv", 'msgid "Topics"\nmsgstr "Ämnen"\n', "nplurals=2; plural=(n > 100 ? 2 : 0);")
    with pytest.raises(TemplateError, match="Plural-Forms do not fit together"):
        load_words("sv", folder)


def test_words_are_values() -> None:
    with pytest.raises(AttributeError):
        ENGLISH.language = "de"  # type: ignore[misc]
    assert Words(language="en").gettext("Topics") == "Topics"
