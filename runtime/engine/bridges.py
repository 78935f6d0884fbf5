"""The names and addresses of our bridges, the same for every engine. Pure."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Network

from spaceport.engine import Network

OWN_ADDRESSES = IPv4Network("10.208.0.0/12")
"""For an engine that hands out no addresses by itself."""
_OWN_PREFIX = 20
_LETTERS = {Network.APP: "a", Network.BUILD: "b", Network.CHOSEN: "c"}
BRIDGED = tuple(_LETTERS)


def short_hash(instance: str) -> str:
    return hashlib.sha256(instance.encode()).hexdigest()[:9]


def bridge_name(instance: str, network: Network) -> str:
    """The interface on the host, which the network policy names; at most 15 characters (Linux)."""
    return f"sp{_LETTERS[network]}-{short_hash(instance)}"


def own_subnet(instance: str) -> IPv4Network:
    """One of 256, by the instance: two installations of one host must not claim the same."""
    number = hashlib.sha256(instance.encode()).digest()[0]
    step = 2 ** (32 - _OWN_PREFIX)
    return IPv4Network((int(OWN_ADDRESSES.network_address) + number * step, _OWN_PREFIX))


def part(subnet: IPv4Network, network: Network) -> IPv4Network:
    """The lower half is for apps, the third quarter for builds, the last for what has an
    allow-list."""
    lower, upper = subnet.subnets(prefixlen_diff=1)
    third, last = upper.subnets(prefixlen_diff=1)
    return {Network.APP: lower, Network.BUILD: third, Network.CHOSEN: last}[network]
