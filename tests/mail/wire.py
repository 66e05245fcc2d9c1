"""Reads a message back: its parts, and a lint of its bytes by the rules of RFC 2045, 2046 and 5322."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    message: EmailMessage
    text: str
    html: str


def read(data: bytes) -> Read:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    parts = list(message.iter_parts()) if message.is_multipart() else [message]
    text, html = (*(part.get_content().replace("\r\n", "\n") for part in parts), "")[:2]  # type: ignore[attr-defined]
    return Read(message=message, text=text, html=html)


def problems(data: bytes) -> list[str]:
    """Every rule that the bytes break. The text-only edition is one part."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    head, _, body = data.partition(b"\r\n\r\n")
    parts = list(message.walk())
    found = {
        "a bare CR or LF": re.search(rb"(?<!\r)\n|\r(?!\n)", data),
        "a NUL": b"\0" in data,
        "a line over 998 octets": any(len(line) > 998 for line in data.split(b"\r\n")),
        "a body line over 76 octets": any(len(line) > 76 for line in body.split(b"\r\n")),
        "a body that is not ASCII": not body.isascii(),
        "an encoded-word over 75 characters": any(
            len(w) > 75 for w in re.findall(rb"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", head)
        ),
        "the wrong parts": [p.get_content_type() for p in parts]
        not in (["multipart/alternative", "text/plain", "text/html"], ["text/plain"]),
        "a defect": [d for p in parts for d in (*p.defects, *(d for h in p.values() for d in h.defects))],
        "a field twice": len(message.keys()) != len({key.lower() for key in message}),
        "text that does not decode": any("\ufffd" in str(p.get_content()) for p in parts[-2:] if not p.is_multipart()),
        "no end": not data.endswith(b"--\r\n" if len(parts) > 1 else b"\r\n"),
    }
    return [rule for rule, broken in found.items() if broken]


class Links(HTMLParser):
    """Every link of a page with its words, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append((dict(attrs).get("href") or "", ""))
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._open:
            href, words = self.links[-1]
            self.links[-1] = (href, words + data)
