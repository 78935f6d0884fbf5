"""What one Space uses now, as server-sent events about once a second (spaces-behaviour 15.2).

Looking is no use: it neither wakes nor thaws. While nothing runs there are only signs of life.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from hub.api.access import may_still
from hub.api.call import Call
from hub.api.errors import ApiError
from hub.api.streams import KEEP_ALIVE, open_stream
from runtime.placement import Placement
from spaceport.authorize import Action
from spaceport.engine import Engine, EngineDown, NoSuchContainer, Usage
from spaceport.ledger import replicas
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey

EVERY = 1.0  # seconds


@dataclass(frozen=True)
class Requests:
    """Of one Space. `total`: since the start of the process."""

    open: int = 0
    websockets: int = 0
    total: int = 0


class Visits(Protocol):
    """The proxy, as far as it counts."""

    def visits(self, space_key: SpaceKey) -> tuple[int, int, int]:
        """Requests open now, WebSockets open now, requests since the start."""


@dataclass(frozen=True)
class Meter:
    """Where the figures come from."""

    engine: Engine
    visits: Visits


METER: web.AppKey[Meter] = web.AppKey("meter", Meter)


@dataclass(frozen=True)
class Sample:
    """One look at a replica; `at` in seconds of a clock that only goes forward."""

    at: float
    replica: str
    usage: Usage
    requests: Requests


def metric(before: Sample, now: Sample, cpus: float) -> dict[str, Any]:
    """What is told of the time between two looks at the same replica. Pure.

    `cpus` is what the hardware grants; the percentage is of that.
    """
    seconds = max(now.at - before.at, 1e-6)
    used = max(0.0, now.usage.cpu_seconds - before.usage.cpu_seconds) / seconds
    return {
        "cpu_usage_pct": round(100 * used / cpus, 1) if cpus else 0.0,
        "cpu_millicores": round(1000 * used),
        "memory_used_bytes": now.usage.memory,
        "memory_total_bytes": now.usage.memory_limit or 0,
        "rx_bps": _rate(before.usage.received, now.usage.received, seconds),
        "tx_bps": _rate(before.usage.sent, now.usage.sent, seconds),
        "gpus": {},
        "replica": now.replica,
        "requests_per_second": round((now.requests.total - before.requests.total) / seconds, 1),
        "requests_open": now.requests.open,
        "websockets_open": now.requests.websockets,
    }


def _rate(before: int | None, now: int | None, seconds: float) -> int:
    """Bytes a second; 0 where the engine cannot tell."""
    return 0 if before is None or now is None else max(0, round((now - before) / seconds))


async def stream(call: Call) -> web.StreamResponse:
    """`GET /api/spaces/{id}/metrics`."""
    meter = call.request.app.get(METER)
    if meter is None:
        raise ApiError(503, "This part of the installation runs no apps")
    async with open_stream(call) as answer:
        await _send(call, answer, meter)
    return answer


async def _send(call: Call, answer: web.StreamResponse, meter: Meter) -> None:
    settings, loop = call.context.settings.hub, asyncio.get_running_loop()
    checked = told = loop.time()
    before: Sample | None = None
    while True:
        replica = await call.read(lambda tx: _serving(replicas.alive(tx, call.space.key)))
        now = None if replica is None else await _look(call, meter, replica)
        if now is not None and before is not None and now.replica == before.replica and replica:
            cpus = Placement.from_json(replica.placement).cpus
            text = json.dumps(metric(before, now, cpus))
            await answer.write(f"event: metric\ndata: {text}\n\n".encode())
            told = loop.time()
        elif loop.time() - told >= settings.keep_alive:
            await answer.write(KEEP_ALIVE)
            told = loop.time()
        before = now
        if loop.time() - checked >= settings.recheck:
            if not await may_still(call, Action.READ_LOGS):
                return
            checked = loop.time()
        await asyncio.sleep(EVERY)


def _serving(alive: list[Replica]) -> Replica | None:
    """The newest one that answers requests, else the newest that has a container."""
    own = [replica for replica in alive if replica.handle is not None]
    return next(
        (one for one in reversed(own) if one.ready_at is not None), own[-1] if own else None
    )


async def _look(call: Call, meter: Meter, replica: Replica) -> Sample | None:
    pools, handle = call.context.pools, replica.handle or ""
    try:
        usage = await pools.run("dial", meter.engine.usage, handle)
    except (NoSuchContainer, EngineDown):
        return None
    counted = Requests(*meter.visits.visits(call.space.key))
    return Sample(asyncio.get_running_loop().time(), replica.id, usage, counted)
