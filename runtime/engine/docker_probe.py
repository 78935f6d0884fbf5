"""What Docker Engine can do here, and what is worth a warning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.engine import reclaim
from runtime.engine.docker_connection import Connection
from spaceport.engine import EngineInfo

_OLDEST_API = (1, 41)


def probe(connection: Connection, *, can_build: bool, guarded: bool) -> EngineInfo:
    """Raises `EngineDown`. What was asked before is asked again: the engine may be a newer one."""
    with connection.calls():
        info = connection.client.info()
        version = connection.client.version()
    return told(info, version, can_build=can_build, guarded=guarded, local=connection.local)


def told(
    info: Mapping[str, Any],
    version: Mapping[str, Any],
    *,
    can_build: bool,
    guarded: bool,
    local: bool,
) -> EngineInfo:
    """From the answers of `GET /info` and `GET /version`. Pure."""
    options = " ".join(info.get("SecurityOptions") or ())
    return EngineInfo(
        name="docker",
        version=str(version.get("Version", "")),
        api_version=str(version.get("ApiVersion", "")),
        cgroup_version=int(info.get("CgroupVersion") or 1),
        cpus=int(info.get("NCPU") or 0),
        memory=int(info.get("MemTotal") or 0),
        can_build_images=can_build,
        can_pull=True,
        can_freeze=True,
        one_user=True,
        can_reclaim=local and reclaim.possible(),
        can_prestart=local,
        isolates_network=guarded and bool(info.get("BridgeNfIptables", True)),
        local=local,
        maps_users=any(word in options for word in ("name=userns", "name=rootless")),
        warnings=tuple(_warnings(info, version, can_build=can_build, guarded=guarded, local=local)),
    )


def _warnings(
    info: Mapping[str, Any],
    version: Mapping[str, Any],
    *,
    can_build: bool,
    guarded: bool,
    local: bool,
) -> list[str]:
    options = " ".join(info.get("SecurityOptions") or ())
    found = {
        "The engine is older than 20.10: it lacks what Spaceport relies on.": _older(version),
        "The engine has no seccomp: containers may make any system call.": "seccomp" not in options,
        "The engine cannot limit memory here.": not info.get("MemoryLimit", True),
        "The engine cannot limit swap here: memory limits are softer than they look.": not info.get(
            "SwapLimit", True
        ),
        "The engine cannot limit the number of processes here.": not info.get("PidsLimit", True),
        "Containers of one bridge can reach each other: load the module br_netfilter.": not (
            info.get("BridgeNfIptables", True)
        ),
        "No network policy is loaded: containers can reach this host and private networks. It "
        "needs root and nftables ('apt install nftables').": not guarded,
        "No docker command can build images here, so builds cannot use secrets.": not can_build,
        "The engine is on another machine: apps are reached by their addresses.": not local,
    }
    return [text for text, true in found.items() if true]


def _older(version: Mapping[str, Any]) -> bool:
    parts = str(version.get("ApiVersion", "0.0")).split(".")
    return tuple(int(part) for part in parts if part.isdigit()) < _OLDEST_API
