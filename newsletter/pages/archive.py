"""The archive: every summary by the month in which it was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from newsletter.model import Article, Site
from newsletter.pages.document import render
from newsletter.pages.linked_data import list_data
from newsletter.pages.listing import rows, span_words
from newsletter.pages.paging import Pager
from newsletter.templating import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A calendar month in UTC, and how many articles were published in it."""

    year: int
    month: int
    articles: int

    @property
    def slug(self) -> str:
        """The month's part of an address: `2026-11`."""
        return f"{self.year:04}-{self.month:02}"


def archive_page(months: Sequence[Month], site: Site, templates: Templates) -> bytes:
    """The page at `archive/`: every month with the number of its summaries, in the order given (the newest first)."""
    years = [(year, list(some)) for year, some in groupby(months, key=lambda month: month.year)]
    return render(templates, "web/archive.html", site=site, path="archive/", years=years)


def month_page(month: Month, articles: Sequence[Article], pager: Pager, site: Site, templates: Templates) -> bytes:
    """The page at `pager.path`: the `articles` of one page of the month, in the order given (the newest first)."""
    name = templates.words.month(month.year, month.month)
    return render(
        templates,
        "web/month.html",
        site=site,
        path=pager.path,
        month=month,
        name=name,
        rows=rows(articles, templates.words),
        span=span_words(articles, templates.words),
        pager=pager,
        linked_data=list_data(name, pager.path, articles, site, templates.words),
    )
