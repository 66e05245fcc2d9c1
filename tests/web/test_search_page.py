"""The page on which readers look for articles, over real sockets on loopback."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from builders import make_article, make_site
from hypothesis import given
from hypothesis import strategies as st
from pages.browsing import CHROMIUM, browsing, judged_by_axe
from pages.browsing import serving as serving_pages
from playwright.sync_api import sync_playwright
from web_site import Answer, Served

from newsletter import clock
from newsletter.model import Accepted, Article, Facts, Status, Topic
from newsletter.searching import LONGEST, question
from newsletter.store.search import Found
from newsletter.templating import Templates
from newsletter.web.search import Wanted, search_page, wanted_of

SITE = make_site()
TEMPLATES = Templates()


def _article(number: int, title: str, **changed: object) -> Article:
    moment = clock.now() - timedelta(days=number + 1)
    made = make_article(f"a{number}", title=title, published=moment, topics=("Gait", "T-cells"))
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def filled(served: Served) -> Served:
    articles = [_article(number, f"Swimming & <b>lesions</b> {number}") for number in range(45)]
    articles.append(_article(90, "Swimming was wrong", facts=Facts(status=Status.RETRACTED)))
    articles.append(_article(91, "Swimming is gone", facts=Facts(status=Status.WITHDRAWN)))
    articles.append(_article(92, "Swimming later", facts=Facts(publish_after=clock.now() + timedelta(days=1))))
    served.app._articles.save_all([Accepted(article=each, raw_hash="hash") for each in articles])
    served.app.search.catch_up(clock.now())
    return served


_numbers = iter(range(1, 250))


def _ask(served: Served, query: str) -> Answer:
    """Each time from another network, so that no test counts for the next one."""
    return served.ask(f"/search{query}", X_Forwarded_For=f"192.0.2.{next(_numbers)}")


def _titles(answer: Answer) -> list[str]:
    return re.findall(r'<a class="title" href="\./articles/(\w+)/"', answer.body.decode())


def test_the_empty_form_is_there_for_everybody(filled: Served) -> None:
    answer = _ask(filled, "")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert b'<form class="search" role="search" action="search">' in answer.body
    assert b'<option value="gait">Gait</option>' in answer.body
    assert _titles(answer) == []


def test_what_is_found_is_listed_and_marked(filled: Served) -> None:
    answer = _ask(filled, "?q=swims+lesion")
    assert _titles(answer) == [f"a{number}" for number in range(20)]
    assert b"45 summaries" in answer.body
    assert b"<mark>Swimming</mark> &amp; &lt;b&gt;<mark>lesions</mark>&lt;/b&gt; 0" in answer.body
    assert b'href="search?q=swims+lesion&amp;page=2" rel="next"' in answer.body
    assert b'rel="prev"' not in answer.body
    last = _ask(filled, "?q=swims+lesion&page=3")
    assert _titles(last) == [f"a{number}" for number in range(40, 45)]
    assert b'href="search?q=swims+lesion&amp;page=2" rel="prev"' in last.body
    assert b'rel="next"' not in last.body


def test_a_passage_shows_the_words_in_the_text(filled: Served) -> None:
    answer = _ask(filled, "?q=%22phone+battery%22+lesions")
    assert b"Just like a <mark>phone</mark> <mark>battery</mark>, energy" in answer.body


def test_what_nobody_should_rely_on_says_so_and_what_is_gone_is_gone(filled: Served) -> None:
    answer = _ask(filled, "?q=swimming+-lesions")
    assert _titles(answer) == ["a90"]
    assert b"Retracted: <mark>Swimming</mark> was wrong" in answer.body
    assert b"Do not rely on what it found." in answer.body


def test_a_topic_narrows_it_down(filled: Served) -> None:
    assert len(_titles(_ask(filled, "?q=swimming&topic=t-cell"))) == 20
    answer = _ask(filled, "?q=swimming&topic=nowhere")
    assert _titles(answer) == []
    assert b"Nothing was found" in answer.body
    assert b'<option value="t-cell" selected>' in _ask(filled, "?q=swimming&topic=t-cell").body


@pytest.mark.parametrize(
    "query",
    [
        "?q=-lesions",
        "?q=%22%22",
        "?q=%00%ff",
        "?q=***",
        "?q=" + "x" * 5000,
        "?page=99999",
        "?q=swim&page=-1",
        "?q=swim&q=x",
    ],
)
def test_nothing_that_can_be_typed_breaks_it(filled: Served, query: str) -> None:
    assert _ask(filled, query).status == 200


@pytest.mark.parametrize(
    "typed", ["' OR 1=1 --", '"; DROP TABLE article; --', "title:x", "a NEAR/2 b", "swim*", "$1 :q %s"]
)
def test_no_language_of_a_database_is_understood(filled: Served, typed: str) -> None:
    answer = _ask(filled, f"?q={quote(typed)}")
    assert answer.status == 200
    assert escape(typed).replace("&#x27;", "&#39;").replace("&quot;", "&#34;").encode() in answer.body
    assert len(_titles(_ask(filled, "?q=swims"))) == 20


def test_thirty_searches_a_minute_and_then_a_rest(filled: Served) -> None:
    for _ in range(30):
        assert filled.ask("/search?q=swims", X_Forwarded_For="198.51.100.1").status == 200
    answer = filled.ask("/search?q=swims", X_Forwarded_For="198.51.100.1")
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert filled.ask("/search", X_Forwarded_For="198.51.100.1").status == 200, "the form costs nothing"
    assert filled.ask("/search?q=swims", X_Forwarded_For="198.51.100.2").status == 200


def test_looking_is_all_that_can_be_done(filled: Served) -> None:
    assert filled.ask("/search", "POST", b"q=x").status == 405
    for path in ("/search/", "/search/x", "/searching"):
        assert filled.ask(path).status == 404


@given(st.text(max_size=300), st.text(max_size=8), st.text(max_size=20))
def test_a_query_is_read_and_written_the_same(text: str, page: str, topic: str) -> None:
    wanted = wanted_of({"q": text, "page": page, "topic": topic})
    assert 1 <= wanted.page <= 50
    assert len(wanted.text) <= LONGEST
    if min(topic, default="") >= "\ud800" or any("\ud800" <= letter <= "\udfff" for letter in topic):
        return
    told = wanted.address(7)
    assert told.startswith(f"search?q={quote_plus(wanted.text)}")
    assert told.endswith("&page=7")


def test_the_link_is_in_the_header_where_the_site_says_so() -> None:
    assert 'href="./search"' in _page("", site=replace(SITE, search=True))
    assert 'href="./search"' not in _page("")


def _page(typed: str, *, site: object = SITE, topics: int = 3) -> str:
    articles = tuple(_article(number, f"Short walks and what came of them, part {number}") for number in range(4))
    articles += (_article(9, "Walking backwards", facts=Facts(status=Status.RETRACTED)),)
    asked = question(typed)
    found = Found(articles=articles if asked else (), number=1000 if asked else 0, more=bool(asked))
    named = [Topic(slug=f"t{number}", name=f"A topic with a name, {number}", articles=9) for number in range(topics)]
    return search_page(Wanted(text=typed, topic="t1", page=2), asked, found, named, site, TEMPLATES)  # type: ignore[arg-type]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_the_page_works_in_a_browser_by_keyboard_alone(tmp_path: Path) -> None:
    """On a small phone, by day and by night: nothing is wider than the screen, and axe has nothing to say."""
    pages = {"": _page(""), "search": _page("walks -mice")}
    with (
        sync_playwright() as playwright,
        serving_pages(pages) as address,
        browsing(playwright, tmp_path) as (page, seen),
    ):
        for width in (320, 1000):
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                for path in pages:
                    page.goto(address + path)
                    assert judged_by_axe(page) == []
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(address)
        page.keyboard.press("Tab")
        for _ in range(12):
            if page.evaluate("document.activeElement.id") == "q":
                break
            page.keyboard.press("Tab")
        page.keyboard.type("walks")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "topic"
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        assert page.eval_on_selector("form", "form => new URLSearchParams(new FormData(form)).toString()") == (
            "q=walks&topic=t1"
        )
        assert seen.dialogs == []
