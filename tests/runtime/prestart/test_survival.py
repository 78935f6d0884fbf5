"""Spaceport ends at any moment of a start in a prepared process: nothing runs twice, or unknown."""

from __future__ import annotations

import asyncio

import pytest

from runtime.prestart.order import Caller
from spaceport.engine import Engine
from spaceport.ledger import replicas
from spaceport.states import ReplicaState
from tests.runtime.prestart.conftest import Waited
from tests.runtime.test_adoption import supervisor_process
from tests.runtime.world import server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine


async def test_what_waits_is_taken_over_and_strangers_give_no_orders(waited: Waited) -> None:
    key = waited.space()
    waited.push_app(key, server("v1"))
    waited.start()
    await waited.serves(key, "v1")
    await waited.one_waits()
    (waits,) = [one.handle for one in waited.prepared()]
    await waited.stop()
    with pytest.raises((OSError, ValueError)):
        await asyncio.to_thread(ask, waited.engine, waits, "not the key")
    waited.start()
    await waited.one_waits()
    assert [one.handle for one in waited.prepared()] == [waits]
    await waited.restarted(key)
    assert waited.newest_replica(key).handle == waits
    await waited.stop()
    await asyncio.to_thread(waited.engine.remove, waits)  # it dies while nobody looks
    waited.start()
    await waited.serves(key, "v1")
    assert waited.newest_replica(key).handle != waits


def ask(engine: Engine, handle: str, key: str) -> None:
    with Caller(engine, handle, key) as caller:
        caller.read()


@pytest.mark.parametrize("either_engine", ["docker"], indirect=True)
async def test_killed_between_the_note_and_the_order(waited: Waited) -> None:
    key = waited.space()
    waited.push_app(key, server("v1"))
    waited.start()
    await waited.serves(key, "v1")
    await waited.one_waits()
    (waits,) = [one.handle for one in waited.prepared()]
    await waited.stop()
    few = {"total": 1, "quiet": 0.0}
    with supervisor_process(waited, "runtime:before-order=exit", prestart=few) as process:
        while process.poll() is None:  # until it has taken over what waits, and given it away
            before = waited.newest_replica(key)
            waited.restart(key)
            await aeventually(
                lambda seen=before: process.poll() is not None or waited.is_replaced(key, seen)
            )
        assert process.returncode == 137
    half = waited.newest_replica(key)
    assert (half.state, half.handle) == (ReplicaState.STARTING, waits)
    waited.start()
    await waited.replaced(key, half)
    await waited.serves(key, "v1")
    await aeventually(lambda: waits not in waited.containers())
    with waited.ledger.read() as tx:
        assert replicas.get(tx, half.id).state is ReplicaState.GONE
