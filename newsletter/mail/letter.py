"""A digest as the words of one letter, before any format: what the HTML part and the text part both say.

Both parts are written from this and from nothing else, so they carry the same articles in the same order. Everything is
clean text: no control character, no lone surrogate, no link that is not a web link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from newsletter.mail import wording
from newsletter.model import Article, Audience, Digest, Item, NoticeItem, Rating, Site, Status
from newsletter.templating import issue_words, local_date, long_date, rating_words, short_date, status_words

_RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BROKEN = re.compile(r"[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_FINDINGS_GONE = frozenset({Status.RETRACTED, Status.WITHDRAWN})
_WEB_LINK = re.compile(r"https?://[^\s<>\"'\\]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A labelled fact about a study. `url` is empty where there is nothing to open."""

    label: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemText:
    """An article as this letter tells it. `url` is empty for one that is gone from the site; so may any text be."""

    number: int
    title: str
    url: str
    notice_label: str
    notice: str
    takeaway_heading: str
    takeaway: str
    advice_heading: str
    advice: tuple[str, ...]
    care: str
    caveat: tuple[str, ...]
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Items under one heading: a publication date, or "Also new to us"."""

    heading: str
    items: tuple[ItemText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeText:
    """A notice as this letter tells it."""

    title: str
    url: str
    date: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleText:
    """An article of which only the title is told."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Everything that one mailing says. `unsubscribe_url` is a mark, put in the place of each recipient's link."""

    language: str
    direction: str
    subject: str
    preheader: str
    title: str
    publisher: str
    about_summaries: str
    period: str
    reading: str
    contents: tuple[str, ...]
    notices: tuple[NoticeText, ...]
    sections: tuple[Section, ...]
    titles: tuple[TitleText, ...]
    rest: str
    web_url: str
    unsubscribe_url: str
    reason: str
    sender: str
    postal_address: tuple[str, ...]
    contact: str
    contact_url: str


def write_letter(digest: Digest, site: Site, *, unsubscribe_url: str) -> Letter:
    """The letter of a digest. Pure: the same digest and site give the same letter."""
    newsletter = digest.newsletter
    sections = tuple(_sections(digest, site))
    notices = tuple(_notice(item, site, newsletter.zone) for item in digest.notices)
    shown = digest.titles[: newsletter.title_items]
    titles = tuple(TitleText(title=clean(wording.article_heading(a)), url=_article_url(a, site)) for a in shown)
    hidden = len(digest.titles) - len(shown)
    items = [item for section in sections for item in section.items]
    return Letter(
        language=site.language,
        direction="rtl" if site.language.partition("-")[0].casefold() in _RIGHT_TO_LEFT else "ltr",
        subject=wording.subject(digest),
        preheader=clean(wording.preheader(digest)),
        title=clean(newsletter.title),
        publisher=clean(site.title),
        about_summaries=wording.ABOUT_SUMMARIES,
        period=wording.period_words(digest),
        reading=wording.reading_words(digest, _words(items, notices, titles)),
        contents=(*(notice.title for notice in notices), *(item.title for item in items)),
        notices=notices,
        sections=sections,
        titles=titles,
        rest=wording.rest_words(hidden) if hidden else "",
        web_url=site.digest_url(newsletter.slug, digest.planned.period),
        unsubscribe_url=unsubscribe_url,
        reason=f"You get this email because you asked for {clean(newsletter.title)}.",
        sender=clean(f"Sent by {site.author}, {site.title}."),
        postal_address=tuple(clean(line) for line in site.postal_address.splitlines() if clean(line)),
        contact=clean(site.contact),
        contact_url=site.contact if "://" in site.contact else f"mailto:{quote(site.contact, safe='@')}",
    )


def clean(text: str) -> str:
    """Text that any mail reader can show: control characters become a space, broken ones U+FFFD."""
    return _BROKEN.sub("\ufffd", re.sub(" {2,}", " ", _UNREADABLE.sub(" ", text))).strip()


