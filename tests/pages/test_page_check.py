"""The judge itself: each fault that it knows is found."""

from __future__ import annotations

import pytest
from builders import make_article, make_site
from pages.page_check import problems

from newsletter.pages.article import article_page
from newsletter.templating import Templates

SITE = make_site()
GOOD = article_page(make_article(), SITE, Templates(), []).decode()

FAULTS = [
    ("<!DOCTYPE html>", "", "doctype"),
    ('<html lang="en" dir="ltr">', "<html>", "lang"),
    ("<title>", "<title></title><title>", "2 <title>"),
    ("<h1 ", "<h2 ", "h2 after"),
    ("<h2>What they found</h2>", "<h4>What they found</h4>", "h4 after"),
    ("<h2>What they found</h2>", "<h1>What they found</h1>", "2 h1"),
    ("</main>", "<script></script></main>", "<script>"),
    ("application/ld+json", "module", "<script>"),
    ("https://schema.org", "https://example.com", "unknown words"),
    ("</main>", '<p onclick="a">b</p></main>', "<p> loads"),
    ("</main>", '<p style="a">b</p></main>', "<p> loads"),
    ("</main>", '<p class="a" class="b">b</p></main>', "twice"),
    ("</main>", '<p id="content">b</p></main>', '"content" stands 2'),
    ("</main>", '<p><a href="#nowhere">b</a></p></main>', "leads nowhere"),
    ("</main>", '<p><a href="/a">b</a></p></main>', "another server"),
    ("</main>", "<p>b</main>", "closes nothing"),
    ("</html>", "", "not closed"),
    ("<style>", '<link rel="stylesheet" href="https://example.com/x"><style>', "another host"),
    ('<a class="skip" href="#content">Skip to the text</a>', "", "skip"),
    ("</main>", "</main><main></main>", "2 <main>"),
]


def test_a_good_page_has_no_problem() -> None:
    assert problems(GOOD, SITE.base_url) == []


@pytest.mark.parametrize(("right", "wrong", "words"), FAULTS)
def test_each_fault_is_found(right: str, wrong: str, words: str) -> None:
    assert right in GOOD
    found = problems(GOOD.replace(right, wrong, 1), SITE.base_url)
    assert any(words in problem for problem in found), found
