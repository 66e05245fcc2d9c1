"""Email addresses: what is one, and which spellings mean one mailbox. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: One mailbox (RFC 5321 4.1.2, without quoted local parts, which hardly anybody has and many programs get wrong).
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f-\x9f]{1,64}@[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f-\x9f]{1,253}")
_DOTS_MEAN_NOTHING = frozenset({"gmail.com", "googlemail.com"})
#: Providers that have said that what follows a `+` leads into the same mailbox. Elsewhere it may be a name like any other.
_TAGS_MEAN_NOTHING = _DOTS_MEAN_NOTHING | {
    *("outlook.com", "hotmail.com", "live.com", "msn.com"),
    *("icloud.com", "me.com", "mac.com"),
    *("fastmail.com", "proton.me", "protonmail.com", "pm.me"),
}


def is_mailbox(address: str) -> bool:
    """Whether it is exactly one address in a form that can be mailed."""
    return _ADDRESS.fullmatch(address) is not None and not address.endswith((".", "-"))


def person_of(address: str) -> str:
    """The one spelling that stands for all those which may mean one person, for what is done *not* to mail somebody.

    It takes more for one than is proved; mail goes to the address as its owner wrote it.
    """
    local, _, domain = unicodedata.normalize("NFKC", address.strip()).casefold().rpartition("@")
    local, domain = local.partition("+")[0], _in_ascii(domain.rstrip("."))
    if domain in _DOTS_MEAN_NOTHING:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def mailbox_of(address: str) -> str:
    """The one spelling that stands for all those which are known to lead into one mailbox."""
    folded = address.strip().casefold()
    return person_of(folded) if folded.rpartition("@")[2] in _TAGS_MEAN_NOTHING else folded


@lru_cache(maxsize=1024)
def _in_ascii(domain: str) -> str:
    """A domain in the form that DNS knows (RFC 5890); as it is, where it has none."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain
