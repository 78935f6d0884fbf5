"""A `ContainerSpec` as the body of Docker's `POST /containers/create`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.engine.seccomp import docker_profile
from runtime.engine.weights import APP_OOM_SCORE, LOW_OOM_SCORE, LOW_SHARES, NORMAL_SHARES
from spaceport.engine import LABEL_ADDRESS, LABEL_INSTANCE, ContainerSpec, Mount, Network, Tmpfs
from spaceport.errors import Invalid

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass(frozen=True)
class Surroundings:
    """What is the same for all containers of one engine."""

    instance: str
    networks: Mapping[Network, str] = field(default_factory=lambda: dict.fromkeys(Network, "none"))
    cgroup_parent: str = ""  # "" leaves it to the engine
    dns: tuple[str, ...] = ()
    nofile: int = 16384
    log_size: int = 10 * 1024**2
    keep_log: bool = True


def container_name(instance: str, name: str) -> str:
    """Other installations may use the same engine, so the instance is part of the name."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} cannot name a container: letters, digits and '_.-' only.")
    return f"spaceport-{instance}-{name}"


def create_arguments(spec: ContainerSpec, around: Surroundings) -> dict[str, Any]:
    """The whole request body; nothing is left to the image but what `spec` leaves open."""
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in spec.env.items()],
        "Labels": {**spec.labels, LABEL_INSTANCE: around.instance},
        "Tty": False,
        "OpenStdin": False,
        "StopSignal": "SIGTERM",
        # An image's health check would run as long as the container does, and nobody reads it.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host_config(spec, around),
    }
    if spec.command is not None:
        # Both are set, so that an image's own entry point never gets between.
        body["Entrypoint"] = [spec.command[0]]
        body["Cmd"] = list(spec.command[1:])
    if spec.network is Network.CHOSEN:
        place = {"IPAMConfig": {"IPv4Address": spec.labels[LABEL_ADDRESS]}}
        body["NetworkingConfig"] = {"EndpointsConfig": {around.networks[spec.network]: place}}
    if spec.working_dir is not None:
        body["WorkingDir"] = spec.working_dir
    if spec.user is not None:
        body["User"] = spec.user
    return body


def _host_config(spec: ContainerSpec, around: Surroundings) -> dict[str, Any]:
    limits = spec.limits
    config: dict[str, Any] = {
        "Init": True,
        "RestartPolicy": {"Name": "no"},
        "NetworkMode": around.networks[spec.network],
        "IpcMode": "private",
        "CgroupnsMode": "private",
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": [
            "no-new-privileges:true",
            "seccomp=" + json.dumps(docker_profile(), separators=(",", ":")),
        ],
        "ReadonlyRootfs": spec.read_only_root,
        "Mounts": [_mount(mount) for mount in spec.mounts],
        "Tmpfs": {mount.target: tmpfs_options(mount, spec.user) for mount in spec.tmpfs},
        "Ulimits": _ulimits(limits.nofile or around.nofile),
        "OomScoreAdj": LOW_OOM_SCORE if spec.low_priority else APP_OOM_SCORE,
        "CpuShares": LOW_SHARES if spec.low_priority else NORMAL_SHARES,
        "LogConfig": _logging(around),
    }
    if limits.cpus is not None:
        config["NanoCpus"] = round(limits.cpus * 1e9)
    if limits.memory is not None:
        config["Memory"] = config["MemorySwap"] = limits.memory
    if limits.pids is not None:
        config["PidsLimit"] = limits.pids
    if limits.shm is not None:
        config["ShmSize"] = limits.shm
    if spec.gpus:
        # `count` would always mean the first ones, whoever has them already (engine.md 2).
        config["DeviceRequests"] = [{"DeviceIDs": list(spec.gpus), "Capabilities": [["gpu"]]}]
    if around.cgroup_parent:
        config["CgroupParent"] = around.cgroup_parent
    if around.dns and spec.network is not Network.NONE:
        config["Dns"] = list(around.dns)
    return config


def _mount(mount: Mount) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": str(mount.source),
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        "BindOptions": {"Propagation": "rprivate"},
    }


def tmpfs_options(mount: Tmpfs, user: str | None) -> str:
    """Mount options; the folder belongs to the container's user where that is a number."""
    options = ["rw", "nosuid", "nodev", "exec" if mount.exec else "noexec"]
    options += [f"size={mount.size}", f"mode={mount.mode:o}"]
    uid, _, gid = (user or "").partition(":")
    if uid.isdigit():
        options.append(f"uid={uid}")
        options.append(f"gid={gid if gid.isdigit() else uid}")
    return ",".join(options)


def _ulimits(nofile: int) -> list[dict[str, Any]]:
    return [
        {"Name": "nofile", "Soft": nofile, "Hard": nofile},
        {"Name": "core", "Soft": 0, "Hard": 0},
    ]


def _logging(around: Surroundings) -> dict[str, Any]:
    if not around.keep_log:
        return {"Type": "none", "Config": {}}
    # Two files: the one that is written, and the one before it.
    return {
        "Type": "json-file",
        "Config": {"max-size": str(max(around.log_size // 2, 1)), "max-file": "2"},
    }


def same_labels(found: Mapping[str, str] | None, wanted: Mapping[str, str]) -> bool:
    return all((found or {}).get(name) == value for name, value in wanted.items())


def label_filters(instance: str, labels: Mapping[str, str]) -> Sequence[str]:
    """For Docker's `filters`; the instance comes last, so no argument can replace it."""
    return [f"{name}={value}" for name, value in {**labels, LABEL_INSTANCE: instance}.items()]
