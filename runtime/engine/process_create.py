"""Make and start one sandboxed container: its number, user, limits, network and launch."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine import process_cgroup, process_network
from runtime.engine.firewall import host_resolvers
from runtime.engine.process_cgroup import Group, parent_group
from runtime.engine.process_launch import Place, launch, make_plain_folders
from runtime.engine.process_network import ProcessNetwork
from runtime.engine.process_probe import own_network_possible, tools
from runtime.engine.process_start import start_keeper
from runtime.engine.process_store import ProcessStore, State
from spaceport.engine import LABEL_EGRESS, ContainerSpec, EngineRefused, Handle, Network

FIRST_UID = 70000
"""Containers of root run as this and the following users of the host, one each."""
LOOPBACK = "127.0.0.1"


class Creation:
    def __init__(
        self,
        settings: EngineSettings,
        store: ProcessStore,
        network: ProcessNetwork,
        instance: str,
    ) -> None:
        self._settings = settings
        self._store = store
        self._network = network
        self._instance = instance

    def start(self, spec: ContainerSpec) -> Handle:
        """Raises `EngineRefused`; then nothing is left. Call it while the store is locked."""
        if spec.gpus:
            raise EngineRefused("GPUs need a container engine: nvidia devices are not given here")
        tree, tree_env = self._store.image(spec.image)
        _check_sources(spec)
        index = free_number(state.index for state in self._store.states().values())
        bridged = spec.network is not Network.NONE and process_network.available()
        labels = dict(spec.labels)
        if spec.network is Network.CHOSEN:
            if not bridged:
                raise EngineRefused("an allow-list needs root, 'ip' and nftables on this server")
            labels[LABEL_EGRESS] = " ".join(map(str, spec.egress))
            self._network.choose(self._network.address(spec.network, index), spec.egress)
        group_name = self._group_name(index)
        handle = self._store.make(
            State(
                name=spec.name,
                labels=labels,
                index=index,
                address=self._network.address(spec.network, index) if bridged else LOOPBACK,
                group=group_name,
            )
        )
        group = Group(group_name) if group_name else None
        try:
            if group is not None and not group.make(spec.limits, spec.low_priority):
                raise EngineRefused("its limits could not be set: control groups cannot be written")
            place = self._place(spec, handle, tree, tree_env, index, group)
            start_keeper(
                place.folder,
                launch(spec, place, tools()),
                own_network=not shares_host_network(spec.network, bridged),
                attach=lambda pid: self._attach(spec.network, index, pid, bridged),
            )
        except BaseException:
            if group is not None:
                group.kill()
                group.remove()
            self._store.forget(handle)
            raise
        return handle

    def _group_name(self, index: int) -> str:
        if not process_cgroup.available():
            return ""
        return f"{parent_group(self._instance, self._settings.cpu_shares)}/{index}"

    def _attach(self, network: Network, index: int, pid: int, bridged: bool) -> None:
        if bridged:
            self._network.attach(network, index, pid)

    def _place(
        self,
        spec: ContainerSpec,
        handle: Handle,
        tree: Path,
        tree_env: dict[str, str],
        index: int,
        group: Group | None,
    ) -> Place:
        folder = self._store.folder(handle)
        if not tools().bwrap:
            make_plain_folders(spec, folder, Path(getattr(sys, "_base_executable", sys.executable)))
        return Place(
            folder=folder,
            tree=tree,
            tree_env=tree_env,
            resolv_conf=self._resolv_conf(folder, spec.network),
            uid=host_user(spec, index) if tools().root else None,
            groups=tuple(group.doors) if group is not None else (),
            memory_events=group.memory_events if group is not None else None,
            log_size=self._settings.log_size,
            nofile=self._settings.nofile,
        )

    def _resolv_conf(self, folder: Path, network: Network) -> Path | None:
        if network is Network.NONE:
            return None
        servers = self._settings.dns or tuple(str(one) for one in host_resolvers())
        file = folder / "resolv.conf"
        file.write_text("".join(f"nameserver {server}\n" for server in servers))
        file.chmod(0o644)
        return file


def shares_host_network(network: Network, bridged: bool) -> bool:
    """Builds must reach package indexes: without a bridge they use the host's network."""
    if not own_network_possible():
        return True
    return network is Network.BUILD and not bridged


def free_number(taken: Iterable[int]) -> int:
    """The smallest that no container has."""
    used = set(taken)
    return next(number for number in range(len(used) + 1) if number not in used)


def host_user(spec: ContainerSpec, index: int) -> int:
    """Never root: who may write to its mounts, else a user of its own.

    Of a folder that belongs to root only parts may be given to the container; they are given, as
    with Docker, to the user that the spec names.
    """
    writable = [mount.source.stat().st_uid for mount in spec.mounts if not mount.read_only]
    if not writable:
        return FIRST_UID + index
    named = (spec.user or "").partition(":")[0]
    asked = int(named) if named.isdigit() else 0
    return next((owner for owner in writable if owner), asked) or FIRST_UID + index


def _check_sources(spec: ContainerSpec) -> None:
    for mount in spec.mounts:
        if not mount.source.exists():
            raise EngineRefused(f"bind source path does not exist: {mount.source}")
    if tools().root and not tools().bwrap:
        raise EngineRefused(
            "Spaceport runs as root without bubblewrap, so an app would run as root on this host.",
            hint="Install it ('apt install bubblewrap'), or start Spaceport as an ordinary user.",
        )
