"""A digest as the words of one letter, before any format: what the HTML part and the text part both say.

Both parts are written from this and from nothing else, so they carry the same articles in the same order. Everything is
clean text: no control character, no lone surrogate, no link that is not a web link.

Each part of a letter that hangs on articles carries a `mask`: bit n stands for article n in the order of reading, items
first, then titles. A part is told where one of its articles is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import quote

from newsletter.audience import sentences
from newsletter.mail import wording
from newsletter.model import Article, Audience, Digest, Edition, Item, NoticeItem, Rating, Site, Status
from newsletter.templating import (
    heading_words,
    issue_words,
    journal_words,
    local_date,
    notice_words,
    rating_shape,
    rating_words,
    status_words,
)
from newsletter.words import ENGLISH, Words

_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BROKEN = re.compile(r"[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_FINDINGS_GONE = frozenset({Status.RETRACTED, Status.WITHDRAWN})
_WEB_LINK = re.compile(r"https?://[^\s<>\"'\\]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A labelled fact about a study. `url` is empty where there is nothing to open.

    `shape` shows a rating beside its words; it is for the eye alone.
    """

    label: str
    text: str
    url: str = ""
    shape: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemText:
    """An article as this letter tells it. `url` is empty for one that is gone from the site; so may any text be.

    Takeaway, advice and caveat are sentences. A `brief` item has its takeaway, its caveat and its link, and no more.
    """

    mask: int
    number: int
    brief: bool
    title: str
    url: str
    notice_label: str
    notice: str
    takeaway_heading: str
    takeaway: tuple[str, ...]
    advice_heading: str
    advice: tuple[str, ...]
    care: str
    caveat: tuple[str, ...]
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Items under one heading: a publication date, or "Also new to us"."""

    mask: int
    heading: str
    items: tuple[ItemText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeText:
    """A notice as this letter tells it. It is for everybody."""

    title: str
    url: str
    date: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleText:
    """An article of which only the title is told. In a table of contents there is no link."""

    mask: int
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dress:
    """What every email of ours says, whatever it is about. `unsubscribe_url` may be a mark, or empty.

    `words` are those that it is written in, `site_language` is the language of the articles and of the operator's texts.
    """

    words: Words
    site_language: str
    subject: str
    preheader: str
    title: str
    publisher: str
    unsubscribe_url: str
    reason: str
    sender: str
    postal_address: tuple[str, ...]
    contact: str
    contact_url: str
    privacy_url: str

    @property
    def language(self) -> str:
        """The language of our words."""
        return self.words.language

    @property
    def direction(self) -> str:
        return self.words.direction

    @property
    def change_url(self) -> str:
        """Where somebody asks for a link to their preferences: the email holds none, for it may be forwarded."""
        return self.unsubscribe_url and f"{self.unsubscribe_url}#change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter(Dress):
    """Everything that one digest says to one audience in one edition."""

    edition: Edition
    opening: str
    about_summaries: str
    period: str
    counts: str
    reading: str
    contents: tuple[TitleText, ...]
    contents_mask: int
    notices: tuple[NoticeText, ...]
    sections: tuple[Section, ...]
    titles: tuple[TitleText, ...]
    titles_mask: int
    rest: str
    rest_mask: int
    web_url: str

    @property
    def items(self) -> tuple[ItemText, ...]:
        return tuple(item for section in self.sections for item in section.items)


def write_letter(
    digest: Digest,
    site: Site,
    *,
    unsubscribe_url: str,
    words: Words = ENGLISH,
    edition: Edition = Edition.STANDARD,
    brief: Collection[str] = (),
    most_titles: int | None = None,
) -> Letter:
    """The letter of a digest in `words`. Pure: the same digest and site give the same letter.

    `brief` are ids of articles that are told briefly, for want of room. `most_titles` is the newsletter's own number
    where it is not given.
    """
    newsletter = digest.newsletter
    told = {item.article.id for item in digest.items} if edition is Edition.COMPACT else brief
    sections = tuple(_sections(digest, site, words, told))
    items = [item for section in sections for item in section.items]
    notices = tuple(_notice(item, site, words, newsletter.zone) for item in digest.notices)
    every = tuple(_title(article, len(items) + place, site, words) for place, article in enumerate(digest.titles))
    titles = every[: newsletter.title_items if most_titles is None else most_titles]
    hidden = len(every) - len(titles)
    first = next(iter((*(item.article for item in digest.items), *digest.titles)), None)
    number = len(items) + len(every)
    return Letter(
        **dress(
            site,
            words,
            subject=wording.subject(words, digest, number),
            preheader=clean(wording.preheader(words, digest, first)),
            title=newsletter.title,
            unsubscribe_url=unsubscribe_url,
        ),
        edition=edition,
        opening=clean(wording.opening(words, digest, first)),
        about_summaries=words.gettext(wording.ABOUT_SUMMARIES),
        period=wording.period_words(words, digest),
        counts=wording.counts_sentence(words, digest, number),
        reading=wording.reading_words(words, wording.minutes(words_of(*notices, *items, *titles))),
        contents=(*(TitleText(mask=0, title=told.title) for told in notices), *map(_contents_line, items)),
        contents_mask=0 if notices else (1 << len(items)) - 1,
        notices=notices,
        sections=sections,
        titles=titles,
        titles_mask=(1 << number) - (1 << len(items)),
        rest=wording.rest_words(words, hidden) if hidden else "",
        rest_mask=1 << number,
        web_url=site.digest_url(newsletter.slug, digest.planned.period),
    )


class DressFields(TypedDict):
    """The fields of a Dress, for what inherits them."""

    words: Words
    site_language: str
    subject: str
    preheader: str
    title: str
    publisher: str
    unsubscribe_url: str
    reason: str
    sender: str
    postal_address: tuple[str, ...]
    contact: str
    contact_url: str
    privacy_url: str


def dress(
    site: Site, words: Words, *, subject: str, preheader: str, title: str, unsubscribe_url: str, reason: str = ""
) -> DressFields:
    """What every email says; `title` is the newsletter's, `reason` why somebody gets it, if not as a subscriber."""
    return DressFields(
        words=words,
        site_language=site.language,
        subject=subject,
        preheader=preheader,
        title=clean(title),
        publisher=clean(site.title),
        unsubscribe_url=unsubscribe_url,
        reason=reason or wording.reason(words, clean(title)),
        sender=clean(wording.sent_by(words, site.author, site.title)),
        postal_address=tuple(clean(line) for line in site.postal_address.splitlines() if clean(line)),
        contact=clean(site.contact),
        contact_url=site.contact if "://" in site.contact else f"mailto:{quote(site.contact, safe='@')}",
        privacy_url=site.privacy,
    )


