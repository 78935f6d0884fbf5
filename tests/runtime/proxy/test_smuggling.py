"""Ambiguous requests through a real proxy to an app that records every byte (PX-02 to PX-06)."""

from __future__ import annotations

import re

import pytest

from tests.runtime.proxy import payloads
from tests.runtime.proxy.apps import recording
from tests.runtime.proxy.conftest import Bench, status_of

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: app.localhost\r\n\r\n"


@pytest.mark.req("PX-02")
@pytest.mark.req("PX-03")
@pytest.mark.req("PX-04")
@pytest.mark.req("PX-05")
async def test_ambiguous_requests_are_refused_and_reach_no_app(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    table = payloads.refused()
    for name, payload in table:
        answer = await bench.ask(payload + SMUGGLED)
        assert 400 <= status_of(answer) < 600, (name, answer[:200])
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1, (name, answer[:300])
        assert b"Connection: close" in answer, name
        assert app.raw == [], (name, app.raw)
    assert len(table) + len(payloads.CHUNKS) >= 150


@pytest.mark.req("PX-04")
async def test_malformed_chunks_end_the_request_and_never_start_another(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    for name, payload in payloads.bad_chunks():
        app.requests.clear()
        app.raw.clear()
        answer = await bench.ask(payload + SMUGGLED)
        assert status_of(answer) == 400, (name, answer[:200])
        assert len(app.requests) <= 1, name
        assert all(seen.target == "/" for seen in app.requests), name
        assert b"smuggled" not in b"".join(app.raw), name


@pytest.mark.req("PX-06")
async def test_unusual_requests_arrive_with_one_meaning(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    for name, payload, body in payloads.accepted():
        app.requests.clear()
        app.raw.clear()
        answer = await bench.ask(payload + SMUGGLED)
        assert status_of(answer) == 200, (name, answer[:200])
        assert [seen.body for seen in app.requests] == [body], name
        raw = b"".join(app.raw).lower()
        assert b"smuggled" not in raw and b"evil" not in raw and b"h2c" not in raw, name
        assert b";a=b" not in raw and b"0005" not in raw, name


@pytest.mark.req("PX-27")
async def test_pipelined_requests_are_answered_in_order_and_bounded(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    requests = [b"GET /%d HTTP/1.1\r\nHost: app.localhost\r\n\r\n" % n for n in range(10)]
    last = b"GET /last HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n"
    answer = await bench.ask(b"".join(requests) + last)
    assert answer.count(b"HTTP/1.1 200 ") == 11
    assert [seen.target for seen in app.requests] == [f"/{n}" for n in range(10)] + ["/last"]
    app.requests.clear()
    answer = await bench.ask(requests[0] * 500)
    assert b"HTTP/1.1 400 " in answer and len(app.requests) <= 17
