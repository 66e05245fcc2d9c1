from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from builders import make_article, make_newsletter, make_notice, make_site
from feeds.atom_check import problems
from feeds.examples import (
    GONE,
    HOSTILE,
    articles_feed,
    digests_feed,
    hostile_article,
    make_digest,
    make_entry,
    make_feed,
)

from newsletter.feeds.atom import write
from newsletter.feeds.build import (
    STYLE,
    archive_feed,
    article_entry,
    articles_head,
    live_feed,
    newsletter_head,
    notices_head,
    tombstone,
    topic_head,
)
from newsletter.feeds.style import style
from newsletter.model import (
    Article,
    Entry,
    EntryFacts,
    Facts,
    IssueDate,
    NoticeItem,
    Origin,
    Precision,
    Rating,
    Site,
    Status,
    Topic,
)
from newsletter.templating import Templates
from newsletter.words import ENGLISH

SITE = make_site(base_url="https://example.org/digest")
TEMPLATES = Templates()
DAY = timedelta(days=1)
DISCLAIMER = "These summaries explain research in plain words. They are not medical advice."


def entry_of(article: Article, site: Site = SITE) -> Entry:
    (entry,) = articles_feed([article], [], site, TEMPLATES).entries
    return entry


def retracted(**changes: object) -> Article:
    article = make_article(
        credibility=4, facts=Facts(status=Status.RETRACTED, notice="The data were wrong.", source_url=None)
    )
    return replace(article, **changes)  # type: ignore[arg-type]  # any field


# -- articles ---------------------------------------------------------------------------------------------------------


def test_the_feed_says_whose_it_is() -> None:
    feed = articles_feed([make_article()], [], SITE, TEMPLATES)
    assert feed.id == "tag:example.org,2026:feed/articles"
    assert (feed.address, feed.home) == ("https://example.org/digest/feeds/articles", "https://example.org/digest/")
    assert (feed.title, feed.home_title, feed.author) == (SITE.title, SITE.title, SITE.author)
    assert feed.subtitle == f"{SITE.description} {DISCLAIMER}"
    assert (feed.author_email, feed.language) == ("editors@example.org", "en")


def test_a_contact_that_is_a_page_is_no_address() -> None:
    assert articles_feed([], [], make_site(contact="https://example.org/@us"), TEMPLATES).author_email == ""


@pytest.mark.parametrize(
    ("tag_date", "beginning"),
    [("2026", (2026, 1, 1)), ("2026-08", (2026, 8, 1)), ("2026-08-02", (2026, 8, 2))],
)
def test_an_empty_feed_was_updated_when_the_site_began(tag_date: str, beginning: tuple[int, int, int]) -> None:
    feed = articles_feed([], [], make_site(tag_date=tag_date), TEMPLATES)
    assert feed.updated == datetime(*beginning, tzinfo=UTC)
    assert problems(write(feed)) == []


def test_the_last_changed_stands_first_and_dates_the_feed() -> None:
    old, new = make_article("a"), make_article("b")
    changed = replace(old, updated=new.updated + DAY)
    feed = articles_feed([new, changed], [], SITE, TEMPLATES)
    assert [entry.id for entry in feed.entries] == [changed.id, new.id]
    assert feed.updated == changed.updated
    assert feed == articles_feed([changed, new], [], SITE, TEMPLATES)


