"""Digests, subscribers and deliveries as a planner would write them down, from the few things a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from builders import make_newsletter
from sqlalchemy import Connection

from newsletter.model import (
    USUAL,
    Article,
    Consent,
    Digest,
    Mailing,
    NewDelivery,
    NewDigest,
    Notice,
    NoticeItem,
    Place,
    Placed,
    PlannedDigest,
    Preferences,
    Request,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletter.store.articles import Articles
from newsletter.store.database import Database
from newsletter.store.digests import Digests
from newsletter.store.notes import NoteTerms
from newsletter.store.subscribers import Subscribers

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
WEEK = timedelta(days=7)
LEASE = timedelta(minutes=15)


def key_of(address: str) -> str:
    """Stands where the keyed hash of an address stands."""
    return f"key of {address.casefold()}"


def make_planned(newsletter: str = "weekly", number: int = 47, **changed: object) -> PlannedDigest:
    """The digest of ISO week `number` of 2026."""
    start = datetime.fromisocalendar(2026, number, 1).replace(tzinfo=UTC)
    values: dict[str, object] = {
        "newsletter": newsletter,
        "period": f"2026-W{number}",
        "window_start": start,
        "window_end": start + WEEK,
        "due_at": start + WEEK,
    }
    return PlannedDigest(**values | changed)  # type: ignore[arg-type]


def make_digest(
    planned: PlannedDigest | None = None,
    *,
    articles: Sequence[Article] = (),
    places: Sequence[Place] = (),
    notices: Sequence[tuple[Notice, Article]] = (),
) -> Digest:
    planned = planned or make_planned()
    wanted = places or [Place.ITEM] * len(articles)
    return Digest(
        newsletter=make_newsletter(planned.newsletter),
        planned=planned,
        first_day=date(2026, 11, 16),
        last_day=date(2026, 11, 22),
        notices=tuple(NoticeItem(notice=notice, article=about) for notice, about in notices),
        days=(),
        late=(),
        titles=(),
        placed=tuple(Placed(article=one, place=place) for one, place in zip(articles, wanted, strict=True)),
    )


def make_mailing(planned: PlannedDigest | None = None) -> Mailing:
    planned = planned or make_planned()
    return Mailing(
        newsletter=planned.newsletter,
        period=planned.period,
        subject="What we learned this week",
        template=b"To: \0address\0\r\n\r\nHello\xff\r\n",
    )


def make_subscription(
    address: str = "ann@example.org",
    newsletter: str = "weekly",
    *,
    id: str | None = None,  # noqa: A002 - the field's own name
    name: str = "",
    state: SubscriptionState = SubscriptionState.CONFIRMED,
    consent: str = "Yes, please.",
) -> Subscription:
    return Subscription(
        subscriber=Subscriber(id=id or f"id-of-{address.partition('@')[0].lower()}", address=address, name=name),
        newsletter=newsletter,
        state=state,
        consent=Consent(text=consent, at=NOW, source="form"),
    )


def make_deliveries(addresses: Sequence[str], planned: PlannedDigest | None = None) -> tuple[NewDelivery, ...]:
    planned = planned or make_planned()
    return tuple(
        NewDelivery(
            subscriber_id=make_subscription(address).subscriber.id,
            message_id=f"<{planned.newsletter}.{planned.period}.{address}>",
            domain=address.rpartition("@")[2],
        )
        for address in addresses
    )


def add_digest(
    store: Digests,
    digest: Digest,
    *,
    settled: Sequence[str] = (),
    mailing: Mailing | None = None,
    deliveries: Sequence[NewDelivery] = (),
    now: datetime = NOW,
) -> int | None:
    """Record one digest; its id, or None where another planner was faster."""
    new = NewDigest(digest=digest, settled=tuple(settled), mailing=mailing, deliveries=tuple(deliveries))
    added = store.add([new], now)
    return None if added is None else added[0].id


def post(
    database: Database,
    article: Article,
    addresses: Sequence[str],
    planned: PlannedDigest | None = None,
    *,
    now: datetime = NOW,
) -> int:
    """A digest with that article, and a pending delivery for each address, whose owner is a confirmed subscriber."""
    planned = planned or make_planned()
    Articles(database).save(article, "hash")
    subscribers = Subscribers(database)
    for address in addresses:
        subscribers.add(make_subscription(address, planned.newsletter))
    number = add_digest(
        Digests(database),
        make_digest(planned, articles=[article]),
        settled=(),
        mailing=make_mailing(planned),
        deliveries=make_deliveries(addresses, planned),
        now=now,
    )
    assert number is not None
    return number


def make_request(
    address: str = "ann@example.org",
    newsletters: Sequence[str] = ("weekly",),
    *,
    id: str | None = None,  # noqa: A002 - the field's own name
    preferences: Preferences = USUAL,
    at: datetime = NOW,
) -> Request:
    return Request(
        id=id or f"request-of-{address}",
        address=address,
        newsletters=tuple(newsletters),
        preferences=preferences,
        consent=Consent(text="Yes, please.", at=at, source="form"),
    )


def forgetful(_: Connection) -> None:
    """Stands where the log of who was erased stands."""


def make_note_terms(owner: str = "me", confirmation: str = "hash", at: datetime = NOW) -> NoteTerms:
    return NoteTerms(
        owner=owner,
        lease=LEASE,
        address_key=key_of,
        person_key=lambda address: f"person/{key_of(address)}",
        message_id=lambda claim: f"<note-{claim.id}@example.org>",
        confirmation=confirmation,
        expires_at=at + timedelta(hours=48),
    )
