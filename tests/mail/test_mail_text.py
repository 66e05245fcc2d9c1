from __future__ import annotations

import re

import pytest
from builders import make_article
from letters import SITE, TOKEN, full_digest, make_digest, make_item, make_mailing, make_message
from wire import Links, Read, read

from newsletter.mail import wording
from newsletter.mail.letter import write_letter
from newsletter.mail.text import write_text
from newsletter.model import Audience, Digest, Facts, Status


def parts_of(digest: Digest) -> Read:
    return read(make_message(make_mailing(digest)).data)


def visible(page: str) -> str:
    body = re.sub(r"<!--.*?-->|<style.*?</style>", "", page.partition("<body")[2], flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)


@pytest.mark.parametrize("audience", list(Audience))
def test_html_and_text_carry_the_same_articles_in_the_same_order(audience: Audience) -> None:
    digest = full_digest(audience)
    parts = parts_of(digest)
    carried = [*(item.article for item in digest.notices), *(placed.article for placed in digest.placed)][:-1]
    urls = [SITE.article_url(article.slug) for article in carried]
    assert [href for href, _ in Links(parts.html).links if "/articles/" in href] == urls
    assert re.findall(r"^https://\S+/articles/\S+$", parts.text, re.MULTILINE) == urls


@pytest.mark.parametrize("audience", list(Audience))
def test_every_link_of_the_html_stands_whole_and_alone_in_the_text(audience: Audience) -> None:
    parts = parts_of(full_digest(audience))
    lines = parts.text.split("\n")
    links = Links(parts.html).links
    assert len(links) > 10
    for href, _ in links:
        assert href.removeprefix("mailto:") in lines


def test_lines_are_short_unless_they_are_a_link() -> None:
    for line in parts_of(full_digest()).text.split("\n"):
        assert len(line) <= 72 or line.startswith("https://")


def test_there_is_no_markup_no_entity_and_nothing_invisible() -> None:
    text = parts_of(full_digest()).text
    assert not re.search(r"</|&\w+;|[\u200b-\u200f\u00ad\ufeff\u00a0]", text)


def test_the_text_part_is_an_edition_of_its_own() -> None:
    parts = parts_of(full_digest())
    assert len(parts.text.split()) >= 0.9 * len(visible(parts.html).split())


def test_items_are_numbered_and_the_signature_is_marked() -> None:
    text = parts_of(full_digest()).text
    assert [int(number) for number in re.findall(r"^(\d)\. ", text, re.MULTILINE)] == [1, 2, 3, 4, 5]
    assert text.count("\n-- \n") == 1


def test_unsubscribe_stands_near_the_top_and_in_the_footer() -> None:
    text = parts_of(full_digest()).text
    first, last = text.index(TOKEN), text.rindex(TOKEN)
    assert first < text.index(wording.CONTENTS_HEADING)
    assert last > text.index("\n-- \n")


def test_a_small_digest_has_no_empty_headings() -> None:
    letter = write_letter(make_digest((make_item(),)), SITE, unsubscribe_url="https://example.org/u")
    text = write_text(letter)
    assert wording.NOTICES_HEADING not in text
    assert wording.TITLES_HEADING not in text
    assert "\n\n\n" not in text
    retracted = make_article(journal=None, topics=(), facts=Facts(status=Status.RETRACTED))
    bare = write_letter(make_digest((make_item(retracted),)), SITE, unsubscribe_url="https://example.org/u")
    assert "Credibility:" not in write_text(bare)
    assert "\n\n\n" not in write_text(bare)
    only_titles = write_letter(
        make_digest(titles=(make_item().article,)), SITE, unsubscribe_url="https://example.org/u"
    )
    assert wording.CONTENTS_HEADING not in write_text(only_titles)


@pytest.mark.parametrize("words", [wording.DISCLAIMER, wording.NO_TRACKING, wording.RATINGS, wording.ABOUT_SUMMARIES])
def test_both_parts_say_what_every_email_must_say(words: str) -> None:
    parts = parts_of(full_digest())
    for text in (visible(parts.html), parts.text):
        assert words in " ".join(text.split())


@pytest.mark.parametrize(
    "said", ["1 Example Street, Example Town", "The Example Editors", "because you asked for", "editors@example.org"]
)
def test_both_parts_say_who_sends_and_why(said: str) -> None:
    parts = parts_of(full_digest())
    assert said in visible(parts.html)
    assert said in parts.text
