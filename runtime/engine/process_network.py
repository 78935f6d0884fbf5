"""Egress for sandboxed containers: a bridge of our own, a pair of virtual cables for each, NAT.

Needs root, `ip` and nftables. Ports of the bridge are isolated: neighbours cannot reach each other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine import firewall
from runtime.engine.bridges import BRIDGED, bridge_name, own_subnet, part
from runtime.engine.destinations import Allowed, Names, allowed
from spaceport.egress import Destination
from spaceport.engine import EngineRefused, Network, Refused

Living = Callable[[], Mapping[IPv4Address, Sequence[Destination]]]

_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


@cache
def available() -> bool:
    """Whether containers can get a network of their own with a way out."""
    tools = all(shutil.which(name, path=_SYSTEM) for name in ("ip", "nsenter"))
    return os.geteuid() == 0 and tools and firewall.available()


class ProcessNetwork:
    """Bridges and rules are made with the first container that needs them."""

    def __init__(self, settings: EngineSettings, instance: str, living: Living) -> None:
        """`living` tells what each container with an allow-list may reach, by its address."""
        self._settings = settings
        self._living = living
        self._names = Names()
        self._instance = instance
        self._subnet = settings.subnet or own_subnet(instance)
        self._lock = threading.Lock()
        self._ready = False

    def address(self, network: Network, index: int) -> str:
        """The address of the container with that number; unique while it lives."""
        return str(self._part(network)[index + 2])

    def _part(self, network: Network) -> IPv4Network:
        return part(self._subnet, network)

    def guard(self) -> None:
        """Put the policy in force again if it is not, and look names up anew; nothing to do before
        the first container."""
        with self._lock:
            if not self._ready:
                return
            self._names.refresh(
                one.host for listed in self._living().values() for one in listed if not one.network
            )
            self._enforce()
            firewall.let(self._instance, self._chosen())

    def choose(self, address: str, egress: Sequence[Destination]) -> None:
        """Let a container that is about to start reach this, and nothing else."""
        with self._lock:
            if not self._ready:
                self._make()
                self._ready = True
            self._enforce()
            firewall.let(self._instance, self._chosen({IPv4Address(address): egress}))

    def refused(self, address: str, age: float) -> Sequence[Refused]:
        return firewall.refused(self._instance, address, age) if self._ready else ()

    def _chosen(
        self, new: Mapping[IPv4Address, Sequence[Destination]] | None = None
    ) -> dict[IPv4Address, Sequence[Allowed]]:
        ports = self._settings.egress_ports
        all_of_them = {**self._living(), **(new or {})}
        return {each: allowed(listed, self._names, ports) for each, listed in all_of_them.items()}

    def _enforce(self) -> None:
        policy = self._policy()
        if not firewall.in_force(self._instance, policy):
            firewall.load(self._instance, replace(policy, chosen=self._chosen()))

    def _policy(self) -> firewall.Policy:
        bridges = {bridge_name(self._instance, network): network for network in BRIDGED}
        return replace(
            firewall.policy_of(self._settings, tuple(bridges)),
            masquerade={bridge: self._part(network) for bridge, network in bridges.items()},
            chosen_bridge=bridge_name(self._instance, Network.CHOSEN),
        )

    def attach(self, network: Network, index: int, pid: int) -> None:
        """Give the network namespace of `pid` an `eth0`. Raises `EngineRefused`."""
        with self._lock:
            if not self._ready:
                self._make()
                self._ready = True
            self._enforce()  # nothing starts without
        bridge = bridge_name(self._instance, network)
        host_end = f"{bridge[:3]}{bridge[4:10]}-{index}"[:15]
        prefix = self._part(network).prefixlen
        gateway = self._part(network)[1]
        with contextlib.suppress(EngineRefused):  # left from a container that was killed just now
            ip(f"link del {host_end}")
        ip(
            f"link add {host_end} type veth peer name eth0 netns {pid}",
            f"link set {host_end} master {bridge}",
            f"link set {host_end} type bridge_slave isolated on",
            f"link set {host_end} up",
        )
        ip(
            f"addr add {self.address(network, index)}/{prefix} dev eth0",
            "link set eth0 up",
            f"route add default via {gateway}",
            namespace_of=pid,
        )

    def _make(self) -> None:
        bridges = {bridge_name(self._instance, network): network for network in BRIDGED}
        for bridge, network in bridges.items():
            if not Path(f"/sys/class/net/{bridge}").exists():
                subnet = self._part(network)
                ip(
                    f"link add {bridge} type bridge",
                    f"addr add {subnet[1]}/{subnet.prefixlen} dev {bridge}",
                    f"link set {bridge} up",
                )
            with contextlib.suppress(OSError):
                Path(f"/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6").write_text("1")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        firewall.load(self._instance, replace(self._policy(), chosen=self._chosen()))
        for bridge in bridges:
            _let_docker_forward(bridge, insert=True)

    def remove(self) -> None:
        """Remove bridges and rules."""
        if not available():
            return
        for network in BRIDGED:
            bridge = bridge_name(self._instance, network)
            if Path(f"/sys/class/net/{bridge}").exists():
                ip(f"link del {bridge}")
                _let_docker_forward(bridge, insert=False)
        firewall.unload(self._instance)
        self._ready = False


def ip(*commands: str, namespace_of: int | None = None) -> None:
    """Run several `ip` commands as one. Raises `EngineRefused` with its words."""
    enter = [] if namespace_of is None else ["nsenter", f"--net=/proc/{namespace_of}/ns/net"]
    done = subprocess.run(
        [*enter, "ip", "-batch", "-"],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": _SYSTEM},
    )
    if done.returncode != 0:
        raise EngineRefused(f"no network for the container: {done.stderr.strip()[:300]}")


def _let_docker_forward(bridge: str, *, insert: bool) -> None:
    """Docker drops what it does not know between interfaces, unless its chain says accept."""
    iptables = shutil.which("iptables", path=_SYSTEM)
    if iptables is None:
        return
    for direction in ("-i", "-o"):
        rule = ["DOCKER-USER", direction, bridge, "-j", "ACCEPT"]
        known = subprocess.run([iptables, "-w", "-C", *rule], capture_output=True).returncode == 0
        if known != insert:
            action = "-I" if insert else "-D"
            subprocess.run([iptables, "-w", action, *rule], capture_output=True)
