"""Articles, notices and digests as entries, and feeds as their heads, before any format. Pure: no clock.

An entry depends on what it tells of and on nothing else, so it can be kept for as long as that does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from newsletter.model import (
    Article,
    Category,
    Digest,
    Entry,
    EntryFacts,
    Feed,
    Link,
    Newsletter,
    NoticeItem,
    Origin,
    Site,
    Status,
    Tombstone,
    Topic,
)
from newsletter.templating import Templates, heading_words, notice_words, study_url, summary_words
from newsletter.words import Words

STYLE = "feeds/feeds.css"  #: where the style sheet lies that feeds name

_AFTER = timedelta(microseconds=1)


# -- entries ----------------------------------------------------------------------------------------------------------


def article_entry(article: Article, site: Site, templates: Templates) -> Entry:
    """The whole article. A withdrawn one has no entry but a tombstone; whoever asks for it gets what was known."""
    words = templates.words
    title = heading_words(words, article)
    return Entry(
        id=article.id,
        title=title,
        published=article.published,
        updated=article.updated,
        links=_article_links(article, title, site, words),
        summary=summary_words(words, article),
        content=_content(templates, "web/article_body.html", site, article=article, level=2),
        author=site.author,
        categories=tuple(
            Category(term=topic, label=topic, scheme=site.tag("topic"))
            for topic in dict.fromkeys(article.summary.topics)
        ),
        facts=_facts(article),
    )


def notice_entry(item: NoticeItem, site: Site, templates: Templates) -> Entry:
    """A notice beside the article that it is about: most readers do not show a changed entry again."""
    notice, article = item.notice, item.article
    title = heading_words(templates.words, article, notice.status)
    gone = article.status is Status.WITHDRAWN
    about = site.url() if gone else site.article_url(article.slug)
    page = _page(about, title, templates.words)
    return Entry(
        id=notice.id,
        title=title,
        published=notice.published,
        updated=notice.published + _AFTER,  # the article itself may have changed at that very moment
        links=(page,) if gone else (page, Link(href=about, rel="related", title=article.title)),
        summary=_line(notice.text),
        content=_content(templates, "web/notice_body.html", site, notice=notice, article=article, url=about, gone=gone),
        author=site.author,
    )


def digest_entry(newsletter: Newsletter, digest: Digest, site: Site, templates: Templates) -> Entry:
    """The whole digest: every item in full, the others by their titles."""
    period = digest.planned.period
    title = f"{newsletter.title}: {templates.words.days(digest.first_day, digest.last_day)}"
    return Entry(
        id=site.tag(f"digest/{newsletter.slug}/{period}"),
        title=title,
        published=digest.planned.due_at,
        updated=_digest_updated(digest),
        links=(_page(site.digest_url(newsletter.slug, period), title, templates.words),),
        summary=_digest_summary(digest, templates.words),
        content=_content(templates, "web/digest_body.html", site, newsletter=newsletter, digest=digest, whole=True),
        author=site.author,
    )


def tombstone(article: Article, words: Words) -> Tombstone:
    """What is left of an article that was withdrawn. `when` is not before any version of its entry (RFC 6721 2)."""
    return Tombstone(ref=article.id, when=article.updated, comment=_line(notice_words(words, article)))


def _article_links(article: Article, title: str, site: Site, words: Words) -> tuple[Link, ...]:
    page = _page(site.article_url(article.slug), title, words)
    study = study_url(article.facts)
    return (page, Link(href=study, rel="via", title=words.gettext("The study"))) if study else (page,)


def _content(templates: Templates, name: str, site: Site, **context: object) -> str:
    """A feed is in the language of its articles, so our words around them say theirs where that is another one."""
    content, words = templates.render(name, site=site, **context).strip(), templates.words
    if words.language == site.language:
        return content
    return f'<div lang="{words.language}" dir="{words.direction}">\n{content}\n</div>'


def _page(address: str, title: str, words: Words) -> Link:
    return Link(href=address, rel="alternate", type="text/html", title=title, hreflang=words.language)


def _facts(article: Article) -> EntryFacts:
    """The ratings of a retracted study are not shown, so they are not told to programs either."""
    summary, facts = article.summary, article.facts
    rated = article.status not in {Status.RETRACTED, Status.WITHDRAWN}
    return EntryFacts(
        credibility=summary.credibility if rated else None,
        interest=summary.interest if rated else None,
        journal=summary.journal,
        issue_date=facts.issue_date,
        doi=facts.doi,
        pmid=facts.pmid,
        status=article.status,
    )


def _digest_summary(digest: Digest, words: Words) -> str:
    told = [heading_words(words, item.article, item.notice.status) for item in digest.notices]
    told += [heading_words(words, item.article) for item in digest.items]
    told += [heading_words(words, article) for article in digest.titles]
    return words.gettext("In this digest: %(titles)s", titles="; ".join(told))


def _digest_updated(digest: Digest) -> datetime:
    """When the digest was due, or later when one of its articles changed. No two digests of a newsletter share it.

    The moments when digests are due differ, and so do the moments when their articles changed, for no article is in
    two digests. The microsecond keeps the second kind apart from the first, which falls on whole minutes.
    """
    changed = (placed.article.updated + _AFTER for placed in digest.placed)
    return max(digest.planned.due_at, *changed) if digest.placed else digest.planned.due_at


# -- feeds ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stays the same of a feed while its entries come and go. `name` is its path below the site, without suffix.

    `home` is the page for people; `origin` the feed in which all its entries stand first, if they do.
    """

    name: str
    id: str
    title: str
    subtitle: str
    home: str
    origin: Origin | None = None


