"""Signed links and keyed names: what may stand in a URL or a Message-ID without saying whose it is.

One ring of secrets serves all: the first key signs, every key verifies, so a key can be changed without breaking a
link that somebody kept. Each purpose has a salt of its own, so that a token for one purpose is worthless for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from itsdangerous import BadData, BadSignature, Signer, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

from newsletter.addresses import mailbox_of, person_of
from newsletter.errors import TokenError

PREFERENCES_LIFE = timedelta(days=7)  #: so long a link to somebody's preferences works
CONFIRMATION_LIFE = timedelta(hours=48)  #: so long a link that confirms works

SEVERAL = "~"  #: between the newsletters of one link; it stands in no newsletter's name

_BLOCK = 64  # octets that SHA-256 takes at a time
_CLOCKS_DIFFER = timedelta(minutes=10)  # of two machines, at most
_UNSUBSCRIBE = "unsubscribe"
_PREFERENCES = "preferences"
_RETURN_PATH = "return-path"
_PERSON = "person"
_LONGEST_LOCAL_PART = 64  # octets (RFC 5321 4.5.3.1.1)
#: `b+NAME.SIGNATURE@domain`: the name is the left side of a Message-ID. Servers on the way may change letters' case.
_NAMED = re.compile(r"[^@\s]{0,26}\+([a-z2-7]{26})\.([a-z2-7]{10})@[^@\s]{1,253}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Whose subscription to which newsletter a link ends; a welcome to several at once has one link for them all."""

    newsletter: str
    subscriber_id: str

    @property
    def newsletters(self) -> tuple[str, ...]:
        return tuple(self.newsletter.split(SEVERAL))


def _canonical(token: str) -> str:
    """The token, if its signature is spelt in the one right way: the last letter of base64 has bits to spare."""
    signature = token.rpartition(".")[2]
    if base64_encode(base64_decode(signature)).decode() != signature:
        raise BadSignature("another spelling")
    return token


def new_confirmation() -> str:
    """A token that confirms a request: 256 random bits, which nothing but its hash may remember."""
    return secrets.token_urlsafe(32)


