"""Articles and a planned digest in, a digest out. Pure: the same input gives the same digest, whenever it is asked.

Choosing and arranging are two steps, because a choice is made once and kept: `choose` decides what goes in,
`arrange` rebuilds the same digest from the kept choice at any later time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from newsletter.audience import advice, caveat
from newsletter.model import (
    Article,
    Audience,
    Day,
    Digest,
    Item,
    Newsletter,
    NoticeItem,
    Place,
    Placed,
    PlannedDigest,
    Rating,
    Status,
)
from newsletter.periods import local_date, placed_in_time

_INSTANT = timedelta.resolution

_GOOD, _FAIR, _MIDDLE = 4.0, 3.0, 3.0  # of 5
_DIVERSE_ITEMS = 5  #: so many items from the top on are kept diverse
_SAME_TOPIC = 2  #: so many of them may share their leading topic

_NEVER_NEW = frozenset({Status.RETRACTED, Status.WITHDRAWN})

_CLOSE_TO = {
    Audience.CAREGIVER: re.compile(
        r"\b(?:care-?giv\w*|carers?|care partners?|famil\w*|dignity|quality of life|mental health)\b", re.IGNORECASE
    ),
    Audience.PERSON_WITH_MS: re.compile(r"\b(?:symptoms?|treatments?|daily life|everyday life)\b", re.IGNORECASE),
    Audience.CLINICIAN: re.compile(r"\b(?:trials?|guidelines?|safety)\b", re.IGNORECASE),
}

_Rank = tuple[int, float, bool, float, str]


def selected(newsletter: Newsletter, article: Article) -> bool:
    """Whether a newsletter wants an article at all, whenever it was published.

    Never a retracted or withdrawn one. Topics are compared without case. Credibility is compared on a scale of 5; an
    article without a rating passes unless `require_rating`.
    """
    if article.status in _NEVER_NEW:
        return False
    if newsletter.topics and not _folded(newsletter.topics) & _folded(article.summary.topics):
        return False
    credibility = article.summary.credibility
    if credibility is None:
        return not newsletter.require_rating
    return newsletter.min_credibility is None or _of_five(credibility) >= newsletter.min_credibility


def choose(newsletter: Newsletter, planned: PlannedDigest, candidates: Iterable[Article]) -> tuple[Placed, ...]:
    """Which articles go into a digest, in the order of reading, and where each of them stands.

    `candidates` are the visible articles that are in no digest of this newsletter yet. Every selected one that is
    published before the window ends is taken, however old: what came in late for its own digest is in this one. Only
    the back catalogue of a source that was added later is left out: nobody asked for years of it at once.
    The first `full_items` are whole, `late` where they are older than the window; all others are titles.
    """
    taken = [
        article for article in candidates if selected(newsletter, article) and _in_time(newsletter, planned, article)
    ]
    return _ordered(newsletter, planned, taken)


def gather(
    newsletter: Newsletter, planned: PlannedDigest, articles: Iterable[Article], notices: Iterable[NoticeItem]
) -> Digest:
    """Several digests told as one: what they carry, in the order of a digest of that whole window."""
    return arrange(newsletter, planned, _ordered(newsletter, planned, articles), notices)


def _ordered(newsletter: Newsletter, planned: PlannedDigest, articles: Iterable[Article]) -> tuple[Placed, ...]:
    ranked = sorted(articles, key=lambda article: _rank(newsletter, article))
    ordered = _diverse(ranked, most=min(_DIVERSE_ITEMS, newsletter.full_items))
    return tuple(
        Placed(article=article, place=_place(newsletter, planned, article, position))
        for position, article in enumerate(ordered)
    )


def arrange(
    newsletter: Newsletter, planned: PlannedDigest, placed: Sequence[Placed], notices: Iterable[NoticeItem]
) -> Digest:
    """A digest from a choice that was made before. `placed` keeps its order, notices go by date."""
    by_place = {place: [one.article for one in placed if one.place is place] for place in Place}
    return Digest(
        newsletter=newsletter,
        planned=planned,
        first_day=local_date(planned.window_start, newsletter.zone),
        last_day=local_date(planned.window_end - _INSTANT, newsletter.zone),
        notices=tuple(sorted(notices, key=lambda item: (item.notice.published, item.notice.id))),
        days=_days(newsletter, by_place[Place.ITEM]),
        late=tuple(_item(newsletter, article) for article in by_place[Place.LATE]),
        titles=tuple(by_place[Place.TITLE]),
        placed=tuple(placed),
    )


def compose(
    newsletter: Newsletter, planned: PlannedDigest, candidates: Iterable[Article], notices: Iterable[NoticeItem]
) -> Digest:
    """`choose`, then `arrange`."""
    return arrange(newsletter, planned, choose(newsletter, planned, candidates), notices)


def _rank(newsletter: Newsletter, article: Article) -> _Rank:
    """Sorts the article to be read first to the front.

    Tiers of credibility come first and are never outweighed: interest must not lift what is hardly credible. A title
    or topic close to the audience decides between equals.
    """
    return (
        _tier(article.summary.credibility),
        -_interest(article.summary.interest),
        not _close_to(newsletter.audience, article),
        -_placed(newsletter, article).timestamp(),
        article.slug,
    )


def _tier(credibility: Rating | None) -> int:
    if credibility is None:
        return 2
    value = _of_five(credibility)
    return 0 if value >= _GOOD else 1 if value >= _FAIR else 3


def _interest(interest: Rating | None) -> float:
    return _MIDDLE if interest is None else _of_five(interest)


def _of_five(rating: Rating) -> float:
    return rating.value * 5 / rating.scale


def _close_to(audience: Audience, article: Article) -> bool:
    words = _CLOSE_TO.get(audience)
    return words is not None and any(words.search(text) for text in (article.title, *article.summary.topics))


def _diverse(ranked: Sequence[Article], *, most: int) -> list[Article]:
    """The same articles, with no leading topic too often among the first `most` as long as there is another choice."""
    seen: Counter[str] = Counter()
    first: list[Article] = []
    for article in ranked:
        leading = article.summary.topics[0].casefold() if article.summary.topics else article.id
        if len(first) < most and seen[leading] < _SAME_TOPIC:
            first.append(article)
            seen[leading] += 1
    chosen = {article.id for article in first}
    return first + [article for article in ranked if article.id not in chosen]


def _in_time(newsletter: Newsletter, planned: PlannedDigest, article: Article) -> bool:
    moment = _placed(newsletter, article)
    return moment < planned.window_end and (moment >= planned.window_start or not article.back_catalogue)


def _place(newsletter: Newsletter, planned: PlannedDigest, article: Article, position: int) -> Place:
    if position >= newsletter.full_items:
        return Place.TITLE
    return Place.LATE if _placed(newsletter, article) < planned.window_start else Place.ITEM


def _days(newsletter: Newsletter, articles: Sequence[Article]) -> tuple[Day, ...]:
    """Newest date first; the order inside a date is kept."""
    dated = [(local_date(_placed(newsletter, article), newsletter.zone), article) for article in articles]
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(
        Day(date=day, items=tuple(_item(newsletter, article) for _, article in pairs))
        for day, pairs in groupby(dated, key=lambda pair: pair[0])
    )


def _item(newsletter: Newsletter, article: Article) -> Item:
    return Item(
        article=article,
        advice=advice(article.summary, newsletter.audience),
        caveat=caveat(article.summary, newsletter.audience),
    )


def _placed(newsletter: Newsletter, article: Article) -> datetime:
    return placed_in_time(article.published, article.published_precision, newsletter.zone)


def _folded(words: Iterable[str]) -> set[str]:
    return {word.casefold() for word in words}
