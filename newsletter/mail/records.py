"""What stands in the DNS about our mail: the keys of DKIM (RFC 6376 3.6.1), SPF (RFC 7208) and DMARC (RFC 9989).

Pure: texts in, texts and judgements out.
"""

from __future__ import annotations

from newsletter.mail.sign import Key

_STRING = 255  # octets of one string of a TXT record (RFC 1035 3.3)


def record_of(key: Key) -> str:
    """The TXT record that tells the world the key's public half."""
    return f"v=DKIM1; k={key.kind}; p={key.public}"


def zone_line(name: str, record: str) -> str:
    """A TXT record as zone files have it, cut into strings of 255 octets, which readers join."""
    strings = [record[start : start + _STRING] for start in range(0, len(record), _STRING)]
    quoted = " ".join(f'"{string}"' for string in strings)
    return f"{name}. IN TXT ( {quoted} )"


def key_name(selector: str, domain: str) -> str:
    """Where a key's record stands."""
    return f"{selector}._domainkey.{domain}"
