"""Any choice of a mailing is what writing, rendering and encoding just that choice would give, byte for byte."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import date

import pytest
from builders import make_article, make_newsletter, make_notice
from hypothesis import example, given, settings
from hypothesis import strategies as st
from letters import full_digest, make_addressee, make_digest, make_item, make_mailing, make_message, page_of
from specification import message
from wire import problems, read

from newsletter.errors import MailError, NothingToSend
from newsletter.mail.compile import LARGEST_SIZE, WARN_SIZE
from newsletter.mail.fragments import pack, unpack
from newsletter.model import Audience, Choice, Day, Digest, Edition, Facts, Item, NoticeItem, Status

DIGEST = full_digest()
MAILING = make_mailing(DIGEST, editions=Edition, audiences=Audience)
IDS = [article.id for article in DIGEST.articles]
READER = make_addressee(name="Zoë Reader")

texts = st.text(st.characters(), max_size=60).map(lambda text: f"{text}x")  # there is always something to say
choices = st.builds(
    Choice,
    edition=st.sampled_from(Edition),
    audience=st.sampled_from([None, *Audience]),
    articles=st.none() | st.integers(0, (1 << len(IDS)) - 1),
)


@given(choices)
@example(Choice(articles=3 << len(IDS) - 2))
@example(Choice(articles=0))
@settings(max_examples=60, deadline=None)
def test_a_choice_of_everything_an_email_can_say_equals_its_specification(choice: Choice) -> None:
    data = make_message(MAILING, READER, choice=choice).data
    assert data == message(DIGEST, choice, READER)
    assert problems(data) == []


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    """Small digests of odd texts: any mixture of days, late items, titles and notices."""
    number = iter(range(100))

    def article() -> Item:
        made = make_article(
            f"a-{next(number)}",
            title=draw(texts),
            key_takeaway=draw(texts),
            considerations=(draw(texts),),
            credibility=draw(st.sampled_from([None, 3.5])),
            facts=Facts(status=draw(st.sampled_from(Status))),
        )
        return make_item(made, advice=(draw(texts),) if draw(st.booleans()) else ())

    days = tuple(
        Day(date=date(2026, 11, 15 - day), items=tuple(article() for _ in range(draw(st.integers(1, 2)))))
        for day in range(draw(st.integers(0, 2)))
    )
    noticed = draw(st.lists(st.builds(article), max_size=1))
    return make_digest(
        newsletter=make_newsletter(
            title=draw(texts), discreet=draw(st.booleans()), title_items=draw(st.integers(0, 2))
        ),
        days=days,
        late=tuple(article() for _ in range(draw(st.integers(0, 2)))),
        titles=tuple(article().article for _ in range(draw(st.integers(0, 3)))),
        notices=tuple(NoticeItem(notice=make_notice(item.article, text=draw(texts)), article=item.article) for item in noticed),
        catch_up=draw(st.booleans()),
    )  # fmt: skip


@given(
    digests().filter(lambda digest: not digest.empty), st.sampled_from(Edition), st.sampled_from(Audience), st.data()
)
@settings(max_examples=25, deadline=None)
def test_any_choice_of_any_digest_equals_its_specification(
    digest: Digest, edition: Edition, audience: Audience, data: st.DataObject
) -> None:
    mailing = make_mailing(digest, editions=[edition], audiences=[audience])
    every = (1 << len(digest.placed)) - 1
    for _ in range(3):
        articles = data.draw(st.integers(0, every)) if every else None
        choice = Choice(edition=edition, audience=audience, articles=articles)
        if articles == 0 and not digest.notices:
            with pytest.raises(NothingToSend):
                make_message(mailing, choice=choice)
        else:
            assert make_message(mailing, choice=choice).data == message(digest, choice, make_addressee())


def test_what_was_not_chosen_leaves_no_trace() -> None:
    parts = read(make_message(MAILING, choice=Choice(articles=1)).data)
    for text in (parts.html, parts.text):
        assert "Cooling Vests" in text
        for absent in ("Short Naps", "Cooking Together", "Further Study", "Tuesday 10 November", "Also new to us"):
            assert absent not in text
    assert str(parts.message["Subject"]) == "1 retraction and 1 new summary, 9 to 15 November 2026"


def test_items_of_a_choice_are_numbered_from_one() -> None:
    text = read(make_message(MAILING, choice=Choice(articles=1 << 2 | 1 << 4)).data).text
    assert "\n1.  Short Walks and Tiredness in MS\n" in text
    assert "\n2.  Cooking Together\n" in text


def test_a_place_in_the_list_of_titles_goes_to_the_next_chosen_one() -> None:
    """Three titles are shown; who left out the first gets the fourth."""
    text = read(make_message(MAILING, choice=Choice(articles=1 | 7 << len(IDS) - 3)).data).text
    assert "Further Study Number 4" in text
    assert "more title" not in text


def test_notices_go_to_everybody_whatever_they_chose() -> None:
    parts = read(make_message(MAILING, choice=Choice(articles=0)).data)
    assert "Corrections and notices" in parts.html
    assert str(parts.message["Subject"]) == "1 retraction, 9 to 15 November 2026"


def test_a_choice_of_nothing_is_told_apart() -> None:
    mailing = make_mailing(make_digest((make_item(),)))
    for articles in (0, 2):  # there is one article, so that the second bit stands for none
        with pytest.raises(NothingToSend, match="caregiver-weekly, 2026-W46: nothing of it was chosen"):
            make_message(mailing, choice=Choice(articles=articles))


def test_an_edition_that_was_not_compiled_is_named() -> None:
    with pytest.raises(MailError, match="no large-print edition for caregiver; compiled are: standard for caregiver"):
        make_message(make_mailing(), choice=Choice(edition=Edition.LARGE_PRINT))


def test_another_audience_gets_its_own_sentences_from_the_same_mailing() -> None:
    page = page_of(MAILING, Choice(audience=Audience.PERSON_WITH_MS))
    assert "People with MS may find a short walk a kind way to begin." in page
    assert "For people with MS" in page
    assert "For caregivers" not in page
    assert "For caregivers" in page_of(MAILING)


def test_the_text_only_edition_is_one_part_with_the_same_text() -> None:
    data = make_message(MAILING, choice=Choice(edition=Edition.TEXT_ONLY)).data
    parts = read(data)
    assert problems(data) == []
    assert parts.message.get_content_type() == "text/plain"
    assert parts.message["Content-Language"] == "en"
    assert parts.text == read(make_message(MAILING).data).text


def test_a_mailing_comes_back_from_its_stored_bytes() -> None:
    bundle = unpack(MAILING.template)
    assert unpack(pack(bundle)) == bundle
    assert [piece for skeleton in bundle.skeletons for piece in skeleton.pieces]


@pytest.mark.parametrize("stored", [b"", b"Hello", pack(unpack(MAILING.template))[:-20]])
def test_stored_bytes_that_are_no_mailing_are_refused(stored: bytes) -> None:
    with pytest.raises(MailError, match="its stored bytes cannot be read"):
        make_message(replace(MAILING, template=stored))


# -- size -------------------------------------------------------------------------------------------------------------


def large_digest(items: int, titles: int, words: int = 60) -> Digest:
    long = "A sentence about what the study could not show & more. " * words
    return make_digest(
        tuple(
            make_item(make_article(f"a-{n}", key_takeaway=f"Number {n} may help.", considerations=(long,)), advice=(long,), caveat=(f"Number {n} was small.",))
            for n in range(items)
        ),
        newsletter=make_newsletter(title_items=200),
        titles=tuple(make_article(f"t-{n}", title=f"Title {n} " + "é" * 40) for n in range(titles)),
    )  # fmt: skip


def test_the_tail_of_a_large_digest_is_told_briefly_and_the_editor_is_told() -> None:
    digest = large_digest(20, 3)
    mailing = make_mailing(digest, editions=Edition)
    data = make_message(mailing).data
    page = read(data).html
    assert WARN_SIZE < len(page.encode()) <= LARGEST_SIZE
    assert [f"Number {n} may help." in page for n in range(20)] == [True] * 20
    assert [f"Number {n} was small." in page for n in range(20)] == [True] * 20
    assert problems(data) == []
    skeleton = unpack(mailing.template).skeleton(Edition.STANDARD, None)
    brief = frozenset(item.article.id for place, item in enumerate(digest.items) if skeleton.brief >> place & 1)
    assert digest.items[-1].article.id in brief
    assert digest.items[0].article.id not in brief
    assert data == message(digest, Choice(), make_addressee(), brief=brief)
    told = f"standard edition for caregiver: the last {len(brief)} summaries are told briefly"
    assert any(told in warning for warning in mailing.warnings)
    assert not any("text-only" in warning for warning in mailing.warnings)


def test_warnings_name_the_edition_and_the_audience() -> None:
    audiences = (Audience.CAREGIVER, Audience.CLINICIAN)
    mailing = make_mailing(large_digest(14, 3, words=30), editions=Edition, audiences=audiences)
    assert len(set(mailing.warnings)) == len(mailing.warnings)
    for audience in audiences:
        assert any(f"2026-W46: large-print edition for {audience}: " in warning for warning in mailing.warnings)


def test_no_choice_of_a_large_digest_is_too_large() -> None:
    digest, chance = large_digest(20, 30), random.Random(5)
    mailing = make_mailing(digest, editions=[Edition.STANDARD, Edition.LARGE_PRINT])
    for edition in (Edition.STANDARD, Edition.LARGE_PRINT):
        for _ in range(20):
            chosen = chance.randrange(1, 1 << len(digest.placed))
            page = page_of(mailing, Choice(edition=edition, articles=chosen))
            assert len(page.replace("\n", "\r\n").encode()) <= LARGEST_SIZE


def test_where_even_brief_is_too_long_titles_give_way() -> None:
    digest = large_digest(5, 200)
    digest = replace(digest, titles=tuple(make_article(f"t-{n}", title=f"{n} " + "word " * 60) for n in range(200)))
    mailing = make_mailing(digest)
    page = page_of(mailing)
    assert len(page.replace("\n", "\r\n").encode()) <= LARGEST_SIZE
    assert "more titles of this digest on the web" in page
    skeleton = unpack(mailing.template).skeletons[0]
    ids = frozenset(item.article.id for item in digest.items)
    expected = message(digest, Choice(), make_addressee(), brief=ids, most_titles=skeleton.most_titles)
    assert make_message(mailing).data == expected
    assert any("titles instead of 200" in warning for warning in mailing.warnings)


def test_what_cannot_be_made_small_is_not_sent() -> None:
    article = make_article()
    notices = tuple(
        NoticeItem(notice=make_notice(article, id=f"n{n}", text="word " * 4_000), article=article) for n in range(6)
    )
    with pytest.raises(MailError, match=r"told as briefly as can be; at most 90,000 are right"):
        make_mailing(make_digest((make_item(),), notices=notices))


def test_an_ordinary_digest_is_not_warned_about() -> None:
    assert MAILING.warnings == ()


# -- cost -------------------------------------------------------------------------------------------------------------


def test_a_digest_of_ten_articles_compiles_quickly_in_all_editions() -> None:
    """A promise of 1.5 s on an idle machine for one edition; the limit leaves room for a busy one."""
    items = tuple(make_item(make_article(f"a-{n}")) for n in range(10))
    started = time.process_time()
    make_mailing(make_digest(items), editions=Edition)
    assert time.process_time() - started < 3
