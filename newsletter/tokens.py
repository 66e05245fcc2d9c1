"""Signed links and keyed names: what may stand in a URL or a Message-ID without saying whose it is.

One ring of secrets serves all: the first key signs, every key verifies, so a key can be changed without breaking a
link that somebody kept. Each purpose has a salt of its own, so that a token for one purpose is worthless for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from itsdangerous import BadData, BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from newsletter.errors import TokenError

_UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Whose subscription to which newsletter a link ends."""

    newsletter: str
    subscriber_id: str


def _canonical(token: str) -> str:
    """The token, if its signature is spelt in the one right way: the last letter of base64 has bits to spare."""
    signature = token.rpartition(".")[2]
    if base64_encode(base64_decode(signature)).decode() != signature:
        raise BadSignature("another spelling")
    return token


class Tokens:
    """Makes and reads tokens. `secrets` holds the newest key first, each at least 32 characters."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or any(len(secret) < 32 for secret in secrets):
            raise ValueError("each secret needs at least 32 characters")
        self._secrets = tuple(secrets)

    def unsubscribe(self, newsletter: str, subscriber_id: str) -> str:
        """A token that never expires (RFC 8058 sets no limit, and people keep mail for years)."""
        return self._signer(_UNSUBSCRIBE).sign(f"{newsletter}.{subscriber_id}").decode()

    def read_unsubscribe(self, token: str) -> Unsubscribe:
        """Raises TokenError for anything that was not made by `unsubscribe` with a key of the ring."""
        try:
            named = self._signer(_UNSUBSCRIBE).unsign(_canonical(token)).decode()
            newsletter, subscriber_id = named.split(".")
        except (BadData, ValueError) as error:
            raise TokenError from error
        return Unsubscribe(newsletter, subscriber_id)

    def message_id(self, newsletter: str, period: str, subscriber_id: str, domain: str) -> str:
        """The same for every attempt, crash and restore; reveals nothing (RFC 5322 3.6.4)."""
        digest = self._keyed("message-id", f"{newsletter}|{period}|{subscriber_id}")
        return f"<{base64.b32encode(digest).decode()[:26].lower()}@{domain}>"

    def address_key(self, address: str) -> str:
        """A keyed hash of an address: what a suppression keeps, so that it survives erasure."""
        return self._keyed("address", address.strip().casefold()).hex()

    def _signer(self, purpose: str) -> Signer:
        return Signer(list(reversed(self._secrets)), salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)

    def _keyed(self, purpose: str, text: str) -> bytes:
        """Names must not change when a key is added, so they hang on the oldest one."""
        return hmac.digest(self._secrets[-1].encode(), f"{purpose}|{text}".encode(), hashlib.sha256)
