"""Our own bridges: one for apps and one for builds, where neighbours cannot reach each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import docker.errors

from config.engine import EngineSettings
from runtime.engine import firewall
from runtime.engine.bridges import BRIDGED, bridge_name, own_subnet, part
from runtime.engine.destinations import Allowed, Names, allowed
from runtime.engine.docker_connection import Connection
from spaceport.egress import Destination
from spaceport.engine import (
    LABEL_ADDRESS,
    LABEL_EGRESS,
    LABEL_INSTANCE,
    ContainerSpec,
    EngineRefused,
    Network,
    Refused,
)

PROMISE = 60.0  # seconds for a container to appear at the address that it was given


def network_name(instance: str, network: Network) -> str:
    """`none` is Docker's own; the others are ours."""
    return "none" if network is Network.NONE else f"spaceport-{instance}-{network.value}"


def network_arguments(
    instance: str, network: Network, subnet: IPv4Network | None
) -> dict[str, Any]:
    """The body of Docker's `POST /networks/create`. Pure."""
    body: dict[str, Any] = {
        "Name": network_name(instance, network),
        "CheckDuplicate": True,
        "Driver": "bridge",
        "EnableIPv6": False,
        "Labels": {LABEL_INSTANCE: instance},
        "Options": {
            "com.docker.network.bridge.name": bridge_name(instance, network),
            "com.docker.network.bridge.enable_icc": "false",
        },
    }
    if subnet is not None:
        body["IPAM"] = {"Driver": "default", "Config": [{"Subnet": str(subnet)}]}
    return body


def guarded(connection: Connection, settings: EngineSettings) -> bool:
    """Whether the network policy is ours to load: the bridges are on this host, and we are root."""
    return settings.firewall and connection.local and firewall.available()


class Networks:
    """Made when first needed, and again after somebody removed them."""

    def __init__(self, instance: str, settings: EngineSettings) -> None:
        self._instance = instance
        self._settings = settings
        self._lock = threading.Lock()
        self._made: set[Network] = set()
        self._names = Names()
        self._promised: dict[IPv4Address, float] = {}

    def names(self) -> Mapping[Network, str]:
        return {network: network_name(self._instance, network) for network in Network}

    def ensure(self, connection: Connection, network: Network) -> None:
        """Raises `EngineRefused` when the name is taken by a network that is not ours, and
        `Misconfigured` when the network policy cannot be put in force: nothing starts without."""
        with self._lock:
            self._guard(connection)
            if network is Network.NONE or network in self._made:
                return
            if not self._exists(connection, network):
                self._make(connection, network)
            self._made.add(network)

    def guard(self, connection: Connection, *, names: bool = False) -> None:
        """Put the network policy in force, if it is not; with `names` also look names up anew."""
        with self._lock:
            self._guard(connection)
            if names and guarded(connection, self._settings):
                living = self._living(connection)
                hosts = {one.host for each in living.values() for one in each if not one.network}
                if hosts:
                    self._names.refresh(hosts)
                if living:
                    firewall.let(self._instance, self._chosen(living))

    def choose(self, connection: Connection, spec: ContainerSpec) -> ContainerSpec:
        """Give a container of `Network.CHOSEN` its address, and let that reach what it may, before
        the container is there. Raises `EngineRefused` without a network policy."""
        if not guarded(connection, self._settings):
            raise EngineRefused(
                "this server cannot hold an app to an allow-list: its network policy is off",
                hint="Choose another network policy in the Settings, or ask the administrator.",
            )
        with self._lock:
            living = self._living(connection)
            address = self._free_address(set(living))
            living[address] = spec.egress
            firewall.let(self._instance, self._chosen(living))
        told = {LABEL_ADDRESS: str(address), LABEL_EGRESS: " ".join(map(str, spec.egress))}
        return replace(spec, labels={**spec.labels, **told})

    def _free_address(self, taken: set[IPv4Address]) -> IPv4Address:
        """The first of the network is the gateway's. One that was given a moment ago counts."""
        now = time.monotonic()
        self._promised = {each: until for each, until in self._promised.items() if until > now}
        hosts = list(self._subnet(Network.CHOSEN).hosts())[1:]
        free = next((each for each in hosts if each not in taken | self._promised.keys()), None)
        if free is None:
            raise EngineRefused("every address for apps with an allow-list is taken")
        self._promised[free] = now + PROMISE
        return free

    def _living(self, connection: Connection) -> dict[IPv4Address, Sequence[Destination]]:
        """What each container with an allow-list may reach, by its address."""
        filters = {"label": [f"{LABEL_INSTANCE}={self._instance}", LABEL_ADDRESS]}
        found: dict[IPv4Address, Sequence[Destination]] = {}
        for row in connection.client.containers(filters=filters):
            labels = row["Labels"]
            listed = [Destination.parse(one) for one in labels[LABEL_EGRESS].split()]
            found[IPv4Address(labels[LABEL_ADDRESS])] = listed
        return found

    def _chosen(
        self, living: Mapping[IPv4Address, Sequence[Destination]]
    ) -> dict[IPv4Address, Sequence[Allowed]]:
        ports = self._settings.egress_ports
        return {each: allowed(listed, self._names, ports) for each, listed in living.items()}

    def _guard(self, connection: Connection) -> None:
        if not guarded(connection, self._settings):
            return
        policy = self._policy()
        if not firewall.in_force(self._instance, policy):
            living = self._living(connection)
            firewall.load(self._instance, replace(policy, chosen=self._chosen(living)))

    def _policy(self) -> firewall.Policy:
        policy = firewall.policy_of(self._settings, self._bridges())
        return replace(policy, chosen_bridge=bridge_name(self._instance, Network.CHOSEN))

    def refused(self, connection: Connection, address: str, age: float) -> Sequence[Refused]:
        if not guarded(connection, self._settings):
            return ()
        return firewall.refused(self._instance, address, age)

    def _subnet(self, network: Network) -> IPv4Network:
        return part(self._settings.subnet or own_subnet(self._instance), network)

    def _bridges(self) -> list[str]:
        """Those that the network policy holds for; image builds run on the engine's own."""
        ours = [bridge_name(self._instance, network) for network in BRIDGED]
        return [*ours, "docker0"] if self._settings.guard_default_bridge else ours

    def forget(self) -> None:
        """Look again next time: a container could not be attached."""
        with self._lock:
            self._made.clear()

    def _exists(self, connection: Connection, network: Network) -> bool:
        try:
            found = connection.client.inspect_network(network_name(self._instance, network))
        except docker.errors.NotFound:
            return False
        if (found.get("Labels") or {}).get(LABEL_INSTANCE) != self._instance:
            raise EngineRefused(
                f"The network {found['Name']} exists already and is not ours.",
                hint="Remove it, or give this installation another name.",
            )
        return True

    def _make(self, connection: Connection, network: Network) -> None:
        given = self._settings.subnet is not None or network is Network.CHOSEN
        subnet = self._subnet(network) if given else None
        body = network_arguments(self._instance, network, subnet)
        try:
            connection.call("POST", "/networks/create", json=body)
        except docker.errors.APIError as error:
            if error.status_code != 409 or not self._exists(connection, network):
                raise

    def remove(self, connection: Connection) -> None:
        """Remove both and their policy, if they are there and ours."""
        if guarded(connection, self._settings):
            firewall.unload(self._instance)
        for network in BRIDGED:
            if self._exists(connection, network):
                connection.client.remove_network(network_name(self._instance, network))
        self.forget()