def articles_head(site: Site, templates: Templates) -> Head:
    """Every article and every notice."""
    return _head("articles", site, templates, home=site.url())


def notices_head(site: Site, templates: Templates) -> Head:
    """Every notice, which stand among the articles first."""
    return _head("notices", site, templates, home=site.url(), origin=_articles_origin(site, templates))


def topic_head(topic: Topic, site: Site, templates: Templates) -> Head:
    """The articles of one topic, which stand among all articles first."""
    home, origin = site.url(f"topics/{topic.slug}/"), _articles_origin(site, templates)
    return _head(f"topics/{topic.slug}", site, templates, home=home, origin=origin, topic=topic)


def newsletter_head(newsletter: Newsletter, site: Site, templates: Templates) -> Head:
    """The digests of one newsletter."""
    return _head(f"newsletters/{newsletter.slug}", site, templates, home=site.url(), newsletter=newsletter)


def live_feed(
    head: Head,
    entries_updated: Sequence[datetime],
    site: Site,
    *,
    previous: str | None,
    hub: str | None,
    tombstones: tuple[Tombstone, ...] = (),
) -> Feed:
    """The document that is polled, without its entries. `previous` is the address of the newest archive document.

    Where there is none, everything is in this document (RFC 5005 2). `entries_updated` are the moments of its entries.
    """
    return _feed(
        head,
        entries_updated,
        site,
        address=site.url(head.name),
        hub=hub,
        complete=previous is None,
        previous=previous,
        tombstones=tombstones,
    )


def archive_feed(
    head: Head,
    entries_updated: Sequence[datetime],
    site: Site,
    *,
    name: str,
    previous: str | None,
    following: str,
) -> Feed:
    """An archive document, without its entries (RFC 5005 4). Its links, like its entries, never change."""
    return _feed(
        head,
        entries_updated,
        site,
        address=site.url(f"{head.name}/{name}"),
        current=site.url(head.name),
        previous=previous,
        following=following,
    )


def _feed(
    head: Head,
    entries_updated: Sequence[datetime],
    site: Site,
    *,
    address: str,
    hub: str | None = None,
    complete: bool = False,
    current: str | None = None,
    previous: str | None = None,
    following: str | None = None,
    tombstones: tuple[Tombstone, ...] = (),
) -> Feed:
    """`updated` is that of the last changed entry; a feed without one was last changed before there was anything."""
    return Feed(
        id=head.id,
        title=head.title,
        subtitle=head.subtitle,
        updated=max(entries_updated, default=_beginning(site)),
        author=site.author,
        author_email=site.contact if "@" in site.contact and "://" not in site.contact else "",
        language=site.language,
        entries=(),
        home=head.home,
        home_title=head.title,
        address=address,
        hub=hub,
        style=site.url(STYLE),
        complete=complete,
        current=current,
        previous=previous,
        following=following,
        origin=head.origin,
        tombstones=tombstones,
    )


def _head(
    name: str,
    site: Site,
    templates: Templates,
    *,
    home: str,
    origin: Origin | None = None,
    topic: Topic | None = None,
    newsletter: Newsletter | None = None,
) -> Head:
    shown = {"name": name, "site": site, "topic": topic, "newsletter": newsletter}
    return Head(
        name=f"feeds/{name}",
        id=site.tag(f"feed/{name}"),
        title=_line(templates.render("web/feed_title.txt", **shown)),
        subtitle=_line(templates.render("web/feed_subtitle.txt", **shown)),
        home=home,
        origin=origin,
    )


def _line(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=16)  # for a site or two
def _articles_origin(site: Site, templates: Templates) -> Origin:
    head = articles_head(site, templates)
    return Origin(id=head.id, title=head.title, address=site.url(head.name))


def _beginning(site: Site) -> datetime:
    """The day from which on the site mints ids (RFC 4151 2.1: a year, a month or a day)."""
    year, month, day = (*map(int, site.tag_date.split("-")), 1, 1)[:3]
    return datetime.combine(date(year, month, day), time(), UTC)
