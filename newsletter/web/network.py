"""From where a request comes, as far as limits want to know it, and whether it came by TLS. Pure.

A web server in front tells both in fields that anybody can write; they are believed of the configured ones alone.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

_HOUSEHOLD = 64  #: bits of an IPv6 address that a provider gives to one customer; the rest is the customer's own


def network_of(request: HTTPConnection, proxies: Collection[str]) -> str:
    """The network that a request comes from: an IPv4 address, or the first half of an IPv6 address.

    Behind one of `proxies` it is the last that X-Forwarded-For names, which is what that proxy itself has seen; where
    it names none, the proxy's own. Of what is no address at all it is the empty text, one for all of them.
    """
    peer = request.client.host if request.client else ""
    told = request.headers.getlist("x-forwarded-for")
    if told and _is_among(peer, proxies):
        peer = told[-1].rpartition(",")[2].strip()
    address = _address(peer)
    return "" if address is None else _network(address)


def is_private(request: HTTPConnection, proxies: Collection[str]) -> bool:
    """Whether a password may be asked for: nobody on the way can read it.

    That is where the request comes from one of `proxies`, and it does not say that it got it without TLS.
    """
    peer = request.client.host if request.client else ""
    return _is_among(peer, proxies) and request.headers.get("x-forwarded-proto", "https").lower() == "https"


def _is_among(peer: str, proxies: Collection[str]) -> bool:
    address = _address(peer)
    return address is not None and any(address in ip_network(each) for each in proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(IPv4Network(address).network_address)
    return str(ip_network((address, _HOUSEHOLD), strict=False).network_address)