def _sections(digest: Digest, site: Site) -> Iterator[Section]:
    """The days in order, then the late items. Items are numbered through the whole letter."""
    groups = [(long_date(day.date), day.items) for day in digest.days]
    if digest.late:
        groups.append((wording.LATE_HEADING, digest.late))
    number = 1
    for heading, items in groups:
        told = tuple(_item(item, number + place, digest.newsletter.audience, site) for place, item in enumerate(items))
        yield Section(heading=heading, items=told)
        number += len(items)


def _notice(item: NoticeItem, site: Site, zone: str) -> NoticeText:
    status = item.notice.status
    return NoticeText(
        title=clean(wording.article_heading(item.article, status)),
        url="" if status is Status.WITHDRAWN else _article_url(item.article, site),
        date=short_date(local_date(item.notice.published, zone)),
        text=clean(item.notice.text),
    )


def _item(item: Item, number: int, audience: Audience, site: Site) -> ItemText:
    """What content and audience decide; the findings of a retracted study are not told again."""
    article = item.article
    told = article.status not in _FINDINGS_GONE
    advice = item.advice if told else ()
    heading = wording.advice_heading(audience, found=bool(advice)) if told else ""
    caveat = article.summary.considerations if audience is Audience.CLINICIAN else item.caveat
    return ItemText(
        number=number,
        title=clean(wording.article_heading(article)),
        url=_article_url(article, site),
        notice_label=status_words(article.status),
        notice=clean(wording.notice_text(article)),
        takeaway_heading="" if advice else heading,
        takeaway=clean(article.summary.key_takeaway) if told else "",
        advice_heading=heading if advice else "",
        advice=tuple(clean(sentence) for sentence in advice),
        care=wording.CARE if told and audience is Audience.PERSON_WITH_MS else "",
        caveat=tuple(clean(sentence) for sentence in caveat or article.summary.considerations),
        details=tuple(_details(article, audience)),
    )


def _details(article: Article, audience: Audience) -> Iterator[Detail]:
    summary, facts = article.summary, article.facts
    if article.status not in _FINDINGS_GONE:
        yield _rating("Credibility", summary.credibility)
        yield _rating("Interest", summary.interest)
    if summary.journal:
        yield Detail(label="Study published in", text=clean(wording.journal_words(summary.journal)))
    if facts.issue_date:
        yield Detail(label="Study issue date", text=issue_words(facts.issue_date))
    if summary.topics:
        yield Detail(label="Topics", text=clean("; ".join(summary.topics)))
    if audience is Audience.CLINICIAN:
        yield from _study(article)


def _rating(label: str, rating: Rating | None) -> Detail:
    return Detail(label=label, text=rating_words(rating))


def _study(article: Article) -> Iterator[Detail]:
    """Where the study itself can be found, as far as the article says."""
    facts = article.facts
    if facts.doi:
        doi = clean(facts.doi)
        yield Detail(label="Study", text=f"doi:{doi}", url=f"https://doi.org/{quote(doi, safe='/():;.')}")
    elif facts.source_url and _WEB_LINK.fullmatch(facts.source_url):
        yield Detail(label="Study", text=f"The study behind “{clean(article.title)}”", url=facts.source_url)
    if facts.pmid:
        yield Detail(label="PubMed ID", text=clean(facts.pmid))


def _article_url(article: Article, site: Site) -> str:
    """A withdrawn article has no page any more."""
    return "" if article.status is Status.WITHDRAWN else site.article_url(article.slug)


def _words(items: list[ItemText], notices: tuple[NoticeText, ...], titles: tuple[TitleText, ...]) -> int:
    """How many words somebody reads who reads it all but the details."""
    texts = [text for item in items for text in (item.title, item.notice, item.takeaway, *item.advice, *item.caveat)]
    texts += [text for notice in notices for text in (notice.title, notice.text)]
    texts += [title.title for title in titles]
    return sum(len(text.split()) for text in texts)
