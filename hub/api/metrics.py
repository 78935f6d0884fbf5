"""What one Space uses now, as server-sent events about once a second (spaces-behaviour 15.2).

While nothing runs there are only signs of life.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

from aiohttp import web

from hub.api.access import may_still
from hub.api.call import Call
from hub.api.errors import ApiError
from hub.api.streams import KEEP_ALIVE, open_stream
from hub.metrics.meter import Meter, Requests, Sample, look, measurable
from hub.metrics.of_gpus import as_told
from runtime.placement import Placement
from runtime.proxy.latency import quantile
from spaceport.authorize import Action
from spaceport.engine import EngineDown
from spaceport.ledger import replicas
from spaceport.ledger.replicas import Replica

EVERY = 1.0  # seconds
WINDOW = 10  # looks: the latency is that of so many seconds

METER: web.AppKey[Meter] = web.AppKey("meter", Meter)


def metric(looks: deque[Sample], cpus: float) -> dict[str, Any]:
    """What is told of the time between the last two looks at the same replica. Pure.

    `cpus` is what the hardware grants; the percentage is of that. The latency is of the whole
    window, null when nobody asked for anything.
    """
    before, now = looks[-2], looks[-1]
    seconds = max(now.at - before.at, 1e-6)
    used = max(0.0, now.usage.cpu_seconds - before.usage.cpu_seconds) / seconds
    waited = now.requests.latency_since(looks[0].requests)
    return {
        "cpu_usage_pct": round(100 * used / cpus, 1) if cpus else 0.0,
        "cpu_millicores": round(1000 * used),
        "memory_used_bytes": now.usage.memory,
        "memory_total_bytes": now.usage.memory_limit or 0,
        "disk_used_bytes": now.usage.disk,
        "rx_bps": _rate(before.usage.received, now.usage.received, seconds),
        "tx_bps": _rate(before.usage.sent, now.usage.sent, seconds),
        "gpus": as_told(now.gpus),
        "replica": now.replica,
        "requests_per_second": round((now.requests.total - before.requests.total) / seconds, 1),
        "requests_total": now.requests.total,
        "requests_open": now.requests.open,
        "websockets_open": now.requests.websockets,
        "latency_p50_ms": milliseconds(quantile(waited, 0.5)),
        "latency_p95_ms": milliseconds(quantile(waited, 0.95)),
    }


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)


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
    looks: deque[Sample] = deque(maxlen=WINDOW)
    while True:
        replica = await call.read(lambda tx: measurable(replicas.alive(tx, call.space.key)))
        now = None if replica is None else await _look(call, meter, replica)
        if now is None or (looks and looks[-1].replica != now.replica):
            looks.clear()
        if now is not None:
            looks.append(now)
        if len(looks) > 1 and replica is not None:
            text = json.dumps(metric(looks, Placement.from_json(replica.placement).cpus))
            await answer.write(f"event: metric\ndata: {text}\n\n".encode())
            told = loop.time()
        elif loop.time() - told >= settings.keep_alive:
            await answer.write(KEEP_ALIVE)
            told = loop.time()
        if loop.time() - checked >= settings.recheck:
            if not await may_still(call, Action.READ_LOGS):
                return
            checked = loop.time()
        await asyncio.sleep(EVERY)


async def _look(call: Call, meter: Meter, replica: Replica) -> Sample | None:
    try:
        usage = await call.context.pools.run("dial", look, meter.engine, replica)
    except EngineDown:
        return None
    if usage is None:
        return None
    counted = Requests(*meter.visits.visits(call.space.key))
    now = asyncio.get_running_loop().time()
    given = Placement.from_json(replica.placement).gpus
    cards = await call.context.pools.run("dial", meter.gpus.look, given) if given else ()
    return Sample(now, replica.id, usage, counted, cards)
