"""What a Space may reach outside: presets, and the destinations of an allow-list (7, RUN-02)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Any

from spaceport.errors import Invalid

MOST = 50
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")


class Preset(StrEnum):
    DEFAULT = "default"  # the ports of the web, to public addresses
    ALLOW_LIST = "allow-list"  # of these, only the destinations listed
    INDEX_ONLY = "index-only"  # the package index at build, nothing at run time
    NONE = "none"  # nothing at all, at build neither


@dataclass(frozen=True)
class Destination:
    """A host name or a network, and a TCP port; None: every port that is open at all."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def network(self) -> IPv4Network | None:
        """None for a name, which must be looked up."""
        try:
            return IPv4Network(self.host)
        except ValueError:
            return None

    @classmethod
    def parse(cls, text: str) -> Destination:
        """`api.example.org`, `api.example.org:443`, `203.0.113.0/24:8080`. Raises `Invalid`."""
        host, colon, port = text.strip().lower().rpartition(":")
        if not colon:
            host, port = port, ""
        if colon and not (port.isdigit() and 0 < int(port) < 65536):
            raise Invalid(f"{text[:100]!r}: a port is a number from 1 to 65535.")
        found = cls(host, int(port) if port else None)
        if found.network is None and not _HOST.fullmatch(host):
            raise Invalid(
                f"{text[:100]!r} is not a destination.",
                hint="Write api.example.org, api.example.org:443 or 203.0.113.0/24.",
            )
        return found


@dataclass(frozen=True)
class Egress:
    """A Space's choice; `destinations` count for the allow-list alone."""

    preset: Preset = Preset.DEFAULT
    destinations: tuple[Destination, ...] = ()

    @classmethod
    def parse(cls, preset: str, destinations: Iterable[str] = ()) -> Egress:
        """Raises `Invalid` naming what is wrong."""
        if preset not in set(Preset):
            raise Invalid(f"The network policy is one of: {', '.join(Preset)}.")
        listed = tuple(dict.fromkeys(Destination.parse(one) for one in destinations if one.strip()))
        if len(listed) > MOST:
            raise Invalid(f"An allow-list has at most {MOST} destinations.")
        if listed and preset != Preset.ALLOW_LIST:
            raise Invalid("Destinations are of an allow-list only.")
        return cls(Preset(preset), listed)

    def to_json(self) -> dict[str, Any]:
        return {
            "preset": self.preset.value,
            "destinations": [str(one) for one in self.destinations],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Egress:
        return cls(
            Preset(stored["preset"]),
            tuple(Destination.parse(one) for one in stored["destinations"]),
        )


DEFAULT_EGRESS = Egress()
