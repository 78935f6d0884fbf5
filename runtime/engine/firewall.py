"""The network policy of containers: one nftables table of ours, loaded whole (security RUN-02).

It stands beside the engine's own chains, so neither a restart of the engine nor a reload of its
rules touches it: what another table accepts, this one can still reject.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine.bridges import short_hash
from spaceport.errors import Misconfigured

PRIVATE = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
    )
)  # fmt: skip
"""This host, private networks, carriers' networks, link-local (cloud metadata), multicast."""
_RESOLV_CONF = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


@dataclass(frozen=True)
class Policy:
    """What containers on `bridges` may reach. `masquerade` hides a subnet behind the host."""

    bridges: Sequence[str]
    resolvers: Sequence[IPv4Address] = ()
    allowed: Sequence[IPv4Network] = ()
    ports: Sequence[int] = (80, 443, 8080)
    masquerade: Mapping[str, IPv4Network] | None = None  # bridge to the addresses on it


def table_name(instance: str) -> str:
    return f"spaceport_{short_hash(instance)}"


def rules(instance: str, policy: Policy) -> str:
    """The input of `nft -f`: replaces the table in one transaction. Pure."""
    name = table_name(instance)
    ours = _set(f'"{bridge}"' for bridge in policy.bridges)
    ports = _set(str(port) for port in policy.ports)
    open_to = [f"ip daddr {network} accept" for network in policy.allowed]
    resolvers = _set(str(one) for one in policy.resolvers)
    if policy.resolvers:
        open_to.insert(0, f"ip daddr {resolvers} meta l4proto {{ tcp, udp }} th dport 53 accept")
    lines = [
        f"table inet {name}",
        f"delete table inet {name}",
        f"table inet {name} {{",
        "  chain forward {",
        "    type filter hook forward priority -10; policy accept;",
        f"    iifname != {ours} accept",
        "    ct state established,related accept",
        *(f"    {rule}" for rule in open_to),
        f"    ip daddr {_set(str(one) for one in PRIVATE)} reject with icmpx admin-prohibited",
        f"    meta nfproto ipv4 tcp dport {ports} accept" if policy.ports else "",
        "    reject with icmpx admin-prohibited",
        "  }",
        "  chain input {",
        "    type filter hook input priority -10; policy accept;",
        f"    iifname != {ours} accept",
        "    ct state established,related accept",
        "    reject with icmpx admin-prohibited",
        "  }",
        *_masquerade(policy.masquerade or {}),
        "}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _masquerade(subnets: Mapping[str, IPv4Network]) -> list[str]:
    if not subnets:
        return []
    return [
        "  chain postrouting {",
        "    type nat hook postrouting priority 100; policy accept;",
        *(
            f'    ip saddr {subnet} oifname != "{bridge}" masquerade'
            for bridge, subnet in subnets.items()
        ),
        "  }",
    ]


def _set(values: object) -> str:
    return "{ " + ", ".join(values) + " }"  # type: ignore[arg-type]


@cache
def available() -> bool:
    """Whether we may load rules here: as root, with nftables."""
    return os.geteuid() == 0 and shutil.which("nft") is not None


def policy_of(settings: EngineSettings, bridges: Sequence[str]) -> Policy:
    """What the settings say, for these bridges; the host's own name servers may be asked."""
    chosen = [IPv4Address(server) for server in settings.dns if ":" not in server]
    return Policy(
        bridges=bridges,
        resolvers=[*chosen, *host_resolvers()],
        allowed=settings.egress_allow,
        ports=settings.egress_ports,
    )


def load(instance: str, policy: Policy) -> None:
    """Raises `Misconfigured` with nft's words."""
    _nft(rules(instance, policy))


def unload(instance: str) -> None:
    """Remove our table if it is there."""
    name = table_name(instance)
    _nft(f"table inet {name}\ndelete table inet {name}\n")


def _nft(text: str) -> None:
    done = subprocess.run(
        ["nft", "-f", "-"], input=text, capture_output=True, text=True, timeout=30
    )
    if done.returncode != 0:
        raise Misconfigured(
            f"The network policy could not be loaded: {done.stderr.strip()[:500]}",
            hint="Install nftables 1.0 or newer, or set engine.firewall to false if another "
            "firewall keeps containers from the host and from private addresses.",
        )


def host_resolvers(files: Sequence[Path] = _RESOLV_CONF) -> list[IPv4Address]:
    """The name servers of this host that are not on the host itself."""
    found: list[IPv4Address] = []
    for file in files:
        text = file.read_text() if file.is_file() else ""
        for line in text.splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]:
                found.append(IPv4Address(words[1]))
    return list(dict.fromkeys(one for one in found if not one.is_loopback))