def clean(text: str) -> str:
    """Text that any mail reader can show: control characters become a space, broken ones U+FFFD."""
    return _BROKEN.sub("\ufffd", re.sub(" {2,}", " ", _UNREADABLE.sub(" ", text))).strip()


def words_of(*parts: ItemText | NoticeText | TitleText) -> int:
    """How many words somebody reads who reads these, details left out."""
    return sum(len(text.split()) for part in parts for text in _texts(part))


def _texts(part: ItemText | NoticeText | TitleText) -> tuple[str, ...]:
    match part:
        case ItemText():
            return (part.title, part.notice, *part.takeaway, *part.advice, *part.caveat)
        case NoticeText():
            return (part.title, part.text)
        case _:
            return (part.title,)


def _contents_line(item: ItemText) -> TitleText:
    return TitleText(mask=item.mask, title=item.title)


def _title(article: Article, place: int, site: Site, words: Words) -> TitleText:
    return TitleText(mask=1 << place, title=_heading(words, article), url=_article_url(article, site))


def _sections(digest: Digest, site: Site, words: Words, brief: Collection[str]) -> Iterator[Section]:
    """The days in order, then the late items. Items are numbered through the whole letter."""
    groups = [(words.long_date(day.date), day.items) for day in digest.days]
    if digest.late:
        groups.append((words.gettext(wording.LATE_HEADING), digest.late))
    place, audience = 0, digest.newsletter.audience
    for heading, items in groups:
        told = tuple(
            _item(item, place + offset, audience, site, words, brief=item.article.id in brief)
            for offset, item in enumerate(items)
        )
        yield Section(mask=(1 << place + len(items)) - (1 << place), heading=heading, items=told)
        place += len(items)


