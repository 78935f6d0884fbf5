"""Requests to a frozen replica: one thaw, nothing sent before it, the truth when it fails."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from runtime.proxy.routes import Replicas, Upstream
from spaceport.engine import EngineDown
from tests.runtime.proxy.apps import recording
from tests.runtime.proxy.conftest import Bench, body_of, route, status_of
from tests.waiting import aeventually

GET = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"


@dataclass
class Gate:
    """A thaw that ends when it is told to."""

    end: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    asked: int = 0

    async def thaw(self) -> None:
        self.asked += 1
        await self.end.wait()
        if self.error is not None:
            raise self.error


def frozen(upstream: Upstream, gate: Gate) -> Replicas:
    return Replicas((replace(upstream, frozen=True, thaw=gate.thaw),))


@pytest.mark.req("PX-29")
async def test_nothing_is_sent_before_the_thaw_and_the_body_is_kept(bench: Bench) -> None:
    app, gate = await bench.app(recording(b"awake")), Gate()
    proxy = await bench.proxy(route("app", frozen(app.upstream(), gate)))
    client = await bench.client()
    body = bytes(200_000)
    head = f"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    await client.send(head.encode() + body)
    await aeventually(lambda: gate.asked == 1, 5)
    assert proxy.open_connections("app".ljust(24, "0")) == 1  # or it would be frozen again
    assert (app.connections, proxy.in_flight("replica-1")) == (0, 1)
    gate.end.set()
    assert (await client.answer())[2] == b"awake"
    assert app.requests[0].body == body
    assert proxy.in_flight("replica-1") == 0


@pytest.mark.req("PX-29")
async def test_a_visitor_who_leaves_during_the_thaw_leaves_nothing_behind(bench: Bench) -> None:
    app, gate = await bench.app(recording()), Gate()
    proxy = await bench.proxy(route("app", frozen(app.upstream(), gate)))
    client = await bench.client()
    await client.send(GET)
    await aeventually(lambda: gate.asked == 1, 5)
    client.close()
    await aeventually(lambda: proxy.in_flight("replica-1") == 0, 5)
    assert proxy.open_connections("app".ljust(24, "0")) == 0


@pytest.mark.req("PX-26")
async def test_while_the_engine_is_away_it_is_told_at_once(bench: Bench) -> None:
    app, gate = await bench.app(recording()), Gate(error=EngineDown("away"))
    gate.end.set()
    await bench.proxy(route("app", frozen(app.upstream(), gate)))
    client = await bench.client()
    await client.send(GET)
    status, head, _ = await client.answer()
    assert status == 503
    assert b"retry-after" in head.lower()
    assert app.connections == 0


async def test_a_replica_that_was_replaced_meanwhile_gets_no_request(bench: Bench) -> None:
    old, new = await bench.app(recording(b"old")), await bench.app(recording(b"new"))
    gate = Gate(error=RuntimeError("stuck"))
    proxy = await bench.proxy(route("app", frozen(old.upstream("old"), gate)))
    asked = asyncio.create_task(bench.get())
    await aeventually(lambda: gate.asked == 1, 5)
    proxy.routes = proxy.routes.with_route(route("app", Replicas((new.upstream("new"),))))
    gate.end.set()
    answer = await asked
    assert (status_of(answer), body_of(answer)) == (200, b"new")
    assert old.connections == 0


async def test_no_connection_from_before_the_freeze_is_used_after_it(bench: Bench) -> None:
    app, gate = await bench.app(recording(b"x")), Gate()
    gate.end.set()
    proxy = await bench.proxy(route("app", Replicas((app.upstream(),))))
    client = await bench.client()
    await client.send(GET)
    await client.answer()
    assert app.open == 1
    proxy.routes = proxy.routes.with_route(route("app", frozen(app.upstream(), gate)))
    await aeventually(lambda: app.open == 0, 5)
    await client.send(GET)
    assert (await client.answer())[2] == b"x"
    assert (app.connections, gate.asked) == (2, 1)