def test_an_entry_is_the_whole_article() -> None:
    article = make_article(
        credibility=4,
        interest=Rating(value=2.5),
        journal="medRxiv : the preprint server for health sciences",
        facts=Facts(
            issue_date=IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH), doi="10.1000/a(1)", pmid="7"
        ),
    )
    entry = entry_of(article)
    assert (entry.id, entry.title, entry.summary) == (article.id, article.title, article.summary.key_takeaway)
    assert (entry.published, entry.updated) == (article.published, article.updated)
    text = html.unescape(entry.content)
    summary = article.summary
    parts = [
        summary.key_takeaway,
        "Credibility: 4 out of 5",
        "Interest: 2.5 out of 5",
        *summary.what_they_found,
        *summary.who_should_care,
        *summary.considerations,
        "Study published in: medRxiv (Preprint: not yet peer reviewed)",
        "Study issue date: December 2026",
        "DOI: 10.1000/a(1)",
        "PubMed ID: 7",
        "Summary added: 17 November 2026",
        "Topics: fatigue; walking",
        "It is not medical advice.",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "More Details" not in text


def test_topics_are_categories_once_each() -> None:
    entry = entry_of(make_article(topics=("fatigue", "walking", "fatigue")))
    assert [(each.term, each.label, each.scheme) for each in entry.categories] == [
        ("fatigue", "fatigue", "tag:example.org,2026:topic"),
        ("walking", "walking", "tag:example.org,2026:topic"),
    ]


@pytest.mark.parametrize(
    ("facts", "study"),
    [
        (Facts(), None),
        (Facts(source_url="https://example.com/a?b=1&c='2'"), "https://example.com/a?b=1&c='2'"),
        (Facts(source_url="https://example.com/a", doi="10.1000/1"), "https://example.com/a"),
        (Facts(doi="10.1000/1(2)<3>"), "https://doi.org/10.1000/1%282%29%3C3%3E"),
        (Facts(source_url="javascript:alert(1)"), None),
        (Facts(source_url="https://example.com/ a b"), None),
        (Facts(source_url="/relative", doi="10.1000/1"), "https://doi.org/10.1000/1"),
    ],
)
def test_the_study_is_linked_when_it_is_known(facts: Facts, study: str | None) -> None:
    entry = entry_of(make_article(facts=facts))
    page, *rest = entry.links
    assert (page.rel, page.type, page.href) == (
        "alternate",
        "text/html",
        "https://example.org/digest/articles/short-walks/",
    )
    assert [(link.rel, link.href) for link in rest] == ([("via", study)] if study else [])
    assert ("Read the study" in entry.content) is bool(study)
    assert study is None or study in html.unescape(entry.content)


def test_a_retracted_article_says_so_before_anything_else() -> None:
    entry = entry_of(retracted())
    assert entry.title == "Retracted: Short Walks and Tiredness in MS"
    assert entry.links[0].title == entry.title
    assert entry.summary == "The data were wrong."
    notice, findings = entry.content.index("The data were wrong."), entry.content.index("<details>")
    assert notice < findings < entry.content.index("felt less tired") < entry.content.index("</details>")
    assert "out of 5" not in entry.content
    assert "without talking with your care team" in entry.content


def test_a_title_says_only_once_that_a_study_is_retracted() -> None:
    article = make_article(title="RETRACTED: Short Walks", status=Status.RETRACTED)
    assert entry_of(article).title == "RETRACTED: Short Walks"


@pytest.mark.parametrize(
    ("status", "title", "words"),
    [
        (Status.CORRECTED, "Short Walks and Tiredness in MS", "Correction, 18 November 2026."),
        (
            Status.CONCERN,
            "Expression of concern: Short Walks and Tiredness in MS",
            "Expression of concern, 18 November",
        ),
    ],
)
def test_a_correction_or_concern_stands_before_the_findings(status: Status, title: str, words: str) -> None:
    facts = Facts(status=status, status_date=datetime(2026, 11, 18, 9, tzinfo=UTC))
    entry = entry_of(make_article(credibility=4, facts=facts))
    assert entry.title == title
    assert entry.content.index(words) < entry.content.index("Key takeaway")
    assert "Credibility: 4 out of 5" in entry.content
    assert entry.summary == make_article().summary.key_takeaway


def test_a_withdrawn_article_has_no_entry() -> None:
    assert articles_feed([make_article(status=Status.WITHDRAWN)], [], SITE, TEMPLATES).entries == ()


def test_a_revised_article_says_when_it_changed() -> None:
    article = make_article()
    assert "last changed" not in entry_of(article).content
    assert "last changed: 19 November 2026" in entry_of(replace(article, updated=article.updated + 2 * DAY)).content


def test_only_the_month_is_shown_where_only_the_month_is_known() -> None:
    assert "Summary added: November 2026" in entry_of(make_article(published_precision=Precision.MONTH)).content


@pytest.mark.parametrize(
    ("journal", "shown"),
    [
        ("Multiple sclerosis (Houndmills, Basingstoke, England)", "Multiple sclerosis"),
        ("Heart & lung : the journal of critical care", "Heart & lung"),
        ("(Odd)", "(Odd)"),
        ("Cells", "Cells"),
    ],
)
def test_journals_are_named_as_people_say_them(journal: str, shown: str) -> None:
    assert f"Study published in: {shown}\n" in html.unescape(entry_of(make_article(journal=journal)).content).replace(
        "</li>", "\n"
    )


def test_an_article_of_which_little_is_known_is_whole_all_the_same() -> None:
    content = entry_of(make_article(journal=None, topics=())).content
    assert "published in" not in content
    assert "Topics" not in content
    assert content.count("Not rated") == 2


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_articles_make_valid_feeds(text: str) -> None:
    feed = articles_feed(
        [hostile_article(text=text), make_article(updated=make_article().updated + DAY)], [], SITE, TEMPLATES
    )
    xml = write(feed)
    assert problems(xml) == []
    assert "<script" not in feed.entries[1].content


# -- digests ----------------------------------------------------------------------------------------------------------


def test_an_entry_is_the_whole_digest_in_order() -> None:
    newsletter = make_newsletter(full_items=3)
    articles = [
        make_article("monday", title="Of Monday", published=datetime(2026, 11, 16, 9, tzinfo=UTC), credibility=5),
        make_article("friday", title="Of Friday", published=datetime(2026, 11, 20, 9, tzinfo=UTC), credibility=4),
        make_article("late", title="Of October", published=datetime(2026, 10, 1, 9, tzinfo=UTC), credibility=4),
        make_article("more", title="Of Sunday", published=datetime(2026, 11, 22, 9, tzinfo=UTC), credibility=1),
    ]
    told = make_article("told", title="An Old Claim", status=Status.RETRACTED)
    notice = NoticeItem(notice=make_notice(told, status=Status.RETRACTED, text="It was wrong."), article=told)
    digest = make_digest(*articles, newsletter=newsletter, notices=(notice,), catch_up=True)
    feed = digests_feed(newsletter, [digest], SITE, TEMPLATES)
    (entry,) = feed.entries
    assert (feed.id, feed.title) == ("tag:example.org,2026:feed/newsletters/caregiver-weekly", newsletter.title)
    assert feed.address == "https://example.org/digest/feeds/newsletters/caregiver-weekly"
    assert entry.id == "tag:example.org,2026:digest/caregiver-weekly/2026-W47"
    assert entry.title == "Caregiver Weekly: 16 to 22 November 2026"
    assert entry.summary == "In this digest: Retracted: An Old Claim; Of Friday; Of Monday; Of October; Of Sunday"
    assert entry.links[0].href == "https://example.org/digest/digests/caregiver-weekly/2026-W47/"
    parts = [
        "covers a longer time than usual",
        "Corrections and notices",
        "Retracted: An Old Claim",
        "It was wrong.",
        "Friday 20 November 2026",
        "Of Friday",
        "Monday 16 November 2026",
        "Of Monday",
        "Also new to us",
        "Of October",
        "More new summaries",
        "Of Sunday",
        "not medical advice",
    ]
    places = [entry.content.index(part) for part in parts]
    assert places == sorted(places)
    assert entry.content.count("Important considerations") == 3
    assert "id=" not in entry.content
    assert problems(write(feed)) == []


def test_an_empty_digest_has_no_entry() -> None:
    assert digests_feed(make_newsletter(), [make_digest()], SITE, TEMPLATES).entries == ()


def test_a_digest_of_notices_alone_has_one() -> None:
    told = make_article(status=Status.CORRECTED)
    digest = make_digest(notices=(NoticeItem(notice=make_notice(told), article=told),))
    (entry,) = digests_feed(make_newsletter(), [digest], SITE, TEMPLATES).entries
    assert entry.summary == "In this digest: Correction: Short Walks and Tiredness in MS"
    assert entry.updated == entry.published == digest.planned.due_at


def test_a_withdrawn_article_is_named_but_not_linked() -> None:
    gone = make_article(status=Status.WITHDRAWN)
    digest = make_digest(notices=(NoticeItem(notice=make_notice(gone, status=Status.WITHDRAWN), article=gone),))
    (entry,) = digests_feed(make_newsletter(), [digest], SITE, TEMPLATES).entries
    assert "Withdrawn: Short Walks" in entry.content
    assert "<a " not in entry.content


def test_the_last_due_digest_stands_first_even_where_an_older_one_was_corrected() -> None:
    newsletter = make_newsletter()
    older = make_article(
        "older", published=datetime(2026, 11, 10, 9, tzinfo=UTC), updated=datetime(2026, 12, 1, tzinfo=UTC)
    )
    first = make_digest(older, period="2026-W46", due_at=datetime(2026, 11, 16, 6, tzinfo=UTC))
    second = make_digest(make_article("newer"))
    feed = digests_feed(newsletter, [first, second], SITE, TEMPLATES)
    assert [entry.published for entry in feed.entries] == [second.planned.due_at, first.planned.due_at]
    assert feed.entries[0].updated == second.planned.due_at
    assert feed.updated == feed.entries[1].updated > older.updated
    assert problems(write(feed)) == []


def test_no_two_digests_share_their_updated_even_where_an_article_changed_as_another_was_due() -> None:
    second = make_digest(make_article("newer"))
    older = make_article("older", published=datetime(2026, 11, 10, 9, tzinfo=UTC), updated=second.planned.due_at)
    first = make_digest(older, period="2026-W46", due_at=datetime(2026, 11, 16, 6, tzinfo=UTC))
    feed = digests_feed(make_newsletter(), [first, second], SITE, TEMPLATES)
    assert len({entry.updated for entry in feed.entries}) == 2
    alone = digests_feed(make_newsletter(), [first], SITE, TEMPLATES).entries[0]
    assert alone == feed.entries[1], "an entry must not hang on what else is in the feed"


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("2026-11-20", "20 November 2026"),
        ("2026-W47", "16 to 22 November 2026"),
        ("2026-W40", "28 September to 4 October 2026"),
        ("2026-W53", "28 December 2026 to 3 January 2027"),
        ("2026-11", "1 to 30 November 2026"),
    ],
)
def test_the_title_names_the_days(period: str, days: str) -> None:
    old = make_article(published=datetime(2026, 1, 1, tzinfo=UTC))
    (entry,) = digests_feed(make_newsletter(), [make_digest(old, period=period)], SITE, TEMPLATES).entries
    assert entry.title == f"Caregiver Weekly: {days}"


