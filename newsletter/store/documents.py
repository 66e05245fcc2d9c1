"""Articles and notices as rows, and back: what is kept as a column, and what as a JSON document.

Whatever was put in comes out equal. JSON is written in ASCII, because PostgreSQL keeps no NUL and no half surrogate in
a text, and an article must not fail by the letters in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from newsletter.errors import StoreError
from newsletter.model import (
    Article,
    DateOrigin,
    Facts,
    IssueDate,
    Notice,
    Precision,
    Rating,
    Related,
    Status,
    Summary,
)
from newsletter.store import schema

_COLUMNS = tuple(schema.article.c.keys())


def article_values(article: Article, raw_hash: str) -> dict[str, Any]:
    """The columns of table `article`."""
    return {
        "id": article.id,
        "slug": article.slug,
        "source": article.source,
        "key": article.key,
        "raw_hash": raw_hash,
        "status": article.facts.status.value,
        "publish_after": article.facts.publish_after,
        "published": article.published,
        "published_precision": article.published_precision.value,
        "date_origin": article.date_origin.value,
        "first_seen": article.first_seen,
        "updated": article.updated,
        "topics": json.dumps(article.summary.topics),
        "summary": json.dumps(_from_summary(article.summary)),
        "facts": json.dumps(_from_facts(article.facts)),
        "page": json.dumps(
            {
                "topics_raw": article.topics_raw,
                "related": [_from_related(stub) for stub in article.related],
                "back_catalogue": article.back_catalogue,
            }
        ),
    }


def article_of(row: Row[Any]) -> Article:
    """The article of a row that has every column of table `article`. Raises StoreError for one that is damaged."""
    if row._fields == _COLUMNS:
        columns = dict(zip(_COLUMNS, row, strict=True))
    else:
        told = row._mapping  # noqa: SLF001 - as above
        columns = {column.name: told[column] for column in schema.article.c}
    try:
        return _article(columns)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(f"article {columns['id']}: its stored text cannot be read ({error!r})") from error


def notice_values(notice: Notice) -> dict[str, Any]:
    """The columns of table `notice`."""
    return {
        "id": notice.id,
        "article_id": notice.article_id,
        "status": notice.status.value,
        "text": storable(notice.text),
        "published": notice.published,
    }


def notice_of(row: Row[Any]) -> Notice:
    """The notice of a row that has every column of table `notice`. Raises StoreError for one that is damaged."""
    columns = {name: getattr(row, name) for name in schema.notice.c.keys()}  # noqa: SIM118 - of columns
    try:
        return Notice(**columns | {"status": Status(columns["status"])})
    except ValueError as error:
        raise StoreError(f"notice {columns['id']} cannot be read ({error})") from error


def storable(text: str) -> str:
    r"""A text without the two things that a database cannot keep: NUL and half surrogates become `\x00`, `\udc80`."""
    return text.replace("\0", r"\x00").encode("utf-8", "backslashreplace").decode()


def topics_of(text: str) -> tuple[str, ...]:
    """The topics of column `topics`. Raises StoreError."""
    try:
        return tuple(json.loads(text))
    except (ValueError, TypeError) as error:
        raise StoreError(f"an article's topics cannot be read ({error})") from error


def _article(columns: Mapping[str, Any]) -> Article:
    page = json.loads(columns["page"])
    return Article(
        id=columns["id"],
        slug=columns["slug"],
        source=columns["source"],
        key=columns["key"],
        summary=_to_summary(json.loads(columns["summary"]), topics_of(columns["topics"])),
        facts=_to_facts(json.loads(columns["facts"]), Status(columns["status"]), columns["publish_after"]),
        published=columns["published"],
        published_precision=Precision(columns["published_precision"]),
        date_origin=DateOrigin(columns["date_origin"]),
        first_seen=columns["first_seen"],
        updated=columns["updated"],
        related=tuple(_to_related(stub) for stub in page["related"]),
        topics_raw=page["topics_raw"],
        back_catalogue=page["back_catalogue"],
    )


def _from_summary(summary: Summary) -> dict[str, Any]:
    return {
        "title": summary.title,
        "key_takeaway": summary.key_takeaway,
        "what_they_found": summary.what_they_found,
        "who_should_care": summary.who_should_care,
        "considerations": summary.considerations,
        "credibility": _from_rating(summary.credibility),
        "interest": _from_rating(summary.interest),
        "journal": summary.journal,
    }


def _to_summary(stored: Mapping[str, Any], topics: tuple[str, ...]) -> Summary:
    return Summary(
        title=stored["title"],
        key_takeaway=stored["key_takeaway"],
        what_they_found=tuple(stored["what_they_found"]),
        who_should_care=tuple(stored["who_should_care"]),
        considerations=tuple(stored["considerations"]),
        credibility=_to_rating(stored["credibility"]),
        interest=_to_rating(stored["interest"]),
        topics=topics,
        journal=stored["journal"],
    )


def _from_rating(rating: Rating | None) -> dict[str, Any] | None:
    return None if rating is None else {"value": rating.value, "scale": rating.scale}


def _to_rating(stored: Mapping[str, Any] | None) -> Rating | None:
    return None if stored is None else Rating(value=stored["value"], scale=stored["scale"])


def _from_facts(facts: Facts) -> dict[str, Any]:
    return {
        "published": _from_moment(facts.published),
        "published_origin": facts.published_origin.value,
        "issue_date": _from_issue(facts.issue_date),
        "status_date": _from_moment(facts.status_date),
        "notice": facts.notice,
        "source_url": facts.source_url,
        "doi": facts.doi,
        "pmid": facts.pmid,
    }


def _to_facts(stored: Mapping[str, Any], status: Status, publish_after: datetime | None) -> Facts:
    return Facts(
        published=_to_moment(stored["published"]),
        published_origin=DateOrigin(stored["published_origin"]),
        publish_after=publish_after,
        issue_date=_to_issue(stored["issue_date"]),
        status=status,
        status_date=_to_instant(stored["status_date"]),
        notice=stored["notice"],
        source_url=stored["source_url"],
        doi=stored["doi"],
        pmid=stored["pmid"],
    )


def _from_moment(moment: date | datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _to_moment(stored: str | None) -> date | datetime | None:
    """A text with a time is a datetime, one without is a date: only the day is known."""
    return date.fromisoformat(stored) if stored is not None and "T" not in stored else _to_instant(stored)


def _to_instant(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)


def _from_issue(issue: IssueDate | None) -> dict[str, Any] | None:
    return None if issue is None else {"day": issue.day.isoformat(), "precision": issue.precision.value}


def _to_issue(stored: Mapping[str, Any] | None) -> IssueDate | None:
    if stored is None:
        return None
    return IssueDate(day=date.fromisoformat(stored["day"]), precision=Precision(stored["precision"]))


def _from_related(related: Related) -> dict[str, Any]:
    return {"title": related.title, "date": _from_issue(related.date), "teaser": related.teaser}


def _to_related(stored: Mapping[str, Any]) -> Related:
    return Related(title=stored["title"], date=_to_issue(stored["date"]), teaser=stored["teaser"])
