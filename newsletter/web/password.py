"""The operator's password: kept as a hash, asked for by HTTP Basic (RFC 7617), and tried a few times at most.

There is no session and no cookie: a browser sends the password with every request, and forgets it when it is closed.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from math import ceil

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter.app import App
from newsletter.config import Config, read_operator_password
from newsletter.errors import ConfigError, UsageError
from newsletter.web.network import is_private, network_of

OPERATOR = "operator"  #: the name that goes with the password
SHORTEST, LONGEST = 12, 200  #: characters
TRIES, WITHIN = 10, timedelta(minutes=15)  #: wrong ones, from one network

_N, _R, _P = 2**15, 8, 3  #: 32 MiB and about 0.2 s a try, as OWASP's cheat sheet on storing passwords asks for
_MOST_MEMORY = 64 * 2**20
_FORM = re.compile(r"scrypt:([0-9]{1,7}):([0-9]{1,2}):([0-9]{1,2}):([0-9a-f]{32}):([0-9a-f]{64})")
_REALM = f'Basic realm="newsletter, for the {OPERATOR}", charset="UTF-8"'
_NOT_KEPT = {"Cache-Control": "no-store"}


def hashed(password: str) -> str:
    """What may be kept of a password. Raises UsageError for one that is too short, too long or has control characters."""
    if not SHORTEST <= len(password) <= LONGEST or not password.isprintable():
        raise UsageError(f"a password has {SHORTEST} to {LONGEST} characters, none of them a control character")
    salt = secrets.token_bytes(16)
    return f"scrypt:{_N}:{_R}:{_P}:{salt.hex()}:{_scrypt(password, salt, _N, _R, _P).hex()}"


def is_hash(kept: str) -> bool:
    """Whether `kept` was made by `hashed`."""
    return _FORM.fullmatch(kept) is not None


def matches(password: str, kept: str) -> bool:
    """Whether `kept` was made of this password. Takes as long for a wrong one as for the right one."""
    form = _FORM.fullmatch(kept)
    if form is None or len(password) > LONGEST:
        return False
    found = _scrypt(password, bytes.fromhex(form[4]), int(form[1]), int(form[2]), int(form[3]))
    return hmac.compare_digest(found, bytes.fromhex(form[5]))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    """RFC 7914. Keyboards spell one character in several ways, so the text is brought into one form (RFC 8265 4.2.2)."""
    text = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=32)


def kept_password(config: Config) -> str | None:
    """The hash of the operator's password; None where none is set. Raises ConfigError for a file that cannot be it."""
    kept = read_operator_password(config)
    if kept is not None and not is_hash(kept):
        raise ConfigError(
            f"web.password_file: {config.web.password_file} holds no hash; `newsletter password` makes one"
        )
    return kept


def require_password(config: Config, host: str) -> None:
    """Refuse to listen on `host` where others can reach us and no password is set. Raises ConfigError."""
    kept = kept_password(config)
    if kept is None and host != "localhost" and not ip_address(host).is_loopback:
        raise ConfigError(
            f'web.host: found "{host}", which other machines can reach, and no operator\'s password; '
            'it should be "127.0.0.1", or set a password first (`newsletter password`)'
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not get what it asks for, in HTTP's words."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...] = ()

    def response(self) -> Response:
        text = f"{self.status.phrase.lower()}\n"
        return PlainTextResponse(text, self.status, _NOT_KEPT | dict(self.headers))


_ABSENT = Refusal(HTTPStatus.NOT_FOUND)
_IN_THE_CLEAR = Refusal(HTTPStatus.FORBIDDEN)
_ASKED_FOR = Refusal(HTTPStatus.UNAUTHORIZED, (("WWW-Authenticate", _REALM),))


class Door:
    """Lets the operator in. Who has no right to come in learns no more than that there is a password, if there is one."""

    def __init__(self, app: App, now: Callable[[], datetime]) -> None:
        self._app = app
        self._now = now
        self._one_at_a_time = asyncio.Lock()  # a crowd of wrong passwords takes 32 MiB and one core, not more
        self._key = secrets.token_bytes(32)
        self._proven = b""  #: keyed hash of what was right last, for scrypt is too slow for every request

    async def refusal(self, request: Request) -> Response | None:
        """None where the request carries the operator's password."""
        async with self._one_at_a_time:
            refused = await run_in_threadpool(self._judge, request)
        return None if refused is None else refused.response()

    def _judge(self, request: Request) -> Refusal | None:
        try:
            kept = kept_password(self._app.config)
        except (
            ConfigError
        ):  # somebody changed the file since we started, when it was looked at; `doctor` tells what is wrong
            kept = None
        if kept is None:
            return _ABSENT
        proxies = self._app.config.web.proxies
        if not is_private(request, proxies):
            return _IN_THE_CLEAR
        told = credentials(request.headers.get("authorization", ""))
        return _ASKED_FOR if told is None else self._try(told, kept, network_of(request, proxies))

    def _try(self, told: tuple[str, str], kept: str, network: str) -> Refusal | None:
        """Every try is counted before it is judged, and the right one given back: so tries at once count too."""
        limits, now = self._app.limits, self._now()
        proof = hmac.digest(self._key, repr((kept, told)).encode(), "sha256")
        if hmac.compare_digest(proof, self._proven):
            wait = limits.wait("password", network, TRIES, WITHIN, now)
            return None if wait is None else _later(wait)
        wait = limits.allow("password", network, TRIES, WITHIN, now)
        if wait is not None:
            return _later(wait)
        if not (matches(told[1], kept) & hmac.compare_digest(told[0].encode(), OPERATOR.encode())):
            return _ASKED_FOR
        limits.give_back("password", network)
        self._proven = proof
        return None


def _later(wait: timedelta) -> Refusal:
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, (("Retry-After", str(ceil(wait.total_seconds()))),))


def credentials(authorization: str) -> tuple[str, str] | None:
    """The name and the password of a field `Authorization` (RFC 7617 2); None where it has none."""
    scheme, _, coded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (name, password) if colon else None
