"""What Docker tells of a container, in our words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from spaceport.engine import ContainerState, Exit, Observed, Usage

_STATES = {
    "created": ContainerState.CREATED,
    "running": ContainerState.RUNNING,
    "restarting": ContainerState.RUNNING,
    "paused": ContainerState.FROZEN,
    "removing": ContainerState.EXITED,
    "exited": ContainerState.EXITED,
    "dead": ContainerState.EXITED,
}
NOT_RUN = (126, 127)
"""What the init process says when the command may not be run, or is not there."""
_FATAL = "[FATAL tini"


def state_of(word: str) -> ContainerState:
    return _STATES.get(word, ContainerState.EXITED)


def observed(inspected: Mapping[str, Any]) -> Observed:
    """From the answer of `GET /containers/{id}/json`."""
    state = inspected["State"]
    kind = state_of(state["Status"])
    return Observed(
        handle=inspected["Id"],
        state=kind,
        labels=dict(inspected["Config"].get("Labels") or {}),
        exit=exit_of(state) if kind is ContainerState.EXITED else None,
        pid=state.get("Pid") or None,
    )


def exit_of(state: Mapping[str, Any]) -> Exit:
    return Exit(
        code=int(state.get("ExitCode") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
    )


def with_last_line(ended: Exit, last_line: str) -> Exit:
    """Add why the command could not be run at all, where the init process printed that."""
    if ended.code in NOT_RUN and not ended.error and last_line.startswith(_FATAL):
        _, _, reason = last_line.partition("] ")
        return Exit(ended.code, ended.out_of_memory, reason or last_line)
    return ended


def usage_told(stats: Mapping[str, Any]) -> Usage:
    """From the answer of `GET /containers/{id}/stats`."""
    memory = stats.get("memory_stats") or {}
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    networks = (stats.get("networks") or {}).values()
    return Usage(
        cpu_seconds=stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
        memory=max(0, int(memory.get("usage", 0)) - int(cache)),
        memory_limit=memory.get("limit"),
        received=sum(network["rx_bytes"] for network in networks),
        sent=sum(network["tx_bytes"] for network in networks),
    )


def address_of(inspected: Mapping[str, Any]) -> str:
    """The container's own IPv4 address, or loopback where it has no network."""
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = [settings.get("IPAddress") for settings in networks.values()]
    return next((address for address in addresses if address), "127.0.0.1")


def age_of(inspected: Mapping[str, Any]) -> float:
    """Seconds since it started; Docker tells nanoseconds, which Python does not read."""
    whole, _, _ = str(inspected["State"]["StartedAt"]).partition(".")
    started = datetime.fromisoformat(whole.removesuffix("Z")).replace(tzinfo=UTC)
    return (datetime.now(UTC) - started).total_seconds()
