"""The gate on the text part, on what every digest has to say, and on words of ours and of sources."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import make_article
from mail.check_letters import (
    BASE,
    DIGEST,
    EXPECTED,
    HTML,
    NOTICE,
    TEXT,
    TEXT_ONLY,
    TOKEN,
    WALKS,
    WAY_OUT,
    codes,
    message,
    text_only,
)

from newsletter.mail.check.message import check_message
from newsletter.mail.check.text import text_paragraphs
from newsletter.mail.check.words import reading_grade, source_readings
from newsletter.model import Article, Digest, Place, Placed

CAVEAT = "The study had no group to compare with."

# -- the text part ----------------------------------------------------------------------------------------------------

TEXT_FAULTS = [
    ("M-TEXT-LINE", "Write to us:", f"Write to us, to all of us, for we are glad to hear {'from ' * 6}you:"),
    ("M-TEXT-URL", f"Read this digest on the web:\n{BASE}", f"Read this digest on the web: {BASE}"),
    ("M-TEXT-URL", f"{BASE}/articles/naps/", f"{BASE}/articles/naps/ ."),
    ("M-TEXT-LINKS", "https://journal.example.com/naps\n", ""),
    ("M-TEXT-LINKS", f"{BASE}/digests/caregiver-weekly/2026-W46/", f"{BASE}/digests/caregiver-weekly/"),
    ("M-TEXT-LINKS", "editors@example.org", "us"),
    ("M-TEXT-ORDER", "Saturday 14 November 2026\n", "Saturday\n"),
    ("M-TEXT-MARKUP", "walking along.", "<b>walking</b> along."),
    ("M-TEXT-MARKUP", "walking along.", "walking&nbsp;along."),
    ("M-TEXT-MARKUP", "walking along.", "walking\u200b along."),
    ("M-TEXT-SIGNATURE", "-- \nAbout", "About"),
    ("M-TEXT-SIGNATURE", "Write to us:", "-- \nWrite to us:"),
    ("M-TEXT-NUMBERS", "2. Short Naps", "3. Short Naps"),
]


@pytest.mark.parametrize(("code", "old", "new"), TEXT_FAULTS)
def test_each_fault_of_the_text_is_found(code: str, old: str, new: str) -> None:
    assert old in TEXT
    assert codes(message(text=TEXT.replace(old, new, 1))) == {code}


def test_articles_in_another_order_are_found() -> None:
    first = TEXT[TEXT.index("1. Short Walks") : TEXT.index("2. Short Naps")]
    second = TEXT[TEXT.index("2. Short Naps") : TEXT.index("-- \n")]
    swapped = TEXT.replace(first + second, second.replace("2. ", "1. ") + first.replace("1. ", "2. "))
    assert codes(message(text=swapped)) == {"M-TEXT-ORDER"}


def test_a_text_that_is_much_shorter_is_found() -> None:
    more = '<p style="font-size:19px; line-height:1.6">' + "A few more words of ours. " * 60 + "</p></td></tr></table>"
    assert codes(message(HTML.replace("</td></tr></table>\n<!--", f"{more}\n<!--", 1))) == {"M-TEXT-SHORT"}


@pytest.mark.parametrize("words", ["values of p<0.05 &amp; a <b>dose</b>", "see https://trials.example.com/1 for more"])
def test_what_a_source_wrote_is_not_the_texts_fault(words: str) -> None:
    summary = replace(WALKS.summary, key_takeaway=f"Short walks, {words}.")
    digest = told_with(replace(WALKS, summary=summary))
    takeaway = "Short walks made everyday tiredness easier to live with."
    page = HTML.replace(takeaway, f"Short walks, {words.replace('&', '&amp;').replace('<', '&lt;')}.")
    text = TEXT.replace(takeaway, f"Short walks, {words}.")
    assert codes(message(page, text), replace(EXPECTED, digest=digest)) == set()


def test_wrapped_lines_are_one_paragraph_and_labels_are_not() -> None:
    wrapped = "An earlier version of this summary said that one hundred and four\npeople took part."
    text = f"Heading\n-------\n\n{wrapped}\n\nCredibility: 4 out of 5\nInterest: 4 out of 5\n{BASE}/a\n"
    assert text_paragraphs(text) == [
        "Heading",
        wrapped.replace("\n", " "),
        "Credibility: 4 out of 5",
        "Interest: 4 out of 5",
    ]


# -- what has to be said ----------------------------------------------------------------------------------------------


def told_with(article: Article) -> Digest:
    """The digest with another first article."""
    item = replace(DIGEST.items[0], article=article)
    day = replace(DIGEST.days[0], items=(item, DIGEST.items[1]))
    return replace(DIGEST, days=(day,), placed=(replace(DIGEST.placed[0], article=article), DIGEST.placed[1]))


CONTENT_FAULTS = [
    ("M-SENDER", "The Example Editors", "us"),
    ("M-POSTAL", "1 Example Street, Example Town", "Our Street"),
    ("M-REASON", "You get this email because you asked for Caregiver Weekly.", "This is Caregiver Weekly."),
    ("M-PRIVACY", "No tracking: this email has no pictures and its links do not count you.", "This is all for now."),
    ("M-PRIVACY-LINK", f"{BASE}/privacy/", f"{BASE}/feeds/"),
    ("M-CHANGE", f"{WAY_OUT}#change", WAY_OUT),
    ("M-DISCLAIMER", "It is not medical advice.", "It is all for now."),
    ("M-CAVEAT", CAVEAT, "It is all for now."),
    ("M-READING-TIME", "About 2 minutes to read.", "It is short."),
    ("M-ARTICLES", "Short Walks and Tiredness in MS", "Short Walks"),
]


@pytest.mark.parametrize("part", ["both", "html", "text", "text only"])
@pytest.mark.parametrize(("code", "old", "new"), CONTENT_FAULTS)
def test_each_thing_that_is_not_said_is_found(code: str, old: str, new: str, part: str) -> None:
    page, text = HTML.replace("MS Research in Plain Words", "A newsletter").replace(old, new), TEXT.replace(old, new)
    if part == "text only":
        assert codes(text_only(text), TEXT_ONLY) == {code}
        return
    data = message(HTML if part == "text" else page, TEXT if part == "html" else text)
    found = check_message(data, expected=EXPECTED)
    assert {each.code for each in found} - {"M-TEXT-ORDER", "M-TEXT-LINKS"} == {code}
    places = {"HTML" for each in found if each.place == "HTML"} | {"text" for each in found if each.place == "text"}
    assert places >= {"html": {"HTML"}, "text": {"text"}}.get(part, {"HTML", "text"})


def test_a_caveat_stands_before_the_next_article() -> None:
    """The limit of the first finding, moved under the second."""
    limit = "The study was small and lasted three months only."
    moved = TEXT.replace(f"Keep in mind:\n{limit}\n\n", "").replace(CAVEAT, f"{CAVEAT}\n{limit}")
    told = check_message(text_only(moved), expected=TEXT_ONLY)
    assert [(each.code, "Short Walks" in each.message) for each in told] == [("M-CAVEAT", True)]


def test_a_source_that_tells_no_limit_is_told_and_may_go() -> None:
    item = DIGEST.items[1]
    article = replace(item.article, summary=replace(item.article.summary, considerations=()))
    items = (DIGEST.items[0], replace(item, article=article, caveat=()))
    digest = replace(DIGEST, days=(replace(DIGEST.days[0], items=items),))
    told = check_message(message(), expected=replace(EXPECTED, digest=digest))
    assert {(each.code, each.severity.value) for each in told} == {("M-NO-CAVEAT", "warning")}


@pytest.mark.parametrize("where", ["top", "footer"])
@pytest.mark.parametrize("name", ["HTML", "text"])
def test_the_way_out_stands_at_the_top_and_in_the_footer(where: str, name: str) -> None:
    elsewhere = f"{BASE}/unsubscribe/"
    whole = HTML if name == "HTML" else TEXT
    first = whole.index(WAY_OUT)
    place = first if where == "top" else whole.index(WAY_OUT, first + 1)
    other = whole[:place] + elsewhere + whole[place + len(WAY_OUT) :]
    data = message(other) if name == "HTML" else message(text=other)
    told = check_message(data, expected=EXPECTED)
    assert ("M-UNSUBSCRIBE", f"{where} of the {name}") in {(each.code, each.place) for each in told}
    assert {each.code for each in told} <= {"M-UNSUBSCRIBE", "M-TEXT-LINKS", "M-LINK-TARGET"}


def test_titles_beyond_the_cap_may_be_left_to_the_digests_page() -> None:
    more = tuple(make_article(f"more-{number}", title=f"Further Study {number}") for number in range(3))
    placed = (*DIGEST.placed, *(Placed(article=article, place=Place.TITLE) for article in more))
    expected = replace(EXPECTED, digest=replace(DIGEST, titles=more, placed=placed))
    assert codes(message(), expected) == set()
    page, text = (part.replace(f"{BASE}/digests/caregiver-weekly/2026-W46/", f"{BASE}/more/") for part in (HTML, TEXT))
    assert codes(message(page, text), expected) == {"M-ARTICLES"}


def test_the_findings_of_a_text_come_first_too() -> None:
    text = TEXT.replace(
        f"{NOTICE}\n\n1 retr",
        f"{'Words about nothing. ' * 3}\n{'Words about nothing. ' * 3}\n{'Words. ' * 10}\n\n1 retr",
    )
    assert codes(text_only(text), TEXT_ONLY) == {"M-OPENING"}


def test_a_language_whose_words_nobody_knows_is_told() -> None:
    spanish = replace(EXPECTED, site=replace(EXPECTED.site, language="es"))
    page, data = HTML.replace('lang="en"', 'lang="es"'), message()
    data = message(page).replace(b"Content-Language: en", b"Content-Language: es")
    told = check_message(data, expected=spanish)
    assert {(each.code, each.severity.value) for each in told} == {("M-UNJUDGED", "warning")}


def test_the_german_words_are_known() -> None:
    german = {
        "This digest explains research in plain words. It is not medical advice.": "Dies ist keine ärztliche Beratung.",
        "No tracking: this email has no pictures and its links do not count you.": "Die Links zählen Sie nicht.",
        "You get this email because you asked for Caregiver Weekly.": "Sie erhalten dies, weil Sie es bestellt haben.",
        "About 2 minutes to read.": "Etwa 2 Minuten.",
    }
    page, text = HTML.replace('lang="en"', 'lang="de"'), TEXT
    expected = replace(EXPECTED, site=replace(EXPECTED.site, language="de"))
    for english, words in german.items():
        page, text = page.replace(english, words), text.replace(english, words)
    assert check_message(message(page, text).replace(b"Language: en", b"Language: de"), expected=expected) == ()
    page = page.replace("zählen Sie nicht", "sind blau").replace("keine ärztliche", "eine gute")
    told = codes(message(page, text).replace(b"Language: en", b"Language: de"), expected)
    assert told == {"M-PRIVACY", "M-DISCLAIMER"}


# -- plain language ---------------------------------------------------------------------------------------------------

OURS = "This digest explains research in plain words."
HARD = "Comprehensive methodological considerations necessitate interdisciplinary interpretation."
LONG = f"We send it {'and send it ' * 8}to you."


def said(words: str) -> bytes:
    return message(HTML.replace(OURS, words), TEXT.replace(OURS, words.replace(" and", "\nand", 1)))


@pytest.mark.parametrize(("code", "words"), [("M-GRADE", f"{HARD} {HARD}"), ("M-LONG-SENTENCE", LONG)])
def test_words_of_ours_are_plain(code: str, words: str) -> None:
    told = check_message(said(words), expected=EXPECTED)
    assert {each.code for each in told} - {"M-TEXT-LINE"} == {code}
    assert {each.place for each in told if each.code == code} == {"our words"}


@pytest.mark.parametrize("words", [HARD, LONG])
def test_words_of_sources_are_measured_and_never_found_fault_with(words: str) -> None:
    digest = told_with(replace(WALKS, summary=replace(WALKS.summary, what_they_found=(words,))))
    takeaway = "Short walks made everyday tiredness easier to live with."
    page, text = HTML.replace(takeaway, f"{takeaway} {words}"), TEXT.replace(takeaway, f"{takeaway}\n\n{words}")
    expected = replace(EXPECTED, digest=digest)
    assert codes(message(page, text), expected) <= {"M-TEXT-LINE"}
    hardest = source_readings(expected)[0]
    assert hardest.title == WALKS.title
    assert hardest.longest == max(len(words.split()), 15)


def test_without_a_digest_no_source_is_measured() -> None:
    assert source_readings(replace(EXPECTED, digest=None)) == ()


def test_the_grade_is_flesch_kincaid() -> None:
    """11.8 * 7/6 + 0.39 * 6 - 15.59, by hand."""
    assert reading_grade(["The cat sat on the table."]) == pytest.approx(0.39 * 6 + 11.8 * 7 / 6 - 15.59)
    assert reading_grade([HARD]) > 20
    assert reading_grade([]) == 0


@pytest.mark.parametrize("words", ["MS patients", "MS sufferers", "victims", "suffering from MS"])
def test_names_that_people_do_not_want_are_told_of_us_and_of_sources(words: str) -> None:
    told = check_message(said(f"It is for {words}."), expected=EXPECTED)
    assert [(each.code, each.place) for each in told] == [("M-PEOPLE", "our words")]
    article = replace(WALKS, summary=replace(WALKS.summary, who_should_care=(f"It is for {words}.",)))
    told = check_message(message(), expected=replace(EXPECTED, digest=told_with(article)))
    assert [(each.code, each.place) for each in told] == [("M-PEOPLE", f'article "{WALKS.title}"')]


@pytest.mark.parametrize(
    "words",
    [
        "Sildenafil",
        "diazepam",
        "100% guaranteed",
        "Act now",
        "a free trial",
        "a miracle cure",
        "weight loss",
        "an online pharmacy",
        "Dear friend",
        "What???",
        "erectile dysfunction",
        "tramadol",
    ],
)
def test_words_that_filters_know_from_spam_are_told_with_advice(words: str) -> None:
    article = replace(WALKS, summary=replace(WALKS.summary, considerations=(f"Some say: {words} is the answer.",)))
    (told,) = [
        each
        for each in check_message(message(), expected=replace(EXPECTED, digest=told_with(article)))
        if each.code != "M-CAVEAT"
    ]
    assert (told.code, told.place, told.severity.value) == ("M-SPAM", f'article "{WALKS.title}"', "warning")
    assert "(" in told.message


@pytest.mark.parametrize(
    "words",
    [
        "gluten-free and relapse-free",
        "It was free of pain",
        "the cost of a drug",
        "a friend",
        "less pain and no cough?",
    ],
)
def test_words_of_medicine_are_no_spam(words: str) -> None:
    article = replace(WALKS, summary=replace(WALKS.summary, what_they_found=(words,)))
    assert codes(message(), replace(EXPECTED, digest=told_with(article))) == set()


def test_a_token_looks_like_no_entity() -> None:
    """What the specimen itself promises."""
    assert "&" not in TOKEN
