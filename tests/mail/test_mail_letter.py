from __future__ import annotations

from dataclasses import replace

import pytest
from builders import make_article, make_newsletter, make_notice, make_site
from letters import SITE, full_digest, make_digest, make_item

from newsletter.mail import wording
from newsletter.mail.letter import Detail, ItemText, Letter, clean, write_letter
from newsletter.model import Audience, Facts, NoticeItem, Status
from newsletter.words import Words


def letter_of(article_facts: Facts | None = None, audience: Audience = Audience.CAREGIVER, **parts: object) -> Letter:
    article = make_article(facts=article_facts, **parts)  # type: ignore[arg-type]
    return write_letter(
        make_digest((make_item(article),), newsletter=make_newsletter(audience=audience)), SITE, unsubscribe_url="u"
    )


def first_item(letter: Letter) -> ItemText:
    return letter.sections[0].items[0]


def labels(item: ItemText) -> list[str]:
    return [detail.label for detail in item.details]


def test_items_stand_under_their_publication_dates_and_late_ones_after() -> None:
    letter = write_letter(full_digest(), SITE, unsubscribe_url="u")
    assert [section.heading for section in letter.sections] == [
        "Saturday 14 November 2026",
        "Tuesday 10 November 2026",
        "Also new to us",
    ]
    assert [item.number for section in letter.sections for item in section.items] == [1, 2, 3, 4, 5]


def test_the_letter_begins_with_what_is_in_it_notices_first() -> None:
    letter = write_letter(full_digest(), SITE, unsubscribe_url="u")
    assert letter.contents[0].title == "Retracted: Morning Light and Mood"
    assert letter.contents[-1].title == "Cooking Together"
    assert letter.notices[0].date == "18 November 2026"


def test_titles_are_cut_to_the_newsletters_number_and_the_rest_is_counted() -> None:
    letter = write_letter(full_digest(), SITE, unsubscribe_url="u")
    assert [title.title for title in letter.titles] == [f"Further Study Number {number}" for number in (1, 2, 3)]
    assert letter.rest == "Read 1 more title of this digest on the web"
    assert letter_of().rest == ""


def test_an_item_tells_takeaway_advice_and_caveat_in_the_articles_own_words() -> None:
    item = first_item(letter_of())
    assert " ".join(item.takeaway) == make_article().summary.key_takeaway
    assert item.advice == ("Caregivers can help by walking along.",)
    assert item.advice_heading == "For caregivers"
    assert item.takeaway_heading == ""
    assert item.caveat == ("The study was small and lasted three months only.",)
    assert item.care == ""


def test_without_advice_the_takeaway_gets_the_neutral_heading() -> None:
    digest = make_digest((make_item(advice=()),))
    item = first_item(write_letter(digest, SITE, unsubscribe_url="u"))
    assert (item.takeaway_heading, item.advice_heading, item.advice) == ("Why this may matter", "", ())
    general = make_digest((make_item(advice=()),), newsletter=make_newsletter(audience=Audience.GENERAL))
    assert first_item(write_letter(general, SITE, unsubscribe_url="u")).takeaway_heading == ""


def test_a_caveat_is_always_there() -> None:
    digest = make_digest((make_item(caveat=()),))
    item = first_item(write_letter(digest, SITE, unsubscribe_url="u"))
    assert " ".join(item.caveat) == " ".join(make_article().summary.considerations)


def test_people_with_ms_are_sent_to_their_care_team() -> None:
    assert first_item(letter_of(audience=Audience.PERSON_WITH_MS)).care == wording.CARE


def test_clinicians_get_every_consideration_and_the_study() -> None:
    facts = Facts(doi="10.1000/x y", pmid="123")
    item = first_item(letter_of(facts, Audience.CLINICIAN, considerations=("First.", "Second.")))
    assert item.caveat == ("First.", "Second.")
    assert Detail(label="Study", text="doi:10.1000/x y", url="https://doi.org/10.1000/x%20y") in item.details
    assert Detail(label="PubMed ID", text="123") in item.details
    assert "Study" not in labels(first_item(letter_of(facts)))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://example.org/a b", "data:text/html,x", 'https://a"b'])
def test_only_a_web_link_to_a_study_is_shown(url: str) -> None:
    assert "Study" not in labels(first_item(letter_of(Facts(source_url=url), Audience.CLINICIAN)))


def test_ratings_are_words_and_never_invented() -> None:
    item = first_item(letter_of(credibility=4.0))
    assert Detail(label="Credibility", text="4 out of 5", shape="●●●●○") in item.details
    assert Detail(label="Interest", text="Not rated") in item.details


@pytest.mark.parametrize("status", [Status.RETRACTED, Status.WITHDRAWN])
def test_findings_that_were_taken_back_are_not_told_again(status: Status) -> None:
    item = first_item(letter_of(Facts(status=status, notice="The data were wrong."), credibility=5.0))
    assert item.notice == "The data were wrong."
    assert (item.takeaway, item.advice, item.takeaway_heading, item.advice_heading) == ((), (), "", "")
    assert "Credibility" not in labels(item)
    assert item.caveat


@pytest.mark.parametrize("status", [Status.CORRECTED, Status.CONCERN])
def test_a_study_that_still_stands_keeps_its_takeaway_below_the_notice(status: Status) -> None:
    item = first_item(letter_of(Facts(status=status)))
    assert item.notice
    assert item.takeaway


def test_what_is_gone_from_the_site_is_not_linked() -> None:
    gone = make_article("gone", facts=Facts(status=Status.WITHDRAWN))
    notice = NoticeItem(notice=make_notice(gone, status=Status.WITHDRAWN), article=gone)
    digest = make_digest((make_item(gone),), notices=(notice,), titles=(gone,))
    letter = write_letter(digest, SITE, unsubscribe_url="u")
    assert (letter.notices[0].url, first_item(letter).url, letter.titles[0].url) == ("", "", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\0b\r\nc\x0bd", "a b c d"),
        ("  a  b ", "a b"),
        ("\ud800x\uffff", "\ufffdx\ufffd"),
        ("a\u2028b\x85c", "a b c"),
        ("עברית 😀 e\u0301", "עברית 😀 e\u0301"),
    ],
)
def test_text_is_made_showable_and_otherwise_left_alone(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_the_footer_says_who_why_and_how_to_reach_them() -> None:
    site = make_site(postal_address="1 Example Street\n\nExample Town")
    letter = write_letter(make_digest((make_item(),)), site, unsubscribe_url="u")
    assert letter.postal_address == ("1 Example Street", "Example Town")
    assert letter.contact_url == "mailto:editors@example.org"
    assert letter.reason == "You get this email because you asked for Caregiver Weekly."
    web = write_letter(
        make_digest((make_item(),)), replace(site, contact="https://example.org/us"), unsubscribe_url="u"
    )
    assert web.contact_url == "https://example.org/us"


def test_the_direction_follows_the_language() -> None:
    digest = make_digest((make_item(),))
    hebrew = Words(language="he-IL", direction="rtl")
    letter = write_letter(digest, make_site(language="he-IL"), unsubscribe_url="u", words=hebrew)
    assert (letter.language, letter.direction) == ("he-IL", "rtl")
    assert write_letter(digest, make_site(language="he-IL"), unsubscribe_url="u").direction == "ltr"
