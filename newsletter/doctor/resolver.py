"""Asking the DNS for TXT records, by dnspython, which is imported when it is needed."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.errors import UsageError

if TYPE_CHECKING:
    from dns.resolver import Resolver

_PATIENCE = 5.0  # seconds for one name, all servers and tries together


@dataclass(frozen=True, slots=True)
class Answer:
    """The TXT records of a name, their strings joined; `problem` says why nobody could tell."""

    texts: tuple[str, ...] = ()
    problem: str = ""


Ask = Callable[[str], Answer]


def resolver(server: str | None = None, *, patience: float = _PATIENCE) -> Ask:
    """A way to ask. `server` is ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; without it, those of this machine are asked.

    Raises UsageError for another form, and where this machine names none.
    """
    from dns.exception import DNSException, Timeout  # noqa: PLC0415 - `--help` and `run` need not wait for it
    from dns.resolver import NXDOMAIN, NoAnswer, NoNameservers  # noqa: PLC0415

    asked = _resolver(server)

    def ask(name: str) -> Answer:
        try:
            found = asked.resolve(f"{name}.", "TXT", lifetime=patience, search=False)
        except (NXDOMAIN, NoAnswer):
            return Answer()
        except Timeout:
            return Answer(problem=f"no answer in {patience:g} seconds")
        except NoNameservers:
            return Answer(problem="the servers asked refuse or fail (SERVFAIL)")
        except DNSException as error:
            return Answer(problem=type(error).__name__)
        return Answer(tuple(b"".join(record.strings).decode("utf-8", "replace") for record in found))

    return ask


def _resolver(server: str | None) -> Resolver:
    from dns.resolver import NoResolverConfiguration, Resolver  # noqa: PLC0415

    if server is None:
        try:
            return Resolver()
        except NoResolverConfiguration:
            raise UsageError("this machine names no DNS server; name one with --resolver ADDRESS") from None
    address, port = _place(server)
    made = Resolver(configure=False)
    made.nameservers, made.port = [address], port
    return made


def _place(server: str) -> tuple[str, int]:
    """An address stands alone, or with a port; one of IPv6 with a port stands in brackets."""
    address, colon, port = server.rpartition(":")
    if not colon or (":" in address and not address.endswith("]")):
        address, port = server, "53"
    try:
        ipaddress.ip_address(address.strip("[]"))
        number = int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise UsageError(f'--resolver: found "{server}"; right would be an address such as 9.9.9.9 or 127.0.0.1:5353')
    return address.strip("[]"), number
