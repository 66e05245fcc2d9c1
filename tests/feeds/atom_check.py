"""The product's check of one document, for tests of what writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from newsletter.feeds.check.atom import ATOM, LANGUAGE
from newsletter.feeds.check.document import read_document

__all__ = ["ATOM", "LANGUAGE", "problems"]

_SELF = re.compile(rb'<link href="([^"]*?)(/feeds/[^"]*)" rel="self"')
_OF_CHAINS = frozenset(("F-ARCHIVE-LINKS", "F-ARCHIVE-MARK", "F-COMPLETE"))
_NEVER = datetime(9000, 1, 1, tzinfo=UTC)


def problems(xml: bytes, now: datetime | None = None) -> list[str]:
    """What is wrong with an Atom document that lies where it says. Dates after `now`, if given, are wrong too.

    Its place among archive documents is not judged: here a document mostly stands alone.
    """
    address = _SELF.search(xml)
    base, path = (address[1].decode(), address[2].decode()) if address else ("https://news.example.org", "/x.atom")
    found = read_document(path.removeprefix("/"), xml, base_url=base, now=now or _NEVER).findings
    return [f"{each.code}: {each.place}: {each.message}" for each in found if each.code not in _OF_CHAINS]