def test_hostile_articles_make_valid_digests() -> None:
    digest = make_digest(*(hostile_article(f"a{number}", text) for number, text in enumerate(HOSTILE)))
    feed = digests_feed(make_newsletter(), [digest], SITE, TEMPLATES)
    assert problems(write(feed)) == []
    assert "<script" not in feed.entries[0].content


# -- notices ----------------------------------------------------------------------------------------------------------


def test_a_notice_is_an_entry_of_its_own_beside_the_changed_article() -> None:
    article = make_article(facts=Facts(status=Status.RETRACTED, notice="The numbers were wrong."))
    notice = make_notice(article, status=Status.RETRACTED, text="The <numbers> were wrong.")
    feed = articles_feed([article], [NoticeItem(notice=notice, article=article)], SITE, TEMPLATES)
    told, changed = sorted(feed.entries, key=lambda entry: entry.id != notice.id)
    assert (told.id, told.published) == (notice.id, notice.published)
    assert told.title == f"Retracted: {article.title}"
    assert "The &lt;numbers&gt; were wrong." in told.content
    assert {link.rel for link in told.links} == {"alternate", "related"}
    assert changed.id == article.id
    assert told.updated != changed.updated
    assert problems(write(feed)) == []


def test_a_notice_of_a_withdrawn_article_leads_to_no_dead_page() -> None:
    article = make_article(status=Status.WITHDRAWN)
    notice = make_notice(article, status=Status.WITHDRAWN)
    (told,) = articles_feed([article], [NoticeItem(notice=notice, article=article)], SITE, TEMPLATES).entries
    assert article.slug not in told.content
    assert [link.href for link in told.links] == [SITE.url()]


# -- facts ------------------------------------------------------------------------------------------------------------


def test_facts_are_those_of_the_article() -> None:
    issue = IssueDate(day=date(2026, 12, 1), precision=Precision.MONTH)
    article = make_article(credibility=4, interest=2, facts=Facts(issue_date=issue, doi="10.1000/1", pmid="7"))
    assert entry_of(article).facts == EntryFacts(
        credibility=Rating(value=4),
        interest=Rating(value=2),
        journal="Journal of Examples",
        issue_date=issue,
        doi="10.1000/1",
        pmid="7",
        status=Status.OK,
    )


def test_a_retracted_study_is_rated_for_nobody() -> None:
    facts = entry_of(retracted()).facts
    assert facts is not None
    assert (facts.credibility, facts.interest, facts.status) == (None, None, Status.RETRACTED)


def test_an_entry_depends_on_its_article_alone() -> None:
    article, other = make_article("a"), make_article("b", updated=make_article().updated + DAY)
    alone = article_entry(article, SITE, TEMPLATES)
    assert alone in articles_feed([article, other], [], SITE, TEMPLATES).entries


# -- tombstones -------------------------------------------------------------------------------------------------------


def test_a_tombstone_says_when_and_why_and_is_not_older_than_the_entry() -> None:
    """Else a reader of RFC 6721 keeps the entry."""
    said = Facts(status=Status.WITHDRAWN, notice="Taken\n  down.", status_date=datetime(2026, 11, 1, tzinfo=UTC))
    article = make_article(facts=said, updated=datetime(2026, 11, 19, tzinfo=UTC))
    gone = tombstone(article, ENGLISH)
    assert (gone.ref, gone.when, gone.comment) == (article.id, article.updated, "Taken down.")
    assert tombstone(make_article(status=Status.WITHDRAWN), ENGLISH).comment == (
        "We have taken this summary back. Do not rely on it."
    )


