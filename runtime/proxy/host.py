"""Read a Host header strictly and say whose it is (PX-01, RFC 9110 7.2).

Nothing here is forgiving: a Host that two programs could read in two ways is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_PART = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(
    rb"(?P<name>" + _PART + rb"(?:\." + _PART + rb")*\.?|\[[0-9A-Fa-f:.]{2,45}\])"
    rb"(?::(?P<port>[0-9]{1,5}))?"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
MAX_HOST = 253 + 1 + 6  # a name, its trailing dot, a port


@dataclass(frozen=True)
class Host:
    """`name` is lower case without its trailing dot; `port` None where none was named."""

    name: str
    port: int | None


class Owner(Enum):
    """Who answers for a host."""

    HUB = "hub"
    SPACE = "space"
    NOBODY = "nobody"  # a host that is not ours: 404
    MALFORMED = "malformed"  # under our domain, but no Space can ever be called so: 400


def parse_host(value: bytes) -> Host | None:
    """The host that `value` names, or None when it is not exactly one well-formed host."""
    if len(value) > MAX_HOST:
        return None
    match = _HOST.fullmatch(value)
    if match is None:
        return None
    name = match["name"].decode("ascii").lower().removesuffix(".")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port <= 65535:
        return None
    return Host(name, port)


@dataclass(frozen=True)
class Hosts:
    """The hub's own hosts and the domain under which the Spaces live, all lower case."""

    domain: str
    hub: frozenset[str]

    def owner(self, host: Host) -> tuple[Owner, str]:
        """Whose host this is, and for a Space its label (13.1): one label under the domain."""
        if host.name in self.hub:
            return Owner.HUB, ""
        label, dot, parent = host.name.partition(".")
        if dot and parent == self.domain and _LABEL.fullmatch(label):
            return Owner.SPACE, label
        if host.name.endswith(f".{self.domain}"):
            return Owner.MALFORMED, ""
        return Owner.NOBODY, ""
