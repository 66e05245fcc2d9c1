"""Everything that we make, in other languages: German throughout, right to left, half translated, and hostile."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from builders import make_article, make_newsletter, make_notice, make_site
from foreign import known_messages, told_by_others
from letters import full_digest, make_message, make_note
from lxml import etree
from pages.kinds import every_kind
from pages.page_check import problems
from wire import read
from workshop import NOW, open_workshop

from newsletter.feeds import atom
from newsletter.feeds.build import article_entry, articles_head, live_feed, notice_entry
from newsletter.feeds.style import style
from newsletter.mail.check.expected import Expected
from newsletter.mail.check.message import check_message
from newsletter.mail.choice import EVERYTHING
from newsletter.mail.compile import compile_mailing
from newsletter.mail.note import NoteKind
from newsletter.model import Audience, Edition, NoticeItem
from newsletter.pages.article import article_page
from newsletter.templating import Templates

GERMAN = Templates().for_language("de")
SITE = make_site(language="de")
_XML = "{http://www.w3.org/XML/1998/namespace}lang"
_ATOM = "{http://www.w3.org/2005/Atom}"


def bare(page: str) -> str:
    """The words of a page without its markup, on one line."""
    body = re.sub(r"<(style|script)\b.*?</\1>|<[^>]+>", " ", page.partition("<body")[2], flags=re.DOTALL)
    return " ".join(body.split())


def own(folder: Path, language: str, *pairs: tuple[str, str], rest: str = "") -> Templates:
    """Templates with an operator's own catalogue; `rest` stands at its end."""
    (folder / "locale").mkdir()
    head = f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    told = "".join(f"msgid {json.dumps(one)}\nmsgstr {json.dumps(two, ensure_ascii=False)}\n\n" for one, two in pairs)
    (folder / "locale" / f"{language}.po").write_text(head + told + rest, encoding="utf-8")
    return Templates(folder).for_language(language)


# -- German -----------------------------------------------------------------------------------------------------------


def english_left(text: str) -> list[str]:
    """Sentences of ours that are still English: whatever has three words and nothing to fill in."""
    return [one for one in known_messages() if len(one.split()) > 2 and "%(" not in one and one in text]


@pytest.mark.parametrize(("path", "page"), every_kind(SITE, GERMAN, told=told_by_others).items())
def test_every_page_is_german(path: str, page: str) -> None:
    assert '<html lang="de" dir="ltr">' in page
    assert english_left(bare(page)) == []
    assert "Schreiben Sie uns:" in bare(page)
    assert problems(page, SITE.base_url) == []


def test_english_that_is_left_is_found() -> None:
    """The judge itself."""
    assert len(english_left(bare(every_kind(SITE)["articles/short-walks/"]))) > 5


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("discreet", [True, False])
def test_a_german_email_passes_the_gate(audience: Audience, discreet: bool) -> None:
    digest = full_digest(audience, discreet=discreet)
    mailing = compile_mailing(digest, SITE, GERMAN, editions=Edition)
    assert mailing.subject.startswith("1 zurückgezogene Studie und 9 neue Zusammenfassungen, 9. bis 15. November 2026")
    for edition in Edition:
        data = make_message(mailing, site=SITE, choice=replace(EVERYTHING, edition=edition)).data
        expected = Expected(
            newsletter=digest.newsletter, site=SITE, digest=digest, text_only=edition is Edition.TEXT_ONLY
        )
        assert check_message(data, expected=expected) == (), edition
        told = read(data)
        assert english_left(f"{bare(told.html or '')} {' '.join(told.text.split())}") == []


def test_a_german_email_says_its_language_in_every_part() -> None:
    told = read(make_message(compile_mailing(full_digest(), SITE, GERMAN), site=SITE).data)
    assert [part["Content-Language"] for part in told.message.iter_parts()] == ["de", "de"]
    assert told.html.count('lang="de" dir="ltr"') == 2


@pytest.mark.parametrize("kind", NoteKind)
def test_a_german_note_is_german(kind: NoteKind) -> None:
    told = read(make_message(make_note(kind, site=SITE, templates=GERMAN), site=SITE).data)
    assert english_left(f"{told.message['Subject']} {bare(told.html)} {' '.join(told.text.split())}") == []
    assert "weil" in told.text


def test_the_style_sheet_of_feeds_speaks_german() -> None:
    assert 'content: "Das ist ein Feed.' in style(GERMAN).decode()


# -- right to left ----------------------------------------------------------------------------------------------------

ARABIC = (("Keep in mind", "تذكّر"), ("Topics", "المواضيع"), ("Skip to the text", "انتقل إلى النص"))


def test_pages_and_emails_of_a_language_from_the_right_say_so(tmp_path: Path) -> None:
    arabic, site = own(tmp_path, "ar", *ARABIC), make_site(language="ar")
    for page in every_kind(site, arabic).values():
        assert '<html lang="ar" dir="rtl">' in page
        assert "انتقل إلى النص" in page
        assert problems(page, SITE.base_url) == []
    message = make_message(compile_mailing(full_digest(), site, arabic), site=site)
    told = read(message.data)
    assert told.html.count('lang="ar" dir="rtl"') == 2  # html, and the wrapper for mail readers that take html away
    assert [part["Content-Language"] for part in told.message.iter_parts()] == ["ar", "ar"]
    assert "text-align:right" in told.html
    assert re.findall(r"text-align: ?left|border-left: ?\dpx solid", told.html) == []
    assert "تذكّر" in told.html
    assert "تذكّر:" in told.text


def test_no_style_of_a_page_takes_left_for_the_beginning() -> None:
    css = Templates().render("web/style.css")
    assert re.findall(r"(?:border|margin|padding)-(?:left|right)|text-align: *(?:left|right)", css) == []