# -- heads ------------------------------------------------------------------------------------------------------------


TOPIC = Topic(slug="fatigue", name="Fatigue", articles=2)
HEADS = {
    "articles": articles_head(SITE, TEMPLATES),
    "notices": notices_head(SITE, TEMPLATES),
    "topics/fatigue": topic_head(TOPIC, SITE, TEMPLATES),
    "newsletters/caregiver-weekly": newsletter_head(make_newsletter(), SITE, TEMPLATES),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_feed_is_named_by_its_place(name: str) -> None:
    head = HEADS[name]
    assert (head.name, head.id) == (f"feeds/{name}", f"tag:example.org,2026:feed/{name}")
    assert head.subtitle.endswith(DISCLAIMER)


def test_no_two_feeds_share_a_title() -> None:
    assert len({head.title for head in HEADS.values()}) == len(HEADS)


def test_a_topic_has_a_page_and_takes_its_entries_from_all_articles() -> None:
    head = HEADS["topics/fatigue"]
    assert (head.title, head.home) == (f"{SITE.title}: Fatigue", "https://example.org/digest/topics/fatigue/")
    origin = Origin(
        id="tag:example.org,2026:feed/articles", title=SITE.title, address="https://example.org/digest/feeds/articles"
    )
    assert head.origin == origin == HEADS["notices"].origin
    assert HEADS["articles"].origin is None
    assert HEADS["newsletters/caregiver-weekly"].origin is None


def test_a_title_is_one_line() -> None:
    assert articles_head(make_site(title="Two\nlines", description="a\n b"), TEMPLATES).title == "Two lines"


MOMENTS = (datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))


