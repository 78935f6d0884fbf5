"""What one Space has used in the last hour, day or week (15.2), for those who may read its logs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.metrics import milliseconds
from hub.api.wire import stamp
from hub.metrics.periods import PERIODS, used_in
from runtime.proxy.latency import quantile
from spaceport.ledger.columns import now
from spaceport.ledger.figures import Used


async def history(call: Call) -> web.StreamResponse:
    """`GET /api/spaces/{id}/metrics/history?period=hour|day|week`; no point where nothing ran."""
    name = call.request.query.get("period", "hour")
    if name not in PERIODS:
        raise ApiError(400, f"period must be one of {', '.join(PERIODS)}")
    rows = await call.read(lambda tx: used_in(tx, call.space.key, name, now()))
    points = [point(row) for row in rows]
    return answer({"period": name, "step": PERIODS[name].step, "points": points})


def point(row: Used) -> dict[str, Any]:
    """`at` is where its time begins. Rates are of the time in which it ran."""
    cores = row.cpu_seconds / row.seconds if row.seconds else 0.0
    return {
        "at": stamp(row.at),
        "seconds": round(row.seconds),
        "cpu_usage_pct": round(100 * cores / row.cpus, 1) if row.cpus else 0.0,
        "cpu_millicores": round(1000 * cores),
        "memory_used_bytes": row.memory,
        "memory_peak_bytes": row.memory_peak,
        "memory_total_bytes": row.memory_limit,
        "disk_used_bytes": row.disk,
        "rx_bytes": row.received,
        "tx_bytes": row.sent,
        "requests": row.requests,
        "latency_p50_ms": milliseconds(quantile(row.latency, 0.5)),
        "latency_p95_ms": milliseconds(quantile(row.latency, 0.95)),
    }
