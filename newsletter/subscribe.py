"""The fourth verb: who gets what, by consent, and out by one press."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from newsletter.errors import TokenError, UsageError
from newsletter.model import Consent, Subscriber, Subscription, SubscriptionState

#: One mailbox (RFC 5321 4.1.2, without quoted local parts, which hardly anybody has and many programs get wrong).
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f-\x9f]{1,64}@[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f-\x9f]{1,253}")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class SubscriberStore(Protocol):
    def add(self, subscription: Subscription) -> bool: ...
    def remove(self, address: str) -> bool: ...
    def subscription(self, subscriber_id: str, newsletter: str) -> Subscription | None: ...
    def unsubscribe(self, subscriber_id: str, newsletter: str, now: datetime) -> bool: ...


def new_subscription(
    address: str, name: str, newsletter: str, consent: Consent, *, newsletters: Collection[str]
) -> Subscription:
    """A confirmed subscription as an operator enters it, with the consent that stands behind it.

    Raises UsageError for an address that is not exactly one mailbox, a name that could not stand in a header, or a
    newsletter that does not exist.
    """
    if not _ADDRESS.fullmatch(address) or address.endswith((".", "-")):
        raise UsageError("the address is not one mailbox such as name@example.org")
    if _UNSAFE.search(name) or len(name) > 200:
        raise UsageError("the name has a control character or more than 200 characters")
    if newsletter not in newsletters:
        raise UsageError(f'no newsletter "{newsletter}"; there are: {", ".join(sorted(newsletters))}')
    return Subscription(
        subscriber=Subscriber(id=secrets.token_hex(16), address=address, name=name.strip()),
        newsletter=newsletter,
        state=SubscriptionState.CONFIRMED,
        consent=consent,
    )


def unsubscribe(store: SubscriberStore, subscriber_id: str, newsletter: str, now: datetime) -> None:
    """End a subscription. Doing it twice is no error; raises TokenError where there never was one."""
    if store.subscription(subscriber_id, newsletter) is None:
        raise TokenError("this link belongs to no subscription; it may have been deleted")
    store.unsubscribe(subscriber_id, newsletter, now)
