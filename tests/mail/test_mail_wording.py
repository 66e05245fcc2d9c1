from __future__ import annotations

import re
from datetime import date

import pytest
from builders import make_article, make_newsletter, make_notice
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import SITE, full_digest, make_digest, make_item

from newsletter import templating
from newsletter.mail import wording
from newsletter.mail.letter import write_letter
from newsletter.model import Article, Audience, Digest, Facts, NoticeItem, Status
from newsletter.templating import heading_words, journal_words, notice_words
from newsletter.words import ENGLISH

HYPE = re.compile(r"cure|breakthrough|miracle|amazing|hope|!", re.IGNORECASE)


def first_of(digest: Digest) -> Article | None:
    return next(iter((*(item.article for item in digest.items), *digest.titles)), None)


def subject_of(digest: Digest) -> str:
    return wording.subject(ENGLISH, digest, len(digest.items) + len(digest.titles))


def preheader_of(digest: Digest) -> str:
    return wording.preheader(ENGLISH, digest, first_of(digest))


def notice_of(status: Status, slug: str = "short-walks") -> NoticeItem:
    article = make_article(slug)
    return NoticeItem(notice=make_notice(article, status=status), article=article)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), "20 November 2026"),
        (date(2026, 11, 9), date(2026, 11, 15), "9 to 15 November 2026"),
        (date(2026, 11, 30), date(2026, 12, 6), "30 November to 6 December 2026"),
        (date(2026, 12, 28), date(2027, 1, 3), "28 December 2026 to 3 January 2027"),
        (date(2025, 11, 1), date(2026, 11, 1), "1 November 2025 to 1 November 2026"),
    ],
)
def test_what_two_dates_share_is_said_once(first: date, last: date, words: str) -> None:
    assert ENGLISH.days(first, last) == words


def test_the_subject_counts_and_dates() -> None:
    items = (make_item(), make_item(make_article("b")))
    digest = make_digest(items, titles=(make_article("c"),))
    assert subject_of(digest) == "3 new summaries, 9 to 15 November 2026"
    assert subject_of(make_digest(items[:1])) == "1 new summary, 9 to 15 November 2026"


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([Status.CORRECTED], "1 correction"),
        ([Status.RETRACTED, Status.RETRACTED], "2 retractions"),
        ([Status.CONCERN], "1 expression of concern"),
        ([Status.WITHDRAWN], "1 withdrawal"),
        ([Status.RETRACTED, Status.CORRECTED], "2 notices"),
    ],
)
def test_notices_come_first_in_the_subject(statuses: list[Status], words: str) -> None:
    notices = tuple(notice_of(status) for status in statuses)
    assert subject_of(make_digest(notices=notices)) == f"{words}, 9 to 15 November 2026"
    assert subject_of(make_digest((make_item(),), notices=notices)).startswith(f"{words} and 1 new summary,")


def test_a_catch_up_digest_says_what_it_covers() -> None:
    digest = make_digest((make_item(),), catch_up=True)
    assert subject_of(digest) == "1 new summary, covers 9 to 15 November 2026"
    assert wording.period_words(ENGLISH, digest) == "Covers 9 to 15 November 2026"


def test_the_preheader_is_the_first_finding() -> None:
    assert preheader_of(make_digest((make_item(),))) == make_article().summary.key_takeaway
    digest = make_digest(titles=(make_article(title="Only a Title"),))
    assert preheader_of(digest).startswith("Only a Title. This is in your digest of")


def test_the_preheader_never_repeats_a_finding_that_was_taken_back() -> None:
    retracted = make_item(make_article(title="Light", facts=Facts(status=Status.RETRACTED)))
    assert preheader_of(make_digest((retracted,))).startswith("Retracted: Light. ")
    digest = make_digest((make_item(),), notices=(notice_of(Status.RETRACTED),))
    assert preheader_of(digest) == "Retracted: Short Walks and Tiredness in MS."