# -- words of another language than the articles ----------------------------------------------------------------------


def test_where_our_words_are_not_translated_each_part_says_its_language() -> None:
    site, templates = make_site(language="sv"), Templates().for_language("sv")
    page = article_page(make_article(), site, templates, []).decode()
    assert '<html lang="en" dir="ltr">' in page
    assert re.search(r'<h1 lang="sv" dir="auto">Short Walks', page)
    assert '<p lang="sv">Short walks' in page
    assert "<h2>Key takeaway</h2>" in page


def test_texts_from_the_right_stand_so_among_our_words() -> None:
    page = article_page(make_article(), make_site(language="ar"), Templates(), []).decode()
    assert '<p lang="ar" dir="rtl">Short walks' in page


def test_an_email_in_two_languages_passes_the_gate() -> None:
    site, templates = make_site(language="sv"), Templates().for_language("sv")
    digest = full_digest()
    data = make_message(compile_mailing(digest, site, templates), site=site).data
    told = read(data)
    assert [part["Content-Language"] for part in told.message.iter_parts()] == ["en", "en"]
    assert re.search(r'<p class="takeaway" lang="sv"', told.html)
    expected = Expected(newsletter=digest.newsletter, site=site, digest=digest)
    assert check_message(data, expected=expected) == ()


def test_a_feed_keeps_the_language_of_its_articles() -> None:
    """Titles cannot say theirs, so the feed says it, and our words around an article say that they are others."""
    site, templates = make_site(language="sv"), Templates().for_language("sv")
    article = make_article()
    notice = NoticeItem(notice=make_notice(article), article=article)
    entries = (article_entry(article, site, templates), notice_entry(notice, site, templates))
    head = articles_head(site, templates)
    feed = replace(live_feed(head, [each.updated for each in entries], site, previous=None, hub=None), entries=entries)
    document = etree.fromstring(atom.write(feed))
    assert document.get(_XML) == "sv"
    for entry in document.iter(f"{_ATOM}entry"):
        assert (entry.findtext(f"{_ATOM}content") or "").startswith('<div lang="en" dir="ltr">')
        assert entry.find(f"{_ATOM}link[@rel='alternate']").get("hreflang") == "en"
    assert '<p lang="sv">Short walks' in (document.findtext(f".//{_ATOM}content") or "")


# -- a translation is text --------------------------------------------------------------------------------------------

HOSTILE = '<script>alert(1)</script> & "quoted" \\ </style>'


def test_a_translation_is_never_markup(tmp_path: Path) -> None:
    sentence = next(one for one in known_messages() if one.startswith("This is a feed."))
    pairs = (("Key takeaway", HOSTILE), ("Added %(day)s.", f"{HOSTILE} %(day)s"), (sentence, HOSTILE))
    one, many = "About %(num)s minute to read.", "About %(num)s minutes to read."
    forms = "".join(f"msgstr[{form}] {json.dumps(HOSTILE)}\n" for form in (0, 1))
    templates = own(tmp_path, "sv", *pairs, rest=f'msgid "{one}"\nmsgid_plural "{many}"\n{forms}')
    page = article_page(make_article(), make_site(language="sv"), templates, []).decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quoted&#34;") == 3
    (rule,) = re.findall(r'content: "(.*)"; display', style(templates).decode())
    assert not re.search(r'(?<!\\)["<]', rule)
    assert re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), rule) == HOSTILE


def test_what_is_filled_in_is_escaped_once() -> None:
    page = GERMAN.render("web/unsubscribe.html", site=SITE, newsletter=make_newsletter(title="A & <B>"), done=True)
    assert "von A &amp; &lt;B&gt; mehr" in page
    assert '<a href="mailto:editors@example.org">' in page


# -- as people run it -------------------------------------------------------------------------------------------------


def test_a_german_site_publishes_and_its_mail_passes(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    workshop.change('language = "en"', 'language = "de"')
    for command in (["ingest"], ["publish"], ["check", "mail"]):
        done = workshop.run(*command, "--now", NOW)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    front = (tmp_path / "public" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="de" dir="ltr">' in front
    assert "Neue Zusammenfassungen" in front
    feed = (tmp_path / "public" / "feeds" / "articles.atom").read_bytes()
    assert etree.fromstring(feed).get(_XML) == "de"
    assert b"Das Wichtigste" in feed


def test_a_language_is_one_file_beside_an_operators_templates(tmp_path: Path) -> None:
    """Everything that is affected is made anew when the file changes."""
    workshop = open_workshop(tmp_path)
    workshop.change('language = "en"', 'language = "sv"')
    workshop.change('# templates = "my-templates"', 'templates = "mine"')
    (tmp_path / "mine" / "locale").mkdir(parents=True)
    catalogue = tmp_path / "mine" / "locale" / "sv.po"
    for word in ("Ämnen", "Teman"):
        catalogue.write_text(f'msgid "Topics"\nmsgstr "{word}"\n', encoding="utf-8")
        for command in ("ingest", "publish"):
            assert workshop.run(command, "--now", NOW).returncode == 0
        front = (tmp_path / "public" / "index.html").read_text(encoding="utf-8")
        assert '<html lang="sv" dir="ltr">' in front
        assert f">{word}</a>" in front
    catalogue.write_text('msgid "Topics"\nmsgstr "%(no)s"\n', encoding="utf-8")
    done = workshop.run("publish", "--now", NOW)
    assert done.returncode != 0
    assert b"sv.po, line 1" in done.stderr


def test_a_language_that_nobody_knows_is_refused_with_a_hint(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    workshop.change('language = "en"', 'language = "germn"')
    done = workshop.run("publish", "--now", NOW)
    assert done.returncode != 0
    assert b"site.language" in done.stderr
