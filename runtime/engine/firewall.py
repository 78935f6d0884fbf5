"""The network policy of containers: one nftables table of ours, loaded whole (security RUN-02).

It stands beside the engine's own chains, so neither a restart of the engine nor a reload of its
rules touches it: what another table accepts, this one can still reject.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network, collapse_addresses
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine.bridges import short_hash
from runtime.engine.destinations import Allowed
from spaceport.engine import Refused
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


REFUSED_KEPT, REFUSED_SECONDS = 8192, 3600
SLACK = 2.0  # seconds: nft tells whole ones


@dataclass(frozen=True)
class Policy:
    """What containers on `bridges` may reach. `masquerade` hides a subnet behind the host.

    From `chosen_bridge` nothing is reached but name servers and, by address of a container, what
    `chosen` lists for it; even that only if it is not private.
    """

    bridges: Sequence[str]
    resolvers: Sequence[IPv4Address] = ()
    allowed: Sequence[IPv4Network] = ()
    ports: Sequence[int] = (80, 443, 8080)
    masquerade: Mapping[str, IPv4Network] | None = None  # bridge to the addresses on it
    chosen_bridge: str = ""
    chosen: Mapping[IPv4Address, Sequence[Allowed]] = field(default_factory=dict)


def table_name(instance: str) -> str:
    return f"spaceport_{short_hash(instance)}"


def rules(instance: str, policy: Policy) -> str:
    """The input of `nft -f`: replaces the table in one transaction. Pure.

    The chains are marked with a digest of what they say, so that `in_force` knows them again.
    """
    body = _chains(policy)
    mark = hashlib.sha256("\n".join(body).encode()).hexdigest()[:16]
    name = table_name(instance)
    lines = [
        f"table inet {name}",
        f"delete table inet {name}",
        f"table inet {name} {{",
        f'  comment "{mark}"',
        "  set chosen {",
        "    type ipv4_addr . ipv4_addr . inet_service",
        "    flags interval",
        *_elements(policy.chosen),
        "  }",
        "  set refused {",
        "    type ipv4_addr . ipv4_addr . inet_proto . inet_service",
        f"    size {REFUSED_KEPT}",
        f"    flags dynamic,timeout; timeout {REFUSED_SECONDS}s; counter",
        "  }",
        *body,
        "}",
    ]
    return "\n".join(lines) + "\n"


def _chains(policy: Policy) -> list[str]:
    ours = _set(f'"{bridge}"' for bridge in policy.bridges)
    ports = _set(str(port) for port in policy.ports)
    open_to = [f"ip daddr {network} accept" for network in policy.allowed]
    resolvers = _set(str(one) for one in policy.resolvers)
    if policy.resolvers:
        open_to.insert(0, f"ip daddr {resolvers} meta l4proto {{ tcp, udp }} th dport 53 accept")
    private = _set(str(one) for one in PRIVATE)
    chosen = [
        f'    iifname "{policy.chosen_bridge}" {verdict}'
        for verdict in ("ip saddr . ip daddr . tcp dport @chosen accept", "jump refuse")
    ]
    lines = [
        "  chain refuse {",
        "    meta nfproto ipv4 meta l4proto { tcp, udp } update @refused "
        "{ ip saddr . ip daddr . meta l4proto . th dport counter }",
        "    reject with icmpx admin-prohibited",
        "  }",
        "  chain forward {",
        "    type filter hook forward priority -10; policy accept;",
        f"    iifname != {ours} accept",
        "    ct state established,related accept",
        *(f"    {rule}" for rule in open_to),
        f"    ip daddr {private} jump refuse",
        *(chosen if policy.chosen_bridge else ()),
        f"    meta nfproto ipv4 tcp dport {ports} accept" if policy.ports else "",
        "    jump refuse",
        "  }",
        "  chain input {",
        "    type filter hook input priority -10; policy accept;",
        f"    iifname != {ours} accept",
        "    ct state established,related accept",
        "    jump refuse",
        "  }",
        *_masquerade(policy.masquerade or {}),
    ]
    return [line for line in lines if line]


def choose(instance: str, chosen: Mapping[IPv4Address, Sequence[Allowed]]) -> str:
    """The input of `nft -f` that lets these containers reach just this, and no others. Pure."""
    name = table_name(instance)
    lines = [f"flush set inet {name} chosen"]
    found = _members(chosen)
    if found:
        lines.append(f"add element inet {name} chosen {_set(found)}")
    return "\n".join(lines) + "\n"


def _elements(chosen: Mapping[IPv4Address, Sequence[Allowed]]) -> list[str]:
    found = _members(chosen)
    return [f"    elements = {_set(found)}"] if found else []


def _members(chosen: Mapping[IPv4Address, Sequence[Allowed]]) -> list[str]:
    """Without overlaps, which a set of intervals does not take: the wider network stays."""
    found = []
    for address, destinations in sorted(chosen.items()):
        by_port: dict[int, list[IPv4Network]] = {}
        for network, port in destinations:
            by_port.setdefault(port, []).append(network)
        for port, networks in sorted(by_port.items()):
            found += [f"{address} . {one} . {port}" for one in collapse_addresses(networks)]
    return found


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


def in_force(instance: str, policy: Policy) -> bool:
    """Whether the table is there, as `load` left it. Another firewall's reload may have removed
    it (CVE-2025-54410)."""
    wanted = rules(instance, policy)
    mark = next(line for line in wanted.splitlines() if "comment" in line)
    done = _run(["-t", "list", "table", "inet", table_name(instance)])
    whole = done.stdout.count("jump refuse") == wanted.count("jump refuse")  # not emptied either
    return done.returncode == 0 and mark.strip() in done.stdout and whole


def let(instance: str, chosen: Mapping[IPv4Address, Sequence[Allowed]]) -> None:
    """Raises `Misconfigured` with nft's words."""
    _nft(choose(instance, chosen))


