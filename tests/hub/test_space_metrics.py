"""The live figures of one Space: what is told of two looks, and who is told."""

from __future__ import annotations

import pytest

from hub.api.metrics import Requests, Sample, metric
from spaceport.engine import Usage
from spaceport.ledger import accounts
from tests.hub.conftest import Hub

BEFORE = Sample(100.0, "r1", Usage(10.0, 50, 1000, 4000, 100), Requests(0, 0, 7))


def test_what_is_told_of_the_time_between_two_looks() -> None:
    now = Sample(102.0, "r1", Usage(11.0, 60, 1000, 6000, 100), Requests(3, 1, 27))
    assert metric(BEFORE, now, cpus=2.0) == {
        "cpu_usage_pct": 25.0,
        "cpu_millicores": 500,
        "memory_used_bytes": 60,
        "memory_total_bytes": 1000,
        "rx_bps": 1000,
        "tx_bps": 0,
        "gpus": {},
        "replica": "r1",
        "requests_per_second": 10.0,
        "requests_open": 3,
        "websockets_open": 1,
    }


def test_what_the_engine_cannot_tell_is_nothing() -> None:
    untold = Sample(101.0, "r1", Usage(9.0, 60), Requests(0, 0, 0))
    found = metric(BEFORE, untold, cpus=0.0)
    assert (found["cpu_usage_pct"], found["cpu_millicores"]) == (0.0, 0)
    assert (found["memory_total_bytes"], found["rx_bps"], found["tx_bps"]) == (0, 0, 0)


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