def _notice(item: NoticeItem, site: Site, words: Words, zone: str) -> NoticeText:
    status = item.notice.status
    return NoticeText(
        title=_heading(words, item.article, status),
        url="" if status is Status.WITHDRAWN else _article_url(item.article, site),
        date=words.short_date(local_date(item.notice.published, zone)),
        text=clean(item.notice.text),
    )


def _item(item: Item, place: int, audience: Audience, site: Site, words: Words, *, brief: bool) -> ItemText:
    """What content and audience decide; the findings of a retracted study are not told again."""
    article = item.article
    told = article.status not in _FINDINGS_GONE
    advice = item.advice if told and not brief else ()
    heading = wording.advice_heading(words, audience, found=bool(advice)) if told and not brief else ""
    whole = audience is Audience.CLINICIAN and not brief
    return ItemText(
        mask=1 << place,
        number=place + 1,
        brief=brief,
        title=_heading(words, article),
        url=_article_url(article, site),
        notice_label=status_words(words, article.status),
        notice=clean(notice_words(words, article)),
        takeaway_heading="" if advice else heading,
        takeaway=_sentences((article.summary.key_takeaway,)) if told else (),
        advice_heading=heading if advice else "",
        advice=_sentences(advice),
        care=words.gettext(wording.CARE) if told and audience is Audience.PERSON_WITH_MS else "",
        caveat=_sentences((not whole and item.caveat) or article.summary.considerations),
        details=() if brief else tuple(_details(words, article, audience)),
    )


def _sentences(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(clean(sentence) for text in texts for sentence in sentences(text))


def _details(words: Words, article: Article, audience: Audience) -> Iterator[Detail]:
    summary, facts = article.summary, article.facts
    if article.status not in _FINDINGS_GONE:
        yield _rating(words, wording.CREDIBILITY, summary.credibility)
        yield _rating(words, wording.INTEREST, summary.interest)
    if summary.journal:
        yield Detail(label=words.gettext(wording.JOURNAL), text=clean(journal_words(words, summary.journal)))
    if facts.issue_date:
        yield Detail(label=words.gettext(wording.ISSUE_DATE), text=issue_words(words, facts.issue_date))
    if summary.topics and audience is Audience.CLINICIAN:
        yield Detail(label=words.gettext(wording.TOPICS), text=clean("; ".join(summary.topics)))
    if audience is Audience.CLINICIAN:
        yield from _study(words, article)


def _rating(words: Words, label: str, rating: Rating | None) -> Detail:
    return Detail(
        label=words.gettext(label), text=rating_words(words, rating), shape=rating_shape(rating) if rating else ""
    )


def _study(words: Words, article: Article) -> Iterator[Detail]:
    """Where the study itself can be found, as far as the article says."""
    facts, label = article.facts, words.gettext(wording.STUDY)
    if facts.doi:
        doi = clean(facts.doi)
        yield Detail(label=label, text=f"doi:{doi}", url=f"https://doi.org/{quote(doi, safe='/():;.')}")
    elif facts.source_url and _WEB_LINK.fullmatch(facts.source_url):
        yield Detail(label=label, text=wording.study_words(words, clean(article.title)), url=facts.source_url)
    if facts.pmid:
        yield Detail(label=words.gettext(wording.PUBMED_ID), text=clean(facts.pmid))


def _heading(words: Words, article: Article, status: Status | None = None) -> str:
    return clean(heading_words(words, article, status)) or words.gettext(wording.UNTITLED)


def _article_url(article: Article, site: Site) -> str:
    """A withdrawn article has no page any more."""
    return "" if article.status is Status.WITHDRAWN else site.article_url(article.slug)