def refused(instance: str, address: str, age: float) -> Sequence[Refused]:
    """What the container at this address, which runs for `age` seconds, tried within the last hour.

    What was tried before it started was another one's that had the address.
    """
    done = _run(["-j", "list", "set", "inet", table_name(instance), "refused"])
    found = parse_refused(done.stdout) if done.returncode == 0 else {}
    return [one for one in found.get(IPv4Address(address), ()) if one.ago <= age + SLACK]


def parse_refused(told: str) -> dict[IPv4Address, list[Refused]]:
    """From the JSON of `nft -j list set`; the most frequent first. Pure."""
    found: dict[IPv4Address, list[Refused]] = {}
    sets = [each["set"] for each in json.loads(told)["nftables"] if "set" in each]
    for element in (each for one in sets for each in one.get("elem", ())):
        value = element.get("elem", element)
        source, address, protocol, port = value["val"]["concat"]
        count = value.get("counter", {}).get("packets", 1)
        ago = REFUSED_SECONDS - float(value.get("expires", REFUSED_SECONDS))
        one = Refused(str(address), int(port), _protocol(protocol), int(count), ago)
        found.setdefault(IPv4Address(source), []).append(one)
    for tried in found.values():
        tried.sort(key=lambda one: (-one.count, one.address, one.port))
    return found


def _protocol(told: object) -> str:
    return {"6": "tcp", "17": "udp"}.get(str(told), str(told))


def unload(instance: str) -> None:
    """Remove our table if it is there."""
    name = table_name(instance)
    _nft(f"table inet {name}\ndelete table inet {name}\n")


def _nft(text: str) -> None:
    done = _run(["-f", "-"], text)
    if done.returncode != 0:
        raise Misconfigured(
            f"The network policy could not be loaded: {done.stderr.strip()[:500]}",
            hint="Install nftables 1.0 or newer, or set engine.firewall to false if another "
            "firewall keeps containers from the host and from private addresses.",
        )


def _run(words: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["nft", *words], input=text, capture_output=True, text=True, timeout=30)


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
