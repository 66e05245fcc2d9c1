"""No text of ours stands outside of the catalogue: not in a page, an email, a text part or a feed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from builders import make_article, make_newsletter, make_site
from feeds.examples import make_digest as make_period
from foreign import BRACKETED, strays, told_by_others
from letters import full_digest, make_message
from lxml import etree
from pages.answers import every_answer
from pages.kinds import NOVEMBER, TOPICS, every_kind, retracted_article, several, whole_article
from wire import read

from newsletter.feeds import atom, jsonfeed, rss
from newsletter.feeds.build import (
    article_entry,
    articles_head,
    digest_entry,
    live_feed,
    newsletter_head,
    notice_entry,
    notices_head,
    tombstone,
    topic_head,
)
from newsletter.feeds.opml import opml
from newsletter.feeds.style import style
from newsletter.mail.compile import compile_mailing
from newsletter.mail.note import NoteKind, compile_note
from newsletter.model import Audience, DateOrigin, Edition, Facts, Feed, NoticeItem, Precision, Status
from newsletter.pages.archive import archive_page, month_page
from newsletter.pages.article import article_page
from newsletter.pages.digest import digest_page
from newsletter.pages.front import front_page
from newsletter.pages.paging import Pager
from newsletter.pages.topics import topics_page
from newsletter.searching import question
from newsletter.store.search import Found
from newsletter.templating import Templates
from newsletter.web.search import Wanted, search_page

_OLDER = Pager(folder="archive/2026-11/", number=1, pages=2)
_CORRECTED = make_article(
    facts=Facts(status=Status.CORRECTED), published_precision=Precision.MONTH, date_origin=DateOrigin.PAGE
)
SITE = told_by_others(make_site())
TEMPLATES = Templates(words=BRACKETED)


class _Seen(HTMLParser):
    """Every text that somebody sees or hears, and the attributes that are read out."""

    _SPOKEN = frozenset({"title", "alt", "aria-label", "placeholder"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in {"style", "script"}
        given = dict(attrs)
        self.texts += [value for name, value in attrs if name in self._SPOKEN and value]
        if tag == "meta" and given.get("property", given.get("name")) in {"description", "og:description", "og:title"}:
            self.texts.append(given["content"] or "")

    def handle_endtag(self, _tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def seen(page: str) -> str:
    parser = _Seen()
    parser.feed(page)
    parser.close()
    return " ".join(parser.texts)


def test_a_stray_word_is_found() -> None:
    """The judge itself: nested brackets are ours, Cyrillic is theirs, and one bare word is found in each place."""
    assert strays("[!!Added [!!3 May!!]!!] Атома. https://example.org/x") == []
    assert strays("[!!Added!!] on [!!3 May!!]") == ["on"]
    assert strays(seen('<p title="Bare">[!!a!!]</p><img alt="too"><style>p {}</style>')) == ["Bare", "too"]


# -- pages ------------------------------------------------------------------------------------------------------------

_CATCH_UP = told_by_others(full_digest(Audience.PERSON_WITH_MS, catch_up=True))
PAGES = every_kind(SITE, TEMPLATES, told=told_by_others) | {
    "no topics": topics_page((), SITE, TEMPLATES).decode(),
    "no months": archive_page((), SITE, TEMPLATES).decode(),
    "nothing": front_page((), (), replace(SITE, description=""), TEMPLATES).decode(),
    "an older page": month_page(NOVEMBER, told_by_others(several()), _OLDER, SITE, TEMPLATES).decode(),
    "corrected": article_page(told_by_others(_CORRECTED), SITE, TEMPLATES, ()).decode(),
    "a long time": digest_page(_CATCH_UP.newsletter, _CATCH_UP, SITE, TEMPLATES).decode(),
    **{
        audience.value: digest_page(each.newsletter, each, SITE, TEMPLATES).decode()
        for audience in Audience
        for each in (told_by_others(full_digest(audience)),)
    },
}


@pytest.mark.parametrize("path", PAGES)
def test_every_text_of_a_page_is_in_the_catalogue(path: str) -> None:
    assert "[!!" in seen(PAGES[path])
    assert strays(seen(PAGES[path])) == []


ANSWERS = every_answer(replace(SITE, sign_up=True), TEMPLATES, told_by_others)
_NOT_WORDS = re.compile(r"<textarea.*?</textarea>|Europe/Berlin", re.DOTALL)  # HTML to copy, a name of the IANA


@pytest.mark.parametrize("name", ANSWERS)
def test_every_text_of_an_answer_is_in_the_catalogue(name: str) -> None:
    page = _NOT_WORDS.sub("", ANSWERS[name])
    assert "[!!" in seen(page)
    assert strays(seen(page)) == []


@pytest.mark.parametrize(
    ("typed", "number"),
    [("", 0), ("прогулки", 0), ("прогулки", 1), ("прогулки", 2), ("прогулки", 1000), ("-прогулки", 0)],
)
@pytest.mark.parametrize("page", [1, 2])
def test_every_text_of_a_search_is_in_the_catalogue(typed: str, number: int, page: int) -> None:
    articles = told_by_others((make_article(), retracted_article())) if number else ()
    found = Found(articles=articles, number=number, more=number == 1000)
    wanted = Wanted(text=typed, page=page)
    told = search_page(wanted, question(typed), found, told_by_others(TOPICS), replace(SITE, search=True), TEMPLATES)
    assert "[!!" in seen(told)
    assert strays(seen(told)) == []


# -- emails -----------------------------------------------------------------------------------------------------------


def words_of(data: bytes) -> str:
    told = read(data)
    subject = str(told.message["Subject"])
    return f"{subject} {seen(told.html) if told.html else ''} {told.text}"


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("catch_up", [True, False])
def test_every_text_of_an_email_is_in_the_catalogue(audience: Audience, catch_up: bool) -> None:
    for discreet in (True, False):
        digest = told_by_others(full_digest(audience, discreet=discreet, catch_up=catch_up))
        mailing = compile_mailing(digest, SITE, TEMPLATES, editions=Edition)
        for edition in Edition:
            message = words_of(make_message(mailing, choice=_choice(edition)).data)
            assert "[!!" in message
            assert strays(message) == [], (edition, discreet)


def _choice(edition: Edition):  # noqa: ANN202 - the type lies in the module under test
    from newsletter.mail.choice import EVERYTHING

    return replace(EVERYTHING, edition=edition)


@pytest.mark.parametrize("kind", NoteKind)
@pytest.mark.parametrize("discreet", [True, False])
def test_every_text_of_a_note_is_in_the_catalogue(kind: NoteKind, discreet: bool) -> None:
    newsletter = told_by_others(make_newsletter(discreet=discreet))
    for edition in (Edition.STANDARD, Edition.TEXT_ONLY):
        note = compile_note(kind, newsletter, SITE, TEMPLATES, editions=[edition])
        assert strays(words_of(make_message(note, choice=_choice(edition)).data)) == []


# -- feeds ------------------------------------------------------------------------------------------------------------


def every_feed() -> Iterator[Feed]:
    """Each kind of feed, with an entry of each kind in it."""
    newsletter = make_newsletter()
    article, gone = told_by_others(whole_article()), told_by_others(retracted_article())
    withdrawn = replace(gone, facts=Facts(status=Status.WITHDRAWN))
    (notice,) = told_by_others(full_digest().notices)
    bare = replace(gone, facts=Facts(status=Status.RETRACTED))
    digest = told_by_others(make_period(whole_article(), *several(9), newsletter=newsletter))
    entries = (
        article_entry(article, SITE, TEMPLATES),
        article_entry(gone, SITE, TEMPLATES),
        article_entry(bare, SITE, TEMPLATES),
        notice_entry(notice, SITE, TEMPLATES),
        notice_entry(NoticeItem(notice=notice.notice, article=withdrawn), SITE, TEMPLATES),
        digest_entry(told_by_others(newsletter), digest, SITE, TEMPLATES),
    )
    heads = (
        articles_head(SITE, TEMPLATES),
        notices_head(SITE, TEMPLATES),
        topic_head(told_by_others(TOPICS[0]), SITE, TEMPLATES),
        newsletter_head(told_by_others(newsletter), SITE, TEMPLATES),
    )
    gone_for_good = (tombstone(withdrawn, BRACKETED),)
    for head in heads:
        live = live_feed(
            head, [each.updated for each in entries], SITE, previous=None, hub=None, tombstones=gone_for_good
        )
        yield replace(live, entries=entries)


_MACHINES = frozenset({"generator", "id", "guid", "link", "docs", "pubDate", "lastBuildDate", "language", "status"})


def xml_words(data: bytes) -> str:
    """Texts and titles of a feed; what is HTML as people see it."""
    told = []
    for element in etree.fromstring(data).iter(etree.Element):
        name = etree.QName(element)
        told += [value for key, value in element.items() if key in {"title", "text", "label", "description"}]
        if name.localname in _MACHINES or "newsletter" in (name.namespace or ""):
            continue
        text = element.text or ""
        told.append(seen(text) if "<" in text else text)
    return " ".join(told)


@pytest.mark.parametrize("form", [atom, rss])
def test_every_text_of_a_feed_is_in_the_catalogue(form) -> None:  # noqa: ANN001 - a module
    for feed in every_feed():
        told = re.sub(r"\d{4}-\d\d-\d\dT\S+", " ", xml_words(form.write(feed)))
        assert "[!!" in told
        assert strays(told) == []


def test_every_text_of_a_json_feed_is_in_the_catalogue() -> None:
    for feed in every_feed():
        data = json.loads(jsonfeed.write(feed))
        told = [data["title"], data["description"]]
        told += [
            text for item in data["items"] for text in (item["title"], item["summary"], seen(item["content_html"]))
        ]
        assert strays(" ".join(told)) == []


def test_every_text_of_the_list_of_feeds_and_of_its_style_sheet_is_in_the_catalogue() -> None:
    heads = [notices_head(SITE, TEMPLATES), topic_head(told_by_others(TOPICS[0]), SITE, TEMPLATES)]
    assert strays(xml_words(opml(heads, SITE, BRACKETED))) == []
    shown = re.findall(r'content: "([^"]*)"', style(TEMPLATES).decode())
    assert shown
    assert [strays(text) for text in shown] == [[]]
