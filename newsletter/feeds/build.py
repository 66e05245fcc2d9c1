"""Articles and digests as feeds, before any format. Pure: what is in the store decides every byte, and no clock."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from newsletter.model import Article, Category, Digest, Entry, Feed, Link, Newsletter, NoticeItem, Site, Status
from newsletter.templating import Templates

_ATOM = "application/atom+xml"
_AFTER = timedelta(microseconds=1)


def articles_feed(articles: Sequence[Article], notices: Sequence[NoticeItem], site: Site, templates: Templates) -> Feed:
    """Every article whole and every notice, the last changed first. Withdrawn articles have no entry.

    A notice is an entry of its own beside the changed article: most readers do not show a changed entry again.
    """
    told = [article for article in articles if article.status is not Status.WITHDRAWN]
    entries = [_article_entry(article, site, templates) for article in told]
    entries += [_notice_entry(item, site, templates) for item in notices]
    entries.sort(key=lambda entry: (entry.updated, entry.id), reverse=True)
    return _feed(site, site.title, site.description, "feed/articles", "feeds/articles.atom", entries)


def digests_feed(newsletter: Newsletter, digests: Sequence[Digest], site: Site, templates: Templates) -> Feed:
    """One entry a digest, each whole, the last due first. An empty digest has no entry."""
    entries = [_digest_entry(newsletter, digest, site, templates) for digest in digests if not digest.empty]
    entries.sort(key=lambda entry: (entry.published, entry.id), reverse=True)
    name = f"feeds/newsletters/{newsletter.slug}.atom"
    return _feed(site, newsletter.title, newsletter.description, f"feed/newsletters/{newsletter.slug}", name, entries)


def _feed(site: Site, title: str, subtitle: str, specific: str, path: str, entries: Sequence[Entry]) -> Feed:
    """`updated` is that of the last changed entry; a feed without one was last changed before there was anything."""
    return Feed(
        id=site.tag(specific),
        title=title,
        subtitle=subtitle,
        updated=max((entry.updated for entry in entries), default=_beginning(site)),
        links=(
            Link(href=site.url(path), rel="self", type=_ATOM),
            Link(href=site.url(), rel="alternate", type="text/html", title=site.title, hreflang=site.language),
        ),
        author=site.author,
        author_email=site.contact if "@" in site.contact and "://" not in site.contact else "",
        language=site.language,
        entries=tuple(entries),
    )


def _beginning(site: Site) -> datetime:
    """The day from which on the site mints ids (RFC 4151 2.1: a year, a month or a day)."""
    year, month, day = (*map(int, site.tag_date.split("-")), 1, 1)[:3]
    return datetime.combine(date(year, month, day), time(), UTC)


def _article_entry(article: Article, site: Site, templates: Templates) -> Entry:
    title = _plain(templates, "web/heading.html", article=article)
    return Entry(
        id=article.id,
        title=title,
        published=article.published,
        updated=article.updated,
        links=_article_links(article, title, site, templates),
        summary=_plain(templates, "web/article_summary.html", article=article),
        content=templates.render("web/article_body.html", article=article, level=2).strip(),
        author=site.author,
        categories=tuple(
            Category(term=topic, label=topic, scheme=site.tag("topic"))
            for topic in dict.fromkeys(article.summary.topics)
        ),
    )


def _notice_entry(item: NoticeItem, site: Site, templates: Templates) -> Entry:
    notice, article = item.notice, item.article
    title = _plain(templates, "web/heading.html", article=article, status=notice.status)
    gone = article.status is Status.WITHDRAWN
    about = site.url() if gone else site.article_url(article.slug)
    page = Link(href=about, rel="alternate", type="text/html", title=title, hreflang=site.language)
    return Entry(
        id=notice.id,
        title=title,
        published=notice.published,
        updated=notice.published + _AFTER,  # the article itself may have changed at that very moment
        links=(page,) if gone else (page, Link(href=about, rel="related", title=article.title)),
        summary=" ".join(notice.text.split()),
        content=templates.render("web/notice_body.html", notice=notice, article=article, url=about, gone=gone).strip(),
        author=site.author,
    )


def _article_links(article: Article, title: str, site: Site, templates: Templates) -> tuple[Link, ...]:
    page = Link(
        href=site.article_url(article.slug),
        rel="alternate",
        type="text/html",
        title=title,
        hreflang=site.language,
    )
    study = _plain(templates, "web/study_url.html", facts=article.facts)
    return (page, Link(href=study, rel="via", title="The study")) if study else (page,)


def _digest_entry(newsletter: Newsletter, digest: Digest, site: Site, templates: Templates) -> Entry:
    period = digest.planned.period
    shown = {"newsletter": newsletter, "digest": digest, "site": site}
    title = _plain(templates, "web/digest_heading.html", **shown)
    page = Link(
        href=site.digest_url(newsletter.slug, period),
        rel="alternate",
        type="text/html",
        title=title,
        hreflang=site.language,
    )
    return Entry(
        id=site.tag(f"digest/{newsletter.slug}/{period}"),
        title=title,
        published=digest.planned.due_at,
        updated=_digest_updated(digest),
        links=(page,),
        summary=_plain(templates, "web/digest_summary.html", **shown),
        content=templates.render("web/digest_body.html", **shown, whole=True).strip(),
        author=site.author,
    )


def _digest_updated(digest: Digest) -> datetime:
    """When the digest was due, or later when one of its articles changed. No two digests of a newsletter share it.

    The moments when digests are due differ, and so do the moments when their articles changed, for no article is in
    two digests. The microsecond keeps the second kind apart from the first, which falls on whole minutes.
    """
    changed = (placed.article.updated + _AFTER for placed in digest.placed)
    return max(digest.planned.due_at, *changed) if digest.placed else digest.planned.due_at


def _plain(templates: Templates, name: str, **context: object) -> str:
    """A short template as plain text, so that pages and feeds have their words from one place."""
    return html.unescape(templates.render(name, **context)).strip()
