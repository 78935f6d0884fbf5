"""Our own bridges: one for apps and one for builds, where neighbours cannot reach each other."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

import docker.errors

from config.engine import EngineSettings
from runtime.engine import firewall
from runtime.engine.bridges import BRIDGED, bridge_name, half
from runtime.engine.docker_connection import Connection
from spaceport.engine import LABEL_INSTANCE, EngineRefused, Network


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
        body["IPAM"] = {"Driver": "default", "Config": [{"Subnet": str(half(subnet, network))}]}
    return body


def guarded(connection: Connection, settings: EngineSettings) -> bool:
    """Whether the network policy is ours to load: the bridges are on this host, and we are root."""
    return settings.firewall and connection.local and firewall.available()


class Networks:
    """Made when first needed, and again after somebody removed them."""

    def __init__(self, instance: str, settings: EngineSettings) -> None:
        self._instance = instance
        self._settings = settings
        self._subnet = settings.subnet
        self._lock = threading.Lock()
        self._made: set[Network] = set()
        self._guarded = False

    def names(self) -> Mapping[Network, str]:
        return {network: network_name(self._instance, network) for network in Network}

    def ensure(self, connection: Connection, network: Network) -> None:
        """Raises `EngineRefused` when the name is taken by a network that is not ours."""
        with self._lock:
            if network is Network.NONE or network in self._made:
                return
            self._guard(connection)
            if not self._exists(connection, network):
                self._make(connection, network)
            self._made.add(network)

    def guard(self, connection: Connection) -> None:
        """Load the network policy, once, before anything runs that it must hold."""
        with self._lock:
            self._guard(connection)

    def _guard(self, connection: Connection) -> None:
        if not self._guarded and guarded(connection, self._settings):
            firewall.load(self._instance, firewall.policy_of(self._settings, self._bridges()))
        self._guarded = True

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
        body = network_arguments(self._instance, network, self._subnet)
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