@given(st.text(max_size=400), st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_preheader_has_40_to_130_characters(text: str, discreet: bool, titles: bool) -> None:
    article = make_article(title=text or "x", key_takeaway=text or "x")
    digest = make_digest(
        () if titles else (make_item(article),),
        titles=(article,) if titles else (),
        newsletter=make_newsletter(discreet=discreet),
    )
    assert 40 <= len(preheader_of(digest)) <= 130


def test_an_email_opens_with_the_first_finding_and_its_may() -> None:
    """Whole sentences: a finding is never cut before the word that says how sure it is."""
    long = "Walking every day for three months, even for a short time and even at a slow pace, may help. " * 3
    digest = make_digest((make_item(make_article(key_takeaway=long)),))
    assert wording.opening(ENGLISH, digest, first_of(digest)) == long[: len(long) // 3].strip()
    short = make_digest((make_item(make_article(key_takeaway="It may help. It may not. We do not know.")),))
    assert wording.opening(ENGLISH, short, first_of(short)) == "It may help. It may not. We do not know."


def test_what_is_not_a_finding_does_not_open_as_one() -> None:
    concern = make_digest((make_item(make_article(title="Light", facts=Facts(status=Status.CONCERN))),))
    assert wording.opening(ENGLISH, concern, first_of(concern)) == "Expression of concern: Light."
    titles = make_digest(titles=(make_article(),))
    assert wording.opening(ENGLISH, titles, first_of(titles)) == ""
    noticed = make_digest((make_item(),), notices=(notice_of(Status.RETRACTED),))
    assert wording.opening(ENGLISH, noticed, first_of(noticed)).startswith("Retracted: Short Walks")
    discreet = make_digest((make_item(),), newsletter=make_newsletter(discreet=True))
    assert wording.opening(ENGLISH, discreet, first_of(discreet)) == ""


def test_a_long_preheader_ends_between_words() -> None:
    takeaway = "Walking, " * 40
    words = preheader_of(make_digest((make_item(make_article(key_takeaway=takeaway)),)))
    assert len(words) <= 130
    assert words.endswith("Walking…")


@pytest.mark.parametrize("with_notice", [True, False])
def test_a_discreet_email_names_no_condition_and_no_article_where_others_may_see(*, with_notice: bool) -> None:
    newsletter = make_newsletter(discreet=True, from_name="MS Research in Plain Words", title="MS Weekly")
    notices = (notice_of(Status.RETRACTED),) if with_notice else ()
    digest = make_digest((make_item(),), newsletter=newsletter, notices=notices)
    seen = f"{subject_of(digest)} {preheader_of(digest)} {wording.from_name(newsletter)}"
    assert not re.search(r"\bMS\b|sclerosis|Short Walks|tired", seen, re.IGNORECASE)
    assert len(preheader_of(digest)) >= 40


def test_a_discreet_sender_name_that_tells_nothing_is_kept() -> None:
    assert wording.from_name(make_newsletter(discreet=True, from_name="Reading Post")) == "Reading Post"
    assert wording.from_name(make_newsletter(from_name="MS Weekly")) == "MS Weekly"


@pytest.mark.parametrize(
    ("status", "title", "heading"),
    [
        (Status.OK, "Light", "Light"),
        (Status.CORRECTED, "Light", "Light"),
        (Status.CONCERN, "Light", "Expression of concern: Light"),
        (Status.RETRACTED, "Light", "Retracted: Light"),
        (Status.RETRACTED, "RETRACTED: Light", "RETRACTED: Light"),
        (Status.WITHDRAWN, "Light", "Withdrawn: Light"),
    ],
)
def test_a_heading_says_once_what_became_of_the_study(status: Status, title: str, heading: str) -> None:
    assert heading_words(ENGLISH, make_article(title=title, facts=Facts(status=status))) == heading


def test_a_notice_of_a_correction_says_so() -> None:
    assert heading_words(ENGLISH, make_article(title="Light"), Status.CORRECTED) == "Correction: Light"


@pytest.mark.parametrize("status", list(Status))
def test_every_changed_study_has_a_notice_text(status: Status) -> None:
    assert bool(notice_words(ENGLISH, make_article(facts=Facts(status=status)))) is (status is not Status.OK)
    assert notice_words(ENGLISH, make_article(facts=Facts(status=status, notice="Own"))) == (
        "" if status is Status.OK else "Own"
    )


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        ("Cells", "Cells"),
        ("Multiple sclerosis (Houndmills, Basingstoke, England)", "Multiple sclerosis"),
        ("Heart & lung : the journal of critical care", "Heart & lung"),
        ("medRxiv : the preprint server for health sciences", "medRxiv (Preprint: not yet peer reviewed)"),
        ("(untitled)", "(untitled)"),
    ],
)
def test_a_journal_is_named_as_people_say_it(journal: str, words: str) -> None:
    assert journal_words(ENGLISH, journal) == words


def test_advice_is_headed_by_whom_it_is_for_and_neutral_without() -> None:
    assert wording.advice_heading(ENGLISH, Audience.CAREGIVER, found=True) == "For caregivers"
    assert wording.advice_heading(ENGLISH, Audience.PERSON_WITH_MS, found=True) == "For people with MS"
    assert wording.advice_heading(ENGLISH, Audience.CLINICIAN, found=True) == "For clinicians"
    assert wording.advice_heading(ENGLISH, Audience.CAREGIVER, found=False) == "Why this may matter"
    assert wording.advice_heading(ENGLISH, Audience.GENERAL, found=False) == ""


def test_reading_takes_at_least_a_minute() -> None:
    assert wording.reading_words(ENGLISH, wording.minutes(5)) == "About 1 minute to read."
    assert wording.reading_words(ENGLISH, wording.minutes(181)) == "About 2 minutes to read."


def own_sentences() -> list[str]:
    letter = write_letter(full_digest(), SITE, unsubscribe_url="x")
    own = [text for name, text in vars(wording).items() if name.isupper() and isinstance(text, str)]
    own += [*templating._NOTICE_WORDS.values(), letter.reason, letter.reading, letter.rest]
    return [sentence for text in own for sentence in re.split(r"(?<=[.!?])\s+", text) if sentence]


def syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word.lower()))
    return max(1, groups - word.lower().endswith(("e", "es", "ed")) * (groups > 1))


def test_our_own_words_are_plain() -> None:
    """Flesch-Kincaid with a rough count of syllables; the sources' own text is not judged here."""
    sentences = own_sentences()
    words = [re.findall(r"[A-Za-z']+", sentence) for sentence in sentences]
    assert max(map(len, words)) <= 25
    every = [word for sentence in words for word in sentence]
    grade = 0.39 * len(every) / len(words) + 11.8 * sum(map(syllables, every)) / len(every) - 15.59
    assert grade <= 8
    assert not [sentence for sentence in sentences if HYPE.search(sentence)]


def test_ms_is_said_in_full_before_it_is_used() -> None:
    assert "multiple sclerosis (MS)" in wording.ABOUT_SUMMARIES
