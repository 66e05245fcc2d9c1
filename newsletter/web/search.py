"""The page on which readers look for articles: a form that any browser sends, and what was found.

What somebody looks for may say something about their health: the page is kept nowhere, and no log has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter.app import App
from newsletter.model import Article, Site, Status, Topic
from newsletter.pages.document import clean
from newsletter.searching import LONGEST, Piece, Question, excerpt, marked, question
from newsletter.store.search import MOST, PAGE_SIZE, Found
from newsletter.templating import Templates, added_words, heading_words, summary_words
from newsletter.web import policy
from newsletter.web.network import network_of

WITHIN = timedelta(minutes=1)  #: so many searches from one network as are configured

_PAGES = MOST // PAGE_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request asks for: the text as it was typed, a topic's slug or nothing, a page from 1."""

    text: str = ""
    topic: str | None = None
    page: int = 1

    def address(self, page: int) -> str:
        """Another page of the same, as a link on this one."""
        told = {"q": self.text} | ({"topic": self.topic} if self.topic else {})
        return "search?" + urlencode(told | ({"page": str(page)} if page > 1 else {}))


class Hit(NamedTuple):
    """One article as the page shows it."""

    slug: str
    title: tuple[Piece, ...]
    passage: tuple[Piece, ...]
    added: str


def routes(app: App, now: Callable[[], datetime]) -> list[Route]:
    """`/search`. Raises HTTPException 429 for who asks too often."""

    async def search(request: Request) -> Response:
        return await run_in_threadpool(_answer, app, request, now())

    return [Route("/search", search)]


def _answer(app: App, request: Request, now: datetime) -> Response:
    wanted = wanted_of(request.query_params)
    asked = question(wanted.text)
    if asked:
        _count(app, network_of(request, app.config.web.proxies), now)
    found = app.search.find(asked, wanted.topic, wanted.page, now)
    html = search_page(wanted, asked, found, app.topics(), app.site, app.templates)
    return Response(
        html, headers=policy.private(html, secure=app.site.base_url.startswith("https://")), media_type="text/html"
    )


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What a query asks for. What makes no sense is as good as not said."""
    number = query.get("page", "")
    page = int(number) if number.isascii() and number.isdecimal() and len(number) < 4 else 1
    text = clean(query.get("q", "")[:LONGEST]).strip()
    return Wanted(text=text, topic=query.get("topic") or None, page=min(max(page, 1), _PAGES))


def _count(app: App, network: str, now: datetime) -> None:
    wait = app.limits.allow("search", network, app.config.web.limits.searches, WITHIN, now)
    if wait is not None:
        retry = {"Retry-After": str(ceil(wait.total_seconds()))}
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, headers=retry)


def search_page(
    wanted: Wanted, asked: Question, found: Found, topics: Sequence[Topic], site: Site, templates: Templates
) -> str:
    """The page, with its form filled in as it was sent."""
    pages = ceil(found.number / PAGE_SIZE)
    html = templates.render(
        "web/search.html",
        site=site,
        root="./",
        wanted=wanted,
        asked=bool(asked),
        longest=LONGEST,
        topics=topics,
        number=found.number,
        more=found.more,
        pages=pages,
        hits=[hit(article, asked, templates) for article in found.articles],
        newer=wanted.address(wanted.page - 1) if 1 < wanted.page <= pages else None,
        older=wanted.address(wanted.page + 1) if wanted.page < pages else None,
    )
    return clean(html)


def hit(article: Article, asked: Question, templates: Templates) -> Hit:
    """An article with the words that were looked for marked. Of a retracted one only that nobody should rely on it."""
    words, told = templates.words, article.summary
    passage: tuple[Piece, ...] = (Piece(summary_words(words, article), found=False),)
    if article.status is not Status.RETRACTED:
        texts = (told.key_takeaway, *told.what_they_found, *told.who_should_care, *told.considerations)
        passage = excerpt(texts, asked)
    return Hit(article.slug, marked(heading_words(words, article), asked), passage, added_words(words, article))