def test_a_live_document_without_archives_is_complete() -> None:
    feed = live_feed(HEADS["articles"], MOMENTS, SITE, previous=None, hub=None)
    assert (feed.complete, feed.current, feed.previous, feed.following) == (True, None, None, None)
    assert (feed.updated, feed.entries) == (MOMENTS[1], ())


def test_a_live_document_with_archives_leads_to_the_newest() -> None:
    gone = tombstone(make_article(status=Status.WITHDRAWN), ENGLISH)
    previous = SITE.url("feeds/articles/2026-10")
    feed = live_feed(
        HEADS["articles"], MOMENTS, SITE, previous=previous, hub="https://hub.example.org/", tombstones=(gone,)
    )
    assert (feed.complete, feed.previous, feed.hub) == (False, previous, "https://hub.example.org/")
    assert feed.tombstones == (gone,)


def test_an_archive_document_has_its_own_address_and_the_live_one_s_id() -> None:
    following = SITE.url("feeds/articles/2026-11")
    feed = archive_feed(HEADS["articles"], MOMENTS, SITE, name="2026-10-2", previous=None, following=following)
    assert feed.id == HEADS["articles"].id
    assert feed.address == "https://example.org/digest/feeds/articles/2026-10-2"
    assert (feed.current, feed.following) == ("https://example.org/digest/feeds/articles", following)
    assert (feed.complete, feed.previous, feed.hub, feed.tombstones) == (False, None, None, ())


@pytest.mark.parametrize("name", HEADS)
def test_documents_of_every_feed_are_valid(name: str) -> None:
    entries = (entry_of(make_article(credibility=4, facts=Facts(doi="10.1000/1"))),)
    moments = [entry.updated for entry in entries]
    following = SITE.url(f"feeds/{name}/2026-12")
    for feed in (
        live_feed(HEADS[name], moments, SITE, previous=None, hub=None),
        live_feed(HEADS[name], moments, SITE, previous=following, hub="https://hub.example.org/"),
        archive_feed(HEADS[name], moments, SITE, name="2026-11", previous=None, following=following),
    ):
        assert problems(write(replace(feed, entries=entries))) == []


def test_the_style_sheet_loads_nothing_and_leads_nowhere() -> None:
    sheet = style(TEMPLATES).decode()
    assert "feed > entry" in sheet
    assert not re.search(r"url\(|@import|@font-face|https?:", sheet)
    assert live_feed(HEADS["articles"], (), SITE, previous=None, hub=None).style == SITE.url(STYLE)


# -- the nouns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(make_entry(), updated=datetime.fromisoformat("2026-11-20T09:00:00")),
        lambda: replace(make_feed(), updated=datetime.fromisoformat("2026-11-20T09:00:00+01:00")),
        lambda: replace(GONE, when=datetime.fromisoformat("2026-11-20T09:00:00")),
        lambda: replace(make_entry(), id=""),
        lambda: replace(make_feed(), address=" "),
        lambda: Origin(id="tag:example.org,2026:a", title="", address=""),
        lambda: replace(GONE, ref=""),
    ],
)
def test_what_no_format_could_write_cannot_be_made(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="is required"):
        make()
