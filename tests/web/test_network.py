"""Whose request it is, as far as limits want to know; and whether a password may be asked for."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from newsletter.web.network import is_private, network_of

PROXIES = ("127.0.0.1", "::1", "10.1.0.0/16")


def _request(peer: str | None, **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs, "client": None if peer is None else (peer, 1234)})


@given(address=st.ip_addresses(v=4), said=st.text("0123456789., abc", max_size=30))
def test_a_stranger_is_the_address_it_has_whatever_it_says(address: IPv4Address, said: str) -> None:
    if str(address) == "127.0.0.1" or address in ip_network("10.1.0.0/16"):
        return
    assert network_of(_request(str(address), x_forwarded_for=said), PROXIES) == str(address)
    assert network_of(_request(f"::ffff:{address}", x_forwarded_for=said), PROXIES) == str(address)


@given(address=st.ip_addresses(v=6), other=st.integers(0, 2**64 - 1))
def test_all_addresses_of_a_household_are_one_network(address: IPv6Address, other: int) -> None:
    if address.ipv4_mapped is not None:
        return
    neighbour = IPv6Address(int(address) >> 64 << 64 | other)
    network = network_of(_request("::1", x_forwarded_for=str(address)), PROXIES)
    if neighbour.ipv4_mapped is None:
        assert network == network_of(_request("::1", x_forwarded_for=str(neighbour)), PROXIES)
    assert IPv6Address(network) == IPv6Address(int(address) >> 64 << 64)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.1.200.3", "::ffff:127.0.0.1"])
def test_a_proxy_is_believed_what_it_saw_itself(peer: str) -> None:
    assert network_of(_request(peer, x_forwarded_for="192.0.2.1, 203.0.113.9"), PROXIES) == "203.0.113.9"


@pytest.mark.parametrize("said", ["unknown", "_hidden", "203.0.113.9:80", "203.0.113.9,", "", "é"])
def test_what_is_no_address_is_one_network_for_all(said: str) -> None:
    assert network_of(_request("127.0.0.1", x_forwarded_for=said), PROXIES) == ""


def test_who_says_nothing_is_the_proxy_itself() -> None:
    assert network_of(_request("127.0.0.1"), PROXIES) == "127.0.0.1"
    assert network_of(_request(None), PROXIES) == ""
    assert network_of(_request("192.0.2.1"), ()) == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "proto", "private"),
    [
        ("127.0.0.1", None, True),
        ("127.0.0.1", "https", True),
        ("127.0.0.1", "http", False),
        ("10.1.2.3", "HTTPS", True),
        ("192.0.2.1", None, False),
        ("192.0.2.1", "https", False),
        (None, "https", False),
    ],
)
def test_a_password_is_asked_for_where_nobody_can_read_it(peer: str | None, proto: str | None, private: bool) -> None:
    headers = {} if proto is None else {"x_forwarded_proto": proto}
    assert is_private(_request(peer, **headers), PROXIES) is private
