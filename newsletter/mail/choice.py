"""What one recipient gets of a mailing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from newsletter.audience import advice, caveat
from newsletter.model import Audience, Choice, Digest, Item

EVERYTHING = Choice()  #: what somebody gets who chose nothing


def for_audience(digest: Digest, audience: Audience) -> Digest:
    """The same digest, told to another audience."""
    if audience is digest.newsletter.audience:
        return digest

    def told(items: Iterable[Item]) -> tuple[Item, ...]:
        return tuple(
            Item(
                article=item.article,
                advice=advice(item.article.summary, audience),
                caveat=caveat(item.article.summary, audience),
            )
            for item in items
        )

    return replace(
        digest,
        newsletter=replace(digest.newsletter, audience=audience),
        days=tuple(replace(day, items=told(day.items)) for day in digest.days),
        late=told(digest.late),
    )