def confirmation_hash(token: str) -> str:
    """What is kept of a token that confirms. It is random, so a plain hash gives nothing away."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


class _At(TimestampSigner):
    """Signs with a moment that is told, since the clock is asked elsewhere."""

    moment = 0

    def get_timestamp(self) -> int:
        return self.moment


class Tokens:
    """Makes and reads tokens. `secrets` holds the newest key first, each at least 32 characters."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or any(len(secret) < 32 for secret in secrets):
            raise ValueError("each secret needs at least 32 characters")
        self._secrets = tuple(secrets)

    def unsubscribe(self, newsletter: str, subscriber_id: str) -> str:
        """A token that never expires (RFC 8058 sets no limit, and people keep mail for years).

        Several newsletters are written with SEVERAL between them.
        """
        named = f"{newsletter}.{subscriber_id}"
        return f"{named}.{base64_encode(self._sign_unsubscribe(named.encode())).decode()}"

    @cached_property
    def _sign_unsubscribe(self) -> Callable[[bytes], bytes]:
        """What a `Signer` prepares anew for each signature, which takes it longer than to sign."""
        return _keyed_hash(self._signer(_UNSUBSCRIBE).derive_key())

    def read_unsubscribe(self, token: str) -> Unsubscribe:
        """Raises TokenError for anything that was not made by `unsubscribe` with a key of the ring."""
        try:
            named = self._signer(_UNSUBSCRIBE).unsign(_canonical(token)).decode()
            newsletter, subscriber_id = named.split(".")
        except (BadData, ValueError) as error:
            raise TokenError from error
        return Unsubscribe(newsletter, subscriber_id)

    def preferences(self, subscriber_id: str, now: datetime) -> str:
        """A token that opens somebody's preferences for `PREFERENCES_LIFE`."""
        signer = self._timed(_PREFERENCES)
        signer.moment = int(now.timestamp())
        return signer.sign(subscriber_id).decode()

    def read_preferences(self, token: str, now: datetime) -> str:
        """The subscriber's id. Raises TokenError for one that is too old, or was not made by `preferences`."""
        try:
            named, made = self._timed(_PREFERENCES).unsign(_canonical(token), return_timestamp=True)
            subscriber_id = named.decode()
        except (BadData, ValueError) as error:
            raise TokenError from error
        if not -_CLOCKS_DIFFER <= now - made <= PREFERENCES_LIFE:
            raise TokenError("the link is too old")
        return subscriber_id

    def message_id(self, newsletter: str, period: str, subscriber_id: str, domain: str) -> str:
        """The same for every attempt, crash and restore; reveals nothing (RFC 5322 3.6.4)."""
        digest = self._keyed("message-id", f"{newsletter}|{period}|{subscriber_id}")
        return f"<{_name_of(digest)}@{domain}>"

    def return_path(self, message_id: str, address: str) -> str:
        """The envelope sender of one message (VERP): what comes back to it tells by itself which message it is about.

        For `b@bounces.example.org` it is `b+NAME.SIGNATURE@bounces.example.org`; NAME is the Message-ID's left side, so
        the delivery is found by a name, also in a database that was put back. Raises ValueError for an address whose
        local part is too long to carry it, and for a Message-ID that was not made by `message_id`.
        """
        name = message_id.removeprefix("<").partition("@")[0]
        local, _, domain = address.rpartition("@")
        signed = f"{local}+{name}.{self._signature(self._secrets[0], name)}@{domain}"
        if not _NAMED.fullmatch(signed) or len(signed) - len(domain) - 1 > _LONGEST_LOCAL_PART:
            raise ValueError("a return path needs a Message-ID of ours and a local part of 26 characters at most")
        return signed

    def read_return_path(self, address: str) -> str:
        """The left side of the Message-ID that a return path names. Raises TokenError for one that we did not make."""
        found = _NAMED.fullmatch(address.strip())
        if found is None:
            raise TokenError("this address names no message")
        name, signature = found[1].lower(), found[2].lower().encode()
        true = [hmac.compare_digest(self._signature(secret, name).encode(), signature) for secret in self._secrets]
        if not any(true):
            raise TokenError("this address was not made here")
        return name

    @staticmethod
    def is_return_path(address: str) -> bool:
        """Whether an address has the form of a return path, true or false."""
        return _NAMED.fullmatch(address.strip()) is not None

    @staticmethod
    def _signature(secret: str, name: str) -> str:
        """50 bits: a stranger has to send 10^15 mails to guess one."""
        digest = hmac.digest(secret.encode(), f"{_RETURN_PATH}|{name}".encode(), hashlib.sha256)
        return base64.b32encode(digest).decode()[:10].lower()

    def address_key(self, address: str) -> str:
        """A keyed hash of the mailbox that an address certainly means: what a suppression keeps, so that it survives erasure."""
        return self._keyed("address", mailbox_of(address)).hex()

    def person_key(self, address: str) -> str:
        """A keyed hash of all spellings that may mean one person, for limits, and for who wants no mail in any of them."""
        return f"{_PERSON}/{_name_of(self._keyed(_PERSON, person_of(address)))}"

    def erasure_key(self, address: str) -> str:
        """A keyed hash of an address, unlike all others: what is kept of somebody who was erased, to do it again."""
        return self._keyed("erased", address.strip().casefold()).hex()

    def allowance_key(self, scope: str, who: str) -> str:
        """A keyed hash of who did something: what a limit keeps of an address or a network, another for each scope."""
        return self._keyed("allowance", f"{scope}|{who}").hex()[:32]

    def _signer(self, purpose: str) -> Signer:
        return Signer(list(reversed(self._secrets)), salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)

    def _timed(self, purpose: str) -> _At:
        return _At(list(reversed(self._secrets)), salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256)

    def _keyed(self, purpose: str, text: str) -> bytes:
        """Names must not change when a key is added, so they hang on the oldest one."""
        return self._oldest(f"{purpose}|{text}".encode())

    @cached_property
    def _oldest(self) -> Callable[[bytes], bytes]:
        return _keyed_hash(self._secrets[-1].encode())


def _name_of(octets: bytes) -> str:
    """Up to 130 bits in letters that no mail server changes."""
    return base64.b32encode(octets).decode()[:26].lower()


def _keyed_hash(key: bytes) -> Callable[[bytes], bytes]:
    """HMAC-SHA256 (RFC 2104) with the key worked in once: there are two for each message, and OpenSSL begins anew each time."""
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(octet ^ pad for octet in padded)) for pad in (0x36, 0x5C))

    def keyed(text: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(text)
        around.update(within.digest())
        return around.digest()

    return keyed
