"""How containers are run: which engine, its address, its networks and the bounds of builds."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MIB = 1024**2


class BuildLimits(BaseModel):
    """What all image builds of one engine may use together (BLD-09)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpus: float = Field(default=1.5, gt=0, description="cores for all image builds together")
    memory: int = Field(
        default=4096 * MIB, ge=64 * MIB, description="bytes for all image builds together"
    )
    pids: int = Field(default=2048, ge=16, description="processes of all image builds together")


class EngineSettings(BaseModel):
    """Everything the container engine can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["auto", "docker", "process"] = Field(
        default="auto",
        description="docker, process (a local sandbox), or auto: docker where one answers",
    )
    docker_host: str = Field(
        default="",
        description="the Docker Engine's address, unix:///var/run/docker.sock or tcp://host:2376; "
        "default from DOCKER_HOST, then the usual socket",
    )
    docker_client: Path | None = Field(
        default=None,
        description="the docker command that builds images; default: the first on PATH that can",
    )
    subnet: IPv4Network | None = Field(
        default=None,
        description="addresses for containers, at most a /24: one half for apps, one for builds; "
        "default: what the engine hands out; without Docker one of 10.208.0.0/12",
    )
    dns: tuple[str, ...] = Field(
        default=(), description="name servers for containers; default: what the engine chooses"
    )
    nofile: int = Field(
        default=16384, ge=256, description="open files of a container that asks for no other count"
    )
    cpu_shares: int = Field(
        default=4096,
        ge=2,
        description="weight of all containers together; one busy process of the host weighs 1024",
    )
    log_size: int = Field(
        default=10 * MIB, ge=64 * 1024, description="bytes of output that the engine keeps of each"
    )
    firewall: bool = Field(
        default=True,
        description="keep containers from this host and from private networks (nftables, as root); "
        "the process engine does so in any case",
    )
    egress_ports: tuple[int, ...] = Field(
        default=(80, 443, 8080), description="TCP ports that containers may reach outside"
    )
    egress_allow: tuple[IPv4Network, ...] = Field(
        default=(), description="private addresses that containers may reach all the same"
    )
    guard_default_bridge: bool = Field(
        default=True,
        description="put the engine's own bridge, where image builds run, under the same policy",
    )
    trust_processes: bool = Field(
        default=False,
        description="serve beyond loopback although apps run as local processes, not containers",
    )
    build: BuildLimits = BuildLimits()

    @field_validator("subnet")
    @classmethod
    def _has_room(cls, value: IPv4Network | None) -> IPv4Network | None:
        if value is not None and value.prefixlen > 24:
            raise ValueError("it must hold at least 256 addresses: 10.213.0.0/16 for example")
        return value
