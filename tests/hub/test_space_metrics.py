"""The live figures of one Space: what is told of two looks, and who is told."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest

from hub.api.metrics import metric
from hub.api.wire import stamp
from hub.metrics.meter import Requests, Sample
from runtime.proxy.latency import BOUNDS
from spaceport.engine import Usage
from spaceport.ledger import accounts, figures
from spaceport.ledger.columns import now
from spaceport.ledger.figures import FINE, Used, slot
from tests.hub.conftest import Hub

NONE = (0,) * (len(BOUNDS) + 1)
BEFORE = Sample(100.0, "r1", Usage(10.0, 50, 1000, 4000, 100, 9), Requests(0, 0, 7, NONE))


def test_what_is_told_of_the_time_between_two_looks() -> None:
    fast = (20, *NONE[1:])
    now = Sample(102.0, "r1", Usage(11.0, 60, 1000, 6000, 100, 12), Requests(3, 1, 27, fast))
    assert metric(deque([BEFORE, now]), cpus=2.0) == {
        "cpu_usage_pct": 25.0,
        "cpu_millicores": 500,
        "memory_used_bytes": 60,
        "memory_total_bytes": 1000,
        "disk_used_bytes": 12,
        "rx_bps": 1000,
        "tx_bps": 0,
        "gpus": {},
        "replica": "r1",
        "requests_per_second": 10.0,
        "requests_total": 27,
        "requests_open": 3,
        "websockets_open": 1,
        "latency_p50_ms": 0.5,
        "latency_p95_ms": 0.9,
    }
    still = Sample(103.0, "r1", now.usage, now.requests)
    later = metric(deque([BEFORE, now, still]), cpus=2.0)
    assert (later["cpu_millicores"], later["latency_p50_ms"]) == (0, 0.5)  # of the whole window


def test_what_the_engine_cannot_tell_is_nothing() -> None:
    untold = Sample(101.0, "r1", Usage(9.0, 60), Requests(0, 0, 0))
    found = metric(deque([BEFORE, untold]), cpus=0.0)
    assert (found["cpu_usage_pct"], found["cpu_millicores"]) == (0.0, 0)
    assert (found["memory_total_bytes"], found["rx_bps"], found["tx_bps"]) == (0, 0, 0)
    assert (found["disk_used_bytes"], found["latency_p50_ms"]) == (None, None)


@pytest.mark.req("API-07")
def test_they_are_for_those_who_may_read_the_logs(hub: Hub) -> None:
    hub.space("vera/open")
    hub.space("vera/hidden", visibility="private")
    with hub.context.ledger.write() as tx:
        accounts.create_user(tx, "wim")
    other = hub.token("wim")
    assert hub.wire.get("/api/spaces/vera/open/metrics").status == 401
    assert hub.wire.get("/api/spaces/vera/open/metrics", token=other).status == 403
    assert hub.wire.get("/api/spaces/vera/hidden/metrics", token=other).status == 404
    answer = hub.wire.get("/api/spaces/vera/open/metrics", token=hub.token("vera"))
    assert answer.status == 503  # this hub has no engine
    assert "runs no apps" in answer.error


@pytest.mark.req("API-07")
def test_the_history_of_a_space_is_told_by_period(hub: Hub) -> None:
    space = hub.space("vera/past")
    at = slot(now(), FINE) - timedelta(minutes=5)
    row = Used(space.key, FINE, at, 60.0, 30.0, 2.0, 100, 200, 1000, None, 5, 6, 7, (4, *NONE[1:]))
    with hub.context.ledger.write() as tx:
        figures.add(tx, [row])
    base, token = "/api/spaces/vera/past/metrics/history", hub.token("vera")
    told = hub.wire.get(base, token=token).json()
    assert (told["period"], told["step"]) == ("hour", 60)
    (point,) = told["points"]
    assert point.pop("at") == stamp(at)
    assert point == {
        "seconds": 60,
        "cpu_usage_pct": 25.0,
        "cpu_millicores": 500,
        "memory_used_bytes": 100,
        "memory_peak_bytes": 200,
        "memory_total_bytes": 1000,
        "disk_used_bytes": None,
        "rx_bytes": 5,
        "tx_bytes": 6,
        "requests": 7,
        "latency_p50_ms": 0.5,
        "latency_p95_ms": 0.9,
    }
    assert hub.wire.get(f"{base}?period=week", token=token).json()["points"] == []
    refused = hub.wire.get(f"{base}?period=year", token=token)
    assert (refused.status, "hour, day, week" in refused.error) == (400, True)
